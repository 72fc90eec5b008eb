/* The two nodes between which the body of a loop lies; see frontend/loops.h. */
#include "frontend/loops.h"

#include <string.h>

#include "frontend/expand.h"
#include "frontend/extent.h"
#include "frontend/reference/elements.h"

/* Integer attribute of LoopNext: nothing but M keeps the first iteration from happening. */
#define BEGINS_ALWAYS "begins"

/* ---- building ---- */

static fg_node *own_node(fg_graph *g, const fg_node *n, const char *op, int n_in, fg_value *const *in,
                         int n_out, fg_value **out) {
    fg_node *made = fg_put_node(g, n, op, n_in, in, n_out, out);
    made->domain = FG_OWN_DOMAIN;
    return made;
}

fg_node *fg_put_loop_enter(fg_graph *g, const fg_node *n, const fg_new_loop *loop) {
    fg_context *ctx = g->ctx;
    fg_value **in = FG_ARRAY(ctx, FG_ENTER_STATES + loop->states + 1, fg_value *);
    fg_value **out = FG_ARRAY(ctx, FG_ENTERED_STATES + loop->states, fg_value *);
    in[FG_ENTER_TRIPS] = loop->trips;
    in[FG_ENTER_CONDITION] = loop->condition;
    if (loop->states > 0) {
        memcpy(in + FG_ENTER_STATES, loop->state, (size_t)loop->states * sizeof *in);
    }
    in[FG_ENTER_STATES + loop->states] = loop->around;
    fg_node *made = own_node(g, n, "LoopEnter", FG_ENTER_STATES + loop->states + 1, in,
                             FG_ENTERED_STATES + loop->states, out);
    fg_node_set_attr(ctx, made, FG_LOOP_FIRST, FG_ATTR_INT)->i = loop->first;
    return made;
}

void fg_put_loop_next(fg_graph *g, const fg_node *n, const fg_new_loop *loop, const fg_node *enter,
                      fg_value *condition, fg_value *const *next, int pieces, fg_value *const *piece,
                      const int64_t *axes, fg_value **last, fg_value **collected) {
    fg_context *ctx = g->ctx;
    const int states = loop->states;
    const int n_in = FG_NEXT_STATES + 2 * states + pieces, n_out = FG_NEXT_LAST + states + pieces;
    fg_value **in = FG_ARRAY(ctx, n_in, fg_value *), **out = FG_ARRAY(ctx, n_out, fg_value *);
    in[FG_NEXT_ITERATION] = enter->out[FG_ENTERED_ITERATION];
    in[FG_NEXT_ON] = enter->out[FG_ENTERED_ON];
    in[FG_NEXT_TRIPS] = loop->trips;
    in[FG_NEXT_CONDITION] = condition;
    for (int i = 0; i < states; i++) {
        in[FG_NEXT_STATES + i] = enter->out[FG_ENTERED_STATES + i];
        in[FG_NEXT_STATES + states + i] = next[i];
    }
    for (int i = 0; i < pieces; i++) {
        in[FG_NEXT_STATES + 2 * states + i] = piece[i];
        out[FG_NEXT_LAST + states + i] = collected[i];
    }
    fg_node *made = own_node(g, n, "LoopNext", n_in, in, n_out, out);
    fg_node_set_attr(ctx, made, FG_LOOP_FIRST, FG_ATTR_INT)->i = loop->first;
    fg_node_set_attr(ctx, made, FG_LOOP_STATES, FG_ATTR_INT)->i = states;
    fg_node_set_attr(ctx, made, BEGINS_ALWAYS, FG_ATTR_INT)->i =
        loop->condition == NULL || (loop->condition->data != NULL && fg_const_int(loop->condition, 0) != 0);
    if (axes != NULL) {
        fg_attr *a = fg_node_set_attr(ctx, made, FG_LOOP_AXES, FG_ATTR_INTS);
        a->n = pieces;
        a->ints = axes;
    }
    for (int i = 0; i < states; i++) {
        fg_value *either[3] = {out[FG_NEXT_RAN], out[FG_NEXT_LAST + i], in[FG_NEXT_STATES + i]};
        last[i] = NULL;
        own_node(g, n, "Choose", 3, either, 1, &last[i]);
    }
    for (int i = 0; i < pieces; i++) {
        collected[i] = out[FG_NEXT_LAST + states + i];
    }
}

/* ---- rows ---- */

/* Why the loop could not be unrolled. */
static const char *uncounted(fg_context *ctx, const fg_node *n) {
    const bool enters = fg_is_loop_enter(n);
    const fg_value *trips = fg_loop_operand(n, enters ? FG_ENTER_TRIPS : FG_NEXT_TRIPS),
                   *condition = fg_loop_operand(n, enters ? FG_ENTER_CONDITION : FG_NEXT_CONDITION);
    if (trips != NULL && trips->data == NULL) {
        return fg_format(ctx, "the number of iterations ('%s') is not constant", trips->name);
    }
    return condition == NULL
               ? "the loop is too long to be unrolled"
               : fg_format(ctx, "the condition of the loop ('%s') is not constant", condition->name);
}

