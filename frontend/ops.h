/* The operator table: one row per operator (and per incompatible opset range), grouped in families.
 *
 * A row is everything fusegen knows of an operator. A family file frontend/ops/NAME.c exports
 *     const fg_op fg_ops_NAME[]; const int fg_ops_NAME_count;
 * and CMake collects the families from the folder's file names, so a new family is a new file and a new
 * operator a new row.
 */
#ifndef FG_FRONTEND_OPS_H
#define FG_FRONTEND_OPS_H

#include "frontend/graph.h"

/* Bit sets of dtypes for `types`. */
#define FG_T(t)     (UINT32_C(1) << (t))
#define FG_T_FLOATS (FG_T(FG_FLOAT) | FG_T(FG_DOUBLE) | FG_T(FG_FLOAT16) | FG_T(FG_BFLOAT16))
#define FG_T_INTS                                                                                            \
    (FG_T(FG_INT8) | FG_T(FG_INT16) | FG_T(FG_INT32) | FG_T(FG_INT64) | FG_T(FG_UINT8) | FG_T(FG_UINT16) |   \
     FG_T(FG_UINT32) | FG_T(FG_UINT64))
#define FG_T_NUMERIC (FG_T_FLOATS | FG_T_INTS)
#define FG_T_ALL     (FG_T_NUMERIC | FG_T(FG_BOOL) | FG_T(FG_STRING))

/* A tensor while it is evaluated. data: row-major, as in fg_value. */
typedef struct fg_tensor {
    fg_dtype dtype;
    fg_shape shape;
    void *data; /* NULL: absent optional operand */
} fg_tensor;

/* One evaluation of a node by its reference kernel. Inputs are never written; outputs are allocated by the
 * caller by the inferred shapes (fg_big_alloc, zeroed). */
typedef struct fg_eval {
    fg_context *ctx;
    const fg_node *node;
    const fg_tensor *in; /* node->n_in of them */
    fg_tensor *out;      /* node->n_out of them; data NULL where the output is not wanted */
    /* accumulate in the operand's own type (the "plain float32 run"), else in double */
    bool float_accumulate;
    int opset;
} fg_eval;

typedef struct fg_op {
    const char *name;
    const char *domain; /* "" = ai.onnx */
    int since;          /* first opset whose definition this row implements */
    int until;          /* last such opset; 0: the newest known */
    int min_in, max_in; /* max_in -1: variadic */
    int max_out;
    uint32_t types; /* dtypes of the main operand */

    /* Sets dtype and shape of node->out[*] from node->in[*] (shapes known; data where constant). Raises on
     * invalid nodes. An operand that must be constant and is not: use fg_need_const, which accepts a declared
     * output shape instead. An operator that stands for other nodes puts these in its place (see expand.h).
     */
    void (*infer)(fg_context *ctx, fg_graph *g, fg_node *n);

    /* Computes all outputs. Plain loops, double accumulation. */
    void (*reference)(const fg_eval *e);

    /* Name of the lowering in codegen/lower/NAME.c; NULL: folds away or is removed before lowering (then
     * unsupported if it survives). */
    const char *lowering;

    /* Elementwise operators only (lowering "map"): the operator as text over operands $0, $1, ... and
     * attributes $name (see codegen/expr.h). scalar: a C expression with the type-generic helpers of the
     * prelude; vector: in the vector vocabulary; NULL where there is no vector form (the scalar one is then
     * used lane by lane). */
    const char *scalar;
    const char *vector;

    /* Attribute defaults that expressions need, e.g. "alpha=0.01 beta=0.5"; NULL: none. */
    const char *defaults;

    const char *note; /* restriction shown on the supported-operators page; NULL: complete */
} fg_op;

/* Integer attribute by which inference says how many multiply-adds a node takes that is more than its
 * elements tell: limits and reports count it. */
#define FG_MACS "fg_macs"

/* Integer attribute by which inference says that a BatchNormalization normalises by the batch's statistics,
 * or that a Dropout may drop something. */
#define FG_TRAINS "fg_trains"

/* Row for (domain, name) that covers `opset`, or NULL. */
const fg_op *fg_op_find(const char *domain, const char *name, int opset);

/* All rows, family by family; for --list-ops and the generated page. */
int fg_op_count(void);
const fg_op *fg_op_at(int i);

/* ---- helpers for infer functions ---- */

/* ignores absent outputs; checks size and contradiction with a declared shape */
void fg_out_shape(fg_context *ctx, fg_node *n, int i, fg_dtype t, const fg_shape *s);
/* True if in[i] is constant. If not: raises FG_UNSUPPORTED naming the operand and --const, unless all outputs
 * of n have declared shapes; then returns false (the caller keeps the declared shapes; run-time check is
 * codegen's). */
bool fg_need_const(fg_context *ctx, fg_node *n, int i, const char *operand);
/* The same where the first output's elements are those of the first operand: raises FG_BAD_MODEL if a
 * declaration says that they are of another type. */
bool fg_need_const_same(fg_context *ctx, fg_node *n, int i, const char *operand);
/* Reads 1-D integer operand i into out (constant data, or attribute `attr` for older opsets). Returns count,
 * -1 if absent. */
int fg_operand_ints(fg_context *ctx, fg_node *n, int i, const char *attr, int max, int64_t *out);
/* normalises negatives; raises when out of range */
int fg_axis(fg_context *ctx, const fg_node *n, int64_t axis, int rank);
/* records that v is used as an index below extent, also where its values come from unchanged */
void fg_bound_index(fg_value *v, int64_t extent);
/* numpy rules */
void fg_broadcast_shape(fg_context *ctx, const fg_node *n, fg_shape *acc, const fg_shape *with);
void fg_infer_same(fg_context *ctx, fg_graph *g, fg_node *n); /* out[0] = dtype and shape of in[0] */
/* out[0] = broadcast of all inputs, dtype of in[0] */
void fg_infer_broadcast(fg_context *ctx, fg_graph *g, fg_node *n);

#endif
