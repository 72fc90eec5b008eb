/* Shared by extents.c and extents_rules.c only. */
#ifndef FG_FUSION_EXTENTS_OWN_H
#define FG_FUSION_EXTENTS_OWN_H

#include "frontend/extent.h"

typedef struct fg_extents {
    fg_context *ctx;
    fg_graph *g;
    fg_value **symbol; /* value that holds it; NULL: not asked for yet */
} fg_extents;

/* Symbols of some forms, and the forms as rows over them. */
typedef struct fg_form_rows {
    int *symbol, n, cap;
    int64_t *ints;
    int count;
} fg_form_rows;

fg_form_rows fg_extents_rows_of(fg_extents *l, const fg_form *forms, int count);
fg_form_rows fg_extents_rows(fg_extents *l, const fg_value *v); /* of each of its extents */

/* A node of ours that reads n_in tensors and the symbols of r, and makes `out`. */
fg_node *fg_extents_node(fg_extents *l, const fg_node *at, const char *op, int n_in, fg_value *const *in,
                         const fg_form_rows *r, fg_value *out);
/* A new value like v, NAME/what. */
fg_value *fg_extents_like(fg_extents *l, const fg_value *v, const char *what);
fg_value *fg_extents_constant(fg_extents *l, const fg_value *like_name, int count, const int64_t *values);

/* Operand i, if some extent of it depends on data, is read with its tail filled. */
void fg_extents_fill(fg_extents *l, fg_node *n, int i, fg_fill with);
/* A shape operand becomes the bounds of the result. */
void fg_extents_bind_shape(fg_extents *l, fg_node *n, int i);
/* n reads the symbols of these forms behind its operands, of which it takes at most so many. */
void fg_extents_tell(fg_extents *l, fg_node *n, int operands, const fg_form *forms, int count);

bool fg_extents_dynamic_at(const fg_value *v, int d);
/* All of its elements lie in front, side by side, whatever the true extents are. */
bool fg_extents_is_leading(const fg_value *v);
_Noreturn void fg_extents_refuse(fg_extents *l, const fg_node *n, const char *why);

/* What is done to a node whose operands have such extents; NULL: the operator has no rule. */
typedef void fg_extents_rule(fg_extents *l, fg_node *n);
fg_extents_rule *fg_extents_find_rule(const fg_node *n);

#endif
