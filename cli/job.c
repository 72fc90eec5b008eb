/* One model at one point of the sweep: its passes in order, in a context of its own. */
#include "cli/job.h"

#include "cli/output.h"
#include "cli/paths.h"
#include "codegen/escape.h"
#include "codegen/functions.h"
#include "frontend/external.h"
#include "fusion/rounding.h"

#include <inttypes.h>
#include <string.h>

/* Inline weights beyond this make compilers slow and hungry. */
#define INLINE_NOTE_BYTES (32 << 20)

static void free_context(void *ctx) {
    fg_context_free(ctx);
}

/* With the limits of the command line. It goes with `outer` at the latest: should collecting the report fail,
 * temporary files must still be removed. */
fg_context *fg_job_context(fg_context *outer, const fg_cli_options *o) {
    fg_context *ctx = fg_context_new();
    if (!ctx) fg_raise(outer, FG_UNSUPPORTED, "out of memory");
    fg_defer(outer, free_context, ctx);
    fg_limits *limits = fg_context_limits(ctx);
    if (o->max_bytes) limits->bytes = o->max_bytes;
    if (o->max_work) limits->work = o->max_work;
    if (o->max_text) limits->text = o->max_text;
    return ctx;
}

/* External data lie where the model says, which is known once it is read. */
static void check_external(fg_context *ctx, const fg_cli_options *o, const fg_graph *read) {
    for (const fg_file *f = read->external; f; f = f->next) fg_paths_check_read(ctx, o, f->path);
}

/* ---- --emit, --dump ---- */

/* A failed write is seen by ferror in the commit. */
static void write_chunk(void *stream, const char *data, size_t n) {
    (void)fwrite(data, 1, n, stream);
}

static void emit_onnx(fg_context *ctx, fg_graph *read, const fg_module *m, const char *path) {
    fg_output *o = fg_output_new(ctx);
    fg_emit_onnx(read, m, write_chunk, fg_output_open(o, path));
    fg_output_commit(o);
}

/* Prints the graph if this pass was asked for; returns whether any later pass was. */
static bool dump(fg_job *j, fg_dump_pass pass, const fg_graph *g, const fg_partition *p) {
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
bool fg_only_dumps(const fg_cli_options *o) {
    bool any = false;
    for (int i = 0; i < FG_DUMP_COUNT; i++) any |= o->dump[i];
    return any && !o->output && !o->emit && !o->n_reports && !o->bench_runs;
}

/* ---- notes ---- */

static void note_input(fg_job *j) {
    if (j->read->n_synthetic > 0)
        fg_console_note(j->session->console, j->ctx, j->model,
                        "weights are synthetic: %d tensors made by fill rules", j->read->n_synthetic);
}

static void note_module(fg_job *j) {
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
static void note_precision(fg_job *j) {
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

/* ---- the passes ---- */

static void generate(fg_job *j) {
    const fg_cli_options *o = j->options;
    const fg_fusion_options fusion = fg_job_fusion(o);
    fg_graph *g = fg_graph_clone(j->read);
    fg_canonicalise(g, &fusion);
    if (!dump(j, FG_DUMP_CANONICAL, g, NULL) && fg_only_dumps(o)) return;
    fg_partition *p = fg_partition_graph(g, &fusion);
    dump(j, FG_DUMP_PARTITION, g, p);
    if (fg_only_dumps(o)) return;
    const fg_target *target = fg_target_load(j->ctx, o->target);
    if (target->report_only && o->output) {
        fg_remedy(j->ctx, "fusegen --list-targets names the targets");
        fg_raise(j->ctx, FG_USAGE, "target '%s' has figures for reports only; no code is made for it",
                 target->name);
    }
    fg_job_read_inputs(j);
    fg_job_choose_tiles(j, target);
    fg_codegen_options codegen = fg_job_codegen(j, target);
    j->module = fg_generate(p, target, &codegen);
    const int asked = codegen.n_compact;
    codegen.compact = fg_over_budget(j->module, &codegen.n_compact);
    if (codegen.n_compact > asked) j->module = fg_generate(p, target, &codegen);
}

static void collect(fg_job *j) {
    fg_session *s = j->session;
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
static void verify_or_go_direct(fg_job *j) {
    fg_job_verify(j);
    if (!j->verdict || j->verdict->passed || j->options->exact || !uses_winograd(j->module)) return;
    fg_console_note(
        j->session->console, j->ctx, j->model,
        "with Winograd the error is %.1e of RMS, above the bound of %.1e: made again without, as by --exact",
        j->verdict->total.max_rel, j->verdict->bound);
    j->direct = true;
    generate(j);
    fg_job_measure(j);
    fg_job_verify(j);
}

void fg_job_body(fg_context *ctx, void *arg) {
    fg_job *j = arg;
    const fg_cli_options *o = j->options;
    fg_context_set_file(ctx, j->model);
    fg_progress(ctx, "reading", 0, 0);
    j->read = fg_job_read(j);
    check_external(ctx, o, j->read);
    note_input(j);
    if (!dump(j, FG_DUMP_READ, j->read, NULL) && fg_only_dumps(o)) return;
    fg_infer(j->read);
    if (!dump(j, FG_DUMP_INFER, j->read, NULL) && fg_only_dumps(o)) return;
    generate(j);
    if (!j->module) return;
    note_module(j);
    fg_job_measure(j);
    verify_or_go_direct(j);
    note_precision(j);
    fg_job_bench(j);
    fg_job_bench_unfused(j);
    collect(j);
    fg_context_set_node(ctx, NULL);
    if (j->verdict && !j->verdict->passed)
        fg_raise(ctx, FG_MISMATCH, "the generated code does not match the reference: %s",
                 j->verdict->first_failure ? j->verdict->first_failure : "end to end");
    if (j->tune_text && o->tune_file) fg_output_text(ctx, o->tune_file, j->tune_text, strlen(j->tune_text));
    if (o->emit) emit_onnx(ctx, j->read, j->module, o->emit);
    fg_output_names names = o->output ? fg_output_names_of(ctx, o->output) : (fg_output_names){0};
    if (o->output) fg_output_module(ctx, &names, j->module);
}
