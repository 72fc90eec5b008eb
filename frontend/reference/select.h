/* Reference kernels that choose, order or accumulate along an axis. */
#ifndef FG_FRONTEND_REFERENCE_SELECT_H
#define FG_FRONTEND_REFERENCE_SELECT_H

#include "frontend/ops.h"

void fg_ref_one_hot(const fg_eval *e);
void fg_ref_trilu(const fg_eval *e);
void fg_ref_cumsum(const fg_eval *e);
void fg_ref_cumprod(const fg_eval *e);
void fg_ref_top_k(const fg_eval *e);

#endif
