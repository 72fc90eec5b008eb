#include "cli/picture.h"

const char *fg_class_line(fg_class c) {
    static const char *const colors[FG_CLASS_COUNT] = {"#1b8a5a", "#2b6cb0", "#b7791f", "#c53030"};
    return colors[c];
}

const char *fg_class_fill(fg_class c) {
    static const char *const colors[FG_CLASS_COUNT] = {"#e3f5ec", "#e4eefa", "#fbf1dc", "#fce8e6"};
    return colors[c];
}

int fg_picture_rows(const fg_report_kernel *k) {
    return k->n_ops > FG_PICTURE_ROWS ? FG_PICTURE_ROWS - 1 : k->n_ops;
}

static fg_drawing_box kernel_box(const fg_report_kernel *k) {
    int rows = k->n_ops > FG_PICTURE_ROWS ? FG_PICTURE_ROWS : k->n_ops;
    return (fg_drawing_box){.width = FG_PICTURE_WIDTH,
                            .height = FG_PICTURE_HEAD + FG_PICTURE_ROW * rows + (rows ? 8 : 2)};
}

static int add_edges(fg_drawing_edge *edge, int n, const fg_report_tensor *t, int from, int first_kernel) {
    for (int i = 0; i < t->n_to; i++) edge[n++] = (fg_drawing_edge){from, first_kernel + t->to[i]};
    return n;
}

fg_picture fg_picture_of(fg_context *ctx, const fg_report *r) {
    fg_picture p = {.n_kernels = r->n_kernels};
    int64_t n_edges = 0;
    for (int i = 0; i < r->n_tensors; i++) {
        p.n_inputs += r->tensors[i].from < 0;
        p.n_outputs += r->tensors[i].is_output;
        n_edges += r->tensors[i].n_to + r->tensors[i].is_output;
    }
    fg_drawing *d = &p.drawing;
    fg_drawing_edge *edge = FG_ARRAY(ctx, n_edges, fg_drawing_edge);
    d->edge = edge;
    d->n_boxes = p.n_inputs + p.n_kernels + p.n_outputs;
    d->box = FG_ARRAY(ctx, d->n_boxes, fg_drawing_box);
    p.port = FG_ARRAY(ctx, p.n_inputs + p.n_outputs, const fg_report_tensor *);
    for (int i = 0; i < p.n_kernels; i++) d->box[p.n_inputs + i] = kernel_box(&r->kernels[i]);
    int input = 0, output = 0;
    for (int i = 0; i < r->n_tensors; i++) {
        const fg_report_tensor *t = &r->tensors[i];
        int from = p.n_inputs + t->from;
        if (t->from < 0) {
            d->box[input] = (fg_drawing_box){.width = FG_PICTURE_PORT_W, .height = FG_PICTURE_PORT_H};
            p.port[input] = t;
            from = input++;
        }
        d->n_edges = add_edges(edge, d->n_edges, t, from, p.n_inputs);
        if (!t->is_output) continue;
        int to = p.n_inputs + p.n_kernels + output;
        d->box[to] = (fg_drawing_box){.width = FG_PICTURE_PORT_W, .height = FG_PICTURE_PORT_H};
        p.port[p.n_inputs + output++] = t;
        edge[d->n_edges++] = (fg_drawing_edge){from, to};
    }
    fg_draw(ctx, d);
    return p;
}
