/* The reference kernel of all elementwise operators (frontend/ops/elementwise.c): it finds the operator by
 * the node's type. */
#ifndef FG_FRONTEND_REFERENCE_ELEMENTWISE_H
#define FG_FRONTEND_REFERENCE_ELEMENTWISE_H

#include "frontend/ops.h"

void fg_ref_elementwise(const fg_eval *e);

#endif
