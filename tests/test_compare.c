/* The rules of --tolerance. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "verify/index.h"
#include "verify/verify.h"

#define TENSOR(type, n, array) ((fg_tensor){(type), {1, {(n)}}, (void *)(uintptr_t)(array)})

static fg_error compare(fg_dtype t, int n, const void *want, const void *got, double tolerance) {
    fg_tensor a = TENSOR(t, n, want), b = TENSOR(t, n, got);
    return fg_compare(&a, &b, tolerance);
}

static void float_error_is_measured_against_the_rms_of_the_reference(void **state) {
    (void)state;
    const float want[4] = {3, -3, 3, -3}, got[4] = {3, -3, 3.003F, -3};
    fg_error e = compare(FG_FLOAT, 4, want, got, 1e-2);
    assert_true(e.passed);
    assert_int_equal(e.at, 2);
    assert_true(fabs(e.max_abs - 0.003) < 1e-6);
    assert_true(fabs(e.max_rel - 0.001) < 1e-6);
    assert_false(compare(FG_FLOAT, 4, want, got, 0.9e-3).passed);
}

static void small_elements_beside_large_ones_are_held_to_the_rms(void **state) {
    (void)state;
    const float want[2] = {1000, 0}, got[2] = {1000, 0.01F};
    assert_true(compare(FG_FLOAT, 2, want, got, 1e-4).passed);
}

static void a_reference_of_zeros_has_an_absolute_bound(void **state) {
    (void)state;
    const float want[2] = {0, 0}, near[2] = {0, 0.9e-6F}, far[2] = {0, 1.1e-6F};
    assert_true(compare(FG_FLOAT, 2, want, near, 1e-4).passed);
    assert_false(compare(FG_FLOAT, 2, want, far, 1e-4).passed);
    assert_false(compare(FG_FLOAT, 2, want, far, 1).passed);
}

static void ulps_count_representable_numbers_between(void **state) {
    (void)state;
    const float want[1] = {1}, got[1] = {nextafterf(nextafterf(1, 2), 2)};
    assert_true(compare(FG_FLOAT, 1, want, got, 1).max_ulp == 2);
    const float low[1] = {-1e-45F}, high[1] = {1e-45F}, zero[1] = {-0.0F}, plus[1] = {0};
    assert_true(compare(FG_FLOAT, 1, low, high, 1).max_ulp == 2);
    assert_true(compare(FG_FLOAT, 1, zero, plus, 1).max_ulp == 0);
    const double d[1] = {1}, e[1] = {nextafter(1, 0)};
    assert_true(compare(FG_DOUBLE, 1, d, e, 1).max_ulp == 1);
}

static void nan_matches_nan_and_infinity_its_own_sign_only(void **state) {
    (void)state;
    const float want[4] = {NAN, INFINITY, -INFINITY, 1}, same[4] = {-NAN, INFINITY, -INFINITY, 1};
    const float sign[4] = {NAN, INFINITY, INFINITY, 1}, number[4] = {0, INFINITY, -INFINITY, 1};
    const float extra[4] = {NAN, INFINITY, -INFINITY, NAN}, large[4] = {NAN, 3e38F, -INFINITY, 1};
    assert_true(compare(FG_FLOAT, 4, want, same, 1e-4).passed);
    assert_true(compare(FG_FLOAT, 4, want, same, 1e-4).max_abs == 0);
    assert_false(compare(FG_FLOAT, 4, want, sign, 1e-4).passed);
    assert_int_equal(compare(FG_FLOAT, 4, want, sign, 1e-4).at, 2);
    assert_false(compare(FG_FLOAT, 4, want, number, 1e-4).passed);
    assert_false(compare(FG_FLOAT, 4, want, extra, 1e-4).passed);
    assert_int_equal(compare(FG_FLOAT, 4, want, extra, 1e-4).at, 3);
    assert_false(compare(FG_FLOAT, 4, want, large, 1e-4).passed);
}

static void infinities_do_not_hide_errors_of_finite_elements(void **state) {
    (void)state;
    const float want[3] = {INFINITY, 1, NAN}, got[3] = {INFINITY, 1.01F, NAN};
    fg_error e = compare(FG_FLOAT, 3, want, got, 1e-4);
    assert_false(e.passed);
    assert_int_equal(e.at, 1);
}

static void sixteen_bit_floats_may_round_to_the_neighbour(void **state) {
    (void)state;
    const uint16_t want[1] = {0x3c00}, one[1] = {0x3c01}, two[1] = {0x3c02};
    const fg_dtype types[2] = {FG_FLOAT16, FG_BFLOAT16};
    for (int i = 0; i < 2; i++) {
        assert_true(compare(types[i], 1, want, one, 1e-6).passed);
        assert_false(compare(types[i], 1, want, two, 1e-6).passed);
        assert_true(compare(types[i], 1, want, two, 1e-6).max_ulp == 2);
    }
    const float f[1] = {1}, next[1] = {nextafterf(1, 2)};
    assert_false(compare(FG_FLOAT, 1, f, next, 1e-9).passed);
}

static void doubles_are_compared_as_doubles(void **state) {
    (void)state;
    const double want[1] = {1}, got[1] = {1 + 1e-12};
    assert_true(compare(FG_DOUBLE, 1, want, got, 1e-11).passed);
    assert_false(compare(FG_DOUBLE, 1, want, got, 1e-13).passed);
}

static void integers_must_be_equal_whatever_the_tolerance(void **state) {
    (void)state;
    const int64_t want[2] = {INT64_C(9007199254740993), 5}, got[2] = {INT64_C(9007199254740992), 5};
    assert_true(compare(FG_INT64, 2, want, want, 1).passed);
    assert_false(compare(FG_INT64, 2, want, got, 1).passed);
    assert_int_equal(compare(FG_INT64, 2, want, got, 1).at, 0);
    const int8_t a[2] = {-128, 1}, b[2] = {-127, 1};
    assert_false(compare(FG_INT8, 2, a, b, 1e9).passed);
    assert_true(compare(FG_INT8, 2, a, b, 1e9).max_abs == 1);
    const uint8_t t[2] = {1, 0}, u[2] = {1, 1};
    assert_false(compare(FG_BOOL, 2, t, u, 1).passed);
}

static void packed_nibbles_are_compared_without_the_padding(void **state) {
    (void)state;
    const uint8_t want[2] = {0x21, 0x03}, padding[2] = {0x21, 0xf3}, other[2] = {0x31, 0x03};
    assert_true(compare(FG_INT4, 3, want, padding, 0).passed);
    assert_false(compare(FG_INT4, 3, want, other, 0).passed);
    assert_int_equal(compare(FG_INT4, 3, want, other, 0).at, 1);
}

static void strings_are_compared_by_content(void **state) {
    (void)state;
    const char word[] = "one";
    const char *want[2] = {"one", "two"}, *same[2] = {word, "two"}, *other[2] = {"one", "three"};
    const char *missing[2] = {"one", NULL};
    assert_true(compare(FG_STRING, 2, want, same, 0).passed);
    assert_false(compare(FG_STRING, 2, want, other, 0).passed);
    assert_false(compare(FG_STRING, 2, want, missing, 0).passed);
}

static void other_types_or_shapes_do_not_match(void **state) {
    (void)state;
    const float data[4] = {0};
    fg_tensor a = TENSOR(FG_FLOAT, 4, data), b = TENSOR(FG_FLOAT, 2, data), c = TENSOR(FG_INT32, 4, data);
    assert_false(fg_compare(&a, &b, 1).passed);
    assert_false(fg_compare(&a, &c, 1).passed);
    fg_tensor empty = TENSOR(FG_FLOAT, 0, NULL);
    assert_true(fg_compare(&empty, &empty, 0).passed);
}

/* A node that chooses along an axis of `data`. */
typedef struct choice {
    fg_value data, indices, values;
    fg_node node;
    fg_value *in[1], *out[2];
    fg_attr axis;
} choice;

