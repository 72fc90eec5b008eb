/* Cast and CastLike, element by element. Integers keep their low bits; floating point to integers truncates,
 * saturates at 64 bits, takes NaN to zero and then keeps the low bits; what is not zero is true. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"

/* `x` of compute type of t as an element of type `to`. */
static const char *converted(fg_context *ctx, fg_dtype t, fg_dtype to, const char *x) {
    const fg_dtype_info *a = fg_dtype_get(t), *b = fg_dtype_get(to);
    const char *type = fg_compute_type(ctx, to);
    if (to == FG_BOOL) {
        return fg_format(ctx, "%s != 0", x);
    }
    if (a->is_float && !b->is_float) {
        const bool wide = to == FG_UINT64;
        const char *whole = fg_format(ctx, "fgs_whole_%s((double)%s)", wide ? "u64" : "i64", x);
        return to == FG_INT64 || wide ? whole : fg_format(ctx, "(%s)%s", type, whole);
    }
    return strcmp(type, fg_compute_type(ctx, t)) == 0 ? x : fg_format(ctx, "(%s)%s", type, x);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *x = n->in[0], *y = n->out[0];
    if (fg_is_empty_result(e, y)) {
        return;
    }
    fg_context *ctx = e->ctx;
    fg_nest *nest = fg_nest_new(ctx, &y->shape, 2);
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_nest_add_value(e, nest, y);
    fg_nest_add_value(e, nest, x);
    fg_nest_simplify(nest, 0, 0, nest->rank);
    if (x->dtype == y->dtype) {
        fg_need_whole_elements(e, x);
        fg_emit_moves(e, nest, 0, 0, "y", 1, "x", x->dtype);
        return;
    }
    fg_compute_type(ctx, x->dtype);
    fg_compute_type(ctx, y->dtype);
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    const char *value = fg_load_element(ctx, x->dtype, "x", fg_nest_at(ctx, nest, 1, 0, nest->rank, "i"));
    fg_line(e, "%s",
            fg_store_element(ctx, y->dtype, "y", fg_nest_at(ctx, nest, 0, 0, nest->rank, "i"),
                             converted(ctx, x->dtype, y->dtype, value)));
    fg_nest_close(nest->rank, e->out);
    fg_describe(e, "", "element by element");
}

const fg_lowering fg_lowering_cast = {.name = "cast", .prefer = NULL, .emit = emit};
