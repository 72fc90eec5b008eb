/* Chains whose extents depend on data, up to where they end in something of a fixed shape: only that is for
 * others. */
#include "random_graph.h"

/* Infers the node that makes v, which stays out of the pool. */
static fg_value *inner(grower *s, fg_value *v) {
    fg_infer_node(s->g, v->producer);
    return v;
}

/* A sum over the counted dimension, which the first is. */
static void sum_up(grower *s, fg_value *v) {
    const int64_t first = 0;
    fg_value *y = s->g->opset < 13 ? WITH_INTS(s->g, NODE(s->g, "ReduceSum", v), "axes", 0)
                                   : NODE(s->g, "ReduceSum", v, grow_ints(s, 1, &first));
    grow(s, with_int(s->g, y, "keepdims", rng_chance(&s->r, 50)));
}

/* A list of values in rows, exact ones. */
static fg_value *rows_of(grower *s, int rank) {
    const int64_t dim[] = {rng_range(&s->r, 1, 20), rng_range(&s->r, 1, 9), rng_range(&s->r, 1, 4)};
    const fg_shape shape = shape_make(rank, dim);
    return grow_input(s, FG_FLOAT, &shape);
}

/* Rows that satisfy a condition. */
void counted_rows(grower *s) {
    fg_value *x = rows_of(s, (int)rng_range(&s->r, 1, 3));
    const fg_shape list = shape_make(1, x->shape.dim);
    fg_value *key = grow_input(s, FG_FLOAT, &list);
    fg_value *c = inner(s, NODE(s->g, "Less", key, grow_scalar(s, FG_FLOAT, 0.3 * rng_normal(&s->r))));
    fg_value *y = inner(s, with_int(s->g, NODE(s->g, "Compress", x, c), "axis", 0));
    if (rng_chance(&s->r, 60)) {
        y = inner(s, NODE(s->g, rng_chance(&s->r, 50) ? "Relu" : "Sigmoid", y));
    }
    if (rng_chance(&s->r, 40)) {
        y = inner(s, NODE(s->g, "Mul", y, grow_scalar(s, FG_FLOAT, 0.7)));
    }
    sum_up(s, y);
}

/* Where something holds, and what stands there. */
void counted_places(grower *s) {
    fg_value *x = rows_of(s, 2);
    fg_value *c = inner(s, NODE(s->g, "Less", x, grow_scalar(s, FG_FLOAT, 0.3 * rng_normal(&s->r))));
    fg_value *at = inner(s, NODE(s->g, "NonZero", c));
    at = inner(s, WITH_INTS(s->g, NODE(s->g, "Transpose", at), "perm", 1, 0));
    fg_value *y = inner(s, NODE(s->g, "GatherND", x, at));
    sum_up(s, rng_chance(&s->r, 50) ? inner(s, NODE(s->g, "Abs", y)) : y);
}

/* Each kind once, and a row of a table for it. */
void counted_kinds(grower *s) {
    const int64_t n = rng_range(&s->r, 1, 12), table[] = {rng_range(&s->r, 11, 20), rng_range(&s->r, 1, 24)};
    const fg_shape list = shape_make(1, &n);
    fg_value *x = grow_input(s, FG_INT64, &list);
    fg_value *kinds = inner(s, with_int(s->g, NODE(s->g, "Unique", x), "sorted", rng_chance(&s->r, 60)));
    fg_value *y = inner(s, NODE(s->g, "Gather", grow_weights(s, 2, table, 0, 1), kinds));
    sum_up(s, rng_chance(&s->r, 50) ? inner(s, NODE(s->g, "Tanh", y)) : y);
}
