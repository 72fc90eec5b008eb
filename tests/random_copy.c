#include "random_copy.h"

/* Values of one graph, and their copies; bodies of control flow see those of the graphs around them. */
typedef struct scope {
    const struct scope *outer;
    const fg_graph *from;
    fg_graph *to;
    fg_value **map; /* by value id */
} scope;

typedef struct copier {
    fg_context *ctx;
    const fg_graph *from;
    const edit *e;
    fg_graph *to;
    bool *needed; /* by value id of the outermost graph */
} copier;

static const fg_value *followed(const copier *c, const fg_value *v) {
    return v == c->e->bypassed && v != NULL ? c->e->bypass_to : v;
}

static bool is_of(const fg_graph *g, const fg_value *v) {
    return v->id < g->n_values && g->values[v->id] == v;
}

static void need(copier *c, const fg_value *v) {
    if (v != NULL && is_of(c->from, v)) {
        c->needed[followed(c, v)->id] = true;
    }
}

/* What the node reads, and what its bodies do. */
static void need_operands(copier *c, const fg_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        need(c, n->in[i]);
    }
    for (int a = 0; a < n->n_attr; a++) {
        const fg_graph *body = n->attr[a].type == FG_ATTR_GRAPH ? n->attr[a].graph : NULL;
        for (int i = 0; body != NULL && i < body->n_nodes; i++) {
            need_operands(c, body->nodes[i]);
        }
    }
}

static bool is_wanted(const copier *c, const fg_node *n) {
    bool wanted = false;
    for (int k = 0; k < n->n_out; k++) {
        const fg_value *v = n->out[k];
        wanted = wanted || (v != NULL && c->needed[v->id] && v != c->e->cut);
    }
    return wanted;
}

static void mark_needed(copier *c) {
    const fg_graph *g = c->from;
    for (int i = 0; i < g->n_outputs; i++) {
        if (g->outputs[i] != c->e->without && c->e->only == NULL) {
            need(c, g->outputs[i]);
        }
    }
    if (c->e->only != NULL) {
        c->needed[c->e->only->id] = true;
    }
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        if (is_wanted(c, g->nodes[i])) {
            need_operands(c, g->nodes[i]);
        }
    }
}

static int64_t shrunk(const copier *c, int64_t extent) {
    return c->e->extent != 0 && extent == c->e->extent ? c->e->smaller : extent;
}

static fg_shape shrunk_shape(const copier *c, const fg_shape *s) {
    fg_shape r = *s;
    for (int d = 0; d < s->rank; d++) {
        r.dim[d] = shrunk(c, s->dim[d]);
    }
    return r;
}

static fg_value *copy_const(copier *c, fg_graph *to, const fg_value *v) {
    fg_shape shape = shrunk_shape(c, &v->shape);
    size_t bytes = fg_dtype_bytes(v->dtype, fg_shape_count(&shape));
    unsigned char *data = fg_big_alloc(c->ctx, bytes + 8);
    size_t have = fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape));
    memcpy(data, v->data, bytes < have ? bytes : have);
    for (int64_t i = 0; v->dtype == FG_INT64 && i < fg_shape_count(&shape); i++) {
        int64_t x;
        memcpy(&x, data + 8 * i, 8);
        x = shrunk(c, x);
        memcpy(data + 8 * i, &x, 8);
    }
    return fg_graph_const(to, v->name, v->dtype, &shape, data);
}

static fg_value *copy_input(copier *c, const fg_value *v) {
    fg_value *w = fg_graph_value(c->to, v->name);
    w->dtype = v->dtype;
    w->shape = shrunk_shape(c, &v->shape);
    w->bound = v->is_input ? v->bound : fg_dtype_get(v->dtype)->is_integer ? 11 : 0;
    w->shape_known = w->shape_declared = w->is_input = true;
    if (v->most != NULL) {
        int64_t *most = FG_ARRAY(c->ctx, FG_MAX_RANK + 1, int64_t);
        memcpy(most, v->most, (FG_MAX_RANK + 1) * sizeof *most);
        w->most = most;
    }
    c->to->inputs[c->to->n_inputs++] = w;
    return w;
}

static fg_value *copy_operand(copier *c, const scope *s, const fg_value *v) {
    if (v == NULL) {
        return NULL;
    }
    v = followed(c, v);
    while (!is_of(s->from, v) && s->outer != NULL) {
        s = s->outer;
    }
    if (s->map[v->id] == NULL) {
        bool made = v->producer != NULL && v != c->e->cut;
        s->map[v->id] = made                                ? fg_graph_value(s->to, v->name)
                        : v->data != NULL && v != c->e->cut ? copy_const(c, s->to, v)
                                                            : copy_input(c, v);
    }
    return s->map[v->id];
}

static void copy_node(copier *c, const scope *s, const fg_node *n);

