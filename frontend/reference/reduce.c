/* Reductions: the input is read once, in order, in runs; every run is added to the sums it belongs to. Floats
 * are summed in double (float in the plain float run), integers in int64 with wrap-around. */
#include "frontend/reference/reduce.h"

#include <math.h>

#include "frontend/reference/access.h"

#define RUN 256

/* Neighbouring dimensions of the same kind merged; dimensions of extent 1 dropped. */
typedef struct plan {
    int rank;
    int64_t dim[FG_MAX_RANK];
    int64_t out_stride[FG_MAX_RANK]; /* 0: reduced */
    int64_t in_count, out_count, reduced_count;
} plan;

static void mark_axes(const fg_eval *e, bool *reduced) {
    int rank = e->in[0].shape.rank, count = 0;
    int64_t axes[FG_MAX_RANK];
    if (e->node->n_in > 1 && e->in[1].data != NULL) {
        count = (int)fg_shape_count(&e->in[1].shape);
        if (count > FG_MAX_RANK) {
            fg_raise(e->ctx, FG_BAD_MODEL, "%d axes given", count);
        }
        for (int k = 0; k < count; k++) {
            axes[k] = fg_get_i64(&e->in[1], k);
        }
    } else {
        count = fg_attr_ints(e->ctx, e->node, "axes", FG_MAX_RANK, axes);
    }
    bool all = count == 0 && fg_attr_int(e->node, "noop_with_empty_axes", 0) == 0;
    for (int d = 0; d < rank; d++) {
        reduced[d] = all;
    }
    for (int k = 0; k < count; k++) {
        reduced[fg_axis(e->ctx, e->node, axes[k], rank)] = true;
    }
}

static plan plan_of(const fg_eval *e) {
    const fg_shape *x = &e->in[0].shape;
    bool reduced[FG_MAX_RANK] = {false};
    plan p = {.in_count = fg_shape_count(x), .out_count = 1, .reduced_count = 1};
    mark_axes(e, reduced);
    for (int d = 0; d < x->rank; d++) {
        if (x->dim[d] != 1) {
            bool same = p.rank > 0 && (p.out_stride[p.rank - 1] == 0) == reduced[d];
            int at = same ? p.rank - 1 : p.rank++;
            p.dim[at] = same ? p.dim[at] * x->dim[d] : x->dim[d];
            p.out_stride[at] = reduced[d] ? 0 : 1;
        }
        *(reduced[d] ? &p.reduced_count : &p.out_count) *= x->dim[d];
    }
    if (p.rank == 0) {
        p.rank = 1;
        p.dim[0] = 1;
        p.out_stride[0] = 0;
    }
    int64_t stride = 1;
    for (int d = p.rank - 1; d >= 0; d--) {
        if (p.out_stride[d] == 0) {
            continue;
        }
        p.out_stride[d] = stride;
        stride *= p.dim[d];
    }
    if (p.out_count != fg_shape_count(&e->out[0].shape)) {
        fg_raise(e->ctx, FG_BAD_MODEL, "the axes given at run time contradict the declared output shape");
    }
    return p;
}

/* Adds n values to one sum (step 0) or to n neighbouring sums (step 1). */
typedef void float_step(double *sum, const double *x, int64_t n, int64_t step, bool single);
typedef void int_step(int64_t *sum, const int64_t *x, int64_t n, int64_t step, bool is_unsigned);

#define FLOAT_STEP(NAME, EXPR)                                                                               \
    FG_HOT static void f_##NAME(double *sum, const double *x, int64_t n, int64_t step, bool single) {        \
        (void)single;                                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            const double s = sum[i * step], v = x[i];                                                        \
            sum[i * step] = EXPR;                                                                            \
        }                                                                                                    \
    }
FLOAT_STEP(sum, fg_accumulate(single, s, v))
FLOAT_STEP(l1, fg_accumulate(single, s, fabs(v)))
FLOAT_STEP(square, fg_accumulate(single, s, v *v))
FLOAT_STEP(product, single ? (double)((float)s *(float)v) : s *v)
FLOAT_STEP(max, v > s || isnan(v) ? v : s)
FLOAT_STEP(min, v < s || isnan(v) ? v : s)

#define INT_STEP(NAME, EXPR)                                                                                 \
    FG_HOT static void i_##NAME(int64_t *sum, const int64_t *x, int64_t n, int64_t step, bool is_unsigned) { \
        (void)is_unsigned;                                                                                   \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            const uint64_t s = (uint64_t)sum[i * step], v = (uint64_t)x[i];                                  \
            sum[i * step] = (int64_t)(EXPR);                                                                 \
        }                                                                                                    \
    }
INT_STEP(sum, s + v)
INT_STEP(l1, s + (!is_unsigned && (int64_t)v < 0 ? 0 - v : v))
INT_STEP(square, s + v * v)
INT_STEP(product, s *v)
INT_STEP(max, (is_unsigned ? v > s : (int64_t)v > (int64_t)s) ? v : s)
INT_STEP(min, (is_unsigned ? v < s : (int64_t)v < (int64_t)s) ? v : s)

