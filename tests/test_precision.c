/* --precision: weights in 16 bits in every kernel that packs them, held to the network of rounded weights. */
#include <cjson/cJSON.h>

#include "fusion/rounding.h"
#include "lower_check.h"
#include "tool.h"

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})

static const fg_dtype types[] = {FG_FLOAT16, FG_BFLOAT16};

static int64_t weight_bytes(fg_graph *read, bool fuse, const char *target) {
    const fg_module *m;
    (void)generate_and_verify(read, target, fuse, 1, &m);
    return m->weights_bytes;
}

/* Code for the target, checked; returns what rounding costs. */
static double check_rounded(fg_graph *g, const char *target, bool fuse, fg_dtype type, int64_t *bytes) {
    const fg_fusion_options fusion = {.fuse = fuse, .weights = type};
    const fg_module *m;
    const fg_verdict *v = generate_and_verify_as(g, target, &fusion, fuse ? 1 : 3, &m);
    if (!v->passed || !v->rounded)
        fail_msg("%s %s%s: %s\n%s", fg_precision_name(type), target, fuse ? "" : " --no-fuse",
                 v->first_failure ? v->first_failure : "nothing was rounded", m->source);
    *bytes = m->weights_bytes;
    return v->rounding.max_rel;
}

/* Both types on several targets, fused and not: right, smaller, and not off by more than rounding can. */
static void check_smaller(fg_graph *g, fg_value *result, double share) {
    static const char *const targets[] = {"generic", "x86-64", "x86-64-v3", "x86-64-v4"};
    output(g, result);
    fg_graph_link(g);
    fg_infer(g);
    for (size_t i = 0; i < 2 * FG_COUNT(targets); i++) {
        const char *target = targets[i / 2];
        const int64_t before = weight_bytes(g, i % 2, target);
        for (size_t t = 0; t < FG_COUNT(types); t++) {
            int64_t after;
            const double cost = check_rounded(g, target, i % 2, types[t], &after);
            if (cost <= 0 || cost > (types[t] == FG_FLOAT16 ? 5e-3 : 4e-2))
                fail_msg("%s: rounding costs %g of RMS", target, cost);
            if ((double)after > share * (double)before)
                fail_msg("%s: %lld bytes of weights instead of %lld", target, (long long)after,
                         (long long)before);
        }
    }
}

static fg_value *plain_conv(fg_graph *g, fg_value *x, const char *weights, int64_t group) {
    return with_int(g, NODE(g, "Conv", x, parameter(g, "w", weights)), "group", group);
}

TEST(convolutions) {
    (void)arg;
    static const struct {
        const char *x, *w;
        int64_t group;
    } cases[] = {
        {"1x16x9x10", "40x16x3x3", 1}, /* Winograd in fp32 */
        {"1x19x7x5", "37x19x1x1", 1},    {"2x3x11x13", "24x3x3x3", 1}, {"1x32x6x6", "48x8x3x3", 4},
        {"1x33x9x8", "33x1x3x3", 33},    {"1x12x40", "20x12x5", 1},    {"1x6x5x7x8", "20x6x3x3x3", 1},
        {"1x40x5x6x5", "3x40x3x3x3", 1}, /* too few channels for vectors */
    };
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        fg_graph *g = new_graph(ctx, 22);
        check_smaller(g, plain_conv(g, input(g, "x", cases[i].x), cases[i].w, cases[i].group), 0.75);
    }
}

TEST(transposed_convolutions) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    fg_value *y = NODE(g, "ConvTranspose", input(g, "x", "1x20x7x6"), parameter(g, "w", "20x24x3x3"));
    check_smaller(g, WITH_INTS(g, y, "strides", 2, 2), 0.6);
}

/* Expand, depthwise, squeeze-and-excite, project: weights folded with normalisations before they are rounded.
 */
