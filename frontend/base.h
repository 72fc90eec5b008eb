/* The ground every stage stands on: one context per compilation with its memory, its error exit and its
 * limits.
 *
 * Invariants
 * - All memory of a compilation is taken from its context: fg_alloc for the IR (never freed before the
 *   context), fg_big_alloc for tensor data (freed when no longer needed, and with the context at the latest).
 * - No allocation returns NULL: exhaustion, like every other failure, leaves through fg_raise to the nearest
 *   fg_try. Code between fg_try and fg_raise therefore holds no resource that the context does not know
 *   (fg_defer).
 * - fg_raise never exits the process and never prints; main prints the diagnostic.
 */
#ifndef FG_FRONTEND_BASE_H
#define FG_FRONTEND_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__GNUC__)
#define FG_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define FG_PRINTF(f, a)
#endif

#define FG_COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Exit codes of the command line; the values are a documented contract. */
typedef enum fg_status {
    FG_OK = 0,
    FG_USAGE = 1,       /* wrong command line */
    FG_BAD_MODEL = 2,   /* model cannot be read or is invalid */
    FG_MISMATCH = 3,    /* generated code does not agree with the reference */
    FG_UNSUPPORTED = 4, /* operator, type, dynamic dimension or size not supported */
    FG_TOOLCHAIN = 5,   /* target's compiler or emulator missing or failed */
    FG_OUTPUT = 6,      /* output cannot be written */
    FG_INTERNAL = 70    /* a bug of ours; the message names the pass */
} fg_status;

typedef struct fg_diagnostic {
    fg_status status;
    char file[256];     /* model file as the user named it; empty if none */
    char node[160];     /* node's name, or "#12" (its index) if it has none; empty if no node is to blame */
    char op[64];        /* operator type of that node */
    char attribute[64]; /* attribute or operand to blame; empty if none */
    char message[512];  /* what is wrong */
    char remedy[1024];  /* what to do about it; empty if nothing can be advised */
} fg_diagnostic;

struct fg_node;
typedef struct fg_context fg_context;

/* Progress of long work; total <= 0: unknown. NULL callback: silent. */
typedef void fg_progress_fn(void *user, const char *stage, int done, int total);

/* Limits against hostile or oversized input; see --max-bytes, --max-work and --max-text. */
typedef struct fg_limits {
    int64_t bytes; /* of planned tensors */
    int64_t work;  /* multiply-adds of folding and verification */
    int64_t text;  /* of a string that generated code makes, its end included */
} fg_limits;

fg_context *fg_context_new(void); /* NULL only if the first allocation fails */
void fg_context_free(fg_context *ctx);

const fg_diagnostic *fg_context_diagnostic(const fg_context *ctx);
fg_limits *fg_context_limits(fg_context *ctx);
void fg_context_set_file(fg_context *ctx, const char *model_file); /* copied */
const char *fg_context_file(const fg_context *ctx);
void fg_context_set_progress(fg_context *ctx, fg_progress_fn *fn, void *user);
void fg_progress(fg_context *ctx, const char *stage, int done, int total);

/* The node that work is about: every diagnostic raised meanwhile names it. NULL: none. */
void fg_context_set_node(fg_context *ctx, const struct fg_node *node);

/* ---- errors ---- */

/* Runs body(ctx, arg); returns FG_OK, or the status that was raised (see fg_context_diagnostic). Nests. */
fg_status fg_try(fg_context *ctx, void (*body)(fg_context *ctx, void *arg), void *arg);

/* Leaves to the nearest fg_try. Message without final full stop. Example:
 *     fg_remedy(ctx, "pin it with --dim %s=1", name);
 *     fg_raise(ctx, FG_UNSUPPORTED, "dimension '%s' of input '%s' is not known", name, input); */
_Noreturn void fg_raise(fg_context *ctx, fg_status status, const char *format, ...) FG_PRINTF(3, 4);
/* remedy of the next fg_raise */
void fg_remedy(fg_context *ctx, const char *format, ...) FG_PRINTF(2, 3);
/* attribute of the next fg_raise */
void fg_blame_attribute(fg_context *ctx, const char *attribute);

/* An invariant of ours does not hold: raises FG_INTERNAL naming pass and text; never abort(). */
#define FG_REQUIRE(ctx, pass, condition)                                                                     \
    ((condition) ? (void)0 : fg_raise((ctx), FG_INTERNAL, "%s: %s does not hold", (pass), #condition))

/* Registers a release of something that is not memory (a mapping, a file, a compiler state), run with the
 * context. */
void fg_defer(fg_context *ctx, void (*release)(void *), void *resource);
void fg_undefer(fg_context *ctx, void *resource); /* forgets it: the caller has released it */

/* ---- memory ---- */

/* zeroed, aligned for any type; overflow is refused */
void *fg_alloc(fg_context *ctx, size_t count, size_t size);
#define FG_NEW(ctx, type)          ((type *)fg_alloc((ctx), 1, sizeof(type)))
#define FG_ARRAY(ctx, count, type) ((type *)fg_alloc((ctx), (size_t)(count), sizeof(type)))
char *fg_strdup(fg_context *ctx, const char *s);
char *fg_strndup(fg_context *ctx, const char *s, size_t n);
char *fg_format(fg_context *ctx, const char *format, ...) FG_PRINTF(2, 3);

/* 64-byte aligned, zeroed; counted against limits->bytes */
void *fg_big_alloc(fg_context *ctx, size_t bytes);
void fg_big_free(fg_context *ctx, void *p); /* NULL is fine */

/* Product of non-negative extents; raises FG_UNSUPPORTED if it exceeds int64 or limits->bytes elements. */
int64_t fg_checked_product(fg_context *ctx, int n, const int64_t *extents);

/* ---- growing text ---- */

typedef struct fg_text {
    fg_context *ctx;
    char *data; /* always terminated once anything was added; NULL before */
    size_t length, capacity;
} fg_text;

fg_text fg_text_new(fg_context *ctx); /* lives in the context as a big allocation */
void fg_text_add(fg_text *t, const char *s);
void fg_text_addn(fg_text *t, const char *s, size_t n);
void fg_text_printf(fg_text *t, const char *format, ...) FG_PRINTF(2, 3);
void fg_text_free(fg_text *t);

#endif
