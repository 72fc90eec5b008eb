/* Conv and ConvTranspose: values by hand, and against a naive loop on sizes that span several blocks of the
 * kernels. */
#include "tests/one_node.h"

static one_node conv(void) {
    return one_node_new("Conv", 11);
}

static void a_small_kernel_by_hand(void **state) {
    (void)state;
    one_node t = conv();
    one_node_counting(&t, "1,1,3,3");
    one_node_floats(&t, "1,1,2,2", 1.0, 2.0, 3.0, 4.0);
    one_node_floats(&t, "1", 1.0);
    one_node_expect(&t, 0, "1,1,2,2", 38.0, 48.0, 68.0, 78.0);
    one_node_done(&t);
}

static void uneven_pads_and_strides(void **state) {
    (void)state;
    one_node t = conv();
    one_node_counting(&t, "1,1,3,3");
    one_node_floats(&t, "1,1,2,2", 1.0, 2.0, 3.0, 4.0);
    one_node_ints(&t, "pads", 4, 1, 0, 0, 1);
    one_node_ints(&t, "strides", 2, 2, 2);
    one_node_expect(&t, 0, "1,1,2,2", 11.0, 9.0, 67.0, 33.0);
    one_node_done(&t);
}

static void dilation_skips_inputs(void **state) {
    (void)state;
    one_node t = conv();
    one_node_counting(&t, "1,1,5");
    one_node_floats(&t, "1,1,2", 1.0, 10.0);
    one_node_ints(&t, "dilations", 1, 2);
    one_node_expect(&t, 0, "1,1,3", 31.0, 42.0, 53.0);
    one_node_done(&t);
}

static void groups_keep_their_channels_apart(void **state) {
    (void)state;
    one_node t = conv();
    one_node_counting(&t, "1,2,2");
    one_node_floats(&t, "2,1,1", 10.0, 100.0);
    one_node_int(&t, "group", 2);
    one_node_expect(&t, 0, "1,2,2", 10.0, 20.0, 300.0, 400.0);
    one_node_done(&t);

    t = conv(); /* wide groups take another path */
    one_node_counting(&t, "1,2,1");
    one_node_counting(&t, "16,1,1");
    one_node_int(&t, "group", 2);
    one_node_expect(&t, 0, "1,16,1", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 18.0, 20.0, 22.0, 24.0, 26.0,
                    28.0, 30.0, 32.0);
    one_node_done(&t);
}

static void same_padding_puts_the_odd_element_where_it_says(void **state) {
    (void)state;
    one_node t = conv();
    one_node_counting(&t, "1,1,4");
    one_node_floats(&t, "1,1,3", 1.0, 1.0, 1.0);
    one_node_ints(&t, "strides", 1, 2);
    one_node_text(&t, "auto_pad", "SAME_UPPER");
    one_node_expect(&t, 0, "1,1,2", 6.0, 7.0);
    one_node_done(&t);

    t = conv();
    one_node_counting(&t, "1,1,4");
    one_node_floats(&t, "1,1,3", 1.0, 1.0, 1.0);
    one_node_ints(&t, "strides", 1, 2);
    one_node_text(&t, "auto_pad", "SAME_LOWER");
    one_node_expect(&t, 0, "1,1,2", 3.0, 9.0);
    one_node_done(&t);
}

static void three_spatial_dimensions(void **state) {
    (void)state;
    one_node t = conv();
    one_node_counting(&t, "1,1,2,2,2");
    one_node_floats(&t, "1,1,2,2,2", 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0);
    one_node_expect(&t, 0, "1,1,1,1,1", 36.0);
    one_node_done(&t);
}

static void sums_are_double_unless_a_float_run_is_asked_for(void **state) {
    (void)state;
    for (int single = 0; single < 2; single++) {
        one_node t = conv();
        one_node_floats(&t, "1,1,3", 1e8, 1.0, -1e8);
        one_node_floats(&t, "1,1,3", 1.0, 1.0, 1.0);
        t.single = single;
        one_node_expect(&t, 0, "1,1,1", single ? 0.0 : 1.0);
        one_node_done(&t);
    }
}

