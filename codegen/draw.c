#include "codegen/draw.h"

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "frontend/draw.h"

const char *fg_draw_literal(const fg_emit *e, const fg_node *n) {
    return fg_format(e->ctx, "UINT64_C(0x%016llX)", (unsigned long long)fg_draw_key(n));
}

int fg_draw_order(const fg_emit *e, fg_nest *nest, const fg_shape *s) {
    int64_t dense[FG_MAX_RANK] = {0};
    fg_dense_strides(s, dense);
    return fg_nest_add(e->ctx, nest, dense);
}

const char *fg_draw_number(const fg_emit *e, const fg_nest *nest, int order) {
    return fg_format(e->ctx, "(uint64_t)(%s)", fg_nest_at(e->ctx, nest, order, 0, nest->rank, "i"));
}

/* The share of elements that is dropped: 0 where the mode says that nothing is. */
static void emit_ratio(fg_emit *e, const fg_node *n) {
    fg_value *ratio = n->n_in > 1 ? n->in[1] : NULL, *mode = n->in[2];
    const char *value = "0.5";
    if (ratio != NULL && ratio->data != NULL) {
        value = fg_c_double(e->ctx, fg_const_float(ratio, 0));
    } else if (ratio != NULL) {
        fg_emit_input(e, "given", ratio);
        value = fg_format(e->ctx, "(double)%s", fg_load_element(e->ctx, ratio->dtype, "given", "0"));
    }
    if (mode->data == NULL) {
        fg_emit_input(e, "trains", mode);
        value = fg_format(e->ctx, "trains[0] ? %s : 0", value);
    }
    fg_line(e, "const double ratio = %s;", value);
}

void fg_emit_dropout(fg_emit *e, const fg_node *n) {
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = fg_is_wanted(n->out[0]) ? n->out[0] : NULL,
             *mask = n->n_out > 1 && fg_is_wanted(n->out[1]) ? n->out[1] : NULL;
    if (fg_is_empty_result(e, x)) {
        return;
    }
    const char *type = fg_compute_type(ctx, x->dtype);
    fg_nest *nest = fg_nest_new(ctx, &x->shape, 4);
    const int order = fg_draw_order(e, nest, &x->shape);
    const int from = fg_nest_add_value(e, nest, x);
    const int to = y != NULL ? fg_nest_add_value(e, nest, y) : from;
    const int masked = mask != NULL ? fg_nest_add_value(e, nest, mask) : from;
    fg_nest_simplify(nest, to, 0, nest->rank);
    emit_ratio(e, n);
    if (y != NULL) {
        fg_emit_input(e, "x", x);
        fg_emit_output(e, "y", y);
        fg_line(e, "const %s scale = (%s)(1 / (1 - ratio));", type, type);
    }
    if (mask != NULL) {
        fg_emit_output(e, "mask", mask);
    }
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    fg_line(e, "{");
    fg_line(e, "const int keep = fgs_uniform_f64(%s, %s) >= ratio;", fg_draw_literal(e, n),
            fg_draw_number(e, nest, order));
    if (y != NULL) {
        const char *at = fg_load_element(ctx, x->dtype, "x", fg_nest_at(ctx, nest, from, 0, nest->rank, "i"));
        fg_line(e, "%s",
                fg_store_element(ctx, y->dtype, "y", fg_nest_at(ctx, nest, to, 0, nest->rank, "i"),
                                 fg_format(ctx, "keep ? %s * scale : 0", at)));
    }
    if (mask != NULL) {
        const char *type_of_mask = fg_compute_type(ctx, mask->dtype);
        fg_line(e, "%s",
                fg_store_element(ctx, mask->dtype, "mask", fg_nest_at(ctx, nest, masked, 0, nest->rank, "i"),
                                 fg_format(ctx, "(%s)keep", type_of_mask)));
    }
    fg_line(e, "}");
    fg_nest_close(nest->rank, e->out);
    fg_describe(e, "", "element by element");
}
