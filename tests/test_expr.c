/* Elementwise expressions and C literals. */
#include "codegen/expr.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state) {
    *state = fg_context_new();
    return *state == NULL;
}

static int tear_down(void **state) {
    fg_context_free(*state);
    return 0;
}

static const char *const letters[] = {"a", "b", "c", "d"};

static const char *expand(void **state, const fg_op *op, fg_attr *attr, bool vector, const char *tag,
                          int n_args) {
    const fg_node n = {
        .name = "n", .op_type = op->name, .domain = "", .op = op, .attr = attr, .n_attr = attr != NULL};
    return fg_expr(*state, &n, vector, tag, n_args, letters);
}

static void operands_and_type_are_substituted(void **state) {
    const fg_op op = {
        .name = "Mod", .max_in = 2, .scalar = "fgs_mod_$T($0, $1) + $0", .vector = "fg_mod($0, $1)"};
    assert_string_equal(expand(state, &op, NULL, false, "i32", 2), "fgs_mod_i32(a, b) + a");
    assert_string_equal(expand(state, &op, NULL, true, "f32", 2), "fg_mod(a, b)");
}

static void integer_arithmetic_wraps_around(void **state) {
    const fg_op op = {.name = "Add", .max_in = 2, .scalar = "$0 + $1"};
    assert_string_equal(expand(state, &op, NULL, false, "i64", 2), "fgs_add_i64(a, b)");
    assert_string_equal(expand(state, &op, NULL, false, "f64", 2), "a + b");
}

static void negative_operands_are_kept_apart(void **state) {
    const fg_op op = {.name = "Sub", .max_in = 2, .scalar = "$0 -$1"};
    const fg_node n = {.op_type = "Sub", .op = &op};
    const char *const args[] = {"-1.0f", "-x"};
    assert_string_equal(fg_expr(*state, &n, false, "f32", 2, args), "(-1.0f) -(-x)");
}

static void attributes_take_the_type_computed_in(void **state) {
    const fg_op op = {.name = "Leaky", .max_in = 1, .scalar = "$0 * $alpha", .defaults = "beta=1 alpha=0.5"};
    assert_string_equal(expand(state, &op, NULL, false, "f32", 1), "a * 0.5f");
    assert_string_equal(expand(state, &op, NULL, false, "f64", 1), "a * 0.5");
    assert_string_equal(expand(state, &op, NULL, false, "i32", 1), "a * 0.5");
    fg_attr alpha = {.name = "alpha", .type = FG_ATTR_FLOAT, .f = -3.0f};
    assert_string_equal(expand(state, &op, &alpha, false, "f32", 1), "a * (-3.0f)");
    assert_string_equal(expand(state, &op, &alpha, false, "f64", 1), "a * (-3.0)");
    assert_string_equal(expand(state, &op, &alpha, false, "i8", 1), "a * (-3)");
    alpha = (fg_attr){.name = "alpha", .type = FG_ATTR_INT, .i = 7};
    assert_string_equal(expand(state, &op, &alpha, false, "f32", 1), "a * 7");
    alpha = (fg_attr){.name = "alpha", .type = FG_ATTR_FLOAT, .f = -INFINITY};
    assert_string_equal(expand(state, &op, &alpha, false, "f32", 1), "a * (-FG_INF)");
}

static void default_named_like_the_end_of_another_is_not_mistaken(void **state) {
    const fg_op op = {.name = "X", .max_in = 1, .scalar = "$max", .defaults = "amax=3 max_x=4 max=5"};
    assert_string_equal(expand(state, &op, NULL, false, "i32", 1), "5");
}

static void choices_over_attributes_are_decided(void **state) {
    const fg_op op = {
        .name = "Gelu", .max_in = 1, .scalar = "1 + ($f ? g_$T($0, ($0)) : h($0)) * $0", .defaults = "f=0"};
    assert_string_equal(expand(state, &op, NULL, false, "f32", 1), "1 + (h(a)) * a");
    fg_attr f = {.name = "f", .type = FG_ATTR_INT, .i = 1};
    assert_string_equal(expand(state, &op, &f, false, "f32", 1), "1 + (g_f32(a, (a))) * a");
    const fg_op run_time = {.name = "Relu", .max_in = 1, .scalar = "($0 < 0 ? 0 : $0)"};
    assert_string_equal(expand(state, &run_time, NULL, false, "f32", 1), "(a < 0 ? 0 : a)");
}

