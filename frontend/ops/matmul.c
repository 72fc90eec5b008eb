/* Gemm and MatMul. */
#include "frontend/reference/matmul.h"
#include "frontend/int_product.h"

static void same_type(fg_context *ctx, const fg_node *n) {
    for (int i = 1; i < n->n_in; i++) {
        if (n->in[i] != NULL && n->in[i]->dtype != n->in[0]->dtype) {
            fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is %s, operand '%s' is %s; both must be of one type",
                     n->in[0]->name, fg_dtype_get(n->in[0]->dtype)->name, n->in[i]->name,
                     fg_dtype_get(n->in[i]->dtype)->name);
        }
    }
}

static void infer_gemm(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *a = &n->in[0]->shape, *b = &n->in[1]->shape;
    same_type(ctx, n);
    if (a->rank != 2 || b->rank != 2) {
        fg_raise(ctx, FG_BAD_MODEL, "operands of shapes %s and %s are not both matrices",
                 fg_shape_text(ctx, a), fg_shape_text(ctx, b));
    }
    int ta = fg_attr_int(n, "transA", 0) != 0, tb = fg_attr_int(n, "transB", 0) != 0;
    if (a->dim[1 - ta] != b->dim[tb]) {
        fg_raise(ctx, FG_BAD_MODEL, "operands of shapes %s%s and %s%s do not match: %lld columns, %lld rows",
                 fg_shape_text(ctx, a), ta ? " (transposed)" : "", fg_shape_text(ctx, b),
                 tb ? " (transposed)" : "", (long long)a->dim[1 - ta], (long long)b->dim[tb]);
    }
    fg_shape y = {2, {a->dim[ta], b->dim[1 - tb]}};
    if (n->n_in > 2 && n->in[2] != NULL) {
        fg_shape with = y;
        fg_broadcast_shape(ctx, n, &with, &n->in[2]->shape);
        if (!fg_shape_equal(&with, &y)) {
            fg_raise(ctx, FG_BAD_MODEL, "bias of shape %s does not broadcast to %s",
                     fg_shape_text(ctx, &n->in[2]->shape), fg_shape_text(ctx, &y));
        }
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

/* Numpy's rules: a vector gains a dimension of one, which is taken away again. */
fg_shape fg_matmul_shape(fg_context *ctx, const fg_node *n, const fg_shape *a, const fg_shape *b) {
    fg_shape y = fg_product_space(ctx, n, a, b);
    if (b->rank == 1) {
        y.rank--;
    }
    if (a->rank == 1) {
        if (b->rank > 1) {
            y.dim[y.rank - 2] = y.dim[y.rank - 1];
        }
        y.rank--;
    }
    return y;
}

static void infer_matmul(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    same_type(ctx, n);
    const fg_shape y = fg_matmul_shape(ctx, n, &n->in[0]->shape, &n->in[1]->shape);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

#define TYPES (FG_T_FLOATS | FG_T(FG_INT32) | FG_T(FG_INT64) | FG_T(FG_UINT32) | FG_T(FG_UINT64))

const fg_op fg_ops_matmul[] = {
    {"Gemm", "", 7, 0, 2, 3, 1, TYPES, infer_gemm, fg_ref_gemm, "gemm", NULL, NULL,
     "alpha=1 beta=1 transA=0 transB=0", NULL},
    {"MatMul", "", 1, 0, 2, 2, 1, TYPES, infer_matmul, fg_ref_matmul, "matmul", NULL, NULL, NULL, NULL},
};

const int fg_ops_matmul_count = (int)FG_COUNT(fg_ops_matmul);
