/* Reference kernels of products of a float matrix and a quantised one. */
#ifndef FG_FRONTEND_REFERENCE_MATMUL_QUANTIZED_H
#define FG_FRONTEND_REFERENCE_MATMUL_QUANTIZED_H

#include "frontend/ops.h"

void fg_ref_dynamic_matmul(const fg_eval *e);
void fg_ref_qgemm(const fg_eval *e);
void fg_ref_matmul_nbits(const fg_eval *e);

#endif
