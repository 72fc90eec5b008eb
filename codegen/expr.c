/* Expressions of elementwise operators, and C literals. */
#include "codegen/expr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FG_EXPR_MAX (1 << 20) /* bytes of one expression: nested folds grow */

/* ---- literals ---- */

static const char *special(double d) {
    return isnan(d) ? "FG_NAN" : d > 0 ? "FG_INF" : "-FG_INF";
}

static const char *real_literal(fg_context *ctx, double d, int digits, const char *suffix) {
    if (!isfinite(d)) {
        return special(d);
    }
    char s[40];
    snprintf(s, sizeof(s), "%.*g", digits, d);
    return fg_format(ctx, "%s%s%s", s, strpbrk(s, ".e") != NULL ? "" : ".0", suffix);
}

const char *fg_c_float(fg_context *ctx, float f) {
    for (int digits = 6; digits < 9; digits++) { /* the shortest that reads back */
        char s[40];
        snprintf(s, sizeof(s), "%.*g", digits, (double)f);
        if (strtof(s, NULL) == f) {
            return real_literal(ctx, (double)f, digits, "f");
        }
    }
    return real_literal(ctx, (double)f, 9, "f");
}

const char *fg_c_double(fg_context *ctx, double d) {
    for (int digits = 6; digits < 17; digits++) {
        char s[40];
        snprintf(s, sizeof(s), "%.*g", digits, d);
        if (strtod(s, NULL) == d) {
            return real_literal(ctx, d, digits, "");
        }
    }
    return real_literal(ctx, d, 17, "");
}

const char *fg_c_int(fg_context *ctx, fg_dtype t, int64_t i) {
    if (t == FG_UINT64) {
        return fg_format(ctx, "UINT64_C(%llu)", (unsigned long long)i);
    }
    if (i == INT64_MIN) {
        return "(-INT64_C(9223372036854775807) - 1)";
    }
    if (t == FG_INT64) {
        return fg_format(ctx, "%sINT64_C(%lld)", i < 0 ? "-" : "", (long long)(i < 0 ? -i : i));
    }
    if (i == INT32_MIN) { /* 2147483648 is no int */
        return "(-2147483647 - 1)";
    }
    return fg_format(ctx, "%lld%s", (long long)i, t == FG_UINT32 ? "u" : "");
}

const char *fg_c_element(fg_context *ctx, const fg_value *v, int64_t i) {
    if (v->dtype == FG_DOUBLE) {
        return fg_c_double(ctx, fg_const_float(v, i));
    }
    if (fg_dtype_get(v->dtype)->is_float) {
        return fg_c_float(ctx, (float)fg_const_float(v, i));
    }
    return fg_c_int(ctx, v->dtype, fg_const_int(v, i));
}

const char *fg_c_lowest(fg_context *ctx, fg_dtype t) {
    const fg_dtype_info *info = fg_dtype_get(t);
    if (info->is_float) {
        return "-FG_INF";
    }
    return fg_c_int(ctx, t, info->is_signed ? -(INT64_C(1) << (info->bits - 2)) * 2 : 0);
}

const char *fg_c_highest(fg_context *ctx, fg_dtype t) {
    const fg_dtype_info *info = fg_dtype_get(t);
    if (info->is_float) {
        return "FG_INF";
    }
    if (t == FG_BOOL) {
        return "1";
    }
    const int bits = info->is_signed ? info->bits - 1 : info->bits;
    return fg_c_int(ctx, t, bits >= 64 ? -1 : (int64_t)((UINT64_C(1) << bits) - 1));
}

/* ---- types ---- */

