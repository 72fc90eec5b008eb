/* Parts of real networks with random extents: fusion patterns live in them. */
#include "random_graph.h"

static int64_t some_channels(grower *s) {
    static const int64_t counts[] = {1, 3, 4, 7, 8, 16, 17, 24, 32, 40};
    return counts[rng_range(&s->r, 0, FG_COUNT(counts) - 1)];
}

static int64_t channels_of(const fg_value *x) {
    return x->shape.dim[1];
}

static fg_value *image(grower *s) {
    return pick(s, FG_FLOAT, 4, 4);
}

/* ---- parts ---- */

fg_value *activation(grower *s, fg_value *x) {
    fg_graph *g = s->g;
    switch (rng_range(&s->r, 0, 15)) {
    case 0: return grow(s, NODE(g, "Sigmoid", x));
    case 1: return grow(s, NODE(g, "Mul", x, grow(s, NODE(g, "Sigmoid", x)))); /* SiLU */
    case 2: return grow(s, NODE(g, "Clip", x, grow_scalar(s, FG_FLOAT, 0), grow_scalar(s, FG_FLOAT, 6)));
    case 3: return grow(s, with_float(g, NODE(g, "LeakyRelu", x), "alpha", rng_normal(&s->r)));
    case 4: return grow(s, NODE(g, "HardSwish", x));
    case 5: return grow(s, NODE(g, "HardSigmoid", x));
    case 6: return grow(s, NODE(g, "Tanh", x));
    case 7: return grow(s, NODE(g, "Elu", x));
    case 8: { /* Mish in parts */
        fg_value *t = grow(s, NODE(g, "Tanh", grow(s, NODE(g, "Softplus", x))));
        return grow(s, NODE(g, "Mul", x, t));
    }
    case 9: { /* GELU in parts */
        fg_value *e = NODE(g, "Div", x, grow_scalar(s, FG_FLOAT, 1.4142135381698608));
        e = grow(s, NODE(g, "Erf", grow(s, e)));
        e = grow(s, NODE(g, "Add", e, grow_scalar(s, FG_FLOAT, 1)));
        e = grow(s, NODE(g, "Mul", grow(s, NODE(g, "Mul", x, e)), grow_scalar(s, FG_FLOAT, 0.5)));
        return e;
    }
    case 10: { /* HardSwish in parts */
        fg_value *h = grow(s, NODE(g, "Add", x, grow_scalar(s, FG_FLOAT, 3)));
        h = NODE(g, "Clip", h, grow_scalar(s, FG_FLOAT, 0), grow_scalar(s, FG_FLOAT, 6));
        h = grow(s, NODE(g, "Mul", x, grow(s, h)));
        return grow(s, NODE(g, "Div", h, grow_scalar(s, FG_FLOAT, 6)));
    }
    case 11: {
        const int64_t slopes[] = {x->shape.rank > 1 ? channels_of(x) : 1, 1, 1, 1, 1, 1};
        int rank = x->shape.rank > 2 ? x->shape.rank - 1 : 1;
        if (x->shape.rank == 2) {
            return grow(s, NODE(g, "PRelu", x, grow_weights(s, 1, &x->shape.dim[1], 0.2, 0.1)));
        }
        return grow(s, NODE(g, "PRelu", x, grow_weights(s, rank, slopes, 0.2, 0.1)));
    }
    default: return grow(s, NODE(g, "Relu", x));
    }
}

static fg_value *maybe_activation(grower *s, fg_value *x) {
    return rng_chance(&s->r, 70) ? activation(s, x) : x;
}

static fg_value *batch_normalization(grower *s, fg_value *x) {
    const int64_t c = channels_of(x);
    fg_value *y =
        NODE(s->g, "BatchNormalization", x, grow_weights(s, 1, &c, 1, 0.2), grow_weights(s, 1, &c, 0, 0.3),
             grow_weights(s, 1, &c, 0, 0.2), grow_weights(s, 1, &c, 4, 0.3));
    return grow(s, y);
}

