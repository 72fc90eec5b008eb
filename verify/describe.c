/* The sentences of a verdict. Every name from the model is escaped here. */
#include <math.h>

#include "codegen/escape.h"
#include "verify/check.h"

#define FG_NAMED_NODES 4 /* per message; a kernel may cover dozens */

static void add_node(const fg_check *c, const fg_node *n, int *count, fg_text *out) {
    if ((*count)++ >= FG_NAMED_NODES) return;
    fg_text_printf(out, "%s'%s' (%s)", *count > 1 ? ", " : "", fg_escape_terminal(c->ctx, fg_node_label(n)),
                   fg_escape_terminal(c->ctx, n->op_type));
}

static int add_nodes(const fg_check *c, const fg_kernel *k, fg_text *out) {
    int count = 0;
    for (int i = 0; i < k->n_nodes; i++) {
        const fg_node *n = k->nodes[i];
        for (int j = 0; j < n->n_covers; j++) add_node(c, n->covers[j], &count, out);
        if (n->n_covers == 0) add_node(c, n, &count, out);
    }
    return count;
}

const char *fg_check_kernel_label(const fg_check *c, int kernel) {
    const fg_kernel_text *text = &c->m->kernels[kernel];
    fg_text nodes = fg_text_new(c->ctx);
    int n = add_nodes(c, text->kernel, &nodes);
    const char *more = n > FG_NAMED_NODES ? fg_format(c->ctx, " and %d more", n - FG_NAMED_NODES) : "";
    const char *name = text->symbol ? text->symbol : text->kernel->name;
    const char *label =
        n == 0 ? fg_format(c->ctx, "kernel '%s'", name)
               : fg_format(c->ctx, "kernel '%s' (%s %s%s)", name, n > 1 ? "nodes" : "node", nodes.data, more);
    fg_text_free(&nodes);
    return label;
}

static const char *element_text(fg_context *ctx, const fg_tensor *t, int64_t i) {
    const fg_dtype_info *info = fg_dtype_get(t->dtype);
    fg_value v = {.name = "", .dtype = t->dtype, .shape = t->shape, .data = t->data};
    if (info->is_float) {
        double x = fg_const_float(&v, i);
        return isnan(x) ? "NaN" : fg_format(ctx, "%.9g", x); /* without the sign that printf shows */
    }
    if (info->is_integer || t->dtype == FG_BOOL)
        return fg_format(ctx, "%lld", (long long)fg_const_int(&v, i));
    return NULL;
}

static const char *place_text(fg_context *ctx, const fg_shape *shape, int64_t at) {
    int64_t index[FG_MAX_RANK] = {0};
    fg_text t = fg_text_new(ctx);
    for (int d = shape->rank - 1; d >= 0; d--) {
        index[d] = at % shape->dim[d];
        at /= shape->dim[d];
    }
    fg_text_add(&t, "[");
    for (int d = 0; d < shape->rank; d++) fg_text_printf(&t, "%s%lld", d ? "," : "", (long long)index[d]);
    fg_text_add(&t, "]");
    const char *text = fg_strdup(ctx, t.data);
    fg_text_free(&t);
    return text;
}

static const char *what_differs(fg_context *ctx, const fg_tensor *want, const fg_tensor *got, int64_t at) {
    if (want->dtype != got->dtype)
        return fg_format(ctx, "is %s, not %s", fg_dtype_get(got->dtype)->name,
                         fg_dtype_get(want->dtype)->name);
    if (!fg_shape_equal(&want->shape, &got->shape))
        return fg_format(ctx, "has shape %s, not %s", fg_shape_text(ctx, &got->shape),
                         fg_shape_text(ctx, &want->shape));
    if (at < 0) return "cannot be compared";
    const char *g = element_text(ctx, got, at), *w = element_text(ctx, want, at);
    const char *where = place_text(ctx, &want->shape, at);
    return g && w ? fg_format(ctx, "at %s is %s, not %s", where, g, w)
                  : fg_format(ctx, "differs at %s", where);
}

const char *fg_check_difference(const fg_check *c, const char *what, const char *name, const fg_tensor *want,
                                const fg_tensor *got, const fg_error *e, double bound) {
    return fg_format(c->ctx, "%s '%s' %s (max abs %.3g, %.3g of RMS, %.3g ulp; bound %.3g of RMS)", what,
                     fg_escape_terminal(c->ctx, name), what_differs(c->ctx, want, got, e->at), e->max_abs,
                     e->max_rel, e->max_ulp, bound);
}

const char *fg_check_fault(const fg_check *c, fg_fault fault) {
    const fg_space *near = fault.address ? fg_memory_owner(c->mem, fault.address) : NULL;
    if (!near) return fg_fault_name(fault.signal);
    const unsigned char *a = fault.address;
    const char *side = a < near->data ? "before" : a >= near->data + near->bytes ? "beyond" : "a write to";
    return fg_format(c->ctx, "%s (%s %s)", fg_fault_name(fault.signal), side, near->name);
}

const char *fg_check_damage(const fg_check *c) {
    const fg_space *here = fg_memory_damage(c->mem);
    return here ? here->name : c->lib->call ? c->lib->damaged : NULL;
}

void fg_check_fail(fg_check *c, const char *text) {
    c->verdict->passed = false;
    if (!c->verdict->first_failure) c->verdict->first_failure = text;
}
