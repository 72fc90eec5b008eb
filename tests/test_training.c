/* Optimizers' steps, normalisation by the batch, random operators, determinants, reversed sequences: the
 * reference by hand, generated code against the reference. */
#include "frontend/draw.h"
#include "lower_check.h"
#include "one_node.h"

/* ---- the reference ---- */

static one_node optimizer(const char *op, int memories) {
    one_node t = one_node_new(op, 22);
    one_node_floats(&t, "", 0.5);
    one_node_in(&t, FG_INT64, "", 2.0);
    one_node_floats(&t, "1", 3.0);
    one_node_floats(&t, "1", 1.0);
    one_node_floats(&t, "1", 2.0);
    if (memories > 1) {
        one_node_floats(&t, "1", 4.0);
    }
    one_node_float(&t, "norm_coefficient", 0.25F); /* the gradient is 1.75 */
    t.n_out = 1 + memories;
    return t;
}

static fg_status run_built(one_node *t) {
    one_node_build(t);
    t->node->domain = "ai.onnx.preview.training";
    t->status = fg_try(t->ctx, one_node_body, t);
    t->ran = true;
    return t->status;
}

static void expect_number(one_node *t, int i, double want) {
    const fg_tensor *y = fg_run_value(t->run, t->out[i]);
    assert_non_null(y);
    assert_true(fabs(fg_get_f64(y, 0) - want) <= 1e-6 * (1 + fabs(want)));
}

static void optimizers_take_a_step(void **state) {
    (void)state;
    const double g = 1.75;
    one_node t = optimizer("Adagrad", 1);
    assert_int_equal(run_built(&t), FG_OK);
    expect_number(&t, 0, 3 - 0.5 * g / (sqrt(2 + g * g) + 1e-6));
    expect_number(&t, 1, 2 + g * g);
    one_node_done(&t);
    t = optimizer("Adam", 2);
    assert_int_equal(run_built(&t), FG_OK);
    const double alpha = (double)0.9F, beta = (double)0.999F, v = alpha * 2 + (1 - alpha) * g,
                 h = beta * 4 + (1 - beta) * g * g, rate = 0.5 * sqrt(1 - beta * beta) / (1 - alpha * alpha);
    expect_number(&t, 0, 3 - rate * v / (sqrt(h) + 1e-6));
    expect_number(&t, 1, v);
    expect_number(&t, 2, h);
    one_node_done(&t);
    t = optimizer("Momentum", 1);
    one_node_float(&t, "alpha", 0.5F);
    one_node_float(&t, "beta", 2);
    assert_int_equal(run_built(&t), FG_OK);
    expect_number(&t, 1, 0.5 * 2 + 2 * g);
    expect_number(&t, 0, 3 - 0.5 * (1 + 2 * g));
    one_node_done(&t);
}

static void determinants_follow_their_rows(void **state) {
    (void)state;
    one_node t = one_node_new("Det", 22);
    one_node_floats(&t, "3,2,2", 1.0, 2.0, 3.0, 4.0, 0.0, 1.0, 1.0, 0.0, 1.0, 2.0, 2.0, 4.0);
    one_node_expect(&t, 0, "3", -2.0, -1.0, 0.0);
    one_node_done(&t);
    t = one_node_new("Det", 22);
    one_node_floats(&t, "1,2", 1.0, 2.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "square");
    one_node_done(&t);
}

static void sequences_turn_around(void **state) {
    (void)state;
    one_node t = one_node_new("ReverseSequence", 10);
    one_node_floats(&t, "3,2", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
    one_node_in(&t, FG_INT64, "2", 3.0, 2.0);
    one_node_expect(&t, 0, "3,2", 5.0, 4.0, 3.0, 2.0, 1.0, 6.0);
    one_node_done(&t);
    t = one_node_new("ReverseSequence", 10);
    one_node_floats(&t, "1,2", 1.0, 2.0);
    one_node_in(&t, FG_INT64, "2", 1.0, 1.0);
    one_node_int(&t, "time_axis", 1);
    one_node_expect_error(&t, FG_BAD_MODEL, "time_axis");
    one_node_done(&t);
}

static void draws_are_what_the_documentation_says(void **state) {
    (void)state;
    /* splitmix64 from state 0 */
    assert_true(fg_draw_bits(0, 0) == UINT64_C(0xE220A8397B1DCDAF));
    assert_true(fg_draw_bits(0, 1) == UINT64_C(0x6E789E6AA1B965F4));
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < 100000; i++) {
        const double x = fg_draw_normal(12345, i), u = fg_draw_uniform(12345, i);
        assert_true(u >= 0 && u < 1);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / 1e5) < 0.02 && fabs(squares / 1e5 - 1) < 0.02);
}