/* ---- against a naive loop ---- */

typedef struct shape2d {
    int batch, in, out, group, h, w, kh, kw, stride, dilation, pad;
} shape2d;

static float noise(uint32_t *state) {
    *state = *state * 1664525U + 1013904223U;
    return (float)(*state >> 16) / 65536.0F - 0.5F;
}

static void fill(one_node *t, int operand, uint32_t seed) {
    int64_t n = fg_shape_count(&t->data[operand].shape);
    for (int64_t i = 0; i < n; i++) {
        ((float *)t->data[operand].data)[i] = noise(&seed);
    }
}

static double naive(const shape2d *s, const float *x, const float *w, int n, int oc, int oh, int ow) {
    int per_in = s->in / s->group, g = oc / (s->out / s->group);
    double sum = 0;
    for (int c = 0; c < per_in; c++) {
        for (int i = 0; i < s->kh; i++) {
            for (int j = 0; j < s->kw; j++) {
                int y = oh * s->stride + i * s->dilation - s->pad,
                    z = ow * s->stride + j * s->dilation - s->pad;
                if (y < 0 || y >= s->h || z < 0 || z >= s->w) {
                    continue;
                }
                double a = (double)x[((n * s->in + g * per_in + c) * s->h + y) * s->w + z];
                sum += a * (double)w[((oc * per_in + c) * s->kh + i) * s->kw + j];
            }
        }
    }
    return sum;
}

static void check_against_naive(const shape2d *s) {
    char x[64], w[64];
    snprintf(x, sizeof x, "%d,%d,%d,%d", s->batch, s->in, s->h, s->w);
    snprintf(w, sizeof w, "%d,%d,%d,%d", s->out, s->in / s->group, s->kh, s->kw);
    one_node t = conv();
    one_node_counting(&t, x);
    one_node_counting(&t, w);
    fill(&t, 0, 1);
    fill(&t, 1, 2);
    one_node_int(&t, "group", s->group);
    one_node_ints(&t, "strides", 2, s->stride, s->stride);
    one_node_ints(&t, "dilations", 2, s->dilation, s->dilation);
    one_node_ints(&t, "pads", 4, s->pad, s->pad, s->pad, s->pad);
    const fg_tensor *y = one_node_out(&t, 0);
    int oh = (int)y->shape.dim[2], ow = (int)y->shape.dim[3];
    assert_int_equal(oh, (s->h + 2 * s->pad - s->dilation * (s->kh - 1) - 1) / s->stride + 1);
    for (int64_t i = 0; i < fg_shape_count(&y->shape); i++) {
        int column = (int)(i % ow), row = (int)(i / ow % oh), oc = (int)(i / ow / oh % s->out);
        double want = naive(s, (const float *)t.data[0].data, (const float *)t.data[1].data,
                            (int)(i / ow / oh / s->out), oc, row, column);
        assert_true(fabs(want - fg_get_f64(y, i)) <= 1e-6 * (1 + fabs(want)));
    }
    one_node_done(&t);
}

static void sizes_that_span_blocks_agree_with_a_naive_loop(void **state) {
    (void)state;
    static const shape2d cases[] = {
        {1, 40, 70, 1, 9, 11, 3, 3, 1, 1, 1}, /* depth 360, 70 columns, 99 rows */
        {2, 3, 9, 1, 13, 7, 5, 3, 2, 1, 2},   /* strided stem with two images */
        {1, 300, 65, 1, 7, 7, 1, 1, 1, 1, 0}, /* pointwise */
        {1, 8, 10, 1, 9, 9, 1, 1, 2, 1, 0},   /* pointwise with stride */
        {2, 6, 6, 6, 10, 9, 5, 5, 2, 1, 2},   /* depthwise */
        {1, 6, 12, 3, 8, 8, 3, 3, 1, 2, 2},   /* narrow groups, dilated */
        {1, 8, 32, 2, 5, 5, 3, 3, 1, 1, 1},   /* wide groups */
    };
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        check_against_naive(&cases[i]);
    }
}

/* ---- transposed ---- */

