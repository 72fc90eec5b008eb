/* Adagrad, Adam, Momentum: a loop over the elements of each tensor. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"

enum { ADAGRAD, ADAM, MOMENTUM, MOST = 4 };

static const struct {
    const char *op;
    int memories;
} kinds[] = {[ADAGRAD] = {"Adagrad", 1}, [ADAM] = {"Adam", 2}, [MOMENTUM] = {"Momentum", 1}};

typedef struct fg_optimizer {
    fg_emit *e;
    const fg_node *node;
    int kind, memories, tensors;
} fg_optimizer;

static const char *attribute(const fg_optimizer *q, fg_dtype t, const char *name, float otherwise) {
    const float f = fg_attr_float(q->node, name, otherwise);
    return t == FG_DOUBLE ? fg_c_double(q->e->ctx, (double)f) : fg_c_float(q->e->ctx, f);
}

/* The step's rate, in double: once, whatever the tensors' types. */
static void emit_rate(const fg_optimizer *q) {
    fg_emit *e = q->e;
    fg_emit_input(e, "given", q->node->in[0]);
    fg_emit_input(e, "number", q->node->in[1]);
    if (q->kind == ADAGRAD) {
        fg_line(e, "const double rate_now = (double)given[0] / (1 + (double)number[0] * %s);",
                attribute(q, FG_DOUBLE, "decay_factor", 0));
    } else if (q->kind == ADAM) {
        fg_line(e, "double rate_now = (double)given[0];");
        fg_line(e,
                "if (number[0] > 0) rate_now *= fgs_sqrt_f64(1 - fgs_pow_f64(%s, (double)number[0])) / (1 - "
                "fgs_pow_f64(%s, (double)number[0]));",
                attribute(q, FG_DOUBLE, "beta", 0.999F), attribute(q, FG_DOUBLE, "alpha", 0.9F));
    } else {
        fg_line(e, "const double rate_now = (double)given[0];");
    }
}

static void set_attributes(const fg_optimizer *q, fg_template *t, fg_dtype type) {
    const bool adam = q->kind == ADAM;
    fg_template_int(t, "KIND", q->kind);
    fg_template_int(t, "NESTEROV", strcmp(fg_attr_string(q->node, "mode", "standard"), "nesterov") == 0);
    fg_template_text(t, "TYPE", fg_dtype_get(type)->c_type);
    fg_template_text(t, "T", fg_ctype_tag(type));
    fg_template_text(t, "NORM", attribute(q, type, "norm_coefficient", 0));
    fg_template_text(t, "POST", attribute(q, type, "norm_coefficient_post", 0));
    fg_template_text(t, "EPSILON", attribute(q, type, "epsilon", 1e-6F));
    fg_template_text(t, "ALPHA", attribute(q, type, "alpha", adam ? 0.9F : 0));
    fg_template_text(t, "BETA", attribute(q, type, "beta", adam ? 0.999F : 0));
}

static fg_value *result(const fg_optimizer *q, int group, int tensor) {
    const int i = group * q->tensors + tensor;
    fg_value *v = i < q->node->n_out ? q->node->out[i] : NULL;
    return fg_is_wanted(v) ? v : NULL;
}

static void emit_tensor(const fg_optimizer *q, int tensor) {
    static const char *const names[] = {"values", "gradients", "memories", "squares"};
    static const char *const results[] = {"new_values", "new_memories", "new_squares"};
    static const char *const made[] = {"x", "m", "n"};
    fg_emit *e = q->e;
    fg_context *ctx = e->ctx;
    fg_value *first = q->node->in[2 + tensor];
    const char *load[MOST], *store[MOST] = {"", "", "", ""};
    int64_t wanted[MOST] = {0};
    fg_nest *nest = fg_nest_new(ctx, &first->shape, 2 * MOST);
    for (int k = 0; k < 2 + q->memories; k++) {
        fg_value *v = q->node->in[2 + k * q->tensors + tensor];
        fg_emit_input(e, names[k], v);
        fg_nest_add_value(e, nest, v);
    }
    for (int k = 0; k <= q->memories; k++) {
        fg_value *v = result(q, k, tensor);
        wanted[k] = v != NULL;
        if (v != NULL) {
            fg_emit_output(e, results[k], v);
            fg_nest_add_value(e, nest, v);
        }
    }
    fg_nest_simplify(nest, 0, 0, nest->rank);
    for (int k = 0; k < 2 + q->memories; k++) {
        load[k] = fg_load_element(ctx, first->dtype, names[k], fg_nest_at(ctx, nest, k, 0, nest->rank, "i"));
    }
    for (int k = 0, operand = 2 + q->memories; k <= q->memories; k++) {
        if (wanted[k]) {
            store[k] = fg_store_element(ctx, first->dtype, results[k],
                                        fg_nest_at(ctx, nest, operand++, 0, nest->rank, "i"), made[k]);
        }
    }
    fg_template *t = fg_emit_template(e);
    set_attributes(q, t, first->dtype);
    fg_template_int(t, "RANK", nest->rank);
    fg_template_ints(t, "EXTENT", nest->rank, nest->extent);
    fg_template_texts(t, "LOAD", 2 + q->memories, load);
    fg_template_texts(t, "STORE", 1 + q->memories, store);
    fg_template_ints(t, "WANTED", 1 + q->memories, wanted);
    const char *type = fg_dtype_get(first->dtype)->c_type;
    fg_line(e, "const %s rate = (%s)rate_now;", type, type);
    if (q->kind == MOMENTUM) {
        fg_line(e, "const %s beta = number[0] > 0 ? %s : 1;", type, attribute(q, first->dtype, "beta", 0));
    }
    fg_template_render(t, "optimizer", e->out);
}

static void emit(fg_emit *e) {
    fg_optimizer q = {.e = e, .node = e->k->stage[0].anchor};
    while (q.kind < MOMENTUM && strcmp(kinds[q.kind].op, q.node->op_type) != 0) {
        q.kind++;
    }
    q.memories = kinds[q.kind].memories;
    q.tensors = (q.node->n_in - 2) / (2 + q.memories);
    emit_rate(&q);
    for (int t = 0; t < q.tensors; t++) {
        bool any = false;
        for (int k = 0; k <= q.memories; k++) {
            any = any || result(&q, k, t) != NULL;
        }
        if (any && fg_shape_count(&q.node->in[2 + t]->shape) > 0) {
            fg_line(e, "{");
            emit_tensor(&q, t);
            fg_line(e, "}");
        }
    }
    fg_describe(e, "", "tensor by tensor, element by element");
}

const fg_lowering fg_lowering_optimizer = {.name = "optimizer", .prefer = NULL, .emit = emit};
