/* --precision: what rounding the weights costs, and the reference for the rest of a verification.
 *
 * Weights are rounded in the rewritten graph, so that graph is run: once with its weights as they were
 * before, which shows that rewriting it has changed nothing else, and once with the rounded ones. */
#include "verify/check.h"

#include <math.h>
#include <string.h>

#include "frontend/interpret.h"
#include "frontend/loops.h"
#include "fusion/rounding.h"

static bool reads_any(const fg_node *n, const bool *affected) {
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && affected[n->in[i]->id]) return true;
    return false;
}

/* Results lie where readers look for them: at the value as read if there is one. */
static fg_tensor *place_of(fg_check *c, const fg_value *v) {
    return v->ref ? &c->rounded[v->ref->id] : &c->made[v->id];
}

static void run_node(fg_check *c, const fg_node *n) {
    fg_tensor *out = FG_ARRAY(c->ctx, n->n_out + 1, fg_tensor);
    fg_context_set_node(c->ctx, n);
    if (!fg_check_evaluate(c, n, out)) {
        fg_remedy(c->ctx, "leave --precision out, or the check (--verify=none)");
        fg_raise(c->ctx, FG_UNSUPPORTED,
                 "--precision: the interpreter cannot run this node with rounded weights");
    }
    for (int i = 0; i < n->n_out; i++) {
        fg_tensor *at = n->out[i] ? place_of(c, n->out[i]) : NULL;
        if (at && !at->data)
            *at = out[i];
        else
            fg_big_free(c->ctx, out[i].data);
    }
}

/* States of a loop are affected by what the iteration before made of them. True if one was not known to be.
 */
static bool carry_back(const fg_node *next, bool *affected) {
    const int states = fg_loop_states(next);
    bool more = false;
    for (int i = 0; i < states; i++) {
        const fg_value *state = next->in[FG_NEXT_STATES + i], *made = next->in[FG_NEXT_STATES + states + i];
        more |= affected[made->id] && !affected[state->id];
        affected[state->id] |= affected[made->id];
    }
    return more;
}

/* By value id, whether it depends on a weight that is rounded. */
static bool *affected_values(const fg_check *c, const fg_rounding *r) {
    const fg_graph *g = c->m->partition->graph;
    bool *affected = FG_ARRAY(c->ctx, g->n_values + 1, bool), again = true;
    for (int i = 0; i < r->n; i++) affected[r->weights[i].value->id] = true;
    while (again) {
        again = false;
        for (int i = 0; i < g->n_nodes; i++) {
            const fg_node *n = g->nodes[i];
            const bool reads = reads_any(n, affected);
            for (int o = 0; o < n->n_out; o++)
                if (n->out[o]) affected[n->out[o]->id] |= reads;
            if (fg_is_loop_next(n)) again |= carry_back(n, affected);
        }
    }
    return affected;
}

/* What a loop makes of rounded weights, only a run of all its iterations tells. */
static void run_all(fg_check *c, const bool *affected) {
    fg_graph *g = c->m->partition->graph;
    fg_run *run = fg_interpret(g, c->inputs, affected, false);
    for (int i = 0; i < g->n_values; i++) {
        const fg_value *v = g->values[i];
        const fg_tensor *t = affected[i] && !v->data ? fg_run_value(run, v) : NULL;
        if (!t) continue;
        const size_t bytes = fg_dtype_bytes(t->dtype, fg_shape_count(&t->shape));
        fg_tensor *at = place_of(c, v);
        *at = (fg_tensor){t->dtype, t->shape, fg_big_alloc(c->ctx, bytes + 1)};
        memcpy(at->data, t->data, bytes);
    }
    fg_run_free(run);
}

static void run_affected(fg_check *c, const bool *affected) {
    fg_graph *g = c->m->partition->graph;
    if (fg_find_loops(g)) {
        run_all(c, affected);
        return;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        fg_progress(c->ctx, "rounded reference", i, g->n_nodes);
        if (reads_any(g->nodes[i], affected)) run_node(c, g->nodes[i]);
    }
    fg_context_set_node(c->ctx, NULL);
}

static void drop_affected(fg_check *c, const bool *affected) {
    const fg_graph *g = c->m->partition->graph;
    for (int i = 0; i < g->n_values; i++) {
        const fg_value *v = g->values[i];
        if (!affected[i] || v->data) continue;
        fg_tensor *at = place_of(c, v);
        fg_big_free(c->ctx, at->data);
        at->data = NULL;
    }
}

static void swap_weights(const fg_rounding *r, const void **rounded, bool full) {
    for (int i = 0; i < r->n; i++) {
        if (full) rounded[i] = r->weights[i].value->data;
        r->weights[i].value->data = full ? r->weights[i].full : rounded[i];
    }
}

/* Outputs that the weights reach, rounded or not, against those of the graph as read. */
static const char *compare(fg_check *c, fg_error *worst) {
    const char *text = NULL;
    *worst = (fg_error){.at = -1, .passed = true};
    for (int i = 0; i < c->read->n_outputs; i++) {
        const fg_value *v = c->read->outputs[i];
        const fg_tensor *want = fg_run_value(c->reference, v), *got = &c->rounded[v->id];
        if (!want || !got->data) continue;
        const fg_error e = fg_compare(want, got, c->verdict->bound);
        if (!e.passed && !text)
            text = fg_check_difference(c, "output", v->name, want, got, &e, c->verdict->bound);
        if (!fg_dtype_get(v->dtype)->is_float) continue;
        worst->max_abs = fmax(worst->max_abs, e.max_abs);
        worst->max_rel = fmax(worst->max_rel, e.max_rel);
        worst->max_ulp = fmax(worst->max_ulp, e.max_ulp);
    }
    return text;
}

void fg_check_rounding(fg_check *c) {
    const fg_rounding *r = c->m->partition->graph->rounding;
    if (!r) return;
    const bool *affected = affected_values(c, r);
    const void **rounded = FG_ARRAY(c->ctx, r->n + 1, const void *);
    c->rounded = FG_ARRAY(c->ctx, c->read->n_values + 1, fg_tensor);
    swap_weights(r, rounded, true);
    run_affected(c, affected);
    swap_weights(r, rounded, false);
    const char *wrong = compare(c, &c->verdict->rounding);
    if (wrong && c->n_undecided == 0)
        fg_check_fail(c, fg_format(c->ctx, "rewriting the graph changes its results: %s", wrong));
    drop_affected(c, affected);
    run_affected(c, affected);
    (void)compare(c, &c->verdict->rounding);
    c->verdict->rounded = true;
}
