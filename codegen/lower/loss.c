/* NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: position by position; sums over positions are kept
 * in double. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"

enum { SCORES, TARGET, LOSS, LOGS, OPERANDS };

typedef struct fg_loss {
    fg_emit *e;
    fg_node *node;
    fg_value *loss, *logs; /* NULL: not wanted */
    bool reduced;
    fg_nest *nest;
    int64_t step[OPERANDS]; /* from class to class */
} fg_loss;

static const char *place(const fg_loss *l, int operand) {
    return fg_nest_at(l->e->ctx, l->nest, operand, 0, l->nest->rank, "i");
}

static const char *times(fg_context *ctx, const char *index, int64_t step) {
    return step == 1 ? index : fg_format(ctx, "%s * %lld", index, (long long)step);
}

static void declare(fg_loss *l) {
    fg_value *w = l->node->n_in > 2 ? l->node->in[2] : NULL;
    fg_emit_input(l->e, "x", l->node->in[0]);
    if (l->loss != NULL) {
        fg_emit_input(l->e, "targets", l->node->in[1]);
        fg_emit_output(l->e, "y", l->loss);
    }
    if (l->loss != NULL && w != NULL) {
        fg_emit_input(l->e, "weight_of", w);
    }
    if (l->logs != NULL) {
        fg_emit_output(l->e, "logs", l->logs);
    }
    const fg_value *targets = l->node->in[1];
    const fg_value *v[OPERANDS] = {l->node->in[0], targets,
                                   l->loss != NULL && !l->reduced ? l->loss : targets,
                                   l->logs != NULL ? l->logs : l->node->in[0]};
    l->nest = fg_nest_around(l->e, &l->node->in[0]->shape, 1, OPERANDS, v, l->step);
}

static void set_scores(const fg_loss *l, fg_template *t) {
    fg_context *ctx = l->e->ctx;
    const fg_dtype type = l->node->in[0]->dtype;
    const char *line = fg_pointer_to(ctx, "x", place(l, SCORES));
    fg_template_text(t, "LINE", line);
    fg_template_text(t, "FIRST", fg_load_element(ctx, type, "line", "0"));
    fg_template_text(t, "ELEMENT", fg_load_element(ctx, type, "line", times(ctx, "k", l->step[SCORES])));
    fg_template_text(t, "OWN", fg_load_element(ctx, type, "line", times(ctx, "t", l->step[SCORES])));
    const char *at = place(l, LOGS), *k = times(ctx, "k", l->step[LOGS]);
    const char *log = fg_load_element(ctx, type, "line", times(ctx, "k", l->step[SCORES]));
    fg_template_text(t, "STORE_LOG",
                     fg_store_element(ctx, type, "logs",
                                      strcmp(at, "0") == 0 ? k : fg_format(ctx, "%s + %s", at, k),
                                      fg_format(ctx, "%s - highest - shift", log)));
}

static void set_loss(const fg_loss *l, fg_template *t) {
    fg_context *ctx = l->e->ctx;
    const fg_node *n = l->node;
    const fg_dtype type = n->in[0]->dtype;
    const bool weighted = n->n_in > 2 && n->in[2] != NULL;
    fg_template_int(t, "LOSS", l->loss != NULL);
    fg_template_int(t, "REDUCED", l->reduced);
    fg_template_int(t, "MEAN", strcmp(fg_attr_string(n, "reduction", "mean"), "mean") == 0);
    fg_template_int(t, "IGNORES", fg_node_attr(n, "ignore_index") != NULL);
    fg_template_text(t, "IGNORED", fg_c_int(ctx, FG_INT64, fg_attr_int(n, "ignore_index", 0)));
    fg_template_int(t, "WEIGHTED", weighted);
    fg_template_text(t, "WEIGHT", fg_load_element(ctx, type, "weight_of", "t"));
    fg_template_text(t, "TARGET", fg_format(ctx, "targets[%s]", place(l, TARGET)));
    fg_template_text(t, "STORE_LOSS",
                     fg_store_element(ctx, type, "y", l->reduced ? "0" : place(l, LOSS), "loss"));
}

static void emit(fg_emit *e) {
    fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    const fg_dtype type = n->in[0]->dtype;
    fg_loss l = {.e = e, .node = n};
    l.loss = fg_is_wanted(n->out[0]) ? n->out[0] : NULL;
    l.logs = n->n_out > 1 && fg_is_wanted(n->out[1]) ? n->out[1] : NULL;
    l.reduced = strcmp(fg_attr_string(n, "reduction", "mean"), "none") != 0;
    if (!l.reduced && fg_shape_count(&n->in[1]->shape) == 0) {
        fg_line(e, "(void)c; /* no elements */");
        return;
    }
    declare(&l);
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "RANK", l.nest->rank);
    fg_template_ints(t, "EXTENT", l.nest->rank, l.nest->extent);
    fg_template_int(t, "COUNT", n->in[0]->shape.dim[1]);
    fg_template_int(t, "SOFTMAX", strcmp(n->op_type, "SoftmaxCrossEntropyLoss") == 0);
    fg_template_int(t, "LOGS", l.logs != NULL);
    fg_template_text(t, "TYPE", fg_compute_type(ctx, type));
    fg_template_text(t, "STORED", fg_dtype_get(type)->c_type);
    fg_template_text(t, "T", fg_ctype_tag(type));
    set_scores(&l, t);
    set_loss(&l, t);
    fg_template_render(t, "loss", e->out);
    fg_describe(e, "", "one position after the other; sums in double");
}

const fg_lowering fg_lowering_loss = {.name = "loss", .prefer = NULL, .emit = emit};
