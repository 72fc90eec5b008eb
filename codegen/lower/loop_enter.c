/* LoopEnter: what the first iteration reads. The calls of the body stand in the run function (loops.c). */
#include "codegen/moves.h"
#include "frontend/loops.h"

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    const fg_value *trips = fg_loop_operand(n, FG_ENTER_TRIPS),
                   *condition = fg_loop_operand(n, FG_ENTER_CONDITION);
    const long long first = (long long)fg_attr_int(n, FG_LOOP_FIRST, 0);
    fg_emit_output(e, "iteration", n->out[FG_ENTERED_ITERATION]);
    fg_emit_output(e, "on", n->out[FG_ENTERED_ON]);
    fg_line(e, "iteration[0] = %lld;", first);
    fg_line(e, "on[0] = 1;");
    if (trips != NULL) {
        fg_emit_input(e, "trips", n->in[FG_ENTER_TRIPS]);
        fg_line(e, "if (trips[0] <= %lld) on[0] = 0;", first);
    }
    if (condition != NULL) {
        fg_emit_input(e, "condition", n->in[FG_ENTER_CONDITION]);
        fg_line(e, "if (!condition[0]) on[0] = 0;");
    }
    for (int i = 0; FG_ENTERED_STATES + i < n->n_out; i++) {
        fg_value *to = n->out[FG_ENTERED_STATES + i];
        if (fg_is_wanted(to) && fg_shape_count(&to->shape) > 0) {
            fg_line(e, "{");
            fg_emit_input(e, "from", n->in[FG_ENTER_STATES + i]);
            fg_emit_output(e, "state", to);
            fg_emit_value_copy(e, "state", to, "from", n->in[FG_ENTER_STATES + i]);
            fg_line(e, "}");
        }
    }
    fg_describe(e, "", "before the first iteration");
}

const fg_lowering fg_lowering_loop_enter = {.name = "loop_enter", .prefer = NULL, .emit = emit};
