/* One model after the other, each in a context of its own; what outlives a model is its report. */
#include "cli/driver.h"

#include "cli/output.h"
#include "cli/paths.h"
#include "cli/picture.h"
#include "cli/report.h"
#include "cli/tune.h"
#include "cli/view.h"
#include "codegen/escape.h"
#include "codegen/functions.h"
#include "frontend/external.h"
#include "fusion/rounding.h"
#include "verify/inputs.h"

#include <inttypes.h>
#include <string.h>

/* Inline weights beyond this make compilers slow and hungry. */
#define INLINE_NOTE_BYTES (32 << 20)

typedef struct session {
    fg_context *ctx; /* of the reports */
    const fg_cli_options *options;
    fg_console *console;
    const fg_report **reports;
    int n_reports;
    fg_status status; /* of the first failure */
} session;

/* One model at one point of the sweep. */
typedef struct job {
    session *session;
    const fg_cli_options *options;
    const char *model;
    const fg_dim_binding *dims; /* n_dims of the options */
    fg_shape_binding *shapes;   /* those of the options, and the model's own */
    int n_shapes;
    const char *variant; /* "batch=8", "input=1x3x240x240"; "" without a sweep or shape of its own */
    fg_context *ctx;
    fg_graph *read;
    const fg_tuning *tuning; /* --tune, --tune-file; NULL: none */
    const char *tune_text;   /* what --tune found, to be kept in the tune file */
    int candidate;           /* of a trial of --tune; else 0 */
    fg_module *module;
    fg_tensor *inputs; /* of --input, data NULL where none is given; NULL: all random */
    fg_verdict *verdict;
    fg_bench *bench;
    fg_bench *unfused;       /* of the same model without fusion, for --compare */
    fg_footprint *footprint; /* on targets with limits; else NULL */
    bool direct;             /* Winograd turned out to cost too much accuracy */
} job;

static void free_context(void *ctx) {
    fg_context_free(ctx);
}

/* With the limits of the command line. It goes with `outer` at the latest: should collecting the report fail,
 * temporary files must still be removed. */
static fg_context *own_context(fg_context *outer, const fg_cli_options *o) {
    fg_context *ctx = fg_context_new();
    if (!ctx) fg_raise(outer, FG_UNSUPPORTED, "out of memory");
    fg_defer(outer, free_context, ctx);
    fg_limits *limits = fg_context_limits(ctx);
    if (o->max_bytes) limits->bytes = o->max_bytes;
    if (o->max_work) limits->work = o->max_work;
    if (o->max_text) limits->text = o->max_text;
    return ctx;
}

static void write_file(fg_context *ctx, const char *path, const char *text, size_t n) {
    fg_output *o = fg_output_new(ctx);
    (void)fwrite(text, 1, n, fg_output_open(o, path));
    fg_output_commit(o);
}

/* ---- before the long work ---- */

/* External data lie where the model says, which is known once it is read. */
static void check_external(fg_context *ctx, const fg_cli_options *o, const fg_graph *read) {
    for (const fg_file *f = read->external; f; f = f->next) fg_paths_check_read(ctx, o, f->path);
}

/* A failed write is seen by ferror in the commit. */
static void write_chunk(void *stream, const char *data, size_t n) {
    (void)fwrite(data, 1, n, stream);
}

static void emit_onnx(fg_context *ctx, fg_graph *read, const fg_module *m, const char *path) {
    fg_output *o = fg_output_new(ctx);
    fg_emit_onnx(read, m, write_chunk, fg_output_open(o, path));
    fg_output_commit(o);
}

/* ---- reading ---- */

static fg_graph *read_graph(job *j) {
    const fg_cli_options *o = j->options;
    fg_const_binding *consts = FG_ARRAY(j->ctx, o->n_consts, fg_const_binding);
    for (int i = 0; i < o->n_consts; i++)
        consts[i] = (fg_const_binding){o->consts[i].name, fg_read_tensor_file(j->ctx, o->consts[i].file)};
    fg_read_options read = {.dims = j->dims,
                            .n_dims = o->n_dims,
                            .shapes = j->shapes,
                            .n_shapes = j->n_shapes,
                            .consts = consts,
                            .n_consts = o->n_consts,
                            .bounds = o->bounds,
                            .n_bounds = o->n_bounds};
    return fg_read_model(j->ctx, j->model, &read);
}

