/* Extents that depend on data: what follows from them, in the interpreter and in generated code. */
#include "lower_check.h"

#include "frontend/extent.h"

/* Indices of x's positive elements: [rank, N]. */
static fg_value *positive(fg_graph *g, fg_value *x) {
    return NODE(g, "NonZero", NODE(g, "Relu", x));
}

/* Indices of the rows of x, [rows, width], of which the first element is positive. */
static fg_value *places_of_rows(fg_graph *g, fg_value *x) {
    fg_value *first = NODE(g, "Slice", x, INTS(g, 0), INTS(g, 1), INTS(g, 1));
    fg_value *places = positive(g, NODE(g, "Squeeze", first, INTS(g, 1)));
    return NODE(g, "Squeeze", NODE(g, "Gather", places, INTS(g, 0)), INTS(g, 0));
}

static fg_value *some_rows(fg_graph *g, fg_value *x) {
    return with_int(g, NODE(g, "Gather", x, places_of_rows(g, x)), "axis", 0);
}

TEST(counted_indices_are_packed_for_the_caller) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = positive(g, input(g, "x", "3x5"));
    check(g, y);
    assert_true(fg_is_dynamic(y));
    assert_string_equal(fg_shape_text(ctx, &y->shape), "2x15");
}

TEST(indices_are_turned_and_gathered) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "6x7");
    fg_value *places = NODE(g, "Transpose", positive(g, x));
    check(g, NODE(g, "GatherND", x, places));
    g = new_graph(ctx, 17);
    x = input(g, "x", "9x4");
    check(g, NODE(g, "Mul", NODE(g, "Sigmoid", some_rows(g, x)), input(g, "scale", "4")));
}

TEST(shapes_are_told_at_run_time) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *rows = some_rows(g, input(g, "x", "9x4"));
    fg_value *shape = NODE(g, "Shape", rows);
    output(g, shape);
    fg_value *count = NODE(g, "Gather", shape, INTS(g, 0));
    fg_value *both = with_int(g, NODE(g, "Concat", count, INTS(g, 2, 2)), "axis", 0);
    check(g, NODE(g, "Neg", NODE(g, "Reshape", rows, both)));
}

TEST(reductions_leave_out_what_is_not_there) {
    (void)arg;
    static const char *const reductions[] = {"ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2"};
    for (size_t i = 0; i < FG_COUNT(reductions); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *y = NODE(g, reductions[i], some_rows(g, input(g, "x", "9x4")));
        WITH_INTS(g, y, "axes", 0);
        check(g, y);
    }
    fg_graph *g = new_graph(ctx, 17);
    check(g, NODE(g, "ReduceSum", some_rows(g, input(g, "x", "9x4")), INTS(g, 1)));
    g = new_graph(ctx, 17);
    check(g, with_int(g, NODE(g, "Softmax", some_rows(g, input(g, "x", "9x4"))), "axis", 0));
    g = new_graph(ctx, 17);
    check(g, with_int(g, NODE(g, "ArgMax", some_rows(g, input(g, "x", "9x4"))), "axis", 0));
}

TEST(products_go_over_what_is_there) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *rows = some_rows(g, input(g, "x", "9x4"));
    check(g, NODE(g, "MatMul", NODE(g, "Transpose", rows), NODE(g, "Exp", rows)));
    g = new_graph(ctx, 17);
    rows = some_rows(g, input(g, "x", "9x16"));
    check(g, NODE(g, "Relu", NODE(g, "Gemm", rows, parameter(g, "w", "16x24"), parameter(g, "b", "24"))));
}

TEST(parts_are_joined_one_behind_the_other) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *a = some_rows(g, input(g, "a", "9x4")), *b = some_rows(g, input(g, "b", "5x4"));
    check(g, NODE(g, "Tanh", with_int(g, NODE(g, "Concat", a, input(g, "c", "2x4"), b), "axis", 0)));
    g = new_graph(ctx, 17);
    a = some_rows(g, input(g, "a", "9x4"));
    check(g, with_int(g, NODE(g, "Concat", a, NODE(g, "Neg", a)), "axis", 1));
}

