#include "codegen/text.h"

#include <string.h>

static bool is_text(const fg_value *v) {
    return v != NULL && v->dtype == FG_STRING;
}

/* What the operator makes of elements $0, $1, ... */
static const struct {
    const char *op, *text;
} texts[] = {{"Equal", "strcmp($0, $1) == 0"}, {"Where", "$0 ? $1 : $2"}};

static const char *text_of(const fg_node *n) {
    for (size_t i = 0; i < FG_COUNT(texts); i++) {
        if (strcmp(texts[i].op, n->op_type) == 0) {
            return texts[i].text;
        }
    }
    return NULL;
}

static const char *filled(fg_context *ctx, const char *text, const char *const *operands) {
    fg_text t = fg_text_new(ctx);
    for (; *text; text++) {
        if (*text == '$') {
            fg_text_add(&t, operands[*++text - '0']);
        } else {
            fg_text_addn(&t, text, 1);
        }
    }
    return t.data;
}

static void emit_map(fg_emit *e, const fg_node *n, const char *text) {
    fg_context *ctx = e->ctx;
    fg_value *y = n->out[0];
    fg_nest *nest = fg_nest_new(ctx, &y->shape, n->n_in + 1);
    fg_emit_output(e, "y", y);
    fg_nest_add_value(e, nest, y);
    for (int i = 0; i < n->n_in; i++) {
        fg_emit_input(e, fg_format(ctx, "x%d", i), n->in[i]);
        fg_nest_add_value(e, nest, n->in[i]);
    }
    fg_nest_simplify(nest, 0, 0, nest->rank);
    const char **operands = FG_ARRAY(ctx, n->n_in, const char *);
    for (int i = 0; i < n->n_in; i++) {
        operands[i] = fg_format(ctx, "x%d[%s]", i, fg_nest_at(ctx, nest, i + 1, 0, nest->rank, "i"));
    }
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    fg_line(e, "y[%s] = %s;", fg_nest_at(ctx, nest, 0, 0, nest->rank, "i"), filled(ctx, text, operands));
    fg_nest_close(nest->rank, e->out);
    fg_describe(e, "", "string by string");
}

bool fg_emit_text_map(fg_emit *e) {
    const fg_kernel *k = e->k;
    const fg_node *n = k->nodes[0];
    bool any = false;
    for (int i = 0; i < n->n_in; i++) {
        any = any || is_text(n->in[i]);
    }
    if (!any || k->n_nodes != 1) {
        return false;
    }
    const char *text = text_of(n);
    if (text == NULL) {
        fg_raise(e->ctx, FG_UNSUPPORTED, "generated code does not do this with strings");
    }
    if (!fg_is_empty_result(e, n->out[0])) {
        emit_map(e, n, text);
    }
    return true;
}

int64_t fg_emit_text_room(fg_emit *e, const char *name, int64_t count) {
    const int64_t bytes = fg_context_limits(e->ctx)->text;
    const int64_t extents[2] = {count, bytes};
    fg_emit_kept(e, name, fg_checked_product(e->ctx, 2, extents));
    return bytes;
}
