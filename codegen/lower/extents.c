/* Extents: shapes that only a run knows. */
#include "codegen/extents.h"

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_emit_symbols(e, n, 0);
    fg_emit_output(e, "y", n->out[0]);
    const int64_t count = fg_shape_count(&n->out[0]->shape);
    for (int i = 0; i < count; i++) {
        const char *form = fg_form_text(e, n, 0, i);
        if (fg_node_attr(n, "most") != NULL) {
            form = fg_format(e->ctx, "fgs_min_i64(%s, %lld)", form, (long long)fg_attr_int(n, "most", 0));
        }
        fg_line(e, "y[%d] = %s;", i, form);
    }
    fg_describe(e, "", "from what was counted");
}

const fg_lowering fg_lowering_extents = {.name = "extents", .prefer = NULL, .emit = emit};
