/* Loops whose iterations only a run counts: the interpreter, and the loop in generated code. */
#include "body_builder.h"

/* y, all = Loop(trips, condition, x): x = tanh(x w + i), collecting exp(x). Returns the last x. */
static fg_value *some_loop(fg_graph *g, fg_value *trips, fg_value *x, fg_value **all) {
    fg_graph *b = body_of(g, (const char *const[]){"i", "on", "s"}, 3);
    fg_value *product = NODE(b, "MatMul", b->inputs[2], parameter(g, "w", "4x4"));
    fg_value *number = with_int(b, NODE(b, "Cast", b->inputs[0]), "to", FG_FLOAT);
    fg_value *sum = NODE(b, "Tanh", NODE(b, "Sub", product, number));
    output(b, NODE(b, "Identity", b->inputs[1]));
    output(b, sum);
    output(b, NODE(b, "Exp", sum));
    fg_value *results[2] = {fg_graph_value(g, "last"), fg_graph_value(g, "all")};
    fg_graph_node(g, "Loop", 3, (fg_value *[]){trips, NULL, x}, 2, results);
    set_body(g, results[0], "body", b);
    *all = results[1];
    return results[0];
}

TEST(an_operand_says_how_often) {
    (void)arg;
    for (int most = 0; most < 12; most += 11) { /* with a bound of 0, never */
        fg_graph *g = new_graph(ctx, 17);
        fg_value *all, *x = NODE(g, "Relu", input(g, "x", "3x4"));
        fg_value *last = some_loop(g, bounded(g, integer_input(g, "n", ""), most), x, &all);
        output(g, NODE(g, "Neg", last));
        output(g, NODE(g, "ReduceSum", all, INTS(g, 0)));
        check(g, all);
        assert_string_equal(fg_shape_text(ctx, &all->shape), most > 0 ? "11x3x4" : "0x3x4");
        assert_int_equal(count_op(g, "MatMul"), 1);
    }
}

TEST(a_condition_says_how_often) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Abs", input(g, "x", "5")), *most = scalar(g, 50);
    fg_graph *b = body_of(g, (const char *const[]){"i", "on", "s"}, 3);
    fg_value *larger = NODE(b, "Mul", b->inputs[2], scalar(b, 1.5));
    output(b, NODE(b, "Less", with_int(b, NODE(b, "ReduceSum", larger), "keepdims", 0), most));
    output(b, larger);
    output(b, larger);
    fg_value *results[2] = {fg_graph_value(g, "last"), bounded(g, fg_graph_value(g, "all"), 40)};
    fg_value *begins = NODE(g, "Less", with_int(g, NODE(g, "ReduceSum", x), "keepdims", 0), most);
    fg_graph_node(g, "Loop", 3, (fg_value *[]){NULL, begins, x}, 2, results);
    set_body(g, results[0], "body", b);
    output(g, results[0]);
    check(g, results[1]);
    assert_string_equal(fg_shape_text(ctx, &results[1]->shape), "40x5");
}

TEST(states_change_places) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_graph *b = body_of(g, (const char *const[]){"i", "on", "p", "q", "r"}, 5);
    output(b, b->inputs[1]);
    output(b, b->inputs[3]);
    output(b, NODE(b, "Add", b->inputs[2], b->inputs[4]));
    output(b, b->inputs[2]);
    fg_value *results[3] = {fg_graph_value(g, "a"), fg_graph_value(g, "b"), fg_graph_value(g, "c")};
    fg_value *in[] = {integer_input(g, "n", "1"), NULL, input(g, "p", "7"), input(g, "q", "7"),
                      input(g, "r", "7")};
    fg_graph_node(g, "Loop", 5, in, 3, results);
    set_body(g, results[0], "body", b);
    output(g, results[0]);
    output(g, results[1]);
    check(g, results[2]);
}

TEST(a_loop_inside_begins_anew) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *n = bounded(g, integer_input(g, "n", ""), 5), *zero = parameter(g, "zero", "6");
    fg_value *inner_trips = bounded(g, integer_input(g, "m", ""), 4);
    fg_graph *b = body_of(g, (const char *const[]){"i", "on", "s"}, 3);
    fg_graph *inner = body_of(g, (const char *const[]){"j", "on2", "t"}, 3);
    fg_value *angle = NODE(b, "Sin", b->inputs[2]);
    fg_value *t = NODE(inner, "Tanh", NODE(inner, "Add", inner->inputs[2], angle));
    output(inner, inner->inputs[1]);
    output(inner, t);
    output(inner, t);
    fg_value *made[2] = {fg_graph_value(b, "t_last"), fg_graph_value(b, "t_all")};
    fg_graph_node(b, "Loop", 3, (fg_value *[]){inner_trips, NULL, zero}, 2, made);
    set_body(b, made[0], "body", inner);
    fg_value *sum = NODE(b, "ReduceSum", made[1], INTS(b, 0));
    output(b, b->inputs[1]);
    output(b, NODE(b, "Add", made[0], NODE(b, "Squeeze", sum, INTS(b, 0))));
    output(b, angle);
    fg_value *results[2] = {fg_graph_value(g, "last"), fg_graph_value(g, "all")};
    fg_graph_node(g, "Loop", 3, (fg_value *[]){n, NULL, input(g, "x", "6")}, 2, results);
    set_body(g, results[0], "body", b);
    output(g, results[1]);
    check(g, results[0]);
}

