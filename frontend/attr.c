/* Attributes of nodes. */
#include <string.h>

#include "frontend/graph.h"

const fg_attr *fg_node_attr(const fg_node *n, const char *name) {
    for (int i = 0; i < n->n_attr; i++)
        if (strcmp(n->attr[i].name, name) == 0) return &n->attr[i];
    return NULL;
}

const fg_attr *fg_attr_of(const fg_node *n, const char *name, fg_attr_type type) {
    static const char *const types[] = {
        [FG_ATTR_INT] = "an integer",          [FG_ATTR_FLOAT] = "a float",
        [FG_ATTR_STRING] = "a string",         [FG_ATTR_INTS] = "a list of integers",
        [FG_ATTR_FLOATS] = "a list of floats", [FG_ATTR_STRINGS] = "a list of strings",
        [FG_ATTR_TENSOR] = "a tensor",         [FG_ATTR_GRAPH] = "a graph",
        [FG_ATTR_OTHER] = "of another type",
    };
    const fg_attr *a = fg_node_attr(n, name);
    if (!a || a->type == type || !n->ctx) return a && a->type == type ? a : NULL;
    fg_context_set_node(n->ctx, n);
    fg_blame_attribute(n->ctx, name);
    fg_raise(n->ctx, FG_BAD_MODEL, "attribute '%s' is %s, it must be %s", name, types[a->type], types[type]);
}

int64_t fg_attr_int(const fg_node *n, const char *name, int64_t otherwise) {
    const fg_attr *a = fg_attr_of(n, name, FG_ATTR_INT);
    return a ? a->i : otherwise;
}

float fg_attr_float(const fg_node *n, const char *name, float otherwise) {
    const fg_attr *a = fg_attr_of(n, name, FG_ATTR_FLOAT);
    return a ? a->f : otherwise;
}

const char *fg_attr_string(const fg_node *n, const char *name, const char *otherwise) {
    const fg_attr *a = fg_attr_of(n, name, FG_ATTR_STRING);
    return a ? a->s : otherwise;
}

int fg_attr_ints(fg_context *ctx, const fg_node *n, const char *name, int max, int64_t *out) {
    const fg_attr *a = fg_attr_of(n, name, FG_ATTR_INTS);
    if (!a) return 0;
    if (a->n > max) {
        fg_context_set_node(ctx, n);
        fg_blame_attribute(ctx, name);
        fg_raise(ctx, FG_BAD_MODEL, "the attribute has %d numbers, at most %d can be", a->n, max);
    }
    if (a->n) memcpy(out, a->ints, (size_t)a->n * sizeof *out);
    return a->n;
}

fg_attr *fg_node_set_attr(fg_context *ctx, fg_node *n, const char *name, fg_attr_type type) {
    fg_attr *a = NULL;
    for (int i = 0; i < n->n_attr && !a; i++)
        if (strcmp(n->attr[i].name, name) == 0) a = &n->attr[i];
    if (!a) {
        fg_attr *wider = FG_ARRAY(ctx, n->n_attr + 1, fg_attr);
        if (n->n_attr) memcpy(wider, n->attr, (size_t)n->n_attr * sizeof *wider);
        n->attr = wider;
        a = &wider[n->n_attr++];
    }
    const char *kept = a->name ? a->name : fg_strdup(ctx, name);
    *a = (fg_attr){.name = kept, .type = type};
    return a;
}
