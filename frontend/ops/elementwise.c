/* Elementwise operators: rows with the expressions that code generation uses.
 *
 * Helpers of the prelude that the scalar expressions call (each for the type tags that make sense, suffix
 * _$T): fgs_max fgs_min (NaN wins) fgs_abs fgs_floor fgs_ceil fgs_round (ties to even) fgs_sqrt fgs_exp
 * fgs_log fgs_pow fgs_mod (sign of the divisor; floats too) fgs_fmod (sign of the dividend) fgs_div
 * (integers: truncating, x/0 = 0, MIN/-1 wraps; floats: plain division) fgs_sin fgs_cos fgs_tan fgs_asin
 * fgs_acos fgs_atan fgs_sinh fgs_cosh fgs_tanh fgs_asinh fgs_acosh fgs_atanh fgs_erf fgs_sigmoid fgs_softplus
 * fgs_sign (NaN stays NaN) fgs_isnan fgs_isinf fgs_gelu fgs_gelu_tanh fgs_silu fgs_mish fgs_shl fgs_shr
 * (counts outside 0 .. bits-1 leave only sign bits)
 *
 * Conventions beyond $0, $1, ... and $attribute
 * - Constants that are not integers are attributes with a default ($half, $sixth), so that they get the type
 * computed in.
 * - String attributes are turned into integer attributes by inference, named fg_*: $fg_tanh (Gelu), $fg_left
 * (BitShift).
 * - Variadic rows (max_in -1) are a fold: $0 is the result so far, $1 the next operand; one operand alone is
 * copied. $k is the number of operands seen including $1 (2, 3, ...), for Mean.
 * - Clip since opset 11: operands $1 and $2 may be absent; the emitter puts the type's lowest and highest
 * value (floats: -infinity, infinity) in their place. Before, they are the attributes $min and $max.
 * - Operands of another type than $0 (Pow's exponent) are converted to the type of $0 before the expression;
 * an integer base with a floating-point exponent is computed in f64.
 * - Comparisons and predicates compute in the type of $0 (Where: of $1) and give a truth value. */
#include <string.h>

#include "frontend/ops.h"
#include "frontend/reference/elementwise.h"

/* ---- inference ---- */

static void same_type(fg_context *ctx, const fg_node *n, int from) {
    for (int i = from + 1; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v != NULL && v->dtype != n->in[from]->dtype) {
            fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is %s, operand '%s' is %s; both must be of one type",
                     n->in[from]->name, fg_dtype_get(n->in[from]->dtype)->name, v->name,
                     fg_dtype_get(v->dtype)->name);
        }
    }
}

static void infer_broadcast(fg_context *ctx, fg_graph *g, fg_node *n) {
    same_type(ctx, n, 0);
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == NULL) {
            fg_raise(ctx, FG_BAD_MODEL, "operand %d is absent", i);
        }
    }
    fg_infer_broadcast(ctx, g, n);
}

static void infer_truth(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    same_type(ctx, n, 0);
    fg_shape s = n->in[0]->shape;
    for (int i = 1; i < n->n_in; i++) {
        fg_broadcast_shape(ctx, n, &s, &n->in[i]->shape);
    }
    fg_out_shape(ctx, n, 0, FG_BOOL, &s);
}

static void infer_pow(fg_context *ctx, fg_graph *g, fg_node *n) {
    fg_dtype t = n->in[1]->dtype;
    if ((FG_T_NUMERIC & FG_T(t)) == 0) {
        fg_raise(ctx, FG_BAD_MODEL, "exponent '%s' is of type %s", n->in[1]->name, fg_dtype_get(t)->name);
    }
    if (g->opset < 12) {
        same_type(ctx, n, 0);
    }
    fg_infer_broadcast(ctx, g, n);
}

static void infer_where(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    same_type(ctx, n, 1);
    if ((FG_T_ALL & FG_T(n->in[1]->dtype)) == 0) {
        fg_raise(ctx, FG_UNSUPPORTED, "type %s of operand '%s' is not supported",
                 fg_dtype_get(n->in[1]->dtype)->name, n->in[1]->name);
    }
    fg_shape s = n->in[0]->shape;
    for (int i = 1; i < 3; i++) {
        fg_broadcast_shape(ctx, n, &s, &n->in[i]->shape);
    }
    fg_out_shape(ctx, n, 0, n->in[1]->dtype, &s);
}

