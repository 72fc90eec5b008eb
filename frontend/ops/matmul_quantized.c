/* com.microsoft: products of a float matrix and a quantised one. */
#include "frontend/reference/matmul_quantized.h"
#include "frontend/attention.h"
#include "frontend/int_product.h"
#include "frontend/nbits.h"
#include "frontend/quant.h"

static void need(fg_context *ctx, const fg_value *v, fg_dtype type, int64_t count, const char *what) {
    if (v == NULL) {
        return;
    }
    if (v->dtype != type) {
        fg_raise(ctx, FG_BAD_MODEL, "%s '%s' is of type %s, not %s", what, v->name,
                 fg_dtype_get(v->dtype)->name, fg_dtype_get(type)->name);
    }
    if (count >= 0 && fg_shape_count(&v->shape) != count) {
        fg_raise(ctx, FG_BAD_MODEL, "%s '%s' of shape %s does not have %lld elements", what, v->name,
                 fg_shape_text(ctx, &v->shape), (long long)count);
    }
}

static fg_value *operand(const fg_node *n, int i) {
    return i < n->n_in ? n->in[i] : NULL;
}

static void infer_dynamic(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_value *a = n->in[0], *b = n->in[1], *scale = operand(n, 2), *zero = operand(n, 3);
    if ((FG_T(b->dtype) & FG_T_QUANT8) == 0) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is of type %s", b->name, fg_dtype_get(b->dtype)->name);
    }
    const fg_shape y = fg_matmul_shape(ctx, n, &a->shape, &b->shape);
    const int64_t columns = b->shape.dim[b->shape.rank - 1];
    if (scale == NULL || scale->shape.rank > 1 || (zero != NULL && zero->shape.rank > 1)) {
        fg_raise(ctx, FG_UNSUPPORTED, "scales must be one for all, or one per column");
    }
    need(ctx, scale, FG_FLOAT, fg_shape_count(&scale->shape) == 1 ? 1 : columns, "scale");
    need(ctx, zero, b->dtype, zero != NULL && fg_shape_count(&zero->shape) == 1 ? 1 : columns, "zero point");
    need(ctx, operand(n, 4), FG_FLOAT, columns, "bias");
    fg_out_shape(ctx, n, 0, FG_FLOAT, &y);
    const int64_t factors[] = {fg_shape_count(&y), a->shape.dim[a->shape.rank - 1]};
    fg_set_macs(ctx, n, fg_work_product(2, factors));
}

/* Operands: A, scale, zero point; B, scale, zero point; C in steps of the product; the result's, if it is to
 * be quantised. */
static void infer_qgemm(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_value *a = n->in[0], *b = n->in[3], *c = operand(n, 6), *zero = operand(n, 8);
    const int ta = fg_attr_int(n, "transA", 0) != 0, tb = fg_attr_int(n, "transB", 0) != 0;
    if ((FG_T(b->dtype) & FG_T_QUANT8) == 0 || a->shape.rank != 2 || b->shape.rank != 2 ||
        a->shape.dim[1 - ta] != b->shape.dim[tb]) {
        fg_raise(ctx, FG_BAD_MODEL, "operands of shapes %s and %s do not match",
                 fg_shape_text(ctx, &a->shape), fg_shape_text(ctx, &b->shape));
    }
    const fg_shape y = {2, {a->shape.dim[ta], b->shape.dim[1 - tb]}};
    need(ctx, n->in[1], FG_FLOAT, 1, "scale");
    need(ctx, n->in[2], a->dtype, 1, "zero point");
    need(ctx, n->in[4], FG_FLOAT, fg_shape_count(&n->in[4]->shape) == 1 ? 1 : y.dim[1], "scale");
    need(ctx, n->in[5], b->dtype, fg_shape_count(&n->in[5]->shape) == 1 ? 1 : y.dim[1], "zero point");
    need(ctx, c, FG_INT32, -1, "bias");
    if (c != NULL && fg_shape_count(&c->shape) != y.dim[1]) {
        fg_raise(ctx, FG_UNSUPPORTED, "bias of shape %s is not one row", fg_shape_text(ctx, &c->shape));
    }
    need(ctx, operand(n, 7), FG_FLOAT, 1, "scale");
    if ((operand(n, 7) == NULL) != (zero == NULL) || (zero != NULL && fg_shape_count(&zero->shape) != 1) ||
        (zero != NULL && (FG_T(zero->dtype) & FG_T_QUANT8) == 0)) {
        fg_raise(ctx, FG_BAD_MODEL, "the result's scale and zero point do not suit each other");
    }
    fg_out_shape(ctx, n, 0, zero != NULL ? zero->dtype : FG_FLOAT, &y);
    const int64_t factors[] = {fg_shape_count(&y), b->shape.dim[tb]};
    fg_set_macs(ctx, n, fg_work_product(2, factors));
}

static void infer_nbits(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_nbits b = fg_nbits_of(ctx, n);
    fg_shape y = n->in[0]->shape;
    if (y.rank < 1 || y.dim[y.rank - 1] != b.k) {
        fg_raise(ctx, FG_BAD_MODEL, "operand of shape %s does not have K = %lld columns",
                 fg_shape_text(ctx, &y), (long long)b.k);
    }
    const int64_t blob[] = {b.n, b.blocks, b.bytes}, scales[] = {b.n, b.blocks},
                  zeros[] = {b.n, b.zero_bytes};
    const fg_value *zero = operand(n, 3);
    need(ctx, n->in[1], FG_UINT8, fg_checked_product(ctx, 3, blob), "operand");
    need(ctx, n->in[2], n->in[0]->dtype, fg_checked_product(ctx, 2, scales), "scale");
    if (zero != NULL && zero->dtype != FG_UINT8) {
        need(ctx, zero, n->in[0]->dtype, fg_checked_product(ctx, 2, scales), "zero point");
    } else {
        need(ctx, zero, FG_UINT8, fg_checked_product(ctx, 2, zeros), "zero point");
    }
    if (operand(n, 4) != NULL) {
        fg_raise(ctx, FG_UNSUPPORTED, "rows in another order (g_idx) are not supported");
    }
    need(ctx, operand(n, 5), n->in[0]->dtype, b.n, "bias");
    y.dim[y.rank - 1] = b.n;
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
    const int64_t factors[] = {fg_shape_count(&y), b.k};
    fg_set_macs(ctx, n, fg_work_product(2, factors));
}

const fg_op fg_ops_matmul_quantized[] = {
    {"DynamicQuantizeMatMul", "com.microsoft", 1, 0, 3, 5, 1, FG_T(FG_FLOAT), infer_dynamic,
     fg_ref_dynamic_matmul, NULL, NULL, NULL, NULL, "expanded: DynamicQuantizeLinear, then MatMulInteger"},
    {"QGemm", "com.microsoft", 1, 0, 6, 9, 1, FG_T_QUANT8, infer_qgemm, fg_ref_qgemm, NULL, NULL, NULL,
     "alpha=1 transA=0 transB=0", "expanded: QLinearMatMul, or MatMulInteger and its scale"},
    {"MatMulNBits", "com.microsoft", 1, 0, 3, 6, 1, FG_T(FG_FLOAT) | FG_T(FG_FLOAT16) | FG_T(FG_BFLOAT16),
     infer_nbits, fg_ref_matmul_nbits, "matmul_nbits", NULL, NULL, NULL, "2, 4 and 8 bits; without g_idx"},
};

const int fg_ops_matmul_quantized_count = (int)FG_COUNT(fg_ops_matmul_quantized);
