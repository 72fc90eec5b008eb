/* com.microsoft's operators as those of ai.onnx that they were fused from. */
#include "fusion/expand.h"

#include <math.h>
#include <string.h>

#include "frontend/microsoft.h"

static bool is(const fg_expansion *x, const char *op) {
    return strcmp(x->node->op_type, op) == 0;
}

static fg_value *add(fg_expansion *x, fg_value *a, fg_value *b) {
    return b == NULL ? a : fg_ex_binary(x, "Add", a, b);
}

static bool done(fg_expansion *x, fg_value *y) {
    fg_ex_done(x, 1, &y);
    return true;
}

/* ---- activations ---- */

bool fg_ex_gelu(fg_expansion *x) {
    fg_value *in = add(x, x->node->in[0], fg_ex_in(x, 1));
    const bool quick = is(x, "QuickGelu");
    fg_node *n = fg_ex_begin(x, quick ? "Swish" : "Gelu", 24, 1, &in);
    if (quick) {
        fg_rw_attr_float(x->rw, n, "alpha", fg_attr_float(x->node, "alpha", 1.702F));
    } else {
        fg_rw_attr_text(x->rw, n, "approximate", is(x, "FastGelu") ? "tanh" : "none");
    }
    return done(x, fg_ex_end(x, n));
}

static fg_value *activated(fg_expansion *x, fg_value *v) {
    const fg_activation a = fg_fused_activation(x->rw->ctx, x->node);
    if (a.op == NULL) {
        return v;
    }
    if (strcmp(a.op, "Clip") == 0) {
        fg_value *in[] = {v, fg_ex_scalar(x, v->dtype, a.parameter[0]),
                          fg_ex_scalar(x, v->dtype, a.parameter[1])};
        return fg_ex_end(x, fg_ex_begin(x, "Clip", 13, 3, in));
    }
    fg_node *n = fg_ex_begin(x, a.op, 13, 1, &v);
    if (strcmp(a.op, "LeakyRelu") == 0 || strcmp(a.op, "HardSigmoid") == 0) {
        fg_rw_attr_float(x->rw, n, "alpha", (float)a.parameter[0]);
    }
    if (strcmp(a.op, "HardSigmoid") == 0) {
        fg_rw_attr_float(x->rw, n, "beta", (float)a.parameter[1]);
    }
    return fg_ex_end(x, n);
}

/* ---- normalisations ---- */

static fg_value *normalised(fg_expansion *x, fg_value *v, fg_value *scale, fg_value *bias, bool centred,
                            float otherwise) {
    fg_value *in[] = {v, scale, bias};
    fg_node *n =
        fg_ex_begin(x, centred ? "LayerNormalization" : "RMSNormalization", 23, bias != NULL ? 3 : 2, in);
    fg_rw_attr_float(x->rw, n, "epsilon", fg_attr_float(x->node, "epsilon", otherwise));
    fg_rw_attr_int(x->rw, n, "axis", -1);
    return fg_ex_end(x, n);
}

bool fg_ex_simplified_norm(fg_expansion *x) {
    return done(x, normalised(x, x->node->in[0], x->node->in[1], NULL, false, 1e-5F));
}

bool fg_ex_skip_norm(fg_expansion *x) {
    const bool centred = is(x, "SkipLayerNormalization");
    fg_value *beta = centred ? fg_ex_in(x, 3) : NULL, *bias = fg_ex_in(x, centred ? 4 : 3);
    fg_value *sum = add(x, add(x, x->node->in[0], x->node->in[1]), bias), *out[4] = {NULL};
    if (fg_ex_wanted(x, 0)) {
        out[0] = normalised(x, sum, x->node->in[2], beta, centred, 1e-12F);
    }
    out[3] = fg_ex_wanted(x, 3) ? sum : NULL;
    fg_ex_done(x, 4, out);
    return true;
}

bool fg_ex_embed_norm(fg_expansion *x) {
    enum { IDS, SEGMENTS, WORDS, PLACES, SEGMENT_TABLE, GAMMA, BETA, MASK, POSITIONS };
    const fg_shape ids = x->node->in[IDS]->shape;
    fg_value *places = x->node->in[PLACES], *out[3] = {NULL};
    fg_value *sum = fg_ex_gather(x, x->node->in[WORDS], x->node->in[IDS], 0);
    places = fg_ex_in(x, POSITIONS) != NULL ? fg_ex_gather(x, places, fg_ex_in(x, POSITIONS), 0)
                                            : fg_ex_slice(x, places, 0, 0, ids.dim[1], 1);
    sum = add(x, sum, places);
    if (x->node->in[SEGMENTS] != NULL) {
        sum = add(x, sum, fg_ex_gather(x, x->node->in[SEGMENT_TABLE], x->node->in[SEGMENTS], 0));
    }
    if (fg_ex_wanted(x, 0)) {
        out[0] = normalised(x, sum, x->node->in[GAMMA], x->node->in[BETA], true, 1e-12F);
    }
    if (fg_ex_wanted(x, 1)) {
        const int64_t axis = 1;
        out[1] = fg_ex_in(x, MASK) != NULL ? fg_ex_sum(x, fg_ex_in(x, MASK), 1, &axis)
                                           : fg_ex_fill(x, FG_INT64, 1, ids.dim, 0);
    }
    out[2] = fg_ex_wanted(x, 2) ? sum : NULL;
    fg_ex_done(x, 3, out);
    return true;
}

