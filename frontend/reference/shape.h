/* Reference kernels of the operators that make constants and of those that pass a tensor on. */
#ifndef FG_FRONTEND_REFERENCE_SHAPE_H
#define FG_FRONTEND_REFERENCE_SHAPE_H

#include "frontend/ops.h"

void fg_ref_constant(const fg_eval *e); /* the data that inference found */
void fg_ref_constant_of_shape(const fg_eval *e);
void fg_ref_range(const fg_eval *e);
void fg_ref_eye_like(const fg_eval *e);

#endif
