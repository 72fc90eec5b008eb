/* Verification: right text passes, and every kind of wrong text is found and attributed. */
#include <dirent.h>
#include <math.h>
#include <unistd.h>

#include "by_hand.h"

static void body(fg_context *ctx, void *arg) {
    fixture *f = arg;
    (void)ctx;
    f->verdict = fg_verify(f->read, &f->m, &f->options);
}

static fg_status try_verify(fixture *f) {
    return fg_try(f->ctx, body, f);
}

static const fg_verdict *verify(fixture *f) {
    fg_status status = try_verify(f);
    if (status != FG_OK) fail_msg("raised: %s", fg_context_diagnostic(f->ctx)->message);
    return f->verdict;
}

/* Verification fails, and says so in words that hold all the given ones. */
static const fg_verdict *assert_fails(fixture *f, const char *part, const char *other) {
    const fg_verdict *v = verify(f);
    assert_false(v->passed);
    assert_holds(v->first_failure, part);
    assert_holds(v->first_failure, other);
    return v;
}

static void assert_only_kernel(const fg_verdict *v, int kernel) {
    for (int i = 0; i < v->n_kernels; i++) assert_int_equal(v->kernels[i].passed, i != kernel);
}

static void assert_passes(fixture *f) {
    const fg_verdict *v = verify(f);
    if (!v->passed) fail_msg("%s", v->first_failure);
    assert_null(v->first_failure);
    assert_only_kernel(v, -1);
    assert_true(v->total.passed);
    assert_true(v->total.max_rel <= v->bound);
}

static void right_text_passes(void **state) {
    fixture *f = *state;
    assert_passes(f);
    assert_int_equal(f->verdict->n_kernels, 3);
    assert_true(f->verdict->bound >= 1e-4);
    assert_true(f->verdict->kernels[1].max_ulp <= 1);
    assert_holds(f->verdict->checked, "lane dialect checked by tcc; AVX text not checked");
}

static void right_text_passes_when_compiled_by_the_host_compiler(void **state) {
    fixture *f = *state;
    f->options.mode = FG_VERIFY_CC;
    assert_passes(f);
    assert_holds(f->verdict->checked, "real vectors");
}

static void an_error_is_attributed_when_compiled_by_the_host_compiler(void **state) {
    fixture *f = *state;
    f->options.mode = FG_VERIFY_CC;
    change(f, "s[k] = b[(h * 4 + i) * 4 + k]", "s[k] = b[(h * 4 + i) * 4 + 1 - k]");
    assert_only_kernel(assert_fails(f, "kernel 'square'", "'node_d' (Mul)"), 1);
}

static void linked_weights_reach_both_loaders(void **state) {
    fixture *f = *state;
    f->m.options.weights = FG_WEIGHTS_INCBIN;
    change(f, "void *arena, const void *weights) {", "void *arena) {");
    change(f, "arena, weights, 0, 1}", "arena, t_weights, 0, 1}");
    change(f, "FG_KERNEL void t_relu_neg",
           "extern const unsigned char t_weights[];\nFG_KERNEL void t_relu_neg");
    assert_passes(f);
    f->options.mode = FG_VERIFY_CC;
    assert_passes(f);
}

static void a_static_arena_is_not_passed(void **state) {
    fixture *f = *state;
    f->m.options.static_arena = true;
    change(f, "void *arena, const void *weights) {",
           "const void *weights) { static unsigned char arena[512];");
    assert_passes(f);
}

static void code_for_threads_runs_serially_then_in_parts(void **state) {
    fixture *f = *state;
    f->m.options.threads = 4;
    change(f, "const void *weights) {",
           "const void *weights, const void *parallel) { static int runs; if ((parallel != 0) != (runs++ > "
           "0)) return -9;");
    assert_passes(f);
}

static void a_wrong_index_is_attributed_to_its_kernel(void **state) {
    fixture *f = *state;
    change(f, "s[k] = b[(h * 4 + i) * 4 + k]", "s[k] = b[(h * 4 + i) * 4 + 1 - k]");
    const fg_verdict *v = assert_fails(f, "kernel 'square'", "'node_d' (Mul)");
    assert_only_kernel(v, 1);
    assert_true(v->kernels[1].max_rel > 1e-2);
    assert_false(v->total.passed);
    assert_holds(v->first_failure, "output 'd' at [0,");
}

static void an_error_below_the_tolerance_passes(void **state) {
    fixture *f = *state;
    change(f, "s[k] * w[0];", "s[k] * w[0] * 1.00003f;");
    assert_passes(f);
    assert_true(f->verdict->kernels[1].max_rel > 2e-5);
    f->options.tolerance = 1e-5;
    assert_only_kernel(assert_fails(f, "kernel 'square'", "bound 1e-05"), 1);
}

