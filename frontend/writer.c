#include "frontend/writer.h"

#include <string.h>

#include "frontend/extent.h"

/* ---- wire format ---- */

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static void varint(fg_text *t, uint64_t x) {
    char bytes[10];
    size_t n = 0;
    do {
        bytes[n++] = (char)((x & 0x7f) | (x > 0x7f ? 0x80 : 0));
        x >>= 7;
    } while (x);
    fg_text_addn(t, bytes, n);
}

static void key(fg_text *t, int field, unsigned wire) {
    varint(t, (uint64_t)field << 3 | wire);
}

void fg_wire_int(fg_text *t, int field, int64_t x) {
    key(t, field, WIRE_VARINT);
    varint(t, (uint64_t)x);
}

void fg_wire_begin(fg_text *t, int field, uint64_t n) {
    key(t, field, WIRE_BYTES);
    varint(t, n);
}

void fg_wire_bytes(fg_text *t, int field, const void *data, size_t n) {
    fg_wire_begin(t, field, n);
    if (n) fg_text_addn(t, data, n);
}

void fg_wire_string(fg_text *t, int field, const char *s) {
    fg_wire_bytes(t, field, s, strlen(s));
}

void fg_wire_message(fg_text *t, int field, fg_text *sub) {
    fg_wire_bytes(t, field, sub->data, sub->length);
    fg_text_free(sub);
}

static void fixed_float(fg_text *t, int field, float x) {
    key(t, field, WIRE_FIXED32);
    fg_text_addn(t, (const char *)&x, sizeof x);
}

void fg_wire_entry(fg_text *t, int field, const char *name, const char *value) {
    fg_text sub = fg_text_new(t->ctx);
    fg_wire_string(&sub, 1, name);
    fg_wire_string(&sub, 2, value);
    fg_wire_message(t, field, &sub);
}

/* ---- tensors and types ---- */

enum { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_STRINGS = 6, TENSOR_NAME = 8, TENSOR_RAW = 9 };

static size_t varint_size(uint64_t x) {
    size_t n = 1;
    while (x >>= 7) n++;
    return n;
}

void fg_wire_tensor(fg_text *t, int field, const char *name, const fg_value *v) {
    fg_text head = fg_text_new(t->ctx);
    const int64_t count = fg_shape_count(&v->shape);
    for (int i = 0; i < v->shape.rank; i++) fg_wire_int(&head, TENSOR_DIMS, v->shape.dim[i]);
    fg_wire_int(&head, TENSOR_TYPE, (int64_t)v->dtype);
    fg_wire_string(&head, TENSOR_NAME, name);
    if (v->dtype == FG_STRING) {
        const char *const *strings = v->data;
        for (int64_t i = 0; i < count; i++) fg_wire_string(&head, TENSOR_STRINGS, strings[i]);
        fg_wire_message(t, field, &head);
        return;
    }
    /* Large data are copied once only. */
    const size_t raw = fg_dtype_bytes(v->dtype, count);
    fg_wire_begin(t, field, head.length + 1 + varint_size(raw) + raw);
    fg_text_addn(t, head.data, head.length);
    fg_wire_bytes(t, TENSOR_RAW, v->data, raw);
    fg_text_free(&head);
}

void fg_wire_value_info(fg_text *t, int field, const fg_value *v) {
    if (v->is_sequence || v->dtype == FG_UNDEFINED)
        fg_raise(t->ctx, FG_UNSUPPORTED, "'%s' is no tensor, and only tensors are written", v->name);
    fg_text shape = fg_text_new(t->ctx), tensor = fg_text_new(t->ctx), type = fg_text_new(t->ctx),
            info = fg_text_new(t->ctx);
    for (int i = 0; i < v->shape.rank; i++) {
        fg_text dim = fg_text_new(t->ctx);
        if (!v->extent[i]) fg_wire_int(&dim, 1, v->shape.dim[i]); /* else only a run knows */
        fg_wire_message(&shape, 1, &dim);
    }
    fg_wire_int(&tensor, 1, (int64_t)v->dtype);
    if (v->shape_known) fg_wire_message(&tensor, 2, &shape);
    fg_wire_message(&type, 1, &tensor);
    fg_wire_string(&info, 1, v->name);
    fg_wire_message(&info, 2, &type);
    fg_wire_message(t, field, &info);
    fg_text_free(&shape);
}

/* ---- nodes ---- */

enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };

/* A graph inside an attribute: what it takes from the graphs around it, it takes by name. */
static void inner_graph(fg_text *t, int field, const fg_graph *g) {
    fg_text sub = fg_text_new(t->ctx);
    for (int i = 0; i < g->n_nodes; i++) fg_wire_node(&sub, GRAPH_NODE, g->nodes[i]);
    fg_wire_string(&sub, GRAPH_NAME, g->name && *g->name ? g->name : "body");
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i]->data && !g->values[i]->producer)
            fg_wire_tensor(&sub, GRAPH_INITIALIZER, g->values[i]->name, g->values[i]);
    for (int i = 0; i < g->n_inputs; i++) fg_wire_value_info(&sub, GRAPH_INPUT, g->inputs[i]);
    for (int i = 0; i < g->n_outputs; i++) fg_wire_value_info(&sub, GRAPH_OUTPUT, g->outputs[i]);
    fg_wire_message(t, field, &sub);
}

