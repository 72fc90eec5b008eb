/* Reductions and ArgMax/ArgMin. */
#include "tests/one_node.h"

static void every_reduction_by_hand(void **state) {
    (void)state;
    static const struct {
        const char *op;
        double want;
    } cases[] = {{"ReduceSum", 2},
                 {"ReduceMean", 2.0 / 3},
                 {"ReduceMax", 3},
                 {"ReduceMin", -2},
                 {"ReduceProd", -6},
                 {"ReduceL1", 6},
                 {"ReduceL2", 3.7416574},
                 {"ReduceSumSquare", 14},
                 {"ReduceLogSum", 0.6931472},
                 {"ReduceLogSumExp", 3.1328452}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        one_node t = one_node_new(cases[i].op, 12);
        one_node_floats(&t, "3", 1.0, -2.0, 3.0);
        one_node_expect(&t, 0, "1", cases[i].want);
        one_node_done(&t);
    }
}

static void axes_are_an_attribute_before_and_an_operand_since(void **state) {
    (void)state;
    one_node t = one_node_new("ReduceSum", 11);
    one_node_counting(&t, "2,2,2");
    one_node_ints(&t, "axes", 2, 0, -1);
    one_node_expect(&t, 0, "1,2,1", 14.0, 22.0);
    one_node_done(&t);

    t = one_node_new("ReduceSum", 13);
    one_node_counting(&t, "2,2,2");
    one_node_const(&t, FG_INT64, "1", 1.0);
    one_node_int(&t, "keepdims", 0);
    one_node_expect(&t, 0, "2,2", 4.0, 6.0, 12.0, 14.0);
    one_node_done(&t);
}

static void no_axes_mean_all_or_none(void **state) {
    (void)state;
    one_node t = one_node_new("ReduceSumSquare", 18);
    one_node_floats(&t, "2", 2.0, 3.0);
    one_node_expect(&t, 0, "1", 13.0);
    one_node_done(&t);

    t = one_node_new("ReduceSumSquare", 18);
    one_node_floats(&t, "2", 2.0, 3.0);
    one_node_int(&t, "noop_with_empty_axes", 1);
    one_node_expect(&t, 0, "2", 4.0, 9.0);
    one_node_done(&t);
}

static void an_empty_set_gives_the_neutral_element(void **state) {
    (void)state;
    static const struct {
        const char *op;
        double want;
    } cases[] = {{"ReduceSum", 0},
                 {"ReduceProd", 1},
                 {"ReduceMax", -(double)INFINITY},
                 {"ReduceMin", (double)INFINITY},
                 {"ReduceLogSum", -(double)INFINITY}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        one_node t = one_node_new(cases[i].op, 18);
        one_node_floats(&t, "2,0");
        one_node_const(&t, FG_INT64, "1", 1.0);
        one_node_expect(&t, 0, "2,1", cases[i].want, cases[i].want);
        one_node_done(&t);
    }
}

static void integers_and_truth_values_reduce_in_their_type(void **state) {
    (void)state;
    one_node t = one_node_new("ReduceMean", 18);
    one_node_in(&t, FG_INT32, "3", -3.0, -2.0, -2.0);
    one_node_expect(&t, 0, "1", -2.0);
    one_node_done(&t);

    t = one_node_new("ReduceMax", 20);
    one_node_in(&t, FG_BOOL, "2,2", 0.0, 0.0, 0.0, 1.0);
    one_node_const(&t, FG_INT64, "1", 1.0);
    one_node_expect(&t, 0, "2,1", 0.0, 1.0);
    one_node_done(&t);

    t = one_node_new("ReduceMin", 18);
    one_node_in(&t, FG_UINT64, "2", 1.0e19, 2.0);
    one_node_expect(&t, 0, "1", 2.0);
    one_node_done(&t);
}

static void log_sum_exp_does_not_overflow(void **state) {
    (void)state;
    one_node t = one_node_new("ReduceLogSumExp", 18);
    one_node_floats(&t, "2", 1000.0, 1000.0);
    one_node_expect(&t, 0, "1", 1000.6931472);
    one_node_done(&t);
}

static void arg_max_breaks_ties_as_told(void **state) {
    (void)state;
    for (int last = 0; last < 2; last++) {
        one_node t = one_node_new("ArgMax", 13);
        one_node_floats(&t, "2,3", 4.0, 1.0, 4.0, 2.0, 2.0, 1.0);
        one_node_int(&t, "axis", 1);
        one_node_int(&t, "select_last_index", last);
        one_node_expect(&t, 0, "2,1", last ? 2.0 : 0.0, last ? 1.0 : 0.0);
        one_node_done(&t);
    }
    one_node t = one_node_new("ArgMin", 13);
    one_node_in(&t, FG_INT8, "3,2", 4.0, -1.0, 3.0, 7.0, 5.0, 7.0);
    one_node_int(&t, "keepdims", 0);
    one_node_expect(&t, 0, "2", 1.0, 0.0);
    one_node_done(&t);
}

static void axes_must_be_in_range_once_and_constant(void **state) {
    (void)state;
    one_node t = one_node_new("ReduceSum", 13);
    one_node_counting(&t, "2,2");
    one_node_const(&t, FG_INT64, "2", 0.0, -2.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "axis 0 is named twice");
    one_node_done(&t);

    t = one_node_new("ReduceSum", 13);
    one_node_counting(&t, "2,2");
    one_node_in(&t, FG_INT64, "1", 0.0);
    one_node_expect_error(&t, FG_UNSUPPORTED, "'axes' ('in1') decides the output's shape");
    assert_non_null(strstr(fg_context_diagnostic(t.ctx)->remedy, "--const in1="));
    one_node_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reduction_by_hand),
        cmocka_unit_test(axes_are_an_attribute_before_and_an_operand_since),
        cmocka_unit_test(no_axes_mean_all_or_none),
        cmocka_unit_test(an_empty_set_gives_the_neutral_element),
        cmocka_unit_test(integers_and_truth_values_reduce_in_their_type),
        cmocka_unit_test(log_sum_exp_does_not_overflow),
        cmocka_unit_test(arg_max_breaks_ties_as_told),
        cmocka_unit_test(axes_must_be_in_range_once_and_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
