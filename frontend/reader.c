/* The model reader: file, versions, graph. */
#include "frontend/reader.h"

#include "frontend/bounds.h"

#include <string.h>

static void read_opsets(fg_reader *r) {
    const Onnx__ModelProto *m = r->model;
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const char *domain = fg_or_empty(m->opset_import[i]->domain);
        int64_t version = m->opset_import[i]->version;
        bool standard = !*domain || strcmp(domain, "ai.onnx") == 0;
        int known = version > 0 && version < INT32_MAX ? (int)version : INT32_MAX;
        if (strcmp(domain, "ai.onnx.ml") == 0) r->opset_ml = known;
        if (!standard) continue;
        r->opset = known;
        if (version < FG_OPSET_OLDEST || version > FG_OPSET_NEWEST) {
            fg_remedy(r->ctx, "convert the model to an opset from %d to %d", FG_OPSET_OLDEST,
                      FG_OPSET_NEWEST);
            fg_raise(r->ctx, FG_UNSUPPORTED, "opset %lld is not supported", (long long)version);
        }
    }
    if (!m->n_opset_import) fg_raise(r->ctx, FG_BAD_MODEL, "the model imports no operator set");
}

static void check_model(fg_reader *r) {
    const Onnx__ModelProto *m = r->model;
    if (!m->graph) fg_raise(r->ctx, FG_BAD_MODEL, "not an ONNX model: there is no graph in it");
    if (m->ir_version < FG_IR_OLDEST || m->ir_version > INT32_MAX) {
        fg_remedy(r->ctx, "write the model again with a newer exporter");
        fg_raise(r->ctx, FG_UNSUPPORTED, "IR version %lld is not supported", (long long)m->ir_version);
    }
}

/* ---- learned parameters ---- */

/* Mean and variance of BatchNormalization are measured, not learned; Identity hands on what it reads. depth
 * bounds chains of Identity that a hostile model may have. */
static bool is_learned(const fg_value *v, int depth) {
    for (int i = 0; i < v->n_users; i++) {
        const fg_node *n = v->users[i];
        if (strcmp(n->op_type, "Identity") == 0 && !*n->domain && n->n_out && n->out[0]) {
            if (depth == 0 || is_learned(n->out[0], depth - 1)) return true;
            continue;
        }
        bool statistics =
            strcmp(n->op_type, "BatchNormalization") == 0 && n->n_in >= 5 && n->in[1] != v && n->in[2] != v;
        if (!statistics) return true;
    }
    return false;
}

/* Weights are floating or quantised to small integers; wider integers are shapes and indices. */
static bool is_weight(const fg_value *v) {
    const fg_dtype_info *t = fg_dtype_get(v->dtype);
    return t->is_float || (t->is_integer && t->bits <= 8);
}

static void count_parameters(fg_graph *g, const Onnx__GraphProto *p) {
    for (size_t i = 0; i < p->n_initializer; i++) {
        const fg_value *v = fg_graph_find(g, p->initializer[i]->name);
        if (v && is_weight(v) && is_learned(v, 4)) g->parameters += fg_shape_count(&v->shape);
    }
}

fg_graph *fg_read_model(fg_context *ctx, const char *path, const fg_read_options *options) {
    fg_reader r = {.ctx = ctx, .path = path, .options = options};
    fg_context_set_file(ctx, path);
    fg_progress(ctx, "read", 0, 0);
    r.file = fg_file_open(ctx, path, FG_BAD_MODEL);
    r.model = (const Onnx__ModelProto *)fg_unpack(
        ctx, r.file->data, r.file->size, &onnx__model_proto__descriptor, "an ONNX model", &r.scanned);
    check_model(&r);
    read_opsets(&r);
    fg_collect_functions(&r);
    fg_check_bindings(&r, r.model->graph);
    fg_graph *g = fg_read_graph(&r, r.model->graph, NULL);
    for (int i = 0; i < g->n_nodes; i++) g->nodes[i]->index = i;
    fg_file_digest(ctx, r.file, g->sha256);
    g->n_synthetic = r.n_synthetic;
    g->external = r.external;
    count_parameters(g, r.model->graph);
    if (options != NULL) fg_note_bounds(g, options->bounds, options->n_bounds);
    return g;
}
