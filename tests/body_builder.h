/* Bodies of control flow in graphs made by hand. */
#ifndef FG_TESTS_BODY_BUILDER_H
#define FG_TESTS_BODY_BUILDER_H

#include "lower_check.h"

static inline fg_value *number(fg_graph *g, int64_t i) {
    const fg_shape s = {0};
    int64_t *data = FG_NEW(g->ctx, int64_t);
    *data = i;
    return fg_graph_const(g, "number", FG_INT64, &s, data);
}

static inline fg_value *truth(fg_graph *g, bool b) {
    const fg_shape s = {0};
    unsigned char *data = FG_NEW(g->ctx, unsigned char);
    *data = b;
    return fg_graph_const(g, "truth", FG_BOOL, &s, data);
}

static inline fg_value *integer_input(fg_graph *g, const char *name, const char *shape) {
    fg_value *v = typed_input(g, name, shape, FG_INT64);
    if (*shape == '\0') {
        v->shape.rank = 0;
    }
    v->bound = 0;
    return v;
}

static inline void infer_graph(fg_context *ctx, void *g) {
    (void)ctx;
    fg_graph_link(g);
    fg_infer(g);
}

/* g, with that result, cannot be inferred, and the error or what to do about it says so. */
static inline void refused(fg_graph *g, fg_value *y, fg_status status, const char *says) {
    output(g, y);
    assert_int_equal(fg_try(g->ctx, infer_graph, g), status);
    const fg_diagnostic *d = fg_context_diagnostic(g->ctx);
    if (strstr(d->message, says) == NULL && strstr(d->remedy, says) == NULL) {
        fail_msg("%s; %s", d->message, d->remedy);
    }
}

#endif
