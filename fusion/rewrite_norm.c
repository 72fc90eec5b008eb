/* LayerNormalization and RMSNormalization that were spelled out:
 *   d = x - mean(x); y = d / sqrt(mean(d * d) + eps) [* gamma] [+ beta], means over the last dimensions
 *   y = x / sqrt(mean(x * x) + eps) [* gamma], also as x * (1 / sqrt(...)) or x * (...) ^ -0.5
 * First the core becomes one node with a scale of ones, then that takes scale and bias in. */
#include "fusion/rewrite.h"

#include <string.h>

#define MAX_CORE 8

/* The nodes of one core while it is matched. */
typedef struct core {
    fg_node *node[MAX_CORE];
    int n;
} core;

static fg_node *expect(core *c, const fg_value *v, const char *op_types) {
    fg_node *n = v != NULL && v->data == NULL ? v->producer : NULL;
    if (!fg_is_one_of(n, op_types)) {
        return NULL;
    }
    for (int i = 0; i < c->n; i++) {
        if (c->node[i] == n) {
            return n;
        }
    }
    if (c->n == MAX_CORE) {
        return NULL;
    }
    return c->node[c->n++] = n;
}

/* Number of trailing dimensions that a ReduceMean averages, kept as 1; 0 if it is another kind. */
static int trailing_axes(fg_rewriter *rw, fg_node *n) {
    int64_t axes[FG_MAX_RANK];
    int rank = n->in[0]->shape.rank;
    if (fg_is_op(n, "GlobalAveragePool")) {
        return rank - 2; /* what a mean over the space has become already */
    }
    if (fg_attr_int(n, "keepdims", 1) != 1 || (n->n_in > 1 && !fg_is_const(n->in[1]))) {
        return 0;
    }
    int count = fg_operand_ints(rw->ctx, n, 1, "axes", FG_MAX_RANK, axes);
    unsigned set = 0;
    for (int i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 0 || axis >= rank) {
            return 0;
        }
        set |= 1U << axis;
    }
    if (count < 1 || count > rank) {
        return 0;
    }
    unsigned trailing = ((1U << count) - 1) << (rank - count);
    return set == trailing ? count : 0;
}

/* d: the value x - mean(x). Returns x and its number of normalised dimensions. */
static fg_value *centred(fg_rewriter *rw, core *c, const fg_value *d, int *axes) {
    fg_node *sub = expect(c, d, "Sub");
    fg_node *mean = sub != NULL ? expect(c, sub->in[1], "ReduceMean GlobalAveragePool") : NULL;
    if (mean == NULL || mean->in[0] != sub->in[0]) {
        return NULL;
    }
    *axes = trailing_axes(rw, mean);
    return *axes > 0 ? sub->in[0] : NULL;
}

/* v: d * d or d ^ 2 with d centred on the same x. */
static bool is_square(fg_rewriter *rw, core *c, const fg_value *v, const fg_value *x, int axes) {
    double exponent;
    int own_axes;
    fg_node *n = expect(c, v, "Mul Pow");
    if (n == NULL) {
        return false;
    }
    bool square =
        fg_is_op(n, "Mul") ? n->in[0] == n->in[1] : fg_is_scalar(n->in[1], &exponent) && exponent == 2;
    return square && centred(rw, c, n->in[0], &own_axes) == x && own_axes == axes;
}

/* s: sqrt(mean(square) + eps). */
static bool is_deviation(fg_rewriter *rw, core *c, const fg_value *s, const fg_value *x, int axes,
                         double *epsilon) {
    fg_node *root = expect(c, s, "Sqrt");
    fg_node *sum = root != NULL ? expect(c, root->in[0], "Add") : NULL;
    if (sum == NULL) {
        return false;
    }
    int constant = fg_is_scalar(sum->in[1], epsilon) ? 1 : 0;
    if (!fg_is_scalar(sum->in[constant], epsilon)) {
        return false;
    }
    fg_node *mean = expect(c, sum->in[1 - constant], "ReduceMean GlobalAveragePool");
    return mean != NULL && trailing_axes(rw, mean) == axes && is_square(rw, c, mean->in[0], x, axes);
}

