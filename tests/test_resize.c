/* Resize and Upsample. */
#include <math.h>

#include "tests/op_graph.h"

static const float grid[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* A node of opset 19 on rows x columns floats with scales (or sizes) for both axes. */
static one_op resize_2d(int64_t rows, int64_t columns, const float *x, const float *scales,
                        const int64_t *sizes) {
    one_op t = one_new("Resize", 19);
    int64_t two = 2;
    memcpy(one_input(&t, FG_FLOAT, 2, DIMS(rows, columns)), x, (size_t)(rows * columns) * sizeof *x);
    one_absent(&t);
    if (scales != NULL) {
        one_const(&t, FG_FLOAT, 1, &two, scales);
    } else {
        one_absent(&t);
        one_list(&t, 2, sizes);
    }
    return t;
}

/* The same on one row. */
static one_op resize_row(int64_t n, const float *x, float scale) {
    return resize_2d(1, n, x, FLOATS(1, scale), NULL);
}

static void expect_refused(one_op *t, fg_status status, const char *text) {
    assert_int_equal(one_infer(t, 1), status);
    assert_non_null(strstr(fg_context_diagnostic(t->ctx)->message, text));
    one_free(t);
}

/* ---- shape ---- */

static void scales_round_the_extent_down(void **state) {
    (void)state;
    one_op t = resize_2d(4, 4, grid, FLOATS(0.6F, 1.3F), NULL);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 2, DIMS(2, 5));
    one_free(&t);
}

static void policies_keep_the_ratio(void **state) {
    (void)state;
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller"};
    static const int64_t want[][2] = {{7, 8}, {7, 7}, {8, 8}};
    for (int i = 0; i < 3; i++) {
        one_op t = resize_2d(4, 4, grid, NULL, DIMS(7, 8));
        one_string(&t, "keep_aspect_ratio_policy", policies[i]);
        assert_int_equal(one_infer(&t, 1), FG_OK);
        one_expect_shape(&t, 0, 2, want[i]);
        one_free(&t);
    }
}

static void axes_choose_what_is_resized(void **state) {
    (void)state;
    one_op t = one_new("Resize", 18);
    int64_t one = 1;
    memcpy(one_input(&t, FG_FLOAT, 2, DIMS(2, 2)), grid, 16);
    one_absent(&t);
    one_const(&t, FG_FLOAT, 1, &one, FLOATS(2));
    one_ints(&t, "axes", 1, DIMS(-1));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 8, FLOATS(1, 1, 2, 2, 3, 3, 4, 4), 0);
    one_free(&t);
}

static void contradictions_are_refused(void **state) {
    (void)state;
    one_op t = resize_2d(4, 4, grid, FLOATS(1, 1), NULL);
    one_list(&t, 2, DIMS(4, 4));
    expect_refused(&t, FG_BAD_MODEL, "exactly one");
    t = resize_2d(4, 4, grid, FLOATS(1, 0), NULL);
    expect_refused(&t, FG_BAD_MODEL, "makes no sense");
    t = resize_2d(4, 4, grid, FLOATS(1, NAN), NULL);
    expect_refused(&t, FG_BAD_MODEL, "makes no sense");
    t = resize_2d(4, 4, grid, FLOATS(1, 1e30F), NULL);
    expect_refused(&t, FG_BAD_MODEL, "elements");
    t = resize_2d(4, 4, grid, NULL, DIMS(-1, 4));
    expect_refused(&t, FG_BAD_MODEL, "makes no sense");
    t = resize_row(4, grid, 2);
    one_string(&t, "mode", "bicubic");
    expect_refused(&t, FG_BAD_MODEL, "bicubic");
    t = resize_row(4, grid, 2);
    one_string(&t, "coordinate_transformation_mode", "tf_half_pixel_for_nn"); /* gone since opset 13 */
    expect_refused(&t, FG_BAD_MODEL, "opset 19");
    t = resize_row(4, grid, 2);
    one_string(&t, "coordinate_transformation_mode", "tf_crop_and_resize");
    expect_refused(&t, FG_BAD_MODEL, "roi");
}

static void scales_that_are_not_constant_are_asked_for(void **state) {
    (void)state;
    one_op t = one_new("Resize", 13);
    (void)one_input(&t, FG_FLOAT, 2, DIMS(2, 2));
    one_absent(&t);
    (void)one_input(&t, FG_FLOAT, 1, DIMS(2));
    expect_refused(&t, FG_UNSUPPORTED, "constant");
}

/* ---- nearest ---- */

static void nearest_rounds_halves_as_told(void **state) {
    (void)state;
    static const struct {
        const char *mode;
        float want[4];
    } cases[] = {{"round_prefer_floor", {1, 2, 4, 5}},
                 {"round_prefer_ceil", {1, 3, 4, 6}},
                 {"floor", {1, 2, 4, 5}},
                 {"ceil", {1, 3, 4, 6}}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        one_op t = resize_2d(1, 6, grid, NULL, DIMS(1, 4)); /* coordinates 0, 1.5, 3, 4.5 */
        one_string(&t, "coordinate_transformation_mode", "asymmetric");
        one_string(&t, "nearest_mode", cases[i].mode);
        assert_int_equal(one_infer(&t, 1), FG_OK);
        one_expect_floats(&t, 0, 4, cases[i].want, 0);
        one_free(&t);
    }
}

