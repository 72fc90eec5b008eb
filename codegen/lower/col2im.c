/* Col2Im: every pixel gathers the elements of the columns that fall on it, so nothing is written twice. */
#include "codegen/moves.h"
#include "frontend/window.h"

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    int64_t block[FG_MAX_SPATIAL], xs[FG_MAX_RANK], ys[FG_MAX_RANK], rows = 1;
    fg_need_constant(e, n->in[1]);
    fg_need_constant(e, n->in[2]);
    if (fg_is_empty_result(e, y)) {
        return;
    }
    for (int64_t d = 0; d < y->shape.rank - 2; d++) {
        block[d] = fg_const_int(n->in[2], d);
    }
    const fg_window w = fg_window_of(ctx, n, &y->shape, block);
    const char *type = fg_compute_type(ctx, x->dtype);
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_strides_of(e, x, xs);
    fg_strides_of(e, y, ys);
    fg_nest *nest = fg_nest_new(ctx, &y->shape, 1);
    fg_nest_add(ctx, nest, ys);
    const char *tap = NULL, *place = NULL;
    for (int d = 0; d < w.axes; d++) {
        tap = d == 0 ? "k0" : fg_format(ctx, "(%s) * %lld + k%d", tap, (long long)w.kernel[d], d);
        place = d == 0 ? "z0" : fg_format(ctx, "(%s) * %lld + z%d", place, (long long)w.out[d], d);
        rows *= w.kernel[d];
    }
    const char *at =
        fg_format(ctx, "(int64_t)i0 * %lld + (int64_t)(i1 * %lld + %s) * %lld + (int64_t)(%s) * %lld",
                  (long long)xs[0], (long long)rows, tap, (long long)xs[1], place, (long long)xs[2]);
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "AXES", w.axes);
    fg_template_int(t, "RANK", nest->rank);
    fg_template_ints(t, "EXTENT", nest->rank, nest->extent);
    fg_template_ints(t, "KERNEL", w.axes, w.kernel);
    fg_template_ints(t, "STRIDE", w.axes, w.stride);
    fg_template_ints(t, "DILATION", w.axes, w.dilation);
    fg_template_ints(t, "PAD", w.axes, w.pad);
    fg_template_ints(t, "IN", w.axes, w.out);
    fg_nest_divide(e, t, nest, nest->rank);
    fg_template_text(t, "TYPE", type);
    fg_template_text(t, "ELEMENT", fg_load_element(ctx, x->dtype, "x", at));
    fg_template_text(t, "STORE",
                     fg_store_element(ctx, y->dtype, "y", fg_nest_at(ctx, nest, 0, 0, nest->rank, "i"), "v"));
    fg_template_render(t, "col2im", e->out);
    fg_describe(e, "", "one sum per element");
}

const fg_lowering fg_lowering_col2im = {.name = "col2im", .prefer = NULL, .emit = emit};