/* ---- products ---- */

static fg_value *turned(fg_expansion *x, int i, const char *flag) {
    fg_value *v = x->node->in[i];
    const int rank = v->shape.rank;
    int64_t perm[FG_MAX_RANK];
    if (fg_attr_int(x->node, flag, 0) == 0) {
        return v;
    }
    for (int d = 0; d < rank; d++) {
        perm[d] = d < rank - 2 ? d : 2 * rank - 3 - d;
    }
    return fg_ex_transpose(x, v, perm);
}

bool fg_ex_fused_matmul(fg_expansion *x) {
    fg_value *y = fg_ex_binary(x, "MatMul", turned(x, 0, "transA"), turned(x, 1, "transB"));
    const double alpha = (double)fg_attr_float(x->node, "alpha", 1);
    return done(x, alpha == 1 ? y : fg_ex_binary(x, "Mul", y, fg_ex_scalar(x, y->dtype, alpha)));
}

/* The operator of ai.onnx with the node's own attributes. */
static fg_value *plain(fg_expansion *x, const char *op, int n_in) {
    const fg_node *from = x->node;
    fg_node *n = fg_ex_begin(x, op, 13, from->n_in < n_in ? from->n_in : n_in, from->in);
    n->attr = from->attr;
    n->n_attr = from->n_attr;
    return fg_ex_end(x, n);
}

bool fg_ex_fused_conv(fg_expansion *x) {
    return done(x, activated(x, add(x, plain(x, "Conv", 3), fg_ex_in(x, 3))));
}

bool fg_ex_fused_gemm(fg_expansion *x) {
    return done(x, activated(x, plain(x, "Gemm", 3)));
}

/* ---- attention ---- */

bool fg_ex_ms_rotary(fg_expansion *x) {
    fg_rotary r;
    fg_ms_rotary_plan(x->rw->ctx, x->node, &r);
    return fg_ex_rotate(x, &r);
}

static fg_value *count_up(fg_expansion *x, int64_t n) {
    double *data = FG_ARRAY(x->rw->ctx, n + 1, double);
    for (int64_t i = 0; i < n; i++) {
        data[i] = (double)i;
    }
    return fg_ex_const(x, FG_INT64, 1, &n, data);
}

/* Truth values that broadcast to batch x heads x queries x keys: which keys may be seen; NULL: all. */
static fg_value *seen_keys(fg_expansion *x, const fg_ms_attention *m) {
    const fg_attention *a = &m->a;
    if (m->form == FG_KEYS_ALL) {
        return NULL;
    }
    fg_value *v = fg_ex_cast(x, x->node->in[m->mask], FG_INT64);
    if (m->form == FG_KEYS_MARKED || m->form == FG_KEYS_BY_ROW) {
        const int64_t dim[] = {a->batch, 1, m->form == FG_KEYS_MARKED ? 1 : a->q_len, a->total};
        return fg_ex_binary(x, "Greater", fg_ex_reshape(x, v, 4, dim), fg_ex_scalar(x, FG_INT64, 0));
    }
    const int64_t each[] = {a->batch, 1, 1, 1};
    fg_value *keys = count_up(x, a->total);
    fg_value *end = fg_ex_reshape(x, fg_ex_slice(x, v, 0, 0, a->batch, 1), 4, each);
    fg_value *seen = fg_ex_binary(x, "Less", keys, end);
    if (m->form == FG_KEYS_WITHIN) {
        fg_value *start = fg_ex_reshape(x, fg_ex_slice(x, v, 0, a->batch, a->batch, 1), 4, each);
        seen = fg_ex_binary(x, "And", seen, fg_ex_binary(x, "GreaterOrEqual", keys, start));
    }
    return seen;
}

static fg_value *later_keys(fg_expansion *x, const fg_ms_attention *m, fg_dtype t) {
    const int64_t dim[] = {m->a.q_len, m->a.total};
    double *data = fg_big_alloc(x->rw->ctx, (size_t)fg_checked_product(x->rw->ctx, 2, dim) * sizeof *data);
    for (int64_t i = 0; i < m->a.q_len; i++) {
        for (int64_t j = m->a.past + i + 1; j < m->a.total; j++) {
            data[i * m->a.total + j] = FG_LATER_KEYS;
        }
    }
    fg_value *v = fg_ex_const(x, t, 2, dim, data);
    fg_big_free(x->rw->ctx, data);
    return v;
}