TEST(blocks_with_gates) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    fg_value *x = input(g, "x", "1x24x14x15");
    fg_value *y = NODE(g, "Relu", batch_norm(g, plain_conv(g, x, "72x24x1x1", 1), "72"));
    y = NODE(g, "Relu", batch_norm(g, conv(g, y, "72x1x3x3", 72), "72"));
    fg_value *s = NODE(g, "GlobalAveragePool", NODE(g, "Mul", y, scalar(g, 1e-4)));
    s = NODE(g, "Relu", conv(g, s, "8x72x1x1", 1));
    s = NODE(g, "Sigmoid", NODE(g, "Mul", conv(g, s, "72x8x1x1", 1), scalar(g, 1e-3)));
    y = batch_norm(g, conv(g, NODE(g, "Mul", y, s), "24x72x1x1", 1), "24");
    check_smaller(g, NODE(g, "Add", y, x), 0.75);
}

TEST(products_of_matrices) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    fg_value *y = NODE(g, "MatMul", input(g, "x", "2x21x64"), parameter(g, "w", "64x96"));
    check_smaller(g, NODE(g, "Relu", y), 0.6);
    g = new_graph(ctx, 22);
    y = NODE(g, "Gemm", input(g, "x", "1x70"), parameter(g, "w", "50x70"), parameter(g, "b", "50"));
    check_smaller(g, with_int(g, y, "transB", 1), 0.65);
    g = new_graph(ctx, 22); /* Strassen in fp32 */
    y = NODE(g, "MatMul", input(g, "x", "60x256"), parameter(g, "w", "256x256"));
    check_smaller(g, y, 0.6);
}

/* What no convolution can stand for: the constant on the left, one matrix for each of a batch, transposed
 * operands, a vector. */
TEST(other_products_of_matrices) {
    (void)arg;
    static const struct {
        const char *a, *b; /* a: computed, unless it begins with '=' */
    } cases[] = {{"=70x40", "40x33"},   {"=70x40", "3x40x5"}, {"3x9x40", "3x40x50"}, {"2x3x7x20", "3x20x61"},
                 {"3x1x40", "3x40x48"}, {"5x300", "300"},     {"=1x300", "300x2"},   {"=3x10x40", "3x40x1"}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        fg_graph *g = new_graph(ctx, 22);
        const bool left = cases[i].a[0] == '=';
        fg_value *a = left ? parameter(g, "w", cases[i].a + 1) : input(g, "x", cases[i].a);
        fg_value *b = left ? input(g, "x", cases[i].b) : parameter(g, "w", cases[i].b);
        check_smaller(g, NODE(g, "MatMul", a, b), 0.6);
    }
    fg_graph *g = new_graph(ctx, 22);
    fg_value *y = NODE(g, "Gemm", input(g, "x", "30x7"), parameter(g, "w", "30x50"));
    check_smaller(g, with_int(g, y, "transA", 1), 0.6);
    g = new_graph(ctx, 22);
    y = NODE(g, "Gemm", parameter(g, "w", "30x50"), input(g, "x", "20x30"));
    y = with_int(g, with_int(g, y, "transA", 1), "transB", 1);
    check_smaller(g, with_float(g, y, "alpha", 0.3F), 0.6);
}

/* The factor is folded before the weights are rounded; without rewriting they stay as they are. */
TEST(products_with_factors) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    fg_value *y = NODE(g, "Gemm", input(g, "x", "6x70"), parameter(g, "w", "70x50"), input(g, "c", "6x50"));
    output(g, with_float(g, with_float(g, y, "alpha", 0.3F), "beta", 0.7F));
    fg_graph_link(g);
    fg_infer(g);
    for (size_t t = 0; t < FG_COUNT(types); t++) {
        int64_t bytes;
        (void)check_rounded(g, "x86-64-v3", true, types[t], &bytes);
        assert_true(bytes <= 70 * 56 * 2 + 64 * 4 + 64);
    }
}

static const fg_rounding *rounding_of(fg_graph *read, fg_dtype type) {
    fg_graph *g = fg_graph_clone(read);
    const fg_fusion_options fusion = {.fuse = true, .weights = type};
    fg_canonicalise(g, &fusion);
    assert_non_null(g->rounding);
    return g->rounding;
}

