#include "codegen/functions.h"

#include <string.h>

#include "codegen/escape.h"
#include "frontend/writer.h"
#include "fusion/catalogue.h"
#include "fusion/rewrite.h"

#define DOMAIN        "fusegen"
#define IR_VERSION    10 /* the first with metadata of nodes and functions */
#define MOST_BYTES    0x7fffffff
#define MOST_ROUNDS   40
#define OPSET_UNKNOWN 1 /* of domains whose version the graph does not keep */

/* A call of a function, or a node on its own. */
typedef struct unit {
    int kernel; /* -1: a node on its own */
    fg_node **nodes;
    int n_nodes;
    fg_value **in, **out;
    int n_in, n_out;
    int waits; /* units that must stand before it, while they are put in order */
} unit;

typedef struct emission {
    fg_context *ctx;
    fg_graph *g;
    const fg_module *m;
    bool *needed;   /* by node: something that the graph returns depends on it, and it is not constant */
    int *unit_of;   /* by node; -1: not needed */
    int *node_of;   /* by value id: position of its producer; -1 none */
    int *kernel_of; /* by node; -1: on its own */
    unit *units;
    int n_units;
    int *order; /* of units */
    int *mark;  /* by value id */
    int marks;
} emission;

/* ---- nodes ---- */

typedef struct visit {
    emission *e;
    int unit;
    fg_value **list; /* NULL: only counts */
    int n;
} visit;

static bool is_run_time(const fg_value *v) {
    return v->data == NULL && !v->is_input && v->producer != NULL;
}

static void need(void *user, fg_value **place) {
    emission *e = user;
    if (is_run_time(*place)) {
        e->needed[e->node_of[(*place)->id]] = true;
    }
}

/* nodes[] is in topological order: from its end, all users of a node are known. */
static void find_needed(emission *e) {
    fg_graph *g = e->g;
    for (int i = 0; i < g->n_values; i++) {
        e->node_of[i] = -1;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        for (int o = 0; o < g->nodes[i]->n_out; o++) {
            if (g->nodes[i]->out[o] != NULL) {
                e->node_of[g->nodes[i]->out[o]->id] = i;
            }
        }
    }
    for (int i = 0; i < g->n_outputs; i++) {
        need(e, &g->outputs[i]);
    }
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        if (e->needed[i]) {
            fg_node_each_use(g, g->nodes[i], need, e);
        }
    }
}

static void find_kernels(emission *e) {
    for (int i = 0; i < e->g->n_nodes; i++) {
        e->kernel_of[i] = -1;
    }
    for (int i = e->m->n_kernels - 1; i >= 0; i--) {
        const fg_kernel *k = e->m->kernels[i].kernel;
        for (int j = 0; j < k->n_nodes; j++) {
            for (int c = 0; c < k->nodes[j]->n_covers; c++) {
                const fg_node *n = k->nodes[j]->covers[c];
                if (n->index < e->g->n_nodes && e->g->nodes[n->index] == n) {
                    e->kernel_of[n->index] = i;
                }
            }
        }
    }
}

/* ---- units ---- */

static void collect_units(emission *e) {
    int *unit_of_kernel = FG_ARRAY(e->ctx, e->m->n_kernels + 1, int);
    fg_node **room = FG_ARRAY(e->ctx, e->g->n_nodes + 1, fg_node *);
    e->n_units = 0;
    memset(e->units, 0, ((size_t)e->g->n_nodes + 1) * sizeof *e->units);
    for (int i = 0; i < e->m->n_kernels; i++) {
        unit_of_kernel[i] = -1;
    }
    for (int i = 0; i < e->g->n_nodes; i++) {
        const int kernel = e->kernel_of[i];
        e->unit_of[i] = -1;
        if (!e->needed[i]) {
            continue;
        }
        int at = kernel >= 0 ? unit_of_kernel[kernel] : -1;
        if (at < 0) {
            at = e->n_units++;
            e->units[at].kernel = kernel;
        }
        if (kernel >= 0) {
            unit_of_kernel[kernel] = at;
        }
        e->unit_of[i] = at;
        e->units[at].n_nodes++;
    }
    for (int u = 0; u < e->n_units; u++) {
        e->units[u].nodes = room;
        room += e->units[u].n_nodes;
        e->units[u].n_nodes = 0;
    }
    for (int i = 0; i < e->g->n_nodes; i++) {
        if (e->unit_of[i] >= 0) {
            unit *u = &e->units[e->unit_of[i]];
            u->nodes[u->n_nodes++] = e->g->nodes[i];
        }
    }
}

