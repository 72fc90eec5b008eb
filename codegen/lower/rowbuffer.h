/* One lowering for window operators with and without a producer; see rowbuffer.c. */
#ifndef FG_CODEGEN_LOWER_ROWBUFFER_H
#define FG_CODEGEN_LOWER_ROWBUFFER_H

#include "codegen/lower.h"

void fg_rowbuffer_prefer(fg_planner *p, fg_kernel *k);
void fg_rowbuffer_emit(fg_emit *e);

#endif
