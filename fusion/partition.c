/* Groups the nodes of a graph into kernels: matching in a depth-first topological order, then ordering the
 * kernels. */
#include <string.h>

#include "frontend/frontend.h"
#include "fusion/patterns.h"
#include "fusion/rewrite.h"
#include "fusion/stream.h"

/* ---- the order that matching works by ---- */

/* What is ready waits on three stacks; the first that holds something is taken from. */
enum {
    URGENT, /* moves elements: views for the operators behind it */
    PLAIN,
    PATIENT, /* multiplies two computed matrices: attention wants its third operand made before */
    N_STACKS
};

static int urgency(const fg_node *n) {
    if (n->op != NULL && n->op->lowering != NULL && strcmp(n->op->lowering, "copy") == 0) {
        return URGENT;
    }
    bool computed = fg_is_op(n, "MatMul") && n->in[0]->data == NULL && n->in[1]->data == NULL;
    return computed ? PATIENT : PLAIN;
}

typedef struct ready {
    fg_node **at[N_STACKS];
    int n[N_STACKS];
} ready;

static void push(ready *r, fg_node *n) {
    const int u = urgency(n);
    r->at[u][r->n[u]++] = n;
}

static fg_node *pop(ready *r) {
    for (int u = 0; u < N_STACKS; u++) {
        if (r->n[u] > 0) {
            return r->at[u][--r->n[u]];
        }
    }
    return NULL;
}

/* Kahn's order with stacks: after a node come, where possible, the nodes that read it. Chains then stand
 * together, and an operand of a join that comes from elsewhere stands before the branch that is finished
 * last. */
static void order_nodes(fg_grouping *gr) {
    fg_graph *g = gr->g;
    int *waits = fg_big_alloc(gr->ctx, (size_t)g->n_values * sizeof *waits + 1);
    ready r = {.n = {0}};
    int n = 0;
    for (int u = 0; u < N_STACKS; u++) {
        r.at[u] = fg_big_alloc(gr->ctx, (size_t)g->n_nodes * sizeof(fg_node *) + 1);
    }
    for (int i = 0; i < g->n_values; i++) {
        const fg_value *v = g->values[i];
        for (int k = 0; v->producer != NULL && k < v->n_users; k++) {
            waits[fg_node_key(v->users[k])]++;
        }
    }
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        if (waits[fg_node_key(g->nodes[i])] == 0) {
            push(&r, g->nodes[i]);
        }
    }
    for (fg_node *node = pop(&r); node != NULL; node = pop(&r)) {
        gr->position[fg_node_key(node)] = n;
        gr->order[n++] = node;
        for (int o = node->n_out - 1; o >= 0; o--) {
            for (int k = node->out[o] != NULL ? node->out[o]->n_users - 1 : -1; k >= 0; k--) {
                fg_node *user = node->out[o]->users[k];
                if (--waits[fg_node_key(user)] == 0) {
                    push(&r, user);
                }
            }
        }
    }
    FG_REQUIRE(gr->ctx, "partition", n == g->n_nodes);
    fg_big_free(gr->ctx, waits);
    for (int u = 0; u < N_STACKS; u++) {
        fg_big_free(gr->ctx, r.at[u]);
    }
}

static fg_grouping *grouping_new(fg_graph *g) {
    fg_grouping *gr = FG_NEW(g->ctx, fg_grouping);
    int n = g->n_values > 0 ? g->n_values : 1;
    gr->ctx = g->ctx;
    gr->g = g;
    gr->position = FG_ARRAY(g->ctx, n, int);
    gr->owner = FG_ARRAY(g->ctx, n, fg_kernel *);
    gr->mark = FG_ARRAY(g->ctx, n, int);
    gr->left = FG_ARRAY(g->ctx, n, int);
    gr->order = FG_ARRAY(g->ctx, g->n_nodes > 0 ? g->n_nodes : 1, fg_node *);
    for (int i = 0; i < g->n_nodes; i++) {
        FG_REQUIRE(g->ctx, "partition", fg_node_key(g->nodes[i]) >= 0);
    }
    order_nodes(gr);
    return gr;
}

/* ---- what a kernel reads and writes ---- */

typedef void capture_fn(void *user, fg_value *v);

/* Values of g that the bodies of control flow read. Recursion is as deep as the scanner lets attributes nest.
 */
static void each_capture(const fg_graph *g, const fg_graph *body, capture_fn *fn, void *user) {
    for (int i = 0; i < body->n_nodes; i++) {
        const fg_node *n = body->nodes[i];
        for (int j = 0; j < n->n_in; j++) {
            if (n->in[j] != NULL && fg_graph_owns(g, n->in[j])) {
                fn(user, n->in[j]);
            }
        }
        for (int a = 0; a < n->n_attr; a++) {
            if (n->attr[a].graph != NULL) {
                each_capture(g, n->attr[a].graph, fn, user);
            }
        }
    }
    for (int i = 0; i < body->n_outputs; i++) {
        if (fg_graph_owns(g, body->outputs[i])) {
            fn(user, body->outputs[i]);
        }
    }
}