static void integral_coordinates_of_sizes_are_exact(void **state) {
    (void)state;
    enum { IN = 49 };
    for (int64_t k = 1; k < 8; k++) { /* every k-th coordinate is integral: floor must not fall short of it */
        float x[IN];
        for (int i = 0; i < IN; i++) {
            x[i] = (float)i;
        }
        one_op t = resize_2d(1, IN, x, NULL, DIMS(1, IN * k));
        one_string(&t, "coordinate_transformation_mode", "asymmetric");
        one_string(&t, "nearest_mode", "floor");
        assert_int_equal(one_infer(&t, 1), FG_OK);
        const float *y = one_run(&t, 0)->data;
        for (int64_t i = 0; i < IN * k; i++) {
            assert_int_equal((int)y[i], (int)(i / k));
        }
        one_free(&t);
    }
}

static void nearest_moves_any_type(void **state) {
    (void)state;
    one_op t = one_new("Resize", 13);
    int64_t one = 1;
    const char **x = one_input(&t, FG_STRING, 1, DIMS(2));
    x[0] = "a", x[1] = "b";
    one_absent(&t);
    one_const(&t, FG_FLOAT, 1, &one, FLOATS(2));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    const char *const *y = one_run(&t, 0)->data;
    assert_string_equal(y[1], "a");
    assert_string_equal(y[2], "b");
    one_free(&t);
}

static void upsample_repeats_elements(void **state) {
    (void)state;
    one_op t = one_new("Upsample", 9);
    int64_t two = 2;
    memcpy(one_input(&t, FG_FLOAT, 2, DIMS(1, 2)), grid, 8);
    one_const(&t, FG_FLOAT, 1, &two, FLOATS(2, 3));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 12, FLOATS(1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2), 0);
    one_free(&t);
    t = one_new("Upsample", 7);
    memcpy(one_input(&t, FG_FLOAT, 1, DIMS(2)), grid, 8);
    fg_attr *a = one_attr(&t, "scales", FG_ATTR_FLOATS);
    a->floats = FLOATS(2);
    a->n = 1;
    one_string(&t, "mode", "linear");
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 4, FLOATS(1, 1.5F, 2, 2), 1e-6F);
    one_free(&t);
}

/* ---- linear and cubic ---- */

static void linear_maps_coordinates_as_told(void **state) {
    (void)state;
    static const struct {
        const char *mode;
        float want[4];
    } cases[] = {{"half_pixel", {1, 1.25F, 1.75F, 2}},
                 {"pytorch_half_pixel", {1, 1.25F, 1.75F, 2}},
                 {"half_pixel_symmetric", {1, 1.25F, 1.75F, 2}},
                 {"asymmetric", {1, 1.5F, 2, 2}},
                 {"align_corners", {1, 4.0F / 3, 5.0F / 3, 2}}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        one_op t = resize_row(2, grid, 2);
        one_string(&t, "mode", "linear");
        one_string(&t, "coordinate_transformation_mode", cases[i].mode);
        assert_int_equal(one_infer(&t, 1), FG_OK);
        one_expect_floats(&t, 0, 4, cases[i].want, 1e-6F);
        one_free(&t);
    }
}

static void an_output_of_one_element_takes_the_first_where_asked(void **state) {
    (void)state;
    static const struct {
        const char *mode;
        float want;
    } cases[] = {{"half_pixel", 2.5F}, {"pytorch_half_pixel", 1}, {"align_corners", 1}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        one_op t = resize_row(4, grid, 0.25F);
        one_string(&t, "mode", "linear");
        one_string(&t, "coordinate_transformation_mode", cases[i].mode);
        assert_int_equal(one_infer(&t, 1), FG_OK);
        one_expect_floats(&t, 0, 1, &cases[i].want, 1e-6F);
        one_free(&t);
    }
}

static void two_axes_are_independent(void **state) {
    (void)state;
    one_op both = resize_2d(4, 4, grid, FLOATS(1.5F, 0.75F), NULL);
    one_string(&both, "mode", "cubic");
    assert_int_equal(one_infer(&both, 1), FG_OK);
    one_op first = resize_2d(4, 4, grid, FLOATS(1.5F, 1), NULL);
    one_string(&first, "mode", "cubic");
    assert_int_equal(one_infer(&first, 1), FG_OK);
    one_op second = resize_2d(6, 4, one_run(&first, 0)->data, FLOATS(1, 0.75F), NULL);
    one_string(&second, "mode", "cubic");
    assert_int_equal(one_infer(&second, 1), FG_OK);
    one_expect_floats(&both, 0, 18, one_run(&second, 0)->data, 1e-5F);
    one_free(&both);
    one_free(&first);
    one_free(&second);
}

