/* First convolutions with stride whose rows go through Winograd's transforms into a ring, for the window
 * operator behind them. */
#include "lower_check.h"

typedef struct stem_case {
    const char *input, *weights;
    int64_t stride, pads[4];
    bool pool; /* else depthwise */
    int64_t window, window_stride, window_pads[4];
    const char *method;
} stem_case;

static const stem_case cases[] = {
    {"1x3x64x64", "64x3x7x7", 2, {3, 3, 3, 3}, true, 3, 2, {1, 1, 1, 1}, "F3:"},
    {"2x3x75x89", "72x3x7x7", 2, {3, 2, 1, 3}, true, 3, 2, {0, 1, 1, 0}, "F3:"},
    {"1x1x61x70", "33x1x8x8", 2, {0, 0, 0, 0}, true, 2, 2, {0, 0, 0, 0}, "F3:"},
    {"1x4x66x64", "48x4x5x5", 2, {2, 2, 2, 2}, false, 3, 1, {1, 1, 1, 1}, "F4:"},
    {"1x3x99x95", "64x3x11x11", 4, {2, 2, 2, 2}, true, 3, 2, {0, 0, 0, 0}, "F4:"},
    {"2x2x50x47", "32x2x7x7", 2, {3, 3, 3, 3}, false, 5, 2, {2, 2, 2, 2}, "F3:"},
};

static fg_graph *network(fg_context *ctx, const stem_case *c) {
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = conv(g, input(g, "x", c->input), c->weights, 1);
    with_ints(g, y, "strides", 2, (const int64_t[]){c->stride, c->stride});
    with_ints(g, y, "pads", 4, c->pads);
    y = NODE(g, "Relu", y);
    const int64_t window[2] = {c->window, c->window}, step[2] = {c->window_stride, c->window_stride};
    if (c->pool) {
        y = NODE(g, "MaxPool", y);
        with_ints(g, y, "kernel_shape", 2, window);
    } else {
        const long long channels = atoll(c->weights);
        y = conv(g, y,
                 fg_format(ctx, "%lldx1x%lldx%lld", channels, (long long)c->window, (long long)c->window),
                 channels);
    }
    with_ints(g, y, "strides", 2, step);
    with_ints(g, y, "pads", 4, c->window_pads);
    output(g, NODE(g, "Relu", y));
    fg_graph_link(g);
    fg_infer(g);
    return g;
}

TEST(stems_before_pools_and_depthwise_convolutions) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(cases); i++) check_method(network(ctx, &cases[i]), i, cases[i].method);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stems_before_pools_and_depthwise_convolutions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