static const char *const tags[FG_DTYPE_COUNT] = {
    [FG_FLOAT] = "f32",
    [FG_FLOAT16] = "f32",
    [FG_BFLOAT16] = "f32",
    [FG_DOUBLE] = "f64",
    [FG_INT8] = "i8",
    [FG_INT16] = "i16",
    [FG_INT32] = "i32",
    [FG_INT64] = "i64",
    [FG_UINT8] = "u8",
    [FG_UINT16] = "u16",
    [FG_UINT32] = "u32",
    [FG_UINT64] = "u64",
    [FG_BOOL] = "b8",
    [FG_UINT4] = "u8",
    [FG_UINT2] = "u8",
    [FG_INT4] = "i8",
    [FG_INT2] = "i8",
    [FG_FLOAT8E4M3FN] = "f32",
    [FG_FLOAT8E4M3FNUZ] = "f32",
    [FG_FLOAT8E5M2] = "f32",
    [FG_FLOAT8E5M2FNUZ] = "f32",
    [FG_FLOAT8E8M0] = "f32",
    [FG_FLOAT4E2M1] = "f32",
    [FG_FLOAT6E2M3] = "f32",
    [FG_FLOAT6E3M2] = "f32",
};

const char *fg_ctype_tag(fg_dtype t) {
    return (int)t >= 0 && t < FG_DTYPE_COUNT ? tags[t] : NULL;
}

fg_dtype fg_computed_dtype(fg_dtype t) {
    const fg_dtype_info *info = fg_dtype_get(t);
    if (info->is_float) {
        return t == FG_DOUBLE ? FG_DOUBLE : FG_FLOAT;
    }
    return !fg_dtype_is_packed(t) ? t : info->is_signed ? FG_INT8 : FG_UINT8;
}

fg_dtype fg_expr_dtype(const fg_node *n) {
    if (strcmp(n->op_type, "Where") == 0) {
        return fg_computed_dtype(n->in[1]->dtype);
    }
    const fg_dtype t = n->in[0]->dtype;
    if (strcmp(n->op_type, "Pow") == 0 && fg_dtype_get(t)->is_integer &&
        fg_dtype_get(n->in[1]->dtype)->is_float) {
        return FG_DOUBLE;
    }
    return fg_computed_dtype(t);
}

static fg_dtype dtype_of_tag(const char *tag) {
    for (int t = 0; t < FG_DTYPE_COUNT; t++) {
        if (tags[t] != NULL && strcmp(tags[t], tag) == 0) {
            return (fg_dtype)t;
        }
    }
    return FG_UNDEFINED;
}

/* ---- substitution ---- */

/* One expansion of a row's text. */
typedef struct fg_expansion {
    fg_context *ctx;
    const fg_node *node;
    fg_dtype dtype; /* of the type tag */
    const char *tag;
    bool vector;
    int k;
    int n_args;
    const char *const *args;
    fg_text out;
} fg_expansion;

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t word_length(const char *s) {
    size_t n = 0;
    while (is_word(s[n])) {
        n++;
    }
    return n;
}

/* Text of NAME in "name=value name=value", NULL if it is not there. */
static const char *find_default(fg_context *ctx, const char *defaults, const char *name) {
    const size_t n = strlen(name);
    for (const char *p = defaults; p != NULL && *p != '\0'; p += strspn(p, " ")) {
        const size_t length = strcspn(p, " ");
        if (length > n && strncmp(p, name, n) == 0 && p[n] == '=') {
            return fg_strndup(ctx, p + n + 1, length - n - 1);
        }
        p += length;
    }
    return NULL;
}

static const char *real_of(const fg_expansion *x, double d) {
    if (x->dtype == FG_FLOAT) {
        return fg_c_float(x->ctx, (float)d);
    }
    const bool whole = d == floor(d) && fabs(d) < 2147483648.0;
    return x->dtype != FG_DOUBLE && whole ? fg_c_int(x->ctx, FG_INT32, (int64_t)d) : fg_c_double(x->ctx, d);
}

