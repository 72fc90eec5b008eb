/* TopK: per line, the elements found so far are kept in order and a better one is inserted. NaN counts as the
 * largest; equal elements keep their order. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"

enum { FROM, VALUES, INDICES, OPERANDS };

/* Condition under which x goes before element `other`. */
static const char *before(fg_context *ctx, fg_dtype t, bool largest, const char *other) {
    const char *tag = fg_ctype_tag(t);
    const char *better = fg_format(ctx, "x %s %s", largest ? ">" : "<", other);
    if (!fg_dtype_get(t)->is_float) {
        return better;
    }
    return fg_format(ctx, "%s || (%sfgs_isnan_%s(x) && %sfgs_isnan_%s(%s))", better, largest ? "" : "!", tag,
                     largest ? "!" : "", tag, other);
}

static const char *place(fg_context *ctx, int64_t step) {
    return step == 1 ? "k" : fg_format(ctx, "k * %lld", (long long)step);
}

/* Where the k-th result of a line goes in operand i. */
static const char *target(fg_emit *e, const fg_nest *nest, int i, int64_t step) {
    const char *at = fg_nest_at(e->ctx, nest, i, 0, nest->rank, "i"), *k = place(e->ctx, step);
    return strcmp(at, "0") == 0 ? k : fg_format(e->ctx, "%s + %s", at, k);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *values = fg_is_wanted(n->out[0]) ? n->out[0] : NULL,
             *indices = n->n_out > 1 && fg_is_wanted(n->out[1]) ? n->out[1] : NULL;
    fg_value *any = values != NULL ? values : indices;
    FG_REQUIRE(ctx, "topk", any != NULL);
    if (fg_is_empty_result(e, any)) {
        return;
    }
    const int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", -1), x->shape.rank);
    const bool largest = fg_attr_int(n, "largest", 1) != 0;
    const int64_t k = any->shape.dim[axis];
    const fg_value *v[OPERANDS] = {x, values != NULL ? values : x, indices != NULL ? indices : x};
    int64_t step[OPERANDS];
    const char *type = fg_compute_type(ctx, x->dtype);
    const size_t bytes = x->dtype == FG_FLOAT16 || x->dtype == FG_BFLOAT16 ? 4 : fg_dtype_bytes(x->dtype, 1);
    fg_emit_input(e, "in", x);
    if (values != NULL) {
        fg_emit_output(e, "y", values);
    }
    if (indices != NULL) {
        fg_emit_output(e, "places", indices);
    }
    fg_emit_scratch(e, "best", type, bytes, k);
    fg_emit_scratch(e, "at", "int", 4, k);
    const fg_nest *nest = fg_nest_around(e, &x->shape, axis, OPERANDS, v, step);
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "RANK", nest->rank);
    fg_template_ints(t, "EXTENT", nest->rank, nest->extent);
    fg_template_int(t, "COUNT", x->shape.dim[axis]);
    fg_template_int(t, "K", k);
    fg_template_text(t, "TYPE", type);
    fg_template_text(t, "STORED", fg_dtype_get(x->dtype)->c_type);
    fg_template_text(t, "LINE", fg_pointer_to(ctx, "in", fg_nest_at(ctx, nest, FROM, 0, nest->rank, "i")));
    fg_template_text(t, "ELEMENT", fg_load_element(ctx, x->dtype, "line", place(ctx, step[FROM])));
    fg_template_text(t, "BEFORE_LAST",
                     before(ctx, x->dtype, largest, fg_format(ctx, "best[%lld]", (long long)k - 1)));
    fg_template_text(t, "BEFORE", before(ctx, x->dtype, largest, "best[to - 1]"));
    fg_template_int(t, "VALUES", values != NULL);
    fg_template_int(t, "INDICES", indices != NULL);
    fg_template_text(t, "STORE",
                     fg_store_element(ctx, x->dtype, "y", target(e, nest, VALUES, step[VALUES]), "best[k]"));
    fg_template_text(t, "PLACE", target(e, nest, INDICES, step[INDICES]));
    fg_template_render(t, "topk", e->out);
    fg_describe(e, "", "the best so far are kept in order");
}

const fg_lowering fg_lowering_topk = {.name = "topk", .prefer = NULL, .emit = emit};
