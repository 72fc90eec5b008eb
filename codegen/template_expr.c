/* Expressions of templates: a recursive-descent parser into a tree, and its evaluation with checked int64
 * arithmetic. */
#include "codegen/template_expr.h"

#include <string.h>

#define FG_TDEPTH 100 /* nested parentheses and operators */

typedef enum fg_top {
    FG_TOP_NUMBER,
    FG_TOP_STRING,
    FG_TOP_NAME,
    FG_TOP_ELEMENT,
    FG_TOP_LEN,
    FG_TOP_NEG,
    FG_TOP_NOT,
    FG_TOP_COND,
    FG_TOP_OR,
    FG_TOP_AND,
    FG_TOP_EQ,
    FG_TOP_NE,
    FG_TOP_LT,
    FG_TOP_LE,
    FG_TOP_GT,
    FG_TOP_GE,
    FG_TOP_SHL,
    FG_TOP_SHR,
    FG_TOP_ADD,
    FG_TOP_SUB,
    FG_TOP_MUL,
    FG_TOP_DIV,
    FG_TOP_MOD,
    FG_TOP_MIN,
    FG_TOP_MAX,
    FG_TOP_CEIL
} fg_top;

struct fg_texpr {
    fg_top op;
    int64_t i;
    const char *text;
    fg_tsymbol *symbol;
    fg_texpr *a, *b, *c;
};

typedef struct fg_tbinary {
    const char *token;
    int precedence; /* higher binds tighter, as in C */
    fg_top op;
} fg_tbinary;

/* Longer tokens first where one is the start of another. */
static const fg_tbinary binaries[] = {
    {"||", 1, FG_TOP_OR},  {"&&", 2, FG_TOP_AND}, {"==", 3, FG_TOP_EQ}, {"!=", 3, FG_TOP_NE},
    {"<<", 5, FG_TOP_SHL}, {">>", 5, FG_TOP_SHR}, {"<=", 4, FG_TOP_LE}, {">=", 4, FG_TOP_GE},
    {"<", 4, FG_TOP_LT},   {">", 4, FG_TOP_GT},   {"+", 6, FG_TOP_ADD}, {"-", 6, FG_TOP_SUB},
    {"*", 7, FG_TOP_MUL},  {"/", 7, FG_TOP_DIV},  {"%", 7, FG_TOP_MOD},
};

typedef struct fg_tfunction {
    const char *name;
    fg_top op;
} fg_tfunction;

static const fg_tfunction functions[] = {{"min", FG_TOP_MIN}, {"max", FG_TOP_MAX}, {"ceil", FG_TOP_CEIL}};

void fg_traise(fg_context *ctx, fg_tplace at, const char *format, ...) {
    char message[400];
    va_list ap;
    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap);
    va_end(ap);
    fg_raise(ctx, FG_INTERNAL, "template %s:%d: %s", at.template_name, at.line, message);
}

fg_tsymbol *fg_tsymbol_get(fg_tscope *scope, const char *name, size_t length) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        h = (h ^ (unsigned char)name[i]) * 16777619u;
    }
    fg_tsymbol **link = &scope->bucket[h % FG_TBUCKETS];
    for (fg_tsymbol *s = *link; s != NULL; s = s->next) {
        if (strncmp(s->name, name, length) == 0 && s->name[length] == '\0') {
            return s;
        }
    }
    fg_tsymbol *s = FG_NEW(scope->ctx, fg_tsymbol);
    s->name = fg_strndup(scope->ctx, name, length);
    s->next = *link;
    *link = s;
    return s;
}

/* ---- reading ---- */

static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

void fg_tskip_space(fg_treader *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\r')) {
        r->p++;
    }
}

bool fg_taccept(fg_treader *r, const char *token) {
    fg_tskip_space(r);
    const size_t n = strlen(token);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, token, n) != 0) {
        return false;
    }
    const bool word = is_name_start(token[0]);
    if (word && r->p + n < r->end && (is_name_start(r->p[n]) || is_digit(r->p[n]))) {
        return false;
    }
    r->p += n;
    return true;
}

