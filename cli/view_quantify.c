/* --quantify: how much work, how much traffic, what fusion takes away. */
#include "cli/table.h"
#include "cli/view.h"

#include <inttypes.h>

static double per_byte(int64_t flops, int64_t bytes) {
    return bytes > 0 ? (double)flops / (double)bytes : 0.0;
}

static void traffic(const fg_report *r, fg_text *out) {
    int64_t in = 0, weights = 0, results = 0;
    for (int i = 0; i < r->n_kernels; i++) {
        in += r->kernels[i].in_bytes;
        weights += r->kernels[i].weight_bytes;
        results += r->kernels[i].out_bytes;
    }
    fg_text_printf(out,
                   "  traffic     %" PRId64 " bytes unfused, %" PRId64 " fused: %" PRId64 " read, %" PRId64
                   " of weights, %" PRId64 " written\n",
                   r->bytes_unfused, r->bytes_fused, in, weights, results);
    int64_t saved = r->bytes_unfused - r->bytes_fused;
    fg_text_printf(out, "  saved       %" PRId64 " bytes, %.2f %%", saved, 100 * fg_report_saved(r));
    if (r->pairwise)
        fg_text_printf(out, "; %.1f %% if each intermediate tensor is written and read",
                       100 * fg_report_saved_write_read(r->bytes_fused, saved));
    fg_text_add(out, "\n");
}

static void patterns(const fg_report *r, const fg_report_style *style, fg_text *out) {
    static const fg_column columns[] = {{"  pattern", false, 16}, {"groups", true, 0}, {"operators", true, 0},
                                        {"MFLOP", true, 0},       {"kB", true, 0},     {"kB saved", true, 0},
                                        {"FLOP/B", true, 0}};
    int n;
    const fg_pattern_sum *sums = fg_view_patterns(out->ctx, r, &n);
    fg_table *t = fg_table_new(out->ctx, FG_COUNT(columns), columns);
    for (int i = 0; i < n; i++) {
        fg_table_add(t, "  %s", sums[i].pattern);
        fg_table_add(t, "%d", sums[i].groups);
        fg_table_add(t, "%d", sums[i].operators);
        fg_table_add(t, "%.2f", (double)sums[i].flops * 1e-6);
        fg_table_add(t, "%.1f", (double)sums[i].bytes * 1e-3);
        fg_table_add(t, "%.1f", (double)(sums[i].bytes_unfused - sums[i].bytes) * 1e-3);
        fg_table_add(t, "%.2f", per_byte(sums[i].flops, sums[i].bytes));
    }
    fg_table_print(t, style->width, out);
}

/* The published catalogue's names, and what of it was converted. */
static void catalogue(const fg_report *r, fg_text *out) {
    int n;
    const fg_report_count *c = fg_report_catalogue(out->ctx, r, &n);
    for (int i = 0; i < n; i++)
        fg_text_printf(out, "%s%d %s", i ? ", " : "\n  catalogue   ", c[i].n, c[i].name);
    if (n) fg_text_add(out, "\n");
    c = fg_report_conversions(out->ctx, r, &n);
    for (int i = 0; i < n; i++)
        fg_text_printf(out, "%s%d %s", i ? ", " : "  converted   ", c[i].n, c[i].name);
    if (n) fg_text_add(out, "\n");
    const char *cited = fg_view_catalogue_citation(out->ctx, r);
    if (cited) fg_text_add(out, cited);
}

void fg_view_quantify(const fg_report *r, const fg_report_style *style, fg_text *out) {
    fg_view_title("quantify", style, out);
    fg_text_printf(out, "  groups      %d %s for %d operators, %.2f operators each; %d of one operator\n",
                   r->n_kernels, fg_view_groups(r), r->operators, fg_report_efficiency(r), r->single_op);
    fg_text_printf(out, "  reduction   %.2fx fewer launches\n", fg_report_efficiency(r));
    fg_text_printf(out, "  work        %" PRId64 " FLOP\n", r->flops);
    traffic(r, out);
    fg_text_printf(out, "  intensity   %.3f FLOP/B on average over groups; %.3f in all, %.3f unfused\n",
                   r->mean_intensity, per_byte(r->flops, r->bytes_fused),
                   per_byte(r->flops, r->bytes_unfused));
    fg_text_add(out, "\n");
    patterns(r, style, out);
    if (!r->pairwise) catalogue(r, out);
    const char *cited = fg_view_citation(out->ctx, r);
    if (cited) fg_text_printf(out, "%s", cited);
}
