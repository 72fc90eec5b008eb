/* The text report: for people. Columns fit the terminal; piped, nothing is cut. */
#include "cli/report.h"
#include "cli/table.h"

#include "codegen/escape.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *bytes(fg_context *ctx, int64_t n) {
    return fg_scaled(ctx, (double)n, "B");
}

static const char *paint(const fg_report_style *style, const char *code) {
    return style->color ? code : "";
}

/* Where b leaves the path that it shares with a: exporters name nodes by nested modules. */
static const char *own_part(const char *a, const char *b) {
    const char *start = b;
    for (const char *s = b; *s && *s == *a; s++, a++)
        if (*s == '/') start = s + 1;
    return *start ? start : b;
}

/* "7: block/conv1 .. relu3", or all names. */
static const char *node_list(fg_context *ctx, const fg_report_kernel *k, bool all) {
    if (!k->n_nodes) return "0";
    const char *s = fg_format(ctx, "%d: %s", k->n_nodes, fg_escape_terminal(ctx, k->nodes[0]));
    if (k->n_nodes > 1 && !all)
        return fg_format(ctx, "%s .. %s", s,
                         fg_escape_terminal(ctx, own_part(k->nodes[0], k->nodes[k->n_nodes - 1])));
    for (int i = 1; i < k->n_nodes; i++) s = fg_format(ctx, "%s %s", s, fg_escape_terminal(ctx, k->nodes[i]));
    return s;
}

static void add_kernel_row(fg_context *ctx, fg_table *t, const fg_report_kernel *k, int index) {
    fg_table_add(t, "%d", index);
    fg_table_add(t, "%s", k->name);
    fg_table_add(t, "%s", k->pattern);
    fg_table_add(t, "%s", node_list(ctx, k, false));
    fg_table_add(t, "%.2f", (double)k->flops * 1e-6);
    fg_table_add(t, "%.1f", (double)k->bytes * 1e-3);
    fg_table_add(t, "%.1f", k->intensity);
    fg_table_add(t, "%s", fg_class_name(k->class));
    fg_table_add(t, "%s", *k->tile ? k->tile : "-");
    fg_table_add(t, "%s", k->boundary);
    if (!k->checked)
        fg_table_add(t, "-");
    else
        fg_table_add(t, "%.1e%s", k->error.max_rel, k->error.passed ? "" : " FAILED");
}

static void kernel_table(fg_context *ctx, const fg_report *r, const fg_report_style *style, fg_text *out) {
    static const fg_column columns[] = {
        {"#", true, 0},     {"kernel", false, 24},  {"pattern", false, 10}, {"ONNX nodes", false, 12},
        {"MFLOP", true, 0}, {"kB", true, 0},        {"FLOP/B", true, 0},    {"class", false, 0},
        {"tile", false, 0}, {"boundary", false, 0}, {"error", true, 0}};
    fg_table *t = fg_table_new(ctx, FG_COUNT(columns), columns);
    for (int i = 0; i < r->n_kernels; i++) add_kernel_row(ctx, t, &r->kernels[i], i);
    fg_table_print(t, style->width, out);
}

/* With -v: what the table has no room for. */
static void kernel_details(fg_context *ctx, const fg_report *r, fg_text *out) {
    fg_text_add(out, "\n");
    for (int i = 0; i < r->n_kernels; i++) {
        const fg_report_kernel *k = &r->kernels[i];
        fg_text_printf(out, "%d %s\n    nodes %s\n", i, k->name, node_list(ctx, k, true));
        if (*k->why) fg_text_printf(out, "    %s\n", fg_escape_terminal(ctx, k->why));
    }
}

static void head(fg_context *ctx, const fg_report *r, fg_text *out) {
    fg_text_printf(out, "model     %s%s%s\n", fg_escape_terminal(ctx, r->model), *r->variant ? " with " : "",
                   fg_escape_terminal(ctx, r->variant));
    fg_text_printf(out, "          opset %d, %d nodes, %" PRId64 " parameters%s\n", r->opset, r->nodes,
                   r->parameters, r->n_synthetic ? " (synthetic weights)" : "");
    fg_text_printf(out, "target    %s%s%s\n", r->target, *r->target_description ? ": " : "",
                   r->target_description);
}

