/* Extents that only a run knows, in the text of kernels: nodes read their symbols behind the tensors, and
 * attribute `forms` tells how extents follow (see frontend/ops/extents.c). */
#ifndef FG_CODEGEN_EXTENTS_H
#define FG_CODEGEN_EXTENTS_H

#include "codegen/moves.h"

/* Declares the symbols that n reads behind its first `tensors` operands: n0, n1, ... */
void fg_emit_symbols(fg_emit *e, const fg_node *n, int tensors);
/* Row `row` of the forms as an expression of type int64_t. */
const char *fg_form_text(fg_emit *e, const fg_node *n, int tensors, int row);

/* Declares `name`, the result of a counting node: scratch where only the count is wanted. */
void fg_emit_counted(fg_emit *e, const char *name, fg_value *y);
/* The symbol that a counting node returns behind its `results` own ones: `NAME[0] = value;`, if it is wanted.
 */
void fg_emit_count(fg_emit *e, const fg_node *n, const char *value);

#endif
