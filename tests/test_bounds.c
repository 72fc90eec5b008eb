/* Bounds that the user gives for what only a run knows (--bound). */
#include "body_builder.h"

#include "frontend/extent.h"

static fg_value *scalar_int(fg_graph *g, int64_t i) {
    return number(g, i);
}

TEST(a_range_ends_where_an_operand_says) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *n = bounded(g, integer_input(g, "n", ""), 12);
    fg_value *places = NODE(g, "Range", scalar_int(g, 0), n, scalar_int(g, 1));
    fg_value *y = NODE(g, "Exp", with_int(g, NODE(g, "Cast", places), "to", FG_FLOAT));
    check(g, y);
    assert_string_equal(fg_shape_text(ctx, &y->shape), "12");
    assert_true(fg_is_dynamic(y));
}

TEST(shapes_come_from_a_list) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *shape = bounded(g, integer_input(g, "shape", "2"), 5);
    output(g, NODE(g, "Add", NODE(g, "ConstantOfShape", shape), scalar(g, 1)));
    fg_value *times = bounded(g, integer_input(g, "times", "2"), 3);
    check(g, NODE(g, "Neg", NODE(g, "Tile", input(g, "x", "2x3"), times)));
    assert_string_equal(fg_shape_text(ctx, &g->outputs[0]->shape), "5x5");
    assert_string_equal(fg_shape_text(ctx, &g->outputs[1]->shape), "6x9");
}

TEST(fewer_are_taken) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "4x9"), *best[2] = {fg_graph_value(g, "best"), fg_graph_value(g, "at")};
    fg_graph_node(g, "TopK", 2, (fg_value *[]){x, bounded(g, integer_input(g, "k", "1"), 5)}, 2, best);
    output(g, best[1]);
    output(g, NODE(g, "Relu", best[0]));
    fg_value *end = bounded(g, integer_input(g, "end", "1"), 7);
    check(g, NODE(g, "Abs", NODE(g, "Slice", x, INTS(g, 0), end, INTS(g, 1))));
    assert_string_equal(fg_shape_text(ctx, &best[0]->shape), "4x5");
    assert_string_equal(fg_shape_text(ctx, &g->outputs[2]->shape), "4x7");
}

TEST(lines_are_as_long_as_an_operand_says) {
    (void)arg;
    for (int axis = -1; axis < 2; axis++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *depth = bounded(g, integer_input(g, "depth", axis < 0 ? "" : "1"), 9);
        fg_value *places = integer_input(g, "places", "5x3");
        places->bound = 9;
        fg_value *at = NODE(g, "Sub", places, scalar_int(g, 4)); /* half of them count from the end */
        fg_value *lines =
            with_int(g, NODE(g, "OneHot", at, depth, parameter(g, "values", "2")), "axis", axis);
        output(g, NODE(g, "ReduceSum", lines, INTS(g, axis)));
        check(g, NODE(g, "Abs", lines));
        assert_string_equal(fg_shape_text(ctx, &lines->shape), axis == 0  ? "9x5x3"
                                                               : axis < 0 ? "5x3x9"
                                                                          : "5x9x3");
        assert_true(fg_is_dynamic(lines));
    }
}

/* Of the 40 elements of x those that are positive: some 20. */
static fg_value *positives(fg_graph *g) {
    fg_value *x = input(g, "x", "40");
    fg_value *places = NODE(g, "NonZero", NODE(g, "Relu", x));
    return NODE(g, "GatherND", x, NODE(g, "Transpose", places));
}

