#include "frontend/reference/dense.h"

#include <string.h>

#include "frontend/reference/access.h"

/* c[0..width) += a[0] * b[0][..] + a[1] * b[1][..] + ..., in this order. Four rows of b at a time keep c in
 * registers. */
#define ROW_FUNCTION(NAME, T)                                                                                \
    FG_HOT static void NAME(int64_t kn, int64_t width, const T *restrict a, const T *restrict b,             \
                            T *restrict c) {                                                                 \
        int64_t k = 0;                                                                                       \
        for (; k + 4 <= kn; k += 4) {                                                                        \
            const T a0 = a[k], a1 = a[k + 1], a2 = a[k + 2], a3 = a[k + 3];                                  \
            const T *restrict b0 = b + k * FG_DENSE_N, *restrict b1 = b0 + FG_DENSE_N;                       \
            const T *restrict b2 = b1 + FG_DENSE_N, *restrict b3 = b2 + FG_DENSE_N;                          \
            for (int64_t j = 0; j < width; j++) {                                                            \
                c[j] = (((c[j] + a0 * b0[j]) + a1 * b1[j]) + a2 * b2[j]) + a3 * b3[j];                       \
            }                                                                                                \
        }                                                                                                    \
        for (; k < kn; k++) {                                                                                \
            const T a0 = a[k];                                                                               \
            const T *restrict b0 = b + k * FG_DENSE_N;                                                       \
            for (int64_t j = 0; j < width; j++) {                                                            \
                c[j] += a0 * b0[j];                                                                          \
            }                                                                                                \
        }                                                                                                    \
    }

ROW_FUNCTION(row_double, double)
ROW_FUNCTION(row_float, float)

/* Whole vectors of any instruction set; what is summed beyond the columns wanted is never stored. */
static int64_t round_up(int64_t n) {
    return (n + 15) / 16 * 16;
}

static void add_block(const fg_dense *d, int64_t mn, int64_t k0, int64_t kn, int64_t width, const char *a,
                      const void *b, char *c) {
    size_t size = d->single ? sizeof(float) : sizeof(double);
    for (int64_t i = 0; i < mn; i++) {
        const char *row = a + (size_t)(i * d->k + k0) * size;
        char *sums = c + (size_t)(i * FG_DENSE_N) * size;
        if (d->single) {
            row_float(kn, width, (const float *)(const void *)row, (const float *)b, (float *)(void *)sums);
        } else {
            row_double(kn, width, (const double *)(const void *)row, (const double *)b,
                       (double *)(void *)sums);
        }
    }
}

void fg_dense_run(const fg_dense *d) {
    size_t size = d->single ? sizeof(float) : sizeof(double);
    size_t a_bytes = (size_t)FG_DENSE_M * (size_t)(d->k + 1) * size, b_bytes = FG_DENSE_K * FG_DENSE_N * size;
    char *a = (char *)fg_big_alloc(d->ctx, a_bytes);
    char *b = (char *)fg_big_alloc(d->ctx, b_bytes);
    char *c = (char *)fg_big_alloc(d->ctx, FG_DENSE_M * FG_DENSE_N * size);
    for (int64_t m0 = 0; m0 < d->m && d->n > 0; m0 += FG_DENSE_M) {
        int64_t mn = d->m - m0 < FG_DENSE_M ? d->m - m0 : FG_DENSE_M;
        d->load_a(d, m0, mn, a);
        for (int64_t n0 = 0; n0 < d->n; n0 += FG_DENSE_N) {
            int64_t nn = d->n - n0 < FG_DENSE_N ? d->n - n0 : FG_DENSE_N;
            memset(c, 0, (size_t)mn * FG_DENSE_N * size);
            for (int64_t k0 = 0; k0 < d->k; k0 += FG_DENSE_K) {
                int64_t kn = d->k - k0 < FG_DENSE_K ? d->k - k0 : FG_DENSE_K;
                d->load_b(d, k0, kn, n0, nn, b);
                add_block(d, mn, k0, kn, round_up(nn), a, b, c);
            }
            d->store(d, m0, mn, n0, nn, c);
        }
    }
    fg_big_free(d->ctx, c);
    fg_big_free(d->ctx, b);
    fg_big_free(d->ctx, a);
}
