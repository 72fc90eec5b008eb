/* com.microsoft's operators on quantised tensors, and graphs quantised by pairs of operators. */
#include "lower_check.h"
#include "verify/quantised.h"

#define MS(g, op, ...) of_microsoft(NODE(g, op, __VA_ARGS__))

static fg_value *of_microsoft(fg_value *v) {
    v->producer->domain = "com.microsoft";
    return v;
}

static fg_value *bytes(fg_graph *g, fg_dtype t, const char *shape, const int *x) {
    const fg_shape s = shape_of(shape);
    uint8_t *data = fg_big_alloc(g->ctx, (size_t)fg_shape_count(&s) + 1);
    for (int64_t i = 0; i < fg_shape_count(&s); i++) {
        data[i] = (uint8_t)x[i];
    }
    return fg_graph_const(g, "bytes", t, &s, data);
}
#define BYTES(g, t, shape, ...) bytes((g), (t), (shape), (const int[]){__VA_ARGS__})
#define U8(g, x)                BYTES(g, FG_UINT8, "1", x)

static fg_value *some_bytes(fg_graph *g, fg_dtype t, const char *shape) {
    const fg_shape s = shape_of(shape);
    int *x = FG_ARRAY(g->ctx, fg_shape_count(&s) + 1, int);
    for (int64_t i = 0; i < fg_shape_count(&s); i++) {
        x[i] = (int)(i * 37 % 251);
    }
    return bytes(g, t, shape, x);
}

static fg_value *floats(fg_graph *g, const char *shape, const float *x) {
    const fg_shape s = shape_of(shape);
    float *data = fg_big_alloc(g->ctx, ((size_t)fg_shape_count(&s) + 1) * sizeof *data);
    memcpy(data, x, (size_t)fg_shape_count(&s) * sizeof *data);
    return fg_graph_const(g, "floats", FG_FLOAT, &s, data);
}
#define FLOATS(g, shape, ...) floats((g), (shape), (const float[]){__VA_ARGS__})

/* What the interpreter makes of a graph without inputs: constants are folded. */
static const void *folded(fg_graph *g, fg_value *y) {
    output(g, y);
    fg_graph_link(g);
    fg_infer(g);
    assert_non_null(y->data);
    return y->data;
}

/* ---- values worked out by hand ---- */

TEST(sums_and_products_of_steps) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *a = BYTES(g, FG_UINT8, "2", 10, 0), *b = BYTES(g, FG_UINT8, "1", 7);
    const uint8_t *y = folded(g, MS(g, "QLinearAdd", a, scalar(g, 0.5), U8(g, 2), b, scalar(g, 0.25),
                                    U8(g, 3), scalar(g, 0.1), U8(g, 5)));
    assert_int_equal(y[0], 55); /* (8 * 0.5 + 4 * 0.25) / 0.1 + 5 */
    assert_int_equal(y[1], 5);  /* (-2 * 0.5 + 4 * 0.25) / 0.1 + 5 */
    g = new_graph(ctx, 17);
    a = BYTES(g, FG_INT8, "2", 10, 0);
    b = BYTES(g, FG_INT8, "1", 7);
    const int8_t *z = folded(g, MS(g, "QLinearMul", a, scalar(g, 0.5), BYTES(g, FG_INT8, "1", 2), b,
                                   scalar(g, 0.25), BYTES(g, FG_INT8, "1", 3), scalar(g, 0.1)));
    assert_int_equal(z[0], 40); /* 8 * 4 * (0.5 * 0.25 / 0.1) */
    assert_int_equal(z[1], -10);
}

