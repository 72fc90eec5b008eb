/* The context of a compilation: its memory, its error exit, its limits. */
#include "frontend/base.h"

#include <limits.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/graph.h"

#define BLOCK_BYTES   ((size_t)64 << 10)
#define BIG_ALIGN     ((size_t)64)
#define DEFAULT_BYTES ((int64_t)8 << 30)
#define DEFAULT_WORK  ((int64_t)1000000000000)
#define DEFAULT_TEXT  ((int64_t)256)

/* Small objects are cut from blocks; the header keeps what follows it aligned for any type. */
typedef struct block {
    struct block *next;
    size_t used, size;
    max_align_t data[];
} block;

/* Stands in the 64 bytes before the address handed out. */
typedef struct big {
    struct big *prev, *next;
    void *raw; /* what calloc returned */
    size_t bytes;
} big;

_Static_assert(sizeof(big) <= BIG_ALIGN, "the header of a big allocation fits into its alignment");

typedef struct deferred {
    struct deferred *next;
    void (*release)(void *);
    void *resource;
} deferred;

typedef struct handler {
    struct handler *outer;
    jmp_buf jump;
} handler;

struct fg_context {
    block *blocks;
    big bigs; /* head of a ring */
    deferred *deferred;
    handler *handler;
    size_t big_bytes;
    fg_limits limits;
    fg_diagnostic diagnostic;
    char file[256];
    char remedy[1024];
    char attribute[64];
    const fg_node *node;
    fg_progress_fn *progress;
    void *progress_user;
};

static void copy_text(char *to, size_t size, const char *from) {
    size_t n = from ? strnlen(from, size - 1) : 0;
    if (n) memcpy(to, from, n);
    to[n] = 0;
}

/* ---- context ---- */

fg_context *fg_context_new(void) {
    fg_context *ctx = calloc(1, sizeof *ctx);
    if (!ctx) return NULL;
    ctx->bigs.prev = ctx->bigs.next = &ctx->bigs;
    ctx->limits.bytes = DEFAULT_BYTES;
    ctx->limits.work = DEFAULT_WORK;
    ctx->limits.text = DEFAULT_TEXT;
    return ctx;
}

