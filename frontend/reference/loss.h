/* Reference kernels of loss functions over class scores. */
#ifndef FG_FRONTEND_REFERENCE_LOSS_H
#define FG_FRONTEND_REFERENCE_LOSS_H

#include "frontend/ops.h"

void fg_ref_negative_log_likelihood(const fg_eval *e);
void fg_ref_softmax_cross_entropy(const fg_eval *e);

#endif
