/* --compare: no grouping, the pairwise one, and fusegen's own, all counted alike. */
#include "cli/table.h"
#include "cli/view.h"

#include <inttypes.h>

typedef struct strategy {
    const char *name;
    fg_report_totals t;
} strategy;

/* Each operator of the pairwise partition by itself. */
static fg_report_totals one_by_one(const fg_report *paired) {
    fg_report_totals t = {0};
    for (int i = 0; i < paired->n_kernels; i++) {
        for (int j = 0; j < paired->kernels[i].n_ops; j++) {
            const fg_report_op *op = &paired->kernels[i].ops[j];
            int64_t moved = op->in_bytes + op->weight_bytes + op->out_bytes;
            t.bytes_fused += moved;
            t.mean_intensity += moved > 0 ? (double)op->flops / (double)moved : 0.0;
            t.groups++;
        }
    }
    t.single = t.groups;
    if (t.groups) t.mean_intensity /= t.groups;
    return t;
}

static fg_report_totals totals_of(const fg_report *paired) {
    return (fg_report_totals){.groups = paired->n_kernels,
                              .single = paired->single_op,
                              .bytes_fused = paired->bytes_fused,
                              .bytes_internal = paired->bytes_unfused - paired->bytes_fused,
                              .mean_intensity = paired->mean_intensity};
}

static void add_strategy(fg_table *t, const strategy *s, int operators) {
    int64_t unfused = s->t.bytes_fused + s->t.bytes_internal;
    fg_table_add(t, "  %s", s->name);
    fg_table_add(t, "%d", s->t.groups);
    fg_table_add(t, "%d", s->t.single);
    fg_table_add(t, "%.2f", s->t.groups ? (double)operators / s->t.groups : 0.0);
    fg_table_add(t, "%" PRId64, s->t.bytes_fused);
    fg_table_add(t, "%" PRId64, s->t.bytes_internal);
    fg_table_add(t, "%.2f", unfused > 0 ? 100 * (double)s->t.bytes_internal / (double)unfused : 0.0);
    fg_table_add(t, "%.1f", 100 * fg_report_saved_write_read(s->t.bytes_fused, s->t.bytes_internal));
    fg_table_add(t, "%.3f", s->t.mean_intensity);
}

static void add_time(fg_table *t, const char *name, int kernels, const fg_bench *b) {
    fg_table_add(t, "  %s", name);
    fg_table_add(t, "%d", kernels);
    fg_table_add(t, "%.3f", b->wall.median_ms);
    fg_table_add(t, "%.3f", b->wall.min_ms);
    fg_table_add(t, "%.3f", b->first_ms);
    fg_table_add(t, "%.1f", b->gflops);
}

/* With --bench: the same model fused and with one kernel per operator, one after the other on one core. */
static void times(const fg_report *r, const fg_report_style *style, fg_text *out) {
    static const fg_column columns[] = {{"  timed", false, 0}, {"kernels", true, 0}, {"ms median", true, 0},
                                        {"min", true, 0},      {"first", true, 0},   {"GFLOP/s", true, 0}};
    if (!r->unfused || r->unfused->why_not || !fg_report_measured(r)) return;
    fg_table *t = fg_table_new(out->ctx, FG_COUNT(columns), columns);
    add_time(t, "fused", r->own->n_kernels, r->bench);
    add_time(t, "one by one", r->unfused_kernels, r->unfused);
    fg_text_add(out, "\n");
    fg_table_print(t, style->width, out);
    double fused = r->bench->wall.median_ms, steady = fused > 0 ? r->unfused->wall.median_ms / fused : 0;
    double cold = r->bench->first_ms > 0 ? r->unfused->first_ms / r->bench->first_ms : 0;
    fg_text_printf(
        out,
        "  fused is %.2f times as fast, %.2f times in the first run; %d runs each after the warm-up, "
        "%s\n",
        steady, cold, r->bench->runs, r->bench->compiled_by);
}

void fg_view_compare(const fg_report *r, const fg_report_style *style, fg_text *out) {
    static const fg_column columns[] = {
        {"  grouping", false, 0},    {"groups", true, 0}, {"single", true, 0},
        {"operators each", true, 0}, {"bytes", true, 0},  {"bytes inside", true, 0},
        {"saved %", true, 0},        {"w+r %", true, 0},  {"FLOP/B", true, 0}};
    fg_view_title("compare", style, out);
    if (!r->own || !r->paired) {
        fg_text_add(out, "  nothing to compare with\n");
        return;
    }
    const strategy all[] = {
        {"one by one", one_by_one(r->paired)}, {"pairwise", totals_of(r->paired)}, {"fused", r->recounted}};
    fg_table *t = fg_table_new(out->ctx, FG_COUNT(columns), columns);
    for (size_t i = 0; i < FG_COUNT(all); i++) add_strategy(t, &all[i], r->paired->operators);
    fg_table_print(t, style->width, out);
    fg_text_printf(out,
                   "\n  All are counted the way of the pairwise partition, over its %d operators (%d of them "
                   "synthesised):\n  4 bytes per element, each tensor inside a group once; w+r: written and "
                   "read.\n",
                   r->paired->operators, r->paired->n_stochastic_depth + r->paired->n_dropout);
    fg_text_printf(out,
                   "  fused is fusegen's own; its kernels, each operand once, move %" PRId64
                   " bytes, and one by one\n  its operators would move %" PRId64 " (%.2f %% saved).\n",
                   r->own->bytes_fused, r->own->bytes_unfused, 100 * fg_report_saved(r->own));
    times(r, style, out);
}
