/* Integer products, result by result. */
#include "frontend/reference/int_product.h"

#include "frontend/int_product.h"
#include "frontend/quant.h"
#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"
#include "frontend/reference/quantize.h"
#include "frontend/window.h"

typedef struct product {
    const fg_eval *e;
    const fg_int_form *form;
    fg_shape space;
} product;

static const fg_tensor *operand(const product *p, int i) {
    return i >= 0 && fg_has_operand(p->e, i) ? &p->e->in[i] : NULL;
}

/* Element of a parameter that belongs to the result at `index`. */
static int64_t place(const product *p, int i, fg_int_side side, const int64_t *index) {
    int64_t stride[FG_MAX_RANK], at = 0;
    fg_int_strides(p->e->ctx, p->e->node, p->e->node->in[i], side, &p->space, stride);
    for (int d = 0; d < p->space.rank; d++) {
        at += index[d] * stride[d];
    }
    return at;
}

static int64_t zero_of(const product *p, int i, fg_int_side side, const int64_t *index) {
    const fg_tensor *t = operand(p, i);
    return t == NULL ? 0 : fg_tensor_int(t, place(p, i, side, index));
}

static float scale_of(const product *p, int i, fg_int_side side, const int64_t *index) {
    return (float)fg_tensor_float(operand(p, i), place(p, i, side, index));
}

/* A bias of floats comes in at the end. */
static int64_t whole_bias(const product *p, const int64_t *index) {
    const fg_tensor *bias = operand(p, p->form->bias);
    return bias != NULL && bias->dtype == FG_INT32
               ? fg_get_i64(bias, place(p, p->form->bias, FG_SIDE_B, index))
               : 0;
}

static void finish(const product *p, int64_t sum, const int64_t *index, int64_t at) {
    const fg_int_form *f = p->form;
    fg_tensor *y = &p->e->out[0];
    const int32_t whole = (int32_t)(uint32_t)sum;
    if (!f->requantises) {
        fg_set_i64(y, at, whole);
        return;
    }
    const float scale = scale_of(p, f->a_scale, FG_SIDE_A, index) *
                        scale_of(p, f->b_scale, FG_SIDE_B, index) / scale_of(p, f->y_scale, FG_SIDE_Y, index);
    const int64_t zero = zero_of(p, f->y_zero, FG_SIDE_Y, index);
    float q = (float)whole * scale;
    const fg_tensor *bias = operand(p, f->bias);
    if (bias != NULL && bias->dtype == FG_FLOAT) {
        q += (float)fg_tensor_float(bias, place(p, f->bias, FG_SIDE_B, index)) /
             scale_of(p, f->y_scale, FG_SIDE_Y, index);
    }
    fg_set_i64(y, at,
               fg_quantise_one(p->e, q, zero, fg_attr_int(p->e->node, "fg_low", fg_type_low(y->dtype)),
                               fg_attr_int(p->e->node, "fg_high", fg_type_high(y->dtype))));
}

/* ---- matrices ---- */

static int64_t start_of(const fg_shape *s, const fg_shape *space, const int64_t *index) {
    int64_t step = 1, at = 0;
    for (int d = s->rank; d-- > 0;) {
        const int in_space = d - s->rank + space->rank;
        if (d < s->rank - 2 && s->dim[d] != 1) {
            at += index[in_space] * step;
        }
        step *= s->dim[d];
    }
    return at;
}

static void multiply(const product *p) {
    const fg_tensor *a = operand(p, p->form->a), *b = operand(p, p->form->b);
    const int64_t k = a->shape.dim[a->shape.rank - 1];
    const int64_t columns = p->space.dim[p->space.rank - 1];
    int64_t *row = fg_big_alloc(p->e->ctx, (size_t)(k + 1) * sizeof *row),
            *column = fg_big_alloc(p->e->ctx, (size_t)(k + 1) * sizeof *column), index[FG_ND_MAX] = {0};
    const int64_t n = fg_shape_count(&p->space);
    for (int64_t i = 0; i < n; i++) {
        const int64_t r = index[p->space.rank - 2], c = index[p->space.rank - 1];
        const int64_t za = zero_of(p, p->form->a_zero, FG_SIDE_A, index),
                      zb = zero_of(p, p->form->b_zero, FG_SIDE_B, index);
        fg_load_i64(a, start_of(&a->shape, &p->space, index) + r * k, 1, k, row);
        fg_load_i64(b, start_of(&b->shape, &p->space, index) + c, columns, k, column);
        int64_t sum = whole_bias(p, index);
        for (int64_t j = 0; j < k; j++) {
            sum += (row[j] - za) * (column[j] - zb);
        }
        finish(p, sum, index, i);
        (void)fg_next_index(p->space.rank, p->space.dim, index);
    }
    fg_big_free(p->e->ctx, column);
    fg_big_free(p->e->ctx, row);
}

/* ---- convolutions ---- */

/* Offset in the plane that tap `tap` of result `index` reads; -1 in the padding. */
static int64_t tap_place(const fg_window *w, const int64_t *index, int64_t tap) {
    int64_t at = 0, step = 1;
    for (int d = w->axes; d-- > 0;) {
        const int64_t k = tap % w->kernel[d],
                      z = index[d + 2] * w->stride[d] + k * w->dilation[d] - w->pad[d];
        tap /= w->kernel[d];
        if (z < 0 || z >= w->in[d]) {
            return -1;
        }
        at += z * step;
        step *= w->in[d];
    }
    return at;
}

static void convolve(const product *p) {
    const fg_tensor *x = operand(p, p->form->a), *w = operand(p, p->form->b);
    const fg_window win = fg_window_of(p->e->ctx, p->e->node, &x->shape, w->shape.dim + 2);
    const int64_t group = fg_attr_int(p->e->node, "group", 1), icg = w->shape.dim[1],
                  ocg = w->shape.dim[0] / group, n = fg_shape_count(&p->space);
    int64_t taps = 1, plane = 1, index[FG_ND_MAX] = {0};
    for (int d = 0; d < win.axes; d++) {
        taps *= win.kernel[d];
        plane *= win.in[d];
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t za = zero_of(p, p->form->a_zero, FG_SIDE_A, index),
                      zb = zero_of(p, p->form->b_zero, FG_SIDE_B, index);
        const int64_t first = (index[0] * x->shape.dim[1] + index[1] / ocg * icg) * plane;
        int64_t sum = whole_bias(p, index);
        for (int64_t tap = 0; tap < taps; tap++) {
            const int64_t at = tap_place(&win, index, tap);
            for (int64_t c = 0; at >= 0 && c < icg; c++) {
                sum += (fg_get_i64(x, first + c * plane + at) - za) *
                       (fg_get_i64(w, (index[1] * icg + c) * taps + tap) - zb);
            }
        }
        finish(p, sum, index, i);
        (void)fg_next_index(p->space.rank, p->space.dim, index);
    }
}

void fg_ref_int_product(const fg_eval *e) {
    product p = {.e = e, .form = fg_int_form_of(e->node)};
    const fg_tensor *a = &e->in[p.form->a], *b = &e->in[p.form->b];
    if (p.form->conv) {
        p.space = e->out[0].shape;
        convolve(&p);
    } else {
        p.space = fg_product_space(e->ctx, e->node, &a->shape, &b->shape);
        multiply(&p);
    }
}
