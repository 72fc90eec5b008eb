/* Products of quantised tensors as code: rows of results, a tile of columns (output channels) at a time. What
 * the two lowerings share. */
#ifndef FG_CODEGEN_INT_PRODUCT_H
#define FG_CODEGEN_INT_PRODUCT_H

#include "codegen/nest.h"
#include "frontend/int_product.h"

/* A product on its way to text. The nest's last dimension is the columns; the loops around are all others. */
typedef struct fg_int_sum {
    fg_emit *e;
    const fg_node *n;
    const fg_int_form *f;
    fg_shape space; /* the product's, see frontend/int_product.h */
    fg_dims dims;   /* where its dimensions lie in the nest */
    fg_nest *nest;
    int y;                          /* number of the result in the nest */
    int parameter[FG_MAX_RANK + 1]; /* by operand of the node: its number in the nest, -1 */
    int scale;                      /* of the folded factors, -1: a literal or no constants */
    float factor;                   /* that literal */
    bool folded;                    /* all scales are constant */
    int offset;                     /* of a bias of floats, in steps of the result; -1: there is none */
} fg_int_sum;

enum { FG_INT_OPERANDS = 12 }; /* room that a nest needs */

/* Declares the result and the parameters. nest and dims are set; the nest is not simplified after that. */
void fg_int_open(fg_int_sum *s);
/* Columns that are summed at a time, of that many. */
int64_t fg_int_tile(const fg_int_sum *s, int64_t columns);
/* Sets TILE, the template's TYPE texts, zero points and bias; hooks the end of a result. */
void fg_int_template(fg_int_sum *s, fg_template *t, int64_t columns);

#endif
