/* Reference kernel of Einsum. */
#ifndef FG_FRONTEND_REFERENCE_EINSUM_H
#define FG_FRONTEND_REFERENCE_EINSUM_H

#include "frontend/ops.h"

void fg_ref_einsum(const fg_eval *e);

#endif
