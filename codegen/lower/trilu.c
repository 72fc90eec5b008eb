/* Trilu: what lies on the wrong side of the diagonal becomes zero. */
#include "codegen/moves.h"

enum { TO, FROM };

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0], *k = n->n_in > 1 ? n->in[1] : NULL;
    fg_need_whole_elements(e, x);
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const bool upper = fg_attr_int(n, "upper", 1) != 0;
    const int64_t rows = x->shape.dim[x->shape.rank - 2], columns = x->shape.dim[x->shape.rank - 1];
    const char *diagonal = "0";
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_nest *nest = fg_nest_new(ctx, &y->shape, 2);
    fg_nest_add_value(e, nest, y);
    fg_nest_add_value(e, nest, x);
    fg_nest_simplify(nest, TO, 0, nest->rank - 2);
    const int column = nest->rank - 1, row = nest->rank - 2;
    if (k != NULL && k->data != NULL) { /* beyond the corners nothing changes */
        const int64_t at = fg_const_int(k, 0);
        diagonal = fg_format(ctx, "%lld", (long long)(at > columns ? columns : at < -rows ? -rows : at));
    } else if (k != NULL) {
        fg_emit_input(e, "diagonal", k);
        fg_line(e, "const int64_t k = diagonal[0];");
        diagonal = "k";
    }
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    const char *at = fg_nest_at(ctx, nest, TO, 0, nest->rank, "i");
    const char *element = fg_format(ctx, "x[%s]", fg_nest_at(ctx, nest, FROM, 0, nest->rank, "i"));
    fg_line(e, "if (i%d - i%d %s %s)", column, row, upper ? ">=" : "<=", diagonal);
    fg_line(e, "y[%s] = %s;", at, element);
    fg_line(e, "else");
    fg_line(e, "y[%s] = 0;", at);
    fg_nest_close(nest->rank, e->out);
    fg_describe(e, "", "element by element");
}

const fg_lowering fg_lowering_trilu = {.name = "trilu", .prefer = NULL, .emit = emit};
