/* Verification in an emulator: programs that are built for a target, run somewhere else, and obey orders from
 * here. The "emulator" of these tests is env, which runs them on this machine; the same tests run under QEMU
 * where it and a cross compiler are there. */
#include <math.h>
#include <unistd.h>

#include "by_hand.h"
#include "codegen/target.h"

static void body(fg_context *ctx, void *arg) {
    fixture *f = arg;
    (void)ctx;
    f->verdict = fg_verify(f->read, &f->m, &f->options);
}

static fg_status try_verify(fixture *f) {
    return fg_try(f->ctx, body, f);
}

static const fg_verdict *verify(fixture *f) {
    const fg_status status = try_verify(f);
    if (status != FG_OK) fail_msg("raised: %s", fg_context_diagnostic(f->ctx)->message);
    return f->verdict;
}

static void assert_only_kernel(const fg_verdict *v, int kernel) {
    for (int i = 0; i < v->n_kernels; i++) assert_int_equal(v->kernels[i].passed, i != kernel);
}

static void assert_passes(fixture *f) {
    const fg_verdict *v = verify(f);
    if (!v->passed) fail_msg("%s", v->first_failure);
    assert_only_kernel(v, -1);
    assert_true(v->total.passed && v->total.max_rel <= v->bound);
}

static void assert_fails(fixture *f, int kernel, const char *part, const char *other) {
    const fg_verdict *v = verify(f);
    assert_false(v->passed);
    assert_holds(v->first_failure, part);
    assert_holds(v->first_failure, other);
    assert_only_kernel(v, kernel);
}

static fixture *on_env(void **state) {
    fixture *f = *state;
    f->options.mode = FG_VERIFY_EMULATOR;
    f->target.emulator = "env";
    f->target.runtime = "linux";
    f->target.link = "";
    f->target.packages = "coreutils";
    return f;
}

static void right_text_passes(void **state) {
    fixture *f = on_env(state);
    assert_passes(f);
    assert_holds(f->verdict->checked, "compiled by gcc -O1, run by env");
    assert_int_equal(f->verdict->all_instructions, -1);
}

static void a_wrong_index_is_attributed_to_its_kernel(void **state) {
    fixture *f = on_env(state);
    change(f, "s[k] = b[(h * 4 + i) * 4 + k]", "s[k] = b[(h * 4 + i) * 4 + 1 - k]");
    assert_fails(f, 1, "kernel 'square'", "'node_d' (Mul)");
}

static void a_fault_ends_one_kernel_and_the_others_are_still_checked(void **state) {
    fixture *f = on_env(state);
    change(f, "s[k] = b[(h * 4 + i) * 4 + k];", "s[k] = *(volatile float *)8;");
    assert_fails(f, 1, "kernel 'square'", "touches memory that is not its own");
}

static void a_read_beyond_an_input_is_found(void **state) {
    fixture *f = on_env(state);
    change(f, "float v = x[k * 12 + p];", "float v = x[k * 12 + p] + 0 * x[k * 12 + p + 2];");
    assert_fails(f, 0, "kernel 'relu_neg'", "touches memory");
}

static void a_write_beside_the_arena_is_found(void **state) {
    fixture *f = on_env(state);
    change(f, "float *root = (float *)(c->arena + 192)",
           "float *root = (c->arena[-1] = 1, (float *)(c->arena + 192))");
    assert_fails(f, 1, "kernel 'square'", "writes around arena");
}

static void a_write_into_a_neighbour_in_the_arena_is_found(void **state) {
    fixture *f = on_env(state);
    change(f, "for (int i = 0; i < 60; i++) root[i] = 0;", "for (int i = -1; i < 60; i++) root[i] = 0;");
    assert_fails(f, 1, "kernel 'square'", "outside its outputs: byte 18");
}

static void a_changed_input_is_found_at_the_end(void **state) {
    fixture *f = on_env(state);
    change(f, "float v = x[k * 12 + p];",
           "float v = x[k * 12 + p]; static int once; if (!once++) ((unsigned *)x)[0]++; /* in the last "
           "place */");
    assert_fails(f, -1, "end to end", "something writes to an input");
}

static void a_write_to_the_weights_is_found(void **state) {
    fixture *f = on_env(state);
    change(f, "float *root = (float *)(c->arena + 192)",
           "float *root = (*(float *)c->weights = 1, (float *)(c->arena + 192))");
    assert_fails(f, 1, "kernel 'square'", "touches memory");
}

static void a_run_that_fails_is_a_failure(void **state) {
    fixture *f = on_env(state);
    change(f, "return 0;", "return -3;");
    assert_fails(f, -1, "end to end", "t_run returns -3");
}

static void code_for_threads_runs_serially_then_in_parts(void **state) {
    fixture *f = on_env(state);
    f->m.options.threads = 4;
    change(f, "const void *weights) {",
           "const void *weights, const void *parallel) { static int runs; if ((parallel != 0) != (runs++ > "
           "0)) return -9;");
    assert_passes(f);
}