/* Prints the graph if this pass was asked for; returns whether any later pass was. */
static bool dump(job *j, fg_dump_pass pass, const fg_graph *g, const fg_partition *p) {
    if (j->options->dump[pass]) {
        fg_text text = fg_text_new(j->ctx);
        if (p)
            fg_partition_dump(p, &text);
        else
            fg_graph_dump(g, &text);
        fg_console_clear(j->session->console);
        if (text.length) fg_console_print(j->ctx, text.data, text.length);
        fg_text_free(&text);
    }
    for (int later = (int)pass + 1; later < FG_DUMP_COUNT; later++)
        if (j->options->dump[later]) return true;
    return false;
}

/* With --dump alone, nothing after the last pass asked for is worth running. */
static bool only_dumps(const fg_cli_options *o) {
    bool any = false;
    for (int i = 0; i < FG_DUMP_COUNT; i++) any |= o->dump[i];
    return any && !o->output && !o->emit && !o->n_reports && !o->bench_runs;
}

/* ---- generating ---- */

static void add_bindings(fg_text *t, const job *j) {
    const fg_cli_options *o = j->options;
    for (int i = 0; i < o->n_dims; i++)
        fg_text_printf(t, " --dim %s=%" PRId64, j->dims[i].name, j->dims[i].extent);
    for (int i = 0; i < j->n_shapes; i++)
        fg_text_printf(t, " --shape %s=%s", j->shapes[i].input, fg_shape_text(t->ctx, &j->shapes[i].shape));
    for (int i = 0; i < o->n_bounds; i++)
        fg_text_printf(t, " --bound %s=%" PRId64, o->bounds[i].name, o->bounds[i].most);
    for (int i = 0; i < o->n_consts; i++) {
        const char *slash = strrchr(o->consts[i].file, '/');
        fg_text_printf(t, " --const %s=%s", o->consts[i].name, slash ? slash + 1 : o->consts[i].file);
    }
}

/* The options that decide what is generated, in one order and without folders: the same work gives the same
 * text. */
