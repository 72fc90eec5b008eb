/* Convolutions in the one form that all kernels work with. A Gemm or MatMul with constant weights is a 1x1
 * convolution over its rows. Letters: b image, y row, x pixel, ic and oc channels, ky and kx taps. */
#ifndef FG_CODEGEN_CONVOLUTION_H
#define FG_CODEGEN_CONVOLUTION_H

#include "codegen/epilogue.h"
#include "codegen/tile.h"

typedef struct fg_convolution {
    const fg_node *node;
    fg_value *x, *w, *bias, *y; /* bias NULL: none */
    fg_axes in, out;            /* dimensions of x and y by role */
    int64_t images, ih, iw, ic; /* of x; ic: all channels */
    int64_t oh, ow, oc;
    int64_t groups, kh, kw, sy, sx, dy, dx;
    int64_t pt, pl, pb, pr; /* padding: top, left, bottom, right */
    /* weight of (oc, ic within its group, ky, kx) at w->data[oc * w_oc + ic * w_ic + ky * w_ky + kx * w_kx]
     */
    int64_t w_oc, w_ic, w_ky, w_kx;
    float w_scale, bias_scale; /* Gemm's alpha and beta */
} fg_convolution;

/* True if n is such a product over float32 tensors: Conv of 1 or 2 spatial dimensions, Gemm, MatMul, constant
 * weights, and a bias that is constant and varies along the channels only. */
bool fg_convolution_of(fg_context *ctx, const fg_node *n, fg_convolution *c);

bool fg_convolution_is_depthwise(
    const fg_convolution *c); /* one input channel per group, as many outputs as inputs */
bool fg_convolution_is_pointwise(const fg_convolution *c); /* 1x1, stride 1, no padding, one group */

/* Element of the weights, of the bias (0 without one), as the product uses it: Gemm's factors are in it. */
float fg_convolution_weight(const fg_convolution *c, int64_t oc, int64_t ic, int64_t ky, int64_t kx);
float fg_convolution_bias(const fg_convolution *c, int64_t oc);

/* Groups that dense tiles work on as one, with zeros for each other's weights, so that vectors are full. */
int64_t fg_merged_groups(const fg_convolution *c, int lanes);

/* Wishes of a kernel that runs the convolution and stores its results (after the epilogue) in k->out. */
void fg_convolution_prefer(fg_planner *p, const fg_convolution *c, const fg_kernel *k);

/* Operands of its epilogues, of that rank, are to lie channels-last. */
void fg_convolution_prefer_operands(fg_planner *p, const fg_kernel *k, int rank);

/* How the kernel addresses its input after padding: element strides, and the pointer's C name. */
typedef struct fg_source {
    const char *pointer;      /* to pixel (-pt, -pl) of image b: may carry an expression in b */
    int64_t b, y, x, c;       /* strides in elements; b is 0 if the pointer is valid for one image only */
    bool per_image;           /* text of fg_source_fill must stand inside the loop over b */
    const char *first, *last; /* rows of the image that this part of the kernel needs; NULL: all */
} fg_source;

/* Elements from pixel to pixel of the input as the kernel will read it; known before the source is opened. */
int64_t fg_source_pixel(const fg_emit *e, const fg_convolution *c);

/* Declares x (and scratch for a padded copy where the layout has no border for it). */
fg_source fg_source_open(fg_emit *e, const fg_convolution *c);
/* Only the rows are copied that this part needs which makes rows FG_FROM(n) .. FG_TO(n) - 1 of something of
 * which each takes `count` rows of c's result, `step` apart, those of the first from `first` on. */
void fg_source_limit(const fg_emit *e, fg_source *s, const fg_convolution *c, int64_t n, int64_t step,
                     int64_t first, int64_t count);
/* Statements that make the padded copy of image b; none if no copy is needed. */
void fg_source_fill(fg_emit *e, const fg_source *s, const fg_convolution *c);

/* Packs weights into panels of nv vectors (the last panel is narrower): [panel][ky][kx][ic][nv * lanes] for
 * output channels first .. first + count of group g0 .. (groups merged: see merged). Declares them as `name`.
 */
fg_dtype fg_pack_panels(fg_emit *e, const char *name, const fg_convolution *c, int64_t merged, int nv);
/* Bias, padded to whole vectors per merged group. */
void fg_pack_bias(fg_emit *e, const char *name, const fg_convolution *c, int64_t merged);

#endif
