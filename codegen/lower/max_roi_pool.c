/* MaxRoiPool: regions one by one, their corners rounded to whole pixels. */
#include "codegen/regions.h"

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *x = n->in[0];
    int64_t xs[FG_MAX_RANK];
    if (!fg_regions_open(e, x, n->in[1], n->out[0])) {
        return;
    }
    fg_template *t = fg_emit_template(e);
    fg_regions_set(e, t, n);
    fg_strides_of(e, x, xs);
    const char *at = fg_format(e->ctx, "channel * %lld + row * %lld + column * %lld", (long long)xs[1],
                               (long long)xs[2], (long long)xs[3]);
    fg_template_text(t, "ELEMENT", fg_load_element(e->ctx, x->dtype, "image", at));
    fg_template_render(t, "max_roi_pool", e->out);
    fg_describe(e, "", "element by element");
}

const fg_lowering fg_lowering_max_roi_pool = {"max_roi_pool", fg_regions_prefer, emit};
