/* Constant factors and offsets per channel that a linear operator can take into its weights.
 *
 *   Conv | ConvTranspose | Gemm, then BatchNormalization, Mul, Div, Add or Sub by constants per channel
 *       -> weights * s, bias * s + t; computed in double and rounded once
 *   BatchNormalization that stands elsewhere -> Mul, Add with constants, so that it joins elementwise chains
 *   Gemm with alpha or beta -> factors of 1
 */
#include "fusion/rewrite.h"

#include <math.h>
#include <string.h>

/* y = x * scale[c] + shift[c] */
typedef struct affine {
    int64_t channels;
    double *scale, *shift;
} affine;

static affine affine_new(fg_rewriter *rw, int64_t channels) {
    affine a = {.channels = channels};
    a.scale = fg_big_alloc(rw->ctx, (size_t)channels * 2 * sizeof(double));
    a.shift = a.scale + channels;
    for (int64_t i = 0; i < channels; i++) {
        a.scale[i] = 1;
    }
    return a;
}

static void affine_free(fg_rewriter *rw, affine *a) {
    fg_big_free(rw->ctx, a->scale);
}

/* ---- the linear operator ---- */

static bool is_linear(const fg_node *n) {
    return fg_is_one_of(n, "Conv ConvTranspose Gemm");
}

/* A Gemm's C must not differ from row to row. */
static bool bias_is_per_channel(const fg_node *n, int64_t channels) {
    if (n->n_in < 3 || n->in[2] == NULL) {
        return true;
    }
    const fg_shape *s = &n->in[2]->shape;
    if (!fg_is_const(n->in[2]) || !fg_is_float32(n->in[2]) || s->rank > 2) {
        return false;
    }
    int64_t last = s->rank > 0 ? s->dim[s->rank - 1] : 1;
    return (s->rank < 2 || s->dim[0] == 1) && (last == 1 || last == channels);
}

/* The operator that makes v for n alone and has constant parameters; NULL if there is none. */
static fg_node *linear_before(fg_rewriter *rw, const fg_value *v, const fg_node *n) {
    fg_node *l = v != NULL && v->data == NULL ? v->producer : NULL;
    if (!is_linear(l) || !fg_is_float32(v) || v->shape.rank < 2 || fg_rw_only_user(rw, v) != n) {
        return NULL;
    }
    if (!fg_is_const(l->in[1]) || !fg_is_float32(l->in[1])) {
        return NULL;
    }
    return bias_is_per_channel(l, v->shape.dim[1]) ? l : NULL;
}

/* Which output channel element i of the weights belongs to. */
typedef struct channel_map {
    int64_t inner, per_group, group_span,
        channels; /* (i / inner) % per_group + (i / group_span) * per_group */
} channel_map;

static channel_map channels_of(const fg_node *l) {
    const fg_shape *w = &l->in[1]->shape;
    int64_t count = fg_shape_count(w);
    if (fg_is_op(l, "Conv")) {
        return (channel_map){count / w->dim[0], w->dim[0], count, w->dim[0]};
    }
    if (fg_is_op(l, "Gemm")) {
        bool transposed = fg_attr_int(l, "transB", 0) != 0;
        int64_t n = w->dim[transposed ? 0 : 1];
        return (channel_map){transposed ? w->dim[1] : 1, n, count, n};
    }
    int64_t groups = fg_attr_int(l, "group", 1);
    int64_t inner = count / (w->dim[0] * w->dim[1]);
    return (channel_map){inner, w->dim[1], count / groups, w->dim[1] * groups};
}

static int64_t channel_at(const channel_map *m, int64_t i) {
    return i / m->inner % m->per_group + i / m->group_span * m->per_group;
}

static fg_value *scaled_weights(fg_rewriter *rw, const fg_node *l, const affine *a) {
    bool same = true;
    for (int64_t c = 0; c < a->channels; c++) {
        same = same && a->scale[c] == 1;
    }
    fg_value *w = l->in[1];
    if (same) {
        return w;
    }
    channel_map m = channels_of(l);
    int64_t count = fg_shape_count(&w->shape);
    const float *from = w->data;
    float *to = fg_big_alloc(rw->ctx, (size_t)count * sizeof *to);
    for (int64_t i = 0; i < count; i++) {
        to[i] = (float)((double)from[i] * a->scale[channel_at(&m, i)]);
    }
    fg_value *scaled =
        fg_graph_const(rw->g, fg_format(rw->ctx, "%s/folded", w->name), FG_FLOAT, &w->shape, to);
    scaled->synthetic = w->synthetic;
    return scaled;
}

