/* bench: what the generated file costs on this machine, as a whole and kernel by kernel. */
#ifndef FG_VERIFY_BENCH_H
#define FG_VERIFY_BENCH_H

#include "codegen/module.h"
#include "frontend/frontend.h"

typedef struct fg_timing {
    double min_ms, median_ms;
} fg_timing;

typedef struct fg_bench_kernel {
    fg_timing wall; /* of the kernel within passes over all kernels, so caches hold what they hold in a run */
    double gflops;  /* 2 * multiply-adds / median; 0 without multiply-adds */
    double gbps;    /* bytes the kernel must move / median */
    double share;   /* of the limit named by `against`, at the median; 0 if the target does not know it */
    const char *against; /* "peak" for kernels with multiply-adds; else the level whose bandwidth limits it:
                            "l2", "l3", "dram", the smallest that holds the kernel's bytes; "" if the target
                            does not know it */
} fg_bench_kernel;

#define FG_BENCH_CURVE 1000 /* most runs whose times are kept one by one */

typedef struct fg_bench {
    const char *why_not;     /* why nothing was timed; NULL if it was, else nothing below is set */
    const char *compiled_by; /* "gcc -O3 -march=x86-64-v4" */
    int runs;                /* timed, after the warm-up */
    int core;                /* that the thread was bound to; -1 if it could not be bound */
    double first_ms;         /* wall time of the very first run: page faults and cold caches included */
    fg_timing wall,
        cpu; /* of whole runs; cpu is this thread's own time, which others on the core do not change */
    double gflops, share;     /* of the whole run at the median: rate, and share of the target's peak */
    fg_bench_kernel *kernels; /* by kernel index */
    int n_kernels;
    double kernels_ms; /* sum of the kernels' medians */
    double *each_ms;   /* wall times of the runs in their order, from the very first, warm-up included */
    int n_each;
} fg_bench;

/* Compiles m with the target's compiler (or $CC) and times it on one core, which the thread is bound to
 * meanwhile. inputs: one per graph input (data NULL: random), or NULL; runs > 0. Raises FG_TOOLCHAIN if the
 * compiler is missing or refuses the text or this machine cannot execute it, FG_INTERNAL if the code does not
 * run to its end. */
fg_bench *fg_bench_run(const fg_module *m, const fg_tensor *inputs, uint64_t seed, int runs);

/* A copy in ctx, without its kernels. */
fg_bench *fg_bench_copy(fg_context *ctx, const fg_bench *b);

#endif
