/* com.microsoft's activations, normalisations and products. */
#include "frontend/reference/microsoft.h"

#include <math.h>
#include <string.h>

#include "frontend/reference/access.h"
#include "frontend/reference/conv.h"
#include "frontend/reference/elements.h"
#include "frontend/reference/matmul.h"
#include "frontend/reference/sequence.h"

static double *doubles(const fg_eval *e, int64_t n) {
    return fg_big_alloc(e->ctx, (size_t)(n + 1) * sizeof(double));
}

static bool is(const fg_eval *e, const char *op) {
    return strcmp(e->node->op_type, op) == 0;
}

static bool is_wanted(const fg_eval *e, int i) {
    return i < e->node->n_out && e->out[i].data != NULL;
}

/* ---- activations ---- */

static double gelu(double x) {
    return 0.5 * x * (1 + erf(x * 0.70710678118654752));
}

static double gelu_tanh(double x) {
    return 0.5 * x * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
}

void fg_ref_ms_gelu(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    const int64_t n = fg_shape_count(&x->shape),
                  width = x->shape.rank > 0 ? x->shape.dim[x->shape.rank - 1] : 1;
    const double alpha = (double)fg_attr_float(e->node, "alpha", 1.702F);
    for (int64_t i = 0; i < n; i++) {
        double v = fg_get_f64(x, i);
        v += fg_has_operand(e, 1) ? fg_get_f64(&e->in[1], i % width) : 0;
        v = is(e, "QuickGelu") ? v / (1 + exp(-alpha * v)) : is(e, "FastGelu") ? gelu_tanh(v) : gelu(v);
        fg_set_f64(&e->out[0], i, v);
    }
}

/* ---- normalisations ---- */

/* x over its root mean square, or less its mean over its deviation; times scale, plus bias. */
static void normalise(const fg_eval *e, double *x, int64_t n, bool centred, const fg_tensor *scale,
                      const fg_tensor *bias, double epsilon) {
    double mean = 0, squares = 0;
    const bool single = fg_is_single(e);
    for (int64_t i = 0; i < n && centred; i++) {
        mean = fg_accumulate(single, mean, x[i]);
    }
    mean /= n > 0 ? (double)n : 1;
    for (int64_t i = 0; i < n; i++) {
        squares = fg_accumulate(single, squares, (x[i] - mean) * (x[i] - mean));
    }
    const double inverse = 1 / sqrt(squares / (n > 0 ? (double)n : 1) + epsilon);
    for (int64_t i = 0; i < n; i++) {
        x[i] = (x[i] - mean) * inverse * fg_get_f64(scale, i);
        x[i] += bias != NULL ? fg_get_f64(bias, i) : 0;
    }
}

void fg_ref_simplified_norm(const fg_eval *e) {
    const fg_shape *s = &e->in[0].shape;
    const int64_t n = s->dim[s->rank - 1], count = fg_shape_count(s);
    const double epsilon = (double)fg_attr_float(e->node, "epsilon", 1e-5F);
    double *x = doubles(e, n);
    for (int64_t at = 0; at < count; at += n) {
        fg_load_f64(&e->in[0], at, 1, n, x);
        normalise(e, x, n, false, &e->in[1], NULL, epsilon);
        fg_store_f64(&e->out[0], at, n, x);
    }
    fg_big_free(e->ctx, x);
}

