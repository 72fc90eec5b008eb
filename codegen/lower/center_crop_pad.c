/* CenterCropPad: zeros where the result is larger, then what both sides have. */
#include "codegen/moves.h"

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    fg_need_whole_elements(e, x);
    if (!fg_operand_is_checked(n, 1)) {
        fg_need_constant(e, n->in[1]);
    }
    if (fg_is_empty_result(e, y)) {
        return;
    }
    int64_t xs[FG_MAX_RANK], ys[FG_MAX_RANK], from = 0, to = 0;
    bool padded = false;
    fg_shape kept = {.rank = x->shape.rank};
    fg_strides_of(e, x, xs);
    fg_strides_of(e, y, ys);
    for (int d = 0; d < kept.rank; d++) {
        const int64_t more = x->shape.dim[d] - y->shape.dim[d];
        kept.dim[d] = more > 0 ? y->shape.dim[d] : x->shape.dim[d];
        from += more > 0 ? more / 2 * xs[d] : 0;
        to += more < 0 ? -more / 2 * ys[d] : 0;
        padded = padded || more < 0;
    }
    fg_emit_output(e, "y", y);
    if (padded) {
        fg_emit_fill(e, fg_nest_of_value(e, y), 0, "y", "0");
    }
    if (fg_shape_count(&kept) == 0) {
        return;
    }
    fg_emit_input(e, "x", x);
    fg_nest *nest = fg_nest_new(ctx, &kept, 2);
    fg_nest_add(ctx, nest, ys);
    fg_nest_add(ctx, nest, xs);
    fg_nest_simplify(nest, 0, 0, nest->rank);
    fg_emit_moves(e, nest, 0, 0, to == 0 ? "y" : fg_format(ctx, "y + %lld", (long long)to), 1,
                  from == 0 ? "x" : fg_format(ctx, "x + %lld", (long long)from), x->dtype);
    fg_describe(e, "", padded ? "filled, then copied into" : "a copy");
}

const fg_lowering fg_lowering_center_crop_pad = {.name = "center_crop_pad", .prefer = NULL, .emit = emit};