void fg_report_head(const fg_report *r, fg_text *out) {
    head(out->ctx, r, out);
    if (!r->pairwise) return;
    fg_text_add(out, "partition pairwise, as a published study groups and counts; no code is made from it\n");
    if (r->n_stochastic_depth + r->n_dropout)
        fg_text_printf(out, "          synthesised by --fx-compat: %d stochastic depth, %d dropout\n",
                       r->n_stochastic_depth, r->n_dropout);
    else
        fg_text_add(out, "          no operator is synthesised\n");
}

/* The study counts an intermediate tensor once; written and read, it costs twice that. */
static void pairwise_remarks(const fg_report *r, fg_text *out) {
    double once = (double)(r->bytes_unfused - r->bytes_fused), fused = (double)r->bytes_fused;
    fg_text_printf(
        out,
        "pairwise  a published study's grouping and accounting, for comparison: no code is made from it\n");
    fg_text_printf(out, "          %.1f %% saved if writing and reading are both counted\n",
                   fused + once > 0 ? 100 * 2 * once / (fused + 2 * once) : 0.0);
    if (r->n_stochastic_depth + r->n_dropout)
        fg_text_printf(out, "          synthesised by --fx-compat: %d stochastic depth, %d dropout\n",
                       r->n_stochastic_depth, r->n_dropout);
}

/* Of a board: what is needed of what there is. */
static void board_memory(const fg_report *r, fg_text *out) {
    const fg_footprint *f = r->footprint;
    if (!f) return;
    fg_text_printf(out, "flash     %" PRId64 " bytes", f->flash);
    if (r->flash_limit) fg_text_printf(out, " of %" PRId64, r->flash_limit);
    fg_text_printf(out, ": weights %" PRId64, f->weights);
    if (f->why_not)
        fg_text_printf(out, "; code not measured: %s\n", f->why_not);
    else
        fg_text_printf(out, ", code %" PRId64 ", constants %" PRId64 "; by %s\n", f->code, f->constants,
                       f->compiler);
    fg_text_printf(out, "RAM       %" PRId64 " bytes", f->ram);
    if (r->ram_limit) fg_text_printf(out, " of %" PRId64, r->ram_limit);
    fg_text_printf(out, ": arena %" PRId64 ", inputs and outputs %" PRId64, f->arena, f->tensors);
    if (f->stack >= 0)
        fg_text_printf(out, ", stack %" PRId64 "%s%s", f->stack, *f->outside ? " and what these take: " : "",
                       f->outside);
    fg_text_add(out, "\n");
    if ((r->ram_limit && f->ram > r->ram_limit) || (r->flash_limit && f->flash > r->flash_limit))
        fg_text_printf(out, "          too much for %s: with -o this is an error\n", r->target);
}

/* What stays float32, three lines of it. */
static void kept_in_32(fg_context *ctx, const fg_report_precision *p, fg_text *out) {
    enum { SHOWN = 3 };
    int64_t rest = 0;
    for (int i = 0; i < p->n_kept; i++) {
        const fg_unrounded *k = &p->kept[i];
        if (i >= SHOWN)
            rest += k->bytes;
        else
            fg_text_printf(out, "          stays in 32 bits: '%s', %s, %s%s\n",
                           fg_escape_terminal(ctx, k->name), bytes(ctx, k->bytes),
                           i < p->n_out_of_range ? "" : "read by ", k->why);
    }
    if (p->n_kept > SHOWN)
        fg_text_printf(out, "          and %d more, %s\n", p->n_kept - SHOWN, bytes(ctx, rest));
}

static void precision(fg_context *ctx, const fg_report_precision *p, fg_text *out) {
    if (!p->name) return;
    fg_text_printf(out, "precision %s: %d tensor%s of weights rounded and stored in 16 bits", p->name,
                   p->rounded, p->rounded == 1 ? "" : "s");
    if (p->known)
        fg_text_printf(out, "\n          which moves the outputs by %.2e of RMS (max abs %.2e)\n",
                       p->error.max_rel, p->error.max_abs);
    else
        fg_text_add(out, "\n          (by how much that moves the outputs only --verify tells)\n");
    kept_in_32(ctx, p, out);
}

