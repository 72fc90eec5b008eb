/* RandomNormal, RandomUniform, the same by example, Bernoulli: every element by its own draw. */
#include "codegen/draw.h"

#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"

static const char *number(const fg_emit *e, const fg_node *n, const char *name, float otherwise) {
    return fg_c_double(e->ctx, (double)fg_attr_float(n, name, otherwise));
}

/* The element that is drawn, a double or a truth value. */
static const char *drawn(const fg_emit *e, const fg_node *n, const char *at, const char *p) {
    const char *key = fg_draw_literal(e, n);
    if (strcmp(n->op_type, "Bernoulli") == 0) {
        return fg_format(e->ctx, "fgs_uniform_f64(%s, %s) < (double)%s", key, at, p);
    }
    if (strncmp(n->op_type, "RandomNormal", 12) == 0) {
        return fg_format(e->ctx, "%s + %s * fgs_normal_f64(%s, %s)", number(e, n, "mean", 0),
                         number(e, n, "scale", 1), key, at);
    }
    const double low = (double)fg_attr_float(n, "low", 0), high = (double)fg_attr_float(n, "high", 1);
    return fg_format(e->ctx, "%s + %s * fgs_uniform_f64(%s, %s)", fg_c_double(e->ctx, low),
                     fg_c_double(e->ctx, high - low), key, at);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *y = n->out[0];
    const bool likely = strcmp(n->op_type, "Bernoulli") == 0;
    const char *p = "";
    if (fg_is_empty_result(e, y)) {
        return;
    }
    fg_nest *nest = fg_nest_new(ctx, &y->shape, 3);
    const int to = fg_nest_add_value(e, nest, y), order = fg_draw_order(e, nest, &y->shape);
    const int from = likely ? fg_nest_add_value(e, nest, n->in[0]) : to;
    fg_nest_simplify(nest, to, 0, nest->rank);
    fg_emit_output(e, "y", y);
    if (likely) {
        fg_compute_type(ctx, n->in[0]->dtype);
        fg_emit_input(e, "p", n->in[0]);
        p = fg_load_element(ctx, n->in[0]->dtype, "p", fg_nest_at(ctx, nest, from, 0, nest->rank, "i"));
    }
    const char *value = fg_format(ctx, "(%s)(%s)", fg_compute_type(ctx, y->dtype),
                                  drawn(e, n, fg_draw_number(e, nest, order), p));
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    fg_line(e, "%s",
            fg_store_element(ctx, y->dtype, "y", fg_nest_at(ctx, nest, to, 0, nest->rank, "i"), value));
    fg_nest_close(nest->rank, e->out);
    fg_describe(e, "", "element by element");
}

const fg_lowering fg_lowering_draw = {.name = "draw", .prefer = NULL, .emit = emit};