/* A softmax does not change when all its scores move alike. Where a query may see nothing but keys that are
 * masked, this keeps their scores from drowning in the mask's large number. */
static fg_value *shifted(fg_expansion *x, fg_value *bias) {
    return fg_ex_binary(x, "Sub", bias, fg_ex_reduce(x, "ReduceMax", bias, bias->shape.rank - 1));
}

static fg_value *bias_of(fg_expansion *x, const fg_ms_attention *m, fg_dtype t) {
    fg_value *seen = seen_keys(x, m), *bias = NULL;
    if (seen != NULL) {
        bias = fg_ex_where(x, seen, fg_ex_scalar(x, t, 0), fg_ex_scalar(x, t, m->filter));
    }
    if (m->unidirectional && m->a.q_len > 1) {
        fg_value *later = later_keys(x, m, t);
        bias = bias == NULL ? later : fg_ex_binary(x, "Min", bias, later);
    }
    if (bias != NULL && !isinf(m->filter)) {
        bias = shifted(x, bias);
    }
    if (m->added >= 0) {
        fg_value *added = fg_ex_cast(x, x->node->in[m->added], t);
        bias = bias == NULL ? added : add(x, bias, added);
    }
    return bias;
}

/* Attention over q, k, v in the operands' own type; keys and values behind the past. */
static fg_value *attended(fg_expansion *x, const fg_ms_attention *m, fg_value *q, fg_value *k, fg_value *v) {
    const fg_dtype t = q->dtype == FG_DOUBLE ? FG_DOUBLE : FG_FLOAT;
    const fg_ex_heads h = {.q = fg_ex_by_heads(x, q, m->a.q_heads, t),
                           .k = fg_ex_cast(x, k, t),
                           .v = fg_ex_cast(x, v, t),
                           .bias = bias_of(x, m, t),
                           .may_hide_all = m->added >= 0 || isinf(m->filter)};
    return fg_ex_attend(x, &m->a, &h, NULL);
}

static fg_value *behind(fg_expansion *x, fg_value *past, fg_value *v) {
    fg_value *parts[] = {past, v};
    return past == NULL ? v : fg_ex_concat(x, 2, 2, parts);
}

bool fg_ex_ms_attention(fg_expansion *x) {
    fg_ms_attention m;
    fg_ms_attention_plan(x->rw->ctx, x->node, &m);
    fg_value *all = add(x, fg_ex_binary(x, "MatMul", x->node->in[0], x->node->in[1]), fg_ex_in(x, 2));
    fg_value *part[3], *past = m.past[0] >= 0 ? x->node->in[m.past[0]] : NULL, *out[2] = {NULL, NULL};
    int64_t first = 0;
    for (int i = 0; i < 3; i++) {
        part[i] = fg_ex_slice(x, all, 2, first, m.width[i], 1);
        first += m.width[i];
        if (i > 0) {
            part[i] = fg_ex_by_heads(x, part[i], m.a.kv_heads, part[i]->dtype);
        }
        if (i > 0 && past != NULL) {
            const int64_t *d = past->shape.dim;
            part[i] = behind(x, fg_ex_reshape(x, fg_ex_slice(x, past, 0, i - 1, 1, 1), 4, d + 1), part[i]);
        }
    }
    out[0] = attended(x, &m, part[0], part[1], part[2]);
    if (fg_ex_wanted(x, 1)) {
        const int64_t dim[] = {1, m.a.batch, m.a.kv_heads, m.a.total, m.a.head};
        fg_value *both[] = {fg_ex_reshape(x, part[1], 5, dim), fg_ex_reshape(x, part[2], 5, dim)};
        out[1] = fg_ex_concat(x, 0, 2, both);
    }
    fg_ex_done(x, 2, out);
    return true;
}

bool fg_ex_multi_head(fg_expansion *x) {
    fg_ms_attention m;
    fg_multi_head_plan(x->rw->ctx, x->node, &m);
    fg_value *part[3], *bias = fg_ex_in(x, 3);
    int64_t first = 0;
    for (int i = 0; i < 3; i++) {
        part[i] = x->node->in[i];
        part[i] = add(x, part[i], bias == NULL ? NULL : fg_ex_slice(x, bias, 0, first, m.width[i], 1));
        first += m.width[i];
        if (i > 0) {
            fg_value *past = m.past[i - 1] >= 0 ? x->node->in[m.past[i - 1]] : NULL;
            part[i] = behind(x, past, fg_ex_by_heads(x, part[i], m.a.kv_heads, part[i]->dtype));
        }
    }
    fg_value *out[] = {attended(x, &m, part[0], part[1], part[2]), part[1], part[2]};
    for (int i = 0; i < 3; i++) {
        out[i] = fg_ex_wanted(x, i) ? out[i] : NULL;
    }
    fg_ex_done(x, 3, out);
    return true;
}