static void a_wrong_bool_is_a_failure(void **state) {
    fixture *f = *state;
    change(f, "g[j] = y[j] > x[j];", "g[j] = j == 17 ? y[j] <= x[j] : y[j] > x[j];");
    assert_only_kernel(assert_fails(f, "kernel 'add_greater'", "output 'g' at [0,1,1,1]"), 2);
}

static void a_write_into_a_neighbour_in_the_arena_is_found(void **state) {
    fixture *f = *state;
    change(f, "for (int i = 0; i < 60; i++) root[i] = 0;", "for (int i = -1; i < 60; i++) root[i] = 0;");
    assert_only_kernel(assert_fails(f, "kernel 'square'", "outside its outputs: byte 18"), 1);
}

static void a_changed_input_is_found(void **state) {
    fixture *f = *state;
    change(f, "s[k] = b[(h * 4 + i) * 4 + k];", "s[k] = b[(h * 4 + i) * 4 + k]; ((float *)b)[0] += 1e-6f;");
    assert_only_kernel(assert_fails(f, "kernel 'square'", "outside its outputs: byte 8 of arena"), 1);
}

static void a_border_that_is_not_cleared_by_zeros_is_found(void **state) {
    fixture *f = *state;
    change(f, "root[i] = 0;", "root[i] = 1;");
    assert_fails(f, "kernel 'square'", "outside its outputs");
}

static void a_border_that_nobody_clears_is_found_end_to_end(void **state) {
    fixture *f = *state;
    change(f, "for (int i = 0; i < 60; i++) root[i] = 0;", "");
    const fg_verdict *v = assert_fails(f, "end to end", "first in kernel 'add_greater'");
    assert_only_kernel(v, -1);
    assert_false(v->total.passed);
}

static void a_write_just_beyond_an_output_is_found(void **state) {
    fixture *f = *state;
    change(f, "y[j] = a[", "y[j + (j == 23)] = y[j] = a[");
    assert_only_kernel(assert_fails(f, "kernel 'add_greater'", "output 'y'"), 2);
}

static void a_write_far_beyond_an_output_is_survived_and_found(void **state) {
    fixture *f = *state;
    change(f, "y[j] = a[", "y[j + 4 * (j == 23)] = y[j] = a[");
    assert_only_kernel(assert_fails(f, "kernel 'add_greater'", "beyond output 'y'"), 2);
}

static void a_read_beyond_an_input_is_found(void **state) {
    fixture *f = *state;
    change(f, "float v = x[k * 12 + p];", "float v = x[k * 12 + p] + 0 * x[k * 12 + p + 2];");
    assert_only_kernel(assert_fails(f, "kernel 'relu_neg'", "beyond input 'x'"), 0);
}

static void a_write_to_the_weights_is_found(void **state) {
    fixture *f = *state;
    change(f, "float *root = (float *)(c->arena + 192)",
           "float *root = (*(float *)c->weights = 1, (float *)(c->arena + 192))");
    assert_only_kernel(assert_fails(f, "kernel 'square'", "write to weights"), 1);
}

static void endless_recursion_is_survived(void **state) {
    fixture *f = *state;
    change(f, "const float *x = c->in[0]; float *a", "t_relu_neg(c); const float *x = c->in[0]; float *a");
    assert_only_kernel(assert_fails(f, "kernel 'relu_neg'", "touches memory"), 0);
}

static void division_by_zero_is_survived(void **state) {
    fixture *f = *state;
    change(f, "edge = 0;", "edge = 0; volatile int z = 0; z = 1 / z;");
    assert_only_kernel(assert_fails(f, "kernel 'add_greater'", "divides an integer by zero"), 2);
}

static void a_run_that_fails_is_a_failure(void **state) {
    fixture *f = *state;
    change(f, "return 0;", "return -3;");
    assert_only_kernel(assert_fails(f, "end to end", "t_run returns -3"), -1);
}

static void calls_in_the_wrong_order_are_found_end_to_end(void **state) {
    fixture *f = *state;
    change(f, "    t_relu_neg(&c);\n    t_square(&c);\n", "    t_square(&c);\n    t_relu_neg(&c);\n");
    assert_only_kernel(assert_fails(f, "end to end: output", "the calls in it are wrong"), -1);
}

static void a_result_that_depends_on_the_arena_is_found(void **state) {
    fixture *f = *state;
    change(f, "return 0;",
           "if (((unsigned char *)arena)[500] == 0) ((float *)out[0])[3] += 1e-6f; return 0;");
    assert_fails(f, "output 'y'", "depends on what the arena held before");
}

