/* Resize and Upsample: what their operands and attributes ask for, and the reference kernel.
 *
 * Coordinates are computed in double from exact ratios: x * num / den, where an axis given by sizes has num =
 * input extent, den = output extent, and one given by scales num = 1, den = scale. Integral coordinates are
 * thus integral.
 */
#ifndef FG_FRONTEND_REFERENCE_RESIZE_H
#define FG_FRONTEND_REFERENCE_RESIZE_H

#include "frontend/ops.h"

typedef struct fg_resize {
    fg_shape out;
    double num[FG_MAX_RANK],
        den[FG_MAX_RANK]; /* den / num: scale of the axis; 1 / 1 where it is not resized */
    double start[FG_MAX_RANK],
        end[FG_MAX_RANK]; /* region of interest, in units of extent - 1; 0 to 1 by default */
} fg_resize;

/* Reads scales, sizes, region and policy; in: the node's operands, data NULL where absent (or not known: then
 * what decides the shape must not be among them). Raises FG_BAD_MODEL on contradictions. */
void fg_resize_plan(fg_context *ctx, const fg_node *n, int opset, const fg_tensor *in, fg_resize *r);

/* "tf_crop_and_resize" etc.; the fixed choice of the operator in opsets that have no such attribute. */
const char *fg_resize_transform(const fg_node *n, int opset);

void fg_ref_resize(const fg_eval *e);

/* Where the elements along one dimension come from: output position i is the sum of weight[i * taps + t]
 * times input position index[i * taps + t], all inside the input; index -1: outside of the region, the
 * extrapolation value goes there. */
typedef struct fg_resize_axis {
    bool identity; /* nothing happens along this dimension; no taps then */
    int64_t out, taps;
    int64_t *index;
    double *weight;
} fg_resize_axis;

/* Dimension d of n, planned in r. The arrays belong to the context (fg_big_free them). */
void fg_resize_axis_plan(fg_context *ctx, const fg_node *n, int opset, const fg_resize *r, int d,
                         fg_resize_axis *to);

#endif
