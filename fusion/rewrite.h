/* The workbench of the canonical forms: a graph under change, with exact use counts and a worklist.
 *
 * Invariants while rewrites run
 * - The users[] of values are stale; the workbench's own use lists are exact. producer is kept right.
 * - A node without outputs is dead: it has been removed and is dropped from graph->nodes at the end.
 * - A value that survives keeps the ref of the value of the graph as read that it equals; a node that
 * survives covers the nodes as read whose work it does.
 * - Every operation costs time in the uses that it touches, never in the size of the graph.
 */
#ifndef FG_FUSION_REWRITE_H
#define FG_FUSION_REWRITE_H

#include "frontend/ops.h"

typedef struct fg_use {
    fg_node *node;
    int slot; /* node->in[slot] was the value when the entry was made; stale if it no longer is */
} fg_use;

typedef struct fg_uses {
    fg_use *at;
    int n, cap;
    int count;   /* uses that are not stale */
    bool pinned; /* read inside a control-flow body too: such a value is neither replaced nor made private */
} fg_uses;

typedef struct fg_rewriter {
    fg_context *ctx;
    fg_graph *g;
    fg_uses *uses; /* by value id */
    int n_uses;
    fg_node **work; /* nodes to look at, first in, first out */
    int head, tail, cap;
} fg_rewriter;

/* A row of the table in canonical.c. */
typedef struct fg_rewrite {
    const char *name;
    const char *ops; /* operator types at which it is tried, separated by spaces; NULL: at all */
    bool always;     /* also under --no-fuse */
    bool (*apply)(fg_rewriter *rw, fg_node *n); /* true if it changed anything */
} fg_rewrite;

fg_rewriter *fg_rw_new(fg_graph *g);
void fg_rw_finish(fg_rewriter *rw); /* drops dead nodes, sorts covers, links and prunes the graph */

void fg_rw_push(fg_rewriter *rw, fg_node *n); /* looks at it again; NULL and dead nodes are ignored */
fg_node *fg_rw_pop(fg_rewriter *rw);          /* NULL when there is nothing left */

/* Nodes that were replaced are dead until fg_rw_finish drops them. How often v is read. */
bool fg_rw_dead(const fg_node *n);
int fg_rw_use_count(const fg_rewriter *rw, const fg_value *v);
/* The node that reads v once, if nobody else does and the graph does not return it; else NULL. */
fg_node *fg_rw_only_user(fg_rewriter *rw, const fg_value *v);
/* The nodes that read v, once for each use, at most `most`; -1: they are more, or others read it too (the
 * graph's caller, bodies of control flow). */
int fg_rw_users(fg_rewriter *rw, const fg_value *v, fg_node **users, int most);
/* v is made by an operator of that type for one reader only: its producer; else NULL. */
fg_node *fg_rw_private(fg_rewriter *rw, const fg_value *v, const char *op_type);

bool fg_is_op(const fg_node *n, const char *op_type);      /* of ai.onnx; NULL is no operator */
bool fg_is_one_of(const fg_node *n, const char *op_types); /* op_types separated by spaces */

void fg_rw_set_in(fg_rewriter *rw, fg_node *n, int slot, fg_value *v); /* slot < n->n_in */
void fg_rw_replace_uses(fg_rewriter *rw, fg_value *old, fg_value *with);
void fg_rw_take_output(fg_rewriter *rw, fg_node *n,
                       fg_node *from); /* n makes from's first output; from dies, covered by n */
void fg_rw_remove(fg_rewriter *rw, fg_node *n);
void fg_rw_cover(fg_rewriter *rw, fg_node *host,
                 const fg_node *n); /* host does n's work too; n is about to die */

/* n only hands on x: removes it if the graph's interface allows. */
bool fg_rw_bypass(fg_rewriter *rw, fg_node *n, fg_value *x);

/* Makes n another operator of ai.onnx (row of that opset), or "DOMAIN:NAME" of another domain (opset 1),
 * without attributes. in is copied. */
void fg_rw_rebuild(fg_rewriter *rw, fg_node *n, const char *op_type, int opset, int n_in, fg_value **in);

/* A new node in front of `before`, which covers nothing; its only output is a new value of that shape. */
fg_node *fg_rw_insert(fg_rewriter *rw, fg_node *before, const char *op_type, int opset, int n_in,
                      fg_value **in, const fg_shape *shape);

/* A new node in front of `before` that does what `model`, of another graph, does; covers nothing. */
fg_node *fg_rw_add(fg_rewriter *rw, const fg_node *before, const fg_node *model, fg_value **in,
                   fg_value **out);

