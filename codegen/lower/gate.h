/* Fully connected layers on one vector, for kernels that hold them among other things; see gate.c. */
#ifndef FG_CODEGEN_LOWER_GATE_H
#define FG_CODEGEN_LOWER_GATE_H

#include "codegen/lower.h"

/* Statements that apply the layers to image b of x (N, C, 1, 1), into image b of y; `b` is declared. */
void fg_gate_emit_layers(fg_emit *e, const fg_stage *layer, int n, fg_value *x, fg_value *y);

#endif
