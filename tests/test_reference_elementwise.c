/* Elementwise operators: values by hand, broadcasting, integer edge cases, messages. */
#include "tests/one_node.h"

static void unary(const char *op, int opset, double x, double want) {
    one_node t = one_node_new(op, opset);
    one_node_floats(&t, "1", x);
    one_node_expect(&t, 0, "1", want);
    one_node_done(&t);
}

static void functions_have_their_textbook_values(void **state) {
    (void)state;
    unary("Abs", 13, -2, 2);
    unary("Ceil", 13, -1.5, -1);
    unary("Floor", 13, -1.5, -2);
    unary("Round", 11, 2.5, 2);
    unary("Round", 11, -1.5, -2);
    unary("Exp", 13, 1, 2.7182818);
    unary("Log", 13, 10, 2.3025851);
    unary("Erf", 13, 0.5, 0.5204999);
    unary("Sigmoid", 13, 1, 0.7310586);
    unary("Softplus", 22, 1, 1.3132617);
    unary("Softplus", 22, 200, 200);
    unary("Mish", 18, 1, 0.8650984);
    unary("HardSwish", 14, 1, 0.6666667);
    unary("HardSigmoid", 6, 1, 0.7);
    unary("Elu", 6, -1, -0.6321206);
    unary("Selu", 6, -1, -1.1113307);
    unary("Celu", 12, -1, -0.6321206);
    unary("LeakyRelu", 6, -2, -0.02);
    unary("ThresholdedRelu", 10, 1, 0);
    unary("Gelu", 20, 1, 0.8413447);
    unary("Swish", 24, 1, 0.7310586);
    unary("Sign", 13, -3, -1);
    unary("Reciprocal", 13, 4, 0.25);
    unary("Shrink", 9, 0.4, 0);
    unary("Relu", 14, (double)NAN, (double)NAN);
}

static void attributes_change_the_function(void **state) {
    (void)state;
    one_node t = one_node_new("Gelu", 20);
    one_node_floats(&t, "1", 1.0);
    one_node_text(&t, "approximate", "tanh");
    one_node_expect(&t, 0, "1", 0.841192);
    one_node_done(&t);

    t = one_node_new("LeakyRelu", 16);
    one_node_floats(&t, "2", -2.0, 2.0);
    one_node_float(&t, "alpha", 0.5F);
    one_node_expect(&t, 0, "2", -1.0, 2.0);
    one_node_done(&t);

    t = one_node_new("IsInf", 20);
    one_node_floats(&t, "3", (double)INFINITY, -(double)INFINITY, 1.0);
    one_node_int(&t, "detect_negative", 0);
    one_node_expect(&t, 0, "3", 1.0, 0.0, 0.0);
    one_node_done(&t);
}

static void operands_broadcast_from_both_sides(void **state) {
    (void)state;
    one_node t = one_node_new("Sub", 14);
    one_node_floats(&t, "2,1,2", 1.0, 2.0, 3.0, 4.0);
    one_node_floats(&t, "3,1", 10.0, 20.0, 30.0);
    one_node_expect(&t, 0, "2,3,2", -9.0, -8.0, -19.0, -18.0, -29.0, -28.0, -7.0, -6.0, -17.0, -16.0, -27.0,
                    -26.0);
    one_node_done(&t);
}

static void an_empty_dimension_gives_an_empty_result(void **state) {
    (void)state;
    one_node t = one_node_new("Add", 14);
    one_node_floats(&t, "0,3");
    one_node_floats(&t, "1,1", 1.0);
    one_node_expect(&t, 0, "0,3");
    one_node_done(&t);
}

static void shapes_that_do_not_broadcast_are_named(void **state) {
    (void)state;
    one_node t = one_node_new("Mul", 14);
    one_node_floats(&t, "2", 1.0, 2.0);
    one_node_floats(&t, "3", 1.0, 2.0, 3.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "shapes 2 and 3");
    one_node_done(&t);
}

static void types_that_differ_are_named(void **state) {
    (void)state;
    one_node t = one_node_new("Add", 14);
    one_node_floats(&t, "1", 1.0);
    one_node_in(&t, FG_INT32, "1", 1.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "'in0' is float, operand 'in1' is int32");
    one_node_done(&t);
}

