/* Quantisation: QuantizeLinear and its relatives, and integer products, in the interpreter and as generated
 * code. */
#include "lower_check.h"

static fg_value *constant(fg_graph *g, fg_dtype t, const char *shape, const double *x) {
    const fg_shape s = shape_of(shape);
    const int64_t n = fg_shape_count(&s);
    unsigned char *data = fg_big_alloc(g->ctx, fg_dtype_bytes(t, n) + 8);
    for (int64_t i = 0; i < n; i++) {
        const int bits = fg_dtype_get(t)->bits;
        if (t == FG_FLOAT) {
            ((float *)(void *)data)[i] = (float)x[i];
        } else if (t == FG_FLOAT16) {
            ((uint16_t *)(void *)data)[i] = fg_half_from_float((float)x[i]);
        } else if (bits < 8) {
            fg_packed_put(data, bits, i, (unsigned)(int)x[i] & ((1U << bits) - 1));
        } else {
            const int64_t whole = (int64_t)x[i];
            memcpy(data + i * (bits / 8), &whole, (size_t)bits / 8);
        }
    }
    return fg_graph_const(g, "constant", t, &s, data);
}
#define CONSTANT(g, t, shape, ...) constant((g), (t), (shape), (const double[]){__VA_ARGS__})

/* `values` taken in turns. */
static fg_value *filled(fg_graph *g, fg_dtype t, const char *shape, int n, const double *values) {
    const fg_shape s = shape_of(shape);
    double *x = FG_ARRAY(g->ctx, fg_shape_count(&s) + 1, double);
    for (int64_t i = 0; i < fg_shape_count(&s); i++) {
        x[i] = values[(i * 7 + i / 5) % n];
    }
    return constant(g, t, shape, x);
}
#define FILLED(g, t, shape, ...)                                                                             \
    filled((g), (t), (shape), (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)),                       \
           (const double[]){__VA_ARGS__})

static const fg_dtype whole[] = {FG_INT8, FG_UINT8, FG_INT16, FG_UINT16,
                                 FG_INT4, FG_UINT4, FG_INT2,  FG_UINT2};
static const fg_dtype real[] = {FG_FLOAT8E4M3FN, FG_FLOAT8E4M3FNUZ, FG_FLOAT8E5M2, FG_FLOAT8E5M2FNUZ,
                                FG_FLOAT4E2M1,   FG_FLOAT6E2M3,     FG_FLOAT6E3M2};

/* ---- elements ---- */

static const fg_tensor *run(fg_graph *g, fg_value *x, const float *data, fg_value *y) {
    const int64_t n = fg_shape_count(&x->shape);
    float *copy = fg_big_alloc(g->ctx, (size_t)(n + 1) * sizeof *copy);
    memcpy(copy, data, (size_t)n * sizeof *copy);
    output(g, y);
    fg_graph_link(g);
    fg_infer(g);
    const fg_tensor in = {FG_FLOAT, x->shape, copy};
    return fg_run_value(fg_interpret(g, &in, NULL, false), y);
}

TEST(rounds_to_even_and_saturates) {
    (void)arg;
    const float x[] = {0.25F, 0.75F, 1.25F, -0.25F, 70, -70, NAN, INFINITY};
    const int8_t want[] = {10, 12, 12, 10, 127, -128, -128, 127};
    fg_graph *g = new_graph(ctx, 21);
    fg_value *v = input(g, "x", "8");
    fg_value *y = NODE(g, "QuantizeLinear", v, scalar(g, 0.5), CONSTANT(g, FG_INT8, "1", 10));
    assert_memory_equal(run(g, v, x, y)->data, want, 8);
}

