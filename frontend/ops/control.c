/* Control flow, resolved while shapes are inferred: a branch is chosen, a loop unrolled. */
#include "frontend/expand.h"
#include "frontend/extent.h"
#include "frontend/reference/elements.h"

#include <string.h>

#define MAX_TRIPS 4096 /* of one loop; code for each would be made */

static const fg_graph *graph_of(fg_context *ctx, const fg_node *n, const char *attr) {
    const fg_attr *a = fg_node_attr(n, attr);
    if (a == NULL || a->graph == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' is missing", attr);
    }
    return a->graph;
}

static void need_trips(fg_context *ctx, int64_t trips) {
    if (trips <= MAX_TRIPS) {
        return;
    }
    fg_remedy(ctx, "export the model for shorter input");
    fg_raise(ctx, FG_UNSUPPORTED, "more than %d iterations would have to be unrolled", MAX_TRIPS);
}

/* ---- If ---- */

static fg_value **branch_results(fg_graph *g, const fg_node *n, const fg_graph *body) {
    if (body->n_inputs != 0 || body->n_outputs < n->n_out) {
        fg_raise(g->ctx, FG_BAD_MODEL, "a branch has %d inputs and %d outputs; the operator has %d outputs",
                 body->n_inputs, body->n_outputs, n->n_out);
    }
    fg_value **results = FG_ARRAY(g->ctx, body->n_outputs + 1, fg_value *);
    fg_graph_splice(g, body, NULL, results);
    return results;
}

/* Operators have no effects but their results: where only a run knows the condition, both branches are
 * computed and one chosen. */
static void infer_if(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_graph *then_branch = graph_of(ctx, n, "then_branch"),
                   *else_branch = graph_of(ctx, n, "else_branch");
    if (fg_shape_count(&n->in[0]->shape) != 1 || n->in[0]->dtype != FG_BOOL) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'cond' must be one bool");
    }
    if (n->in[0]->data == NULL) {
        fg_value **yes = branch_results(g, n, then_branch), **no = branch_results(g, n, else_branch);
        for (int i = 0; i < n->n_out; i++) {
            if (n->out[i] != NULL) {
                fg_value *in[3] = {n->in[0], yes[i], no[i]};
                fg_put_node(g, n, "Choose", 3, in, 1, &n->out[i])->domain = FG_OWN_DOMAIN;
            }
        }
    } else {
        const bool yes = fg_const_int(n->in[0], 0) != 0;
        fg_value **results = branch_results(g, n, yes ? then_branch : else_branch);
        for (int i = 0; i < n->n_out; i++) {
            fg_put_output(g, n, i, results[i]);
        }
    }
    fg_replaced(n);
}

/* ---- Loop ---- */

/* A loop is peeled: the first iteration, then the same node with one iteration less to go, whose further
 * inputs are the sequences of what the scan outputs have collected so far. */
#define ITERATION "1iteration"

typedef struct loop {
    fg_graph *g;
    fg_node *n;
    const fg_graph *body;
    int states, scans;
    int64_t iteration;
} loop;

static fg_value *operand(const loop *l, int i) {
    return i < l->n->n_in ? l->n->in[i] : NULL;
}

/* What scan output i has collected: an operand of a peeled loop, else nothing yet. */
static fg_value *collected(const loop *l, int i) {
    fg_value *v = operand(l, 2 + l->states + i);
    if (v == NULL) {
        v = fg_graph_value(l->g, "collected");
        v->is_sequence = v->items_known = true;
    }
    return v;
}

static void finish(const loop *l) {
    for (int i = 0; i < l->states; i++) {
        fg_put_output(l->g, l->n, i, operand(l, 2 + i));
    }
    for (int i = 0; i < l->scans && l->states + i < l->n->n_out; i++) {
        fg_value *items = collected(l, i);
        if (l->n->out[l->states + i] == NULL) {
            continue;
        }
        if (!items->items_known || items->n_items == 0) {
            fg_raise(l->g->ctx, FG_UNSUPPORTED, "a loop of no iterations has nothing to collect");
        }
        fg_put_output(l->g, l->n, l->states + i, fg_put_stacked(l->g, l->n, items->n_items, items->items, 0));
    }
    fg_replaced(l->n);
}