static void set_pads(grower *s, fg_value *y, int axes, int64_t k, const int64_t *dilation) {
    static const char *const kinds[] = {"SAME_UPPER", "SAME_LOWER", "VALID"};
    int64_t pads[6];
    if (rng_chance(&s->r, 15)) {
        with_text(s->g, y, "auto_pad", kinds[rng_range(&s->r, 0, 2)]);
        return;
    }
    bool same = rng_chance(&s->r, 75);
    for (int i = 0; i < 2 * axes; i++) {
        int64_t reach = (k - 1) * dilation[i % axes];
        pads[i] = same ? reach / 2 : rng_range(&s->r, 0, k - 1);
    }
    with_ints(s->g, y, "pads", 2 * axes, pads);
}

fg_value *convolution(grower *s, fg_value *x, int64_t out, int64_t k, int64_t stride, int64_t group) {
    const int axes = x->shape.rank - 2;
    int64_t w[5] = {out, channels_of(x) / group, k, k}, strides[3], dilation[3] = {1, 1, 1};
    double fan = (double)w[1];
    bool odd = rng_chance(&s->r, 10), dilated = k > 1 && rng_chance(&s->r, 12);
    for (int i = 0; i < axes; i++) {
        w[2 + i] = odd ? rng_range(&s->r, 1, k + 1) : k;
        strides[i] = odd ? rng_range(&s->r, 1, 3) : stride;
        dilation[i] = dilated ? rng_range(&s->r, 1, 3) : 1;
        fan *= (double)w[2 + i];
    }
    fg_value *in[3] = {x, grow_weights(s, axes + 2, w, 0, 1 / sqrt(fan)), NULL};
    bool biased = rng_chance(&s->r, 60);
    if (biased) {
        in[2] = grow_weights(s, 1, &out, 0, 0.5);
    }
    fg_value *y = make_node(s->g, "Conv", 2 + biased, in);
    with_int(s->g, y, "group", group);
    if (odd || stride != 1 || rng_chance(&s->r, 50)) {
        with_ints(s->g, y, "strides", axes, strides);
    }
    if (dilated) {
        with_ints(s->g, y, "dilations", axes, dilation);
    }
    set_pads(s, y, axes, odd ? 1 : k, dilation);
    y = grow(s, y);
    return rng_chance(&s->r, 30) ? batch_normalization(s, y) : y;
}

static fg_value *pointwise(grower *s, fg_value *x, int64_t out) {
    return convolution(s, x, out, 1, 1, 1);
}

static int64_t some_kernel(grower *s) {
    static const int64_t kernels[] = {1, 1, 3, 3, 3, 5, 7, 2, 4};
    return kernels[rng_range(&s->r, 0, FG_COUNT(kernels) - 1)];
}

static int64_t some_stride(grower *s) {
    return rng_chance(&s->r, 25) ? rng_range(&s->r, 2, 3) : 1;
}

static fg_value *pool(grower *s, fg_value *x, int64_t k, int64_t stride) {
    const int axes = x->shape.rank - 2;
    bool max = rng_chance(&s->r, 50);
    const int64_t kernel[] = {k, k, k}, strides[] = {stride, stride, stride};
    const bool dilated = (max || s->g->opset >= 19) && rng_chance(&s->r, 15);
    int64_t dilation[] = {1, 1, 1};
    fg_value *y = NODE(s->g, max ? "MaxPool" : "AveragePool", x);
    with_ints(s->g, y, "kernel_shape", axes, kernel);
    with_ints(s->g, y, "strides", axes, strides);
    if (stride == 1 || rng_chance(&s->r, 60)) {
        set_pads(s, y, axes, k, dilation);
    }
    if (dilated) { /* beside pads for the window as it was, so that some windows begin in them */
        dilation[0] = rng_range(&s->r, 1, 3);
        dilation[1] = dilation[2] = rng_range(&s->r, 1, 3);
        with_ints(s->g, y, "dilations", axes, dilation);
    }
    if (rng_chance(&s->r, 20)) {
        with_int(s->g, y, "ceil_mode", 1);
    }
    if (!max && rng_chance(&s->r, 50)) {
        with_int(s->g, y, "count_include_pad", 1);
    }
    return grow(s, y);
}

/* ---- blocks ---- */