TEST(tensors_are_made_for_what_is_there) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *rows = some_rows(g, input(g, "x", "9x4"));
    fg_value *shape = NODE(g, "Shape", rows);
    fg_value *count = NODE(g, "Squeeze", NODE(g, "Gather", shape, INTS(g, 0)), INTS(g, 0));
    const fg_shape scalar_shape = {0};
    static const int64_t zero = 0, one = 1;
    fg_value *from = fg_graph_const(g, "from", FG_INT64, &scalar_shape, &zero);
    fg_value *step = fg_graph_const(g, "step", FG_INT64, &scalar_shape, &one);
    output(g, NODE(g, "Range", from, count, step));
    output(g, NODE(g, "Add", rows, NODE(g, "ConstantOfShape", shape)));
    check(g, NODE(g, "Mul", NODE(g, "Expand", input(g, "y", "1x4"), shape), rows));
}

TEST(compress_keeps_slices) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *keep = typed_input(g, "keep", "5", FG_BOOL);
    fg_value *y = with_int(g, NODE(g, "Compress", input(g, "x", "3x5x2"), keep), "axis", 1);
    check(g, NODE(g, "Abs", y));
    assert_string_equal(fg_shape_text(ctx, &y->shape), "3x5x2");
}

TEST(what_is_unique_is_counted) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Round", input(g, "x", "4x6")), *out[4];
    for (int i = 0; i < 4; i++) {
        out[i] = fg_graph_value(g, "unique");
    }
    fg_graph_node(g, "Unique", 1, &x, 4, out);
    for (int i = 1; i < 4; i++) {
        output(g, out[i]);
    }
    check(g, out[0]);
}

static fg_value *truth_of(fg_graph *g, fg_value *x) {
    return NODE(g, "Greater", with_int(g, NODE(g, "ReduceSum", x), "keepdims", 0), scalar(g, 0));
}

TEST(a_branch_is_chosen_at_run_time) {
    (void)arg;
    for (int i = 0; i < 2; i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", "9x4");
        fg_value *y =
            NODE(g, "If", truth_of(g, i == 0 ? NODE(g, "Abs", x) : NODE(g, "Neg", NODE(g, "Abs", x))));
        fg_graph *yes = new_graph(ctx, 17), *no = new_graph(ctx, 17);
        output(yes, NODE(yes, "Exp", x));
        output(no, some_rows(no, x));
        fg_graph_link(yes);
        fg_graph_link(no);
        fg_node_set_attr(ctx, y->producer, "then_branch", FG_ATTR_GRAPH)->graph = yes;
        fg_node_set_attr(ctx, y->producer, "else_branch", FG_ATTR_GRAPH)->graph = no;
        check(g, NODE(g, "Sigmoid", y));
        assert_true(fg_is_dynamic(g->outputs[0]));
    }
}

TEST(an_extent_may_be_cut_to_a_number) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *rows = some_rows(g, input(g, "x", "9x4"));
    output(g, NODE(g, "Neg", NODE(g, "Slice", rows, INTS(g, 0), INTS(g, 3), INTS(g, 0))));
    fg_value *count = NODE(g, "Gather", NODE(g, "Shape", rows), INTS(g, 0));
    fg_value *least = NODE(g, "ReduceMin", with_int(g, NODE(g, "Concat", count, INTS(g, 4)), "axis", 0));
    fg_value *best[2] = {fg_graph_value(g, "values"), fg_graph_value(g, "places")};
    fg_value *in[2] = {rows, NODE(g, "Reshape", least, INTS(g, 1))};
    fg_graph_node(g, "TopK", 2, in, 2, best);
    (void)with_int(g, best[0], "axis", 0);
    output(g, best[1]);
    check(g, best[0]);
    assert_string_equal(fg_shape_text(ctx, &best[0]->shape), "4x4");
}