TEST(functions_of_steps) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = BYTES(g, FG_UINT8, "2", 0, 4);
    fg_value *y = MS(g, "QLinearLeakyRelu", x, scalar(g, 0.5), U8(g, 2), scalar(g, 0.25), U8(g, 10));
    const uint8_t *leaky = folded(g, with_float(g, y, "alpha", 0.5));
    assert_int_equal(leaky[0], 8);  /* -1 * 0.5 / 0.25 + 10 */
    assert_int_equal(leaky[1], 14); /* 1 / 0.25 + 10 */
    g = new_graph(ctx, 17);
    x = BYTES(g, FG_UINT8, "2", 2, 255);
    const uint8_t *s =
        folded(g, MS(g, "QLinearSigmoid", x, scalar(g, 0.5), U8(g, 2), scalar(g, 0.01), U8(g, 10)));
    assert_int_equal(s[0], 60); /* 0.5 / 0.01 + 10 */
    assert_int_equal(s[1], 110);
}

TEST(means_of_steps) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = BYTES(g, FG_UINT8, "1x1x2x2", 1, 2, 3, 6);
    const uint8_t *y =
        folded(g, MS(g, "QLinearGlobalAveragePool", x, scalar(g, 0.5), U8(g, 1), scalar(g, 0.25), U8(g, 3)));
    assert_int_equal(y[0], 7); /* (0 + 1 + 2 + 5) / 4 * 0.5 / 0.25 + 3 */
}

TEST(parts_are_quantised_anew) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *a = BYTES(g, FG_UINT8, "1x2", 10, 20), *b = BYTES(g, FG_UINT8, "1x1", 7);
    fg_value *y = MS(g, "QLinearConcat", scalar(g, 0.5), U8(g, 1), a, scalar(g, 0.5), U8(g, 1), b,
                     scalar(g, 1), U8(g, 0));
    const uint8_t want[] = {10, 20, 15};
    assert_memory_equal(folded(g, with_int(g, y, "axis", 1)), want, 3);
}

TEST(products_with_their_own_range) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *b = BYTES(g, FG_UINT8, "2x1", 1, 2);
    const float *y = folded(g, MS(g, "DynamicQuantizeMatMul", FLOATS(g, "1x2", 0, 255), b, scalar(g, 0.5),
                                  NULL, FLOATS(g, "1", 1)));
    assert_true(y[0] == 256); /* 255 * 2 * 0.5 + 1 */
}

static fg_value *nbits(fg_graph *g, fg_value *y, int k, int n, int bits, int block) {
    with_int(g, with_int(g, y, "K", k), "N", n);
    return with_int(g, with_int(g, y, "bits", bits), "block_size", block);
}

TEST(products_of_nibbles) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *b = BYTES(g, FG_UINT8, "1x1x8", 0x89, 0xA7, 0, 0, 0, 0, 0, 0);
    fg_value *y = MS(g, "MatMulNBits", FLOATS(g, "1x4", 1, 2, 3, 4), b, FLOATS(g, "1", 0.5F));
    assert_true(*(const float *)folded(g, nbits(g, y, 4, 1, 4, 16)) == 3); /* (1 + 0 - 3 + 8) * 0.5 */
}

/* ---- generated code ---- */

TEST(elements_in_generated_code) {
    (void)arg;
    static const char *const binary[] = {"QLinearAdd", "QLinearMul"};
    static const char *const unary[] = {"QLinearSigmoid", "QLinearLeakyRelu"};
    for (int i = 0; i < 2; i++) {
        const fg_dtype t = i ? FG_INT8 : FG_UINT8;
        fg_graph *g = new_graph(ctx, 17);
        fg_value *a = typed_input(g, "a", "2x3x5x7", t), *b = typed_input(g, "b", "3x1x7", t);
        fg_value *y = MS(g, binary[i], a, scalar(g, 0.05), BYTES(g, t, "1", 3), b, input(g, "s", "1"),
                         typed_input(g, "z", "1", t), scalar(g, 0.07));
        y->dtype = t;
        check(g, MS(g, unary[i], y, scalar(g, 0.07), NULL, scalar(g, 0.01), BYTES(g, t, "1", 9)));
    }
}

