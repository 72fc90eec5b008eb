/* Constants, casts, and operators that give a tensor another shape or order. */
#include <math.h>

#include "tests/op_graph.h"

static void expect_refused(one_op *t, int n_out, fg_status status, const char *text) {
    assert_int_equal(one_infer(t, n_out), status);
    const fg_diagnostic *d = fg_context_diagnostic(t->ctx);
    if (strstr(d->message, text) == NULL) {
        print_error("message: %s\n", d->message);
    }
    assert_non_null(strstr(d->message, text));
    one_free(t);
}

/* ---- constants ---- */

static void shape_is_a_constant_and_takes_part_of_the_dimensions(void **state) {
    (void)state;
    one_op t = one_new("Shape", 15);
    (void)one_input(&t, FG_FLOAT, 4, DIMS(2, 3, 5, 7));
    one_int(&t, "start", -3);
    one_int(&t, "end", 3);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    assert_non_null(t.node->out[0]->data);
    one_expect_ints(&t, 0, 2, DIMS(3, 5));
    one_free(&t);
}

static void shape_limits_are_clamped(void **state) {
    (void)state;
    one_op t = one_new("Shape", 19);
    (void)one_input(&t, FG_FLOAT, 2, DIMS(2, 3));
    one_int(&t, "start", INT64_MIN);
    one_int(&t, "end", INT64_MAX);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_ints(&t, 0, 2, DIMS(2, 3));
    one_free(&t);
}

static void size_is_a_constant(void **state) {
    (void)state;
    one_op t = one_new("Size", 13);
    (void)one_input(&t, FG_FLOAT, 3, DIMS(2, 3, 4));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 0, NULL);
    one_expect_ints(&t, 0, 1, DIMS(24));
    one_free(&t);
}

static void constant_takes_plain_numbers(void **state) {
    (void)state;
    one_op t = one_new("Constant", 13);
    one_ints(&t, "value_ints", 3, DIMS(4, -5, 6));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_ints(&t, 0, 3, DIMS(4, -5, 6));
    one_free(&t);
    t = one_new("Constant", 13);
    one_float(&t, "value_float", 2.5F);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 0, NULL);
    one_expect_floats(&t, 0, 1, FLOATS(2.5F), 0);
    one_free(&t);
}

static void constant_must_have_one_value(void **state) {
    (void)state;
    one_op t = one_new("Constant", 13);
    expect_refused(&t, 1, FG_BAD_MODEL, "exactly one attribute");
    t = one_new("Constant", 13);
    (void)one_attr(&t, "sparse_value", FG_ATTR_OTHER);
    expect_refused(&t, 1, FG_UNSUPPORTED, "sparse_value");
}

static void constant_of_shape_defaults_to_float_zeros(void **state) {
    (void)state;
    one_op t = one_new("ConstantOfShape", 9);
    one_list(&t, 2, DIMS(2, 2));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 4, FLOATS(0, 0, 0, 0), 0);
    one_free(&t);
}

static void constant_of_shape_repeats_its_value(void **state) {
    (void)state;
    one_op t = one_new("ConstantOfShape", 9);
    int64_t seven = 7;
    fg_shape one = {1, {1}};
    one_list(&t, 1, DIMS(3));
    one_attr(&t, "value", FG_ATTR_TENSOR)->tensor = fg_graph_const(t.g, "v", FG_INT64, &one, &seven);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_ints(&t, 0, 3, DIMS(7, 7, 7));
    one_free(&t);
}

static void range_counts_up_and_down(void **state) {
    (void)state;
    one_op t = one_new("Range", 11);
    one_const(&t, FG_INT64, 0, NULL, DIMS(10));
    one_const(&t, FG_INT64, 0, NULL, DIMS(3));
    one_const(&t, FG_INT64, 0, NULL, DIMS(-3));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_ints(&t, 0, 3, DIMS(10, 7, 4));
    one_free(&t);
    t = one_new("Range", 11);
    one_const(&t, FG_FLOAT, 0, NULL, FLOATS(1));
    one_const(&t, FG_FLOAT, 0, NULL, FLOATS(2.1F));
    one_const(&t, FG_FLOAT, 0, NULL, FLOATS(0.5F));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 3, FLOATS(1, 1.5F, 2), 0);
    one_free(&t);
}