/* Tables that are added are no weights of products: they stay, and are named. */
TEST(other_large_constants_are_named) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    fg_value *y = NODE(g, "MatMul", input(g, "x", "40x30"), parameter(g, "w", "30x60"));
    y = NODE(g, "Mul", NODE(g, "Sin", y), parameter(g, "large", "40x60"));
    output(g, NODE(g, "Add", NODE(g, "Sin", y), parameter(g, "small", "60")));
    fg_graph_link(g);
    fg_infer(g);
    const fg_rounding *r = rounding_of(g, FG_FLOAT16);
    assert_int_equal(r->n, 1);
    assert_int_equal(r->n_others, 1);
    assert_string_equal(r->others[0].name, "large");
    assert_string_equal(r->others[0].why, "Mul");
    assert_int_equal(r->others[0].bytes, 40 * 60 * 4);
}

TEST(recurrent_networks) {
    (void)arg;
    static const struct {
        const char *op;
        int gates;
    } cells[] = {{"RNN", 1}, {"GRU", 3}, {"LSTM", 4}};
    for (size_t i = 0; i < FG_COUNT(cells); i++) {
        fg_graph *g = new_graph(ctx, 22);
        fg_value *w = parameter(g, "w", fg_format(ctx, "1x%dx10", 24 * cells[i].gates));
        fg_value *r = parameter(g, "r", fg_format(ctx, "1x%dx24", 24 * cells[i].gates));
        for (int64_t k = 0; k < fg_shape_count(&w->shape); k++) ((float *)(uintptr_t)w->data)[k] -= 1;
        for (int64_t k = 0; k < fg_shape_count(&r->shape); k++) ((float *)(uintptr_t)r->data)[k] -= 1;
        fg_value *y = NODE(g, cells[i].op, input(g, "x", "5x2x10"), w, r);
        check_smaller(g, with_int(g, y, "hidden_size", 24), 0.75);
    }
}

TEST(tables_that_are_looked_up) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    fg_value *index = typed_input(g, "i", "3x7", FG_INT64);
    check_smaller(g, NODE(g, "Gather", parameter(g, "table", "40x33"), index), 0.55);
}

/* Weights that exporters store in half and cast go back to where they came from, at no cost. */
TEST(weights_that_were_half_before_are_half_again) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    const fg_shape shape = shape_of("48x64");
    uint16_t *codes = fg_alloc(ctx, 48 * 64, sizeof *codes);
    for (int i = 0; i < 48 * 64; i++) codes[i] = (uint16_t)(i * 20 % 0x7c00 | (i % 3 ? 0 : 0x8000));
    fg_value *w = NODE(g, "Cast", fg_graph_const(g, "half", FG_FLOAT16, &shape, codes));
    with_int(g, w, "to", FG_FLOAT);
    output(g, NODE(g, "MatMul", input(g, "x", "9x48"), w));
    fg_graph_link(g);
    fg_infer(g);
    int64_t bytes;
    assert_true(check_rounded(g, "x86-64-v3", true, FG_FLOAT16, &bytes) == 0);
    assert_true(bytes <= 48 * 64 * 2 + 64 * 4 + 64);
}

static fg_graph *product_with(fg_context *ctx, float element) {
    fg_graph *g = new_graph(ctx, 22);
    fg_value *w = parameter(g, "w", "20x40");
    ((float *)(uintptr_t)w->data)[123] = element;
    output(g, NODE(g, "MatMul", input(g, "x", "3x20"), w));
    fg_graph_link(g);
    fg_infer(g);
    return g;
}

TEST(weights_out_of_range_stay_as_they_are_and_are_named) {
    (void)arg;
    static const struct {
        float element;
        bool half, bfloat; /* is rounded */
    } cases[] = {{65504, true, true},   {65519.9f, true, true},  {65520, false, true},
                 {-1e30f, false, true}, {3.4e38f, false, false}, {INFINITY, false, false},
                 {NAN, false, false},   {5e-8f, true, true},     {1e-40f, true, true}};
    for (size_t i = 0; i < FG_COUNT(cases); i++)
        for (int t = 0; t < 2; t++) {
            fg_graph *g = product_with(ctx, cases[i].element);
            const bool rounded = t ? cases[i].bfloat : cases[i].half;
            const fg_rounding *r = rounding_of(g, types[t]);
            assert_int_equal(r->n, rounded);
            assert_int_equal(r->n_out_of_range, !rounded);
            assert_int_equal(r->n_others, 0);
            if (!rounded) assert_string_equal(r->out_of_range[0].name, "w");
            int64_t bytes;
            (void)check_rounded(g, "generic", true, types[t], &bytes);
            assert_true(rounded ? bytes < 20 * 40 * 4 : bytes >= 20 * 40 * 4);
        }
}

