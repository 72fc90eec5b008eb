/* Transforms of signals, windows, mel weights: the reference by hand, generated code against the reference.
 */
#include "lower_check.h"
#include "one_node.h"

/* ---- the reference ---- */

static void transforms_forwards_and_backwards(void **state) {
    (void)state;
    one_node t = one_node_new("DFT", 17);
    one_node_floats(&t, "1,4,1", 1.0, 2.0, 3.0, 4.0);
    one_node_expect(&t, 0, "1,4,2", 10.0, 0.0, -2.0, 2.0, -2.0, 0.0, -2.0, -2.0);
    one_node_done(&t);
    t = one_node_new("DFT", 20);
    one_node_floats(&t, "1,4,2", 10.0, 0.0, -2.0, 2.0, -2.0, 0.0, -2.0, -2.0);
    one_node_int(&t, "inverse", 1);
    one_node_expect(&t, 0, "1,4,2", 1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0, 0.0);
    one_node_done(&t);
}

static void half_a_spectrum_gives_a_real_signal(void **state) {
    (void)state;
    one_node t = one_node_new("DFT", 20);
    one_node_floats(&t, "1,3,2", 10.0, 9.0, -2.0, 2.0, -2.0,
                    9.0); /* imaginary parts at the ends mean nothing */
    one_node_int(&t, "inverse", 1);
    one_node_int(&t, "onesided", 1);
    one_node_expect(&t, 0, "1,4,1", 1.0, 2.0, 3.0, 4.0);
    one_node_done(&t);
}

