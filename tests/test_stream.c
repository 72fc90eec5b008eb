/* Streams (--optimize ram): convolutions row by row with rings between them, as code, over odd shapes; and
 * the plans behind them. */
#include "graph_builder.h"

#include "codegen/module.h"
#include "fusion/stream.h"
#include "tests/generate.h"

static const char *const targets[] = {"generic", "x86-64", "x86-64-v4"};

static int count_streams(const fg_partition *p) {
    int n = 0;
    for (int i = 0; i < p->n_kernels; i++) {
        n += strcmp(p->kernels[i]->lowering, "stream") == 0;
    }
    return n;
}

static fg_partition *partition(fg_graph *g, fg_optimize optimize) {
    const fg_fusion_options fusion = {.fuse = true, .optimize = optimize};
    return test_partition(g, &fusion);
}

/* again: what streams make again in place of keeping it; -1: as the partition chose */
static const fg_module *generate(fg_graph *g, const char *target, fg_optimize optimize, int threads,
                                 int again) {
    fg_codegen_options options = test_options();
    options.optimize = optimize;
    options.threads = threads;
    fg_partition *p = partition(g, optimize);
    for (int i = 0; i < p->n_kernels; i++) {
        if (again >= 0 && strcmp(p->kernels[i]->lowering, "stream") == 0) {
            p->kernels[i]->again = again;
        }
    }
    return fg_generate(p, fg_target_load(g->ctx, target), &options);
}

static void assert_agrees(fg_graph *g, const fg_module *m, const char *what) {
    const fg_verify_options asked = {.mode = FG_VERIFY_TCC, .tolerance = 1e-5, .seed = 3};
    const fg_verdict *v = fg_verify(g, m, &asked);
    if (!v->passed) {
        fail_msg("%s: %s\n%s", what, v->first_failure, m->source);
    }
}

/* The last value is the output; the code for each target has `streams` streams (-1: at least one), computes
 * what the reference does, and takes less memory than code for speed. */
static void check_streams(fg_graph *g, fg_value *result, int streams) {
    output(g, result);
    fg_graph_link(g);
    fg_infer(g);
    for (size_t i = 0; i < FG_COUNT(targets); i++) {
        const fg_module *m = generate(g, targets[i], FG_OPTIMIZE_RAM, i == 1 ? 3 : 1, -1),
                        *fast = generate(g, targets[i], FG_OPTIMIZE_SPEED, i == 1 ? 3 : 1, -1);
        assert_agrees(g, generate(g, targets[i], FG_OPTIMIZE_FLASH, 1, -1), "flash");
        for (int again = 0; again < FG_AGAIN_COUNT; again++) {
            assert_agrees(g, generate(g, targets[i], FG_OPTIMIZE_RAM, 1, again), "pairs");
        }
        const int n = count_streams(m->partition);
        if (streams < 0 ? n == 0 : n != streams) {
            fail_msg("%s: %d streams", targets[i], n);
        }
        assert_agrees(g, m, targets[i]);
        if (m->arena_bytes > fast->arena_bytes) {
            fail_msg("%s: %lld bytes, %lld for speed", targets[i], (long long)m->arena_bytes,
                     (long long)fast->arena_bytes);
        }
    }
}

static fg_value *strided(fg_graph *g, fg_value *v, int sy, int sx) {
    return WITH_INTS(g, v, "strides", sy, sx);
}

static fg_value *relu(fg_graph *g, fg_value *v) {
    return NODE(g, "Relu", v);
}

/* Expand, depthwise, project: channels that are no multiple of any vector. */
static fg_value *inverted(fg_graph *g, fg_value *x, int in, int wide, int out, int k, int stride,
                          bool residual) {
    fg_value *y = relu(g, conv(g, x, fg_format(g->ctx, "%dx%dx1x1", wide, in), 1));
    y = relu(g, strided(g, conv(g, y, fg_format(g->ctx, "%dx1x%dx%d", wide, k, k), wide), stride, stride));
    y = conv(g, y, fg_format(g->ctx, "%dx%dx1x1", out, wide), 1);
    return residual ? NODE(g, "Add", y, x) : y;
}

