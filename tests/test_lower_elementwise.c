/* Generated loops over elementwise chains, movement operators and reductions, against the reference. */
#include "lower_check.h"

TEST(chains_of_any_length_and_tail) {
    (void)arg;
    static const char *const shapes[] = {"1", "7", "16", "2x3x37", "5x64", "3x1x5x9"};
    for (size_t i = 0; i < FG_COUNT(shapes); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", shapes[i]), *y = input(g, "y", shapes[i]);
        fg_value *t = NODE(g, "Sigmoid", NODE(g, "Add", x, y));
        check(g, NODE(g, "Mul", NODE(g, "Sub", t, x), NODE(g, "Tanh", t)));
    }
}

TEST(operands_are_broadcast_in_any_dimension) {
    (void)arg;
    static const char *const pairs[][2] = {
        {"4x5x19", "19"}, {"4x5x19", "5x1"}, {"4x1x19", "5x1"}, {"2x3x4x33", "1x3x1x1"},
        {"1", "3x17"},    {"6x1", "1x40"},   {"3x20", "1"}};
    for (size_t i = 0; i < FG_COUNT(pairs); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", pairs[i][0]), *y = input(g, "y", pairs[i][1]);
        check(g, NODE(g, "Mul", NODE(g, "Add", x, y), y));
    }
}

TEST(channels_last_operands_meet_row_major_ones) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = channels_last(g, "2x20x5x7"), *y = input(g, "y", "2x20x5x7"), *z = input(g, "z", "20x1x1");
    check(g, NODE(g, "Add", NODE(g, "Max", NODE(g, "Mul", x, z), y), x));
}

TEST(operators_without_vector_form_are_computed_one_by_one) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "3x37");
    check(g, NODE(g, "Add", NODE(g, "Sin", x), NODE(g, "Exp", x)));
}

TEST(integers_and_truth_values_compute) {
    (void)arg;
    static const fg_dtype types[] = {FG_INT32, FG_INT64, FG_UINT8, FG_INT8, FG_DOUBLE, FG_FLOAT16};
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = typed_input(g, "x", "3x37", types[i]), *y = typed_input(g, "y", "37", types[i]);
        check(g, NODE(g, "Where", NODE(g, "Less", x, y), NODE(g, "Mul", x, y), NODE(g, "Add", x, y)));
    }
}

TEST(half_precision_rounds_between_operators) {
    (void)arg;
    for (int i = 0; i < 2; i++) {
        fg_graph *g = new_graph(ctx, 17);
        const fg_dtype type = i ? FG_BFLOAT16 : FG_FLOAT16;
        fg_value *x = typed_input(g, "x", "5x77", type), *y = typed_input(g, "y", "77", type);
        fg_value *t = NODE(g, "Mul", NODE(g, "Add", NODE(g, "Mul", x, y), y), x);
        check(g, NODE(g, "Sub", NODE(g, "Mul", t, t), NODE(g, "Tanh", t)));
    }
}

TEST(variadic_operators_fold_many_operands) {
    (void)arg;
    static const char *const ops[] = {"Sum", "Mean", "Max", "Min"};
    for (size_t i = 0; i < FG_COUNT(ops); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *a = input(g, "a", "3x20"), *b = input(g, "b", "20"), *c = input(g, "c", "3x1"),
                 *d = input(g, "d", "3x20");
        check(g, NODE(g, "Relu", NODE(g, ops[i], a, b, c, d)));
    }
}

TEST(tensors_without_elements_are_no_trouble) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "3x0x4");
    check(g, NODE(g, "Relu", x));
}

/* ---- movement ---- */

TEST(transposes_of_all_kinds) {
    (void)arg;
    static const int64_t perms[][4] = {{0, 2, 3, 1}, {3, 2, 1, 0}, {1, 0, 2, 3}, {0, 3, 1, 2}};
    for (size_t i = 0; i < FG_COUNT(perms); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = i % 2 ? channels_last(g, "2x5x3x7") : input(g, "x", "2x5x3x7");
        check(g, NODE(g, "Relu", with_ints(g, NODE(g, "Transpose", x), "perm", 4, perms[i])));
    }
}

TEST(reshapes_of_channels_last_values) {
    (void)arg;
    static const int64_t shapes[][3] = {{2, 15, 28}, {2, 60, 7}, {6, 10, 14}, {1, 8, 105}, {35, 3, 8}};
    for (size_t i = 0; i < FG_COUNT(shapes); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = channels_last(g, "2x15x4x7");
        check(g, NODE(g, "Reshape", x, ints(g, 3, shapes[i])));
    }
}