TEST(pools_and_parts_in_generated_code) {
    (void)arg;
    for (int last = 0; last < 2; last++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *a = typed_input(g, "a", "2x3x8x7", FG_UINT8), *b = typed_input(g, "b", "2x3x8x7", FG_UINT8);
        fg_value *y = MS(g, "QLinearConcat", scalar(g, 0.03), U8(g, 9), a, scalar(g, 0.02), U8(g, 1), b,
                         scalar(g, 0.05), U8(g, 0));
        with_int(g, y, "axis", last ? 3 : 1);
        y = MS(g, "QLinearAveragePool", y, scalar(g, 0.03), U8(g, 9), scalar(g, 0.02), U8(g, 7));
        WITH_INTS(g, WITH_INTS(g, y, "kernel_shape", 3, 2), "pads", 1, 0, 1, 1);
        with_int(g, with_int(g, y, "channels_last", last), "count_include_pad", last);
        y = MS(g, "QLinearGlobalAveragePool", y, scalar(g, 0.02), U8(g, 7), scalar(g, 0.01), U8(g, 0));
        check(g, with_int(g, y, "channels_last", last));
    }
}

TEST(products_in_generated_code) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *b = some_bytes(g, FG_INT8, "8x19");
    check(g, MS(g, "DynamicQuantizeMatMul", input(g, "a", "2x5x8"), b, scalar(g, 0.02),
                BYTES(g, FG_INT8, "1", 3), parameter(g, "bias", "19")));
    for (int bits = 2; bits <= 8; bits *= 2) {
        g = new_graph(ctx, 17);
        const int blocks = 5, block = 16;
        fg_value *q = some_bytes(g, FG_UINT8, fg_format(ctx, "9x%dx%d", blocks, block * bits / 8));
        fg_value *zero = some_bytes(g, FG_UINT8, fg_format(ctx, "9x%d", (blocks * bits + 7) / 8));
        fg_value *y = MS(g, "MatMulNBits", input(g, "a", "2x3x70"), q, parameter(g, "scale", "9x5"),
                         bits == 2 ? NULL : zero, NULL, parameter(g, "bias", "9"));
        check(g, nbits(g, y, 70, 9, bits, block));
    }
}

TEST(whole_gemms) {
    (void)arg;
    for (int i = 0; i < 4; i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *a = typed_input(g, "a", i == 1 ? "7x5" : "5x7", FG_UINT8);
        fg_value *b = some_bytes(g, FG_INT8, i == 2 ? "7x9" : "9x7");
        fg_value *scale = i == 3 ? parameter(g, "scales", "9") : scalar(g, 0.02);
        fg_value *zero = i == 3 ? some_bytes(g, FG_INT8, "9") : BYTES(g, FG_INT8, "1", 2);
        fg_value *c = NODE(g, "Cast", some_bytes(g, FG_INT8, i == 2 ? "1x9" : "9"));
        with_int(g, c, "to", FG_INT32);
        fg_value *y =
            i < 2 ? MS(g, "QGemm", a, scalar(g, 0.03), U8(g, 4), b, scale, zero, c, scalar(g, 0.5), U8(g, 99))
                  : MS(g, "QGemm", a, scalar(g, 0.03), U8(g, 4), b, scale, zero, c);
        with_int(g, with_int(g, y, "transA", i == 1), "transB", i != 2);
        check(g, with_float(g, y, "alpha", i == 0 ? 1 : 0.75));
    }
}

/* ---- pairs ---- */

static fg_value *quantise(fg_graph *g, fg_value *x, double scale, int zero) {
    fg_value *z = U8(g, zero), *s = scalar(g, scale);
    return NODE(g, "DequantizeLinear", NODE(g, "QuantizeLinear", x, s, z), s, z);
}