static fg_graph *copy_body(copier *c, const scope *outer, const fg_graph *from) {
    const scope s = {outer, from, new_graph(c->ctx, from->opset),
                     FG_ARRAY(c->ctx, from->n_values + 1, fg_value *)};
    for (int i = 0; i < from->n_inputs; i++) {
        fg_value *v = fg_graph_value(s.to, from->inputs[i]->name);
        v->is_input = true;
        s.to->inputs[s.to->n_inputs++] = s.map[from->inputs[i]->id] = v;
    }
    for (int i = 0; i < from->n_nodes; i++) {
        copy_node(c, &s, from->nodes[i]);
    }
    for (int i = 0; i < from->n_outputs; i++) {
        output(s.to, copy_operand(c, &s, from->outputs[i]));
    }
    fg_graph_link(s.to);
    return s.to;
}

static void copy_attribute(copier *c, const scope *s, fg_node *to, const fg_node *n, const fg_attr *a) {
    if (strncmp(a->name, "fg_", 3) == 0 || (c->e->attribute == a->name && n == c->e->of->producer)) {
        return;
    }
    fg_attr *b = fg_node_set_attr(c->ctx, to, a->name, a->type);
    const char *name = b->name;
    *b = *a;
    b->name = name;
    if (strcmp(name, "group") == 0) {
        b->i = shrunk(c, a->i);
    }
    if (a->type == FG_ATTR_GRAPH) {
        b->graph = copy_body(c, s, a->graph);
    }
    if (a->type == FG_ATTR_STRING) {
        b->s = fg_strndup(c->ctx, a->s, a->s_len);
    }
    if (a->type == FG_ATTR_INTS) {
        int64_t *copy = FG_ARRAY(c->ctx, a->n + 1, int64_t);
        memcpy(copy, a->ints, (size_t)a->n * sizeof *copy);
        b->ints = copy;
    }
}

static void copy_node(copier *c, const scope *s, const fg_node *n) {
    fg_value **in = FG_ARRAY(c->ctx, n->n_in + 1, fg_value *),
             **out = FG_ARRAY(c->ctx, n->n_out + 1, fg_value *);
    for (int i = 0; i < n->n_in; i++) {
        in[i] = copy_operand(c, s, n->in[i]);
    }
    for (int i = 0; i < n->n_out; i++) {
        out[i] = n->out[i] == c->e->cut ? fg_graph_value(s->to, "unused") : copy_operand(c, s, n->out[i]);
    }
    fg_node *m = fg_graph_node(s->to, n->op_type, n->n_in, in, n->n_out, out);
    m->name = fg_strdup(c->ctx, n->name);
    for (int i = 0; i < n->n_attr; i++) {
        copy_attribute(c, s, m, n, &n->attr[i]);
    }
}

static void add_output(copier *c, const scope *s, const fg_value *v) {
    v = followed(c, v);
    if (s->map[v->id] != NULL && !s->map[v->id]->is_input && !s->map[v->id]->is_output) {
        output(c->to, s->map[v->id]);
    }
}

/* Linked, not inferred. */
static fg_graph *copy_plain(fg_context *ctx, const fg_graph *from, const edit *e) {
    copier c = {.ctx = ctx, .from = from, .e = e, .to = new_graph(ctx, from->opset)};
    const scope s = {NULL, from, c.to, FG_ARRAY(ctx, from->n_values + 1, fg_value *)};
    c.needed = FG_ARRAY(ctx, from->n_values + 1, bool);
    c.to->inputs = FG_ARRAY(ctx, from->n_inputs + 2, fg_value *);
    c.to->outputs = FG_ARRAY(ctx, from->n_outputs + 2, fg_value *);
    mark_needed(&c);
    for (int i = 0; i < from->n_nodes; i++) {
        if (is_wanted(&c, from->nodes[i])) {
            copy_node(&c, &s, from->nodes[i]);
        }
    }
    if (e->only != NULL) {
        add_output(&c, &s, e->only);
    }
    for (int i = 0; i < from->n_outputs && e->only == NULL; i++) {
        if (from->outputs[i] != e->without) {
            add_output(&c, &s, from->outputs[i]);
        }
    }
    if (c.to->n_outputs == 0) {
        fg_raise(ctx, FG_BAD_MODEL, "nothing is left");
    }
    fg_graph_link(c.to);
    return c.to;
}

fg_graph *copy_graph(fg_context *ctx, const fg_graph *from, const edit *e) {
    fg_graph *g = copy_plain(ctx, from, e);
    fg_infer(g);
    return g;
}

fg_graph *copy_as_made(fg_context *ctx, const fg_graph *from, const edit *e) {
    fg_graph *g = copy_plain(ctx, from, e);
    const fg_graph *inferred = copy_graph(ctx, g, &(edit){0});
    for (int i = 0; i < g->n_values; i++) {
        fg_value *v = g->values[i];
        const fg_value *w = fg_graph_find(inferred, v->name);
        if (w != NULL && v->data == NULL) {
            v->dtype = w->dtype;
            v->shape = w->shape;
            v->shape_known = true;
        }
    }
    return g;
}
