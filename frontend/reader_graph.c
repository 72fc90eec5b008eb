/* Graphs of the file as graphs of ours: values by name, nodes, attributes. */
#include <string.h>

#include "frontend/reader.h"

#define MAX_NODES     250000
#define MAX_WORK      ((size_t)8000000)
#define MAX_ATTRS     1000 /* of one node; each is compared with the others */
#define TEXT_PER_UNIT 64

void fg_charge(fg_reader *r, size_t units) {
    if (units > MAX_WORK || (r->work += units) > MAX_WORK)
        fg_raise(r->ctx, FG_UNSUPPORTED, "the model is too large with its functions inlined");
}

/* ---- names ---- */

fg_value *fg_scope_find(const fg_scope *scope, const char *name) {
    for (; scope; scope = scope->outer) {
        fg_value *v = fg_names_get(&scope->names, name);
        if (v) return v;
    }
    return NULL;
}

fg_value *fg_scope_read(const fg_scope *scope, const char *name) {
    fg_value *v = fg_scope_find(scope, name);
    for (const fg_scope *s = scope; s && !v; s = s->outer)
        if (fg_names_find(&s->names, name)) return NULL;
    if (!v) fg_raise(scope->graph->ctx, FG_BAD_MODEL, "the node reads '%s', which nothing produces", name);
    return v;
}

static const char *prefixed(fg_reader *r, const fg_scope *scope, const char *name) {
    if (!*scope->prefix || !*name) return name;
    fg_charge(r, (strlen(scope->prefix) + strlen(name)) / TEXT_PER_UNIT);
    return fg_format(r->ctx, "%s%s", scope->prefix, name);
}

static fg_value *declare(fg_reader *r, fg_scope *scope, const char *name) {
    fg_name *entry = fg_names_at(&scope->names, name);
    if (!entry->value) entry->value = fg_graph_value(scope->graph, prefixed(r, scope, name));
    return entry->value;
}

/* ---- attributes ---- */

enum {
    A_FLOAT = 1,
    A_INT,
    A_STRING,
    A_TENSOR,
    A_GRAPH,
    A_FLOATS,
    A_INTS,
    A_STRINGS,
    A_TENSORS,
    A_GRAPHS,
    A_SPARSE
};

/* Files of old exporters leave the type out. */
static int attribute_type(const Onnx__AttributeProto *a) {
    if (a->type) return a->type;
    if (a->has_f) return A_FLOAT;
    if (a->has_i) return A_INT;
    if (a->has_s) return A_STRING;
    if (a->t) return A_TENSOR;
    if (a->g) return A_GRAPH;
    if (a->n_floats) return A_FLOATS;
    if (a->n_ints) return A_INTS;
    if (a->n_strings) return A_STRINGS;
    return a->sparse_tensor ? A_SPARSE : 0;
}

static int list_length(fg_reader *r, size_t n) {
    if (n > INT32_MAX) fg_raise(r->ctx, FG_UNSUPPORTED, "the attribute has %zu elements", n);
    return (int)n;
}

static void set_data(fg_reader *r, fg_value *v, const fg_tensor *t, bool synthetic) {
    v->dtype = t->dtype;
    v->shape = t->shape;
    v->data = t->data;
    v->shape_known = true;
    v->synthetic = synthetic;
    r->n_synthetic += synthetic;
}

static void set_tensor(fg_reader *r, fg_node *node, fg_attr *out, fg_tensor t, bool synthetic) {
    fg_value *v = FG_NEW(r->ctx, fg_value);
    v->name = fg_format(r->ctx, "%s.%s", fg_node_label(node), out->name);
    v->id = -1;
    set_data(r, v, &t, synthetic);
    out->type = FG_ATTR_TENSOR;
    out->tensor = v;
}

static void set_strings(fg_reader *r, fg_attr *out, const Onnx__AttributeProto *a) {
    const char **list = FG_ARRAY(r->ctx, a->n_strings, const char *);
    for (size_t i = 0; i < a->n_strings; i++)
        list[i] = fg_strndup(r->ctx, (const char *)a->strings[i].data, a->strings[i].len);
    out->type = FG_ATTR_STRINGS;
    out->strings = list;
    out->n = list_length(r, a->n_strings);
}

