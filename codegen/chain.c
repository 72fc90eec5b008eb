/* Elementwise chains: prologues, epilogues and map kernels share this way from nodes to statements. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/lower.h"

typedef struct fg_link {
    const fg_node *node;
    int *arg; /* >= 0: outside operand; -1: main or the result before; -2 - i: result of link i; FG_LITERAL:
                 constant */
    const fg_value **literal;
} fg_link;

enum { FG_PREVIOUS = -1, FG_LITERAL = -1000000, FG_MAIN = -1000001, FG_ABSENT = -1000002 };

struct fg_chain {
    fg_context *ctx;
    fg_link *links;
    int n_links;
    bool *saved; /* result i is read again later than by link i + 1 */
    bool main_saved;
    fg_value **operands;
    int n_operands, cap_operands;
    fg_value *main;
};

static int outside(fg_chain *c, fg_value *v) {
    for (int i = 0; i < c->n_operands; i++)
        if (c->operands[i] == v) return i;
    c->operands[c->n_operands] = v;
    return c->n_operands++;
}

static int classify(fg_chain *c, int at, fg_value *v) {
    if (!v) return FG_ABSENT;
    if (v == c->main) {
        if (at == 0) return FG_PREVIOUS;
        c->main_saved = true;
        return FG_MAIN;
    }
    for (int i = at - 1; i >= 0; i--) {
        if (c->links[i].node->out[0] != v) continue;
        if (i == at - 1) return FG_PREVIOUS;
        c->saved[i] = true;
        return -2 - i;
    }
    if (v->data && fg_shape_count(&v->shape) == 1) return FG_LITERAL;
    return outside(c, v);
}

fg_chain *fg_chain_new(fg_emit *e, fg_node *const *nodes, int n_nodes, fg_value *main) {
    fg_chain *c = FG_NEW(e->ctx, fg_chain);
    c->ctx = e->ctx;
    c->links = FG_ARRAY(e->ctx, n_nodes + 1, fg_link);
    c->saved = FG_ARRAY(e->ctx, n_nodes + 1, bool);
    c->n_links = n_nodes;
    c->main = main;
    int operands = 0;
    for (int i = 0; i < n_nodes; i++) operands += nodes[i]->n_in;
    c->operands = FG_ARRAY(e->ctx, operands + 1, fg_value *);
    for (int i = 0; i < n_nodes; i++) {
        fg_link *l = &c->links[i];
        l->node = nodes[i];
        l->arg = FG_ARRAY(e->ctx, nodes[i]->n_in + 1, int);
        for (int j = 0; j < nodes[i]->n_in; j++) l->arg[j] = classify(c, i, nodes[i]->in[j]);
    }
    return c;
}

int fg_chain_operands(const fg_chain *c) {
    return c->n_operands;
}

fg_value *fg_chain_operand(const fg_chain *c, int i) {
    return c->operands[i];
}

static const char *literal(const fg_chain *c, const fg_value *v, bool vector) {
    const char *text = fg_c_element(c->ctx, v, 0);
    return vector ? fg_format(c->ctx, "fg_set1(%s)", text) : text;
}

static const char *c_type_of(const fg_value *v) {
    return fg_dtype_get(fg_computed_dtype(v->dtype))->c_type;
}

/* A vector form that a row does not have: lane by lane through memory. */
static void lanewise(const fg_chain *c, const fg_node *n, const char *target, bool declare,
                     const char *const *args, const char *tag, fg_text *out) {
    const char *lanes[64];
    if (declare) fg_text_printf(out, "fg_v %s;\n", target);
    fg_text_add(out, "{\n");
    for (int j = 0; j < n->n_in && j < 64; j++) {
        if (!args[j]) {
            lanes[j] = NULL;
            continue;
        }
        fg_text_printf(out, "float l%d%s[FG_VL] FG_ALIGNED(64);\nfg_store(l%d%s, %s);\n", j, tag, j, tag,
                       args[j]);
        lanes[j] = fg_format(c->ctx, "l%d%s[lane]", j, tag);
    }
    fg_text_printf(out, "for (int lane = 0; lane < FG_VL; lane++) l0%s[lane] = %s;\n", tag,
                   fg_expr(c->ctx, n, false, "f32", n->n_in, lanes));
    fg_text_printf(out, "%s = fg_load(l0%s);\n}\n", target, tag);
}

static bool is_plain(const char *s) {
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '_' ||
              *s == '.' || *s == '-'))
            return false;
    return true;
}

/* Integer expressions are promoted to int or more: the way back is written out. Calls return their type. */
static const char *converted(const fg_chain *c, const fg_node *n, bool vector, const char *text) {
    const fg_dtype_info *t = fg_dtype_get(n->out[0]->dtype);
    const bool same = fg_expr_dtype(n) == n->out[0]->dtype;
    const bool typed = strncmp(text, "fgs_", 4) == 0 && strncmp(text, "fgs_quantise(", 13) != 0;
    if (vector || t->is_float || (same && typed)) return text;
    return fg_format(c->ctx, "(%s)(%s)", t->c_type, text);
}

