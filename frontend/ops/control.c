/* Control flow, resolved while shapes are inferred: a branch is chosen, a loop unrolled, or its body put
 * between two nodes that make a loop of it (see frontend/loops.h). */
#include "frontend/expand.h"
#include "frontend/extent.h"
#include "frontend/loops.h"
#include "frontend/reference/elements.h"

#include <string.h>

/* Loops are unrolled where that makes no more nodes than these: then shapes may differ from iteration to
 * iteration, and what the iteration's number decides is constant. */
#define MAX_UNROLLED 4096

static const fg_graph *graph_of(fg_context *ctx, const fg_node *n, const char *attr) {
    const fg_attr *a = fg_attr_of(n, attr, FG_ATTR_GRAPH);
    if (a == NULL || a->graph == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' is missing", attr);
    }
    return a->graph;
}

static bool is_short(const fg_graph *body, int64_t trips) {
    return trips <= MAX_UNROLLED / (body->n_nodes > 0 ? body->n_nodes : 1);
}

static void need_trips(fg_context *ctx, int64_t trips) {
    if (trips <= MAX_UNROLLED) {
        return;
    }
    fg_remedy(ctx, "export the model for shorter input");
    fg_raise(ctx, FG_UNSUPPORTED, "more than %d iterations would have to be unrolled", MAX_UNROLLED);
}

/* ---- what is inside a loop ---- */

/* Attribute of control flow that stands inside a loop: the id, plus one, of the value that is the iteration.
 * A loop there has to begin in each iteration anew, even if what it starts from does not change. */
#define INSIDE "1inside"

static fg_value *iteration_around(const fg_graph *g, const fg_node *n) {
    const int64_t id = fg_attr_int(n, INSIDE, 0);
    return id > 0 && id <= g->n_values ? g->values[id - 1] : NULL;
}

static bool has_graph(const fg_node *n) {
    for (int a = 0; a < n->n_attr; a++) {
        if (n->attr[a].graph != NULL) {
            return true;
        }
    }
    return false;
}

/* fg_graph_splice; control flow in the body is inside the loop of that iteration. */
static void splice(fg_graph *g, const fg_graph *body, fg_value *const *args, fg_value **results,
                   const fg_value *iteration) {
    const int before = g->n_nodes;
    fg_graph_splice(g, body, args, results);
    for (int i = before; iteration != NULL && i < g->n_nodes; i++) {
        if (has_graph(g->nodes[i])) {
            fg_node_set_attr(g->ctx, g->nodes[i], INSIDE, FG_ATTR_INT)->i = iteration->id + 1;
        }
    }
}

/* ---- If ---- */

static fg_value **branch_results(fg_graph *g, const fg_node *n, const fg_graph *body) {
    if (body->n_inputs != 0 || body->n_outputs < n->n_out) {
        fg_raise(g->ctx, FG_BAD_MODEL, "a branch has %d inputs and %d outputs; the operator has %d outputs",
                 body->n_inputs, body->n_outputs, n->n_out);
    }
    fg_value **results = FG_ARRAY(g->ctx, body->n_outputs + 1, fg_value *);
    splice(g, body, NULL, results, iteration_around(g, n));
    return results;
}

/* Operators have no effects but their results: where only a run knows the condition, both branches stand in
 * the graph and one result is chosen. Generated code calls the kernels of the branch that is taken. */
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

enum { SOME_TRIPS = 8 }; /* fewer than these are tried where nothing is known of how many there are */

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
    splice(g, l->body, args, results, iteration_around(g, n));
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

/* Sequences exist while a loop is unrolled only. */
static bool unrolls(const loop *l, int64_t trips) {
    bool needed = false;
    for (int i = 0; i < l->states; i++) {
        needed = needed || operand(l, 2 + i)->is_sequence;
    }
    return needed || trips == INT64_MAX || is_short(l->body, trips);
}

/* -1: only a run knows. */
static int64_t trip_count(fg_context *ctx, const fg_node *n) {
    if (n->n_in == 0 || n->in[0] == NULL) {
        return INT64_MAX;
    }
    if (fg_shape_count(&n->in[0]->shape) != 1 || n->in[0]->dtype != FG_INT64) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'M' must be one int64");
    }
    const int64_t trips = n->in[0]->data == NULL ? 0 : fg_const_int(n->in[0], 0);
    return n->in[0]->data == NULL ? -1 : trips < 0 ? 0 : trips;
}