TEST(blocks_at_the_end_may_be_short) {
    (void)arg;
    const float x[] = {1, 2, 3, 4, 5, 10, 20, 30, 40, 50};
    const uint8_t want[] = {1, 2, 2, 2, 1, 5, 10, 30, 40, 25};
    fg_graph *g = new_graph(ctx, 21);
    fg_value *v = input(g, "x", "2x5");
    fg_value *scale = CONSTANT(g, FG_FLOAT, "2x3", 1, 2, 4, 2, 1, 2);
    fg_value *y = with_int(g, NODE(g, "QuantizeLinear", v, scale), "block_size", 2);
    const fg_tensor *t = run(g, v, x, with_int(g, y, "axis", -1));
    assert_int_equal(t->dtype, FG_UINT8);
    assert_memory_equal(t->data, want, 10);
}

TEST(quantises_to_all_types) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(whole); i++) {
        fg_graph *g = new_graph(ctx, 28);
        fg_value *zero = CONSTANT(g, whole[i], "1", 1);
        fg_value *q = NODE(g, "QuantizeLinear", input(g, "x", "3x5x7"), scalar(g, 0.3), zero);
        check(g, NODE(g, "DequantizeLinear", q, scalar(g, 0.3), zero));
    }
    for (size_t i = 0; i < FG_COUNT(real); i++) {
        fg_graph *g = new_graph(ctx, 28);
        fg_value *q = NODE(g, "QuantizeLinear", input(g, "x", "3x5x7"), scalar(g, 0.01));
        with_int(g, with_int(g, q, "output_dtype", real[i]), "saturate", i % 2);
        check(g, q);
        g = new_graph(ctx, 28);
        check(g, NODE(g, "DequantizeLinear", typed_input(g, "x", "3x5x7", real[i]), scalar(g, 0.3)));
    }
}

TEST(quantises_along_an_axis_whatever_the_layout) {
    (void)arg;
    for (int axis = -1; axis < 3; axis++) {
        for (size_t i = 0; i < FG_COUNT(whole); i++) {
            fg_graph *g = new_graph(ctx, 28);
            const char *n = axis == 0 ? "2" : axis == 1 ? "3" : axis == 2 ? "5" : "6";
            fg_value *x = NODE(g, "Relu", channels_last(g, "2x3x5x6"));
            fg_value *scale = FILLED(g, FG_FLOAT, n, 0.1, 0.25, 0.7), *zero = FILLED(g, whole[i], n, 0, 1);
            fg_value *q = with_int(g, NODE(g, "QuantizeLinear", x, scale, zero), "axis", axis);
            output(g, q);
            fg_value *back = with_int(g, NODE(g, "DequantizeLinear", q, scale, zero), "axis", axis);
            check(g, WITH_INTS(g, NODE(g, "Transpose", back), "perm", 0, 2, 3, 1));
        }
    }
}

TEST(quantises_in_blocks_and_precisions) {
    (void)arg;
    static const fg_dtype scales[] = {FG_FLOAT, FG_FLOAT16, FG_BFLOAT16, FG_FLOAT8E8M0};
    for (size_t i = 0; i < FG_COUNT(scales); i++) {
        fg_graph *g = new_graph(ctx, 25);
        fg_value *scale = typed_input(g, "s", "3x2x7", scales[i]);
        fg_value *q = with_int(g, NODE(g, "QuantizeLinear", input(g, "x", "3x5x7"), scale), "block_size", 3);
        with_int(g, with_int(g, q, "output_dtype", FG_INT4), "precision", i % 2 ? FG_FLOAT16 : FG_FLOAT);
        output(g, q);
        fg_value *y = with_int(g, NODE(g, "DequantizeLinear", q, scale), "block_size", 3);
        check(g, with_int(g, y, "output_dtype", i == 0 ? FG_BFLOAT16 : FG_FLOAT));
    }
}

TEST(finds_its_own_range) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 21);
    fg_value *out[3] = {fg_graph_value(g, "y"), fg_graph_value(g, "scale"), fg_graph_value(g, "zero")};
    fg_value *x = channels_last(g, "1x3x5x7");
    fg_graph_node(g, "DynamicQuantizeLinear", 1, &x, 3, out);
    output(g, out[1]);
    output(g, out[2]);
    check(g, out[0]);
}

static void infer(fg_context *ctx, void *g) {
    (void)ctx;
    fg_graph_link(g);
    fg_infer(g);
}