void block_conv(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 3, 4), *y;
    const int64_t c = channels_of(x);
    int64_t group = 1, out = some_channels(s);
    if (rng_chance(&s->r, 35)) {
        group = c;
        out = c * (rng_chance(&s->r, 80) ? 1 : 2);
    } else if (rng_chance(&s->r, 25) && c % 2 == 0) {
        group = c % 4 == 0 && rng_chance(&s->r, 50) ? 4 : 2;
        out = group * rng_range(&s->r, 1, 9);
    }
    y = maybe_activation(s, convolution(s, x, out, some_kernel(s), some_stride(s), group));
    if (rng_chance(&s->r, 15)) {
        pool(s, y, 3, 2);
    }
}

void block_residual(grower *s) {
    fg_value *x = image(s), *y = x;
    const int64_t c = channels_of(x), k = rng_chance(&s->r, 70) ? 3 : 1, p = k / 2;
    bool before = rng_chance(&s->r, 30); /* pre-activation: normalise, activate, convolve */
    for (int i = (int)rng_range(&s->r, 1, 2); i > 0; i--) {
        if (before) {
            y = activation(s, batch_normalization(s, y));
        }
        const int64_t w[] = {c, c, k, k};
        y = NODE(s->g, "Conv", y, grow_weights(s, 4, w, 0, 1 / sqrt((double)(c * k * k))),
                 grow_weights(s, 1, &c, 0, 0.2));
        y = grow(s, WITH_INTS(s->g, y, "pads", p, p, p, p));
        if (!before && i > 1) {
            y = maybe_activation(s, y);
        }
    }
    fg_value *in[] = {x, y};
    bool first = rng_chance(&s->r, 50);
    y = grow(s, NODE(s->g, rng_chance(&s->r, 85) ? "Add" : "Sub", in[first], in[!first]));
    maybe_activation(s, y);
}

static fg_value *squeeze_excite(grower *s, fg_value *x) {
    fg_graph *g = s->g;
    const int64_t c = channels_of(x), mid = rng_range(&s->r, 1, 9);
    fg_value *y;
    if (rng_chance(&s->r, 50)) {
        y = NODE(g, "GlobalAveragePool", x);
    } else {
        y = with_int(g, WITH_INTS(g, NODE(g, "ReduceMean", x), "axes", 2, 3), "keepdims", 1);
        if (g->opset >= 18) {
            y->producer->n_attr = 0;
            y = with_int(g, NODE(g, "ReduceMean", x, grow_ints(s, 2, (const int64_t[]){2, 3})), "keepdims",
                         1);
        }
    }
    y = grow(s, y);
    if (rng_chance(&s->r, 60)) {
        y = pointwise(s, activation(s, pointwise(s, y, mid)), c);
        y = rng_chance(&s->r, 60) ? grow(s, NODE(g, "Sigmoid", y)) : activation(s, y);
    } else {
        const int64_t down[] = {c, mid}, up[] = {mid, c};
        y = grow(s, NODE(g, "Flatten", y));
        y = grow(s, NODE(g, "Gemm", y, grow_weights(s, 2, down, 0, 1 / sqrt((double)c)),
                         grow_weights(s, 1, &mid, 0, 0.3)));
        y = activation(s, y);
        y = grow(s, NODE(g, "Gemm", y, grow_weights(s, 2, up, 0, 1 / sqrt((double)mid)),
                         grow_weights(s, 1, &c, 0, 0.3)));
        y = grow(s, NODE(g, "Sigmoid", y));
        y = grow(s, NODE(g, "Reshape", y, grow_ints(s, 4, (const int64_t[]){0, c, 1, 1})));
    }
    return grow(s, rng_chance(&s->r, 50) ? NODE(g, "Mul", x, y) : NODE(g, "Mul", y, x));
}

void block_squeeze_excite(grower *s) {
    squeeze_excite(s, image(s));
}

