/* Whole networks on any number of threads: the same bits from the code for one, for two, three and five, on
 * the calling thread alone and on the pool that comes with them, time after time. */
#include "tests/tool.h"

#include "frontend/base.h"

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})
#define MODELS    FG_SOURCE_DIR "/tests/models/"

/* A user's program: runs on its own thread, then forty times on the pool; writes the outputs. */
static const char user_program[] =
    "#include <stdio.h>\n"
    "#include <string.h>\n"
    "#include \"out.h\"\n"
    "static float x[IN_COUNT], y[OUT_COUNT], again[OUT_COUNT];\n"
    "static unsigned char room[OUT_ARENA_BYTES + 64];\n"
    "int main(void) {\n"
    "    unsigned char *arena = room + (64 - (size_t)room % 64) % 64;\n"
    "    const out_inputs in = {x};\n"
    "    const out_outputs out = {y};\n"
    "    for (unsigned i = 0, s = 1; i < IN_COUNT; i++) {\n"
    "        s = s * 1664525u + 1013904223u;\n"
    "        x[i] = (float)(s >> 8) / 8388608.0f - 1.0f;\n"
    "    }\n"
    "#if ONE\n"
    "    if (out_run(&in, &out, arena)) return 10;\n"
    "#else\n"
    "    static out_pool pool;\n"
    "    out_parallel parallel;\n"
    "    const out_outputs other = {again};\n"
    "    if (out_run(&in, &out, arena, NULL)) return 10;\n"
    "    if (out_pool_init(&pool, &parallel)) return 11;\n"
    "    for (int i = 0; i < 40; i++) {\n"
    "        memset(arena, i % 2 ? 0xFF : 0, OUT_ARENA_BYTES);\n"
    "        memset(again, 0, sizeof again);\n"
    "        if (out_run(&in, &other, arena, &parallel)) return 12;\n"
    "        if (memcmp(y, again, sizeof y)) return 13;\n"
    "    }\n"
    "    out_pool_done(&pool);\n"
    "#endif\n"
    "    FILE *f = fopen(\"y.bin\", \"wb\");\n"
    "    return !f || fwrite(y, sizeof *y, OUT_COUNT, f) != OUT_COUNT || fclose(f);\n"
    "}\n";

/* "-DNAME=OUT_..._COUNT" of the first (an input's) or the last (an output's) of these in the generated
 * header. */
static char *count_of(const char *folder, const char *name, bool last) {
    char *header = tool_read(folder, "out.h", NULL), *flag = calloc(1, 256);
    assert_non_null(header);
    assert_non_null(flag);
    for (char *line = strtok(header, "\n"); line && (last || !*flag); line = strtok(NULL, "\n")) {
        char macro[128];
        if (sscanf(line, "#define %127s", macro) != 1) continue;
        const size_t n = strlen(macro);
        if (n > 6 && strcmp(macro + n - 6, "_COUNT") == 0) (void)snprintf(flag, 256, "-D%s=%s", name, macro);
    }
    assert_true(*flag);
    free(header);
    return flag;
}

static void run(const char *folder, const char *program, const char *const *arguments) {
    tool_result r = tool_run_program(folder, program, arguments);
    tool_expect(&r, 0);
    tool_free(&r);
}

/* What the network answers on so many threads. */
static char *answer(const char *folder, const char *model, int threads, size_t *bytes) {
    char path[512], number[16];
    (void)snprintf(path, sizeof path, MODELS "%s", model);
    (void)snprintf(number, sizeof number, "%d", threads);
    run(folder, FG_TOOL,
        ARGS(path, "-o", "out.c", "-q", "--target", "host", "--verify=none", "--weights=incbin", "--threads",
             number, threads > 1 ? "--threads-pool" : "-q"));
    char *in = count_of(folder, "IN_COUNT", false), *out = count_of(folder, "OUT_COUNT", true);
    run(folder, "gcc",
        ARGS("-O1", "-march=native", "-pthread", threads > 1 ? "-DONE=0" : "-DONE=1", in, out, "main.c",
             "out.c", "-o", "program", "-lm"));
    run(folder, "./program", ARGS("-"));
    free(in);
    free(out);
    return tool_read(folder, "y.bin", bytes);
}

static void same_for_any_number(const char *model) {
    static const int numbers[] = {2, 3, 5};
    char folder[] = TOOL_FOLDER;
    size_t n_one, n;
    tool_folder(folder);
    tool_result gcc = tool_run_program(folder, "gcc", ARGS("--version"));
    const bool have = gcc.status == 0;
    tool_free(&gcc);
    if (!have) {
        tool_remove(folder);
        skip();
    }
    tool_write(folder, "main.c", user_program, strlen(user_program));
    char *one = answer(folder, model, 1, &n_one);
    assert_non_null(one);
    for (size_t i = 0; i < FG_COUNT(numbers); i++) {
        char *y = answer(folder, model, numbers[i], &n);
        assert_int_equal(n, n_one);
        if (memcmp(y, one, n) != 0) fail_msg("%s: other bits on %d threads", model, numbers[i]);
        free(y);
    }
    free(one);
    tool_remove(folder);
}

/* Stem, expand + depthwise by rows and by channels, squeezes, gates small and large, projections, a
 * classifier. */
static void gated_blocks_are_the_same_on_any_number_of_threads(void **state) {
    (void)state;
    same_for_any_number("mobilenet_v3_small.graph.onnx");
}

static void small_networks_are_the_same_on_any_number_of_threads(void **state) {
    (void)state;
    same_for_any_number("golden_mbconv.onnx");
    same_for_any_number("golden_residual.onnx");
    same_for_any_number("golden_head.onnx");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_networks_are_the_same_on_any_number_of_threads),
        cmocka_unit_test(gated_blocks_are_the_same_on_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
