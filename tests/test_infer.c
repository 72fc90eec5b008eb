/* Binding, inference and folding. */
#include "tests/one_node.h"

static void an_unknown_operator_is_named_with_its_opset(void **state) {
    (void)state;
    one_node t = one_node_new("Foo", 17);
    one_node_floats(&t, "1", 1.0);
    one_node_expect_error(&t, FG_UNSUPPORTED, "operator 'Foo' (ai.onnx, opset 17) is not supported");
    assert_non_null(strstr(fg_context_diagnostic(t.ctx)->remedy, "--list-ops"));
    one_node_done(&t);
}

static void a_type_outside_the_row_is_named(void **state) {
    (void)state;
    one_node t = one_node_new("Exp", 13);
    one_node_in(&t, FG_INT32, "1", 1.0);
    one_node_expect_error(&t, FG_UNSUPPORTED, "type int32 of operand 'in0'");
    one_node_done(&t);
}

static void operand_counts_are_checked(void **state) {
    (void)state;
    one_node t = one_node_new("Add", 13);
    one_node_floats(&t, "1", 1.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "1 inputs given");
    one_node_done(&t);

    t = one_node_new("Add", 13);
    one_node_absent(&t);
    one_node_floats(&t, "1", 1.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "input 0 is required and absent");
    one_node_done(&t);

    t = one_node_new("Relu", 13);
    t.n_out = 2;
    one_node_floats(&t, "1", 1.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "2 outputs asked for");
    one_node_done(&t);
}

static void a_declared_shape_that_contradicts_is_refused(void **state) {
    (void)state;
    one_node t = one_node_new("Relu", 13);
    one_node_counting(&t, "2,3");
    one_node_build(&t);
    t.out[0]->dtype = FG_FLOAT;
    t.out[0]->shape = one_node_shape("3,2");
    t.out[0]->shape_declared = true;
    t.status = fg_try(t.ctx, one_node_body, &t);
    t.ran = true;
    one_node_expect_error(&t, FG_BAD_MODEL, "declared 3x2 but computes 2x3");
    one_node_done(&t);
}

static void nodes_of_constants_fold(void **state) {
    (void)state;
    one_node t = one_node_new("Add", 13);
    one_node_const(&t, FG_INT64, "2", 1.0, 2.0);
    one_node_const(&t, FG_INT64, "", 10.0);
    one_node_expect(&t, 0, "2", 11.0, 12.0);
    assert_non_null(t.out[0]->data);
    assert_int_equal(fg_const_int(t.out[0], 1), 12);
    one_node_done(&t);
}

static void a_result_much_larger_than_its_operands_does_not_fold(void **state) {
    (void)state;
    one_node t = one_node_new("Add", 13); /* 8192 x 8192 floats: 256 MiB from 64 KiB */
    one_node_const(&t, FG_FLOAT, "0");
    one_node_const(&t, FG_FLOAT, "0");
    float *ones = FG_ARRAY(t.ctx, 8192, float);
    t.in[0]->shape = one_node_shape("8192,1");
    t.in[1]->shape = one_node_shape("1,8192");
    t.in[0]->data = t.in[1]->data = ones;
    one_node_build(&t);
    fg_infer(t.g);
    assert_true(t.out[0]->shape_known);
    assert_null(t.out[0]->data);
    one_node_done(&t);
}

static void folding_is_paid_for_in_work(void **state) {
    (void)state;
    one_node t = one_node_new("MatMul", 13);
    one_node_const(&t, FG_FLOAT, "2,2", 1.0, 2.0, 3.0, 4.0);
    one_node_const(&t, FG_FLOAT, "2,2", 1.0, 2.0, 3.0, 4.0);
    fg_context_limits(t.ctx)->work = 7;
    one_node_expect_error(&t, FG_UNSUPPORTED, "more than 7 multiply-adds");
    assert_non_null(strstr(fg_context_diagnostic(t.ctx)->remedy, "--max-work"));
    one_node_done(&t);
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    one_node t = one_node_new("Add", 13);
    one_node_floats(&t, "0");
    one_node_floats(&t, "0");
    t.in[0]->shape = one_node_shape("4000000000,1");
    t.in[1]->shape = one_node_shape("1,4000000000");
    assert_int_equal(one_node_run(&t), FG_UNSUPPORTED);
    assert_string_equal(fg_context_diagnostic(t.ctx)->node, "the_node");
    one_node_done(&t);
}

static void huge_window_attributes_are_refused(void **state) {
    (void)state;
    one_node t = one_node_new("MaxPool", 12);
    one_node_counting(&t, "1,1,4");
    fg_attr *a = one_node_attr(&t, "kernel_shape", FG_ATTR_INTS);
    static const int64_t huge[] = {INT64_MAX};
    a->ints = huge;
    one_node_expect_error(&t, FG_BAD_MODEL, "out of range");
    one_node_done(&t);
}

/* Each reader of attributes meets a type that it does not read. */
static void attributes_of_another_type_are_refused(void **state) {
    static const struct {
        const char *op, *attribute, *says;
        fg_attr_type type;
    } cases[] = {
        {"Softmax", "axis", "attribute 'axis' is a list of integers, it must be an integer", FG_ATTR_INTS},
        {"Swish", "alpha", "attribute 'alpha' is an integer, it must be a float", FG_ATTR_INT},
        {"Gelu", "approximate", "attribute 'approximate' is a float, it must be a string", FG_ATTR_FLOAT},
        {"MaxPool", "kernel_shape", "is a list of floats, it must be a list of integers", FG_ATTR_FLOATS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        one_node t = one_node_new(cases[i].op, 24);
        one_node_counting(&t, "1,1,4");
        one_node_attr(&t, cases[i].attribute, cases[i].type);
        one_node_expect_error(&t, FG_BAD_MODEL, cases[i].says);
        assert_string_equal(fg_context_diagnostic(t.ctx)->attribute, cases[i].attribute);
        one_node_done(&t);
    }
}

static void a_rewritten_node_is_inferred_alone(void **state) {
    (void)state;
    one_node t = one_node_new("Relu", 13);
    one_node_counting(&t, "2,3");
    one_node_build(&t);
    fg_infer(t.g);
    fg_value *v = fg_graph_value(t.g, "extra");
    fg_node *n = fg_graph_node(t.g, "Sigmoid", 1, &t.out[0], 1, &v);
    fg_infer_node(t.g, n);
    assert_string_equal(fg_shape_text(t.ctx, &v->shape), "2x3");
    assert_non_null(n->op);
    one_node_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_operator_is_named_with_its_opset),
        cmocka_unit_test(a_type_outside_the_row_is_named),
        cmocka_unit_test(operand_counts_are_checked),
        cmocka_unit_test(a_declared_shape_that_contradicts_is_refused),
        cmocka_unit_test(nodes_of_constants_fold),
        cmocka_unit_test(a_result_much_larger_than_its_operands_does_not_fold),
        cmocka_unit_test(folding_is_paid_for_in_work),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(huge_window_attributes_are_refused),
        cmocka_unit_test(attributes_of_another_type_are_refused),
        cmocka_unit_test(a_rewritten_node_is_inferred_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