/* What the loop collected before its first iteration that a run counts comes first. */
static void put_collected(const loop *l, int i, fg_value *rest) {
    const fg_value *items = collected(l, i);
    if (items->n_items == 0) {
        fg_put_output(l->g, l->n, l->states + i, rest);
        return;
    }
    fg_value *parts[2] = {fg_put_stacked(l->g, l->n, items->n_items, items->items, 0), rest};
    fg_value *all = fg_put(l->g, l->n, "Concat", 2, parts);
    fg_put_int(l->g, all, "axis", 0);
    fg_put_output(l->g, l->n, l->states + i, all);
}

/* The body becomes part of the graph, once. */
static void roll(const loop *l) {
    fg_graph *g = l->g;
    fg_context *ctx = g->ctx;
    fg_node *n = l->n;
    const fg_new_loop made = {.trips = operand(l, 0),
                              .condition = operand(l, 1),
                              .first = l->iteration,
                              .states = l->states,
                              .state = n->in + 2,
                              .around = iteration_around(g, n)};
    fg_value **args = FG_ARRAY(ctx, l->body->n_inputs, fg_value *);
    fg_value **results = FG_ARRAY(ctx, l->body->n_outputs, fg_value *);
    fg_value **last = FG_ARRAY(ctx, l->states + 1, fg_value *);
    fg_value **scans = FG_ARRAY(ctx, l->scans + 1, fg_value *);
    const fg_node *enter = fg_put_loop_enter(g, n, &made);
    if (made.trips != NULL && made.trips->bound == 0) {
        fg_bound_index(made.trips, SOME_TRIPS);
    }
    args[0] = enter->out[FG_ENTERED_ITERATION];
    args[1] = fg_put_bool(g, n, true);
    memcpy(args + 2, enter->out + FG_ENTERED_STATES, (size_t)l->states * sizeof *args);
    splice(g, l->body, args, results, args[0]);
    for (int i = 0; i < l->scans; i++) { /* the user's name, by which a bound is given */
        const bool direct = collected(l, i)->n_items == 0 && l->states + i < n->n_out;
        scans[i] = direct ? n->out[l->states + i] : NULL;
    }
    fg_put_loop_next(g, n, &made, enter, results[0], results + 1, l->scans, results + 1 + l->states, NULL,
                     last, scans);
    for (int i = 0; i < l->states; i++) {
        fg_put_output(g, n, i, last[i]);
    }
    for (int i = 0; i < l->scans; i++) {
        if (l->states + i < n->n_out && n->out[l->states + i] != scans[i]) {
            put_collected(l, i, scans[i]);
        }
    }
    fg_replaced(n);
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
    const int64_t trips = trip_count(ctx, n);
    const fg_value *condition = operand(&l, 1);
    const bool unknown = trips < 0 || (condition != NULL && condition->data == NULL);
    if (l.iteration == trips ||
        (condition != NULL && condition->data != NULL && fg_const_int(condition, 0) == 0)) {
        finish(&l);
    } else if (unknown || (l.iteration == 0 && !unrolls(&l, trips))) {
        roll(&l);
    } else {
        need_trips(ctx, trips == INT64_MAX ? l.iteration + 1 : trips);
        peel(&l);
    }
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
    const fg_attr *a = fg_attr_of(n, attr, FG_ATTR_INTS);
    if (a == NULL) {
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
        splice(s->g, s->body, args, results, iteration_around(s->g, s->n));
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
}

/* Piece of scan input i that an iteration reads. */
static fg_value *rolled_piece(const scan *s, int i, fg_value *iteration, fg_value *trips) {
    fg_graph *g = s->g;
    fg_value *x = s->n->in[s->first + s->states + i], *at = iteration;
    if (listed(g->ctx, s->n, "scan_input_directions", i) != 0) {
        fg_value *last =
            fg_put(g, s->n, "Sub", 2, (fg_value *[]){trips, fg_put_ints(g, s->n, -1, (int64_t[]){1})});
        at = fg_put(g, s->n, "Sub", 2, (fg_value *[]){last, iteration});
    }
    fg_value *piece = fg_put(g, s->n, "Gather", 2, (fg_value *[]){x, at});
    fg_put_int(g, piece, "axis",
               fg_axis(g->ctx, s->n, listed(g->ctx, s->n, "scan_input_axes", i), x->shape.rank));
    return piece;
}

static fg_value *trips_of(const scan *s) {
    fg_graph *g = s->g;
    fg_value *x = s->n->in[s->first + s->states];
    const int64_t axis = fg_axis(g->ctx, s->n, listed(g->ctx, s->n, "scan_input_axes", 0), x->shape.rank);
    if (x->extent[axis] == NULL) {
        return fg_put_ints(g, s->n, -1, &x->shape.dim[axis]);
    }
    fg_value *shape = fg_put(g, s->n, "Shape", 1, &x);
    return fg_put(g, s->n, "Gather", 2, (fg_value *[]){shape, fg_put_ints(g, s->n, -1, &axis)});
}

static void put_scanned(const scan *s, int o, fg_value *all, int64_t axis) {
    fg_graph *g = s->g;
    fg_node *n = s->n;
    if (listed(g->ctx, n, "scan_output_directions", o) != 0) {
        const int64_t from = -1, to = INT64_MIN, step = -1;
        fg_value *in[] = {all, fg_put_ints(g, n, 1, &from), fg_put_ints(g, n, 1, &to),
                          fg_put_ints(g, n, 1, &axis), fg_put_ints(g, n, 1, &step)};
        all = fg_put(g, n, "Slice", 5, in);
    }
    fg_put_output(g, n, s->states + o, all);
}

static void roll_scan(const scan *s) {
    fg_graph *g = s->g;
    fg_context *ctx = g->ctx;
    fg_node *n = s->n;
    const fg_new_loop made = {.trips = trips_of(s),
                              .states = s->states,
                              .state = n->in + s->first,
                              .around = iteration_around(g, n)};
    fg_value **args = FG_ARRAY(ctx, s->states + s->inputs + 1, fg_value *);
    fg_value **results = FG_ARRAY(ctx, s->states + s->outputs + 1, fg_value *);
    fg_value **last = FG_ARRAY(ctx, s->states + 1, fg_value *);
    fg_value **all = FG_ARRAY(ctx, s->outputs + 1, fg_value *);
    int64_t *axes = FG_ARRAY(ctx, s->outputs + 1, int64_t);
    for (int o = 0; o < s->outputs; o++) {
        axes[o] = listed(ctx, n, "scan_output_axes", o);
    }
    const fg_node *enter = fg_put_loop_enter(g, n, &made);
    fg_value *iteration = enter->out[FG_ENTERED_ITERATION];
    memcpy(args, enter->out + FG_ENTERED_STATES, (size_t)s->states * sizeof *args);
    for (int i = 0; i < s->inputs; i++) {
        args[s->states + i] = rolled_piece(s, i, iteration, made.trips);
    }
    splice(g, s->body, args, results, iteration);
    fg_put_loop_next(g, n, &made, enter, NULL, results, s->outputs, results + s->states, axes, last, all);
    for (int i = 0; i < s->states; i++) {
        fg_put_output(g, n, i, last[i]);
    }
    for (int o = 0; o < s->outputs && s->states + o < n->n_out; o++) {
        if (n->out[s->states + o] != NULL) {
            put_scanned(s, o, all[o], axes[o]);
        }
    }
    fg_replaced(n);
}

static void infer_scan(fg_context *ctx, fg_graph *g, fg_node *n) {
    scan s;
    begin_scan(ctx, &s, g, n, 0);
    fg_value ***pieces = FG_ARRAY(ctx, s.inputs, fg_value **), ***made;
    bool known = true;
    for (int i = 0; i < s.inputs; i++) {
        fg_value *x = n->in[s.states + i];
        int axis = fg_axis(ctx, n, listed(ctx, n, "scan_input_axes", i), x->shape.rank);
        count_trips(ctx, &s, i, x->shape.dim[axis]);
        known = known && x->extent[axis] == NULL;
    }
    if (!known || !is_short(s.body, s.trips)) {
        roll_scan(&s);
        return;
    }
    for (int i = 0; i < s.inputs; i++) {
        fg_value *x = n->in[s.states + i];
        int axis = fg_axis(ctx, n, listed(ctx, n, "scan_input_axes", i), x->shape.rank);
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
            need_trips(ctx, s.trips);
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
    ROW("If", 1, 0, 1, 1, FG_T(FG_BOOL), infer_if, "results of both branches differ in one extent at most"),
    ROW("Loop", 1, 0, 0, -1, FG_T_ANY, infer_loop,
        "a loop of many iterations, or of a number that only a run knows, has states of fixed shapes"),
    ROW("Scan", 8, 8, 0, -1, FG_T_ANY, infer_scan_8, "no sequence_lens; unrolled"),
    ROW("Scan", 9, 0, 1, -1, FG_T_ANY, infer_scan, NULL),
};
const int fg_ops_control_count = FG_COUNT(fg_ops_control);