/* Value of attribute `name` as a literal; *truth: whether it is other than zero. */
static const char *attribute(const fg_expansion *x, const char *name, bool *truth) {
    const fg_attr *a = fg_node_attr(x->node, name);
    if (a != NULL && a->type == FG_ATTR_INT) {
        *truth = a->i != 0;
        const bool small = a->i == (int32_t)a->i;
        return fg_c_int(x->ctx, small ? FG_INT32 : FG_INT64, a->i);
    }
    if (a != NULL && a->type == FG_ATTR_FLOAT) {
        *truth = a->f != 0.0f;
        return real_of(x, (double)a->f);
    }
    if (a != NULL) {
        fg_blame_attribute(x->ctx, name);
        fg_raise(x->ctx, FG_BAD_MODEL, "the attribute is not a number");
    }
    const char *text = find_default(x->ctx, x->node->op->defaults, name);
    if (text == NULL) {
        fg_blame_attribute(x->ctx, name);
        fg_raise(x->ctx, FG_INTERNAL, "expression of %s: '$%s' is not known", x->node->op_type, name);
    }
    const double d = strtod(text, NULL);
    *truth = d != 0.0;
    return real_of(x, d);
}

static void add_operand_text(fg_expansion *x, const char *text) {
    const bool negative = text[0] == '-';
    fg_text_printf(&x->out, negative ? "(%s)" : "%s", text);
}

static const char *absent_operand(const fg_expansion *x, int i) {
    if (strncmp(x->node->op_type, "QLinear", 7) == 0) {
        return "0"; /* a zero point */
    }
    if (strcmp(x->node->op_type, "Clip") != 0 || i < 1 || i > 2) {
        fg_raise(x->ctx, FG_INTERNAL, "expression of %s: operand %d is missing", x->node->op_type, i);
    }
    const char *s = i == 1 ? fg_c_lowest(x->ctx, x->dtype) : fg_c_highest(x->ctx, x->dtype);
    return x->vector ? fg_format(x->ctx, "fg_set1(%s)", s) : s;
}

static void add_name(fg_expansion *x, const char *name) {
    if (name[0] >= '0' && name[0] <= '9') {
        const int i = name[1] == '\0' ? name[0] - '0' : x->n_args;
        const bool present = i < x->n_args && x->args[i] != NULL;
        add_operand_text(x, present ? x->args[i] : absent_operand(x, i));
    } else if (strcmp(name, "T") == 0) {
        fg_text_add(&x->out, x->tag);
    } else if (strcmp(name, "k") == 0) {
        add_operand_text(x, x->vector ? fg_c_float(x->ctx, (float)x->k) : fg_format(x->ctx, "%d", x->k));
    } else {
        bool truth;
        add_operand_text(x, attribute(x, name, &truth));
    }
}

/* First of the characters in `stop` outside brackets, or the end. */
static const char *find_outside(const char *p, const char *end, char stop) {
    int depth = 0;
    for (; p < end; p++) {
        if (depth == 0 && *p == stop) {
            return p;
        }
        depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
    }
    return end;
}

static void expand(fg_expansion *x, const char *p, const char *end);

/* "($name ? A : B)": expands A or B. Returns what follows, or p if this is no such choice. */
static const char *expand_choice(fg_expansion *x, const char *p, const char *end) {
    if (end - p < 3 || p[0] != '(' || p[1] != '$' || (p[2] >= '0' && p[2] <= '9')) {
        return p;
    }
    const size_t n = word_length(p + 2);
    if (strncmp(p + 2 + n, " ? ", 3) != 0) {
        return p;
    }
    bool truth;
    attribute(x, fg_strndup(x->ctx, p + 2, n), &truth);
    const char *yes = p + 2 + n + 3;
    const char *colon = find_outside(yes, end, ':');
    const char *close = find_outside(colon, end, ')');
    if (colon == end || close == end) {
        return p;
    }
    fg_text_add(&x->out, "(");
    expand(x, truth ? yes : colon + 2, truth ? colon - 1 : close);
    fg_text_add(&x->out, ")");
    return close + 1;
}

static void expand(fg_expansion *x, const char *p, const char *end) {
    while (p < end) {
        const char *after = expand_choice(x, p, end);
        if (after != p) {
            p = after;
        } else if (*p == '$') {
            const bool digit = p[1] >= '0' && p[1] <= '9';
            const size_t n = digit ? strspn(p + 1, "0123456789") : word_length(p + 1);
            add_name(x, fg_strndup(x->ctx, p + 1, n));
            p += 1 + n;
        } else {
            fg_text_addn(&x->out, p++, 1);
        }
        if (x->out.length > FG_EXPR_MAX) {
            fg_raise(x->ctx, FG_INTERNAL, "expression of %s is absurdly long", x->node->op_type);
        }
    }
}

