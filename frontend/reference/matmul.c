/* Gemm and MatMul: floating point through the dense engine, integers by plain loops that wrap. */
#include "frontend/reference/matmul.h"

#include "frontend/reference/access.h"
#include "frontend/reference/dense.h"

/* Element (i, j) of an operand lies at base + i * row + j * column. */
typedef struct matrix {
    const fg_tensor *t;
    int64_t base, row, column;
} matrix;

typedef struct product {
    matrix a, b;
    fg_tensor *y;
    int64_t y_base;
    double alpha, beta; /* Gemm */
    const fg_tensor *c; /* Gemm's bias or NULL */
    int64_t c_row, c_column;
} product;

static void load(const fg_dense *d, const fg_tensor *t, int64_t offset, int64_t stride, int64_t n,
                 void *out) {
    if (d->single) {
        fg_load_f32(t, offset, stride, n, (float *)out);
    } else {
        fg_load_f64(t, offset, stride, n, (double *)out);
    }
}

static void *at(const fg_dense *d, void *base, int64_t i) {
    return (char *)base + (size_t)i * (d->single ? sizeof(float) : sizeof(double));
}

static void load_a(const fg_dense *d, int64_t m0, int64_t mn, void *a) {
    const matrix *x = &((const product *)d->user)->a;
    for (int64_t i = 0; i < mn; i++) {
        load(d, x->t, x->base + (m0 + i) * x->row, x->column, d->k, at(d, a, i * d->k));
    }
}

/* A transposed operand is read along its rows into a column of the block. */
static void load_b(const fg_dense *d, int64_t k0, int64_t kn, int64_t n0, int64_t nn, void *b) {
    const matrix *x = &((const product *)d->user)->b;
    if (x->column == 1 || kn == 1) {
        for (int64_t j = 0; j < kn; j++) {
            load(d, x->t, x->base + (k0 + j) * x->row + n0 * x->column, x->column, nn,
                 at(d, b, j * FG_DENSE_N));
        }
        return;
    }
    union {
        double d[FG_DENSE_K];
        float f[FG_DENSE_K];
    } line;
    for (int64_t i = 0; i < nn; i++) {
        load(d, x->t, x->base + k0 * x->row + (n0 + i) * x->column, x->row, kn, &line);
        for (int64_t j = 0; j < kn; j++) {
            if (d->single) {
                ((float *)b)[j * FG_DENSE_N + i] = line.f[j];
            } else {
                ((double *)b)[j * FG_DENSE_N + i] = line.d[j];
            }
        }
    }
}

static void store(const fg_dense *d, int64_t m0, int64_t mn, int64_t n0, int64_t nn, void *c) {
    const product *p = (const product *)d->user;
    double line[FG_DENSE_N], bias[FG_DENSE_N];
    for (int64_t i = 0; i < mn; i++) {
        for (int64_t j = 0; j < nn; j++) {
            line[j] =
                d->single ? (double)((float *)c)[i * FG_DENSE_N + j] : ((double *)c)[i * FG_DENSE_N + j];
            line[j] *= p->alpha;
        }
        if (p->c != NULL) {
            fg_load_f64(p->c, (m0 + i) * p->c_row + n0 * p->c_column, p->c_column, nn, bias);
            for (int64_t j = 0; j < nn; j++) {
                line[j] += p->beta * bias[j];
            }
        }
        fg_store_f64(p->y, p->y_base + (m0 + i) * d->n + n0, nn, line);
    }
}

/* Integer sums wrap at 64 bits, and at the type's width when stored. alpha and beta other than one go through
 * double. */
