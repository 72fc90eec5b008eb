/* Reference kernels of the operators on extents that depend on data. */
#ifndef FG_FRONTEND_REFERENCE_EXTENTS_H
#define FG_FRONTEND_REFERENCE_EXTENTS_H

#include "frontend/ops.h"

void fg_ref_extents(const fg_eval *e);
void fg_ref_choose(const fg_eval *e);
void fg_ref_same(const fg_eval *e);
void fg_ref_at_most(const fg_eval *e);
void fg_ref_limit(const fg_eval *e);
void fg_ref_cut(const fg_eval *e); /* what only moves elements that are not there in the reference */

#endif
