/* Attention, a query at a time: scores, bias, softmax, weighted sum of the values. */
#include "frontend/reference/attention.h"

#include <math.h>

#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"

static double *doubles(const fg_eval *e, int64_t n) {
    return fg_big_alloc(e->ctx, (size_t)(n + 1) * sizeof(double));
}

double *fg_attend_load(const fg_eval *e, int i, int past, bool packed, int64_t heads, int64_t size) {
    const fg_shape *s = &e->in[i].shape;
    const int64_t length = packed ? s->dim[1] : s->dim[2];
    const int64_t before = past >= 0 && fg_has_operand(e, past) ? e->in[past].shape.dim[2] : 0;
    const int64_t total = before + length;
    double *out = doubles(e, s->dim[0] * heads * total * size);
    for (int64_t b = 0; b < s->dim[0]; b++) {
        for (int64_t h = 0; h < heads; h++) {
            double *to = out + (b * heads + h) * total * size;
            for (int64_t t = 0; t < before; t++, to += size) {
                fg_load_f64(&e->in[past], ((b * heads + h) * before + t) * size, 1, size, to);
            }
            for (int64_t t = 0; t < length; t++, to += size) {
                const int64_t at = packed ? (b * length + t) * heads + h : (b * heads + h) * length + t;
                fg_load_f64(&e->in[i], at * size, 1, size, to);
            }
        }
    }
    return out;
}

/* ---- one query ---- */

static double dot(bool single, int64_t n, const double *a, const double *b) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum = fg_accumulate(single, sum, a[i] * b[i]);
    }
    return sum;
}

/* Only a type that is narrower than the operands' loses anything that counts. */
static double narrowed(fg_dtype t, double x) {
    return t == FG_FLOAT16    ? (double)fg_half_to_float(fg_half_from_double(x))
           : t == FG_BFLOAT16 ? (double)fg_bfloat_to_float(fg_bfloat_from_double(x))
                              : x;
}

/* No key may be seen: whatever the scores are, nothing is. */
static bool all_hidden(int64_t n, const double *bias) {
    for (int64_t j = 0; j < n; j++) {
        if (!(isinf(bias[j]) && bias[j] < 0)) {
            return false;
        }
    }
    return true;
}

static void softmax(const fg_attend *t, double *p, const double *bias) {
    const int64_t n = t->a->total;
    const bool single = fg_is_single(t->e), hidden = all_hidden(n, bias);
    double top = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++) {
        p[j] = narrowed(t->a->precision, p[j]);
        top = p[j] > top || isnan(p[j]) ? p[j] : top;
    }
    for (int64_t j = 0; j < n; j++) {
        p[j] = hidden ? 0 : exp(p[j] - top);
        sum = fg_accumulate(single, sum, p[j]);
    }
    for (int64_t j = 0; j < n && !hidden; j++) {
        p[j] = narrowed(t->a->precision, p[j] / sum);
    }
}

static void tell(const fg_attend *t, int stage, int64_t row, const double *p) {
    if (t->scores != NULL && t->a->scores == stage) {
        fg_store_f64(t->scores, row * t->a->total, t->a->total, p);
    }
}

static void attend_one(const fg_attend *t, int64_t b, int64_t h, int64_t i, double *p, double *bias,
                       double *y) {
    const fg_attention *a = t->a;
    const int64_t row = (b * a->q_heads + h) * a->q_len + i,
                  kv = b * a->kv_heads + h / (a->q_heads / a->kv_heads);
    const double *q = t->q + row * a->head, *k = t->k + kv * a->total * a->head,
                 *v = t->v + kv * a->total * a->v_head;
    const bool single = fg_is_single(t->e);
    for (int64_t j = 0; j < a->total; j++) {
        p[j] = dot(single, a->head, q, k + j * a->head) * a->scale;
    }
    tell(t, FG_SCORES_RAW, row, p);
    for (int64_t j = 0; j < a->total && a->softcap > 0; j++) {
        p[j] = a->softcap * tanh(p[j] / a->softcap);
    }
    tell(t, FG_SCORES_CAPPED, row, p);
    t->bias(t, b, h, i, bias);
    for (int64_t j = 0; j < a->total; j++) {
        p[j] += bias[j];
    }
    tell(t, FG_SCORES_BIASED, row, p);
    softmax(t, p, bias);
    tell(t, FG_SCORES_PROBABILITIES, row, p);
    for (int64_t d = 0; d < a->v_head; d++) {
        y[d] = 0;
        for (int64_t j = 0; j < a->total; j++) {
            y[d] = fg_accumulate(single, y[d], p[j] * v[j * a->v_head + d]);
        }
    }
    const int64_t place = a->packed ? (b * a->q_len + i) * a->q_heads + h : row;
    if (t->y->data != NULL) {
        fg_store_f64(t->y, place * a->v_head, a->v_head, y);
    }
}

