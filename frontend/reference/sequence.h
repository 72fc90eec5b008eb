/* Reference kernels of operators on sequences of tokens. */
#ifndef FG_FRONTEND_REFERENCE_SEQUENCE_H
#define FG_FRONTEND_REFERENCE_SEQUENCE_H

#include "frontend/attention.h"

void fg_ref_rotary(const fg_eval *e);
void fg_ref_rotate(const fg_eval *e, const fg_rotary *r);
void fg_ref_tensor_scatter(const fg_eval *e);
void fg_ref_causal_conv(const fg_eval *e);
void fg_ref_linear_attention(const fg_eval *e);

#endif
