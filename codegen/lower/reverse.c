/* ReverseSequence: steps of each row are copied from where their length says. */
#include "codegen/moves.h"

enum { TO, FROM, OPERANDS };

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *lens = n->in[1], *y = n->out[0];
    fg_need_whole_elements(e, y);
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const int time = (int)fg_attr_int(n, "time_axis", 0), batch = 1 - time;
    const int64_t steps = x->shape.dim[time];
    int64_t ls[FG_MAX_RANK];
    fg_emit_input(e, "x", x);
    fg_emit_input(e, "lens", lens);
    fg_emit_output(e, "y", y);
    fg_strides_of(e, lens, ls);
    fg_nest *nest = fg_nest_new(ctx, &y->shape, OPERANDS);
    fg_nest_add_value(e, nest, y);
    fg_nest_add_value(e, nest, x);
    fg_nest_simplify(nest, TO, 2, nest->rank);
    const int64_t *to = nest->stride[TO], *from = nest->stride[FROM];
    fg_line(e, "for (int b = 0; b < %lld; b++) {", (long long)x->shape.dim[batch]);
    fg_line(e, "const int64_t given = lens[b * %lld];", (long long)ls[0]);
    fg_line(e, "const int n = given < 0 ? 0 : given > %lld ? %lld : (int)given;", (long long)steps,
            (long long)steps);
    fg_line(e, "for (int t = 0; t < %lld; t++) {", (long long)steps);
    fg_line(e, "const int s = t < n ? n - 1 - t : t;");
    fg_emit_moves(e, nest, 2, TO,
                  fg_format(ctx, "y + b * %lld + t * %lld", (long long)to[batch], (long long)to[time]), FROM,
                  fg_format(ctx, "x + b * %lld + s * %lld", (long long)from[batch], (long long)from[time]),
                  y->dtype);
    fg_line(e, "}");
    fg_line(e, "}");
    fg_describe(e, "", "step by step");
}

const fg_lowering fg_lowering_reverse = {.name = "reverse", .prefer = NULL, .emit = emit};