void block_inverted_residual(grower *s) {
    fg_value *x = image(s), *y = x;
    const int64_t c = channels_of(x), e = c * rng_range(&s->r, 1, 4), stride = rng_range(&s->r, 1, 2);
    const int64_t k = rng_chance(&s->r, 50) ? 3 : 5, p = k / 2;
    if (e > 64) {
        return;
    }
    if (rng_chance(&s->r, 80)) {
        y = activation(s, pointwise(s, y, e));
    }
    const int64_t w[] = {channels_of(y), 1, k, k};
    y = NODE(s->g, "Conv", y, grow_weights(s, 4, w, 0, 1 / sqrt((double)(k * k))),
             grow_weights(s, 1, w, 0, 0.2));
    y = WITH_INTS(s->g, with_int(s->g, y, "group", w[0]), "pads", p, p, p, p);
    y = maybe_activation(s, grow(s, WITH_INTS(s->g, y, "strides", stride, stride)));
    if (rng_chance(&s->r, 40)) {
        y = squeeze_excite(s, y);
    }
    y = pointwise(s, y, stride == 1 ? c : some_channels(s));
    if (fg_shape_equal(&x->shape, &y->shape) && rng_chance(&s->r, 80)) {
        y = grow(s, NODE(s->g, "Add", x, y));
        maybe_activation(s, y);
    }
}

void block_dense(grower *s) {
    fg_value *x = image(s);
    const int layers = (int)rng_range(&s->r, 2, 3);
    const int64_t growth = rng_range(&s->r, 3, 17);
    for (int i = 0; i < layers; i++) {
        fg_value *y = rng_chance(&s->r, 60) ? activation(s, batch_normalization(s, x)) : x;
        if (rng_chance(&s->r, 50)) {
            y = activation(s, pointwise(s, y, 2 * growth));
        }
        const int64_t w[] = {growth, channels_of(y), 3, 3};
        y = NODE(s->g, "Conv", y, grow_weights(s, 4, w, 0, 1 / sqrt((double)w[1] * 9)));
        y = grow(s, WITH_INTS(s->g, y, "pads", 1, 1, 1, 1));
        x = grow(s, with_int(s->g, NODE(s->g, "Concat", x, y), "axis", 1));
    }
    if (rng_chance(&s->r, 50)) {
        pool(s, maybe_activation(s, pointwise(s, x, growth)), 2, 2);
    }
}

void block_inception(grower *s) {
    fg_value *x = image(s), *part[4];
    int n = 0;
    part[n++] = maybe_activation(s, pointwise(s, x, some_channels(s)));
    for (int64_t k = 3; k <= 5; k += 2) {
        if (rng_chance(&s->r, 60)) {
            const int64_t w[] = {rng_range(&s->r, 1, 20), 1, k, k}, p = k / 2;
            fg_value *y = maybe_activation(s, pointwise(s, x, w[0]));
            y = with_int(s->g, NODE(s->g, "Conv", y, grow_weights(s, 4, w, 0, 1 / sqrt((double)(k * k)))),
                         "group", w[0]);
            part[n++] = maybe_activation(s, grow(s, WITH_INTS(s->g, y, "pads", p, p, p, p)));
        }
    }
    if (rng_chance(&s->r, 60)) {
        fg_value *y = NODE(s->g, rng_chance(&s->r, 50) ? "MaxPool" : "AveragePool", x);
        y = WITH_INTS(s->g, WITH_INTS(s->g, y, "kernel_shape", 3, 3), "pads", 1, 1, 1, 1);
        y = grow(s, y);
        part[n++] = rng_chance(&s->r, 60) ? pointwise(s, y, some_channels(s)) : y;
    }
    if (n < 4 && rng_chance(&s->r, 30)) {
        part[n++] = x;
    }
    for (int i = n - 1; i > 0; i--) { /* in any order */
        int j = (int)rng_range(&s->r, 0, i);
        fg_value *t = part[i];
        part[i] = part[j];
        part[j] = t;
    }
    fg_value *y = make_node(s->g, "Concat", n, part);
    maybe_activation(s, grow(s, with_int(s->g, y, "axis", 1)));
}

