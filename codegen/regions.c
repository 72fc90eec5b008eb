#include "codegen/regions.h"

#include "codegen/expr.h"
#include "codegen/moves.h"

void fg_regions_prefer(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    if (n->in[0]->dtype == FG_FLOAT) {
        fg_want_channels_last(p, n->in[0], false);
        fg_want_channels_last(p, n->out[0], false);
    }
}

bool fg_regions_open(fg_emit *e, fg_value *x, fg_value *rois, fg_value *y) {
    if (fg_is_empty_result(e, y)) {
        return false;
    }
    fg_compute_type(e->ctx, x->dtype);
    fg_emit_input(e, "x", x);
    fg_emit_input(e, "rois", rois);
    fg_emit_output(e, "y", y);
    return true;
}

void fg_regions_set(fg_emit *e, fg_template *t, const fg_node *n) {
    fg_context *ctx = e->ctx;
    const fg_value *x = n->in[0], *rois = n->in[1], *y = n->out[0];
    int64_t xs[FG_MAX_RANK], rs[FG_MAX_RANK], ys[FG_MAX_RANK];
    fg_strides_of(e, x, xs);
    fg_strides_of(e, rois, rs);
    fg_strides_of(e, y, ys);
    const char *corner[5];
    for (int i = 0; i < 5; i++) {
        const char *at = fg_format(ctx, "i0 * %lld + %lld", (long long)rs[0], (long long)(i * rs[1]));
        corner[i] = fg_format(ctx, "(double)%s", fg_load_element(ctx, rois->dtype, "rois", at));
    }
    fg_template_texts(t, "CORNER", 5, corner);
    fg_template_ints(t, "X_S", 4, xs);
    fg_template_ints(t, "Y_S", 4, ys);
    fg_template_int(t, "IMAGES", x->shape.dim[0]);
    fg_template_int(t, "CHANNELS", x->shape.dim[1]);
    fg_template_ints(t, "IN", 2, x->shape.dim + 2);
    fg_template_ints(t, "OUT", 2, y->shape.dim + 2);
    fg_template_text(t, "SCALE", fg_c_double(ctx, (double)fg_attr_float(n, "spatial_scale", 1)));
    fg_template_text(t, "TYPE", fg_compute_type(ctx, x->dtype));
    fg_template_text(t, "STORED", fg_dtype_get(x->dtype)->c_type);
    const char *to = fg_format(ctx, "channel * %lld", (long long)ys[1]);
    fg_template_text(t, "STORE", fg_store_element(ctx, x->dtype, "to", to, "v"));
    const fg_shape regions = {1, {y->shape.dim[0]}};
    fg_template_int(t, "REGIONS", regions.dim[0]);
    fg_nest_divide(e, t, fg_nest_new(ctx, &regions, 1), 1);
}
