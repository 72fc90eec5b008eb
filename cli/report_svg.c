/* The graph alone: as SVG, drawn here, and as DOT, to be drawn by graphviz. */
#include "cli/picture.h"
#include "cli/table.h"

#include "codegen/escape.h"

#include <string.h>

/* s cut to `most` characters, the start or the end kept. */
static const char *cut(fg_context *ctx, const char *s, int most, bool keep_end) {
    s = fg_escape_utf8(ctx, s);
    int n = fg_characters(s);
    if (n <= most) return s;
    int skip = keep_end ? n - most + 1 : 0, take = most - 1;
    const char *from = s;
    for (; skip > 0; skip--) do
            from++;
        while ((*from & 0xC0) == 0x80);
    const char *to = from;
    for (; take > 0 && *to; take--) do
            to++;
        while ((*to & 0xC0) == 0x80);
    return fg_format(ctx, keep_end ? "\xE2\x80\xA6%.*s" : "%.*s\xE2\x80\xA6", (int)(to - from), from);
}

static const char *figures(fg_context *ctx, const fg_report_kernel *k) {
    return fg_format(ctx, "%s, %s%s%s", k->pattern, k->flops ? fg_scaled(ctx, (double)k->flops, "FLOP") : "",
                     k->flops ? ", " : "", fg_scaled(ctx, (double)k->bytes, "B"));
}

static void text_at(fg_text *out, const char *style, double x, double y, const char *s) {
    fg_text_printf(out, "<text class=\"%s\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", style, x, y,
                   fg_escape_html(out->ctx, s));
}

static void svg_kernel(const fg_report_kernel *k, const fg_drawing_box *b, fg_text *out) {
    fg_context *ctx = out->ctx;
    const int rows = fg_picture_rows(k);
    fg_text_printf(out, "<g class=\"k %s\"><title>%s: %s</title>\n", fg_class_name(k->class),
                   fg_escape_html(ctx, k->name), fg_class_name(k->class));
    fg_text_printf(out, "<rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" rx=\"5\"/>\n", b->x, b->y,
                   b->width, b->height);
    text_at(out, "n", b->x + 9, b->y + 15, cut(ctx, k->name, 36, false));
    text_at(out, "f", b->x + 9, b->y + 29, cut(ctx, figures(ctx, k), 42, false));
    for (int i = 0; i < rows; i++) {
        const fg_report_op *op = &k->ops[i];
        double y = b->y + FG_PICTURE_HEAD + FG_PICTURE_ROW * i + 11;
        text_at(out, "o", b->x + 9, y,
                cut(ctx, fg_format(ctx, "%s%s%s", op->type, *op->detail ? " " : "", op->detail), 24, false));
        text_at(out, "s", b->x + b->width - 9, y, cut(ctx, op->shape, 18, true));
    }
    if (rows < k->n_ops)
        text_at(out, "f", b->x + 9, b->y + FG_PICTURE_HEAD + FG_PICTURE_ROW * rows + 11,
                fg_format(ctx, "and %d more", k->n_ops - rows));
    fg_text_add(out, "</g>\n");
}

static void svg_port(const fg_report_tensor *t, const fg_drawing_box *b, fg_text *out) {
    fg_context *ctx = out->ctx;
    fg_text_printf(out,
                   "<g class=\"p\"><title>%s %s</title><rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" "
                   "height=\"%.0f\" rx=\"11\"/>\n",
                   fg_escape_html(ctx, t->name), t->shape, b->x, b->y, b->width, b->height);
    text_at(out, "m", b->x + b->width / 2, b->y + 15,
            cut(ctx, fg_format(ctx, "%s %s", t->name, t->shape), 24, false));
    fg_text_add(out, "</g>\n");
}

static void svg_style(fg_text *out) {
    fg_text_add(out, "<style>\n"
                     "svg{background:#fff}\n"
                     "text{font:11px system-ui,sans-serif;fill:#1a202c}\n"
                     ".n{font-weight:600}.f{font-size:10px;fill:#4a5568}.s{text-anchor:end;fill:#4a5568}\n"
                     ".m{text-anchor:middle}.e{fill:none;stroke:#94a3b8;stroke-width:1.3}\n"
                     ".p rect{fill:#edf2f7;stroke:#94a3b8}.k rect{stroke-width:1.4}\n");
    for (int c = 0; c < FG_CLASS_COUNT; c++)
        fg_text_printf(out, ".%s rect{fill:%s;stroke:%s}\n", fg_class_name((fg_class)c),
                       fg_class_fill((fg_class)c), fg_class_line((fg_class)c));
    fg_text_add(out, "@media (prefers-color-scheme:dark){svg{background:#14181f}text{fill:#e2e8f0}"
                     ".f,.s{fill:#a0aec0}.k rect{fill:#1f2630}.p rect{fill:#2d3748}}\n</style>\n");
}

