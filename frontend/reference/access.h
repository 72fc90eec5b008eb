/* How reference kernels read and write tensors of any numeric type: in runs, as double, float or int64.
 *
 * float16 and bfloat16 are widened exactly and rounded to nearest even on the way back. bool reads as 0 or 1.
 * uint64 travels through int64 by its bit pattern. Elements of string tensors travel as pointers through the
 * int64 form. Types that a kernel has not declared in its row never get here. */
#ifndef FG_FRONTEND_REFERENCE_ACCESS_H
#define FG_FRONTEND_REFERENCE_ACCESS_H

#include "frontend/ops.h"

/* Hot loops are compiled for several instruction sets; the bits are the same, since contraction is off. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__gnu_linux__) &&             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_UNDEFINED__)
#define FG_HOT __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FG_HOT
#endif

/* Elements at offset, offset + stride, ...: n of them. stride 0 repeats one. */
void fg_load_f64(const fg_tensor *t, int64_t offset, int64_t stride, int64_t n, double *out);
void fg_load_f32(const fg_tensor *t, int64_t offset, int64_t stride, int64_t n, float *out);
void fg_load_i64(const fg_tensor *t, int64_t offset, int64_t stride, int64_t n, int64_t *out);

/* n consecutive elements from offset on. Integers wrap; a double stored to an integer type is truncated and
 * saturated. */
void fg_store_f64(fg_tensor *t, int64_t offset, int64_t n, const double *in);
void fg_store_f32(fg_tensor *t, int64_t offset, int64_t n, const float *in);
void fg_store_i64(fg_tensor *t, int64_t offset, int64_t n, const int64_t *in);

double fg_get_f64(const fg_tensor *t, int64_t i);
int64_t fg_get_i64(const fg_tensor *t, int64_t i);
void fg_set_f64(fg_tensor *t, int64_t i, double x);
void fg_set_i64(fg_tensor *t, int64_t i, int64_t x);

bool fg_is_float(fg_dtype t); /* float, double, float16, bfloat16 */

/* a + b, rounded to float in the plain float run (single). */
static inline double fg_accumulate(bool single, double a, double b) {
    return single ? (double)((float)a + (float)b) : a + b;
}

/* Does this evaluation sum in float? */
static inline bool fg_is_single(const fg_eval *e) {
    return e->float_accumulate && e->in[0].dtype != FG_DOUBLE;
}

#endif