/* `target = node(args)`; variadic operators with many operands go on one by one. */
static void assign(const fg_chain *c, const fg_node *n, const char *target, bool declare, bool vector,
                   const char *const *args, fg_text *out) {
    fg_context *ctx = c->ctx;
    const char *tag = fg_ctype_tag(fg_expr_dtype(n));
    const bool fold = n->op->max_in < 0 && n->n_in > 2;
    if (declare) fg_text_printf(out, "%s ", vector ? "fg_v" : c_type_of(n->out[0]));
    if (!fold) {
        fg_text_printf(out, "%s = %s;\n", target,
                       converted(c, n, vector, fg_expr(ctx, n, vector, tag, n->n_in, args)));
        return;
    }
    fg_text_printf(out, "%s = %s;\n", target, fg_expr_step(ctx, n, vector, tag, 2, args[0], args[1]));
    for (int j = 2; j < n->n_in; j++)
        fg_text_printf(out, "%s = %s;\n", target, fg_expr_step(ctx, n, vector, tag, j + 1, target, args[j]));
}

/* The one operator whose operands may differ in type: all are computed in what fg_expr_dtype says. */
static void convert_exponent(const fg_chain *c, const fg_node *n, const char **args) {
    if (strcmp(n->op_type, "Pow") != 0) return;
    const char *tag = fg_ctype_tag(fg_expr_dtype(n)), *type = fg_dtype_get(fg_expr_dtype(n))->c_type;
    for (int j = 0; j < n->n_in; j++)
        if (strcmp(tag, fg_ctype_tag(n->in[j]->dtype)) != 0)
            args[j] = fg_format(c->ctx, "(%s)%s", type, args[j]);
}

/* Half precision is computed in float; a value that ONNX would have stored is rounded as if it had been, so
 * that fusing does not change results. */
static void round_to_storage(const fg_value *v, const char *var, fg_text *out) {
    if (v->dtype == FG_FLOAT16)
        fg_text_printf(out, "%s = fgs_half_to_f32(fgs_f32_to_half(%s));\n", var, var);
    else if (v->dtype == FG_BFLOAT16)
        fg_text_printf(out, "%s = fgs_bf16_to_f32(fgs_f32_to_bf16(%s));\n", var, var);
}

void fg_chain_emit(const fg_chain *c, const char *var, bool declare, const char *const *loaded, bool vector,
                   const char *tag, int without, fg_text *out) {
    fg_context *ctx = c->ctx;
    bool declared = !declare;
    const char *previous = var;
    if (c->main) round_to_storage(c->main, var, out);
    if (c->main_saved && c->n_links > 1)
        fg_text_printf(out, "const %s main%s = %s;\n", vector ? "fg_v" : c_type_of(c->main), tag, var);
    for (int i = 0; i < c->n_links - without; i++) {
        const fg_link *l = &c->links[i];
        const fg_node *n = l->node;
        const char **args = FG_ARRAY(ctx, n->n_in + 1, const char *);
        for (int j = 0; j < n->n_in; j++) {
            const int a = l->arg[j];
            args[j] = a == FG_ABSENT     ? NULL
                      : a == FG_LITERAL  ? literal(c, n->in[j], vector)
                      : a == FG_MAIN     ? fg_format(ctx, "main%s", tag)
                      : a == FG_PREVIOUS ? previous
                      : a < 0            ? fg_format(ctx, "r%d%s", -2 - a, tag)
                                         : loaded[a];
            /* Expressions may name an operand twice: load it once. A fold overwrites the result so far, which
             * may be one of its later operands. */
            const bool overwritten = a == FG_PREVIOUS && j >= 2 && n->op->max_in < 0;
            if (overwritten || (a >= 0 && !is_plain(args[j]))) {
                const char *temp = fg_format(ctx, "o%d_%d%s", i, j, tag);
                fg_text_printf(out, "const %s %s = %s;\n", vector ? "fg_v" : c_type_of(n->in[j]), temp,
                               args[j]);
                args[j] = temp;
            }
        }
        convert_exponent(c, n, args);
        const bool last = i == c->n_links - 1;
        const bool retyped =
            !vector &&
            n->out[0]->dtype != (c->main ? c->main->dtype : c->links[c->n_links - 1].node->out[0]->dtype);
        const char *target = var;
        bool fresh = !declared;
        if (!last && (c->saved[i] || retyped)) {
            target = fg_format(ctx, "r%d%s", i, tag);
            fresh = true;
        } else {
            declared = true;
        }
        if (vector && !n->op->vector)
            lanewise(c, n, target, fresh, args, tag, out);
        else
            assign(c, n, target, fresh, vector, args, out);
        if (!last) round_to_storage(n->out[0], target, out);
        previous = target;
    }
}

bool fg_chain_ends_in_clip(const fg_chain *c) {
    if (c->n_links == 0) return false;
    const fg_link *l = &c->links[c->n_links - 1];
    const fg_node *n = l->node;
    if ((strcmp(n->op_type, "Relu") != 0 && strcmp(n->op_type, "Clip") != 0) || n->out[0]->dtype != FG_FLOAT)
        return false;
    for (int j = 1; j < n->n_in; j++)
        if (l->arg[j] != FG_LITERAL && l->arg[j] != FG_ABSENT) return false;
    return n->op->vector && (l->arg[0] == FG_PREVIOUS || l->arg[0] == FG_MAIN) && !c->main_saved;
}

void fg_chain_emit_clip(const fg_chain *c, const char *var, fg_text *out) {
    const fg_node *n = c->links[c->n_links - 1].node;
    const char **args = FG_ARRAY(c->ctx, n->n_in + 1, const char *);
    args[0] = var;
    for (int j = 1; j < n->n_in; j++) args[j] = n->in[j] ? literal(c, n->in[j], true) : NULL;
    assign(c, n, var, false, true, args, out);
}

bool fg_chain_uses(const fg_chain *c, const char *word) {
    for (int i = 0; i < c->n_links; i++) {
        const char *vector = c->links[i].node->op->vector;
        if (vector && strstr(vector, word)) return true;
    }
    return false;
}
