/* FlexAttention: all scores, the graph that changes them, softmax, the graph that changes that, weighted sums
 * of the values. */
#include "frontend/reference/attention.h"

#include <math.h>

#include "frontend/frontend.h"
#include "frontend/reference/access.h"

/* Runs the graph in attribute `name`, if there is one, on t, which it replaces. */
static void modify(const fg_eval *e, const char *name, fg_tensor *t) {
    fg_graph *body = fg_flex_graph(e->ctx, e->node, name);
    if (body == NULL) {
        return;
    }
    fg_run *r = fg_interpret(body, t, NULL, e->float_accumulate);
    const fg_tensor *out = fg_run_value(r, body->outputs[0]);
    FG_REQUIRE(e->ctx, "FlexAttention", out != NULL);
    const int64_t n = fg_shape_count(&t->shape);
    double *copy = fg_big_alloc(e->ctx, (size_t)(n + 1) * sizeof *copy);
    fg_load_f64(out, 0, 1, n, copy);
    fg_store_f64(t, 0, n, copy);
    fg_big_free(e->ctx, copy);
    fg_run_free(r);
    fg_context_set_node(e->ctx, e->node);
}

/* Row of queries `row` against the keys of its head. */
static void score_row(const fg_eval *e, const fg_attention *a, const double *q, const double *k, int64_t row,
                      double *p) {
    const int64_t head = row / a->q_len, b = head / a->q_heads, group = a->q_heads / a->kv_heads;
    const double *keys = k + (b * a->kv_heads + head % a->q_heads / group) * a->total * a->head;
    for (int64_t j = 0; j < a->total; j++) {
        double sum = 0;
        for (int64_t d = 0; d < a->head; d++) {
            sum = fg_accumulate(fg_is_single(e), sum, q[row * a->head + d] * keys[j * a->head + d]);
        }
        p[j] = sum * a->scale;
    }
}

static void softmax(bool single, int64_t n, double *p) {
    double top = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++) {
        top = p[j] > top || isnan(p[j]) ? p[j] : top;
    }
    for (int64_t j = 0; j < n; j++) {
        p[j] = exp(p[j] - top);
        sum = fg_accumulate(single, sum, p[j]);
    }
    for (int64_t j = 0; j < n; j++) {
        p[j] /= sum;
    }
}

static void weigh_row(const fg_eval *e, const fg_attention *a, const double *v, int64_t row,
                      const double *p) {
    const int64_t head = row / a->q_len, b = head / a->q_heads, group = a->q_heads / a->kv_heads;
    const double *values = v + (b * a->kv_heads + head % a->q_heads / group) * a->total * a->v_head;
    for (int64_t d = 0; d < a->v_head; d++) {
        double sum = 0;
        for (int64_t j = 0; j < a->total; j++) {
            sum = fg_accumulate(fg_is_single(e), sum, p[j] * values[j * a->v_head + d]);
        }
        fg_set_f64(&e->out[0], row * a->v_head + d, sum);
    }
}

void fg_ref_flex_attention(const fg_eval *e) {
    fg_attention a;
    fg_flex_plan(e->ctx, e->node, &a);
    const int64_t rows = a.batch * a.q_heads * a.q_len;
    fg_tensor t = {a.precision, {4, {a.batch, a.q_heads, a.q_len, a.total}}, NULL};
    t.data = fg_big_alloc(e->ctx, fg_dtype_bytes(t.dtype, rows * a.total + 1));
    double *p = fg_big_alloc(e->ctx, (size_t)a.total * sizeof *p);
    double *q = fg_attend_load(e, 0, -1, false, a.q_heads, a.head);
    double *k = fg_attend_load(e, 1, -1, false, a.kv_heads, a.head);
    double *v = fg_attend_load(e, 2, -1, false, a.kv_heads, a.v_head);
    for (int64_t row = 0; row < rows; row++) {
        score_row(e, &a, q, k, row, p);
        fg_store_f64(&t, row * a.total, a.total, p);
    }
    modify(e, "score_mod", &t);
    for (int64_t row = 0; row < rows; row++) {
        fg_load_f64(&t, row * a.total, 1, a.total, p);
        softmax(fg_is_single(e), a.total, p);
        fg_store_f64(&t, row * a.total, a.total, p);
    }
    modify(e, "prob_mod", &t);
    for (int64_t row = 0; row < rows; row++) {
        fg_load_f64(&t, row * a.total, 1, a.total, p);
        weigh_row(e, &a, v, row, p);
    }
    fg_big_free(e->ctx, v);
    fg_big_free(e->ctx, k);
    fg_big_free(e->ctx, q);
    fg_big_free(e->ctx, p);
    fg_big_free(e->ctx, t.data);
}
