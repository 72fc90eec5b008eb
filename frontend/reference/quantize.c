/* Quantisation: every step in float, as the formulas are defined, so that results can be equal. */
#include "frontend/reference/quantize.h"

#include <math.h>

#include "frontend/quant.h"
#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"
#include "frontend/reference/small_float.h"

int64_t fg_quantise_one(const fg_eval *e, float q, int64_t zero, int64_t low, int64_t high) {
    if (e->float_accumulate) {
        q *= 1.0F + 0x1p-20F;
    }
    double v = nearbyint((double)q) + (double)zero;
    return v > (double)low ? v < (double)high ? (int64_t)v : high : low;
}

static float rounded_to(fg_dtype t, float x) {
    return t == FG_FLOAT16    ? fg_half_to_float(fg_half_from_float(x))
           : t == FG_BFLOAT16 ? fg_bfloat_to_float(fg_bfloat_from_float(x))
                              : x;
}

/* Element of the scales that belongs to the element at `index`. */
static int64_t scale_at(const fg_granularity *g, int rank, const int64_t *index) {
    int64_t at = 0;
    for (int d = 0; d < rank; d++) {
        at += (d == g->axis ? index[d] / g->block : index[d]) * g->stride[d];
    }
    return at;
}

static void set_code(fg_tensor *t, int64_t i, unsigned code) {
    const int bits = fg_dtype_get(t->dtype)->bits;
    if (bits < 8) {
        fg_packed_put(t->data, bits, i, code & ((1U << bits) - 1));
    } else if (bits == 8) {
        ((uint8_t *)t->data)[i] = (uint8_t)code;
    } else {
        ((uint16_t *)t->data)[i] = (uint16_t)code;
    }
}

static unsigned quantised(const fg_eval *e, const fg_tensor *y, float q, int64_t at) {
    const fg_tensor *zero = fg_has_operand(e, 2) ? &e->in[2] : NULL;
    if (fg_dtype_get(y->dtype)->is_integer) {
        const int64_t z = zero != NULL ? fg_tensor_int(zero, at) : 0;
        return (unsigned)fg_quantise_one(e, q, z, fg_type_low(y->dtype), fg_type_high(y->dtype));
    }
    const float z = zero != NULL ? (float)fg_tensor_float(zero, at) : 0;
    const bool saturate = fg_attr_int(e->node, "saturate", 1) != 0;
    return fg_small_encode(y->dtype, (double)(q + z), saturate, FG_SMALL_UP);
}

void fg_ref_quantize(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *scale = &e->in[1];
    const fg_granularity g = fg_granularity_of(e->ctx, e->node, &x->shape);
    const fg_dtype precision = fg_quantise_precision(e->node);
    const int64_t n = fg_shape_count(&x->shape);
    int64_t index[FG_ND_MAX] = {0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = scale_at(&g, x->shape.rank, index);
        const float s = rounded_to(precision, (float)fg_tensor_float(scale, at));
        const float q = rounded_to(precision, rounded_to(precision, (float)fg_tensor_float(x, i)) / s);
        set_code(&e->out[0], i, quantised(e, &e->out[0], q, at));
        (void)fg_next_index(x->shape.rank, x->shape.dim, index);
    }
}

void fg_ref_dequantize(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *scale = &e->in[1];
    const fg_tensor *zero = fg_has_operand(e, 2) ? &e->in[2] : NULL;
    const fg_granularity g = fg_granularity_of(e->ctx, e->node, &x->shape);
    const int64_t n = fg_shape_count(&x->shape);
    int64_t index[FG_ND_MAX] = {0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = scale_at(&g, x->shape.rank, index);
        const double z = zero != NULL ? fg_tensor_float(zero, at) : 0;
        const float steps = (float)(fg_tensor_float(x, i) - z);
        fg_set_f64(&e->out[0], i, (double)(steps * (float)fg_tensor_float(scale, at)));
        (void)fg_next_index(x->shape.rank, x->shape.dim, index);
    }
}

fg_dynamic_range fg_dynamic_range_of(const fg_tensor *t) {
    const float *x = t->data;
    const int64_t n = fg_shape_count(&t->shape);
    float low = 0, high = 0;
    for (int64_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    fg_dynamic_range r = {.scale = high == low ? 1.0F : (high - low) / 255.0F};
    const float zero = nearbyintf(0.0F - low / r.scale);
    r.zero = zero > 0 ? zero < 255 ? (int64_t)zero : 255 : 0;
    return r;
}

void fg_ref_dynamic_quantize(const fg_eval *e) {
    const float *x = e->in[0].data;
    const fg_dynamic_range r = fg_dynamic_range_of(&e->in[0]);
    const int64_t n = fg_shape_count(&e->in[0].shape);
    for (int64_t i = 0; e->out[0].data != NULL && i < n; i++) {
        ((uint8_t *)e->out[0].data)[i] = (uint8_t)fg_quantise_one(e, x[i] / r.scale, r.zero, 0, 255);
    }
    if (e->node->n_out > 1 && e->out[1].data != NULL) {
        *(float *)e->out[1].data = r.scale;
    }
    if (e->node->n_out > 2 && e->out[2].data != NULL) {
        *(uint8_t *)e->out[2].data = (uint8_t)r.zero;
    }
}