static void make_choice(choice *c, const char *op, int64_t axis, int index_output) {
    *c = (choice){.data = {.name = "d", .dtype = FG_FLOAT}, .indices = {.name = "i", .dtype = FG_INT64}};
    c->values = (fg_value){.name = "v", .dtype = FG_INT64, .producer = &c->node};
    c->indices.producer = &c->node;
    c->in[0] = &c->data;
    c->out[0] = index_output ? &c->values : &c->indices;
    c->out[1] = &c->indices;
    c->axis = (fg_attr){.name = "axis", .type = FG_ATTR_INT, .i = axis};
    c->node = (fg_node){.name = "", .op_type = op, .domain = "", .in = c->in, .out = c->out, .n_in = 1};
    c->node.n_out = index_output + 1;
    c->node.attr = &c->axis;
    c->node.n_attr = 1;
}

static void an_index_of_an_equal_value_is_a_tie(void **state) {
    (void)state;
    choice c;
    make_choice(&c, "ArgMax", 1, 0);
    const float data[6] = {5, 5, 1, 0, 7, 2};
    fg_tensor d = {FG_FLOAT, {2, {2, 3}}, (void *)(uintptr_t)data};
    const int64_t want[2] = {0, 1}, tie[2] = {1, 1}, wrong[2] = {2, 1}, outside[2] = {3, 1},
                  negative[2] = {-1, 1};
    fg_tensor w = TENSOR(FG_INT64, 2, want), t = TENSOR(FG_INT64, 2, tie), x = TENSOR(FG_INT64, 2, wrong);
    fg_tensor o = TENSOR(FG_INT64, 2, outside), n = TENSOR(FG_INT64, 2, negative);
    assert_ptr_equal(fg_index_source(&c.indices), &c.data);
    assert_true(fg_index_is_tie(&c.indices, &w, &t, &d, 1e-4));
    assert_false(fg_index_is_tie(&c.indices, &w, &x, &d, 1e-4));
    assert_false(fg_index_is_tie(&c.indices, &w, &o, &d, 1e-4));
    assert_false(fg_index_is_tie(&c.indices, &w, &n, &d, 1e-4));
}