/* Calls one of the steps for every run of the input; loads through x (floats) or i (integers). */
typedef struct pass {
    const fg_eval *e;
    const plan *p;
    float_step *real;
    int_step *whole;
    double *sums;
    int64_t *int_sums;
    const double *shift; /* exp(x - shift) is summed, per output: ReduceLogSumExp; or NULL */
    bool flag;           /* single or is_unsigned */
} pass;

static void step_run(const pass *c, int64_t from, int64_t to, int64_t n, int64_t step) {
    double x[RUN];
    int64_t w[RUN];
    if (c->whole != NULL) {
        fg_load_i64(&c->e->in[0], from, 1, n, w);
        c->whole(c->int_sums + to, w, n, step, c->flag);
        return;
    }
    fg_load_f64(&c->e->in[0], from, 1, n, x);
    for (int64_t i = 0; c->shift != NULL && i < n; i++) {
        x[i] = exp(x[i] - c->shift[to + i * step]);
    }
    c->real(c->sums + to, x, n, step, c->flag);
}

static void run_pass(const pass *c) {
    const plan *p = c->p;
    int64_t inner = p->dim[p->rank - 1], step = p->out_stride[p->rank - 1];
    for (int64_t from = 0; from < p->in_count; from += inner) {
        int64_t rest = from / inner, to = 0;
        for (int d = p->rank - 2; d >= 0; d--) {
            to += rest % p->dim[d] * p->out_stride[d];
            rest /= p->dim[d];
        }
        for (int64_t i = 0; i < inner; i += RUN) {
            step_run(c, from + i, to + i * step, inner - i < RUN ? inner - i : RUN, step);
        }
    }
}

typedef double finish_fn(double sum, int64_t count);

static double as_is(double sum, int64_t count) {
    (void)count;
    return sum;
}
static double by_count(double sum, int64_t count) {
    return sum / (double)count;
}
static double root(double sum, int64_t count) {
    (void)count;
    return sqrt(sum);
}
static double logarithm(double sum, int64_t count) {
    (void)count;
    return log(sum);
}

static double *new_sums(const fg_eval *e, int64_t n, double start) {
    double *sums = (double *)fg_big_alloc(e->ctx, (size_t)(n + 1) * sizeof(double));
    for (int64_t i = 0; i < n; i++) {
        sums[i] = start;
    }
    return sums;
}

static void reduce_real(const fg_eval *e, const plan *p, float_step *step, double start, finish_fn *finish) {
    double *sums = new_sums(e, p->out_count, start);
    pass c = {.e = e, .p = p, .real = step, .sums = sums, .flag = fg_is_single(e)};
    run_pass(&c);
    for (int64_t i = 0; i < p->out_count; i++) {
        sums[i] = finish(sums[i], p->reduced_count);
    }
    fg_store_f64(&e->out[0], 0, p->out_count, sums);
    fg_big_free(e->ctx, sums);
}

static bool is_unsigned(fg_dtype t) {
    return t == FG_BOOL || !fg_dtype_get(t)->is_signed;
}

static void reduce_whole(const fg_eval *e, const plan *p, int_step *step, int64_t start, bool mean) {
    bool no_sign = is_unsigned(e->in[0].dtype);
    int64_t *sums = (int64_t *)fg_big_alloc(e->ctx, (size_t)(p->out_count + 1) * sizeof(int64_t));
    for (int64_t i = 0; i < p->out_count; i++) {
        sums[i] = start;
    }
    pass c = {.e = e, .p = p, .whole = step, .int_sums = sums, .flag = no_sign};
    run_pass(&c);
    for (int64_t i = 0; mean && i < p->out_count; i++) { /* truncated, as ONNX Runtime does */
        uint64_t count = (uint64_t)p->reduced_count;
        if (count == 0) {
            continue;
        }
        sums[i] = no_sign ? (int64_t)((uint64_t)sums[i] / count) : sums[i] / p->reduced_count;
    }
    fg_store_i64(&e->out[0], 0, p->out_count, sums);
    fg_big_free(e->ctx, sums);
}

static void reduce(const fg_eval *e, float_step *real, int_step *whole, int64_t start, finish_fn *finish) {
    plan p = plan_of(e);
    if (fg_is_float(e->in[0].dtype) || whole == NULL) {
        reduce_real(e, &p, real, (double)start, finish);
    } else {
        reduce_whole(e, &p, whole, start, finish == by_count);
    }
}

void fg_ref_reduce_sum(const fg_eval *e) {
    reduce(e, f_sum, i_sum, 0, as_is);
}

void fg_ref_reduce_mean(const fg_eval *e) {
    reduce(e, f_sum, i_sum, 0, by_count);
}

void fg_ref_reduce_l1(const fg_eval *e) {
    reduce(e, f_l1, i_l1, 0, as_is);
}

