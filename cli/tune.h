/* --tune: which of the cost model's best choices is fastest on this machine, kernel by kernel. */
#ifndef FG_CLI_TUNE_H
#define FG_CLI_TUNE_H

#include "codegen/tuning.h"

/* What one module took: its kernels in order, with their choice (NULL: nothing to choose) and their shortest
 * time. Strings live in the context that fg_tune was given. */
typedef struct fg_trial {
    fg_choice *kernels;
    int n;
} fg_trial;

/* Generates the model with these choices (NULL: none) and the candidate everywhere else, and times it. Raises
 * FG_TOOLCHAIN where that is not possible. */
typedef fg_trial fg_trial_fn(void *user, const fg_tuning *tuning, int candidate);

typedef struct fg_tune_result {
    fg_choice *choices; /* of every kernel that has one, in the model's order */
    int n;
    int trials;                         /* candidates timed, the model's own included */
    int changed;                        /* choices that are not the model's */
    double seconds, model_ms, tuned_ms; /* ms: sum over all kernels, before and with the choices */
} fg_tune_result;

/* Times candidate after candidate until `seconds` are used up, then all winners together. A choice must beat
 * the cost model's by more than 2 %, and all of them together must not be slower than the model's, else the
 * model's are kept. */
fg_tune_result fg_tune(fg_context *ctx, double seconds, fg_trial_fn *trial, void *user);

/* The text of a tune file; *n bytes and a zero. Raises FG_USAGE if it cannot be read or is too long for one.
 */
const char *fg_tune_read(fg_context *ctx, const char *path, size_t *n);

#endif
