/* Einsum of any equation: loops over the result's labels around loops over the summed ones. (What is a matrix
 * product, a sum or a transposition has become that before.) */
#include "frontend/einsum.h"
#include "codegen/expr.h"
#include "codegen/moves.h"

/* The product of the operands' elements: in the type computed in. */
static const char *product(const fg_emit *e, const fg_nest *nest) {
    const fg_node *n = e->k->stage[0].anchor;
    const fg_dtype t = n->in[0]->dtype;
    const char *text = NULL;
    for (int i = 0; i < n->n_in; i++) {
        const char *at = fg_nest_at(e->ctx, nest, i + 1, 0, nest->rank, "i");
        const char *x = fg_load_element(e->ctx, t, fg_format(e->ctx, "x%d", i), at);
        text = text == NULL ? x : fg_format(e->ctx, "fgs_mul_%s(%s, %s)", fg_ctype_tag(t), text, x);
    }
    return text;
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *y = n->out[0];
    if (fg_is_empty_result(e, y)) {
        return;
    }
    fg_einsum q;
    fg_einsum_plan(e->ctx, n, &q);
    const fg_shape none = {.rank = 0};
    fg_nest *nest = fg_nest_new(e->ctx, &none, n->n_in + 1);
    int64_t own[FG_MAX_RANK], stride[2 * FG_MAX_RANK] = {0};
    nest->rank = q.n_labels;
    for (int d = 0; d < q.n_labels; d++) {
        nest->extent[d] = q.extent[d];
    }
    fg_emit_output(e, "y", y);
    fg_strides_of(e, y, stride);
    fg_nest_add(e->ctx, nest, stride);
    for (int i = 0; i < n->n_in; i++) {
        fg_emit_input(e, fg_format(e->ctx, "x%d", i), n->in[i]);
        fg_strides_of(e, n->in[i], own);
        fg_einsum_strides(&q, i, &n->in[i]->shape, own, stride);
        fg_nest_add(e->ctx, nest, stride);
    }
    const fg_dtype t = y->dtype;
    fg_nest_simplify(nest, 1, q.out_rank, nest->rank);
    const int kept = fg_nest_simplify(nest, 0, 0, q.out_rank);
    fg_nest_open(nest, 0, kept, "i", e->out);
    fg_line(e, "{");
    fg_line(e, "%s sum = 0;", fg_compute_type(e->ctx, t));
    fg_nest_open(nest, kept, nest->rank, "i", e->out);
    fg_line(e, "sum = fgs_add_%s(sum, %s);", fg_ctype_tag(t), product(e, nest));
    fg_nest_close(nest->rank - kept, e->out);
    fg_line(e, "%s", fg_store_element(e->ctx, t, "y", fg_nest_at(e->ctx, nest, 0, 0, kept, "i"), "sum"));
    fg_line(e, "}");
    fg_nest_close(kept, e->out);
    fg_describe(e, "", "one sum of products after the other");
}

const fg_lowering fg_lowering_einsum = {.name = "einsum", .prefer = NULL, .emit = emit};
