/* Attention as products, a bias and a softmax:
 *   scores = queries * keys^T * scale [capped] [+ bias];  y = softmax(scores) * values
 * float16 and bfloat16 are computed as float. */
#include "fusion/expand.h"

#include <math.h>
#include <string.h>

#include "frontend/attention.h"

enum { QUERY, KEY, VALUE, MASK, PAST_KEY, PAST_VALUE, VALID };

static const int64_t swap_inner[] = {0, 1, 3, 2}, swap_heads[] = {0, 2, 1, 3};

/* Batch x heads x length x size, of the type computed in. */
fg_value *fg_ex_by_heads(fg_expansion *x, fg_value *v, int64_t heads, fg_dtype t) {
    const fg_shape *s = &v->shape;
    if (s->rank == 3) {
        const int64_t dim[] = {s->dim[0], s->dim[1], heads, s->dim[2] / heads};
        v = fg_ex_transpose(x, fg_ex_reshape(x, v, 4, dim), swap_heads);
    }
    return fg_ex_cast(x, v, t);
}

/* The cache: what was there, then what is new, in the operands' own type. */
static fg_value *extended(fg_expansion *x, int i, int past, int64_t heads) {
    fg_value *parts[] = {fg_ex_in(x, past), fg_ex_in(x, i)};
    parts[1] = fg_ex_by_heads(x, parts[1], heads, parts[1]->dtype);
    return parts[0] == NULL ? parts[1] : fg_ex_concat(x, 2, 2, parts);
}

/* ---- bias ---- */

typedef struct bias {
    fg_value *value;   /* NULL: none; else broadcasts to batch x heads x queries x keys */
    bool may_hide_all; /* a query may see no key at all */
} bias;

/* Does key j come within the limits of query i? `here`: the position that the query stands at. */
static bool is_seen(const fg_attention *a, int64_t here, int64_t j) {
    return (!a->causal || j <= here) && (a->left < 0 || j >= here - a->left) &&
           (a->right < 0 || j <= here + a->right);
}

static bool has_limits(const fg_attention *a) {
    return a->causal || a->left >= 0 || a->right >= 0;
}

/* Limits that are known now: a constant of queries x keys. */
static bias fixed_limits(fg_expansion *x, const fg_attention *a, fg_dtype t) {
    bias b = {NULL, false};
    if (!has_limits(a)) {
        return b;
    }
    const int64_t dim[] = {a->q_len, a->total};
    double *data = fg_big_alloc(x->rw->ctx, (size_t)fg_checked_product(x->rw->ctx, 2, dim) * sizeof *data);
    for (int64_t i = 0; i < a->q_len; i++) {
        int64_t seen = 0;
        for (int64_t j = 0; j < a->total; j++) {
            const bool is = is_seen(a, i + a->past, j);
            data[i * a->total + j] = is ? 0 : -INFINITY;
            seen += is;
        }
        b.may_hide_all = b.may_hide_all || seen == 0;
    }
    b.value = fg_ex_const(x, t, 2, dim, data);
    fg_big_free(x->rw->ctx, data);
    return b;
}

/* The constant key - query + q_len + shift, to be compared with the number of valid keys: nothing that comes
 * at run time is calculated with. */
static fg_value *distance(fg_expansion *x, const fg_attention *a, int64_t shift) {
    const int64_t dim[] = {a->q_len, a->total};
    double *data = fg_big_alloc(x->rw->ctx, (size_t)fg_checked_product(x->rw->ctx, 2, dim) * sizeof *data);
    for (int64_t i = 0; i < a->q_len; i++) {
        for (int64_t j = 0; j < a->total; j++) {
            data[i * a->total + j] = (double)(j - i + a->q_len + shift);
        }
    }
    fg_value *v = fg_ex_const(x, FG_INT64, 2, dim, data);
    fg_big_free(x->rw->ctx, data);
    return v;
}

static fg_value *both(fg_expansion *x, fg_value *a, fg_value *b) {
    return fg_ex_binary(x, "And", a, b);
}

static fg_value *zero_where(fg_expansion *x, fg_value *seen, fg_dtype t) {
    return fg_ex_where(x, seen, fg_ex_scalar(x, t, 0), fg_ex_scalar(x, t, -INFINITY));
}

/* Limits that hang on how many keys of each batch are valid: the last query stands at the last of them. */
static bias valid_limits(fg_expansion *x, const fg_attention *a, fg_dtype t) {
    const int64_t dim[] = {a->batch, 1, 1, 1};
    fg_value *valid = fg_ex_reshape(x, fg_ex_in(x, VALID), 4, dim);
    double *keys = fg_big_alloc(x->rw->ctx, (size_t)a->total * sizeof *keys);
    for (int64_t j = 0; j < a->total; j++) {
        keys[j] = (double)j;
    }
    fg_value *seen = fg_ex_binary(x, "Less", fg_ex_const(x, FG_INT64, 1, &a->total, keys), valid);
    fg_big_free(x->rw->ctx, keys);
    if (a->causal) {
        seen = both(x, seen, fg_ex_binary(x, "LessOrEqual", distance(x, a, 0), valid));
    }
    if (a->left >= 0) {
        seen = both(x, seen, fg_ex_binary(x, "GreaterOrEqual", distance(x, a, a->left), valid));
    }
    if (a->right >= 0) {
        seen = both(x, seen, fg_ex_binary(x, "LessOrEqual", distance(x, a, -a->right), valid));
    }
    return (bias){zero_where(x, seen, t), true};
}

