/* RoiAlign: regions one by one. Where a region's bins and samples lie is computed in double, so that the
 * number of samples does not hang on rounding. */
#include "codegen/regions.h"

/* Channels-last maps with at least half a vector of channels. */
static bool in_vectors(const fg_emit *e, const fg_value *x, const fg_value *y) {
    int64_t xs[FG_MAX_RANK], ys[FG_MAX_RANK];
    fg_strides_of(e, x, xs);
    fg_strides_of(e, y, ys);
    return x->dtype == FG_FLOAT && e->lanes > 1 && xs[1] == 1 && ys[1] == 1 &&
           2 * x->shape.dim[1] >= e->lanes;
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0];
    if (!fg_regions_open(e, x, n->in[1], n->out[0])) {
        return;
    }
    int64_t step;
    fg_emit_input(e, "batch", n->in[2]);
    fg_strides_of(e, n->in[2], &step);
    const char *otherwise = n->op->since >= 16 ? "half_pixel" : "output_half_pixel";
    const bool maximum = fg_attr_string(n, "mode", "avg")[0] == 'm', vector = in_vectors(e, x, n->out[0]);
    fg_template *t = fg_emit_template(e);
    fg_regions_set(e, t, n);
    fg_template_text(t, "BATCH", fg_format(ctx, "i0 * %lld", (long long)step));
    fg_template_int(t, "HALF", fg_attr_string(n, "coordinate_transformation_mode", otherwise)[0] == 'h');
    fg_template_int(t, "RATIO", fg_attr_int(n, "sampling_ratio", 0));
    fg_template_int(t, "MAXIMUM", maximum);
    fg_template_int(t, "VECTOR", vector);
    int64_t xs[FG_MAX_RANK];
    fg_strides_of(e, x, xs);
    const char *at = fg_format(ctx, "channel * %lld + at[k]", (long long)xs[1]);
    fg_template_text(t, "ELEMENT", fg_load_element(ctx, x->dtype, "image", at));
    fg_template_render(t, "roi_align", e->out);
    fg_describe(e, "", vector ? "vectors of channels" : "channel by channel");
}

const fg_lowering fg_lowering_roi_align = {"roi_align", fg_regions_prefer, emit};
