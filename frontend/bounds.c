#include "frontend/bounds.h"

#include <stdlib.h>
#include <string.h>

#include "frontend/expand.h"
#include "frontend/extent.h"

#define MAX_ELEMENTS 64 /* of a tensor that decides on extents */

/* ---- noting ---- */

/* NAME, or NAME:AXIS; *axis: FG_MAX_RANK if there is none. */
static fg_value *named(const fg_graph *g, const char *name, int *axis) {
    const char *colon = strrchr(name, ':');
    *axis = FG_MAX_RANK;
    fg_value *v = fg_graph_find(g, name);
    if (v != NULL || colon == NULL || colon[1] < '0' || colon[1] > '7' || colon[2] != '\0') {
        return v;
    }
    *axis = colon[1] - '0';
    return fg_graph_find(g, fg_strndup(g->ctx, name, (size_t)(colon - name)));
}

void fg_note_bounds(fg_graph *g, const fg_bound_binding *bounds, int n) {
    for (int i = 0; i < n; i++) {
        int axis;
        fg_value *v = named(g, bounds[i].name, &axis);
        if (v == NULL) {
            fg_remedy(g->ctx, "--dump read lists the names");
            fg_raise(g->ctx, FG_USAGE, "--bound names '%s', and the model has no such tensor",
                     bounds[i].name);
        }
        int64_t *most = FG_ARRAY(g->ctx, FG_MAX_RANK + 1, int64_t);
        for (int d = 0; d <= FG_MAX_RANK; d++) {
            most[d] = v->most == NULL ? -1 : v->most[d];
        }
        most[axis] = bounds[i].most;
        v->most = most;
    }
}

/* ---- holding to them ---- */

static bool is_followed_by(const fg_node *n, const char *op) {
    return strcmp(n->domain, FG_OWN_DOMAIN) == 0 && strcmp(n->op_type, op) == 0;
}

/* Elements of it decide on something, and nothing else is known of them. */
static bool has_bounded_elements(const fg_value *v) {
    return v->dtype == FG_INT64 && v->data == NULL && v->elements == NULL && !fg_is_dynamic(v) &&
           v->most != NULL && v->most[FG_MAX_RANK] >= 0 && fg_shape_count(&v->shape) <= MAX_ELEMENTS;
}

static fg_node *put(fg_graph *g, const fg_node *at, const char *op, fg_value *in, fg_value **out,
                    int64_t most) {
    static const fg_node nowhere = {.name = "", .op_type = "", .domain = ""};
    fg_node *n = fg_put_node(g, at != NULL ? at : &nowhere, op, 1, &in, 1, out);
    n->domain = FG_OWN_DOMAIN;
    fg_node_set_attr(g->ctx, n, "most", FG_ATTR_INT)->i = most;
    return n;
}

void fg_bound_inputs(fg_graph *g) {
    for (int i = 0; i < g->n_inputs; i++) {
        fg_value *v = g->inputs[i], *held = NULL;
        if (!has_bounded_elements(v)) {
            continue;
        }
        const int64_t most = v->most[FG_MAX_RANK];
        held = fg_graph_value(g, fg_format(g->ctx, "%s/bounded", v->name));
        fg_graph_replace(g, v, held);
        if (v->is_output) { /* handed on as it is */
            held->is_output = false;
            v->is_output = true;
            for (int o = 0; o < g->n_outputs; o++) {
                g->outputs[o] = g->outputs[o] == held ? v : g->outputs[o];
            }
        }
        put(g, NULL, "AtMost", v, &held, most);
        fg_bound_index(v, most < INT64_MAX ? most + 1 : most);
    }
    fg_graph_link(g);
}

/* The last node of the list comes to stand behind node i. */
static void move_behind(fg_graph *g, int i) {
    fg_node *last = g->nodes[g->n_nodes - 1];
    memmove(g->nodes + i + 2, g->nodes + i + 1, (size_t)(g->n_nodes - i - 2) * sizeof(fg_node *));
    g->nodes[i + 1] = last;
    last->index = g->nodes[i]->index;
}

