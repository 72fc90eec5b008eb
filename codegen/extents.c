#include "codegen/extents.h"

void fg_emit_symbols(fg_emit *e, const fg_node *n, int tensors) {
    for (int i = tensors; i < n->n_in; i++) {
        fg_emit_input(e, fg_format(e->ctx, "n%d", i - tensors), n->in[i]);
    }
}

const char *fg_form_text(fg_emit *e, const fg_node *n, int tensors, int row) {
    const int k = n->n_in - tensors;
    const int64_t *form = fg_node_attr(n, "forms")->ints + row * (k + 1);
    const char *text = NULL;
    const bool extent = fg_attr_int(n, "elements", 0) == 0;
    bool below = form[0] < 0; /* the whole may be, which no extent is */
    for (int i = 0; i < k; i++) {
        const int64_t factor = form[1 + i];
        if (factor == 0) {
            continue;
        }
        const char *term = factor == 1 ? fg_format(e->ctx, "n%d[0]", i)
                                       : fg_format(e->ctx, "%lld * n%d[0]", (long long)factor, i);
        text = text == NULL ? term : fg_format(e->ctx, "%s + %s", text, term);
        below = below || factor < 0;
    }
    if (text == NULL) {
        return fg_format(e->ctx, "INT64_C(%lld)", (long long)form[0]);
    }
    if (form[0] != 0) {
        text = fg_format(e->ctx, "%s + %lld", text, (long long)form[0]);
    }
    return below && extent ? fg_format(e->ctx, "fgs_max_i64(%s, 0)", text) : text;
}

void fg_emit_counted(fg_emit *e, const char *name, fg_value *y) {
    if (fg_is_wanted(y)) {
        fg_emit_output(e, name, y);
    } else {
        const fg_dtype_info *t = fg_dtype_get(y->dtype);
        fg_emit_scratch(e, name, t->c_type, (size_t)t->bits / 8, fg_shape_count(&y->shape));
    }
}

void fg_emit_count(fg_emit *e, const fg_node *n, const char *value) {
    fg_value *v = n->n_out > n->op->max_out ? n->out[n->op->max_out] : NULL;
    if (fg_is_wanted(v)) {
        fg_emit_output(e, "count", v);
        fg_line(e, "count[0] = %s;", value);
    }
}
