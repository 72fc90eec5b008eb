/* One model after the other, each in a context of its own; what outlives a model is its report. */
#include "cli/driver.h"

#include "cli/job.h"
#include "cli/paths.h"

#include <inttypes.h>
#include <string.h>

static void fail(fg_session *s, fg_context *ctx, fg_status status) {
    fg_console_diagnostic(s->console, s->ctx, fg_context_diagnostic(ctx));
    if (s->status == FG_OK) s->status = status;
}

static void run_in_own_context(fg_session *s, fg_job *j) {
    j->ctx = fg_job_context(s->ctx, s->options);
    fg_context_set_progress(j->ctx, fg_console_progress, s->console);
    fg_status status = fg_try(j->ctx, fg_job_body, j);
    fg_console_clear(s->console);
    if (status != FG_OK) fail(s, j->ctx, status);
    fg_undefer(s->ctx, j->ctx);
    fg_context_free(j->ctx);
}

/* ---- all models, all points of the sweep ---- */

static int sweep_size(fg_context *ctx, const fg_cli_options *o) {
    int64_t n = 1;
    for (int i = 0; i < o->n_dims; i++) {
        n *= o->dims[i].n;
        if (n > 10000) fg_raise(ctx, FG_USAGE, "--dim asks for more than 10000 combinations");
    }
    return (int)n;
}

/* Point number `at` of the sweep, the last --dim running fastest. */
static void set_point(fg_session *s, fg_job *j, int at) {
    const fg_cli_options *o = s->options;
    fg_dim_binding *dims = FG_ARRAY(s->ctx, o->n_dims, fg_dim_binding);
    j->variant = "";
    for (int i = o->n_dims - 1; i >= 0; i--) {
        const fg_dim_option *d = &o->dims[i];
        dims[i] = (fg_dim_binding){d->name, d->extents[at % d->n]};
        at /= d->n;
        if (d->n > 1)
            j->variant = fg_format(s->ctx, "%s=%" PRId64 "%s%s", d->name, dims[i].extent,
                                   *j->variant ? " " : "", j->variant);
    }
    j->dims = dims;
}

/* --shape, and what the model has of its own behind '@'. */
static void set_shapes(fg_session *s, fg_job *j, int model) {
    const fg_cli_options *o = s->options;
    const fg_shape_binding *own = &o->model_shapes[model];
    j->shapes = FG_ARRAY(s->ctx, o->n_shapes + 1, fg_shape_binding);
    for (int i = 0; i < o->n_shapes; i++)
        if (!own->input || strcmp(o->shapes[i].input, own->input) != 0)
            j->shapes[j->n_shapes++] = o->shapes[i];
    if (!own->input) return;
    j->shapes[j->n_shapes++] = *own;
    j->variant = fg_format(s->ctx, "%s%s%s=%s", j->variant, *j->variant ? " " : "", own->input,
                           fg_shape_text(s->ctx, &own->shape));
}

static void run_session(fg_context *ctx, void *arg) {
    fg_session *s = arg;
    const fg_cli_options *o = s->options;
    fg_paths_check(ctx, o);
    int points = sweep_size(ctx, o);
    s->reports = FG_ARRAY(ctx, (int64_t)o->n_models * points, const fg_report *);
    for (int i = 0; i < o->n_models; i++) {
        for (int at = 0; at < points; at++) {
            fg_job j = {.session = s, .options = o, .model = o->models[i]};
            set_point(s, &j, at);
            set_shapes(s, &j, i);
            run_in_own_context(s, &j);
        }
    }
    fg_print_reports(s);
}

fg_status fg_drive(fg_context *ctx, const fg_cli_options *options, fg_console *console) {
    fg_session s = {.ctx = ctx, .options = options, .console = console};
    fg_status status = fg_try(ctx, run_session, &s);
    if (status != FG_OK) fail(&s, ctx, status);
    return s.status;
}
