/* --profile: every operator with its work and bytes, then the groups that cost most. */
#include "cli/table.h"
#include "cli/view.h"

#include "codegen/escape.h"

#include <stdlib.h>

#define MOST_EXPENSIVE 10

static double percent(double part, double whole) {
    return whole > 0 ? 100 * part / whole : 0.0;
}

static void add_op(fg_context *ctx, fg_table *t, const fg_report *r, const fg_report_op *op, int number,
                   int group) {
    int64_t moved = op->in_bytes + op->weight_bytes + op->out_bytes;
    fg_table_add(t, "%d", number);
    fg_table_add(t, "%s", fg_escape_terminal(ctx, op->name));
    fg_table_add(t, "%s", fg_escape_terminal(ctx, op->type));
    fg_table_add(t, "%.3f", (double)op->flops * 1e-6);
    fg_table_add(t, "%.1f%%", percent((double)op->flops, (double)r->flops));
    fg_table_add(t, "%.1f", (double)op->in_bytes * 1e-3);
    fg_table_add(t, "%.1f", (double)op->weight_bytes * 1e-3);
    fg_table_add(t, "%.1f", (double)op->out_bytes * 1e-3);
    fg_table_add(t, "%.2f", moved > 0 ? (double)op->flops / (double)moved : 0.0);
    fg_table_add(t, "%d", group);
}

static void operators(const fg_report *r, const fg_report_style *style, fg_text *out) {
    static const fg_column columns[] = {{"#", true, 0},       {"operator", false, 16}, {"type", false, 8},
                                        {"MFLOP", true, 0},   {"share", true, 0},      {"kB in", true, 0},
                                        {"weights", true, 0}, {"out", true, 0},        {"FLOP/B", true, 0},
                                        {"group", true, 0}};
    fg_table *t = fg_table_new(out->ctx, FG_COUNT(columns), columns);
    int number = 0;
    for (int i = 0; i < r->n_kernels; i++)
        for (int j = 0; j < r->kernels[i].n_ops; j++)
            add_op(out->ctx, t, r, &r->kernels[i].ops[j], number++, i);
    fg_table_print(t, style->width, out);
}

typedef struct cost {
    const fg_report_kernel *kernel;
    double ms;
} cost;

static int by_cost(const void *a, const void *b) {
    const cost *x = a, *y = b;
    if (x->ms < y->ms || x->ms > y->ms) return x->ms < y->ms ? 1 : -1;
    return (x->kernel > y->kernel) - (x->kernel < y->kernel);
}

static void most_expensive(const fg_report *r, const fg_report_style *style, fg_text *out) {
    static const fg_column columns[] = {{"  group", false, 24}, {"ms", true, 0},    {"time", true, 0},
                                        {"MFLOP", true, 0},     {"work", true, 0},  {"kB", true, 0},
                                        {"FLOP/B", true, 0},    {"class", false, 0}};
    bool measured = fg_report_kernels_measured(r);
    cost *costs = FG_ARRAY(out->ctx, r->n_kernels, cost);
    double all = 0;
    for (int i = 0; i < r->n_kernels; i++) {
        const fg_report_kernel *k = &r->kernels[i];
        costs[i] = (cost){k, measured ? k->measured.wall.median_ms : k->predicted_ms};
        all += costs[i].ms;
    }
    qsort(costs, (size_t)r->n_kernels, sizeof *costs, by_cost);
    fg_table *t = fg_table_new(out->ctx, FG_COUNT(columns), columns);
    int n = r->n_kernels < MOST_EXPENSIVE ? r->n_kernels : MOST_EXPENSIVE;
    for (int i = 0; i < n; i++) {
        const fg_report_kernel *k = costs[i].kernel;
        fg_table_add(t, "  %s", k->name);
        fg_table_add(t, "%.4f", costs[i].ms);
        fg_table_add(t, "%.1f%%", percent(costs[i].ms, all));
        fg_table_add(t, "%.2f", (double)k->flops * 1e-6);
        fg_table_add(t, "%.1f%%", percent((double)k->flops, (double)r->flops));
        fg_table_add(t, "%.1f", (double)k->bytes * 1e-3);
        fg_table_add(t, "%.2f", k->intensity);
        fg_table_add(t, "%s", fg_class_name(k->class));
    }
    fg_text_printf(out, "\n  the %d most expensive %s, %s\n", n, fg_view_groups(r),
                   measured ? "measured" : "by the target's roofline");
    fg_table_print(t, style->width, out);
}

void fg_view_profile(const fg_report *r, const fg_report_style *style, fg_text *out) {
    fg_view_title("profile", style, out);
    operators(r, style, out);
    most_expensive(r, style, out);
}
