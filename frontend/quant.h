/* Quantised tensors: what the operators that make and read them have in common.
 *
 * A quantised element q of scale s and zero point z stands for (q - z) * s. */
#ifndef FG_FRONTEND_QUANT_H
#define FG_FRONTEND_QUANT_H

#include "frontend/ops.h"
#include "frontend/window.h"

/* Which scale belongs to an element: index (i0, i1, ...) has that at the sum of i_d * stride[d], where the
 * index along `axis` is first divided by `block`. */
typedef struct fg_granularity {
    int64_t stride[FG_MAX_RANK];
    int axis;
    int64_t block; /* 1: not blocked */
} fg_granularity;

/* Of QuantizeLinear and DequantizeLinear: operand 1 has the scales of elements of shape x: one for all, one
 * per index along the axis, or one per block along it. Raises FG_BAD_MODEL if the shapes contradict. */
fg_granularity fg_granularity_of(fg_context *ctx, const fg_node *n, const fg_shape *x);

/* The least and largest element of an integer type of at most 32 bits. */
int64_t fg_type_low(fg_dtype t);
int64_t fg_type_high(fg_dtype t);

/* The type that QuantizeLinear divides in: attribute precision, else that of the scale. */
fg_dtype fg_quantise_precision(const fg_node *n);

/* QLinearAveragePool and QLinearGlobalAveragePool, of either order of dimensions. */
typedef struct fg_quantised_pool {
    fg_window w;
    int channel, spatial; /* dimension of the channels; first of the spatial ones */
    bool counts_padding;  /* every window counts as whole */
} fg_quantised_pool;

fg_quantised_pool fg_quantised_pool_of(fg_context *ctx, const fg_node *n);

/* Element types of a quantised tensor. */
#define FG_T_QUANT8  (FG_T(FG_INT8) | FG_T(FG_UINT8))
#define FG_T_QUANT16 (FG_T(FG_INT16) | FG_T(FG_UINT16))

#endif