static void a_missing_emulator_is_named_with_its_packages(void **state) {
    fixture *f = on_env(state);
    f->target.emulator = "fusegen-no-such-emulator -x";
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "'fusegen-no-such-emulator'");
    assert_holds(fg_context_diagnostic(f->ctx)->remedy, "apt-get install coreutils");
}

static void a_missing_compiler_is_named_with_its_packages(void **state) {
    fixture *f = on_env(state);
    f->target.compiler = "fusegen-no-such-compiler";
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "'fusegen-no-such-compiler'");
    assert_holds(fg_context_diagnostic(f->ctx)->remedy, "apt-get install coreutils");
}

static void an_emulator_that_cannot_run_the_program_is_a_toolchain_error(void **state) {
    fixture *f = on_env(state);
    f->target.emulator = "false";
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "emulator 'false' does not run the program");
}

static void a_target_without_emulator_is_refused(void **state) {
    fixture *f = on_env(state);
    f->target.emulator = "";
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "target 'test' has no emulator");
    assert_holds(fg_context_diagnostic(f->ctx)->remedy, "--verify=cc");
}

static void an_unknown_runtime_is_named(void **state) {
    fixture *f = on_env(state);
    f->target.runtime = "toaster";
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "no runtime 'toaster'");
}

/* ---- boards ---- */

static bool have(const char *command) {
    char program[64], line[160];
    (void)snprintf(program, sizeof program, "%.*s", (int)strcspn(command, " "), command);
    (void)snprintf(line, sizeof line, "command -v %s >/dev/null 2>&1", program);
    return system(line) == 0;
}

/* One target of each runtime and processor family. */
static const char *const boards[] = {"aarch64",    "cortex-a7",  "rv64gc",     "cortex-m0plus",
                                     "cortex-m4f", "cortex-m33", "cortex-m55", "rv32imac"};

static bool on_board(fixture *f, const char *name) {
    f->target = *fg_target_load(f->ctx, name);
    f->options.mode = FG_VERIFY_EMULATOR;
    if (have(f->target.compiler) && have(f->target.emulator)) return true;
    print_message("%s skipped: no %s or no emulator here\n", name, f->target.compiler);
    return false;
}

static void right_text_passes_on_boards_and_is_counted(void **state) {
    fixture *f = *state;
    for (size_t i = 0; i < FG_COUNT(boards); i++) {
        if (!on_board(f, boards[i])) continue;
        assert_passes(f);
        assert_true(f->verdict->all_instructions > 100);
        for (int k = 0; k < f->verdict->n_kernels; k++) assert_true(f->verdict->instructions[k] > 30);
    }
}

static void a_wrong_index_is_found_on_boards(void **state) {
    fixture *f = *state;
    change(f, "s[k] = b[(h * 4 + i) * 4 + k]", "s[k] = b[(h * 4 + i) * 4 + 1 - k]");
    for (size_t i = 0; i < FG_COUNT(boards); i++)
        if (on_board(f, boards[i])) assert_fails(f, 1, "kernel 'square'", "'node_d' (Mul)");
}

static void a_fault_is_found_on_boards(void **state) {
    fixture *f = *state;
    change(f, "s[k] = b[(h * 4 + i) * 4 + k];", "s[k] = *(volatile float *)0xF0000000u;");
    for (size_t i = 0; i < FG_COUNT(boards); i++)
        if (on_board(f, boards[i])) assert_fails(f, 1, "kernel 'square'", "touches memory");
}

static void too_little_memory_is_an_error(void **state) {
    fixture *f = *state;
    if (!on_board(f, "cortex-m4f")) skip();
    f->target.ram_bytes = 17 * 1024;
    assert_int_equal(try_verify(f), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "17408 bytes of RAM of target 'cortex-m4f'");
}

#define EMULATOR_TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        EMULATOR_TEST(right_text_passes),
        EMULATOR_TEST(a_wrong_index_is_attributed_to_its_kernel),
        EMULATOR_TEST(a_fault_ends_one_kernel_and_the_others_are_still_checked),
        EMULATOR_TEST(a_read_beyond_an_input_is_found),
        EMULATOR_TEST(a_write_beside_the_arena_is_found),
        EMULATOR_TEST(a_write_into_a_neighbour_in_the_arena_is_found),
        EMULATOR_TEST(a_changed_input_is_found_at_the_end),
        EMULATOR_TEST(a_write_to_the_weights_is_found),
        EMULATOR_TEST(a_run_that_fails_is_a_failure),
        EMULATOR_TEST(code_for_threads_runs_serially_then_in_parts),
        EMULATOR_TEST(a_missing_emulator_is_named_with_its_packages),
        EMULATOR_TEST(a_missing_compiler_is_named_with_its_packages),
        EMULATOR_TEST(an_emulator_that_cannot_run_the_program_is_a_toolchain_error),
        EMULATOR_TEST(a_target_without_emulator_is_refused),
        EMULATOR_TEST(an_unknown_runtime_is_named),
        EMULATOR_TEST(right_text_passes_on_boards_and_is_counted),
        EMULATOR_TEST(a_wrong_index_is_found_on_boards),
        EMULATOR_TEST(a_fault_is_found_on_boards),
        EMULATOR_TEST(too_little_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
