/* Reference kernel of Det. */
#ifndef FG_FRONTEND_REFERENCE_DETERMINANT_H
#define FG_FRONTEND_REFERENCE_DETERMINANT_H

#include "frontend/ops.h"

void fg_ref_det(const fg_eval *e);

#endif
