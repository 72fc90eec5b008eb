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

/* MeanVarianceNormalization: the axes that a line runs over, at most FG_MAX_RANK; returns how many. */
void fg_ref_mean_variance(const fg_eval *e);
int fg_mean_variance_axes(fg_context *ctx, const fg_node *n, int64_t *axes);

#endif
