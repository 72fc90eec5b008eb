/* The geometry of sliding windows: Conv, ConvTranspose, the pools. Attributes of one node, checked and
 * resolved. */
#ifndef FG_FRONTEND_WINDOW_H
#define FG_FRONTEND_WINDOW_H

#include "frontend/graph.h"

#define FG_MAX_SPATIAL (FG_MAX_RANK - 2)

/* Extents per spatial axis, outermost first (depth, height, width). Tap k of output o reads input
 * o * stride + k * dilation - pad, outside 0 .. in-1: padding. */
typedef struct fg_window {
    int axes;
    int64_t in[FG_MAX_SPATIAL], out[FG_MAX_SPATIAL], kernel[FG_MAX_SPATIAL], stride[FG_MAX_SPATIAL];
    int64_t dilation[FG_MAX_SPATIAL], pad[FG_MAX_SPATIAL], pad_end[FG_MAX_SPATIAL];
} fg_window;

/* x: input shape N x C x spatial...; kernel: extents where another operand gives them (w.dim + 2), or NULL:
 * attribute kernel_shape is required. Understands auto_pad and ceil_mode. Raises FG_BAD_MODEL on anything
 * that does not fit. */
fg_window fg_window_of(fg_context *ctx, const fg_node *n, const fg_shape *x, const int64_t *kernel);

/* The same for ConvTranspose, where out is larger than in: honours output_padding and output_shape; pad and
 * pad_end are what is cut off the full result (pad_end may be negative: zeros are appended). */
fg_window fg_window_of_transpose(fg_context *ctx, const fg_node *n, const fg_shape *x, const int64_t *kernel);

/* Do taps fall outside the input along axis d? Not for ConvTranspose. */
bool fg_window_may_leave(const fg_window *w, int d);

/* Result of a convolution of x (N x C x spatial...) with w (M x C/group x kernel...), by n's attributes; bias
 * may be NULL. Raises FG_BAD_MODEL on operands that do not suit. */
fg_shape fg_conv_shape(fg_context *ctx, const fg_node *n, const fg_shape *x, const fg_shape *w,
                       const fg_value *bias);

#endif
