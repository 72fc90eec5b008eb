/* --visualize: the operators, and beside them the boxes of the groups that they are in. */
#include "cli/table.h"
#include "cli/view.h"

#include "codegen/escape.h"

#include <string.h>

#define BOX_LINES 4
#define AROUND    20 /* operators, if --around comes without --max-nodes */

/* Operators are numbered group by group, which is the order in which they run. */
typedef struct shown {
    int first, end;
} shown;

typedef struct canvas {
    const fg_report *r;
    const fg_report_style *style;
    fg_text *out;
    int left, right; /* widths in characters; right 0: as wide as need be */
} canvas;

static int count_ops(const fg_report *r) {
    int n = 0;
    for (int i = 0; i < r->n_kernels; i++) n += r->kernels[i].n_ops;
    return n;
}

static int find(fg_context *ctx, const fg_report *r, const char *part) {
    int at = 0;
    for (int i = 0; i < r->n_kernels; i++)
        for (int j = 0; j < r->kernels[i].n_ops; j++, at++)
            if (strstr(r->kernels[i].ops[j].name, part)) return at;
    fg_raise(ctx, FG_USAGE, "--around: no operator's name contains '%s'", fg_escape_terminal(ctx, part));
}

static shown choose(fg_context *ctx, const fg_report *r, const fg_window *w) {
    int n = count_ops(r), most = w->max_nodes;
    shown s = {w->start < n ? w->start : n, n};
    if (w->around) {
        if (!most) most = AROUND;
        s.first = find(ctx, r, w->around) - most / 2;
        if (s.first + most > n) s.first = n - most;
        if (s.first < 0) s.first = 0;
    }
    if (most && most < n - s.first) s.end = s.first + most;
    return s;
}

static const char *op_text(fg_context *ctx, const fg_report_op *op, int number) {
    return fg_format(ctx, "%4d  %s  %s", number, fg_escape_terminal(ctx, op->type),
                     fg_escape_terminal(ctx, op->name));
}

static const char *bytes(fg_context *ctx, int64_t n) {
    return fg_scaled(ctx, (double)n, "B");
}

/* Line 0 to BOX_LINES - 1 of a group's box. */
static const char *box_text(fg_context *ctx, const fg_report_kernel *k, int line) {
    switch (line) {
    case 0:
        return fg_format(ctx, "\xE2\x94\x8C %s: %s", fg_escape_terminal(ctx, k->name),
                         fg_escape_terminal(ctx, k->pattern));
    case 1:
        return fg_format(ctx, "\xE2\x94\x82 %d operator%s, %s, %.2f FLOP/B, %s", k->operators,
                         k->operators == 1 ? "" : "s", fg_scaled(ctx, (double)k->flops / 2, "MAC"),
                         k->intensity, fg_class_name(k->class));
    case 2:
        return fg_format(ctx, "\xE2\x94\x82 %s moved, %s saved", bytes(ctx, k->bytes),
                         bytes(ctx, k->bytes_unfused - k->bytes));
    default: return fg_format(ctx, "\xE2\x94\x94 ends: %s", fg_escape_terminal(ctx, k->boundary));
    }
}

static void add_line(canvas *c, const char *left, const char *box, fg_class class) {
    fg_print_cell(left, c->left, false, c->out);
    fg_text_add(c->out, "  ");
    fg_text_add(c->out, fg_view_color(c->style, class));
    int n = fg_characters(box);
    fg_print_cell(box, c->right && c->right < n ? c->right : n, false, c->out);
    fg_text_add(c->out, fg_view_color_end(c->style));
    fg_text_add(c->out, "\n");
}

/* Operators [first, end) of k, which are numbered from `number`, and all of the box. */
static void add_group(canvas *c, const fg_report_kernel *k, int first, int end, int number) {
    fg_context *ctx = c->out->ctx;
    int n = end - first, lines = n > BOX_LINES ? n : BOX_LINES;
    for (int i = 0; i < lines; i++) {
        bool last = i == lines - 1;
        /* the box is stretched between its third line and its last */
        const char *box = last                ? box_text(ctx, k, BOX_LINES - 1)
                          : i < BOX_LINES - 1 ? box_text(ctx, k, i)
                                              : "\xE2\x94\x82";
        add_line(c, i < n ? op_text(ctx, &k->ops[first + i], number + first + i) : "", box, k->class);
    }
}

static int widest(fg_context *ctx, const fg_report *r, shown s) {
    int at = 0, most = 0;
    for (int i = 0; i < r->n_kernels; i++)
        for (int j = 0; j < r->kernels[i].n_ops; j++, at++) {
            if (at < s.first || at >= s.end) continue;
            int n = fg_characters(op_text(ctx, &r->kernels[i].ops[j], at));
            if (n > most) most = n;
        }
    return most;
}

static void fit(canvas *c, shown s) {
    c->left = widest(c->out->ctx, c->r, s);
    if (!c->style->width) return;
    int half = (c->style->width - 2) / 2;
    if (c->left > half) c->left = half;
    c->right = c->style->width - 2 - c->left;
}

void fg_view_visualize(const fg_report *r, const fg_window *window, const fg_report_style *style,
                       fg_text *out) {
    canvas c = {.r = r, .style = style, .out = out};
    shown s = choose(out->ctx, r, window);
    int at = 0, n = count_ops(r);
    fit(&c, s);
    fg_view_title("visualize", style, out);
    if (s.first > 0) fg_text_printf(out, "  ... %d operators before\n", s.first);
    for (int i = 0; i < r->n_kernels; i++) {
        const fg_report_kernel *k = &r->kernels[i];
        int first = s.first > at ? s.first - at : 0, end = s.end < at + k->n_ops ? s.end - at : k->n_ops;
        /* a copy between layouts stands for no operator, and still is a kernel */
        bool copy = !k->n_ops && at >= s.first && (at < s.end || s.end == n);
        if (first < end || copy) add_group(&c, k, first, end, at);
        at += k->n_ops;
    }
    if (s.end < n) fg_text_printf(out, "  ... %d operators after\n", n - s.end);
}