TEST(a_body_reads_images_in_turn) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *images = input(g, "images", "6x3x8x8"), *w = parameter(g, "cw", "4x3x3x3");
    fg_graph *b = body_of(g, (const char *const[]){"i", "on", "s"}, 3);
    fg_value *image = NODE(b, "Unsqueeze", NODE(b, "Gather", images, b->inputs[0]), INTS(b, 0));
    fg_value *y = NODE(b, "Conv", image, w);
    (void)WITH_INTS(b, y, "pads", 1, 1, 1, 1);
    y = NODE(b, "Relu", y);
    output(b, b->inputs[1]);
    output(b, NODE(b, "Add", b->inputs[2], y));
    output(b, with_int(b, NODE(b, "Flatten", NODE(b, "GlobalAveragePool", y)), "axis", 0));
    fg_value *results[2] = {fg_graph_value(g, "last"), fg_graph_value(g, "all")};
    fg_value *trips = bounded(g, integer_input(g, "n", ""), 6);
    fg_graph_node(g, "Loop", 3, (fg_value *[]){trips, NULL, input(g, "x", "1x4x8x8")}, 2, results);
    set_body(g, results[0], "body", b);
    output(g, results[0]);
    check(g, results[1]);
}

TEST(a_long_scan_is_a_loop) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "4x3000"), *s = input(g, "s", "4");
    fg_graph *b = body_of(g, (const char *const[]){"s", "x"}, 2);
    fg_value *sum = NODE(b, "Sub", b->inputs[1], NODE(b, "Tanh", b->inputs[0]));
    output(b, sum);
    output(b, NODE(b, "Neg", sum));
    output(b, NODE(b, "Abs", sum));
    fg_value *results[3] = {fg_graph_value(g, "last"), fg_graph_value(g, "a"), fg_graph_value(g, "b")};
    fg_graph_node(g, "Scan", 2, (fg_value *[]){s, x}, 3, results);
    with_int(g, results[0], "num_scan_inputs", 1);
    WITH_INTS(g, results[0], "scan_input_axes", 1);
    WITH_INTS(g, results[0], "scan_input_directions", 1);
    WITH_INTS(g, results[0], "scan_output_axes", -1, 0);
    WITH_INTS(g, results[0], "scan_output_directions", 0, 1);
    set_body(g, results[0], "body", b);
    output(g, results[0]);
    output(g, results[2]);
    check(g, results[1]);
    assert_string_equal(fg_shape_text(ctx, &results[1]->shape), "4x3000");
    assert_string_equal(fg_shape_text(ctx, &results[2]->shape), "3000x4");
}

/* The state, which the second iteration on depends on rounded weights, is read by a kernel of its own. */
TEST(weights_of_a_body_can_be_rounded) {
    (void)arg;
    const fg_fusion_options fusion = {.fuse = true, .weights = FG_BFLOAT16};
    const fg_module *m;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "3000x1x4"), *s = input(g, "s", "1x4");
    fg_graph *b = body_of(g, (const char *const[]){"s", "x"}, 2);
    fg_value *y = NODE(b, "MatMul", NODE(b, "Softmax", b->inputs[0]), parameter(b, "w", "4x4"));
    output(b, NODE(b, "Tanh", NODE(b, "Add", y, b->inputs[1])));
    output(b, NODE(b, "Exp", y));
    fg_value *results[2] = {fg_graph_value(g, "last"), fg_graph_value(g, "all")};
    fg_graph_node(g, "Scan", 2, (fg_value *[]){s, x}, 2, results);
    with_int(g, results[0], "num_scan_inputs", 1);
    set_body(g, results[0], "body", b);
    output(g, results[0]);
    output(g, results[1]);
    infer_graph(ctx, g);
    const fg_verdict *v = generate_and_verify_as(g, "x86-64-v3", &fusion, 1, &m);
    if (!v->passed) {
        fail_msg("%s", v->first_failure);
    }
    assert_true(v->rounding.max_rel > 1e-5 && v->rounding.max_rel < 0.1);
}

