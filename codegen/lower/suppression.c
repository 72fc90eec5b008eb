/* NonMaxSuppression: of each class the best box, then the best of those that do not overlap it, and so on. */
#include "codegen/extents.h"

enum { BOXES, SCORES, LIMIT, OVERLAP, THRESHOLD, OPERANDS };

static bool given(const fg_node *n, int i) {
    return i < n->n_in && n->in[i] != NULL;
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *y = n->out[0];
    static const char *const names[OPERANDS] = {"boxes", "scores", "limit", "overlap", "threshold"};
    int64_t box[FG_MAX_RANK], score[FG_MAX_RANK], to[FG_MAX_RANK];
    fg_line(e, "ptrdiff_t k = 0;");
    if (fg_shape_count(&y->shape) > 0) {
        const int64_t most = n->in[SCORES]->shape.dim[2];
        for (int i = 0; i < OPERANDS; i++) {
            if (given(n, i)) {
                fg_emit_input(e, names[i], n->in[i]);
            }
        }
        fg_emit_counted(e, "y", y);
        fg_emit_scratch(e, "gone", "unsigned char", 1, most);
        const bool counted = n->n_in > OPERANDS;
        if (counted) {
            fg_emit_symbols(e, n, OPERANDS);
        }
        fg_strides_of(e, n->in[BOXES], box);
        fg_strides_of(e, n->in[SCORES], score);
        fg_strides_of(e, y, to);
        fg_template *t = fg_emit_template(e);
        fg_template_int(t, "IMAGES", n->in[SCORES]->shape.dim[0]);
        fg_template_int(t, "CLASSES", n->in[SCORES]->shape.dim[1]);
        fg_template_text(t, "COUNT",
                         counted ? fg_form_text(e, n, OPERANDS, 0)
                                 : fg_format(e->ctx, "%lld", (long long)most));
        fg_template_int(t, "CENTRE", fg_attr_int(n, "center_point_box", 0) != 0);
        fg_template_text(t, "OVERLAP", given(n, OVERLAP) ? "overlap[0]" : "0");
        fg_template_int(t, "THRESHOLD", given(n, THRESHOLD));
        fg_template_ints(t, "BOX", 3, box);
        fg_template_ints(t, "SCORE", 3, score);
        fg_template_ints(t, "TO", 2, to);
        fg_template_render(t, "suppression", e->out);
    }
    fg_emit_count(e, n, "k");
    fg_line(e, "(void)k;");
    fg_describe(e, "", "the best box left, again and again");
}

const fg_lowering fg_lowering_suppression = {.name = "suppression", .prefer = NULL, .emit = emit};
