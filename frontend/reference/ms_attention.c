/* com.microsoft's Attention and MultiHeadAttention. */
#include "frontend/reference/access.h"
#include "frontend/reference/attention.h"
#include "frontend/reference/elements.h"
#include "frontend/reference/microsoft.h"

/* Key j, for query i of batch b: may it be seen? */
static bool is_seen(const fg_eval *e, const fg_ms_attention *m, int64_t b, int64_t i, int64_t j) {
    const fg_tensor *t = &e->in[m->mask >= 0 ? m->mask : 0];
    switch (m->form) {
    case FG_KEYS_ALL: return true;
    case FG_KEYS_BEFORE: return j < fg_get_i64(t, b);
    case FG_KEYS_WITHIN: return j < fg_get_i64(t, b) && j >= fg_get_i64(t, m->a.batch + b);
    case FG_KEYS_MARKED: return fg_get_i64(t, b * m->a.total + j) > 0;
    default: return fg_get_i64(t, (b * m->a.q_len + i) * m->a.total + j) > 0;
    }
}

static void bias_of(const fg_attend *t, int64_t b, int64_t head, int64_t i, double *row) {
    const fg_ms_attention *m = t->user;
    const fg_eval *e = t->e;
    for (int64_t j = 0; j < m->a.total; j++) {
        row[j] = is_seen(e, m, b, i, j) ? 0 : m->filter;
        row[j] = m->unidirectional && j > m->a.past + i ? FG_LATER_KEYS : row[j];
        if (m->added >= 0) {
            const int64_t *d = e->in[m->added].shape.dim;
            const int64_t line = ((d[0] == 1 ? 0 : b) * d[1] + (d[1] == 1 ? 0 : head)) * d[2] + i;
            row[j] += fg_get_f64(&e->in[m->added], line * d[3] + j);
        }
    }
}

/* Rows of `heads` heads of `size` that start at `first` of `width` elements per token, behind `past` tokens,
 * which are left open. */
static double *by_heads(const fg_eval *e, const fg_ms_attention *m, const double *x, int64_t length,
                        int64_t width, int64_t first, int64_t past, int64_t size) {
    const int64_t total = past + length, heads = m->a.q_heads;
    double *out = fg_big_alloc(e->ctx, (size_t)(m->a.batch * heads * total * size + 1) * sizeof *out);
    for (int64_t b = 0; b < m->a.batch; b++) {
        for (int64_t h = 0; h < heads; h++) {
            for (int64_t t = 0; t < length; t++) {
                for (int64_t d = 0; d < size; d++) {
                    out[((b * heads + h) * total + past + t) * size + d] =
                        x[(b * length + t) * width + first + h * size + d];
                }
            }
        }
    }
    return out;
}

/* Puts the tokens that operand i holds, from its element `offset` on, in front. */
static void put_past(const fg_eval *e, const fg_ms_attention *m, int i, int64_t offset, int64_t size,
                     double *to) {
    const int64_t n = m->a.past * size;
    for (int64_t k = 0; k < m->a.batch * m->a.kv_heads && i >= 0; k++) {
        fg_load_f64(&e->in[i], offset + k * n, 1, n, to + k * m->a.total * size);
    }
}

static void run(const fg_eval *e, const fg_ms_attention *m, const double *q, const double *k,
                const double *v) {
    const fg_attend t = {
        .e = e, .a = &m->a, .q = q, .k = k, .v = v, .bias = bias_of, .user = m, .y = &e->out[0]};
    fg_attend_run(&t);
}

void fg_ref_ms_attention(const fg_eval *e) {
    fg_ms_attention m;
    fg_ms_attention_plan(e->ctx, e->node, &m);
    const int64_t depth = e->in[1].shape.dim[0], width = e->in[1].shape.dim[1],
                  tokens = m.a.batch * m.a.q_len;
    double *x = fg_big_alloc(e->ctx, (size_t)(tokens * width + 1) * sizeof *x);
    for (int64_t i = 0; i < tokens * width; i++) {
        double sum = fg_has_operand(e, 2) ? fg_get_f64(&e->in[2], i % width) : 0;
        for (int64_t k = 0; k < depth; k++) {
            sum = fg_accumulate(fg_is_single(e), sum,
                                fg_get_f64(&e->in[0], i / width * depth + k) *
                                    fg_get_f64(&e->in[1], k * width + i % width));
        }
        x[i] = sum;
    }
    const int64_t head = m.a.head, v_head = m.a.v_head, length = m.a.q_len;
    double *q = by_heads(e, &m, x, length, width, 0, 0, head);
    double *k = by_heads(e, &m, x, length, width, m.width[0], m.a.past, head);
    double *v = by_heads(e, &m, x, length, width, m.width[0] + m.width[1], m.a.past, v_head);
    const int64_t half = m.a.batch * m.a.kv_heads * m.a.total * head;
    put_past(e, &m, m.past[0], 0, head, k);
    put_past(e, &m, m.past[1], m.a.batch * m.a.kv_heads * m.a.past * head, v_head, v);
    run(e, &m, q, k, v);
    if (e->node->n_out > 1 && e->out[1].data != NULL) {
        fg_store_f64(&e->out[1], 0, half, k);
        fg_store_f64(&e->out[1], half, half, v);
    }
    fg_big_free(e->ctx, v);
    fg_big_free(e->ctx, k);
    fg_big_free(e->ctx, q);
    fg_big_free(e->ctx, x);
}

/* Operand i by heads, with its part of the bias. */
static double *operand(const fg_eval *e, const fg_ms_attention *m, int i, int64_t size) {
    const fg_tensor *t = &e->in[i];
    const int64_t n = fg_shape_count(&t->shape), past = i > 0 ? m->a.past : 0;
    double *x = fg_big_alloc(e->ctx, (size_t)(n + 1) * sizeof *x), *out;
    fg_load_f64(t, 0, 1, n, x);
    if (m->heads_given[i]) {
        const int64_t length = t->shape.dim[2], total = past + length;
        out = fg_big_alloc(e->ctx, (size_t)(m->a.batch * m->a.kv_heads * total * size + 1) * sizeof *out);
        for (int64_t k = 0; k < n; k++) {
            const int64_t line = k / size;
            out[(line / length * total + past + line % length) * size + k % size] = x[k];
        }
    } else {
        const int64_t first = i == 0 ? 0 : i == 1 ? m->width[0] : m->width[0] + m->width[1];
        for (int64_t k = 0; k < n && fg_has_operand(e, 3); k++) {
            x[k] += fg_get_f64(&e->in[3], first + k % m->width[i]);
        }
        out = by_heads(e, m, x, t->shape.dim[1], m->width[i], 0, past, size);
    }
    fg_big_free(e->ctx, x);
    return out;
}

void fg_ref_multi_head(const fg_eval *e) {
    fg_ms_attention m;
    fg_multi_head_plan(e->ctx, e->node, &m);
    double *part[3];
    for (int i = 0; i < 3; i++) {
        const int64_t size = i < 2 ? m.a.head : m.a.v_head;
        part[i] = operand(e, &m, i, size);
        if (i > 0) {
            put_past(e, &m, m.past[i - 1], 0, size, part[i]);
        }
    }
    run(e, &m, part[0], part[1], part[2]);
    for (int i = 1; i < 3; i++) {
        if (i < e->node->n_out && e->out[i].data != NULL) {
            fg_store_f64(&e->out[i], 0, fg_shape_count(&e->out[i].shape), part[i]);
        }
    }
    for (int i = 0; i < 3; i++) {
        fg_big_free(e->ctx, part[i]);
    }
}
