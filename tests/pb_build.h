/* Small models for tests, as messages of the format that are packed to a file. Memory is the context's. */
#ifndef FG_TESTS_PB_BUILD_H
#define FG_TESTS_PB_BUILD_H

#include <stdlib.h>
#include <string.h>

#include "frontend/frontend.h"
#include "onnx.pb-c.h"

#define PB_NEW(ctx, type, init) ((type *)pb_copy((ctx), &(type)init, sizeof(type)))
#define PB_ADD(ctx, list, n, item)                                                                           \
    ((list) = pb_grow((ctx), (list), (n), sizeof *(list)), (list)[(n)++] = (item))

static inline void *pb_copy(fg_context *ctx, const void *p, size_t size) {
    return memcpy(fg_alloc(ctx, 1, size), p, size);
}

static inline void *pb_grow(fg_context *ctx, const void *list, size_t n, size_t width) {
    void *wider = fg_alloc(ctx, n + 1, width);
    if (n) memcpy(wider, list, n * width);
    return wider;
}

static inline Onnx__ModelProto *pb_model(fg_context *ctx, int opset) {
    Onnx__ModelProto *m = PB_NEW(ctx, Onnx__ModelProto, ONNX__MODEL_PROTO__INIT);
    Onnx__OperatorSetIdProto *o = PB_NEW(ctx, Onnx__OperatorSetIdProto, ONNX__OPERATOR_SET_ID_PROTO__INIT);
    m->has_ir_version = o->has_version = 1;
    m->ir_version = 8;
    o->version = opset;
    m->graph = PB_NEW(ctx, Onnx__GraphProto, ONNX__GRAPH_PROTO__INIT);
    m->graph->name = fg_strdup(ctx, "g");
    PB_ADD(ctx, m->opset_import, m->n_opset_import, o);
    return m;
}

/* shape: dimensions between "x", numbers or names, "?" for one with neither; "" is a scalar, NULL no shape at
 * all. */
static inline Onnx__ValueInfoProto *pb_info(fg_context *ctx, const char *name, int type, const char *shape) {
    Onnx__ValueInfoProto *v = PB_NEW(ctx, Onnx__ValueInfoProto, ONNX__VALUE_INFO_PROTO__INIT);
    v->name = fg_strdup(ctx, name);
    v->type = PB_NEW(ctx, Onnx__TypeProto, ONNX__TYPE_PROTO__INIT);
    Onnx__TypeProto__Tensor *t = PB_NEW(ctx, Onnx__TypeProto__Tensor, ONNX__TYPE_PROTO__TENSOR__INIT);
    v->type->tensor_type = t;
    t->has_elem_type = 1;
    t->elem_type = type;
    if (!shape) return v;
    t->shape = PB_NEW(ctx, Onnx__TensorShapeProto, ONNX__TENSOR_SHAPE_PROTO__INIT);
    for (const char *p = shape; *p; p += strcspn(p, "x"), p += *p == 'x') {
        Onnx__TensorShapeProto__Dimension *d =
            PB_NEW(ctx, Onnx__TensorShapeProto__Dimension, ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT);
        bool number = *p == '-' || (*p >= '0' && *p <= '9');
        d->has_dim_value = number;
        d->dim_value = number ? strtoll(p, NULL, 10) : 0;
        if (!number && *p != '?') d->dim_param = fg_strndup(ctx, p, strcspn(p, "x"));
        PB_ADD(ctx, t->shape->dim, t->shape->n_dim, d);
    }
    return v;
}

static inline void pb_input(fg_context *ctx, Onnx__ModelProto *m, const char *name, int type,
                            const char *shape) {
    PB_ADD(ctx, m->graph->input, m->graph->n_input, pb_info(ctx, name, type, shape));
}

static inline void pb_output(fg_context *ctx, Onnx__ModelProto *m, const char *name) {
    PB_ADD(ctx, m->graph->output, m->graph->n_output, pb_info(ctx, name, FG_FLOAT, NULL));
}