static one_node uniform(int seeded, float seed) {
    one_node t = one_node_new("RandomUniform", 22);
    one_node_ints(&t, "shape", 2, 3, 4);
    one_node_float(&t, "low", -1);
    if (seeded) {
        one_node_float(&t, "seed", seed);
    }
    return t;
}

static void seeds_decide(void **state) {
    (void)state;
    one_node a = uniform(1, 7), b = uniform(1, 7), c = uniform(1, 8), d = uniform(0, 0);
    const float *x = one_node_out(&a, 0)->data, *same = one_node_out(&b, 0)->data;
    const float *other = one_node_out(&c, 0)->data, *named = one_node_out(&d, 0)->data;
    assert_memory_equal(x, same, 48);
    assert_memory_not_equal(x, other, 48);
    assert_memory_not_equal(x, named, 48);
    for (int i = 0; i < 12; i++) {
        assert_true(x[i] >= -1 && x[i] < 1);
    }
    one_node_done(&a);
    one_node_done(&b);
    one_node_done(&c);
    one_node_done(&d);
}

static void dropout_drops_its_share_and_scales_the_rest(void **state) {
    (void)state;
    one_node t = one_node_new("Dropout", 13);
    one_node_counting(&t, "1000");
    one_node_const(&t, FG_FLOAT, "", 0.75);
    one_node_in(&t, FG_BOOL, "", 1.0);
    t.n_out = 2;
    const fg_tensor *y = one_node_out(&t, 0), *mask = one_node_out(&t, 1);
    int kept = 0;
    for (int i = 0; i < 1000; i++) {
        const double keep = fg_get_f64(mask, i);
        kept += keep != 0;
        assert_true(fg_get_f64(y, i) == keep * 4 * (i + 1));
    }
    assert_in_range(kept, 200, 300);
    one_node_done(&t);
}

static void samples_follow_their_probabilities(void **state) {
    (void)state;
    one_node t = one_node_new("Multinomial", 22);
    one_node_floats(&t, "2,3", log(0.5), log(0.2), log(0.3), -1e30, 100.0, -1e30);
    one_node_int(&t, "sample_size", 1000);
    one_node_float(&t, "seed", 1);
    const fg_tensor *y = one_node_out(&t, 0);
    int count[3] = {0};
    assert_int_equal(y->dtype, FG_INT32);
    for (int i = 0; i < 1000; i++) {
        count[fg_get_i64(y, i)]++;
        assert_int_equal(fg_get_i64(y, 1000 + i), 1);
    }
    assert_in_range(count[0], 450, 550);
    assert_in_range(count[1], 150, 250);
    one_node_done(&t);
}

/* ---- generated code ---- */

TEST(generated_optimizers) {
    (void)arg;
    static const char *const ops[] = {"Adagrad", "Adam", "Momentum"};
    for (int i = 0; i < 4; i++) {
        const char *op = ops[i < 2 ? i : 2];
        const int groups = i == 1 ? 4 : 3;
        fg_graph *g = new_graph(ctx, 22);
        g->inputs = FG_ARRAY(ctx, 16, fg_value *);
        fg_value *in[12] = {input(g, "rate", "1"), typed_input(g, "number", "", FG_INT64)};
        for (int k = 0; k < 2 * groups; k++) {
            in[2 + k] = input(g, fg_format(ctx, "t%d", k), k % 2 ? "3x5" : "4");
            in[2 + k]->dtype = k % 2 ? FG_DOUBLE : FG_FLOAT;
            if (k / 2 == groups - 1) { /* what is under the root must not be negative */
                fg_value *x = in[2 + k];
                in[2 + k] = NODE(g, "Mul", x, x);
            }
        }
        fg_value *y = several(g, op, 2 + 2 * groups, in, 2 * (groups - 1));
        y->producer->domain = "ai.onnx.preview.training";
        with_float(g, y, "norm_coefficient", 0.1);
        with_float(g, y, "alpha", 0.8);
        with_float(g, y, "beta", 0.7);
        check(g, with_text(g, y, "mode", i == 3 ? "nesterov" : "standard"));
    }
}

TEST(generated_normalisation_by_the_batch) {
    (void)arg;
    static const fg_dtype types[] = {FG_FLOAT, FG_DOUBLE, FG_FLOAT16};
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        fg_graph *g = new_graph(ctx, i == 2 ? 9 : 15);
        fg_value *x =
            i == 0 ? NODE(g, "Relu", channels_last(g, "3x6x5x4")) : typed_input(g, "x", "4x6x7", types[i]);
        fg_value *in[5] = {x};
        for (int k = 1; k < 5; k++) {
            in[k] = typed_input(g, fg_format(ctx, "p%d", k), "6", types[i]);
        }
        fg_value *y = several(g, "BatchNormalization", 5, in, i == 2 ? 5 : 3);
        check(g, i == 2 ? y : with_int(g, y, "training_mode", 1));
    }
}

