/* Kernels of a loop's body stand together, between those that begin and end an iteration. */
#include "frontend/loops.h"

#include "fusion/patterns.h"

typedef struct owners {
    fg_context *ctx;
    const fg_loops *loops;
    fg_kernel **of; /* by position of a node */
} owners;

static owners find_owners(const fg_partition *p, const fg_loops *loops) {
    owners o = {p->graph->ctx, loops, FG_ARRAY(p->graph->ctx, p->graph->n_nodes + 1, fg_kernel *)};
    for (int i = 0; i < p->n_kernels; i++) {
        for (int j = 0; j < p->kernels[i]->n_nodes; j++) {
            o.of[loops->maker[fg_node_key(p->kernels[i]->nodes[j])]] = p->kernels[i];
        }
    }
    return o;
}

static bool is_inside(const owners *o, const fg_loop *l, const fg_kernel *k) {
    for (int j = 0; j < k->n_nodes; j++) {
        if (fg_is_inside(l, o->loops->maker[fg_node_key(k->nodes[j])])) {
            return true;
        }
    }
    return false;
}

/* A kernel inside may hold nodes from outside too, as long as nobody outside reads what they make: it need
 * not run at all. */
static void check_readers(const owners *o, const fg_loop *l, const fg_kernel *k) {
    for (int i = 0; i < k->n_out; i++) {
        const fg_value *v = k->out[i];
        bool kept = !v->is_output;
        for (int u = 0; kept && u < v->n_users; u++) {
            const fg_kernel *user = o->of[o->loops->maker[fg_node_key(v->users[u])]];
            kept = user == o->of[l->next] || is_inside(o, l, user);
        }
        if (!kept) {
            fg_context_set_node(o->ctx, k->nodes[0]);
            fg_remedy(o->ctx, "--no-fuse");
            fg_raise(o->ctx, FG_UNSUPPORTED,
                     "is fused with what stands inside a loop that only a run counts");
        }
    }
}

/* What stands between the loop's begin and its end and is not inside goes before it. */
static void gather(const owners *o, fg_partition *p, const fg_loop *l) {
    const int first = o->of[l->enter]->index, last = o->of[l->next]->index;
    fg_kernel **order = FG_ARRAY(o->ctx, last - first + 1, fg_kernel *);
    int n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = first; i <= last; i++) {
            fg_kernel *k = p->kernels[i];
            const bool own = i == first || i == last || is_inside(o, l, k);
            if (own == (pass == 1)) {
                order[n++] = k;
            }
            if (own && pass == 1 && i > first && i < last) {
                check_readers(o, l, k);
            }
        }
    }
    for (int i = 0; i < n; i++) {
        p->kernels[first + i] = order[i];
        order[i]->index = first + i;
    }
}

void fg_order_loops(fg_partition *p) {
    const fg_loops *loops = fg_find_loops(p->graph);
    if (loops == NULL) {
        return;
    }
    const owners o = find_owners(p, loops);
    for (int i = 0; i < loops->n; i++) {
        gather(&o, p, &loops->loop[i]);
    }
}
