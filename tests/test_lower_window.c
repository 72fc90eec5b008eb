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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools_of_both_layouts_and_all_paddings),
        cmocka_unit_test(pools_of_doubles_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