static void range_with_limits_of_int64_is_refused(void **state) {
    (void)state;
    one_op t = one_new("Range", 11);
    one_const(&t, FG_INT64, 0, NULL, DIMS(INT64_MIN));
    one_const(&t, FG_INT64, 0, NULL, DIMS(INT64_MAX));
    one_const(&t, FG_INT64, 0, NULL, DIMS(1));
    expect_refused(&t, 1, FG_UNSUPPORTED, "too many");
}

static void eye_like_needs_only_the_shape(void **state) {
    (void)state;
    one_op t = one_new("EyeLike", 9);
    (void)one_input(&t, FG_FLOAT, 2, DIMS(2, 3));
    one_int(&t, "k", 1);
    one_int(&t, "dtype", FG_INT32);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_ints(&t, 0, 6, DIMS(0, 1, 0, 0, 0, 1));
    one_free(&t);
}

/* ---- dropout ---- */

static void dropout_in_inference_copies_and_keeps_everything(void **state) {
    (void)state;
    one_op t = one_new("Dropout", 13);
    float *x = one_input(&t, FG_FLOAT, 1, DIMS(3));
    memcpy(x, FLOATS(1, 2, 3), 12);
    assert_int_equal(one_infer(&t, 2), FG_OK);
    one_expect_floats(&t, 0, 3, FLOATS(1, 2, 3), 0);
    assert_int_equal(one_run(&t, 1)->dtype, FG_BOOL);
    one_expect_ints(&t, 1, 3, DIMS(1, 1, 1));
    one_free(&t);
}

static void dropout_in_training_needs_a_sensible_ratio(void **state) {
    (void)state;
    const unsigned char yes = 1;
    for (int drops = 0; drops < 2; drops++) {
        one_op t = one_new("Dropout", 13);
        (void)one_input(&t, FG_FLOAT, 1, DIMS(3));
        one_const(&t, FG_FLOAT, 0, NULL, FLOATS(drops ? 1.25F : 0));
        one_const(&t, FG_BOOL, 0, NULL, &yes);
        if (drops) {
            expect_refused(&t, 1, FG_BAD_MODEL, "ratio");
        } else {
            assert_int_equal(one_infer(&t, 1), FG_OK);
            one_free(&t);
        }
    }
}

/* ---- casts ---- */

/* Casts n floats and returns the bits of the results. */
static const void *cast_floats(one_op *t, fg_dtype to, int n, const float *x) {
    *t = one_new("Cast", 21);
    memcpy(one_input(t, FG_FLOAT, 1, DIMS(n)), x, (size_t)n * sizeof *x);
    one_int(t, "to", to);
    assert_int_equal(one_infer(t, 1), FG_OK);
    return one_run(t, 0)->data;
}

static void float_to_half_agrees_with_the_conversion_of_the_graph(void **state) {
    (void)state;
    enum { N = 4096 };
    static float x[N];
    uint32_t bits = 12345;
    for (int i = 0; i < N; i++) {
        bits = bits * 1664525u + 1013904223u;
        uint32_t b = (bits & 0x80FFFFFFu) | (uint32_t)(100 + i % 48) << 23; /* around the range of binary16 */
        memcpy(&x[i], &b, 4);
    }
    memcpy(x,
           FLOATS(0, -0.0F, INFINITY, -INFINITY, 65504, 65520, 65519, 5.9604645e-8F, 2.9802322e-8F, 1e-30F),
           40);
    one_op t;
    const uint16_t *h = cast_floats(&t, FG_FLOAT16, N, x);
    for (int i = 0; i < N; i++) {
        assert_int_equal(h[i], fg_half_from_float(x[i]));
    }
    one_free(&t);
    h = cast_floats(&t, FG_BFLOAT16, N, x);
    for (int i = 0; i < N; i++) {
        assert_int_equal(h[i], fg_bfloat_from_float(x[i]));
    }
    one_free(&t);
}

