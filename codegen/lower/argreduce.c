/* ArgMax and ArgMin: one line of elements after the other. NaN wins, the first one. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"

enum { TO, FROM, OPERANDS };

/* Condition under which `x` takes the place of `best`. */
static const char *beats(fg_context *ctx, fg_dtype t, bool greatest, bool last) {
    const char *tag = fg_ctype_tag(t);
    const char *better = fg_format(ctx, "x %s%s best", greatest ? ">" : "<", last ? "=" : "");
    if (!fg_dtype_get(t)->is_float) {
        return better;
    }
    return fg_format(ctx, "%s || (fgs_isnan_%s(x) && !fgs_isnan_%s(best))", better, tag, tag);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *x = n->in[0], *y = n->out[0];
    if (fg_is_empty_result(e, y)) {
        return;
    }
    fg_context *ctx = e->ctx;
    const int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 0), x->shape.rank);
    if (x->shape.dim[axis] == 0) {
        fg_raise(ctx, FG_UNSUPPORTED, "the reduced dimension is empty");
    }
    const fg_value *v[OPERANDS] = {[TO] = y, [FROM] = x};
    int64_t step[OPERANDS];
    fg_emit_input(e, "in", x);
    fg_emit_output(e, "y", y);
    const fg_nest *nest = fg_nest_around(e, &x->shape, axis, OPERANDS, v, step);
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "RANK", nest->rank);
    fg_template_ints(t, "EXTENT", nest->rank, nest->extent);
    fg_template_int(t, "COUNT", x->shape.dim[axis]);
    fg_template_text(t, "TYPE", fg_compute_type(ctx, x->dtype));
    fg_template_text(t, "STORED", fg_dtype_get(x->dtype)->c_type);
    fg_template_text(t, "LINE", fg_pointer_to(ctx, "in", fg_nest_at(ctx, nest, FROM, 0, nest->rank, "i")));
    fg_template_text(t, "TO", fg_nest_at(ctx, nest, TO, 0, nest->rank, "i"));
    const char *k = step[FROM] == 1 ? "k" : fg_format(ctx, "k * %lld", (long long)step[FROM]);
    fg_template_text(t, "FIRST", fg_load_element(ctx, x->dtype, "line", "0"));
    fg_template_text(t, "ELEMENT", fg_load_element(ctx, x->dtype, "line", k));
    fg_template_text(
        t, "BEATS",
        beats(ctx, x->dtype, strcmp(n->op_type, "ArgMax") == 0, fg_attr_int(n, "select_last_index", 0) != 0));
    fg_template_render(t, "argreduce", e->out);
    fg_describe(e, "", "one line after the other");
}

const fg_lowering fg_lowering_argreduce = {.name = "argreduce", .prefer = NULL, .emit = emit};
