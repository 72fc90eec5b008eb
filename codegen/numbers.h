/* Constants of the prelude's functions, in one table.
 *
 * Compilers make a float constant out of an address in two instructions and a load, every time that no
 * register is left to keep it in. From a table whose address is known, a load is enough. */
#ifndef FG_CODEGEN_NUMBERS_H
#define FG_CODEGEN_NUMBERS_H

#include "codegen/target.h"

typedef struct fg_numbers fg_numbers;

/* NULL for targets that have no use for it: their operands come from memory, or immediate ones do. */
fg_numbers *fg_numbers_new(fg_context *ctx, const fg_target *target);

/* If text begins with "(LITERAL)", a number worth a place in the table: what to write in place of
 * fg_set1(LITERAL), or of its scalar instance; *length: how much of text it replaces. Else NULL. */
const char *fg_numbers_replace(fg_numbers *n, const char *text, size_t available, bool scalar,
                               size_t *length);

/* The tables and what reads them; nothing if none is used. Ahead of all dialects. */
void fg_numbers_emit(const fg_numbers *n, int lanes, fg_text *out);

#endif