static int unit_of_value(const emission *e, const fg_value *v) {
    const int node = is_run_time(v) ? e->node_of[v->id] : -1;
    return node >= 0 ? e->unit_of[node] : -1;
}

/* Each value from outside once. */
static void outside(void *user, fg_value **place) {
    visit *v = user;
    emission *e = v->e;
    const int id = (*place)->id;
    if (e->mark[id] == e->marks || unit_of_value(e, *place) == v->unit) {
        return;
    }
    e->mark[id] = e->marks;
    if (v->list != NULL) {
        v->list[v->n] = *place;
    }
    v->n++;
}

static void collect_inputs(emission *e, int index) {
    unit *u = &e->units[index];
    for (int pass = 0; pass < 2; pass++) {
        visit v = {e, index, u->in, 0};
        e->marks++;
        for (int i = 0; i < u->n_nodes; i++) {
            fg_node_each_use(e->g, u->nodes[i], outside, &v);
        }
        u->n_in = v.n;
        u->in = u->in != NULL ? u->in : FG_ARRAY(e->ctx, v.n, fg_value *);
    }
}

/* Marks what units other than the maker read. */
static void collect_outputs(emission *e) {
    bool *read = FG_ARRAY(e->ctx, e->g->n_values + 1, bool);
    for (int i = 0; i < e->g->n_outputs; i++) {
        read[e->g->outputs[i]->id] = true;
    }
    for (int i = 0; i < e->n_units; i++) {
        for (int j = 0; j < e->units[i].n_in; j++) {
            read[e->units[i].in[j]->id] = true;
        }
    }
    for (int i = 0; i < e->n_units; i++) {
        unit *u = &e->units[i];
        int most = 0;
        for (int j = 0; j < u->n_nodes; j++) {
            most += u->nodes[j]->n_out;
        }
        u->out = FG_ARRAY(e->ctx, most, fg_value *);
        for (int j = 0; j < u->n_nodes; j++) {
            for (int o = 0; o < u->nodes[j]->n_out; o++) {
                fg_value *v = u->nodes[j]->out[o];
                if (v != NULL && v->data == NULL && read[v->id]) {
                    u->out[u->n_out++] = v;
                }
            }
        }
    }
}

/* ---- order ---- */

/* What a unit waits for, and which units wait for it, as lists by unit. */
typedef struct edges {
    int *first, *to;
} edges;

static edges edges_of(emission *e) {
    edges d = {FG_ARRAY(e->ctx, e->n_units + 2, int), NULL};
    for (int pass = 0; pass < 2; pass++) {
        int *at = FG_ARRAY(e->ctx, e->n_units + 2, int);
        for (int u = 0; u < e->n_units; u++) {
            for (int i = 0; i < e->units[u].n_in; i++) {
                const int from = unit_of_value(e, e->units[u].in[i]);
                if (from >= 0 && pass == 0) {
                    d.first[from + 1]++;
                    e->units[u].waits++;
                } else if (from >= 0) {
                    d.to[d.first[from] + at[from]++] = u;
                }
            }
        }
        for (int u = 0; pass == 0 && u < e->n_units; u++) {
            d.first[u + 1] += d.first[u];
        }
        d.to = pass == 0 ? FG_ARRAY(e->ctx, d.first[e->n_units] + 1, int) : d.to;
    }
    return d;
}

/* Units that wait and that others wait for, after those that can be put in order: all cycles are among them.
 * Counts down from the other end. */
static void keep_cycles(emission *e, const edges *d, bool *left) {
    int *readers = FG_ARRAY(e->ctx, e->n_units + 1, int), *stack = FG_ARRAY(e->ctx, e->n_units + 1, int);
    int n = 0;
    for (int u = 0; u < e->n_units; u++) {
        left[u] = e->units[u].waits > 0;
    }
    for (int u = 0; u < e->n_units; u++) {
        for (int i = d->first[u]; left[u] && i < d->first[u + 1]; i++) {
            readers[u] += left[d->to[i]];
        }
        if (left[u] && readers[u] == 0) {
            stack[n++] = u;
        }
    }
    while (n > 0) {
        const unit *u = &e->units[stack[--n]];
        left[u - e->units] = false;
        for (int i = 0; i < u->n_in; i++) {
            const int from = unit_of_value(e, u->in[i]);
            if (from >= 0 && left[from] && --readers[from] == 0) {
                stack[n++] = from;
            }
        }
    }
}

