/* NonZero: places of what is not zero, in row-major order. */
#include "codegen/extents.h"

enum { FROM };

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *x = n->in[0], *y = n->out[0];
    fg_context *ctx = e->ctx;
    fg_compute_type(ctx, x->dtype);
    int64_t to[FG_MAX_RANK];
    fg_line(e, "ptrdiff_t k = 0;");
    if (fg_shape_count(&y->shape) > 0) {
        fg_emit_input(e, "x", x);
        fg_emit_counted(e, "y", y);
        fg_strides_of(e, y, to);
        fg_nest *nest = fg_nest_new(ctx, &x->shape, 1);
        fg_nest_add_value(e, nest, x);
        fg_nest_open(nest, 0, nest->rank, "i", e->out);
        fg_line(e, "if (%s != 0) {",
                fg_load_element(ctx, x->dtype, "x", fg_nest_at(ctx, nest, FROM, 0, nest->rank, "i")));
        for (int d = 0; d < y->shape.dim[0]; d++) {
            fg_line(e, "y[%lld + k * %lld] = %s;", (long long)(d * to[0]), (long long)to[1],
                    x->shape.rank == 0 ? "0" : fg_format(ctx, "i%d", d));
        }
        fg_line(e, "k++;");
        fg_line(e, "}");
        fg_nest_close(nest->rank, e->out);
    }
    fg_emit_count(e, n, "k");
    fg_line(e, "(void)k;");
    fg_describe(e, "", "element by element");
}

const fg_lowering fg_lowering_nonzero = {.name = "nonzero", .prefer = NULL, .emit = emit};
