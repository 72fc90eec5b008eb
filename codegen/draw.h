/* Random operators: what their lowerings share. See frontend/draw.h for what is drawn. */
#ifndef FG_CODEGEN_DRAW_H
#define FG_CODEGEN_DRAW_H

#include "codegen/nest.h"

/* The key of n's draws as a literal. */
const char *fg_draw_literal(const fg_emit *e, const fg_node *n);

/* Adds to a nest over s the row-major numbers of its elements, by which draws count; their operand. */
int fg_draw_order(const fg_emit *e, fg_nest *nest, const fg_shape *s);
/* "(uint64_t)(i0 * 4 + i1)": of that operand, at the variables of all dimensions. */
const char *fg_draw_number(const fg_emit *e, const fg_nest *nest, int order);

/* The text of a Dropout that may drop something. */
void fg_emit_dropout(fg_emit *e, const fg_node *n);

#endif