TEST(generated_determinants_and_reversed_sequences) {
    (void)arg;
    static const fg_dtype types[] = {FG_FLOAT, FG_DOUBLE, FG_BFLOAT16};
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        fg_graph *g = new_graph(ctx, 22);
        check(g, NODE(g, "Det", typed_input(g, "x", i == 0 ? "7x7" : "2x3x5x5", types[i])));
        g = new_graph(ctx, 22);
        fg_value *lens = typed_input(g, "lens", "5", FG_INT64);
        lens->bound = 8;
        fg_value *y =
            NODE(g, "ReverseSequence", typed_input(g, "x", i == 1 ? "5x7x6" : "7x5x2x3", types[i]), lens);
        check(g, with_int(g, with_int(g, y, "time_axis", i == 1), "batch_axis", i != 1));
    }
    fg_graph *g = new_graph(ctx, 22);
    fg_value *lens = typed_input(g, "lens", "2", FG_INT64);
    lens->bound = 7;
    fg_value *y = NODE(g, "ReverseSequence", NODE(g, "Relu", channels_last(g, "2x6x5x4")), lens);
    check(g, with_int(g, with_int(g, y, "time_axis", 1), "batch_axis", 0));
}

TEST(generated_draws) {
    (void)arg;
    static const fg_dtype types[] = {FG_FLOAT, FG_DOUBLE, FG_FLOAT16};
    static const char *const likes[] = {"RandomNormalLike", "RandomUniformLike"};
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        for (int k = 0; k < 2; k++) {
            fg_graph *g = new_graph(ctx, 22);
            check(g, NODE(g, likes[k], typed_input(g, "x", "3x5x7", types[i])));
            g = new_graph(ctx, 22);
            fg_value *y = make_node(g, k ? "RandomUniform" : "RandomNormal", 0, NULL);
            fg_value *x = typed_input(g, "x", "4x6x5x5", types[i]);
            with_float(g, with_int(g, WITH_INTS(g, y, "shape", 4, 6, 5, 5), "dtype", types[i]), "seed", 3);
            check(g, NODE(g, "Add", x, y));
        }
        fg_graph *g = new_graph(ctx, 22);
        fg_value *p = NODE(g, "Sigmoid", typed_input(g, "x", "5x40", types[i]));
        check(g, with_int(g, NODE(g, "Bernoulli", p), "dtype",
                          i == 1   ? FG_BOOL
                          : i == 2 ? FG_INT8
                                   : FG_DOUBLE));
        g = new_graph(ctx, 22);
        fg_value *y = NODE(g, "Multinomial", typed_input(g, "x", "3x9", types[i]));
        check(g, with_int(g, with_int(g, y, "sample_size", 20), "dtype", i == 1 ? FG_INT64 : FG_INT32));
    }
    fg_graph *g = new_graph(ctx, 22); /* the numbers do not depend on how a tensor lies */
    fg_value *x = NODE(g, "Relu", channels_last(g, "1x6x5x4"));
    check(g, conv(g, NODE(g, "Add", x, NODE(g, "RandomUniformLike", x)), "4x6x3x3", 1));
}

TEST(generated_dropout) {
    (void)arg;
    for (int k = 0; k < 4; k++) {
        fg_graph *g = new_graph(ctx, 22);
        fg_value *x = k == 1 ? NODE(g, "Relu", channels_last(g, "2x6x5x4")) : input(g, "x", "3x50");
        x->dtype = k == 3 ? FG_FLOAT16 : FG_FLOAT;
        fg_value *mode = typed_input(g, "mode", "", FG_BOOL), *ratio = k % 2 ? scalar(g, 0.4) : NULL;
        check(g, SEVERAL(g, "Dropout", k == 2 ? 1 : 2, x, ratio, mode));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optimizers_take_a_step),
        cmocka_unit_test(determinants_follow_their_rows),
        cmocka_unit_test(sequences_turn_around),
        cmocka_unit_test(draws_are_what_the_documentation_says),
        cmocka_unit_test(seeds_decide),
        cmocka_unit_test(dropout_drops_its_share_and_scales_the_rest),
        cmocka_unit_test(samples_follow_their_probabilities),
        cmocka_unit_test(generated_optimizers),
        cmocka_unit_test(generated_normalisation_by_the_batch),
        cmocka_unit_test(generated_determinants_and_reversed_sequences),
        cmocka_unit_test(generated_draws),
        cmocka_unit_test(generated_dropout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
