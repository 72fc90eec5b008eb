/* codegen: kernels -> C text. The module is everything known about one generated file; verify and reports
 * read it.
 */
#ifndef FG_CODEGEN_MODULE_H
#define FG_CODEGEN_MODULE_H

#include "codegen/tuning.h"
#include "fusion/kernel.h"

/* Where the elements of a value lie: element (i0, i1, ...) is at base + offset + sum(i_d * stride[d]), in
 * elements. Channels-last values, views into concat buffers and values with a zero border (for convolutions
 * that read beyond the edge) differ from row-major ones in nothing but these numbers. */
typedef struct fg_layout {
    int64_t stride[FG_MAX_RANK];
    int64_t offset;
    int64_t elements;   /* that the root allocation spans */
    const int32_t *row; /* NULL; else the last dimension's run number i (all others count runs, row-major)
                           begins row[i] elements behind offset, and stride[] is that of a dense value */
    int64_t ring;       /* > 0: only so many rows (dimension 2) exist at a time, row y at y % ring */
} fg_layout;

typedef enum fg_place {
    FG_PLACE_NONE,
    FG_PLACE_ARENA,
    FG_PLACE_INPUT,
    FG_PLACE_OUTPUT,
    FG_PLACE_WEIGHTS
} fg_place;

/* Storage of one value of the rewritten graph. Several values may share memory (views). */
typedef struct fg_slot {
    fg_value *value;
    fg_place place; /* FG_PLACE_NONE: exists only inside a kernel, or folded into packed weights */
    int64_t base;   /* bytes from the start of arena or weights; index of the graph input or output */
    fg_layout layout;
    int first, last; /* kernels between which an arena slot lives (of the root allocation) */
} fg_slot;

typedef struct fg_kernel_text {
    fg_kernel *kernel;
    const char *symbol;                  /* C name without prefix; equals kernel->name */
    const char *tile;                    /* "14x2", or "" */
    const char *choice;                  /* what a tune file would say; NULL: there is none */
    const char *why;                     /* one line: why this tile and these loops */
    int64_t scratch_base, scratch_bytes; /* in the arena */
    int64_t kept_base, kept_bytes;       /* likewise, untouched until the run is over */
    int64_t weight_bytes;                /* of packed weights that it reads */
    int64_t again_macs;                  /* multiply-adds made more often than once, to keep less */
    int64_t bytes;                       /* moved: inputs, weights, outputs once */
    double predicted_ms;                 /* roofline on the target */
    int lines;
    int longest;        /* lines of the longest of its functions, before layout */
    const char *before; /* static functions of its own, "" if there are none */
    bool compact;       /* made with little text, because it would exceed the target's unroll_budget */
    bool parallel;      /* its text splits the work by part and parts */
    bool finish;        /* after all parts it is to be called once more, as part number `parts` */
} fg_kernel_text;

typedef enum fg_weights_mode { FG_WEIGHTS_INLINE, FG_WEIGHTS_INCBIN, FG_WEIGHTS_BLOB } fg_weights_mode;

typedef struct fg_codegen_options {
    const char *prefix;     /* symbol prefix, a C identifier */
    const char *file_stem;  /* name of the output file without folder and suffix */
    const char *model_file; /* without folder, for the provenance header */
    const char *command;    /* options in canonical order, for the provenance header */
    const char *version;
    fg_weights_mode weights;
    bool static_arena;
    bool exact;                 /* --exact: no Winograd */
    const char *const *compact; /* names of kernels to be made with little text, see fg_over_budget */
    int n_compact;
    fg_optimize optimize;    /* unless for speed, no Winograd and no Strassen: they take memory */
    int threads;             /* the most that P_run may be split into; 1: none */
    bool threads_pool;       /* emit a pool on pthreads too */
    const fg_tuning *tuning; /* measured choices; NULL: the cost model alone */
    int candidate;           /* tuning runs: the model's so many-th best choice everywhere; else 0 */
    int fault_kernel;        /* test hook: shift one index in this kernel's text; -1 none */
} fg_codegen_options;

typedef struct fg_module {
    fg_context *ctx;
    const fg_partition *partition; /* a copy of what was given, with the copies that layouts need */
    const fg_target *target;
    fg_codegen_options options;
    fg_slot *slots; /* by value id of partition->graph */
    int n_slots;
    fg_kernel_text *kernels; /* by kernel index */
    int n_kernels;
    uint8_t *weights; /* the packed blob */
    int64_t weights_bytes;
    int64_t arena_bytes, arena_lower_bound;
    int arena_align;
    char *header; /* text of PREFIX.h */
    char *source; /* text of PREFIX.c without the inline weight bytes: everything a reader reads */
    bool uses_libm;
    bool can_fail;      /* kernels may set the status that PREFIX_run returns */
    bool reads_numbers; /* to FG_FAIL_NUMBER, too */
} fg_module;

/* Plans, packs and emits. p stays as it is; the module, which shares its constants, lives in the context of
 * p's graph. The same arguments make the same bytes. */
fg_module *fg_generate(const fg_partition *p, const fg_target *target, const fg_codegen_options *options);

/* Names of the kernels that are to be made with little text: those that were asked to, and those that have a
 * function of more lines than the target's unroll_budget. If there are more than were asked for, the caller
 * generates again. */
const char *const *fg_over_budget(const fg_module *m, int *n);

/* True if some kernels are called again and again, by numbers of iterations that only a run knows. */
bool fg_has_loops(const fg_partition *p);

/* Appends the weight literals that complete `source` for FG_WEIGHTS_INLINE, by chunks through write (user's
 * file). */
void fg_emit_inline_weights(const fg_module *m, void (*write)(void *user, const char *text, size_t n),
                            void *user);

#endif
