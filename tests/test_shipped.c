/* The very files that users get: compiled as users compile them, linked with a main of theirs, run, and
 * compared with the interpreter. Verification binds the weights from outside and loads kernels one by one;
 * here nothing of that helps. */
#include "tests/onnx_writer.h"

#include "frontend/frontend.h"

#include <math.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})

/* A user's program: reads x.bin, writes y.bin; checks the codes for wrong pointers on the way. */
static const char user_program[] =
    "#include <stdio.h>\n"
    "#include \"out.h\"\n"
    "static float x[X_COUNT], y[Y_COUNT];\n"
    "#if defined(BLOB)\n"
    "#define RUN(a) out_run(&in, &out, a, aligned(blob_room))\n"
    "static unsigned char blob_room[OUT_WEIGHTS_BYTES + 64];\n"
    "#elif defined(POOL)\n"
    "static out_pool pool;\n"
    "static out_parallel parallel;\n"
    "#define RUN(a) out_run(&in, &out, a, pool_is_up ? &parallel : NULL)\n"
    "#elif defined(STATIC_ARENA)\n"
    "#define RUN(a) out_run(&in, &out)\n"
    "#else\n"
    "#define RUN(a) out_run(&in, &out, a)\n"
    "#endif\n"
    "#if !defined(STATIC_ARENA)\n"
    "static unsigned char arena_room[OUT_ARENA_BYTES + 2 * OUT_ARENA_ALIGN + 64];\n"
    "static unsigned char *aligned(unsigned char *p) { return p + (64 - (size_t)p % 64) % 64; }\n"
    "#endif\n"
    "int main(void) {\n"
    "#if defined(POOL)\n"
    "    int pool_is_up = 0;\n"
    "#endif\n"
    "    out_inputs in = {x};\n"
    "    out_outputs out = {y};\n"
    "    FILE *f = fopen(\"x.bin\", \"rb\");\n"
    "    if (!f || fread(x, sizeof *x, X_COUNT, f) != X_COUNT || fclose(f)) return 10;\n"
    "#if defined(BLOB)\n"
    "    f = fopen(\"out.weights\", \"rb\");\n"
    "    if (!f || fread(aligned(blob_room), 1, OUT_WEIGHTS_BYTES, f) != OUT_WEIGHTS_BYTES || fclose(f)) "
    "return 11;\n"
    "#endif\n"
    "#if !defined(STATIC_ARENA)\n"
    "    if (RUN(NULL) >= 0) return 12;\n"
    "    if (OUT_ARENA_ALIGN > 1 && RUN(aligned(arena_room) + 1) >= 0) return 13;\n"
    "    for (size_t i = 0; i < sizeof arena_room; i++) arena_room[i] = 0xFF;\n" /* floats that are NaN */
    "#endif\n"
    "    in.IN = NULL;\n"
    "    if (RUN(aligned(arena_room)) >= 0) return 14;\n"
    "    in.IN = x;\n"
    "#if defined(POOL)\n"
    "    if (RUN(aligned(arena_room)) != 0) return 17;\n" /* NULL: on this thread alone */
    "    if (out_pool_init(&pool, &parallel) != 0) return 18;\n"
    "    pool_is_up = 1;\n"
    "#endif\n"
    "    for (int i = 0; i < 2; i++) {\n" /* the second run must not see the first */
    "        int code = RUN(aligned(arena_room));\n"
    "        if (code != 0) return 15;\n"
    "    }\n"
    "#if defined(POOL)\n"
    "    out_pool_done(&pool);\n"
    "#endif\n"
    "    f = fopen(\"y.bin\", \"wb\");\n"
    "    if (!f || fwrite(y, sizeof *y, Y_COUNT, f) != Y_COUNT || fclose(f)) return 16;\n"
    "    return 0;\n"
    "}\n";

/* ---- the answer ---- */

typedef struct answer {
    const char *model;
    float *x, *y;
    size_t n_x, n_y;
} answer;

static float *copy_floats(const fg_tensor *t, size_t *n) {
    *n = (size_t)fg_shape_count(&t->shape);
    float *copy = malloc(*n * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, t->data, *n * sizeof *copy);
    return copy;
}

static void compute(fg_context *ctx, void *arg) {
    answer *a = arg;
    fg_read_options none = {0};
    fg_graph *g = fg_read_model(ctx, a->model, &none);
    fg_infer(g);
    fg_tensor in = fg_random_input(ctx, g->inputs[0], 7);
    fg_run *run = fg_interpret(g, &in, NULL, false);
    a->x = copy_floats(&in, &a->n_x);
    a->y = copy_floats(fg_run_value(run, g->outputs[0]), &a->n_y);
}

