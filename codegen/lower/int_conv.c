/* ConvInteger and QLinearConv: one pixel of a tile of channels at a time; channels-last, constant weights
 * packed with the output channels innermost. */
#include <string.h>

#include "codegen/int_product.h"
#include "codegen/moves.h"
#include "codegen/window.h"

typedef struct fg_int_conv {
    fg_int_sum s;
    fg_window w;
    fg_value *x, *weights;
    int64_t groups, icg, ocg, taps; /* channels of one group */
    bool depthwise;
    int64_t w_group, w_k, w_n, w_tap[FG_MAX_SPATIAL]; /* strides of the weights as they lie */
} fg_int_conv;

static void make_nest(fg_int_conv *q) {
    fg_int_sum *s = &q->s;
    const fg_shape none = {.rank = 0};
    const int rank = s->space.rank;
    int64_t own[FG_MAX_RANK], stride[2 * FG_MAX_RANK] = {0};
    s->dims = fg_dims_same(FG_MAX_RANK);
    s->nest = fg_nest_new(s->e->ctx, &none, FG_INT_OPERANDS);
    s->nest->rank = rank;
    fg_strides_of(s->e, s->n->out[0], own);
    for (int d = 0; d < rank; d++) {
        s->dims.to[d] = d == 0 ? 0 : d == 1 ? rank - 1 : d - 1;
        s->nest->extent[s->dims.to[d]] = s->space.dim[d];
        stride[s->dims.to[d]] = own[d];
    }
    s->y = fg_nest_add(s->e->ctx, s->nest, stride);
}

/* [group][tile of columns][tap][input channel][column]; depthwise: the channels are the columns. */
static void pack(fg_int_conv *q) {
    const uint8_t *from = q->weights->data;
    const int64_t count = fg_shape_count(&q->weights->shape);
    uint8_t *to = fg_emit_table(q->s.e, "w", fg_dtype_get(q->weights->dtype)->c_type, 1, count);
    const int64_t groups = q->depthwise ? 1 : q->groups, columns = q->depthwise ? q->groups : q->ocg,
                  tile = fg_int_tile(&q->s, columns);
    for (int64_t g = 0; g < groups; g++) {
        for (int64_t n = 0; n < columns; n += tile) {
            const int64_t width = n + tile <= columns ? tile : columns - n;
            for (int64_t i = 0; i < q->taps * q->icg * width; i++, to++) {
                const int64_t oc = g * columns + n + i % width, k = i / width;
                *to = from[(oc * q->icg + k % q->icg) * q->taps + k / q->icg];
            }
        }
    }
}

/* Weights that are not constant are read where they lie. */
static void read_in_place(fg_int_conv *q) {
    int64_t own[FG_MAX_RANK];
    fg_emit_input(q->s.e, "w", q->weights);
    fg_strides_of(q->s.e, q->weights, own);
    q->w_n = own[0];
    q->w_k = own[1];
    q->w_group = q->depthwise ? 0 : q->ocg * own[0];
    memcpy(q->w_tap, own + 2, (size_t)q->w.axes * sizeof *own);
}

static void set_window(const fg_int_conv *q, fg_template *t) {
    const fg_window *w = &q->w;
    int64_t xs[FG_MAX_RANK], taps = 1;
    fg_strides_of(q->s.e, q->x, xs);
    for (int d = 0; d < w->axes; d++) {
        taps *= w->kernel[d];
    }
    fg_template_window(t, w);
    fg_template_int(t, "TAPS", taps);
    fg_template_int(t, "TRANSPOSED", 0);
    fg_template_ints(t, "A_T", w->axes, xs + 2);
    fg_template_ints(t, "B_T", w->axes, q->w_tap);
    fg_template_int(t, "A_K", xs[1]);
    fg_template_text(t, "AJ", xs[1] == 1 ? "j" : fg_format(q->s.e->ctx, "j * %lld", (long long)xs[1]));
    fg_template_int(t, "A_G", q->icg * xs[1]);
    fg_template_text(t, "A", fg_format(q->s.e->ctx, "x + i0 * %lld", (long long)xs[0]));
    fg_template_text(t, "B", "w");
}

static void emit(fg_emit *e) {
    fg_int_conv q = {.s = {.e = e, .n = e->k->stage[0].anchor}};
    const fg_node *n = q.s.n;
    q.s.f = fg_int_form_of(n);
    q.x = n->in[q.s.f->a];
    q.weights = n->in[q.s.f->b];
    if (fg_is_empty_result(e, n->out[0])) {
        return;
    }
    q.s.space = n->out[0]->shape;
    q.w = fg_window_of(e->ctx, n, &q.x->shape, q.weights->shape.dim + 2);
    q.groups = fg_attr_int(n, "group", 1);
    q.icg = q.weights->shape.dim[1];
    q.ocg = q.weights->shape.dim[0] / q.groups;
    q.depthwise = q.groups > 1 && q.icg == 1 && q.ocg == 1;
    q.taps = 1;
    for (int d = 0; d < q.w.axes; d++) {
        q.taps *= q.w.kernel[d];
    }
    make_nest(&q);
    fg_emit_input(e, "x", q.x);
    if (q.weights->data != NULL) {
        q.w_n = 1;
        pack(&q);
    } else {
        read_in_place(&q);
    }
    fg_int_open(&q.s);
    fg_template *t = fg_emit_template(e);
    fg_int_template(&q.s, t, q.depthwise ? q.groups : q.ocg);
    set_window(&q, t);
    fg_template_int(t, "GROUPS", q.depthwise ? 1 : q.groups);
    fg_template_int(t, "DEPTHWISE", q.depthwise);
    fg_template_int(t, "K", q.icg);
    fg_template_int(t, "B_K", q.w_k);
    fg_template_int(t, "B_N", q.w_n);
    fg_template_int(t, "PACKED", q.weights->data != NULL);
    fg_template_text(t, "BJ", q.w_n == 1 ? "j" : fg_format(e->ctx, "j * %lld", (long long)q.w_n));
    fg_template_int(t, "B_G", q.w_group);
    fg_template_render(t, "int_product", e->out);
}

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    fg_want_channels_last(p, n->out[0], false);
    fg_value *x = n->in[fg_int_form_of(n)->a];
    if (!x->is_input) {
        fg_want_channels_last(p, x, false);
    }
}

const fg_lowering fg_lowering_int_conv = {.name = "int_conv", .prefer = prefer, .emit = emit};
