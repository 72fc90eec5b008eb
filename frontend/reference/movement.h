/* Reference kernels of the operators that give a tensor another order. */
#ifndef FG_FRONTEND_REFERENCE_MOVEMENT_H
#define FG_FRONTEND_REFERENCE_MOVEMENT_H

#include "frontend/ops.h"

void fg_ref_transpose(const fg_eval *e);
void fg_ref_expand(const fg_eval *e);
void fg_ref_tile(const fg_eval *e);
void fg_ref_concat(const fg_eval *e);
void fg_ref_depth_to_space(const fg_eval *e);
void fg_ref_space_to_depth(const fg_eval *e);

#endif