static void peel(const loop *l) {
    fg_graph *g = l->g;
    fg_context *ctx = g->ctx;
    fg_node *n = l->n;
    fg_value **args = FG_ARRAY(ctx, l->body->n_inputs, fg_value *);
    fg_value **results = FG_ARRAY(ctx, l->body->n_outputs, fg_value *);
    args[0] = fg_put_ints(g, n, -1, &l->iteration);
    args[1] = fg_put_bool(g, n, true);
    for (int i = 0; i < l->states; i++) {
        args[2 + i] = operand(l, 2 + i);
    }
    fg_graph_splice(g, l->body, args, results);
    fg_value **in = FG_ARRAY(ctx, 2 + l->states + l->scans, fg_value *);
    in[0] = operand(l, 0);
    in[1] = results[0];
    for (int i = 0; i < l->states; i++) {
        in[2 + i] = results[1 + i];
    }
    for (int i = 0; i < l->scans; i++) {
        in[2 + l->states + i] = fg_put_longer(g, collected(l, i), results[1 + l->states + i]);
    }
    fg_node *rest = fg_put_node(g, n, "Loop", 2 + l->states + l->scans, in, n->n_out, n->out);
    rest->attr = n->attr;
    rest->n_attr = n->n_attr;
    fg_node_set_attr(ctx, rest, ITERATION, FG_ATTR_INT)->i = l->iteration + 1;
    fg_replaced(n);
}

static int64_t trip_count(fg_context *ctx, const fg_node *n) {
    if (n->n_in == 0 || n->in[0] == NULL) {
        return INT64_MAX;
    }
    fg_require_const(ctx, n, 0, "M");
    if (fg_shape_count(&n->in[0]->shape) != 1 || n->in[0]->dtype != FG_INT64) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'M' must be one int64");
    }
    return fg_const_int(n->in[0], 0);
}

static void infer_loop(fg_context *ctx, fg_graph *g, fg_node *n) {
    loop l = {.g = g, .n = n, .body = graph_of(ctx, n, "body"), .iteration = fg_attr_int(n, ITERATION, 0)};
    l.states = l.body->n_inputs - 2;
    l.scans = l.body->n_outputs - 1 - l.states;
    bool fits = l.states >= 0 && l.scans >= 0 && l.iteration >= 0 &&
                n->n_in <= 2 + l.states + (l.iteration > 0 ? l.scans : 0) && n->n_out <= l.states + l.scans;
    for (int i = 0; fits && i < l.states; i++) {
        fits = operand(&l, 2 + i) != NULL;
    }
    if (!fits) {
        fg_raise(ctx, FG_BAD_MODEL, "the body does not fit the operator's operands and results");
    }
    int64_t trips = trip_count(ctx, n);
    if (l.iteration < trips) {
        fg_require_const(ctx, n, 1, "cond");
    }
    bool on = l.iteration < trips && (operand(&l, 1) == NULL || fg_const_int(operand(&l, 1), 0) != 0);
    if (!on) {
        finish(&l);
        return;
    }
    need_trips(ctx, trips == INT64_MAX ? l.iteration + 1 : trips);
    peel(&l);
}

/* ---- Scan ---- */

typedef struct scan {
    fg_graph *g;
    fg_node *n;
    const fg_graph *body;
    int states, inputs, outputs;
    int first; /* operand that is the first state */
    int64_t trips;
} scan;

static int64_t listed(fg_context *ctx, const fg_node *n, const char *attr, int i) {
    const fg_attr *a = fg_node_attr(n, attr);
    if (a == NULL || a->type != FG_ATTR_INTS) {
        return 0;
    }
    if (i >= a->n) {
        fg_blame_attribute(ctx, attr);
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' has too few entries", attr);
    }
    return a->ints[i];
}

/* All pieces of a scan input, in the order in which the iterations read them. */
static fg_value **pieces_of(const scan *s, fg_value *x, int64_t axis, bool backwards) {
    fg_value **pieces = FG_ARRAY(s->g->ctx, s->trips + 1, fg_value *);
    fg_put_split(s->g, s->n, x, axis, (int)s->trips, NULL, pieces);
    for (int64_t t = 0; t < s->trips; t++) {
        pieces[t] = fg_put_squeezed(s->g, s->n, pieces[t], axis);
    }
    for (int64_t t = 0; backwards && t < s->trips / 2; t++) {
        fg_value *other = pieces[t];
        pieces[t] = pieces[s->trips - 1 - t];
        pieces[s->trips - 1 - t] = other;
    }
    return pieces;
}

