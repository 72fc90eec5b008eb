#ifndef FG_FRONTEND_REFERENCE_MATMUL_H
#define FG_FRONTEND_REFERENCE_MATMUL_H

#include "frontend/ops.h"

void fg_ref_gemm(const fg_eval *e);
void fg_ref_matmul(const fg_eval *e);

#endif
