/* Loop nests over strided operands: what lowerings that take any layout share.
 *
 * A nest has an iteration space and, for each operand, how far its address moves per step in each dimension
 * (0 where it is broadcast). Simplifying a nest sorts its dimensions so that the last one moves one operand
 * least, drops those of extent 1 and merges neighbours that all operands walk as one; so a channels-last
 * tensor and a row-major one, or a chain over equal shapes, become the same one-dimensional loop.
 */
#ifndef FG_CODEGEN_NEST_H
#define FG_CODEGEN_NEST_H

#include "codegen/lower.h"

typedef struct fg_nest {
    int rank;
    int64_t extent[2 * FG_MAX_RANK];
    int n;                              /* operands */
    int64_t (*stride)[2 * FG_MAX_RANK]; /* by operand */
    int capacity;
} fg_nest;

/* A nest over `space` with room for max_operands. */
fg_nest *fg_nest_new(fg_context *ctx, const fg_shape *space, int max_operands);
/* Adds an operand by its strides; returns its number. */
int fg_nest_add(fg_context *ctx, fg_nest *n, const int64_t *stride);
/* Adds value v as it lies in memory, broadcast to the nest's space by numpy's rules. */
int fg_nest_add_value(const fg_emit *e, fg_nest *n, const fg_value *v);

/* Sorts by the strides of operand `by`, drops and merges, in the dimensions from `first` to `last` - 1 only.
 * Returns how many dimensions are left in that range. */
int fg_nest_simplify(fg_nest *n, int by, int first, int last);

/* Dimension d becomes dimension `to` >= d; those between move up. */
void fg_nest_move(fg_nest *n, int d, int to);

/* Element offset of an operand in the dimensions from first to last - 1 over the variables VAR0, VAR1, ...:
 * "i0 * 12 + i2", "0" if nothing moves it. */
const char *fg_nest_at(fg_context *ctx, const fg_nest *n, int operand, int first, int last, const char *var);
/* "for (int VAR0 = 0; ...) ..." with an opening brace each, for the dimensions from first to last - 1; and
 * their closing. */
void fg_nest_open(const fg_nest *n, int first, int last, const char *var, fg_text *out);
void fg_nest_close(int loops, fg_text *out);

/* Row-major strides of a shape. */
void fg_dense_strides(const fg_shape *s, int64_t *stride);
/* Where v's elements lie: the layout's strides, row-major for constants. */
void fg_strides_of(const fg_emit *e, const fg_value *v, int64_t *stride);

/* ---- elements of any type ---- */

/* C type that elements of type t are computed in ("float" for float16, "int8_t" for int4). Raises
 * FG_UNSUPPORTED for types that generated code has no arithmetic for (strings, complex). */
const char *fg_compute_type(fg_context *ctx, fg_dtype t);
/* "x[i]", converted where storage and computation differ. */
const char *fg_load_element(fg_context *ctx, fg_dtype t, const char *pointer, const char *index);
/* "y[i] = value;" likewise. */
const char *fg_store_element(fg_context *ctx, fg_dtype t, const char *pointer, const char *index,
                             const char *value);
/* For floats of at most 8 bits (fg_is_minifloat), with Cast's attributes; fg_store_element saturates. */
bool fg_is_minifloat(fg_dtype t);
const char *fg_store_minifloat(fg_context *ctx, fg_dtype t, const char *pointer, const char *index,
                               const char *value, bool saturate, const char *round_mode);
/* "y[at] = x[index];" for any type, packed ones included: the bits as they are. */
const char *fg_move_element(fg_context *ctx, fg_dtype t, const char *to, const char *at, const char *from,
                            const char *index);
/* Packed elements are written one by one into bytes that keep their other bits: clears those behind the last
 * element. Nothing for other types. */
void fg_clear_packed(fg_emit *e, const char *name, const fg_value *v);
/* "x + i", or "x" where the index is "0". */
const char *fg_pointer_to(fg_context *ctx, const char *pointer, const char *index);

/* Offset of operand `i` at VAR "i" in the dimensions below `last`, `shift` elements on along dimension
 * `along`. */
const char *fg_nest_shifted(fg_context *ctx, const fg_nest *n, int i, int last, int along, int64_t shift);
/* Loads there from pointer `name`: one element, converted to what is computed in, if lanes is 0; else a
 * float32 vector of that many lanes along `along`, in which the operand moves by 1 or, broadcast, by 0. */
const char *fg_nest_load(const fg_emit *e, const fg_nest *n, int i, fg_dtype t, const char *name, int last,
                         int lanes, int along, int64_t shift);

/* Where the dimensions of a value lie in a nest; a dimension may be split in two. */
typedef struct fg_dims {
    int to[FG_MAX_RANK];
    int inner[FG_MAX_RANK]; /* -1: not split; else dimension of the inner part */
    int64_t inner_extent[FG_MAX_RANK];
} fg_dims;

fg_dims fg_dims_same(int rank);

/* Adds v, broadcast to a shape of `rank` dimensions that lie in the nest as `dims` says. */
int fg_nest_add_in(const fg_emit *e, fg_nest *n, const fg_value *v, int rank, const fg_dims *dims);

/* The same by strides of v's dimensions. */
int fg_nest_add_strides(const fg_emit *e, fg_nest *n, const fg_value *v, const int64_t *own, int rank,
                        const fg_dims *dims);

/* Raises FG_UNSUPPORTED for element types that cannot be moved one by one (packed types). */
void fg_need_whole_elements(fg_emit *e, const fg_value *v);

/* Divides the kernel's work among threads, if the code is made for them, along the first of the dimensions 0
 * .. loops - 1 that has more than one step. Sets PAR, that dimension or -1, and the texts PART_FROM and
 * PART_TO, its bounds. Once per kernel. */
void fg_nest_divide(fg_emit *e, fg_template *t, const fg_nest *n, int loops);
/* The same for templates/map.c.in, with its other parameters: LOOPS, EXTENT, VECTOR, N. Without loops around
 * the vectors, these are divided. */
void fg_nest_map(fg_emit *e, fg_template *t, const fg_nest *n, bool vector);

/* Raises FG_UNSUPPORTED, saying how to bind it, if v is there and not constant. */
void fg_need_constant(fg_emit *e, const fg_value *v);

#endif
