/* Reference conversion between element types. */
#ifndef FG_FRONTEND_REFERENCE_CAST_H
#define FG_FRONTEND_REFERENCE_CAST_H

#include "frontend/ops.h"

void fg_ref_cast(
    const fg_eval *e); /* Cast and CastLike: input 0 to the type of output 0; attribute saturate */

void fg_ref_bit_cast(const fg_eval *e); /* the bits of input 0 as the type of output 0, which is as wide */

#endif