static void integer_division_truncates_and_survives_zero(void **state) {
    (void)state;
    one_node t = one_node_new("Div", 14);
    one_node_in(&t, FG_INT32, "4", -7.0, 7.0, 5.0, -2147483648.0);
    one_node_in(&t, FG_INT32, "4", 2.0, -2.0, 0.0, -1.0);
    one_node_expect(&t, 0, "4", -3.0, -3.0, 0.0, -2147483648.0);
    one_node_done(&t);
}

static void mod_takes_the_sign_of_the_divisor_and_fmod_of_the_dividend(void **state) {
    (void)state;
    for (int fmod = 0; fmod < 2; fmod++) {
        one_node t = one_node_new("Mod", 13);
        one_node_in(&t, FG_INT8, "4", -4.0, 7.0, 5.0, -4.0);
        one_node_in(&t, FG_INT8, "4", 3.0, -3.0, 5.0, -3.0);
        one_node_int(&t, "fmod", fmod);
        if (fmod) {
            one_node_expect(&t, 0, "4", -1.0, 1.0, 0.0, -1.0);
        } else {
            one_node_expect(&t, 0, "4", 2.0, -2.0, 0.0, -1.0);
        }
        one_node_done(&t);
    }
    one_node t = one_node_new("Mod", 13);
    one_node_floats(&t, "1", 1.0);
    one_node_floats(&t, "1", 1.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "fmod must be 1");
    one_node_done(&t);
}

static void small_integers_wrap(void **state) {
    (void)state;
    one_node t = one_node_new("Add", 14);
    one_node_in(&t, FG_UINT8, "2", 250.0, 1.0);
    one_node_in(&t, FG_UINT8, "2", 10.0, 2.0);
    one_node_expect(&t, 0, "2", 4.0, 3.0);
    one_node_done(&t);
}

static void uint64_compares_without_sign(void **state) {
    (void)state;
    one_node t = one_node_new("Greater", 13);
    one_node_in(&t, FG_UINT64, "2", 1.0e19, 1.0);
    one_node_in(&t, FG_UINT64, "2", 1.0, 1.0e19);
    one_node_expect(&t, 0, "2", 1.0, 0.0);
    one_node_done(&t);
}

static void clip_takes_bounds_from_operands_or_attributes(void **state) {
    (void)state;
    one_node t = one_node_new("Clip", 13);
    one_node_floats(&t, "3", -5.0, 0.5, 5.0);
    one_node_absent(&t);
    one_node_floats(&t, "", 1.0);
    one_node_expect(&t, 0, "3", -5.0, 0.5, 1.0);
    one_node_done(&t);

    t = one_node_new("Clip", 10);
    one_node_floats(&t, "3", -5.0, 0.5, 5.0);
    one_node_float(&t, "min", 0);
    one_node_float(&t, "max", 6);
    one_node_expect(&t, 0, "3", 0.0, 0.5, 5.0);
    one_node_done(&t);

    t = one_node_new("Clip", 13);
    one_node_in(&t, FG_INT8, "2", -128.0, 127.0);
    one_node_expect(&t, 0, "2", -128.0, 127.0);
    one_node_done(&t);
}

static void variadic_operators_fold_all_operands(void **state) {
    (void)state;
    static const struct {
        const char *op;
        double want[2];
    } cases[] = {{"Sum", {9, 12}}, {"Mean", {3, 4}}, {"Max", {5, 6}}, {"Min", {1, 2}}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        one_node t = one_node_new(cases[i].op, 13);
        one_node_floats(&t, "1,2", 1.0, 2.0);
        one_node_floats(&t, "2", 3.0, 4.0);
        one_node_floats(&t, "1,1,2", 5.0, 6.0);
        one_node_expect(&t, 0, "1,1,2", cases[i].want[0], cases[i].want[1]);
        one_node_done(&t);
    }
    one_node t = one_node_new("Mean", 13);
    one_node_floats(&t, "2", 1.0, 2.0);
    one_node_expect(&t, 0, "2", 1.0, 2.0);
    one_node_done(&t);
}

