/* Transposed convolutions. Every result gathers the inputs that reach it, so nothing is written twice. */
#include "codegen/conv_any.h"

const fg_lowering fg_lowering_conv_transpose = {
    .name = "conv_transpose", .prefer = fg_conv_any_prefer, .emit = fg_conv_any_emit};