TEST(a_loop_goes_over_what_was_counted) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *places = NODE(g, "Transpose", NODE(g, "NonZero", NODE(g, "Relu", input(g, "x", "9"))));
    fg_value *count = NODE(g, "Gather", NODE(g, "Shape", places), INTS(g, 0)), *all;
    output(g, some_loop(g, count, input(g, "y", "2x4"), &all));
    check(g, all);
    assert_string_equal(fg_shape_text(ctx, &all->shape), "9x2x4");
}

TEST(without_a_bound_there_is_no_room) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *all;
    (void)some_loop(g, integer_input(g, "n", ""), input(g, "x", "3x4"), &all);
    refused(g, all, FG_UNSUPPORTED, "--bound 'all=");
}

TEST(states_keep_their_shape) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_graph *b = body_of(g, (const char *const[]){"i", "on", "s"}, 3);
    output(b, b->inputs[1]);
    output(b, with_int(b, NODE(b, "Concat", b->inputs[2], b->inputs[2]), "axis", 0));
    fg_value *last = fg_graph_value(g, "last");
    fg_graph_node(g, "Loop", 3, (fg_value *[]){integer_input(g, "n", ""), NULL, input(g, "x", "2")}, 1,
                  &last);
    set_body(g, last, "body", b);
    refused(g, last, FG_UNSUPPORTED, "goes into an iteration as float 2 and comes out as float 4");
}

TEST(conditions_are_one_bool) {
    (void)arg;
    static const char *const shapes[] = {"0", "2", "1"}; /* the last one is of float */
    for (size_t i = 0; i < FG_COUNT(shapes); i++) {
        for (int inside = 0; inside < 2; inside++) {
            fg_graph *g = new_graph(ctx, 17);
            fg_value *c = input(g, "c", shapes[i]);
            c->dtype = i < 2 ? FG_BOOL : FG_FLOAT;
            fg_graph *b = body_of(g, (const char *const[]){"i", "on", "s"}, 3);
            output(b, NODE(b, "Identity", inside ? c : b->inputs[1]));
            output(b, NODE(b, "Neg", b->inputs[2]));
            fg_value *last = fg_graph_value(g, "last");
            fg_value *in[] = {integer_input(g, "n", ""), inside ? NULL : c, input(g, "x", "2")};
            fg_graph_node(g, "Loop", 3, in, 1, &last);
            set_body(g, last, "body", b);
            refused(g, last, FG_BAD_MODEL, "must be one bool");
        }
    }
}

static void interpret(fg_context *ctx, void *graph) {
    fg_graph *g = graph;
    (void)ctx;
    infer_graph(ctx, g);
    const fg_tensor x = fg_random_input(ctx, g->inputs[0], 1);
    (void)fg_interpret(g, &x, NULL, false);
}

TEST(a_loop_that_never_ends_is_given_up) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "3");
    fg_graph *b = body_of(g, (const char *const[]){"i", "on", "s"}, 3);
    fg_value *s = NODE(b, "Neg", b->inputs[2]);
    output(b, NODE(b, "Less", NODE(b, "ReduceSum", NODE(b, "Neg", NODE(b, "Abs", s))), scalar(b, 1)));
    output(b, s);
    fg_value *last = fg_graph_value(g, "last");
    fg_graph_node(g, "Loop", 3,
                  (fg_value *[]){NULL, NODE(g, "Less", NODE(g, "ReduceSum", x), scalar(g, 100)), x}, 1,
                  &last);
    set_body(g, last, "body", b);
    output(g, last);
    fg_context_limits(ctx)->work = INT64_C(1000000000);
    assert_int_equal(fg_try(ctx, interpret, g), FG_UNSUPPORTED);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->remedy, "--max-work"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operand_says_how_often),
        cmocka_unit_test(a_condition_says_how_often),
        cmocka_unit_test(weights_of_a_body_can_be_rounded),
        cmocka_unit_test(states_change_places),
        cmocka_unit_test(a_loop_inside_begins_anew),
        cmocka_unit_test(a_body_reads_images_in_turn),
        cmocka_unit_test(a_long_scan_is_a_loop),
        cmocka_unit_test(a_loop_goes_over_what_was_counted),
        cmocka_unit_test(without_a_bound_there_is_no_room),
        cmocka_unit_test(states_keep_their_shape),
        cmocka_unit_test(conditions_are_one_bool),
        cmocka_unit_test(a_loop_that_never_ends_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
