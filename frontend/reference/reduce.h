#ifndef FG_FRONTEND_REFERENCE_REDUCE_H
#define FG_FRONTEND_REFERENCE_REDUCE_H

#include "frontend/ops.h"

void fg_ref_reduce_l1(const fg_eval *e);
void fg_ref_reduce_l2(const fg_eval *e);
void fg_ref_reduce_log_sum(const fg_eval *e);
void fg_ref_reduce_log_sum_exp(const fg_eval *e);
void fg_ref_reduce_max(const fg_eval *e);
void fg_ref_reduce_mean(const fg_eval *e);
void fg_ref_reduce_min(const fg_eval *e);
void fg_ref_reduce_prod(const fg_eval *e);
void fg_ref_reduce_sum(const fg_eval *e);
void fg_ref_reduce_sum_square(const fg_eval *e);
void fg_ref_arg_max(const fg_eval *e);
void fg_ref_arg_min(const fg_eval *e);

#endif
