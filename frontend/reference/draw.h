/* Reference kernels of random operators. */
#ifndef FG_FRONTEND_REFERENCE_DRAW_H
#define FG_FRONTEND_REFERENCE_DRAW_H

#include "frontend/ops.h"

void fg_ref_random_normal(const fg_eval *e);
void fg_ref_random_uniform(const fg_eval *e);
void fg_ref_bernoulli(const fg_eval *e);
void fg_ref_multinomial(const fg_eval *e);
void fg_ref_dropout(const fg_eval *e);

#endif
