/* StringConcat: every result is written into room of its own. */
#include "codegen/text.h"

enum { TO, A, B, OPERANDS };

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    if (fg_is_empty_result(e, n->out[0])) {
        return;
    }
    fg_nest *nest = fg_nest_new(ctx, &n->out[0]->shape, OPERANDS);
    fg_emit_output(e, "y", n->out[0]);
    fg_emit_input(e, "a", n->in[0]);
    fg_emit_input(e, "b", n->in[1]);
    fg_nest_add_value(e, nest, n->out[0]);
    fg_nest_add_value(e, nest, n->in[0]);
    fg_nest_add_value(e, nest, n->in[1]);
    fg_nest_simplify(nest, TO, 0, nest->rank);
    const int64_t room = fg_emit_text_room(e, "to", fg_shape_count(&n->out[0]->shape));
    const char *at[OPERANDS];
    for (int i = 0; i < OPERANDS; i++) {
        at[i] = fg_nest_at(ctx, nest, i, 0, nest->rank, "i");
    }
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    fg_line(e, "y[%s] = to;", at[TO]);
    fg_line(e, "if (!fgs_text_join(to, %lld, a[%s], b[%s])) %s", (long long)room, at[A], at[B],
            fg_emit_failure(e, FG_FAIL_TEXT));
    fg_line(e, "to += %lld;", (long long)room);
    fg_nest_close(nest->rank, e->out);
    fg_describe(e, "", "string by string");
}

const fg_lowering fg_lowering_text_concat = {.name = "text_concat", .prefer = NULL, .emit = emit};
