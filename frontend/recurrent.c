#include "frontend/recurrent.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "frontend/ops.h"

enum { MAX_ACTIVATIONS = 6 };

/* ---- attributes ---- */

static const struct {
    const char *name;
    bool alpha, beta;
    float alpha_default, beta_default; /* NaN: must be given */
} kinds[] = {
    [FG_ACT_RELU] = {"Relu", false, false, 0, 0},
    [FG_ACT_TANH] = {"Tanh", false, false, 0, 0},
    [FG_ACT_SIGMOID] = {"Sigmoid", false, false, 0, 0},
    [FG_ACT_AFFINE] = {"Affine", true, true, 1, 0},
    [FG_ACT_LEAKY_RELU] = {"LeakyRelu", true, false, 0.01F, 0},
    [FG_ACT_THRESHOLDED_RELU] = {"ThresholdedRelu", true, false, 1, 0},
    [FG_ACT_SCALED_TANH] = {"ScaledTanh", true, true, NAN, NAN},
    [FG_ACT_HARD_SIGMOID] = {"HardSigmoid", true, true, 0.2F, 0.5F},
    [FG_ACT_ELU] = {"Elu", true, false, 1, 0},
    [FG_ACT_SOFTSIGN] = {"Softsign", false, false, 0, 0},
    [FG_ACT_SOFTPLUS] = {"Softplus", false, false, 0, 0},
};

static const struct {
    const char *op;
    fg_cell cell;
    int gates, activations;
    const char *defaults[3];
} cells[] = {
    {"RNN", FG_CELL_RNN, 1, 1, {"Tanh"}},
    {"GRU", FG_CELL_GRU, 3, 2, {"Sigmoid", "Tanh"}},
    {"LSTM", FG_CELL_LSTM, 4, 3, {"Sigmoid", "Tanh", "Tanh"}},
};

/* The next number of a list of parameters, which holds those of the activations that have one, in order. */
static float next_parameter(fg_context *ctx, const fg_node *n, const char *list, bool has, int *used,
                            float otherwise) {
    const fg_attr *a = fg_attr_of(n, list, FG_ATTR_FLOATS);
    if (!has) {
        return 0;
    }
    const float f = a != NULL && *used < a->n ? a->floats[(*used)++] : otherwise;
    if (!isfinite(f)) {
        fg_blame_attribute(ctx, list);
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' has no finite number for an activation that needs one",
                 list);
    }
    return f;
}

static fg_activation_kind kind_of(fg_context *ctx, const char *name) {
    for (size_t i = 0; i < FG_COUNT(kinds); i++) {
        if (strcasecmp(kinds[i].name, name) == 0) {
            return (fg_activation_kind)i;
        }
    }
    fg_blame_attribute(ctx, "activations");
    fg_raise(ctx, FG_BAD_MODEL, "attribute 'activations' has '%.40s', which is none", name);
}

static void read_activations(fg_context *ctx, const fg_node *n, fg_recurrent *q, int count,
                             const char *const *defaults) {
    const fg_attr *a = fg_attr_of(n, "activations", FG_ATTR_STRINGS);
    int alphas = 0, betas = 0;
    const bool given = a != NULL && a->n > 0;
    /* RNN's own default names two, whatever the direction */
    if (given && (a->n < count * q->directions || a->n > MAX_ACTIVATIONS)) {
        fg_blame_attribute(ctx, "activations");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'activations' has %d entries in place of %d", a->n,
                 count * q->directions);
    }
    for (int i = 0; i < count * q->directions; i++) {
        const fg_activation_kind k = kind_of(ctx, given ? a->strings[i] : defaults[i % count]);
        q->act[i / count][i % count] = (fg_activation){
            .kind = k,
            .name = kinds[k].name,
            .alpha =
                next_parameter(ctx, n, "activation_alpha", kinds[k].alpha, &alphas, kinds[k].alpha_default),
            .beta = next_parameter(ctx, n, "activation_beta", kinds[k].beta, &betas, kinds[k].beta_default)};
    }
}

static void read_direction(fg_context *ctx, const fg_node *n, fg_recurrent *q) {
    const char *d = fg_attr_string(n, "direction", "forward");
    q->directions = strcmp(d, "bidirectional") == 0 ? 2 : 1;
    q->reverse = strcmp(d, "reverse") == 0;
    if (q->directions == 1 && !q->reverse && strcmp(d, "forward") != 0) {
        fg_blame_attribute(ctx, "direction");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'direction' is \"%.40s\"", d);
    }
}