TEST(inverted_residuals_of_odd_shapes_run_row_by_row) {
    (void)arg;
    static const int channels[][3] = {{3, 7, 5}, {4, 16, 8}, {5, 19, 17}};
    for (size_t i = 0; i < FG_COUNT(channels); i++) {
        for (int k = 3; k <= 5; k += 2) {
            for (int stride = 1; stride <= 2; stride++) {
                fg_graph *g = new_graph(ctx, 17);
                const int *c = channels[i];
                fg_value *x = conv(g, input(g, "x", "1x2x27x23"), fg_format(ctx, "%dx2x3x3", c[0]), 1);
                x = inverted(g, x, c[0], c[1], c[2], k, stride, false);
                x = inverted(g, x, c[2], c[1], c[2], 3, 1, true);
                check_streams(g, inverted(g, x, c[2], c[1], c[0], 3, stride, false), -1);
            }
        }
    }
}

TEST(depthwise_and_pointwise_layers_share_no_map) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = relu(g, strided(g, conv(g, input(g, "x", "1x1x25x10"), "9x1x10x4", 1), 2, 2));
    for (int i = 0; i < 4; i++) {
        y = relu(g, conv(g, relu(g, conv(g, y, "9x1x3x3", 9)), "9x9x1x1", 1));
    }
    check_streams(g, NODE(g, "Flatten", NODE(g, "GlobalAveragePool", y)), -1);
}

TEST(residual_blocks_and_their_shortcuts_stream_together) {
    (void)arg;
    for (int stride = 1; stride <= 2; stride++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = relu(g, conv(g, input(g, "x", "1x3x15x12"), "6x3x3x3", 1));
        fg_value *y = conv(g, relu(g, conv(g, x, "6x6x3x3", 1)), "6x6x3x3", 1);
        x = relu(g, NODE(g, "Add", y, x));
        y = conv(g, relu(g, strided(g, conv(g, x, "10x6x3x3", 1), stride, stride)), "10x10x3x3", 1);
        x = relu(g, NODE(g, "Add", y, strided(g, conv(g, x, "10x6x1x1", 1), stride, stride)));
        check_streams(g, NODE(g, "GlobalAveragePool", x), 1);
    }
}

TEST(images_of_a_batch_follow_each_other) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = inverted(g, input(g, "x", "3x4x9x9"), 4, 11, 4, 3, 1, true);
    y = inverted(g, y, 4, 11, 6, 3, 2, false);
    check_streams(g, relu(g, conv(g, y, "5x6x3x3", 1)), -1);
}

TEST(pads_strides_and_dilations_need_not_be_alike_in_both_directions) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y =
        WITH_INTS(g, strided(g, conv(g, input(g, "x", "1x3x17x14"), "6x3x5x2", 1), 1, 2), "pads", 0, 1, 3, 0);
    y = WITH_INTS(g, WITH_INTS(g, conv(g, relu(g, y), "6x1x3x3", 6), "dilations", 2, 3), "pads", 2, 3, 1, 2);
    y = WITH_INTS(g, strided(g, conv(g, relu(g, y), "7x6x2x3", 1), 3, 1), "pads", 1, 0, 0, 1);
    check_streams(g, relu(g, conv(g, relu(g, y), "7x1x4x1", 7)), -1);
}

TEST(windows_as_high_as_the_image_and_beyond) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = relu(g, conv(g, input(g, "x", "1x2x3x9"), "5x2x3x3", 1));
    y = relu(g, conv(g, y, "5x1x7x7", 5));
    check_streams(g, relu(g, conv(g, y, "4x5x5x5", 1)), -1);
}

/* A map in the middle is read elsewhere too: it is stored as a whole while the stream goes on. */
TEST(a_map_that_others_read_is_stored_and_streamed_on) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = relu(g, conv(g, input(g, "x", "1x3x16x16"), "8x3x3x3", 1));
    fg_value *small = relu(g, conv(g, relu(g, strided(g, conv(g, x, "8x1x3x3", 8), 2, 2)), "6x8x1x1", 1));
    fg_value *y = relu(g, conv(g, relu(g, conv(g, small, "12x6x1x1", 1)), "12x1x3x3", 12));
    output(g, NODE(g, "Softmax", NODE(g, "Flatten", small)));
    check_streams(g, NODE(g, "GlobalAveragePool", y), -1);
}

TEST(gates_outside_the_stream_scale_its_rows) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x6x12x12"), *s = input(g, "s", "1x6x1x1"), *r = input(g, "r", "1x6x12x12");
    fg_value *y = NODE(g, "Add", NODE(g, "Mul", conv(g, x, "6x6x3x3", 1), s), r);
    y = relu(g, conv(g, relu(g, conv(g, relu(g, y), "18x6x1x1", 1)), "18x1x3x3", 18));
    check_streams(g, conv(g, y, "6x18x1x1", 1), -1);
}

