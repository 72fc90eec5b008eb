/* Generated matrix products, general and transposed convolutions against the reference. */
#include "lower_check.h"

static const fg_dtype types[] = {FG_FLOAT, FG_DOUBLE, FG_FLOAT16, FG_BFLOAT16, FG_INT32, FG_UINT64};

/* ---- matrices ---- */

TEST(products_broadcast_their_batches) {
    (void)arg;
    static const char *const pairs[][2] = {
        {"2x3x37x29", "2x3x29x45"},
        {"1x64x32", "1x32x256"},
        {"5x1x7x9", "6x9x40"},
        {"7x9", "3x9x18"},
        {"70", "70"},
        {"50x33", "33"},
        {"33", "4x33x50"},
        {"3x7x9", "9x3"},
        {"2x3x2x7x9", "1x3x1x9x24"},
    };
    for (size_t i = 0; i < FG_COUNT(pairs); i++) {
        fg_graph *g = new_graph(ctx, 22);
        check(g, NODE(g, "MatMul", input(g, "a", pairs[i][0]), input(g, "b", pairs[i][1])));
    }
}

TEST(products_of_all_types) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        fg_graph *g = new_graph(ctx, 22);
        check(g, NODE(g, "MatMul", typed_input(g, "a", "3x7x9", types[i]),
                      typed_input(g, "b", "9x20", types[i])));
    }
}

static fg_value *gemm(fg_graph *g, fg_value *a, fg_value *b, fg_value *c, int transposed) {
    fg_value *y = NODE(g, "Gemm", a, b, c);
    with_float(g, with_float(g, y, "alpha", 0.5), "beta", 2);
    return with_int(g, with_int(g, y, "transA", transposed & 1), "transB", transposed >> 1);
}

TEST(general_products_take_any_bias_and_transposes) {
    (void)arg;
    static const char *const biases[] = {"30x50", "50", "30x1", "1", "1x50"};
    for (size_t i = 0; i < FG_COUNT(biases); i++) {
        for (int transposed = 0; transposed < 4; transposed++) {
            fg_graph *g = new_graph(ctx, 22);
            fg_value *a = input(g, "a", transposed & 1 ? "20x30" : "30x20");
            fg_value *b = input(g, "b", transposed & 2 ? "50x20" : "20x50");
            check(g, NODE(g, "Relu", gemm(g, a, b, input(g, "c", biases[i]), transposed)));
        }
    }
}

TEST(general_products_of_integers_scale_them) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        fg_graph *g = new_graph(ctx, 22);
        check(g, gemm(g, typed_input(g, "a", "5x9", types[i]), typed_input(g, "b", "9x20", types[i]),
                      typed_input(g, "c", "20", types[i]), 0));
    }
}

/* Queries, keys and values out of one projection each: transposes of them are read where they lie. */
static fg_value *heads(fg_graph *g, fg_value *x, const char *name, const int64_t *perm) {
    fg_value *p = NODE(g, "MatMul", x, parameter(g, name, "24x24"));
    p = NODE(g, "Reshape", p, INTS(g, 1, 19, 3, 8));
    return with_ints(g, NODE(g, "Transpose", p), "perm", 4, perm);
}

TEST(attention_reads_its_operands_where_they_lie) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    fg_value *x = input(g, "x", "1x19x24");
    fg_value *q = heads(g, x, "wq", (const int64_t[]){0, 2, 1, 3});
    fg_value *k = heads(g, x, "wk", (const int64_t[]){0, 2, 3, 1});
    fg_value *v = heads(g, x, "wv", (const int64_t[]){0, 2, 1, 3});
    fg_value *s = NODE(g, "Mul", NODE(g, "MatMul", q, k), scalar(g, 0.01));
    s = NODE(g, "Add", s, input(g, "mask", "1x1x1x19"));
    check(g, NODE(g, "MatMul", NODE(g, "Softmax", s), v));
}

/* softmax(scale q k' + bias) v over matrices of any rank, with the result where another operator wants it. */
typedef struct attention_case {
    const char *q, *k, *v, *bias;
} attention_case;

static const attention_case attentions[] = {
    {"12x9x8", "12x8x20", "12x20x24", NULL},          /* keys already stand in columns */
    {"2x3x5x7", "2x1x7x3", "1x3x3x5", "1x3x5x3"},     /* batches broadcast; fewer keys than lanes */
    {"1x33x16", "1x16x33", "1x33x16", "33x33"},       /* one head */
    {"40x6", "6x17", "17x19", "40x1"},                /* a bias per query */
    {"1x2x1x16", "1x2x16x50", "1x2x50x16", "2x1x50"}, /* one query */
    {"7x12", "5x12x30", "30x9", NULL},
};

