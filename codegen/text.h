/* Elementwise operators on strings: pointers are compared, chosen and moved; what is made anew lies in memory
 * that the kernel keeps until the run is over, --max-text bytes to a string. */
#ifndef FG_CODEGEN_TEXT_H
#define FG_CODEGEN_TEXT_H

#include "codegen/moves.h"

/* Writes a map kernel whose operands are strings; false, and nothing written, if there are none. */
bool fg_emit_text_map(fg_emit *e);

/* Declares `char *NAME`, room for `count` strings, FG_TEXT bytes apart; returns those bytes. */
int64_t fg_emit_text_room(fg_emit *e, const char *name, int64_t count);

#endif
