/* Target profiles: every embedded one loads and is plausible; errors name file, line and key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codegen/target.h"

typedef struct request {
    const char *name;
    const fg_target *target;
} request;

static void load_body(fg_context *ctx, void *arg) {
    request *r = arg;
    r->target = fg_target_load(ctx, r->name);
}

static const fg_target *load_good(fg_context *ctx, const char *name) {
    request r = {name, NULL};
    const fg_status status = fg_try(ctx, load_body, &r);
    if (status != FG_OK) fail_msg("%s: %s", name, fg_context_diagnostic(ctx)->message);
    return r.target;
}

static int setup(void **state) {
    *state = fg_context_new();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    fg_context_free(*state);
    return 0;
}

static const char *write_target(fg_context *ctx, const char *text) {
    char *path = fg_strdup(ctx, "test_target_XXXXXX.target");
    const int fd = mkstemps(path, 7);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

/* Loads a user's file with this text; it must be refused with a message that contains `expected` after the
 * file's name. */
static void refuse(fg_context *ctx, const char *text, const char *expected) {
    const char *path = write_target(ctx, text);
    request r = {path, NULL};
    const fg_status status = fg_try(ctx, load_body, &r);
    unlink(path);
    assert_int_equal(status, FG_USAGE);
    const char *message = fg_context_diagnostic(ctx)->message;
    if (!strstr(message, path) || !strstr(message, expected)) fail_msg("'%s' lacks '%s'", message, expected);
}

static void every_embedded_target_is_complete_and_consistent(void **state) {
    fg_context *ctx = *state;
    assert_true(fg_target_count() >= 31);
    for (int i = 0; i < fg_target_count(); i++) {
        const fg_target *t = load_good(ctx, fg_target_name_at(i));
        assert_string_equal(t->name, fg_target_name_at(i));
        assert_true(strlen(t->description) > 0 && strlen(t->compiler) > 0);
        assert_int_equal(t->arena_align & (t->arena_align - 1), 0);
        assert_true((t->l1_bytes > 0) == (t->l1_gbps > 0));
        assert_true((t->l2_bytes > 0) == (t->l2_gbps > 0));
        assert_true((t->l3_bytes > 0) == (t->l3_gbps > 0));
        if (t->report_only) continue; /* a peak for reports, not that of its pipes */
        const double by_pipes = 2.0 * t->ghz * fg_target_lanes(t) * t->fma_per_cycle;
        assert_true(t->peak_gflops <= by_pipes * 1.01);
        const bool in_software = t->fma_latency >= 30;
        assert_true(in_software || t->peak_gflops >= by_pipes * 0.3);
    }
}

static void names_are_sorted_and_end(void **state) {
    (void)state;
    const int n = fg_target_count();
    for (int i = 1; i < n; i++) assert_true(strcmp(fg_target_name_at(i - 1), fg_target_name_at(i)) < 0);
    assert_null(fg_target_name_at(n));
    assert_null(fg_target_name_at(-1));
}

static void lanes_and_registers_are_those_of_the_isa(void **state) {
    static const struct {
        const char *name, *isa;
        int lanes, registers;
        bool fma;
    } expected[] = {{"x86-64", "x86", 4, 16, false},      {"x86-64-v3", "x86", 8, 16, true},
                    {"x86-64-v4", "x86", 16, 32, true},   {"aarch64", "aarch64", 4, 32, true},
                    {"generic", "generic", 1, 16, false}, {"cortex-m4f", "arm", 1, 32, true}};
    for (size_t i = 0; i < FG_COUNT(expected); i++) {
        const fg_target *t = load_good(*state, expected[i].name);
        assert_string_equal(t->isa, expected[i].isa);
        assert_int_equal(fg_target_lanes(t), expected[i].lanes);
        assert_int_equal(t->vector_registers, expected[i].registers);
        assert_int_equal(t->fma, expected[i].fma);
    }
}

static void inherited_values_stay_unless_given(void **state) {
    const fg_target *t = load_good(*state, "x86-64-v4");
    assert_int_equal(t->l2_bytes, 1 << 20);
    assert_int_equal(t->arena_align, 64);
    assert_string_equal(t->flags, "-O3 -march=x86-64-v4");
    assert_string_equal(t->emulator, "");
}

static void host_is_a_named_target_that_this_cpu_can_run(void **state) {
    const fg_target *t = load_good(*state, "host");
    bool known = false;
    for (int i = 0; i < fg_target_count(); i++) known |= strcmp(t->name, fg_target_name_at(i)) == 0;
    assert_true(known);
#if defined(__x86_64__)
    assert_string_equal(t->isa, "x86");
    assert_true(fg_target_lanes(t) < 16 || __builtin_cpu_supports("avx512f"));
    assert_true(fg_target_lanes(t) < 8 || __builtin_cpu_supports("avx2"));
#endif
}

static void a_users_file_is_read_by_path(void **state) {
    const char *path =
        write_target(*state, "# mine\n\ninherit = x86-64-v3 # base\r\n  l2_bytes=512k\n"
                             "ghz = 2.5e0 # measured\nflags = -O2 -mavx2 -mfma\nram_bytes = 2G");
    const fg_target *t = load_good(*state, path);
    unlink(path);
    assert_int_equal(t->l2_bytes, 512 * 1024);
    assert_int_equal(t->ram_bytes, INT64_C(2) << 30);
    assert_true(t->ghz == 2.5);
    assert_string_equal(t->flags, "-O2 -mavx2 -mfma");
    assert_int_equal(fg_target_lanes(t), 8);
    assert_memory_equal(t->name, path, strlen(path) - 7);
    assert_int_equal(strlen(t->name), strlen(path) - 7);
}

