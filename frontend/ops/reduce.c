/* Reductions over axes, ArgMax and ArgMin. */
#include "frontend/reference/reduce.h"
#include "frontend/ops.h"

/* Marks the axes that n reduces; false if the axes operand is not constant (the declared shape stands). The
 * axes are an operand if the row takes two inputs, else an attribute. */
static bool find_axes(fg_context *ctx, fg_node *n, bool *reduced) {
    int rank = n->in[0]->shape.rank;
    int64_t axes[FG_MAX_RANK];
    bool given = n->op->max_in == 2 && n->n_in > 1 && n->in[1] != NULL;
    if (given && !fg_need_const_same(ctx, n, 1, "axes")) {
        return false;
    }
    int count = fg_operand_ints(ctx, n, n->op->max_in == 2 ? 1 : -1, n->op->max_in == 2 ? NULL : "axes",
                                FG_MAX_RANK, axes);
    bool all = count <= 0 && fg_attr_int(n, "noop_with_empty_axes", 0) == 0;
    for (int d = 0; d < rank; d++) {
        reduced[d] = all;
    }
    for (int k = 0; k < count; k++) {
        int d = fg_axis(ctx, n, axes[k], rank);
        if (reduced[d]) {
            fg_blame_attribute(ctx, "axes");
            fg_raise(ctx, FG_BAD_MODEL, "axis %d is named twice", d);
        }
        reduced[d] = true;
    }
    return true;
}

static void set_reduced(fg_context *ctx, fg_node *n, fg_dtype t, const bool *reduced) {
    const fg_shape *x = &n->in[0]->shape;
    bool keep = fg_attr_int(n, "keepdims", 1) != 0;
    fg_shape y = {.rank = 0};
    for (int d = 0; d < x->rank; d++) {
        if (!reduced[d]) {
            y.dim[y.rank++] = x->dim[d];
        } else if (keep) {
            y.dim[y.rank++] = 1;
        }
    }
    fg_out_shape(ctx, n, 0, t, &y);
}

static void infer_reduce(fg_context *ctx, fg_graph *g, fg_node *n) {
    bool reduced[FG_MAX_RANK] = {false};
    (void)g;
    if (find_axes(ctx, n, reduced)) {
        set_reduced(ctx, n, n->in[0]->dtype, reduced);
    }
}

static void infer_arg(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    bool reduced[FG_MAX_RANK] = {false};
    (void)g;
    int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 0), x->rank);
    if (x->dim[axis] < 1) {
        fg_raise(ctx, FG_BAD_MODEL, "axis %d of the input's shape %s is empty", axis, fg_shape_text(ctx, x));
    }
    reduced[axis] = true;
    set_reduced(ctx, n, FG_INT64, reduced);
    if (n->n_out > 0 && n->out[0] != NULL) {
        n->out[0]->bound = x->dim[axis];
    }
}

/* Axes were an attribute up to LAST, an operand afterwards. */
#define REDUCE(NAME, LAST, TYPES, REFERENCE)                                                                 \
    {NAME, "", 1, LAST, 1, 1, 1, TYPES, infer_reduce, REFERENCE, "reduce", NULL, NULL, "keepdims=1", NULL},  \
    {                                                                                                        \
        NAME, "", LAST + 1, 0, 1, 2, 1, TYPES, infer_reduce, REFERENCE, "reduce", NULL, NULL,                \
            "keepdims=1 noop_with_empty_axes=0", NULL                                                        \
    }
#define ARG(NAME, REFERENCE)                                                                                 \
    {                                                                                                        \
        NAME, "", 1, 0, 1, 1, 1, FG_T_NUMERIC, infer_arg, REFERENCE, "argreduce", NULL, NULL,                \
            "axis=0 keepdims=1 select_last_index=0", NULL                                                    \
    }

const fg_op fg_ops_reduce[] = {
    REDUCE("ReduceL1", 17, FG_T_NUMERIC, fg_ref_reduce_l1),
    REDUCE("ReduceL2", 17, FG_T_NUMERIC, fg_ref_reduce_l2),
    REDUCE("ReduceLogSum", 17, FG_T_NUMERIC, fg_ref_reduce_log_sum),
    REDUCE("ReduceLogSumExp", 17, FG_T_NUMERIC, fg_ref_reduce_log_sum_exp),
    REDUCE("ReduceMax", 17, FG_T_NUMERIC | FG_T(FG_BOOL), fg_ref_reduce_max),
    REDUCE("ReduceMean", 17, FG_T_NUMERIC, fg_ref_reduce_mean),
    REDUCE("ReduceMin", 17, FG_T_NUMERIC | FG_T(FG_BOOL), fg_ref_reduce_min),
    REDUCE("ReduceProd", 17, FG_T_NUMERIC, fg_ref_reduce_prod),
    REDUCE("ReduceSum", 12, FG_T_NUMERIC, fg_ref_reduce_sum),
    REDUCE("ReduceSumSquare", 17, FG_T_NUMERIC, fg_ref_reduce_sum_square),
    ARG("ArgMax", fg_ref_arg_max),
    ARG("ArgMin", fg_ref_arg_min),
};

const int fg_ops_reduce_count = (int)FG_COUNT(fg_ops_reduce);
