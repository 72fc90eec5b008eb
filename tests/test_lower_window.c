/* Generated pools, softmax and normalisations against the reference. */
#include "lower_check.h"

/* ---- pools ---- */

typedef struct pool_case {
    const char *shape;
    int axes;
    int64_t kernel[3], strides[3], pads[6], dilations[3];
    int64_t ceil_mode, count_pad;
} pool_case;

static const pool_case pools[] = {
    {"2x21x9x11", 2, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 0, 0},
    {"1x40x8x8", 2, {2, 3}, {1, 2}, {0, 1, 1, 0}, {1, 1}, 0, 1},
    {"2x5x10x7", 2, {3, 2}, {2, 3}, {1, 0, 0, 1}, {2, 1}, 0, 1},
    {"1x37x7x7", 2, {3, 3}, {2, 2}, {0, 0, 0, 0}, {1, 1}, 1, 0},
    {"1x37x6x8", 2, {3, 3}, {2, 2}, {1, 1, 0, 0}, {2, 2}, 1, 1},
    {"2x18x13", 1, {4}, {3}, {2, 1}, {1}, 0, 1},
    {"1x17x4x5x6", 3, {2, 3, 2}, {1, 2, 1}, {0, 1, 1, 1, 0, 0}, {1, 1, 2}, 0, 0},
};

static fg_value *pool(fg_graph *g, const char *op, fg_value *x, const pool_case *c) {
    fg_value *y = NODE(g, op, x);
    with_ints(g, y, "kernel_shape", c->axes, c->kernel);
    with_ints(g, y, "strides", c->axes, c->strides);
    with_ints(g, y, "pads", 2 * c->axes, c->pads);
    with_ints(g, y, "dilations", c->axes, c->dilations);
    with_int(g, y, "ceil_mode", c->ceil_mode);
    return strcmp(op, "AveragePool") == 0 ? with_int(g, y, "count_include_pad", c->count_pad) : y;
}

TEST(pools_of_both_layouts_and_all_paddings) {
    (void)arg;
    static const char *const ops[] = {"MaxPool", "AveragePool", "LpPool"};
    for (size_t i = 0; i < FG_COUNT(ops); i++) {
        for (size_t j = 0; j < FG_COUNT(pools); j++) {
            fg_graph *g = new_graph(ctx, 22);
            check(g, pool(g, ops[i], input(g, "x", pools[j].shape), &pools[j]));
            if (pools[j].axes != 2) {
                continue;
            }
            g = new_graph(ctx, 22);
            fg_value *x = NODE(g, "Relu", channels_last(g, pools[j].shape));
            fg_value *y = pool(g, ops[i], x, &pools[j]);
            check(g, NODE(g, "Add", NODE(g, "GlobalMaxPool", x), NODE(g, "Sigmoid", y)));
        }
    }
}

TEST(pools_of_doubles_and_bytes) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    check(g, pool(g, "MaxPool", typed_input(g, "x", "2x5x9x11", FG_UINT8), &pools[0]));
    g = new_graph(ctx, 22);
    check(g, pool(g, "AveragePool", typed_input(g, "x", "2x5x9x11", FG_DOUBLE), &pools[0]));
}

/* ---- softmax and normalisations ---- */

TEST(softmax_along_and_across_vectors) {
    (void)arg;
    static const char *const ops[] = {"Softmax", "LogSoftmax", "Hardmax"};
    static const char *const shapes[] = {"5x77", "77x5", "2x3x70", "3x21x37"};
    for (size_t i = 0; i < FG_COUNT(ops); i++) {
        for (size_t j = 0; j < FG_COUNT(shapes); j++) {
            for (int64_t axis = 0; axis < 2; axis++) {
                fg_graph *g = new_graph(ctx, axis ? 13 : 11);
                check(g, with_int(g, NODE(g, ops[i], input(g, "x", shapes[j])), "axis", axis));
            }
        }
    }
}

TEST(softmax_of_channels_last_and_half_precision) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 13);
    check(g, with_int(g, NODE(g, "Softmax", channels_last(g, "2x21x3x5")), "axis", 1));
    g = new_graph(ctx, 13);
    check(g, with_int(g, NODE(g, "Softmax", channels_last(g, "2x21x3x5")), "axis", 2));
    g = new_graph(ctx, 13);
    check(g, with_int(g, NODE(g, "Softmax", typed_input(g, "x", "4x40", FG_DOUBLE)), "axis", -1));
}

