/* Damaged models through the whole pipeline, verification aside: read, infer, canonicalise, partition,
 * generate. Whatever the file, there is code or a diagnostic that blames it; no crash, no leak (in the
 * sanitizer build), no hang, no complaint about ourselves. */
#ifndef FG_TESTS_FUZZ_H
#define FG_TESTS_FUZZ_H

#include "tests/tool.h"

#include "frontend/frontend.h"
#include "tests/generate.h"

#include <inttypes.h>
#include <sys/time.h>

#define FILE_NAME      "fuzz.onnx"
#define LIMIT_BYTES    (16 << 20)
#define LIMIT_WORK     10000000
#define SECONDS_OF_CPU 20 /* for one file; sound ones take milliseconds */

typedef struct trial {
    const char *folder, *model;
    uint64_t seed;
    uint8_t *data;
    size_t size;
    int made, refused; /* modules, diagnostics */
} trial;

static inline uint64_t trial_next(trial *t) { /* splitmix64 */
    uint64_t z = t->seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline void write_nothing(void *bytes, const char *text, size_t n) {
    (void)text;
    *(size_t *)bytes += n;
}

/* What is asked of a damaged model: a file, and options drawn at random. */
typedef struct request {
    const char *path;
    uint64_t options;
} request;

static inline void pipeline(fg_context *ctx, void *arg) {
    static const char *const targets[] = {"x86-64-v3", "generic", "cortex-m4f", "cortex-m55", "zen4"};
    static const fg_dtype weights[] = {FG_UNDEFINED, FG_UNDEFINED, FG_FLOAT16, FG_BFLOAT16};
    const request *r = arg;
    const fg_fusion_options fusion = {.fuse = r->options % 4 != 0,
                                      .optimize = (fg_optimize)(r->options / 4 % 3),
                                      .weights = weights[r->options / 12 % 4]};
    fg_codegen_options options = test_options();
    options.optimize = fusion.optimize;
    options.threads = r->options / 48 % 3 == 0 ? 3 : 1;
    size_t bytes = 0;
    fg_graph *read = fg_read_model(ctx, r->path, &(fg_read_options){0});
    fg_infer(read);
    const fg_target *target = fg_target_load(ctx, targets[r->options / 144 % 5]);
    const fg_module *m = fg_generate(test_partition(read, &fusion), target, &options);
    fg_emit_inline_weights(m, write_nothing, &bytes);
}

/* A hang ends the program by SIGVTALRM; the file remains. */
static inline void set_alarm(int seconds) {
    const struct itimerval timer = {.it_value = {.tv_sec = seconds}};
    assert_int_equal(setitimer(ITIMER_VIRTUAL, &timer, NULL), 0);
}

static inline void try_bytes(trial *t, const uint8_t *data, size_t size, const char *what) {
    tool_write(t->folder, FILE_NAME, data, size);
    char *path = tool_path(t->folder, FILE_NAME);
    fg_context *ctx = fg_context_new();
    assert_non_null(ctx);
    *fg_context_limits(ctx) = (fg_limits){.bytes = LIMIT_BYTES, .work = LIMIT_WORK};
    request r = {path, t->seed};
    set_alarm(SECONDS_OF_CPU);
    fg_status status = fg_try(ctx, pipeline, &r);
    set_alarm(0);
    const fg_diagnostic *d = fg_context_diagnostic(ctx);
    bool blamed = status == FG_BAD_MODEL || status == FG_UNSUPPORTED;
    if (status != FG_OK && (!blamed || !*d->message))
        fail_msg("%s, %s: status %d, node '%s' (%s): %s", t->model, what, status, d->node, d->op, d->message);
    t->made += status == FG_OK;
    t->refused += blamed;
    fg_context_free(ctx);
    free(path);
}

static inline trial new_trial(const char *folder, const char *model, uint64_t seed) {
    trial t = {.folder = folder, .model = model, .seed = seed};
    t.data = (uint8_t *)tool_read(*model == '/' ? "" : ".", model, &t.size);
    if (!t.data || !t.size) fail_msg("cannot read %s", model);
    return t;
}

#endif
