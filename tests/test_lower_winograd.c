/* Convolutions by Winograd's transforms, of all filters and strides that have a scheme, against the
 * reference. */
#include "lower_check.h"

typedef struct winograd_case {
    const char *input, *weights;
    int64_t stride, pads[4];
    const char *method;
} winograd_case;

static const winograd_case cases[] = {
    {"1x64x56x56", "64x64x3x3", 1, {1, 1, 1, 1}, "F4:"}, {"2x64x13x15", "72x64x3x3", 1, {0, 1, 2, 0}, "F"},
    {"1x32x11x10", "33x32x3x3", 1, {1, 1, 1, 1}, "F"},   {"1x64x56x56", "128x64x3x3", 2, {1, 1, 1, 1}, "F2:"},
    {"2x64x15x13", "72x64x3x3", 2, {0, 1, 2, 0}, "F2:"}, {"1x48x28x31", "50x48x3x3", 2, {1, 0, 0, 2}, "F2:"},
    {"1x48x35x33", "64x48x5x5", 1, {2, 2, 2, 2}, "F2:"}, {"2x32x17x14", "40x32x4x4", 1, {1, 2, 1, 0}, "F3:"},
};

/* Relu(x) -> 3x3 convolution -> Relu(+ residual) -> pool beside it: a map that exists, an epilogue, a tap. */
static fg_graph *network(fg_context *ctx, const winograd_case *c, bool residual, bool pool) {
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Relu", input(g, "x", c->input));
    fg_value *y = conv(g, x, c->weights, 1);
    with_ints(g, y, "strides", 2, (const int64_t[]){c->stride, c->stride});
    with_ints(g, y, "pads", 4, c->pads);
    if (residual) y = NODE(g, "Add", y, NODE(g, "Sigmoid", y));
    y = NODE(g, "Relu", y);
    output(g, y);
    if (pool) output(g, NODE(g, "GlobalAveragePool", y));
    fg_graph_link(g);
    fg_infer(g);
    return g;
}

TEST(both_strides_and_all_borders) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(cases); i++)
        check_method(network(ctx, &cases[i], i % 2 == 0, i % 3 == 0), i, cases[i].method);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_strides_and_all_borders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
