/* --precision: learned float32 weights in 16 bits. Weights of products and tables that Gather reads are
 * rounded in the rewritten graph, after everything that changes them (folding of BatchNormalization and the
 * like), so that what the code stores is what the graph says; arithmetic stays in float32. Biases and other
 * small vectors stay as they are: they are few, and are added to every result.
 */
#ifndef FG_FUSION_ROUNDING_H
#define FG_FUSION_ROUNDING_H

#include "fusion/rewrite.h"

/* Constants with fewer elements (biases, scales) are not worth a line. */
#define FG_ROUNDING_NOTICED 1024

typedef struct fg_rounded {
    fg_value *value;   /* with `storage` set */
    const float *full; /* its elements before rounding */
} fg_rounded;

/* A constant that stays float32. */
typedef struct fg_unrounded {
    const char *name, *why; /* why: "out of range", else the operator that reads it: "Add" */
    int64_t bytes;
} fg_unrounded;

typedef struct fg_rounding {
    fg_dtype type; /* FG_FLOAT16, FG_BFLOAT16 */
    fg_rounded *weights;
    int n;
    fg_unrounded *out_of_range; /* weights that the type has no room for */
    int n_out_of_range;
    fg_unrounded *others; /* float32 constants of FG_ROUNDING_NOTICED elements or more that are no weights of
                           * products, the largest first: what is added or multiplied element by element, and
                           * the like */
    int n_others;
} fg_rounding;

/* To the nearest, ties to even. float16: 2^-14 and below loses bits, as the format has it; a tensor with an
 * element that would become infinite, or is not finite, is kept as it is. Never NULL. */
fg_rounding *fg_round_weights(fg_rewriter *rw, fg_dtype type);

/* "fp16", "bf16"; "fp32" for FG_UNDEFINED. */
const char *fg_precision_name(fg_dtype type);

#endif
