/* Damaged models through the whole pipeline, verification aside: read, infer, canonicalise, partition,
 * generate. Whatever the file, there is code or a diagnostic that blames it; no crash, no leak (in the
 * sanitizer build), no hang, no complaint about ourselves.
 *
 *     test_fuzz                         what continuous integration runs
 *     test_fuzz SEED COUNT FILE...      COUNT changes of each file; leaves the last one in fuzz.onnx if it
 *                                       ends the program
 */
#include "tests/tool.h"

#include "codegen/module.h"
#include "frontend/frontend.h"

#include <inttypes.h>
#include <sys/time.h>

#define FILE_NAME      "fuzz.onnx"
#define TRUNCATIONS    200
#define CHANGES        2000
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

static uint64_t next(trial *t) { /* splitmix64 */
    uint64_t z = t->seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void write_nothing(void *bytes, const char *text, size_t n) {
    (void)text;
    *(size_t *)bytes += n;
}

static void pipeline(fg_context *ctx, void *path) {
    const fg_fusion_options fusion = {.fuse = true};
    const fg_codegen_options options = {.prefix = "p",
                                        .file_stem = "p",
                                        .model_file = "p.onnx",
                                        .command = "",
                                        .version = "0",
                                        .weights = FG_WEIGHTS_INLINE,
                                        .threads = 1,
                                        .fault_kernel = -1};
    size_t bytes = 0;
    fg_graph *read = fg_read_model(ctx, path, &(fg_read_options){0});
    fg_infer(read);
    fg_graph *g = fg_graph_clone(read);
    fg_canonicalise(g, &fusion);
    fg_partition *p = fg_partition_graph(g, &fusion);
    fg_module *m = fg_generate(p, fg_target_load(ctx, "x86-64-v3"), &options);
    fg_emit_inline_weights(m, write_nothing, &bytes);
}

/* A hang ends the program by SIGVTALRM; the file remains. */
static void set_alarm(int seconds) {
    const struct itimerval timer = {.it_value = {.tv_sec = seconds}};
    assert_int_equal(setitimer(ITIMER_VIRTUAL, &timer, NULL), 0);
}

static void try_bytes(trial *t, const uint8_t *data, size_t size, const char *what) {
    tool_write(t->folder, FILE_NAME, data, size);
    char *path = tool_path(t->folder, FILE_NAME);
    fg_context *ctx = fg_context_new();
    assert_non_null(ctx);
    *fg_context_limits(ctx) = (fg_limits){.bytes = LIMIT_BYTES, .work = LIMIT_WORK};
    set_alarm(SECONDS_OF_CPU);
    fg_status status = fg_try(ctx, pipeline, path);
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

/* Beside zeros there are mostly weights, where any value will do: such places are drawn less often. */
static size_t draw_place(trial *t) {
    size_t at = 0;
    for (int attempt = 0; attempt < 4; attempt++) {
        at = next(t) % t->size;
        size_t from = at < 2 ? 0 : at - 2, to = at + 3 < t->size ? at + 3 : t->size;
        if (!memchr(t->data + from, 0, to - from)) break;
    }
    return at;
}

static void change_bytes(trial *t, int count) {
    uint8_t *copy = malloc(t->size);
    assert_non_null(copy);
    for (int i = 0; i < count; i++) {
        char what[64];
        uint64_t seed = t->seed;
        memcpy(copy, t->data, t->size);
        for (uint64_t n = 1 + next(t) % 3; n > 0; n--) copy[draw_place(t)] = (uint8_t)next(t);
        (void)snprintf(what, sizeof what, "changed with seed %" PRIu64, seed);
        try_bytes(t, copy, t->size, what);
    }
    free(copy);
}

static void truncate_bytes(trial *t) {
    for (size_t i = 0; i < TRUNCATIONS; i++) {
        char what[64];
        size_t size = t->size * i / TRUNCATIONS;
        (void)snprintf(what, sizeof what, "cut to %zu bytes", size);
        try_bytes(t, t->data, size, what);
    }
}

static trial new_trial(const char *folder, const char *model, uint64_t seed) {
    trial t = {.folder = folder, .model = model, .seed = seed};
    t.data = (uint8_t *)tool_read(*model == '/' ? "" : ".", model, &t.size);
    if (!t.data || !t.size) fail_msg("cannot read %s", model);
    return t;
}

static void damaged_models_are_compiled_or_refused(const char *model) {
    char folder[] = TOOL_FOLDER;
    tool_folder(folder);
    trial t = new_trial(folder, model, 1);
    try_bytes(&t, t.data, t.size, "as it is");
    assert_int_equal(t.made, 1);
    truncate_bytes(&t);
    assert_int_equal(t.made, 1); /* nothing less than the whole file is a model */
    change_bytes(&t, CHANGES);
    assert_true(t.made > CHANGES / 100 &&
                t.refused > CHANGES / 10); /* both ends of the pipeline are reached */
    free(t.data);
    tool_remove(folder);
}

static void damaged_bottlenecks_are_compiled_or_refused(void **state) {
    (void)state;
    damaged_models_are_compiled_or_refused(FG_SOURCE_DIR "/tests/models/golden_mbconv.onnx");
}

static void damaged_branches_are_compiled_or_refused(void **state) {
    (void)state;
    damaged_models_are_compiled_or_refused(FG_SOURCE_DIR "/tests/models/golden_head.onnx");
}

static void damaged_residuals_are_compiled_or_refused(void **state) {
    (void)state;
    damaged_models_are_compiled_or_refused(FG_SOURCE_DIR "/tests/models/golden_residual.onnx");
}

static int fuzz(uint64_t seed, int count, char **files) {
    for (; *files; files++) {
        trial t = new_trial(".", *files, seed);
        change_bytes(&t, count);
        printf("%s: %d compiled, %d refused\n", *files, t.made, t.refused);
        free(t.data);
    }
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_bottlenecks_are_compiled_or_refused),
        cmocka_unit_test(damaged_branches_are_compiled_or_refused),
        cmocka_unit_test(damaged_residuals_are_compiled_or_refused),
    };
    if (argc > 3) return fuzz(strtoull(argv[1], NULL, 0), atoi(argv[2]), argv + 3);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
