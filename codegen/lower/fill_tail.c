/* FillTail: what lies beyond the true extents becomes a neutral element. */
#include "codegen/expr.h"
#include "codegen/extents.h"
#include "frontend/extent.h"

static const char *filling(fg_emit *e, const fg_value *v, fg_fill with) {
    static const char *const floats[] = {"0", "-(double)FG_INF", "(double)FG_INF", "1"};
    const fg_dtype_info *info = fg_dtype_get(v->dtype);
    if (v->dtype == FG_STRING) {
        return "\"\"";
    }
    if (info->is_float) {
        return fg_format(e->ctx, "(%s)%s", fg_compute_type(e->ctx, v->dtype), floats[with]);
    }
    if (with == FG_FILL_ZERO || with == FG_FILL_ONE) {
        return with == FG_FILL_ZERO ? "0" : "1";
    }
    const bool lowest = with == FG_FILL_LOWEST;
    if (!info->is_signed || v->dtype == FG_BOOL) {
        return lowest ? "0" : v->dtype == FG_BOOL ? "1" : fg_format(e->ctx, "(%s)-1", info->c_type);
    }
    return fg_format(e->ctx, "INT%d_%s", info->bits, lowest ? "MIN" : "MAX");
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *x = n->in[0], *y = n->out[0];
    fg_context *ctx = e->ctx;
    fg_need_whole_elements(e, x);
    if (fg_is_empty_result(e, y)) {
        return;
    }
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_emit_symbols(e, n, 1);
    fg_nest *nest = fg_nest_new(ctx, &y->shape, 2);
    fg_nest_add_value(e, nest, y);
    fg_nest_add_value(e, nest, x);
    const char *inside = NULL;
    for (int d = 0; d < y->shape.rank; d++) {
        const char *form = fg_form_text(e, n, 1, d);
        if (x->extent[d] == NULL) {
            continue;
        }
        fg_line(e, "const int64_t e%d = %s;", d, form);
        inside = inside == NULL ? fg_format(ctx, "i%d < e%d", d, d)
                                : fg_format(ctx, "%s && i%d < e%d", inside, d, d);
    }
    const fg_fill with = (fg_fill)fg_attr_int(n, "fill", 0);
    const char *element = fg_load_element(ctx, x->dtype, "x", fg_nest_at(ctx, nest, 1, 0, nest->rank, "i"));
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    fg_line(e, "%s",
            fg_store_element(
                ctx, y->dtype, "y", fg_nest_at(ctx, nest, 0, 0, nest->rank, "i"),
                fg_format(ctx, "%s ? %s : %s", inside == NULL ? "1" : inside, element, filling(e, y, with))));
    fg_nest_close(nest->rank, e->out);
    fg_describe(e, "", "element by element");
}

const fg_lowering fg_lowering_fill_tail = {.name = "fill_tail", .prefer = NULL, .emit = emit};
