#include "verify/bench.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "verify/inputs.h"
#include "verify/memory.h"

#define FG_WARM_UP 3

/* Everything that the timed loop touches, made beforehand: nothing is allocated inside the sandbox. */
typedef struct session {
    const fg_module *m;
    fg_library *lib;
    fg_memory *mem;
    fg_entry entry;
    fg_call call;
    fg_kernel_fn **fn; /* by kernel; NULL for a view */
    int runs;
    double *wall, *cpu; /* by run, ms */
    double *kernel;     /* by kernel, then run, ms */
    double *each;       /* by run from the first, ms */
    int n_each;
} session;

static double now_ms(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void time_whole(session *s) {
    for (int i = 0; i <= FG_WARM_UP; i++) {
        double t = now_ms(CLOCK_MONOTONIC);
        fg_entry_call(&s->entry);
        s->each[i] = now_ms(CLOCK_MONOTONIC) - t;
    }
    for (int i = 0; i < s->runs; i++) {
        double wall = now_ms(CLOCK_MONOTONIC), cpu = now_ms(CLOCK_THREAD_CPUTIME_ID);
        fg_entry_call(&s->entry);
        s->cpu[i] = now_ms(CLOCK_THREAD_CPUTIME_ID) - cpu;
        s->wall[i] = now_ms(CLOCK_MONOTONIC) - wall;
        if (1 + FG_WARM_UP + i < s->n_each) s->each[1 + FG_WARM_UP + i] = s->wall[i];
    }
}

/* One pass; a kernel's time reaches from the reading of the clock before it to the one after it. */
static void time_pass(session *s, int run) {
    double before = now_ms(CLOCK_MONOTONIC);
    for (int k = 0; k < s->m->n_kernels; k++) {
        if (s->fn[k]) s->fn[k](&s->call);
        double after = now_ms(CLOCK_MONOTONIC);
        s->kernel[(size_t)k * (size_t)s->runs + (size_t)run] = after - before;
        before = after;
    }
}

static void time_all(void *session_) {
    session *s = session_;
    time_whole(s);
    if (s->entry.result != 0) return;
    time_pass(s, 0); /* warm-up; overwritten */
    for (int i = 0; i < s->runs; i++) time_pass(s, i);
}

/* ---- one core ---- */

static int bind_to_core(cpu_set_t *before) {
    int core = sched_getcpu();
    cpu_set_t one;
    if (core < 0 || sched_getaffinity(0, sizeof *before, before) != 0) return -1;
    CPU_ZERO(&one);
    CPU_SET((size_t)core, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0 ? core : -1;
}

/* ---- figures ---- */

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static fg_timing summary(double *samples, int n) {
    qsort(samples, (size_t)n, sizeof *samples, by_size);
    return (fg_timing){samples[0], (samples[(n - 1) / 2] + samples[n / 2]) / 2};
}

/* Bandwidth of the level that a kernel without multiply-adds works from. What other kernels left behind is in
 * L2 at best. */
static double bandwidth(const fg_target *t, int64_t bytes, const char **name) {
    const struct {
        const char *name;
        int64_t bytes;
        double gbps;
    } levels[] = {
        {"l2", t->l2_bytes, t->l2_gbps}, {"l3", t->l3_bytes, t->l3_gbps}, {"dram", INT64_MAX, t->dram_gbps}};
    for (size_t i = 0; i < FG_COUNT(levels); i++)
        if (bytes <= levels[i].bytes && levels[i].gbps > 0) {
            *name = levels[i].name;
            return levels[i].gbps;
        }
    *name = "";
    return 0;
}

static double per_ms(double amount, double ms) {
    return ms > 0 ? amount / ms * 1e-6 : 0;
} /* to 10^9 per second */

static fg_bench_kernel figures(const session *s, int index) {
    const fg_kernel_text *text = &s->m->kernels[index];
    fg_bench_kernel k = {.wall = summary(s->kernel + (size_t)index * (size_t)s->runs, s->runs)};
    int64_t macs = text->kernel->macs;
    double peak = s->m->target->peak_gflops;
    k.gflops = per_ms(2 * (double)macs, k.wall.median_ms);
    k.gbps = per_ms((double)text->bytes, k.wall.median_ms);
    double limit = bandwidth(s->m->target, text->bytes, &k.against), rate = k.gbps;
    if (macs > 0) {
        k.against = peak > 0 ? "peak" : "";
        limit = peak;
        rate = k.gflops;
    }
    k.share = limit > 0 ? rate / limit : 0;
    return k;
}

static void summarise(session *s, fg_bench *b) {
    double macs = 0, peak = s->m->target->peak_gflops;
    b->first_ms = s->each[0];
    b->each_ms = s->each;
    b->n_each = s->n_each;
    b->wall = summary(s->wall, s->runs);
    b->cpu = summary(s->cpu, s->runs);
    for (int i = 0; i < s->m->n_kernels; i++) {
        b->kernels[i] = figures(s, i);
        b->kernels_ms += b->kernels[i].wall.median_ms;
        macs += (double)s->m->kernels[i].kernel->macs;
    }
    b->gflops = per_ms(2 * macs, b->wall.median_ms);
    b->share = peak > 0 ? b->gflops / peak : 0;
}

/* ---- the session ---- */

static void find_functions(session *s) {
    fg_context *ctx = s->m->ctx;
    s->entry.function = fg_library_find(s->lib, s->m, "run");
    FG_REQUIRE(ctx, "bench", s->entry.function != NULL);
    s->fn = FG_ARRAY(ctx, s->m->n_kernels + 1, fg_kernel_fn *);
    for (int i = 0; i < s->m->n_kernels; i++) {
        const char *symbol = s->m->kernels[i].symbol;
        if (symbol) s->fn[i] = (fg_kernel_fn *)fg_library_find(s->lib, s->m, symbol);
    }
}

static session start(const fg_module *m, const fg_tensor *inputs, int runs) {
    fg_context *ctx = m->ctx;
    session s = {.m = m, .runs = runs, .lib = fg_load_cc(m)};
    s.mem = fg_memory_new(m, inputs, FG_MEMORY_TIMED);
    s.call = fg_memory_call(s.mem);
    const void *linked = fg_library_find(s.lib, m, "weights"); /* the blob as a program has it */
    if (linked) s.call.weights = linked;
    s.entry =
        (fg_entry){.m = m, .in = s.mem->in_pointer, .out = s.mem->out_pointer, .arena = s.mem->arena->data};
    s.entry.weights = s.call.weights;
    find_functions(&s);
    s.wall = fg_big_alloc(ctx, (size_t)runs * sizeof *s.wall);
    s.n_each = 1 + FG_WARM_UP + (runs < FG_BENCH_CURVE ? runs : FG_BENCH_CURVE);
    s.each = FG_ARRAY(ctx, s.n_each, double);
    s.cpu = fg_big_alloc(ctx, (size_t)runs * sizeof *s.cpu);
    s.kernel = fg_big_alloc(ctx, ((size_t)m->n_kernels * (size_t)runs + 1) * sizeof *s.kernel);
    return s;
}

static void finish(session *s) {
    fg_context *ctx = s->m->ctx;
    fg_big_free(ctx, s->wall);
    fg_big_free(ctx, s->cpu);
    fg_big_free(ctx, s->kernel);
    fg_memory_free(s->mem);
    fg_library_close(s->lib);
}

static void check_end(const session *s, fg_fault fault) {
    fg_context *ctx = s->m->ctx;
    fg_check_instruction(ctx, s->m->target, fault);
    if (fault.signal) fg_raise(ctx, FG_INTERNAL, "bench: the generated code %s", fg_fault_name(fault.signal));
    if (s->entry.result != 0)
        fg_raise(ctx, FG_INTERNAL, "bench: %s_run returns %d", s->m->options.prefix, s->entry.result);
}

fg_bench *fg_bench_run(const fg_module *m, const fg_tensor *inputs, uint64_t seed, int runs) {
    fg_context *ctx = m->ctx;
    fg_bench *b = FG_NEW(ctx, fg_bench);
    if (m->target->emulator && *m->target->emulator) {
        b->why_not = fg_format(ctx, "code for target '%s' does not run on this machine", m->target->name);
        return b;
    }
    FG_REQUIRE(ctx, "bench", runs > 0);
    session s = start(m, fg_verify_inputs(m->partition->graph, inputs, seed), runs);
    b->runs = runs;
    b->compiled_by = s.lib->how;
    b->n_kernels = m->n_kernels;
    b->kernels = FG_ARRAY(ctx, m->n_kernels + 1, fg_bench_kernel);
    fg_progress(ctx, "bench", 0, 1);
    cpu_set_t before;
    b->core = bind_to_core(&before);
    fg_fault fault = fg_sandbox(ctx, time_all, &s);
    if (b->core >= 0) (void)sched_setaffinity(0, sizeof before, &before);
    check_end(&s, fault);
    summarise(&s, b);
    finish(&s);
    fg_progress(ctx, "bench", 1, 1);
    return b;
}

fg_bench *fg_bench_copy(fg_context *ctx, const fg_bench *b) {
    fg_bench *copy = FG_NEW(ctx, fg_bench);
    *copy = *b;
    copy->why_not = b->why_not ? fg_strdup(ctx, b->why_not) : NULL;
    copy->compiled_by = fg_strdup(ctx, b->compiled_by ? b->compiled_by : "");
    copy->kernels = NULL;
    copy->each_ms = FG_ARRAY(ctx, b->n_each, double);
    for (int i = 0; i < b->n_each; i++) copy->each_ms[i] = b->each_ms[i];
    return copy;
}