TEST(squeezes_are_summed_on_the_way_out) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = conv(g, input(g, "x", "2x4x14x10"), "6x4x3x3", 1);
    fg_value *y = relu(g, conv(g, relu(g, conv(g, x, "18x6x1x1", 1)), "18x1x3x3", 18));
    fg_value *s = NODE(g, "Relu", conv(g, NODE(g, "GlobalAveragePool", y), "5x18x1x1", 1));
    s = NODE(g, "Sigmoid", conv(g, s, "18x5x1x1", 1));
    check_streams(g, conv(g, NODE(g, "Mul", y, s), "7x18x1x1", 1), -1);
}

TEST(networks_deeper_than_a_stream_are_cut) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = input(g, "x", "1x3x40x6");
    for (int i = 0; i < 3 * FG_STREAM_MOST / 2; i++) {
        y = NODE(g, "Tanh", conv(g, y, i == 0 ? "3x3x3x3" : "3x1x3x3", i == 0 ? 1 : 3));
    }
    check_streams(g, y, -1);
}

TEST(high_images_are_not_played_through) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = relu(g, conv(g, input(g, "x", "1x2x1025x2"), "3x2x3x3", 1));
    output(g, relu(g, conv(g, y, "3x1x3x3", 3)));
    fg_infer(g);
    assert_int_equal(count_streams(partition(g, FG_OPTIMIZE_RAM)), 0);
}

TEST(speed_is_left_alone) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = inverted(g, input(g, "x", "1x4x20x20"), 4, 24, 4, 3, 1, true);
    output(g, inverted(g, y, 4, 24, 6, 3, 2, false));
    fg_infer(g);
    assert_int_equal(count_streams(partition(g, FG_OPTIMIZE_SPEED)), 0);
    assert_int_equal(count_streams(partition(g, FG_OPTIMIZE_FLASH)), 0);
    assert_true(count_streams(partition(g, FG_OPTIMIZE_RAM)) > 0);
}

/* ---- flash ---- */

TEST(kernels_of_one_shape_are_written_once_for_flash) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = relu(g, conv(g, input(g, "x", "1x3x14x14"), "6x3x3x3", 1));
    for (int i = 0; i < 5; i++) {
        y = relu(g, conv(g, y, "6x6x3x3", 1));
    }
    output(g, y);
    fg_infer(g);
    for (size_t i = 0; i < FG_COUNT(targets); i++) {
        const fg_module *m = generate(g, targets[i], FG_OPTIMIZE_FLASH, 1, -1),
                        *fast = generate(g, targets[i], FG_OPTIMIZE_SPEED, 1, -1);
        assert_agrees(g, m, targets[i]);
        assert_non_null(strstr(m->source, "fg_shared_"));
        assert_null(strstr(fast->source, "fg_shared_"));
        assert_int_equal(m->n_kernels, fast->n_kernels);
    }
}

/* ---- gates ---- */

/* Expand, depthwise, squeeze and excite, project. */
static fg_value *gated(fg_graph *g, fg_value *x, int in, int wide, int out, int k, int stride,
                       bool residual) {
    fg_value *y = relu(g, conv(g, x, fg_format(g->ctx, "%dx%dx1x1", wide, in), 1));
    y = relu(g, strided(g, conv(g, y, fg_format(g->ctx, "%dx1x%dx%d", wide, k, k), wide), stride, stride));
    fg_value *s = conv(g, NODE(g, "GlobalAveragePool", y), fg_format(g->ctx, "3x%dx1x1", wide), 1);
    s = NODE(g, "Sigmoid", conv(g, relu(g, s), fg_format(g->ctx, "%dx3x1x1", wide), 1));
    y = conv(g, NODE(g, "Mul", y, s), fg_format(g->ctx, "%dx%dx1x1", out, wide), 1);
    return residual ? NODE(g, "Add", y, x) : y;
}

static int count_gates(fg_context *ctx, const fg_partition *p) {
    int n = 0;
    for (int i = 0; i < p->n_kernels; i++) {
        if (strcmp(p->kernels[i]->lowering, "stream") == 0) {
            n += fg_stream_of(ctx, p->kernels[i])->n_gates;
        }
    }
    return n;
}