/* Both kernels reproduce a constant and, away from the border, a line. */
static void interpolation_keeps_constants_and_lines(void **state) {
    (void)state;
    static const float scales[] = {0.3F, 0.5F, 0.77F, 1.25F, 2, 3.7F};
    static const char *const kinds[] = {"linear", "cubic"};
    enum { N = 40 };
    for (size_t i = 0; i < 4 * FG_COUNT(scales); i++) {
        float flat[N], line[N], scale = scales[i / 4];
        for (int k = 0; k < N; k++) {
            flat[k] = 3;
            line[k] = (float)k;
        }
        for (int slope = 0; slope < 2; slope++) {
            one_op t = resize_row(N, slope ? line : flat, scale);
            one_string(&t, "mode", kinds[i % 2]);
            one_float(&t, "cubic_coeff_a", -0.5F); /* the value for which lines are exact */
            one_int(&t, "antialias", (int)(i / 2 % 2));
            assert_int_equal(one_infer(&t, 1), FG_OK);
            const fg_tensor *y = one_run(&t, 0);
            int64_t n = fg_shape_count(&y->shape);
            for (int64_t k = 0; k < n; k++) {
                float want = slope ? ((float)k + 0.5F) / scale - 0.5F : 3, got = ((const float *)y->data)[k];
                float tolerance = i / 2 % 2 == 1 && slope ? 0.1F : 1e-4F;
                bool border = slope && (want < 7 || want > N - 8);
                if (!border) {
                    assert_float_equal(got, want, tolerance);
                }
            }
            one_free(&t);
        }
    }
}

static void excluded_neighbours_do_not_count(void **state) {
    (void)state;
    one_op t = resize_row(2, grid, 2);
    one_string(&t, "mode", "cubic");
    one_int(&t, "exclude_outside", 1);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    /* position 0 lies at -0.25: elements 0 and 1 are 0.25 and 1.25 away, a = -0.75 */
    double a = -0.75, near = ((a + 2) * 0.25 - (a + 3)) * 0.0625 + 1,
           far = ((1.25 * a - 5 * a) * 1.25 + 8 * a) * 1.25 - 4 * a;
    const float *y = one_run(&t, 0)->data;
    assert_float_equal(y[0], (float)((near * 1 + far * 2) / (near + far)), 1e-5);
    one_free(&t);
}

static void antialias_averages_what_the_axis_loses(void **state) {
    (void)state;
    one_op t = resize_row(8, FLOATS(0, 8, 0, 8, 0, 8, 0, 8), 0.5F);
    one_string(&t, "mode", "linear");
    one_int(&t, "antialias", 1);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    const float *y = one_run(&t, 0)->data; /* weights 1 3 3 1 over 8: alternating input gives its mean */
    assert_float_equal(y[1], 4, 1e-6);
    assert_float_equal(y[2], 4, 1e-6);
    one_free(&t);
}

static void cropping_extrapolates_outside(void **state) {
    (void)state;
    one_op t = one_new("Resize", 13);
    int64_t two = 2;
    memcpy(one_input(&t, FG_FLOAT, 1, DIMS(3)), grid, 12);
    one_const(&t, FG_FLOAT, 1, &two, FLOATS(0.5F, 1.5F)); /* coordinates 1, 1.5, 2, 2.5, 3 */
    one_absent(&t);
    one_list(&t, 1, DIMS(5));
    one_string(&t, "mode", "linear");
    one_string(&t, "coordinate_transformation_mode", "tf_crop_and_resize");
    one_float(&t, "extrapolation_value", -9);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 5, FLOATS(2, 2.5F, 3, -9, -9), 1e-6F);
    one_free(&t);
}

static void empty_tensors_stay_empty(void **state) {
    (void)state;
    one_op t = resize_2d(0, 2, grid, FLOATS(2, 2), NULL);
    one_string(&t, "mode", "linear");
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 2, DIMS(0, 4));
    (void)one_run(&t, 0);
    one_free(&t);
    t = resize_2d(0, 2, grid, NULL, DIMS(3, 2));
    expect_refused(&t, FG_BAD_MODEL, "makes no sense");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_round_the_extent_down),
        cmocka_unit_test(policies_keep_the_ratio),
        cmocka_unit_test(axes_choose_what_is_resized),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(scales_that_are_not_constant_are_asked_for),
        cmocka_unit_test(nearest_rounds_halves_as_told),
        cmocka_unit_test(integral_coordinates_of_sizes_are_exact),
        cmocka_unit_test(nearest_moves_any_type),
        cmocka_unit_test(upsample_repeats_elements),
        cmocka_unit_test(linear_maps_coordinates_as_told),
        cmocka_unit_test(an_output_of_one_element_takes_the_first_where_asked),
        cmocka_unit_test(two_axes_are_independent),
        cmocka_unit_test(interpolation_keeps_constants_and_lines),
        cmocka_unit_test(excluded_neighbours_do_not_count),
        cmocka_unit_test(antialias_averages_what_the_axis_loses),
        cmocka_unit_test(cropping_extrapolates_outside),
        cmocka_unit_test(empty_tensors_stay_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
