/* A copy of a partition: code generation changes graph and kernels (copies at the interface, views that
 * vanish), and what it was given must be as before. */
#include <string.h>

#include "fusion/kernel.h"
#include "fusion/rounding.h"

typedef struct copier {
    fg_context *ctx;
    fg_graph *to;
} copier;

/* Values of the copy have the numbers of the originals. */
static fg_value *value_of(const copier *c, const fg_value *v) {
    return v != NULL ? c->to->values[v->id] : NULL;
}

static fg_value **values_of(const copier *c, fg_value *const *list, int n) {
    fg_value **copy = FG_ARRAY(c->ctx, n + 1, fg_value *);
    for (int i = 0; i < n; i++) {
        copy[i] = value_of(c, list[i]);
    }
    return copy;
}

/* What makes the copy of n's first result. */
static fg_node *node_of(const copier *c, const fg_node *n) {
    for (int i = 0; n != NULL && i < n->n_out; i++) {
        if (n->out[i] != NULL) {
            return value_of(c, n->out[i])->producer;
        }
    }
    FG_REQUIRE(c->ctx, "copy", n == NULL);
    return NULL;
}

static fg_node **nodes_of(const copier *c, fg_node *const *list, int n) {
    fg_node **copy = FG_ARRAY(c->ctx, n + 1, fg_node *);
    for (int i = 0; i < n; i++) {
        copy[i] = node_of(c, list[i]);
    }
    return copy;
}

/* The depth of the recursion is one: parts of a stream have no parts. */
static fg_kernel *kernel_of(const copier *c, const fg_kernel *k) {
    fg_kernel *copy = fg_kernel_new(c->ctx, k->n_stages);
    fg_stage *stage = copy->stage;
    *copy = *k;
    copy->stage = stage;
    for (int i = 0; i < k->n_stages; i++) {
        stage[i] =
            (fg_stage){node_of(c, k->stage[i].anchor),
                       nodes_of(c, k->stage[i].epilogue, k->stage[i].n_epilogue), k->stage[i].n_epilogue};
    }
    copy->prologue = nodes_of(c, k->prologue, k->n_prologue);
    copy->tap = node_of(c, k->tap);
    copy->nodes = nodes_of(c, k->nodes, k->n_nodes);
    copy->in = values_of(c, k->in, k->n_in);
    copy->out = values_of(c, k->out, k->n_out);
    copy->part = FG_ARRAY(c->ctx, k->n_parts + 1, fg_kernel *);
    for (int i = 0; i < k->n_parts; i++) {
        copy->part[i] = kernel_of(c, k->part[i]);
    }
    return copy;
}

static const fg_rounding *rounding_of(const copier *c, const fg_rounding *r) {
    if (r == NULL) {
        return NULL;
    }
    fg_rounding *copy = FG_NEW(c->ctx, fg_rounding);
    *copy = *r;
    copy->weights = FG_ARRAY(c->ctx, r->n + 1, fg_rounded);
    for (int i = 0; i < r->n; i++) {
        copy->weights[i] = (fg_rounded){value_of(c, r->weights[i].value), r->weights[i].full};
    }
    return copy;
}

fg_partition *fg_partition_copy(const fg_partition *p) {
    const copier c = {p->graph->ctx, fg_graph_copy(p->graph)};
    fg_partition *copy = FG_NEW(c.ctx, fg_partition);
    c.to->rounding = rounding_of(&c, p->graph->rounding);
    *copy = (fg_partition){c.to, FG_ARRAY(c.ctx, p->n_kernels + 1, fg_kernel *), p->n_kernels};
    for (int i = 0; i < p->n_kernels; i++) {
        copy->kernels[i] = kernel_of(&c, p->kernels[i]);
    }
    return copy;
}
