/* Picking elements by index and putting them there; choosing and accumulating along an axis. */
#include <math.h>

#include "tests/op_graph.h"

static void expect_refused(one_op *t, int n_out, fg_status status, const char *text) {
    assert_int_equal(one_infer(t, n_out), status);
    assert_non_null(strstr(fg_context_diagnostic(t->ctx)->message, text));
    one_free(t);
}

static void put_floats(one_op *t, int rank, const int64_t *dim, int n, const float *x) {
    memcpy(one_input(t, FG_FLOAT, rank, dim), x, (size_t)n * sizeof *x);
}

static void put_ints(one_op *t, int rank, const int64_t *dim, int n, const int64_t *x) {
    memcpy(one_input(t, FG_INT64, rank, dim), x, (size_t)n * sizeof *x);
}

static const float six[] = {1, 2, 3, 4, 5, 6};

static void gather_takes_slices_and_counts_from_the_back(void **state) {
    (void)state;
    one_op t = one_new("Gather", 13);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    put_ints(&t, 2, DIMS(1, 2), 2, DIMS(-1, 0));
    one_int(&t, "axis", 1);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 3, DIMS(2, 1, 2));
    one_expect_floats(&t, 0, 4, FLOATS(3, 1, 6, 4), 0);
    one_free(&t);
}

static void gather_by_a_scalar_drops_the_axis(void **state) {
    (void)state;
    one_op t = one_new("Gather", 13);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    put_ints(&t, 0, NULL, 1, DIMS(1));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 1, DIMS(3));
    one_expect_floats(&t, 0, 3, FLOATS(4, 5, 6), 0);
    one_free(&t);
}

static void gather_tells_the_bound_of_its_indices(void **state) {
    (void)state;
    one_op t = one_new("Gather", 13);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    put_ints(&t, 1, DIMS(1), 1, DIMS(0));
    one_int(&t, "axis", -1);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    assert_int_equal(t.in[1]->bound, 3);
    one_free(&t);
}

static void an_index_out_of_range_is_an_error(void **state) {
    (void)state;
    static const int64_t wrong[] = {3, -4, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < FG_COUNT(wrong); i++) {
        one_op t = one_new("Gather", 13);
        put_floats(&t, 2, DIMS(2, 3), 6, six);
        put_ints(&t, 1, DIMS(1), 1, &wrong[i]);
        one_int(&t, "axis", 1);
        assert_int_equal(one_infer(&t, 1), FG_OK);
        assert_int_equal(one_run_status(&t), FG_BAD_MODEL);
        assert_non_null(strstr(fg_context_diagnostic(t.ctx)->message, "out of range"));
        one_free(&t);
    }
}

static void indices_must_be_integers(void **state) {
    (void)state;
    one_op t = one_new("Gather", 13);
    put_floats(&t, 1, DIMS(2), 2, six);
    put_floats(&t, 1, DIMS(1), 1, six);
    expect_refused(&t, 1, FG_BAD_MODEL, "int32 or int64");
}

static void gather_elements_follows_the_indices_shape(void **state) {
    (void)state;
    one_op t = one_new("GatherElements", 13);
    put_floats(&t, 2, DIMS(3, 2), 6, six);
    put_ints(&t, 2, DIMS(2, 2), 4, DIMS(2, 0, -2, 1));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 4, FLOATS(5, 2, 3, 4), 0);
    one_free(&t);
    t = one_new("GatherElements", 13);
    put_floats(&t, 2, DIMS(3, 2), 6, six);
    put_ints(&t, 2, DIMS(2, 3), 6, DIMS(0, 0, 0, 0, 0, 0));
    expect_refused(&t, 1, FG_BAD_MODEL, "do not lie inside");
}

static void gather_nd_points_by_tuples_within_batches(void **state) {
    (void)state;
    const float x[] = {0, 1, 2, 3, 4, 5, 6, 7};
    one_op t = one_new("GatherND", 12);
    put_floats(&t, 3, DIMS(2, 2, 2), 8, x);
    put_ints(&t, 2, DIMS(2, 2), 4, DIMS(0, 1, 1, -2));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 4, FLOATS(2, 3, 4, 5), 0);
    one_free(&t);
    t = one_new("GatherND", 12);
    put_floats(&t, 3, DIMS(2, 2, 2), 8, x);
    put_ints(&t, 2, DIMS(2, 1), 2, DIMS(1, 0));
    one_int(&t, "batch_dims", 1);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 2, DIMS(2, 2));
    one_expect_floats(&t, 0, 4, FLOATS(2, 3, 4, 5), 0);
    one_free(&t);
}