/* Collects the distinct values that a kernel reads from outside. */
typedef struct reader {
    fg_grouping *gr;
    fg_kernel *k;
    fg_value **list;
    int n, cap;
} reader;

static void read_value(void *user, fg_value *v) {
    reader *r = user;
    if (r->gr->mark[v->id] == r->gr->serial) {
        return;
    }
    r->gr->mark[v->id] = r->gr->serial;
    if (v->data == NULL && v->producer != NULL && r->gr->owner[fg_node_key(v->producer)] == r->k) {
        return;
    }
    if (r->n == r->cap) {
        r->cap = r->cap > 0 ? 2 * r->cap : 8;
        fg_value **grown = FG_ARRAY(r->gr->ctx, r->cap, fg_value *);
        if (r->n > 0) {
            memcpy(grown, r->list, (size_t)r->n * sizeof *grown);
        }
        r->list = grown;
    }
    r->list[r->n++] = v;
}

static void find_inputs(fg_grouping *gr, fg_kernel *k) {
    reader r = {.gr = gr, .k = k};
    gr->serial++;
    for (int i = 0; i < k->n_nodes; i++) {
        const fg_node *n = k->nodes[i];
        for (int j = 0; j < n->n_in; j++) {
            if (n->in[j] != NULL) {
                read_value(&r, n->in[j]);
            }
        }
        for (int a = 0; a < n->n_attr; a++) {
            if (n->attr[a].graph != NULL) {
                each_capture(gr->g, n->attr[a].graph, read_value, &r);
            }
        }
    }
    k->in = r.list;
    k->n_in = r.n;
}

static bool is_read_outside(const fg_grouping *gr, const fg_kernel *k, const fg_value *v) {
    for (int i = 0; i < v->n_users; i++) {
        if (gr->owner[fg_node_key(v->users[i])] != k) {
            return true;
        }
    }
    return v->is_output;
}

static void find_outputs(fg_grouping *gr, fg_kernel *k) {
    int most = 0;
    for (int i = 0; i < k->n_nodes; i++) {
        most += k->nodes[i]->n_out;
    }
    k->out = FG_ARRAY(gr->ctx, most > 0 ? most : 1, fg_value *);
    for (int i = 0; i < k->n_nodes; i++) {
        for (int j = 0; j < k->nodes[i]->n_out; j++) {
            fg_value *v = k->nodes[i]->out[j];
            if (v != NULL && is_read_outside(gr, k, v)) {
                k->out[k->n_out++] = v;
            }
        }
    }
}

/* ---- why fusion stopped ---- */

static bool has_other_operand(const fg_node *n, const fg_value *v) {
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] != NULL && n->in[i] != v && n->in[i]->data == NULL) {
            return true;
        }
    }
    return false;
}

static fg_boundary boundary_of(const fg_grouping *gr, const fg_kernel *k) {
    const fg_node *user = NULL;
    if (k->n_out == 0) {
        return FG_BOUNDARY_OUTPUT;
    }
    const fg_value *v = k->out[0]; /* a tap's result comes behind */
    if (v->is_output) {
        return FG_BOUNDARY_OUTPUT;
    }
    for (int i = 0; i < v->n_users; i++) {
        if (gr->owner[fg_node_key(v->users[i])] == k || v->users[i] == user) {
            continue;
        }
        if (user != NULL) {
            return FG_BOUNDARY_FORK;
        }
        user = v->users[i];
    }
    if (user == NULL) {
        return FG_BOUNDARY_OUTPUT;
    }
    if (k->stage[k->n_stages - 1].n_epilogue >= FG_MAX_CHAIN) {
        return FG_BOUNDARY_BUDGET;
    }
    if (has_other_operand(user, v)) {
        return FG_BOUNDARY_JOIN;
    }
    bool moves = user->op != NULL && user->op->lowering != NULL && strcmp(user->op->lowering, "copy") == 0;
    if (moves || fg_is_view(user) || !fg_is_float32(v)) {
        return FG_BOUNDARY_SHAPE;
    }
    return FG_BOUNDARY_PATTERN;
}

/* ---- one kernel per node ---- */

