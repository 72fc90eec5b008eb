/* Det: matrix by matrix. */
#include "codegen/moves.h"

enum { TO, FROM, OPERANDS };

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const int rank = x->shape.rank;
    const int64_t size = x->shape.dim[rank - 1];
    int64_t xs[FG_MAX_RANK];
    fg_compute_type(ctx, x->dtype);
    fg_strides_of(e, x, xs);
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_emit_scratch(e, "a", "double", sizeof(double), size * size + 1);
    fg_nest *nest = fg_nest_new(ctx, &y->shape, OPERANDS);
    fg_nest_add_value(e, nest, y);
    fg_nest_add(ctx, nest, xs);
    fg_nest_simplify(nest, TO, 0, nest->rank);
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "RANK", nest->rank);
    fg_template_ints(t, "EXTENT", nest->rank, nest->extent);
    fg_template_int(t, "N", size);
    fg_template_text(t, "STORED", fg_dtype_get(x->dtype)->c_type);
    fg_template_text(t, "FROM", fg_pointer_to(ctx, "x", fg_nest_at(ctx, nest, FROM, 0, nest->rank, "i")));
    fg_template_text(t, "ELEMENT",
                     fg_load_element(ctx, x->dtype, "from",
                                     fg_format(ctx, "i * %lld + j * %lld", (long long)xs[rank - 2],
                                               (long long)xs[rank - 1])));
    const char *det = fg_format(ctx, "(%s)det", fg_compute_type(ctx, y->dtype));
    fg_template_text(
        t, "STORE", fg_store_element(ctx, y->dtype, "y", fg_nest_at(ctx, nest, TO, 0, nest->rank, "i"), det));
    fg_template_render(t, "determinant", e->out);
    fg_describe(e, "", "matrix by matrix, in double");
}

const fg_lowering fg_lowering_determinant = {.name = "determinant", .prefer = NULL, .emit = emit};