static void takes_more_or_fewer_samples(void **state) {
    (void)state;
    one_node t = one_node_new("DFT", 20);
    one_node_floats(&t, "2,3,1", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
    one_node_const(&t, FG_INT64, "", 4.0);
    one_node_const(&t, FG_INT64, "", 0.0);
    one_node_int(&t, "onesided", 1);
    one_node_expect(&t, 0, "3,3,2", 5.0, 0.0, 7.0, 0.0, 9.0, 0.0, 1.0, -4.0, 2.0, -5.0, 3.0, -6.0, -3.0, 0.0,
                    -3.0, 0.0, -3.0, 0.0);
    one_node_done(&t);
}

static void frames_slide_over_the_signal(void **state) {
    (void)state;
    one_node t = one_node_new("STFT", 17);
    one_node_floats(&t, "1,5,1", 1.0, 2.0, 3.0, 4.0, 5.0);
    one_node_const(&t, FG_INT64, "", 2.0);
    one_node_floats(&t, "2", 1.0, 0.5);
    one_node_expect(&t, 0, "1,2,2,2", 2.0, 0.0, 0.0, 0.0, 5.0, 0.0, 1.0, 0.0);
    one_node_done(&t);
}

static void windows_rise_and_fall(void **state) {
    (void)state;
    static const char *const ops[] = {"HannWindow", "HammingWindow", "BlackmanWindow"};
    static const double edge[] = {0, 4.0 / 46, 0}, quarter[] = {0.5, 25.0 / 46, 0.34};
    for (int i = 0; i < 3; i++) {
        one_node t = one_node_new(ops[i], 17);
        one_node_const(&t, FG_INT32, "", 4.0);
        one_node_expect(&t, 0, "4", edge[i], quarter[i], 1.0, quarter[i]);
        one_node_done(&t);
        t = one_node_new(ops[i], 17);
        one_node_const(&t, FG_INT64, "", 3.0);
        one_node_int(&t, "periodic", 0);
        one_node_int(&t, "output_datatype", FG_DOUBLE);
        one_node_expect(&t, 0, "3", edge[i], 1.0, edge[i]);
        assert_int_equal(one_node_out(&t, 0)->dtype, FG_DOUBLE);
        one_node_done(&t);
    }
}

static one_node mel(double bands, double upper) {
    one_node t = one_node_new("MelWeightMatrix", 17);
    one_node_const(&t, FG_INT64, "", bands);
    one_node_const(&t, FG_INT64, "", 8.0);
    one_node_const(&t, FG_INT64, "", 8000.0);
    one_node_const(&t, FG_FLOAT, "", 0.0);
    one_node_const(&t, FG_FLOAT, "", upper);
    return t;
}

static void mel_bands_are_triangles(void **state) {
    (void)state;
    one_node t = mel(1, 4000);
    const fg_tensor *y = one_node_out(&t, 0);
    double peak = 0;
    assert_int_equal(y->shape.dim[0], 5);
    for (int i = 0; i < 5; i++) {
        const double w = fg_get_f64(y, i);
        assert_true(w >= 0 && w <= 1);
        peak = w > peak ? w : peak;
    }
    assert_true(peak == 1);
    one_node_done(&t);
    t = mel(3, 1e9); /* bands beyond the spectrum have no weights */
    y = one_node_out(&t, 0);
    for (int i = 0; i < 15; i++) {
        assert_true(fg_get_f64(y, i) >= 0 && fg_get_f64(y, i) <= 1);
    }
    one_node_done(&t);
}

static void refuses_what_does_not_fit(void **state) {
    (void)state;
    one_node t = one_node_new("DFT", 20);
    one_node_floats(&t, "2,3", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "must end with");
    one_node_done(&t);
    t = one_node_new("DFT", 17);
    one_node_floats(&t, "1,2,1", 1.0, 2.0);
    one_node_int(&t, "axis", 2);
    one_node_expect_error(&t, FG_BAD_MODEL, "real and imaginary");
    one_node_done(&t);
    t = one_node_new("DFT", 17);
    one_node_floats(&t, "1,2,1", 1.0, 2.0);
    one_node_const(&t, FG_INT64, "", -3.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "must be positive");
    one_node_done(&t);
    t = one_node_new("STFT", 17);
    one_node_floats(&t, "1,2,1", 1.0, 2.0);
    one_node_const(&t, FG_INT64, "", 1.0);
    one_node_floats(&t, "3", 1.0, 1.0, 1.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "do not fit a signal");
    one_node_done(&t);
    t = one_node_new("HannWindow", 17);
    one_node_in(&t, FG_INT32, "", 3.0);
    one_node_expect_error(&t, FG_UNSUPPORTED, "must be constant");
    one_node_done(&t);
    t = one_node_new("HannWindow", 17);
    one_node_const(&t, FG_INT32, "", -3.0);
    one_node_expect_error(&t, FG_BAD_MODEL, "not negative");
    one_node_done(&t);
    t = mel(2, -1);
    one_node_expect_error(&t, FG_BAD_MODEL, "upper_edge_hertz");
    one_node_done(&t);
}

/* ---- generated code ---- */

static fg_value *number(fg_graph *g, int64_t i) {
    const fg_shape none = {.rank = 0};
    int64_t *data = FG_NEW(g->ctx, int64_t);
    *data = i;
    return fg_graph_const(g, "number", FG_INT64, &none, data);
}

TEST(generated_transforms_of_all_lengths) {
    (void)arg;
    static const int lengths[] = {1, 2, 3, 4, 5, 6, 8, 13, 20, 30, 49, 64, 97, 200};
    for (size_t i = 0; i < FG_COUNT(lengths); i++) {
        for (int kind = 0; kind < 4; kind++) { /* real, complex, inverse, half a spectrum */
            if (kind == 3 && lengths[i] < 2) {
                continue;
            }
            fg_graph *g = new_graph(ctx, 20);
            const char *shape =
                fg_format(ctx, "5x%dx%d", kind == 3 ? lengths[i] / 2 + 1 : lengths[i], kind == 0 ? 1 : 2);
            fg_value *y = NODE(g, "DFT", input(g, "x", shape), number(g, lengths[i]));
            with_int(g, y, "inverse", kind >= 2);
            check(g, with_int(g, y, "onesided", kind == 3 || (kind == 0 && i % 2)));
        }
    }
}

TEST(generated_transforms_along_other_axes) {
    (void)arg;
    for (int axis = 0; axis < 3; axis++) {
        fg_graph *g = new_graph(ctx, 20);
        fg_value *x = NODE(g, "Relu", channels_last(g, axis == 1 ? "3x2x7x1" : "2x6x10x2"));
        check(g, NODE(g, "DFT", x, number(g, 9), number(g, axis)));
        g = new_graph(ctx, 17);
        check(g, with_int(g, NODE(g, "DFT", input(g, "x", "6x10x5x1")), "axis", axis));
    }
}

TEST(generated_transforms_of_other_types) {
    (void)arg;
    static const fg_dtype types[] = {FG_DOUBLE, FG_FLOAT16, FG_BFLOAT16};
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        fg_graph *g = new_graph(ctx, 20);
        check(g, NODE(g, "DFT", typed_input(g, "x", "3x12x1", types[i])));
        g = new_graph(ctx, 20);
        fg_value *y = NODE(g, "DFT", typed_input(g, "x", "3x7x2", types[i]));
        check(g, with_int(g, with_int(g, y, "inverse", 1), "onesided", 1));
        g = new_graph(ctx, 20);
        check(g, NODE(g, "STFT", typed_input(g, "x", "2x40x1", types[i]), number(g, 5),
                      typed_input(g, "w", "16", types[i])));
    }
}

TEST(generated_frames) {
    (void)arg;
    for (int k = 0; k < 6; k++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", k == 1 ? "2x130x2" : k == 2 ? "2x130" : k == 3 ? "1x25x1" : "2x130x1");
        fg_value *w = k % 2 ? NULL : k == 4 ? NODE(g, "HannWindow", number(g, 25)) : input(g, "w", "25");
        fg_value *y = NODE(g, "STFT", x, number(g, 10), w, number(g, 25));
        check(g, with_int(g, y, "onesided", k != 1 && k != 5));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms_forwards_and_backwards),
        cmocka_unit_test(half_a_spectrum_gives_a_real_signal),
        cmocka_unit_test(takes_more_or_fewer_samples),
        cmocka_unit_test(frames_slide_over_the_signal),
        cmocka_unit_test(windows_rise_and_fall),
        cmocka_unit_test(mel_bands_are_triangles),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(generated_transforms_of_all_lengths),
        cmocka_unit_test(generated_transforms_along_other_axes),
        cmocka_unit_test(generated_transforms_of_other_types),
        cmocka_unit_test(generated_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