TEST(slices_forwards_and_backwards) {
    (void)arg;
    static const int64_t slices[][3] = {{1, 9, 2}, {9, 0, -3}, {0, 4, 1}, {7, 8, 1}};
    for (size_t i = 0; i < FG_COUNT(slices); i++) {
        for (int64_t axis = 0; axis < 2; axis++) {
            fg_graph *g = new_graph(ctx, 17);
            fg_value *x = input(g, "x", "10x10x3");
            const int64_t *s = slices[i];
            check(g, NODE(g, "Slice", x, INTS(g, s[0]), INTS(g, s[1]), INTS(g, axis), INTS(g, s[2])));
        }
    }
}

TEST(concatenations_of_parts_in_different_layouts) {
    (void)arg;
    for (int64_t axis = 0; axis < 4; axis++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = channels_last(g, "2x5x3x7"), *y = input(g, "y", "2x5x3x7"),
                 *z = parameter(g, "z", "2x5x3x7");
        check(g, with_int(g, NODE(g, "Concat", x, y, NODE(g, "Relu", y), z, y), "axis", axis));
    }
}

TEST(tiles_expansions_and_blocks) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    check(g, NODE(g, "Tile", input(g, "x", "2x3x5"), INTS(g, 2, 1, 3)));
    g = new_graph(ctx, 17);
    check(g, NODE(g, "Expand", input(g, "x", "3x1"), INTS(g, 2, 3, 4)));
    for (int last = 0; last < 2; last++) {
        g = new_graph(ctx, 17);
        fg_value *x = last ? channels_last(g, "2x12x3x5") : input(g, "x", "2x12x3x5");
        check(g, with_int(g, NODE(g, "DepthToSpace", x), "blocksize", 2));
        g = new_graph(ctx, 17);
        x = last ? channels_last(g, "2x3x4x6") : input(g, "x", "2x3x4x6");
        check(g, with_int(g, NODE(g, "SpaceToDepth", x), "blocksize", 2));
    }
}

/* ---- reductions ---- */

static const char *const reductions[] = {"ReduceSum", "ReduceMean",      "ReduceMax",
                                         "ReduceMin", "ReduceProd",      "ReduceL1",
                                         "ReduceL2",  "ReduceLogSumExp", "ReduceSumSquare"};

static fg_value *reduce(fg_graph *g, const char *op, fg_value *x, int64_t axis, int64_t keep) {
    return with_int(g, NODE(g, op, x, INTS(g, axis)), "keepdims", keep);
}

TEST(reductions_along_and_across_vectors) {
    (void)arg;
    static const char *const shapes[] = {"5x133", "133x5", "3x7x70", "2x69x3"};
    for (size_t i = 0; i < FG_COUNT(reductions); i++) {
        for (size_t j = 0; j < FG_COUNT(shapes); j++) {
            for (int64_t axis = 0; axis < 2; axis++) {
                fg_graph *g = new_graph(ctx, 18);
                fg_value *x = input(g, "x", shapes[j]);
                check(g, NODE(g, "Neg", reduce(g, reductions[i], x, axis, axis)));
            }
        }
    }
}

TEST(reductions_of_integers) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(reductions); i++) {
        fg_graph *g = new_graph(ctx, 18);
        check(g, reduce(g, reductions[i], typed_input(g, "x", "4x11", FG_INT32), 1, 0));
    }
}

TEST(global_pools_of_both_layouts) {
    (void)arg;
    static const char *const ops[] = {"GlobalAveragePool", "GlobalMaxPool"};
    for (size_t i = 0; i < FG_COUNT(ops); i++) {
        fg_graph *g = new_graph(ctx, 17);
        check(g, NODE(g, ops[i], input(g, "x", "2x21x5x7")));
        g = new_graph(ctx, 17);
        fg_value *x = channels_last(g, "2x21x5x7");
        check(g, NODE(g, "Mul", x, NODE(g, "Sigmoid", NODE(g, ops[i], x))));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_of_any_length_and_tail),
        cmocka_unit_test(operands_are_broadcast_in_any_dimension),
        cmocka_unit_test(channels_last_operands_meet_row_major_ones),
        cmocka_unit_test(operators_without_vector_form_are_computed_one_by_one),
        cmocka_unit_test(integers_and_truth_values_compute),
        cmocka_unit_test(half_precision_rounds_between_operators),
        cmocka_unit_test(variadic_operators_fold_many_operands),
        cmocka_unit_test(tensors_without_elements_are_no_trouble),
        cmocka_unit_test(transposes_of_all_kinds),
        cmocka_unit_test(reshapes_of_channels_last_values),
        cmocka_unit_test(slices_forwards_and_backwards),
        cmocka_unit_test(concatenations_of_parts_in_different_layouts),
        cmocka_unit_test(tiles_expansions_and_blocks),
        cmocka_unit_test(reductions_along_and_across_vectors),
        cmocka_unit_test(reductions_of_integers),
        cmocka_unit_test(global_pools_of_both_layouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
