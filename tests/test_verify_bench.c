/* --bench: figures hang together, and what cannot be timed says so. No test here depends on how fast anything
 * is. */
#include <sched.h>

#include "by_hand.h"
#include "verify/bench.h"

typedef struct request {
    fixture *f;
    int runs;
    fg_bench *bench;
} request;

static void body(fg_context *ctx, void *arg) {
    request *r = arg;
    (void)ctx;
    r->bench = fg_bench_run(&r->f->m, NULL, 1, r->runs);
}

static fg_status try_bench(fixture *f, int runs, fg_bench **bench) {
    request r = {f, runs, NULL};
    fg_status status = fg_try(f->ctx, body, &r);
    *bench = r.bench;
    return status;
}

static fg_bench *bench(fixture *f, int runs) {
    fg_bench *b;
    if (try_bench(f, runs, &b) != FG_OK) fail_msg("raised: %s", fg_context_diagnostic(f->ctx)->message);
    return b;
}

static void whole_and_kernels_are_timed(void **state) {
    fixture *f = *state;
    const fg_bench *b = bench(f, 5);
    assert_null(b->why_not);
    assert_int_equal(b->runs, 5);
    assert_int_equal(b->n_kernels, 3);
    assert_holds(b->compiled_by, "-O1");
    assert_true(b->first_ms > 0 && b->wall.min_ms > 0 && b->wall.min_ms <= b->wall.median_ms);
    assert_true(b->cpu.min_ms <= b->cpu.median_ms);
    assert_int_equal(b->n_each, 5 + 4); /* the first, and three to warm up */
    for (int i = 0; i < b->n_each; i++) assert_true(b->each_ms[i] > 0);
    assert_true(b->each_ms[0] == b->first_ms);
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(b->kernels[i].wall.min_ms > 0 &&
                    b->kernels[i].wall.min_ms <= b->kernels[i].wall.median_ms);
        sum += b->kernels[i].wall.median_ms;
    }
    assert_true(b->kernels_ms > sum * 0.999 && b->kernels_ms < sum * 1.001);
}

static void shares_follow_from_the_target(void **state) {
    fixture *f = *state;
    f->target.peak_gflops = 10;
    f->target.l2_bytes = 1000;
    f->target.l2_gbps = 20;
    f->target.dram_gbps = 2;
    f->kernels[0].macs = 1000;
    f->texts[1].bytes = 1000;
    f->texts[2].bytes = 1001;
    const fg_bench *b = bench(f, 3);
    double ms = b->kernels[0].wall.median_ms;
    assert_string_equal(b->kernels[0].against, "peak");
    assert_true(b->kernels[0].share * ms > 0.999 * 2000 / 10e6 &&
                b->kernels[0].share * ms < 1.001 * 2000 / 10e6);
    ms = b->kernels[1].wall.median_ms;
    assert_string_equal(b->kernels[1].against, "l2");
    assert_true(b->kernels[1].share * ms > 0.999 * 1000 / 20e6 &&
                b->kernels[1].share * ms < 1.001 * 1000 / 20e6);
    assert_string_equal(b->kernels[2].against, "dram");
}

static void a_target_without_numbers_has_no_shares(void **state) {
    fixture *f = *state;
    f->kernels[0].macs = 1000;
    f->texts[1].bytes = 1000;
    const fg_bench *b = bench(f, 1);
    assert_string_equal(b->kernels[0].against, "");
    assert_string_equal(b->kernels[1].against, "");
    assert_true(b->kernels[0].share == 0 && b->kernels[1].share == 0 && b->share == 0);
    assert_true(b->kernels[0].gflops > 0);
}

static void the_thread_may_run_on_all_its_cores_again(void **state) {
    fixture *f = *state;
    cpu_set_t before, after;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    const fg_bench *b = bench(f, 1);
    assert_true(b->core >= 0 && CPU_ISSET((size_t)b->core, &before));
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
}

static void a_view_takes_no_call(void **state) {
    fixture *f = *state;
    f->texts[1].symbol = NULL;
    f->texts[1].lines = 0;
    assert_int_equal(bench(f, 1)->n_kernels, 3);
}

static void a_foreign_target_says_why_it_is_not_timed(void **state) {
    fixture *f = *state;
    f->target.emulator = "qemu-arm";
    assert_holds(bench(f, 1)->why_not, "does not run on this machine");
}

static void a_run_that_fails_is_an_error(void **state) {
    fixture *f = *state;
    fg_bench *b;
    change(f, "return 0;", "return -3;");
    assert_int_equal(try_bench(f, 1, &b), FG_INTERNAL);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "t_run returns -3");
}

static void a_run_that_faults_is_an_error(void **state) {
    fixture *f = *state;
    fg_bench *b;
    change(f, "return 0;", "*(volatile int *)16 = 1; return 0;");
    assert_int_equal(try_bench(f, 1, &b), FG_INTERNAL);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "touches memory");
}

static void an_instruction_that_is_not_there_blames_the_target(void **state) {
    fixture *f = *state;
    fg_bench *b;
    change(f, "return 0;", "__builtin_trap();");
    assert_int_equal(try_bench(f, 1, &b), FG_TOOLCHAIN);
    assert_holds(fg_context_diagnostic(f->ctx)->message, "target 'test'");
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(whole_and_kernels_are_timed),
        BENCH_TEST(shares_follow_from_the_target),
        BENCH_TEST(a_target_without_numbers_has_no_shares),
        BENCH_TEST(the_thread_may_run_on_all_its_cores_again),
        BENCH_TEST(a_view_takes_no_call),
        BENCH_TEST(a_foreign_target_says_why_it_is_not_timed),
        BENCH_TEST(a_run_that_fails_is_an_error),
        BENCH_TEST(a_run_that_faults_is_an_error),
        BENCH_TEST(an_instruction_that_is_not_there_blames_the_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