/* A constant that is a weight here and an operand there is rounded here only. */
TEST(other_readers_keep_the_constant) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    fg_value *w = parameter(g, "w", "20x40");
    fg_value *y = NODE(g, "MatMul", input(g, "x", "20x20"), w);
    output(g, y);
    output(g, NODE(g, "Sub", w, input(g, "z", "20x40")));
    fg_graph_link(g);
    fg_infer(g);
    assert_int_equal(rounding_of(g, FG_BFLOAT16)->n, 1);
    int64_t bytes;
    (void)check_rounded(g, "x86-64-v3", true, FG_BFLOAT16, &bytes);
}

/* What rewriting does wrong is not taken for what rounding costs. */
TEST(a_wrong_weight_is_found) {
    (void)arg;
    fg_graph *read = product_with(ctx, 1), *g = fg_graph_clone(read);
    const fg_fusion_options fusion = {.fuse = true, .weights = FG_FLOAT16};
    fg_canonicalise(g, &fusion);
    fg_rounded *w = &g->rounding->weights[0];
    float *wrong = fg_alloc(ctx, 20 * 40, sizeof *wrong);
    memcpy(wrong, w->full, 20 * 40 * sizeof *wrong);
    wrong[7] += 0.01F;
    w->full = wrong;
    const fg_codegen_options codegen = test_options();
    const fg_module *m =
        fg_generate(fg_partition_graph(g, &fusion), fg_target_load(ctx, "generic"), &codegen);
    const fg_verify_options options = {.mode = FG_VERIFY_TCC, .tolerance = 1e-4, .seed = 7};
    const fg_verdict *v = fg_verify(read, m, &options);
    assert_false(v->passed);
    assert_non_null(strstr(v->first_failure, "rewriting the graph changes its results"));
}

/* ---- the command ---- */

static char model[512];

static int make_folder(void **state) {
    (void)tool_new_state(state);
    snprintf(model, sizeof model, "%s/tests/models/ds_cnn.graph.onnx", FG_SOURCE_DIR);
    return 0;
}

static void the_report_says_what_rounding_costs(void **state) {
    tool_result r = tool_run(*state, ARGS(model, "--target", "generic", "--precision", "fp16",
                                          "--report=json", "--report-file", "r.json", "--report"));
    tool_expect(&r, 0);
    assert_non_null(strstr(r.out, "precision fp16: 10 tensors of weights rounded and stored in 16 bits\n"));
    assert_non_null(strstr(r.out, "which moves the outputs by "));
    assert_non_null(strstr(r.err, "are rounded to fp16, which moves the outputs by "));
    tool_free(&r);
    char *text = tool_read(*state, "r.json", NULL);
    cJSON *root = cJSON_Parse(text);
    const cJSON *p = cJSON_GetObjectItemCaseSensitive(root, "precision");
    assert_non_null(p);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(p, "weights")->valuestring, "fp16");
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(p, "rounded")->valueint, 10);
    const double cost = cJSON_GetObjectItemCaseSensitive(p, "max_rel_rms")->valuedouble;
    assert_true(cost > 1e-5 && cost < 5e-3);
    cJSON_Delete(root);
    free(text);
    r = tool_run(*state, ARGS(model, "--target", "generic", "--precision", "bf16", "--report=html",
                              "--report-file", "r.html"));
    tool_expect(&r, 0);
    tool_free(&r);
    text = tool_read(*state, "r.html", NULL);
    assert_non_null(strstr(text, "\"precision\":{\"name\":\"bf16\",\"rounded\":10,\"error\":0.00"));
    free(text);
}