static void integer_product(const product *p, fg_context *ctx, int64_t m, int64_t n, int64_t k) {
    int64_t *a = (int64_t *)fg_big_alloc(ctx, (size_t)(k + 1) * sizeof *a);
    int64_t *b = (int64_t *)fg_big_alloc(ctx, (size_t)(k + 1) * sizeof *b);
    for (int64_t i = 0; i < m; i++) {
        fg_load_i64(p->a.t, p->a.base + i * p->a.row, p->a.column, k, a);
        for (int64_t j = 0; j < n; j++) {
            fg_load_i64(p->b.t, p->b.base + j * p->b.column, p->b.row, k, b);
            uint64_t sum = 0;
            for (int64_t l = 0; l < k; l++) {
                sum += (uint64_t)a[l] * (uint64_t)b[l];
            }
            int64_t c = p->c == NULL ? 0 : fg_get_i64(p->c, i * p->c_row + j * p->c_column);
            if (p->alpha == 1 && p->beta == 1) {
                fg_set_i64(p->y, p->y_base + i * n + j, (int64_t)(sum + (uint64_t)c));
            } else {
                fg_set_f64(p->y, p->y_base + i * n + j,
                           p->alpha * (double)(int64_t)sum + p->beta * (double)c);
            }
        }
    }
    fg_big_free(ctx, b);
    fg_big_free(ctx, a);
}

static void multiply(const fg_eval *e, const product *p, int64_t m, int64_t n, int64_t k) {
    if (!fg_is_float(e->in[0].dtype)) {
        integer_product(p, e->ctx, m, n, k);
        return;
    }
    bool single = fg_is_single(e);
    fg_dense d = {e->ctx, m, n, k, single, p, load_a, load_b, store};
    fg_dense_run(&d);
}

void fg_ref_gemm(const fg_eval *e) {
    const fg_shape *a = &e->in[0].shape, *b = &e->in[1].shape;
    int ta = fg_attr_int(e->node, "transA", 0) != 0, tb = fg_attr_int(e->node, "transB", 0) != 0;
    product p = {.a = {&e->in[0], 0, ta ? 1 : a->dim[1], ta ? a->dim[1] : 1},
                 .b = {&e->in[1], 0, tb ? 1 : b->dim[1], tb ? b->dim[1] : 1},
                 .y = &e->out[0],
                 .alpha = (double)fg_attr_float(e->node, "alpha", 1),
                 .beta = (double)fg_attr_float(e->node, "beta", 1)};
    if (e->node->n_in > 2 && e->in[2].data != NULL) {
        const fg_shape *c = &e->in[2].shape;
        p.c = &e->in[2];
        p.c_column = c->rank > 0 && c->dim[c->rank - 1] != 1 ? 1 : 0;
        p.c_row = c->rank > 1 && c->dim[0] != 1 ? c->dim[1] : 0;
    }
    multiply(e, &p, a->dim[ta], b->dim[1 - tb], a->dim[1 - ta]);
}

/* Offset of the operand's matrix for batch index i of the output's batch dimensions. */
static int64_t batch_offset(const fg_shape *s, const fg_shape *batch, int64_t i) {
    int own = s->rank > 2 ? s->rank - 2 : 0;
    int64_t stride = s->rank > 1 ? s->dim[s->rank - 1] * s->dim[s->rank - 2] : 0, offset = 0;
    for (int r = 1; r <= batch->rank; r++) {
        int64_t extent = batch->dim[batch->rank - r], index = i % extent;
        i /= extent;
        if (r > own) {
            continue;
        }
        if (s->dim[own - r] != 1) {
            offset += index * stride;
        }
        stride *= s->dim[own - r];
    }
    return offset;
}

void fg_ref_matmul(const fg_eval *e) {
    const fg_shape *a = &e->in[0].shape, *b = &e->in[1].shape;
    int64_t m = a->rank > 1 ? a->dim[a->rank - 2] : 1, k = a->dim[a->rank - 1];
    int64_t n = b->rank > 1 ? b->dim[b->rank - 1] : 1;
    fg_shape batch = e->out[0].shape;
    batch.rank -= (a->rank > 1) + (b->rank > 1);
    int64_t batches = fg_shape_count(&batch);
    product p = {
        .a = {&e->in[0], 0, k, 1}, .b = {&e->in[1], 0, n, 1}, .y = &e->out[0], .alpha = 1, .beta = 1};
    for (int64_t i = 0; i < batches && m > 0 && n > 0; i++) {
        p.a.base = batch_offset(a, &batch, i);
        p.b.base = batch_offset(b, &batch, i);
        p.y_base = i * m * n;
        multiply(e, &p, m, n, k);
    }
}
