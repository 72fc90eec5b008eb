/* frontend: ONNX bytes -> graph, and the interpreter that knows the right answer. */
#ifndef FG_FRONTEND_FRONTEND_H
#define FG_FRONTEND_FRONTEND_H

#include "frontend/ops.h"

/* What the command line pins. Arrays are the caller's. */
typedef struct fg_dim_binding {
    const char *name;
    int64_t extent;
} fg_dim_binding; /* --dim batch=1 */
typedef struct fg_shape_binding {
    const char *input;
    fg_shape shape;
} fg_shape_binding; /* --shape in=1x3x224x224 */
typedef struct fg_const_binding {
    const char *input;
    fg_tensor tensor;
} fg_const_binding; /* --const in=file */

typedef struct fg_bound_binding {
    const char *name; /* of a tensor, or NAME:AXIS */
    int64_t most;
} fg_bound_binding; /* --bound boxes:0=100 */

typedef struct fg_read_options {
    const fg_dim_binding *dims;
    int n_dims;
    const fg_shape_binding *shapes;
    int n_shapes;
    const fg_const_binding *consts;
    int n_consts;
    const fg_bound_binding *bounds;
    int n_bounds;
} fg_read_options;

/* Reads a model file: scan, unpack, graph, external data, fill rules, local functions inlined, bindings
 * applied. Nodes are not bound to the operator table yet. Raises FG_BAD_MODEL, FG_UNSUPPORTED (unpinned
 * dimension, size). */
fg_graph *fg_read_model(fg_context *ctx, const char *path, const fg_read_options *options);

/* Binds every node to its operator row, infers dtypes and shapes in topological order, and folds nodes whose
 * inputs are all constant through their reference kernels (their outputs get data; the nodes stay in the
 * list). Removes nothing. */
void fg_infer(fg_graph *g);

/* Infers a single node that a rewrite made (op bound by op_type, domain and g->opset). */
void fg_infer_node(fg_graph *g, fg_node *n);

/* The same for a node whose row is set already; it may be one of a newer opset than the graph's. */
void fg_infer_bound_node(fg_graph *g, fg_node *n);

/* ---- tensors from files ---- */
fg_tensor fg_read_tensor_file(fg_context *ctx, const char *path); /* .npy or .pb (TensorProto) by suffix */

/* ---- reference interpreter ---- */
typedef struct fg_run fg_run;

/* Runs g on inputs (one per graph input, in order). keep: values wanted afterwards (by id, g->n_values
 * flags), or NULL for all; others are freed as soon as their last user has run. float_accumulate: see
 * fg_eval. Counts multiply-adds against limits->work. */
fg_run *fg_interpret(fg_graph *g, const fg_tensor *inputs, const bool *keep, bool float_accumulate);
const fg_tensor *fg_run_value(const fg_run *r, const fg_value *v); /* constants included; NULL if not kept */
void fg_run_free(fg_run *r);

/* Deterministic test data for input v: standard normal floats; integers below v->bound (raises FG_USAGE
 * asking for --input where an index's bound is unknown); bools even odds. The same seed gives the same bits
 * everywhere. */
fg_tensor fg_random_input(fg_context *ctx, const fg_value *v, uint64_t seed);

/* Multiply-adds of Conv, ConvTranspose, Gemm, MatMul; of other operators what inference has set as attribute
 * FG_MACS, 0 if nothing. */
int64_t fg_node_macs(const fg_node *n);

/* The graph as text, one node a line, for --dump and tests. */
void fg_graph_dump(const fg_graph *g, fg_text *out);

#endif