/* The mask as something to add, as long as the keys are. */
static fg_value *mask_bias(fg_expansion *x, const fg_attention *a, fg_dtype t) {
    fg_value *m = fg_ex_in(x, MASK);
    if (m == NULL) {
        return NULL;
    }
    m = m->dtype == FG_BOOL ? zero_where(x, m, t) : fg_ex_cast(x, m, t);
    const int last = m->shape.rank - 1;
    if (!a->pad_mask || m->shape.dim[last] == a->total) {
        return m;
    }
    fg_shape rest = m->shape;
    rest.dim[last] = a->total - m->shape.dim[last];
    fg_value *parts[] = {m, fg_ex_fill(x, t, rest.rank, rest.dim, -INFINITY)};
    return fg_ex_concat(x, last, 2, parts);
}

static bias make_bias(fg_expansion *x, const fg_attention *a, fg_dtype t) {
    bias b = fg_ex_in(x, VALID) != NULL ? valid_limits(x, a, t) : fixed_limits(x, a, t);
    fg_value *mask = mask_bias(x, a, t);
    if (mask != NULL) {
        b.value = b.value == NULL ? mask : fg_ex_binary(x, "Add", mask, b.value);
        b.may_hide_all = true;
    }
    return b;
}

/* ---- scores ---- */

static fg_value *scaled(fg_expansion *x, fg_value *v, const char *op, double factor, fg_dtype t) {
    return factor == 1 ? v : fg_ex_binary(x, op, v, fg_ex_scalar(x, t, factor));
}

/* Batch x heads [x heads that share one] x rows x columns: where several heads of queries share one of keys,
 * they have a dimension of their own, along which keys and values are broadcast. */
static int rank_of(const fg_attention *a) {
    return a->q_heads > a->kv_heads ? 5 : 4;
}

static fg_value *grouped(fg_expansion *x, const fg_attention *a, fg_value *v) {
    const int64_t *d = v->shape.dim, group = v->shape.dim[1] / a->kv_heads;
    const int64_t dim[] = {d[0], a->kv_heads, group, d[2], d[3]};
    return rank_of(a) == 4 ? v : fg_ex_reshape(x, v, 5, dim);
}

static fg_value *apart(fg_expansion *x, const fg_attention *a, fg_value *v) {
    const int64_t dim[] = {a->batch, a->q_heads, a->q_len, v->shape.dim[v->shape.rank - 1]};
    return fg_ex_reshape(x, v, 4, dim);
}

/* A bias of up to four dimensions, in the same way. */
static fg_value *grouped_bias(fg_expansion *x, const fg_attention *a, fg_value *v) {
    int64_t d[4] = {1, 1, 1, 1};
    memcpy(d + 4 - v->shape.rank, v->shape.dim, (size_t)v->shape.rank * sizeof *d);
    if (rank_of(a) == 4) {
        return fg_ex_reshape(x, v, 4, d);
    }
    const bool by_head = d[1] != 1;
    const int64_t dim[] = {d[0], by_head ? a->kv_heads : 1, by_head ? a->q_heads / a->kv_heads : 1, d[2],
                           d[3]};
    return fg_ex_reshape(x, v, 5, dim);
}

static fg_value *probabilities(fg_expansion *x, const fg_attention *a, fg_value *scores, fg_dtype t) {
    const bool asked = a->precision != FG_UNDEFINED;
    return fg_ex_cast(x, fg_ex_softmax(x, asked ? fg_ex_cast(x, scores, a->precision) : scores, -1), t);
}

/* True for the rows in which nothing may be seen; NULL: there are none. */
static fg_value *hidden_rows(fg_expansion *x, const fg_ex_heads *h, fg_value *added) {
    if (!h->may_hide_all || added == NULL) {
        return NULL;
    }
    fg_value *most = fg_ex_reduce(x, "ReduceMax", added, added->shape.rank - 1);
    return fg_ex_binary(x, "Equal", most, fg_ex_scalar(x, most->dtype, -INFINITY));
}

/* They are all zero, whatever their scores. */
static fg_value *guarded(fg_expansion *x, fg_value *hidden, fg_value *v) {
    return hidden == NULL ? v : fg_ex_where(x, hidden, fg_ex_scalar(x, v->dtype, 0), v);
}

/* The weighted values, rows hidden: as the plan lays the result out. The guard comes last, so that nothing
 * stands between softmax, product and transposition. */
