#include "frontend/reference/softmax.h"

#include <math.h>

#include "frontend/reference/access.h"

/* Normalises x[0..n) in place. */
typedef void line_fn(double *x, int64_t n, bool single);

static double max_of(const double *x, int64_t n) {
    double m = -HUGE_VAL;
    for (int64_t i = 0; i < n; i++) {
        m = x[i] > m || isnan(x[i]) ? x[i] : m;
    }
    return m;
}

static void softmax_line(double *x, int64_t n, bool single) {
    double m = max_of(x, n), sum = 0;
    for (int64_t i = 0; i < n; i++) {
        x[i] = exp(x[i] - m);
        sum = fg_accumulate(single, sum, x[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        x[i] /= sum;
    }
}

static void log_softmax_line(double *x, int64_t n, bool single) {
    double m = max_of(x, n), sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum = fg_accumulate(single, sum, exp(x[i] - m));
    }
    double log_sum = log(sum);
    for (int64_t i = 0; i < n; i++) {
        x[i] = x[i] - m - log_sum;
    }
}

static void hardmax_line(double *x, int64_t n, bool single) {
    int64_t best = 0;
    (void)single;
    for (int64_t i = 1; i < n; i++) {
        best = x[i] > x[best] ? i : best;
    }
    for (int64_t i = 0; i < n; i++) {
        x[i] = i == best;
    }
}

static void each_line(const fg_eval *e, line_fn *fn) {
    const fg_shape *s = &e->in[0].shape;
    bool rows = e->opset < 13;
    int64_t axis = fg_attr_int(e->node, "axis", rows ? 1 : -1), outer = 1, length = 1, inner = 1;
    if (axis < 0) {
        axis += s->rank;
    }
    for (int d = 0; d < s->rank; d++) {
        *(d < axis ? &outer : d == axis || rows ? &length : &inner) *= s->dim[d];
    }
    double *line = (double *)fg_big_alloc(e->ctx, (size_t)(length + 1) * sizeof(double));
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < inner; i++) {
            int64_t base = o * length * inner + i;
            fg_load_f64(&e->in[0], base, inner, length, line);
            fn(line, length, fg_is_single(e));
            if (inner == 1) {
                fg_store_f64(&e->out[0], base, length, line);
            } else {
                for (int64_t k = 0; k < length; k++) {
                    fg_set_f64(&e->out[0], base + k * inner, line[k]);
                }
            }
        }
    }
    fg_big_free(e->ctx, line);
}

void fg_ref_softmax(const fg_eval *e) {
    each_line(e, softmax_line);
}

void fg_ref_log_softmax(const fg_eval *e) {
    each_line(e, log_softmax_line);
}

void fg_ref_hardmax(const fg_eval *e) {
    each_line(e, hardmax_line);
}
