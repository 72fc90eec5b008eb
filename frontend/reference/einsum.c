/* Einsum: every element of the result is a sum of products, one after the other. Integers wrap. */
#include "frontend/reference/einsum.h"

#include "frontend/einsum.h"
#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"

typedef struct sum {
    double real;
    uint64_t whole;
} sum;

static void add_product(const fg_eval *e, int64_t (*step)[FG_EINSUM_LABELS], int n_labels,
                        const int64_t *index, sum *s) {
    double real = 1;
    uint64_t whole = 1;
    const bool is_real = fg_is_float(e->in[0].dtype);
    for (int i = 0; i < e->node->n_in; i++) {
        int64_t at = 0;
        for (int d = 0; d < n_labels; d++) {
            at += index[d] * step[i][d];
        }
        if (is_real) {
            real *= fg_get_f64(&e->in[i], at);
        } else {
            whole *= (uint64_t)fg_get_i64(&e->in[i], at);
        }
    }
    s->real = fg_accumulate(fg_is_single(e), s->real, real);
    s->whole += whole;
}

void fg_ref_einsum(const fg_eval *e) {
    fg_einsum q;
    fg_einsum_plan(e->ctx, e->node, &q);
    const int n_in = e->node->n_in, summed = q.n_labels - q.out_rank;
    int64_t(*step)[FG_EINSUM_LABELS] = fg_alloc(e->ctx, (size_t)n_in, sizeof *step);
    for (int i = 0; i < n_in; i++) {
        int64_t own[FG_MAX_RANK];
        fg_row_major(e->in[i].shape.rank, e->in[i].shape.dim, own);
        fg_einsum_strides(&q, i, &e->in[i].shape, own, step[i]);
    }
    int64_t points = 1, index[FG_EINSUM_LABELS] = {0};
    for (int d = q.out_rank; d < q.n_labels; d++) {
        points *= q.extent[d];
    }
    const int64_t n = fg_shape_count(&e->out[0].shape);
    for (int64_t i = 0; i < n; i++) {
        sum s = {0, 0};
        for (int64_t k = 0; k < points; k++) {
            add_product(e, step, q.n_labels, index, &s);
            fg_next_index(summed, q.extent + q.out_rank, index + q.out_rank);
        }
        if (fg_is_float(e->in[0].dtype)) {
            fg_set_f64(&e->out[0], i, s.real);
        } else {
            fg_set_i64(&e->out[0], i, (int64_t)s.whole);
        }
        fg_next_index(q.out_rank, q.extent, index);
    }
}
