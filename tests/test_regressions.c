/* Graphs that generated code once got wrong, reduced from those that tests/differential.c found. The number
 * behind each name is the seed. */
#include "lower_check.h"

/* Channels that fill no vector: the squeeze must not read on behind the last image. 28, 61 */
TEST(gates_squeeze_inputs_that_end_with_the_last_channel) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 20);
    fg_value *y = NODE(g, "GlobalAveragePool", input(g, "x", "1x1x1x1"));
    check(g, conv(g, conv(g, y, "1x1x1x1", 1), "1x1x1x1", 1));
    g = new_graph(ctx, 20);
    y = NODE(g, "GlobalAveragePool", channels_last(g, "2x5x3x3"));
    check(g, conv(g, NODE(g, "Relu", conv(g, y, "3x5x1x1", 1)), "5x3x1x1", 1));
}

/* A border around the gate's result, and around the map that it squeezes. 47, 266, 867 */
TEST(gates_write_and_read_values_with_a_border) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 11);
    fg_value *y = conv(g, conv(g, input(g, "x", "2x8x1x1"), "4x8x1x1", 1), "8x4x1x1", 1);
    check(g, with_int(g, conv(g, y, "4x2x3x3", 4), "group", 4));
    g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Exp", input(g, "x", "3x2x4x3"));
    y = NODE(g, "Flatten", NODE(g, "GlobalAveragePool", x));
    y = NODE(g, "Gemm", y, parameter(g, "w", "2x3"), parameter(g, "b", "3"));
    output(g, conv(g, x, "2x2x3x3", 1));
    check(g, NODE(g, "Relu", y));
}

/* Gemm's images are rows of a matrix: operands of the epilogue move along with them. */
TEST(gates_of_matrices_add_an_operand_per_image) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = NODE(g, "Flatten", NODE(g, "GlobalAveragePool", input(g, "x", "3x8x5x5")));
    y = NODE(g, "Gemm", y, parameter(g, "w", "8x6"), parameter(g, "b", "6"));
    check(g, NODE(g, "Add", y, input(g, "o", "3x6")));
}

/* The squeeze of a convolution is a part of a concatenation, along channels and along another axis. 120 */
TEST(taps_are_parts_of_concatenations) {
    (void)arg;
    for (int form = 0; form < 4; form++) {
        fg_graph *g = new_graph(ctx, 13);
        const int axis = form % 2 == 0 ? 1 : 2;
        fg_value *x = channels_last(g, "2x7x4x4");
        x = form < 2 ? conv(g, x, "7x7x3x3", 1) : conv(g, x, "7x1x3x3", 7);
        fg_value *s = NODE(g, "GlobalAveragePool", NODE(g, "Relu", x));
        fg_value *y = NODE(g, "Concat", conv(g, input(g, "o", "2x7x1x1"), "7x7x1x1", 1), s);
        check(g, NODE(g, "Exp", with_int(g, y, "axis", axis)));
    }
}

/* The same, of a convolution by Winograd's transforms; a border counts as a part. 40024 */
TEST(squeezes_of_transformed_convolutions_have_a_border) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = conv(g, channels_last(g, "2x32x12x12"), "32x32x3x3", 1);
    check(g, conv(g, NODE(g, "GlobalAveragePool", x), "21x32x3x3", 1));
}

/* Of a pool's two outputs only the second is read. 40238 */
TEST(pools_tell_where_the_greatest_elements_are_without_telling_what) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "2x3x6x5"), *out[2] = {fg_graph_value(g, "most"), fg_graph_value(g, "where")};
    fg_node *n = fg_graph_node(g, "MaxPool", 1, &x, 2, out);
    n->name = "pool";
    out[0]->producer = out[1]->producer = n;
    WITH_INTS(g, out[0], "kernel_shape", 2, 2);
    check(g, out[1]);
}

/* Nobody but the squeeze reads what a depthwise convolution makes. 396 */
TEST(depthwise_convolutions_store_nothing_but_the_squeeze) {
    (void)arg;
    static const char *const shapes[][2] = {{"1x2x1x1", "2x1x1x1"}, {"2x17x7x5", "17x1x3x3"}};
    for (int i = 0; i < 2; i++) {
        fg_graph *g = new_graph(ctx, 11);
        fg_value *x = conv(g, NODE(g, "Relu", input(g, "x", shapes[i][0])), shapes[i][1], i == 0 ? 2 : 17);
        check(g, NODE(g, "GlobalAveragePool", x));
    }
}