static fg_kernel *single_kernel(fg_grouping *gr, fg_node *n) {
    fg_kernel *k = fg_kernel_new(gr->ctx, 1);
    k->pattern = &fg_pattern_single;
    k->nodes = FG_NEW(gr->ctx, fg_node *);
    k->nodes[0] = n;
    k->n_nodes = 1;
    k->lowering = n->op != NULL ? n->op->lowering : NULL;
    if (fg_is_elementwise(n)) {
        k->stage[0].epilogue = k->nodes;
        k->stage[0].n_epilogue = 1;
        return k;
    }
    k->stage[0].anchor = n;
    if (fg_is_op(n, "Conv")) {
        k->lowering = "conv_general"; /* computed weights, other types or more dimensions */
    }
    if (fg_is_depthwise_conv(n)) {
        k->lowering = "depthwise";
    }
    if (fg_is_dense_conv(n) || fg_is_gemm(n)) {
        k->lowering = "conv";
    }
    return k;
}

static fg_kernel *find_kernel(fg_grouping *gr, fg_node *n, bool fuse) {
    for (int i = 0; fuse && i < fg_patterns_count; i++) {
        fg_kernel *k = fg_match_pattern(gr, &fg_patterns[i], n);
        if (k != NULL) {
            return k;
        }
    }
    return single_kernel(gr, n);
}

/* ---- the order of kernels ---- */

/* A heap of kernels by the place of their last node in the graph as read, so that the file reads like the
 * model. */
typedef struct heap {
    fg_kernel **at;
    const int *rank; /* by kernel index */
    int n;
} heap;

static bool heap_before(const heap *h, int a, int b) {
    int x = h->at[a]->index, y = h->at[b]->index;
    return h->rank[x] != h->rank[y] ? h->rank[x] < h->rank[y] : x < y;
}

static void heap_swap(heap *h, int a, int b) {
    fg_kernel *k = h->at[a];
    h->at[a] = h->at[b];
    h->at[b] = k;
}

static void heap_push(heap *h, fg_kernel *k) {
    int i = h->n++;
    h->at[i] = k;
    for (; i > 0 && heap_before(h, i, (i - 1) / 2); i = (i - 1) / 2) {
        heap_swap(h, i, (i - 1) / 2);
    }
}

static fg_kernel *heap_pop(heap *h) {
    fg_kernel *top = h->at[0];
    h->at[0] = h->at[--h->n];
    for (int i = 0;;) {
        int least = i;
        for (int c = 2 * i + 1; c <= 2 * i + 2 && c < h->n; c++) {
            if (heap_before(h, c, least)) {
                least = c;
            }
        }
        if (least == i) {
            return top;
        }
        heap_swap(h, i, least);
        i = least;
    }
}

static int last_place(const fg_kernel *k) {
    int last = 0;
    for (int i = 0; i < k->n_nodes; i++) {
        last = k->nodes[i]->index > last ? k->nodes[i]->index : last;
    }
    return last;
}

/* Users of v in other kernels, one entry per kernel input: what order_kernels counts down. */
static void release_users(const fg_grouping *gr, const fg_value *v, int *waits, heap *h) {
    for (int i = 0; i < v->n_users; i++) {
        fg_kernel *user = gr->owner[fg_node_key(v->users[i])];
        if (user != gr->owner[fg_node_key(v->producer)] && --waits[user->index] == 0) {
            heap_push(h, user);
        }
    }
}

static void order_kernels(fg_grouping *gr, fg_partition *p) {
    int n = p->n_kernels, placed = 0;
    int *scratch = fg_big_alloc(gr->ctx, (size_t)n * 2 * sizeof *scratch + 1);
    int *waits = scratch, *rank = scratch + n;
    heap h = {.at = fg_big_alloc(gr->ctx, (size_t)n * sizeof(fg_kernel *) + 1), .rank = rank};
    for (int i = 0; i < n; i++) {
        const fg_kernel *k = p->kernels[i];
        rank[i] = last_place(k);
        for (int o = 0; o < k->n_out; o++) {
            for (int u = 0; u < k->out[o]->n_users; u++) {
                const fg_kernel *user = gr->owner[fg_node_key(k->out[o]->users[u])];
                if (user != k) {
                    waits[user->index]++;
                }
            }
        }
    }
    for (int i = 0; i < n; i++) {
        if (waits[i] == 0) {
            heap_push(&h, p->kernels[i]);
        }
    }
    fg_kernel **order = FG_ARRAY(gr->ctx, n > 0 ? n : 1, fg_kernel *);
    while (h.n > 0) {
        fg_kernel *k = heap_pop(&h);
        order[placed++] = k;
        for (int o = 0; o < k->n_out; o++) {
            release_users(gr, k->out[o], waits, &h);
        }
    }
    FG_REQUIRE(gr->ctx, "partition", placed == n);
    for (int i = 0; i < n; i++) {
        order[i]->index = i;
    }
    p->kernels = order;
    fg_big_free(gr->ctx, h.at);
    fg_big_free(gr->ctx, scratch);
}

