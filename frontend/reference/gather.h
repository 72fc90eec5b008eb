/* Reference kernels of the operators that pick elements by index, or put them there. */
#ifndef FG_FRONTEND_REFERENCE_GATHER_H
#define FG_FRONTEND_REFERENCE_GATHER_H

#include "frontend/ops.h"

void fg_ref_gather(const fg_eval *e);
void fg_ref_gather_elements(const fg_eval *e);
void fg_ref_gather_nd(const fg_eval *e);
void fg_ref_scatter_elements(const fg_eval *e);
void fg_ref_scatter_nd(const fg_eval *e);

#endif
