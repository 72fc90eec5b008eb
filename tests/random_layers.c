/* Layers that networks have now and then: transposed, dynamic and three-dimensional convolutions, wide ones,
 * normalisations, indices. */
#include "random_graph.h"

/* Deep and wide enough for the transforms of 3x3 convolutions to pay. */
void layer_wide_conv(grower *s) {
    const int64_t dim[] = {rng_range(&s->r, 1, 2), 16 * rng_range(&s->r, 2, 4), rng_range(&s->r, 6, 13),
                           rng_range(&s->r, 6, 13)};
    const fg_shape shape = shape_make(4, dim);
    const int64_t out = 8 * rng_range(&s->r, 3, 8) + (rng_chance(&s->r, 30) ? 5 : 0);
    const int64_t pad = rng_chance(&s->r, 80), w[] = {out, dim[1], 3, 3};
    fg_value *x = rng_chance(&s->r, 50) ? pick(s, FG_FLOAT, 4, 4) : NULL;
    x = x == NULL || x->shape.dim[1] != dim[1] ? grow_input(s, FG_FLOAT, &shape) : x;
    if (rng_chance(&s->r, 60)) {
        x = activation(s, x);
    }
    fg_value *k = grow_weights(s, 4, w, 0, 1 / sqrt((double)(9 * w[1])));
    fg_value *y = NODE(s->g, "Conv", x, k, grow_weights(s, 1, &out, 0, 0.3));
    y = grow(s, WITH_INTS(s->g, y, "pads", pad, pad, pad, pad));
    if (fg_shape_equal(&x->shape, &y->shape)) {
        y = grow(s, NODE(s->g, "Add", x, y));
    }
    y = activation(s, y);
    if (rng_chance(&s->r, 30)) {
        grow(s, NODE(s->g, "GlobalAveragePool", y));
    }
}

void layer_transposed_conv(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 3, 4);
    const int axes = x->shape.rank - 2;
    const int64_t c = x->shape.dim[1], group = c % 2 == 0 && rng_chance(&s->r, 30) ? 2 : 1;
    const int64_t k = rng_range(&s->r, 1, 4), stride = rng_range(&s->r, 1, 3), each = rng_range(&s->r, 1, 9);
    const int64_t w[] = {c, each, k, k}, out = each * group, strides[] = {stride, stride};
    int64_t pads[4], more[2];
    for (int i = 0; i < 2 * axes; i++) {
        pads[i] = rng_range(&s->r, 0, (k - 1) / 2);
    }
    for (int i = 0; i < axes; i++) {
        more[i] = rng_range(&s->r, 0, stride - 1);
    }
    fg_value *weights = grow_weights(s, axes + 2, w, 0, 1 / sqrt((double)(c * k)));
    fg_value *y = NODE(s->g, "ConvTranspose", x, weights, grow_weights(s, 1, &out, 0, 0.3));
    with_int(s->g, with_ints(s->g, y, "strides", axes, strides), "group", group);
    with_ints(s->g, y, "pads", 2 * axes, pads);
    if (rng_chance(&s->r, 40)) {
        with_ints(s->g, y, "output_padding", axes, more);
    }
    if (rng_chance(&s->r, 25)) {
        const int64_t dilation[] = {rng_range(&s->r, 1, 3), rng_range(&s->r, 1, 2)};
        with_ints(s->g, y, "dilations", axes, dilation);
    }
    activation(s, grow(s, y));
}

/* Groups, dilations, strides and pads that have nothing to do with one another. */
void layer_odd_conv(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 3, 5);
    const int axes = x->shape.rank - 2;
    const int64_t c = x->shape.dim[1];
    int64_t group = rng_range(&s->r, 2, c > 2 ? c : 2), pads[6], strides[3], dilation[3];
    while (c % group != 0) {
        group--;
    }
    const int64_t each = rng_range(&s->r, 1, 5);
    int64_t w[5] = {group * each, c / group};
    double fan = (double)w[1];
    for (int i = 0; i < axes; i++) {
        w[2 + i] = rng_range(&s->r, 1, 4);
        strides[i] = rng_range(&s->r, 1, 4);
        dilation[i] = rng_range(&s->r, 1, 3);
        pads[i] = rng_range(&s->r, 0, 5);
        pads[axes + i] = rng_range(&s->r, 0, 5);
        fan *= (double)w[2 + i];
    }
    if (fg_shape_count(&x->shape) * each * (int64_t)fan > 4000000) {
        return;
    }
    fg_value *y = NODE(s->g, "Conv", x, grow_weights(s, axes + 2, w, 0, 1 / sqrt(fan)),
                       rng_chance(&s->r, 50) ? grow_weights(s, 1, &w[0], 0, 0.3) : NULL);
    with_ints(s->g, with_ints(s->g, y, "strides", axes, strides), "dilations", axes, dilation);
    y = grow(s, with_int(s->g, with_ints(s->g, y, "pads", 2 * axes, pads), "group", group));
    if (rng_chance(&s->r, 60)) {
        activation(s, y);
    }
}