/* Names between single spaces; "-" for an absent one. */
static inline void pb_names(fg_context *ctx, const char *names, char ***list, size_t *n) {
    for (const char *p = names; *p; p += strcspn(p, " "), p += *p == ' ') {
        char *name = fg_strndup(ctx, p, *p == '-' ? 0 : strcspn(p, " "));
        PB_ADD(ctx, *list, *n, name);
    }
}

static inline Onnx__NodeProto *pb_make_node(fg_context *ctx, const char *op, const char *in,
                                            const char *out) {
    Onnx__NodeProto *node = PB_NEW(ctx, Onnx__NodeProto, ONNX__NODE_PROTO__INIT);
    node->op_type = fg_strdup(ctx, op);
    pb_names(ctx, in, &node->input, &node->n_input);
    pb_names(ctx, out, &node->output, &node->n_output);
    return node;
}

static inline Onnx__NodeProto *pb_node(fg_context *ctx, Onnx__ModelProto *m, const char *op, const char *in,
                                       const char *out) {
    Onnx__NodeProto *node = pb_make_node(ctx, op, in, out);
    PB_ADD(ctx, m->graph->node, m->graph->n_node, node);
    return node;
}

static inline Onnx__AttributeProto *pb_attr(fg_context *ctx, Onnx__NodeProto *node, const char *name,
                                            int type) {
    Onnx__AttributeProto *a = PB_NEW(ctx, Onnx__AttributeProto, ONNX__ATTRIBUTE_PROTO__INIT);
    a->name = fg_strdup(ctx, name);
    a->has_type = type != 0;
    a->type = type;
    if (node) PB_ADD(ctx, node->attribute, node->n_attribute, a);
    return a;
}

static inline Onnx__TensorProto *pb_make_tensor(fg_context *ctx, const char *name, int type, int rank,
                                                const int64_t *dims) {
    Onnx__TensorProto *t = PB_NEW(ctx, Onnx__TensorProto, ONNX__TENSOR_PROTO__INIT);
    t->name = fg_strdup(ctx, name);
    t->has_data_type = 1;
    t->data_type = type;
    t->n_dims = (size_t)rank;
    t->dims = rank ? pb_copy(ctx, dims, (size_t)rank * sizeof *dims) : NULL;
    return t;
}

static inline Onnx__TensorProto *pb_tensor(fg_context *ctx, Onnx__ModelProto *m, const char *name, int type,
                                           int rank, const int64_t *dims) {
    Onnx__TensorProto *t = pb_make_tensor(ctx, name, type, rank, dims);
    PB_ADD(ctx, m->graph->initializer, m->graph->n_initializer, t);
    return t;
}

static inline void pb_raw(fg_context *ctx, Onnx__TensorProto *t, const void *data, size_t size) {
    t->has_raw_data = 1;
    t->raw_data.len = size;
    t->raw_data.data = pb_copy(ctx, data, size);
}

static inline void pb_entry(fg_context *ctx, Onnx__TensorProto *t, const char *key, const char *value) {
    Onnx__StringStringEntryProto *e =
        PB_NEW(ctx, Onnx__StringStringEntryProto, ONNX__STRING_STRING_ENTRY_PROTO__INIT);
    e->key = fg_strdup(ctx, key);
    e->value = fg_strdup(ctx, value);
    PB_ADD(ctx, t->external_data, t->n_external_data, e);
    t->has_data_location = 1;
    t->data_location = 1;
}

static inline void pb_write(const char *path, const void *data, size_t size) {
    FILE *f = fopen(path, "wb");
    if (f && size) fwrite(data, 1, size, f);
    if (f) fclose(f);
}

static inline size_t pb_pack(fg_context *ctx, const void *message, uint8_t **data) {
    size_t size = protobuf_c_message_get_packed_size(message);
    *data = fg_alloc(ctx, size + 1, 1);
    return protobuf_c_message_pack(message, *data);
}

static inline void pb_save(fg_context *ctx, const void *message, const char *path) {
    uint8_t *data;
    size_t size = pb_pack(ctx, message, &data);
    pb_write(path, data, size);
}

#endif
