/* Elementwise operators as C expressions, from the operator table's text (fg_op.scalar, .vector, .defaults).
 *
 * In that text $0, $1, ... are operands, $T the type tag computed in, $k the number of operands folded so far
 * (variadic rows), and $name an attribute or, if the node has none, the row's default. "($name ? A : B)" over
 * an attribute is decided here: only A or B is emitted.
 *
 * Attributes become C literals: floats exactly, with the suffix of a floating type tag (double literals in
 * expressions over integers unless they are whole numbers); integer attributes as integers; defaults by the
 * type tag. Negative ones stand in parentheses.
 */
#ifndef FG_CODEGEN_EXPR_H
#define FG_CODEGEN_EXPR_H

#include "frontend/ops.h"

/* Expression for node n over `args` (identifiers, literals or calls), not in parentheses. type_tag: what $T
 * stands for, see fg_ctype_tag. vector: the vector form, which exists if n->op->vector is set; args are
 * vectors then. An absent operand is NULL; Clip's bounds then become the type's lowest and highest value. A
 * variadic row with one operand is that operand; with several a left fold in one expression, which raises
 * where the row uses $0 more than once (use fg_expr_step). The text lives in the context. Raises FG_INTERNAL
 * on unknown names and missing operands. */
const char *fg_expr(fg_context *ctx, const fg_node *n, bool vector, const char *type_tag, int n_args,
                    const char *const *args);

/* One step of a variadic row's fold: `so_far` combined with operand `next`, the k-th (2, 3, ...). */
const char *fg_expr_step(fg_context *ctx, const fg_node *n, bool vector, const char *type_tag, int k,
                         const char *so_far, const char *next);

/* The type that n's expression is computed in: that of its first operand (Where: of the second); double for
 * Pow with an integer base and a floating-point exponent. float16 and bfloat16 are computed as float. */
fg_dtype fg_expr_dtype(const fg_node *n);

/* What elements of type t are between load and store: float for all smaller floats, int8 or uint8 for packed
 * integers; else t. */
fg_dtype fg_computed_dtype(fg_dtype t);

/* "f32" (also for all smaller floats), "f64", "i8" (also for packed integers) ... "u64", "b8"; NULL for types
 * that expressions do not handle. */
const char *fg_ctype_tag(fg_dtype t);

/* Literals. Infinities and NaN are the prelude's FG_INF, -FG_INF and FG_NAN (double: the same names,
 * converted). */
const char *fg_c_float(fg_context *ctx, float f);   /* "1.0f", "-0.100000001f" */
const char *fg_c_double(fg_context *ctx, double d); /* "1.0" */
const char *fg_c_int(fg_context *ctx, fg_dtype t,
                     int64_t i); /* "1", "INT64_C(1)", "(-INT64_C(9223372036854775807) - 1)"; for
                                    uint64 the bits of i */
/* Element i of constant v as a literal of its own type (float16 and bfloat16: as float). */
const char *fg_c_element(fg_context *ctx, const fg_value *v, int64_t i);
/* Lowest and highest value of a type: infinities for floating types. */
const char *fg_c_lowest(fg_context *ctx, fg_dtype t);
const char *fg_c_highest(fg_context *ctx, fg_dtype t);

#endif