/* Runs over one batch: state[] is replaced by the last states; made[o][t] is what output o is of. */
static void unroll(const scan *s, fg_value **state, fg_value **const *pieces, fg_value ***made) {
    fg_context *ctx = s->g->ctx;
    fg_value **args = FG_ARRAY(ctx, s->states + s->inputs + 1, fg_value *);
    fg_value **results = FG_ARRAY(ctx, s->states + s->outputs + 1, fg_value *);
    for (int64_t t = 0; t < s->trips; t++) {
        memcpy(args, state, (size_t)s->states * sizeof *args);
        for (int i = 0; i < s->inputs; i++) {
            args[s->states + i] = pieces[i][t];
        }
        fg_graph_splice(s->g, s->body, args, results);
        memcpy(state, results, (size_t)s->states * sizeof *state);
        for (int o = 0; o < s->outputs; o++) {
            made[o][t] = results[s->states + o];
        }
    }
}

static fg_value ***lists(const scan *s) {
    fg_value ***made = FG_ARRAY(s->g->ctx, s->outputs + 1, fg_value **);
    for (int o = 0; o < s->outputs; o++) {
        made[o] = FG_ARRAY(s->g->ctx, s->trips, fg_value *);
    }
    return made;
}

static void begin_scan(fg_context *ctx, scan *s, fg_graph *g, fg_node *n, int first) {
    *s = (scan){.g = g, .n = n, .body = graph_of(ctx, n, "body"), .first = first};
    const int64_t inputs = fg_attr_int(n, "num_scan_inputs", 0);
    if (inputs < 1 || inputs > n->n_in - first || s->body->n_inputs != n->n_in - first) {
        fg_blame_attribute(ctx, "num_scan_inputs");
        fg_raise(ctx, FG_BAD_MODEL, "the body does not fit the operator's operands");
    }
    s->inputs = (int)inputs;
    s->states = n->n_in - first - s->inputs;
    s->outputs = s->body->n_outputs - s->states;
    if (s->outputs < 0 || n->n_out > s->body->n_outputs) {
        fg_raise(ctx, FG_BAD_MODEL, "the body does not fit the operator's results");
    }
    for (int i = first; i < n->n_in; i++) {
        if (n->in[i] == NULL || n->in[i]->is_sequence) {
            fg_raise(ctx, FG_BAD_MODEL, "input %d is required and absent, or is no tensor", i);
        }
    }
}

/* Extent of scan input i along its axis: how many iterations there are. */
static void count_trips(fg_context *ctx, scan *s, int i, int64_t extent) {
    if (i > 0 && extent != s->trips) {
        fg_raise(ctx, FG_BAD_MODEL, "scan inputs have %lld and %lld elements", (long long)s->trips,
                 (long long)extent);
    }
    if (extent == 0) {
        fg_raise(ctx, FG_UNSUPPORTED, "a scan over no elements");
    }
    s->trips = extent;
    need_trips(ctx, extent);
}

static void infer_scan(fg_context *ctx, fg_graph *g, fg_node *n) {
    scan s;
    begin_scan(ctx, &s, g, n, 0);
    fg_value ***pieces = FG_ARRAY(ctx, s.inputs, fg_value **), ***made;
    for (int i = 0; i < s.inputs; i++) {
        fg_value *x = n->in[s.states + i];
        int axis = fg_axis(ctx, n, listed(ctx, n, "scan_input_axes", i), x->shape.rank);
        count_trips(ctx, &s, i, x->shape.dim[axis]);
        pieces[i] = pieces_of(&s, x, axis, listed(ctx, n, "scan_input_directions", i) != 0);
    }
    fg_value **state = FG_ARRAY(ctx, s.states + 1, fg_value *);
    memcpy(state, n->in, (size_t)s.states * sizeof *state);
    made = lists(&s);
    unroll(&s, state, pieces, made);
    for (int i = 0; i < s.states; i++) {
        fg_put_output(g, n, i, state[i]);
    }
    for (int o = 0; o < s.outputs && s.states + o < n->n_out; o++) {
        bool backwards = listed(ctx, n, "scan_output_directions", o) != 0;
        fg_value **order = FG_ARRAY(ctx, s.trips, fg_value *);
        for (int64_t t = 0; t < s.trips; t++) {
            order[t] = made[o][backwards ? s.trips - 1 - t : t];
        }
        fg_put_output(g, n, s.states + o,
                      fg_put_stacked(g, n, (int)s.trips, order, listed(ctx, n, "scan_output_axes", o)));
    }
    fg_replaced(n);
}

