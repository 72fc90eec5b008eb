/* Products with a quantised second operand. */
#include "frontend/reference/matmul_quantized.h"

#include "frontend/int_product.h"
#include "frontend/nbits.h"
#include "frontend/quant.h"
#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"
#include "frontend/reference/quantize.h"

/* ---- DynamicQuantizeMatMul ---- */

/* Where the matrix of an operand that belongs to the batch at `index` starts. */
static int64_t matrix_at(const fg_shape *s, const fg_shape *space, const int64_t *index) {
    int64_t step = s->rank > 1 ? s->dim[s->rank - 1] * s->dim[s->rank - 2] : s->dim[0], at = 0;
    for (int d = s->rank - 3; d >= 0; d--) {
        at += s->dim[d] == 1 ? 0 : index[d - s->rank + space->rank] * step;
        step *= s->dim[d];
    }
    return at;
}

static double of_column(const fg_eval *e, int i, int64_t column) {
    if (!fg_has_operand(e, i)) {
        return 0;
    }
    return fg_tensor_float(&e->in[i], fg_shape_count(&e->in[i].shape) == 1 ? 0 : column);
}

void fg_ref_dynamic_matmul(const fg_eval *e) {
    const fg_tensor *a = &e->in[0], *b = &e->in[1];
    const fg_shape space = fg_product_space(e->ctx, e->node, &a->shape, &b->shape);
    const int64_t k = a->shape.dim[a->shape.rank - 1], columns = space.dim[space.rank - 1];
    const fg_dynamic_range r = fg_dynamic_range_of(a);
    int64_t index[FG_ND_MAX] = {0};
    for (int64_t i = 0; i < fg_shape_count(&space); i++) {
        const int64_t row = index[space.rank - 2], column = index[space.rank - 1];
        const float *x = (const float *)a->data + matrix_at(&a->shape, &space, index) + row * k;
        const int64_t first = matrix_at(&b->shape, &space, index) + column;
        const int64_t zero = (int64_t)of_column(e, 3, column);
        int64_t sum = 0;
        for (int64_t j = 0; j < k; j++) {
            sum += (fg_quantise_one(e, x[j] / r.scale, r.zero, 0, 255) - r.zero) *
                   (fg_get_i64(b, first + j * columns) - zero);
        }
        fg_set_f64(&e->out[0], i,
                   (double)sum * (double)r.scale * of_column(e, 2, column) + of_column(e, 4, column));
        (void)fg_next_index(space.rank, space.dim, index);
    }
}

/* ---- QGemm ---- */

static float scale_of(const fg_eval *e, int i, int64_t column) {
    return (float)of_column(e, i, column);
}

void fg_ref_qgemm(const fg_eval *e) {
    const fg_tensor *a = &e->in[0], *b = &e->in[3];
    fg_tensor *y = &e->out[0];
    const bool ta = fg_attr_int(e->node, "transA", 0) != 0, tb = fg_attr_int(e->node, "transB", 0) != 0;
    const float alpha = fg_attr_float(e->node, "alpha", 1);
    const int64_t columns = y->shape.dim[1], k = b->shape.dim[tb ? 1 : 0], za = fg_tensor_int(&e->in[2], 0);
    for (int64_t i = 0; i < fg_shape_count(&y->shape); i++) {
        const int64_t m = i / columns, n = i % columns, zb = (int64_t)of_column(e, 5, n);
        int64_t sum = fg_has_operand(e, 6) ? fg_tensor_int(&e->in[6], n) : 0;
        for (int64_t j = 0; j < k; j++) {
            sum += (fg_get_i64(a, ta ? j * a->shape.dim[1] + m : m * k + j) - za) *
                   (fg_get_i64(b, tb ? n * k + j : j * columns + n) - zb);
        }
        const float whole = (float)(int32_t)(uint32_t)sum, scale = scale_of(e, 1, 0) * alpha;
        if (y->dtype == FG_FLOAT) {
            ((float *)y->data)[i] = whole * (scale * scale_of(e, 4, n));
        } else {
            const float q = whole * (scale * scale_of(e, 4, n) / scale_of(e, 7, 0));
            fg_set_i64(y, i,
                       fg_quantise_one(e, q, fg_tensor_int(&e->in[8], 0), fg_type_low(y->dtype),
                                       fg_type_high(y->dtype)));
        }
    }
}

/* ---- MatMulNBits ---- */

static double zero_point(const fg_eval *e, const fg_nbits *b, int64_t column, int64_t block) {
    if (!fg_has_operand(e, 3)) {
        return (double)(1 << (b->bits - 1));
    }
    const fg_tensor *t = &e->in[3];
    if (t->dtype != FG_UINT8) {
        return fg_tensor_float(t, column * b->blocks + block);
    }
    const uint8_t *row = (const uint8_t *)t->data + column * b->zero_bytes;
    return b->bits == 8 ? row[block] : fg_packed_get(row, b->bits, block);
}

/* Column `column` of the second operand, dequantised. */
static void load_column(const fg_eval *e, const fg_nbits *b, int64_t column, double *out) {
    for (int64_t i = 0; i < b->k; i++) {
        const int64_t block = i / b->block;
        const uint8_t *from = (const uint8_t *)e->in[1].data + (column * b->blocks + block) * b->bytes;
        const unsigned q = b->bits == 8 ? from[i % b->block] : fg_packed_get(from, b->bits, i % b->block);
        out[i] = ((double)q - zero_point(e, b, column, block)) *
                 fg_tensor_float(&e->in[2], column * b->blocks + block);
    }
}

void fg_ref_matmul_nbits(const fg_eval *e) {
    const fg_nbits b = fg_nbits_of(e->ctx, e->node);
    const int64_t rows = fg_shape_count(&e->in[0].shape) / b.k;
    double *column = fg_big_alloc(e->ctx, (size_t)b.k * sizeof *column),
           *row = fg_big_alloc(e->ctx, (size_t)b.k * sizeof *row);
    for (int64_t n = 0; n < b.n; n++) {
        load_column(e, &b, n, column);
        const double bias = fg_has_operand(e, 5) ? fg_tensor_float(&e->in[5], n) : 0;
        for (int64_t m = 0; m < rows; m++) {
            double sum = bias;
            fg_load_f64(&e->in[0], m * b.k, 1, b.k, row);
            for (int64_t i = 0; i < b.k; i++) {
                sum = fg_accumulate(fg_is_single(e), sum, row[i] * column[i]);
            }
            fg_set_f64(&e->out[0], m * b.n + n, sum);
        }
    }
    fg_big_free(e->ctx, row);
    fg_big_free(e->ctx, column);
}