static void set_value(fg_reader *r, const fg_scope *scope, fg_node *node, fg_attr *out,
                      const Onnx__AttributeProto *a, const char *seed) {
    bool synthetic = false;
    switch (attribute_type(a)) {
    case A_FLOAT:
        out->type = FG_ATTR_FLOAT;
        out->f = a->f;
        break;
    case A_INT:
        out->type = FG_ATTR_INT;
        out->i = a->i;
        break;
    case A_STRING:
        out->type = FG_ATTR_STRING;
        out->s = fg_strndup(r->ctx, (const char *)a->s.data, a->s.len);
        out->s_len = a->s.len;
        break;
    case A_FLOATS:
        out->type = FG_ATTR_FLOATS;
        out->floats = a->floats;
        out->n = list_length(r, a->n_floats);
        break;
    case A_INTS:
        out->type = FG_ATTR_INTS;
        out->ints = a->ints;
        out->n = list_length(r, a->n_ints);
        break;
    case A_STRINGS: set_strings(r, out, a); break;
    case A_TENSOR:
        if (!a->t) fg_raise(r->ctx, FG_BAD_MODEL, "the attribute lacks its tensor");
        fg_tensor t = fg_read_tensor(r, a->t, seed, &synthetic);
        set_tensor(r, node, out, t, synthetic);
        break;
    case A_SPARSE:
        if (!a->sparse_tensor) fg_raise(r->ctx, FG_BAD_MODEL, "the attribute lacks its tensor");
        set_tensor(r, node, out, fg_read_sparse(r, a->sparse_tensor, seed), false);
        break;
    case A_GRAPH:
        if (!a->g) fg_raise(r->ctx, FG_BAD_MODEL, "the attribute lacks its graph");
        out->type = FG_ATTR_GRAPH;
        out->graph = fg_read_graph(r, a->g, scope);
        break;
    default: out->type = FG_ATTR_OTHER; break;
    }
}

static const fg_attr *call_attr(const fg_call *call, const char *name) {
    for (int i = 0; call && i < call->n_attr; i++)
        if (strcmp(call->attr[i].name, name) == 0) return &call->attr[i];
    return NULL;
}

/* Passes walk and copy a graph once for each node that has it as an attribute. */
static void charge_graph(fg_reader *r, const fg_graph *g) {
    fg_charge(r, (size_t)g->n_nodes * 2 + (size_t)g->n_values);
    for (int i = 0; i < g->n_nodes; i++)
        for (int a = 0; a < g->nodes[i]->n_attr; a++)
            if (g->nodes[i]->attr[a].graph) charge_graph(r, g->nodes[i]->attr[a].graph);
}

void fg_read_attrs(fg_reader *r, const fg_scope *scope, fg_node *node, size_t n,
                   Onnx__AttributeProto *const *list, const char *seed) {
    if (n > MAX_ATTRS) fg_raise(r->ctx, FG_UNSUPPORTED, "the node has more than %d attributes", MAX_ATTRS);
    fg_charge(r, (size_t)node->n_attr + n);
    fg_attr *attr = FG_ARRAY(r->ctx, (size_t)node->n_attr + n, fg_attr);
    if (node->n_attr) memcpy(attr, node->attr, (size_t)node->n_attr * sizeof *attr);
    node->attr = attr;
    for (size_t i = 0; i < n; i++) {
        const Onnx__AttributeProto *a = list[i];
        fg_attr *out = &attr[node->n_attr];
        fg_context_set_node(r->ctx, node); /* a graph in the attribute before has set others */
        out->name = fg_or_empty(a->name);
        if (fg_node_attr(node, out->name))
            continue; /* given by the call: not the default; or said twice: the first counts */
        if (a->ref_attr_name && *a->ref_attr_name) {
            const fg_attr *given = call_attr(scope->call, a->ref_attr_name);
            if (!given) continue;
            if (given->graph) charge_graph(r, given->graph);
            const char *name = out->name;
            *out = *given;
            out->name = name;
        } else {
            fg_blame_attribute(r->ctx, out->name);
            set_value(r, scope, node, out, a, seed);
            fg_blame_attribute(r->ctx, NULL);
        }
        node->n_attr++;
    }
}