static void every_small_float_survives_a_round_trip(void **state) {
    (void)state;
    static const fg_dtype types[] = {FG_FLOAT16,    FG_BFLOAT16,       FG_FLOAT8E4M3FN, FG_FLOAT8E4M3FNUZ,
                                     FG_FLOAT8E5M2, FG_FLOAT8E5M2FNUZ, FG_FLOAT4E2M1,   FG_FLOAT8E8M0,
                                     FG_FLOAT6E2M3, FG_FLOAT6E3M2};
    for (size_t k = 0; k < FG_COUNT(types); k++) {
        int bits = fg_dtype_get(types[k])->bits, n = 1 << bits;
        one_op up = one_new("Cast", 23);
        unsigned char *codes = one_input(&up, types[k], 1, DIMS(n));
        for (int i = 0; i < n; i++) {
            if (bits < 8) {
                fg_packed_put(codes, bits, i, (unsigned)i);
            } else {
                memcpy(codes + i * (bits / 8), &i, (size_t)bits / 8);
            }
        }
        one_int(&up, "to", FG_FLOAT);
        assert_int_equal(one_infer(&up, 1), FG_OK);
        const float *x = one_run(&up, 0)->data;
        one_op down;
        const unsigned char *back = cast_floats(&down, types[k], n, x);
        for (int i = 0; i < n; i++) {
            unsigned code = 0;
            if (bits < 8) {
                code = fg_packed_get(back, bits, i);
            } else {
                memcpy(&code, back + i * bits / 8, bits == 16 ? 2 : 1);
            }
            if (isfinite(x[i])) {
                assert_int_equal(code, i);
            }
        }
        one_free(&down);
        one_free(&up);
    }
}

static void float8_saturates_unless_told_not_to(void **state) {
    (void)state;
    const float x[] = {1000, -1000, INFINITY, 448, 464, 465, 1e-9F};
    const unsigned char clipped[] = {0x7E, 0xFE, 0x7E, 0x7E, 0x7E, 0x7E, 0};
    one_op t;
    const unsigned char *y = cast_floats(&t, FG_FLOAT8E4M3FN, 7, x);
    assert_memory_equal(y, clipped, 7);
    one_free(&t);
    const unsigned char open[] = {0x7F, 0xFF, 0x7F, 0x7E, 0x7E, 0x7F, 0};
    t = one_new("Cast", 19);
    memcpy(one_input(&t, FG_FLOAT, 1, DIMS(7)), x, sizeof x);
    one_int(&t, "to", FG_FLOAT8E4M3FN);
    one_int(&t, "saturate", 0);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    assert_memory_equal(one_run(&t, 0)->data, open, 7);
    one_free(&t);
}

static void integers_wrap_and_floats_truncate(void **state) {
    (void)state;
    one_op t = one_new("Cast", 13);
    memcpy(one_input(&t, FG_INT32, 1, DIMS(3)), ((int32_t[]){200, -129, 65537}), 12);
    one_int(&t, "to", FG_INT8);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_ints(&t, 0, 3, DIMS(-56, 127, 1));
    one_free(&t);
    t = one_new("Cast", 13);
    memcpy(one_input(&t, FG_FLOAT, 1, DIMS(4)), FLOATS(-2.9F, 2.9F, NAN, 0.5F), 16);
    one_int(&t, "to", FG_INT64);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_ints(&t, 0, 4, DIMS(-2, 2, 0, 0));
    one_free(&t);
}

static void anything_but_zero_is_true(void **state) {
    (void)state;
    one_op t = one_new("Cast", 13);
    memcpy(one_input(&t, FG_FLOAT, 1, DIMS(4)), FLOATS(0, -0.0F, 0.25F, NAN), 16);
    one_int(&t, "to", FG_BOOL);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_ints(&t, 0, 4, DIMS(0, 0, 1, 1));
    one_free(&t);
}

static void strings_and_numbers_convert_into_each_other(void **state) {
    (void)state;
    one_op t = one_new("Cast", 13);
    const char **text = one_input(&t, FG_STRING, 1, DIMS(4));
    text[0] = "1e-5", text[1] = "-INF", text[2] = "NaN", text[3] = "100.5";
    one_int(&t, "to", FG_FLOAT);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    const float *y = one_run(&t, 0)->data;
    assert_true(y[0] == 1e-5F && isinf(y[1]) && y[1] < 0 && isnan(y[2]) && y[3] == 100.5F);
    one_free(&t);
    const char *const *s = cast_floats(&t, FG_STRING, 2, FLOATS(0.1F, -3));
    assert_string_equal(s[0], "0.1");
    assert_string_equal(s[1], "-3");
    one_free(&t);
}