static void text_that_does_not_compile_is_a_toolchain_error(void **state) {
    fixture *f = *state;
    change(f, "t_square(const fg_call *c) {", "t_square(const fg_call *c) { no_such_thing++;");
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "no_such_thing");
    f->options.mode = FG_VERIFY_CC;
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "no_such_thing");
}

static void an_undefined_function_is_a_toolchain_error(void **state) {
    fixture *f = *state;
    change(f, "edge = 0;", "edge = 0; extern void no_such_function(void); no_such_function();");
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "no_such_function");
}

static void a_missing_kernel_is_an_internal_error(void **state) {
    fixture *f = *state;
    f->texts[1].symbol = "elsewhere";
    assert_int_equal(try_verify(f), FG_INTERNAL);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "t_elsewhere");
}

static void a_missing_compiler_is_named(void **state) {
    fixture *f = *state;
    f->target.compiler = "fusegen-no-such-compiler";
    f->options.mode = FG_VERIFY_CC;
    char *cc = getenv("CC") ? strdup(getenv("CC")) : NULL;
    unsetenv("CC");
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "fusegen-no-such-compiler");
    if (cc) setenv("CC", cc, 1);
    free(cc);
}

static void a_target_that_needs_an_emulator_is_refused_by_cc(void **state) {
    fixture *f = *state;
    f->target.emulator = "qemu-arm";
    f->options.mode = FG_VERIFY_CC;
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "does not run on this machine");
}

static int entries(const char *folder) {
    DIR *d = opendir(folder);
    int n = 0;
    assert_non_null(d);
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static void the_temporary_folder_is_removed(void **state) {
    fixture *f = *state;
    char folder[] = "verify-XXXXXX", *old = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
    assert_non_null(mkdtemp(folder));
    setenv("TMPDIR", folder, 1);
    f->options.mode = FG_VERIFY_CC;
    assert_passes(f);
    assert_int_equal(entries(folder), 0);
    change(f, "float edge", "flaot edge");
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    fg_context_free(f->ctx);
    f->ctx = fg_context_new();
    assert_int_equal(entries(folder), 0);
    assert_int_equal(rmdir(folder), 0);
    if (old)
        setenv("TMPDIR", old, 1);
    else
        unsetenv("TMPDIR");
    free(old);
}

static fg_tensor given_input(fixture *f) {
    float *data = FG_ARRAY(f->ctx, 24, float);
    for (int i = 0; i < 24; i++) data[i] = (float)(i - 12) / 4;
    return (fg_tensor){FG_FLOAT, {4, {1, 2, 3, 4}}, data};
}

static void nan_and_infinity_are_followed(void **state) {
    fixture *f = *state;
    fg_tensor x = given_input(f);
    float *data = x.data;
    data[5] = INFINITY;
    data[6] = NAN;
    data[7] = -INFINITY;
    f->options.inputs = &x;
    change(f, "v < 0 ? 0 : v", "v <= 0 ? 0 : v");
    assert_passes(f);
    change(f, "v <= 0 ? 0 : v", "v >= 0 ? v : 0");
    assert_only_kernel(assert_fails(f, "kernel 'relu_neg'", "output 'a' at [0,0,1,2] is 0, not NaN"), 0);
}

static void data_of_the_wrong_shape_are_refused(void **state) {
    fixture *f = *state;
    fg_tensor x = given_input(f);
    x.shape = (fg_shape){4, {1, 4, 3, 2}};
    f->options.inputs = &x;
    assert_int_equal(try_verify(f), FG_USAGE);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "input 'x' is float 1x4x3x2");
}

static void expected_data_are_compared_too(void **state) {
    fixture *f = *state;
    fg_tensor x = given_input(f), y[2] = {given_input(f), {FG_UNDEFINED, {0, {0}}, NULL}};
    for (int i = 0; i < 24; i++) {
        float v = ((float *)x.data)[i];
        ((float *)y[0].data)[i] = (v < 0 ? 0 : v) + v * v;
    }
    f->options.inputs = &x;
    f->options.expected = y;
    assert_passes(f);
    ((float *)y[0].data)[9] += 1;
    assert_fails(f, "expected data: output 'y' at [0,0,2,1]", "interpreter differs from the data too");
}

static void a_value_without_reference_is_compared_with_the_rewritten_node(void **state) {
    fixture *f = *state;
    find(f->graph, "d")->ref = NULL;
    assert_passes(f);
    change(f, "s[k] = b[(h * 4 + i) * 4 + k]", "s[k] = b[(h * 4 + i) * 4 + 1 - k]");
    assert_only_kernel(assert_fails(f, "kernel 'square'", "output 'd'"), 1);
}

