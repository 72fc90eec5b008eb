/* Quantised layers, as exporters write them: in QDQ form, and with the operators of integer products. What
 * rounds to a step is decided by the last bit now and then; verification and is_ill_conditioned know that. */
#include "random_graph.h"

/* ---- constants ---- */

static fg_dtype byte_type(grower *s) {
    return rng_chance(&s->r, 50) ? FG_UINT8 : FG_INT8;
}

static fg_value *bytes(grower *s, fg_dtype type, int rank, const int64_t *dim, int64_t low, int64_t high) {
    const fg_shape shape = shape_make(rank, dim);
    const int64_t n = fg_shape_count(&shape);
    uint8_t *data = fg_big_alloc(s->ctx, (size_t)n + 1);
    for (int64_t i = 0; i < n; i++) {
        data[i] = (uint8_t)rng_range(&s->r, low, high);
    }
    return fg_graph_const(s->g, "q", type, &shape, data);
}

/* Weights are mostly symmetric and not the extreme ones. */
static fg_value *byte_weights(grower *s, fg_dtype type, int rank, const int64_t *dim) {
    const bool extreme = rng_chance(&s->r, 20);
    return type == FG_INT8 ? bytes(s, type, rank, dim, extreme ? -128 : -60, extreme ? 127 : 60)
                           : bytes(s, type, rank, dim, extreme ? 0 : 70, extreme ? 255 : 190);
}

static fg_value *zero_point(grower *s, fg_dtype type, bool centred) {
    const double middle = type == FG_UINT8 ? 128 : 0;
    return grow_scalar(s, type, centred ? middle : middle + (double)rng_range(&s->r, -40, 40));
}

static fg_value *scale(grower *s, double about) {
    return grow_scalar(s, FG_FLOAT, about * (0.7 + 0.01 * (double)rng_range(&s->r, 0, 60)));
}

/* One for each channel, or one. */
static fg_value *scales(grower *s, int64_t channels, bool each, double about) {
    return each ? grow_weights(s, 1, &channels, about, about / 12) : scale(s, about);
}

static fg_value *zeros(grower *s, fg_dtype type, int64_t channels, bool each) {
    if (!each) {
        return zero_point(s, type, true);
    }
    const int64_t middle = type == FG_UINT8 ? 128 : 0;
    return bytes(s, type, 1, &channels, middle, middle);
}

static fg_value *biases(grower *s, int64_t channels) {
    const fg_shape shape = shape_make(1, &channels);
    int32_t *data = fg_big_alloc(s->ctx, (size_t)(channels + 1) * sizeof *data);
    for (int64_t i = 0; i < channels; i++) {
        data[i] = (int32_t)rng_range(&s->r, -3000, 3000);
    }
    return fg_graph_const(s->g, "b", FG_INT32, &shape, data);
}

/* ---- QDQ form ---- */

typedef struct steps_of {
    fg_value *scale, *zero; /* zero NULL: absent */
} steps_of;

static fg_value *make_quantised(grower *s, fg_value *x, const steps_of *q) {
    return q->zero != NULL ? NODE(s->g, "QuantizeLinear", x, q->scale, q->zero)
                           : NODE(s->g, "QuantizeLinear", x, q->scale);
}

static fg_value *make_dequantised(grower *s, fg_value *x, const steps_of *q) {
    return q->zero != NULL ? NODE(s->g, "DequantizeLinear", x, q->scale, q->zero)
                           : NODE(s->g, "DequantizeLinear", x, q->scale);
}

static steps_of some_steps(grower *s, double about) {
    const fg_dtype type = byte_type(s);
    return (steps_of){scale(s, about),
                      rng_chance(&s->r, 90) ? zero_point(s, type, rng_chance(&s->r, 30)) : NULL};
}

/* Values as they are after quantisation. */
static fg_value *pair(grower *s, fg_value *x) {
    const steps_of q = some_steps(s, 0.03);
    fg_value *y = grow_as(s, make_quantised(s, x, &q), is_exact(s, x));
    return grow_as(s, make_dequantised(s, y, &q), is_exact(s, x));
}

static fg_value *float_image(grower *s) {
    return pick(s, FG_FLOAT, 4, 4);
}

void quantised_chain(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 1, 4);
    if (rng_chance(&s->r, 50) || s->g->opset < 13) {
        x = pair(s, x);
        if (rng_chance(&s->r, 50)) {
            x = pair(s, activation(s, x));
        }
        return;
    }
    const int axis = (int)rng_range(&s->r, 0, x->shape.rank - 1);
    const int64_t n = x->shape.dim[axis];
    const fg_dtype type = byte_type(s);
    const steps_of q = {scales(s, n, true, 0.04),
                        rng_chance(&s->r, 70) ? bytes(s, type, 1, &n, 5, 90) : NULL};
    const int64_t told = rng_chance(&s->r, 30) ? axis - x->shape.rank : axis;
    fg_value *y = with_int(s->g, make_quantised(s, x, &q), "axis", told);
    y = grow_as(s, y, is_exact(s, x));
    grow_as(s, with_int(s->g, make_dequantised(s, y, &q), "axis", told), is_exact(s, x));
}

