/* Losses over class scores: the reference by hand, generated code against the reference. */
#include "lower_check.h"
#include "one_node.h"

static const char *const reductions[] = {"none", "sum", "mean"};

/* ---- the reference ---- */

static one_node likelihood(const char *reduction) {
    one_node t = one_node_new("NegativeLogLikelihoodLoss", 22);
    one_node_floats(&t, "2,3", -1.0, -2.0, -3.0, -4.0, -5.0, -6.0);
    one_node_in(&t, FG_INT64, "2", 2.0, 0.0);
    one_node_text(&t, "reduction", reduction);
    return t;
}

static void picks_the_score_of_the_target(void **state) {
    (void)state;
    static const double want[] = {0, 7, 3.5};
    one_node t = likelihood("none");
    one_node_expect(&t, 0, "2", 3.0, 4.0);
    one_node_done(&t);
    for (int i = 1; i < 3; i++) {
        t = likelihood(reductions[i]);
        one_node_expect(&t, 0, "", want[i]);
        one_node_done(&t);
    }
}

static void weighs_and_ignores(void **state) {
    (void)state;
    one_node t = likelihood("mean");
    one_node_floats(&t, "3", 0.5, 1.0, 2.0);
    one_node_expect(&t, 0, "", (3 * 2.0 + 4 * 0.5) / 2.5);
    one_node_done(&t);
    t = likelihood("mean");
    one_node_int(&t, "ignore_index", 0);
    one_node_expect(&t, 0, "", 3.0);
    one_node_done(&t);
}

static void gives_logarithms_of_probabilities(void **state) {
    (void)state;
    one_node t = one_node_new("SoftmaxCrossEntropyLoss", 13);
    t.n_out = 2;
    one_node_floats(&t, "1,2", 1000.0, 1000.0);
    one_node_in(&t, FG_INT32, "1", 1.0);
    one_node_expect(&t, 0, "", log(2));
    one_node_expect(&t, 1, "1,2", -log(2), -log(2));
    one_node_done(&t);
}

static void refuses_what_does_not_fit(void **state) {
    (void)state;
    one_node t = likelihood("median");
    one_node_expect_error(&t, FG_BAD_MODEL, "reduction");
    one_node_done(&t);
    t = likelihood("sum");
    one_node_floats(&t, "2", 1.0, 1.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "for each class");
    one_node_done(&t);
    t = one_node_new("SoftmaxCrossEntropyLoss", 13);
    one_node_floats(&t, "1,2", 1.0, 1.0);
    one_node_in(&t, FG_INT32, "2", 1.0, 1.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "does not fit scores");
    one_node_done(&t);
}

/* ---- generated code ---- */

static fg_value *targets(fg_graph *g, const char *shape, fg_dtype type, int64_t classes) {
    fg_value *v = typed_input(g, "t", shape, type);
    v->bound = classes;
    return v;
}

TEST(generated_losses_of_all_reductions) {
    (void)arg;
    static const fg_dtype types[] = {FG_FLOAT, FG_DOUBLE, FG_FLOAT16, FG_BFLOAT16};
    for (size_t i = 0; i < FG_COUNT(reductions); i++) {
        for (size_t k = 0; k < FG_COUNT(types); k++) {
            fg_graph *g = new_graph(ctx, 22);
            fg_value *x = typed_input(g, "x", "4x7x5", types[k]), *w = typed_input(g, "w", "7", types[k]);
            fg_value *y = NODE(g, "NegativeLogLikelihoodLoss", x, targets(g, "4x5", FG_INT32, 7), w);
            check(g, with_text(g, with_int(g, y, "ignore_index", 3), "reduction", reductions[i]));
            g = new_graph(ctx, 22);
            x = typed_input(g, "x", "4x7", types[k]);
            y = SEVERAL(g, "SoftmaxCrossEntropyLoss", 2, x, targets(g, "4", FG_INT64, 7));
            check(g, with_text(g, y, "reduction", reductions[i]));
        }
    }
}

TEST(generated_losses_of_channels_last_maps) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    fg_value *x = NODE(g, "Relu", channels_last(g, "2x6x5x4"));
    fg_value *y =
        SEVERAL(g, "SoftmaxCrossEntropyLoss", 2, x, targets(g, "2x5x4", FG_INT64, 6), parameter(g, "w", "6"));
    check(g, with_int(g, y, "ignore_index", -1));
}

TEST(generated_code_for_one_of_two_results) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    fg_value *x = input(g, "x", "4x7"), *out[2] = {NULL, fg_graph_value(g, "logs")};
    fg_value *in[2] = {x, targets(g, "4", FG_INT64, 7)};
    fg_graph_node(g, "SoftmaxCrossEntropyLoss", 2, in, 2, out);
    check(g, out[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_the_score_of_the_target),
        cmocka_unit_test(weighs_and_ignores),
        cmocka_unit_test(gives_logarithms_of_probabilities),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(generated_losses_of_all_reductions),
        cmocka_unit_test(generated_losses_of_channels_last_maps),
        cmocka_unit_test(generated_code_for_one_of_two_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