/* The result gets another value, from which a new node makes v. */
static fg_value *step_aside(fg_graph *g, fg_node *n, int o) {
    fg_value *v = n->out[o], *aside = fg_graph_value(g, fg_format(g->ctx, "%s/unbounded", v->name));
    aside->dtype = v->dtype;
    aside->shape = v->shape;
    aside->shape_known = true;
    aside->bound = v->bound;
    aside->producer = n;
    memcpy(aside->extent, v->extent, sizeof aside->extent);
    memset(v->extent, 0, sizeof v->extent);
    v->shape_known = v->shape_declared = false;
    n->out[o] = aside;
    for (int k = 0; k < g->n_symbols; k++) {
        if (g->symbols[k].value == v) {
            g->symbols[k].value = aside;
        }
    }
    return aside;
}

static int dynamic_axes(const fg_value *v, int *last) {
    int count = 0;
    for (int d = 0; d < v->shape.rank; d++) {
        if (v->extent[d] != NULL) {
            *last = d;
            count++;
        }
    }
    return count;
}

/* The extent that a bound without an axis means. */
static void settle_axis(fg_context *ctx, fg_value *v) {
    int axis = 0;
    if (v->most[FG_MAX_RANK] < 0) {
        return;
    }
    if (dynamic_axes(v, &axis) != 1) {
        fg_remedy(ctx, "write --bound '%s:AXIS=%lld'", v->name, (long long)v->most[FG_MAX_RANK]);
        fg_raise(ctx, FG_USAGE, "several extents of '%s' depend on data", v->name);
    }
    int64_t *most = FG_ARRAY(ctx, FG_MAX_RANK + 1, int64_t);
    memcpy(most, v->most, (FG_MAX_RANK + 1) * sizeof *most);
    most[axis] = most[FG_MAX_RANK];
    most[FG_MAX_RANK] = -1;
    v->most = most;
}

static bool bound_extent(fg_graph *g, int i, int o) {
    fg_value *v = g->nodes[i]->out[o];
    settle_axis(g->ctx, v);
    for (int d = 0; d < v->shape.rank; d++) {
        const int64_t most = v->most[d];
        if (v->extent[d] != NULL && most >= 0 && most < v->shape.dim[d]) {
            fg_value *aside = step_aside(g, g->nodes[i], o);
            fg_node_set_attr(g->ctx, put(g, g->nodes[i], "Limit", aside, &v, most), "axis", FG_ATTR_INT)->i =
                d;
            move_behind(g, i);
            return true; /* further extents are bounded behind the new node */
        }
    }
    return false;
}

void fg_bound_results(fg_graph *g, int i) {
    for (int o = 0; o < g->nodes[i]->n_out; o++) {
        fg_value *v = g->nodes[i]->out[o];
        if (v == NULL || v->most == NULL || v->is_sequence) {
            continue;
        }
        if (fg_is_dynamic(v)) {
            (void)bound_extent(g, i, o);
        } else if (has_bounded_elements(v) && !is_followed_by(g->nodes[i], "AtMost")) {
            fg_value *aside = step_aside(g, g->nodes[i], o);
            fg_bound_index(aside, v->most[FG_MAX_RANK] + 1);
            put(g, g->nodes[i], "AtMost", aside, &v, v->most[FG_MAX_RANK]);
            move_behind(g, i);
        }
    }
}

void fg_check_bounds(fg_graph *g) {
    for (int i = 0; i < g->n_values; i++) {
        const fg_value *v = g->values[i];
        bool used = v->most == NULL || v->is_sequence || fg_is_dynamic(v) || v->elements != NULL;
        for (int u = 0; !used && u < v->n_users; u++) {
            used = is_followed_by(v->users[u], "AtMost");
        }
        if (!used) {
            fg_raise(g->ctx, FG_USAGE, "--bound for '%s': %s", v->name,
                     v->data != NULL
                         ? "it is constant"
                         : "none of its extents depends on data, nor is it a list of at most 64 int64");
        }
    }
}
