#include "cli/view.h"

#include <stdlib.h>
#include <string.h>

const char *fg_view_groups(const fg_report *r) {
    return r->pairwise ? "subgraphs" : "kernels";
}

const char *fg_view_color(const fg_report_style *style, fg_class c) {
    static const char *const codes[FG_CLASS_COUNT] = {"\033[32m", "\033[36m", "\033[33m", "\033[31m"};
    return style->color ? codes[c] : "";
}

const char *fg_view_color_end(const fg_report_style *style) {
    return style->color ? "\033[0m" : "";
}

void fg_view_bar(double share, int width, fg_text *out) {
    int n = (int)(share * width + 0.5);
    if (n < 1 && share > 0) n = 1;
    for (int i = 0; i < n && i < width; i++) fg_text_add(out, "\xE2\x96\x88");
}

void fg_view_title(const char *title, const fg_report_style *style, fg_text *out) {
    fg_text_printf(out, "%s%s%s\n", style->color ? "\033[1m" : "", title, fg_view_color_end(style));
}

/* ---- patterns ---- */

static int by_saving(const void *a, const void *b) {
    const fg_pattern_sum *x = a, *y = b;
    int64_t p = x->bytes_unfused - x->bytes, q = y->bytes_unfused - y->bytes;
    return p != q ? (p < q) - (p > q) : strcmp(x->pattern, y->pattern);
}

const fg_pattern_sum *fg_view_patterns(fg_context *ctx, const fg_report *r, int *n) {
    fg_pattern_sum *sums = FG_ARRAY(ctx, r->n_kernels, fg_pattern_sum);
    *n = 0;
    for (int i = 0; i < r->n_kernels; i++) {
        const fg_report_kernel *k = &r->kernels[i];
        int at = 0;
        while (at < *n && strcmp(sums[at].pattern, k->pattern) != 0) at++;
        if (at == *n) sums[(*n)++].pattern = k->pattern;
        sums[at].groups++;
        sums[at].operators += k->operators;
        sums[at].flops += k->flops;
        sums[at].bytes += k->bytes;
        sums[at].bytes_unfused += k->bytes_unfused;
    }
    qsort(sums, (size_t)*n, sizeof *sums, by_saving);
    return sums;
}

/* ---- all of them ---- */

void fg_view_print(const fg_report *r, const fg_cli_options *o, const fg_report_style *style, fg_text *out) {
    static void (*const views[FG_VIEW_COUNT])(const fg_report *, const fg_report_style *, fg_text *) = {
        [FG_VIEW_QUANTIFY] = fg_view_quantify, [FG_VIEW_BALANCE] = fg_view_balance,
        [FG_VIEW_PROFILE] = fg_view_profile,   [FG_VIEW_COMPARE] = fg_view_compare,
        [FG_VIEW_ENERGY] = fg_view_energy,
    };
    fg_report_head(r, out);
    for (int v = 0; v < FG_VIEW_COUNT; v++) {
        if (!o->view[v]) continue;
        fg_text_add(out, "\n");
        if (views[v])
            views[v](r, style, out);
        else
            fg_view_visualize(r, &o->window, style, out);
    }
}
