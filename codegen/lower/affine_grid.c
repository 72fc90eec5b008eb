/* AffineGrid: the centres of an image's pixels, mapped by a matrix per image. */
#include "codegen/expr.h"
#include "codegen/moves.h"

/* Centre of pixel VAR of n, where the image spans -1 to 1. */
static const char *centre(fg_context *ctx, const char *type, const char *var, int64_t n, bool aligned) {
    if (aligned && n == 1) {
        return "-1";
    }
    return fg_format(ctx, "(%s)(2 * %s - %lld) / %lld", type, var, (long long)(n - 1),
                     (long long)(aligned ? n - 1 : n));
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *theta = n->in[0], *y = n->out[0];
    if (!fg_operand_is_checked(n, 1)) {
        fg_need_constant(e, n->in[1]);
    }
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const int axes = y->shape.rank - 2;
    const bool aligned = fg_attr_int(n, "align_corners", 0) != 0;
    const char *type = fg_compute_type(ctx, theta->dtype);
    int64_t ts[FG_MAX_RANK], ys[FG_MAX_RANK];
    fg_strides_of(e, theta, ts);
    fg_strides_of(e, y, ys);
    fg_emit_input(e, "theta", theta);
    fg_emit_output(e, "y", y);
    fg_nest *nest = fg_nest_new(ctx, &y->shape, 1);
    fg_nest_add(ctx, nest, ys);
    fg_nest_open(nest, 0, axes + 1, "i", e->out);
    for (int d = 0; d < axes; d++) { /* x comes first and runs along the last dimension */
        const char *var = fg_format(ctx, "i%d", axes - d);
        fg_line(e, "const %s c%d = %s;", type, d, centre(ctx, type, var, y->shape.dim[axes - d], aligned));
    }
    fg_line(e, "for (int i%d = 0; i%d < %d; i%d++) {", axes + 1, axes + 1, axes, axes + 1);
    fg_line(e, "const %s *row = theta + i0 * %lld + i%d * %lld;", fg_dtype_get(theta->dtype)->c_type,
            (long long)ts[0], axes + 1, (long long)ts[1]);
    const char *sum =
        fg_load_element(ctx, theta->dtype, "row", fg_format(ctx, "%lld", (long long)(axes * ts[2])));
    for (int d = 0; d < axes; d++) {
        const char *at = fg_format(ctx, "%lld", (long long)(d * ts[2]));
        sum = fg_format(ctx, "%s + %s * c%d", sum, fg_load_element(ctx, theta->dtype, "row", at), d);
    }
    fg_line(e, "%s", fg_store_element(ctx, y->dtype, "y", fg_nest_at(ctx, nest, 0, 0, axes + 2, "i"), sum));
    fg_nest_close(axes + 2, e->out);
    fg_describe(e, "", "point by point");
}

const fg_lowering fg_lowering_affine_grid = {.name = "affine_grid", .prefer = NULL, .emit = emit};
