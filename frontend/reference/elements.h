/* How reference kernels that only move elements address them: by index, whatever their type.
 *
 * Element i of a packed type (less than 8 bits) is fg_packed_get's; of all others `bits / 8` bytes. Arrays of
 * extents and strides have `rank` entries, at most FG_ND_MAX; strides and offsets count elements. */
#ifndef FG_FRONTEND_REFERENCE_ELEMENTS_H
#define FG_FRONTEND_REFERENCE_ELEMENTS_H

#include "frontend/ops.h"

#define FG_ND_MAX (2 * FG_MAX_RANK)

/* Every type that has a fixed-size element and can be moved. */
#define FG_T_FLOAT8                                                                                          \
    (FG_T(FG_FLOAT8E4M3FN) | FG_T(FG_FLOAT8E4M3FNUZ) | FG_T(FG_FLOAT8E5M2) | FG_T(FG_FLOAT8E5M2FNUZ) |       \
     FG_T(FG_FLOAT8E8M0))
#define FG_T_PACKED                                                                                          \
    (FG_T(FG_INT4) | FG_T(FG_UINT4) | FG_T(FG_INT2) | FG_T(FG_UINT2) | FG_T(FG_FLOAT4E2M1) |                 \
     FG_T(FG_FLOAT6E2M3) | FG_T(FG_FLOAT6E3M2))
#define FG_T_ANY (FG_T_ALL | FG_T_FLOAT8 | FG_T_PACKED)

/* Part of an array: element (i0, i1, ...) lies at offset + sum of i * stride. */
typedef struct fg_nd {
    int64_t offset;
    int64_t stride[FG_ND_MAX];
} fg_nd;

void fg_row_major(int rank, const int64_t *dim, int64_t *stride);

/* dst[to] = src[from] */
void fg_copy_element(fg_dtype t, void *dst, int64_t to, const void *src, int64_t from);

/* Copies a block of the given extents from one strided array to another. */
void fg_copy_nd(fg_dtype t, int rank, const int64_t *dim, void *dst, const fg_nd *to, const void *src,
                const fg_nd *from);

/* Advances index[] through a box in row-major order; false after the last. Start with zeros; the box is not
 * empty. */
bool fg_next_index(int rank, const int64_t *dim, int64_t *index);

/* Element i of an integer, bool or float tensor as a constant would be read. */
int64_t fg_tensor_int(const fg_tensor *t, int64_t i);
double fg_tensor_float(const fg_tensor *t, int64_t i);

/* Copies a 1-D (or scalar) integer operand; returns its length. Raises FG_BAD_MODEL if it has more than max
 * elements. */
int fg_tensor_ints(fg_context *ctx, const fg_tensor *t, int max, int64_t *out);

/* True if operand i of the evaluation is there. */
bool fg_has_operand(const fg_eval *e, int i);

/* The whole of input 0 into output 0, element by element in row-major order. */
void fg_ref_copy(const fg_eval *e);

#endif
