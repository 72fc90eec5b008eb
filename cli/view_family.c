/* --family: one table over several models, and the study's criteria for a partition that holds over all of
 * them. */
#include "cli/table.h"
#include "cli/view.h"

#include "codegen/escape.h"

#include <stdlib.h>
#include <string.h>

/* Efficiency may spread this much over a family, (largest - smallest) / mean. */
#define MOST_SPREAD 0.15

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void add_row(fg_context *ctx, fg_table *t, const fg_report *r) {
    int64_t saved = r->bytes_unfused - r->bytes_fused;
    fg_table_add(t, "%s%s%s", fg_escape_terminal(ctx, file_name(r->model)), *r->variant ? " " : "",
                 fg_escape_terminal(ctx, r->variant));
    fg_table_add(t, "%d", r->operators);
    fg_table_add(t, "%d", r->n_kernels);
    fg_table_add(t, "%d", r->single_op);
    fg_table_add(t, "%d", r->se);
    fg_table_add(t, "%d", r->main);
    fg_table_add(t, "%.2f", fg_report_efficiency(r));
    fg_table_add(t, "%.1f", (double)r->flops * 1e-6);
    fg_table_add(t, "%.2f", (double)r->bytes_fused * 1e-6);
    fg_table_add(t, "%.2f", (double)r->bytes_unfused * 1e-6);
    fg_table_add(t, "%.2f", 100 * fg_report_saved(r));
    if (r->pairwise)
        fg_table_add(t, "%.1f", 100 * fg_report_saved_write_read(r->bytes_fused, saved));
    else
        fg_table_add(t, "-");
    fg_table_add(t, "%.3f", r->mean_intensity);
    fg_table_add(t, "%d/%d/%d/%d", r->classes[FG_CLASS_BANDWIDTH], r->classes[FG_CLASS_BALANCED],
                 r->classes[FG_CLASS_MEMORY], r->classes[FG_CLASS_COMPUTE]);
}

/* ---- criteria ---- */

typedef struct family {
    const fg_report **r; /* by FLOPs */
    int n;
    const char *label; /* "resnet: " of one family among several; else "" */
    const fg_report_style *style;
    fg_text *out;
} family;

static void verdict(const family *f, bool good, const char *name) {
    const char *color = !f->style->color ? "" : good ? "\033[1;32m" : "\033[1;31m";
    fg_text_printf(f->out, "  %s%s%s  %-16s", color, good ? "holds" : "FAILS", fg_view_color_end(f->style),
                   name);
}

static void check_spread(const family *f) {
    double least = fg_report_efficiency(f->r[0]), most = least, sum = 0;
    for (int i = 0; i < f->n; i++) {
        double e = fg_report_efficiency(f->r[i]);
        least = e < least ? e : least;
        most = e > most ? e : most;
        sum += e;
    }
    double spread = sum > 0 ? (most - least) / (sum / f->n) : 0;
    verdict(f, spread <= MOST_SPREAD, "spread");
    fg_text_printf(f->out, "%soperators per group %.2f to %.2f: %.1f %% of the mean (at most %.0f %%)\n",
                   f->label, least, most, 100 * spread, 100 * MOST_SPREAD);
}

/* Every gate of the graph has its group; a pool of the head may have one more. */
static void check_gates(const family *f) {
    int groups = 0, gates = 0;
    bool complete = true;
    for (int i = 0; i < f->n; i++) {
        complete = complete && f->r[i]->se >= f->r[i]->gates;
        groups += f->r[i]->se;
        gates += f->r[i]->gates;
    }
    verdict(f, complete, "SE completeness");
    fg_text_printf(f->out, "%d groups with a pool for %d squeeze-and-excitation gates\n", groups, gates);
}

static void check_scaling(const family *f) {
    int broken = -1;
    for (int i = 1; i < f->n && broken < 0; i++)
        if (f->r[i]->n_kernels < f->r[i - 1]->n_kernels || f->r[i]->operators < f->r[i - 1]->operators ||
            f->r[i]->bytes_fused < f->r[i - 1]->bytes_fused)
            broken = i;
    verdict(f, broken < 0, "scaling");
    if (broken < 0)
        fg_text_printf(f->out, "%sgroups, operators and bytes grow with the FLOPs\n", f->label);
    else
        fg_text_printf(f->out, "%s%s has more FLOPs than the model before it, and fewer groups or bytes\n",
                       f->label, fg_escape_terminal(f->out->ctx, file_name(f->r[broken]->model)));
}

