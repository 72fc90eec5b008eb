/* Bytes of models changed and files cut short; see tests/fuzz.h.
 *
 *     test_fuzz                         what continuous integration runs
 *     test_fuzz SEED COUNT FILE...      COUNT changes of each file; leaves the last one in fuzz.onnx if it
 *                                       ends the program
 */
#include "tests/fuzz.h"

#define TRUNCATIONS 200
#define CHANGES     2000

/* Beside zeros there are mostly weights, where any value will do: such places are drawn less often. */
static size_t draw_place(trial *t) {
    size_t at = 0;
    for (int attempt = 0; attempt < 4; attempt++) {
        at = trial_next(t) % t->size;
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
        for (uint64_t n = 1 + trial_next(t) % 3; n > 0; n--) copy[draw_place(t)] = (uint8_t)trial_next(t);
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
