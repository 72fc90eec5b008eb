/* Building, ordering, rewriting and copying graphs. */
#include "frontend/graph.h"

#include <string.h>

#include "frontend/names.h"

struct fg_graph_own {
    fg_names names; /* of all values; `number` is where the search for "name_N" goes on, so that clashes stay
                       cheap */
    fg_node **uses; /* all users[] lists lie here, one behind the other */
    size_t cap_uses;
    fg_graph *spliced_into; /* of a graph inside an attribute: where its initializers are, by value id */
    fg_value **spliced_consts;
};

static const char *unique_name(fg_graph *g, const char *name) {
    if (!fg_names_get(&g->own->names, name)) return fg_strdup(g->ctx, name);
    fg_name *taken = fg_names_at(&g->own->names, name);
    for (;;) {
        taken->number = taken->number < 2 ? 2 : taken->number + 1;
        const char *candidate = fg_format(g->ctx, "%s_%d", name, taken->number);
        if (!fg_names_get(&g->own->names, candidate)) return candidate;
    }
}

fg_value *fg_graph_find(const fg_graph *g, const char *name) {
    return fg_names_get(&g->own->names, name);
}

/* ---- building ---- */

fg_graph *fg_graph_new(fg_context *ctx, const char *name) {
    fg_graph *g = FG_NEW(ctx, fg_graph);
    g->ctx = ctx;
    g->name = fg_strdup(ctx, name ? name : "");
    g->own = FG_NEW(ctx, struct fg_graph_own);
    g->own->names.ctx = ctx;
    return g;
}

/* Doubles a list of pointers when it is full. */
static void *grow_list(fg_context *ctx, void *list, int n, int *cap) {
    if (n < *cap) return list;
    if (n > INT32_MAX / 2) fg_raise(ctx, FG_UNSUPPORTED, "the graph is too large");
    int wider = *cap ? *cap * 2 : 32;
    void **copy = FG_ARRAY(ctx, wider, void *);
    if (n) memcpy(copy, list, (size_t)n * sizeof *copy);
    *cap = wider;
    return copy;
}

fg_value *fg_graph_value(fg_graph *g, const char *name) {
    fg_value *v = FG_NEW(g->ctx, fg_value);
    g->values = grow_list(g->ctx, g->values, g->n_values, &g->cap_values);
    v->name = unique_name(g, name && *name ? name : "v");
    v->id = g->n_values;
    g->values[g->n_values++] = v;
    fg_names_at(&g->own->names, v->name)->value = v;
    return v;
}

fg_value *fg_graph_const(fg_graph *g, const char *name, fg_dtype t, const fg_shape *s, const void *data) {
    fg_value *v = fg_graph_value(g, name);
    v->dtype = t;
    v->shape = *s;
    v->shape_known = true;
    v->data = data;
    return v;
}

static fg_value **copy_values(fg_context *ctx, int n, fg_value *const *list) {
    fg_value **copy = FG_ARRAY(ctx, n, fg_value *);
    if (n) memcpy(copy, list, (size_t)n * sizeof *copy);
    return copy;
}

fg_node *fg_graph_node(fg_graph *g, const char *op_type, int n_in, fg_value **in, int n_out, fg_value **out) {
    fg_node *n = FG_NEW(g->ctx, fg_node);
    while (n_in && !in[n_in - 1]) n_in--;
    while (n_out && !out[n_out - 1]) n_out--;
    n->ctx = g->ctx;
    n->name = n->domain = "";
    n->op_type = fg_strdup(g->ctx, op_type);
    n->in = copy_values(g->ctx, n_in, in);
    n->n_in = n_in;
    n->out = copy_values(g->ctx, n_out, out);
    n->n_out = n_out;
    n->index = g->n_nodes;
    for (int i = 0; i < n_out; i++)
        if (out[i]) out[i]->producer = n;
    g->nodes = grow_list(g->ctx, g->nodes, g->n_nodes, &g->cap_nodes);
    g->nodes[g->n_nodes++] = n;
    return n;
}

bool fg_graph_owns(const fg_graph *g, const fg_value *v) {
    return v->id >= 0 && v->id < g->n_values && g->values[v->id] == v;
}

const char *fg_node_label(const fg_node *n) {
    if (*n->name) return n->name;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i]) return n->out[i]->name;
    return n->op_type;
}

/* ---- uses ---- */