void fg_report_svg(const fg_report *r, fg_text *out) {
    fg_picture p = fg_picture_of(out->ctx, r);
    const fg_drawing *d = &p.drawing;
    fg_text_printf(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
                   "height=\"%.0f\">\n<title>%s, %d %s</title>\n",
                   d->width, d->height, d->width, d->height, fg_escape_html(out->ctx, r->model), r->n_kernels,
                   r->pairwise ? "subgraphs" : "kernels");
    svg_style(out);
    for (int i = 0; i < d->n_boxes; i++)
        if (*d->path[i]) fg_text_printf(out, "<path class=\"e\" d=\"%s\"/>\n", d->path[i]);
    for (int i = 0; i < p.n_inputs; i++) svg_port(p.port[i], &d->box[i], out);
    for (int i = 0; i < p.n_kernels; i++) svg_kernel(&r->kernels[i], &d->box[p.n_inputs + i], out);
    for (int i = 0; i < p.n_outputs; i++)
        svg_port(p.port[p.n_inputs + i], &d->box[p.n_inputs + p.n_kernels + i], out);
    fg_text_add(out, "</svg>\n");
}

/* ---- DOT ---- */

/* Operators of a group hang together in their order; edges between groups join its ends. */
static void dot_kernel(const fg_report_kernel *k, int index, fg_text *out) {
    fg_context *ctx = out->ctx;
    fg_text_printf(out,
                   "  subgraph cluster_%d {\n    label=\"%s\\n%s\"; style=\"rounded,filled\"; color=\"%s\"; "
                   "fillcolor=\"%s\";\n",
                   index, fg_escape_dot(ctx, k->name), fg_escape_dot(ctx, figures(ctx, k)),
                   fg_class_line(k->class), fg_class_fill(k->class));
    if (!k->n_ops) fg_text_printf(out, "    k%d_0 [label=\"copy\"];\n", index);
    for (int i = 0; i < k->n_ops; i++)
        fg_text_printf(out, "    k%d_%d [label=\"%s%s%s\\n%s\", tooltip=\"%s\"];\n", index, i,
                       fg_escape_dot(ctx, k->ops[i].type), *k->ops[i].detail ? " " : "", k->ops[i].detail,
                       k->ops[i].shape, fg_escape_dot(ctx, k->ops[i].name));
    for (int i = 1; i < k->n_ops; i++)
        fg_text_printf(out, "    k%d_%d -> k%d_%d [style=dotted, arrowhead=none];\n", index, i - 1, index, i);
    fg_text_add(out, "  }\n");
}

static int last_of(const fg_report *r, int kernel) {
    return r->kernels[kernel].n_ops > 1 ? r->kernels[kernel].n_ops - 1 : 0;
}

static void dot_tensor(const fg_report *r, const fg_report_tensor *t, int index, fg_text *out) {
    fg_context *ctx = out->ctx;
    const char *from =
        t->from < 0 ? fg_format(ctx, "in%d", index) : fg_format(ctx, "k%d_%d", t->from, last_of(r, t->from));
    const char *tail = t->from < 0 ? "" : fg_format(ctx, "ltail=cluster_%d, ", t->from);
    if (t->from < 0)
        fg_text_printf(out, "  %s [label=\"%s\\n%s\", shape=oval];\n", from, fg_escape_dot(ctx, t->name),
                       t->shape);
    for (int i = 0; i < t->n_to; i++)
        fg_text_printf(out, "  %s -> k%d_0 [%slhead=cluster_%d, label=\"%s\", tooltip=\"%s\"];\n", from,
                       t->to[i], tail, t->to[i], t->shape, fg_escape_dot(ctx, t->name));
    if (!t->is_output) return;
    fg_text_printf(out, "  out%d [label=\"%s\\n%s\", shape=oval];\n  %s -> out%d [%slabel=\"%s\"];\n", index,
                   fg_escape_dot(ctx, t->name), t->shape, from, index, tail, t->shape);
}

void fg_report_dot(const fg_report *r, fg_text *out) {
    fg_text_printf(out,
                   "digraph \"%s\" {\n  compound=true; rankdir=TB; fontname=\"sans-serif\";\n"
                   "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"sans-serif\", "
                   "fontsize=10];\n  edge [fontname=\"sans-serif\", fontsize=9, color=\"#64748b\"];\n",
                   fg_escape_dot(out->ctx, r->model));
    for (int i = 0; i < r->n_kernels; i++) dot_kernel(&r->kernels[i], i, out);
    for (int i = 0; i < r->n_tensors; i++) dot_tensor(r, &r->tensors[i], i, out);
    fg_text_add(out, "}\n");
}
