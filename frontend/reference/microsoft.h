/* Reference kernels of com.microsoft's operators. */
#ifndef FG_FRONTEND_REFERENCE_MICROSOFT_H
#define FG_FRONTEND_REFERENCE_MICROSOFT_H

#include "frontend/microsoft.h"

void fg_ref_ms_gelu(const fg_eval *e);
void fg_ref_simplified_norm(const fg_eval *e);
void fg_ref_skip_norm(const fg_eval *e);
void fg_ref_embed_norm(const fg_eval *e);
void fg_ref_fused_matmul(const fg_eval *e);
void fg_ref_fused_conv(const fg_eval *e);
void fg_ref_fused_gemm(const fg_eval *e);
void fg_ref_ms_rotary(const fg_eval *e);
void fg_ref_ms_attention(const fg_eval *e);
void fg_ref_multi_head(const fg_eval *e);

#endif
