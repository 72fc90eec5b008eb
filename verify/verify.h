/* verify: C text -> verdict. Compiles what was generated and compares it, kernel by kernel and end to end,
 * with the reference interpreter run on the graph as read. */
#ifndef FG_VERIFY_VERIFY_H
#define FG_VERIFY_VERIFY_H

#include "codegen/module.h"
#include "frontend/frontend.h"

typedef enum fg_verify_mode {
    FG_VERIFY_NONE,
    FG_VERIFY_TCC,
    FG_VERIFY_CC,
    FG_VERIFY_EMULATOR
} fg_verify_mode;

typedef struct fg_error {
    double max_abs; /* largest absolute difference */
    double max_rel; /* that over the RMS of the reference; absolute where the RMS is 0 */
    double max_ulp; /* largest distance in units of the last place of the reference */
    int64_t at;     /* row-major index of the worst element; -1 if none */
    bool passed;
} fg_error;

typedef struct fg_verify_options {
    fg_verify_mode mode;
    double tolerance;          /* --tolerance, 1e-4 */
    const fg_tensor *inputs;   /* one per graph input, or NULL: random */
    const fg_tensor *expected; /* one per graph output (data NULL: none), or NULL */
    uint64_t seed;
} fg_verify_options;

typedef struct fg_verdict {
    fg_verify_mode mode;
    bool passed;
    fg_error *kernels; /* worst over each kernel's outputs, by kernel index */
    int n_kernels;
    fg_error total;            /* worst over graph outputs, end to end */
    double float_run;          /* error / RMS of a plain float32 run of the interpreter */
    double bound;              /* max(tolerance, 4 * float_run): what total.max_rel is held to */
    bool rounded;              /* --precision: everything is held to the network of rounded weights, */
    fg_error rounding;         /* whose outputs differ from those of the network as read by that much */
    int64_t *instructions;     /* that each kernel executed in the emulator; -1: not counted */
    int64_t all_instructions;  /* the same of the whole; -1: not counted */
    const char *checked;       /* what was checked and what was not, one line */
    const char *first_failure; /* names kernel and nodes; NULL if passed */
} fg_verdict;

/* read: the graph as read (all its nodes inferred); m: what was generated from a rewritten clone of it.
 * Raises FG_TOOLCHAIN if a compiler is missing or refuses the text. A mismatch does not raise; it is in the
 * verdict. */
fg_verdict *fg_verify(fg_graph *read, const fg_module *m, const fg_verify_options *options);

/* Compares got with want (same dtype and shape) by the rules of --tolerance: integers, bools and strings
 * exactly; NaN matches NaN; infinities by sign. */
fg_error fg_compare(const fg_tensor *want, const fg_tensor *got, double tolerance);

#endif
