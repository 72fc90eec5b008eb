/* Floating-point formats of at most 16 bits, bit by bit: what the reference kernels convert by. */
#ifndef FG_FRONTEND_REFERENCE_SMALL_FLOAT_H
#define FG_FRONTEND_REFERENCE_SMALL_FLOAT_H

#include "frontend/ops.h"

/* Rounding of magnitudes to float8e8m0; all other formats round to nearest, ties to even. */
typedef enum fg_small_round { FG_SMALL_UP, FG_SMALL_DOWN, FG_SMALL_NEAREST } fg_small_round;

fg_small_round fg_small_round_of(const char *mode); /* attribute round_mode; "up" if it is none of them */

bool fg_is_small_float(fg_dtype t); /* float16, bfloat16, and all floats of at most 8 bits */

/* t is such a type. */
double fg_small_decode(fg_dtype t, unsigned code);
/* saturate: what is too large becomes the largest number instead of infinity or NaN (float16 and bfloat16 go
 * to infinity all the same; formats without either always saturate). */
unsigned fg_small_encode(fg_dtype t, double x, bool saturate, fg_small_round round);

#endif
