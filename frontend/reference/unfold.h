/* Reference kernels that put elements back where a window or a crop took them from. */
#ifndef FG_FRONTEND_REFERENCE_UNFOLD_H
#define FG_FRONTEND_REFERENCE_UNFOLD_H

#include "frontend/ops.h"

void fg_ref_center_crop_pad(const fg_eval *e);
void fg_ref_col2im(const fg_eval *e);
void fg_ref_max_unpool(const fg_eval *e);

#endif
