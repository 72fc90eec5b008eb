/* Elementwise operators, evaluated in chunks: operands are loaded (and broadcast) into arrays of double or
 * int64, the operator runs over the chunk, the result is rounded once to the output's type.
 *
 * Floating point is computed in double. Integers are computed in int64 with wrap-around; storing wraps to the
 * type's width, which is what two's complement arithmetic in the type itself gives. uint64 travels by its
 * bits. */
#include "frontend/reference/elementwise.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "frontend/reference/access.h"

#define CHUNK    256
#define MAX_ARGS 3
#define MAX_ATTR 3

typedef struct lanes {
    int n;
    double f[MAX_ARGS][CHUNK];  /* operands of a floating-point computation */
    int64_t i[MAX_ARGS][CHUNK]; /* operands of an integer computation, conditions, strings */
    double fo[CHUNK];
    int64_t io[CHUNK]; /* integer or truth values */
    double a[MAX_ATTR];
    int bits; /* of the integer type computed in */
    bool is_unsigned;
} lanes;

typedef void lane_fn(lanes *l);

/* ---- floating point ---- */

#define F_LOOP(NAME, OUT, EXPR)                                                                              \
    FG_HOT static void NAME(lanes *l) {                                                                      \
        const double *restrict a = l->a;                                                                     \
        for (int k = 0; k < l->n; k++) {                                                                     \
            const double x = l->f[0][k], y = l->f[1][k];                                                     \
            (void)a, (void)x, (void)y;                                                                       \
            l->OUT[k] = EXPR;                                                                                \
        }                                                                                                    \
    }
#define F(NAME, EXPR)       F_LOOP(f_##NAME, fo, EXPR) /* result of the operand's type */
#define F_TRUTH(NAME, EXPR) F_LOOP(f_##NAME, io, EXPR)

/* NaN wins in Max, Min, Clip and Relu, as in numpy and ONNX Runtime. */
static inline double max2(double x, double y) {
    return x > y || isnan(x) ? x : y;
}
static inline double min2(double x, double y) {
    return x < y || isnan(x) ? x : y;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double softplus(double x) {
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}
static double gelu_erf(double x) {
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}
static double gelu_tanh(double x) {
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}
static double sign_of(double x) {
    return isnan(x) ? x : (double)((x > 0) - (x < 0));
}
static double shrink(double x, double lambd, double bias) {
    if (x < -lambd) {
        return x + bias;
    }
    return x > lambd ? x - bias : 0;
}

/* The result has the sign of the divisor, zeros included. */
static double mod_floor(double x, double y) {
    double r = fmod(x, y);
    if (r == 0) {
        return copysign(0, y);
    }
    return (r < 0) != (y < 0) ? r + y : r;
}

F(abs, fabs(x))
F(acos, acos(x))
F(acosh, acosh(x))
F(asin, asin(x))
F(asinh, asinh(x))
F(atan, atan(x))
F(atanh, atanh(x))
F(ceil, ceil(x))
F(celu, max2(x, 0) + min2(0, a[0] * expm1(x / a[0])))
F(clip, min2(max2(x, y), l->f[2][k]))
F(clip_attr, min2(max2(x, a[0]), a[1]))
F(cos, cos(x))
F(cosh, cosh(x))
F(elu, x < 0 ? a[0] * expm1(x) : x)
F(erf, erf(x))
F(exp, exp(x))
F(floor, floor(x))
F(gelu, a[0] != 0 ? gelu_tanh(x) : gelu_erf(x))
F(hard_sigmoid, max2(min2(a[0] * x + a[1], 1), 0))
F(hard_swish, x *max2(min2(x / 6 + 0.5, 1), 0))
F(leaky_relu, x < 0 ? a[0] * x : x)
F(log, log(x))
F(mish, x *tanh(softplus(x)))
F(neg, -x)
F(reciprocal, 1 / x)
F(relu, max2(x, 0))
F(round, rint(x))
F(selu, a[1] * (x > 0 ? x : a[0] * expm1(x)))
F(shrink, shrink(x, a[0], a[1]))
F(sigmoid, sigmoid(x))
F(sign, sign_of(x))
F(sin, sin(x))
F(sinh, sinh(x))
F(softplus, softplus(x))
F(softsign, x / (1 + fabs(x)))
F(sqrt, sqrt(x))
F(swish, x *sigmoid(a[0] * x))
F(tan, tan(x))
F(tanh, tanh(x))
F(thresholded_relu, x > a[0] ? x : 0)
F(add, x + y)
F(sub, x - y)
F(mul, x *y)
F(div, x / y)
F(pow, pow(x, y))
F(max, max2(x, y))
F(min, min2(x, y))
F(mod, a[0] != 0 ? fmod(x, y) : mod_floor(x, y))
F(prelu, x < 0 ? y * x : x)
F(swiglu, x *sigmoid(a[0] * x) * y)
F(where, l->i[0][k] ? y : l->f[2][k])
F_TRUTH(equal, x == y)
F_TRUTH(less, x < y)
F_TRUTH(less_equal, x <= y)
F_TRUTH(greater, x > y)
F_TRUTH(greater_equal, x >= y)
F_TRUTH(is_nan, isnan(x) != 0)
F_TRUTH(is_inf, isinf(x) && (x < 0 ? a[0] != 0 : a[1] != 0))

/* ---- integers ---- */

#define I(NAME, EXPR)                                                                                        \
    FG_HOT static void i_##NAME(lanes *l) {                                                                  \
        for (int k = 0; k < l->n; k++) {                                                                     \
            const int64_t x = l->i[0][k], y = l->i[1][k];                                                    \
            (void)x, (void)y;                                                                                \
            l->io[k] = EXPR;                                                                                 \
        }                                                                                                    \
    }