/* Weights in bytes and what makes them floats, one scale for each of dimension `axis`, or one. */
static fg_value *dequantised_weights(grower *s, int rank, const int64_t *dim, int axis, double about) {
    const bool each = s->g->opset >= 13 && rng_chance(&s->r, 60);
    const fg_dtype type = rng_chance(&s->r, 75) ? FG_INT8 : FG_UINT8;
    const steps_of q = {scales(s, dim[axis], each, about), zeros(s, type, dim[axis], each)};
    fg_value *w = make_dequantised(s, byte_weights(s, type, rank, dim), &q);
    if (each) {
        with_int(s->g, w, "axis", axis);
    }
    fg_infer_node(s->g, w->producer);
    return w;
}

void quantised_conv(grower *s) {
    fg_value *x = pair(s, float_image(s));
    const int64_t c = x->shape.dim[1];
    const bool depthwise = rng_chance(&s->r, 30);
    const int64_t out = depthwise ? c : rng_range(&s->r, 1, 40), k = rng_chance(&s->r, 50) ? 3 : 1,
                  pad = k / 2;
    const int64_t w[] = {out, depthwise ? 1 : c, k, k}, stride = rng_chance(&s->r, 30) ? 2 : 1;
    const double about = 0.03 / sqrt((double)(w[1] * k * k));
    fg_value *in[3] = {x, dequantised_weights(s, 4, w, 0, about), NULL};
    if (rng_chance(&s->r, 40)) {
        in[2] = grow_weights(s, 1, &out, 0, 0.5);
    } else if (rng_chance(&s->r, 60)) {
        const steps_of q = {scale(s, 0.0003), NULL};
        in[2] = make_dequantised(s, biases(s, out), &q);
        fg_infer_node(s->g, in[2]->producer);
    }
    fg_value *y = make_node(s->g, "Conv", 2 + (in[2] != NULL), in);
    with_int(s->g, WITH_INTS(s->g, y, "pads", pad, pad, pad, pad), "group", depthwise ? c : 1);
    y = grow(s, WITH_INTS(s->g, y, "strides", stride, stride));
    if (rng_chance(&s->r, 50)) {
        y = grow(s, NODE(s->g, "Relu", y));
    }
    y = rng_chance(&s->r, 80) ? pair(s, y) : y;
    if (rng_chance(&s->r, 30) && fg_shape_equal(&x->shape, &y->shape)) {
        pair(s, grow(s, NODE(s->g, "Add", x, y)));
    }
}

void quantised_product(grower *s) {
    fg_value *x = pair(s, pick(s, FG_FLOAT, 2, 3));
    const int64_t k = x->shape.dim[x->shape.rank - 1], n = rng_range(&s->r, 1, 40);
    const int64_t straight[] = {k, n}, crossed[] = {n, k};
    const bool gemm = x->shape.rank == 2 && rng_chance(&s->r, 50), turned = gemm && rng_chance(&s->r, 60);
    const double about = 0.03 / sqrt((double)k);
    fg_value *w = dequantised_weights(s, 2, turned ? crossed : straight, turned ? 0 : 1, about), *y;
    if (gemm) {
        y = NODE(s->g, "Gemm", x, w, grow_weights(s, 1, &n, 0, 0.3));
        with_int(s->g, y, "transB", turned);
    } else {
        y = NODE(s->g, "MatMul", x, w);
    }
    y = grow(s, y);
    if (rng_chance(&s->r, 70)) {
        pair(s, y);
    }
}

/* ---- products of integers ---- */

/* A value of bytes with its steps: quantised now. */
static fg_value *quantised(grower *s, fg_value *x, steps_of *q) {
    const fg_dtype type = byte_type(s);
    *q = (steps_of){scale(s, 0.03), zero_point(s, type, rng_chance(&s->r, 30))};
    return grow_as(s, make_quantised(s, x, q), is_exact(s, x));
}

static void maybe_dequantised(grower *s, fg_value *y, const steps_of *q) {
    if (rng_chance(&s->r, 70)) {
        grow(s, make_dequantised(s, y, q));
    }
}

void qlinear_conv(grower *s) {
    steps_of q;
    fg_value *x = quantised(s, float_image(s), &q);
    const int64_t c = x->shape.dim[1];
    const bool depthwise = rng_chance(&s->r, 25), each = rng_chance(&s->r, 50);
    const int64_t out = depthwise ? c : rng_range(&s->r, 1, 24), k = rng_range(&s->r, 1, 3), pad = k / 2;
    const int64_t w[] = {out, depthwise ? 1 : c, k, k};
    const fg_dtype type = rng_chance(&s->r, 75) ? FG_INT8 : FG_UINT8;
    const double about = 0.03 / sqrt((double)(w[1] * k * k));
    const steps_of to = {scale(s, 0.03), zero_point(s, x->dtype, rng_chance(&s->r, 50))};
    fg_value *in[9] = {x,
                       q.scale,
                       q.zero,
                       byte_weights(s, type, 4, w),
                       scales(s, out, each, about),
                       zeros(s, type, out, each),
                       to.scale,
                       to.zero,
                       NULL};
    const bool biased = rng_chance(&s->r, 60);
    in[8] = biased ? biases(s, out) : NULL;
    fg_value *y = make_node(s->g, "QLinearConv", 8 + biased, in);
    with_int(s->g, WITH_INTS(s->g, y, "pads", pad, pad, pad, pad), "group", depthwise ? c : 1);
    if (rng_chance(&s->r, 30)) {
        WITH_INTS(s->g, y, "strides", 2, 1);
    }
    y = grow(s, y);
    maybe_dequantised(s, y, &to);
}