/* A matrix product between convolutions along one dimension, whose values lie channels-last. 83, 235 */
TEST(matrix_products_beside_convolutions_have_columns_at_a_stride) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 13);
    fg_value *y = NODE(g, "MatMul", input(g, "x", "2x3x5"), parameter(g, "w", "5x19"));
    check(g, NODE(g, "Conv", y, parameter(g, "v", "4x3x3")));
    g = new_graph(ctx, 11);
    fg_value *c = NODE(g, "Conv", input(g, "x", "1x3x7"), parameter(g, "v", "4x3x1"));
    y = NODE(g, "MatMul", input(g, "y", "1x4x5"), parameter(g, "w", "5x7"));
    check(g, NODE(g, "Tanh", NODE(g, "Add", y, c)));
}

/* An operand without the images' dimension lies row-major, whatever the result does. 300109, 401647 */
TEST(operands_of_fewer_dimensions_join_convolutions) {
    (void)arg;
    static const char *const operands[] = {"4x7", "4x1", "7", "1x7"};
    for (size_t i = 0; i < FG_COUNT(operands); i++) {
        fg_graph *g = new_graph(ctx, 11);
        fg_value *y = NODE(g, "Conv", input(g, "x", "1x3x7"), parameter(g, "v", "4x3x1"));
        check(g, NODE(g, "Sub", y, input(g, "o", operands[i])));
    }
    fg_graph *g = new_graph(ctx, 11);
    fg_value *y = conv(g, input(g, "x", "2x3x5x6"), "4x3x3x3", 1);
    check(g, NODE(g, "Add", input(g, "o", "4x5x6"), y));
}

/* The last vector of the last group reaches further than the channels rounded up to vectors. 801311 */
TEST(channel_constants_of_grouped_convolutions_are_padded_for_every_group) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 18);
    fg_value *y = conv(g, channels_last(g, "1x2x2x2"), "40x1x1x1", 2);
    check(g, NODE(g, "PRelu", y, parameter(g, "p", "40x1x1")));
}

/* auto_pad = VALID leaves the window that ceil_mode adds hanging over the edge. 304, 1085 */
TEST(last_windows_of_pools_hang_over_the_edge) {
    (void)arg;
    static const char *const ops[] = {"MaxPool", "AveragePool"};
    for (int i = 0; i < 2; i++) {
        fg_graph *g = new_graph(ctx, 13);
        fg_value *y = with_int(g, NODE(g, ops[i], input(g, "x", "2x3x5x4")), "ceil_mode", 1);
        y = WITH_INTS(g, WITH_INTS(g, y, "kernel_shape", 3, 3), "strides", 2, 2);
        fg_attr *a = fg_node_set_attr(ctx, y->producer, "auto_pad", FG_ATTR_STRING);
        a->s = "VALID";
        a->s_len = strlen(a->s);
        check(g, y);
    }
}

/* The epilogue's operands and the bounds of clipped windows once had the same names. 2082 */
TEST(pools_with_pads_add_a_tensor) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 13);
    fg_value *y = WITH_INTS(g, NODE(g, "MaxPool", input(g, "x", "1x2x4x3")), "kernel_shape", 3, 3);
    y = WITH_INTS(g, y, "pads", 1, 1, 1, 1);
    check(g, NODE(g, "Add", input(g, "o", "1x2x4x3"), y));
}

/* The shape operand arrives at run time; the result's shape is declared. */
TEST(constants_of_a_declared_shape_need_no_operand) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 20);
    fg_value *x = input(g, "x", "2");
    x->dtype = FG_INT64;
    fg_value *y = NODE(g, "ConstantOfShape", x);
    y->dtype = FG_FLOAT;
    y->shape = shape_of("3x4");
    y->shape_known = y->shape_declared = true;
    check(g, NODE(g, "Add", y, input(g, "o", "3x4")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gates_squeeze_inputs_that_end_with_the_last_channel),
        cmocka_unit_test(gates_write_and_read_values_with_a_border),
        cmocka_unit_test(gates_of_matrices_add_an_operand_per_image),
        cmocka_unit_test(taps_are_parts_of_concatenations),
        cmocka_unit_test(squeezes_of_transformed_convolutions_have_a_border),
        cmocka_unit_test(pools_tell_where_the_greatest_elements_are_without_telling_what),
        cmocka_unit_test(depthwise_convolutions_store_nothing_but_the_squeeze),
        cmocka_unit_test(matrix_products_beside_convolutions_have_columns_at_a_stride),
        cmocka_unit_test(operands_of_fewer_dimensions_join_convolutions),
        cmocka_unit_test(channel_constants_of_grouped_convolutions_are_padded_for_every_group),
        cmocka_unit_test(last_windows_of_pools_hang_over_the_edge),
        cmocka_unit_test(constants_of_a_declared_shape_need_no_operand),
        cmocka_unit_test(pools_with_pads_add_a_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
