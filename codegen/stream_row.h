/* The functions that make one row of a stream's stages (fusion/stream.h). */
#ifndef FG_CODEGEN_STREAM_ROW_H
#define FG_CODEGEN_STREAM_ROW_H

#include "codegen/lower.h"
#include "fusion/stream.h"

/* Floats from row to row of a copy. */
int64_t fg_stream_pitch(const fg_stream_stage *t);

/* Appends to e->before the function that makes row y of stage i for image b: fg_stream_row_name(e, i)(c, b,
 * y). room[i]: the memory of the rings of copies. Rings of other stages have been given to their values. */
void fg_stream_emit_row(fg_emit *e, const fg_stream *s, int i, const int *room);

/* Its name. */
const char *fg_stream_row_name(const fg_emit *e, int i);

#endif