static void read_attributes(fg_context *ctx, const fg_node *n, fg_recurrent *q) {
    read_direction(ctx, n, q);
    q->clip = fg_attr_float(n, "clip", 0);
    if (!(q->clip >= 0) || isinf(q->clip)) {
        fg_blame_attribute(ctx, "clip");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'clip' must not be negative");
    }
    const int64_t layout = fg_attr_int(n, "layout", 0);
    if (layout != 0 && layout != 1) {
        fg_blame_attribute(ctx, "layout");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'layout' must be 0 or 1");
    }
    q->batch_first = layout == 1;
    q->linear_before_reset = fg_attr_int(n, "linear_before_reset", 0) != 0;
    q->input_forget = fg_attr_int(n, "input_forget", 0) != 0;
}

/* ---- operands ---- */

static fg_value *operand(const fg_node *n, int i) {
    return i < n->n_in ? n->in[i] : NULL;
}

static fg_value *result(const fg_node *n, int i) {
    return i < n->n_out ? n->out[i] : NULL;
}

static void need_shape(fg_context *ctx, const fg_recurrent *q, const fg_value *v, fg_shape want) {
    if (v == NULL) {
        return;
    }
    if (!fg_shape_equal(&v->shape, &want) || v->dtype != q->x->dtype) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is %s %s in place of %s %s", v->name,
                 fg_dtype_get(v->dtype)->name, fg_shape_text(ctx, &v->shape), fg_dtype_get(q->x->dtype)->name,
                 fg_shape_text(ctx, &want));
    }
}

static void read_extents(fg_context *ctx, const fg_node *n, fg_recurrent *q) {
    const fg_shape *x = &q->x->shape, *r = &q->r->shape;
    if (x->rank != 3 || r->rank != 3) {
        fg_raise(ctx, FG_BAD_MODEL, "operands '%s' and '%s' must have three dimensions, not %d and %d",
                 q->x->name, q->r->name, x->rank, r->rank);
    }
    q->steps = x->dim[q->batch_first ? 1 : 0];
    q->batch = x->dim[q->batch_first ? 0 : 1];
    q->inputs = x->dim[2];
    q->hidden = r->dim[2];
    const int64_t said = fg_attr_int(n, "hidden_size", q->hidden);
    if (said != q->hidden || q->hidden < 1) {
        fg_blame_attribute(ctx, "hidden_size");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'hidden_size' is %lld where '%s' has %lld columns",
                 (long long)said, q->r->name, (long long)q->hidden);
    }
}

static void check_operands(fg_context *ctx, const fg_recurrent *q) {
    const int64_t d = q->directions;
    const int64_t extents[] = {q->gates, q->hidden, 2};
    const int64_t rows = fg_checked_product(ctx, 3, extents) / 2;
    const fg_shape state =
        q->batch_first ? (fg_shape){3, {q->batch, d, q->hidden}} : (fg_shape){3, {d, q->batch, q->hidden}};
    need_shape(ctx, q, q->w, (fg_shape){3, {d, rows, q->inputs}});
    need_shape(ctx, q, q->r, (fg_shape){3, {d, rows, q->hidden}});
    need_shape(ctx, q, q->bias, (fg_shape){2, {d, 2 * rows}});
    need_shape(ctx, q, q->h, state);
    need_shape(ctx, q, q->c, state);
    need_shape(ctx, q, q->peephole, (fg_shape){2, {d, 3 * q->hidden}});
    const fg_value *lens = q->lens;
    if (lens != NULL &&
        (lens->dtype != FG_INT32 || lens->shape.rank != 1 || lens->shape.dim[0] != q->batch)) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must be int32 of %lld elements", lens->name,
                 (long long)q->batch);
    }
}

fg_recurrent fg_recurrent_of(fg_context *ctx, const fg_node *n) {
    size_t row = 0;
    while (row + 1 < FG_COUNT(cells) && strcmp(cells[row].op, n->op_type) != 0) {
        row++;
    }
    fg_recurrent q = {.cell = cells[row].cell, .gates = cells[row].gates};
    q.x = operand(n, 0);
    q.w = operand(n, 1);
    q.r = operand(n, 2);
    q.bias = operand(n, 3);
    q.lens = operand(n, 4);
    q.h = operand(n, 5);
    q.c = operand(n, 6);
    q.peephole = operand(n, 7);
    q.y = result(n, 0);
    q.y_h = result(n, 1);
    q.y_c = result(n, 2);
    read_attributes(ctx, n, &q);
    read_activations(ctx, n, &q, cells[row].activations, cells[row].defaults);
    read_extents(ctx, n, &q);
    check_operands(ctx, &q);
    return q;
}

int64_t fg_recurrent_macs(const fg_recurrent *q) {
    const int64_t factor[] = {q->steps, q->batch, q->directions, q->gates, q->hidden, q->inputs + q->hidden};
    int64_t macs = 1;
    for (size_t i = 0; i < FG_COUNT(factor); i++) {
        if (__builtin_mul_overflow(macs, factor[i], &macs)) {
            return INT64_MAX;
        }
    }
    return macs;
}
