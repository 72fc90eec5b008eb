/* DeformConv: for each pixel the taps are read between the input's pixels into a column, which all output
 * channels are then sums over. */
#include "codegen/moves.h"
#include "frontend/window.h"

static const char *element(fg_emit *e, const fg_value *v, const char *name, const char *at) {
    return fg_load_element(e->ctx, v->dtype, name, at);
}

/* Element of a value of shape (N, offset groups x per_tap x taps, y, x) for the group and tap at hand. */
static const char *place_element(fg_emit *e, const fg_value *v, const char *name, int64_t taps, int per_tap,
                                 int which) {
    int64_t s[FG_MAX_RANK];
    fg_strides_of(e, v, s);
    return fg_load_element(
        e->ctx, v->dtype, name,
        fg_format(e->ctx,
                  "(ptrdiff_t)i0 * %lld + ((ptrdiff_t)place * %lld + tap * %d + %d) * %lld + "
                  "(ptrdiff_t)i1 * %lld + (ptrdiff_t)i2 * %lld",
                  (long long)s[0], (long long)taps * per_tap, per_tap, which, (long long)s[1],
                  (long long)s[2], (long long)s[3]));
}

static void set_window(fg_template *t, const fg_window *w) {
    fg_template_ints(t, "OUT", 2, w->out);
    fg_template_ints(t, "IN", 2, w->in);
    fg_template_ints(t, "KERNEL", 2, w->kernel);
    fg_template_ints(t, "STRIDE", 2, w->stride);
    fg_template_ints(t, "DILATION", 2, w->dilation);
    fg_template_ints(t, "PAD", 2, w->pad);
}

/* The weight of the k-th term of a row. */
static const char *weight(fg_emit *e, const fg_value *w, bool *flat) {
    int64_t s[FG_MAX_RANK], dense[FG_MAX_RANK];
    const long long taps = w->shape.dim[2] * w->shape.dim[3], width = w->shape.dim[3];
    fg_strides_of(e, w, s);
    fg_dense_strides(&w->shape, dense);
    *flat = true;
    for (int d = 0; d < 4; d++) {
        *flat = *flat && (s[d] == dense[d] || w->shape.dim[d] == 1);
    }
    return element(e, w, "row",
                   *flat ? "k"
                         : fg_format(e->ctx, "k / %lld * %lld + k %% %lld / %lld * %lld + k %% %lld * %lld",
                                     taps, (long long)s[1], taps, width, (long long)s[2], width,
                                     (long long)s[3]));
}

static void set_texts(fg_emit *e, fg_template *t, const fg_node *n, int64_t taps) {
    fg_context *ctx = e->ctx;
    const fg_value *x = n->in[0], *y = n->out[0], *bias = n->n_in > 3 ? n->in[3] : NULL,
                   *mask = n->n_in > 4 ? n->in[4] : NULL;
    int64_t xs[FG_MAX_RANK], ys[FG_MAX_RANK];
    fg_strides_of(e, x, xs);
    fg_strides_of(e, y, ys);
    fg_template_ints(t, "X_S", 4, xs);
    fg_template_int(t, "MASK", mask != NULL);
    fg_template_text(t, "TYPE", fg_compute_type(ctx, x->dtype));
    fg_template_text(t, "STORED", fg_dtype_get(x->dtype)->c_type);
    fg_template_text(t, "OFFSET_Y", place_element(e, n->in[2], "offset", taps, 2, 0));
    fg_template_text(t, "OFFSET_X", place_element(e, n->in[2], "offset", taps, 2, 1));
    fg_template_text(t, "FACTOR", mask != NULL ? place_element(e, mask, "mask", taps, 1, 0) : "");
    fg_template_text(t, "PIXEL",
                     element(e, x, "image", fg_format(ctx, "channel * %lld + at[k]", (long long)xs[1])));
    fg_template_text(t, "BIAS", bias != NULL ? element(e, bias, "bias", "o") : "0");
    const char *to = fg_format(
        ctx, "(ptrdiff_t)i0 * %lld + (ptrdiff_t)o * %lld + (ptrdiff_t)i1 * %lld + (ptrdiff_t)i2 * %lld",
        (long long)ys[0], (long long)ys[1], (long long)ys[2], (long long)ys[3]);
    fg_template_text(t, "STORE", fg_store_element(ctx, y->dtype, "y", to, "v"));
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    static const char *const names[] = {"x", "w", "offset", "bias", "mask"};
    fg_value *x = n->in[0], *w = n->in[1], *y = n->out[0];
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const fg_window win = fg_window_of(ctx, n, &x->shape, w->shape.dim + 2);
    const int64_t taps = win.kernel[0] * win.kernel[1], terms = w->shape.dim[1] * taps;
    const int64_t places = fg_attr_int(n, "offset_group", 1);
    const fg_shape space = {3, {x->shape.dim[0], win.out[0], win.out[1]}};
    bool flat;
    fg_template *t = fg_emit_template(e);
    fg_nest_divide(e, t, fg_nest_new(ctx, &space, 1), 3);
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] != NULL) {
            fg_emit_input(e, names[i], n->in[i]);
        }
    }
    fg_emit_output(e, "y", y);
    fg_emit_scratch(e, "column", fg_compute_type(ctx, x->dtype), x->dtype == FG_DOUBLE ? 8 : 4,
                    x->shape.dim[1] * taps);
    set_texts(e, t, n, taps);
    set_window(t, &win);
    fg_template_text(t, "WEIGHT", weight(e, w, &flat));
    int64_t ws[FG_MAX_RANK];
    fg_strides_of(e, w, ws);
    fg_template_int(t, "ROW", ws[0]);
    fg_template_ints(t, "EXTENT", 3, space.dim);
    fg_template_int(t, "TAPS", taps);
    fg_template_int(t, "TERMS", terms);
    fg_template_int(t, "PLACES", places);
    fg_template_int(t, "SHARED", x->shape.dim[1] / places);
    fg_template_int(t, "OUTPUTS", w->shape.dim[0]);
    fg_template_int(t, "OCG", w->shape.dim[0] / fg_attr_int(n, "group", 1));
    fg_template_int(t, "VECTOR", flat && x->dtype == FG_FLOAT && e->lanes > 1 && terms >= e->lanes);
    fg_template_render(t, "deform_conv", e->out);
    fg_describe(e, "", "a column of taps per pixel, then a sum per channel");
}

const fg_lowering fg_lowering_deform_conv = {.name = "deform_conv", .prefer = NULL, .emit = emit};
