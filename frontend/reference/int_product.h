/* Reference kernel of the products of quantised tensors. */
#ifndef FG_FRONTEND_REFERENCE_INT_PRODUCT_H
#define FG_FRONTEND_REFERENCE_INT_PRODUCT_H

#include "frontend/ops.h"

void fg_ref_int_product(const fg_eval *e);

#endif