static void a_string_that_is_no_number_is_an_error(void **state) {
    (void)state;
    one_op t = one_new("Cast", 13);
    ((const char **)one_input(&t, FG_STRING, 1, DIMS(1)))[0] = "12 monkeys";
    one_int(&t, "to", FG_FLOAT);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    assert_int_equal(one_run_status(&t), FG_BAD_MODEL);
    one_free(&t);
}

static void casts_to_unknown_types_are_refused(void **state) {
    (void)state;
    static const int64_t types[] = {0, -1, 14, 99, INT64_MAX};
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        one_op t = one_new("Cast", 13);
        (void)one_input(&t, FG_FLOAT, 1, DIMS(1));
        one_int(&t, "to", types[i]);
        expect_refused(&t, 1, FG_UNSUPPORTED, "not supported");
    }
}

/* ---- shapes ---- */

static one_op reshape_of(int rank, const int64_t *from, int n, const int64_t *to) {
    one_op t = one_new("Reshape", 14);
    (void)one_input(&t, FG_FLOAT, rank, from);
    one_list(&t, n, to);
    return t;
}

static void reshape_copies_zeros_and_fills_the_wildcard(void **state) {
    (void)state;
    one_op t = reshape_of(3, DIMS(2, 3, 4), 3, DIMS(0, -1, 2));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 3, DIMS(2, 6, 2));
    one_free(&t);
}

static void reshape_takes_zeros_literally_when_told(void **state) {
    (void)state;
    one_op t = reshape_of(2, DIMS(0, 3), 2, DIMS(5, 0));
    one_int(&t, "allowzero", 1);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 2, DIMS(5, 0));
    one_free(&t);
    t = reshape_of(2, DIMS(0, 3), 2, DIMS(-1, 0));
    one_int(&t, "allowzero", 1);
    expect_refused(&t, 1, FG_BAD_MODEL, "exclude");
}

static void reshape_that_does_not_fit_is_refused(void **state) {
    (void)state;
    one_op t = reshape_of(2, DIMS(2, 3), 2, DIMS(4, 2));
    expect_refused(&t, 1, FG_BAD_MODEL, "2x3 cannot be reshaped to 4x2");
    t = reshape_of(2, DIMS(2, 3), 2, DIMS(4, -1));
    expect_refused(&t, 1, FG_BAD_MODEL, "cannot be divided");
    t = reshape_of(2, DIMS(2, 3), 2, DIMS(-1, -1));
    expect_refused(&t, 1, FG_BAD_MODEL, "more than one");
    t = reshape_of(1, DIMS(6), 2, DIMS(6, 0));
    expect_refused(&t, 1, FG_BAD_MODEL, "not there");
    t = reshape_of(1, DIMS(6), 2, DIMS(-2, -3));
    expect_refused(&t, 1, FG_BAD_MODEL, "negative");
}

static void a_shape_that_is_not_constant_is_asked_for(void **state) {
    (void)state;
    one_op t = one_new("Reshape", 14);
    (void)one_input(&t, FG_FLOAT, 1, DIMS(6));
    (void)one_input(&t, FG_INT64, 1, DIMS(2));
    assert_int_equal(one_infer(&t, 1), FG_UNSUPPORTED);
    assert_non_null(strstr(fg_context_diagnostic(t.ctx)->remedy, "--const"));
    one_free(&t);
}

static void flatten_takes_any_axis(void **state) {
    (void)state;
    static const int64_t axes[] = {0, 1, 3, -1}, want[][2] = {{1, 24}, {2, 12}, {24, 1}, {6, 4}};
    for (size_t i = 0; i < FG_COUNT(axes); i++) {
        one_op t = one_new("Flatten", 13);
        (void)one_input(&t, FG_FLOAT, 3, DIMS(2, 3, 4));
        one_int(&t, "axis", axes[i]);
        assert_int_equal(one_infer(&t, 1), FG_OK);
        one_expect_shape(&t, 0, 2, want[i]);
        one_free(&t);
    }
}