/* A convolution with weights of 8 bits, one scale per channel. */
static fg_value *conv8(fg_graph *g, fg_value *x, const char *weights, const char *channels, int group) {
    fg_value *scale = parameter(g, fg_format(g->ctx, "s%d", g->n_values), channels);
    for (int64_t i = 0; i < fg_shape_count(&scale->shape); i++) {
        ((float *)(uintptr_t)scale->data)[i] *= 0.01F;
    }
    fg_value *w = NODE(g, "DequantizeLinear", some_bytes(g, FG_INT8, weights), scale);
    with_int(g, w, "axis", 0);
    fg_value *bias = parameter(g, fg_format(g->ctx, "b%d", g->n_values), channels);
    return WITH_INTS(g, with_int(g, NODE(g, "Conv", x, w, bias), "group", group), "pads", 1, 1, 1, 1);
}

static fg_graph *canonical(fg_graph *read) {
    fg_graph *g = fg_graph_clone(read);
    const fg_fusion_options fusion = {.fuse = true};
    fg_canonicalise(g, &fusion);
    return g;
}

TEST(pairs_become_operators_on_steps) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = quantise(g, input(g, "x", "1x3x9x8"), 0.02, 128);
    x = quantise(g, NODE(g, "Relu", conv8(g, x, "24x3x3x3", "24", 1)), 0.1, 3);
    fg_value *y = quantise(g, conv8(g, x, "24x1x3x3", "24", 24), 0.15, 120);
    y = quantise(g, NODE(g, "Add", x, y), 0.2, 100);
    y = quantise(g, NODE(g, "MaxPool", y), 0.2, 100);
    WITH_INTS(g, y->producer->in[0]->producer->in[0], "kernel_shape", 2, 2);
    y = quantise(g, NODE(g, "GlobalAveragePool", y), 0.05, 90);
    y = quantise(g, NODE(g, "Flatten", y), 0.05, 90);
    fg_value *w = NODE(g, "DequantizeLinear", some_bytes(g, FG_INT8, "10x24"), scalar(g, 0.02));
    y = NODE(g, "Gemm", y, w, parameter(g, "c", "10"));
    y = quantise(g, with_int(g, y, "transB", 1), 0.3, 128);
    check(g, y);
    const fg_graph *made = canonical(g);
    assert_int_equal(count_op(made, "QLinearConv"), 2);
    assert_int_equal(count_op(made, "QLinearAdd"), 1);
    assert_int_equal(count_op(made, "QLinearGlobalAveragePool"), 1);
    assert_int_equal(count_op(made, "QLinearMatMul"), 1);
    assert_int_equal(count_op(made, "Relu"), 0);
    assert_int_equal(count_op(made, "QuantizeLinear"), 1); /* the input and the output stay floats */
    assert_int_equal(count_op(made, "DequantizeLinear"), 1);
}

TEST(results_read_as_floats_stay_floats) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = quantise(g, input(g, "x", "1x3x9x8"), 0.02, 128);
    fg_value *y = conv8(g, x, "4x3x3x3", "4", 1);
    output(g, NODE(g, "Sigmoid", y));
    check(g, quantise(g, y, 0.1, 3));
    assert_int_equal(count_op(canonical(g), "Conv"), 1);
}

TEST(products_of_two_tensors_and_other_forms) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *a = quantise(g, input(g, "a", "2x5x7"), 0.02, 128),
             *b = quantise(g, input(g, "b", "2x7x6"), 0.03, 110);
    fg_value *y = quantise(g, NODE(g, "MatMul", a, b), 0.08, 128);
    y = quantise(g, NODE(g, "Mul", y, y), 0.2, 0);
    y = quantise(g, NODE(g, "Sigmoid", y), 1.0 / 256, 0);
    y = quantise(g, y, 1.0 / 100, 7); /* other steps */
    check(g, quantise(g, WITH_INTS(g, NODE(g, "Transpose", y), "perm", 1, 0, 2), 1.0 / 100, 7));
    const fg_graph *made = canonical(g);
    assert_int_equal(count_op(made, "QLinearMatMul"), 1);
    assert_int_equal(count_op(made, "QLinearMul"), 1);
    assert_int_equal(count_op(made, "QLinearSigmoid"), 1);
    assert_int_equal(count_op(made, "QuantizeLinear"), 2);
    assert_int_equal(count_op(made, "DequantizeLinear"), 1);
}