static void need_tensor(fg_context *ctx, const fg_node *n, const fg_value *v) {
    if (v == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "a state or a result of a loop is absent");
    }
    if (v->is_sequence) {
        fg_remedy(ctx, "bind what decides on it with --const, so that the loop is unrolled");
        fg_raise(ctx, FG_UNSUPPORTED, "%s, and '%s' is a sequence", uncounted(ctx, n), v->name);
    }
}

static void check_condition(fg_context *ctx, const fg_value *condition) {
    if (condition != NULL && (condition->is_sequence || condition->dtype != FG_BOOL ||
                              fg_shape_count(&condition->shape) != 1 || fg_is_dynamic(condition))) {
        fg_raise(ctx, FG_BAD_MODEL, "the condition '%s' of a loop must be one bool", condition->name);
    }
}

static void infer_enter(fg_context *ctx, fg_graph *g, fg_node *n) {
    static const fg_shape scalar = {.rank = 0};
    (void)g;
    check_condition(ctx, fg_loop_operand(n, FG_ENTER_CONDITION));
    fg_out_shape(ctx, n, FG_ENTERED_ITERATION, FG_INT64, &scalar);
    fg_out_shape(ctx, n, FG_ENTERED_ON, FG_BOOL, &scalar);
    n->out[FG_ENTERED_ITERATION]->bound = INT32_MAX; /* never negative */
    for (int i = FG_ENTERED_STATES; i < n->n_out; i++) {
        const fg_value *from = n->in[FG_ENTER_STATES + i - FG_ENTERED_STATES];
        need_tensor(ctx, n, from);
        fg_out_shape(ctx, n, i, from->dtype, &from->shape);
        for (int d = 0; d < from->shape.rank; d++) {
            fg_out_same_extent(n, i, d, from, d);
        }
    }
}

/* A state is in every iteration what it was in the first one. */
static void check_state(fg_context *ctx, const fg_node *n, const fg_value *state, const fg_value *next) {
    need_tensor(ctx, n, next);
    bool same = next->dtype == state->dtype && fg_shape_equal(&next->shape, &state->shape);
    for (int d = 0; same && d < state->shape.rank; d++) {
        same = fg_form_equal(next->extent[d], state->extent[d]);
    }
    if (!same) {
        fg_remedy(ctx, "export the model with states of one shape, or bind the number of iterations with "
                       "--const, so that the loop is unrolled");
        fg_raise(ctx, FG_UNSUPPORTED,
                 "%s, and state '%s' goes into an iteration as %s %s and comes out as %s %s",
                 uncounted(ctx, n), next->name, fg_dtype_get(state->dtype)->name,
                 fg_shape_text(ctx, &state->shape), fg_dtype_get(next->dtype)->name,
                 fg_shape_text(ctx, &next->shape));
    }
}

/* The most iterations that the number M allows, -1: nobody knows. */
static int64_t most_trips(const fg_graph *g, const fg_value *trips) {
    if (trips == NULL) {
        return -1;
    }
    if (trips->data != NULL) {
        const int64_t m = fg_const_int(trips, 0);
        return m < 0 ? 0 : m;
    }
    if (trips->elements != NULL) {
        int64_t m = trips->elements[0].constant;
        for (int t = 0; t < trips->elements[0].n; t++) {
            const int64_t factor = trips->elements[0].term[t].factor;
            m += factor > 0 ? factor * g->symbols[trips->elements[0].term[t].symbol].most : 0;
        }
        return m < 0 ? 0 : m;
    }
    return -1;
}

static int64_t planned_trips(fg_context *ctx, const fg_graph *g, const fg_node *n, int i) {
    const fg_value *out = n->out[FG_NEXT_LAST + fg_loop_states(n) + i],
                   *piece = n->in[FG_NEXT_STATES + 2 * fg_loop_states(n) + i];
    const int axis = fg_loop_axis(ctx, n, i, piece->shape.rank);
    const fg_value *trips = fg_loop_operand(n, FG_NEXT_TRIPS),
                   *condition = fg_loop_operand(n, FG_NEXT_CONDITION);
    const int64_t first = fg_attr_int(n, FG_LOOP_FIRST, 0), own = fg_bound_of(out, axis);
    int64_t most = most_trips(g, trips);
    most = most > first ? most - first : most >= 0 ? 0 : -1;
    if (condition != NULL && condition->data != NULL && fg_const_int(condition, 0) == 0) {
        most = most == 0 ? 0 : 1;
    }
    if (own >= 0 && (most < 0 || own < most)) {
        most = own;
    }
    if (most < 0 && out->shape_declared && out->shape.rank == piece->shape.rank + 1) {
        most = out->shape.dim[axis];
    }
    if (most < 0 || most == INT64_MAX - first) {
        fg_remedy(
            ctx,
            "say how many there are at most, for example --bound '%s=100', or bind what decides with --const",
            out->name);
        fg_raise(ctx, FG_UNSUPPORTED, "'%s' holds an element of each iteration, and %s", out->name,
                 uncounted(ctx, n));
    }
    return most;
}