/* ---- nodes ---- */

static const char *plain_domain(const char *domain) {
    return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

static fg_value **resolve_inputs(fg_reader *r, const fg_scope *scope, const Onnx__NodeProto *p) {
    fg_value **in = FG_ARRAY(r->ctx, p->n_input, fg_value *);
    for (size_t i = 0; i < p->n_input; i++)
        if (p->input[i] && *p->input[i]) in[i] = fg_scope_read(scope, p->input[i]);
    return in;
}

static fg_value **resolve_outputs(fg_reader *r, const fg_scope *scope, const Onnx__NodeProto *p) {
    fg_value **out = FG_ARRAY(r->ctx, p->n_output, fg_value *);
    for (size_t i = 0; i < p->n_output; i++) {
        if (!p->output[i] || !*p->output[i]) continue;
        out[i] = fg_names_get(&scope->names, p->output[i]);
        if (out[i]->producer || out[i]->data || out[i]->is_input)
            fg_raise(r->ctx, FG_BAD_MODEL, "'%s' is produced twice", p->output[i]);
    }
    return out;
}

static void read_node(fg_reader *r, fg_scope *scope, const Onnx__NodeProto *p) {
    const char *name = fg_or_empty(p->name), *seed = p->n_output && p->output[0] ? p->output[0] : name;
    fg_node head = {.name = name,
                    .op_type = fg_or_empty(p->op_type),
                    .domain = plain_domain(p->domain),
                    .index = r->n_nodes};
    fg_context_set_node(r->ctx, &head);
    head.name = prefixed(r, scope, name);
    fg_charge(r, 1 + p->n_input + p->n_output);
    if (++r->n_nodes > MAX_NODES)
        fg_raise(r->ctx, FG_UNSUPPORTED, "the model has more than %d nodes", MAX_NODES);
    if (p->n_input > INT32_MAX / 2 || p->n_output > INT32_MAX / 2)
        fg_raise(r->ctx, FG_UNSUPPORTED, "too many operands");
    const Onnx__FunctionProto *f = fg_find_function(r, p);
    if (f) {
        fg_read_attrs(r, scope, &head, p->n_attribute, p->attribute, seed);
        fg_inline(r, scope, p, f, &head);
    } else {
        fg_value **in = resolve_inputs(r, scope, p), **out = resolve_outputs(r, scope, p);
        fg_node *n = fg_graph_node(scope->graph, head.op_type, (int)p->n_input, in, (int)p->n_output, out);
        n->name = head.name;
        n->domain = head.domain;
        fg_context_set_node(r->ctx, n);
        fg_read_attrs(r, scope, n, p->n_attribute, p->attribute, seed);
    }
    fg_context_set_node(r->ctx, NULL);
}

void fg_read_nodes(fg_reader *r, fg_scope *scope, size_t n, Onnx__NodeProto *const *nodes) {
    for (size_t i = 0; i < n; i++)
        for (size_t o = 0; o < nodes[i]->n_output; o++)
            if (nodes[i]->output[o] && *nodes[i]->output[o]) declare(r, scope, nodes[i]->output[o]);
    for (size_t i = 0; i < n; i++) read_node(r, scope, nodes[i]);
}

/* ---- graphs ---- */

static void set_constant(fg_reader *r, fg_scope *scope, const char *name, fg_tensor t, bool synthetic) {
    if (!*name) fg_raise(r->ctx, FG_BAD_MODEL, "an initializer has no name");
    fg_value *v = declare(r, scope, name);
    if (v->data) fg_raise(r->ctx, FG_BAD_MODEL, "initializer '%s' comes twice", name);
    set_data(r, v, &t, synthetic);
}

static void read_initializers(fg_reader *r, fg_scope *scope, const Onnx__GraphProto *g) {
    for (size_t i = 0; i < g->n_initializer; i++) {
        bool synthetic;
        const char *name = fg_or_empty(g->initializer[i]->name);
        fg_tensor t = fg_read_tensor(r, g->initializer[i], name, &synthetic);
        set_constant(r, scope, name, t, synthetic);
    }
    for (size_t i = 0; i < g->n_sparse_initializer; i++) {
        const Onnx__SparseTensorProto *s = g->sparse_initializer[i];
        const char *name = fg_or_empty(s->values ? s->values->name : NULL);
        set_constant(r, scope, name, fg_read_sparse(r, s, name), false);
    }
}

void fg_add_input(fg_reader *r, fg_value *v) {
    fg_graph *g = r->graph;
    if (g->n_inputs == r->cap_inputs) {
        fg_value **more = FG_ARRAY(r->ctx, 2 * r->cap_inputs + 8, fg_value *);
        if (g->n_inputs) memcpy(more, g->inputs, (size_t)g->n_inputs * sizeof *more);
        g->inputs = more;
        r->cap_inputs = 2 * r->cap_inputs + 8;
    }
    g->inputs[g->n_inputs++] = v;
}

/* Inputs that have an initializer are constants already (IR 3 lists every initializer among the inputs). */
static void read_inputs(fg_reader *r, fg_scope *scope, const Onnx__GraphProto *p) {
    fg_graph *g = scope->graph;
    if (scope->outer)
        g->inputs = FG_ARRAY(r->ctx, p->n_input, fg_value *);
    else
        r->graph = g;
    for (size_t i = 0; i < p->n_input; i++) {
        const char *name = fg_or_empty(p->input[i]->name);
        const fg_const_binding *c = scope->outer ? NULL : fg_bound_const(r, name);
        if (!*name) fg_raise(r->ctx, FG_BAD_MODEL, "an input has no name");
        fg_value *v = declare(r, scope, name);
        if (v->is_input) fg_raise(r->ctx, FG_BAD_MODEL, "input '%s' is declared twice", name);
        if (v->data) continue;
        if (c) {
            fg_bind_const(r, v, p->input[i], c);
            continue;
        }
        if (scope->outer) {
            fg_declare(r, v, p->input[i]);
            g->inputs[g->n_inputs++] = v;
        } else {
            fg_bind_input(r, v, p->input[i]);
        }
        v->is_input = true;
    }
}

static void read_outputs(fg_reader *r, fg_scope *scope, const Onnx__GraphProto *p) {
    fg_graph *g = scope->graph;
    g->outputs = FG_ARRAY(r->ctx, p->n_output, fg_value *);
    for (size_t i = 0; i < p->n_output; i++) {
        const char *name = fg_or_empty(p->output[i]->name);
        fg_value *v = fg_scope_find(scope, name);
        if (!v) fg_raise(r->ctx, FG_BAD_MODEL, "nothing produces the graph's output '%s'", name);
        g->outputs[g->n_outputs++] = v;
        if (!fg_graph_owns(g, v)) continue;
        v->is_output = true;
        fg_declare(r, v, p->output[i]);
    }
}

fg_graph *fg_read_graph(fg_reader *r, const Onnx__GraphProto *p, const fg_scope *outer) {
    fg_graph *g = fg_graph_new(r->ctx, p->name);
    fg_scope scope = {
        .outer = outer, .graph = g, .names = {.ctx = r->ctx}, .prefix = outer ? outer->prefix : ""};
    scope.call = outer ? outer->call : NULL;
    g->opset = r->opset;
    g->opset_ml = r->opset_ml;
    g->ir_version = (int)r->model->ir_version;
    read_initializers(r, &scope, p);
    read_inputs(r, &scope, p);
    fg_read_nodes(r, &scope, p->n_node, p->node);
    read_outputs(r, &scope, p);
    for (size_t i = 0; i < p->n_value_info; i++) {
        fg_value *v = fg_names_get(&scope.names, fg_or_empty(p->value_info[i]->name));
        if (v && !v->shape_declared) fg_declare(r, v, p->value_info[i]);
    }
    /* Nodes around this graph do not exist yet, so that what it reads of them is checked when they are
     * linked. */
    fg_graph_link(g);
    return g;
}
