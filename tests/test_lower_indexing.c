/* Generated gathers, scatters, casts, pads, resizes and selections against the reference. */
#include "lower_check.h"

static const fg_dtype types[] = {FG_FLOAT, FG_DOUBLE, FG_FLOAT16, FG_BFLOAT16, FG_INT8,  FG_UINT8,
                                 FG_INT16, FG_UINT16, FG_INT32,   FG_UINT32,   FG_INT64, FG_UINT64};

static fg_value *with_string(fg_graph *g, fg_value *v, const char *name, const char *s) {
    fg_node_set_attr(g->ctx, v->producer, name, FG_ATTR_STRING)->s = s;
    return v;
}

static fg_value *indices(fg_graph *g, const char *shape, int64_t bound) {
    fg_value *v = typed_input(g, "i", shape, FG_INT64);
    v->bound = bound;
    return v;
}

static fg_value *floats(fg_graph *g, int n, const float *values) {
    float *data = FG_ARRAY(g->ctx, n + 1, float);
    fg_shape s = {.rank = 1, .dim = {n}};
    memcpy(data, values, (size_t)n * sizeof *data);
    return fg_graph_const(g, "floats", FG_FLOAT, &s, data);
}
#define FLOATS(g, ...)                                                                                       \
    floats((g), (int)(sizeof((float[]){__VA_ARGS__}) / sizeof(float)), (const float[]){__VA_ARGS__})

/* ---- indices ---- */

TEST(gathers_along_any_axis) {
    (void)arg;
    for (int axis = 0; axis < 3; axis++) {
        fg_graph *g = new_graph(ctx, 22);
        fg_value *x = input(g, "x", "5x6x20");
        check(g, with_int(g, NODE(g, "Gather", x, indices(g, "2x3", 5)), "axis", axis));
        g = new_graph(ctx, 22);
        x = NODE(g, "Relu", channels_last(g, "1x6x7x20"));
        check(g, with_int(g, NODE(g, "Gather", x, INTS(g, 0, -1, 3)), "axis", axis + 1));
    }
    fg_graph *g = new_graph(ctx, 22);
    check(g, NODE(g, "Sigmoid", NODE(g, "Gather", parameter(g, "w", "50x24"), indices(g, "1x7", 50))));
}

TEST(gathers_of_elements_and_tuples) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 22);
    check(g, with_int(g, NODE(g, "GatherElements", input(g, "x", "5x6x20"), indices(g, "4x9x20", 6)), "axis",
                      1));
    g = new_graph(ctx, 22);
    check(g, with_int(g, NODE(g, "GatherND", input(g, "x", "5x6x7x8"), indices(g, "5x3x2", 6)), "batch_dims",
                      1));
}

TEST(scatters_with_all_reductions) {
    (void)arg;
    static const char *const how[] = {"none", "add", "mul", "max", "min"};
    static const fg_dtype some[] = {FG_FLOAT, FG_FLOAT16, FG_INT32};
    for (size_t i = 0; i < FG_COUNT(how); i++) {
        for (size_t j = 0; j < FG_COUNT(some); j++) {
            fg_graph *g = new_graph(ctx, 22);
            fg_value *x = typed_input(g, "x", "3x6x8", some[j]), *u = typed_input(g, "u", "3x4x8", some[j]);
            fg_value *y = with_int(g, NODE(g, "ScatterElements", x, indices(g, "3x4x8", 6), u), "axis", 1);
            check(g, with_string(g, y, "reduction", how[i]));
            g = new_graph(ctx, 22);
            x = typed_input(g, "x", "6x6x8", some[j]);
            u = typed_input(g, "u", "4x8", some[j]);
            check(g, with_string(g, NODE(g, "ScatterND", x, indices(g, "4x2", 6), u), "reduction", how[i]));
        }
    }
}

/* ---- elements ---- */

TEST(casts_between_all_types) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        for (size_t j = 0; j < FG_COUNT(types); j++) {
            fg_graph *g = new_graph(ctx, 22);
            check(g, with_int(g, NODE(g, "Cast", typed_input(g, "x", "3x11", types[i])), "to", types[j]));
        }
    }
}

TEST(casts_to_and_from_formats_of_few_bits) {
    (void)arg;
    static const fg_dtype small[] = {FG_FLOAT8E4M3FN, FG_FLOAT8E4M3FNUZ, FG_FLOAT8E5M2, FG_FLOAT8E5M2FNUZ,
                                     FG_FLOAT4E2M1,   FG_INT4,           FG_UINT4,      FG_FLOAT8E8M0,
                                     FG_INT2,         FG_UINT2,          FG_FLOAT6E2M3, FG_FLOAT6E3M2};
    for (size_t i = 0; i < FG_COUNT(small); i++) {
        fg_graph *g = new_graph(ctx, 23);
        fg_value *x = with_int(g, NODE(g, "Cast", input(g, "x", "3x5x7")), "to", small[i]);
        check(g, with_int(g, NODE(g, "Cast", x), "to", i % 2 ? FG_FLOAT16 : FG_INT64));
    }
}