static void pow_mixes_types(void **state) {
    (void)state;
    one_node t = one_node_new("Pow", 15);
    one_node_floats(&t, "2", 2.0, 9.0);
    one_node_in(&t, FG_INT64, "1", 3.0);
    one_node_expect(&t, 0, "2", 8.0, 729.0);
    one_node_done(&t);

    t = one_node_new("Pow", 15);
    one_node_in(&t, FG_INT32, "3", 2.0, -3.0, 2.0);
    one_node_in(&t, FG_INT32, "3", 10.0, 3.0, -1.0);
    one_node_expect(&t, 0, "3", 1024.0, -27.0, 0.0);
    one_node_done(&t);
}

static void shifts_beyond_the_width_leave_sign_bits(void **state) {
    (void)state;
    one_node t = one_node_new("BitShift", 28);
    one_node_in(&t, FG_INT8, "3", -128.0, 127.0, -1.0);
    one_node_in(&t, FG_INT8, "3", 9.0, -1.0, 1.0);
    one_node_text(&t, "direction", "RIGHT");
    one_node_expect(&t, 0, "3", -1.0, 0.0, -1.0);
    one_node_done(&t);

    t = one_node_new("BitShift", 11);
    one_node_in(&t, FG_UINT8, "2", 3.0, 255.0);
    one_node_in(&t, FG_UINT8, "2", 2.0, 4.0);
    one_node_text(&t, "direction", "LEFT");
    one_node_expect(&t, 0, "2", 12.0, 240.0);
    one_node_done(&t);
}

static void where_chooses_and_prelu_takes_a_slope_per_channel(void **state) {
    (void)state;
    one_node t = one_node_new("Where", 16);
    one_node_in(&t, FG_BOOL, "2,1", 1.0, 0.0);
    one_node_in(&t, FG_INT64, "2", 1.0, 2.0);
    one_node_in(&t, FG_INT64, "", 9.0);
    one_node_expect(&t, 0, "2,2", 1.0, 2.0, 9.0, 9.0);
    one_node_done(&t);

    t = one_node_new("PRelu", 16);
    one_node_floats(&t, "2,2", -1.0, 1.0, -2.0, -3.0);
    one_node_floats(&t, "2,1", 0.5, 0.25);
    one_node_expect(&t, 0, "2,2", -0.5, 1.0, -0.5, -0.75);
    one_node_done(&t);

    t = one_node_new("PRelu", 16);
    one_node_floats(&t, "2", -1.0, 1.0);
    one_node_floats(&t, "2,2", 1.0, 1.0, 1.0, 1.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "slope of shape 2x2");
    one_node_done(&t);
}

static void half_precision_is_rounded_once(void **state) {
    (void)state;
    one_node t = one_node_new("Add", 14);
    one_node_in(&t, FG_FLOAT16, "2", 2048.0, 1.0);
    one_node_in(&t, FG_FLOAT16, "2", 1.0, 0.5);
    one_node_expect(&t, 0, "2", 2048.0, 1.5);
    one_node_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_have_their_textbook_values),
        cmocka_unit_test(attributes_change_the_function),
        cmocka_unit_test(operands_broadcast_from_both_sides),
        cmocka_unit_test(an_empty_dimension_gives_an_empty_result),
        cmocka_unit_test(shapes_that_do_not_broadcast_are_named),
        cmocka_unit_test(types_that_differ_are_named),
        cmocka_unit_test(integer_division_truncates_and_survives_zero),
        cmocka_unit_test(mod_takes_the_sign_of_the_divisor_and_fmod_of_the_dividend),
        cmocka_unit_test(small_integers_wrap),
        cmocka_unit_test(uint64_compares_without_sign),
        cmocka_unit_test(clip_takes_bounds_from_operands_or_attributes),
        cmocka_unit_test(variadic_operators_fold_all_operands),
        cmocka_unit_test(pow_mixes_types),
        cmocka_unit_test(shifts_beyond_the_width_leave_sign_bits),
        cmocka_unit_test(where_chooses_and_prelu_takes_a_slope_per_channel),
        cmocka_unit_test(half_precision_is_rounded_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