void fg_ref_skip_norm(const fg_eval *e) {
    enum { INPUT, SKIP, GAMMA };
    const bool centred = is(e, "SkipLayerNormalization");
    const int beta = centred ? 3 : -1, bias = centred ? 4 : 3;
    const fg_shape *s = &e->in[INPUT].shape;
    const int64_t n = s->dim[s->rank - 1], count = fg_shape_count(s),
                  repeat = fg_shape_count(&e->in[SKIP].shape);
    const double epsilon = (double)fg_attr_float(e->node, "epsilon", 1e-12F);
    double *x = doubles(e, n), *y = doubles(e, n);
    for (int64_t at = 0; at < count; at += n) {
        fg_load_f64(&e->in[INPUT], at, 1, n, x);
        fg_load_f64(&e->in[SKIP], at % repeat, 1, n, y);
        for (int64_t i = 0; i < n; i++) {
            x[i] += y[i] + (fg_has_operand(e, bias) ? fg_get_f64(&e->in[bias], i) : 0);
        }
        if (is_wanted(e, 3)) {
            fg_store_f64(&e->out[3], at, n, x);
        }
        normalise(e, x, n, centred, &e->in[GAMMA], beta > 0 && fg_has_operand(e, beta) ? &e->in[beta] : NULL,
                  epsilon);
        if (is_wanted(e, 0)) {
            fg_store_f64(&e->out[0], at, n, x);
        }
    }
    fg_big_free(e->ctx, y);
    fg_big_free(e->ctx, x);
}

/* Adds the row of a table; what points outside is taken to the nearest end. */
static void add_row(const fg_eval *e, int table, int64_t row, int64_t n, double *x, double *room) {
    const int64_t rows = e->in[table].shape.dim[0];
    row = row < 0 ? row + rows : row;
    row = row < 0 ? 0 : row >= rows ? rows - 1 : row;
    fg_load_f64(&e->in[table], row * n, 1, n, room);
    for (int64_t i = 0; i < n; i++) {
        x[i] += room[i];
    }
}

void fg_ref_embed_norm(const fg_eval *e) {
    enum { IDS, SEGMENTS, WORDS, PLACES, SEGMENT_TABLE, GAMMA, BETA, MASK, POSITIONS };
    const int64_t batch = e->in[IDS].shape.dim[0], length = e->in[IDS].shape.dim[1],
                  n = e->in[WORDS].shape.dim[1];
    const double epsilon = (double)fg_attr_float(e->node, "epsilon", 1e-12F);
    double *x = doubles(e, n), *room = doubles(e, n);
    for (int64_t t = 0; t < batch * length; t++) {
        int64_t place = t % length;
        if (fg_has_operand(e, POSITIONS)) {
            place = fg_get_i64(&e->in[POSITIONS], e->in[POSITIONS].shape.dim[0] == batch ? t : place);
        }
        memset(x, 0, (size_t)n * sizeof *x);
        add_row(e, WORDS, fg_get_i64(&e->in[IDS], t), n, x, room);
        add_row(e, PLACES, place, n, x, room);
        if (fg_has_operand(e, SEGMENTS)) {
            add_row(e, SEGMENT_TABLE, fg_get_i64(&e->in[SEGMENTS], t), n, x, room);
        }
        if (is_wanted(e, 2)) {
            fg_store_f64(&e->out[2], t * n, n, x);
        }
        normalise(e, x, n, true, &e->in[GAMMA], &e->in[BETA], epsilon);
        if (is_wanted(e, 0)) {
            fg_store_f64(&e->out[0], t * n, n, x);
        }
    }
    for (int64_t t = 0; t < batch * length && is_wanted(e, 1) && fg_has_operand(e, MASK); t++) {
        fg_set_i64(&e->out[1], t / length, fg_get_i64(&e->out[1], t / length) + fg_get_i64(&e->in[MASK], t));
    }
    fg_big_free(e->ctx, room);
    fg_big_free(e->ctx, x);
}

/* ---- products ---- */

/* Strides of operand i over batch dimensions (right-aligned in `rank` of them), rows and columns. */
static void matrix_strides(const fg_eval *e, int i, int rank, int64_t *batch, int64_t *row, int64_t *column) {
    static const char *const flags[] = {"transA", "transB"};
    const fg_shape *s = &e->in[i].shape;
    int64_t own[FG_MAX_RANK] = {0};
    fg_row_major(s->rank, s->dim, own);
    const bool swapped = fg_attr_int(e->node, flags[i], 0) != 0, vector = s->rank == 1;
    *row = vector ? (i == 0 ? 0 : 1) : own[s->rank - (swapped ? 1 : 2)];
    *column = vector ? (i == 0 ? 1 : 0) : own[s->rank - (swapped ? 2 : 1)];
    for (int d = 0; d < rank; d++) {
        const int from = d - (rank - (s->rank - 2));
        batch[d] = vector || from < 0 || s->dim[from] == 1 ? 0 : own[from];
    }
}