static void squeeze_drops_what_it_is_told_or_all_ones(void **state) {
    (void)state;
    one_op t = one_new("Squeeze", 11);
    (void)one_input(&t, FG_FLOAT, 4, DIMS(1, 3, 1, 5));
    one_ints(&t, "axes", 1, DIMS(-2));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 3, DIMS(1, 3, 5));
    one_free(&t);
    t = one_new("Squeeze", 13);
    (void)one_input(&t, FG_FLOAT, 4, DIMS(1, 3, 1, 5));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 2, DIMS(3, 5));
    one_free(&t);
    t = one_new("Squeeze", 13);
    (void)one_input(&t, FG_FLOAT, 2, DIMS(1, 3));
    one_list(&t, 1, DIMS(1));
    expect_refused(&t, 1, FG_BAD_MODEL, "cannot be squeezed");
}

static void unsqueeze_counts_axes_in_the_output(void **state) {
    (void)state;
    one_op t = one_new("Unsqueeze", 13);
    (void)one_input(&t, FG_FLOAT, 2, DIMS(3, 5));
    one_list(&t, 3, DIMS(-1, 0, 2));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 5, DIMS(1, 3, 1, 5, 1));
    one_free(&t);
    t = one_new("Unsqueeze", 13);
    (void)one_input(&t, FG_FLOAT, 1, DIMS(3));
    one_list(&t, 2, DIMS(0, -3));
    expect_refused(&t, 1, FG_BAD_MODEL, "twice");
    t = one_new("Unsqueeze", 13);
    (void)one_input(&t, FG_FLOAT, 8, DIMS(1, 1, 1, 1, 1, 1, 1, 1));
    one_list(&t, 1, DIMS(0));
    expect_refused(&t, 1, FG_UNSUPPORTED, "more than 8");
}

static void tile_repeats_every_dimension(void **state) {
    (void)state;
    one_op t = one_new("Tile", 13);
    memcpy(one_input(&t, FG_FLOAT, 2, DIMS(1, 2)), FLOATS(1, 2), 8);
    one_list(&t, 2, DIMS(2, 2));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 8, FLOATS(1, 2, 1, 2, 1, 2, 1, 2), 0);
    one_free(&t);
}

static void concat_appends_along_an_axis(void **state) {
    (void)state;
    one_op t = one_new("Concat", 13);
    memcpy(one_input(&t, FG_FLOAT, 2, DIMS(2, 1)), FLOATS(1, 4), 8);
    memcpy(one_input(&t, FG_FLOAT, 2, DIMS(2, 2)), FLOATS(2, 3, 5, 6), 16);
    one_int(&t, "axis", -1);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 6, FLOATS(1, 2, 3, 4, 5, 6), 0);
    one_free(&t);
    t = one_new("Concat", 13);
    (void)one_input(&t, FG_FLOAT, 2, DIMS(2, 1));
    (void)one_input(&t, FG_FLOAT, 2, DIMS(3, 1));
    one_int(&t, "axis", 1);
    expect_refused(&t, 1, FG_BAD_MODEL, "cannot be appended");
}

static void split_by_number_leaves_the_rest_to_the_last_part(void **state) {
    (void)state;
    one_op t = one_new("Split", 18);
    memcpy(one_input(&t, FG_FLOAT, 1, DIMS(5)), FLOATS(1, 2, 3, 4, 5), 20);
    one_int(&t, "num_outputs", 3);
    assert_int_equal(one_infer(&t, 3), FG_OK);
    one_expect_floats(&t, 1, 2, FLOATS(3, 4), 0);
    one_expect_floats(&t, 2, 1, FLOATS(5), 0);
    one_free(&t);
    t = one_new("Split", 13);
    (void)one_input(&t, FG_FLOAT, 1, DIMS(5));
    expect_refused(&t, 2, FG_BAD_MODEL, "equal parts");
    t = one_new("Split", 13);
    (void)one_input(&t, FG_FLOAT, 1, DIMS(5));
    one_list(&t, 2, DIMS(4, INT64_MAX));
    expect_refused(&t, 2, FG_BAD_MODEL, "does not fit");
}

