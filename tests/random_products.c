/* Reductions, normalisations, products of matrices. */
#include "random_graph.h"

void step_reduce(grower *s) {
    static const char *const ops[] = {"ReduceMean",      "ReduceMean", "ReduceSum", "ReduceMax",
                                      "ReduceMin",       "ReduceL1",   "ReduceL2",  "ReduceSumSquare",
                                      "ReduceLogSumExp", "ReduceProd"};
    const char *op = ONE_OF(s, ops);
    bool integer = rng_chance(&s->r, 10);
    fg_value *x = pick(s, integer ? FG_INT32 : FG_FLOAT, 1, 5), *y;
    if (integer) {
        op = ops[rng_range(&s->r, 2, 4)];
    }
    int64_t axes[FG_MAX_RANK];
    int n = 0;
    for (int d = 0; d < x->shape.rank; d++) {
        if (rng_chance(&s->r, 45)) {
            axes[n++] = rng_chance(&s->r, 30) ? d - x->shape.rank : d;
        }
    }
    if (strcmp(op, "ReduceProd") == 0) {
        x = grow(s, NODE(s->g, "Tanh", x));
    }
    bool operand = s->g->opset >= 18 || (s->g->opset >= 13 && strcmp(op, "ReduceSum") == 0);
    y = operand && n > 0 ? NODE(s->g, op, x, grow_ints(s, n, axes)) : NODE(s->g, op, x);
    if (!operand && n > 0) {
        with_ints(s->g, y, "axes", n, axes);
    }
    grow(s, with_int(s->g, y, "keepdims", rng_chance(&s->r, 50)));
}

void step_arg(grower *s) {
    fg_value *x = pick_exact(s, FG_FLOAT, 1, 4);
    fg_value *y = NODE(s->g, rng_chance(&s->r, 50) ? "ArgMax" : "ArgMin", x);
    with_int(s->g, y, "axis", rng_range(&s->r, 0, x->shape.rank - 1));
    grow(s, with_int(s->g, y, "keepdims", rng_chance(&s->r, 50)));
}

void step_softmax(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 1, 4);
    fg_value *y = NODE(s->g, rng_chance(&s->r, 80) ? "Softmax" : "LogSoftmax", x);
    grow(s, with_int(s->g, y, "axis", rng_range(&s->r, -x->shape.rank, x->shape.rank - 1)));
}

void step_norm(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 3, 4), *y;
    const int64_t *c = &x->shape.dim[1];
    const int rank = x->shape.rank;
    int64_t spatial = 1;
    for (int d = 2; d < rank; d++) {
        spatial *= x->shape.dim[d];
    }
    if (spatial < 4) {
        return; /* the difference of few elements and their mean is mostly rounding */
    }
    switch (rng_range(&s->r, 0, 3)) {
    case 0:
        y = NODE(s->g, "InstanceNormalization", x, grow_weights(s, 1, c, 1, 0.2),
                 grow_weights(s, 1, c, 0, 0.3));
        break;
    case 1: {
        int64_t axis = rng_range(&s->r, 1, rank - 1);
        y = NODE(s->g, "LayerNormalization", x,
                 grow_weights(s, rank - (int)axis, &x->shape.dim[axis], 1, 0.2));
        if (x->shape.dim[rank - 1] < 4) {
            axis = 1;
            y = NODE(s->g, "LayerNormalization", x, grow_weights(s, rank - 1, c, 1, 0.2));
        }
        with_int(s->g, y, "axis", rng_chance(&s->r, 50) ? axis : axis - rank);
        break;
    }
    case 2:
        y = NODE(s->g, "BatchNormalization", x, grow_weights(s, 1, c, 1, 0.2), grow_weights(s, 1, c, 0, 0.3),
                 grow_weights(s, 1, c, 0, 0.2), grow_weights(s, 1, c, 4, 0.3));
        break;
    default: y = with_int(s->g, NODE(s->g, "LRN", x), "size", rng_range(&s->r, 1, 5)); break;
    }
    grow(s, with_float(s->g, y, strcmp(y->producer->op_type, "LRN") == 0 ? "alpha" : "epsilon", 1e-2));
}

void step_matmul(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 1, 4), *y;
    const int rank = x->shape.rank;
    const int64_t k = x->shape.dim[rank - 1], n = rng_range(&s->r, 1, 20);
    fg_shape b = x->shape;
    if (rng_chance(&s->r, 30) && rank > 1) { /* with itself, transposed */
        int64_t perm[] = {0, 1, 2, 3};
        perm[rank - 1] = rank - 2;
        perm[rank - 2] = rank - 1;
        y = grow_exact(s, with_ints(s->g, NODE(s->g, "Transpose", x), "perm", rank, perm));
        y = grow(s, NODE(s->g, "MatMul", x, y));
        grow(s, NODE(s->g, "Mul", y, grow_scalar(s, FG_FLOAT, 1 / sqrt((double)k))));
        return;
    }
    if (rank == 1) {
        b = (fg_shape){1, {k}};
    } else {
        b.dim[rank - 2] = k;
        b.dim[rank - 1] = n;
        for (int d = 0; d < rank - 2; d++) {
            b.dim[d] = rng_chance(&s->r, 50) ? 1 : b.dim[d];
        }
        if (rng_chance(&s->r, 50)) {
            b = (fg_shape){2, {k, n}};
        }
    }
    bool constant = rng_chance(&s->r, 50);
    fg_value *w =
        constant ? grow_weights(s, b.rank, b.dim, 0, 1 / sqrt((double)k)) : grow_input(s, FG_FLOAT, &b);
    y = grow(s, NODE(s->g, "MatMul", x, w));
    if (!constant) {
        y = grow(s, NODE(s->g, "Mul", y, grow_scalar(s, FG_FLOAT, 1 / sqrt((double)k))));
    }
}

void step_gemm(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 2, 2), *in[3] = {x, NULL, NULL};
    bool ta = rng_chance(&s->r, 30), tb = rng_chance(&s->r, 50), constant = rng_chance(&s->r, 60);
    const int64_t m = x->shape.dim[ta], k = x->shape.dim[!ta], n = rng_range(&s->r, 1, 40);
    const fg_shape b = {2, {tb ? n : k, tb ? k : n}};
    const int64_t biases[][2] = {{1, n}, {m, 1}, {m, n}, {1, 1}, {n, 0}};
    const int64_t *c = biases[rng_range(&s->r, 0, 4)];
    in[1] = constant ? grow_weights(s, 2, b.dim, 0, 1 / sqrt((double)k)) : grow_input(s, FG_FLOAT, &b);
    bool biased = rng_chance(&s->r, 70);
    if (biased) {
        in[2] = grow_weights(s, c[1] == 0 ? 1 : 2, c, 0, 0.5);
    }
    fg_value *y = make_node(s->g, "Gemm", 2 + biased, in);
    with_int(s->g, with_int(s->g, y, "transA", ta), "transB", tb);
    if (rng_chance(&s->r, 30)) {
        with_float(s->g, with_float(s->g, y, "alpha", 0.7), "beta", -0.4);
    }
    y = grow(s, y);
    if (!constant) {
        y = grow(s, NODE(s->g, "Mul", y, grow_scalar(s, FG_FLOAT, 1 / sqrt((double)k))));
    }
    activation(s, y);
}