/* Every iteration happens that M allows. */
static bool is_counted(const fg_node *n) {
    const fg_value *condition = fg_loop_operand(n, FG_NEXT_CONDITION);
    const bool always = condition == NULL || (condition->data != NULL && fg_const_int(condition, 0) != 0);
    return always && fg_attr_int(n, BEGINS_ALWAYS, 0) != 0;
}

static void check_piece(fg_context *ctx, const fg_node *n, const fg_value *piece) {
    need_tensor(ctx, n, piece);
    if (piece->shape.rank == FG_MAX_RANK || fg_dtype_is_packed(piece->dtype) || fg_is_dynamic(piece)) {
        fg_raise(ctx, FG_UNSUPPORTED, "%s, and '%s' cannot be collected: %s", uncounted(ctx, n), piece->name,
                 fg_is_dynamic(piece) ? "its shape depends on data" : "not of this type or rank");
    }
}

static void infer_states(fg_context *ctx, fg_node *n) {
    const int states = fg_loop_states(n);
    for (int i = 0; i < states; i++) {
        const fg_value *next = n->in[FG_NEXT_STATES + states + i];
        check_state(ctx, n, n->in[FG_NEXT_STATES + i], next);
        fg_out_shape(ctx, n, FG_NEXT_LAST + i, next->dtype, &next->shape);
        for (int d = 0; d < next->shape.rank; d++) {
            fg_out_same_extent(n, FG_NEXT_LAST + i, d, next, d);
        }
    }
}

static void infer_next(fg_context *ctx, fg_graph *g, fg_node *n) {
    static const fg_shape scalar = {.rank = 0}, one = {1, {1}};
    const int states = fg_loop_states(n), pieces = fg_loop_pieces(n);
    const fg_value *trips = fg_loop_operand(n, FG_NEXT_TRIPS);
    const bool exact = is_counted(n) && trips != NULL && trips->data != NULL;
    check_condition(ctx, fg_loop_operand(n, FG_NEXT_CONDITION));
    fg_out_shape(ctx, n, FG_NEXT_RAN, FG_BOOL, &scalar);
    fg_out_shape(ctx, n, FG_NEXT_COUNT, FG_INT64, &one);
    infer_states(ctx, n);
    int64_t most = INT64_MAX;
    for (int i = 0; i < pieces; i++) {
        check_piece(ctx, n, n->in[FG_NEXT_STATES + 2 * states + i]);
        const int64_t own = planned_trips(ctx, g, n, i);
        most = own < most ? own : most;
    }
    const int symbol = pieces > 0 && !exact ? fg_new_symbol(g, most) : -1;
    for (int i = 0; i < pieces; i++) {
        const fg_value *piece = n->in[FG_NEXT_STATES + 2 * states + i];
        const int at = FG_NEXT_LAST + states + i;
        const int rank = piece->shape.rank, axis = fg_loop_axis(ctx, n, i, rank);
        fg_shape y = {.rank = rank + 1};
        for (int d = 0; d <= rank; d++) {
            y.dim[d] = d == axis ? most : piece->shape.dim[d < axis ? d : d - 1];
        }
        if (exact) {
            fg_out_shape(ctx, n, at, piece->dtype, &y);
        } else {
            g->symbols[symbol].value = n->out[FG_NEXT_COUNT]; /* which tells it */
            g->symbols[symbol].dim = -1;
            fg_out_symbol(ctx, g, n, at, piece->dtype, &y, axis, symbol);
        }
    }
}

#define ROW(NAME, INFER, LOWERING)                                                                           \
    {                                                                                                        \
        .name = NAME, .domain = FG_OWN_DOMAIN, .since = 1, .min_in = 0, .max_in = -1, .max_out = -1,         \
        .types = FG_T_ANY, .infer = INFER, .lowering = LOWERING                                              \
    }

const fg_op fg_ops_loops[] = {
    ROW("LoopEnter", infer_enter, "loop_enter"),
    ROW("LoopNext", infer_next, "loop_next"),
};
const int fg_ops_loops_count = FG_COUNT(fg_ops_loops);