void fg_context_free(fg_context *ctx) {
    if (!ctx) return;
    while (ctx->deferred) { /* newest first; the records themselves live in blocks */
        deferred *d = ctx->deferred;
        ctx->deferred = d->next;
        d->release(d->resource);
    }
    for (big *b = ctx->bigs.next, *next; b != &ctx->bigs; b = next) {
        next = b->next;
        free(b->raw);
    }
    for (block *b = ctx->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(ctx);
}

const fg_diagnostic *fg_context_diagnostic(const fg_context *ctx) {
    return &ctx->diagnostic;
}
fg_limits *fg_context_limits(fg_context *ctx) {
    return &ctx->limits;
}
const char *fg_context_file(const fg_context *ctx) {
    return ctx->file;
}

void fg_context_set_file(fg_context *ctx, const char *model_file) {
    copy_text(ctx->file, sizeof ctx->file, model_file);
}

void fg_context_set_progress(fg_context *ctx, fg_progress_fn *fn, void *user) {
    ctx->progress = fn;
    ctx->progress_user = user;
}

void fg_progress(fg_context *ctx, const char *stage, int done, int total) {
    if (ctx->progress) ctx->progress(ctx->progress_user, stage, done, total);
}

void fg_context_set_node(fg_context *ctx, const fg_node *node) {
    ctx->node = node;
}

/* ---- errors ---- */

fg_status fg_try(fg_context *ctx, void (*body)(fg_context *ctx, void *arg), void *arg) {
    handler here;
    const fg_node *const node = ctx->node;
    here.outer = ctx->handler;
    ctx->handler = &here;
    fg_status status = FG_OK;
    if (setjmp(here.jump) == 0)
        body(ctx, arg);
    else
        status = ctx->diagnostic.status;
    ctx->handler = here.outer;
    ctx->node = node;
    return status;
}

static void diagnose_node(fg_diagnostic *d, const fg_node *node) {
    if (!node) return;
    if (node->name && *node->name)
        copy_text(d->node, sizeof d->node, node->name);
    else
        snprintf(d->node, sizeof d->node, "#%d", node->index);
    copy_text(d->op, sizeof d->op, node->op_type);
}

_Noreturn void fg_raise(fg_context *ctx, fg_status status, const char *format, ...) {
    fg_diagnostic d = {.status = status};
    va_list args;
    va_start(args, format);
    vsnprintf(d.message, sizeof d.message, format, args);
    va_end(args);
    copy_text(d.file, sizeof d.file, ctx->file);
    copy_text(d.remedy, sizeof d.remedy, ctx->remedy);
    copy_text(d.attribute, sizeof d.attribute, ctx->attribute);
    diagnose_node(&d, ctx->node);
    ctx->remedy[0] = ctx->attribute[0] = 0;
    ctx->diagnostic = d;
    /* Nothing in fusegen runs outside of fg_try; were it so, there is no frame that could be returned to. */
    if (!ctx->handler) _Exit(FG_INTERNAL);
    longjmp(ctx->handler->jump, 1);
}

void fg_remedy(fg_context *ctx, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(ctx->remedy, sizeof ctx->remedy, format, args);
    va_end(args);
}

void fg_blame_attribute(fg_context *ctx, const char *attribute) {
    copy_text(ctx->attribute, sizeof ctx->attribute, attribute);
}

void fg_defer(fg_context *ctx, void (*release)(void *), void *resource) {
    deferred *d = FG_NEW(ctx, deferred);
    *d = (deferred){ctx->deferred, release, resource};
    ctx->deferred = d;
}

void fg_undefer(fg_context *ctx, void *resource) {
    for (deferred **d = &ctx->deferred; *d; d = &(*d)->next)
        if ((*d)->resource == resource) {
            *d = (*d)->next;
            return;
        }
}

/* ---- memory ---- */

_Noreturn static void out_of_memory(fg_context *ctx, size_t bytes) {
    fg_raise(ctx, FG_UNSUPPORTED, "out of memory (%zu bytes more were needed)", bytes);
}

/* Blocks too full for a request stay behind the newest; a request beyond a quarter block gets one of its own
 * there. */
static block *new_block(fg_context *ctx, size_t bytes) {
    bool own = bytes > BLOCK_BYTES / 4;
    size_t size = own ? bytes : BLOCK_BYTES;
    block *b = size <= SIZE_MAX - sizeof *b ? calloc(1, sizeof *b + size) : NULL;
    if (!b) out_of_memory(ctx, bytes);
    b->size = size;
    if (own && ctx->blocks) {
        b->next = ctx->blocks->next;
        ctx->blocks->next = b;
    } else {
        b->next = ctx->blocks;
        ctx->blocks = b;
    }
    return b;
}

void *fg_alloc(fg_context *ctx, size_t count, size_t size) {
    const size_t unit = _Alignof(max_align_t);
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2) out_of_memory(ctx, SIZE_MAX);
    bytes = bytes ? (bytes + unit - 1) / unit * unit : unit;
    block *b = ctx->blocks;
    if (!b || b->size - b->used < bytes) b = new_block(ctx, bytes);
    void *p = (char *)b->data + b->used;
    b->used += bytes;
    return p;
}

char *fg_strndup(fg_context *ctx, const char *s, size_t n) {
    char *copy = fg_alloc(ctx, n + 1, 1);
    if (n) memcpy(copy, s, n);
    return copy;
}

char *fg_strdup(fg_context *ctx, const char *s) {
    return fg_strndup(ctx, s, strlen(s));
}

