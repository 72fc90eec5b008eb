/* Convolutions that the packed kernels do not take: more than two spatial dimensions, computed weights, other
 * element types. */
#include "codegen/conv_any.h"

const fg_lowering fg_lowering_conv_general = {
    .name = "conv_general", .prefer = fg_conv_any_prefer, .emit = fg_conv_any_emit};