static fg_value *moved_bias(fg_rewriter *rw, const fg_node *l, const affine *a) {
    const fg_value *c = l->n_in > 2 ? l->in[2] : NULL;
    double beta = fg_is_op(l, "Gemm") ? (double)fg_attr_float(l, "beta", 1) : 1;
    int64_t count = c != NULL ? fg_shape_count(&c->shape) : 0;
    double *to = fg_big_alloc(rw->ctx, (size_t)a->channels * sizeof *to);
    for (int64_t i = 0; i < a->channels; i++) {
        double old = c != NULL ? fg_const_float(c, count == 1 ? 0 : i) * beta : 0;
        to[i] = old * a->scale[i] + a->shift[i];
    }
    fg_shape shape = {.rank = 1, .dim = {a->channels}};
    fg_value *bias = fg_rw_const_float(rw, fg_format(rw->ctx, "%s/bias", l->out[0]->name), &shape, to);
    fg_big_free(rw->ctx, to);
    return bias;
}

/* l's result becomes what n makes of it. */
static void fold(fg_rewriter *rw, fg_node *l, fg_node *n, const affine *a) {
    fg_value *in[3] = {l->in[0], scaled_weights(rw, l, a), moved_bias(rw, l, a)};
    if (l->n_in < 3) {
        fg_value **wider = FG_ARRAY(rw->ctx, 3, fg_value *);
        memcpy(wider, l->in, (size_t)l->n_in * sizeof *wider);
        l->in = wider;
        l->n_in = 3;
    }
    for (int i = 1; i < 3; i++) {
        fg_rw_set_in(rw, l, i, in[i]);
    }
    if (fg_is_op(l, "Gemm")) {
        fg_rw_attr_float(rw, l, "beta", 1);
    }
    fg_rw_take_output(rw, l, n);
}

/* ---- what follows it ---- */

/* Constant c over channels (dimension 1 of to), spread into out; false if it is not per channel or a scalar.
 */
bool fg_is_per_channel(const fg_value *c, const fg_shape *to, double *out) {
    if (!fg_is_const(c) || !fg_is_float32(c) || c->shape.rank > to->rank) {
        return false;
    }
    int offset = to->rank - c->shape.rank;
    for (int i = 0; i < c->shape.rank; i++) {
        int64_t extent = c->shape.dim[i];
        if (extent != 1 && (i + offset != 1 || extent != to->dim[1])) {
            return false;
        }
    }
    int64_t count = fg_shape_count(&c->shape);
    for (int64_t i = 0; i < to->dim[1]; i++) {
        out[i] = fg_const_float(c, count == 1 ? 0 : i);
    }
    return true;
}

bool fg_rw_fold_affine(fg_rewriter *rw, fg_node *n) {
    bool commutes = fg_is_one_of(n, "Mul Add");
    int constant = commutes && fg_is_const(n->in[0]) ? 0 : 1;
    fg_node *l = linear_before(rw, n->in[1 - constant], n);
    if (l == NULL || !fg_is_const(n->in[constant]) || !fg_shape_equal(&n->out[0]->shape, &l->out[0]->shape)) {
        return false;
    }
    affine a = affine_new(rw, l->out[0]->shape.dim[1]);
    bool scales = fg_is_one_of(n, "Mul Div");
    bool fits = fg_is_per_channel(n->in[constant], &n->out[0]->shape, scales ? a.scale : a.shift);
    for (int64_t i = 0; fits && i < a.channels; i++) {
        if (fg_is_op(n, "Div")) {
            a.scale[i] = 1 / a.scale[i];
        }
        if (fg_is_op(n, "Sub")) {
            a.shift[i] = -a.shift[i];
        }
        fits = isfinite(a.scale[i]) && isfinite(a.shift[i]);
    }
    if (fits) {
        fold(rw, l, n, &a);
    }
    affine_free(rw, &a);
    return fits;
}