static void slice_bounds_may_lie_far_outside(void **state) {
    (void)state;
    one_op t = one_new("Slice", 13);
    memcpy(one_input(&t, FG_FLOAT, 1, DIMS(5)), FLOATS(1, 2, 3, 4, 5), 20);
    one_list(&t, 1, DIMS(INT64_MAX));
    one_list(&t, 1, DIMS(INT64_MIN));
    one_list(&t, 1, DIMS(0));
    one_list(&t, 1, DIMS(-2));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 3, FLOATS(5, 3, 1), 0);
    one_free(&t);
    t = one_new("Slice", 13);
    (void)one_input(&t, FG_FLOAT, 1, DIMS(5));
    one_list(&t, 1, DIMS(4));
    one_list(&t, 1, DIMS(INT64_MIN));
    one_list(&t, 1, DIMS(0));
    one_list(&t, 1, DIMS(INT64_MIN));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 1, DIMS(1));
    one_free(&t);
}

static void pad_continues_in_four_ways(void **state) {
    (void)state;
    static const struct {
        const char *mode;
        float want[8];
    } cases[] = {{"constant", {9, 9, 9, 1, 2, 3, 9, 9}},
                 {"edge", {1, 1, 1, 1, 2, 3, 3, 3}},
                 {"reflect", {2, 3, 2, 1, 2, 3, 2, 1}},
                 {"wrap", {1, 2, 3, 1, 2, 3, 1, 2}}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        one_op t = one_new("Pad", 19);
        memcpy(one_input(&t, FG_FLOAT, 1, DIMS(3)), FLOATS(1, 2, 3), 12);
        one_list(&t, 2, DIMS(3, 2));
        one_const(&t, FG_FLOAT, 0, NULL, FLOATS(9));
        one_string(&t, "mode", cases[i].mode);
        assert_int_equal(one_infer(&t, 1), FG_OK);
        one_expect_floats(&t, 0, 8, cases[i].want, 0);
        one_free(&t);
    }
}

static void negative_pads_cut_and_axes_choose(void **state) {
    (void)state;
    one_op t = one_new("Pad", 18);
    memcpy(one_input(&t, FG_FLOAT, 2, DIMS(2, 3)), FLOATS(1, 2, 3, 4, 5, 6), 24);
    one_list(&t, 2, DIMS(-1, 1));
    one_absent(&t);
    one_list(&t, 1, DIMS(-1));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 6, FLOATS(2, 3, 0, 5, 6, 0), 0);
    one_free(&t);
    t = one_new("Pad", 18);
    (void)one_input(&t, FG_FLOAT, 1, DIMS(3));
    one_list(&t, 2, DIMS(-2, -2));
    expect_refused(&t, 1, FG_BAD_MODEL, "make no sense");
}

static void pad_of_opset_2_takes_attributes(void **state) {
    (void)state;
    one_op t = one_new("Pad", 7);
    memcpy(one_input(&t, FG_FLOAT, 1, DIMS(1)), FLOATS(5), 4);
    one_ints(&t, "pads", 2, DIMS(1, 1));
    one_float(&t, "value", 0.5F);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 3, FLOATS(0.5F, 5, 0.5F), 0);
    one_free(&t);
}

static void depth_to_space_undoes_space_to_depth(void **state) {
    (void)state;
    enum { N = 2 * 3 * 4 * 6 };
    static const char *const orders[] = {"DCR", "CRD"};
    for (int k = 0; k < 2; k++) {
        one_op t = one_new("SpaceToDepth", 28);
        float *x = one_input(&t, FG_FLOAT, 4, DIMS(2, 3, 4, 6)), want[N];
        for (int i = 0; i < N; i++) {
            x[i] = want[i] = (float)i;
        }
        one_int(&t, "blocksize", 2);
        one_string(&t, "mode", orders[k]);
        assert_int_equal(one_infer(&t, 1), FG_OK);
        one_expect_shape(&t, 0, 4, DIMS(2, 12, 2, 3));
        one_op back = one_new("DepthToSpace", 13);
        memcpy(one_input(&back, FG_FLOAT, 4, DIMS(2, 12, 2, 3)), one_run(&t, 0)->data, sizeof want);
        one_int(&back, "blocksize", 2);
        one_string(&back, "mode", orders[k]);
        assert_int_equal(one_infer(&back, 1), FG_OK);
        one_expect_floats(&back, 0, N, want, 0);
        one_free(&back);
        one_free(&t);
    }
}

