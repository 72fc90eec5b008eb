/* Products of quantised tensors: MatMulInteger, ConvInteger, QLinearMatMul, QLinearConv.
 *
 * All of them sum (a - a_zero) * (b - b_zero) as 32-bit integers that wrap. The QLinear ones add a bias, take
 * the sum times a_scale * b_scale / y_scale, each step in float, and quantise it. Where fusion made them, the
 * bias (also of QLinearMatMul) may be floats, of the result's own unit, and attributes fg_low and fg_high
 * narrow the range of the result. */
#ifndef FG_FRONTEND_INT_PRODUCT_H
#define FG_FRONTEND_INT_PRODUCT_H

#include "frontend/ops.h"

/* Where a node has its operands; -1: it has no such operand. */
typedef struct fg_int_form {
    const char *op;
    bool conv, requantises;
    int a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero, bias;
} fg_int_form;

/* Of a node of one of these operators. */
const fg_int_form *fg_int_form_of(const fg_node *n);
/* NULL if it is absent. */
fg_value *fg_int_operand(const fg_node *n, int operand);

/* The space of a product of matrices by numpy's rules: batch dimensions, rows, columns; a vector counts as
 * one row or one column. */
fg_shape fg_product_space(fg_context *ctx, const fg_node *n, const fg_shape *a, const fg_shape *b);

/* The result's shape: the space without the row or column of a vector. */
fg_shape fg_matmul_shape(fg_context *ctx, const fg_node *n, const fg_shape *a, const fg_shape *b);

/* What a scale, zero point or bias is about. */
typedef enum fg_int_side { FG_SIDE_A, FG_SIDE_B, FG_SIDE_Y } fg_int_side;

/* How far an operand's elements lie apart along the dimensions of `space` (the result of a convolution, or a
 * product's space): all zeros if it has one element. Raises FG_BAD_MODEL if its shape does not suit. */
void fg_int_strides(fg_context *ctx, const fg_node *n, const fg_value *v, fg_int_side side,
                    const fg_shape *space, int64_t *stride);

#endif