static void refuse(fg_context *ctx, fg_graph *g, fg_value *y, const char *message) {
    output(g, y);
    assert_int_equal(fg_try(ctx, infer, g), FG_BAD_MODEL);
    if (strstr(fg_context_diagnostic(ctx)->message, message) == NULL) {
        fail_msg("'%s' does not say '%s'", fg_context_diagnostic(ctx)->message, message);
    }
}

TEST(scales_that_do_not_suit_are_refused) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 21);
    fg_value *x = input(g, "x", "3x5");
    refuse(ctx, g, NODE(g, "QuantizeLinear", x, CONSTANT(g, FG_FLOAT, "4", 1, 1, 1, 1)), "4 scales for");
    g = new_graph(ctx, 21);
    x = input(g, "x", "3x5");
    refuse(ctx, g, NODE(g, "QuantizeLinear", x, CONSTANT(g, FG_FLOAT, "3x1", 1, 1, 1)),
           "positive block_size");
    g = new_graph(ctx, 21);
    x = input(g, "x", "3x5");
    fg_value *y = NODE(g, "QuantizeLinear", x, CONSTANT(g, FG_FLOAT, "3x1", 1, 1, 1));
    refuse(ctx, g, with_int(g, y, "block_size", 4), "do not suit 3x5 in blocks of 4");
    g = new_graph(ctx, 21);
    x = input(g, "x", "3x5");
    refuse(ctx, g, NODE(g, "QuantizeLinear", x, scalar(g, 1), CONSTANT(g, FG_UINT8, "2", 1, 1)),
           "zero points");
}

/* ---- products ---- */

TEST(matrices_of_all_shapes) {
    (void)arg;
    static const char *const shapes[][2] = {{"5x7", "7x9"},   {"7", "7x70"},      {"5x7", "7"},
                                            {"7", "7"},       {"2x3x4x6", "6x5"}, {"3x4x6", "2x1x6x5"},
                                            {"130x3", "3x1"}, {"1x40", "40x17"}};
    for (size_t i = 0; i < FG_COUNT(shapes); i++) {
        fg_graph *g = new_graph(ctx, 21);
        fg_value *a = typed_input(g, "a", shapes[i][0], i % 2 ? FG_INT8 : FG_UINT8);
        fg_value *b = typed_input(g, "b", shapes[i][1], i % 3 ? FG_UINT8 : FG_INT8);
        check(g, NODE(g, "MatMulInteger", a, b, typed_input(g, "za", "1", a->dtype),
                      CONSTANT(g, b->dtype, "1", 9)));
    }
}

TEST(zero_points_by_row_and_column) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 21);
    fg_value *a = typed_input(g, "a", "5x7", FG_UINT8), *b = typed_input(g, "b", "7x9", FG_INT8);
    check(g, NODE(g, "MatMulInteger", a, b, FILLED(g, FG_UINT8, "5", 1, 2, 3),
                  FILLED(g, FG_INT8, "9", -4, 0, 3)));
    g = new_graph(ctx, 21);
    a = typed_input(g, "a", "2x5x7", FG_UINT8);
    b = typed_input(g, "b", "2x7x9", FG_INT8);
    check(g, NODE(g, "MatMulInteger", a, b, FILLED(g, FG_UINT8, "2x5x1", 1, 2, 3),
                  FILLED(g, FG_INT8, "2x1x9", -4, 0, 3)));
}

TEST(products_are_quantised) {
    (void)arg;
    for (int k = 0; k < 4; k++) {
        fg_graph *g = new_graph(ctx, 21);
        const bool by_column = k == 1, dynamic = k == 2;
        fg_value *a = typed_input(g, "a", "2x5x7", FG_UINT8),
                 *b = FILLED(g, FG_INT8, "7x35", -120, 3, 77, 0, 15);
        fg_value *sa = dynamic ? input(g, "sa", "1") : scalar(g, 0.02), *za = CONSTANT(g, FG_UINT8, "1", 3);
        fg_value *sb = by_column ? FILLED(g, FG_FLOAT, "35", 0.01, 0.03) : scalar(g, 0.03);
        fg_value *zb = by_column ? FILLED(g, FG_INT8, "35", 0, 2) : CONSTANT(g, FG_INT8, "1", 0);
        fg_value *sy = k == 3 ? CONSTANT(g, FG_FLOAT16, "1", 0.25) : scalar(g, 0.25);
        check(g, NODE(g, "QLinearMatMul", a, sa, za, b, sb, zb, sy, CONSTANT(g, FG_INT8, "1", -7)));
    }
}

