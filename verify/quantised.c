#include "verify/quantised.h"

#include <math.h>
#include <string.h>

#include "frontend/quant.h"

/* Steps counted in what was dequantised in single precision are no integers. */
#define ROUNDING 1e-3

static bool has_constant_steps(const fg_node *n) {
    return n->in[1]->data != NULL && (n->n_in < 3 || n->in[2] == NULL || n->in[2]->data != NULL);
}

const fg_value *fg_quantised_source(const fg_value *v) {
    const fg_node *n = v != NULL ? v->producer : NULL;
    if (n != NULL && strcmp(n->op_type, "DequantizeLinear") == 0) {
        return has_constant_steps(n) ? fg_quantised_source(n->in[0]) : NULL;
    }
    if (n == NULL || strcmp(n->op_type, "QuantizeLinear") != 0 || !fg_dtype_get(v->dtype)->is_integer) {
        return NULL;
    }
    return has_constant_steps(n) ? n->in[0] : NULL;
}

/* Walks the elements of a quantised tensor: index and the place of the scale. */
typedef struct walk {
    const fg_node *n;
    fg_granularity g;
    const fg_shape *shape;
    int64_t index[FG_MAX_RANK], at;
} walk;

static walk walk_new(fg_context *ctx, const fg_value *v) {
    return (walk){.n = v->producer, .g = fg_granularity_of(ctx, v->producer, &v->shape), .shape = &v->shape};
}

static void place(walk *w) {
    w->at = 0;
    for (int d = 0; d < w->shape->rank; d++) {
        w->at += (d == w->g.axis ? w->index[d] / w->g.block : w->index[d]) * w->g.stride[d];
    }
}

static void advance(walk *w) {
    for (int d = w->shape->rank - 1; d >= 0 && ++w->index[d] == w->shape->dim[d]; d--) {
        w->index[d] = 0;
    }
}

static double zero_of(const walk *w) {
    return w->n->n_in > 2 && w->n->in[2] != NULL ? (double)fg_const_int(w->n->in[2], w->at) : 0;
}

static double element(const fg_tensor *t, int64_t i) {
    const fg_value v = {.name = "", .dtype = t->dtype, .shape = t->shape, .data = t->data};
    return fg_dtype_get(t->dtype)->is_float ? fg_const_float(&v, i) : (double)fg_const_int(&v, i);
}

/* The number of steps that element i stands for; NaN and infinities as they are. */
static double steps(const walk *w, const fg_tensor *t, int64_t i) {
    const double x = element(t, i);
    return fg_dtype_get(t->dtype)->is_float ? x / fg_const_float(w->n->in[1], w->at) : x - zero_of(w);
}

static double rms_of(const fg_tensor *t) {
    const int64_t n = fg_shape_count(&t->shape);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double x = element(t, i);
        sum += isfinite(x) ? x * x : 0;
    }
    return n > 0 ? sqrt(sum / (double)n) : 0;
}

bool fg_quantised_is_tie(fg_context *ctx, const fg_value *v, const fg_tensor *want, const fg_tensor *got,
                         const fg_tensor *data, double tolerance) {
    const int64_t n = fg_shape_count(&want->shape);
    if (fg_shape_count(&v->shape) != n || fg_shape_count(&data->shape) != n || got->dtype != want->dtype) {
        return false;
    }
    const double bound = tolerance * rms_of(data);
    walk w = walk_new(ctx, v);
    for (int64_t i = 0; i < n; i++, advance(&w)) {
        if (element(want, i) == element(got, i)) {
            continue;
        }
        place(&w);
        const double a = steps(&w, want, i), b = steps(&w, got, i), apart = fabs(a - b);
        const double middle = (a + b) / 2 * fg_const_float(w.n->in[1], w.at);
        const bool same = apart < ROUNDING, next = fabs(apart - 1) < ROUNDING;
        if (!same && !(next && fabs(element(data, i) - middle) <= bound)) {
            return false;
        }
    }
    return true;
}

double fg_quantised_error(fg_context *ctx, const fg_value *v, const fg_tensor *want, const fg_tensor *got) {
    const int64_t n = fg_shape_count(&want->shape);
    double sum = 0, worst = 0;
    if (fg_shape_count(&v->shape) != n || got->dtype != want->dtype) {
        return INFINITY;
    }
    walk w = walk_new(ctx, v);
    for (int64_t i = 0; i < n; i++, advance(&w)) {
        place(&w);
        const double a = steps(&w, want, i);
        sum += a * a;
        worst = fmax(worst, fabs(steps(&w, got, i) - a));
    }
    return sum > 0 ? worst / sqrt(sum / (double)n) : worst;
}
