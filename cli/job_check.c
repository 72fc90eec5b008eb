/* Whether one model's code is right and what it takes: data for its inputs, verification, time, memory. */
#include "cli/job.h"

#include "verify/inputs.h"

#include <string.h>

static int find_value(fg_value *const *values, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(values[i]->name, name) == 0) return i;
    return -1;
}

/* Extents that depend on data may be less than planned for. */
static bool has_shape(const fg_tensor *t, const fg_value *v) {
    bool fits = t->shape.rank == v->shape.rank;
    for (int d = 0; fits && d < t->shape.rank; d++)
        fits =
            t->shape.dim[d] == v->shape.dim[d] || (v->extent[d] != NULL && t->shape.dim[d] < v->shape.dim[d]);
    return fits;
}

/* Reads the files of --input or --expect into one tensor per value; data NULL where there is no file. */
static fg_tensor *read_tensors(fg_job *j, const char *option, const fg_file_option *files, int n_files,
                               fg_value *const *values, int n_values) {
    fg_tensor *t = FG_ARRAY(j->ctx, n_values, fg_tensor);
    for (int i = 0; i < n_files; i++) {
        int at = find_value(values, n_values, files[i].name);
        if (at < 0) {
            if (n_values) fg_remedy(j->ctx, "the first is '%s'", values[0]->name);
            fg_raise(j->ctx, FG_USAGE, "%s %s: the model has no such tensor", option, files[i].name);
        }
        const fg_value *v = values[at];
        t[at] = fg_read_tensor_file(j->ctx, files[i].file);
        if (t[at].dtype != v->dtype || !has_shape(&t[at], v))
            fg_raise(j->ctx, FG_USAGE, "%s %s: the file holds %s %s, the model has %s %s", option, v->name,
                     fg_dtype_get(t[at].dtype)->name, fg_shape_text(j->ctx, &t[at].shape),
                     fg_dtype_get(v->dtype)->name, fg_shape_text(j->ctx, &v->shape));
    }
    return t;
}

void fg_job_read_inputs(fg_job *j) {
    const fg_cli_options *o = j->options;
    if (!o->n_inputs) return;
    j->inputs = read_tensors(j, "--input", o->inputs, o->n_inputs, j->read->inputs, j->read->n_inputs);
    for (int i = 0; i < j->read->n_inputs; i++)
        if (!j->inputs[i].data) j->inputs[i] = fg_verify_input(j->read, i, FG_JOB_SEED);
}

void fg_job_verify(fg_job *j) {
    const fg_cli_options *o = j->options;
    if (o->verify == FG_VERIFY_NONE) return;
    fg_verify_options v = {
        .mode = o->verify, .tolerance = o->tolerance, .inputs = j->inputs, .seed = FG_JOB_SEED};
    if (o->n_expects)
        v.expected =
            read_tensors(j, "--expect", o->expects, o->n_expects, j->read->outputs, j->read->n_outputs);
    j->verdict = fg_verify(j->read, j->module, &v);
}

void fg_job_bench(fg_job *j) {
    if (j->options->bench_runs && (!j->verdict || j->verdict->passed))
        j->bench = fg_bench_run(j->module, j->inputs, FG_JOB_SEED, j->options->bench_runs);
}

/* Boards have limits, which code that is handed over must keep; reports may show what does not fit. */
void fg_job_measure(fg_job *j) {
    const fg_module *m = j->module;
    if (m->target->ram_bytes <= 0 && m->target->flash_bytes <= 0) return;
    fg_progress(j->ctx, "measuring the code", 0, 0);
    fg_footprint *f = FG_NEW(j->ctx, fg_footprint);
    *f = fg_measure_footprint(m);
    j->footprint = f;
    if (j->options->output) fg_check_footprint(m, f);
}