static const char *canonical_command(job *j, const char *prefix, const char *target) {
    static const char *const weights[] = {"inline", "incbin", "blob"};
    const fg_cli_options *o = j->options;
    fg_text t = fg_text_new(j->ctx);
    fg_text_printf(&t, "--name %s --target %s --weights %s --arena %s", prefix, target, weights[o->weights],
                   o->static_arena ? "static" : "caller");
    if (o->optimize != FG_OPTIMIZE_SPEED)
        fg_text_printf(&t, " --optimize %s", fg_optimize_names[o->optimize]);
    if (o->weights_type) fg_text_printf(&t, " --precision %s", fg_precision_name(o->weights_type));
    if (o->exact || j->direct) fg_text_add(&t, " --exact");
    if (o->no_fuse) fg_text_add(&t, " --no-fuse");
    if (o->threads > 1)
        fg_text_printf(&t, " --threads %d%s", o->threads, o->threads_pool ? " --threads-pool" : "");
    add_bindings(&t, j);
    if (j->tuning && o->tune_file)
        fg_text_printf(&t, " --tune-file %s (sha256 %s)", j->tuning->file, j->tuning->sha256);
    else if (j->tuning)
        fg_text_add(&t, " --tune");
    return t.data;
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static fg_codegen_options codegen_options(job *j, const fg_target *target) {
    const fg_cli_options *o = j->options;
    const char *stem = o->output ? fg_output_names_of(j->ctx, o->output).stem : "model_fused";
    const char *prefix = o->name ? o->name : fg_escape_c_identifier(j->ctx, stem);
    return (fg_codegen_options){.prefix = prefix,
                                .file_stem = stem,
                                .model_file = file_name(j->model),
                                .command = canonical_command(j, prefix, target->name),
                                .version = FG_VERSION,
                                .weights = o->weights,
                                .static_arena = o->static_arena,
                                .exact = o->exact || j->direct,
                                .optimize = o->optimize,
                                .threads = o->threads > 1 ? o->threads : 1,
                                .threads_pool = o->threads_pool && o->threads > 1,
                                .tuning = j->tuning,
                                .candidate = j->candidate,
                                .fault_kernel = -1};
}

/* ---- checking ---- */

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
static fg_tensor *read_tensors(job *j, const char *option, const fg_file_option *files, int n_files,
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

/* Random data for the inputs; any seed would do, a fixed one makes verdicts repeatable. */
static const uint64_t seed = 1;

static void read_inputs(job *j) {
    const fg_cli_options *o = j->options;
    if (!o->n_inputs) return;
    j->inputs = read_tensors(j, "--input", o->inputs, o->n_inputs, j->read->inputs, j->read->n_inputs);
    for (int i = 0; i < j->read->n_inputs; i++)
        if (!j->inputs[i].data) j->inputs[i] = fg_verify_input(j->read, i, seed);
}

static void verify(job *j) {
    const fg_cli_options *o = j->options;
    if (o->verify == FG_VERIFY_NONE) return;
    fg_verify_options v = {.mode = o->verify, .tolerance = o->tolerance, .inputs = j->inputs, .seed = seed};
    if (o->n_expects)
        v.expected =
            read_tensors(j, "--expect", o->expects, o->n_expects, j->read->outputs, j->read->n_outputs);
    j->verdict = fg_verify(j->read, j->module, &v);
}

static void bench(job *j) {
    if (j->options->bench_runs && (!j->verdict || j->verdict->passed))
        j->bench = fg_bench_run(j->module, j->inputs, seed, j->options->bench_runs);
}

/* ---- notes ---- */

static void note_input(job *j) {
    if (j->read->n_synthetic > 0)
        fg_console_note(j->session->console, j->ctx, j->model,
                        "weights are synthetic: %d tensors made by fill rules", j->read->n_synthetic);
}

/* Boards have limits, which code that is handed over must keep; reports may show what does not fit. */
static void measure_footprint(job *j) {
    const fg_module *m = j->module;
    if (m->target->ram_bytes <= 0 && m->target->flash_bytes <= 0) return;
    fg_progress(j->ctx, "measuring the code", 0, 0);
    fg_footprint *f = FG_NEW(j->ctx, fg_footprint);
    *f = fg_measure_footprint(m);
    j->footprint = f;
    if (j->options->output) fg_check_footprint(m, f);
}

static void note_module(job *j) {
    const fg_module *m = j->module;
    if (!j->options->output) return;
    if (m->options.weights == FG_WEIGHTS_INLINE && m->weights_bytes > INLINE_NOTE_BYTES)
        fg_console_note(
            j->session->console, j->ctx, j->model,
            "%" PRId64
            " MB of weights stand in the C file; --weights=incbin or --weights=blob compiles faster",
            m->weights_bytes >> 20);
    if (j->options->verify == FG_VERIFY_NONE)
        fg_console_note(j->session->console, j->ctx, j->model, "the code is not checked (--verify=none)");
}

/* The user asked for other weights than the model has: what that costs is said even where no report is. */
static void note_precision(job *j) {
    const fg_rounding *r = j->module->partition->graph->rounding;
    fg_console *console = j->session->console;
    if (!r) return;
    for (int i = 0; i < r->n_out_of_range; i++)
        fg_console_note(console, j->ctx, j->model, "weights '%s' are out of the range of %s and stay fp32",
                        fg_escape_terminal(j->ctx, r->out_of_range[i].name), fg_precision_name(r->type));
    if (j->verdict && j->verdict->rounded)
        fg_console_note(console, j->ctx, j->model,
                        "%d tensor%s of weights %s rounded to %s, which moves the outputs by %.1e of RMS",
                        r->n, r->n == 1 ? "" : "s", r->n == 1 ? "is" : "are", fg_precision_name(r->type),
                        j->verdict->rounding.max_rel);
}

/* ---- tuning ---- */

/* Passes over the kernels in one trial; the shortest counts. */
#define TRIAL_RUNS 20

/* A trial is a job of its own, with all of its memory: modules of large models cannot pile up. */
typedef struct trial {
    job *tuned;
    job j;
    fg_trial times;
} trial;

static fg_fusion_options fusion_options(const fg_cli_options *o) {
    return (fg_fusion_options){.fuse = !o->no_fuse, .optimize = o->optimize, .weights = o->weights_type};
}

static fg_partition *partition(job *j) {
    const fg_fusion_options fusion = fusion_options(j->options);
    fg_graph *g = fg_graph_clone(j->read);
    fg_canonicalise(g, &fusion);
    return fg_partition_graph(g, &fusion);
}

/* From the file on, for a job that is only to be timed. */
static const fg_module *generate_aside(fg_context *ctx, job *j) {
    fg_context_set_file(ctx, j->model);
    j->read = read_graph(j);
    fg_infer(j->read);
    const fg_target *target = fg_target_load(ctx, j->options->target);
    fg_codegen_options codegen = codegen_options(j, target);
    return fg_generate(partition(j), target, &codegen);
}

static void run_trial(fg_context *ctx, void *arg) {
    trial *t = arg;
    const fg_module *m = generate_aside(ctx, &t->j);
    const fg_bench *b = fg_bench_run(m, t->j.inputs, seed, TRIAL_RUNS);
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

/* Runs body on a job like j in a context of its own; what it leaves must be copied to j's. */
static void run_aside(job *j, job *aside, void (*body)(fg_context *ctx, void *arg), void *arg) {
    aside->ctx = own_context(j->ctx, j->options);
    const fg_status status = fg_try(aside->ctx, body, arg);
    const fg_diagnostic d = *fg_context_diagnostic(aside->ctx);
    fg_undefer(j->ctx, aside->ctx);
    fg_context_free(aside->ctx);
    if (status == FG_OK) return;
    if (*d.remedy) fg_remedy(j->ctx, "%s", d.remedy);
    fg_raise(j->ctx, status, "%s", d.message);
}

static fg_trial time_trial(void *user, const fg_tuning *tuning, int candidate) {
    job *j = user;
    trial t = {.tuned = j, .j = *j};
    t.j.tuning = tuning;
    t.j.candidate = candidate;
    run_aside(j, &t.j, run_trial, &t);
    return t.times;
}

static void note_tuning(job *j, const fg_tune_result *r) {
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
static void choose_tiles(job *j, const fg_target *target) {
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
        j->tuning = fg_tuning_parse(j->ctx, o->tune_file ? file_name(o->tune_file) : "--tune", text, n,
                                    target, j->read->sha256);
}

/* ---- fused against unfused ---- */

typedef struct unfused_run {
    fg_context *keep;
    job j;
    fg_bench *bench;
} unfused_run;

static void run_unfused(fg_context *ctx, void *arg) {
    unfused_run *u = arg;
    const fg_module *m = generate_aside(ctx, &u->j);
    u->bench = fg_bench_copy(u->keep, fg_bench_run(m, u->j.inputs, seed, u->j.options->bench_runs));
}

/* --compare --bench: one kernel per operator, timed after the fused ones in the same way. */
static void bench_unfused(job *j) {
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

/* ---- one model ---- */

static void generate(job *j) {
    const fg_cli_options *o = j->options;
    const fg_fusion_options fusion = fusion_options(o);
    fg_graph *g = fg_graph_clone(j->read);
    fg_canonicalise(g, &fusion);
    if (!dump(j, FG_DUMP_CANONICAL, g, NULL) && only_dumps(o)) return;
    fg_partition *p = fg_partition_graph(g, &fusion);
    dump(j, FG_DUMP_PARTITION, g, p);
    if (only_dumps(o)) return;
    const fg_target *target = fg_target_load(j->ctx, o->target);
    if (target->report_only && o->output) {
        fg_remedy(j->ctx, "fusegen --list-targets names the targets");
        fg_raise(j->ctx, FG_USAGE, "target '%s' has figures for reports only; no code is made for it",
                 target->name);
    }
    read_inputs(j);
    choose_tiles(j, target);
    fg_codegen_options codegen = codegen_options(j, target);
    j->module = fg_generate(p, target, &codegen);
    const int asked = codegen.n_compact;
    codegen.compact = fg_over_budget(j->module, &codegen.n_compact);
    if (codegen.n_compact > asked) j->module = fg_generate(p, target, &codegen);
}

static void collect(job *j) {
    session *s = j->session;
    const fg_pairwise_options compat = {j->options->compat_stochastic_depth, j->options->compat_dropout};
    fg_report_source source = {.model = j->model,
                               .variant = j->variant,
                               .read = j->read,
                               .module = j->module,
                               .verdict = j->verdict,
                               .bench = j->bench,
                               .unfused = j->unfused,
                               .footprint = j->footprint};
    source.pairwise = fg_pairwise_partition(j->read, &compat);
    s->reports[s->n_reports] = fg_report_collect_both(s->ctx, &source, j->options->pairwise);
    s->n_reports++;
}

static bool uses_winograd(const fg_module *m) {
    for (int i = 0; i < m->n_kernels; i++)
        if (strncmp(m->kernels[i].tile, "F(", 2) == 0) return true;
    return false;
}

/* Each Winograd kernel stays within its own error budget, but in very deep networks what they add can grow
 * beyond the bound end to end: then the network is made once more without. */
static void verify_or_go_direct(job *j) {
    verify(j);
    if (!j->verdict || j->verdict->passed || j->options->exact || !uses_winograd(j->module)) return;
    fg_console_note(
        j->session->console, j->ctx, j->model,
        "with Winograd the error is %.1e of RMS, above the bound of %.1e: made again without, as by --exact",
        j->verdict->total.max_rel, j->verdict->bound);
    j->direct = true;
    generate(j);
    measure_footprint(j);
    verify(j);
}

static void run_job(fg_context *ctx, void *arg) {
    job *j = arg;
    const fg_cli_options *o = j->options;
    fg_context_set_file(ctx, j->model);
    fg_progress(ctx, "reading", 0, 0);
    j->read = read_graph(j);
    check_external(ctx, o, j->read);
    note_input(j);
    if (!dump(j, FG_DUMP_READ, j->read, NULL) && only_dumps(o)) return;
    fg_infer(j->read);
    if (!dump(j, FG_DUMP_INFER, j->read, NULL) && only_dumps(o)) return;
    generate(j);
    if (!j->module) return;
    note_module(j);
    measure_footprint(j);
    verify_or_go_direct(j);
    note_precision(j);
    bench(j);
    bench_unfused(j);
    collect(j);
    fg_context_set_node(ctx, NULL);
    if (j->verdict && !j->verdict->passed)
        fg_raise(ctx, FG_MISMATCH, "the generated code does not match the reference: %s",
                 j->verdict->first_failure ? j->verdict->first_failure : "end to end");
    if (j->tune_text && o->tune_file) write_file(ctx, o->tune_file, j->tune_text, strlen(j->tune_text));
    if (o->emit) emit_onnx(ctx, j->read, j->module, o->emit);
    fg_output_names names = o->output ? fg_output_names_of(ctx, o->output) : (fg_output_names){0};
    if (o->output) fg_output_module(ctx, &names, j->module);
}

static void fail(session *s, fg_context *ctx, fg_status status) {
    fg_console_diagnostic(s->console, s->ctx, fg_context_diagnostic(ctx));
    if (s->status == FG_OK) s->status = status;
}

static void run_in_own_context(session *s, job *j) {
    j->ctx = own_context(s->ctx, s->options);
    fg_context_set_progress(j->ctx, fg_console_progress, s->console);
    fg_status status = fg_try(j->ctx, run_job, j);
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
static void set_point(session *s, job *j, int at) {
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
static void set_shapes(session *s, job *j, int model) {
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

static bool any_view(const fg_cli_options *o) {
    bool any = false;
    for (int v = 0; v < FG_VIEW_COUNT; v++) any |= o->view[v];
    return any;
}

/* Each model's views, then what is said of all of them together. */
static void render_views(session *s, const fg_report_style *style, fg_text *out) {
    bool each = any_view(s->options);
    for (int i = 0; each && i < s->n_reports; i++) {
        if (i) fg_text_add(out, "\n");
        fg_view_print(s->reports[i], s->options, style, out);
    }
    if (s->options->view[FG_VIEW_ENERGY]) {
        fg_text_add(out, "\n");
        fg_view_sweep(s->n_reports, s->reports, style, out);
    }
    if (s->options->family) {
        if (each) fg_text_add(out, "\n");
        fg_view_family(s->n_reports, s->reports, style, out);
    }
}

static void render(session *s, const fg_report_option *option, fg_text *out) {
    fg_report_style style = {.width = option->file ? 0 : fg_console_width(),
                             .color = !option->file && fg_color_on(s->options->color, stdout),
                             .verbose = s->options->verbose};
    if (option->format == FG_REPORT_JSON) {
        fg_report_json(s->ctx, s->n_reports, s->reports, out);
    } else if (option->format == FG_REPORT_HTML) {
        fg_report_html(s->ctx, s->n_reports, s->reports, out);
    } else if (option->format == FG_REPORT_SVG) {
        fg_report_svg(s->reports[0], out);
    } else if (option->format == FG_REPORT_DOT) {
        fg_report_dot(s->reports[0], out);
    } else if (any_view(s->options) || s->options->family) {
        render_views(s, &style, out);
    } else if (s->n_reports > 1) {
        for (int i = 0; style.verbose && i < s->n_reports; i++) {
            fg_report_text(s->reports[i], &style, out);
            fg_text_add(out, "\n");
        }
        fg_report_comparison(s->ctx, s->n_reports, s->reports, &style, out);
    } else if (s->options->n_reports) {
        fg_report_text(s->reports[0], &style, out);
    } else {
        fg_report_summary(s->reports[0], &style, out);
    }
}

static void print_report(session *s, const fg_report_option *option) {
    fg_text text = fg_text_new(s->ctx);
    render(s, option, &text);
    if (!option->file) {
        fg_console_print(s->ctx, text.data, text.length);
    } else {
        write_file(s->ctx, option->file, text.data, text.length);
    }
    fg_text_free(&text);
}

static void print_reports(session *s) {
    static const fg_report_option summary = {FG_REPORT_TEXT, NULL};
    if (!s->n_reports) return;
    for (int i = 0; i < s->options->n_reports; i++) print_report(s, &s->options->reports[i]);
    const fg_cli_options *o = s->options;
    bool asked = any_view(o) || o->family;
    for (int i = 0; i < o->n_reports; i++)
        asked = asked && o->reports[i].format != FG_REPORT_TEXT && o->reports[i].file;
    if (asked || (!o->n_reports && !o->output && !o->emit && !only_dumps(o))) print_report(s, &summary);
}

static void run_session(fg_context *ctx, void *arg) {
    session *s = arg;
    const fg_cli_options *o = s->options;
    fg_paths_check(ctx, o);
    int points = sweep_size(ctx, o);
    s->reports = FG_ARRAY(ctx, (int64_t)o->n_models * points, const fg_report *);
    for (int i = 0; i < o->n_models; i++) {
        for (int at = 0; at < points; at++) {
            job j = {.session = s, .options = o, .model = o->models[i]};
            set_point(s, &j, at);
            set_shapes(s, &j, i);
            run_in_own_context(s, &j);
        }
    }
    print_reports(s);
}

fg_status fg_drive(fg_context *ctx, const fg_cli_options *options, fg_console *console) {
    session s = {.ctx = ctx, .options = options, .console = console};
    fg_status status = fg_try(ctx, run_session, &s);
    if (status != FG_OK) fail(&s, ctx, status);
    return s.status;
}
