/* Operators on sequences of tokens as simpler ones: RotaryEmbedding, CausalConvWithState. */
#include "fusion/expand.h"

#include "frontend/attention.h"

/* ---- RotaryEmbedding ---- */

/* The rows of a cache that go with the tokens, so that they broadcast to the input by heads. */
static fg_value *rows(fg_expansion *x, const fg_rotary *r, int cache) {
    fg_context *ctx = x->rw->ctx;
    fg_value *v = fg_ex_in(x, cache), *p = fg_ex_in(x, r->positions);
    int64_t batch = r->batch;
    if (r->offset) {
        double *steps = FG_ARRAY(ctx, r->length + 1, double);
        const int64_t one = 1;
        for (int64_t t = 0; t < r->length; t++) {
            steps[t] = (double)t;
        }
        p = fg_ex_reshape(x, p, 1, &one);
        p = fg_ex_binary(x, "Add", p, fg_ex_const(x, FG_INT64, 1, &r->length, steps));
        batch = 1;
    }
    if (r->positions >= 0) {
        v = fg_ex_gather(x, v, p, 0);
    }
    const int64_t packed[] = {batch, r->length, 1, r->rotated / 2},
                  heads[] = {batch, 1, r->length, r->rotated / 2};
    return fg_ex_reshape(x, v, 4, r->packed ? packed : heads);
}

static fg_value *product(fg_expansion *x, fg_value *a, fg_value *b) {
    return fg_ex_binary(x, "Mul", a, b);
}

/* The pairs' elements, one after the other or in halves. */
static fg_value *joined(fg_expansion *x, const fg_rotary *r, fg_value *first, fg_value *second) {
    fg_value *parts[] = {first, second};
    if (!r->interleaved) {
        return fg_ex_concat(x, 3, 2, parts);
    }
    const int64_t *d = first->shape.dim, apart[] = {d[0], d[1], d[2], d[3], 1},
                  whole[] = {d[0], d[1], d[2], 2 * d[3]};
    for (int i = 0; i < 2; i++) {
        parts[i] = fg_ex_reshape(x, parts[i], 5, apart);
    }
    return fg_ex_reshape(x, fg_ex_concat(x, 4, 2, parts), 4, whole);
}

bool fg_ex_rotate(fg_expansion *x, const fg_rotary *r) {
    const int64_t half = r->rotated / 2, between = r->interleaved ? 1 : half, step = r->interleaved ? 2 : 1;
    const fg_shape own = x->node->in[0]->shape;
    const int64_t packed[] = {r->batch, r->length, r->heads, r->size};
    if (fg_shape_count(&own) == 0 || half == 0) {
        fg_value *same = x->node->in[0];
        fg_ex_done(x, 1, &same);
        return true;
    }
    fg_value *in = r->packed ? fg_ex_reshape(x, x->node->in[0], 4, packed) : x->node->in[0];
    fg_value *a = fg_ex_slice(x, in, 3, 0, half, step), *b = fg_ex_slice(x, in, 3, between, half, step);
    fg_value *c = rows(x, r, r->cosines), *s = rows(x, r, r->sines);
    fg_value *first = fg_ex_binary(x, "Sub", product(x, a, c), product(x, b, s));
    fg_value *second = fg_ex_binary(x, "Add", product(x, a, s), product(x, b, c));
    fg_value *y[] = {joined(x, r, first, second), NULL};
    if (r->rotated < r->size) {
        y[1] = fg_ex_slice(x, in, 3, r->rotated, r->size - r->rotated, 1);
        y[0] = fg_ex_concat(x, 3, 2, y);
    }
    y[0] = fg_ex_reshape(x, y[0], own.rank, own.dim);
    fg_ex_done(x, 1, y);
    return true;
}

bool fg_ex_rotary(fg_expansion *x) {
    fg_rotary r;
    fg_rotary_plan(x->rw->ctx, x->node, &r);
    return fg_ex_rotate(x, &r);
}

/* ---- CausalConvWithState ---- */

/* A depthwise convolution behind what came before, or behind zeros. */
bool fg_ex_causal_conv(fg_expansion *x) {
    fg_rewriter *rw = x->rw;
    const bool silu = fg_causal_conv_silu(rw->ctx, x->node);
    fg_value *in = x->node->in[0], *w = x->node->in[1], *bias = fg_ex_in(x, 2), *past = fg_ex_in(x, 3);
    const int64_t channels = in->shape.dim[1], length = in->shape.dim[2], before = w->shape.dim[2] - 1;
    const int64_t state[] = {in->shape.dim[0], channels, before}, pads[] = {past == NULL ? before : 0, 0};
    fg_value *parts[] = {past, in};
    if (past == NULL) {
        parts[0] = fg_ex_fill(x, in->dtype, 3, state, 0);
    }
    fg_value *behind = before > 0 && (past != NULL || length < before) ? fg_ex_concat(x, 2, 2, parts) : in;
    fg_value *operands[] = {past != NULL ? behind : in, w, bias}, *out[2] = {NULL, NULL};
    if (fg_ex_wanted(x, 0) && length > 0) {
        fg_node *conv = fg_ex_begin(x, "Conv", 11, bias != NULL ? 3 : 2, operands);
        fg_rw_attr_int(rw, conv, "group", channels);
        fg_rw_attr_ints(rw, conv, "pads", 2, pads);
        out[0] = fg_ex_end(x, conv);
        if (silu) {
            out[0] = fg_ex_end(x, fg_ex_begin(x, "Swish", 24, 1, &out[0]));
        }
    } else if (length == 0) {
        out[0] = in;
    }
    if (fg_ex_wanted(x, 1)) {
        out[1] = before == 0 ? parts[0] : fg_ex_slice(x, behind, 2, behind->shape.dim[2] - before, before, 1);
    }
    fg_ex_done(x, 2, out);
    return true;
}