static void infer_prelu(fg_context *ctx, fg_graph *g, fg_node *n) {
    same_type(ctx, n, 0);
    fg_shape s = n->in[0]->shape;
    fg_broadcast_shape(ctx, n, &s, &n->in[1]->shape);
    if (!fg_shape_equal(&s, &n->in[0]->shape)) {
        fg_raise(ctx, FG_BAD_MODEL, "slope of shape %s does not broadcast to the input's %s",
                 fg_shape_text(ctx, &n->in[1]->shape), fg_shape_text(ctx, &n->in[0]->shape));
    }
    fg_infer_same(ctx, g, n);
}

/* The bounds hold one element each; some exporters write them as 1-element vectors. */
static void infer_clip(fg_context *ctx, fg_graph *g, fg_node *n) {
    same_type(ctx, n, 0);
    for (int i = 1; i < n->n_in; i++) {
        if (n->in[i] != NULL && (fg_shape_count(&n->in[i]->shape) != 1 || n->in[i]->shape.rank > 1)) {
            fg_raise(ctx, FG_BAD_MODEL, "bound '%s' must be a scalar, its shape is %s", n->in[i]->name,
                     fg_shape_text(ctx, &n->in[i]->shape));
        }
    }
    fg_infer_same(ctx, g, n);
}

static void choose_by_text(fg_context *ctx, fg_node *n, const char *attr, const char *otherwise,
                           const char *no, const char *yes, const char *flag) {
    const char *s = fg_attr_string(n, attr, otherwise);
    if (strcmp(s, no) != 0 && strcmp(s, yes) != 0) {
        fg_blame_attribute(ctx, attr);
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' must be \"%s\" or \"%s\"", attr, no, yes);
    }
    fg_node_set_attr(ctx, n, flag, FG_ATTR_INT)->i = strcmp(s, yes) == 0;
}

static void infer_gelu(fg_context *ctx, fg_graph *g, fg_node *n) {
    choose_by_text(ctx, n, "approximate", "none", "none", "tanh", "fg_tanh");
    fg_infer_same(ctx, g, n);
}

/* The plain form, alpha = 1, has a word of its own. */
static void infer_swish(fg_context *ctx, fg_graph *g, fg_node *n) {
    fg_node_set_attr(ctx, n, "fg_scaled", FG_ATTR_INT)->i = fg_attr_float(n, "alpha", 1) != 1.0f;
    fg_infer_same(ctx, g, n);
}

static void infer_bit_shift(fg_context *ctx, fg_graph *g, fg_node *n) {
    choose_by_text(ctx, n, "direction", "", "RIGHT", "LEFT", "fg_left");
    infer_broadcast(ctx, g, n);
}

static void infer_mod(fg_context *ctx, fg_graph *g, fg_node *n) {
    bool real = (FG_T_FLOATS & FG_T(n->in[0]->dtype)) != 0;
    if (real && g->opset < 28 && fg_attr_int(n, "fmod", 0) == 0) {
        fg_blame_attribute(ctx, "fmod");
        fg_raise(ctx, FG_BAD_MODEL, "fmod must be 1 for floating-point operands before opset 28");
    }
    infer_broadcast(ctx, g, n);
}

static void infer_swiglu(fg_context *ctx, fg_graph *g, fg_node *n) {
    same_type(ctx, n, 0);
    if (!fg_shape_equal(&n->in[0]->shape, &n->in[1]->shape)) {
        fg_raise(ctx, FG_BAD_MODEL, "gate of shape %s and value of shape %s must agree",
                 fg_shape_text(ctx, &n->in[0]->shape), fg_shape_text(ctx, &n->in[1]->shape));
    }
    fg_infer_same(ctx, g, n);
}

/* ---- rows ---- */

#define ROW(NAME, SINCE, UNTIL, MIN, MAX, TYPES, INFER, SCALAR, VECTOR, DEFAULTS)                            \
    {                                                                                                        \
        NAME, "", SINCE, UNTIL, MIN, MAX, 1, TYPES, INFER, fg_ref_elementwise, "map", SCALAR, VECTOR,        \
            DEFAULTS, NULL                                                                                   \
    }
