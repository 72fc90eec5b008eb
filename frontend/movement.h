/* Movement operators as views: the same elements under other strides.
 *
 * Written for codegen and apart from the reference kernels, which never use it: each checks the other.
 */
#ifndef FG_FRONTEND_MOVEMENT_H
#define FG_FRONTEND_MOVEMENT_H

#include "frontend/graph.h"

/* Says where the elements of out[output] of n lie if those of in[0] lie at in_offset + sum of index *
 * in_stride (both count elements; in_stride has an entry for each dimension of in[0]). Writes a stride for
 * each dimension of the output and the offset of its first element; strides may be 0 (Expand) or negative
 * (Slice). The stride of a dimension of extent 1 means nothing, in and out; an output without elements has
 * any.
 *
 * Covers Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout (output 0), Transpose, Expand, Slice and
 * Split. False if the operator is another, an operand is not constant, or no such strides exist (a Reshape
 * that merges dimensions which are not adjacent in memory); *out_stride and *out_offset are then undefined. n
 * has been inferred. */
bool fg_movement_view(const fg_node *n, int output, const int64_t *in_stride, int64_t in_offset,
                      int64_t *out_stride, int64_t *out_offset);

/* The other way round, for operators that keep all elements (Reshape, Flatten, Squeeze, Unsqueeze, Identity,
 * Transpose): where those of in[0] have to lie if those of out[0] are to lie at out_offset + sum of index *
 * out_stride. */
bool fg_movement_source(const fg_node *n, const int64_t *out_stride, int64_t out_offset, int64_t *in_stride,
                        int64_t *in_offset);

#endif
