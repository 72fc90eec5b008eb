#ifndef FG_FRONTEND_REFERENCE_NORM_H
#define FG_FRONTEND_REFERENCE_NORM_H

#include "frontend/ops.h"

void fg_ref_batch_norm(const fg_eval *e);
void fg_ref_layer_norm(const fg_eval *e);
void fg_ref_rms_norm(const fg_eval *e);
void fg_ref_instance_norm(const fg_eval *e);
void fg_ref_group_norm(const fg_eval *e);
void fg_ref_lp_norm(const fg_eval *e);
void fg_ref_lrn(const fg_eval *e);

#endif