static void a_node_without_outputs_is_no_work(void **state) {
    (void)state;
    static const char *const ops[] = {"Shape", "Size", "Identity", "EyeLike", "Transpose"};
    for (size_t i = 0; i < FG_COUNT(ops); i++) {
        one_op t = one_new(ops[i], 13);
        (void)one_input(&t, FG_FLOAT, 2, DIMS(2, 3));
        assert_int_equal(one_infer(&t, 0), FG_OK);
        assert_int_equal(one_run_status(&t), FG_OK);
        one_free(&t);
    }
}

static void packed_elements_move_as_nibbles(void **state) {
    (void)state;
    one_op t = one_new("Transpose", 21);
    unsigned char *x = one_input(&t, FG_UINT4, 2, DIMS(3, 2)); /* 1 2 / 3 4 / 5 6 */
    x[0] = 0x21, x[1] = 0x43, x[2] = 0x65;
    assert_int_equal(one_infer(&t, 1), FG_OK);
    assert_memory_equal(one_run(&t, 0)->data, ((unsigned char[]){0x31, 0x25, 0x64}), 3); /* 1 3 5 / 2 4 6 */
    one_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape_is_a_constant_and_takes_part_of_the_dimensions),
        cmocka_unit_test(shape_limits_are_clamped),
        cmocka_unit_test(size_is_a_constant),
        cmocka_unit_test(constant_takes_plain_numbers),
        cmocka_unit_test(constant_must_have_one_value),
        cmocka_unit_test(constant_of_shape_defaults_to_float_zeros),
        cmocka_unit_test(constant_of_shape_repeats_its_value),
        cmocka_unit_test(range_counts_up_and_down),
        cmocka_unit_test(range_with_limits_of_int64_is_refused),
        cmocka_unit_test(eye_like_needs_only_the_shape),
        cmocka_unit_test(dropout_in_inference_copies_and_keeps_everything),
        cmocka_unit_test(dropout_in_training_needs_a_sensible_ratio),
        cmocka_unit_test(float_to_half_agrees_with_the_conversion_of_the_graph),
        cmocka_unit_test(every_small_float_survives_a_round_trip),
        cmocka_unit_test(float8_saturates_unless_told_not_to),
        cmocka_unit_test(integers_wrap_and_floats_truncate),
        cmocka_unit_test(anything_but_zero_is_true),
        cmocka_unit_test(strings_and_numbers_convert_into_each_other),
        cmocka_unit_test(a_string_that_is_no_number_is_an_error),
        cmocka_unit_test(casts_to_unknown_types_are_refused),
        cmocka_unit_test(reshape_copies_zeros_and_fills_the_wildcard),
        cmocka_unit_test(reshape_takes_zeros_literally_when_told),
        cmocka_unit_test(reshape_that_does_not_fit_is_refused),
        cmocka_unit_test(a_shape_that_is_not_constant_is_asked_for),
        cmocka_unit_test(flatten_takes_any_axis),
        cmocka_unit_test(squeeze_drops_what_it_is_told_or_all_ones),
        cmocka_unit_test(unsqueeze_counts_axes_in_the_output),
        cmocka_unit_test(tile_repeats_every_dimension),
        cmocka_unit_test(concat_appends_along_an_axis),
        cmocka_unit_test(split_by_number_leaves_the_rest_to_the_last_part),
        cmocka_unit_test(slice_bounds_may_lie_far_outside),
        cmocka_unit_test(pad_continues_in_four_ways),
        cmocka_unit_test(negative_pads_cut_and_axes_choose),
        cmocka_unit_test(pad_of_opset_2_takes_attributes),
        cmocka_unit_test(depth_to_space_undoes_space_to_depth),
        cmocka_unit_test(a_node_without_outputs_is_no_work),
        cmocka_unit_test(packed_elements_move_as_nibbles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
