/* --analyze-balance: are the groups of a useful size, what holds them back, and what the numbers advise. */
#include "cli/table.h"
#include "cli/view.h"

#include "codegen/escape.h"

#include <string.h>

#define BAR 40

static const char *bytes(fg_context *ctx, int64_t n) {
    return fg_scaled(ctx, (double)n, "B");
}

static double share(int64_t part, int64_t whole) {
    return whole > 0 ? (double)part / (double)whole : 0.0;
}

/* ---- sizes ---- */

static void sizes(const fg_report *r, fg_text *out) {
    int largest = 0, most = 0;
    for (int i = 0; i < r->n_kernels; i++)
        if (r->kernels[i].operators > largest) largest = r->kernels[i].operators;
    int *count = FG_ARRAY(out->ctx, largest + 1, int);
    for (int i = 0; i < r->n_kernels; i++)
        if (++count[r->kernels[i].operators] > most) most = count[r->kernels[i].operators];
    fg_text_printf(out, "  operators per group (%.2f on average)\n", fg_report_efficiency(r));
    for (int size = 0; size <= largest; size++) {
        if (!count[size]) continue;
        fg_text_printf(out, "  %5d  %5d  ", size, count[size]);
        fg_view_bar(share(count[size], most), BAR, out);
        fg_text_add(out, "\n");
    }
}

/* ---- what limits them ---- */

static void bottlenecks(const fg_report *r, const fg_report_style *style, fg_text *out) {
    fg_text_add(out, "\n  limited by (FLOP/B above 50 compute, 10 balanced, 1 memory)\n");
    for (int c = 0; c < FG_CLASS_COUNT; c++) {
        fg_text_printf(out, "  %-9s  %4d  %5.1f %%", fg_class_name((fg_class)c), r->classes[c],
                       100 * share(r->classes[c], r->n_kernels));
        if (r->classes[c]) {
            fg_text_printf(out, "  %s", fg_view_color(style, (fg_class)c));
            fg_view_bar(share(r->classes[c], r->n_kernels), BAR, out);
            fg_text_add(out, fg_view_color_end(style));
        }
        fg_text_add(out, "\n");
    }
}

typedef struct boundary {
    const char *name;
    int groups;
    int64_t bytes; /* written there */
} boundary;

/* In the order of their first group; at most FG_BOUNDARY_OFF + 1. */
static int boundaries(const fg_report *r, boundary *b) {
    int n = 0;
    for (int i = 0; i < r->n_kernels; i++) {
        const fg_report_kernel *k = &r->kernels[i];
        int at = 0;
        while (at < n && strcmp(b[at].name, k->boundary) != 0) at++;
        if (at == n) b[n++] = (boundary){.name = k->boundary};
        b[at].groups++;
        b[at].bytes += k->out_bytes;
    }
    return n;
}

static void boundary_table(const fg_report *r, const fg_report_style *style, fg_text *out) {
    static const fg_column columns[] = {
        {"  groups end at", false, 0}, {"groups", true, 0}, {"written", true, 0}};
    boundary b[FG_BOUNDARY_OFF + 1];
    int n = boundaries(r, b);
    fg_table *t = fg_table_new(out->ctx, FG_COUNT(columns), columns);
    for (int i = 0; i < n; i++) {
        fg_table_add(t, "  %s", b[i].name);
        fg_table_add(t, "%d", b[i].groups);
        fg_table_add(t, "%s", bytes(out->ctx, b[i].bytes));
    }
    fg_text_add(out, "\n");
    fg_table_print(t, style->width, out);
}

static void patterns(const fg_report *r, const fg_report_style *style, fg_text *out) {
    static const fg_column columns[] = {{"  pattern", false, 16},
                                        {"groups", true, 0},
                                        {"share", true, 0},
                                        {"operators", true, 0},
                                        {"saved", true, 0}};
    int n;
    const fg_pattern_sum *sums = fg_view_patterns(out->ctx, r, &n);
    fg_table *t = fg_table_new(out->ctx, FG_COUNT(columns), columns);
    for (int i = 0; i < n; i++) {
        fg_table_add(t, "  %s", sums[i].pattern);
        fg_table_add(t, "%d", sums[i].groups);
        fg_table_add(t, "%.1f%%", 100 * share(sums[i].groups, r->n_kernels));
        fg_table_add(t, "%d", sums[i].operators);
        fg_table_add(t, "%s", bytes(out->ctx, sums[i].bytes_unfused - sums[i].bytes));
    }
    fg_text_add(out, "\n");
    fg_table_print(t, style->width, out);
}

/* ---- recommendations: each only where its numbers call for it ---- */

typedef struct advice {
    const fg_report *r;
    fg_text *out;
    int n;
} advice;

static void number(advice *a) {
    fg_text_printf(a->out, "  %d. ", ++a->n);
}

/* The operator type that most single-operator groups are, and how many. */
static const char *common_single(const fg_report *r, int *most) {
    const char *type = "";
    *most = 0;
    for (int i = 0; i < r->n_kernels; i++) {
        int n = 0;
        if (r->kernels[i].operators > 1 || !r->kernels[i].n_ops) continue;
        for (int j = i; j < r->n_kernels; j++)
            n += r->kernels[j].operators <= 1 && r->kernels[j].n_ops &&
                 strcmp(r->kernels[j].ops[0].type, r->kernels[i].ops[0].type) == 0;
        if (n <= *most) continue;
        *most = n;
        type = r->kernels[i].ops[0].type;
    }
    return type;
}