TEST(pads_in_all_modes) {
    (void)arg;
    static const char *const modes[] = {"constant", "edge", "reflect", "wrap"};
    for (size_t i = 0; i < FG_COUNT(modes); i++) {
        fg_graph *g = new_graph(ctx, 22);
        fg_value *x = i % 2 ? NODE(g, "Relu", channels_last(g, "2x3x8x9")) : input(g, "x", "2x3x8x9");
        check(g, with_string(g, NODE(g, "Pad", x, INTS(g, 0, 0, 2, 1, 0, 0, 1, 3)), "mode", modes[i]));
        g = new_graph(ctx, 22);
        x = typed_input(g, "x", "2x8x9", FG_INT16);
        check(g, with_string(g, NODE(g, "Pad", x, INTS(g, 0, -2, 1, 0, 1, 3)), "mode", modes[i]));
    }
    fg_graph *g = new_graph(ctx, 22);
    check(g, NODE(g, "Pad", input(g, "x", "5x6"), INTS(g, 1, 2, 0, -1), input(g, "v", "1")));
}

/* ---- resizes ---- */

static const char *const resize_modes[] = {"nearest", "linear", "cubic"};

TEST(resizes_by_all_coordinates) {
    (void)arg;
    static const char *const maps[] = {"half_pixel",         "align_corners",        "asymmetric",
                                       "pytorch_half_pixel", "half_pixel_symmetric", "tf_crop_and_resize"};
    for (size_t i = 0; i < FG_COUNT(resize_modes); i++) {
        for (size_t j = 0; j < FG_COUNT(maps); j++) {
            fg_graph *g = new_graph(ctx, 22);
            fg_value *roi = FLOATS(g, 0, 0, 0.3F, 0.2F, 1, 1, 1.4F, 0.9F);
            fg_value *y = NODE(g, "Resize", input(g, "x", "1x3x5x6"), roi, NULL, INTS(g, 1, 3, 8, 11));
            with_string(g, with_string(g, y, "mode", resize_modes[i]), "coordinate_transformation_mode",
                        maps[j]);
            check(g, with_float(g, y, "extrapolation_value", 3));
        }
    }
}

TEST(resizes_of_channels_last_and_other_types) {
    (void)arg;
    static const fg_dtype some[] = {FG_UINT8, FG_INT64, FG_FLOAT16, FG_DOUBLE};
    for (size_t i = 0; i < FG_COUNT(resize_modes); i++) {
        fg_graph *g = new_graph(ctx, 22);
        fg_value *x = NODE(g, "Relu", channels_last(g, "1x37x5x6"));
        fg_value *y = NODE(g, "Resize", x, NULL, FLOATS(g, 1, 1, 2, 1.7F));
        check(g, conv(g, with_string(g, y, "mode", resize_modes[i]), "5x37x1x1", 1));
        for (size_t j = 0; j < FG_COUNT(some); j++) {
            g = new_graph(ctx, 22);
            x = typed_input(g, "x", "2x5x6", some[j]);
            y = NODE(g, "Resize", x, NULL, FLOATS(g, 1, 2, 1.7F));
            check(g, with_string(g, y, "mode", resize_modes[i]));
        }
    }
}

TEST(resizes_that_smooth) {
    (void)arg;
    for (size_t i = 1; i < FG_COUNT(resize_modes); i++) {
        fg_graph *g = new_graph(ctx, 22);
        fg_value *y = NODE(g, "Resize", input(g, "x", "1x3x17x16"), NULL, NULL, INTS(g, 1, 3, 8, 5));
        check(g, with_int(g, with_string(g, y, "mode", resize_modes[i]), "antialias", 1));
    }
}

/* ---- selections ---- */

TEST(places_of_largest_and_smallest) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        for (int last = 0; last < 2; last++) {
            fg_graph *g = new_graph(ctx, 22);
            fg_value *x = typed_input(g, "x", "3x9x5", types[i]);
            fg_value *y = NODE(g, last ? "ArgMin" : "ArgMax", x);
            with_int(g, with_int(g, y, "axis", 1), "keepdims", last);
            check(g, with_int(g, y, "select_last_index", last));
            g = new_graph(ctx, 22);
            y = NODE(g, "TopK", typed_input(g, "x", "3x19x5", types[i]), INTS(g, 6));
            check(g, with_int(g, with_int(g, y, "axis", 1), "largest", last));
        }
    }
}

TEST(running_sums_triangles_and_one_hot) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        for (int k = 0; k < 4; k++) {
            fg_graph *g = new_graph(ctx, 22);
            fg_value *y = NODE(g, "CumSum", typed_input(g, "x", "3x19x5", types[i]), INTS(g, 1));
            check(g, with_int(g, with_int(g, y, "exclusive", k & 1), "reverse", k >> 1));
            g = new_graph(ctx, 22);
            y = NODE(g, "Trilu", typed_input(g, "x", "3x9x5", types[i]), INTS(g, 2 - 3 * (k >> 1)));
            check(g, with_int(g, y, "upper", k & 1));
        }
        fg_graph *g = new_graph(ctx, 22);
        fg_value *y = NODE(g, "OneHot", typed_input(g, "x", "3x9", types[i]), INTS(g, 7), FLOATS(g, 0, 1));
        check(g, with_int(g, y, "axis", 1));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathers_along_any_axis),
        cmocka_unit_test(gathers_of_elements_and_tuples),
        cmocka_unit_test(scatters_with_all_reductions),
        cmocka_unit_test(casts_between_all_types),
        cmocka_unit_test(casts_to_and_from_formats_of_few_bits),
        cmocka_unit_test(pads_in_all_modes),
        cmocka_unit_test(resizes_by_all_coordinates),
        cmocka_unit_test(resizes_of_channels_last_and_other_types),
        cmocka_unit_test(resizes_that_smooth),
        cmocka_unit_test(places_of_largest_and_smallest),
        cmocka_unit_test(running_sums_triangles_and_one_hot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
