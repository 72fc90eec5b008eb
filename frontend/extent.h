/* Extents that depend on data.
 *
 * Such an extent is a symbol: an integer that only a run knows, from 0 to a bound that inference knows. A
 * value's shape holds the bound, for which memory is planned; beside it, value->extent says which of its
 * dimensions are less and by what form of the symbols. Symbols arise at operators that count (NonZero,
 * NonMaxSuppression, ...); how the extents of other results follow is not told by them but found out: their
 * infer functions are asked again for other extents, on a copy of the node, and an affine form is fitted to
 * the answers. The same goes for elements of small integer tensors that are computed from shapes.
 *
 * The interpreter works with the true extents: it infers a node again for the operands that it really has.
 */
#ifndef FG_FRONTEND_EXTENT_H
#define FG_FRONTEND_EXTENT_H

#include "frontend/ops.h"

#define FG_FORM_TERMS 6

/* What FillTail puts beyond the extents. */
typedef enum fg_fill { FG_FILL_ZERO, FG_FILL_LOWEST, FG_FILL_HIGHEST, FG_FILL_ONE } fg_fill;

/* constant + sum of factor * symbol; where it would be negative, 0. */
struct fg_form {
    int64_t constant;
    int n;
    struct {
        int symbol;
        int64_t factor;
    } term[FG_FORM_TERMS];
};

struct fg_symbol {
    int64_t most;
    const fg_value *value;   /* dimension `dim` of this value is the symbol */
    int dim;                 /* -1 - k: element k of it */
    const fg_form *least_of; /* the symbol is the lesser of this and `most`; NULL: counted */
    const fg_node *sum;      /* a concatenation of so many parts that the sum of their extents is a symbol */
};

int fg_new_symbol(fg_graph *g, int64_t most);

/* fg_out_shape for a result whose extent along `dim` is the symbol. What the model declares of the shape does
 * not count, for it is only an example. */
void fg_out_symbol(fg_context *ctx, fg_graph *g, fg_node *n, int i, fg_dtype t, const fg_shape *bound,
                   int dim, int symbol);
/* Dimension d of output i is what dimension k of v is. */
void fg_out_same_extent(fg_node *n, int i, int d, const fg_value *v, int k);

/* Domain of operators that only rewritten graphs have. */
#define FG_OWN_DOMAIN "fusegen"

/* The most that extent d of v is, as the user says; -1: nothing is said. */
int64_t fg_bound_of(const fg_value *v, int d);

bool fg_is_dynamic(const fg_value *v);         /* some extent depends on data */
bool fg_has_dynamic_operand(const fg_node *n); /* or its elements follow from such extents */
int64_t fg_form_at(const fg_form *f, const int64_t *symbols);
bool fg_form_equal(const fg_form *a, const fg_form *b); /* NULL equals NULL only */
/* Extent d of v as a form, static or not. */
fg_form fg_extent_form(const fg_value *v, int d);

/* Infers n, some of whose operands have extents that depend on data: bounds and forms of its results. Raises
 * FG_UNSUPPORTED where no form fits. */
void fg_infer_extents(fg_graph *g, fg_node *n);

/* True if n compares elements that follow from extents and says the same in every run: its result is constant
 * then. */
bool fg_decide_comparison(fg_graph *g, fg_node *n);

/* A copy of n, inferred for these operands (data NULL: not constant); shapes and constant data are found in
 * the copy's outputs. Raises what the operator's infer function raises. */
fg_node *fg_infer_again(fg_graph *g, const fg_node *n, const fg_tensor *in);

#endif