static inline int64_t wrap(uint64_t x) {
    return (int64_t)x;
}
static inline bool less(const lanes *l, int64_t x, int64_t y) {
    return l->is_unsigned ? (uint64_t)x < (uint64_t)y : x < y;
}

/* Division by zero gives 0 (ONNX leaves it open); the most negative number by -1 wraps. */
static int64_t divide(const lanes *l, int64_t x, int64_t y) {
    if (y == 0) {
        return 0;
    }
    if (l->is_unsigned) {
        return wrap((uint64_t)x / (uint64_t)y);
    }
    return y == -1 ? wrap(0 - (uint64_t)x) : x / y;
}

static int64_t remainder_of(const lanes *l, int64_t x, int64_t y) {
    if (y == 0) {
        return 0;
    }
    if (l->is_unsigned) {
        return wrap((uint64_t)x % (uint64_t)y);
    }
    int64_t r = y == -1 ? 0 : x % y;
    bool floors = l->a[0] == 0; /* fmod=0: sign of the divisor */
    return floors && r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static int64_t power(const lanes *l, int64_t x, int64_t y) {
    if (!l->is_unsigned && y < 0) { /* 1 / x^-y, truncated */
        if (x == 1) {
            return 1;
        }
        return x == -1 ? (y % 2 == 0 ? 1 : -1) : 0;
    }
    uint64_t result = 1, base = (uint64_t)x;
    for (uint64_t e = (uint64_t)y; e != 0; e >>= 1) {
        if (e & 1) {
            result *= base;
        }
        base *= base;
    }
    return wrap(result);
}

/* A count that is negative or not below the width leaves nothing but sign bits. */
static int64_t shift(const lanes *l, int64_t x, int64_t y) {
    bool left = l->a[0] != 0, all = y < 0 || y >= l->bits;
    if (left) {
        return all ? 0 : wrap((uint64_t)x << y);
    }
    if (l->is_unsigned) {
        return all ? 0 : wrap((uint64_t)x >> y);
    }
    int64_t by = all ? 63 : y;
    return x < 0 ? ~(~x >> by) : x >> by;
}

static int64_t int_sign(const lanes *l, int64_t x) {
    return l->is_unsigned ? x != 0 : (x > 0) - (x < 0);
}
static int64_t int_abs(const lanes *l, int64_t x) {
    return !l->is_unsigned && x < 0 ? wrap(0 - (uint64_t)x) : x;
}
static bool same_string(int64_t x, int64_t y) {
    const char *a = (const char *)(intptr_t)x, *b = (const char *)(intptr_t)y;
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

I(abs, int_abs(l, x))
I(neg, wrap(0 - (uint64_t)x))
I(sign, int_sign(l, x))
I(relu, x < 0 ? 0 : x)
I(clip, less(l, l->i[2][k], less(l, x, y) ? y : x) ? l->i[2][k] : (less(l, x, y) ? y : x))
I(add, wrap((uint64_t)x + (uint64_t)y))
I(sub, wrap((uint64_t)x - (uint64_t)y))
I(mul, wrap((uint64_t)x *(uint64_t)y))
I(div, divide(l, x, y))
I(mod, remainder_of(l, x, y))
I(pow, power(l, x, y))
I(max, less(l, x, y) ? y : x)
I(min, less(l, y, x) ? y : x)
I(prelu, !l->is_unsigned && x < 0 ? wrap((uint64_t)x * (uint64_t)y) : x)
I(where, x ? y : l->i[2][k])
I(and, x &y)
I(or, x | y)
I(xor, x ^ y)
I(not, ~x)
I(logical_not, x == 0)
I(shift, shift(l, x, y))
I(equal, x == y)
I(equal_string, same_string(x, y))
I(less, less(l, x, y))
I(less_equal, !less(l, y, x))
I(greater, less(l, y, x))
I(greater_equal, !less(l, x, y))

/* ---- the table ---- */

typedef struct attribute {
    const char *name;
    double otherwise;
    const char *text; /* string attribute: the value is 1 where it equals text, else 0 */
} attribute;

typedef struct kernel {
    const char *op;
    int args;       /* operands of the lane function; variadic operators are folded by pairs */
    lane_fn *real;  /* NULL: no such types */
    lane_fn *whole; /* integers and bool */
    attribute attr[MAX_ATTR];
} kernel;

static const kernel kernels[] = {
    {"Abs", 1, f_abs, i_abs, {{0}}},
    {"Acos", 1, f_acos, NULL, {{0}}},
    {"Acosh", 1, f_acosh, NULL, {{0}}},
    {"Add", 2, f_add, i_add, {{0}}},
    {"And", 2, NULL, i_and, {{0}}},
    {"Asin", 1, f_asin, NULL, {{0}}},
    {"Asinh", 1, f_asinh, NULL, {{0}}},
    {"Atan", 1, f_atan, NULL, {{0}}},
    {"Atanh", 1, f_atanh, NULL, {{0}}},
    {"BitShift", 2, NULL, i_shift, {{"direction", 0, "LEFT"}}},
    {"BitwiseAnd", 2, NULL, i_and, {{0}}},
    {"BitwiseNot", 1, NULL, i_not, {{0}}},
    {"BitwiseOr", 2, NULL, i_or, {{0}}},
    {"BitwiseXor", 2, NULL, i_xor, {{0}}},
    {"Ceil", 1, f_ceil, NULL, {{0}}},
    {"Celu", 1, f_celu, NULL, {{"alpha", 1, NULL}}},
    {"Clip", 3, f_clip, i_clip, {{"min", -FLT_MAX, NULL}, {"max", FLT_MAX, NULL}}},
    {"Cos", 1, f_cos, NULL, {{0}}},
    {"Cosh", 1, f_cosh, NULL, {{0}}},
    {"Div", 2, f_div, i_div, {{0}}},
    {"Elu", 1, f_elu, NULL, {{"alpha", 1, NULL}}},
    {"Equal", 2, f_equal, i_equal, {{0}}},
    {"Erf", 1, f_erf, NULL, {{0}}},
    {"Exp", 1, f_exp, NULL, {{0}}},
    {"Floor", 1, f_floor, NULL, {{0}}},
    {"Gelu", 1, f_gelu, NULL, {{"approximate", 0, "tanh"}}},
    {"Greater", 2, f_greater, i_greater, {{0}}},
    {"GreaterOrEqual", 2, f_greater_equal, i_greater_equal, {{0}}},
    {"HardSigmoid", 1, f_hard_sigmoid, NULL, {{"alpha", 0.2F, NULL}, {"beta", 0.5, NULL}}},
    {"HardSwish", 1, f_hard_swish, NULL, {{0}}},
    {"IsInf", 1, f_is_inf, NULL, {{"detect_negative", 1, NULL}, {"detect_positive", 1, NULL}}},
    {"IsNaN", 1, f_is_nan, NULL, {{0}}},
    {"LeakyRelu", 1, f_leaky_relu, NULL, {{"alpha", 0.01F, NULL}}},
    {"Less", 2, f_less, i_less, {{0}}},
    {"LessOrEqual", 2, f_less_equal, i_less_equal, {{0}}},
    {"Log", 1, f_log, NULL, {{0}}},
    {"Max", 2, f_max, i_max, {{0}}},
    {"Mean", 2, f_add, NULL, {{0}}},
    {"Min", 2, f_min, i_min, {{0}}},
    {"Mish", 1, f_mish, NULL, {{0}}},
    {"Mod", 2, f_mod, i_mod, {{"fmod", 0, NULL}}},
    {"Mul", 2, f_mul, i_mul, {{0}}},
    {"Neg", 1, f_neg, i_neg, {{0}}},
    {"Not", 1, NULL, i_logical_not, {{0}}},
    {"Or", 2, NULL, i_or, {{0}}},
    {"PRelu", 2, f_prelu, i_prelu, {{0}}},
    {"Pow", 2, f_pow, i_pow, {{0}}},
    {"Reciprocal", 1, f_reciprocal, NULL, {{0}}},
    {"Relu", 1, f_relu, i_relu, {{0}}},
    {"Round", 1, f_round, NULL, {{0}}},
    {"Selu",
     1,
     f_selu,
     NULL,
     {{"alpha", 1.67326319217681884765625, NULL}, {"gamma", 1.05070102214813232421875, NULL}}},
    {"Shrink", 1, f_shrink, NULL, {{"lambd", 0.5, NULL}, {"bias", 0, NULL}}},
    {"Sigmoid", 1, f_sigmoid, NULL, {{0}}},
    {"Sign", 1, f_sign, i_sign, {{0}}},
    {"Sin", 1, f_sin, NULL, {{0}}},
    {"Sinh", 1, f_sinh, NULL, {{0}}},
    {"Softplus", 1, f_softplus, NULL, {{0}}},
    {"Softsign", 1, f_softsign, NULL, {{0}}},
    {"Sqrt", 1, f_sqrt, NULL, {{0}}},
    {"Sub", 2, f_sub, i_sub, {{0}}},
    {"Sum", 2, f_add, NULL, {{0}}},
    {"SwiGLU", 2, f_swiglu, NULL, {{"alpha", 1, NULL}}},
    {"Swish", 1, f_swish, NULL, {{"alpha", 1, NULL}}},
    {"Tan", 1, f_tan, NULL, {{0}}},
    {"Tanh", 1, f_tanh, NULL, {{0}}},
    {"ThresholdedRelu", 1, f_thresholded_relu, NULL, {{"alpha", 1, NULL}}},
    {"Where", 3, f_where, i_where, {{0}}},
    {"Xor", 2, NULL, i_xor, {{0}}},
};

static const kernel *find_kernel(const char *op) {
    for (size_t i = 0; i < FG_COUNT(kernels); i++) {
        if (strcmp(kernels[i].op, op) == 0) {
            return &kernels[i];
        }
    }
    return NULL;
}

static double attribute_value(const fg_node *n, const attribute *a) {
    const fg_attr *found = fg_node_attr(n, a->name);
    if (a->text != NULL) {
        return strcmp(fg_attr_string(n, a->name, ""), a->text) == 0;
    }
    if (found == NULL) {
        return a->otherwise;
    }
    return found->type == FG_ATTR_INT ? (double)found->i : (double)found->f;
}

/* ---- broadcasting ---- */

/* The output's dimensions as one operand sees them, neighbours merged where its strides allow: mostly one run
 * is left. */
typedef struct walk {
    int rank;
    int64_t dim[FG_MAX_RANK];
    int64_t stride[FG_MAX_RANK]; /* 0 where the operand is broadcast */
} walk;

static int64_t operand_stride(const fg_shape *s, int from_right) {
    int64_t stride = 1;
    if (from_right > s->rank || s->dim[s->rank - from_right] == 1) {
        return 0;
    }
    for (int d = s->rank - from_right + 1; d < s->rank; d++) {
        stride *= s->dim[d];
    }
    return stride;
}

static walk plan_walk(const fg_shape *out, const fg_shape *operand) {
    walk w = {.rank = 0};
    for (int d = 0; d < out->rank; d++) {
        if (out->dim[d] == 1) {
            continue;
        }
        int64_t stride = operand_stride(operand, out->rank - d);
        if (w.rank > 0 && w.stride[w.rank - 1] == stride * out->dim[d]) {
            w.dim[w.rank - 1] *= out->dim[d];
        } else {
            w.dim[w.rank++] = out->dim[d];
        }
        w.stride[w.rank - 1] = stride;
    }
    if (w.rank == 0) {
        w = (walk){1, {1}, {0}};
    }
    return w;
}

/* Loads n elements of operand a for output positions start, start + 1, ... */
static void load_operand(const walk *w, const fg_tensor *t, int64_t start, int n, double *f, int64_t *i) {
    int64_t inner = w->dim[w->rank - 1], step = w->stride[w->rank - 1];
    for (int done = 0; done < n;) {
        int64_t rest = (start + done) / inner, column = (start + done) % inner, offset = column * step;
        for (int d = w->rank - 2; d >= 0; d--) {
            offset += rest % w->dim[d] * w->stride[d];
            rest /= w->dim[d];
        }
        int run = inner - column < n - done ? (int)(inner - column) : n - done;
        if (f != NULL) {
            fg_load_f64(t, offset, step, run, f + done);
        } else {
            fg_load_i64(t, offset, step, run, i + done);
        }
        done += run;
    }
}

/* ---- evaluation ---- */

/* What is computed. Operands beyond args are folded in one after the other (variadic operators). */
typedef struct job {
    const fg_eval *e;
    lane_fn *fn;
    int args;
    bool real;    /* computed in double */
    bool truth;   /* result in io although computed in double */
    double scale; /* of the result: Mean */
    walk *walks;  /* one per operand */
} job;

static const fg_tensor *operand(const fg_eval *e, int i) {
    return i < e->node->n_in && e->in[i].data != NULL ? &e->in[i] : NULL;
}

/* An absent bound of Clip bounds nothing. */
static void fill_bound(lanes *l, int arg, fg_dtype t) {
    static const int64_t low[FG_DTYPE_COUNT] = {
        [FG_INT8] = INT8_MIN, [FG_INT16] = INT16_MIN, [FG_INT32] = INT32_MIN, [FG_INT64] = INT64_MIN};
    static const int64_t high[FG_DTYPE_COUNT] = {
        [FG_INT8] = INT8_MAX,   [FG_INT16] = INT16_MAX,   [FG_INT32] = INT32_MAX,   [FG_INT64] = INT64_MAX,
        [FG_UINT8] = UINT8_MAX, [FG_UINT16] = UINT16_MAX, [FG_UINT32] = UINT32_MAX, [FG_UINT64] = -1};
    for (int k = 0; k < CHUNK; k++) {
        l->f[arg][k] = arg == 1 ? -HUGE_VAL : HUGE_VAL;
        l->i[arg][k] = arg == 1 ? low[t] : high[t];
    }
}

static void load_into(const job *j, lanes *l, int input, int arg, int64_t start) {
    const fg_tensor *t = operand(j->e, input);
    if (t == NULL) {
        return;
    }
    bool real = j->real && t->dtype != FG_BOOL;
    load_operand(&j->walks[input], t, start, l->n, real ? l->f[arg] : NULL, l->i[arg]);
}

static void run_chunk(const job *j, lanes *l, int64_t start) {
    for (int a = 0; a < j->args; a++) {
        load_into(j, l, a, a, start);
    }
    j->fn(l);
    for (int i = j->args; i < j->e->node->n_in; i++) {
        memcpy(l->f[0], l->fo, sizeof l->f[0]);
        memcpy(l->i[0], l->io, sizeof l->i[0]);
        load_into(j, l, i, 1, start);
        j->fn(l);
    }
    fg_tensor *out = &j->e->out[0];
    if (j->truth || !j->real) {
        fg_store_i64(out, start, l->n, l->io);
        return;
    }
    if (j->scale != 1) {
        for (int k = 0; k < l->n; k++) {
            l->fo[k] *= j->scale;
        }
    }
    fg_store_f64(out, start, l->n, l->fo);
}

static void copy_lanes(lanes *l) {
    memcpy(l->fo, l->f[0], sizeof l->fo);
    memcpy(l->io, l->i[0], sizeof l->io);
}

static bool any_float(const fg_eval *e) {
    for (int i = 0; i < e->node->n_in; i++) {
        if (e->in[i].data != NULL && fg_is_float(e->in[i].dtype)) {
            return true;
        }
    }
    return false;
}

static void choose(job *j, const kernel *k) {
    const fg_eval *e = j->e;
    const char *op = e->node->op_type;
    j->real = any_float(e);
    j->args = k->args;
    j->fn = j->real ? k->real : k->whole;
    j->truth = e->out[0].dtype == FG_BOOL;
    j->scale = 1;
    if (e->in[0].dtype == FG_STRING && strcmp(op, "Equal") == 0) {
        j->fn = i_equal_string;
    }
    if (strcmp(op, "Mean") == 0) {
        j->scale = 1.0 / e->node->n_in;
    }
    if (strcmp(op, "Clip") == 0 && e->opset < 11) {
        j->fn = f_clip_attr;
        j->args = 1;
    }
    if (k->args == 2 && e->node->n_in == 1) { /* a variadic operator of one operand */
        j->fn = copy_lanes;
        j->args = 1;
    }
}

static void prepare_lanes(lanes *l, const kernel *k, const fg_eval *e) {
    const fg_dtype_info *info = fg_dtype_get(e->in[0].dtype);
    for (int a = 0; a < MAX_ATTR; a++) {
        if (k->attr[a].name != NULL) {
            l->a[a] = attribute_value(e->node, &k->attr[a]);
        }
    }
    l->bits = info->bits;
    l->is_unsigned = info->is_integer && !info->is_signed;
    if (strcmp(k->op, "Clip") == 0) {
        for (int a = 1; a < 3; a++) {
            if (operand(e, a) == NULL) {
                fill_bound(l, a, e->in[0].dtype);
            }
        }
    }
}

void fg_ref_elementwise(const fg_eval *e) {
    const kernel *k = find_kernel(e->node->op_type);
    FG_REQUIRE(e->ctx, "elementwise reference", k != NULL);
    job j = {.e = e};
    lanes *l = (lanes *)fg_big_alloc(e->ctx, sizeof(lanes));
    prepare_lanes(l, k, e);
    choose(&j, k);
    FG_REQUIRE(e->ctx, "elementwise reference", j.fn != NULL);
    j.walks = (walk *)fg_big_alloc(e->ctx, sizeof(walk) * (size_t)(e->node->n_in + 1));
    for (int i = 0; i < e->node->n_in; i++) {
        if (e->in[i].data != NULL) {
            j.walks[i] = plan_walk(&e->out[0].shape, &e->in[i].shape);
        }
    }
    int64_t total = fg_shape_count(&e->out[0].shape);
    for (int64_t start = 0; start < total; start += CHUNK) {
        l->n = total - start < CHUNK ? (int)(total - start) : CHUNK;
        run_chunk(&j, l, start);
    }
    fg_big_free(e->ctx, j.walks);
    fg_big_free(e->ctx, l);
}
