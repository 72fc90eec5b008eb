/* What generated code takes of a board's memory, as far as its compiler can tell. */
#ifndef FG_VERIFY_FOOTPRINT_H
#define FG_VERIFY_FOOTPRINT_H

#include "codegen/module.h"

typedef struct fg_footprint {
    const char
        *why_not; /* why the code could not be measured, in one line; NULL: it was, and all below is valid */
    const char *compiler;    /* "arm-none-eabi-gcc -O2 -mcpu=cortex-m4" */
    int64_t code, constants; /* bytes of instructions, and of constants beside the weights */
    int64_t data;            /* of variables */
    int64_t stack; /* bytes below the caller of P_run, along the deepest chain of calls; -1: not known */
    const char
        *outside; /* functions of libraries on whose stack the compiler is silent, "expf, memset"; "" */
    /* what fusegen knows itself */
    int64_t weights, arena, tensors; /* tensors: inputs and outputs, which are the caller's */
    int64_t flash, ram;              /* sums; of ram, the data-dependent stack of libraries is no part */
} fg_footprint;

/* Compiles the module's code by its target's compiler, not for running but for its object file: sizes of
 * sections by the compiler's `size`, stack by its call graph (gcc -fcallgraph-info=su) or, without one, by
 * the largest frames. Never raises because a tool is missing. */
fg_footprint fg_measure_footprint(const fg_module *m);

/* With its strings in ctx. */
fg_footprint fg_footprint_copy(fg_context *ctx, const fg_footprint *f);

/* Raises FG_UNSUPPORTED if the target has limits and the module exceeds them: by how much, and what would
 * help. */
void fg_check_footprint(const fg_module *m, const fg_footprint *f);

#endif
