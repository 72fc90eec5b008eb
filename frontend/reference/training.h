/* Reference kernels of optimizers' steps. */
#ifndef FG_FRONTEND_REFERENCE_TRAINING_H
#define FG_FRONTEND_REFERENCE_TRAINING_H

#include "frontend/ops.h"

void fg_ref_adagrad(const fg_eval *e);
void fg_ref_adam(const fg_eval *e);
void fg_ref_momentum(const fg_eval *e);

#endif