#define UNARY(NAME, SINCE, TYPES, SCALAR, VECTOR, DEFAULTS)                                                  \
    ROW(NAME, SINCE, 0, 1, 1, TYPES, fg_infer_same, SCALAR, VECTOR, DEFAULTS)
#define BINARY(NAME, SINCE, TYPES, SCALAR, VECTOR)                                                           \
    ROW(NAME, SINCE, 0, 2, 2, TYPES, infer_broadcast, SCALAR, VECTOR, NULL)
#define COMPARE(NAME, SINCE, TYPES, SCALAR) ROW(NAME, SINCE, 0, 2, 2, TYPES, infer_truth, SCALAR, NULL, NULL)
#define FOLD(NAME, TYPES, SCALAR, VECTOR)   ROW(NAME, 6, 0, 1, -1, TYPES, infer_broadcast, SCALAR, VECTOR, NULL)

#define FLOATS  FG_T_FLOATS
#define NUMERIC FG_T_NUMERIC
#define INTS    FG_T_INTS
#define BOOL    FG_T(FG_BOOL)
#define UINTS   (FG_T(FG_UINT8) | FG_T(FG_UINT16) | FG_T(FG_UINT32) | FG_T(FG_UINT64))
#define SINTS   (FG_T(FG_INT8) | FG_T(FG_INT16) | FG_T(FG_INT32) | FG_T(FG_INT64))