/* Opset 8: batches come first, each is scanned along axis 1 by itself. */
static void infer_scan_8(fg_context *ctx, fg_graph *g, fg_node *n) {
    scan s;
    if (n->n_in == 0 || n->in[0] != NULL) {
        fg_blame_attribute(ctx, "sequence_lens");
        fg_raise(ctx, FG_UNSUPPORTED, "a scan with sequence lengths");
    }
    begin_scan(ctx, &s, g, n, 1);
    const fg_shape *x0 = &n->in[1 + s.states]->shape;
    const int64_t batches = x0->rank < 2 ? 0 : x0->dim[0];
    for (int i = 0; i < s.states + s.inputs; i++) {
        const fg_shape *x = &n->in[1 + i]->shape;
        if (x->rank < (i < s.states ? 1 : 2) || x->dim[0] != batches || batches < 1) {
            fg_raise(ctx, FG_BAD_MODEL, "operand '%s' lacks the batch dimension", n->in[1 + i]->name);
        }
        if (i >= s.states) {
            count_trips(ctx, &s, i - s.states, x->dim[1]);
        }
    }
    need_trips(ctx, batches);
    fg_value ***batch = FG_ARRAY(ctx, s.states + s.inputs, fg_value **);
    scan b = s;
    b.trips = batches;
    for (int i = 0; i < s.states + s.inputs; i++) {
        batch[i] = pieces_of(&b, n->in[1 + i], 0, false);
    }
    fg_value ***result = FG_ARRAY(ctx, s.states + s.outputs + 1, fg_value **);
    for (int i = 0; i < s.states + s.outputs; i++) {
        result[i] = FG_ARRAY(ctx, batches, fg_value *);
    }
    for (int64_t k = 0; k < batches; k++) {
        fg_value **state = FG_ARRAY(ctx, s.states + 1, fg_value *);
        fg_value ***pieces = FG_ARRAY(ctx, s.inputs, fg_value **), ***made = lists(&s);
        for (int i = 0; i < s.states; i++) {
            state[i] = batch[i][k];
        }
        for (int i = 0; i < s.inputs; i++) {
            pieces[i] = pieces_of(&s, batch[s.states + i][k], 0, listed(ctx, n, "directions", i) != 0);
        }
        unroll(&s, state, pieces, made);
        for (int i = 0; i < s.states; i++) {
            result[i][k] = state[i];
        }
        for (int o = 0; o < s.outputs; o++) {
            result[s.states + o][k] = fg_put_stacked(g, n, (int)s.trips, made[o], 0);
        }
    }
    for (int i = 0; i < s.states + s.outputs && i < n->n_out; i++) {
        fg_put_output(g, n, i, fg_put_stacked(g, n, (int)batches, result[i], 0));
    }
    fg_replaced(n);
}

#define ROW(NAME, SINCE, UNTIL, MIN, MAX, TYPES, INFER, NOTE)                                                \
    {                                                                                                        \
        .name = NAME, .domain = "", .since = SINCE, .until = UNTIL, .min_in = MIN, .max_in = MAX,            \
        .max_out = -1, .types = TYPES, .infer = INFER, .note = NOTE                                          \
    }

const fg_op fg_ops_control[] = {
    ROW("If", 1, 0, 1, 1, FG_T(FG_BOOL), infer_if,
        "both branches are computed where the condition is not constant"),
    ROW("Loop", 1, 0, 0, -1, FG_T_ANY, infer_loop, "number of iterations must be constant; unrolled"),
    ROW("Scan", 8, 8, 0, -1, FG_T_ANY, infer_scan_8, "no sequence_lens; unrolled"),
    ROW("Scan", 9, 0, 1, -1, FG_T_ANY, infer_scan, "unrolled"),
};
const int fg_ops_control_count = FG_COUNT(fg_ops_control);