static void check_regression(const family *f) {
    double least = 1;
    bool good = true;
    for (int i = 0; i < f->n; i++) {
        double saved = fg_report_saved(f->r[i]);
        least = saved < least ? saved : least;
        good = good && saved > 0 && f->r[i]->n_kernels < f->r[i]->operators;
    }
    verdict(f, good, "no regression");
    fg_text_printf(f->out,
                   "every model has fewer groups than operators and moves fewer bytes: %.2f %% at least\n",
                   100 * least);
}

/* fusegen's own partition against the pairwise one, model by model, counted alike. */
static void check_own(const family *f) {
    bool good = true;
    int own = 0, paired = 0, singles = 0;
    int64_t own_bytes = 0, paired_bytes = 0;
    for (int i = 0; i < f->n; i++) {
        const fg_report *a = f->r[i]->own, *b = f->r[i]->paired;
        if (!a || !b) return;
        good = good && a->n_kernels < b->n_kernels && a->recounted.bytes_fused < b->bytes_fused;
        own += a->n_kernels;
        paired += b->n_kernels;
        singles += a->single_op;
        own_bytes += a->recounted.bytes_fused;
        paired_bytes += b->bytes_fused;
    }
    verdict(f, good, "fused is better");
    fg_text_printf(
        f->out,
        "fusegen's own partition: %d groups in place of %d, %d of one operator, %s moved in place of %s\n",
        own, paired, singles, fg_scaled(f->out->ctx, (double)own_bytes, "B"),
        fg_scaled(f->out->ctx, (double)paired_bytes, "B"));
}

static int by_flops(const void *a, const void *b) {
    const fg_report *x = *(const fg_report *const *)a, *y = *(const fg_report *const *)b;
    if (x->flops != y->flops) return x->flops < y->flops ? -1 : 1;
    return (x->operators > y->operators) - (x->operators < y->operators);
}

static void cite(const family *f) {
    bool study = false;
    for (int i = 0; i < f->n; i++) {
        const char *c = fg_view_citation(f->out->ctx, f->r[i]);
        if (c) fg_text_add(f->out, c);
        study = study || (f->r[i]->pairwise && fg_view_cited(f->r[i]));
    }
    if (study)
        fg_text_add(f->out,
                    "  cited: the published study counts 164 SE blocks over EfficientNet-B0 to B7, where the "
                    "graphs have 259;\n  some of its averages are wrong, and its column of "
                    "resolutions: all was run at 224\n");
}

/* ---- families among the models ---- */

/* What precedes the first digit of the file's name, and whether the model has a shape of its own: "resnet" of
 * resnet18 and resnet152, "efficientnet_b" of B0 to B7. */
static const char *family_of(fg_context *ctx, const fg_report *r) {
    const char *name = file_name(r->model);
    size_t n = strcspn(name, "0123456789");
    while (n > 1 && (name[n - 1] == '_' || name[n - 1] == '-' || name[n - 1] == '.')) n--;
    return fg_format(ctx, "%.*s%s", (int)n, name, *r->variant ? ", own shapes" : "");
}

/* The models named as number `first` is; none if an earlier one has the same name. */
static family members(const family *f, const char *const *names, int first) {
    fg_context *ctx = f->out->ctx;
    family of = {NULL, 0, "", f->style, f->out};
    for (int i = 0; i < first; i++)
        if (strcmp(names[i], names[first]) == 0) return of;
    of.r = FG_ARRAY(ctx, f->n, const fg_report *);
    for (int i = first; i < f->n; i++)
        if (strcmp(names[i], names[first]) == 0) of.r[of.n++] = f->r[i];
    if (of.n < f->n) of.label = fg_format(ctx, "%s: ", fg_escape_terminal(ctx, names[first]));
    return of;
}