static void totals(fg_context *ctx, const fg_report *r, fg_text *out) {
    fg_text_printf(out, "kernels   %d for %d operators (%.2f each), %d of a single operator\n", r->n_kernels,
                   r->operators, fg_report_efficiency(r), r->single_op);
    fg_text_printf(out, "classes   ");
    for (int c = 0; c < FG_CLASS_COUNT; c++)
        fg_text_printf(out, "%s%d %s", c ? ", " : "", r->classes[c], fg_class_name((fg_class)c));
    fg_text_printf(out, "; mean intensity %.2f FLOP/B\n", r->mean_intensity);
    fg_text_printf(out, "work      %s\n", fg_scaled(ctx, (double)r->flops, "FLOP"));
    if (r->flops_again > 0)
        fg_text_printf(
            out, "again     %s of rows made more often than once, to keep fewer of them: %.0f %%\n",
            fg_scaled(ctx, (double)r->flops_again, "FLOP"), 100 * (double)r->flops_again / (double)r->flops);
    fg_text_printf(out, "moved     %s; one by one the operators would move %s: %.1f %% saved\n",
                   bytes(ctx, r->bytes_fused), bytes(ctx, r->bytes_unfused), 100 * fg_report_saved(r));
    fg_text_printf(out, "arena     %" PRId64 " bytes (at least %" PRId64 " are live at once)\n",
                   r->arena_bytes, r->arena_lower_bound);
    fg_text_printf(out, "weights   %" PRId64 " bytes\n", r->weights_bytes);
    precision(ctx, &r->precision, out);
    board_memory(r, out);
    if (r->pairwise) pairwise_remarks(r, out);
    if (r->predicted_ms > 0)
        fg_text_printf(out, "predicted %.3f ms by the target's roofline\n", r->predicted_ms);
}

static void verdict(fg_context *ctx, const fg_report *r, const fg_report_style *style, fg_text *out) {
    if (r->mode == FG_VERIFY_NONE) {
        fg_text_add(out, "verdict   not checked (--verify=none)\n");
        return;
    }
    fg_text_printf(out,
                   "verdict   %s%s%s by %s: error %.2e of RMS (bound %.1e, plain float32 run %.1e), max abs "
                   "%.2e, %.0f ulp\n",
                   paint(style, r->passed ? "\033[1;32m" : "\033[1;31m"), r->passed ? "PASSED" : "FAILED",
                   paint(style, "\033[0m"), fg_verify_mode_name(r->mode), r->total.max_rel, r->bound,
                   r->float_run, r->total.max_abs, r->total.max_ulp);
    if (*r->checked) fg_text_printf(out, "          %s\n", fg_escape_terminal(ctx, r->checked));
    if (r->failure) fg_text_printf(out, "          %s\n", fg_escape_terminal(ctx, r->failure));
    if (r->instructions >= 0 && r->flops > 0)
        fg_text_printf(out, "executed  %" PRId64 " instructions, %.3f for each multiply-add\n",
                       r->instructions, 2 * (double)r->instructions / (double)r->flops);
}

/* ---- times ---- */

static int by_time(const void *a, const void *b) {
    double x = (*(const fg_report_kernel *const *)a)->measured.wall.median_ms;
    double y = (*(const fg_report_kernel *const *)b)->measured.wall.median_ms;
    return (x < y) - (x > y);
}

static void add_bench_row(fg_context *ctx, fg_table *t, const fg_report *r, const fg_report_kernel *k) {
    const fg_bench_kernel *m = &k->measured;
    double all = r->bench->kernels_ms;
    fg_table_add(t, "%s", k->name);
    fg_table_add(t, "%.4f", m->wall.median_ms);
    fg_table_add(t, "%.4f", m->wall.min_ms);
    fg_table_add(t, "%.1f%%", all > 0 ? 100 * m->wall.median_ms / all : 0.0);
    fg_table_add(t, "%.4f", k->predicted_ms);
    fg_table_add(t, "%s", m->gflops > 0 ? fg_format(ctx, "%.1f", m->gflops) : "-");
    fg_table_add(t, "%.1f", m->gbps);
    fg_table_add(t, "%s", m->share > 0 ? fg_format(ctx, "%.0f%% of %s", 100 * m->share, m->against) : "-");
}

void fg_report_bench(const fg_report *r, const fg_report_style *style, fg_text *out) {
    static const fg_column columns[] = {{"kernel", false, 24}, {"ms", true, 0},        {"min", true, 0},
                                        {"time", true, 0},     {"predicted", true, 0}, {"GFLOP/s", true, 0},
                                        {"GB/s", true, 0},     {"reached", false, 0}};
    fg_context *ctx = out->ctx;
    if (!fg_report_measured(r) || r->pairwise) return;
    const fg_report_kernel **order = FG_ARRAY(ctx, r->n_kernels, const fg_report_kernel *);
    for (int i = 0; i < r->n_kernels; i++) order[i] = &r->kernels[i];
    qsort(order, (size_t)r->n_kernels, sizeof(const fg_report_kernel *), by_time);
    fg_table *t = fg_table_new(ctx, FG_COUNT(columns), columns);
    for (int i = 0; i < r->n_kernels; i++) add_bench_row(ctx, t, r, order[i]);
    fg_table_print(t, style->width, out);
    fg_text_add(out, "\n");
}

