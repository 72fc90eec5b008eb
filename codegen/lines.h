/* Operators that go over lines of a tensor several times: passes that gather a number each, then one that
 * rewrites every element by them (softmax, the normalisations). A line is all elements that share their kept
 * coordinates; its extents and strides are a nest's, so any axes of any layout will do. float32 goes by in
 * vectors along the line or across lines.
 *
 * In the texts: $x the element, $a this pass's number, $0 $1 the numbers of the passes before, $s and $b
 * scale and bias, $T the type tag, $n the elements of a line, $r its reciprocal, $e the operator's epsilon.
 */
#ifndef FG_CODEGEN_LINES_H
#define FG_CODEGEN_LINES_H

#include "codegen/tail.h"

#define FG_LINE_PASSES 2

typedef struct fg_line_pass {
    const char *start;                    /* of the number; NULL: the lowest value */
    const char *prepare, *vector_prepare; /* expression that $x becomes first; NULL: stays */
    const char *step, *vector_step;
    const char *join;  /* of two partial numbers: "add" or "max" */
    const char *after; /* expression that the number becomes at the end of the pass; NULL: stays */
    const char *vector_after;
    bool keep; /* prepared elements are stored in the result, where the last pass finds them as $x */
} fg_line_pass;

/* The mean; and the sum of squares of what is left of it, which becomes AFTER. */
#define FG_LINE_MEAN                                                                                         \
    {                                                                                                        \
        .start = "0", .step = "$a += $x;", .vector_step = "$a = fg_add($a, $x);", .join = "add",             \
        .after = "$a * $r", .vector_after = "fg_mul($a, fg_set1($r))"                                        \
    }
#define FG_LINE_SPREAD(AFTER, VECTOR_AFTER)                                                                  \
    {                                                                                                        \
        .start = "0", .prepare = "$x - $0", .vector_prepare = "fg_sub($x, $0)", .step = "$a += $x * $x;",    \
        .vector_step = "FG_FMA($a, $x, $x);", .join = "add", .after = AFTER, .vector_after = VECTOR_AFTER    \
    }

/* The reciprocal of the standard deviation, with the operator's epsilon under the root. */
#define FG_LINE_DEVIATION                                                                                    \
    FG_LINE_SPREAD("1 / fgs_sqrt_$T($a * $r + $e)",                                                          \
                   "fg_div(fg_set1(1.0f), fg_sqrt(fg_fma($a, fg_set1($r), fg_set1($e))))")

typedef struct fg_line_op {
    int n_passes;
    fg_line_pass pass[FG_LINE_PASSES];
    const char *last, *vector_last; /* expression of the result's element */
} fg_line_op;

typedef struct fg_lines {
    fg_emit *e;
    const fg_line_op *op;
    fg_nest *nest;
    fg_tail tail;
    fg_dims dims;
    int place[2 * FG_MAX_RANK]; /* where dimension d of the space is in the nest, until that is simplified */
    int kept;                   /* nest dimensions 0 .. kept - 1; a line runs over the others */
    int64_t count;              /* elements of a line */
    double epsilon;
    fg_dtype in, computed;
    fg_value *scale, *bias;
    int scale_operand, bias_operand;  /* in the nest; -1: none */
    fg_value *number[FG_LINE_PASSES]; /* outputs that take the numbers themselves, NULL: none */
    int number_operand[FG_LINE_PASSES];
    bool keep;
    int mode;
} fg_lines;

/* Starts with the input's nest: `extent` and `kept_dim` of `rank` dimensions of the space, in the input's
 * order, and where the result's dimensions lie in it. Declares x and y. */
void fg_lines_open(fg_emit *e, fg_lines *l, const fg_line_op *op, int rank, const int64_t *extent,
                   const bool *kept_dim, const fg_dims *dims);
/* Declares operands; v NULL: none. strides: in the space, in the input's order; NULL: broadcast to the
 * result. */
void fg_lines_scale(fg_lines *l, fg_value *v, const int64_t *stride);
void fg_lines_bias(fg_lines *l, fg_value *v, const int64_t *stride);
void fg_lines_number(fg_lines *l, int pass, fg_value *v); /* output that takes the pass's number */
void fg_lines_emit(fg_lines *l);

#endif
