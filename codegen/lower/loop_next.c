/* LoopNext: the end of an iteration. Pieces go to their place in what is collected; the next states become
 * the states. */
#include "codegen/moves.h"
#include "codegen/planner.h"
#include "frontend/loops.h"

enum { TO, FROM };

typedef struct fg_next {
    fg_emit *e;
    const fg_node *n;
    int states, pieces;
} fg_next;

static fg_value *state(const fg_next *x, int i) {
    return x->n->in[FG_NEXT_STATES + i];
}

static fg_value *next_state(const fg_next *x, int i) {
    return x->n->in[FG_NEXT_STATES + x->states + i];
}

static bool is_empty(const fg_value *v) {
    return fg_shape_count(&v->shape) == 0;
}

/* `number`: of the iteration, counted from 0. */
static void emit_piece(const fg_next *x, int i) {
    fg_emit *e = x->e;
    fg_value *piece = x->n->in[FG_NEXT_STATES + 2 * x->states + i];
    fg_value *all = x->n->out[FG_NEXT_LAST + x->states + i];
    if (!fg_is_wanted(all) || is_empty(all)) {
        return;
    }
    const int axis = fg_loop_axis(e->ctx, x->n, i, piece->shape.rank);
    const fg_value *v[2] = {[TO] = all, [FROM] = piece};
    int64_t step[2];
    fg_need_whole_elements(e, all);
    fg_line(e, "{");
    fg_emit_input(e, "piece", piece);
    fg_emit_output(e, "all", all);
    fg_nest *nest = fg_nest_around(e, &all->shape, axis, 2, v, step);
    fg_emit_moves(e, nest, 0, TO, fg_format(e->ctx, "(all + number * %lld)", (long long)step[TO]), FROM,
                  "piece", all->dtype);
    fg_line(e, "}");
}

/* The planned number of iterations, -1 where no more than those can happen. */
static int64_t planned(const fg_next *x) {
    for (int i = 0; i < x->pieces; i++) {
        const fg_value *all = x->n->out[FG_NEXT_LAST + x->states + i];
        const int axis = fg_loop_axis(x->e->ctx, x->n, i, all->shape.rank - 1);
        if (fg_is_wanted(all) && all->extent[axis] != NULL) {
            return all->shape.dim[axis];
        }
    }
    return -1;
}

static void emit_pieces(const fg_next *x) {
    fg_emit *e = x->e;
    const int64_t most = planned(x);
    if (most >= 0) {
        fg_line(e, "if (number >= %lld) {", (long long)most);
        fg_line(e, "%s", fg_emit_failure(e, FG_FAIL_BOUND));
        fg_line(e, "on[0] = 0;");
        fg_line(e, "return;");
        fg_line(e, "}");
    }
    for (int i = 0; i < x->pieces; i++) {
        emit_piece(x, i);
    }
}

static void emit_copy(fg_emit *e, fg_value *to, fg_value *from) {
    if (to == from || is_empty(to)) {
        return;
    }
    fg_need_whole_elements(e, to);
    fg_line(e, "{");
    fg_emit_input(e, "from", from);
    fg_emit_output(e, "to", to);
    fg_emit_value_copy(e, "to", to, "from", from);
    fg_line(e, "}");
}

/* States may change places: what is read from another state is set aside before any is written. */
static bool is_a_state(const fg_next *x, int i) {
    for (int k = 0; k < x->states; k++) {
        if (next_state(x, i)->data == NULL && next_state(x, i) != state(x, i) &&
            fg_root_of(x->e->planner, state(x, k)) == fg_root_of(x->e->planner, next_state(x, i))) {
            return true;
        }
    }
    return false;
}

static void emit_states(const fg_next *x) {
    fg_emit *e = x->e;
    for (int i = 0; i < x->states; i++) {
        fg_value *from = next_state(x, i);
        if (is_a_state(x, i) && !is_empty(from)) {
            const int64_t count = fg_slot_of(e, fg_root_of(e->planner, from))->layout.elements;
            const char *aside = fg_format(e->ctx, "aside%d", i), *type = fg_dtype_get(from->dtype)->c_type;
            fg_emit_scratch(e, aside, type, fg_dtype_bytes(from->dtype, 1), count);
            fg_line(e, "{");
            fg_emit_input(e, "from", from);
            fg_nest *nest = fg_nest_of_value(e, from);
            fg_emit_moves(e, nest, 0, 0, aside, 0, "from", from->dtype); /* as it lies */
            fg_line(e, "}");
        }
    }
    for (int i = 0; i < x->states; i++) {
        fg_value *to = state(x, i), *from = next_state(x, i);
        if (!is_a_state(x, i)) {
            emit_copy(e, to, from);
        } else if (!is_empty(to)) {
            fg_line(e, "{");
            fg_emit_output(e, "to", to);
            fg_emit_value_copy(e, "to", to, fg_format(e->ctx, "aside%d", i), from);
            fg_line(e, "}");
        }
    }
}

static void emit_last(const fg_next *x) {
    for (int i = 0; i < x->states; i++) {
        fg_value *last = x->n->out[FG_NEXT_LAST + i];
        if (fg_is_wanted(last)) {
            emit_copy(x->e, last, next_state(x, i));
        }
    }
}

static void emit_told(const fg_next *x) {
    fg_value *ran = x->n->out[FG_NEXT_RAN], *count = x->n->out[FG_NEXT_COUNT];
    if (fg_is_wanted(ran)) {
        fg_emit_output(x->e, "ran", ran);
        fg_line(x->e, "ran[0] = 1;");
    }
    if (fg_is_wanted(count)) {
        fg_emit_output(x->e, "count", count);
        fg_line(x->e, "count[0] = number + 1;");
    }
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    const fg_next x = {e, n, fg_loop_states(n), fg_loop_pieces(n)};
    const fg_value *trips = fg_loop_operand(n, FG_NEXT_TRIPS),
                   *condition = fg_loop_operand(n, FG_NEXT_CONDITION);
    fg_emit_output(e, "iteration", n->in[FG_NEXT_ITERATION]);
    fg_emit_output(e, "on", n->in[FG_NEXT_ON]);
    fg_line(e, "const ptrdiff_t number = (ptrdiff_t)iteration[0] - %lld;",
            (long long)fg_attr_int(n, FG_LOOP_FIRST, 0));
    fg_line(e, "(void)number;");
    emit_pieces(&x);
    emit_told(&x);
    emit_last(&x);
    if (trips != NULL) {
        fg_emit_input(e, "trips", n->in[FG_NEXT_TRIPS]);
        fg_line(e, "if (iteration[0] + 1 >= trips[0]) on[0] = 0;");
    }
    if (condition != NULL) {
        fg_emit_input(e, "condition", n->in[FG_NEXT_CONDITION]);
        fg_line(e, "if (!condition[0]) on[0] = 0;");
    }
    fg_line(e, "if (!on[0]) return;");
    fg_line(e, "iteration[0]++;");
    emit_states(&x);
    fg_describe(e, "", "after an iteration");
}

const fg_lowering fg_lowering_loop_next = {.name = "loop_next", .prefer = NULL, .emit = emit};
