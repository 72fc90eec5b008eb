#include "frontend/expand.h"

#include <string.h>

/* Beyond that a loop should not have been unrolled. */
#define MAX_NODES     200000
#define MAX_REPLACED  1000000
#define MAX_SEQUENCES (INT64_C(1) << 24) /* items of all sequences together */

void fg_replaced(fg_node *n) {
    n->n_out = -1;
}

bool fg_is_replaced(const fg_node *n) {
    return n->n_out < 0;
}

/* ---- building ---- */

fg_node *fg_put_node(fg_graph *g, const fg_node *n, const char *op_type, int n_in, fg_value *const *in,
                     int n_out, fg_value **out) {
    fg_value **from = FG_ARRAY(g->ctx, n_in + 1, fg_value *);
    if (n_in > 0) {
        memcpy(from, in, (size_t)n_in * sizeof *from);
    }
    for (int i = 0; i < n_out; i++) {
        if (out[i] == NULL) {
            out[i] = fg_graph_value(g, fg_format(g->ctx, "%s/%s", fg_node_label(n), op_type));
        }
    }
    fg_node *made = fg_graph_node(g, op_type, n_in, from, n_out, out);
    made->name = n->name;
    return made;
}

fg_value *fg_put(fg_graph *g, const fg_node *n, const char *op_type, int n_in, fg_value *const *in) {
    fg_value *out = NULL;
    fg_put_node(g, n, op_type, n_in, in, 1, &out);
    return out;
}

void fg_put_output(fg_graph *g, const fg_node *n, int i, fg_value *v) {
    if (i < n->n_out && n->out[i] != NULL) {
        fg_put_node(g, n, "Identity", 1, &v, 1, &n->out[i]);
    }
}

void fg_put_int(fg_graph *g, fg_value *v, const char *attr, int64_t i) {
    fg_node_set_attr(g->ctx, v->producer, attr, FG_ATTR_INT)->i = i;
}

fg_value *fg_put_ints(fg_graph *g, const fg_node *n, int count, const int64_t *values) {
    const bool scalar = count < 0;
    fg_shape s = {scalar ? 0 : 1, {scalar ? 0 : count}};
    int64_t *data = FG_ARRAY(g->ctx, scalar ? 1 : count + 1, int64_t);
    memcpy(data, values, (size_t)(scalar ? 1 : count) * sizeof *data);
    return fg_graph_const(g, fg_format(g->ctx, "%s/number", fg_node_label(n)), FG_INT64, &s, data);
}

fg_value *fg_put_bool(fg_graph *g, const fg_node *n, bool b) {
    fg_shape s = {0, {0}};
    unsigned char *data = FG_NEW(g->ctx, unsigned char);
    *data = b;
    return fg_graph_const(g, fg_format(g->ctx, "%s/truth", fg_node_label(n)), FG_BOOL, &s, data);
}

static fg_value *with_axes(fg_graph *g, const fg_node *n, const char *op, fg_value *v, int64_t axis) {
    if (g->opset >= 13) {
        return fg_put(g, n, op, 2, (fg_value *[]){v, fg_put_ints(g, n, 1, &axis)});
    }
    fg_value *y = fg_put(g, n, op, 1, &v);
    fg_attr *a = fg_node_set_attr(g->ctx, y->producer, "axes", FG_ATTR_INTS);
    int64_t *axes = FG_NEW(g->ctx, int64_t);
    *axes = axis;
    a->n = 1;
    a->ints = axes;
    return y;
}

fg_value *fg_put_unsqueezed(fg_graph *g, const fg_node *n, fg_value *v, int64_t axis) {
    return with_axes(g, n, "Unsqueeze", v, axis);
}

fg_value *fg_put_squeezed(fg_graph *g, const fg_node *n, fg_value *v, int64_t axis) {
    return with_axes(g, n, "Squeeze", v, axis);
}

fg_value *fg_put_stacked(fg_graph *g, const fg_node *n, int n_items, fg_value *const *items, int64_t axis) {
    fg_value **parts = FG_ARRAY(g->ctx, n_items + 1, fg_value *);
    for (int i = 0; i < n_items; i++) {
        parts[i] = fg_put_unsqueezed(g, n, items[i], axis);
    }
    fg_value *all = fg_put(g, n, "Concat", n_items, parts);
    fg_put_int(g, all, "axis", axis);
    return all;
}

void fg_put_split(fg_graph *g, const fg_node *n, fg_value *x, int64_t axis, int count, const int64_t *extents,
                  fg_value **pieces) {
    int64_t *sizes = FG_ARRAY(g->ctx, count + 1, int64_t);
    for (int i = 0; i < count; i++) {
        pieces[i] = NULL;
        sizes[i] = extents == NULL ? 1 : extents[i];
    }
    if (count == 0) {
        return;
    }
    bool operand = g->opset >= 13;
    fg_value *in[2] = {x, operand ? fg_put_ints(g, n, count, sizes) : NULL};
    fg_node *split = fg_put_node(g, n, "Split", operand ? 2 : 1, in, count, pieces);
    fg_node_set_attr(g->ctx, split, "axis", FG_ATTR_INT)->i = axis;
    if (!operand) {
        fg_attr *a = fg_node_set_attr(g->ctx, split, "split", FG_ATTR_INTS);
        a->n = count;
        a->ints = sizes;
    }
}

/* ---- sequences ---- */

