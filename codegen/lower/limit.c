/* Limit: a tensor of which one extent is less than its operand's bound. */
#include "codegen/extents.h"

enum { TO, FROM, OPERANDS };

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *x = n->in[0], *y = n->out[0];
    const long long most = (long long)fg_attr_int(n, "most", 0);
    int64_t from[FG_MAX_RANK];
    fg_need_whole_elements(e, x);
    fg_emit_symbols(e, n, 1);
    fg_line(e, "int64_t extent = %s;", fg_form_text(e, n, 1, 0));
    fg_line(e, "if (extent > %lld) {", most);
    fg_line(e, "%s", fg_emit_failure(e, FG_FAIL_BOUND));
    fg_line(e, "extent = %lld;", most);
    fg_line(e, "}");
    fg_emit_count(e, n, "extent");
    fg_line(e, "(void)extent;");
    if (fg_shape_count(&y->shape) > 0) {
        fg_emit_input(e, "x", x);
        fg_emit_output(e, "y", y);
        fg_strides_of(e, x, from);
        fg_nest *nest = fg_nest_new(e->ctx, &y->shape, OPERANDS);
        fg_nest_add_value(e, nest, y);
        fg_nest_add(e->ctx, nest, from);
        fg_nest_simplify(nest, TO, 0, nest->rank);
        fg_emit_moves(e, nest, 0, TO, "y", FROM, "x", y->dtype);
    }
    fg_describe(e, "", "the bound is the user's");
}

const fg_lowering fg_lowering_limit = {.name = "limit", .prefer = NULL, .emit = emit};
