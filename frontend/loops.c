/* Where loops lie in a graph. */
#include "frontend/loops.h"

#include <string.h>

#include "frontend/extent.h"

#define MAX_LOOPS 1000

static bool is_own(const fg_node *n, const char *op) {
    return strcmp(n->op_type, op) == 0 && strcmp(n->domain, FG_OWN_DOMAIN) == 0;
}

bool fg_is_loop_enter(const fg_node *n) {
    return is_own(n, "LoopEnter");
}

bool fg_is_loop_next(const fg_node *n) {
    return is_own(n, "LoopNext");
}

bool fg_is_carried(const fg_value *v) {
    return v->producer != NULL && fg_is_loop_enter(v->producer);
}

bool fg_is_collected(const fg_value *v, int *piece) {
    const fg_node *n = v->producer;
    const int first = n != NULL && fg_is_loop_next(n) ? FG_NEXT_LAST + fg_loop_states(n) : 0;
    for (int i = first; first > 0 && i < n->n_out; i++) {
        if (n->out[i] == v) {
            *piece = i - first;
            return true;
        }
    }
    return false;
}

int fg_loop_states(const fg_node *next) {
    return (int)fg_attr_int(next, FG_LOOP_STATES, 0);
}

int fg_loop_pieces(const fg_node *next) {
    const int pieces = next->n_in - FG_NEXT_STATES - 2 * fg_loop_states(next);
    return pieces < 0 ? 0 : pieces; /* absent operands at the end are cut off */
}

int fg_loop_axis(fg_context *ctx, const fg_node *next, int i, int rank) {
    const fg_attr *axes = fg_node_attr(next, FG_LOOP_AXES);
    return axes == NULL || i >= axes->n ? 0 : fg_axis(ctx, next, axes->ints[i], rank + 1);
}

fg_value *fg_loop_operand(const fg_node *n, int i) {
    return i < n->n_in ? n->in[i] : NULL;
}

bool fg_is_inside(const fg_loop *l, int position) {
    return position > l->enter && position < l->next && l->inside[position - l->enter];
}

/* Position of the node that makes operand k of node i; -1: none does. */
static int operand_maker(const fg_graph *g, const fg_loops *all, int i, int k) {
    const fg_value *v = g->nodes[i]->in[k];
    return v == NULL || v->data != NULL ? -1 : all->maker[v->id];
}

/* What depends on the loop's begin, not by way of its end. */
static void mark_behind(const fg_graph *g, const fg_loops *all, const fg_loop *l, bool *behind) {
    memset(behind, 0, (size_t)g->n_nodes);
    behind[l->enter] = true;
    for (int i = l->enter + 1; i < g->n_nodes; i++) {
        for (int k = 0; i != l->next && !behind[i] && k < g->nodes[i]->n_in; k++) {
            const int maker = operand_maker(g, all, i, k);
            behind[i] = maker >= 0 && behind[maker];
        }
    }
}

static void mark_before(const fg_graph *g, const fg_loops *all, const fg_loop *l, bool *before) {
    memset(before, 0, (size_t)g->n_nodes);
    before[l->next] = true;
    for (int i = l->next; i > l->enter; i--) {
        for (int k = 0; before[i] && k < g->nodes[i]->n_in; k++) {
            const int maker = operand_maker(g, all, i, k);
            if (maker >= 0) {
                before[maker] = true;
            }
        }
    }
}

static void find_inside(const fg_graph *g, fg_loops *all, fg_loop *l, bool *behind, bool *before) {
    l->inside = FG_ARRAY(g->ctx, l->next - l->enter + 1, bool);
    mark_behind(g, all, l, behind);
    mark_before(g, all, l, before);
    for (int i = l->enter + 1; i < g->n_nodes; i++) {
        l->inside[i < l->next ? i - l->enter : 0] = i < l->next && behind[i] && before[i];
        for (int k = 0; i != l->next && !fg_is_inside(l, i) && k < g->nodes[i]->n_in; k++) {
            const int maker = operand_maker(g, all, i, k);
            all->abandoned[i] =
                all->abandoned[i] || (maker >= 0 && (fg_is_inside(l, maker) || all->abandoned[maker]));
        }
    }
}

static void check_nesting(const fg_graph *g, const fg_loops *all) {
    for (int a = 0; a < all->n; a++) {
        for (int b = 0; b < all->n; b++) {
            const fg_loop *outer = &all->loop[a], *inner = &all->loop[b];
            if (a != b && fg_is_inside(outer, inner->next) && !fg_is_inside(outer, inner->enter)) {
                fg_context_set_node(g->ctx, g->nodes[inner->next]);
                fg_raise(g->ctx, FG_UNSUPPORTED, "a loop begins outside the loop that it ends in");
            }
        }
    }
}

fg_loops *fg_find_loops(const fg_graph *g) {
    int count = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        count += fg_is_loop_next(g->nodes[i]);
    }
    if (count == 0) {
        return NULL;
    }
    if (count > MAX_LOOPS) {
        fg_raise(g->ctx, FG_UNSUPPORTED, "more than %d loops have iterations that only a run counts",
                 MAX_LOOPS);
    }
    fg_loops *all = FG_NEW(g->ctx, fg_loops);
    all->loop = FG_ARRAY(g->ctx, count, fg_loop);
    all->maker = FG_ARRAY(g->ctx, g->n_values + 1, int);
    all->abandoned = FG_ARRAY(g->ctx, g->n_nodes + 1, bool);
    bool *behind = FG_ARRAY(g->ctx, g->n_nodes + 1, bool), *before = FG_ARRAY(g->ctx, g->n_nodes + 1, bool);
    for (int i = 0; i < g->n_values; i++) {
        all->maker[i] = -1;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        for (int o = 0; o < g->nodes[i]->n_out; o++) {
            if (g->nodes[i]->out[o] != NULL) {
                all->maker[g->nodes[i]->out[o]->id] = i;
            }
        }
    }
    for (int i = 0; i < g->n_nodes; i++) { /* an inner loop ends before the one around it */
        if (fg_is_loop_next(g->nodes[i])) {
            fg_loop *l = &all->loop[all->n++];
            *l = (fg_loop){.enter = all->maker[g->nodes[i]->in[FG_NEXT_ITERATION]->id], .next = i};
            FG_REQUIRE(g->ctx, "loops", l->enter >= 0 && fg_is_loop_enter(g->nodes[l->enter]));
            find_inside(g, all, l, behind, before);
        }
    }
    check_nesting(g, all);
    return all;
}
