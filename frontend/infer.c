/* Binding, shape inference and constant folding: one loop over the nodes in topological order, so that a
 * shape computed from constants (Shape, Gather, Concat, Reshape) is known by the time it is needed. */
#include <string.h>

#include "frontend/bounds.h"
#include "frontend/draw.h"
#include "frontend/expand.h"
#include "frontend/extent.h"
#include "frontend/interpret.h"

/* A folded result above this size is kept as a node unless its inputs are as large (a weight reshaped or
 * transposed): ConstantOfShape and Expand would otherwise turn a few bytes of model into gigabytes of
 * weights. */
#define FOLD_BYTES (INT64_C(64) << 20)

static int opset_of(const fg_graph *g, const fg_node *n) {
    if (n->domain == NULL || n->domain[0] == '\0' || strcmp(n->domain, "ai.onnx") == 0) {
        return g->opset;
    }
    if (strcmp(n->domain, "ai.onnx.ml") == 0) {
        return g->opset_ml;
    }
    return 1; /* other domains have one version of our rows */
}

static void bind(fg_graph *g, fg_node *n) {
    const char *domain = n->domain == NULL ? "" : n->domain;
    int opset = opset_of(g, n);
    if (n->op != NULL) {
        return; /* a node that stands for another one may be of a newer opset */
    }
    n->op = fg_op_find(domain, n->op_type, opset);
    if (n->op != NULL) {
        return;
    }
    fg_remedy(g->ctx, "see --list-ops");
    fg_raise(g->ctx, FG_UNSUPPORTED, "operator '%s' (%s, opset %d) is not supported", n->op_type,
             domain[0] == '\0' ? "ai.onnx" : domain, opset);
}

static void check_arity(fg_graph *g, const fg_node *n) {
    const fg_op *op = n->op;
    if (n->n_in < op->min_in || (op->max_in >= 0 && n->n_in > op->max_in)) {
        fg_raise(g->ctx, FG_BAD_MODEL, "%d inputs given; between %d and %d are allowed", n->n_in, op->min_in,
                 op->max_in < 0 ? 1 << 20 : op->max_in);
    }
    for (int i = 0; i < op->min_in; i++) {
        if (n->in[i] == NULL) {
            fg_raise(g->ctx, FG_BAD_MODEL, "input %d is required and absent", i);
        }
    }
    if (op->max_out >= 0 && n->n_out > op->max_out) {
        fg_raise(g->ctx, FG_BAD_MODEL, "%d outputs asked for; the operator has at most %d", n->n_out,
                 op->max_out);
    }
}

static void check_inputs(fg_graph *g, const fg_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v != NULL && !v->shape_known && !v->is_sequence) {
            fg_raise(g->ctx, FG_BAD_MODEL, "shape of operand '%s' is not known", v->name);
        }
    }
    if (n->n_in == 0 || n->in[0] == NULL || n->in[0]->is_sequence) {
        return;
    }
    fg_dtype t = n->in[0]->dtype;
    if ((unsigned)t >= FG_DTYPE_COUNT || (n->op->types & FG_T(t)) == 0) {
        fg_remedy(g->ctx, "see --list-ops");
        fg_raise(g->ctx, FG_UNSUPPORTED, "type %s of operand '%s' is not supported", fg_dtype_get(t)->name,
                 n->in[0]->name);
    }
}

static void check_outputs(fg_graph *g, const fg_node *n) {
    for (int i = 0; i < n->n_out; i++) {
        const fg_value *v = n->out[i];
        if (v != NULL && !v->shape_known && !v->is_sequence) {
            fg_raise(g->ctx, FG_UNSUPPORTED, "shape of output '%s' cannot be inferred", v->name);
        }
    }
}

/* ---- folding ---- */

static int64_t bytes_of(const fg_value *v) {
    return (int64_t)fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape));
}

static bool can_fold(const fg_node *n) {
    if (n->op->reference == NULL || fg_draws(n)) {
        return false;
    }
    int64_t in_bytes = 0;
    for (int i = 0; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v == NULL) {
            continue;
        }
        if (v->data == NULL || v->is_sequence) {
            return false;
        }
        in_bytes += bytes_of(v);
    }
    int64_t limit = in_bytes > FOLD_BYTES ? in_bytes : FOLD_BYTES;
    bool open = false; /* an output without data is left */
    for (int i = 0; i < n->n_out; i++) {
        const fg_value *v = n->out[i];
        if (v == NULL) {
            continue;
        }
        if (v->is_sequence || bytes_of(v) > limit) {
            return false;
        }
        open = open || v->data == NULL;
    }
    return open;
}

