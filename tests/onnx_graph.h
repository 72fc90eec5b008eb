/* Writes a graph of the IR as an ONNX file, as far as tests make graphs: tensors, numbers, texts and bodies
 * of control flow as attributes. */
#ifndef FG_TESTS_ONNX_GRAPH_H
#define FG_TESTS_ONNX_GRAPH_H

#include "frontend/frontend.h"
#include "onnx_writer.h"

static inline onnx_model onnx_model_of(const fg_graph *g);

static inline void onnx_graph_attribute(pb *attributes, const fg_attr *a) {
    pb b = {0};
    if (a->type == FG_ATTR_INTS) {
        onnx_attribute_ints(attributes, a->name, a->n, a->ints);
        return;
    }
    if (a->type == FG_ATTR_GRAPH) {
        onnx_model body = onnx_model_of(a->graph);
        onnx_attribute_graph(attributes, a->name, &body);
        return;
    }
    pb_string(&b, 1, a->name);
    if (a->type == FG_ATTR_INT) {
        pb_int(&b, 3, a->i);
        pb_int(&b, 20, 2);
    } else if (a->type == FG_ATTR_FLOAT) {
        pb_varint(&b, 2 << 3 | 5);
        pb_add(&b, &a->f, 4);
        pb_int(&b, 20, 1);
    } else {
        pb_bytes(&b, 4, a->s, a->s_len);
        pb_int(&b, 20, 3);
    }
    pb_message(attributes, 5, &b);
}

static inline void onnx_graph_node(onnx_model *m, const fg_node *n) {
    pb node = {0};
    for (int i = 0; i < n->n_in; i++) pb_string(&node, 1, n->in[i] == NULL ? "" : n->in[i]->name);
    for (int i = 0; i < n->n_out; i++) pb_string(&node, 2, n->out[i] == NULL ? "" : n->out[i]->name);
    pb_string(&node, 3, n->name);
    pb_string(&node, 4, n->op_type);
    for (int i = 0; i < n->n_attr; i++) {
        if (strncmp(n->attr[i].name, "fg_", 3) != 0) onnx_graph_attribute(&node, &n->attr[i]);
    }
    pb_message(&m->graph, 1, &node);
}

/* Of values in bodies nothing but the name is known. */
static inline void onnx_graph_end(onnx_model *m, unsigned field, const fg_value *v) {
    if (v->shape_known) {
        onnx_value(m, field, v->name, (int64_t)v->dtype, v->shape.rank, v->shape.dim, NULL);
        return;
    }
    pb value = {0};
    pb_string(&value, 1, v->name);
    pb_message(&m->graph, field, &value);
}

static inline onnx_model onnx_model_of(const fg_graph *g) {
    onnx_model m = onnx_new(g->opset);
    for (int i = 0; i < g->n_nodes; i++) onnx_graph_node(&m, g->nodes[i]);
    for (int i = 0; i < g->n_values; i++) {
        const fg_value *v = g->values[i];
        if (v->data == NULL || v->producer != NULL) continue;
        onnx_initializer(&m, v->name, (int64_t)v->dtype, v->shape.rank, v->shape.dim, v->data,
                         fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape)));
    }
    for (int i = 0; i < g->n_inputs; i++) onnx_graph_end(&m, 11, g->inputs[i]);
    for (int i = 0; i < g->n_outputs; i++) onnx_graph_end(&m, 12, g->outputs[i]);
    return m;
}

static inline void onnx_write_graph(const fg_graph *g, const char *folder, const char *name) {
    onnx_model m = onnx_model_of(g);
    onnx_save(&m, folder, name);
}

#endif