/* The weights are computed or handed in. */
void layer_dynamic_conv(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 3, 4);
    const int axes = x->shape.rank - 2;
    const int64_t c = x->shape.dim[1], dim[] = {rng_range(&s->r, 1, 9), c, 3, rng_range(&s->r, 1, 3)};
    const fg_shape shape = shape_make(axes + 2, dim);
    fg_value *y = NODE(s->g, "Conv", x, grow_input(s, FG_FLOAT, &shape));
    if (rng_chance(&s->r, 50)) {
        with_text(s->g, y, "auto_pad", "SAME_UPPER");
    }
    y = grow(s, y);
    y = grow(s, NODE(s->g, "Mul", y, grow_scalar(s, FG_FLOAT, 1 / sqrt((double)(9 * c)))));
    activation(s, y);
}

void layer_volume(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 5, 5), *y;
    if (x->shape.dim[2] * x->shape.dim[3] * x->shape.dim[4] > 1500) {
        return;
    }
    if (rng_chance(&s->r, 60)) {
        convolution(s, x, rng_range(&s->r, 1, 9), rng_range(&s->r, 1, 3), rng_range(&s->r, 1, 2), 1);
        return;
    }
    y = NODE(s->g, rng_chance(&s->r, 50) ? "MaxPool" : "AveragePool", x);
    y = WITH_INTS(s->g, y, "kernel_shape", 2, 2, 2);
    if (rng_chance(&s->r, 50)) {
        WITH_INTS(s->g, y, "pads", 1, 0, 1, 0, 1, 0);
    }
    grow(s, WITH_INTS(s->g, y, "strides", 2, 1, 2));
}

/* Pools of integers, pools with indices, Lp pools. */
void layer_rare_pool(grower *s) {
    const int64_t kind = rng_range(&s->r, 0, 2);
    fg_value *x =
        kind == 0 ? pick(s, rng_chance(&s->r, 50) ? FG_UINT8 : FG_INT8, 3, 4) : pick_exact(s, FG_FLOAT, 3, 4);
    const int axes = x->shape.rank - 2;
    const int64_t kernel[] = {2, 3}, strides[] = {2, 1}, pads[] = {0, 1, 1, 0};
    fg_value *y = NODE(s->g, kind == 2 ? "LpPool" : "MaxPool", x);
    if (kind == 1) { /* with the second output */
        fg_value *out[2] = {fg_graph_value(s->g, "most"), fg_graph_value(s->g, "where")};
        fg_node *n = fg_graph_node(s->g, "MaxPool", 1, &x, 2, out);
        n->name = "pool";
        out[0]->producer = out[1]->producer = n;
        y = out[0];
    }
    with_ints(s->g, with_ints(s->g, y, "kernel_shape", axes, kernel), "strides", axes, strides);
    grow(s, rng_chance(&s->r, 60) ? with_ints(s->g, y, "pads", 2 * axes, pads) : y);
}

void layer_group_norm(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 3, 4), *y;
    const int64_t c = x->shape.dim[1], last = x->shape.dim[x->shape.rank - 1];
    const int64_t groups = c % 4 == 0 ? 4 : 1, scales = s->g->opset >= 21 ? c : groups;
    if (last < 4) {
        return;
    }
    if (rng_chance(&s->r, 50)) {
        y = NODE(s->g, "GroupNormalization", x, grow_weights(s, 1, &scales, 1, 0.2),
                 grow_weights(s, 1, &scales, 0, 0.3));
        with_float(s->g, with_int(s->g, y, "num_groups", groups), "epsilon", 1e-2);
    } else {
        y = with_int(s->g, NODE(s->g, "LpNormalization", x), "axis", rng_range(&s->r, 0, x->shape.rank - 1));
        with_int(s->g, y, "p", rng_range(&s->r, 1, 2));
    }
    grow(s, y);
}

void layer_triangle(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 2, 4);
    if (rng_chance(&s->r, 50)) {
        fg_value *y = NODE(s->g, "Trilu", x, grow_scalar(s, FG_INT64, (double)rng_range(&s->r, -2, 2)));
        grow_exact(s, with_int(s->g, y, "upper", rng_chance(&s->r, 50)));
        return;
    }
    fg_value *axis = grow_scalar(s, FG_INT64, (double)rng_range(&s->r, -x->shape.rank, x->shape.rank - 1));
    fg_value *y = NODE(s->g, "CumSum", x, axis);
    with_int(s->g, y, "exclusive", rng_chance(&s->r, 50));
    grow(s, with_int(s->g, y, "reverse", rng_chance(&s->r, 50)));
}

