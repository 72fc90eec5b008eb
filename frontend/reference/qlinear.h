/* Reference kernels of com.microsoft's operators on quantised tensors. */
#ifndef FG_FRONTEND_REFERENCE_QLINEAR_H
#define FG_FRONTEND_REFERENCE_QLINEAR_H

#include "frontend/ops.h"

void fg_ref_qlinear_binary(const fg_eval *e);
void fg_ref_qlinear_unary(const fg_eval *e);
void fg_ref_qlinear_concat(const fg_eval *e);
void fg_ref_qlinear_pool(const fg_eval *e);

#endif
