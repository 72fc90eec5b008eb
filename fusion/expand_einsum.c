/* Einsum as what it mostly is: a transposition and a sum of one operand, or a product of two, batched over
 * the labels that both have and the result keeps. Other equations stay. */
#include "fusion/expand.h"

#include "frontend/einsum.h"

typedef struct equation {
    fg_expansion *x;
    fg_einsum q;
    bool in[2][FG_EINSUM_LABELS]; /* operand i has that label */
} equation;

/* Every label at most once in an operand, and of the same extent everywhere. */
static bool is_plain(equation *e) {
    const fg_node *n = e->x->node;
    for (int i = 0; i < n->n_in; i++) {
        for (int d = 0; d < n->in[i]->shape.rank; d++) {
            const int label = e->q.label[i][d];
            if (e->in[i][label] || n->in[i]->shape.dim[d] != e->q.extent[label]) {
                return false;
            }
            e->in[i][label] = true;
        }
    }
    return true;
}

/* Operand v, whose dimensions carry `from`, with its dimensions in the order of `to`. */
static fg_value *ordered(equation *e, fg_value *v, int rank, const int *from, const int *to) {
    int64_t perm[FG_MAX_RANK];
    for (int d = 0; d < rank; d++) {
        int k = 0;
        while (from[k] != to[d]) {
            k++;
        }
        perm[d] = k;
    }
    return fg_ex_transpose(e->x, v, perm);
}

static bool expand_one(equation *e) {
    fg_expansion *x = e->x;
    fg_value *v = x->node->in[0];
    int from[FG_MAX_RANK], rank = 0, result[FG_MAX_RANK];
    int64_t axes[FG_MAX_RANK];
    int summed = 0;
    for (int d = 0; d < v->shape.rank; d++) {
        const int label = e->q.label[0][d];
        if (label >= e->q.out_rank) {
            axes[summed++] = d;
        } else {
            from[rank++] = label;
        }
    }
    if (summed > 0 && (FG_T_FLOATS & FG_T(v->dtype)) == 0) {
        return false;
    }
    if (summed > 0) {
        v = fg_ex_sum(x, v, summed, axes);
    }
    for (int d = 0; d < rank; d++) {
        result[d] = d;
    }
    v = ordered(e, v, rank, from, result);
    fg_ex_done(x, 1, &v);
    return true;
}

/* Labels in three groups, in the result's order: of both operands and the result, of one operand and the
 * result, of both and summed. */
typedef struct groups {
    int batch[FG_MAX_RANK], own[2][FG_MAX_RANK], inner[FG_EINSUM_LABELS];
    int n_batch, n_own[2], n_inner;
} groups;

static bool sort_labels(const equation *e, groups *s) {
    *s = (groups){.n_batch = 0};
    for (int label = 0; label < e->q.n_labels; label++) {
        const bool a = e->in[0][label], b = e->in[1][label];
        if (label >= e->q.out_rank) {
            if (!a || !b) {
                return false;
            }
            s->inner[s->n_inner++] = label;
        } else if (a && b) {
            s->batch[s->n_batch++] = label;
        } else {
            s->own[b][s->n_own[b]++] = label;
        }
    }
    return s->n_inner > 0;
}

static int append(int *list, int n, const int *more, int n_more) {
    for (int i = 0; i < n_more; i++) {
        list[n++] = more[i];
    }
    return n;
}

static int64_t extent_of(const equation *e, const int *labels, int n) {
    int64_t p = 1;
    for (int i = 0; i < n; i++) {
        p *= e->q.extent[labels[i]];
    }
    return p;
}

/* Operand i as batch x rows x columns. */
static fg_value *matrices(equation *e, const groups *s, int i) {
    int order[2 * FG_EINSUM_LABELS], n = append(order, 0, s->batch, s->n_batch);
    const int64_t own = extent_of(e, s->own[i], s->n_own[i]), inner = extent_of(e, s->inner, s->n_inner);
    const int64_t dim[] = {extent_of(e, s->batch, s->n_batch), i == 0 ? own : inner, i == 0 ? inner : own};
    n = i == 0 ? append(order, n, s->own[0], s->n_own[0]) : append(order, n, s->inner, s->n_inner);
    n = i == 0 ? append(order, n, s->inner, s->n_inner) : append(order, n, s->own[1], s->n_own[1]);
    fg_value *v = ordered(e, e->x->node->in[i], n, e->q.label[i], order);
    return s->n_batch > 0 ? fg_ex_reshape(e->x, v, 3, dim) : fg_ex_reshape(e->x, v, 2, dim + 1);
}

static bool expand_two(equation *e) {
    groups s;
    fg_expansion *x = e->x;
    if ((FG_T_FLOATS & FG_T(x->node->in[0]->dtype)) == 0 || !sort_labels(e, &s)) {
        return false;
    }
    for (int label = 0; label < e->q.n_labels; label++) {
        if (e->q.extent[label] == 0) {
            return false;
        }
    }
    fg_value *y = fg_ex_binary(x, "MatMul", matrices(e, &s, 0), matrices(e, &s, 1));
    int order[2 * FG_EINSUM_LABELS], result[FG_MAX_RANK];
    int n = append(order, 0, s.batch, s.n_batch);
    n = append(order, n, s.own[0], s.n_own[0]);
    n = append(order, n, s.own[1], s.n_own[1]);
    int64_t dim[FG_MAX_RANK];
    for (int d = 0; d < n; d++) {
        dim[d] = e->q.extent[order[d]];
        result[d] = d;
    }
    y = ordered(e, fg_ex_reshape(x, y, n, dim), n, order, result);
    fg_ex_done(x, 1, &y);
    return true;
}

bool fg_ex_einsum(fg_expansion *x) {
    equation e = {.x = x};
    if (x->node->n_in > 2) {
        return false;
    }
    fg_einsum_plan(x->rw->ctx, x->node, &e.q);
    return is_plain(&e) && (x->node->n_in == 1 ? expand_one(&e) : expand_two(&e));
}