TEST(many_parts_are_joined) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *parts[8], *same[8], *x = input(g, "x", "5x4");
    for (int i = 0; i < 8; i++) {
        parts[i] = some_rows(g, NODE(g, "Add", x, scalar(g, 0.25 * i - 1)));
        same[i] = NODE(g, "Neg", parts[i]);
    }
    fg_value *a = with_int(g, make_node(g, "Concat", 8, parts), "axis", 0);
    fg_value *b = with_int(g, make_node(g, "Concat", 8, same), "axis", 0);
    check(g, NODE(g, "Add", a, NODE(g, "Sigmoid", b)));
}

TEST(boxes_that_are_counted_suppress_each_other) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *boxes = NODE(g, "Unsqueeze", some_rows(g, input(g, "x", "40x4")), INTS(g, 0));
    fg_value *sum = NODE(g, "ReduceSum", boxes, INTS(g, 2));
    fg_value *scores = NODE(g, "Transpose", NODE(g, "Sigmoid", sum));
    const int64_t perm[] = {0, 2, 1};
    (void)with_ints(g, scores, "perm", 3, perm);
    fg_value *picked = NODE(g, "NonMaxSuppression", boxes, scores, INTS(g, 10), scalar(g, 0.1));
    picked = NODE(g, "Slice", picked, INTS(g, 0), INTS(g, 6), INTS(g, 0));
    fg_value *row =
        NODE(g, "Squeeze", with_int(g, NODE(g, "Gather", picked, INTS(g, 2)), "axis", 1), INTS(g, 1));
    check(g, with_int(g, NODE(g, "Gather", boxes, row), "axis", 1));
}

/* How exporters write Expand: an extent of -1 in the shape stands for 1. */
static fg_value *guarded_expand(fg_graph *g, fg_value *x, fg_value *shape) {
    fg_value *ones = NODE(g, "ConstantOfShape", NODE(g, "Shape", shape));
    static const int64_t one = 1;
    const fg_shape single = {1, {1}};
    fg_node_set_attr(g->ctx, ones->producer, "value", FG_ATTR_TENSOR)->tensor =
        fg_graph_const(g, "one", FG_INT64, &single, &one);
    fg_value *guarded = NODE(g, "Equal", shape, NODE(g, "Mul", ones, INTS(g, -1)));
    return NODE(g, "Expand", x, NODE(g, "Where", guarded, ones, shape));
}

TEST(comparisons_of_extents_are_decided_by_their_ranges) {
    (void)arg;
    static const struct {
        const char *op;
        int64_t with;
        int decided; /* -1: at run time */
    } cases[] = {
        {"Equal", -1, 0},         {"Equal", 0, -1},          {"Equal", 3, -1},      {"Equal", 10, 0},
        {"Less", 10, 1},          {"Less", 9, -1},           {"Less", 0, 0},        {"Greater", -1, 1},
        {"Greater", 9, 0},        {"Greater", 8, -1},        {"LessOrEqual", 9, 1}, {"LessOrEqual", -1, 0},
        {"GreaterOrEqual", 0, 1}, {"GreaterOrEqual", 10, 0},
    };
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *count = NODE(g, "Gather", NODE(g, "Shape", some_rows(g, input(g, "x", "9x4"))), INTS(g, 0));
        fg_value *said = NODE(g, cases[i].op, count, INTS(g, cases[i].with));
        fg_value *y = NODE(g, "Cast", said);
        fg_node_set_attr(ctx, y->producer, "to", FG_ATTR_INT)->i = FG_FLOAT;
        check(g, y);
        assert_int_equal(said->data == NULL ? -1 : *(const bool *)said->data, cases[i].decided);
    }
    fg_graph *g = new_graph(ctx, 17);
    fg_value *count = NODE(g, "Shape", some_rows(g, input(g, "x", "9x4")));
    fg_value *more = NODE(g, "Greater", NODE(g, "Add", NODE(g, "Mul", count, INTS(g, 2)), INTS(g, 1)), count);
    check(g, NODE(g, "Not", more));
    assert_true(more->data != NULL && ((const bool *)more->data)[0]);
}