char *fg_format(fg_context *ctx, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *s = fg_alloc(ctx, (size_t)(n < 0 ? 0 : n) + 1, 1);
    if (n > 0) vsnprintf(s, (size_t)n + 1, format, again);
    va_end(again);
    return s;
}

void *fg_big_alloc(fg_context *ctx, size_t bytes) {
    size_t limit = ctx->limits.bytes > 0 ? (size_t)ctx->limits.bytes : 0;
    if (bytes > limit || ctx->big_bytes > limit - bytes) {
        fg_remedy(ctx, "raise the limit with --max-bytes if the model is trusted");
        fg_raise(ctx, FG_UNSUPPORTED,
                 "%zu bytes of tensors are needed beside %zu, more than the limit of %zu", bytes,
                 ctx->big_bytes, limit);
    }
    void *raw = bytes <= SIZE_MAX - 2 * BIG_ALIGN ? calloc(1, bytes + 2 * BIG_ALIGN) : NULL;
    if (!raw) out_of_memory(ctx, bytes);
    char *data = (char *)raw + BIG_ALIGN;
    data += (BIG_ALIGN - (uintptr_t)data % BIG_ALIGN) % BIG_ALIGN;
    big *b = (big *)(void *)(data - BIG_ALIGN);
    *b = (big){ctx->bigs.prev, &ctx->bigs, raw, bytes};
    b->prev->next = b->next->prev = b;
    ctx->big_bytes += bytes;
    return data;
}

void fg_big_free(fg_context *ctx, void *p) {
    if (!p) return;
    big *b = (big *)(void *)((char *)p - BIG_ALIGN);
    b->prev->next = b->next;
    b->next->prev = b->prev;
    ctx->big_bytes -= b->bytes;
    free(b->raw);
}

int64_t fg_checked_product(fg_context *ctx, int n, const int64_t *extents) {
    /* Zero extents do not excuse the others: strides are products of them too. */
    int64_t product = 1;
    bool empty = false;
    for (int i = 0; i < n; i++) {
        if (extents[i] < 0)
            fg_raise(ctx, FG_BAD_MODEL, "a dimension is negative (%lld)", (long long)extents[i]);
        if (extents[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(product, extents[i], &product) || product > ctx->limits.bytes) {
            fg_remedy(ctx, "raise the limit with --max-bytes if the model is trusted");
            fg_raise(ctx, FG_UNSUPPORTED, "a tensor has more elements than the limit of %lld bytes allows",
                     (long long)ctx->limits.bytes);
        }
    }
    return empty ? 0 : product;
}

/* ---- growing text ---- */

fg_text fg_text_new(fg_context *ctx) {
    return (fg_text){.ctx = ctx};
}

static void text_reserve(fg_text *t, size_t more) {
    if (t->capacity - t->length > more) return;
    size_t capacity;
    if (__builtin_add_overflow(t->length, more, &capacity) || capacity > SIZE_MAX / 4)
        out_of_memory(t->ctx, SIZE_MAX);
    capacity = capacity * 2 + 256;
    char *data = fg_big_alloc(t->ctx, capacity);
    if (t->length) memcpy(data, t->data, t->length);
    fg_big_free(t->ctx, t->data);
    t->data = data;
    t->capacity = capacity;
}

void fg_text_addn(fg_text *t, const char *s, size_t n) {
    text_reserve(t, n);
    if (n) memcpy(t->data + t->length, s, n);
    t->length += n;
    t->data[t->length] = 0;
}

void fg_text_add(fg_text *t, const char *s) {
    fg_text_addn(t, s, strlen(s));
}

void fg_text_printf(fg_text *t, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n >= 0) {
        text_reserve(t, (size_t)n);
        vsnprintf(t->data + t->length, (size_t)n + 1, format, again);
        t->length += (size_t)n;
    }
    va_end(again);
}

void fg_text_free(fg_text *t) {
    fg_big_free(t->ctx, t->data);
    *t = (fg_text){.ctx = t->ctx};
}