static void gather_nd_with_too_long_tuples_is_refused(void **state) {
    (void)state;
    one_op t = one_new("GatherND", 12);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    put_ints(&t, 2, DIMS(1, 3), 3, DIMS(0, 0, 0));
    expect_refused(&t, 1, FG_BAD_MODEL, "cannot point");
    t = one_new("GatherND", 12);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    put_ints(&t, 2, DIMS(1, 1), 1, DIMS(0));
    one_int(&t, "batch_dims", 1);
    expect_refused(&t, 1, FG_BAD_MODEL, "batch dimensions");
}

/* ---- scatter ---- */

static void scatter_elements_combines_duplicates(void **state) {
    (void)state;
    static const struct {
        const char *reduction;
        float want[3];
    } cases[] = {{"none", {1, 7, 3}},
                 {"add", {1, 14, 3}},
                 {"mul", {1, 70, 3}},
                 {"max", {1, 7, 3}},
                 {"min", {1, 2, 3}}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        one_op t = one_new("ScatterElements", 18);
        put_floats(&t, 1, DIMS(3), 3, six);
        put_ints(&t, 1, DIMS(2), 2, DIMS(1, -2));
        put_floats(&t, 1, DIMS(2), 2, FLOATS(5, 7));
        one_string(&t, "reduction", cases[i].reduction);
        assert_int_equal(one_infer(&t, 1), FG_OK);
        one_expect_floats(&t, 0, 3, cases[i].want, 0);
        one_free(&t);
    }
}

static void scatter_reductions_keep_integers_whole(void **state) {
    (void)state;
    const int64_t big = INT64_C(9007199254740993); /* no double */
    one_op t = one_new("ScatterElements", 18);
    put_ints(&t, 1, DIMS(1), 1, &big);
    put_ints(&t, 1, DIMS(1), 1, DIMS(0));
    put_ints(&t, 1, DIMS(1), 1, DIMS(2));
    one_string(&t, "reduction", "add");
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_ints(&t, 0, 1, DIMS(big + 2));
    one_free(&t);
}

static void scatter_along_an_axis_leaves_the_rest(void **state) {
    (void)state;
    one_op t = one_new("Scatter", 10);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    put_ints(&t, 2, DIMS(1, 2), 2, DIMS(2, 0));
    put_floats(&t, 2, DIMS(1, 2), 2, FLOATS(30, 10));
    one_int(&t, "axis", 1);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 6, FLOATS(10, 2, 30, 4, 5, 6), 0);
    one_free(&t);
}

static void scatter_nd_writes_runs(void **state) {
    (void)state;
    one_op t = one_new("ScatterND", 16);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    put_ints(&t, 2, DIMS(1, 1), 1, DIMS(-1));
    put_floats(&t, 2, DIMS(1, 3), 3, FLOATS(1, 1, 1));
    one_string(&t, "reduction", "add");
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 6, FLOATS(1, 2, 3, 5, 6, 7), 0);
    one_free(&t);
}

static void scatter_operands_that_do_not_fit_are_refused(void **state) {
    (void)state;
    one_op t = one_new("ScatterND", 16);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    put_ints(&t, 2, DIMS(1, 1), 1, DIMS(0));
    put_floats(&t, 2, DIMS(1, 2), 2, six);
    expect_refused(&t, 1, FG_BAD_MODEL, "do not fit");
    t = one_new("ScatterElements", 13);
    put_floats(&t, 1, DIMS(3), 3, six);
    put_ints(&t, 1, DIMS(2), 2, DIMS(0, 1));
    put_floats(&t, 1, DIMS(3), 3, six);
    expect_refused(&t, 1, FG_BAD_MODEL, "do not go together");
    t = one_new("ScatterElements", 16);
    put_floats(&t, 1, DIMS(1), 1, six);
    put_ints(&t, 1, DIMS(1), 1, DIMS(0));
    put_floats(&t, 1, DIMS(1), 1, six);
    one_string(&t, "reduction", "max");
    expect_refused(&t, 1, FG_BAD_MODEL, "opset 16");
}

/* ---- along an axis ---- */

static void compress_keeps_what_a_constant_condition_tells(void **state) {
    (void)state;
    const unsigned char keep[] = {0, 1, 1};
    int64_t three = 3;
    one_op t = one_new("Compress", 11);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    one_const(&t, FG_BOOL, 1, &three, keep);
    one_int(&t, "axis", 1);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 4, FLOATS(2, 3, 5, 6), 0);
    one_free(&t);
    t = one_new("Compress", 11);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    one_const(&t, FG_BOOL, 1, &three, keep);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 2, FLOATS(2, 3), 0);
    one_free(&t);
}

static void one_hot_ignores_what_points_nowhere(void **state) {
    (void)state;
    one_op t = one_new("OneHot", 11);
    put_ints(&t, 1, DIMS(3), 3, DIMS(1, -1, 7));
    one_const(&t, FG_INT64, 0, NULL, DIMS(3));
    put_floats(&t, 1, DIMS(2), 2, FLOATS(-1, 5));
    one_int(&t, "axis", 0);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_shape(&t, 0, 2, DIMS(3, 3));
    one_expect_floats(&t, 0, 9, FLOATS(-1, -1, -1, 5, -1, -1, -1, 5, -1), 0);
    one_free(&t);
}

