/* Einsum's equation: which dimension of which operand carries which label. */
#ifndef FG_FRONTEND_EINSUM_H
#define FG_FRONTEND_EINSUM_H

#include "frontend/ops.h"

#define FG_EINSUM_LABELS (2 * FG_MAX_RANK)

typedef struct fg_einsum {
    int n_labels; /* the first out_rank are the result's dimensions in order; the others are summed over */
    int64_t extent[FG_EINSUM_LABELS];
    int out_rank;
    int (*label)[FG_MAX_RANK]; /* by operand and dimension */
} fg_einsum;

/* Reads the equation of n against the shapes of its operands; an extent of 1 is repeated where another
 * operand's is longer. Raises FG_BAD_MODEL; FG_UNSUPPORTED for too many labels. */
void fg_einsum_plan(fg_context *ctx, const fg_node *n, fg_einsum *e);

/* Step of operand i in every label's direction, from its strides by dimension. */
void fg_einsum_strides(const fg_einsum *e, int i, const fg_shape *shape, const int64_t *stride, int64_t *out);

#endif
