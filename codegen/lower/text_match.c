/* RegexFullMatch: the expression as tables, followed byte by byte in bounded room. */
#include "codegen/text.h"
#include "frontend/regex.h"

static void emit_tables(fg_emit *e, const fg_regex *re) {
    fg_text_printf(e->out, "static const fg_regex_step steps[] = {");
    for (int i = 0; i < re->n_steps; i++) {
        fg_text_printf(e->out, "%s{%d, %d, %d}", i > 0 ? ", " : "", re->steps[i].op, re->steps[i].x,
                       re->steps[i].y);
    }
    fg_text_add(e->out, "};\nstatic const unsigned char sets[][32] = {");
    for (int i = 0; i < re->n_sets || i == 0; i++) {
        fg_text_add(e->out, i > 0 ? ", {" : "{");
        for (int b = 0; b < 32; b++) {
            fg_text_printf(e->out, "%s%d", b > 0 ? ", " : "", re->sets[i][b]);
        }
        fg_text_add(e->out, "}");
    }
    fg_text_add(e->out, "};\n");
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const fg_regex *re = fg_regex_compile(ctx, fg_attr_string(n, "pattern", ""));
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_emit_scratch(e, "room", "int", 4, 4 * (int64_t)re->n_steps);
    emit_tables(e, re);
    fg_nest *nest = fg_nest_new(ctx, &y->shape, 2);
    fg_nest_add_value(e, nest, y);
    fg_nest_add_value(e, nest, x);
    fg_nest_simplify(nest, 0, 0, nest->rank);
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    fg_line(
        e, "y[%s] = (uint8_t)fgs_regex_match(steps, %d, sets, x[%s], room, room + %d, room + %d, room + %d);",
        fg_nest_at(ctx, nest, 0, 0, nest->rank, "i"), re->n_steps,
        fg_nest_at(ctx, nest, 1, 0, nest->rank, "i"), re->n_steps, 2 * re->n_steps, 3 * re->n_steps);
    fg_nest_close(nest->rank, e->out);
    fg_describe(e, "", "all ways at once");
}

const fg_lowering fg_lowering_text_match = {.name = "text_match", .prefer = NULL, .emit = emit};