void fg_texpect(fg_treader *r, const char *token) {
    if (!fg_taccept(r, token)) {
        fg_traise(r->scope->ctx, r->at, "'%s' expected before '%.*s'", token, (int)(r->end - r->p), r->p);
    }
}

void fg_texpect_end(fg_treader *r) {
    fg_tskip_space(r);
    if (r->p < r->end) {
        fg_traise(r->scope->ctx, r->at, "'%.*s' is left over", (int)(r->end - r->p), r->p);
    }
}

fg_tsymbol *fg_tread_name(fg_treader *r) {
    fg_tskip_space(r);
    const char *start = r->p;
    if (r->p < r->end && is_name_start(*r->p)) {
        while (r->p < r->end && (is_name_start(*r->p) || is_digit(*r->p))) {
            r->p++;
        }
    }
    if (r->p == start) {
        fg_traise(r->scope->ctx, r->at, "a name expected before '%.*s'", (int)(r->end - r->p), r->p);
    }
    return fg_tsymbol_get(r->scope, start, (size_t)(r->p - start));
}

static fg_texpr *make(fg_treader *r, fg_top op, fg_texpr *a, fg_texpr *b) {
    fg_texpr *e = FG_NEW(r->scope->ctx, fg_texpr);
    e->op = op;
    e->a = a;
    e->b = b;
    return e;
}

static fg_texpr *read_number(fg_treader *r) {
    fg_texpr *e = make(r, FG_TOP_NUMBER, NULL, NULL);
    for (; r->p < r->end && is_digit(*r->p); r->p++) {
        if (__builtin_mul_overflow(e->i, (int64_t)10, &e->i) ||
            __builtin_add_overflow(e->i, (int64_t)(*r->p - '0'), &e->i)) {
            fg_traise(r->scope->ctx, r->at, "number does not fit 64 bits");
        }
    }
    return e;
}

static fg_texpr *read_string(fg_treader *r) {
    const char *start = ++r->p;
    while (r->p < r->end && *r->p != '"') {
        r->p++;
    }
    if (r->p == r->end) {
        fg_traise(r->scope->ctx, r->at, "text has no closing quote");
    }
    fg_texpr *e = make(r, FG_TOP_STRING, NULL, NULL);
    e->text = fg_strndup(r->scope->ctx, start, (size_t)(r->p++ - start));
    return e;
}

static fg_texpr *read_call(fg_treader *r, const fg_tsymbol *name) {
    if (strcmp(name->name, "len") == 0) {
        fg_texpr *e = make(r, FG_TOP_LEN, NULL, NULL);
        e->symbol = fg_tread_name(r);
        fg_texpect(r, ")");
        return e;
    }
    for (size_t i = 0; i < FG_COUNT(functions); i++) {
        if (strcmp(name->name, functions[i].name) == 0) {
            fg_texpr *a = fg_tread_expr(r);
            fg_texpect(r, ",");
            fg_texpr *b = fg_tread_expr(r);
            fg_texpect(r, ")");
            return make(r, functions[i].op, a, b);
        }
    }
    fg_traise(r->scope->ctx, r->at, "there is no function '%s'", name->name);
}

static fg_texpr *read_name_or_call(fg_treader *r) {
    fg_tsymbol *symbol = fg_tread_name(r);
    if (fg_taccept(r, "(")) {
        return read_call(r, symbol);
    }
    fg_texpr *e = make(r, FG_TOP_NAME, NULL, NULL);
    e->symbol = symbol;
    if (fg_taccept(r, "[")) {
        e->op = FG_TOP_ELEMENT;
        e->a = fg_tread_expr(r);
        fg_texpect(r, "]");
    }
    return e;
}

static fg_texpr *read_unary(fg_treader *r) {
    if (r->depth > FG_TDEPTH) {
        fg_traise(r->scope->ctx, r->at, "expression is nested too deeply");
    }
    r->depth++;
    fg_tskip_space(r);
    const char c = r->p < r->end ? *r->p : '\0';
    fg_texpr *e;
    if (c == '-' || c == '!' || c == '+') {
        r->p++;
        e = read_unary(r);
        e = c == '+' ? e : make(r, c == '-' ? FG_TOP_NEG : FG_TOP_NOT, e, NULL);
    } else if (c == '(') {
        r->p++;
        e = fg_tread_expr(r);
        fg_texpect(r, ")");
    } else if (c == '"') {
        e = read_string(r);
    } else {
        e = is_digit(c) ? read_number(r) : read_name_or_call(r);
    }
    r->depth--;
    return e;
}

