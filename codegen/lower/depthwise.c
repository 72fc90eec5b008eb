/* A depthwise convolution alone: the row buffer without a producer. */
#include "codegen/lower/rowbuffer.h"

const fg_lowering fg_lowering_depthwise = {
    .name = "depthwise", .prefer = fg_rowbuffer_prefer, .emit = fg_rowbuffer_emit};
