/* Operators that stand for other nodes: control flow, sequences, optionals, functions.
 *
 * The infer function of such an operator appends nodes that make its outputs to the graph, or gives the
 * outputs data or items, and then calls fg_replaced: the node is gone, what was appended takes its place and
 * is inferred next. So a chain of such operators resolves step by step, each with everything known of its
 * operands: a branch is chosen when its condition has folded, a loop unrolls iteration by iteration, and a
 * sequence is nothing but a list of values. */
#ifndef FG_FRONTEND_EXPAND_H
#define FG_FRONTEND_EXPAND_H

#include "frontend/ops.h"

/* n has stepped aside; its outputs are made by others. */
void fg_replaced(fg_node *n);
bool fg_is_replaced(const fg_node *n);

/* ---- building, in the place of n ---- */

/* Appends a node of ai.onnx that makes a new value. in is copied. */
fg_value *fg_put(fg_graph *g, const fg_node *n, const char *op_type, int n_in, fg_value *const *in);
/* The same for an operator of several results; out: existing values or NULL entries, which are filled in. */
fg_node *fg_put_node(fg_graph *g, const fg_node *n, const char *op_type, int n_in, fg_value *const *in,
                     int n_out, fg_value **out);
/* An Identity from v, tensor or sequence, to output i of n. */
void fg_put_output(fg_graph *g, const fg_node *n, int i, fg_value *v);
void fg_put_int(fg_graph *g, fg_value *v, const char *attr, int64_t i); /* attribute of v's producer */
/* Constants: n int64 in a list, or one as a scalar (count -1); a bool. */
fg_value *fg_put_ints(fg_graph *g, const fg_node *n, int count, const int64_t *values);
fg_value *fg_put_bool(fg_graph *g, const fg_node *n, bool b);
/* v with an axis of extent 1 added or removed, in the form of the graph's opset. */
fg_value *fg_put_unsqueezed(fg_graph *g, const fg_node *n, fg_value *v, int64_t axis);
fg_value *fg_put_squeezed(fg_graph *g, const fg_node *n, fg_value *v, int64_t axis);
/* Values of one shape side by side along a new axis; n_items > 0. */
fg_value *fg_put_stacked(fg_graph *g, const fg_node *n, int n_items, fg_value *const *items, int64_t axis);
/* x cut along the axis into `count` pieces of these extents (NULL: of 1). */
void fg_put_split(fg_graph *g, const fg_node *n, fg_value *x, int64_t axis, int count, const int64_t *extents,
                  fg_value **pieces);

/* ---- sequences ---- */

/* Output i of n becomes a sequence of these values; items is copied. */
void fg_set_items(fg_graph *g, fg_node *n, int i, int n_items, fg_value *const *items);
/* A sequence that has one element more than s. */
fg_value *fg_put_longer(fg_graph *g, const fg_value *s, fg_value *item);
/* Output i of n becomes what v is. */
void fg_pass_items(fg_node *n, int i, const fg_value *v);
/* Raises FG_UNSUPPORTED unless the items of operand i are known. */
const fg_value *fg_need_items(fg_context *ctx, const fg_node *n, int i);

/* Raises FG_UNSUPPORTED, saying how to bind it, unless operand i is constant. Declared shapes do not help. */
void fg_require_const(fg_context *ctx, const fg_node *n, int i, const char *operand);

/* ---- for fg_infer ---- */

/* The nodes from `before` on take the place of node i. Raises FG_UNSUPPORTED when the graph gets too large.
 */
void fg_take_place(fg_graph *g, int i, int before);
/* Graph outputs that are sequences become their items, "NAME[0]" and so on. True if there were any. */
bool fg_resolve_outputs(fg_graph *g);
/* Numbers nodes by their place and links the graph again. */
void fg_renumber(fg_graph *g);

#endif