/* Integers wrap around in ONNX; C leaves signed overflow undefined: the prelude's functions go through
 * unsigned. */
static const struct {
    const char *text, *whole;
} wrapping[] = {
    {"$0 + $1", "fgs_add_$T($0, $1)"},
    {"$0 - $1", "fgs_sub_$T($0, $1)"},
    {"$0 * $1", "fgs_mul_$T($0, $1)"},
    {"-$0", "fgs_neg_$T($0)"},
};

static const char *for_type(const char *text, fg_dtype t) {
    for (size_t i = 0; i < FG_COUNT(wrapping) && fg_dtype_get(t)->is_integer; i++) {
        if (strcmp(wrapping[i].text, text) == 0) {
            return wrapping[i].whole;
        }
    }
    return text;
}

static const char *row_text(fg_context *ctx, const fg_node *n, bool vector) {
    const char *text = n->op == NULL ? NULL : vector ? n->op->vector : n->op->scalar;
    if (text == NULL) {
        fg_raise(ctx, FG_INTERNAL, "%s has no %s expression", n->op_type, vector ? "vector" : "scalar");
    }
    return text;
}

static const char *expanded(fg_context *ctx, const fg_node *n, bool vector, const char *tag, int k,
                            int n_args, const char *const *args) {
    const char *text = row_text(ctx, n, vector);
    fg_expansion x = {
        .ctx = ctx, .node = n, .tag = tag, .vector = vector, .k = k, .n_args = n_args, .args = args};
    x.dtype = tag == NULL ? FG_UNDEFINED : dtype_of_tag(tag);
    if (x.dtype == FG_UNDEFINED) {
        fg_raise(ctx, FG_INTERNAL, "expression of %s: type '%s' is not known", n->op_type,
                 tag == NULL ? "none" : tag);
    }
    x.out = fg_text_new(ctx);
    text = for_type(text, x.dtype);
    expand(&x, text, text + strlen(text));
    const char *result = fg_strdup(ctx, x.out.data != NULL ? x.out.data : "");
    fg_text_free(&x.out);
    return result;
}

static bool uses_once(const char *text, const char *name) {
    const char *first = strstr(text, name);
    return first != NULL && strstr(first + 1, name) == NULL;
}

/* An operand that is a name, a number or a call stands alone. */
static const char *in_parentheses(fg_context *ctx, const char *s) {
    size_t n = word_length(s);
    if (s[n] == '(' && n > 0) {
        const char *end = s + strlen(s);
        const char *close = find_outside(s + n + 1, end, ')');
        n = (size_t)(close < end ? close + 1 - s : close - s);
    }
    return s[n] == '\0' ? s : fg_format(ctx, "(%s)", s);
}

const char *fg_expr_step(fg_context *ctx, const fg_node *n, bool vector, const char *type_tag, int k,
                         const char *so_far, const char *next) {
    const char *const args[] = {so_far, next};
    return expanded(ctx, n, vector, type_tag, k, 2, args);
}

const char *fg_expr(fg_context *ctx, const fg_node *n, bool vector, const char *type_tag, int n_args,
                    const char *const *args) {
    const char *text = row_text(ctx, n, vector);
    if (n->op->max_in != -1) {
        return expanded(ctx, n, vector, type_tag, n_args, n_args, args);
    }
    if (n_args < 1 || (n_args > 2 && !uses_once(text, "$0"))) {
        fg_raise(ctx, FG_INTERNAL, "%s over %d operands is no single expression", n->op_type, n_args);
    }
    const char *result = args[0];
    for (int i = 1; i < n_args; i++) {
        result = fg_expr_step(ctx, n, vector, type_tag, i + 1, in_parentheses(ctx, result), args[i]);
    }
    return result;
}