static void trilu_keeps_one_side_of_a_diagonal(void **state) {
    (void)state;
    one_op t = one_new("Trilu", 14);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    put_ints(&t, 0, NULL, 1, DIMS(1));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 6, FLOATS(0, 2, 3, 0, 0, 6), 0);
    one_free(&t);
    t = one_new("Trilu", 14);
    put_floats(&t, 2, DIMS(2, 3), 6, six);
    put_ints(&t, 0, NULL, 1, DIMS(INT64_MIN));
    one_int(&t, "upper", 0);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    one_expect_floats(&t, 0, 6, FLOATS(0, 0, 0, 0, 0, 0), 0);
    one_free(&t);
}

static void cumsum_runs_both_ways_with_or_without_its_own_element(void **state) {
    (void)state;
    static const float want[4][3] = {{1, 3, 6}, {0, 1, 3}, {6, 5, 3}, {5, 3, 0}};
    for (int i = 0; i < 4; i++) {
        one_op t = one_new("CumSum", 14);
        put_floats(&t, 2, DIMS(1, 3), 3, six);
        put_ints(&t, 0, NULL, 1, DIMS(-1));
        one_int(&t, "exclusive", i & 1);
        one_int(&t, "reverse", i >> 1);
        assert_int_equal(one_infer(&t, 1), FG_OK);
        one_expect_floats(&t, 0, 3, want[i], 0);
        one_free(&t);
    }
}

static void top_k_breaks_ties_by_the_lower_index(void **state) {
    (void)state;
    one_op t = one_new("TopK", 11);
    put_floats(&t, 1, DIMS(5), 5, FLOATS(3, 7, 7, NAN, 1));
    one_list(&t, 1, DIMS(3));
    assert_int_equal(one_infer(&t, 2), FG_OK);
    one_expect_ints(&t, 1, 3, DIMS(3, 1, 2));
    one_free(&t);
    t = one_new("TopK", 11);
    put_floats(&t, 1, DIMS(5), 5, FLOATS(3, 7, 7, NAN, 1));
    one_list(&t, 1, DIMS(5));
    one_int(&t, "largest", 0);
    assert_int_equal(one_infer(&t, 2), FG_OK);
    one_expect_ints(&t, 1, 5, DIMS(4, 0, 1, 2, 3));
    one_free(&t);
}

static void top_k_orders_large_integers_exactly(void **state) {
    (void)state;
    one_op t = one_new("TopK", 11);
    put_ints(&t, 2, DIMS(3, 1), 3, DIMS(INT64_MAX - 1, INT64_MAX, INT64_MIN));
    one_list(&t, 1, DIMS(2));
    one_int(&t, "axis", 0);
    assert_int_equal(one_infer(&t, 2), FG_OK);
    one_expect_ints(&t, 0, 2, DIMS(INT64_MAX, INT64_MAX - 1));
    one_free(&t);
    t = one_new("TopK", 11);
    put_floats(&t, 1, DIMS(5), 5, six);
    one_list(&t, 1, DIMS(6));
    expect_refused(&t, 2, FG_BAD_MODEL, "out of range");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gather_takes_slices_and_counts_from_the_back),
        cmocka_unit_test(gather_by_a_scalar_drops_the_axis),
        cmocka_unit_test(gather_tells_the_bound_of_its_indices),
        cmocka_unit_test(an_index_out_of_range_is_an_error),
        cmocka_unit_test(indices_must_be_integers),
        cmocka_unit_test(gather_elements_follows_the_indices_shape),
        cmocka_unit_test(gather_nd_points_by_tuples_within_batches),
        cmocka_unit_test(gather_nd_with_too_long_tuples_is_refused),
        cmocka_unit_test(scatter_elements_combines_duplicates),
        cmocka_unit_test(scatter_reductions_keep_integers_whole),
        cmocka_unit_test(scatter_along_an_axis_leaves_the_rest),
        cmocka_unit_test(scatter_nd_writes_runs),
        cmocka_unit_test(scatter_operands_that_do_not_fit_are_refused),
        cmocka_unit_test(compress_keeps_what_a_constant_condition_tells),
        cmocka_unit_test(one_hot_ignores_what_points_nowhere),
        cmocka_unit_test(trilu_keeps_one_side_of_a_diagonal),
        cmocka_unit_test(cumsum_runs_both_ways_with_or_without_its_own_element),
        cmocka_unit_test(top_k_breaks_ties_by_the_lower_index),
        cmocka_unit_test(top_k_orders_large_integers_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