/* Whether no other node of its unit reads this view: it was covered by the kernel that it was moved to. Then
 * *kernel is that which reads it, if there is one only; else -1. */
static bool is_strayed_view(const emission *e, int node, int *kernel) {
    const fg_node *n = e->g->nodes[node];
    if (!fg_is_one_of(n, "Transpose Reshape Squeeze Unsqueeze Flatten Slice Split Identity Expand Cast")) {
        return false;
    }
    int first = -2; /* kernel of the first reader */
    bool alone = true;
    for (int o = 0; o < n->n_out; o++) {
        for (int i = 0; n->out[o] != NULL && i < n->out[o]->n_users; i++) {
            const int user = n->out[o]->users[i]->index;
            if (e->unit_of[user] == e->unit_of[node]) {
                return false;
            }
            first = first == -2 ? e->kernel_of[user] : first;
            alone = alone && e->kernel_of[user] == first;
        }
    }
    *kernel = alone && first >= 0 ? first : -1;
    return true;
}

/* Kernels were made of rewritten nodes: seen from the nodes as read, two may wait for each other. Views that
 * rewriting has moved go to where they are read; without any, the smallest of those kernels stand as nodes on
 * their own; after many rounds, all of them. */
static void break_cycles(emission *e, const edges *d, int round) {
    bool *left = FG_ARRAY(e->ctx, e->n_units + 1, bool);
    int smallest = 0, strayed = 0;
    keep_cycles(e, d, left);
    for (int u = 0; u < e->n_units; u++) {
        const int n = e->units[u].n_nodes;
        if (left[u] && n > 1 && (smallest == 0 || n < smallest)) {
            smallest = n;
        }
    }
    for (int i = 0; i < e->g->n_nodes; i++) {
        const int u = e->unit_of[i];
        int kernel;
        if (u >= 0 && left[u] && e->units[u].n_nodes > 1 && is_strayed_view(e, i, &kernel)) {
            e->kernel_of[i] = kernel;
            strayed++;
        }
    }
    for (int i = 0; i < e->g->n_nodes && (strayed == 0 || round >= MOST_ROUNDS); i++) {
        const int u = e->unit_of[i];
        if (u >= 0 && left[u] && (e->units[u].n_nodes == smallest || round >= MOST_ROUNDS)) {
            e->kernel_of[i] = -1;
        }
    }
}

/* Puts the units in an order in which they can run; false if there is none, and all is to be done again with
 * smaller ones. */
static bool put_in_order(emission *e, int round) {
    const edges d = edges_of(e);
    int head = 0, tail = 0;
    for (int u = 0; u < e->n_units; u++) {
        if (e->units[u].waits == 0) {
            e->order[tail++] = u;
        }
    }
    while (head < tail) {
        const int u = e->order[head++];
        for (int i = d.first[u]; i < d.first[u + 1]; i++) {
            if (--e->units[d.to[i]].waits == 0) {
                e->order[tail++] = d.to[i];
            }
        }
    }
    if (tail == e->n_units) {
        return true;
    }
    break_cycles(e, &d, round);
    return false;
}

static void plan(emission *e) {
    find_needed(e);
    find_kernels(e);
    int round = 0;
    do {
        collect_units(e);
        for (int u = 0; u < e->n_units; u++) {
            collect_inputs(e, u);
        }
        collect_outputs(e);
    } while (!put_in_order(e, round++));
}

/* ---- metadata ---- */

static const char *catalogue_of(fg_context *ctx, const fg_kernel *k) {
    const char *names[FG_CATALOGUE_MOST], *text = "";
    const int n = fg_catalogue_names(k, names);
    for (int i = 0; i < n; i++) {
        text = fg_format(ctx, "%s%s%s", text, i > 0 ? " + " : "", names[i]);
    }
    return text;
}

static void quantise_entries(fg_text *t, int field, const fg_kernel *k) {
    fg_quantise_at points[FG_QUANTISE_MOST];
    const int n = fg_catalogue_points(k, points);
    for (int p = FG_QUANTISE_INPUT; p <= FG_QUANTISE_OUTPUT; p++) {
        const char *list = "";
        for (int i = 0; i < n; i++) {
            const fg_value *v = points[i].value->ref != NULL ? points[i].value->ref : points[i].value;
            if (points[i].point == (fg_quantise_point)p) {
                list =
                    fg_format(t->ctx, "%s%s\"%s\"", list, *list ? ", " : "", fg_escape_json(t->ctx, v->name));
            }
        }
        if (*list) {
            fg_wire_entry(
                t, field,
                fg_format(t->ctx, "fusegen.quantise.%s", fg_quantise_point_name((fg_quantise_point)p)),
                fg_format(t->ctx, "[%s]", list));
        }
    }
}

