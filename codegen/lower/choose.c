/* Choose: one of two tensors, by a condition that only a run knows. */
#include "codegen/extents.h"

enum { OPERANDS = 3 };

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *y = n->out[0];
    fg_need_whole_elements(e, y);
    const bool told = fg_node_attr(n, "forms") != NULL;
    fg_emit_input(e, "condition", n->in[0]);
    fg_line(e, "const int first = condition[0] != 0;");
    if (told) {
        fg_emit_symbols(e, n, OPERANDS);
    }
    if (fg_shape_count(&y->shape) > 0) {
        fg_emit_output(e, "y", y);
        fg_line(e, "if (first) {");
        if (fg_shape_count(&n->in[1]->shape) > 0) {
            fg_emit_input(e, "x", n->in[1]);
        }
        fg_emit_value_copy(e, "y", y, "x", n->in[1]);
        fg_line(e, "} else {");
        if (fg_shape_count(&n->in[2]->shape) > 0) {
            fg_emit_input(e, "x", n->in[2]);
        }
        fg_emit_value_copy(e, "y", y, "x", n->in[2]);
        fg_line(e, "}");
    }
    if (told) {
        fg_emit_count(e, n,
                      fg_format(e->ctx, "first ? %s : %s", fg_form_text(e, n, OPERANDS, 0),
                                fg_form_text(e, n, OPERANDS, 1)));
        for (int i = OPERANDS; i < n->n_in; i++) {
            fg_line(e, "(void)n%d;", i - OPERANDS);
        }
    }
    fg_line(e, "(void)first;");
    fg_describe(e, "", "both are there, one is copied");
}

const fg_lowering fg_lowering_choose = {.name = "choose", .prefer = NULL, .emit = emit};