static void advise_singles(advice *a) {
    const fg_report *r = a->r;
    int64_t moved = 0;
    int most;
    if (!r->single_op) return;
    for (int i = 0; i < r->n_kernels; i++)
        if (r->kernels[i].operators <= 1) moved += r->kernels[i].bytes;
    const char *type = common_single(r, &most);
    number(a);
    fg_text_printf(a->out, "WARNING: groups of a single operator: %d of %d, %s moved, %.1f %% of all traffic",
                   r->single_op, r->n_kernels, bytes(a->out->ctx, moved), 100 * share(moved, r->bytes_fused));
    if (most) fg_text_printf(a->out, " (%d times %s)", most, fg_escape_terminal(a->out->ctx, type));
    fg_text_add(a->out, ": let a neighbour take them in\n");
}

/* The boundary that is not the network's end at which most is written. */
static void advise_boundary(advice *a) {
    boundary b[FG_BOUNDARY_OFF + 1];
    int n = boundaries(a->r, b), worst = -1;
    for (int i = 0; i < n; i++)
        if (strcmp(b[i].name, fg_boundary_name(FG_BOUNDARY_OUTPUT)) != 0 &&
            (worst < 0 || b[i].bytes > b[worst].bytes))
            worst = i;
    if (worst < 0) return;
    number(a);
    fg_text_printf(a->out,
                   "boundary '%s' costs most: %s are written there to be read again, by %d of %d groups\n",
                   b[worst].name, bytes(a->out->ctx, b[worst].bytes), b[worst].groups, a->r->n_kernels);
}

static void advise_classes(advice *a) {
    const fg_report *r = a->r;
    int slow = r->classes[FG_CLASS_BANDWIDTH] + r->classes[FG_CLASS_MEMORY];
    int64_t moved = 0;
    if (2 * slow <= r->n_kernels) return;
    for (int i = 0; i < r->n_kernels; i++)
        if (r->kernels[i].class == FG_CLASS_BANDWIDTH || r->kernels[i].class == FG_CLASS_MEMORY)
            moved += r->kernels[i].bytes;
    number(a);
    fg_text_printf(
        a->out,
        "%d of %d groups wait for memory and move %s (%.1f %%): larger groups or smaller types pay, "
        "faster arithmetic does not\n",
        slow, r->n_kernels, bytes(a->out->ctx, moved), 100 * share(moved, r->bytes_fused));
}

static void advise_weights(advice *a) {
    int64_t weights = 0;
    for (int i = 0; i < a->r->n_kernels; i++) weights += a->r->kernels[i].weight_bytes;
    if (2 * weights <= a->r->bytes_fused) return;
    number(a);
    fg_text_printf(a->out, "weights are %.1f %% of the traffic (%s): a larger batch or smaller weights pay\n",
                   100 * share(weights, a->r->bytes_fused), bytes(a->out->ctx, weights));
}

static void advise_hot_spot(advice *a) {
    const fg_report *r = a->r;
    const fg_report_kernel *hot = NULL;
    for (int i = 0; i < r->n_kernels; i++)
        if (!hot || r->kernels[i].predicted_ms > hot->predicted_ms) hot = &r->kernels[i];
    if (!hot || r->n_kernels < 2 || hot->predicted_ms < 0.1 * r->predicted_ms) return;
    number(a);
    fg_text_printf(a->out, "%s is predicted to take %.1f %% of the time (%s): look there first\n",
                   fg_escape_terminal(a->out->ctx, hot->name), 100 * hot->predicted_ms / r->predicted_ms,
                   fg_class_name(hot->class));
}

static void advise_own_partition(advice *a) {
    const fg_report *own = a->r->own;
    if (!a->r->pairwise || !own || own->n_kernels > a->r->n_kernels ||
        own->recounted.bytes_fused >= a->r->bytes_fused)
        return;
    number(a);
    fg_text_printf(
        a->out,
        "fusegen's own partition has %d groups, %d of one operator, and by the same count moves %s "
        "in place of %s: see --compare\n",
        own->n_kernels, own->single_op, bytes(a->out->ctx, own->recounted.bytes_fused),
        bytes(a->out->ctx, a->r->bytes_fused));
}

static void recommendations(const fg_report *r, fg_text *out) {
    static void (*const all[])(advice *) = {advise_singles, advise_boundary, advise_classes,
                                            advise_weights, advise_hot_spot, advise_own_partition};
    advice a = {r, out, 0};
    fg_text_add(out, "\n  recommendations\n");
    for (size_t i = 0; i < FG_COUNT(all); i++) all[i](&a);
    if (!a.n) fg_text_add(out, "  none: no number stands out\n");
}

void fg_view_balance(const fg_report *r, const fg_report_style *style, fg_text *out) {
    fg_view_title("balance", style, out);
    sizes(r, out);
    patterns(r, style, out);
    bottlenecks(r, style, out);
    boundary_table(r, style, out);
    int64_t saved = r->bytes_unfused - r->bytes_fused;
    fg_text_printf(out, "\n  data movement: %s unfused, %s fused, %s (%.2f %%) saved\n",
                   bytes(out->ctx, r->bytes_unfused), bytes(out->ctx, r->bytes_fused), bytes(out->ctx, saved),
                   100 * fg_report_saved(r));
    recommendations(r, out);
    const char *cited = fg_view_citation(out->ctx, r);
    if (cited) fg_text_printf(out, "%s", cited);
}
