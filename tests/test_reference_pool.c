/* Pools: padding, ceil_mode, dilation, indices, counting of padding, global pools, messages. */
#include "tests/one_node.h"

static void max_pool_reports_where_it_found_the_maximum(void **state) {
    (void)state;
    for (int order = 0; order < 2; order++) {
        one_node t = one_node_new("MaxPool", 12);
        t.n_out = 2;
        one_node_floats(&t, "1,2,2,3", 1.0, 5.0, 2.0, 3.0, 4.0, 9.0, 9.0, 1.0, 1.0, 1.0, 9.0, 1.0);
        one_node_ints(&t, "kernel_shape", 2, 2, 2);
        one_node_int(&t, "storage_order", order);
        one_node_expect(&t, 0, "1,2,1,2", 5.0, 9.0, 9.0, 9.0);
        if (order == 0) {
            one_node_expect(&t, 1, "1,2,1,2", 1.0, 5.0, 6.0, 10.0);
        } else {
            one_node_expect(&t, 1, "1,2,1,2", 2.0, 5.0, 6.0, 9.0);
        }
        one_node_done(&t);
    }
}

static void padding_never_wins_a_maximum(void **state) {
    (void)state;
    one_node t = one_node_new("MaxPool", 12);
    one_node_floats(&t, "1,1,3", -3.0, -2.0, -1.0);
    one_node_ints(&t, "kernel_shape", 1, 2);
    one_node_ints(&t, "pads", 2, 1, 1);
    one_node_expect(&t, 0, "1,1,4", -3.0, -2.0, -1.0, -1.0);
    one_node_done(&t);
}

static void dilated_windows_skip_inputs(void **state) {
    (void)state;
    one_node t = one_node_new("MaxPool", 12);
    one_node_in(&t, FG_INT8, "1,1,5", 5.0, 9.0, 1.0, 7.0, 2.0);
    one_node_ints(&t, "kernel_shape", 1, 2);
    one_node_ints(&t, "dilations", 1, 2);
    one_node_expect(&t, 0, "1,1,3", 5.0, 9.0, 2.0);
    one_node_done(&t);
}

static void ceil_mode_keeps_the_last_partial_window(void **state) {
    (void)state;
    for (int ceil_mode = 0; ceil_mode < 2; ceil_mode++) {
        one_node t = one_node_new("MaxPool", 12);
        one_node_counting(&t, "1,1,6");
        one_node_ints(&t, "kernel_shape", 1, 3);
        one_node_ints(&t, "strides", 1, 2);
        one_node_int(&t, "ceil_mode", ceil_mode);
        if (ceil_mode) {
            one_node_expect(&t, 0, "1,1,3", 3.0, 5.0, 6.0);
        } else {
            one_node_expect(&t, 0, "1,1,2", 3.0, 5.0);
        }
        one_node_done(&t);
    }
}

static void a_window_that_starts_in_the_end_padding_is_dropped(void **state) {
    (void)state;
    one_node t = one_node_new("AveragePool", 19);
    one_node_counting(&t, "1,1,3");
    one_node_ints(&t, "kernel_shape", 1, 2);
    one_node_ints(&t, "strides", 1, 3);
    one_node_ints(&t, "pads", 2, 0, 1);
    one_node_int(&t, "ceil_mode", 1);
    one_node_expect(&t, 0, "1,1,1", 1.5);
    one_node_done(&t);
}

static void average_counts_padding_only_when_told(void **state) {
    (void)state;
    for (int count = 0; count < 2; count++) {
        one_node t = one_node_new("AveragePool", 11);
        one_node_floats(&t, "1,1,3", 2.0, 4.0, 6.0);
        one_node_ints(&t, "kernel_shape", 1, 2);
        one_node_ints(&t, "pads", 2, 1, 0);
        one_node_int(&t, "count_include_pad", count);
        one_node_expect(&t, 0, "1,1,3", count ? 1.0 : 2.0, 3.0, 5.0);
        one_node_done(&t);
    }
}

