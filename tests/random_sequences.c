/* Layers over time: recurrent ones, transforms, reversed sequences, losses. */
#include "random_graph.h"

static fg_value *second_result(grower *s, fg_node *n, const char *name) {
    fg_value *v = fg_graph_value(s->g, name);
    fg_value **out = FG_ARRAY(s->ctx, 2, fg_value *);
    out[0] = n->out[0];
    out[1] = v;
    n->out = out;
    n->n_out = 2;
    v->producer = n;
    return v;
}

/* Row lengths that arrive at run time. */
static fg_value *lengths(grower *s, fg_dtype type, int64_t rows) {
    const fg_shape shape = shape_make(1, &rows);
    return grow_input(s, type, &shape);
}

void layer_recurrent(grower *s) {
    static const struct {
        const char *op;
        int64_t gates;
    } cells[] = {{"RNN", 1}, {"GRU", 3}, {"LSTM", 4}};
    const int kind = (int)rng_range(&s->r, 0, 2);
    fg_value *x = pick(s, FG_FLOAT, 3, 3);
    const bool batch_first = rng_chance(&s->r, 40);
    const int64_t hidden = rng_range(&s->r, 1, 24), directions = rng_chance(&s->r, 40) ? 2 : 1;
    const int64_t rows = cells[kind].gates * hidden, inputs = x->shape.dim[2];
    const int64_t w[] = {directions, rows, inputs}, r[] = {directions, rows, hidden},
                  b[] = {directions, 2 * rows};
    if (inputs < 1 || inputs > 200) {
        return;
    }
    fg_value *in[8] = {x, grow_weights(s, 3, w, 0, 1 / sqrt((double)inputs)),
                       grow_weights(s, 3, r, 0, 0.7 / sqrt((double)hidden))};
    in[3] = rng_chance(&s->r, 70) ? grow_weights(s, 2, b, 0, 0.3) : NULL;
    in[4] = rng_chance(&s->r, 25) ? lengths(s, FG_INT32, x->shape.dim[batch_first ? 0 : 1]) : NULL;
    const int64_t batch = x->shape.dim[batch_first ? 0 : 1];
    const int64_t state[] = {batch_first ? batch : directions, batch_first ? directions : batch, hidden};
    const int64_t holes[] = {directions, 3 * hidden};
    for (int i = 5; i <= (kind == 2 ? 6 : 5) && rng_chance(&s->r, 40); i++) {
        in[i] = grow_weights(s, 3, state, 0, 0.5);
    }
    in[7] = kind == 2 && rng_chance(&s->r, 30) ? grow_weights(s, 2, holes, 0, 0.3) : NULL;
    fg_value *y = make_node(s->g, cells[kind].op, kind == 2 ? 8 : 6, in);
    if (rng_chance(&s->r, 20)) {
        with_float(s->g, y, "clip", 1.5);
    }
    if (kind == 2 && rng_chance(&s->r, 20)) {
        with_int(s->g, y, "input_forget", 1);
    }
    with_int(s->g, with_int(s->g, y, "hidden_size", hidden), "layout", batch_first);
    with_int(s->g, y, "linear_before_reset", rng_chance(&s->r, 50));
    with_text(s->g, y, "direction",
              directions == 2         ? "bidirectional"
              : rng_chance(&s->r, 30) ? "reverse"
                                      : "forward");
    if (rng_chance(&s->r, 50)) {
        second_result(s, y->producer, "last");
    }
    y = grow(s, y);
    if (rng_chance(&s->r, 60)) { /* as exporters join the directions */
        const int64_t shape[] = {y->shape.dim[0], y->shape.dim[batch_first ? 1 : 2], -1};
        if (!batch_first) {
            y = grow(s, WITH_INTS(s->g, NODE(s->g, "Transpose", y), "perm", 0, 2, 1, 3));
        }
        grow(s, NODE(s->g, "Reshape", y, grow_ints(s, 3, shape)));
    }
}

void layer_transform(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 2, 3);
    const int axis = (int)rng_range(&s->r, 0, x->shape.rank - 1), rank = x->shape.rank;
    const int64_t last = rank, length = x->shape.dim[axis] + rng_range(&s->r, -1, 3);
    if (x->shape.dim[axis] > 300 || length < 1 || s->g->opset < 20) {
        return;
    }
    x = grow(s, NODE(s->g, "Unsqueeze", x, grow_ints(s, 1, &last)));
    fg_value *y = NODE(s->g, "DFT", x, grow_scalar(s, FG_INT64, (double)length),
                       grow_scalar(s, FG_INT64, (double)axis));
    y = grow(s, with_int(s->g, y, "onesided", rng_chance(&s->r, 50)));
    const int64_t parts = -1;
    if (rng_chance(&s->r, 50)) {
        y = grow(s, NODE(s->g, "Mul", y, y));
        y = NODE(s->g, "ReduceSum", y, grow_ints(s, 1, &parts));
        grow(s, with_int(s->g, y, "keepdims", 0));
    }
}

void layer_reversed(grower *s) {
    fg_value *x = pick(s, rng_chance(&s->r, 70) ? FG_FLOAT : FG_INT32, 2, 4);
    const int time = rng_chance(&s->r, 50) ? 1 : 0;
    fg_value *y = NODE(s->g, "ReverseSequence", x, lengths(s, FG_INT64, x->shape.dim[1 - time]));
    grow_exact(s, with_int(s->g, with_int(s->g, y, "time_axis", time), "batch_axis", 1 - time));
}

void layer_loss(grower *s) {
    static const char *const reductions[] = {"none", "sum", "mean"};
    fg_value *x = pick(s, FG_FLOAT, 2, 4);
    const int64_t classes = x->shape.dim[1];
    fg_shape shape = {.rank = x->shape.rank - 1, .dim = {x->shape.dim[0]}};
    for (int d = 1; d < shape.rank; d++) {
        shape.dim[d] = x->shape.dim[d + 1];
    }
    if (fg_shape_count(&x->shape) == 0) {
        return;
    }
    fg_value *targets = grow_input(s, rng_chance(&s->r, 50) ? FG_INT64 : FG_INT32, &shape);
    fg_value *weights = rng_chance(&s->r, 50) ? grow_weights(s, 1, &classes, 1, 0.1) : NULL;
    fg_value *y = NODE(s->g, "SoftmaxCrossEntropyLoss", x, targets, weights);
    if (rng_chance(&s->r, 50)) {
        second_result(s, y->producer, "logs");
    }
    grow(s, with_text(s->g, y, "reduction", reductions[rng_range(&s->r, 0, 2)]));
}