static void metadata(fg_text *t, int field, const fg_kernel *k) {
    const char *catalogue = catalogue_of(t->ctx, k);
    fg_wire_entry(t, field, "fusegen.pattern", k->pattern != NULL ? k->pattern->name : k->lowering);
    if (*catalogue) {
        fg_wire_entry(t, field, "fusegen.catalogue", catalogue);
    }
    quantise_entries(t, field, k);
}

/* ---- the file ---- */

static void opset(fg_text *t, int field, const char *domain, int version) {
    fg_text sub = fg_text_new(t->ctx);
    fg_wire_string(&sub, 1, domain);
    fg_wire_int(&sub, 2, version);
    fg_wire_message(t, field, &sub);
}

static int opset_of(const fg_graph *g, const char *domain) {
    if (strcmp(domain, "ai.onnx.ml") == 0 && g->opset_ml > 0) {
        return g->opset_ml;
    }
    return OPSET_UNKNOWN;
}

static void other_opsets(fg_text *t, int field, const fg_graph *g, fg_node *const *nodes, int n) {
    const char *seen[16];
    int n_seen = 0;
    for (int i = 0; i < n; i++) {
        const char *domain = nodes[i]->domain != NULL ? nodes[i]->domain : "";
        bool known = *domain == '\0' || strcmp(domain, "ai.onnx") == 0;
        for (int j = 0; j < n_seen && !known; j++) {
            known = strcmp(seen[j], domain) == 0;
        }
        if (!known && n_seen < (int)FG_COUNT(seen)) {
            seen[n_seen++] = domain;
            opset(t, field, domain, opset_of(g, domain));
        }
    }
}

enum { FUNCTION_NAME = 1, FUNCTION_INPUT = 4, FUNCTION_OUTPUT = 5, FUNCTION_NODE = 7, FUNCTION_OPSET = 9 };
enum { FUNCTION_DOMAIN = 10, FUNCTION_METADATA = 14 };

static void function(const emission *e, fg_text *t, int field, const unit *u) {
    const fg_kernel *k = e->m->kernels[u->kernel].kernel;
    fg_text sub = fg_text_new(t->ctx);
    fg_wire_string(&sub, FUNCTION_NAME, k->name);
    for (int i = 0; i < u->n_in; i++) {
        fg_wire_string(&sub, FUNCTION_INPUT, u->in[i]->name);
    }
    for (int i = 0; i < u->n_out; i++) {
        fg_wire_string(&sub, FUNCTION_OUTPUT, u->out[i]->name);
    }
    for (int i = 0; i < u->n_nodes; i++) {
        fg_wire_node(&sub, FUNCTION_NODE, u->nodes[i]);
    }
    opset(&sub, FUNCTION_OPSET, "", e->g->opset);
    other_opsets(&sub, FUNCTION_OPSET, e->g, u->nodes, u->n_nodes);
    fg_wire_string(&sub, FUNCTION_DOMAIN, DOMAIN);
    metadata(&sub, FUNCTION_METADATA, k);
    fg_wire_message(t, field, &sub);
}

enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_TYPE = 4, NODE_DOMAIN = 7, NODE_METADATA = 9 };

static void call(const emission *e, fg_text *t, int field, const unit *u) {
    const fg_kernel *k = e->m->kernels[u->kernel].kernel;
    fg_text sub = fg_text_new(t->ctx);
    for (int i = 0; i < u->n_in; i++) {
        fg_wire_string(&sub, NODE_INPUT, u->in[i]->name);
    }
    for (int i = 0; i < u->n_out; i++) {
        fg_wire_string(&sub, NODE_OUTPUT, u->out[i]->name);
    }
    fg_wire_string(&sub, NODE_NAME, k->name);
    fg_wire_string(&sub, NODE_TYPE, k->name);
    fg_wire_string(&sub, NODE_DOMAIN, DOMAIN);
    metadata(&sub, NODE_METADATA, k);
    fg_wire_message(t, field, &sub);
}

enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };

/* Constants that units read or the graph returns, each once. */
static void initializers(emission *e, fg_text *t) {
    e->marks++;
    for (int u = 0; u <= e->n_units; u++) {
        fg_value *const *list = u < e->n_units ? e->units[u].in : e->g->outputs;
        const int n = u < e->n_units ? e->units[u].n_in : e->g->n_outputs;
        for (int i = 0; i < n; i++) {
            if (list[i]->data != NULL && e->mark[list[i]->id] != e->marks) {
                e->mark[list[i]->id] = e->marks;
                fg_wire_tensor(t, GRAPH_INITIALIZER, list[i]->name, list[i]);
            }
        }
    }
}

static fg_text graph(emission *e) {
    fg_text t = fg_text_new(e->ctx);
    for (int i = 0; i < e->n_units; i++) {
        const unit *u = &e->units[e->order[i]];
        if (u->kernel >= 0) {
            call(e, &t, GRAPH_NODE, u);
        } else {
            fg_wire_node(&t, GRAPH_NODE, u->nodes[0]);
        }
    }
    fg_wire_string(&t, GRAPH_NAME, *e->g->name ? e->g->name : "fused");
    for (int i = 0; i < e->g->n_inputs; i++) {
        fg_wire_value_info(&t, GRAPH_INPUT, e->g->inputs[i]);
    }
    for (int i = 0; i < e->g->n_outputs; i++) {
        fg_wire_value_info(&t, GRAPH_OUTPUT, e->g->outputs[i]);
    }
    initializers(e, &t);
    return t;
}

enum { MODEL_IR = 1, MODEL_PRODUCER = 2, MODEL_VERSION = 3, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum { MODEL_METADATA = 14, MODEL_FUNCTION = 25 };

static fg_text head(const emission *e) {
    fg_text t = fg_text_new(e->ctx);
    fg_wire_int(&t, MODEL_IR, e->g->ir_version > IR_VERSION ? e->g->ir_version : IR_VERSION);
    fg_wire_string(&t, MODEL_PRODUCER, "fusegen");
    fg_wire_string(&t, MODEL_VERSION, e->m->options.version);
    return t;
}

static fg_text tail(const emission *e) {
    fg_text t = fg_text_new(e->ctx);
    opset(&t, MODEL_OPSET, "", e->g->opset);
    opset(&t, MODEL_OPSET, DOMAIN, 1);
    other_opsets(&t, MODEL_OPSET, e->g, e->g->nodes, e->g->n_nodes);
    fg_wire_entry(&t, MODEL_METADATA, "fusegen.target", e->m->target->name);
    for (int i = 0; i < e->n_units; i++) {
        const unit *u = &e->units[e->order[i]];
        if (u->kernel >= 0) {
            function(e, &t, MODEL_FUNCTION, u);
        }
    }
    return t;
}

void fg_emit_onnx(fg_graph *read, const fg_module *m, void (*write)(void *user, const char *data, size_t n),
                  void *user) {
    fg_context *ctx = m->ctx;
    if (fg_has_loops(m->partition)) {
        fg_remedy(ctx, "bind what decides on the number of iterations with --const, so that it is unrolled");
        fg_raise(ctx, FG_UNSUPPORTED, "--emit onnx has no word for a loop that only a run counts");
    }
    emission e = {.ctx = ctx, .g = read, .m = m};
    e.needed = FG_ARRAY(ctx, read->n_nodes + 1, bool);
    e.unit_of = FG_ARRAY(ctx, read->n_nodes + 1, int);
    e.kernel_of = FG_ARRAY(ctx, read->n_nodes + 1, int);
    e.node_of = FG_ARRAY(ctx, read->n_values + 1, int);
    e.mark = FG_ARRAY(ctx, read->n_values + 1, int);
    e.units = FG_ARRAY(ctx, read->n_nodes + 1, unit);
    e.order = FG_ARRAY(ctx, read->n_nodes + 1, int);
    plan(&e);
    fg_text parts[] = {head(&e), fg_text_new(ctx), graph(&e), tail(&e)};
    fg_wire_begin(&parts[1], MODEL_GRAPH, parts[2].length);
    size_t bytes = 0;
    for (size_t i = 0; i < FG_COUNT(parts); i++) {
        bytes += parts[i].length;
    }
    if (bytes > MOST_BYTES) {
        fg_raise(ctx, FG_UNSUPPORTED, "the model has %zu bytes, and ONNX files hold 2 GB at most", bytes);
    }
    for (size_t i = 0; i < FG_COUNT(parts); i++) {
        if (parts[i].length > 0) {
            write(user, parts[i].data, parts[i].length);
        }
        fg_text_free(&parts[i]);
    }
}
