/* Control flow: branches, loops whose iterations are known or not, scans. What a body makes of a value has
 * its shape, so that nobody has to infer what only the whole graph tells. */
#include "random_graph.h"

enum { STEPS_MAX = 3, TRIPS_MAX = 5, WIDEST = 48 };

/* The name of a body's value must not be that of one outside. */
static fg_graph *closed(grower *s, fg_graph *body) {
    const int number = s->n_bodies++;
    for (int i = 0; i < body->n_values; i++) {
        body->values[i]->name = fg_format(s->ctx, "b%d_%s", number, body->values[i]->name);
    }
    return body;
}

/* A value from outside that has the shape; NULL if there is none. */
static fg_value *captured(grower *s, const fg_shape *shape) {
    for (int tries = 0; tries < 8; tries++) {
        fg_value *v = s->pool[rng_range(&s->r, 0, s->n_pool - 1)].v;
        if (v->dtype == FG_FLOAT && fg_shape_equal(&v->shape, shape)) {
            return v;
        }
    }
    return NULL;
}

static fg_value *lasting_conv(grower *s, fg_value *x, const fg_shape *shape) {
    const int64_t c = shape->dim[1], each = rng_chance(&s->r, 40) ? 1 : c, w[] = {c, each, 3, 3};
    fg_value *y = NODE(s->g, "Conv", x, grow_weights(s, 4, w, 0, 0.3 / sqrt((double)each)));
    return WITH_INTS(s->g, with_int(s->g, y, "group", c / each), "pads", 1, 1, 1, 1);
}

/* The elements along the last axis, the first behind all others. */
static fg_value *rotated(grower *s, fg_value *x, const fg_shape *shape) {
    const int64_t axis = shape->rank - 1, begin = 0, one = 1, end = INT64_MAX;
    fg_value *first =
        NODE(s->g, "Slice", x, grow_ints(s, 1, &begin), grow_ints(s, 1, &one), grow_ints(s, 1, &axis));
    fg_value *rest =
        NODE(s->g, "Slice", x, grow_ints(s, 1, &one), grow_ints(s, 1, &end), grow_ints(s, 1, &axis));
    return with_int(s->g, NODE(s->g, "Concat", rest, first), "axis", axis);
}

/* One operator or a few in the graph s->g, which is a body. */
static fg_value *lasting_step(grower *s, fg_value *x, const fg_shape *shape) {
    static const char *const unary[] = {"Tanh", "Sigmoid", "Relu", "Neg", "Abs", "Softsign", "HardSigmoid"};
    const int rank = shape->rank;
    const int64_t last = rank == 0 ? 1 : shape->dim[rank - 1];
    fg_value *other;
    switch (rng_range(&s->r, 0, 8)) {
    case 0: return NODE(s->g, "Mul", x, grow_weights(s, 1, &last, 0.2, 0.5));
    case 1:
        other = captured(s, shape);
        return NODE(s->g, rng_chance(&s->r, 50) ? "Add" : "Sub", x, other == NULL ? x : other);
    case 2:
        if (rank >= 2 && last <= WIDEST) {
            const int64_t w[] = {last, last};
            return NODE(s->g, "MatMul", x, grow_weights(s, 2, w, 0, 0.7 / sqrt((double)last)));
        }
        break;
    case 3:
        if (rank == 4 && shape->dim[1] <= WIDEST) {
            return lasting_conv(s, x, shape);
        }
        break;
    case 4: return rank == 0 ? NODE(s->g, "Exp", x) : with_int(s->g, NODE(s->g, "Softmax", x), "axis", -1);
    case 5: return NODE(s->g, "Sub", x, NODE(s->g, "ReduceMean", x));
    case 6:
        if (rank > 0 && last > 1) {
            return rotated(s, x, shape);
        }
        break;
    default: break;
    }
    return NODE(s->g, ONE_OF(s, unary), x);
}

static fg_value *some_steps(grower *s, fg_value *x, const fg_shape *shape, int least) {
    for (int64_t n = rng_range(&s->r, least, STEPS_MAX); n > 0; n--) {
        x = lasting_step(s, x, shape);
    }
    return x;
}

/* ---- branches ---- */

static fg_value *some_condition(grower *s) {
    const fg_shape none = {0};
    if (rng_chance(&s->r, 15)) {
        return grow_truth(s, rng_chance(&s->r, 50));
    }
    if (rng_chance(&s->r, 50)) {
        return grow_input(s, FG_BOOL, &none);
    }
    fg_value *number = grow_input(s, FG_INT64, &none);
    return grow(s, NODE(s->g, "Less", number, grow_scalar(s, FG_INT64, 5)));
}

static fg_graph *branch(grower *s, fg_value *c, fg_value *const *x, int n, int depth);

static fg_value *some_branches(grower *s, fg_value *c, fg_value *const *x, int n, int depth) {
    fg_value *out[2];
    for (int i = 0; i < n; i++) {
        out[i] = fg_graph_value(s->g, "chosen");
    }
    fg_graph_node(s->g, "If", 1, &c, n, out)->name = out[0]->name;
    fg_graph *yes = branch(s, c, x, n, depth), *no = branch(s, c, x, n, depth);
    set_body(s->g, out[0], "then_branch", yes);
    set_body(s->g, out[0], "else_branch", no);
    for (int i = 0; i < n; i++) {
        grow_known(s, out[i], &x[i]->shape);
    }
    return out[0];
}

