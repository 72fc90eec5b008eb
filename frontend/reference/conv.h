#ifndef FG_FRONTEND_REFERENCE_CONV_H
#define FG_FRONTEND_REFERENCE_CONV_H

#include "frontend/ops.h"

void fg_ref_conv(const fg_eval *e);
void fg_ref_conv_transpose(const fg_eval *e);

#endif
