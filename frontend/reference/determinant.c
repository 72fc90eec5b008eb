/* Det: elimination with the largest pivot of each column, in double. */
#include "frontend/reference/determinant.h"

#include <math.h>
#include <string.h>

#include "frontend/reference/access.h"

static void swap_rows(double *a, int64_t n, int64_t i, int64_t k) {
    for (int64_t j = 0; j < n; j++) {
        const double t = a[i * n + j];
        a[i * n + j] = a[k * n + j];
        a[k * n + j] = t;
    }
}

static int64_t pivot_of(const double *a, int64_t n, int64_t column) {
    int64_t best = column;
    for (int64_t i = column + 1; i < n; i++) {
        if (fabs(a[i * n + column]) > fabs(a[best * n + column])) {
            best = i;
        }
    }
    return best;
}

static double determinant(double *a, int64_t n) {
    double det = 1;
    for (int64_t k = 0; k < n; k++) {
        const int64_t p = pivot_of(a, n, k);
        if (p != k) {
            swap_rows(a, n, p, k);
            det = -det;
        }
        const double pivot = a[k * n + k];
        det *= pivot;
        if (pivot == 0) {
            return det;
        }
        for (int64_t i = k + 1; i < n; i++) {
            const double f = a[i * n + k] / pivot;
            for (int64_t j = k + 1; j < n; j++) {
                a[i * n + j] -= f * a[k * n + j];
            }
        }
    }
    return det;
}

void fg_ref_det(const fg_eval *e) {
    const fg_shape *s = &e->in[0].shape;
    const int64_t n = s->dim[s->rank - 1], count = fg_shape_count(&e->out[0].shape);
    double *a = fg_big_alloc(e->ctx, (size_t)(n * n + 1) * sizeof *a);
    for (int64_t i = 0; i < count; i++) {
        fg_load_f64(&e->in[0], i * n * n, 1, n * n, a);
        fg_set_f64(&e->out[0], i, determinant(a, n));
    }
    fg_big_free(e->ctx, a);
}