TEST(borders_are_as_wide_as_an_operand_says) {
    (void)arg;
    static const char *const modes[] = {"constant", "edge", "reflect", "wrap"};
    for (size_t i = 0; i < FG_COUNT(modes); i++) {
        fg_graph *g = new_graph(ctx, i == 3 ? 19 : 17);
        fg_value *pads = bounded(g, integer_input(g, "pads", "4"), 5);
        fg_value *y = with_text(g, NODE(g, "Pad", input(g, "x", "7x6"), pads), "mode", modes[i]);
        output(g, NODE(g, "Relu", y));
        check(g, NODE(g, "ReduceSum", y, INTS(g, 1)));
        assert_string_equal(fg_shape_text(ctx, &y->shape), "17x16");
        g = new_graph(ctx, 19);
        fg_value *few = NODE(g, "Pad", positives(g), INTS(g, 2, i == 0 ? -1 : 3));
        check(g, NODE(g, "Exp", with_text(g, few, "mode", modes[i])));
    }
}

TEST(a_computed_number_is_bounded_too) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *sum = with_int(g, NODE(g, "ReduceSum", NODE(g, "Sigmoid", input(g, "x", "6"))), "keepdims", 0);
    fg_value *n = bounded(g, with_int(g, NODE(g, "Cast", sum), "to", FG_INT64), 6);
    check(g, NODE(g, "Range", scalar_int(g, 0), n, scalar_int(g, 1)));
}

TEST(less_room_is_planned) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *some = bounded(g, positives(g), 33), *y = NODE(g, "Exp", some);
    output(g, NODE(g, "ReduceMax", some));
    check(g, y);
    assert_string_equal(fg_shape_text(ctx, &y->shape), "33");
}

TEST(slices_are_cut_where_operands_say) {
    (void)arg;
    static const int64_t steps[] = {1, -2};
    for (size_t i = 0; i < FG_COUNT(steps); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *from = integer_input(g, "from", "2"), *to = integer_input(g, "to", "2");
        fg_value *y =
            NODE(g, "Slice", input(g, "x", "6x4x9"), from, to, INTS(g, 2, 0), INTS(g, steps[i], steps[i]));
        output(g, NODE(g, "ReduceSum", y, INTS(g, 1)));
        check(g, NODE(g, "Exp", y));
        assert_string_equal(fg_shape_text(ctx, &y->shape), i == 0 ? "6x4x9" : "3x4x5");
        assert_int_equal(from->bound, 7);
    }
}

static void interpret(fg_context *ctx, void *graph) {
    fg_graph *g = graph;
    infer_graph(ctx, g);
    const fg_tensor x = fg_random_input(ctx, g->inputs[0], 1);
    (void)fg_interpret(g, &x, NULL, false);
}

TEST(data_beyond_the_bound_are_refused) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    output(g, bounded(g, positives(g), 3));
    assert_int_equal(fg_try(ctx, interpret, g), FG_UNSUPPORTED);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->message, "its bound is 3"));
}

TEST(a_bound_has_to_mean_something) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    refused(g, NODE(g, "Exp", bounded(g, input(g, "x", "3"), 4)), FG_USAGE, "none of its extents");
    g = new_graph(ctx, 17);
    fg_value *shape = bounded(g, integer_input(g, "shape", "2"), 5);
    refused(g, bounded(g, NODE(g, "ConstantOfShape", shape), 4), FG_USAGE, ":AXIS=4");
}

TEST(without_a_bound_the_error_names_the_option) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *n = integer_input(g, "n", "");
    refused(g, NODE(g, "Range", scalar_int(g, 0), n, scalar_int(g, 1)), FG_UNSUPPORTED, "--bound 'n=N'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_ends_where_an_operand_says),
        cmocka_unit_test(shapes_come_from_a_list),
        cmocka_unit_test(fewer_are_taken),
        cmocka_unit_test(lines_are_as_long_as_an_operand_says),
        cmocka_unit_test(borders_are_as_wide_as_an_operand_says),
        cmocka_unit_test(a_computed_number_is_bounded_too),
        cmocka_unit_test(less_room_is_planned),
        cmocka_unit_test(slices_are_cut_where_operands_say),
        cmocka_unit_test(data_beyond_the_bound_are_refused),
        cmocka_unit_test(a_bound_has_to_mean_something),
        cmocka_unit_test(without_a_bound_the_error_names_the_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
