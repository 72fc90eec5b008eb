/* Moving elements between strided places: what gathers, scatters, pads and resizes share. */
#ifndef FG_CODEGEN_MOVES_H
#define FG_CODEGEN_MOVES_H

#include "codegen/nest.h"

/* Loops over the nest's dimensions from `first` on that copy operand `from`, addressed from pointer
 * expression from_pointer, to operand `to`; a run of bytes at a time where both lie side by side. Outer
 * dimensions' variables i0, i1, ... are not used. */
void fg_emit_moves(fg_emit *e, const fg_nest *n, int first, int to, const char *to_pointer, int from,
                   const char *from_pointer, fg_dtype t);

/* The same where the elements of `from` are of type `stored` and those of `to` are float. */
void fg_emit_widened(fg_emit *e, const fg_nest *n, int first, int to, const char *to_pointer, int from,
                     const char *from_pointer, fg_dtype stored);

/* Copies all of `from`, addressed by from_pointer, to `to`, as both lie in memory; `to` may be larger in some
 * extents. */
void fg_emit_value_copy(fg_emit *e, const char *to_pointer, const fg_value *to, const char *from_pointer,
                        const fg_value *from);

/* Loops that set operand `to` of the nest, simplified by it before, to `value`. */
void fg_emit_fill(fg_emit *e, const fg_nest *n, int to, const char *to_pointer, const char *value);

/* A nest over v's own elements, simplified. */
fg_nest *fg_nest_of_value(fg_emit *e, const fg_value *v);

/* A nest over the dimensions of `shape` but `axis`, with n operands v[i] that have the same dimensions,
 * whatever their extent along the axis, or all but that one. Simplified by operand 0. step[i]: the operand's
 * stride along the axis, 0 if it has none. */
fg_nest *fg_nest_around(fg_emit *e, const fg_shape *shape, int axis, int n, const fg_value *const *v,
                        int64_t *step);

/* An output that somebody reads or the graph returns; v may be NULL. Others have no place in memory. */
bool fg_is_wanted(const fg_value *v);

/* True, and the kernel does nothing, if v is empty: its result, or an operand of the same shape. */
bool fg_is_empty_result(fg_emit *e, const fg_value *v);

/* Where indices are read and what they mean: index j of a tuple, at idx[place + j * step], moves by stride[j]
 * elements within extent[j]. */
typedef struct fg_indices {
    int count;
    int64_t step, extent[FG_MAX_RANK], stride[FG_MAX_RANK];
} fg_indices;

/* Declares `const ptrdiff_t k0 = ...` for the tuple at `place` (an expression) of pointer idx. Raises if an
 * extent is 0. */
void fg_emit_indices(fg_emit *e, const fg_indices *x, const char *place);
/* `pointer`, moved by the tuple: "x + k0 * 12 + k1". */
const char *fg_indexed(fg_context *ctx, const fg_indices *x, const char *pointer);

#endif
