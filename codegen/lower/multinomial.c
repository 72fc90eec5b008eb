/* Multinomial: running sums of a row's probabilities, then a search for every sample. */
#include "codegen/draw.h"
#include "codegen/moves.h"

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const int64_t rows = x->shape.dim[0], classes = x->shape.dim[1], samples = y->shape.dim[1];
    int64_t xs[FG_MAX_RANK], ys[FG_MAX_RANK];
    fg_compute_type(ctx, x->dtype);
    fg_strides_of(e, x, xs);
    fg_strides_of(e, y, ys);
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_emit_scratch(e, "sums", "double", sizeof(double), classes);
    const char *at = fg_format(ctx, "r * %lld + k * %lld", (long long)xs[0], (long long)xs[1]);
    const char *element = fg_format(ctx, "(double)%s", fg_load_element(ctx, x->dtype, "x", at));
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "ROWS", rows);
    fg_template_int(t, "CLASSES", classes);
    fg_template_int(t, "SAMPLES", samples);
    fg_template_text(t, "ELEMENT", element);
    fg_template_text(t, "KEY", fg_draw_literal(e, n));
    fg_template_text(t, "TO", fg_format(ctx, "r * %lld + s * %lld", (long long)ys[0], (long long)ys[1]));
    fg_template_render(t, "multinomial", e->out);
    fg_describe(e, "", "row by row, sample by sample");
}

const fg_lowering fg_lowering_multinomial = {.name = "multinomial", .prefer = NULL, .emit = emit};
