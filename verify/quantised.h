/* Quantised values: what lies between two steps, on the edge as far as arithmetic can tell, may fall to
 * either. */
#ifndef FG_VERIFY_QUANTISED_H
#define FG_VERIFY_QUANTISED_H

#include "frontend/ops.h"

/* What was quantised to make v, a value of the graph as read; NULL if v is not the result of a QuantizeLinear
 * to integers, or of a DequantizeLinear behind one. */
const fg_value *fg_quantised_source(const fg_value *v);

/* got, for value v, differs from want by one step at most, and only where the reference of what was quantised
 * (data) is as close to the middle between the two as tolerance times its RMS. */
bool fg_quantised_is_tie(fg_context *ctx, const fg_value *v, const fg_tensor *want, const fg_tensor *got,
                         const fg_tensor *data, double tolerance);

/* Largest difference over the RMS of the numbers that want stands for, both counted in steps. */
double fg_quantised_error(fg_context *ctx, const fg_value *v, const fg_tensor *want, const fg_tensor *got);

#endif
