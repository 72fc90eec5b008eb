/* Control flow and sequences: what they resolve to, by the interpreter and in generated code. */
#include "body_builder.h"

/* Loop of x = x + captured, which also collects x. Returns the node's two results. */
static void make_loop(fg_graph *g, fg_value *trips, fg_value *x, fg_value *captured, fg_value **results) {
    fg_graph *b = body_of(g, (const char *const[]){"i", "on", "s"}, 3);
    fg_value *on = NODE(b, "Identity", b->inputs[1]), *sum = NODE(b, "Add", b->inputs[2], captured);
    output(b, on);
    output(b, sum);
    output(b, NODE(b, "Relu", sum));
    results[0] = fg_graph_value(g, "last");
    results[1] = fg_graph_value(g, "all");
    fg_node *n = fg_graph_node(g, "Loop", 3, (fg_value *[]){trips, truth(g, true), x}, 2, results);
    n->name = "the_loop";
    set_body(g, results[0], "body", b);
}

TEST(a_loop_unrolls_and_collects) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *results[2], *x = input(g, "x", "3x8");
    make_loop(g, number(g, 4), x, input(g, "captured", "8"), results);
    output(g, results[0]);
    check(g, results[1]);
    assert_int_equal(count_op(g, "Loop"), 0);
    assert_int_equal(count_op(g, "Add"), 4);
    assert_string_equal(fg_shape_text(ctx, &results[1]->shape), "4x3x8");
}

TEST(a_branch_is_chosen) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "5"), *y = NODE(g, "If", truth(g, false));
    fg_graph *yes = body_of(g, NULL, 0), *no = body_of(g, NULL, 0);
    output(yes, NODE(yes, "Neg", x));
    output(no, NODE(no, "Exp", x));
    set_body(g, y, "then_branch", yes);
    set_body(g, y, "else_branch", no);
    check(g, y);
    assert_int_equal(count_op(g, "If") + count_op(g, "Neg"), 0);
}

TEST(a_scan_goes_backwards) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "3x4"), *s = input(g, "s", "4");
    fg_graph *b = body_of(g, (const char *const[]){"s", "x"}, 2);
    fg_value *sum = NODE(b, "Sub", b->inputs[1], b->inputs[0]);
    output(b, sum);
    output(b, NODE(b, "Neg", sum));
    fg_value *results[2] = {fg_graph_value(g, "last"), fg_graph_value(g, "all")};
    fg_graph_node(g, "Scan", 2, (fg_value *[]){s, x}, 2, results);
    with_int(g, results[0], "num_scan_inputs", 1);
    WITH_INTS(g, results[0], "scan_input_directions", 1);
    WITH_INTS(g, results[0], "scan_output_axes", -1);
    set_body(g, results[0], "body", b);
    output(g, results[0]);
    check(g, results[1]);
    assert_string_equal(fg_shape_text(ctx, &results[1]->shape), "4x3");
}

TEST(sequences_are_lists_of_values) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "6x4"), *y = input(g, "y", "2x4");
    fg_value *s = with_int(g, NODE(g, "SplitToSequence", x, number(g, 4)), "axis", 0);
    s = NODE(g, "SequenceInsert", s, y, number(g, 0));
    s = NODE(g, "SequenceErase", s, number(g, 1));
    fg_value *both = with_int(g, NODE(g, "ConcatFromSequence", s), "axis", 0);
    check(g,
          NODE(g, "Mul", both, with_int(g, NODE(g, "Cast", NODE(g, "SequenceLength", s)), "to", FG_FLOAT)));
}

TEST(an_element_may_be_chosen_at_run_time) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *s = NODE(g, "SequenceConstruct", input(g, "a", "3x4"), input(g, "b", "3x4"));
    fg_value *at = typed_input(g, "at", "", FG_INT64);
    at->shape.rank = 0;
    at->bound = 2;
    check(g, NODE(g, "Relu", NODE(g, "SequenceAt", s, at)));
}

TEST(a_sequence_that_is_an_output_becomes_its_elements) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *s = NODE(g, "SequenceConstruct", input(g, "a", "3"), input(g, "b", "4"));
    check(g, NODE(g, "Optional", s));
    assert_int_equal(g->n_outputs, 2);
    assert_string_equal(g->outputs[1]->name, "Optional[0][1]");
}

TEST(what_cannot_be_resolved_is_refused) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *results[2], *trips = typed_input(g, "trips", "", FG_INT64);
    make_loop(g, trips, input(g, "x", "3"), input(g, "y", "3"), results);
    output(g, results[0]);
    assert_int_equal(fg_try(ctx, infer_graph, g), FG_UNSUPPORTED);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->message, "'trips'"));
    assert_non_null(strstr(fg_context_diagnostic(ctx)->remedy, "--const"));
    g = new_graph(ctx, 17);
    make_loop(g, number(g, INT64_MAX), input(g, "x", "3"), input(g, "y", "3"), results);
    output(g, results[0]);
    assert_int_equal(fg_try(ctx, infer_graph, g), FG_UNSUPPORTED);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->message, "unrolled"));
    g = new_graph(ctx, 17);
    output(g, NODE(g, "SequenceAt", NODE(g, "SequenceConstruct", input(g, "x", "3")), number(g, 1)));
    assert_int_equal(fg_try(ctx, infer_graph, g), FG_BAD_MODEL);
}

TEST(maps_are_refused) {
    (void)arg;
    static const char *const ops[] = {"CastMap", "DictVectorizer"};
    for (size_t i = 0; i < FG_COUNT(ops); i++) {
        fg_graph *g = new_graph(ctx, 17);
        g->opset_ml = 3;
        fg_value *map = fg_graph_value(g, "map"), *y = NODE(g, ops[i], map);
        map->is_sequence = map->is_input = true;
        y->producer->domain = "ai.onnx.ml";
        refused(g, y, FG_UNSUPPORTED, "is an input");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_refused),
        cmocka_unit_test(a_loop_unrolls_and_collects),
        cmocka_unit_test(a_branch_is_chosen),
        cmocka_unit_test(a_scan_goes_backwards),
        cmocka_unit_test(sequences_are_lists_of_values),
        cmocka_unit_test(an_element_may_be_chosen_at_run_time),
        cmocka_unit_test(a_sequence_that_is_an_output_becomes_its_elements),
        cmocka_unit_test(what_cannot_be_resolved_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