static void set_items(fg_graph *g, fg_value *v, int n_items, fg_value *const *items) {
    g->n_items += n_items;
    if (g->n_items > MAX_SEQUENCES) {
        fg_raise(g->ctx, FG_UNSUPPORTED, "sequences have too many elements");
    }
    v->is_sequence = v->items_known = true;
    v->is_optional = false;
    v->n_items = n_items;
    v->items = FG_ARRAY(g->ctx, n_items + 1, fg_value *);
    if (n_items > 0) {
        memcpy(v->items, items, (size_t)n_items * sizeof *items);
    }
}

void fg_set_items(fg_graph *g, fg_node *n, int i, int n_items, fg_value *const *items) {
    if (i < n->n_out && n->out[i] != NULL) {
        set_items(g, n->out[i], n_items, items);
    }
}

fg_value *fg_put_longer(fg_graph *g, const fg_value *s, fg_value *item) {
    fg_value *longer = fg_graph_value(g, s->name);
    set_items(g, longer, s->n_items, s->items);
    longer->items[longer->n_items++] = item; /* there is room for one more */
    return longer;
}

void fg_pass_items(fg_node *n, int i, const fg_value *v) {
    if (i >= n->n_out || n->out[i] == NULL) {
        return;
    }
    fg_value *y = n->out[i];
    y->is_sequence = true;
    y->is_optional = v->is_optional;
    y->items_known = v->items_known;
    y->items = v->items;
    y->n_items = v->n_items;
}

const fg_value *fg_need_items(fg_context *ctx, const fg_node *n, int i) {
    const fg_value *v = n->in[i];
    if (!v->is_sequence) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is a tensor, not a sequence or an optional", v->name);
    }
    if (!v->items_known) {
        fg_remedy(ctx, "state what it holds, for example --shape '%s[0]=1x3', or --shape %s=none", v->name,
                  v->name);
        fg_raise(ctx, FG_UNSUPPORTED, "the elements of sequence or optional '%s' are not known", v->name);
    }
    return v;
}

void fg_require_const(fg_context *ctx, const fg_node *n, int i, const char *operand) {
    const fg_value *v = i < n->n_in ? n->in[i] : NULL;
    if (v == NULL || v->data != NULL) {
        return;
    }
    fg_blame_attribute(ctx, operand);
    fg_remedy(ctx, "bind it, or the graph inputs it depends on, with --const NAME=FILE.npy");
    fg_raise(ctx, FG_UNSUPPORTED, "operand '%s' ('%s') must be constant", operand, v->name);
}

/* ---- for fg_infer ---- */

void fg_take_place(fg_graph *g, int i, int before) {
    const int more = g->n_nodes - before;
    if (g->n_nodes > MAX_NODES || ++g->n_replaced > MAX_REPLACED) {
        fg_remedy(g->ctx, "export the model with fewer iterations");
        fg_raise(g->ctx, FG_UNSUPPORTED, "the graph gets too large with its control flow resolved");
    }
    fg_node **moved = fg_big_alloc(g->ctx, (size_t)(more + 1) * sizeof *moved);
    if (more > 0) {
        memcpy(moved, g->nodes + before, (size_t)more * sizeof *moved);
    }
    for (int k = 0; k < more; k++) {
        moved[k]->index = g->nodes[i]->index;
    }
    memmove(g->nodes + i + more, g->nodes + i + 1, (size_t)(before - i - 1) * sizeof *moved);
    if (more > 0) {
        memcpy(g->nodes + i, moved, (size_t)more * sizeof *moved);
    }
    g->n_nodes = before - 1 + more;
    fg_big_free(g->ctx, moved);
}

/* Appends the tensors that a value consists of; recursion is as deep as the reader lets optionals nest. */
static void add_leaves(fg_graph *g, fg_value *v, const char *name, fg_value **list, int *n, int cap) {
    if (!v->is_sequence) {
        if (*n >= cap) {
            fg_raise(g->ctx, FG_UNSUPPORTED, "the graph's outputs consist of too many tensors");
        }
        fg_value *own = fg_graph_value(g, name);
        fg_graph_node(g, "Identity", 1, &v, 1, &own);
        own->is_output = true;
        list[(*n)++] = own;
        return;
    }
    if (!v->items_known) {
        fg_raise(g->ctx, FG_UNSUPPORTED, "the elements of output '%s' are not known", v->name);
    }
    for (int i = 0; i < v->n_items; i++) {
        add_leaves(g, v->items[i], fg_format(g->ctx, "%s[%d]", name, i), list, n, cap);
    }
}

bool fg_resolve_outputs(fg_graph *g) {
    enum { MOST = 4096 };
    bool any = false;
    for (int i = 0; i < g->n_outputs; i++) {
        any = any || g->outputs[i]->is_sequence;
    }
    if (!any) {
        return false;
    }
    fg_value **list = FG_ARRAY(g->ctx, g->n_outputs + MOST, fg_value *);
    int n = 0;
    for (int i = 0; i < g->n_outputs; i++) {
        fg_value *v = g->outputs[i];
        if (!v->is_sequence) {
            list[n++] = v;
            continue;
        }
        v->is_output = false;
        add_leaves(g, v, v->name, list, &n, g->n_outputs + MOST - (g->n_outputs - i));
    }
    g->outputs = list;
    g->n_outputs = n;
    return true;
}

void fg_renumber(fg_graph *g) {
    fg_graph_link(g);
    for (int i = 0; i < g->n_nodes; i++) {
        g->nodes[i]->index = i;
    }
}