void layer_top(grower *s) {
    fg_value *x = pick_exact(s, FG_FLOAT, 1, 4);
    const int axis = (int)rng_range(&s->r, 0, x->shape.rank - 1);
    const int64_t k = rng_range(&s->r, 1, x->shape.dim[axis] < 5 ? x->shape.dim[axis] : 5);
    fg_value *out[2] = {fg_graph_value(s->g, "top"), fg_graph_value(s->g, "at")};
    fg_value *in[2] = {x, grow_ints(s, 1, &k)};
    fg_node *n = fg_graph_node(s->g, "TopK", 2, in, 2, out);
    n->name = "top";
    out[0]->producer = out[1]->producer = n;
    with_int(s->g, out[0], "largest", rng_chance(&s->r, 70));
    grow_exact(s, with_int(s->g, out[0], "axis", axis));
}

/* Indices that arrive at run time: a word embedding. */
void layer_embedding(grower *s) {
    const int64_t rows = rng_range(&s->r, 11, 30), table[] = {rows, rng_range(&s->r, 1, 24)};
    const int64_t dim[] = {rng_range(&s->r, 1, 3), rng_range(&s->r, 1, 9)};
    const fg_shape shape = shape_make(rng_chance(&s->r, 80) ? 2 : 1, dim);
    fg_value *i = grow_input(s, rng_chance(&s->r, 50) ? FG_INT64 : FG_INT32, &shape);
    fg_value *y = grow(s, NODE(s->g, "Gather", grow_weights(s, 2, table, 0, 1), i));
    if (rng_chance(&s->r, 50)) {
        grow(s, NODE(s->g, "Add", y,
                     grow_weights(s, 2, (const int64_t[]){dim[shape.rank - 1], table[1]}, 0, 1)));
    }
}

/* How a network begins: a picture of few channels, a wide window, a pool or a depthwise convolution. */
void layer_stem(grower *s) {
    const int64_t dim[] = {rng_range(&s->r, 1, 2), rng_range(&s->r, 1, 4), rng_range(&s->r, 8, 28),
                           rng_range(&s->r, 8, 28)};
    const fg_shape shape = shape_make(4, dim);
    const int64_t k = 2 * rng_range(&s->r, 1, 3) + 1, out = rng_range(&s->r, 1, 24), p = k / 2;
    const int64_t w[] = {out, dim[1], k, k}, dw[] = {out, 1, 3, 3}, stride = rng_range(&s->r, 1, 2);
    const int64_t edge = rng_range(&s->r, 0, 1), window = rng_range(&s->r, 2, 3);
    fg_value *x = grow_input(s, FG_FLOAT, &shape), *y;
    y = NODE(s->g, "Conv", x, grow_weights(s, 4, w, 0, 1 / sqrt((double)(dim[1] * k * k))),
             grow_weights(s, 1, &out, 0, 0.3));
    y = grow(s, WITH_INTS(s->g, WITH_INTS(s->g, y, "pads", p, p, p, p), "strides", stride, stride));
    y = rng_chance(&s->r, 80) ? activation(s, y) : y;
    if (rng_chance(&s->r, 60)) {
        y = WITH_INTS(s->g, NODE(s->g, "MaxPool", y), "kernel_shape", window, window);
        y = WITH_INTS(s->g, y, "pads", edge, 0, edge, rng_range(&s->r, 0, 1));
    } else {
        y = with_int(s->g, NODE(s->g, "Conv", y, grow_weights(s, 4, dw, 0, 0.3)), "group", out);
        y = WITH_INTS(s->g, y, "pads", edge, edge, edge, edge);
    }
    y = grow(s, WITH_INTS(s->g, y, "strides", rng_range(&s->r, 1, 3), 2));
    if (rng_chance(&s->r, 50)) {
        activation(s, y);
    }
}

/* How it ends: nobody but the global pool reads the last convolution. */
void layer_pooled_conv(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 4, 4);
    bool depthwise = rng_chance(&s->r, 30);
    const int64_t c = x->shape.dim[1], out = depthwise ? c : rng_range(&s->r, 1, 40);
    fg_value *y = convolution(s, x, out, rng_chance(&s->r, 60) ? 1 : 3, 1, depthwise ? c : 1);
    y = rng_chance(&s->r, 80) ? activation(s, y) : y;
    y = grow(s, NODE(s->g, "GlobalAveragePool", y));
    if (rng_chance(&s->r, 30)) {
        grow(s, NODE(s->g, "Flatten", y));
    }
}