void block_shuffle(grower *s) {
    fg_value *x = image(s);
    fg_graph *g = s->g;
    const fg_shape *d = &x->shape;
    const int64_t c = d->dim[1];
    if (c % 2 != 0) {
        x = pointwise(s, x, 8);
    }
    const int64_t n = x->shape.dim[0], ch = x->shape.dim[1], h = x->shape.dim[2], w = x->shape.dim[3];
    if (rng_chance(&s->r, 50)) { /* ShuffleNet v2: half of the channels goes on unchanged */
        fg_value *out[2] = {fg_graph_value(g, "half"), fg_graph_value(g, "half")};
        fg_value *in[2] = {x, grow_ints(s, 2, (const int64_t[]){ch / 2, ch / 2})};
        fg_node *split = fg_graph_node(g, "Split", 2, in, 2, out);
        split->name = "split";
        out[0]->producer = out[1]->producer = split;
        with_int(g, out[0], "axis", 1);
        grow(s, out[0]);
        bool first = rng_chance(&s->r, 50);
        fg_value *y = activation(s, pointwise(s, out[first], ch / 2));
        if (!fg_shape_equal(&y->shape, &out[first]->shape)) {
            return;
        }
        x = grow(s, with_int(g, NODE(g, "Concat", out[!first], y), "axis", 1));
    }
    const int64_t groups[] = {n, 2, ch / 2, h, w}, flat[] = {n, ch, h, w};
    fg_value *y = grow(s, NODE(g, "Reshape", x, grow_ints(s, 5, groups)));
    y = grow(s, WITH_INTS(g, NODE(g, "Transpose", y), "perm", 0, 2, 1, 3, 4));
    y = grow(s, NODE(g, "Reshape", y, grow_ints(s, 4, flat)));
    if (rng_chance(&s->r, 60)) {
        pointwise(s, y, some_channels(s));
    }
}

void block_head(grower *s) {
    fg_value *x = image(s);
    fg_graph *g = s->g;
    if (rng_chance(&s->r, 50)) {
        x = maybe_activation(s, pointwise(s, x, some_channels(s)));
    }
    if (rng_chance(&s->r, 70)) {
        x = grow(s, NODE(g, rng_chance(&s->r, 70) ? "GlobalAveragePool" : "GlobalMaxPool", x));
    }
    x = grow(s, NODE(g, "Flatten", x));
    const int64_t out = rng_range(&s->r, 1, 33), w[] = {x->shape.dim[1], out}, wt[] = {out, x->shape.dim[1]};
    bool transposed = rng_chance(&s->r, 50);
    fg_value *y = NODE(g, "Gemm", x, grow_weights(s, 2, transposed ? wt : w, 0, 1 / sqrt((double)w[0])),
                       grow_weights(s, 1, &out, 0, 0.3));
    y = maybe_activation(s, grow(s, with_int(g, y, "transB", transposed)));
    if (rng_chance(&s->r, 50)) {
        grow(s, with_int(g, NODE(g, "Softmax", y), "axis", rng_chance(&s->r, 70) ? -1 : 1));
    }
}

void block_resample(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 3, 4);
    if (rng_chance(&s->r, 60)) {
        pool(s, x, rng_range(&s->r, 1, 5), rng_range(&s->r, 1, 3));
        return;
    }
    static const char *const global[] = {"GlobalAveragePool", "GlobalMaxPool"};
    grow(s, NODE(s->g, global[rng_range(&s->r, 0, 1)], x));
}

/* ---- transformers ---- */

fg_value *linear(grower *s, fg_value *x, int64_t out) {
    const int64_t in = x->shape.dim[x->shape.rank - 1], w[] = {in, out};
    fg_value *y = grow(s, NODE(s->g, "MatMul", x, grow_weights(s, 2, w, 0, 1 / sqrt((double)in))));
    if (rng_chance(&s->r, 20)) {
        return y;
    }
    fg_value *b = grow_weights(s, 1, &out, 0, 0.3);
    return grow(s, rng_chance(&s->r, 50) ? NODE(s->g, "Add", y, b) : NODE(s->g, "Add", b, y));
}

