/* Join: a concatenation along an extent that only a run knows. */
#include "codegen/extents.h"

enum { TO, FROM };

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *y = n->out[0];
    fg_context *ctx = e->ctx;
    const int axis = (int)fg_attr_int(n, "axis", 0), parts = (int)fg_attr_int(n, "parts", 0);
    fg_need_whole_elements(e, y);
    fg_emit_counted(e, "y", y);
    fg_emit_symbols(e, n, parts);
    fg_line(e, "ptrdiff_t at = 0; /* along the axis */");
    for (int p = 0; p < parts; p++) {
        fg_value *x = n->in[p];
        if (fg_shape_count(&x->shape) == 0) {
            continue;
        }
        const fg_value *v[2] = {[TO] = y, [FROM] = x};
        int64_t step[2];
        fg_line(e, "{");
        fg_emit_input(e, "x", x);
        const fg_nest *nest = fg_nest_around(e, &y->shape, axis, 2, v, step);
        fg_line(e, "const int64_t extent = %s;", fg_form_text(e, n, parts, p));
        fg_line(e, "for (int k = 0; k < extent; k++) {");
        fg_emit_moves(e, nest, 0, TO, fg_format(ctx, "y + (at + k) * %lld", (long long)step[TO]), FROM,
                      fg_format(ctx, "x + k * %lld", (long long)step[FROM]), y->dtype);
        fg_line(e, "}");
        fg_line(e, "at += (ptrdiff_t)extent;");
        fg_line(e, "}");
    }
    fg_emit_count(e, n, "at");
    fg_describe(e, "", "part by part");
}

const fg_lowering fg_lowering_join = {.name = "join", .prefer = NULL, .emit = emit};