void fg_node_each_use(const fg_graph *g, fg_node *n, fg_use_fn *fn, void *user) {
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && fg_graph_owns(g, n->in[i])) fn(user, &n->in[i]);
    for (int a = 0; a < n->n_attr; a++) {
        fg_graph *inner = n->attr[a].graph;
        if (!inner) continue;
        for (int i = 0; i < inner->n_nodes; i++) fg_node_each_use(g, inner->nodes[i], fn, user);
        for (int i = 0; i < inner->n_outputs; i++)
            if (fg_graph_owns(g, inner->outputs[i])) fn(user, &inner->outputs[i]);
    }
}

static void count_use(void *user, fg_value **place) {
    (void)user;
    (*place)->n_users++;
}

/* Second pass: set_users has reserved the room. */
static void fill_use(void *user, fg_value **place) {
    (*place)->users[(*place)->n_users++] = user;
}

static void set_producers(fg_graph *g) {
    for (int i = 0; i < g->n_values; i++) {
        g->values[i]->producer = NULL;
        g->values[i]->users = NULL;
        g->values[i]->n_users = 0;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        fg_node *n = g->nodes[i];
        for (int o = 0; o < n->n_out; o++) {
            if (!n->out[o]) continue;
            fg_context_set_node(g->ctx, n);
            if (n->out[o]->producer)
                fg_raise(g->ctx, FG_BAD_MODEL, "'%s' is produced twice, first by node '%s'", n->out[o]->name,
                         fg_node_label(n->out[o]->producer));
            n->out[o]->producer = n;
        }
    }
    fg_context_set_node(g->ctx, NULL);
}

static void set_users(fg_graph *g) {
    struct fg_graph_own *own = g->own;
    size_t total = 0;
    for (int i = 0; i < g->n_nodes; i++) fg_node_each_use(g, g->nodes[i], count_use, NULL);
    for (int i = 0; i < g->n_values; i++) total += (size_t)g->values[i]->n_users;
    if (total > own->cap_uses) {
        own->cap_uses = total * 2;
        own->uses = FG_ARRAY(g->ctx, own->cap_uses, fg_node *);
    }
    fg_node **next = own->uses;
    for (int i = 0; i < g->n_values; i++) {
        g->values[i]->users = next;
        if (next) next += g->values[i]->n_users;
        g->values[i]->n_users = 0;
    }
    for (int i = 0; i < g->n_nodes; i++) fg_node_each_use(g, g->nodes[i], fill_use, g->nodes[i]);
}

/* ---- order ---- */

static bool has_source(const fg_value *v) {
    return v->producer || v->is_input || v->data;
}

/* The nodes that each node waits for, as ranges of one flat list; walked without recursion. */
typedef struct sorter {
    fg_graph *g;
    int *start; /* of node i's list, n_nodes + 1 of them */
    int *waits, n_waits;
    fg_node **order;
    int n_order;
    char *state; /* 0 not seen, 1 on the way, 2 done */
} sorter;

static void count_wait(void *user, fg_value **place) {
    sorter *s = user;
    if (!has_source(*place))
        fg_raise(s->g->ctx, FG_BAD_MODEL, "the node reads '%s', which nothing produces", (*place)->name);
    if ((*place)->producer) s->n_waits++;
}

static void fill_wait(void *user, fg_value **place) {
    sorter *s = user;
    if ((*place)->producer) s->waits[s->n_waits++] = (*place)->producer->index;
}

static void visit(sorter *s, int *stack, int *position, int root) {
    int depth = 0;
    stack[0] = root;
    position[0] = s->start[root];
    s->state[root] = 1;
    while (depth >= 0) {
        int n = stack[depth];
        if (position[depth] == s->start[n + 1]) {
            s->state[n] = 2;
            s->order[s->n_order++] = s->g->nodes[n];
            depth--;
            continue;
        }
        int w = s->waits[position[depth]++];
        if (s->state[w] == 1) {
            fg_context_set_node(s->g->ctx, s->g->nodes[w]);
            fg_raise(s->g->ctx, FG_BAD_MODEL, "the node depends on its own output (a cycle)");
        }
        if (s->state[w]) continue;
        depth++;
        stack[depth] = w;
        position[depth] = s->start[w];
        s->state[w] = 1;
    }
}

/* Depth first in the present order: a list that is sorted already stays as it is. Scratch is big memory,
 * given back, since passes call this often. node->index serves as the position meanwhile and is restored. */