/* n results of the shapes of x, which lie outside. */
static fg_graph *branch(grower *s, fg_value *c, fg_value *const *x, int n, int depth) {
    fg_graph *outside = s->g, *b = s->g = body_of(outside, NULL, 0);
    const int pool = s->n_pool;
    for (int i = 0; i < n; i++) {
        fg_value *y = some_steps(s, x[i], &x[i]->shape, 0);
        if (depth > 0 && i == 0 && rng_chance(&s->r, 25)) {
            y = some_branches(s, c, &x[i], 1, depth - 1);
        }
        output(b, NODE(b, "Identity", y));
    }
    s->n_pool = pool; /* nobody outside sees what is inside */
    s->g = outside;
    return closed(s, b);
}

void control_branch(grower *s) {
    fg_value *x[2] = {pick(s, FG_FLOAT, 1, 4), pick(s, FG_FLOAT, 1, 4)};
    fg_value *c = some_condition(s);
    some_branches(s, c, x, (int)rng_range(&s->r, 1, 2), 1);
}

/* ---- loops ---- */

/* The sum over iterations of what they gave; only that has a shape that is known. */
static void sum_of_all(grower *s, fg_value *all, const fg_shape *each) {
    const int64_t first = 0;
    fg_value *y = s->g->opset < 13 ? WITH_INTS(s->g, NODE(s->g, "ReduceSum", all), "axes", 0)
                                   : NODE(s->g, "ReduceSum", all, grow_ints(s, 1, &first));
    grow_known(s, with_int(s->g, y, "keepdims", 0), each);
}

/* i, on, state -> on, state, result */
static fg_graph *iteration(grower *s, const fg_shape *shape, bool collects) {
    fg_graph *outside = s->g;
    fg_graph *b = s->g = body_of(outside, (const char *const[]){"i", "on", "s"}, 3);
    fg_value *x = some_steps(s, b->inputs[2], shape, 1);
    if (rng_chance(&s->r, 50)) {
        fg_value *number = with_int(b, NODE(b, "Cast", b->inputs[0]), "to", FG_FLOAT);
        x = NODE(b, "Sub", x, NODE(b, "Mul", number, grow_scalar(s, FG_FLOAT, 0.1)));
    }
    x = NODE(b, "Tanh", x);
    output(b, NODE(b, "Identity", b->inputs[1]));
    output(b, x);
    if (collects) {
        output(b, NODE(b, "Identity", some_steps(s, x, shape, 1)));
    }
    s->g = outside;
    return closed(s, b);
}

void control_loop(grower *s) {
    const fg_shape none = {0};
    const int64_t most = rng_range(&s->r, 1, TRIPS_MAX);
    const bool known = rng_chance(&s->r, 40), collects = rng_chance(&s->r, 60);
    fg_value *x = pick(s, FG_FLOAT, 1, 4);
    fg_value *trips = known ? grow_scalar(s, FG_INT64, (double)most) : grow_input(s, FG_INT64, &none);
    if (!known) {
        trips->bound = 0;
        bounded(s->g, trips, most);
    }
    fg_value *in[3] = {trips, rng_chance(&s->r, 30) ? grow_truth(s, true) : NULL, x};
    fg_value *out[2] = {fg_graph_value(s->g, "last"), fg_graph_value(s->g, "all")};
    fg_graph_node(s->g, "Loop", 3, in, 1 + collects, out)->name = out[0]->name;
    set_body(s->g, out[0], "body", iteration(s, &x->shape, collects));
    grow_known(s, out[0], &x->shape);
    if (collects) {
        sum_of_all(s, out[1], &x->shape);
    }
}

/* state, row -> state, result */
static fg_graph *scanning(grower *s, const fg_shape *row) {
    fg_graph *outside = s->g;
    fg_graph *b = s->g = body_of(outside, (const char *const[]){"s", "x"}, 2);
    fg_value *x = NODE(b, rng_chance(&s->r, 50) ? "Add" : "Mul", b->inputs[0], b->inputs[1]);
    x = NODE(b, "Tanh", some_steps(s, x, row, 0));
    output(b, x);
    output(b, NODE(b, "Identity", some_steps(s, x, row, 0)));
    s->g = outside;
    return closed(s, b);
}

void control_scan(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 2, 4);
    const fg_shape row = shape_make(x->shape.rank - 1, x->shape.dim + 1);
    if (x->shape.dim[0] > 40) {
        return;
    }
    fg_value *in[2] = {grow_weights(s, row.rank, row.dim, 0, 1), x};
    fg_value *out[2] = {fg_graph_value(s->g, "last"), fg_graph_value(s->g, "all")};
    fg_graph_node(s->g, "Scan", 2, in, 2, out)->name = out[0]->name;
    with_int(s->g, out[0], "num_scan_inputs", 1);
    WITH_INTS(s->g, out[0], "scan_input_directions", rng_chance(&s->r, 30));
    WITH_INTS(s->g, out[0], "scan_output_directions", rng_chance(&s->r, 30));
    set_body(s->g, out[0], "body", scanning(s, &row));
    grow_known(s, out[0], &row);
    grow_known(s, out[1], &x->shape);
}