static const fg_tbinary *next_binary(const fg_treader *r, int least) {
    for (size_t i = 0; i < FG_COUNT(binaries); i++) {
        const size_t n = strlen(binaries[i].token);
        if ((size_t)(r->end - r->p) >= n && memcmp(r->p, binaries[i].token, n) == 0) {
            return binaries[i].precedence >= least ? &binaries[i] : NULL;
        }
    }
    return NULL;
}

static fg_texpr *read_binary(fg_treader *r, int least) {
    fg_texpr *left = read_unary(r);
    for (;;) {
        fg_tskip_space(r);
        const fg_tbinary *b = next_binary(r, least);
        if (b == NULL) {
            return left;
        }
        r->p += strlen(b->token);
        left = make(r, b->op, left, read_binary(r, b->precedence + 1));
    }
}

fg_texpr *fg_tread_expr(fg_treader *r) {
    if (r->depth > FG_TDEPTH) {
        fg_traise(r->scope->ctx, r->at, "expression is nested too deeply");
    }
    r->depth++;
    fg_texpr *e = read_binary(r, 1);
    if (fg_taccept(r, "?")) {
        fg_texpr *cond = make(r, FG_TOP_COND, e, fg_tread_expr(r));
        fg_texpect(r, ":");
        cond->c = fg_tread_expr(r);
        e = cond;
    }
    r->depth--;
    return e;
}

/* ---- evaluation ---- */

static fg_tvalue of_int(int64_t i) {
    return (fg_tvalue){.i = i};
}

static fg_tvalue eval_name(fg_context *ctx, fg_tplace at, const fg_tsymbol *s) {
    if (s->value.kind == FG_TNONE) {
        fg_traise(ctx, at, "unknown name '%s'", s->name);
    }
    if (s->value.kind == FG_TINTS || s->value.kind == FG_TTEXTS) {
        fg_traise(ctx, at, "'%s' is an array: write %s[...]", s->name, s->name);
    }
    return (fg_tvalue){.text = s->value.text, .i = s->value.i};
}

static fg_tvalue eval_element(fg_context *ctx, fg_tplace at, const fg_texpr *e) {
    const fg_tsymbol *s = e->symbol;
    const int64_t i = fg_teval_int(ctx, at, e->a);
    if (s->value.kind != FG_TINTS && s->value.kind != FG_TTEXTS) {
        fg_traise(ctx, at, s->value.kind == FG_TNONE ? "unknown name '%s'" : "'%s' is not an array", s->name);
    }
    if (i < 0 || i >= s->value.n) {
        fg_traise(ctx, at, "index %lld of '%s' is out of range: it has %d elements", (long long)i, s->name,
                  s->value.n);
    }
    return s->value.kind == FG_TINTS ? of_int(s->value.ints[i]) : (fg_tvalue){.text = s->value.texts[i]};
}

static int64_t eval_len(fg_context *ctx, fg_tplace at, const fg_tsymbol *s) {
    if (s->value.kind != FG_TINTS && s->value.kind != FG_TTEXTS) {
        fg_traise(ctx, at, "len(%s): not an array", s->name);
    }
    return s->value.n;
}

static fg_tvalue eval_equal(fg_context *ctx, fg_tplace at, const fg_texpr *e) {
    const fg_tvalue a = fg_teval(ctx, at, e->a);
    const fg_tvalue b = fg_teval(ctx, at, e->b);
    if ((a.text == NULL) != (b.text == NULL)) {
        fg_traise(ctx, at, "a text is compared with a number");
    }
    const bool equal = a.text != NULL ? strcmp(a.text, b.text) == 0 : a.i == b.i;
    return of_int(equal == (e->op == FG_TOP_EQ));
}

