/* Generated sampling, regions, unfolding and unpooling against the reference: layouts, types, tails, threads.
 */
#include "lower_check.h"

static fg_value *whole(fg_graph *g, const char *name, int n, const int64_t *values) {
    const fg_shape s = {1, {n}};
    int64_t *copy = FG_ARRAY(g->ctx, n, int64_t);
    memcpy(copy, values, (size_t)n * sizeof *values);
    return fg_graph_const(g, name, FG_INT64, &s, copy);
}

#define WHOLE(g, name, ...)                                                                                  \
    whole(g, name, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (const int64_t[]){__VA_ARGS__})

/* ---- GridSample ---- */

static const char *const modes[] = {"linear", "nearest", "cubic"}, *const paddings[] = {"zeros", "border",
                                                                                        "reflection"};

static fg_value *grid_sample(fg_graph *g, fg_value *x, fg_value *grid, int mode, int padding, int aligned) {
    fg_value *y = NODE(g, "GridSample", x, grid);
    with_text(g, with_text(g, y, "mode", modes[mode]), "padding_mode", paddings[padding]);
    return with_int(g, y, "align_corners", aligned);
}

TEST(images_are_sampled_in_every_mode) {
    (void)arg;
    for (int i = 0; i < 18; i++) {
        fg_graph *g = new_graph(ctx, 20);
        fg_value *x = i % 2 ? input(g, "x", "2x3x5x4") : channels_last(g, "2x21x5x4");
        check(g, grid_sample(g, x, input(g, "grid", "2x3x7x2"), i / 6, i / 2 % 3, i % 2));
        g = new_graph(ctx, 20);
        x = i % 2 ? channels_last(g, "2x21x5x4") : input(g, "x", "2x3x5x4");
        check(g, grid_sample(g, x, input(g, "grid", "2x3x7x2"), i / 6, i / 2 % 3, i % 2));
    }
}

TEST(lines_volumes_and_single_pixels_are_sampled) {
    (void)arg;
    for (int i = 0; i < 9; i++) {
        fg_graph *g = new_graph(ctx, 20);
        check(g,
              grid_sample(g, input(g, "x", "1x2x3x4x5"), input(g, "grid", "1x2x3x2x3"), i / 3, i % 3, i % 2));
        g = new_graph(ctx, 20);
        check(g, grid_sample(g, input(g, "x", "2x5x7"), input(g, "grid", "2x9x1"), i / 3, i % 3, i % 2));
        g = new_graph(ctx, 20);
        check(g, grid_sample(g, input(g, "x", "1x2x1x1"), input(g, "grid", "1x3x3x2"), i / 3, i % 3, 1));
    }
}

TEST(images_of_doubles_and_transposed_grids_are_sampled) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 20);
    fg_value *grid = with_ints(g, NODE(g, "Transpose", input(g, "grid", "1x2x5x3")), "perm", 4,
                               (const int64_t[]){0, 2, 3, 1});
    check(g, grid_sample(g, typed_input(g, "x", "1x3x4x4", FG_DOUBLE), grid, 0, 0, 0));
}

TEST(grids_are_affine) {
    (void)arg;
    for (int aligned = 0; aligned < 2; aligned++) {
        fg_graph *g = new_graph(ctx, 20);
        fg_value *y = NODE(g, "AffineGrid", input(g, "theta", "3x2x3"), WHOLE(g, "size", 3, 2, 5, 1));
        check(g, with_int(g, y, "align_corners", aligned));
        g = new_graph(ctx, 20);
        y = NODE(g, "AffineGrid", input(g, "theta", "2x3x4"), WHOLE(g, "size", 2, 1, 4, 3, 5));
        check(g, with_int(g, y, "align_corners", aligned));
    }
}

/* ---- DeformConv ---- */

TEST(convolutions_are_deformed) {
    (void)arg;
    for (int i = 0; i < 4; i++) {
        fg_graph *g = new_graph(ctx, 22);
        fg_value *x = i % 2 ? input(g, "x", "2x6x7x5") : channels_last(g, "2x6x7x5");
        const char *w = i < 2 ? "4x6x3x2" : "4x3x3x2";
        fg_value *y = NODE(g, "DeformConv", x, i == 1 ? input(g, "w", w) : parameter(g, "w", w),
                           input(g, "offset", i < 2 ? "2x12x4x6" : "2x36x4x6"), parameter(g, "bias", "4"),
                           input(g, "mask", i < 2 ? "2x6x4x6" : "2x18x4x6"));
        with_int(g, with_int(g, y, "group", i < 2 ? 1 : 2), "offset_group", i < 2 ? 1 : 3);
        with_ints(g, y, "strides", 2, (const int64_t[]){2, 1});
        check(g, with_ints(g, y, "pads", 4, (const int64_t[]){1, 1, 1, 1}));
    }
}

/* ---- regions ---- */