TEST(attention_takes_any_batch_bias_and_size) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(attentions); i++) {
        const attention_case *c = &attentions[i];
        fg_graph *g = new_graph(ctx, 22);
        fg_value *s = NODE(g, "MatMul", input(g, "q", c->q), input(g, "k", c->k));
        s = NODE(g, "Div", s, scalar(g, 3));
        s = c->bias != NULL ? NODE(g, "Add", s, input(g, "bias", c->bias)) : s;
        check(g, NODE(g, "MatMul", NODE(g, "Softmax", s), input(g, "v", c->v)));
    }
}

/* Heads out of one projection, joined again for the next: neither way costs a copy. */
TEST(attention_writes_its_result_where_it_is_wanted) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    fg_value *qkv = NODE(g, "MatMul", input(g, "x", "19x1x24"), parameter(g, "w", "24x72")), *part[3];
    for (int i = 0; i < 3; i++) {
        part[i] = NODE(g, "Slice", qkv, INTS(g, 24 * i), INTS(g, 24 * i + 24), INTS(g, 2));
        part[i] = NODE(g, "Reshape", part[i], INTS(g, 19, 3, 8));
        static const int64_t perms[3][3] = {{1, 0, 2}, {1, 2, 0}, {1, 0, 2}};
        part[i] = with_ints(g, NODE(g, "Transpose", part[i]), "perm", 3, perms[i]);
    }
    fg_value *s = NODE(g, "Softmax", NODE(g, "MatMul", part[0], part[1]));
    fg_value *y = NODE(g, "MatMul", s, part[2]);
    y = with_ints(g, NODE(g, "Transpose", y), "perm", 3, (const int64_t[]){1, 0, 2});
    y = NODE(g, "Reshape", y, INTS(g, 19, 24));
    y = NODE(g, "Gemm", y, parameter(g, "out", "24x24"));
    check(g, y);
    assert_int_equal(test_module(g, "x86-64-v3")->n_kernels, 3);
}

/* Large products go by seven halves: an odd number of rows, bias, residual and activation behind. */
TEST(large_products_go_by_halves) {
    (void)arg;
    static const char *const rows[] = {"48x256", "1x53x256", "101x256"};
    for (size_t i = 0; i < FG_COUNT(rows); i++) {
        fg_graph *g = new_graph(ctx, 22);
        fg_value *x = input(g, "x", rows[i]);
        fg_value *y = NODE(g, "MatMul", x, parameter(g, "w", "256x320"));
        y = NODE(g, "Relu", NODE(g, "Add", y, parameter(g, "bias", "320")));
        y = NODE(g, "MatMul", y, parameter(g, "v", "320x256"));
        check(g, NODE(g, "Add", y, x));
    }
    fg_graph *g = new_graph(ctx, 22);
    fg_value *y = gemm(g, input(g, "x", "49x512"), parameter(g, "w", "256x512"), parameter(g, "c", "256"), 2);
    check(g, NODE(g, "Relu", y));
}

static bool goes_by_halves(fg_graph *g, double dram_gbps, int threads) {
    const fg_fusion_options fusion = {.fuse = true};
    fg_target *target = FG_NEW(g->ctx, fg_target);
    *target = *fg_target_load(g->ctx, "zen4");
    target->dram_gbps = dram_gbps;
    fg_codegen_options options = test_options();
    options.threads = threads;
    const fg_module *m = fg_generate(test_partition(g, &fusion), target, &options);
    return strstr(m->kernels[0].why, "Strassen") != NULL;
}

/* By halves there are more weights to read. */
TEST(memory_decides_whether_halves_pay) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    output(g, NODE(g, "MatMul", input(g, "x", "64x512"), parameter(g, "w", "512x512")));
    fg_graph_link(g);
    fg_infer(g);
    assert_true(goes_by_halves(g, 16, 1));
    assert_true(goes_by_halves(g, 0, 1)); /* not known */
    assert_false(goes_by_halves(g, 4, 1));
    assert_false(goes_by_halves(g, 16, 4)); /* the same memory for all of them */
}

/* ---- convolutions ---- */

typedef struct conv_case {
    const char *x, *w;
    int64_t group;
    int axes;
    int64_t strides[3], pads[6], dilations[3];
} conv_case;

static fg_value *windowed(fg_graph *g, fg_value *y, const conv_case *c) {
    with_ints(g, y, "strides", c->axes, c->strides);
    with_ints(g, y, "pads", 2 * c->axes, c->pads);
    with_ints(g, y, "dilations", c->axes, c->dilations);
    return with_int(g, y, "group", c->group);
}

