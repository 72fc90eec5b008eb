/* What takes a model through generation again, aside, only to be timed: the trials of --tune, and the same
 * model without fusion. */
#include "cli/job.h"

#include "cli/output.h"
#include "cli/tune.h"

/* From the file on, for a job that is only to be timed. */
static const fg_module *generate_aside(fg_context *ctx, fg_job *j) {
    fg_context_set_file(ctx, j->model);
    j->read = fg_job_read(j);
    fg_infer(j->read);
    const fg_target *target = fg_target_load(ctx, j->options->target);
    fg_codegen_options codegen = fg_job_codegen(j, target);
    return fg_generate(fg_job_partition(j), target, &codegen);
}

/* Runs body on a job like j in a context of its own; what it leaves must be copied to j's. */
static void run_aside(fg_job *j, fg_job *aside, void (*body)(fg_context *ctx, void *arg), void *arg) {
    aside->ctx = fg_job_context(j->ctx, j->options);
    const fg_status status = fg_try(aside->ctx, body, arg);
    const fg_diagnostic d = *fg_context_diagnostic(aside->ctx);
    fg_undefer(j->ctx, aside->ctx);
    fg_context_free(aside->ctx);
    if (status == FG_OK) return;
    if (*d.remedy) fg_remedy(j->ctx, "%s", d.remedy);
    fg_raise(j->ctx, status, "%s", d.message);
}

/* ---- tuning ---- */

/* Passes over the kernels in one trial; the shortest counts. */
#define TRIAL_RUNS 20

/* A trial is a job of its own, with all of its memory: modules of large models cannot pile up. */
typedef struct trial {
    fg_job *tuned;
    fg_job j;
    fg_trial times;
} trial;

static void run_trial(fg_context *ctx, void *arg) {
    trial *t = arg;
    const fg_module *m = generate_aside(ctx, &t->j);
    const fg_bench *b = fg_bench_run(m, t->j.inputs, FG_JOB_SEED, TRIAL_RUNS);
    if (b->why_not) fg_raise(ctx, FG_TOOLCHAIN, "--tune: %s", b->why_not);
    fg_context *keep = t->tuned->ctx;
    t->times = (fg_trial){FG_ARRAY(keep, m->n_kernels + 1, fg_choice), m->n_kernels};
    for (int i = 0; i < m->n_kernels; i++) {
        const fg_kernel_text *k = &m->kernels[i];
        t->times.kernels[i] = (fg_choice){.kernel = fg_strdup(keep, k->kernel->name),
                                          .text = k->choice ? fg_strdup(keep, k->choice) : NULL,
                                          .microseconds = b->kernels[i].wall.min_ms * 1e3};
    }
}

static fg_trial time_trial(void *user, const fg_tuning *tuning, int candidate) {
    fg_job *j = user;
    trial t = {.tuned = j, .j = *j};
    t.j.tuning = tuning;
    t.j.candidate = candidate;
    run_aside(j, &t.j, run_trial, &t);
    return t.times;
}

static void note_tuning(fg_job *j, const fg_tune_result *r) {
    fg_console *console = j->session->console;
    fg_console_note(
        console, j->ctx, j->model,
        "tuning: %d candidate%s in %.0f s, %d of %d choices changed, kernels take %.3f ms instead of %.3f "
        "ms%s",
        r->trials, r->trials == 1 ? "" : "s", r->seconds, r->changed, r->n, r->tuned_ms, r->model_ms,
        j->options->tune_file ? "" : "; the choices are used now and not kept: --tune-file FILE keeps them");
    if (r->trials == 1 && r->n)
        fg_console_note(
            console, j->ctx, j->model,
            "tuning: there was no time to compare anything: a candidate takes %.0f s; try --tune=%.0f",
            r->seconds, 60 + 4 * r->seconds);
}

/* --tune measures, --tune-file alone reads; what was measured goes through the same text, so that both
 * generate the same. */
void fg_job_choose_tiles(fg_job *j, const fg_target *target) {
    const fg_cli_options *o = j->options;
    const char *text = NULL;
    size_t n = 0;
    if (o->tune_seconds) {
        const fg_tune_result r = fg_tune(j->ctx, o->tune_seconds, time_trial, j);
        fg_text t = fg_text_new(j->ctx);
        fg_tuning_print(r.choices, r.n, FG_VERSION, target, j->read->sha256, &t);
        note_tuning(j, &r);
        j->tune_text = text = t.data;
        n = t.length;
    } else if (o->tune_file) {
        text = fg_tune_read(j->ctx, o->tune_file, &n);
    }
    if (text)
        j->tuning = fg_tuning_parse(j->ctx, o->tune_file ? fg_file_name(o->tune_file) : "--tune", text, n,
                                    target, j->read->sha256);
}

/* ---- fused against unfused ---- */

typedef struct unfused_run {
    fg_context *keep;
    fg_job j;
    fg_bench *bench;
} unfused_run;

static void run_unfused(fg_context *ctx, void *arg) {
    unfused_run *u = arg;
    const fg_module *m = generate_aside(ctx, &u->j);
    u->bench = fg_bench_copy(u->keep, fg_bench_run(m, u->j.inputs, FG_JOB_SEED, u->j.options->bench_runs));
}

/* --compare --bench: one kernel per operator, timed after the fused ones in the same way. */
void fg_job_bench_unfused(fg_job *j) {
    const fg_cli_options *o = j->options;
    if (!o->view[FG_VIEW_COMPARE] || !j->bench || j->bench->why_not || o->no_fuse) return;
    fg_cli_options unfused = *o;
    unfused.no_fuse = true;
    unfused_run u = {.keep = j->ctx, .j = *j};
    u.j.options = &unfused;
    u.j.tuning = NULL;
    run_aside(j, &u.j, run_unfused, &u);
    j->unfused = u.bench;
}