/* Attribute to be set; the node's attributes are copied first because clones share them. */
fg_attr *fg_rw_attr(fg_rewriter *rw, fg_node *n, const char *name, fg_attr_type type);
void fg_rw_attr_ints(fg_rewriter *rw, fg_node *n, const char *name, int count, const int64_t *values);
void fg_rw_attr_float(fg_rewriter *rw, fg_node *n, const char *name, float value);
void fg_rw_attr_text(fg_rewriter *rw, fg_node *n, const char *name, const char *literal); /* not copied */
void fg_rw_attr_int(fg_rewriter *rw, fg_node *n, const char *name, int64_t value);

/* New constants. base: the name is made from it. Data are copied. */
fg_value *fg_rw_const_float(fg_rewriter *rw, const char *base, const fg_shape *shape, const double *data);
fg_value *fg_rw_const_ints(fg_rewriter *rw, const char *base, int count, const int64_t *data);

bool fg_is_const(const fg_value *v);                 /* present, with data */
bool fg_is_scalar(const fg_value *v, double *value); /* a floating-point constant of one element */
bool fg_is_float32(const fg_value *v);
bool fg_near(double a, double b); /* equal as float32 constants that exporters wrote */
/* A constant that broadcasts to `to` and differs along dimension 1 only; out: its value for each of them. */
bool fg_is_per_channel(const fg_value *c, const fg_shape *to, double *out);
const char *fg_auto_pad(const fg_node *n); /* "NOTSET" if absent */

/* ---- the rewrites; each file's own comment tells the forms ---- */
bool fg_rw_identity(fg_rewriter *rw, fg_node *n);
bool fg_rw_dropout(fg_rewriter *rw, fg_node *n);
bool fg_rw_same_shape(fg_rewriter *rw, fg_node *n);
bool fg_rw_noop_cast(fg_rewriter *rw, fg_node *n);
bool fg_rw_noop_transpose(fg_rewriter *rw, fg_node *n);
bool fg_rw_noop_slice(fg_rewriter *rw, fg_node *n);
bool fg_rw_noop_pad(fg_rewriter *rw, fg_node *n);
bool fg_rw_noop_pool(fg_rewriter *rw, fg_node *n);
bool fg_rw_neutral(fg_rewriter *rw, fg_node *n);
bool fg_rw_single_operand(fg_rewriter *rw, fg_node *n);
bool fg_rw_sum_of_two(fg_rewriter *rw, fg_node *n);

bool fg_rw_merge_transposes(fg_rewriter *rw, fg_node *n);
bool fg_rw_unit_transpose(fg_rewriter *rw, fg_node *n);
bool fg_rw_explicit_pads(fg_rewriter *rw, fg_node *n);
bool fg_rw_hoist_factor(fg_rewriter *rw, fg_node *n);
bool fg_rw_merge_views(fg_rewriter *rw, fg_node *n);
bool fg_rw_pad_into_window(fg_rewriter *rw, fg_node *n);
bool fg_rw_global_pool(fg_rewriter *rw, fg_node *n);
bool fg_rw_scatter_slices(fg_rewriter *rw, fg_node *n);

/* n becomes a Reshape of x to its own result's shape. */
void fg_rw_become_reshape(fg_rewriter *rw, fg_node *n, fg_value *x);
bool fg_rw_gather_one(fg_rewriter *rw, fg_node *n);
bool fg_rw_sink_view(fg_rewriter *rw, fg_node *n);
bool fg_rw_unit_views(fg_rewriter *rw, fg_node *n);

bool fg_rw_rows(fg_rewriter *rw, fg_node *n);
/* A new Gather of n rows of x, of rank 2, in front of `before`; at is kept. */
fg_node *fg_rw_gather_rows(fg_rewriter *rw, fg_node *before, fg_value *x, const int32_t *at, int64_t n);
/* Where each of n rows comes to if place i takes row at[i]; false: a row is taken twice. */
bool fg_rw_row_places(const int32_t *at, int64_t n, int32_t *place);

bool fg_rw_activation(fg_rewriter *rw, fg_node *n);
bool fg_rw_layer_norm(fg_rewriter *rw, fg_node *n);
bool fg_rw_layer_norm_affine(fg_rewriter *rw, fg_node *n);
bool fg_rw_rms_norm(fg_rewriter *rw, fg_node *n);
bool fg_rw_focus(fg_rewriter *rw, fg_node *n);
bool fg_rw_pixel_shuffle(fg_rewriter *rw, fg_node *n);
bool fg_rw_group_norm(fg_rewriter *rw, fg_node *n);
bool fg_rw_group_norm_affine(fg_rewriter *rw, fg_node *n);
bool fg_rw_rms_norm_scale(fg_rewriter *rw, fg_node *n);

bool fg_rw_quantised(fg_rewriter *rw, fg_node *n);

bool fg_rw_fold_batch_norm(fg_rewriter *rw, fg_node *n);
bool fg_rw_split_batch_norm(fg_rewriter *rw, fg_node *n);
bool fg_rw_fold_affine(fg_rewriter *rw, fg_node *n);
bool fg_rw_gemm_factors(fg_rewriter *rw, fg_node *n);

#endif
