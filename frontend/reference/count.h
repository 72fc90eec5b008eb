/* Reference kernels of operators whose results have extents that depend on data: they set out[].shape. */
#ifndef FG_FRONTEND_REFERENCE_COUNT_H
#define FG_FRONTEND_REFERENCE_COUNT_H

#include "frontend/ops.h"

void fg_ref_non_zero(const fg_eval *e);
void fg_ref_compress(const fg_eval *e);
void fg_ref_unique(const fg_eval *e);
void fg_ref_suppression(const fg_eval *e);

#endif