/* Spread and scaling are properties of networks of one kind; where no two are, of all. */
static void check_kinds(const family *f, void (*check)(const family *f)) {
    const char **names = FG_ARRAY(f->out->ctx, f->n, const char *);
    int kinds = 0;
    for (int i = 0; i < f->n; i++) names[i] = family_of(f->out->ctx, f->r[i]);
    for (int i = 0; i < f->n; i++) {
        family of = members(f, names, i);
        if (of.n < 2) continue;
        check(&of);
        kinds++;
    }
    if (!kinds) check(f);
}

/* ---- compound scaling ---- */

static double time_of(const fg_report *r) {
    return fg_report_measured(r) ? r->bench->wall.median_ms : r->predicted_ms;
}

/* In the order in which they were named. */
static void scaling_table(int n, const fg_report *const *reports, const fg_report_style *style,
                          fg_text *out) {
    static const fg_column columns[] = {
        {"scaling", false, 16}, {"input", true, 0},      {"depth", true, 0},
        {"width", true, 0},     {"MFLOP", true, 0},      {"MB moved", true, 0},
        {"arena MB", true, 0},  {"weights MB", true, 0}, {"ms", true, 0}};
    fg_context *ctx = out->ctx;
    fg_table *t = fg_table_new(ctx, FG_COUNT(columns), columns);
    for (int i = 0; i < n; i++) {
        const fg_report *r = reports[i];
        fg_table_add(t, "%s%s%s", fg_escape_terminal(ctx, file_name(r->model)), *r->variant ? " " : "",
                     fg_escape_terminal(ctx, r->variant));
        fg_table_add(t, "%lld", (long long)r->resolution);
        fg_table_add(t, "%d", r->depth);
        fg_table_add(t, "%.1f", r->width);
        fg_table_add(t, "%.1f", (double)r->flops * 1e-6);
        fg_table_add(t, "%.2f", (double)r->bytes_fused * 1e-6);
        fg_table_add(t, "%.2f", (double)r->arena_bytes * 1e-6);
        fg_table_add(t, "%.2f", (double)r->weights_bytes * 1e-6);
        fg_table_add(t, "%.3f", time_of(r));
    }
    fg_text_add(out, "\n");
    fg_table_print(t, style->width, out);
    fg_text_add(out, "  depth: nodes with multiply-adds; width: their mean number of output channels; ms: "
                     "measured where --bench ran, else predicted\n");
}

void fg_view_family(int n, const fg_report *const *reports, const fg_report_style *style, fg_text *out) {
    static const fg_column columns[] = {
        {"model", false, 16}, {"operators", true, 0},     {"groups", true, 0},  {"single", true, 0},
        {"SE", true, 0},      {"main", true, 0},          {"each", true, 0},    {"MFLOP", true, 0},
        {"MB", true, 0},      {"unfused", true, 0},       {"saved %", true, 0}, {"w+r %", true, 0},
        {"FLOP/B", true, 0},  {"bw/bal/mem/cmp", true, 0}};
    fg_context *ctx = out->ctx;
    if (!n) return;
    family f = {FG_ARRAY(ctx, n, const fg_report *), n, "", style, out};
    memcpy(f.r, reports, (size_t)n * sizeof *f.r);
    qsort(f.r, (size_t)n, sizeof *f.r, by_flops);
    fg_view_title(reports[0]->pairwise ? "family, pairwise partition" : "family, fused partition", style,
                  out);
    int dropped = 0;
    for (int i = 0; i < n; i++) dropped += reports[i]->n_stochastic_depth + reports[i]->n_dropout;
    if (dropped) fg_text_printf(out, "operators synthesised by --fx-compat: %d\n", dropped);
    fg_table *t = fg_table_new(ctx, FG_COUNT(columns), columns);
    for (int i = 0; i < n; i++) add_row(ctx, t, reports[i]);
    fg_table_print(t, style->width, out);
    scaling_table(n, reports, style, out);
    fg_text_add(out, "\n");
    check_kinds(&f, check_spread);
    check_gates(&f);
    check_kinds(&f, check_scaling);
    check_regression(&f);
    check_own(&f);
    cite(&f);
}