static one_node transposed(void) {
    one_node t = one_node_new("ConvTranspose", 11);
    one_node_floats(&t, "1,1,2", 1.0, 2.0);
    one_node_floats(&t, "1,1,3", 1.0, 10.0, 100.0);
    one_node_ints(&t, "strides", 1, 2);
    return t;
}

static void transposed_by_hand(void **state) {
    (void)state;
    one_node t = transposed();
    one_node_expect(&t, 0, "1,1,5", 1.0, 10.0, 102.0, 20.0, 200.0);
    one_node_done(&t);

    t = transposed();
    one_node_ints(&t, "pads", 2, 1, 1);
    one_node_expect(&t, 0, "1,1,3", 10.0, 102.0, 20.0);
    one_node_done(&t);

    t = transposed();
    one_node_ints(&t, "output_padding", 1, 1);
    one_node_expect(&t, 0, "1,1,6", 1.0, 10.0, 102.0, 20.0, 200.0, 0.0);
    one_node_done(&t);

    t = transposed();
    one_node_ints(&t, "output_shape", 1, 4);
    one_node_expect(&t, 0, "1,1,4", 10.0, 102.0, 20.0, 200.0);
    one_node_done(&t);
}

static void transposed_groups(void **state) {
    (void)state;
    one_node t = one_node_new("ConvTranspose", 11);
    one_node_floats(&t, "1,2,1", 2.0, 3.0);
    one_node_floats(&t, "2,2,1", 1.0, 2.0, 3.0, 4.0);
    one_node_floats(&t, "4", 0.0, 0.0, 0.0, 1.0);
    one_node_int(&t, "group", 2);
    one_node_expect(&t, 0, "1,4,1", 2.0, 4.0, 9.0, 13.0);
    one_node_done(&t);
}

/* ---- messages ---- */

static void channels_that_do_not_match_are_counted(void **state) {
    (void)state;
    one_node t = conv();
    one_node_counting(&t, "1,4,5,5");
    one_node_counting(&t, "2,3,3,3");
    one_node_expect_error(&t, FG_BAD_MODEL, "3 input channels");
    one_node_done(&t);
}

static void a_kernel_larger_than_the_input_is_refused(void **state) {
    (void)state;
    one_node t = conv();
    one_node_counting(&t, "1,1,2,2");
    one_node_counting(&t, "1,1,3,3");
    one_node_expect_error(&t, FG_BAD_MODEL, "does not fit");
    one_node_done(&t);
}

static void a_stride_of_zero_is_refused(void **state) {
    (void)state;
    one_node t = conv();
    one_node_counting(&t, "1,1,2,2");
    one_node_counting(&t, "1,1,1,1");
    one_node_ints(&t, "strides", 2, 0, 1);
    one_node_expect_error(&t, FG_BAD_MODEL, "attribute 'strides' is out of range");
    one_node_done(&t);
}

static void a_bias_of_the_wrong_length_is_refused(void **state) {
    (void)state;
    one_node t = conv();
    one_node_counting(&t, "1,1,2,2");
    one_node_counting(&t, "3,1,1,1");
    one_node_counting(&t, "2");
    one_node_expect_error(&t, FG_BAD_MODEL, "bias of shape 2");
    one_node_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_kernel_by_hand),
        cmocka_unit_test(uneven_pads_and_strides),
        cmocka_unit_test(dilation_skips_inputs),
        cmocka_unit_test(groups_keep_their_channels_apart),
        cmocka_unit_test(same_padding_puts_the_odd_element_where_it_says),
        cmocka_unit_test(three_spatial_dimensions),
        cmocka_unit_test(sums_are_double_unless_a_float_run_is_asked_for),
        cmocka_unit_test(sizes_that_span_blocks_agree_with_a_naive_loop),
        cmocka_unit_test(transposed_by_hand),
        cmocka_unit_test(transposed_groups),
        cmocka_unit_test(channels_that_do_not_match_are_counted),
        cmocka_unit_test(a_kernel_larger_than_the_input_is_refused),
        cmocka_unit_test(a_stride_of_zero_is_refused),
        cmocka_unit_test(a_bias_of_the_wrong_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