/* ---- verdicts ---- */

TEST(only_toss_ups_may_fall_to_either_side) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "4");
    fg_value *y = NODE(g, "QuantizeLinear", x, scalar(g, 0.5), U8(g, 10));
    output(g, y);
    fg_graph_link(g);
    fg_infer(g);
    assert_ptr_equal(fg_quantised_source(y), x);
    float data[] = {1.0F, 1.25F, 1.24999F, 2.0F}; /* 12, 12.5, just below, 14 */
    uint8_t want[] = {12, 12, 12, 14}, tie[] = {12, 13, 13, 14}, step[] = {13, 12, 12, 14},
            far[] = {12, 14, 12, 14};
    const fg_tensor t = {FG_FLOAT, x->shape, data}, w = {FG_UINT8, x->shape, want};
    const fg_tensor good = {FG_UINT8, x->shape, tie}, bad = {FG_UINT8, x->shape, step},
                    worse = {FG_UINT8, x->shape, far};
    assert_true(fg_quantised_is_tie(ctx, y, &w, &good, &t, 1e-4));
    assert_false(fg_quantised_is_tie(ctx, y, &w, &good, &t, 1e-6));
    assert_false(fg_quantised_is_tie(ctx, y, &w, &bad, &t, 1e-4));
    assert_false(fg_quantised_is_tie(ctx, y, &w, &worse, &t, 1e-4));
}

TEST(toss_ups_are_seen_behind_what_dequantises) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "4"), *scale = scalar(g, 0.1), *zero = U8(g, 10);
    fg_value *y = NODE(g, "DequantizeLinear", NODE(g, "QuantizeLinear", x, scale, zero), scale, zero);
    output(g, y);
    fg_graph_link(g);
    fg_infer(g);
    assert_ptr_equal(fg_quantised_source(y), x);
    float data[] = {0.2F, 0.25F, 0.249999F, 1.7F}, want[] = {0.2F, 0.2F, 0.2F, 1.7F};
    float tie[] = {0.2F, 0.3F, 0.3F, 1.7F}, step[] = {0.3F, 0.2F, 0.2F, 1.7F},
          far[] = {0.2F, 0.4F, 0.2F, 1.7F}, half[] = {0.2F, 0.25F, 0.2F, 1.7F};
    const fg_tensor t = {FG_FLOAT, x->shape, data}, w = {FG_FLOAT, x->shape, want};
    const fg_tensor good = {FG_FLOAT, x->shape, tie};
    assert_true(fg_quantised_is_tie(ctx, y, &w, &good, &t, 1e-4));
    float *const wrong[] = {step, far, half};
    for (size_t i = 0; i < FG_COUNT(wrong); i++) {
        const fg_tensor bad = {FG_FLOAT, x->shape, wrong[i]};
        assert_false(fg_quantised_is_tie(ctx, y, &w, &bad, &t, 1e-4));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_products_of_steps),
        cmocka_unit_test(functions_of_steps),
        cmocka_unit_test(means_of_steps),
        cmocka_unit_test(parts_are_quantised_anew),
        cmocka_unit_test(products_with_their_own_range),
        cmocka_unit_test(products_of_nibbles),
        cmocka_unit_test(elements_in_generated_code),
        cmocka_unit_test(pools_and_parts_in_generated_code),
        cmocka_unit_test(products_in_generated_code),
        cmocka_unit_test(whole_gemms),
        cmocka_unit_test(pairs_become_operators_on_steps),
        cmocka_unit_test(results_read_as_floats_stay_floats),
        cmocka_unit_test(products_of_two_tensors_and_other_forms),
        cmocka_unit_test(only_toss_ups_may_fall_to_either_side),
        cmocka_unit_test(toss_ups_are_seen_behind_what_dequantises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
