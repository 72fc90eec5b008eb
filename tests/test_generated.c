/* What holds for every generated file, whatever the model: it compiles without a warning in strict projects,
 * needs no allocator, is the same text every time, multiplies and adds in one instruction, keeps the bytes of
 * its weights, and lives with others of its kind in one program and in several threads. */
#include "tests/tool.h"

#include "codegen/module.h"
#include "frontend/frontend.h"

#include <math.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})
#define MODELS    FG_SOURCE_DIR "/tests/models/"
#define WARNINGS                                                                                             \
    "-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Wdouble-promotion",          \
        "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wundef", "-Wvla", "-Wcast-qual", "-Werror"
#define RUN_BOUND 1e-4 /* of RMS; as --tolerance */

static const char *const compilers[] = {"gcc", "clang"};
static const char *const networks[] = {"efficientnet_b0", "resnet18", "mobilenet_v3_small", "googlenet"};

static const struct {
    const char *name, *march, *vector; /* vector: register of its fused multiply-adds, NULL: has none */
} targets[] = {{"generic", "-O1", NULL},
               {"x86-64", "-march=x86-64", NULL},
               {"x86-64-v3", "-march=x86-64-v3", "%ymm"},
               {"x86-64-v4", "-march=x86-64-v4", "%zmm"}};

/* ---- folders and programs ---- */

static int set_up(void **state) {
    static char folder[sizeof TOOL_FOLDER];
    memcpy(folder, TOOL_FOLDER, sizeof folder);
    tool_folder(folder);
    *state = folder;
    return 0;
}

static int tear_down(void **state) {
    tool_remove(*state);
    return 0;
}

static void run(const char *folder, const char *program, const char *const *arguments) {
    tool_result r = tool_run_program(folder, program, arguments);
    if (r.status != 0) print_error("%s %s ...\n", program, arguments[0] ? arguments[0] : "");
    tool_expect(&r, 0);
    tool_free(&r);
}

static bool have(const char *folder, const char *program) {
    tool_result r = tool_run_program(folder, program, ARGS("--version"));
    bool found = r.status == 0;
    if (!found) print_message("skipped: there is no %s\n", program);
    tool_free(&r);
    return found;
}

static void generate(const char *folder, const char *network, const char *target, const char *out,
                     const char *weights) {
    char model[256];
    (void)snprintf(model, sizeof model, MODELS "%s", network);
    run(folder, FG_TOOL, ARGS(model, "-o", out, "--target", target, weights, "--verify=none"));
}

/* ---- one object file ---- */

/* Everything that the object asks others for is in the list. */
static void needs_no_allocator(const char *folder) {
    static const char *const allowed[] = {"memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_",
                                          "expf",   "logf",   "powf",    "tanhf",
                                          "erff",   "sqrtf",  "fmaf",    "floorf"};
    tool_result r = tool_run_program(folder, "nm", ARGS("-u", "out.o"));
    tool_expect(&r, 0);
    for (char *word = strtok(r.out, " \n"); word; word = strtok(NULL, " \n")) {
        bool known = strcmp(word, "U") == 0;
        for (size_t i = 0; i < FG_COUNT(allowed); i++) known |= strcmp(word, allowed[i]) == 0;
        if (!known) fail_msg("generated code needs '%s'", word);
    }
    tool_free(&r);
}

/* Kernels whose inner loop is a sum of products of vectors. */
static bool is_dense(const char *symbol) {
    return strstr(symbol, "_conv_3x3") || strstr(symbol, "_project") || strstr(symbol, "_expand");
}

/* Every dense kernel has fused multiply-adds of whole vectors. -std=c99 forbids compilers to contract, so the
 * text has to ask for them. */
static void fuses_multiply_and_add(const char *folder, const char *vector) {
    int kernels = 0, count = 0;
    char symbol[512] = "";
    tool_result r = tool_run_program(folder, "objdump", ARGS("-d", "--no-show-raw-insn", "out.o"));
    tool_expect(&r, 0);
    for (char *line = strtok(r.out, "\n"); line; line = strtok(NULL, "\n")) {
        char *open = strchr(line, '<');
        if (open && line[0] != ' ' && strstr(open, ">:")) {
            if (is_dense(symbol) && count < 8) fail_msg("%s has %d fused multiply-adds", symbol, count);
            kernels += is_dense(symbol);
            count = 0;
            (void)snprintf(symbol, sizeof symbol, "%s", open + 1);
        }
        count += strstr(line, "vfmadd") && strstr(line, "ps ") && strstr(line, vector);
    }
    assert_true(kernels > 0);
    tool_free(&r);
}