static answer answer_of(const char *model) {
    answer a = {.model = model};
    fg_context *ctx = fg_context_new();
    assert_non_null(ctx);
    assert_int_equal(fg_try(ctx, compute, &a), FG_OK);
    fg_context_free(ctx);
    return a;
}

static void expect_answer(const char *folder, const answer *a) {
    size_t bytes;
    double square = 0, worst = 0;
    float *y = (float *)(void *)tool_read(folder, "y.bin", &bytes);
    assert_non_null(y);
    assert_int_equal(bytes, a->n_y * sizeof *y);
    for (size_t i = 0; i < a->n_y; i++) {
        double difference = fabs((double)y[i] - (double)a->y[i]);
        square += (double)a->y[i] * (double)a->y[i];
        if (!(difference <= worst)) worst = difference; /* NaN counts as worst */
    }
    double error = worst / sqrt(square / (double)a->n_y);
    if (!(error <= 1e-4)) print_error("error %g of RMS\n", error);
    assert_true(error <= 1e-4);
    free(y);
}

/* ---- compiling and running ---- */

static int have(const char *folder, const char *compiler) {
    tool_result r = tool_run_program(folder, compiler, ARGS("--version"));
    int found = r.status == 0;
    tool_free(&r);
    return found;
}

/* Every warning is an error: the code goes into projects that insist. */
static void compile_and_run(const char *folder, const char *compiler, const char *standard,
                            const char *optimise, const char *const *defines, const answer *a) {
    tool_result r =
        tool_run_program(folder, compiler,
                         ARGS(standard, optimise, "-march=native", "-Wall", "-Wextra", "-Wconversion",
                              "-Wshadow", "-Wpedantic", "-Werror", "-c", "out.c"));
    tool_expect(&r, 0);
    tool_free(&r);
    r = tool_run_program(folder, compiler,
                         ARGS(standard, "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", defines[0],
                              defines[1], defines[2], defines[3], "main.c", "out.o", "-lm", "-pthread", "-o",
                              "program"));
    tool_expect(&r, 0);
    tool_free(&r);
    r = tool_run_program(folder, "./program", (const char *[]){NULL});
    tool_expect(&r, 0);
    tool_free(&r);
    expect_answer(folder, a);
}

static void prepare(const char *folder, const answer *a) {
    tool_write(folder, "main.c", user_program, sizeof user_program - 1);
    tool_write(folder, "x.bin", a->x, a->n_x * sizeof *a->x);
}

/* ---- tests ---- */

static const char *const small_names[] = {"-DX_COUNT=OUT_X_COUNT", "-DY_COUNT=OUT_Y_COUNT", "-DIN=x"};

/* second: another option, or NULL. */
static void small_network_ships(const char *option, const char *second, const char *define) {
    static const char *const compilers[] = {"gcc", "clang"};
    static const char *const standards[] = {"-std=c99", "-std=gnu17"};
    char folder[] = TOOL_FOLDER;
    onnx_model m = onnx_new(17);
    tool_folder(folder);
    onnx_small_network(&m, "conv", "relu");
    onnx_save(&m, folder, "model.onnx");
    char *model = tool_path(folder, "model.onnx");
    answer a = answer_of(model);
    prepare(folder, &a);
    tool_result r = tool_run(folder, ARGS("model.onnx", "-o", "out.c", option, second));
    tool_expect(&r, 0);
    tool_free(&r);
    const char *defines[] = {small_names[0], small_names[1], small_names[2], define};
    for (int c = 0; c < 2; c++) {
        if (!have(folder, compilers[c])) continue;
        for (int s = 0; s < 2; s++) compile_and_run(folder, compilers[c], standards[s], "-O2", defines, &a);
    }
    free(model);
    free(a.x);
    free(a.y);
    tool_remove(folder);
}

static void inline_weights_ship(void **state) {
    (void)state;
    small_network_ships("--weights=inline", NULL, "-DINLINE");
}

static void included_weights_ship(void **state) {
    (void)state;
    small_network_ships("--weights=incbin", NULL, "-DINCBIN");
}

static void a_blob_of_weights_ships(void **state) {
    (void)state;
    small_network_ships("--weights=blob", NULL, "-DBLOB");
}

static void a_static_arena_ships(void **state) {
    (void)state;
    small_network_ships("--arena=static", NULL, "-DSTATIC_ARENA");
}

static void unfused_code_ships(void **state) {
    (void)state;
    small_network_ships("--no-fuse", NULL, "-DINLINE");
}

static void code_for_any_processor_ships(void **state) {
    (void)state;
    small_network_ships("--target=generic", NULL, "-DINLINE");
}

static void a_pool_of_threads_ships(void **state) {
    (void)state;
    small_network_ships("--threads=3", "--threads-pool", "-DPOOL");
}