static int64_t divide(fg_context *ctx, fg_tplace at, fg_top op, int64_t a, int64_t b) {
    if (b == 0 || (a == INT64_MIN && b == -1)) {
        fg_traise(ctx, at, b == 0 ? "division by zero" : "overflow");
    }
    if (op == FG_TOP_MOD) {
        return a % b;
    }
    const int64_t q = a / b;
    return op == FG_TOP_CEIL && a % b != 0 && (a < 0) == (b < 0) ? q + 1 : q;
}

static int64_t shift(fg_context *ctx, fg_tplace at, fg_top op, int64_t a, int64_t b) {
    if (a < 0 || b < 0 || b > 62 || (op == FG_TOP_SHL && a > (INT64_MAX >> b))) {
        fg_traise(ctx, at, "shift of %lld by %lld overflows", (long long)a, (long long)b);
    }
    return op == FG_TOP_SHL ? a << b : a >> b;
}

static int64_t arithmetic(fg_context *ctx, fg_tplace at, fg_top op, int64_t a, int64_t b) {
    int64_t r = 0;
    const bool overflow = op == FG_TOP_ADD   ? __builtin_add_overflow(a, b, &r)
                          : op == FG_TOP_SUB ? __builtin_sub_overflow(a, b, &r)
                                             : __builtin_mul_overflow(a, b, &r);
    if (overflow) {
        fg_traise(ctx, at, "overflow");
    }
    return r;
}

static int64_t eval_binary(fg_context *ctx, fg_tplace at, const fg_texpr *e) {
    const int64_t a = fg_teval_int(ctx, at, e->a);
    const int64_t b = fg_teval_int(ctx, at, e->b);
    switch (e->op) {
    case FG_TOP_LT: return a < b;
    case FG_TOP_LE: return a <= b;
    case FG_TOP_GT: return a > b;
    case FG_TOP_GE: return a >= b;
    case FG_TOP_MIN: return a < b ? a : b;
    case FG_TOP_MAX: return a > b ? a : b;
    case FG_TOP_SHL:
    case FG_TOP_SHR: return shift(ctx, at, e->op, a, b);
    case FG_TOP_DIV:
    case FG_TOP_MOD:
    case FG_TOP_CEIL: return divide(ctx, at, e->op, a, b);
    default: return arithmetic(ctx, at, e->op, a, b);
    }
}

fg_tvalue fg_teval(fg_context *ctx, fg_tplace at, const fg_texpr *e) {
    switch (e->op) {
    case FG_TOP_NUMBER: return of_int(e->i);
    case FG_TOP_STRING: return (fg_tvalue){.text = e->text};
    case FG_TOP_NAME: return eval_name(ctx, at, e->symbol);
    case FG_TOP_ELEMENT: return eval_element(ctx, at, e);
    case FG_TOP_LEN: return of_int(eval_len(ctx, at, e->symbol));
    case FG_TOP_NEG: return of_int(arithmetic(ctx, at, FG_TOP_SUB, 0, fg_teval_int(ctx, at, e->a)));
    case FG_TOP_NOT: return of_int(fg_teval_int(ctx, at, e->a) == 0);
    case FG_TOP_COND: return fg_teval(ctx, at, fg_teval_int(ctx, at, e->a) != 0 ? e->b : e->c);
    case FG_TOP_OR: return of_int(fg_teval_int(ctx, at, e->a) != 0 || fg_teval_int(ctx, at, e->b) != 0);
    case FG_TOP_AND: return of_int(fg_teval_int(ctx, at, e->a) != 0 && fg_teval_int(ctx, at, e->b) != 0);
    case FG_TOP_EQ:
    case FG_TOP_NE: return eval_equal(ctx, at, e);
    default: return of_int(eval_binary(ctx, at, e));
    }
}

int64_t fg_teval_int(fg_context *ctx, fg_tplace at, const fg_texpr *e) {
    const fg_tvalue v = fg_teval(ctx, at, e);
    if (v.text != NULL) {
        fg_traise(ctx, at, "a number is needed, not the text \"%.60s\"", v.text);
    }
    return v.i;
}