static fg_value *quantised_conv(fg_graph *g, fg_value *x, const char *weights, int group, int stride,
                                bool by_channel) {
    const fg_shape w = shape_of(weights);
    const char *n = by_channel ? fg_format(g->ctx, "%d", (int)w.dim[0]) : "1";
    fg_value *zero = CONSTANT(g, FG_UINT8, "1", 3);
    fg_value *y =
        NODE(g, "QLinearConv", x, scalar(g, 0.02), zero, FILLED(g, FG_INT8, weights, -100, 20, 3, 77, -9),
             FILLED(g, FG_FLOAT, n, 0.01, 0.02, 0.05), FILLED(g, FG_INT8, n, 0), scalar(g, 0.6),
             CONSTANT(g, FG_UINT8, "1", 100),
             FILLED(g, FG_INT32, fg_format(g->ctx, "%d", (int)w.dim[0]), 1000, -300, 7));
    with_int(g, y, "group", group);
    const int64_t ph = w.dim[2] / 2, pw = w.dim[3] / 2;
    WITH_INTS(g, y, "strides", stride, stride);
    return WITH_INTS(g, y, "pads", ph, pw, ph, pw);
}

TEST(convolutions_of_all_forms) {
    (void)arg;
    for (int by_channel = 0; by_channel < 2; by_channel++) {
        fg_graph *g = new_graph(ctx, 21);
        fg_value *x =
            quantised_conv(g, typed_input(g, "x", "2x3x9x8", FG_UINT8), "70x3x3x3", 1, 2, by_channel);
        x = quantised_conv(g, x, "70x1x3x3", 70, 1, by_channel);
        x = quantised_conv(g, x, "20x70x1x1", 1, 1, by_channel);
        x = quantised_conv(g, x, "20x5x3x1", 4, 1, by_channel);
        check(g, quantised_conv(g, x, "40x1x1x3", 20, 1, by_channel));
    }
}

TEST(integer_convolutions_with_weights_from_outside) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 21);
    fg_value *x = typed_input(g, "x", "1x4x7x6", FG_UINT8), *w = typed_input(g, "w", "6x2x3x2", FG_INT8);
    fg_value *y =
        NODE(g, "ConvInteger", x, w, typed_input(g, "z", "1", FG_UINT8), FILLED(g, FG_INT8, "6", 1, -2));
    check(g, WITH_INTS(g, with_int(g, y, "group", 2), "pads", 1, 0, 2, 1));
    g = new_graph(ctx, 21);
    x = typed_input(g, "x", "2x4x17", FG_INT8);
    w = typed_input(g, "w", "4x1x3", FG_UINT8);
    check(g, WITH_INTS(g, with_int(g, NODE(g, "ConvInteger", x, w), "group", 4), "dilations", 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_to_even_and_saturates),
        cmocka_unit_test(blocks_at_the_end_may_be_short),
        cmocka_unit_test(quantises_to_all_types),
        cmocka_unit_test(quantises_along_an_axis_whatever_the_layout),
        cmocka_unit_test(quantises_in_blocks_and_precisions),
        cmocka_unit_test(finds_its_own_range),
        cmocka_unit_test(scales_that_do_not_suit_are_refused),
        cmocka_unit_test(matrices_of_all_shapes),
        cmocka_unit_test(zero_points_by_row_and_column),
        cmocka_unit_test(products_are_quantised),
        cmocka_unit_test(convolutions_of_all_forms),
        cmocka_unit_test(integer_convolutions_with_weights_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
