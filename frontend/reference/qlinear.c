/* Operators on quantised tensors of 8 bits: dequantise, compute, quantise, element by element. */
#include "frontend/reference/qlinear.h"

#include <math.h>
#include <string.h>

#include "frontend/quant.h"
#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"
#include "frontend/reference/quantize.h"

static float scale_of(const fg_eval *e, int i) {
    return *(const float *)e->in[i].data;
}

static int64_t zero_of(const fg_eval *e, int i) {
    return fg_has_operand(e, i) ? fg_tensor_int(&e->in[i], 0) : 0;
}

static void put(const fg_eval *e, int64_t at, float q, int64_t zero) {
    fg_tensor *y = &e->out[0];
    fg_set_i64(y, at,
               fg_quantise_one(e, q, zero, fg_attr_int(e->node, "fg_low", fg_type_low(y->dtype)),
                               fg_attr_int(e->node, "fg_high", fg_type_high(y->dtype))));
}

/* Element of t that belongs to the result's element at `index`, by numpy's rules. */
static int64_t broadcast_at(const fg_tensor *t, const fg_shape *y, const int64_t *index) {
    int64_t at = 0, step = 1;
    for (int d = t->shape.rank; d-- > 0;) {
        const int64_t i = index[d + y->rank - t->shape.rank];
        at += (t->shape.dim[d] == 1 ? 0 : i) * step;
        step *= t->shape.dim[d];
    }
    return at;
}

void fg_ref_qlinear_binary(const fg_eval *e) {
    const bool adds = strcmp(e->node->op_type, "QLinearAdd") == 0;
    const fg_shape *y = &e->out[0].shape;
    const float sa = scale_of(e, 1), sb = scale_of(e, 4), sy = scale_of(e, 6);
    const int64_t za = zero_of(e, 2), zb = zero_of(e, 5), zy = zero_of(e, 7), n = fg_shape_count(y);
    int64_t index[FG_ND_MAX] = {0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t a = fg_get_i64(&e->in[0], broadcast_at(&e->in[0], y, index)) - za,
                      b = fg_get_i64(&e->in[3], broadcast_at(&e->in[3], y, index)) - zb;
        const double sum = (double)a * (double)sa + (double)b * (double)sb;
        put(e, i, adds ? (float)(sum / (double)sy) : (float)(a * b) * (sa * sb / sy), zy);
        (void)fg_next_index(y->rank, y->dim, index);
    }
}

void fg_ref_qlinear_unary(const fg_eval *e) {
    const bool sigmoid = strcmp(e->node->op_type, "QLinearSigmoid") == 0;
    const float sx = scale_of(e, 1), sy = scale_of(e, 3), alpha = fg_attr_float(e->node, "alpha", 0.01F);
    const int64_t zx = zero_of(e, 2), zy = zero_of(e, 4), n = fg_shape_count(&e->out[0].shape);
    for (int64_t i = 0; i < n; i++) {
        const int64_t steps = fg_get_i64(&e->in[0], i) - zx;
        const float x = (float)steps * sx;
        const float q = sigmoid ? (float)(1.0 / (1.0 + exp(-(double)x)) / (double)sy)
                                : x * (steps < 0 ? alpha : 1.0F) / sy;
        put(e, i, q, zy);
    }
}

void fg_ref_qlinear_concat(const fg_eval *e) {
    fg_tensor *y = &e->out[0];
    const int axis = fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", 0), y->shape.rank);
    int64_t inner = 1, start = 0;
    for (int d = axis + 1; d < y->shape.rank; d++) {
        inner *= y->shape.dim[d];
    }
    for (int p = 2; p < e->node->n_in; p += 3) {
        const fg_tensor *x = &e->in[p];
        const int64_t run = x->shape.dim[axis] * inner, n = fg_shape_count(&x->shape);
        for (int64_t i = 0; i < n; i++) {
            const float real = (float)(fg_get_i64(x, i) - zero_of(e, p + 2)) * scale_of(e, p + 1);
            put(e, i / run * y->shape.dim[axis] * inner + start + i % run, real / scale_of(e, 0),
                zero_of(e, 1));
        }
        start += run;
    }
}

/* Sum and number of the elements in the window of the result at `index`. */
static int64_t window_sum(const fg_tensor *x, const fg_quantised_pool *p, const int64_t *index, int64_t zero,
                          int64_t *count) {
    int64_t tap[FG_MAX_SPATIAL] = {0}, sum = 0, at[FG_ND_MAX], stride[FG_ND_MAX];
    fg_row_major(x->shape.rank, x->shape.dim, stride);
    *count = 0;
    do {
        bool inside = true;
        memcpy(at, index, (size_t)x->shape.rank * sizeof *at);
        for (int d = 0; d < p->w.axes; d++) {
            int64_t *z = &at[p->spatial + d];
            *z = *z * p->w.stride[d] + tap[d] * p->w.dilation[d] - p->w.pad[d];
            inside = inside && *z >= 0 && *z < p->w.in[d];
        }
        int64_t place = 0;
        for (int d = 0; inside && d < x->shape.rank; d++) {
            place += at[d] * stride[d];
        }
        sum += inside ? fg_get_i64(x, place) - zero : 0;
        *count += inside || p->counts_padding;
    } while (fg_next_index(p->w.axes, p->w.kernel, tap));
    return sum;
}

void fg_ref_qlinear_pool(const fg_eval *e) {
    const fg_quantised_pool p = fg_quantised_pool_of(e->ctx, e->node);
    const float factor = scale_of(e, 1) / scale_of(e, 3);
    const int64_t zx = zero_of(e, 2), zy = zero_of(e, 4), n = fg_shape_count(&e->out[0].shape);
    int64_t index[FG_ND_MAX] = {0};
    for (int64_t i = 0; i < n; i++) {
        int64_t count;
        const int64_t sum = window_sum(&e->in[0], &p, index, zx, &count);
        put(e, i, (float)(int32_t)sum * factor / (float)count, zy);
        (void)fg_next_index(e->out[0].shape.rank, e->out[0].shape.dim, index);
    }
}