TEST(regions_are_aligned) {
    (void)arg;
    for (int i = 0; i < 8; i++) {
        fg_graph *g = new_graph(ctx, i % 2 ? 16 : 15);
        fg_value *x = i & 2 ? channels_last(g, "2x19x9x7") : input(g, "x", "2x3x9x7");
        fg_value *rois = NODE(g, "Mul", input(g, "rois", "5x4"), parameter(g, "scale", "1x4"));
        fg_value *y = NODE(g, "RoiAlign", NODE(g, "Abs", x), NODE(g, "Exp", rois),
                           typed_input(g, "image", "5", FG_INT64));
        with_text(g, y, "mode", i & 4 ? "max" : "avg");
        with_int(g, with_int(g, y, "output_height", 3), "output_width", 2);
        check(g, with_int(g, y, "sampling_ratio", i % 3));
    }
}

TEST(regions_are_pooled) {
    (void)arg;
    for (int last = 0; last < 2; last++) {
        fg_graph *g = new_graph(ctx, 16);
        fg_value *x = last ? channels_last(g, "2x19x9x7") : input(g, "x", "2x3x9x7");
        fg_value *y = NODE(g, "MaxRoiPool", x, NODE(g, "Exp", NODE(g, "Exp", input(g, "rois", "6x5"))));
        with_float(g, y, "spatial_scale", 0.5);
        check(g, with_ints(g, y, "pooled_shape", 2, (const int64_t[]){3, 2}));
    }
}

/* ---- putting back ---- */

TEST(columns_become_images) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 18);
    fg_value *y =
        NODE(g, "Col2Im", input(g, "x", "2x18x9"), WHOLE(g, "image", 6, 7), WHOLE(g, "block", 2, 3));
    with_ints(g, y, "strides", 2, (const int64_t[]){2, 2});
    with_ints(g, y, "dilations", 2, (const int64_t[]){1, 2});
    check(g, with_ints(g, y, "pads", 4, (const int64_t[]){0, 2, 1, 0}));
    g = new_graph(ctx, 18);
    check(g, NODE(g, "Col2Im", typed_input(g, "x", "1x4x5", FG_DOUBLE), WHOLE(g, "image", 6),
                  WHOLE(g, "block", 2)));
}

TEST(pools_are_undone) {
    (void)arg;
    for (int given = 0; given < 2; given++) {
        fg_graph *g = new_graph(ctx, 22);
        fg_value *x = input(g, "x", "2x3x4x5"), *at = typed_input(g, "at", "2x3x4x5", FG_INT64);
        fg_value *y =
            given ? NODE(g, "MaxUnpool", x, at, WHOLE(g, "shape", 2, 3, 9, 11)) : NODE(g, "MaxUnpool", x, at);
        with_ints(g, y, "kernel_shape", 2, (const int64_t[]){2, 3});
        check(g, with_ints(g, y, "strides", 2, (const int64_t[]){2, 2}));
    }
}

TEST(centres_are_cropped_and_padded) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 18);
    check(g, NODE(g, "CenterCropPad", input(g, "x", "5x8x7"), WHOLE(g, "shape", 8, 5, 7)));
    g = new_graph(ctx, 18);
    fg_value *y = NODE(g, "CenterCropPad", typed_input(g, "x", "5x8x7", FG_UINT8), WHOLE(g, "shape", 4, 10));
    check(g, with_ints(g, y, "axes", 2, (const int64_t[]){-1, 0}));
}

/* What is passed for the shape at run time must be the declared one. */
TEST(shape_operands_may_be_inputs) {
    (void)arg;
    static const char *const ops[] = {"CenterCropPad", "AffineGrid", "Expand"},
                             *const given[] = {"5x8x7", "2x2x3", "3x1"}, *const entries[] = {"3", "4", "2"},
                             *const results[] = {"8x5x7", "2x4x5x2", "3x4"};
    for (size_t i = 0; i < FG_COUNT(ops); i++) {
        fg_graph *g = new_graph(ctx, 20);
        fg_value *y = NODE(g, ops[i], input(g, "x", given[i]), typed_input(g, "shape", entries[i], FG_INT64));
        y->dtype = FG_FLOAT;
        y->shape = shape_of(results[i]);
        y->shape_declared = y->shape_known = true;
        check(g, y);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_sampled_in_every_mode),
        cmocka_unit_test(lines_volumes_and_single_pixels_are_sampled),
        cmocka_unit_test(images_of_doubles_and_transposed_grids_are_sampled),
        cmocka_unit_test(grids_are_affine),
        cmocka_unit_test(convolutions_are_deformed),
        cmocka_unit_test(regions_are_aligned),
        cmocka_unit_test(regions_are_pooled),
        cmocka_unit_test(columns_become_images),
        cmocka_unit_test(pools_are_undone),
        cmocka_unit_test(centres_are_cropped_and_padded),
        cmocka_unit_test(shape_operands_may_be_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
