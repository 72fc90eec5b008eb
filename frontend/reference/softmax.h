#ifndef FG_FRONTEND_REFERENCE_SOFTMAX_H
#define FG_FRONTEND_REFERENCE_SOFTMAX_H

#include "frontend/ops.h"

void fg_ref_softmax(const fg_eval *e);
void fg_ref_log_softmax(const fg_eval *e);
void fg_ref_hardmax(const fg_eval *e);

#endif