static void times(fg_context *ctx, const fg_report *r, fg_text *out) {
    const fg_bench *b = r->bench;
    if (!b) return;
    if (b->why_not) {
        fg_text_printf(out, "time      not measured: %s\n", fg_escape_terminal(ctx, b->why_not));
        return;
    }
    fg_text_printf(
        out, "time      %.3f ms median, %.3f ms min of %d runs; processor time %.3f ms; first run %.3f ms\n",
        b->wall.median_ms, b->wall.min_ms, b->runs, b->cpu.median_ms, b->first_ms);
    fg_text_printf(out, "          %.1f GFLOP/s", b->gflops);
    if (b->share > 0) fg_text_printf(out, ", %.1f %% of the target's peak", 100 * b->share);
    fg_text_printf(out, "; kernels alone %.3f ms; %s\n", b->kernels_ms,
                   fg_escape_terminal(ctx, b->compiled_by));
}

void fg_report_summary(const fg_report *r, const fg_report_style *style, fg_text *out) {
    head(out->ctx, r, out);
    if (fg_report_measured(r)) fg_text_add(out, "\n");
    fg_report_bench(r, style, out);
    totals(out->ctx, r, out);
    times(out->ctx, r, out);
    verdict(out->ctx, r, style, out);
}

void fg_report_text(const fg_report *r, const fg_report_style *style, fg_text *out) {
    head(out->ctx, r, out);
    fg_text_add(out, "\n");
    kernel_table(out->ctx, r, style, out);
    if (style->verbose) kernel_details(out->ctx, r, out);
    fg_text_add(out, "\n");
    fg_report_bench(r, style, out);
    totals(out->ctx, r, out);
    times(out->ctx, r, out);
    verdict(out->ctx, r, style, out);
}

static const char *short_verdict(fg_context *ctx, const fg_report *r) {
    if (r->mode == FG_VERIFY_NONE) return "not checked";
    return fg_format(ctx, "%s %.1e", r->passed ? "passed" : "FAILED", r->total.max_rel);
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void fg_report_comparison(fg_context *ctx, int n, const fg_report *const *reports,
                          const fg_report_style *style, fg_text *out) {
    static const fg_column columns[] = {{"model", false, 16},  {"nodes", true, 0},    {"operators", true, 0},
                                        {"kernels", true, 0},  {"single", true, 0},   {"MFLOP", true, 0},
                                        {"MB moved", true, 0}, {"unfused", true, 0},  {"saved", true, 0},
                                        {"FLOP/B", true, 0},   {"arena MB", true, 0}, {"weights MB", true, 0},
                                        {"error", true, 0}};
    fg_table *t = fg_table_new(ctx, FG_COUNT(columns), columns);
    for (int i = 0; i < n; i++) {
        const fg_report *r = reports[i];
        fg_table_add(t, "%s%s%s", fg_escape_terminal(ctx, file_name(r->model)), *r->variant ? " " : "",
                     fg_escape_terminal(ctx, r->variant));
        fg_table_add(t, "%d", r->nodes);
        fg_table_add(t, "%d", r->operators);
        fg_table_add(t, "%d", r->n_kernels);
        fg_table_add(t, "%d", r->single_op);
        fg_table_add(t, "%.1f", (double)r->flops * 1e-6);
        fg_table_add(t, "%.2f", (double)r->bytes_fused * 1e-6);
        fg_table_add(t, "%.2f", (double)r->bytes_unfused * 1e-6);
        fg_table_add(t, "%.1f%%", 100 * fg_report_saved(r));
        fg_table_add(t, "%.2f", r->mean_intensity);
        fg_table_add(t, "%.2f", (double)r->arena_bytes * 1e-6);
        fg_table_add(t, "%.2f", (double)r->weights_bytes * 1e-6);
        fg_table_add(t, "%s", short_verdict(ctx, r));
    }
    fg_table_print(t, style->width, out);
}