static void average_in_ceil_mode_does_not_count_beyond_the_padding(void **state) {
    (void)state;
    one_node t = one_node_new("AveragePool", 19);
    one_node_floats(&t, "1,1,4", 2.0, 4.0, 6.0, 8.0);
    one_node_ints(&t, "kernel_shape", 1, 3);
    one_node_ints(&t, "strides", 1, 2);
    one_node_int(&t, "ceil_mode", 1);
    one_node_int(&t, "count_include_pad", 1);
    one_node_expect(&t, 0, "1,1,2", 4.0, 7.0);
    one_node_done(&t);
}

static void lp_pool_takes_roots(void **state) {
    (void)state;
    one_node t = one_node_new("LpPool", 18);
    one_node_floats(&t, "1,1,2", 3.0, -4.0);
    one_node_ints(&t, "kernel_shape", 1, 2);
    one_node_expect(&t, 0, "1,1,1", 5.0);
    one_node_done(&t);

    t = one_node_new("LpPool", 18);
    one_node_floats(&t, "1,1,2", 3.0, -4.0);
    one_node_ints(&t, "kernel_shape", 1, 2);
    one_node_int(&t, "p", 1);
    one_node_expect(&t, 0, "1,1,1", 7.0);
    one_node_done(&t);
}

static void global_pools_keep_batch_and_channels(void **state) {
    (void)state;
    static const struct {
        const char *op;
        double want[2];
    } cases[] = {{"GlobalAveragePool", {2.5, 6.5}},
                 {"GlobalMaxPool", {4, 8}},
                 {"GlobalLpPool", {5.4772256, 13.190906}}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        one_node t = one_node_new(cases[i].op, 13);
        one_node_counting(&t, "1,2,2,2");
        one_node_expect(&t, 0, "1,2,1,1", cases[i].want[0], cases[i].want[1]);
        one_node_done(&t);
    }
}

static void a_missing_kernel_shape_is_named(void **state) {
    (void)state;
    one_node t = one_node_new("MaxPool", 12);
    one_node_counting(&t, "1,1,4");
    one_node_expect_error(&t, FG_BAD_MODEL, "'kernel_shape' is missing");
    one_node_done(&t);
}

static void pads_of_the_wrong_count_are_refused(void **state) {
    (void)state;
    one_node t = one_node_new("MaxPool", 12);
    one_node_counting(&t, "1,1,4");
    one_node_ints(&t, "kernel_shape", 1, 2);
    one_node_ints(&t, "pads", 4, 1, 1, 1, 1);
    one_node_expect_error(&t, FG_BAD_MODEL, "'pads' has 4 values, 2 are needed");
    one_node_done(&t);
}

static void a_window_wholly_in_the_padding_is_refused(void **state) {
    (void)state;
    one_node t = one_node_new("AveragePool", 19);
    one_node_counting(&t, "1,1,4");
    one_node_ints(&t, "kernel_shape", 1, 2);
    one_node_ints(&t, "pads", 2, 2, 0);
    one_node_expect_error(&t, FG_BAD_MODEL, "wholly in the padding");
    one_node_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(max_pool_reports_where_it_found_the_maximum),
        cmocka_unit_test(padding_never_wins_a_maximum),
        cmocka_unit_test(dilated_windows_skip_inputs),
        cmocka_unit_test(ceil_mode_keeps_the_last_partial_window),
        cmocka_unit_test(a_window_that_starts_in_the_end_padding_is_dropped),
        cmocka_unit_test(average_counts_padding_only_when_told),
        cmocka_unit_test(average_in_ceil_mode_does_not_count_beyond_the_padding),
        cmocka_unit_test(lp_pool_takes_roots),
        cmocka_unit_test(global_pools_keep_batch_and_channels),
        cmocka_unit_test(a_missing_kernel_shape_is_named),
        cmocka_unit_test(pads_of_the_wrong_count_are_refused),
        cmocka_unit_test(a_window_wholly_in_the_padding_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