fg_value *normalised(grower *s, fg_value *x) {
    const int64_t *d = &x->shape.dim[x->shape.rank - 1];
    if (*d < 3) {
        return x; /* what is left after subtracting the mean of few elements is mostly rounding */
    }
    if (s->g->opset < 17 || rng_chance(&s->r, 30)) {
        fg_value *axes = grow_ints(s, 1, (const int64_t[]){-1});
        bool operand = s->g->opset >= 18;
        fg_value *m = operand ? NODE(s->g, "ReduceMean", x, axes)
                              : WITH_INTS(s->g, NODE(s->g, "ReduceMean", x), "axes", -1);
        fg_value *c = grow(s, NODE(s->g, "Sub", x, grow(s, m)));
        fg_value *v = grow(s, NODE(s->g, "Pow", c, grow_scalar(s, FG_FLOAT, 2)));
        v = operand ? NODE(s->g, "ReduceMean", v, axes)
                    : WITH_INTS(s->g, NODE(s->g, "ReduceMean", v), "axes", -1);
        v = grow(s, NODE(s->g, "Add", grow(s, v), grow_scalar(s, FG_FLOAT, 1e-2)));
        v = grow(s, NODE(s->g, "Div", c, grow(s, NODE(s->g, "Sqrt", v))));
        v = grow(s, NODE(s->g, "Mul", v, grow_weights(s, 1, d, 1, 0.2)));
        return grow(s, NODE(s->g, "Add", v, grow_weights(s, 1, d, 0, 0.3)));
    }
    fg_value *y =
        NODE(s->g, "LayerNormalization", x, grow_weights(s, 1, d, 1, 0.2), grow_weights(s, 1, d, 0, 0.3));
    return grow(s, with_float(s->g, with_int(s->g, y, "axis", -1), "epsilon", 1e-2));
}

void block_mlp(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 2, 3);
    const int64_t d = x->shape.dim[x->shape.rank - 1];
    fg_value *y = rng_chance(&s->r, 60) ? normalised(s, x) : x;
    y = activation(s, linear(s, y, rng_range(&s->r, 1, 48)));
    if (rng_chance(&s->r, 80)) {
        y = linear(s, y, d);
        if (rng_chance(&s->r, 70)) {
            y = grow(s, NODE(s->g, "Add", y, x));
            if (rng_chance(&s->r, 40)) {
                normalised(s, y);
            }
        }
    }
}

static fg_value *heads_of(grower *s, fg_value *x, const int64_t *shape, const int64_t *perm) {
    x = grow(s, NODE(s->g, "Reshape", x, grow_ints(s, 4, shape)));
    return grow(s, with_ints(s->g, NODE(s->g, "Transpose", x), "perm", 4, perm));
}

void block_attention(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 3, 3);
    const int64_t n = x->shape.dim[0], t = x->shape.dim[1], heads = rng_range(&s->r, 1, 3),
                  each = rng_range(&s->r, 1, 9), shape[] = {n, t, heads, each};
    const int64_t perm[] = {0, 2, 1, 3}, perm_k[] = {0, 2, 3, 1}, flat[] = {n, t, heads * each};
    if (t > 40) {
        return;
    }
    fg_value *h = rng_chance(&s->r, 60) ? normalised(s, x) : x;
    fg_value *q = heads_of(s, linear(s, h, heads * each), shape, perm);
    fg_value *k = heads_of(s, linear(s, h, heads * each), shape, perm_k);
    fg_value *v = heads_of(s, linear(s, h, heads * each), shape, perm);
    fg_value *p = grow(s, NODE(s->g, "MatMul", q, k));
    p = grow(s, NODE(s->g, "Mul", p, grow_scalar(s, FG_FLOAT, 1 / sqrt((double)each))));
    if (rng_chance(&s->r, 40)) {
        const int64_t mask[] = {1, 1, t, t};
        p = grow(s, NODE(s->g, "Add", p, grow_weights(s, 4, mask, 0, 1)));
    }
    p = grow(s, with_int(s->g, NODE(s->g, "Softmax", p), "axis", rng_chance(&s->r, 50) ? -1 : 3));
    fg_value *y = grow(s, NODE(s->g, "MatMul", p, v));
    y = grow(s, WITH_INTS(s->g, NODE(s->g, "Transpose", y), "perm", 0, 2, 1, 3));
    y = grow(s, NODE(s->g, "Reshape", y, grow_ints(s, 3, flat)));
    y = linear(s, y, x->shape.dim[2]);
    grow(s, NODE(s->g, "Add", x, y));
}
