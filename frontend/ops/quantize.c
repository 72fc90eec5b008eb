/* QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear, of ONNX and of com.microsoft. */
#include "frontend/reference/quantize.h"

#include "frontend/quant.h"
#include "frontend/reference/elements.h"

#define TO_TYPES    (FG_T_QUANT8 | FG_T_QUANT16 | FG_T_PACKED | (FG_T_FLOAT8 & ~FG_T(FG_FLOAT8E8M0)))
#define FROM_TYPES  (TO_TYPES | FG_T(FG_INT32))
#define REAL_TYPES  (FG_T(FG_FLOAT) | FG_T(FG_FLOAT16) | FG_T(FG_BFLOAT16))
#define SCALE_TYPES (REAL_TYPES | FG_T(FG_FLOAT8E8M0))

static bool is_among(int64_t t, uint32_t types) {
    return t > 0 && t < FG_DTYPE_COUNT && (FG_T(t) & types) != 0;
}

static void check_scale(fg_context *ctx, const fg_node *n) {
    const fg_value *scale = n->in[1], *zero = n->n_in > 2 ? n->in[2] : NULL;
    if (!is_among(scale->dtype, SCALE_TYPES)) {
        fg_raise(ctx, FG_BAD_MODEL, "scale '%s' is of type %s", scale->name,
                 fg_dtype_get(scale->dtype)->name);
    }
    if (zero != NULL && fg_shape_count(&zero->shape) != fg_shape_count(&scale->shape)) {
        fg_raise(ctx, FG_BAD_MODEL, "zero points of shape %s do not suit scales of shape %s",
                 fg_shape_text(ctx, &zero->shape), fg_shape_text(ctx, &scale->shape));
    }
    (void)fg_granularity_of(ctx, n, &n->in[0]->shape);
}

/* The attribute that names a type, 0 if absent. */
static int64_t type_attribute(fg_context *ctx, const fg_node *n, const char *name, uint32_t types) {
    const int64_t t = fg_attr_int(n, name, 0);
    if (t != 0 && !is_among(t, types)) {
        fg_blame_attribute(ctx, name);
        fg_raise(ctx, FG_BAD_MODEL, "type %lld makes no sense here", (long long)t);
    }
    return t;
}

static void infer_quantize(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_value *zero = n->n_in > 2 ? n->in[2] : NULL;
    int64_t to = type_attribute(ctx, n, "output_dtype", TO_TYPES);
    (void)type_attribute(ctx, n, "precision", REAL_TYPES);
    if (zero != NULL && to != 0 && to != (int64_t)zero->dtype) {
        fg_blame_attribute(ctx, "output_dtype");
        fg_raise(ctx, FG_BAD_MODEL, "zero point '%s' is of type %s, the output is not", zero->name,
                 fg_dtype_get(zero->dtype)->name);
    }
    to = zero != NULL ? (int64_t)zero->dtype : to != 0 ? to : FG_UINT8;
    if (!is_among(to, TO_TYPES)) {
        fg_raise(ctx, FG_BAD_MODEL, "quantisation to type %s is not defined",
                 fg_dtype_get((fg_dtype)to)->name);
    }
    check_scale(ctx, n);
    fg_out_shape(ctx, n, 0, (fg_dtype)to, &n->in[0]->shape);
}

static void infer_dequantize(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_value *zero = n->n_in > 2 ? n->in[2] : NULL;
    int64_t to = type_attribute(ctx, n, "output_dtype", REAL_TYPES);
    if (zero != NULL && zero->dtype != n->in[0]->dtype) {
        fg_raise(ctx, FG_BAD_MODEL, "zero point '%s' is of type %s, the input of %s", zero->name,
                 fg_dtype_get(zero->dtype)->name, fg_dtype_get(n->in[0]->dtype)->name);
    }
    check_scale(ctx, n);
    if (to == 0) {
        to = n->in[1]->dtype == FG_FLOAT8E8M0 ? FG_FLOAT : (int64_t)n->in[1]->dtype;
    }
    fg_out_shape(ctx, n, 0, (fg_dtype)to, &n->in[0]->shape);
}

static void infer_dynamic(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape scalar = {.rank = 0};
    fg_out_shape(ctx, n, 0, FG_UINT8, &n->in[0]->shape);
    fg_out_shape(ctx, n, 1, FG_FLOAT, &scalar);
    fg_out_shape(ctx, n, 2, FG_UINT8, &scalar);
}

#define ROW(NAME, DOMAIN, SINCE, MIN, MAX, OUT, TYPES, INFER, REFERENCE, LOWERING)                           \
    { NAME, DOMAIN, SINCE, 0, MIN, MAX, OUT, TYPES, INFER, REFERENCE, LOWERING, NULL, NULL, NULL, NULL }
#define QUANTIZE(DOMAIN, SINCE)                                                                              \
    ROW("QuantizeLinear", DOMAIN, SINCE, 2, 3, 1, REAL_TYPES | FG_T(FG_INT32), infer_quantize,               \
        fg_ref_quantize, "quantize")
#define DEQUANTIZE(DOMAIN, SINCE)                                                                            \
    ROW("DequantizeLinear", DOMAIN, SINCE, 2, 3, 1, FROM_TYPES, infer_dequantize, fg_ref_dequantize,         \
        "quantize")

const fg_op fg_ops_quantize[] = {
    QUANTIZE("", 10),
    DEQUANTIZE("", 10),
    ROW("DynamicQuantizeLinear", "", 11, 1, 1, 3, FG_T(FG_FLOAT), infer_dynamic, fg_ref_dynamic_quantize,
        "dynamic_quantize"),
    QUANTIZE("com.microsoft", 1),
    DEQUANTIZE("com.microsoft", 1),
};

const int fg_ops_quantize_count = (int)FG_COUNT(fg_ops_quantize);
