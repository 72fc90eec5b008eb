#include "verify/inputs.h"

#include "codegen/escape.h"
#include "codegen/lower.h"

static void check_given(fg_context *ctx, const fg_value *v, const fg_tensor *t) {
    if (t->dtype == v->dtype && fg_shape_equal(&t->shape, &v->shape)) return;
    fg_raise(ctx, FG_USAGE, "data for input '%s' is %s %s, but the model wants %s %s",
             fg_escape_terminal(ctx, v->name), fg_dtype_get(t->dtype)->name, fg_shape_text(ctx, &t->shape),
             fg_dtype_get(v->dtype)->name, fg_shape_text(ctx, &v->shape));
}

/* The node for which an input is a shape that has to agree with a declared one; NULL: there is none. */
static const fg_node *checked_by(const fg_value *v) {
    for (int i = 0; i < v->n_users; i++) {
        if (v->users[i]->n_in > 1 && v->users[i]->in[1] == v && fg_operand_is_checked(v->users[i], 1)) {
            return v->users[i];
        }
    }
    return NULL;
}

fg_tensor fg_verify_input(const fg_graph *g, int i, uint64_t seed) {
    const fg_value *v = g->inputs[i];
    const fg_node *n = checked_by(v);
    if (n == NULL) {
        return fg_random_input(g->ctx, v, seed + (uint64_t)i);
    }
    const int64_t count = fg_shape_count(&v->shape);
    fg_tensor t = {v->dtype, v->shape, fg_big_alloc(g->ctx, (size_t)count * sizeof(int64_t) + 1)};
    for (int64_t d = 0; d < count; d++) {
        ((int64_t *)t.data)[d] = fg_checked_extent(n, d < FG_MAX_RANK ? (int)d : FG_MAX_RANK);
    }
    return t;
}

fg_tensor *fg_verify_inputs(const fg_graph *g, const fg_tensor *given, uint64_t seed) {
    fg_tensor *t = FG_ARRAY(g->ctx, g->n_inputs + 1, fg_tensor);
    for (int i = 0; i < g->n_inputs; i++) {
        bool is_given = given && given[i].data;
        if (is_given) check_given(g->ctx, g->inputs[i], &given[i]);
        t[i] = is_given ? given[i] : fg_verify_input(g, i, seed);
    }
    return t;
}
