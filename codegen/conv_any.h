/* Convolutions and transposed convolutions of any form: spatial dimensions, groups, dilations, element types,
 * weights that are computed. A plain loop nest over the result; float32 with constant weights goes by in
 * vectors of output channels. */
#ifndef FG_CODEGEN_CONV_ANY_H
#define FG_CODEGEN_CONV_ANY_H

#include "codegen/lower.h"

void fg_conv_any_prefer(fg_planner *p, fg_kernel *k);
void fg_conv_any_emit(fg_emit *e);

#endif
