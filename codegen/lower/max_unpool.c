/* MaxUnpool: zeros, then every element where its index says. Indices that point nowhere are passed over. */
#include "codegen/moves.h"
#include "frontend/window.h"

enum { FROM, INDEX, OPERANDS };

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    fg_need_whole_elements(e, x);
    if (n->n_in > 2) {
        fg_need_constant(e, n->in[2]);
    }
    const fg_window w = fg_window_of_transpose(ctx, n, &x->shape, NULL);
    fg_shape source = x->shape; /* what the indices count in */
    int64_t ys[FG_MAX_RANK];
    for (int d = 0; d < w.axes; d++) {
        source.dim[d + 2] = w.out[d];
    }
    if (fg_is_empty_result(e, y)) {
        return;
    }
    fg_emit_input(e, "x", x);
    fg_emit_input(e, "indices", n->in[1]);
    fg_emit_output(e, "y", y);
    fg_strides_of(e, y, ys);
    fg_emit_fill(e, fg_nest_of_value(e, y), 0, "y", "0");
    fg_nest *nest = fg_nest_new(ctx, &x->shape, OPERANDS);
    fg_nest_add_value(e, nest, x);
    fg_nest_add_value(e, nest, n->in[1]);
    fg_nest_simplify(nest, 0, 0, nest->rank);
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    if (nest->rank == 0) { /* something to continue */
        fg_line(e, "for (int once = 0; once < 1; once++) {");
    }
    fg_line(e, "int64_t rest = indices[%s];", fg_nest_at(ctx, nest, INDEX, 0, nest->rank, "i"));
    fg_line(e, "if (rest < 0 || rest >= %lld) continue;", (long long)fg_shape_count(&source));
    fg_line(e, "int64_t at = 0;");
    for (int d = source.rank - 1; d >= 0; d--) {
        if (source.dim[d] > 1) {
            fg_line(e, "at += rest %% %lld * %lld;\nrest /= %lld;", (long long)source.dim[d],
                    (long long)ys[d], (long long)source.dim[d]);
        }
    }
    fg_line(e, "y[at] = x[%s];", fg_nest_at(ctx, nest, FROM, 0, nest->rank, "i"));
    fg_nest_close(nest->rank == 0 ? 1 : nest->rank, e->out);
    fg_describe(e, "", "filled, then element by element");
}

const fg_lowering fg_lowering_max_unpool = {.name = "max_unpool", .prefer = NULL, .emit = emit};