void qlinear_matmul(grower *s) {
    steps_of q;
    fg_value *x = quantised(s, pick(s, FG_FLOAT, 2, 3), &q);
    const int64_t k = x->shape.dim[x->shape.rank - 1], dim[] = {k, rng_range(&s->r, 1, 30)};
    const bool each = rng_chance(&s->r, 40);
    const steps_of to = {scale(s, 0.03), zero_point(s, x->dtype, rng_chance(&s->r, 50))};
    fg_value *w = byte_weights(s, FG_INT8, 2, dim);
    fg_value *y =
        NODE(s->g, "QLinearMatMul", x, q.scale, q.zero, w, scales(s, dim[1], each, 0.03 / sqrt((double)k)),
             zeros(s, FG_INT8, dim[1], each), to.scale, to.zero);
    maybe_dequantised(s, grow(s, y), &to);
}

/* Sums of 32 bits become numbers again. */
static void scaled(grower *s, fg_value *sums, fg_value *by) {
    fg_value *y = grow(s, with_int(s->g, NODE(s->g, "Cast", sums), "to", FG_FLOAT));
    grow(s, NODE(s->g, "Mul", y, by));
}

/* Bytes as inputs, or quantised, or of the pool. */
static fg_value *some_bytes(grower *s, int low, int high) {
    steps_of q;
    return rng_chance(&s->r, 50) ? quantised(s, pick_exact(s, FG_FLOAT, low, high), &q)
                                 : pick(s, byte_type(s), low, high);
}

void integer_product(grower *s) {
    fg_value *x = some_bytes(s, 2, 3);
    const int64_t k = x->shape.dim[x->shape.rank - 1], dim[] = {k, rng_range(&s->r, 1, 30)};
    const fg_dtype type = byte_type(s);
    const bool each = rng_chance(&s->r, 30);
    fg_value *in[4] = {x, byte_weights(s, type, 2, dim), NULL, NULL};
    in[2] = rng_chance(&s->r, 60) ? zero_point(s, x->dtype, false) : NULL;
    in[3] = rng_chance(&s->r, 60) ? zeros(s, type, dim[1], each) : NULL;
    fg_value *y = make_node(s->g, "MatMulInteger", in[3] != NULL ? 4 : in[2] != NULL ? 3 : 2, in);
    scaled(s, grow_as(s, y, true), scales(s, dim[1], rng_chance(&s->r, 50), 0.0003));
}

void integer_conv(grower *s) {
    fg_value *x = some_bytes(s, 4, 4);
    const int64_t k = rng_range(&s->r, 1, 3), w[] = {rng_range(&s->r, 1, 20), x->shape.dim[1], k, k},
                  pad = k / 2;
    const fg_dtype type = byte_type(s);
    fg_value *in[4] = {x, byte_weights(s, type, 4, w), NULL, NULL};
    in[2] = rng_chance(&s->r, 60) ? zero_point(s, x->dtype, false) : NULL;
    in[3] = in[2] != NULL && rng_chance(&s->r, 50) ? zero_point(s, type, false) : NULL;
    fg_value *y = make_node(s->g, "ConvInteger", in[3] != NULL ? 4 : in[2] != NULL ? 3 : 2, in);
    scaled(s, grow_as(s, WITH_INTS(s->g, y, "pads", pad, pad, pad, pad), true), scale(s, 0.0003));
}

/* The scale is found when the numbers are there. */
void dynamic_quantised(grower *s) {
    fg_value *x = pick_exact(s, FG_FLOAT, 2, 3), *out[3], *y;
    static const char *const names[] = {"bytes", "step", "zero"};
    for (int i = 0; i < 3; i++) {
        out[i] = fg_graph_value(s->g, names[i]);
    }
    fg_node *n = fg_graph_node(s->g, "DynamicQuantizeLinear", 1, &x, 3, out);
    n->name = "dynamic";
    grow_as(s, out[0], false);
    const steps_of q = {out[1], out[2]};
    if (rng_chance(&s->r, 40)) {
        grow(s, make_dequantised(s, out[0], &q));
        return;
    }
    const int64_t k = x->shape.dim[x->shape.rank - 1], dim[] = {k, rng_range(&s->r, 1, 30)};
    fg_value *w = byte_weights(s, FG_INT8, 2, dim), *none = grow_scalar(s, FG_INT8, 0);
    y = NODE(s->g, "MatMulInteger", out[0], w, out[2], none);
    scaled(s, grow(s, y), grow(s, NODE(s->g, "Mul", out[1], scale(s, 0.01))));
}