/* Inference with constant float32 parameters, one per channel. */
static bool batch_norm_is_constant(const fg_node *n) {
    const fg_shape *s = &n->in[0]->shape;
    if (n->n_in != 5 || n->n_out != 1 || s->rank < 2 || !fg_is_float32(n->in[0])) {
        return false;
    }
    if (fg_attr_int(n, "training_mode", 0) != 0 || fg_attr_int(n, "spatial", 1) != 1) {
        return false;
    }
    for (int i = 1; i < 5; i++) {
        if (!fg_is_const(n->in[i]) || !fg_is_float32(n->in[i])) {
            return false;
        }
        if (fg_shape_count(&n->in[i]->shape) != s->dim[1]) {
            return false;
        }
    }
    return true;
}

static affine batch_norm_affine(fg_rewriter *rw, const fg_node *n) {
    affine a = affine_new(rw, n->in[0]->shape.dim[1]);
    double epsilon = (double)fg_attr_float(n, "epsilon", 1e-5F);
    for (int64_t i = 0; i < a.channels; i++) {
        a.scale[i] = fg_const_float(n->in[1], i) / sqrt(fg_const_float(n->in[4], i) + epsilon);
        a.shift[i] = fg_const_float(n->in[2], i) - fg_const_float(n->in[3], i) * a.scale[i];
    }
    return a;
}

bool fg_rw_fold_batch_norm(fg_rewriter *rw, fg_node *n) {
    fg_node *l = batch_norm_is_constant(n) ? linear_before(rw, n->in[0], n) : NULL;
    if (l == NULL) {
        return false;
    }
    affine a = batch_norm_affine(rw, n);
    fold(rw, l, n, &a);
    affine_free(rw, &a);
    return true;
}

bool fg_rw_split_batch_norm(fg_rewriter *rw, fg_node *n) {
    if (!batch_norm_is_constant(n) || fg_op_find("", "Mul", 14) == NULL ||
        fg_op_find("", "Add", 14) == NULL) {
        return false;
    }
    affine a = batch_norm_affine(rw, n);
    fg_shape shape = {.rank = n->in[0]->shape.rank - 1};
    for (int i = 0; i < shape.rank; i++) {
        shape.dim[i] = i == 0 ? a.channels : 1;
    }
    const char *base = n->out[0]->name;
    fg_value *factors[2] = {n->in[0],
                            fg_rw_const_float(rw, fg_format(rw->ctx, "%s/scale", base), &shape, a.scale)};
    fg_node *mul = fg_rw_insert(rw, n, "Mul", 14, 2, factors, &n->in[0]->shape);
    fg_value *terms[2] = {mul->out[0],
                          fg_rw_const_float(rw, fg_format(rw->ctx, "%s/shift", base), &shape, a.shift)};
    fg_rw_rebuild(rw, n, "Add", 14, 2, terms);
    affine_free(rw, &a);
    return true;
}

/* ---- Gemm ---- */

bool fg_rw_gemm_factors(fg_rewriter *rw, fg_node *n) {
    double alpha = (double)fg_attr_float(n, "alpha", 1), beta = (double)fg_attr_float(n, "beta", 1);
    fg_value *b = n->in[1], *c = n->n_in > 2 ? n->in[2] : NULL;
    if (!fg_is_const(b) || !fg_is_float32(b)) {
        return false;
    }
    const bool folds_beta = c == NULL || (fg_is_const(c) && fg_is_float32(c));
    if (alpha == 1 && (beta == 1 || !folds_beta)) {
        return false;
    }
    double factor[2] = {alpha, beta};
    for (int i = 1; i <= (c != NULL && folds_beta ? 2 : 1); i++) {
        int64_t count = fg_shape_count(&n->in[i]->shape);
        if (factor[i - 1] == 1) {
            continue;
        }
        float *to = fg_big_alloc(rw->ctx, (size_t)count * sizeof *to);
        for (int64_t k = 0; k < count; k++) {
            to[k] = (float)(factor[i - 1] * fg_const_float(n->in[i], k));
        }
        const char *name = fg_format(rw->ctx, "%s/folded", n->in[i]->name);
        fg_rw_set_in(rw, n, i, fg_graph_const(rw->g, name, FG_FLOAT, &n->in[i]->shape, to));
    }
    fg_rw_attr_float(rw, n, "alpha", 1);
    if (folds_beta) {
        fg_rw_attr_float(rw, n, "beta", 1);
    }
    return true;
}
