/* The multiply-accumulate engine of the reference kernels: c[m][n] = sum over k of a[m][k] * b[k][n], k in
 * order.
 *
 * Operands are produced in blocks by callbacks (im2col rows, transposed weights, other types), sums are kept
 * in double or, for the plain float run, in float. The inner loop runs over n, so that it vectorises without
 * changing the order in which one result is summed. */
#ifndef FG_FRONTEND_REFERENCE_DENSE_H
#define FG_FRONTEND_REFERENCE_DENSE_H

#include "frontend/ops.h"

#define FG_DENSE_M 64  /* rows of a at a time */
#define FG_DENSE_N 64  /* columns of b at a time */
#define FG_DENSE_K 256 /* depth of a block of b */

typedef struct fg_dense {
    fg_context *ctx;
    int64_t m, n, k;
    bool single; /* sums and blocks are float, not double */
    const void *user;

    /* Fills rows m0 .. m0+mn of a: a[i * k + j]. Elements are double, or float if single. */
    void (*load_a)(const struct fg_dense *d, int64_t m0, int64_t mn, void *a);
    /* Fills b[j * FG_DENSE_N + i] with b(k0 + j, n0 + i). The rest of a row may hold anything. */
    void (*load_b)(const struct fg_dense *d, int64_t k0, int64_t kn, int64_t n0, int64_t nn, void *b);
    /* Takes results c[i * FG_DENSE_N + j] for rows m0 + i, columns n0 + j. */
    void (*store)(const struct fg_dense *d, int64_t m0, int64_t mn, int64_t n0, int64_t nn, void *c);
} fg_dense;

void fg_dense_run(const fg_dense *d);

#endif
