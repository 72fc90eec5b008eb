/* The vector vocabulary and the scalar helpers that generated kernels are written in
 * (templates/prelude*.c.in), in all dialects, cut down to what the kernels mention. The words are listed and
 * documented in those files.
 */
#ifndef FG_CODEGEN_PRELUDE_H
#define FG_CODEGEN_PRELUDE_H

#include "codegen/target.h"

/* Appends FG_VL (= lanes), FG_KERNEL, the dialect selection and the sections whose names occur as identifiers
 * in the kernels' text `body`, with all that these need, in a stable order. The text includes the headers
 * that it uses itself. lanes: 1 gives plain C99 without dialects. Raises FG_INTERNAL if body mentions an fgs_
 * helper that does not exist. */
void fg_prelude_emit(fg_text *out, const fg_target *target, int lanes, const char *body);

/* True if the prelude for this body includes <math.h>, so that the user has to link libm. */
bool fg_prelude_uses_libm(fg_context *ctx, const fg_target *target, int lanes, const char *body);

#endif
