/* CumSum and CumProd: one line after the other, forwards or backwards. Integers wrap around. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"

enum { TO, FROM, OPERANDS };

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    if (n->in[1]->data == NULL) {
        fg_raise(ctx, FG_UNSUPPORTED, "axis '%s' that is not constant", n->in[1]->name);
    }
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const int axis = fg_axis(ctx, n, fg_const_int(n->in[1], 0), x->shape.rank);
    const fg_value *v[OPERANDS] = {[TO] = y, [FROM] = x};
    int64_t step[OPERANDS];
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    const char *type = fg_compute_type(ctx, x->dtype);
    const fg_nest *nest = fg_nest_around(e, &x->shape, axis, OPERANDS, v, step);
    const char *from = fg_pointer_to(ctx, "x", fg_nest_at(ctx, nest, FROM, 0, nest->rank, "i"));
    const char *to = fg_pointer_to(ctx, "y", fg_nest_at(ctx, nest, TO, 0, nest->rank, "i"));
    const char *element =
        fg_load_element(ctx, x->dtype, "from", fg_format(ctx, "k * %lld", (long long)step[FROM]));
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "RANK", nest->rank);
    fg_template_ints(t, "EXTENT", nest->rank, nest->extent);
    fg_template_int(t, "COUNT", x->shape.dim[axis]);
    fg_template_int(t, "REVERSE", fg_attr_int(n, "reverse", 0) != 0);
    fg_template_int(t, "EXCLUSIVE", fg_attr_int(n, "exclusive", 0) != 0);
    fg_template_text(t, "TYPE", type);
    fg_template_text(t, "STORED", fg_dtype_get(x->dtype)->c_type);
    fg_template_text(t, "FROM", from);
    fg_template_text(t, "TO", to);
    const bool product = strcmp(n->op_type, "CumProd") == 0;
    fg_template_int(t, "START", product);
    fg_template_text(
        t, "ADD",
        fg_format(ctx, "fgs_%s_%s(sum, %s)", product ? "mul" : "add", fg_ctype_tag(x->dtype), element));
    fg_template_text(
        t, "STORE",
        fg_store_element(ctx, y->dtype, "to", fg_format(ctx, "k * %lld", (long long)step[TO]), "sum"));
    fg_template_render(t, "cumsum", e->out);
    fg_describe(e, "", "one line after the other");
}

const fg_lowering fg_lowering_cumsum = {.name = "cumsum", .prefer = NULL, .emit = emit};