static void fold(fg_graph *g, fg_node *n, int64_t *spent) {
    if (!can_fold(n)) {
        return;
    }
    fg_spend_work(g, n, spent);
    fg_tensor *in = FG_ARRAY(g->ctx, n->n_in + 1, fg_tensor);
    fg_tensor *out = FG_ARRAY(g->ctx, n->n_out + 1, fg_tensor);
    for (int i = 0; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v != NULL) {
            in[i] = (fg_tensor){v->dtype, v->shape, (void *)v->data};
        }
    }
    fg_evaluate(g, n, in, out, false);
    for (int i = 0; i < n->n_out; i++) {
        fg_value *v = n->out[i];
        if (v == NULL) {
            continue;
        }
        if (v->data == NULL) {
            v->data = out[i].data;
            v->shape = out[i].shape; /* data-dependent extents are exact now */
            memset(v->extent, 0, sizeof v->extent);
            for (int k = 0; k < n->n_in; k++) {
                v->synthetic = v->synthetic || (n->in[k] && n->in[k]->synthetic);
            }
        } else {
            fg_big_free(g->ctx, out[i].data);
        }
    }
}

/* A node may leave out all its outputs; then there is nothing to infer or to compute. */
static bool has_outputs(const fg_node *n) {
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL) return true;
    }
    return false;
}

/* Other nodes take its place, which are inferred for themselves. */
static bool is_control_flow(const fg_node *n) {
    bool has_graph = false;
    for (int a = 0; a < n->n_attr; a++) {
        has_graph = has_graph || n->attr[a].graph != NULL;
    }
    return has_graph && n->op->reference == NULL && n->op->lowering == NULL;
}

/* True if other nodes, appended to the graph, have taken the node's place. */
static bool infer_bound(fg_graph *g, fg_node *n, int64_t *spent) {
    check_arity(g, n);
    check_inputs(g, n);
    bool replaced = false;
    if (has_outputs(n)) {
        if (fg_has_dynamic_operand(n) && !is_control_flow(n)) {
            fg_infer_extents(g, n);
        } else {
            n->op->infer(g->ctx, g, n);
        }
        replaced = fg_is_replaced(n);
    }
    if (has_outputs(n) && !replaced) {
        check_outputs(g, n);
        fold(g, n, spent);
    }
    return replaced;
}

static bool infer_one(fg_graph *g, fg_node *n, int64_t *spent) {
    fg_context_set_node(g->ctx, n);
    bind(g, n);
    const bool replaced = infer_bound(g, n, spent);
    fg_context_set_node(g->ctx, NULL);
    return replaced;
}

/* Everything may have become constant, so that no node is left that reads an input. */
void fg_infer(fg_graph *g) {
    fg_graph_link(g);
    fg_bound_inputs(g);
    int64_t spent = 0;
    bool replaced = false;
    for (int i = 0; i < g->n_nodes;) {
        int before = g->n_nodes;
        if (infer_one(g, g->nodes[i], &spent)) {
            fg_take_place(g, i, before);
            replaced = true;
        } else {
            fg_bound_results(g, i);
            replaced = replaced || g->n_nodes > before;
            i++;
        }
        if (i == g->n_nodes) {
            replaced = fg_resolve_outputs(g) || replaced; /* may append nodes */
        }
    }
    if (g->n_nodes == 0) replaced = fg_resolve_outputs(g) || replaced;
    if (replaced) {
        fg_renumber(g);
    }
    fg_check_bounds(g);
}

void fg_infer_node(fg_graph *g, fg_node *n) {
    int64_t spent = 0;
    FG_REQUIRE(g->ctx, "inference", !infer_one(g, n, &spent));
}

void fg_infer_bound_node(fg_graph *g, fg_node *n) {
    int64_t spent = 0;
    FG_REQUIRE(g->ctx, "inference", !infer_bound(g, n, &spent));
}
