#ifndef FG_FRONTEND_REFERENCE_POOL_H
#define FG_FRONTEND_REFERENCE_POOL_H

#include "frontend/ops.h"

void fg_ref_max_pool(const fg_eval *e);
void fg_ref_average_pool(const fg_eval *e);
void fg_ref_lp_pool(const fg_eval *e);
void fg_ref_global_average_pool(const fg_eval *e);
void fg_ref_global_max_pool(const fg_eval *e);
void fg_ref_global_lp_pool(const fg_eval *e);

#endif