static void absent_bounds_of_clip_are_the_extremes(void **state) {
    const fg_op op = {
        .name = "Clip", .max_in = 3, .scalar = "min(max($0, $1), $2)", .vector = "fg_max($0, $1)"};
    const fg_node n = {.op_type = "Clip", .op = &op};
    const char *const args[] = {"x", NULL, "hi"};
    assert_string_equal(fg_expr(*state, &n, false, "f32", 3, args), "min(max(x, (-FG_INF)), hi)");
    assert_string_equal(fg_expr(*state, &n, false, "u8", 1, args), "min(max(x, 0), 255)");
    assert_string_equal(fg_expr(*state, &n, false, "i8", 1, args), "min(max(x, (-128)), 127)");
    assert_string_equal(fg_expr(*state, &n, true, "f32", 3, args), "fg_max(x, fg_set1(-FG_INF))");
}

static void variadic_rows_fold_from_the_left(void **state) {
    const fg_op sum = {.name = "Sum", .max_in = -1, .scalar = "$0 + $1", .vector = "fg_add($0, $1)"};
    assert_string_equal(expand(state, &sum, NULL, false, "f32", 1), "a");
    assert_string_equal(expand(state, &sum, NULL, false, "f32", 2), "a + b");
    assert_string_equal(expand(state, &sum, NULL, false, "f32", 3), "(a + b) + c");
    assert_string_equal(expand(state, &sum, NULL, true, "f32", 4), "fg_add(fg_add(fg_add(a, b), c), d)");
    const fg_op mean = {
        .name = "Mean", .max_in = -1, .scalar = "$0 + ($1 - $0) / $k", .vector = "f($0, fg_set1($k), $0)"};
    const fg_node n = {.op_type = "Mean", .op = &mean};
    assert_string_equal(fg_expr_step(*state, &n, false, "f32", 3, "a", "b"), "a + (b - a) / 3");
    assert_string_equal(fg_expr_step(*state, &n, true, "f32", 3, "a", "b"), "f(a, fg_set1(3.0f), a)");
}

typedef struct attempt {
    const fg_op *op;
    const char *tag;
    int n_args;
} attempt;

static void try_expand(fg_context *ctx, void *arg) {
    const attempt *a = arg;
    const fg_node n = {.op_type = a->op->name, .op = a->op};
    fg_expr(ctx, &n, false, a->tag, a->n_args, letters);
}

static void unknown_names_are_errors(void **state) {
    const fg_op mean = {.name = "Mean", .max_in = -1, .scalar = "$0 + ($1 - $0) / $k"};
    const fg_op unknown = {.name = "X", .max_in = 1, .scalar = "$0 + $gamma", .defaults = "gam=1 gammaa=2"};
    const fg_op binary = {.name = "Add", .max_in = 2, .scalar = "$0 + $1"};
    const fg_op none = {.name = "Conv", .max_in = 2};
    const attempt attempts[] = {{&mean, "f32", 3}, {&unknown, "f32", 1}, {&binary, "f32", 1},
                                {&none, "f32", 2}, {&binary, "f31", 2},  {&binary, NULL, 2}};
    for (size_t i = 0; i < FG_COUNT(attempts); i++) {
        attempt a = attempts[i];
        assert_int_equal(fg_try(*state, try_expand, &a), FG_INTERNAL);
    }
}

static void try_text_as_number(fg_context *ctx, void *arg) {
    const fg_op op = {.name = "Elu", .max_in = 1, .scalar = "$0 * $alpha", .defaults = "alpha=1"};
    fg_attr alpha = {.name = "alpha", .type = FG_ATTR_STRING, .s = "one"};
    const fg_node n = {.name = "n", .op_type = "Elu", .op = &op, .attr = &alpha, .n_attr = 1};
    (void)arg;
    fg_expr(ctx, &n, false, "f32", 1, letters);
}

static void attributes_that_are_no_numbers_are_faults_of_the_model(void **state) {
    assert_int_equal(fg_try(*state, try_text_as_number, NULL), FG_BAD_MODEL);
    assert_string_equal(fg_context_diagnostic(*state)->attribute, "alpha");
}