static bool is_closed(fg_rewriter *rw, const core *c, const fg_node *root) {
    for (int i = 0; i < c->n; i++) {
        const fg_value *v = c->node[i]->out[0];
        int inside = 0;
        if (c->node[i] == root) {
            continue;
        }
        for (int k = 0; k < c->n; k++) {
            for (int j = 0; j < c->node[k]->n_in; j++) {
                inside += c->node[k]->in[j] == v;
            }
        }
        if (v->is_output || rw->uses[v->id].pinned || fg_rw_use_count(rw, v) != inside) {
            return false;
        }
    }
    return true;
}

static fg_value *ones(fg_rewriter *rw, const fg_node *n, const fg_shape *s, int axes) {
    fg_shape shape = {.rank = axes};
    for (int i = 0; i < axes; i++) {
        shape.dim[i] = s->dim[s->rank - axes + i];
    }
    int64_t count = fg_shape_count(&shape);
    double *data = fg_big_alloc(rw->ctx, (size_t)count * sizeof *data);
    for (int64_t i = 0; i < count; i++) {
        data[i] = 1;
    }
    fg_value *v = fg_rw_const_float(rw, fg_format(rw->ctx, "%s/scale", n->out[0]->name), &shape, data);
    fg_big_free(rw->ctx, data);
    return v;
}

/* The core's first node takes the place of all: a normalisation of x over its last `axes` dimensions, scaled
 * by ones. */
static void become_norm(fg_rewriter *rw, const core *c, const char *op_type, int opset, fg_value *x, int axes,
                        double epsilon) {
    fg_node *n = c->node[0];
    fg_value *in[2] = {x, ones(rw, n, &x->shape, axes)};
    for (int i = 1; i < c->n; i++) {
        fg_rw_cover(rw, n, c->node[i]);
    }
    fg_rw_rebuild(rw, n, op_type, opset, 2, in);
    fg_rw_attr_int(rw, n, "axis", -axes);
    fg_rw_attr_float(rw, n, "epsilon", (float)epsilon);
    for (int i = 1; i < c->n; i++) {
        fg_rw_remove(rw, c->node[i]);
    }
}

bool fg_rw_layer_norm(fg_rewriter *rw, fg_node *n) {
    core c = {.node = {n}, .n = 1};
    double epsilon = 0;
    int axes = 0;
    if (!fg_is_float32(n->out[0]) || fg_op_find("", "LayerNormalization", 17) == NULL) {
        return false;
    }
    fg_value *x = centred(rw, &c, n->in[0], &axes);
    if (x == NULL || !is_deviation(rw, &c, n->in[1], x, axes, &epsilon) || !is_closed(rw, &c, n)) {
        return false;
    }
    become_norm(rw, &c, "LayerNormalization", 17, x, axes, epsilon);
    return true;
}

/* v: x * x or x ^ 2. */
static bool is_own_square(core *c, const fg_value *v, const fg_value *x) {
    double exponent;
    fg_node *n = expect(c, v, "Mul Pow");
    if (n == NULL || n->in[0] != x) {
        return false;
    }
    return fg_is_op(n, "Mul") ? n->in[1] == x : fg_is_scalar(n->in[1], &exponent) && exponent == 2;
}

/* v: mean(x * x) + eps. Returns the number of normalised dimensions, 0 if it is something else. */
static int mean_square(fg_rewriter *rw, core *c, const fg_value *v, const fg_value *x, double *epsilon) {
    fg_node *sum = expect(c, v, "Add");
    if (sum == NULL) {
        return 0;
    }
    int constant = fg_is_scalar(sum->in[1], epsilon) ? 1 : 0;
    if (!fg_is_scalar(sum->in[constant], epsilon)) {
        return 0;
    }
    fg_node *mean = expect(c, sum->in[1 - constant], "ReduceMean");
    return mean != NULL && is_own_square(c, mean->in[0], x) ? trailing_axes(rw, mean) : 0;
}

/* v: what is under the root where v is one over it, or the root itself (divides). NULL if it is neither. */
static const fg_value *under_root(core *c, const fg_value *v, bool divides) {
    double number;
    fg_node *n = divides ? NULL : expect(c, v, "Reciprocal Div Pow");
    if (fg_is_op(n, "Pow")) {
        return fg_is_scalar(n->in[1], &number) && number == -0.5 ? n->in[0] : NULL;
    }
    if (fg_is_op(n, "Div") && !(fg_is_scalar(n->in[0], &number) && number == 1)) {
        return NULL;
    }
    if (!divides && n == NULL) {
        return NULL;
    }
    fg_node *root = expect(c, divides ? v : n->in[fg_is_op(n, "Div") ? 1 : 0], "Sqrt");
    return root != NULL ? root->in[0] : NULL;
}