static void fp32_is_the_default_and_changes_nothing(void **state) {
    tool_result r = tool_run(*state, ARGS(model, "--target", "generic", "-o", "a.c", "--verify=none"));
    tool_expect(&r, 0);
    tool_free(&r);
    char *first = tool_read(*state, "a.c", NULL);
    r = tool_run(*state,
                 ARGS(model, "--target", "generic", "-o", "a.c", "--verify=none", "--precision", "fp32"));
    tool_expect(&r, 0);
    tool_free(&r);
    char *second = tool_read(*state, "a.c", NULL);
    assert_string_equal(first, second);
    assert_null(strstr(first, "precision"));
    free(first);
    free(second);
}

/* Each form of the weights, through this machine's compiler and its own vectors. */
static void all_forms_of_weights_are_compiled(void **state) {
    static const char *const forms[] = {"inline", "incbin", "blob"};
    static const char *const precisions[] = {"fp16", "bf16"};
    for (size_t i = 0; i < 6; i++) {
        tool_result r = tool_run(*state, ARGS(model, "-o", "m.c", "--verify=cc", "--weights", forms[i / 2],
                                              "--precision", precisions[i % 2], i == 1 ? "--no-fuse" : "-q"));
        tool_expect(&r, 0);
        tool_free(&r);
    }
}

static void streams_of_rows_take_them(void **state) {
    static const char *const favoured[] = {"ram", "flash"};
    for (size_t i = 0; i < 2; i++) {
        tool_result r = tool_run(*state, ARGS(model, "-o", "m.c", "--target", "generic", "--optimize",
                                              favoured[i], "--precision", "bf16"));
        tool_expect(&r, 0);
        tool_free(&r);
    }
}

static void other_precisions_are_refused(void **state) {
    tool_result r = tool_run(*state, ARGS(model, "--precision", "int8"));
    assert_int_equal(r.status, 1);
    assert_non_null(strstr(r.err, "--precision int8 is not available"));
    tool_free(&r);
    r = tool_run(*state, ARGS(model, "--precision", "fp64"));
    assert_int_equal(r.status, 1);
    assert_non_null(strstr(r.err, "'fp64' is not fp32, bf16, fp16 or int8"));
    tool_free(&r);
}

/* A board that has room for half of the weights only. */
static void too_little_flash_suggests_it(void **state) {
    static const char board[] = "inherit = generic\nram_bytes = 1M\nflash_bytes = 80000\n";
    tool_write(*state, "small.target", board, strlen(board));
    tool_result r = tool_run(*state, ARGS(model, "--target", "small.target", "-o", "m.c", "--verify=none"));
    assert_int_equal(r.status, 4);
    assert_non_null(strstr(r.err, "--precision fp16"));
    tool_free(&r);
    r = tool_run(*state, ARGS(model, "--target", "small.target", "-o", "m.c", "--precision", "fp16"));
    tool_expect(&r, 0);
    tool_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(transposed_convolutions),
        cmocka_unit_test(blocks_with_gates),
        cmocka_unit_test(products_of_matrices),
        cmocka_unit_test(other_products_of_matrices),
        cmocka_unit_test(products_with_factors),
        cmocka_unit_test(other_large_constants_are_named),
        cmocka_unit_test(recurrent_networks),
        cmocka_unit_test(tables_that_are_looked_up),
        cmocka_unit_test(weights_that_were_half_before_are_half_again),
        cmocka_unit_test(weights_out_of_range_stay_as_they_are_and_are_named),
        cmocka_unit_test(other_readers_keep_the_constant),
        cmocka_unit_test(a_wrong_weight_is_found),
        cmocka_unit_test(the_report_says_what_rounding_costs),
        cmocka_unit_test(fp32_is_the_default_and_changes_nothing),
        cmocka_unit_test(all_forms_of_weights_are_compiled),
        cmocka_unit_test(streams_of_rows_take_them),
        cmocka_unit_test(other_precisions_are_refused),
        cmocka_unit_test(too_little_flash_suggests_it),
    };
    return cmocka_run_group_tests(tests, make_folder, tool_remove_state);
}