static fg_value *result(fg_expansion *x, const fg_attention *a, fg_value *y, fg_value *hidden) {
    static const int64_t by_token[] = {0, 3, 1, 2, 4};
    const int64_t packed[] = {a->batch, a->q_len, a->q_heads * a->v_head};
    if (!a->packed) {
        return apart(x, a, guarded(x, hidden, y));
    }
    const int64_t *perm = rank_of(a) == 5 ? by_token : swap_heads;
    hidden = hidden == NULL ? NULL : fg_ex_transpose(x, hidden, perm);
    return fg_ex_reshape(x, guarded(x, hidden, fg_ex_transpose(x, y, perm)), 3, packed);
}

fg_value *fg_ex_attend(fg_expansion *x, const fg_attention *a, const fg_ex_heads *h, fg_value **scores) {
    const fg_dtype t = h->q->dtype;
    fg_value *k = grouped(x, a, fg_ex_transpose(x, h->k, swap_inner)), *stage[4];
    fg_value *added = h->bias != NULL ? grouped_bias(x, a, h->bias) : NULL,
             *hidden = hidden_rows(x, h, added);
    fg_value *s = scaled(x, fg_ex_binary(x, "MatMul", grouped(x, a, h->q), k), "Mul", a->scale, t);
    stage[FG_SCORES_RAW] = s;
    if (a->softcap > 0) {
        s = scaled(x, s, "Div", a->softcap, t);
        s = scaled(x, fg_ex_unary(x, "Tanh", s), "Mul", a->softcap, t);
    }
    stage[FG_SCORES_CAPPED] = s;
    s = added != NULL ? fg_ex_binary(x, "Add", s, added) : s;
    stage[FG_SCORES_BIASED] = s;
    s = stage[FG_SCORES_PROBABILITIES] = probabilities(x, a, s, t);
    if (scores != NULL) {
        fg_value *told = stage[a->scores];
        *scores = apart(x, a, a->scores == FG_SCORES_PROBABILITIES ? guarded(x, hidden, told) : told);
    }
    return result(x, a, fg_ex_binary(x, "MatMul", s, grouped(x, a, h->v)), hidden);
}

bool fg_ex_attention(fg_expansion *x) {
    fg_attention a;
    fg_attention_plan(x->rw->ctx, x->node, &a);
    const fg_dtype t = x->node->in[QUERY]->dtype == FG_DOUBLE ? FG_DOUBLE : FG_FLOAT;
    fg_value *key = extended(x, KEY, PAST_KEY, a.kv_heads),
             *value = extended(x, VALUE, PAST_VALUE, a.kv_heads);
    const bias b = make_bias(x, &a, t);
    const fg_ex_heads h = {.q = fg_ex_by_heads(x, fg_ex_in(x, QUERY), a.q_heads, t),
                           .k = fg_ex_cast(x, key, t),
                           .v = fg_ex_cast(x, value, t),
                           .bias = b.value,
                           .may_hide_all = b.may_hide_all};
    fg_value *out[] = {NULL, key, value, NULL};
    out[0] = fg_ex_attend(x, &a, &h, fg_ex_wanted(x, 3) ? &out[3] : NULL);
    for (int i = 0; i < 4; i++) {
        out[i] = fg_ex_wanted(x, i) ? out[i] : NULL;
    }
    fg_ex_done(x, 4, out);
    return true;
}

/* ---- FlexAttention ---- */

bool fg_ex_flex_attention(fg_expansion *x) {
    fg_attention a;
    fg_flex_plan(x->rw->ctx, x->node, &a);
    const fg_dtype t = a.precision == FG_DOUBLE ? FG_DOUBLE : FG_FLOAT;
    fg_graph *before = fg_flex_graph(x->rw->ctx, x->node, "score_mod");
    fg_graph *after = fg_flex_graph(x->rw->ctx, x->node, "prob_mod");
    fg_value *q = grouped(x, &a, fg_ex_cast(x, fg_ex_in(x, QUERY), t));
    fg_value *k = grouped(x, &a, fg_ex_transpose(x, fg_ex_cast(x, fg_ex_in(x, KEY), t), swap_inner));
    fg_value *s = apart(x, &a, scaled(x, fg_ex_binary(x, "MatMul", q, k), "Mul", a.scale, t));
    s = fg_ex_cast(x, s, a.precision);
    s = before != NULL ? fg_ex_splice(x, before, &s) : s;
    s = fg_ex_softmax(x, s, -1);
    s = after != NULL ? fg_ex_splice(x, after, &s) : s;
    fg_value *v = grouped(x, &a, fg_ex_cast(x, fg_ex_in(x, VALUE), t));
    fg_value *y = apart(x, &a, fg_ex_binary(x, "MatMul", grouped(x, &a, fg_ex_cast(x, s, t)), v));
    fg_ex_done(x, 1, &y);
    return true;
}