static void the_header_is_good_cplusplus(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    if (!have(folder, "g++")) {
        tool_remove(folder);
        skip();
    }
    onnx_model m = onnx_new(17);
    onnx_named_network(&m, "conv", "relu", "class", "new");
    onnx_save(&m, folder, "model.onnx");
    tool_result r = tool_run(folder, ARGS("model.onnx", "-o", "out.c"));
    tool_expect(&r, 0);
    tool_free(&r);
    r = tool_run_program(folder, "g++",
                         ARGS("-x", "c++", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "out.h"));
    tool_expect(&r, 0);
    tool_free(&r);
    tool_remove(folder);
}

/* 21 MB of weights as literals: trigraphs, line lengths and escapes occur by chance in so much text. */
static void efficientnet_ships_with_inline_weights(void **state) {
    static const char *const compilers[] = {"gcc", "clang"};
    static const char *const defines[] = {"-DX_COUNT=OUT_INPUT_COUNT", "-DY_COUNT=OUT_OUTPUT_COUNT",
                                          "-DIN=input", "-DINLINE"};
    static const char model[] = FG_SOURCE_DIR "/tests/models/efficientnet_b0.graph.onnx";
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    answer a = answer_of(model);
    prepare(folder, &a);
    tool_result r = tool_run(folder, ARGS(model, "-o", "out.c", "--verify=none"));
    tool_expect(&r, 0);
    tool_free(&r);
    for (int c = 0; c < 2; c++)
        if (have(folder, compilers[c])) compile_and_run(folder, compilers[c], "-std=c99", "-O1", defines, &a);
    free(a.x);
    free(a.y);
    tool_remove(folder);
}

/* What an optimiser knows of kernels that are static, with all their callers in sight, shows in no other
 * test: verification of one kernel after the other calls them from outside. */
static void optimised_network_ships(const char *file, const char *const *defines) {
    static const char *const ways[][2] = {{"gcc", "-O2"}, {"gcc", "-O3"}, {"clang", "-O3"}};
    char folder[] = TOOL_FOLDER;
    tool_folder(folder);
    char *model = tool_path(FG_SOURCE_DIR "/tests/models", file);
    answer a = answer_of(model);
    prepare(folder, &a);
    tool_result r = tool_run(folder, ARGS(model, "-o", "out.c", "--verify=none"));
    tool_expect(&r, 0);
    tool_free(&r);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (have(folder, ways[i][0]))
            compile_and_run(folder, ways[i][0], "-std=c99", ways[i][1], defines, &a);
    free(model);
    free(a.x);
    free(a.y);
    tool_remove(folder);
}

static const char *const plain_names[] = {"-DX_COUNT=OUT_INPUT_COUNT", "-DY_COUNT=OUT_OUTPUT_COUNT",
                                          "-DIN=input", "-DINLINE"};

static void an_optimised_bottleneck_ships(void **state) {
    static const char *const names[] = {"-DX_COUNT=OUT_X_COUNT", "-DY_COUNT=OUT_Y_COUNT", "-DIN=x",
                                        "-DINLINE"};
    (void)state;
    optimised_network_ships("golden_mbconv.onnx", names);
}

static void optimised_depthwise_blocks_ship(void **state) {
    (void)state;
    optimised_network_ships("ds_cnn.graph.onnx", plain_names);
}

static void optimised_residual_blocks_ship(void **state) {
    (void)state;
    optimised_network_ships("resnet8.graph.onnx", plain_names);
}

static void an_optimised_transform_and_recurrent_layer_ship(void **state) {
    static const char *const names[] = {"-DX_COUNT=OUT_WAVEFORM_COUNT", "-DY_COUNT=OUT_PROBABILITIES_COUNT",
                                        "-DIN=waveform", "-DINLINE"};
    (void)state;
    optimised_network_ships("keyword_spotter.graph.onnx", names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inline_weights_ship),
        cmocka_unit_test(included_weights_ship),
        cmocka_unit_test(a_blob_of_weights_ships),
        cmocka_unit_test(a_static_arena_ships),
        cmocka_unit_test(unfused_code_ships),
        cmocka_unit_test(code_for_any_processor_ships),
        cmocka_unit_test(a_pool_of_threads_ships),
        cmocka_unit_test(the_header_is_good_cplusplus),
        cmocka_unit_test(efficientnet_ships_with_inline_weights),
        cmocka_unit_test(an_optimised_bottleneck_ships),
        cmocka_unit_test(optimised_depthwise_blocks_ship),
        cmocka_unit_test(optimised_residual_blocks_ship),
        cmocka_unit_test(an_optimised_transform_and_recurrent_layer_ship),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
