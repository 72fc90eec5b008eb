/* Reference kernels of quantisation. */
#ifndef FG_FRONTEND_REFERENCE_QUANTIZE_H
#define FG_FRONTEND_REFERENCE_QUANTIZE_H

#include "frontend/ops.h"

void fg_ref_quantize(const fg_eval *e);
void fg_ref_dequantize(const fg_eval *e);
void fg_ref_dynamic_quantize(const fg_eval *e);

/* What DynamicQuantizeLinear finds for a tensor of floats: its range is widened to hold zero; where it is
 * empty, the scale is 1. */
typedef struct fg_dynamic_range {
    float scale;
    int64_t zero;
} fg_dynamic_range;
fg_dynamic_range fg_dynamic_range_of(const fg_tensor *x);

/* q rounded to nearest, ties to even, moved by the zero point and taken to the ends of [low, high]; NaN goes
 * to low. In the plain float run, which measures what rounding errors may do, q is first moved by 2^-20 of
 * its size: what lies that close to the middle between two steps may fall to either. */
int64_t fg_quantise_one(const fg_eval *e, float q, int64_t zero, int64_t low, int64_t high);

#endif