const fg_op fg_ops_elementwise[] = {
    /* arithmetic */
    BINARY("Add", 7, NUMERIC, "$0 + $1", "fg_add($0, $1)"),
    BINARY("Sub", 7, NUMERIC, "$0 - $1", "fg_sub($0, $1)"),
    BINARY("Mul", 7, NUMERIC, "$0 * $1", "fg_mul($0, $1)"),
    BINARY("Div", 7, NUMERIC, "fgs_div_$T($0, $1)", "fg_div($0, $1)"),
    ROW("Mod", 10, 0, 2, 2, NUMERIC, infer_mod, "($fmod ? fgs_fmod_$T($0, $1) : fgs_mod_$T($0, $1))", NULL,
        "fmod=0"),
    ROW("Pow", 7, 0, 2, 2, FLOATS | FG_T(FG_INT32) | FG_T(FG_INT64), infer_pow, "fgs_pow_$T($0, $1)",
        "fg_pow($0, $1)", NULL),
    FOLD("Max", NUMERIC, "fgs_max_$T($0, $1)", "fg_max($0, $1)"),
    FOLD("Min", NUMERIC, "fgs_min_$T($0, $1)", "fg_min($0, $1)"),
    FOLD("Sum", FLOATS, "$0 + $1", "fg_add($0, $1)"),
    FOLD("Mean", FLOATS, "$0 + ($1 - $0) / $k", "fg_add($0, fg_div(fg_sub($1, $0), fg_set1($k)))"),
    UNARY("Abs", 6, NUMERIC, "fgs_abs_$T($0)", "fg_abs($0)", NULL),
    UNARY("Neg", 6, FLOATS | SINTS, "-$0", "fg_neg($0)", NULL),
    UNARY("Reciprocal", 6, FLOATS, "1 / $0", "fg_div(fg_set1(1.0f), $0)", NULL),
    UNARY("Sign", 9, NUMERIC, "fgs_sign_$T($0)", NULL, NULL),
    UNARY("Sqrt", 6, FLOATS, "fgs_sqrt_$T($0)", "fg_sqrt($0)", NULL),
    UNARY("Ceil", 6, FLOATS, "fgs_ceil_$T($0)", "fg_ceil($0)", NULL),
    UNARY("Floor", 6, FLOATS, "fgs_floor_$T($0)", "fg_floor($0)", NULL),
    UNARY("Round", 11, FLOATS, "fgs_round_$T($0)", "fg_round($0)", NULL),

    /* functions */
    UNARY("Exp", 6, FLOATS, "fgs_exp_$T($0)", "fg_exp($0)", NULL),
    UNARY("Log", 6, FLOATS, "fgs_log_$T($0)", "fg_log($0)", NULL),
    UNARY("Erf", 9, FLOATS, "fgs_erf_$T($0)", "fg_erf($0)", NULL),
    UNARY("Sin", 7, FLOATS, "fgs_sin_$T($0)", NULL, NULL),
    UNARY("Cos", 7, FLOATS, "fgs_cos_$T($0)", NULL, NULL),
    UNARY("Tan", 7, FLOATS, "fgs_tan_$T($0)", NULL, NULL),
    UNARY("Asin", 7, FLOATS, "fgs_asin_$T($0)", NULL, NULL),
    UNARY("Acos", 7, FLOATS, "fgs_acos_$T($0)", NULL, NULL),
    UNARY("Atan", 7, FLOATS, "fgs_atan_$T($0)", NULL, NULL),
    UNARY("Sinh", 9, FLOATS, "fgs_sinh_$T($0)", NULL, NULL),
    UNARY("Cosh", 9, FLOATS, "fgs_cosh_$T($0)", NULL, NULL),
    UNARY("Tanh", 6, FLOATS, "fgs_tanh_$T($0)", "fg_tanh($0)", NULL),
    UNARY("Asinh", 9, FLOATS, "fgs_asinh_$T($0)", NULL, NULL),
    UNARY("Acosh", 9, FLOATS, "fgs_acosh_$T($0)", NULL, NULL),
    UNARY("Atanh", 9, FLOATS, "fgs_atanh_$T($0)", NULL, NULL),

    /* activations */
    UNARY("Relu", 6, FLOATS | SINTS, "fgs_max_$T($0, 0)", "fg_max($0, fg_zero())", NULL),
    UNARY("LeakyRelu", 6, FLOATS, "($0 < 0 ? $alpha * $0 : $0)",
          "fg_select(fg_lt($0, fg_zero()), fg_mul(fg_set1($alpha), $0), $0)", "alpha=0.01"),
    ROW("PRelu", 7, 0, 2, 2, FLOATS | FG_T(FG_INT32) | FG_T(FG_INT64), infer_prelu,
        "($0 < 0 ? fgs_mul_$T($1, $0) : $0)", "fg_select(fg_lt($0, fg_zero()), fg_mul($1, $0), $0)", NULL),
    UNARY("Elu", 6, FLOATS, "($0 < 0 ? $alpha * (fgs_exp_$T($0) - 1) : $0)",
          "fg_select(fg_lt($0, fg_zero()), fg_mul(fg_set1($alpha), fg_sub(fg_exp($0), fg_set1(1.0f))), $0)",
          "alpha=1"),
    UNARY(
        "Celu", 12, FLOATS, "($0 < 0 ? $alpha * (fgs_exp_$T($0 / $alpha) - 1) : $0)",
        "fg_select(fg_lt($0, fg_zero()), fg_mul(fg_set1($alpha), fg_sub(fg_exp(fg_div($0, fg_set1($alpha))), "
        "fg_set1(1.0f))), $0)",
        "alpha=1"),
    UNARY(
        "Selu", 6, FLOATS, "$gamma * ($0 > 0 ? $0 : $alpha * (fgs_exp_$T($0) - 1))",
        "fg_mul(fg_set1($gamma), fg_select(fg_lt($0, fg_zero()), fg_mul(fg_set1($alpha), fg_sub(fg_exp($0), "
        "fg_set1(1.0f))), $0))",
        "alpha=1.67326319217681884765625 gamma=1.05070102214813232421875"),
    UNARY("ThresholdedRelu", 10, FLOATS, "($0 > $alpha ? $0 : 0)",
          "fg_select(fg_le($0, fg_set1($alpha)), fg_zero(), $0)", "alpha=1"),
    UNARY("HardSigmoid", 6, FLOATS, "fgs_max_$T(fgs_min_$T($alpha * $0 + $beta, 1), 0)",
          "fg_max(fg_min(fg_fma(fg_set1($alpha), $0, fg_set1($beta)), fg_set1(1.0f)), fg_zero())",
          "alpha=0.2 beta=0.5"),
    UNARY("HardSwish", 14, FLOATS, "$0 * fgs_max_$T(fgs_min_$T($0 * $sixth + $half, 1), 0)",
          "fg_hardswish($0)", "sixth=0.16666666666666666 half=0.5"),
    UNARY("Sigmoid", 6, FLOATS, "fgs_sigmoid_$T($0)", "fg_sigmoid($0)", NULL),
    UNARY("Softplus", 1, FLOATS, "fgs_softplus_$T($0)", "fg_softplus($0)", NULL),
    UNARY("Softsign", 1, FLOATS, "$0 / (1 + fgs_abs_$T($0))", "fg_div($0, fg_add(fg_set1(1.0f), fg_abs($0)))",
          NULL),
    UNARY("Shrink", 9, FLOATS, "($0 < -$lambd ? $0 + $bias : $0 > $lambd ? $0 - $bias : 0)", NULL,
          "lambd=0.5 bias=0"),
    UNARY("Mish", 18, FLOATS, "fgs_mish_$T($0)", "fg_mul($0, fg_tanh(fg_softplus($0)))", NULL),
    ROW("Swish", 24, 0, 1, 1, FLOATS, infer_swish,
        "($fg_scaled ? $0 * fgs_sigmoid_$T($alpha * $0) : fgs_silu_$T($0))",
        "($fg_scaled ? fg_mul($0, fg_sigmoid(fg_mul(fg_set1($alpha), $0))) : fg_silu($0))",
        "alpha=1 fg_scaled=0"),
    ROW("SwiGLU", 28, 0, 2, 2, FLOATS, infer_swiglu, "$0 * fgs_sigmoid_$T($alpha * $0) * $1",
        "fg_mul(fg_mul($0, fg_sigmoid(fg_mul(fg_set1($alpha), $0))), $1)", "alpha=1"),
    ROW("Gelu", 20, 0, 1, 1, FLOATS, infer_gelu, "($fg_tanh ? fgs_gelu_tanh_$T($0) : fgs_gelu_$T($0))",
        "($fg_tanh ? fg_gelu_tanh($0) : fg_gelu($0))", "fg_tanh=0"),
    ROW("Clip", 6, 10, 1, 1, FLOATS, fg_infer_same, "fgs_min_$T(fgs_max_$T($0, $min), $max)",
        "fg_min(fg_max($0, fg_set1($min)), fg_set1($max))",
        "min=-3.4028234663852886e+38 max=3.4028234663852886e+38"),
    ROW("Clip", 11, 0, 1, 3, NUMERIC, infer_clip, "fgs_min_$T(fgs_max_$T($0, $1), $2)",
        "fg_min(fg_max($0, $1), $2)", NULL),

    /* truth */
    COMPARE("Equal", 7, FG_T_ALL, "$0 == $1"),
    COMPARE("Less", 7, NUMERIC, "$0 < $1"),
    COMPARE("LessOrEqual", 12, NUMERIC, "$0 <= $1"),
    COMPARE("Greater", 7, NUMERIC, "$0 > $1"),
    COMPARE("GreaterOrEqual", 12, NUMERIC, "$0 >= $1"),
    COMPARE("And", 7, BOOL, "$0 && $1"),
    COMPARE("Or", 7, BOOL, "$0 || $1"),
    COMPARE("Xor", 7, BOOL, "$0 != $1"),
    ROW("Not", 1, 0, 1, 1, BOOL, infer_truth, "!$0", NULL, NULL),
    ROW("IsNaN", 9, 0, 1, 1, FLOATS, infer_truth, "fgs_isnan_$T($0)", NULL, NULL),
    ROW("IsInf", 10, 0, 1, 1, FLOATS, infer_truth,
        "(fgs_isinf_$T($0) && ($0 < 0 ? $detect_negative : $detect_positive) != 0)", NULL,
        "detect_negative=1 detect_positive=1"),
    ROW("Where", 9, 0, 3, 3, BOOL, infer_where, "($0 ? $1 : $2)", NULL, NULL),

    /* bits */
    BINARY("BitwiseAnd", 18, INTS, "$0 & $1", NULL),
    BINARY("BitwiseOr", 18, INTS, "$0 | $1", NULL),
    BINARY("BitwiseXor", 18, INTS, "$0 ^ $1", NULL),
    UNARY("BitwiseNot", 18, INTS, "~$0", NULL, NULL),
    ROW("BitShift", 11, 27, 2, 2, UINTS, infer_bit_shift,
        "($fg_left ? fgs_shl_$T($0, $1) : fgs_shr_$T($0, $1))", NULL, "fg_left=0"),
    ROW("BitShift", 28, 0, 2, 2, INTS, infer_bit_shift,
        "($fg_left ? fgs_shl_$T($0, $1) : fgs_shr_$T($0, $1))", NULL, "fg_left=0"),
};

const int fg_ops_elementwise_count = (int)FG_COUNT(fg_ops_elementwise);