static void indices_along_an_outer_axis_and_of_several_are_found(void **state) {
    (void)state;
    choice c;
    make_choice(&c, "TopK", 0, 1);
    const float data[6] = {5, 1, 4, 9, 5, 9}; /* 3x2: columns 5 4 5 and 1 9 9 */
    fg_tensor d = {FG_FLOAT, {2, {3, 2}}, (void *)(uintptr_t)data};
    const int64_t want[4] = {0, 1, 2, 2}, swapped[4] = {2, 2, 0, 1}, wrong[4] = {0, 1, 1, 2};
    fg_tensor w = {FG_INT64, {2, {2, 2}}, (void *)(uintptr_t)want};
    fg_tensor s = {FG_INT64, {2, {2, 2}}, (void *)(uintptr_t)swapped};
    fg_tensor x = {FG_INT64, {2, {2, 2}}, (void *)(uintptr_t)wrong};
    assert_true(fg_index_is_tie(&c.indices, &w, &s, &d, 1e-4));
    assert_false(fg_index_is_tie(&c.indices, &w, &x, &d, 1e-4));
    assert_null(fg_index_source(&c.values));
}

static void integers_that_are_no_indices_have_no_ties(void **state) {
    (void)state;
    choice c;
    make_choice(&c, "Add", 0, 0);
    assert_null(fg_index_source(&c.indices));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_error_is_measured_against_the_rms_of_the_reference),
        cmocka_unit_test(small_elements_beside_large_ones_are_held_to_the_rms),
        cmocka_unit_test(a_reference_of_zeros_has_an_absolute_bound),
        cmocka_unit_test(ulps_count_representable_numbers_between),
        cmocka_unit_test(nan_matches_nan_and_infinity_its_own_sign_only),
        cmocka_unit_test(infinities_do_not_hide_errors_of_finite_elements),
        cmocka_unit_test(sixteen_bit_floats_may_round_to_the_neighbour),
        cmocka_unit_test(doubles_are_compared_as_doubles),
        cmocka_unit_test(integers_must_be_equal_whatever_the_tolerance),
        cmocka_unit_test(packed_nibbles_are_compared_without_the_padding),
        cmocka_unit_test(strings_are_compared_by_content),
        cmocka_unit_test(other_types_or_shapes_do_not_match),
        cmocka_unit_test(an_index_of_an_equal_value_is_a_tie),
        cmocka_unit_test(indices_along_an_outer_axis_and_of_several_are_found),
        cmocka_unit_test(integers_that_are_no_indices_have_no_ties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