TEST(layer_normalisation_with_and_without_bias) {
    (void)arg;
    static const char *const shapes[][2] = {
        {"3x5x77", "77"}, {"2x9x64", "9x64"}, {"4x3x5", "5"}, {"3x7x40", "7x1"}};
    for (size_t i = 0; i < FG_COUNT(shapes); i++) {
        const int64_t axis = strchr(shapes[i][1], 'x') ? 1 : -1;
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", shapes[i][0]), *s = parameter(g, "s", shapes[i][1]),
                 *b = parameter(g, "b", shapes[i][1]);
        check(g, with_int(g, NODE(g, "LayerNormalization", x, s, b), "axis", axis));
        g = new_graph(ctx, 23);
        x = input(g, "x", shapes[i][0]);
        s = input(g, "s", shapes[i][1]);
        check(g, NODE(g, "Relu", with_int(g, NODE(g, "LayerNormalization", x, s), "axis", axis)));
        g = new_graph(ctx, 23);
        x = input(g, "x", shapes[i][0]);
        s = parameter(g, "s", shapes[i][1]);
        check(g, NODE(g, "Add", with_int(g, NODE(g, "RMSNormalization", x, s), "axis", axis), x));
    }
}

TEST(channels_are_normalised_by_image_and_group) {
    (void)arg;
    for (int last = 0; last < 2; last++) {
        for (int opset = 18; opset <= 21; opset += 3) {
            fg_graph *g = new_graph(ctx, opset);
            fg_value *x = last ? channels_last(g, "2x42x3x5") : input(g, "x", "2x42x3x5");
            const char *size = opset < 21 ? "3" : "42";
            fg_value *y = NODE(g, "GroupNormalization", x, parameter(g, "s", size), parameter(g, "b", size));
            check(g, NODE(g, "Relu", with_int(g, y, "num_groups", 3)));
        }
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = last ? channels_last(g, "2x42x3x5") : input(g, "x", "2x42x3x25");
        check(g, NODE(g, "InstanceNormalization", x, parameter(g, "s", "42"), parameter(g, "b", "42")));
    }
}

TEST(lines_are_divided_by_their_norm) {
    (void)arg;
    for (int64_t p = 1; p <= 2; p++) {
        for (int64_t axis = 0; axis < 2; axis++) {
            fg_graph *g = new_graph(ctx, 17);
            fg_value *y = with_int(g, NODE(g, "LpNormalization", input(g, "x", "41x37")), "axis", axis);
            check(g, with_int(g, y, "p", p));
        }
    }
}

TEST(batch_normalisation_that_stands_alone) {
    (void)arg;
    static const char *const shapes[] = {"2x37", "2x5x3x7", "3x1x20"};
    for (size_t i = 0; i < FG_COUNT(shapes); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", shapes[i]);
        check(g, NODE(g, "Tanh", batch_norm(g, x, fg_format(ctx, "%d", (int)x->shape.dim[1]))));
    }
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Relu", channels_last(g, "2x37x3x5"));
    check(g, NODE(g, "Add", batch_norm(g, x, "37"), x));
    g = new_graph(ctx, 17);
    x = input(g, "x", "2x5x4");
    fg_value *variance = parameter(g, "v", "5"), *mean = input(g, "m", "5");
    check(g,
          NODE(g, "BatchNormalization", x, parameter(g, "s", "5"), parameter(g, "b", "5"), mean, variance));
}

TEST(neighbouring_channels_normalise_each_other) {
    (void)arg;
    for (int64_t size = 1; size < 5; size++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = size % 2 ? channels_last(g, "2x7x3x5") : input(g, "x", "2x7x3x5");
        check(g, with_float(g, with_int(g, NODE(g, "LRN", x), "size", size), "alpha", 0.5));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools_of_both_layouts_and_all_paddings),
        cmocka_unit_test(pools_of_doubles_and_bytes),
        cmocka_unit_test(softmax_along_and_across_vectors),
        cmocka_unit_test(softmax_of_channels_last_and_half_precision),
        cmocka_unit_test(layer_normalisation_with_and_without_bias),
        cmocka_unit_test(channels_are_normalised_by_image_and_group),
        cmocka_unit_test(lines_are_divided_by_their_norm),
        cmocka_unit_test(batch_normalisation_that_stands_alone),
        cmocka_unit_test(neighbouring_channels_normalise_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