static void sort_nodes(fg_graph *g) {
    int n = g->n_nodes;
    size_t ints = (size_t)n * 4 + 2;
    int *scratch = fg_big_alloc(g->ctx, ints * sizeof(int) + (size_t)n * (sizeof(fg_node *) + 1));
    int *stack = scratch, *position = scratch + n, *index = scratch + 2 * n;
    sorter s = {.g = g, .start = scratch + 3 * n};
    s.order = (fg_node **)(void *)(scratch + ints);
    s.state = (char *)(s.order + n);
    for (int i = 0; i < n; i++) {
        fg_context_set_node(g->ctx, g->nodes[i]);
        fg_node_each_use(g, g->nodes[i], count_wait, &s);
    }
    fg_context_set_node(g->ctx, NULL);
    for (int i = 0; i < n; i++) {
        index[i] = g->nodes[i]->index;
        g->nodes[i]->index = i;
    }
    s.waits = fg_big_alloc(g->ctx, (size_t)s.n_waits * sizeof(int));
    s.n_waits = 0;
    for (int i = 0; i < n; i++) {
        s.start[i] = s.n_waits;
        fg_node_each_use(g, g->nodes[i], fill_wait, &s);
    }
    s.start[n] = s.n_waits;
    for (int i = 0; i < n; i++)
        if (!s.state[i]) visit(&s, stack, position, i);
    for (int i = 0; i < n; i++) g->nodes[i]->index = index[i];
    if (n) memcpy(g->nodes, s.order, (size_t)n * sizeof(fg_node *));
    fg_big_free(g->ctx, s.waits);
    fg_big_free(g->ctx, scratch);
}

void fg_graph_link(fg_graph *g) {
    set_producers(g);
    sort_nodes(g);
    set_users(g);
    for (int i = 0; i < g->n_outputs; i++)
        if (fg_graph_owns(g, g->outputs[i]) && !has_source(g->outputs[i]))
            fg_raise(g->ctx, FG_BAD_MODEL, "nothing produces the graph's output '%s'", g->outputs[i]->name);
}

/* ---- rewriting ---- */

typedef struct replacement {
    fg_value *old, *with;
    int count;
} replacement;

static void replace_use(void *user, fg_value **place) {
    replacement *r = user;
    if (*place != r->old) return;
    *place = r->with;
    r->count++;
}

void fg_graph_replace(fg_graph *g, fg_value *old, fg_value *with) {
    replacement r = {.old = old, .with = with};
    if (old == with) return;
    fg_node **more =
        with->users; /* lies in the shared room: grow_list copies before anything is written behind it */
    int n = with->n_users, cap = with->n_users;
    for (int i = 0; i < g->n_nodes; i++) {
        r.count = 0;
        fg_node_each_use(g, g->nodes[i], replace_use, &r);
        for (int k = 0; k < r.count; k++) {
            more = grow_list(g->ctx, more, n, &cap);
            more[n++] = g->nodes[i];
        }
    }
    with->users = more;
    with->n_users = n;
    old->users = NULL;
    old->n_users = 0;
    for (int i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == old) {
            g->outputs[i] = with;
            with->is_output = true;
            old->is_output = false;
        }
}

typedef struct marker {
    fg_value **queue;
    int n;
    bool *marked;
} marker;

static void mark_use(void *user, fg_value **place) {
    marker *m = user;
    if (m->marked[(*place)->id]) return;
    m->marked[(*place)->id] = true;
    m->queue[m->n++] = *place;
}

void fg_graph_prune(fg_graph *g) {
    size_t values = (size_t)g->n_values;
    set_producers(g);
    marker m = {.queue = fg_big_alloc(g->ctx, values * (sizeof(fg_value *) + 1))};
    m.marked = (bool *)(m.queue + values);
    for (int i = 0; i < g->n_outputs; i++)
        if (fg_graph_owns(g, g->outputs[i])) mark_use(&m, &g->outputs[i]);
    for (int done = 0; done < m.n; done++)
        if (m.queue[done]->producer) fg_node_each_use(g, m.queue[done]->producer, mark_use, &m);
    int kept = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        bool wanted = false;
        for (int o = 0; o < g->nodes[i]->n_out; o++)
            wanted |= g->nodes[i]->out[o] && m.marked[g->nodes[i]->out[o]->id];
        if (wanted) g->nodes[kept++] = g->nodes[i];
    }
    g->n_nodes = kept;
    fg_big_free(g->ctx, m.queue);
    fg_graph_link(g);
}

/* ---- copies ---- */

/* Which copy a value has: graphs inside attributes read values of the graphs around them. */
typedef struct scope {
    const struct scope *outer;
    const fg_graph *from;
    fg_graph *to;
    fg_value **map; /* by id of the values of `from` */
    bool exact;     /* what the original stands for, the copy does, too; else it stands for the original */
} scope;

static fg_value *copy_of(const scope *s, fg_value *v) {
    for (; v && s; s = s->outer)
        if (fg_graph_owns(s->from, v)) return s->map[v->id];
    return v;
}

static fg_value **copy_refs(const scope *s, int n, fg_value *const *list) {
    fg_value **copy = FG_ARRAY(s->to->ctx, n, fg_value *);
    for (int i = 0; i < n; i++) copy[i] = copy_of(s, list[i]);
    return copy;
}