TEST(gated_blocks_are_made_twice_and_kept_never) {
    (void)arg;
    for (int images = 1; images <= 2; images++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", fg_format(ctx, "%dx3x33x29", images));
        x = relu(g, strided(g, conv(g, x, "5x3x3x3", 1), 2, 2));
        x = gated(g, x, 5, 19, 7, 3, 2, false);
        x = gated(g, x, 7, 35, 7, 5, 1, true);
        check_streams(g, gated(g, x, 7, 21, 6, 3, 2, false), -1);
        assert_true(count_gates(ctx, partition(g, FG_OPTIMIZE_RAM)) > 0);
    }
}

TEST(a_pass_for_the_mean_costs_its_rows_once_more) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = relu(g, conv(g, input(g, "x", "1x3x32x32"), "8x3x3x3", 1));
    fg_value *s = conv(g, NODE(g, "GlobalAveragePool", x), "4x8x1x1", 1);
    s = NODE(g, "Sigmoid", conv(g, relu(g, s), "8x4x1x1", 1));
    output(g, conv(g, NODE(g, "Mul", x, s), "2x8x1x1", 1));
    fg_infer(g);
    const fg_partition *p = partition(g, FG_OPTIMIZE_RAM);
    assert_int_equal(p->n_kernels, 1);
    const fg_stream *plan = fg_stream_of(ctx, p->kernels[0]);
    assert_int_equal(plan->n_gates, 1);
    assert_int_equal(plan->n_stages, 5); /* copy, convolution, gate, scale, projection */
    static const int made[] = {64, 64, 1, 32, 32};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(plan->stage[i].made, made[i]);
    }
    assert_int_equal(plan->stage[1].shared, 3); /* rows are scaled where they lie */
    assert_int_equal(fg_stream_again_macs(plan), 32 * 32 * 8 * 27);
    const fg_module *m = generate(g, "generic", FG_OPTIMIZE_RAM, 1, -1);
    bool said = false;
    for (int i = 0; i < m->n_kernels; i++) {
        said |= strstr(m->kernels[i].why, "221184 multiply-adds made again") != NULL;
    }
    assert_true(said);
}

/* The mean is read by others too, and what it gates is stored. */
TEST(means_and_gates_that_others_read_are_stored) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = relu(g, conv(g, input(g, "x", "1x3x24x20"), "9x3x3x3", 1));
    x = relu(g, conv(g, x, "9x1x3x3", 9));
    fg_value *mean = NODE(g, "GlobalAveragePool", x);
    fg_value *s = NODE(g, "Sigmoid", conv(g, relu(g, conv(g, mean, "4x9x1x1", 1)), "9x4x1x1", 1));
    output(g, NODE(g, "Flatten", mean));
    output(g, NODE(g, "Exp", s));
    check_streams(g, conv(g, NODE(g, "Mul", x, s), "2x9x1x1", 1), -1);
}

/* ---- other stages ---- */

TEST(pools_clip_their_windows_row_by_row) {
    (void)arg;
    static const char *const ops[] = {"MaxPool", "AveragePool"};
    for (int i = 0; i < 6; i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = relu(g, conv(g, input(g, "x", "1x3x31x27"), "10x3x3x3", 1));
        x = NODE(g, ops[i % 2], x);
        x = WITH_INTS(g, WITH_INTS(g, x, "kernel_shape", 3, 2), "pads", 1, 1, 1, 0);
        x = strided(g, x, 2, 1 + i / 3);
        if (i >= 4) {
            x = with_int(g, x, "ceil_mode", 1);
        }
        if (i % 2 == 1 && i > 1) {
            x = with_int(g, x, "count_include_pad", 1);
        }
        x = relu(g, conv(g, x, "7x10x3x3", 1));
        x = WITH_INTS(g, WITH_INTS(g, NODE(g, ops[i % 2], x), "kernel_shape", 2, 2), "strides", 2, 2);
        check_streams(g, conv(g, x, "3x7x1x1", 1), -1);
    }
}

TEST(branches_are_joined_row_by_row) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = relu(g, conv(g, input(g, "x", "2x3x20x18"), "5x3x3x3", 1));
    for (int i = 0; i < 2; i++) {
        fg_value *narrow = relu(g, conv(g, x, i == 0 ? "4x5x1x1" : "4x13x1x1", 1));
        x = NODE(g, "Concat", relu(g, conv(g, narrow, "6x4x1x1", 1)), relu(g, conv(g, narrow, "7x4x3x3", 1)));
        x = with_int(g, x, "axis", 1);
    }
    x = relu(g, conv(g, x, "20x13x1x1", 1));
    check_streams(g, conv(g, NODE(g, "GlobalAveragePool", x), "3x20x1x1", 1), -1);
}