enum {
    ATTR_NAME = 1,
    ATTR_F = 2,
    ATTR_I = 3,
    ATTR_S = 4,
    ATTR_T = 5,
    ATTR_G = 6,
    ATTR_FLOATS = 7,
    ATTR_INTS = 8,
    ATTR_STRINGS = 9,
    ATTR_TYPE = 20
};

static void attribute(fg_text *t, int field, const fg_node *n, const fg_attr *a) {
    /* AttributeProto.type, by fg_attr_type */
    static const int types[] = {[FG_ATTR_INT] = 2,    [FG_ATTR_FLOAT] = 1,  [FG_ATTR_STRING] = 3,
                                [FG_ATTR_INTS] = 7,   [FG_ATTR_FLOATS] = 6, [FG_ATTR_STRINGS] = 8,
                                [FG_ATTR_TENSOR] = 4, [FG_ATTR_GRAPH] = 5,  [FG_ATTR_OTHER] = 0};
    fg_text sub = fg_text_new(t->ctx);
    fg_wire_string(&sub, ATTR_NAME, a->name);
    if (!types[a->type]) {
        fg_context_set_node(t->ctx, n);
        fg_blame_attribute(t->ctx, a->name);
        fg_raise(t->ctx, FG_UNSUPPORTED, "attributes of this kind are not written");
    }
    if (a->type == FG_ATTR_INT) fg_wire_int(&sub, ATTR_I, a->i);
    if (a->type == FG_ATTR_FLOAT) fixed_float(&sub, ATTR_F, a->f);
    if (a->type == FG_ATTR_STRING) fg_wire_bytes(&sub, ATTR_S, a->s, a->s_len);
    if (a->type == FG_ATTR_TENSOR) fg_wire_tensor(&sub, ATTR_T, "", a->tensor);
    if (a->type == FG_ATTR_GRAPH) inner_graph(&sub, ATTR_G, a->graph);
    for (int i = 0; a->type == FG_ATTR_INTS && i < a->n; i++) fg_wire_int(&sub, ATTR_INTS, a->ints[i]);
    for (int i = 0; a->type == FG_ATTR_FLOATS && i < a->n; i++) fixed_float(&sub, ATTR_FLOATS, a->floats[i]);
    for (int i = 0; a->type == FG_ATTR_STRINGS && i < a->n; i++)
        fg_wire_string(&sub, ATTR_STRINGS, a->strings[i]);
    fg_wire_int(&sub, ATTR_TYPE, types[a->type]);
    fg_wire_message(t, field, &sub);
}

enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_TYPE = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7 };

/* Choose, which inference puts behind the branches of an If, as an If that hands one of its operands on. */
static void choice(fg_text *t, int field, const fg_node *n) {
    static const char *const names[2] = {"then_branch", "else_branch"};
    fg_value *out[2], *in[2] = {n->in[1], n->in[2]};
    fg_node nodes[2], *node[2];
    fg_graph graphs[2];
    fg_attr attrs[2];
    for (int i = 0; i < 2; i++) {
        out[i] = FG_NEW(t->ctx, fg_value);
        *out[i] = *n->out[0];
        out[i]->name = fg_format(t->ctx, "%s/%s", n->out[0]->name, names[i]);
        nodes[i] = (fg_node){.name = "", .op_type = "Identity", .domain = "", .n_in = 1, .n_out = 1};
        nodes[i].in = &in[i];
        nodes[i].out = &out[i];
        node[i] = &nodes[i];
        graphs[i] = (fg_graph){.name = names[i], .nodes = &node[i], .n_nodes = 1, .n_outputs = 1};
        graphs[i].outputs = &out[i];
        attrs[i] = (fg_attr){.name = names[i], .type = FG_ATTR_GRAPH, .graph = &graphs[i]};
    }
    fg_node whole = *n;
    whole.op_type = "If";
    whole.domain = "";
    whole.n_in = 1;
    whole.attr = attrs;
    whole.n_attr = 2;
    fg_wire_node(t, field, &whole);
}

void fg_wire_node(fg_text *t, int field, const fg_node *n) {
    if (strcmp(n->op_type, "Choose") == 0 && strcmp(n->domain, FG_OWN_DOMAIN) == 0) {
        choice(t, field, n);
        return;
    }
    fg_text sub = fg_text_new(t->ctx);
    for (int i = 0; i < n->n_in; i++) fg_wire_string(&sub, NODE_INPUT, n->in[i] ? n->in[i]->name : "");
    for (int i = 0; i < n->n_out; i++) fg_wire_string(&sub, NODE_OUTPUT, n->out[i] ? n->out[i]->name : "");
    if (n->name && *n->name) fg_wire_string(&sub, NODE_NAME, n->name);
    fg_wire_string(&sub, NODE_TYPE, n->op_type);
    for (int i = 0; i < n->n_attr; i++) /* those that inference keeps notes in are ours */
        if (strncmp(n->attr[i].name, "fg_", 3) != 0) attribute(&sub, NODE_ATTRIBUTE, n, &n->attr[i]);
    if (n->domain && *n->domain) fg_wire_string(&sub, NODE_DOMAIN, n->domain);
    fg_wire_message(t, field, &sub);
}