static bool try_rms_norm(fg_rewriter *rw, fg_node *n, int slot) {
    core c = {.node = {n}, .n = 1};
    double epsilon = 0;
    fg_value *x = n->in[slot];
    const fg_value *inside = under_root(&c, n->in[1 - slot], fg_is_op(n, "Div"));
    const int axes = inside != NULL ? mean_square(rw, &c, inside, x, &epsilon) : 0;
    if (axes == 0 || !fg_shape_equal(&x->shape, &n->out[0]->shape) || !is_closed(rw, &c, n)) {
        return false;
    }
    become_norm(rw, &c, "RMSNormalization", 23, x, axes, epsilon);
    return true;
}

bool fg_rw_rms_norm(fg_rewriter *rw, fg_node *n) {
    if (!fg_is_float32(n->out[0])) {
        return false;
    }
    return try_rms_norm(rw, n, 0) || (fg_is_op(n, "Mul") && try_rms_norm(rw, n, 1));
}

static bool all_ones(const fg_value *v) {
    int64_t count = fg_shape_count(&v->shape);
    for (int64_t i = 0; i < count; i++) {
        if (fg_const_float(v, i) != 1) {
            return false;
        }
    }
    return true;
}

/* n multiplies a RMSNormalization of ones by a constant of the normalised shape. */
bool fg_rw_rms_norm_scale(fg_rewriter *rw, fg_node *n) {
    const int constant = fg_is_const(n->in[1]) ? 1 : 0;
    fg_value *c = n->in[constant];
    fg_node *norm = fg_is_float32(c) && fg_is_const(c)
                        ? fg_rw_private(rw, n->in[1 - constant], "RMSNormalization")
                        : NULL;
    if (norm == NULL || !fg_is_const(norm->in[1]) || !fg_shape_equal(&c->shape, &norm->in[1]->shape) ||
        !all_ones(norm->in[1])) {
        return false;
    }
    fg_value *in[2] = {norm->in[0], c};
    const int64_t axis = fg_attr_int(norm, "axis", -1);
    const float epsilon = fg_attr_float(norm, "epsilon", 1e-5F);
    fg_rw_cover(rw, n, norm);
    fg_rw_rebuild(rw, n, "RMSNormalization", 23, 2, in);
    fg_rw_attr_int(rw, n, "axis", axis);
    fg_rw_attr_float(rw, n, "epsilon", epsilon);
    fg_rw_remove(rw, norm);
    return true;
}

/* n multiplies by, or adds, a constant of the normalised shape. */
bool fg_rw_layer_norm_affine(fg_rewriter *rw, fg_node *n) {
    int constant = fg_is_const(n->in[1]) ? 1 : 0;
    fg_value *c = n->in[constant];
    if (!fg_is_const(c) || !fg_is_float32(c)) {
        return false;
    }
    fg_node *norm = fg_rw_private(rw, n->in[1 - constant], "LayerNormalization");
    if (norm == NULL || norm->n_in < 2 || !fg_is_const(norm->in[1]) || norm->n_out != 1) {
        return false;
    }
    bool scales = fg_is_op(n, "Mul");
    if (norm->n_in > 2 || !fg_shape_equal(&c->shape, &norm->in[1]->shape) ||
        (scales && !all_ones(norm->in[1]))) {
        return false;
    }
    fg_value *in[3] = {norm->in[0], scales ? c : norm->in[1], c};
    int64_t axis = fg_attr_int(norm, "axis", -1);
    float epsilon = fg_attr_float(norm, "epsilon", 1e-5F);
    fg_rw_cover(rw, n, norm);
    fg_rw_rebuild(rw, n, "LayerNormalization", 17, scales ? 2 : 3, in);
    fg_rw_attr_int(rw, n, "axis", axis);
    fg_rw_attr_float(rw, n, "epsilon", epsilon);
    fg_rw_remove(rw, norm);
    return true;
}