TEST(groups_of_any_width_stream) {
    (void)arg;
    static const char *const weights[] = {"12x3x3x3", "12x2x3x3", "24x4x3x3"};
    static const int groups[] = {4, 6, 3};
    for (int i = 0; i < 3; i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = relu(g, conv(g, input(g, "x", "1x3x26x22"), "12x3x3x3", 1));
        x = relu(g, strided(g, conv(g, x, weights[i], groups[i]), 1 + i % 2, 1));
        fg_value *s = conv(g, NODE(g, "GlobalAveragePool", x), i == 2 ? "4x24x1x1" : "4x12x1x1", 1);
        s = NODE(g, "Sigmoid", conv(g, relu(g, s), i == 2 ? "24x4x1x1" : "12x4x1x1", 1));
        check_streams(g, conv(g, NODE(g, "Mul", x, s), i == 2 ? "5x24x1x1" : "5x12x1x1", 1), -1);
    }
}

/* A chain before the convolution, as in densely connected networks, and sums of maps of different ages. */
TEST(chains_change_rows_where_they_lie) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = conv(g, input(g, "x", "1x3x22x19"), "11x3x3x3", 1);
    fg_value *y = NODE(g, "Tanh", NODE(g, "Mul", x, NODE(g, "Sigmoid", x)));
    y = NODE(g, "Add", conv(g, y, "11x11x5x5", 1), NODE(g, "Tanh", x));
    y = conv(g, NODE(g, "Tanh", NODE(g, "Mul", y, parameter(g, "w", "11x1x1"))), "6x11x1x1", 1);
    check_streams(g, relu(g, conv(g, y, "4x6x3x3", 1)), -1);
}

/* Neighbours that have nothing to do with each other. */
TEST(batches_of_different_sizes_are_no_stream) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "2x3x18x14"), *y = input(g, "y", "1x3x18x14");
    x = relu(g, conv(g, relu(g, conv(g, x, "6x3x3x3", 1)), "4x6x3x3", 1));
    y = relu(g, conv(g, relu(g, conv(g, y, "6x3x3x3", 1)), "4x6x3x3", 1));
    output(g, y);
    check_streams(g, x, 2);
}

/* ---- maps over each other ---- */

TEST(a_map_is_stored_over_the_one_that_it_is_made_from) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = relu(g, strided(g, conv(g, input(g, "x", "1x3x64x64"), "8x3x3x3", 1), 2, 2));
    for (int i = 0; i < FG_STREAM_MOST; i++) { /* more than one stream */
        x = NODE(g, "Add", conv(g, relu(g, conv(g, x, "8x8x3x3", 1)), "8x8x3x3", 1), x);
    }
    check_streams(g, NODE(g, "GlobalAveragePool", x), -1);
    const fg_module *m = generate(g, "generic", FG_OPTIMIZE_RAM, 1, -1);
    const int64_t map = 32 * 32 * 8 * 4;
    assert_true(count_streams(m->partition) > 1);
    assert_true(m->arena_bytes < 2 * map);
    assert_true(m->arena_lower_bound <= m->arena_bytes);
}

TEST(the_lag_is_what_is_still_to_be_read) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Softmax", input(g, "x", "1x4x16x8")); /* no stream holds it */
    fg_value *y = relu(g, conv(g, relu(g, conv(g, x, "4x1x3x3", 4)), "4x1x5x5", 4));
    output(g, NODE(g, "Softmax", y));
    fg_infer(g);
    fg_partition *p = partition(g, FG_OPTIMIZE_RAM);
    assert_int_equal(p->n_kernels, 3);
    assert_string_equal(p->kernels[1]->lowering, "stream");
    fg_stream *s = fg_stream_of(ctx, p->kernels[1]);
    const fg_value *from = p->kernels[0]->out[0], *to = p->kernels[1]->out[0];
    /* row 0 needs rows up to 3 of x, which are copied before: row y is written after row y + 4 was read */
    assert_int_equal(fg_stream_lag(s, from, to), 0);
    assert_int_equal(fg_stream_lag(s, to, from), -1);
}

/* ---- plans ---- */

