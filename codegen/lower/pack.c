/* Pack and Unpack: between a tensor that lies as its bounds say and its elements side by side. */
#include <string.h>

#include "codegen/extents.h"

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    const bool packs = strcmp(n->op_type, "Pack") == 0;
    fg_value *x = n->in[0], *y = n->out[0], *spread = packs ? x : y;
    fg_context *ctx = e->ctx;
    fg_need_whole_elements(e, x);
    if (fg_is_empty_result(e, y)) {
        return;
    }
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_emit_symbols(e, n, 1);
    fg_nest *nest = fg_nest_new(ctx, &spread->shape, 1);
    fg_nest_add_value(e, nest, spread);
    const int rank = spread->shape.rank;
    for (int d = 0; d < rank; d++) {
        fg_line(e, "const int64_t e%d = %s;", d, fg_form_text(e, n, 1, d));
    }
    fg_line(e, "ptrdiff_t k = 0;");
    for (int d = 0; d < rank; d++) {
        fg_line(e, "for (int i%d = 0; i%d < e%d; i%d++) {", d, d, d, d);
    }
    const char *at = fg_nest_at(ctx, nest, 0, 0, rank, "i");
    fg_line(e, packs ? "y[k++] = x[%s];" : "y[%s] = x[k++];", at);
    fg_nest_close(rank, e->out);
    fg_describe(e, "", "element by element");
}

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    fg_want_row_major(p, strcmp(n->op_type, "Pack") == 0 ? n->out[0] : n->in[0]);
}

const fg_lowering fg_lowering_pack = {.name = "pack", .prefer = prefer, .emit = emit};