static fg_graph *clone_graph(const fg_graph *g, const scope *outer, bool exact);

static fg_node *clone_node(const scope *s, fg_node *n) {
    fg_context *ctx = s->to->ctx;
    fg_node *copy = FG_NEW(ctx, fg_node);
    *copy = *n;
    copy->ctx = ctx;
    copy->in = copy_refs(s, n->n_in, n->in);
    copy->out = copy_refs(s, n->n_out, n->out);
    copy->attr = FG_ARRAY(ctx, n->n_attr, fg_attr);
    for (int a = 0; a < n->n_attr; a++) {
        copy->attr[a] = n->attr[a];
        if (n->attr[a].graph) copy->attr[a].graph = clone_graph(n->attr[a].graph, s, s->exact);
    }
    if (s->exact) return copy;
    copy->covers = FG_NEW(ctx, fg_node *);
    copy->covers[0] = n;
    copy->n_covers = 1;
    return copy;
}

/* Recursion is as deep as attributes nest graphs, which the scanner of model files bounds. */
static fg_graph *clone_graph(const fg_graph *g, const scope *outer, bool exact) {
    fg_graph *to = fg_graph_new(g->ctx, g->name);
    struct fg_graph_own *own = to->own;
    *to = *g;
    to->own = own;
    to->nodes = NULL;
    to->values = NULL;
    to->n_nodes = to->cap_nodes = to->n_values = to->cap_values = 0;
    to->cap_symbols = to->n_symbols; /* shared as they are; another one goes into a list of the copy's own */
    for (int i = 0; i < g->n_values; i++) {
        fg_value *v = fg_graph_value(to, g->values[i]->name);
        const char *name = v->name;
        *v = *g->values[i];
        v->name = name;
        if (!exact) v->ref = g->values[i];
        v->producer = NULL;
        v->users = NULL;
        v->n_users = 0;
    }
    scope s = {outer, g, to, to->values, exact};
    to->inputs = copy_refs(&s, g->n_inputs, g->inputs);
    to->outputs = copy_refs(&s, g->n_outputs, g->outputs);
    for (int i = 0; i < g->n_nodes; i++) {
        to->nodes = grow_list(g->ctx, to->nodes, to->n_nodes, &to->cap_nodes);
        to->nodes[to->n_nodes++] = clone_node(&s, g->nodes[i]);
    }
    fg_graph_link(to);
    return to;
}

/* The value of g that stands for value i of the body, other than its inputs. */
static fg_value *spliced_value(fg_graph *g, const fg_graph *body, int i) {
    const fg_value *v = body->values[i];
    struct fg_graph_own *own = body->own;
    if (!v->data) {
        fg_value *fresh = fg_graph_value(g, v->name);
        fresh->is_sequence = v->is_sequence;
        fresh->is_optional = v->is_optional;
        return fresh;
    }
    if (own->spliced_into != g) {
        own->spliced_into = g;
        own->spliced_consts = FG_ARRAY(g->ctx, body->n_values, fg_value *);
    }
    if (!own->spliced_consts[i]) {
        own->spliced_consts[i] = fg_graph_const(g, v->name, v->dtype, &v->shape, v->data);
        own->spliced_consts[i]->synthetic = v->synthetic;
    }
    return own->spliced_consts[i];
}

void fg_graph_splice(fg_graph *g, const fg_graph *body, fg_value *const *args, fg_value **results) {
    scope s = {NULL, body, g, FG_ARRAY(g->ctx, body->n_values + 1, fg_value *), false};
    for (int i = 0; i < body->n_inputs; i++) s.map[body->inputs[i]->id] = args[i];
    for (int i = 0; i < body->n_values; i++)
        if (!body->values[i]->is_input) s.map[i] = spliced_value(g, body, i);
    for (int i = 0; i < body->n_nodes; i++) {
        fg_node *n = clone_node(&s, body->nodes[i]);
        n->covers = NULL;
        n->n_covers = 0;
        for (int o = 0; o < n->n_out; o++)
            if (n->out[o]) n->out[o]->producer = n;
        g->nodes = grow_list(g->ctx, g->nodes, g->n_nodes, &g->cap_nodes);
        g->nodes[g->n_nodes++] = n;
    }
    for (int i = 0; i < body->n_outputs; i++) results[i] = copy_of(&s, body->outputs[i]);
}

fg_graph *fg_graph_clone(fg_graph *g) {
    return clone_graph(g, NULL, false);
}

fg_graph *fg_graph_copy(const fg_graph *g) {
    return clone_graph(g, NULL, true);
}
