/* The second operand of MatMulNBits: N columns of K elements of a few bits, in blocks that share a scale. */
#ifndef FG_FRONTEND_NBITS_H
#define FG_FRONTEND_NBITS_H

#include "frontend/ops.h"

/* Column n is at bytes (n * blocks + block) * bytes, element after element from the lowest bit on; its zero
 * points, packed alike, at n * zero_bytes. */
typedef struct fg_nbits {
    int64_t k, n, block, blocks; /* elements of a block, blocks of a column */
    int64_t bytes, zero_bytes;   /* of a block, of the zero points of a column */
    int bits;
} fg_nbits;

/* From the node's attributes; raises if they make no sense. */
fg_nbits fg_nbits_of(fg_context *ctx, const fg_node *n);

#endif