static void compile_network(const char *folder, const char *network, size_t t, const char *weights) {
    char model[64];
    (void)snprintf(model, sizeof model, "%s.graph.onnx", network);
    generate(folder, model, targets[t].name, "out.c", weights);
    for (size_t c = 0; c < FG_COUNT(compilers); c++) {
        if (!have(folder, compilers[c])) continue;
        run(folder, compilers[c], ARGS(WARNINGS, "-O1", targets[t].march, "-c", "out.c"));
        needs_no_allocator(folder);
        if (targets[t].vector) fuses_multiply_and_add(folder, targets[t].vector);
    }
}

static void networks_compile_without_warnings_allocators_or_split_products(void **state) {
    for (size_t n = 0; n < FG_COUNT(networks); n++)
        for (size_t t = 0; t < FG_COUNT(targets); t++)
            compile_network(*state, networks[n], t, "--weights=blob");
}

static void inline_weights_compile_without_warnings(void **state) {
    for (size_t t = 0; t < FG_COUNT(targets); t += 3)
        compile_network(*state, "mobilenet_v3_small", t, "--weights=inline");
}

/* ---- the same text every time ---- */

static void expect_same(const char *folder, const char *a, const char *b) {
    size_t n_a, n_b;
    char *text_a = tool_read(folder, a, &n_a), *text_b = tool_read(folder, b, &n_b);
    assert_non_null(text_a);
    assert_non_null(text_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(text_a, text_b, n_a);
    free(text_a);
    free(text_b);
}

static void text_does_not_depend_on_run_or_folder(void **state) {
    const char *folder = *state;
    static const char *const files[] = {"out.c", "out.h", "out.weights"};
    char *inner = tool_path(folder, "inner");
    assert_int_equal(mkdir(inner, 0777), 0);
    run(folder, "cp", ARGS(MODELS "efficientnet_b0.graph.onnx", "efficientnet_b0.graph.onnx"));
    generate(folder, "efficientnet_b0.graph.onnx", "x86-64-v4", "out.c", "--weights=blob");
    run(inner, FG_TOOL,
        ARGS("--weights=blob", "--verify=none", "../efficientnet_b0.graph.onnx", "--target=x86-64-v4", "-o",
             "../inner/out.c"));
    for (size_t i = 0; i < FG_COUNT(files); i++) {
        char other[32];
        (void)snprintf(other, sizeof other, "inner/%s", files[i]);
        expect_same(folder, files[i], other);
    }
    free(inner);
}

/* ---- weights as literals ---- */

/* The bytes between the quotes of the lines that follow the head of the weights. */
static unsigned char *read_literals(const char *source, size_t *n) {
    const char *p = strstr(source, "_weights FG_ALIGNED(64) = {\n");
    assert_non_null(p);
    unsigned char *bytes = malloc(strlen(p));
    assert_non_null(bytes);
    bool quoted = false;
    *n = 0;
    for (p = strchr(p, '\n'); *p != '}' || quoted; p++) {
        assert_true(*p >= 32 || *p == '\n');
        if (*p == '"') {
            quoted = !quoted;
        } else if (quoted && *p == '\\') {
            unsigned value = 0;
            for (int i = 0; i < 3; i++, p++) {
                assert_in_range(p[1], '0', '7');
                value = value * 8 + (unsigned)(p[1] - '0');
            }
            assert_true(value < 256);
            bytes[(*n)++] = (unsigned char)value;
        } else if (quoted) {
            bytes[(*n)++] = (unsigned char)*p;
        }
    }
    return bytes;
}

static void literals_hold_the_bytes_of_the_blob(void **state) {
    const char *folder = *state;
    size_t n_blob, n;
    generate(folder, "mobilenet_v3_small.graph.onnx", "x86-64-v3", "out.c", "--weights=blob");
    char *blob = tool_read(folder, "out.weights", &n_blob);
    generate(folder, "mobilenet_v3_small.graph.onnx", "x86-64-v3", "out.c", "--weights=inline");
    char *source = tool_read(folder, "out.c", NULL);
    unsigned char *bytes = read_literals(source, &n);
    assert_true(n_blob > 1000000);
    assert_int_equal(n, n_blob);
    assert_memory_equal(bytes, blob, n);
    free(blob);
    free(source);
    free(bytes);
}

static void write_text(void *file, const char *text, size_t n) {
    assert_int_equal(fwrite(text, 1, n, file), n);
}

/* Bytes that compilers might take for something else, then all byte values, each also before a digit. */
static size_t awkward_bytes(uint8_t *bytes) {
    static const char text[] =
        "?\?=?\?(?\?/?\?)?\?'?\?<?\?!?\?>?\?-?\?/\"?\?/\n\\\"\\012%:%>/*//*/\\\n\r\n\0001\0009";
    size_t n = sizeof text;
    memcpy(bytes, text, n);
    for (unsigned i = 0; i < 256; i++) bytes[n++] = (uint8_t)i;
    for (unsigned i = 0; i < 256; i++) {
        bytes[n++] = (uint8_t)(255 - i);
        bytes[n++] = '7';
    }
    return n;
}

/* A program around the literals of a module that has nothing but weights. */
static void write_weights_program(const char *folder, fg_module *m) {
    char *path = tool_path(folder, "literals.c");
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fprintf(f,
            "#include <stdio.h>\n#define FG_ALIGNED(n)\n"
            "typedef union { unsigned char bytes[%d + 1]; double align; } t_weights_type;\n"
            "static const t_weights_type t_weights;\n"
            "int main(void) { return fwrite(t_weights.bytes, 1, %d, stdout) != %d; }\n",
            (int)m->weights_bytes, (int)m->weights_bytes, (int)m->weights_bytes);
    fg_emit_inline_weights(m, write_text, f);
    assert_int_equal(fclose(f), 0);
    free(path);
}

static void every_byte_survives_compilers(void **state) {
    static const char *const standards[] = {"-std=c99", "-std=gnu17", "-trigraphs"};
    const char *folder = *state;
    uint8_t bytes[1024];
    fg_context *ctx = fg_context_new();
    fg_module m = {.ctx = ctx, .options = {.prefix = "t", .weights = FG_WEIGHTS_INLINE}, .weights = bytes};
    m.weights_bytes = (int64_t)awkward_bytes(bytes);
    write_weights_program(folder, &m);
    for (size_t c = 0; c < FG_COUNT(compilers); c++) {
        if (!have(folder, compilers[c])) continue;
        for (size_t s = 0; s < FG_COUNT(standards); s++) {
            size_t n;
            run(folder, compilers[c],
                ARGS("-Wall", "-Wextra", "-Werror", standards[s], "literals.c", "-o", "literals"));
            run(folder, "./literals", (const char *[]){NULL});
            char *got = tool_read(folder, "stdout.txt", &n);
            assert_int_equal(n, m.weights_bytes);
            assert_memory_equal(got, bytes, n);
            free(got);
        }
    }
    fg_context_free(ctx);
}

/* ---- several in one program ---- */

static const char *const golden[] = {"head", "mbconv", "residual"};

/* Runs MODEL(lower, UPPER), first alone, then in two threads at once, each with an arena of its own; writes
 * what the first run gave. The arena starts with garbage. */
static const char program[] =
    "#define _POSIX_C_SOURCE 200112L\n#include <pthread.h>\n#include <stdio.h>\n#include "
    "<stdlib.h>\n#include <string.h>\n"
    "#include \"head_generic.h\"\n#include \"head_host.h\"\n#include \"mbconv_generic.h\"\n"
    "#include \"mbconv_host.h\"\n#include \"residual_generic.h\"\n#include \"residual_host.h\"\n"
    "static int read_floats(const char *name, float *x, size_t n) {\n"
    "    FILE *f = fopen(name, \"rb\");\n    return f && fread(x, sizeof *x, n, f) == n && fclose(f) == "
    "0;\n}\n"
    "static int write_floats(const char *name, const float *y, size_t n) {\n"
    "    FILE *f = fopen(name, \"wb\");\n    return f && fwrite(y, sizeof *y, n, f) == n && fclose(f) == "
    "0;\n}\n"
    "#define MODEL(p, P, file)                                                             \\\n"
    "    static float p##_x[P##_X_COUNT], p##_y[2][P##_Y_COUNT];                           \\\n"
    "    static int p##_call(float *y) {                                                    \\\n"
    "        p##_inputs in = {p##_x};                                                       \\\n"
    "        p##_outputs out;                                                               \\\n"
    "        void *arena;                                                                   \\\n"
    "        int code;                                                                      \\\n"
    "        out.y = y;                                                                     \\\n"
    "        if (posix_memalign(&arena, 64, P##_ARENA_BYTES + 64)) return 1;                \\\n"
    "        memset(arena, 0xFF, P##_ARENA_BYTES);                                          \\\n"
    "        code = p##_run(&in, &out, arena);                                              \\\n"
    "        free(arena);                                                                   \\\n"
    "        return code;                                                                   \\\n"
    "    }                                                                                  \\\n"
    "    static void *p##_thread(void *bad) {                                               \\\n"
    "        float y[P##_Y_COUNT];                                                          \\\n"
    "        for (int i = 0; i < 200; i++)                                                  \\\n"
    "            *(int *)bad |= p##_call(y) || memcmp(y, p##_y[0], sizeof y) != 0;          \\\n"
    "        return NULL;                                                                   \\\n"
    "    }                                                                                  \\\n"
    "    static int p##_test(void) {                                                        \\\n"
    "        int bad[2] = {0, 0};                                                           \\\n"
    "        pthread_t thread[2];                                                           \\\n"
    "        if (!read_floats(file \".x\", p##_x, P##_X_COUNT)) return 1;                   \\\n"
    "        if (p##_call(p##_y[0])) return 2;                                              \\\n"
    "        for (int i = 0; i < 2; i++)                                                    \\\n"
    "            if (pthread_create(&thread[i], NULL, p##_thread, &bad[i])) return 3;       \\\n"
    "        for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);                     \\\n"
    "        if (bad[0] || bad[1]) return 4;                                                \\\n"
    "        return !write_floats(#p \".y\", p##_y[0], P##_Y_COUNT);                        \\\n"
    "    }\n"
    "MODEL(head_generic, HEAD_GENERIC, \"head\")\nMODEL(head_host, HEAD_HOST, \"head\")\n"
    "MODEL(mbconv_generic, MBCONV_GENERIC, \"mbconv\")\nMODEL(mbconv_host, MBCONV_HOST, \"mbconv\")\n"
    "MODEL(residual_generic, RESIDUAL_GENERIC, \"residual\")\nMODEL(residual_host, RESIDUAL_HOST, "
    "\"residual\")\n"
    "int main(void) {\n"
    "    return head_generic_test() | head_host_test() | mbconv_generic_test() | mbconv_host_test() |\n"
    "           residual_generic_test() | residual_host_test();\n}\n";

/* What the interpreter says to random input. */
typedef struct answer {
    const char *model;
    char *folder;
    float *y;
    size_t n;
} answer;

static void write_answer(fg_context *ctx, void *arg) {
    answer *a = arg;
    char path[256], file[64];
    (void)snprintf(path, sizeof path, MODELS "golden_%s.onnx", a->model);
    (void)snprintf(file, sizeof file, "%s.x", a->model);
    fg_graph *g = fg_read_model(ctx, path, &(fg_read_options){0});
    fg_infer(g);
    fg_tensor in = fg_random_input(ctx, g->inputs[0], 7);
    tool_write(a->folder, file, in.data, 4 * (size_t)fg_shape_count(&in.shape));
    const fg_tensor *out = fg_run_value(fg_interpret(g, &in, NULL, false), g->outputs[0]);
    a->n = (size_t)fg_shape_count(&out->shape);
    a->y = malloc(a->n * sizeof *a->y);
    assert_non_null(a->y);
    memcpy(a->y, out->data, a->n * sizeof *a->y);
}

static void expect_answer(const answer *a, const char *target) {
    char file[64];
    size_t bytes;
    double square = 0, worst = 0;
    (void)snprintf(file, sizeof file, "%s_%s.y", a->model, target);
    char *data = tool_read(a->folder, file, &bytes);
    assert_non_null(data);
    assert_int_equal(bytes, a->n * sizeof *a->y);
    for (size_t i = 0; i < a->n; i++) {
        float y;
        memcpy(&y, data + i * sizeof y, sizeof y);
        double difference = fabs((double)y - (double)a->y[i]);
        square += (double)a->y[i] * (double)a->y[i];
        if (!(difference <= worst)) worst = difference; /* NaN counts as worst */
    }
    free(data);
    double error = worst / sqrt(square / (double)a->n);
    if (!(error <= RUN_BOUND)) fail_msg("%s: error %g of RMS", file, error);
}

/* Six modules in the folder, the program around them, and the answers of the three models. */
static void prepare_program(char *folder, answer *answers) {
    tool_write(folder, "main.c", program, sizeof program - 1);
    for (size_t i = 0; i < FG_COUNT(golden); i++) {
        static const char *const target[] = {"generic", "host"};
        char model[64], out[64];
        (void)snprintf(model, sizeof model, "golden_%s.onnx", golden[i]);
        for (size_t t = 0; t < 2; t++) {
            (void)snprintf(out, sizeof out, "%s_%s.c", golden[i], target[t]);
            generate(folder, model, target[t], out, "--weights=inline");
        }
        fg_context *ctx = fg_context_new();
        answers[i] = (answer){.model = golden[i], .folder = folder};
        assert_int_equal(fg_try(ctx, write_answer, &answers[i]), FG_OK);
        fg_context_free(ctx);
    }
}

static void files_share_a_program_and_threads_at_any_optimisation(void **state) {
    static const char *const levels[] = {"-O0", "-O1", "-O2", "-O3", "-Os"};
    char *folder = *state;
    answer answers[FG_COUNT(golden)];
    prepare_program(folder, answers);
    for (size_t c = 0; c < FG_COUNT(compilers); c++) {
        if (!have(folder, compilers[c])) continue;
        for (size_t o = 0; o < FG_COUNT(levels); o++) {
            run(folder, compilers[c],
                ARGS(WARNINGS, levels[o], "-march=native", "main.c", "head_generic.c", "head_host.c",
                     "mbconv_generic.c", "mbconv_host.c", "residual_generic.c", "residual_host.c", "-pthread",
                     "-lm", "-o", "program"));
            run(folder, "./program", (const char *[]){NULL});
            for (size_t i = 0; i < FG_COUNT(golden); i++) {
                expect_answer(&answers[i], "generic");
                expect_answer(&answers[i], "host");
            }
        }
    }
    for (size_t i = 0; i < FG_COUNT(golden); i++) free(answers[i].y);
}

static void programs_in_cplusplus_link_with_generated_code(void **state) {
    static const char text[] =
        "#include \"head_host.h\"\n#include \"residual_host.h\"\n"
        "int main() { return head_host_run(nullptr, nullptr, nullptr) == -1 &&\n"
        "                    residual_host_run(nullptr, nullptr, nullptr) == -1 ? 0 : 1; }\n";
    const char *folder = *state;
    if (!have(folder, "g++") || !have(folder, "gcc")) skip();
    tool_write(folder, "main.cc", text, sizeof text - 1);
    generate(folder, "golden_head.onnx", "host", "head_host.c", "--weights=inline");
    generate(folder, "golden_residual.onnx", "host", "residual_host.c", "--weights=inline");
    run(folder, "gcc", ARGS(WARNINGS, "-march=native", "-c", "head_host.c", "residual_host.c"));
    run(folder, "g++",
        ARGS("-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "main.cc", "head_host.o",
             "residual_host.o", "-lm", "-o", "program"));
    run(folder, "./program", (const char *[]){NULL});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(networks_compile_without_warnings_allocators_or_split_products),
        TEST(inline_weights_compile_without_warnings),
        TEST(text_does_not_depend_on_run_or_folder),
        TEST(literals_hold_the_bytes_of_the_blob),
        TEST(every_byte_survives_compilers),
        TEST(files_share_a_program_and_threads_at_any_optimisation),
        TEST(programs_in_cplusplus_link_with_generated_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