TEST(only_a_count_may_be_wanted) {
    (void)arg;
    for (int i = 0; i < 4; i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", "6x4"), *y;
        if (i == 0) {
            y = positive(g, x);
        } else if (i == 1) {
            y = NODE(g, "Compress", x, typed_input(g, "keep", "24", FG_BOOL));
        } else if (i == 2) {
            y = with_int(g, NODE(g, "Concat", some_rows(g, x), some_rows(g, NODE(g, "Neg", x))), "axis", 0);
        } else {
            fg_value *boxes = NODE(g, "Unsqueeze", x, INTS(g, 0));
            y = NODE(g, "NonMaxSuppression", boxes, input(g, "scores", "1x2x6"), INTS(g, 4), scalar(g, 0.1));
        }
        check(g, NODE(g, "Neg", NODE(g, "Shape", y)));
    }
}

TEST(exporters_guards_of_expand_fold) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *rows = some_rows(g, input(g, "x", "9x4"));
    check(g, NODE(g, "Sub", rows, guarded_expand(g, input(g, "y", "1x4"), NODE(g, "Shape", rows))));
}

TEST(only_updates_that_are_there_are_made) {
    (void)arg;
    for (int tuples = 0; tuples < 2; tuples++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", "9x4"), *places = places_of_rows(g, x);
        fg_value *updates = NODE(g, "Neg", with_int(g, NODE(g, "Gather", x, places), "axis", 0));
        places = NODE(g, "Reshape", places, INTS(g, -1, 1));
        if (!tuples) places = guarded_expand(g, places, NODE(g, "Shape", updates));
        fg_value *into = input(g, "into", "9x4");
        check(g, NODE(g, tuples ? "ScatterND" : "ScatterElements", into, places, updates));
    }
}

TEST(regions_may_be_counted) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *boxes = some_rows(g, input(g, "boxes", "7x4"));
    fg_value *first =
        NODE(g, "Reshape", with_int(g, NODE(g, "Gather", boxes, INTS(g, 0)), "axis", 1), INTS(g, -1));
    fg_value *picture = NODE(g, "Cast", NODE(g, "Mul", first, scalar(g, 0)));
    fg_node_set_attr(ctx, picture->producer, "to", FG_ATTR_INT)->i = FG_INT64;
    fg_value *y = NODE(g, "RoiAlign", input(g, "x", "1x3x8x9"), boxes, picture);
    (void)with_int(g, with_int(g, y, "output_height", 3), "output_width", 2);
    check(g, NODE(g, "Relu", y));
    assert_string_equal(fg_shape_text(ctx, &y->shape), "7x3x3x2");
}

static void infer_graph(fg_context *ctx, void *g) {
    (void)ctx;
    fg_graph_link(g);
    fg_infer(g);
}

TEST(extents_that_may_differ_are_refused) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "9x4");
    output(g, NODE(g, "Add", some_rows(g, x), some_rows(g, NODE(g, "Neg", x))));
    assert_int_equal(fg_try(ctx, infer_graph, g), FG_UNSUPPORTED);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->message, "depend on data"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_indices_are_packed_for_the_caller),
        cmocka_unit_test(indices_are_turned_and_gathered),
        cmocka_unit_test(shapes_are_told_at_run_time),
        cmocka_unit_test(reductions_leave_out_what_is_not_there),
        cmocka_unit_test(products_go_over_what_is_there),
        cmocka_unit_test(parts_are_joined_one_behind_the_other),
        cmocka_unit_test(tensors_are_made_for_what_is_there),
        cmocka_unit_test(compress_keeps_slices),
        cmocka_unit_test(what_is_unique_is_counted),
        cmocka_unit_test(a_branch_is_chosen_at_run_time),
        cmocka_unit_test(an_extent_may_be_cut_to_a_number),
        cmocka_unit_test(many_parts_are_joined),
        cmocka_unit_test(boxes_that_are_counted_suppress_each_other),
        cmocka_unit_test(comparisons_of_extents_are_decided_by_their_ranges),
        cmocka_unit_test(only_a_count_may_be_wanted),
        cmocka_unit_test(exporters_guards_of_expand_fold),
        cmocka_unit_test(only_updates_that_are_there_are_made),
        cmocka_unit_test(regions_may_be_counted),
        cmocka_unit_test(extents_that_may_differ_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