void fg_attend_run(const fg_attend *t) {
    const fg_attention *a = t->a;
    double *p = doubles(t->e, a->total), *bias = doubles(t->e, a->total), *y = doubles(t->e, a->v_head);
    for (int64_t b = 0; b < a->batch; b++) {
        for (int64_t h = 0; h < a->q_heads; h++) {
            for (int64_t i = 0; i < a->q_len; i++) {
                attend_one(t, b, h, i, p, bias, y);
            }
        }
    }
    fg_big_free(t->e->ctx, y);
    fg_big_free(t->e->ctx, bias);
    fg_big_free(t->e->ctx, p);
}

/* ---- ai.onnx ---- */

enum { QUERY, KEY, VALUE, MASK, PAST_KEY, PAST_VALUE, VALID };

/* What the mask adds for key j; a mask that is too short adds -infinity beyond its end. */
static double masked(const fg_attention *a, const fg_tensor *m, const int64_t *index) {
    const int rank = m->shape.rank;
    if (a->pad_mask && index[3] >= m->shape.dim[rank - 1]) {
        return -INFINITY;
    }
    int64_t at = 0;
    for (int d = 0; d < rank; d++) {
        const int64_t extent = m->shape.dim[d];
        at = at * extent + (extent == 1 ? 0 : index[4 - rank + d]);
    }
    const double x = fg_get_f64(m, at);
    return m->dtype != FG_BOOL ? x : x != 0 ? 0 : -INFINITY;
}

/* Far beyond any length, and far from overflow. */
static int64_t limited(int64_t x) {
    const int64_t far = INT64_C(1) << 60;
    return x > far ? far : x < -far ? -far : x;
}

static void bias_of(const fg_attend *t, int64_t b, int64_t h, int64_t i, double *row) {
    const fg_attention *a = t->a;
    const fg_eval *e = t->e;
    const bool counted = fg_has_operand(e, VALID);
    const int64_t valid = counted ? limited(fg_get_i64(&e->in[VALID], b)) : a->total;
    const int64_t here = i + (counted ? valid - a->q_len : a->past);
    for (int64_t j = 0; j < a->total; j++) {
        const int64_t index[] = {b, h, i, j};
        const bool seen = (!a->causal || j <= here) && (a->left < 0 || j >= here - a->left) &&
                          (a->right < 0 || j <= here + a->right) && j < valid;
        row[j] = fg_has_operand(e, MASK) ? masked(a, &e->in[MASK], index) : 0;
        row[j] += seen ? 0 : -INFINITY;
    }
}

/* The key or value cache as it is handed on. */
static void hand_on(const fg_eval *e, int i, int64_t count, const double *data) {
    if (i < e->node->n_out && e->out[i].data != NULL) {
        fg_store_f64(&e->out[i], 0, count, data);
    }
}

void fg_ref_attention(const fg_eval *e) {
    fg_attention a;
    fg_attention_plan(e->ctx, e->node, &a);
    double *q = fg_attend_load(e, QUERY, -1, a.packed, a.q_heads, a.head);
    double *k = fg_attend_load(e, KEY, PAST_KEY, a.packed, a.kv_heads, a.head);
    double *v = fg_attend_load(e, VALUE, PAST_VALUE, a.packed, a.kv_heads, a.v_head);
    const bool scores = e->node->n_out > 3 && e->out[3].data != NULL;
    const fg_attend t = {.e = e,
                         .a = &a,
                         .q = q,
                         .k = k,
                         .v = v,
                         .bias = bias_of,
                         .y = &e->out[0],
                         .scores = scores ? &e->out[3] : NULL};
    fg_attend_run(&t);
    hand_on(e, 1, a.batch * a.kv_heads * a.total * a.head, k);
    hand_on(e, 2, a.batch * a.kv_heads * a.total * a.v_head, v);
    fg_big_free(e->ctx, v);
    fg_big_free(e->ctx, k);
    fg_big_free(e->ctx, q);
}