static void form_kernels(fg_grouping *gr, fg_partition *p, bool fuse) {
    p->kernels = FG_ARRAY(gr->ctx, gr->g->n_nodes > 0 ? gr->g->n_nodes : 1, fg_kernel *);
    for (int i = 0; i < gr->g->n_nodes; i++) {
        fg_node *n = gr->order[i];
        if (gr->owner[fg_node_key(n)] != NULL) {
            continue;
        }
        fg_kernel *k = find_kernel(gr, n, fuse);
        for (int j = 0; j < k->n_nodes; j++) {
            gr->owner[fg_node_key(k->nodes[j])] = k;
            k->macs += fg_node_macs(k->nodes[j]);
        }
        k->index = p->n_kernels;
        p->kernels[p->n_kernels++] = k;
    }
}

/* ---- streams ---- */

/* Kernels from .. to as one. */
static fg_kernel *join_kernels(fg_grouping *gr, const fg_partition *p, int from, int to) {
    int n_stages = 0, n_nodes = 0;
    for (int i = from; i <= to; i++) {
        n_stages += p->kernels[i]->n_stages;
        n_nodes += p->kernels[i]->n_nodes;
    }
    fg_kernel *k = fg_kernel_new(gr->ctx, n_stages);
    k->pattern = &fg_pattern_stream;
    k->lowering = k->pattern->lowering;
    k->nodes = FG_ARRAY(gr->ctx, n_nodes, fg_node *);
    k->tap = p->kernels[to]->tap;
    k->part = FG_ARRAY(gr->ctx, to + 1 - from, fg_kernel *);
    n_stages = 0;
    for (int i = from; i <= to; i++) {
        fg_kernel *part = p->kernels[i];
        k->part[k->n_parts++] = part;
        memcpy(k->stage + n_stages, part->stage, (size_t)part->n_stages * sizeof *k->stage);
        memcpy(k->nodes + k->n_nodes, part->nodes, (size_t)part->n_nodes * sizeof *k->nodes);
        n_stages += part->n_stages;
        k->n_nodes += part->n_nodes;
        k->macs += part->macs;
    }
    for (int i = 0; i < k->n_nodes; i++) {
        gr->owner[fg_node_key(k->nodes[i])] = k;
    }
    return k;
}

/* Where memory counts more than speed. */
static void form_streams(fg_grouping *gr, fg_partition *p) {
    int *from = FG_ARRAY(gr->ctx, p->n_kernels + 1, int), *again = FG_ARRAY(gr->ctx, p->n_kernels + 1, int),
        n = 0;
    bool *stream = FG_ARRAY(gr->ctx, p->n_kernels + 1, bool);
    if (p->n_kernels == 0 || !fg_stream_choose(p, from, stream, again)) {
        return;
    }
    fg_kernel **groups = FG_ARRAY(gr->ctx, p->n_kernels, fg_kernel *);
    for (int i = p->n_kernels - 1; i >= 0; i = from[i] - 1) {
        groups[n] = stream[i] ? join_kernels(gr, p, from[i], i) : p->kernels[i];
        groups[n++]->again = again[i];
    }
    p->n_kernels = n;
    for (int i = 0; i < n; i++) {
        p->kernels[i] = groups[n - 1 - i];
        p->kernels[i]->index = i;
        if (p->kernels[i]->pattern == &fg_pattern_stream) {
            find_inputs(gr, p->kernels[i]);
            find_outputs(gr, p->kernels[i]);
        }
    }
    for (int i = 0; i < n; i++) {
        p->kernels[i]->boundary = boundary_of(gr, p->kernels[i]);
    }
}

fg_partition *fg_partition_graph(fg_graph *g, const fg_fusion_options *options) {
    fg_grouping *gr = grouping_new(g);
    fg_partition *p = FG_NEW(g->ctx, fg_partition);
    p->graph = g;
    form_kernels(gr, p, options->fuse);
    for (int i = 0; i < p->n_kernels; i++) {
        fg_kernel *k = p->kernels[i];
        find_inputs(gr, k);
        find_outputs(gr, k);
        k->boundary = options->fuse ? boundary_of(gr, k) : FG_BOUNDARY_OFF;
    }
    order_kernels(gr, p);
    if (options->fuse && options->optimize == FG_OPTIMIZE_RAM) {
        form_streams(gr, p);
    }
    fg_order_loops(p);
    fg_names *names = fg_names_new(g->ctx, p->n_kernels);
    for (int i = 0; i < p->n_kernels; i++) {
        p->kernels[i]->name = fg_kernel_name(names, p->kernels[i]);
    }
    return p;
}