TEST(rings_hold_what_is_still_to_be_read_and_no_more) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = relu(g, conv(g, input(g, "x", "1x4x20x20"), "8x4x1x1", 1));
    fg_value *y = relu(g, conv(g, x, "8x1x3x3", 8));
    output(g, NODE(g, "Add", conv(g, y, "8x8x1x1", 1), x));
    fg_infer(g);
    const fg_partition *p = partition(g, FG_OPTIMIZE_RAM);
    assert_int_equal(p->n_kernels, 1);
    const fg_stream *s = fg_stream_of(ctx, p->kernels[0]);
    assert_int_equal(s->n_stages, 4); /* the image is copied row by row */
    assert_int_equal(s->stage[0].ring, 1);
    assert_int_equal(s->stage[1].ring, 3); /* three rows of the window; the sum reads the one in the middle */
    assert_int_equal(s->stage[1].left, 1);
    assert_int_equal(s->stage[2].ring, 1);
    assert_true(s->stage[3].outside);
    assert_int_equal(s->n_steps, 80);
    int64_t made[4] = {0};
    for (int64_t i = 0; i < s->n_steps; i++) {
        made[s->order[i]]++;
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(made[i], 20);
    }
    assert_int_equal(fg_stream_bytes(s), 4 * (20 * 4 + 3 * 22 * 8 + 20 * 8));
}

TEST(pairs_keep_narrow_rows_and_make_wide_ones_again) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = relu(g, strided(g, conv(g, input(g, "x", "1x3x64x64"), "4x3x3x3", 1), 2, 2));
    x = inverted(g, x, 4, 24, 6, 3, 2, false);
    output(g, inverted(g, x, 6, 36, 6, 3, 1, true));
    fg_infer(g);
    fg_partition *p = partition(g, FG_OPTIMIZE_RAM);
    assert_string_equal(p->kernels[0]->lowering, "stream");
    int64_t bytes[FG_AGAIN_COUNT];
    for (int again = 0; again < FG_AGAIN_COUNT; again++) {
        p->kernels[0]->again = again;
        const fg_stream *s = fg_stream_of(ctx, p->kernels[0]);
        int pairs = 0;
        for (int i = 0; i < s->n_stages; i++) {
            pairs += s->stage[i].pair != NULL;
        }
        bytes[again] = fg_stream_bytes(s);
        assert_true(again == FG_AGAIN_NEVER ? pairs == 0 : pairs > 0);
    }
    assert_true(bytes[FG_AGAIN_STRIDED] < bytes[FG_AGAIN_NEVER]);
    assert_true(bytes[FG_AGAIN_ALL] <= bytes[FG_AGAIN_STRIDED]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inverted_residuals_of_odd_shapes_run_row_by_row),
        cmocka_unit_test(depthwise_and_pointwise_layers_share_no_map),
        cmocka_unit_test(residual_blocks_and_their_shortcuts_stream_together),
        cmocka_unit_test(images_of_a_batch_follow_each_other),
        cmocka_unit_test(pads_strides_and_dilations_need_not_be_alike_in_both_directions),
        cmocka_unit_test(windows_as_high_as_the_image_and_beyond),
        cmocka_unit_test(a_map_that_others_read_is_stored_and_streamed_on),
        cmocka_unit_test(gates_outside_the_stream_scale_its_rows),
        cmocka_unit_test(squeezes_are_summed_on_the_way_out),
        cmocka_unit_test(networks_deeper_than_a_stream_are_cut),
        cmocka_unit_test(high_images_are_not_played_through),
        cmocka_unit_test(speed_is_left_alone),
        cmocka_unit_test(kernels_of_one_shape_are_written_once_for_flash),
        cmocka_unit_test(gated_blocks_are_made_twice_and_kept_never),
        cmocka_unit_test(a_pass_for_the_mean_costs_its_rows_once_more),
        cmocka_unit_test(means_and_gates_that_others_read_are_stored),
        cmocka_unit_test(pools_clip_their_windows_row_by_row),
        cmocka_unit_test(branches_are_joined_row_by_row),
        cmocka_unit_test(groups_of_any_width_stream),
        cmocka_unit_test(chains_change_rows_where_they_lie),
        cmocka_unit_test(batches_of_different_sizes_are_no_stream),
        cmocka_unit_test(a_map_is_stored_over_the_one_that_it_is_made_from),
        cmocka_unit_test(the_lag_is_what_is_still_to_be_read),
        cmocka_unit_test(pairs_keep_narrow_rows_and_make_wide_ones_again),
        cmocka_unit_test(rings_hold_what_is_still_to_be_read_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