void fg_ref_fused_matmul(const fg_eval *e) {
    const fg_shape *a = &e->in[0].shape, *b = &e->in[1].shape, *y = &e->out[0].shape;
    const bool rows = a->rank > 1, columns = b->rank > 1;
    const int rank = y->rank - rows - columns;
    int64_t batch[2][FG_MAX_RANK], row[2], column[2], index[FG_MAX_RANK] = {0};
    for (int i = 0; i < 2; i++) {
        matrix_strides(e, i, rank, batch[i], &row[i], &column[i]);
    }
    const int64_t m = rows ? y->dim[rank] : 1, n = columns ? y->dim[y->rank - 1] : 1;
    const int64_t k = a->dim[a->rank - (fg_attr_int(e->node, "transA", 0) != 0 ? 2 : 1)];
    const double alpha = (double)fg_attr_float(e->node, "alpha", 1);
    const int64_t count = fg_shape_count(y);
    for (int64_t at = 0; at < count; at += m * n) {
        int64_t from[2] = {0, 0};
        for (int d = 0; d < rank; d++) {
            from[0] += index[d] * batch[0][d];
            from[1] += index[d] * batch[1][d];
        }
        for (int64_t i = 0; i < m * n; i++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++) {
                sum = fg_accumulate(fg_is_single(e), sum,
                                    fg_get_f64(&e->in[0], from[0] + i / n * row[0] + l * column[0]) *
                                        fg_get_f64(&e->in[1], from[1] + l * row[1] + i % n * column[1]));
            }
            fg_set_f64(&e->out[0], at + i, alpha * sum);
        }
        fg_next_index(rank, y->dim, index);
    }
}

static double activate(const fg_activation *a, double x) {
    const double p = a->parameter[0], q = a->parameter[1];
    if (a->op == NULL) {
        return x;
    }
    switch (a->op[0]) {
    case 'R': return x < 0 ? 0 : x;
    case 'S': return 1 / (1 + exp(-x));
    case 'T': return tanh(x);
    case 'L': return x < 0 ? p * x : x;
    case 'H': return fmax(0, fmin(1, p * x + q));
    default: return x < p ? p : x > q ? q : x;
    }
}

/* The product by its own kernel, into doubles, then what is added and the activation. */
static void fused(const fg_eval *e, void (*product)(const fg_eval *), int added) {
    const fg_activation a = fg_fused_activation(e->ctx, e->node);
    const int64_t n = fg_shape_count(&e->out[0].shape);
    fg_tensor y = {FG_DOUBLE, e->out[0].shape, doubles(e, n)};
    fg_eval plain = *e;
    plain.out = &y;
    product(&plain);
    for (int64_t i = 0; i < n; i++) {
        const double more = added >= 0 && fg_has_operand(e, added) ? fg_get_f64(&e->in[added], i) : 0;
        fg_set_f64(&e->out[0], i, activate(&a, ((double *)y.data)[i] + more));
    }
    fg_big_free(e->ctx, y.data);
}

void fg_ref_fused_conv(const fg_eval *e) {
    fused(e, fg_ref_conv, 3);
}

void fg_ref_fused_gemm(const fg_eval *e) {
    fused(e, fg_ref_gemm, -1);
}

void fg_ref_ms_rotary(const fg_eval *e) {
    fg_rotary r;
    fg_ms_rotary_plan(e->ctx, e->node, &r);
    fg_ref_rotate(e, &r);
}
