#include "verify/inputs.h"

#include "codegen/escape.h"

static void check_given(fg_context *ctx, const fg_value *v, const fg_tensor *t) {
    if (t->dtype == v->dtype && fg_shape_equal(&t->shape, &v->shape)) return;
    fg_raise(ctx, FG_USAGE, "data for input '%s' is %s %s, but the model wants %s %s",
             fg_escape_terminal(ctx, v->name), fg_dtype_get(t->dtype)->name, fg_shape_text(ctx, &t->shape),
             fg_dtype_get(v->dtype)->name, fg_shape_text(ctx, &v->shape));
}

fg_tensor *fg_verify_inputs(const fg_graph *g, const fg_tensor *given, uint64_t seed) {
    fg_tensor *t = FG_ARRAY(g->ctx, g->n_inputs + 1, fg_tensor);
    for (int i = 0; i < g->n_inputs; i++) {
        bool is_given = given && given[i].data;
        if (is_given) check_given(g->ctx, g->inputs[i], &given[i]);
        t[i] = is_given ? given[i] : fg_random_input(g->ctx, g->inputs[i], seed + (uint64_t)i);
    }
    return t;
}