static void a_value_that_nothing_knows_is_taken_from_its_kernel(void **state) {
    fixture *f = *state;
    fg_value *d = find(f->graph, "d");
    fg_op op = *d->producer->op;
    op.reference = NULL;
    d->producer->op = &op;
    d->ref = NULL;
    assert_passes(f);
    assert_int_equal(f->verdict->kernels[1].at, -1);
    change(f, "s[k] = b[(h * 4 + i) * 4 + k]", "s[k] = b[(h * 4 + i) * 4 + 1 - k]");
    assert_only_kernel(assert_fails(f, "kernel 'add_greater'", "output 'y'"), 2);
}

static void a_view_has_no_function_and_is_checked(void **state) {
    fixture *f = *state;
    /* "square" as a view is wrong, whatever it shows. */
    f->texts[1].symbol = NULL;
    f->texts[1].lines = 0;
    assert_only_kernel(assert_fails(f, "kernel 'square'", "output 'd'"), 1);
}

static void a_slot_outside_its_memory_is_an_internal_error(void **state) {
    fixture *f = *state;
    fg_slot *s = &f->m.slots[find(f->graph, "d")->id];
    s->base = 512 - 236;
    assert_int_equal(try_verify(f), FG_INTERNAL);
    s->base = 192;
    s->layout.stride[2] = 20;
    assert_int_equal(try_verify(f), FG_INTERNAL);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "'d'");
}

static void none_says_that_nothing_was_checked(void **state) {
    fixture *f = *state;
    f->options.mode = FG_VERIFY_NONE;
    change(f, "t_square(const fg_call *c) {", "this is no C");
    assert_true(verify(f)->passed);
    assert_holds(f->verdict->checked, "nothing was checked");
}

#define VERIFY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        VERIFY_TEST(right_text_passes),
        VERIFY_TEST(right_text_passes_when_compiled_by_the_host_compiler),
        VERIFY_TEST(an_error_is_attributed_when_compiled_by_the_host_compiler),
        VERIFY_TEST(linked_weights_reach_both_loaders),
        VERIFY_TEST(a_static_arena_is_not_passed),
        VERIFY_TEST(code_for_threads_runs_serially_then_in_parts),
        VERIFY_TEST(a_wrong_index_is_attributed_to_its_kernel),
        VERIFY_TEST(an_error_below_the_tolerance_passes),
        VERIFY_TEST(a_wrong_bool_is_a_failure),
        VERIFY_TEST(a_write_into_a_neighbour_in_the_arena_is_found),
        VERIFY_TEST(a_changed_input_is_found),
        VERIFY_TEST(a_border_that_is_not_cleared_by_zeros_is_found),
        VERIFY_TEST(a_border_that_nobody_clears_is_found_end_to_end),
        VERIFY_TEST(a_write_just_beyond_an_output_is_found),
        VERIFY_TEST(a_write_far_beyond_an_output_is_survived_and_found),
        VERIFY_TEST(a_read_beyond_an_input_is_found),
        VERIFY_TEST(a_write_to_the_weights_is_found),
        VERIFY_TEST(endless_recursion_is_survived),
        VERIFY_TEST(division_by_zero_is_survived),
        VERIFY_TEST(a_run_that_fails_is_a_failure),
        VERIFY_TEST(calls_in_the_wrong_order_are_found_end_to_end),
        VERIFY_TEST(a_result_that_depends_on_the_arena_is_found),
        VERIFY_TEST(text_that_does_not_compile_is_a_toolchain_error),
        VERIFY_TEST(an_undefined_function_is_a_toolchain_error),
        VERIFY_TEST(a_missing_kernel_is_an_internal_error),
        VERIFY_TEST(a_missing_compiler_is_named),
        VERIFY_TEST(a_target_that_needs_an_emulator_is_refused_by_cc),
        VERIFY_TEST(the_temporary_folder_is_removed),
        VERIFY_TEST(nan_and_infinity_are_followed),
        VERIFY_TEST(data_of_the_wrong_shape_are_refused),
        VERIFY_TEST(expected_data_are_compared_too),
        VERIFY_TEST(a_value_without_reference_is_compared_with_the_rewritten_node),
        VERIFY_TEST(a_value_that_nothing_knows_is_taken_from_its_kernel),
        VERIFY_TEST(a_view_has_no_function_and_is_checked),
        VERIFY_TEST(a_slot_outside_its_memory_is_an_internal_error),
        VERIFY_TEST(none_says_that_nothing_was_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