static void float_literals_read_back_exactly(void **state) {
    assert_string_equal(fg_c_float(*state, 1.0f), "1.0f");
    assert_string_equal(fg_c_float(*state, -0.0f), "-0.0f");
    assert_string_equal(fg_c_float(*state, 0.1f), "0.1f");
    assert_string_equal(fg_c_float(*state, 1e20f), "1e+20f");
    assert_string_equal(fg_c_float(*state, INFINITY), "FG_INF");
    assert_string_equal(fg_c_float(*state, -INFINITY), "-FG_INF");
    assert_string_equal(fg_c_float(*state, NAN), "FG_NAN");
    assert_string_equal(fg_c_double(*state, 2.0), "2.0");
    uint32_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        bits = bits * 1664525u + 1013904223u;
        float f;
        memcpy(&f, &bits, sizeof(f));
        if (isfinite(f)) {
            const char *s = fg_c_float(*state, f);
            const float back = strtof(s, NULL);
            assert_memory_equal(&back, &f, sizeof(f));
            assert_true(strpbrk(s, ".e") != NULL && s[strlen(s) - 1] == 'f');
        }
    }
    const double doubles[] = {DBL_MAX, DBL_MIN, 4.9e-324, 0.1, 1.0 / 3.0, -1e300};
    for (size_t i = 0; i < FG_COUNT(doubles); i++) {
        assert_true(strtod(fg_c_double(*state, doubles[i]), NULL) == doubles[i]);
    }
}

static void integer_literals_have_their_type(void **state) {
    assert_string_equal(fg_c_int(*state, FG_INT32, -5), "-5");
    assert_string_equal(fg_c_int(*state, FG_INT32, INT32_MIN), "(-2147483647 - 1)");
    assert_string_equal(fg_c_int(*state, FG_UINT32, 4294967295), "4294967295u");
    assert_string_equal(fg_c_int(*state, FG_INT64, -7), "-INT64_C(7)");
    assert_string_equal(fg_c_int(*state, FG_INT64, INT64_MIN), "(-INT64_C(9223372036854775807) - 1)");
    assert_string_equal(fg_c_int(*state, FG_UINT64, -1), "UINT64_C(18446744073709551615)");
    assert_string_equal(fg_c_lowest(*state, FG_INT64), "(-INT64_C(9223372036854775807) - 1)");
    assert_string_equal(fg_c_highest(*state, FG_INT64), "INT64_C(9223372036854775807)");
    assert_string_equal(fg_c_highest(*state, FG_UINT64), "UINT64_C(18446744073709551615)");
    assert_string_equal(fg_c_highest(*state, FG_UINT32), "4294967295u");
    assert_string_equal(fg_c_lowest(*state, FG_INT16), "-32768");
    assert_string_equal(fg_c_lowest(*state, FG_FLOAT16), "-FG_INF");
}

static void tags_name_the_type_computed_in(void **state) {
    (void)state;
    assert_string_equal(fg_ctype_tag(FG_FLOAT16), "f32");
    assert_string_equal(fg_ctype_tag(FG_BOOL), "b8");
    assert_string_equal(fg_ctype_tag(FG_UINT64), "u64");
    assert_null(fg_ctype_tag(FG_STRING));
    assert_null(fg_ctype_tag((fg_dtype)99));
    fg_value base = {.dtype = FG_INT32}, real = {.dtype = FG_FLOAT}, truth = {.dtype = FG_BOOL},
             half = {.dtype = FG_FLOAT16};
    fg_value *pow_in[] = {&base, &real}, *where_in[] = {&truth, &half, &half};
    const fg_node power = {.op_type = "Pow", .in = pow_in, .n_in = 2},
                  where = {.op_type = "Where", .in = where_in, .n_in = 3};
    assert_int_equal(fg_expr_dtype(&power), FG_DOUBLE);
    assert_int_equal(fg_expr_dtype(&where), FG_FLOAT);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(operands_and_type_are_substituted),
        T(integer_arithmetic_wraps_around),
        T(negative_operands_are_kept_apart),
        T(attributes_take_the_type_computed_in),
        T(default_named_like_the_end_of_another_is_not_mistaken),
        T(choices_over_attributes_are_decided),
        T(absent_bounds_of_clip_are_the_extremes),
        T(variadic_rows_fold_from_the_left),
        T(unknown_names_are_errors),
        T(attributes_that_are_no_numbers_are_faults_of_the_model),
        T(float_literals_read_back_exactly),
        T(integer_literals_have_their_type),
        T(tags_name_the_type_computed_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
