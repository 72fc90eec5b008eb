/* AtMost: integers that decide on extents, held to what memory is planned for. */
#include "codegen/moves.h"
#include "codegen/planner.h"

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    const long long most = (long long)fg_attr_int(n, "most", 0);
    if (fg_is_empty_result(e, n->out[0])) {
        return;
    }
    fg_emit_input(e, "x", n->in[0]);
    fg_emit_output(e, "y", n->out[0]);
    fg_line(e, "for (int i = 0; i < %lld; i++) {", (long long)fg_shape_count(&n->out[0]->shape));
    fg_line(e, "if (x[i] < 0 || x[i] > %lld) %s", most, fg_emit_failure(e, FG_FAIL_BOUND));
    fg_line(e, "y[i] = x[i] < 0 ? 0 : x[i] > %lld ? %lld : x[i];", most, most);
    fg_line(e, "}");
    fg_describe(e, "", "the bound is the user's");
}

static void prefer(fg_planner *p, fg_kernel *k) {
    fg_want_row_major(p, k->nodes[0]->in[0]);
    fg_want_row_major(p, k->nodes[0]->out[0]);
}

const fg_lowering fg_lowering_at_most = {.name = "at_most", .prefer = prefer, .emit = emit};