void fg_ref_reduce_l2(const fg_eval *e) {
    reduce(e, f_square, NULL, 0, root);
}

void fg_ref_reduce_sum_square(const fg_eval *e) {
    reduce(e, f_square, i_square, 0, as_is);
}

void fg_ref_reduce_prod(const fg_eval *e) {
    reduce(e, f_product, i_product, 1, as_is);
}

void fg_ref_reduce_log_sum(const fg_eval *e) {
    reduce(e, f_sum, NULL, 0, logarithm);
}

/* Least and greatest value of an integer type, as its bits in int64. */
static int64_t extreme(fg_dtype t, bool greatest) {
    int bits = t == FG_BOOL ? 1 : fg_dtype_get(t)->bits;
    if (is_unsigned(t)) {
        return greatest ? (int64_t)(UINT64_MAX >> (64 - bits)) : 0;
    }
    int64_t top = (int64_t)(UINT64_MAX >> (65 - bits));
    return greatest ? top : -top - 1;
}

static void reduce_extreme(const fg_eval *e, float_step *real, int_step *whole, bool greatest) {
    plan p = plan_of(e);
    if (fg_is_float(e->in[0].dtype)) {
        reduce_real(e, &p, real, greatest ? -HUGE_VAL : HUGE_VAL, as_is);
    } else {
        reduce_whole(e, &p, whole, extreme(e->in[0].dtype, !greatest), false);
    }
}

void fg_ref_reduce_max(const fg_eval *e) {
    reduce_extreme(e, f_max, i_max, true);
}

void fg_ref_reduce_min(const fg_eval *e) {
    reduce_extreme(e, f_min, i_min, false);
}

/* log(sum(exp(x))) = m + log(sum(exp(x - m))) with m the maximum, where that is finite. */
void fg_ref_reduce_log_sum_exp(const fg_eval *e) {
    plan p = plan_of(e);
    double *max = new_sums(e, p.out_count, -HUGE_VAL), *sums = new_sums(e, p.out_count, 0);
    pass first = {.e = e, .p = &p, .real = f_max, .sums = max};
    run_pass(&first);
    for (int64_t i = 0; i < p.out_count; i++) {
        max[i] = isinf(max[i]) ? 0 : max[i];
    }
    pass second = {.e = e, .p = &p, .real = f_sum, .sums = sums, .shift = max, .flag = fg_is_single(e)};
    run_pass(&second);
    for (int64_t i = 0; i < p.out_count; i++) {
        sums[i] = max[i] + log(sums[i]);
    }
    fg_store_f64(&e->out[0], 0, p.out_count, sums);
    fg_big_free(e->ctx, sums);
    fg_big_free(e->ctx, max);
}

/* ---- ArgMax, ArgMin ---- */

static bool beats(const fg_eval *e, const int64_t *w, const double *x, int64_t i, int64_t best, bool greatest,
                  bool last) {
    if (fg_is_float(e->in[0].dtype)) {
        if (isnan(x[best])) {
            return false;
        } /* NaN wins, the first one */
        if (isnan(x[i])) {
            return true;
        }
        if (x[i] == x[best]) {
            return last;
        }
        return (x[i] > x[best]) == greatest;
    }
    if (w[i] == w[best]) {
        return last;
    }
    bool more = is_unsigned(e->in[0].dtype) ? (uint64_t)w[i] > (uint64_t)w[best] : w[i] > w[best];
    return more == greatest;
}

static void arg_reduce(const fg_eval *e, bool greatest) {
    const fg_shape *s = &e->in[0].shape;
    int axis = fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", 0), s->rank);
    bool last = fg_attr_int(e->node, "select_last_index", 0) != 0, real = fg_is_float(e->in[0].dtype);
    int64_t n = s->dim[axis], outer = 1, inner = 1;
    for (int d = 0; d < s->rank; d++) {
        if (d != axis) {
            *(d < axis ? &outer : &inner) *= s->dim[d];
        }
    }
    double *x = (double *)fg_big_alloc(e->ctx, (size_t)(n + 1) * sizeof(double));
    int64_t *w = (int64_t *)fg_big_alloc(e->ctx, (size_t)(n + 1) * sizeof(int64_t));
    for (int64_t k = 0; k < outer * inner; k++) {
        int64_t base = k / inner * n * inner + k % inner, best = 0;
        if (real) {
            fg_load_f64(&e->in[0], base, inner, n, x);
        } else {
            fg_load_i64(&e->in[0], base, inner, n, w);
        }
        for (int64_t i = 1; i < n; i++) {
            best = beats(e, w, x, i, best, greatest, last) ? i : best;
        }
        fg_set_i64(&e->out[0], k, best);
    }
    fg_big_free(e->ctx, w);
    fg_big_free(e->ctx, x);
}

void fg_ref_arg_max(const fg_eval *e) {
    arg_reduce(e, true);
}

void fg_ref_arg_min(const fg_eval *e) {
    arg_reduce(e, false);
}
