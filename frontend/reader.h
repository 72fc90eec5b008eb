/* Parts of the model reader that its files share.
 *
 * Strings and small data of the graph are those of the unpacked message, which lives in the context.
 */
#ifndef FG_FRONTEND_READER_H
#define FG_FRONTEND_READER_H

#include "frontend/external.h"
#include "frontend/frontend.h"
#include "frontend/names.h"
#include "frontend/scan.h"
#include "onnx.pb-c.h"

enum { FG_OPSET_OLDEST = 1, FG_OPSET_NEWEST = 28, FG_IR_OLDEST = 3 };

typedef struct fg_reader {
    fg_context *ctx;
    const char *path; /* of the file that is being read; external data lie beside it */
    const fg_file *file;
    fg_scanned scanned;
    fg_file *external; /* files of external data that are open */
    const fg_read_options *options;
    const Onnx__ModelProto *model;
    fg_names functions; /* of Onnx__FunctionProto */
    int opset, opset_ml;
    int n_nodes; /* made so far: calls of functions that call functions multiply */
    size_t work; /* done so far, see fg_charge */
    int n_synthetic;
    fg_graph *graph; /* the main one */
    int cap_inputs;  /* of it */
    bool stale; /* an override changed a fixed dimension: what the file declares of other shapes no longer
                   holds */
} fg_reader;

/* A function that is being inlined: how its body's attribute references resolve. */
typedef struct fg_call {
    const struct fg_call *outer;
    const Onnx__FunctionProto *function;
    const fg_attr *attr; /* of the calling node, then the function's defaults */
    int n_attr, depth;
} fg_call;

/* Where names of values resolve. */
typedef struct fg_scope {
    const struct fg_scope *outer; /* of the graph around; NULL in the main graph and in functions */
    fg_graph *graph;
    fg_names names; /* of fg_value */
    const fg_call *call;
    const char *prefix; /* of names that a function's body makes */
} fg_scope;

static inline const char *fg_or_empty(const char *s) {
    return s ? s : "";
}

/* ---- reader_tensor.c ---- */

/* name: for messages, and the seed of a fill rule. synthetic: set if the data were made. */
fg_tensor fg_read_tensor(fg_reader *r, const Onnx__TensorProto *t, const char *name, bool *synthetic);
fg_tensor fg_read_sparse(fg_reader *r, const Onnx__SparseTensorProto *t, const char *name);
/* Dims of a tensor as the file has them. Raises FG_BAD_MODEL on negative ones, FG_UNSUPPORTED on too many or
 * too large ones. */
fg_shape fg_read_dims(fg_context *ctx, size_t n, const int64_t *dims, const char *name);
fg_dtype fg_read_dtype(fg_context *ctx, int64_t type, const char *name);

/* ---- reader_bind.c ---- */

/* Names in the options must be there. */
void fg_check_bindings(fg_reader *r, const Onnx__GraphProto *graph);
const fg_const_binding *fg_bound_const(const fg_reader *r, const char *input);
/* Type and shape of an input of the main graph, dynamic dimensions pinned; adds it, or the elements that it
 * is a sequence of, to the graph's inputs. */
void fg_bind_input(fg_reader *r, fg_value *v, const Onnx__ValueInfoProto *info);
void fg_bind_const(fg_reader *r, fg_value *v, const Onnx__ValueInfoProto *info, const fg_const_binding *c);
/* What the file declares of any other value; unknown dimensions leave the shape unknown. */
void fg_declare(fg_reader *r, fg_value *v, const Onnx__ValueInfoProto *info);

/* ---- reader_graph.c ---- */

/* Adds v to the main graph's inputs. */
void fg_add_input(fg_reader *r, fg_value *v);
fg_graph *fg_read_graph(fg_reader *r, const Onnx__GraphProto *graph, const fg_scope *outer);
void fg_read_nodes(fg_reader *r, fg_scope *scope, size_t n, Onnx__NodeProto *const *nodes);
/* NULL if nothing has that name, or if it is an optional input that the call of the function left out. */
fg_value *fg_scope_find(const fg_scope *scope, const char *name);
/* The same for what a node reads: raises FG_BAD_MODEL if nothing has that name. */
fg_value *fg_scope_read(const fg_scope *scope, const char *name);
/* Adds the attributes of a node, references to those of the function's call resolved. seed: of fill rules. */
void fg_read_attrs(fg_reader *r, const fg_scope *scope, fg_node *node, size_t n,
                   Onnx__AttributeProto *const *list, const char *seed);

/* Counts nodes, operands, attributes and pieces of text that are made; raises FG_UNSUPPORTED beyond a bound.
 * Calls of functions make a small file large. */
void fg_charge(fg_reader *r, size_t units);

/* ---- inline.c ---- */

/* The model's local functions by domain, name and overload; the one that a node calls, NULL: it is no call.
 */
void fg_collect_functions(fg_reader *r);
const Onnx__FunctionProto *fg_find_function(const fg_reader *r, const Onnx__NodeProto *node);
/* Puts the body of f in the place of the node. call: the node's name, type and attributes; not part of a
 * graph. */
void fg_inline(fg_reader *r, fg_scope *scope, const Onnx__NodeProto *node, const Onnx__FunctionProto *f,
               const fg_node *call);

#endif
