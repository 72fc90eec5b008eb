/* Loop nests over strided operands. */
#include "codegen/nest.h"

#include "graph_builder.h"

static fg_nest *nest_of(fg_context *ctx, const char *space, int n, const int64_t (*strides)[4]) {
    const fg_shape s = shape_of(space);
    fg_nest *nest = fg_nest_new(ctx, &s, n);
    for (int i = 0; i < n; i++) {
        fg_nest_add(ctx, nest, strides[i]);
    }
    return nest;
}

TEST(dimensions_that_all_operands_walk_as_one_are_merged) {
    (void)arg;
    fg_nest *n = nest_of(ctx, "2x3x4x5", 2, (const int64_t[][4]){{60, 20, 5, 1}, {60, 20, 5, 1}});
    assert_int_equal(fg_nest_simplify(n, 0, 0, 4), 1);
    assert_int_equal(n->extent[0], 120);
    assert_string_equal(fg_nest_at(ctx, n, 1, 0, 1, "i"), "i0");
    n = nest_of(ctx, "2x3x4x5", 2, (const int64_t[][4]){{60, 20, 5, 1}, {0, 1, 0, 0}});
    assert_int_equal(fg_nest_simplify(n, 0, 0, 4), 3);
    assert_string_equal(fg_nest_at(ctx, n, 0, 0, 3, "i"), "i0 * 60 + i1 * 20 + i2");
    assert_string_equal(fg_nest_at(ctx, n, 1, 0, 3, "i"), "i1");
}

TEST(the_densest_dimension_comes_last) {
    (void)arg;
    fg_nest *n = nest_of(ctx, "2x7x3x5", 2, (const int64_t[][4]){{105, 1, 35, 7}, {105, 15, 5, 1}});
    assert_int_equal(fg_nest_simplify(n, 0, 0, 4), 3);
    assert_string_equal(fg_nest_at(ctx, n, 0, 0, 3, "i"), "i0 * 105 + i1 * 7 + i2");
    assert_string_equal(fg_nest_at(ctx, n, 1, 0, 3, "i"), "i0 * 105 + i1 + i2 * 15");
}

TEST(extents_of_one_vanish_and_strides_may_be_negative) {
    (void)arg;
    fg_nest *n = nest_of(ctx, "1x4x1x5", 1, (const int64_t[][4]){{99, -5, 7, 1}});
    assert_int_equal(fg_nest_simplify(n, 0, 0, 4), 2);
    assert_string_equal(fg_nest_at(ctx, n, 0, 0, 2, "i"), "-i0 * 5 + i1");
    assert_string_equal(fg_nest_at(ctx, n, 0, 1, 1, "i"), "0");
}

TEST(only_the_given_range_is_touched) {
    (void)arg;
    fg_nest *n = nest_of(ctx, "4x5x6x7", 1, (const int64_t[][4]){{210, 42, 1, 6}});
    assert_int_equal(fg_nest_simplify(n, 0, 2, 4), 1);
    assert_int_equal(n->rank, 3);
    assert_string_equal(fg_nest_at(ctx, n, 0, 0, 3, "i"), "i0 * 210 + i1 * 42 + i2");
}

TEST(offsets_beyond_int_are_computed_in_64_bits) {
    (void)arg;
    fg_nest *n = nest_of(ctx, "70000x40000", 1, (const int64_t[][4]){{40001, 1}});
    assert_string_equal(fg_nest_at(ctx, n, 0, 0, 2, "i"), "(int64_t)i0 * 40001 + (int64_t)i1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dimensions_that_all_operands_walk_as_one_are_merged),
        cmocka_unit_test(the_densest_dimension_comes_last),
        cmocka_unit_test(extents_of_one_vanish_and_strides_may_be_negative),
        cmocka_unit_test(only_the_given_range_is_touched),
        cmocka_unit_test(offsets_beyond_int_are_computed_in_64_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
