/* Expansion: an operator that is a composition of others is replaced by them before anything else happens,
 * with and without fusion. The reference is still the operator's own kernel on the graph as read, so that an
 * expansion is held to it like every other rewrite.
 *
 * The functions below append operators in front of the node that is being replaced; each returns the one
 * value that its operator makes, inferred, and folded to a constant where its operands are all constant.
 * Operators that would change nothing (a Cast to the same type, a Reshape to the same shape) are left out.
 */
#ifndef FG_FUSION_EXPAND_H
#define FG_FUSION_EXPAND_H

#include "fusion/rewrite.h"

typedef struct fg_expansion {
    fg_rewriter *rw;
    fg_node *node; /* what is being replaced */
} fg_expansion;

/* A row of the table in expand.c. The function ends with fg_ex_done and returns true; or it makes nothing and
 * returns false: the node stays as it is. */
typedef struct fg_expander {
    const char *domain, *op;
    bool (*expand)(fg_expansion *x);
} fg_expander;

/* Input i of the node; NULL if it is absent. */
fg_value *fg_ex_in(const fg_expansion *x, int i);
/* Does anybody read output i? */
bool fg_ex_wanted(const fg_expansion *x, int i);

/* An operator of ai.onnx by its newest row up to that opset ("DOMAIN:NAME": of another domain, opset 1):
 * begin, set attributes (fg_rw_attr_...), end. */
fg_node *fg_ex_begin(fg_expansion *x, const char *op, int opset, int n_in, fg_value *const *in);
fg_value *fg_ex_end(fg_expansion *x, fg_node *n);

fg_value *fg_ex_unary(fg_expansion *x, const char *op, fg_value *a);
fg_value *fg_ex_binary(fg_expansion *x, const char *op, fg_value *a, fg_value *b);
fg_value *fg_ex_where(fg_expansion *x, fg_value *condition, fg_value *a, fg_value *b);
fg_value *fg_ex_cast(fg_expansion *x, fg_value *a, fg_dtype to);
fg_value *fg_ex_reshape(fg_expansion *x, fg_value *a, int rank, const int64_t *dim);
fg_value *fg_ex_transpose(fg_expansion *x, fg_value *a, const int64_t *perm);
fg_value *fg_ex_concat(fg_expansion *x, int axis, int n, fg_value *const *parts);
/* Elements from `from` on, `count` of them, every step-th. */
fg_value *fg_ex_slice(fg_expansion *x, fg_value *a, int axis, int64_t from, int64_t count, int64_t step);
fg_value *fg_ex_reduce(fg_expansion *x, const char *op, fg_value *a, int64_t axis); /* keeps the axis */
fg_value *fg_ex_sum(fg_expansion *x, fg_value *a, int n, const int64_t *axes);      /* drops the axes */
fg_value *fg_ex_softmax(fg_expansion *x, fg_value *a, int64_t axis);
fg_value *fg_ex_gather(fg_expansion *x, fg_value *data, fg_value *indices, int64_t axis);

/* A constant of floating-point type, of bool or of int64, its elements rounded from double. */
fg_value *fg_ex_const(fg_expansion *x, fg_dtype t, int rank, const int64_t *dim, const double *data);
fg_value *fg_ex_scalar(fg_expansion *x, fg_dtype t, double value);
/* A constant of that shape, all elements `value`. */
fg_value *fg_ex_fill(fg_expansion *x, fg_dtype t, int rank, const int64_t *dim, double value);

/* Copies the nodes of a graph that is inferred, has one output and reads nothing from outside; in: its
 * inputs. Returns its output. */
fg_value *fg_ex_splice(fg_expansion *x, const fg_graph *body, fg_value *const *in);

/* The node's outputs are these values (NULL where nobody wants one), cast where the type differs; the node
 * is gone. */
void fg_ex_done(fg_expansion *x, int n_out, fg_value *const *out);

/* The rewrite that applies the table. */
bool fg_rw_expand(fg_rewriter *rw, fg_node *n);

/* ---- the expansions ---- */
bool fg_ex_attention(fg_expansion *x);
bool fg_ex_flex_attention(fg_expansion *x);
bool fg_ex_rotary(fg_expansion *x);
bool fg_ex_causal_conv(fg_expansion *x);
bool fg_ex_einsum(fg_expansion *x);
bool fg_ex_qlinear_concat(fg_expansion *x);
bool fg_ex_dynamic_matmul(fg_expansion *x);
bool fg_ex_qgemm(fg_expansion *x);

bool fg_ex_tree_classifier(fg_expansion *x);
bool fg_ex_tree_regressor(fg_expansion *x);
bool fg_ex_linear_regressor(fg_expansion *x);
bool fg_ex_linear_classifier(fg_expansion *x);
bool fg_ex_svm_regressor(fg_expansion *x);
bool fg_ex_svm_classifier(fg_expansion *x);
bool fg_ex_scaler(fg_expansion *x);
bool fg_ex_zip_map(fg_expansion *x);
bool fg_ex_normalizer(fg_expansion *x);
bool fg_ex_imputer(fg_expansion *x);
bool fg_ex_one_hot_encoder(fg_expansion *x);
bool fg_ex_feature_vectorizer(fg_expansion *x);
bool fg_ex_array_feature_extractor(fg_expansion *x);

bool fg_ex_gelu(fg_expansion *x);
bool fg_ex_simplified_norm(fg_expansion *x);
bool fg_ex_skip_norm(fg_expansion *x);
bool fg_ex_embed_norm(fg_expansion *x);
bool fg_ex_fused_matmul(fg_expansion *x);
bool fg_ex_fused_conv(fg_expansion *x);
bool fg_ex_fused_gemm(fg_expansion *x);
bool fg_ex_ms_rotary(fg_expansion *x);
bool fg_ex_ms_attention(fg_expansion *x);
bool fg_ex_multi_head(fg_expansion *x);

/* ---- what operators of several domains share ---- */

struct fg_rotary;
bool fg_ex_rotate(fg_expansion *x, const struct fg_rotary *r);

/* Operands of attention, batch x heads x length x size, of float or double. */
typedef struct fg_ex_heads {
    fg_value *q, *k, *v;
    fg_value *bias;    /* NULL: none; else broadcasts to batch x heads x queries x keys */
    bool may_hide_all; /* a query may see no key at all, by -infinity in the bias */
} fg_ex_heads;

struct fg_attention;
/* v of batch x length x (heads * size), or by heads already, cast to t. */
fg_value *fg_ex_by_heads(fg_expansion *x, fg_value *v, int64_t heads, fg_dtype t);
/* The result, laid out as the plan says; *scores, unless scores is NULL: what it says to hand out. */
fg_value *fg_ex_attend(fg_expansion *x, const struct fg_attention *a, const fg_ex_heads *h,
                       fg_value **scores);

#endif