static void check_conv(fg_context *ctx, const char *op, const conv_case *c) {
    for (int constant = 0; constant < 2; constant++) {
        fg_graph *g = new_graph(ctx, 22);
        fg_value *x = input(g, "x", c->x);
        fg_value *w = constant ? parameter(g, "w", c->w) : input(g, "w", c->w);
        check(g, NODE(g, "Relu", windowed(g, NODE(g, op, x, w), c)));
    }
}

static const conv_case convs[] = {
    {"1x6x5x7x8", "20x6x3x3x3", 1, 3, {1, 2, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}},
    {"2x8x5x7x8", "40x4x2x3x3", 2, 3, {1, 1, 1}, {0, 0, 0, 0, 0, 0}, {1, 2, 1}},
    {"2x8x5x7x8", "8x1x2x3x3", 8, 3, {1, 1, 2}, {0, 1, 0, 1, 0, 0}, {1, 1, 1}},
    {"2x8x7x8", "24x8x3x3", 1, 2, {1, 1}, {1, 1, 1, 1}, {1, 1}},
    {"2x8x17", "24x4x3", 2, 1, {2}, {1, 1}, {2}},
};

TEST(convolutions_of_three_dimensions_and_computed_weights) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(convs); i++) {
        check_conv(ctx, "Conv", &convs[i]);
    }
}

TEST(convolutions_of_other_types) {
    (void)arg;
    for (size_t i = 1; i < 4; i++) {
        fg_graph *g = new_graph(ctx, 22);
        check(g, NODE(g, "Conv", typed_input(g, "x", "1x4x8x8", types[i]),
                      typed_input(g, "w", "6x4x3x3", types[i]), typed_input(g, "b", "6", types[i])));
    }
}

static const conv_case transposed[] = {
    {"2x8x7x8", "8x24x3x3", 1, 2, {2, 2}, {1, 1, 1, 1}, {1, 1}},
    {"1x16x7x8", "16x40x2x2", 1, 2, {2, 2}, {0, 0, 0, 0}, {1, 1}},
    {"2x8x17", "8x12x4", 2, 1, {2}, {1, 1}, {1}},
    {"1x6x3x4x5", "6x20x3x3x3", 1, 3, {1, 2, 1}, {0, 1, 0, 0, 0, 1}, {2, 1, 1}},
    {"2x8x7x8", "8x3x3x3", 4, 2, {3, 2}, {0, 0, 0, 0}, {1, 1}},
};

TEST(transposed_convolutions_gather_what_reaches_a_pixel) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(transposed); i++) {
        check_conv(ctx, "ConvTranspose", &transposed[i]);
    }
    fg_graph *g = new_graph(ctx, 22);
    fg_value *x = NODE(g, "Relu", channels_last(g, "1x16x7x8"));
    check(g, conv(g, NODE(g, "ConvTranspose", x, parameter(g, "up", "16x20x2x2")), "5x20x3x3", 1));
}

/* A last vector of half its channels or fewer is worked on as half a vector where that is faster. */
TEST(few_last_channels_take_half_a_vector) {
    (void)arg;
    static const char *const weights[] = {"24x19x1x1", "5x19x3x3", "40x19x1x1", "72x19x1x1", "25x19x1x1"};
    for (size_t i = 0; i < FG_COUNT(weights); i++) {
        fg_graph *g = new_graph(ctx, 22);
        fg_value *x = NODE(g, "Relu", input(g, "x", "2x19x9x7"));
        fg_value *y = conv(g, x, weights[i], 1);
        check(g, NODE(g, "Add", NODE(g, "Sigmoid", y), y));
        const fg_module *m;
        const fg_verdict *v = generate_and_verify(g, "x86-64-v4", true, 1, &m);
        if (!v->passed) fail_msg("%s: %s", weights[i], v->first_failure);
        assert_int_equal(strstr(m->source, "FG_HFMAS(h0") != NULL, i < 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_broadcast_their_batches),
        cmocka_unit_test(products_of_all_types),
        cmocka_unit_test(general_products_take_any_bias_and_transposes),
        cmocka_unit_test(general_products_of_integers_scale_them),
        cmocka_unit_test(attention_reads_its_operands_where_they_lie),
        cmocka_unit_test(large_products_go_by_halves),
        cmocka_unit_test(memory_decides_whether_halves_pay),
        cmocka_unit_test(attention_takes_any_batch_bias_and_size),
        cmocka_unit_test(attention_writes_its_result_where_it_is_wanted),
        cmocka_unit_test(convolutions_of_three_dimensions_and_computed_weights),
        cmocka_unit_test(convolutions_of_other_types),
        cmocka_unit_test(transposed_convolutions_gather_what_reaches_a_pixel),
        cmocka_unit_test(few_last_channels_take_half_a_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
