/* Products of quantised tensors. */
#include "frontend/int_product.h"
#include "frontend/attention.h"
#include "frontend/quant.h"
#include "frontend/reference/int_product.h"
#include "frontend/window.h"

static void need_type(fg_context *ctx, const fg_value *v, uint32_t types, const char *what) {
    if (v != NULL && (FG_T(v->dtype) & types) == 0) {
        fg_raise(ctx, FG_UNSUPPORTED, "%s '%s' is of type %s", what, v->name, fg_dtype_get(v->dtype)->name);
    }
}

static void check_zero(fg_context *ctx, const fg_value *zero, const fg_value *of) {
    if (zero != NULL && of != NULL && zero->dtype != of->dtype) {
        fg_raise(ctx, FG_BAD_MODEL, "zero point '%s' is of type %s, not %s", zero->name,
                 fg_dtype_get(zero->dtype)->name, fg_dtype_get(of->dtype)->name);
    }
}

static void check_operand(fg_context *ctx, const fg_node *n, int operand, fg_int_side side,
                          const fg_shape *space) {
    int64_t stride[FG_MAX_RANK];
    const fg_value *v = fg_int_operand(n, operand);
    if (v != NULL) {
        fg_int_strides(ctx, n, v, side, space, stride);
    }
}

#define SCALES (FG_T(FG_FLOAT) | FG_T(FG_FLOAT16) | FG_T(FG_BFLOAT16))

static void infer_product(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_int_form *f = fg_int_form_of(n);
    const fg_value *a = n->in[f->a], *b = n->in[f->b], *y_zero = fg_int_operand(n, f->y_zero);
    for (int i = 0; f->requantises && i < 8; i++) {
        if (n->in[i] == NULL) {
            fg_raise(ctx, FG_BAD_MODEL, "operand %d is absent", i);
        }
    }
    need_type(ctx, b, FG_T_QUANT8, "operand");
    need_type(ctx, y_zero, FG_T_QUANT8, "zero point");
    need_type(ctx, fg_int_operand(n, f->bias), FG_T(FG_INT32) | FG_T(FG_FLOAT), "bias");
    need_type(ctx, fg_int_operand(n, f->a_scale), SCALES, "scale");
    need_type(ctx, fg_int_operand(n, f->b_scale), SCALES, "scale");
    need_type(ctx, fg_int_operand(n, f->y_scale), SCALES, "scale");
    check_zero(ctx, fg_int_operand(n, f->a_zero), a);
    check_zero(ctx, fg_int_operand(n, f->b_zero), b);
    const fg_shape y = f->conv ? fg_conv_shape(ctx, n, &a->shape, &b->shape, fg_int_operand(n, f->bias))
                               : fg_matmul_shape(ctx, n, &a->shape, &b->shape);
    const fg_shape space = f->conv ? y : fg_product_space(ctx, n, &a->shape, &b->shape);
    check_operand(ctx, n, f->a_scale, FG_SIDE_A, &space);
    check_operand(ctx, n, f->a_zero, FG_SIDE_A, &space);
    check_operand(ctx, n, f->b_scale, FG_SIDE_B, &space);
    check_operand(ctx, n, f->b_zero, FG_SIDE_B, &space);
    check_operand(ctx, n, f->y_scale, FG_SIDE_Y, &space);
    check_operand(ctx, n, f->y_zero, FG_SIDE_Y, &space);
    if (f->requantises) {
        fg_node_set_attr(ctx, n, "fg_low", FG_ATTR_INT)->i = fg_type_low(y_zero->dtype);
        fg_node_set_attr(ctx, n, "fg_high", FG_ATTR_INT)->i = fg_type_high(y_zero->dtype);
    }
    fg_out_shape(ctx, n, 0, f->requantises ? y_zero->dtype : FG_INT32, &y);
    int64_t factors[FG_MAX_RANK + 1] = {fg_shape_count(&y)};
    int count = 1;
    if (f->conv) {
        for (int d = 1; d < b->shape.rank; d++) {
            factors[count++] = b->shape.dim[d];
        }
    } else {
        factors[count++] = a->shape.dim[a->shape.rank - 1];
    }
    fg_set_macs(ctx, n, fg_work_product(count, factors));
}

#define ROW(NAME, SINCE, MIN, MAX, LOWERING)                                                                 \
    {                                                                                                        \
        NAME, "", SINCE, 0, MIN, MAX, 1, FG_T_QUANT8, infer_product, fg_ref_int_product, LOWERING, NULL,     \
            NULL, NULL, NULL                                                                                 \
    }

const fg_op fg_ops_int_product[] = {
    ROW("MatMulInteger", 10, 2, 4, "int_matmul"),
    ROW("ConvInteger", 10, 2, 4, "int_conv"),
    ROW("QLinearMatMul", 10, 8, 9, "int_matmul"),
    ROW("QLinearConv", 10, 8, 9, "int_conv"),
};

const int fg_ops_int_product_count = (int)FG_COUNT(fg_ops_int_product);