static void errors_name_file_line_and_key(void **state) {
    fg_context *ctx = *state;
    refuse(ctx, "inherit = generic\n\ncolour = red\n", ":3: unknown key 'colour'");
    refuse(ctx, "inherit = generic\nghz = fast\n", ":2: bad value 'fast' of 'ghz'");
    refuse(ctx, "inherit = generic\nghz = -1\n", ":2: bad value '-1' of 'ghz'");
    refuse(ctx, "inherit = generic\nghz = nan\n", ":2: bad value 'nan' of 'ghz'");
    refuse(ctx, "inherit = generic\nghz =\n", ":2: bad value '' of 'ghz'");
    refuse(ctx, "inherit = generic\nfma = yes\n", ":2: bad value 'yes' of 'fma'");
    refuse(ctx, "inherit = generic\nvector_bits = 96\n", ":2: bad value '96' of 'vector_bits'");
    refuse(ctx, "inherit = generic\nvector_registers = 7.5\n", ":2: bad value '7.5'");
    refuse(ctx, "inherit = generic\nl1_bytes = 32kB\n", ":2: bad value '32kB' of 'l1_bytes'");
    refuse(ctx, "inherit = generic\nl1_bytes = 1e300\n", ":2: bad value '1e300' of 'l1_bytes'");
    refuse(ctx, "inherit = generic\nisa = vax\n", ":2: bad value 'vax' of 'isa'");
    refuse(ctx, "inherit = generic\nghz = 1\nghz = 2\n", ":3: 'ghz' is given twice");
    refuse(ctx, "ghz = 1\ninherit = generic\n", ":2: 'inherit' has to be the first key");
    refuse(ctx, "inherit = generic\nghz 1\n", ":2: no '=' in 'ghz 1'");
    refuse(ctx, "description = a board\n", ":1: key 'isa' is missing");
}

static void runs_fill_a_register(void **state) {
    fg_context *ctx = *state;
    assert_int_equal(load_good(ctx, "cortex-m33")->run, 2);
    assert_int_equal(load_good(ctx, "cortex-a7")->run, 4);
    assert_int_equal(load_good(ctx, "generic")->run, 1);
    request r = {write_target(ctx, "inherit = cortex-m4f\nrun = 4\n"), NULL};
    assert_int_equal(fg_try(ctx, load_body, &r), FG_USAGE);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->message, "bad value '4' of 'run'"));
    assert_string_equal(fg_context_diagnostic(ctx)->remedy, "write 1 or 2");
    unlink(r.name);
}

static void loads_fill_one_two_or_four_registers(void **state) {
    fg_context *ctx = *state;
    assert_int_equal(load_good(ctx, "rv64gcv")->load_vectors, 4);
    assert_int_equal(load_good(ctx, "rv64gcv-256")->load_vectors, 4);
    assert_int_equal(load_good(ctx, "generic")->load_vectors, 1);
    request r = {write_target(ctx, "inherit = rv64gcv\nload_vectors = 3\n"), NULL};
    assert_int_equal(fg_try(ctx, load_body, &r), FG_USAGE);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->message, "bad value '3' of 'load_vectors'"));
    assert_string_equal(fg_context_diagnostic(ctx)->remedy, "write 1, 2 or 4");
    unlink(r.name);
}

static void unknown_names_list_what_exists(void **state) {
    fg_context *ctx = *state;
    request r = {"x86-65", NULL};
    assert_int_equal(fg_try(ctx, load_body, &r), FG_USAGE);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->message, "no target 'x86-65'"));
    assert_non_null(strstr(fg_context_diagnostic(ctx)->remedy, "x86-64-v4"));
    r.name = "missing/folder.target";
    assert_int_equal(fg_try(ctx, load_body, &r), FG_USAGE);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->message, "missing/folder.target"));
}

static void files_that_inherit_from_themselves_end_with_an_error(void **state) {
    fg_context *ctx = *state;
    char *path = fg_strdup(ctx, "test_target_XXXXXX.target");
    const int fd = mkstemps(path, 7);
    assert_true(fd >= 0);
    const char *text = fg_format(ctx, "inherit = %s\n", path);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    request r = {path, NULL};
    const fg_status status = fg_try(ctx, load_body, &r);
    unlink(path);
    assert_int_equal(status, FG_USAGE);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->message, "inherit from each other"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_embedded_target_is_complete_and_consistent, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_sorted_and_end, setup, teardown),
        cmocka_unit_test_setup_teardown(lanes_and_registers_are_those_of_the_isa, setup, teardown),
        cmocka_unit_test_setup_teardown(inherited_values_stay_unless_given, setup, teardown),
        cmocka_unit_test_setup_teardown(host_is_a_named_target_that_this_cpu_can_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_users_file_is_read_by_path, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_name_file_line_and_key, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_fill_a_register, setup, teardown),
        cmocka_unit_test_setup_teardown(loads_fill_one_two_or_four_registers, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_names_list_what_exists, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_inherit_from_themselves_end_with_an_error, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
