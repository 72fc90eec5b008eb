/* Reference kernels that read images between their pixels, or pools over regions that data name. */
#ifndef FG_FRONTEND_REFERENCE_SAMPLING_H
#define FG_FRONTEND_REFERENCE_SAMPLING_H

#include "frontend/ops.h"

void fg_ref_affine_grid(const fg_eval *e);
void fg_ref_grid_sample(const fg_eval *e);
void fg_ref_deform_conv(const fg_eval *e);
void fg_ref_roi_align(const fg_eval *e);
void fg_ref_max_roi_pool(const fg_eval *e);

#endif
