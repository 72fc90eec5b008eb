/* Rotary embeddings, caches, causal convolutions and linear attention. */
#include "frontend/reference/sequence.h"

#include <math.h>
#include <string.h>

#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"

/* ---- RotaryEmbedding ---- */

/* Row of the caches for element t of batch b. What points outside is taken to the nearest end. */
static int64_t cache_row(const fg_eval *e, const fg_rotary *r, int64_t b, int64_t t) {
    if (r->positions < 0) {
        return b * r->length + t;
    }
    const fg_tensor *p = &e->in[r->positions];
    const int64_t rows = e->in[r->cosines].shape.dim[0];
    int64_t row = fg_get_i64(p, r->offset ? 0 : b * r->length + t);
    if (r->offset) {
        row = row > rows ? rows : row < -rows ? -rows : row;
        row += t;
    }
    row = row < 0 ? row + rows : row;
    return row < 0 ? 0 : row >= rows ? rows - 1 : row;
}

void fg_ref_rotate(const fg_eval *e, const fg_rotary *r) {
    const int64_t half = r->rotated / 2;
    double *x = fg_big_alloc(e->ctx, (size_t)(r->size + 1) * sizeof *x);
    for (int64_t line = 0; line < r->batch * r->heads * r->length; line++) {
        const int64_t b = line / (r->heads * r->length);
        const int64_t t = r->packed ? line / r->heads % r->length : line % r->length;
        const int64_t row = cache_row(e, r, b, t);
        fg_load_f64(&e->in[0], line * r->size, 1, r->size, x);
        for (int64_t i = 0; i < half; i++) {
            double *first = r->interleaved ? x + 2 * i : x + i;
            double *second = r->interleaved ? x + 2 * i + 1 : x + i + half;
            const double cosine = fg_get_f64(&e->in[r->cosines], row * half + i);
            const double sine = fg_get_f64(&e->in[r->sines], row * half + i);
            const double real = cosine * *first - sine * *second, other = sine * *first + cosine * *second;
            *first = real;
            *second = other;
        }
        fg_store_f64(&e->out[0], line * r->size, r->size, x);
    }
    fg_big_free(e->ctx, x);
}

void fg_ref_rotary(const fg_eval *e) {
    fg_rotary r;
    fg_rotary_plan(e->ctx, e->node, &r);
    fg_ref_rotate(e, &r);
}

/* ---- TensorScatter ---- */

void fg_ref_tensor_scatter(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *u = &e->in[1];
    const fg_shape *s = &x->shape;
    const int axis = fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", -2), s->rank);
    const bool circular = strcmp(fg_attr_string(e->node, "mode", "linear"), "circular") == 0;
    const int64_t length = s->dim[axis], count = u->shape.dim[axis];
    int64_t stride[FG_MAX_RANK], at[FG_MAX_RANK] = {0};
    memcpy(e->out[0].data, x->data, fg_dtype_bytes(x->dtype, fg_shape_count(s)));
    fg_row_major(s->rank, s->dim, stride);
    if (fg_shape_count(&u->shape) == 0) {
        return;
    }
    int64_t k = 0;
    do {
        int64_t first = fg_has_operand(e, 2) ? fg_get_i64(&e->in[2], at[0]) : 0, to = 0;
        if (circular) {
            first = (first % length + length + at[axis]) % length;
        } else { /* what would not fit is taken to the nearest place that does */
            first = (first < 0 ? 0 : first > length - count ? length - count : first) + at[axis];
        }
        for (int d = 0; d < s->rank; d++) {
            to += (d == axis ? first : at[d]) * stride[d];
        }
        fg_copy_element(x->dtype, e->out[0].data, to, u->data, k++);
    } while (fg_next_index(s->rank, u->shape.dim, at));
}

/* ---- CausalConvWithState ---- */

void fg_ref_causal_conv(const fg_eval *e) {
    const fg_shape *s = &e->in[0].shape;
    const int64_t channels = s->dim[1], length = s->dim[2], k = e->in[1].shape.dim[2], before = k - 1;
    const bool silu = fg_causal_conv_silu(e->ctx, e->node);
    double *line = fg_big_alloc(e->ctx, (size_t)(before + length + 1) * sizeof *line);
    for (int64_t p = 0; p < s->dim[0] * channels; p++) {
        const int64_t c = p % channels;
        for (int64_t i = 0; i < before; i++) {
            line[i] = fg_has_operand(e, 3) ? fg_get_f64(&e->in[3], p * before + i) : 0;
        }
        fg_load_f64(&e->in[0], p * length, 1, length, line + before);
        for (int64_t t = 0; t < length && e->out[0].data != NULL; t++) {
            double sum = fg_has_operand(e, 2) ? fg_get_f64(&e->in[2], c) : 0;
            for (int64_t i = 0; i < k; i++) {
                sum = fg_accumulate(fg_is_single(e), sum, fg_get_f64(&e->in[1], c * k + i) * line[t + i]);
            }
            fg_set_f64(&e->out[0], p * length + t, silu ? sum / (1 + exp(-sum)) : sum);
        }
        if (e->node->n_out > 1 && e->out[1].data != NULL) {
            fg_store_f64(&e->out[1], p * before, before, line + length);
        }
    }
    fg_big_free(e->ctx, line);
}

/* ---- LinearAttention ---- */

enum { QUERY, KEY, VALUE, STATE, DECAY, BETA };

/* One step of one head of keys: the state is head x v_head. update: room for v_head numbers. */
static void step_state(const fg_eval *e, const fg_linear *l, int64_t token, int64_t h, double *state,
                       double *update) {
    const bool single = fg_is_single(e);
    const int64_t at = token * l->kv_heads + h;
    for (int64_t d = 0; d < l->head && l->gated; d++) {
        const double decay = exp(fg_get_f64(&e->in[DECAY], l->decay_by_element ? at * l->head + d : at));
        for (int64_t m = 0; m < l->v_head; m++) {
            state[d * l->v_head + m] *= decay;
        }
    }
    fg_load_f64(&e->in[VALUE], at * l->v_head, 1, l->v_head, update);
    for (int64_t m = 0; m < l->v_head && l->delta; m++) {
        double known = 0;
        for (int64_t d = 0; d < l->head; d++) {
            known = fg_accumulate(single, known,
                                  state[d * l->v_head + m] * fg_get_f64(&e->in[KEY], at * l->head + d));
        }
        update[m] = (update[m] - known) * fg_get_f64(&e->in[BETA], l->beta_by_head ? at : token);
    }
    for (int64_t d = 0; d < l->head; d++) {
        const double key = fg_get_f64(&e->in[KEY], at * l->head + d);
        for (int64_t m = 0; m < l->v_head; m++) {
            state[d * l->v_head + m] = fg_accumulate(single, state[d * l->v_head + m], key * update[m]);
        }
    }
}

/* What the queries of one head, at one token, read from the state. */
static void read_state(const fg_eval *e, const fg_linear *l, int64_t token, int64_t q_head,
                       const double *state) {
    const int64_t at = token * l->q_heads + q_head;
    for (int64_t m = 0; m < l->v_head && e->out[0].data != NULL; m++) {
        double sum = 0;
        for (int64_t d = 0; d < l->head; d++) {
            sum = fg_accumulate(fg_is_single(e), sum,
                                fg_get_f64(&e->in[QUERY], at * l->head + d) * state[d * l->v_head + m]);
        }
        fg_set_f64(&e->out[0], at * l->v_head + m, sum * l->scale);
    }
}

void fg_ref_linear_attention(const fg_eval *e) {
    fg_linear l;
    fg_linear_plan(e->ctx, e->node, &l);
    const int64_t size = l.head * l.v_head, group = l.q_heads / l.kv_heads;
    double *state = fg_big_alloc(e->ctx, (size_t)(size + 1) * sizeof *state);
    double *update = fg_big_alloc(e->ctx, (size_t)(l.v_head + 1) * sizeof *update);
    for (int64_t k = 0; k < l.batch * l.kv_heads; k++) {
        const int64_t b = k / l.kv_heads, h = k % l.kv_heads;
        memset(state, 0, (size_t)size * sizeof *state);
        if (fg_has_operand(e, STATE)) {
            fg_load_f64(&e->in[STATE], k * size, 1, size, state);
        }
        for (int64_t t = b * l.length; t < (b + 1) * l.length; t++) {
            step_state(e, &l, t, h, state, update);
            for (int64_t q = h * group; q < (h + 1) * group; q++) {
                read_state(e, &l, t, q, state);
            }
        }
        if (e->node->n_out > 1 && e->out[1].data != NULL) {
            fg_store_f64(&e->out[1], k * size, size, state);
        }
    }
    fg_big_free(e->ctx, update);
    fg_big_free(e->ctx, state);
}
