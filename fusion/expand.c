/* The workbench of expansions, and their table; see expand.h. */
#include "fusion/expand.h"

#include <string.h>

#include "frontend/frontend.h"

static const fg_expander expanders[] = {
    {"", "Attention", fg_ex_attention},
    {"", "CausalConvWithState", fg_ex_causal_conv},
    {"", "Einsum", fg_ex_einsum},
    {"", "RotaryEmbedding", fg_ex_rotary},
    {"com.microsoft", "DynamicQuantizeMatMul", fg_ex_dynamic_matmul},
    {"com.microsoft", "QGemm", fg_ex_qgemm},
    {"com.microsoft", "QLinearConcat", fg_ex_qlinear_concat},
    {"ai.onnx.preview", "FlexAttention", fg_ex_flex_attention},
    {"ai.onnx.ml", "ArrayFeatureExtractor", fg_ex_array_feature_extractor},
    {"ai.onnx.ml", "FeatureVectorizer", fg_ex_feature_vectorizer},
    {"ai.onnx.ml", "Imputer", fg_ex_imputer},
    {"ai.onnx.ml", "LinearClassifier", fg_ex_linear_classifier},
    {"ai.onnx.ml", "LinearRegressor", fg_ex_linear_regressor},
    {"ai.onnx.ml", "Normalizer", fg_ex_normalizer},
    {"ai.onnx.ml", "OneHotEncoder", fg_ex_one_hot_encoder},
    {"ai.onnx.ml", "SVMClassifier", fg_ex_svm_classifier},
    {"ai.onnx.ml", "SVMRegressor", fg_ex_svm_regressor},
    {"ai.onnx.ml", "Scaler", fg_ex_scaler},
    {"ai.onnx.ml", "TreeEnsemble", fg_ex_tree_regressor},
    {"ai.onnx.ml", "TreeEnsembleClassifier", fg_ex_tree_classifier},
    {"ai.onnx.ml", "TreeEnsembleRegressor", fg_ex_tree_regressor},
    {"ai.onnx.ml", "ZipMap", fg_ex_zip_map},
    {"", "SimplifiedLayerNormalization", fg_ex_simplified_norm},
    {"com.microsoft", "Attention", fg_ex_ms_attention},
    {"com.microsoft", "BiasGelu", fg_ex_gelu},
    {"com.microsoft", "EmbedLayerNormalization", fg_ex_embed_norm},
    {"com.microsoft", "FastGelu", fg_ex_gelu},
    {"com.microsoft", "FusedConv", fg_ex_fused_conv},
    {"com.microsoft", "FusedGemm", fg_ex_fused_gemm},
    {"com.microsoft", "FusedMatMul", fg_ex_fused_matmul},
    {"com.microsoft", "Gelu", fg_ex_gelu},
    {"com.microsoft", "MultiHeadAttention", fg_ex_multi_head},
    {"com.microsoft", "QuickGelu", fg_ex_gelu},
    {"com.microsoft", "RotaryEmbedding", fg_ex_ms_rotary},
    {"com.microsoft", "SimplifiedLayerNormalization", fg_ex_simplified_norm},
    {"com.microsoft", "SkipLayerNormalization", fg_ex_skip_norm},
    {"com.microsoft", "SkipSimplifiedLayerNormalization", fg_ex_skip_norm},
    {"com.microsoft", "TransposeMatMul", fg_ex_fused_matmul},
};

fg_value *fg_ex_in(const fg_expansion *x, int i) {
    return i < x->node->n_in ? x->node->in[i] : NULL;
}

bool fg_ex_wanted(const fg_expansion *x, int i) {
    const fg_value *v = i < x->node->n_out ? x->node->out[i] : NULL;
    if (v == NULL) {
        return false;
    }
    const bool pinned = v->id < x->rw->n_uses && x->rw->uses[v->id].pinned;
    return v->is_output || pinned || fg_rw_use_count(x->rw, v) > 0;
}

fg_node *fg_ex_begin(fg_expansion *x, const char *op, int opset, int n_in, fg_value *const *in) {
    static const fg_shape scalar = {.rank = 0};
    fg_node *n = fg_rw_insert(x->rw, x->node, op, opset, n_in, (fg_value **)in, &scalar);
    n->out[0]->shape_known = false;
    n->out[0]->dtype = FG_UNDEFINED;
    return n;
}

fg_value *fg_ex_end(fg_expansion *x, fg_node *n) {
    fg_infer_bound_node(x->rw->g, n);
    fg_value *v = n->out[0];
    if (v->data != NULL) {
        fg_rw_remove(x->rw, n);
    }
    return v;
}

/* ---- operators ---- */

fg_value *fg_ex_unary(fg_expansion *x, const char *op, fg_value *a) {
    return fg_ex_end(x, fg_ex_begin(x, op, 14, 1, &a));
}

fg_value *fg_ex_binary(fg_expansion *x, const char *op, fg_value *a, fg_value *b) {
    fg_value *in[] = {a, b};
    return fg_ex_end(x, fg_ex_begin(x, op, 14, 2, in));
}

fg_value *fg_ex_where(fg_expansion *x, fg_value *condition, fg_value *a, fg_value *b) {
    fg_value *in[] = {condition, a, b};
    return fg_ex_end(x, fg_ex_begin(x, "Where", 14, 3, in));
}

fg_value *fg_ex_cast(fg_expansion *x, fg_value *a, fg_dtype to) {
    if (a->dtype == to) {
        return a;
    }
    fg_node *n = fg_ex_begin(x, "Cast", 13, 1, &a);
    fg_rw_attr_int(x->rw, n, "to", to);
    return fg_ex_end(x, n);
}

static const char *constant_name(const fg_expansion *x) {
    return fg_format(x->rw->ctx, "%s/constant", fg_node_label(x->node));
}

static fg_value *ints(fg_expansion *x, int n, const int64_t *data) {
    return fg_rw_const_ints(x->rw, constant_name(x), n, data);
}

fg_value *fg_ex_reshape(fg_expansion *x, fg_value *a, int rank, const int64_t *dim) {
    fg_shape s = {.rank = rank};
    memcpy(s.dim, dim, (size_t)rank * sizeof *dim);
    if (fg_shape_equal(&a->shape, &s)) {
        return a;
    }
    fg_value *in[] = {a, ints(x, rank, dim)};
    fg_node *n = fg_ex_begin(x, "Reshape", 14, 2, in);
    fg_rw_attr_int(x->rw, n, "allowzero", 1);
    return fg_ex_end(x, n);
}

fg_value *fg_ex_transpose(fg_expansion *x, fg_value *a, const int64_t *perm) {
    int kept = 0;
    while (kept < a->shape.rank && perm[kept] == kept) {
        kept++;
    }
    if (kept == a->shape.rank) {
        return a;
    }
    fg_node *n = fg_ex_begin(x, "Transpose", 13, 1, &a);
    fg_rw_attr_ints(x->rw, n, "perm", a->shape.rank, perm);
    return fg_ex_end(x, n);
}

fg_value *fg_ex_concat(fg_expansion *x, int axis, int n, fg_value *const *parts) {
    if (n == 1) {
        return parts[0];
    }
    fg_node *c = fg_ex_begin(x, "Concat", 13, n, parts);
    fg_rw_attr_int(x->rw, c, "axis", axis);
    return fg_ex_end(x, c);
}

fg_value *fg_ex_slice(fg_expansion *x, fg_value *a, int axis, int64_t from, int64_t count, int64_t step) {
    if (from == 0 && step == 1 && count == a->shape.dim[axis]) {
        return a;
    }
    const int64_t end = from + count * step, at = axis;
    fg_value *in[] = {a, ints(x, 1, &from), ints(x, 1, &end), ints(x, 1, &at), ints(x, 1, &step)};
    return fg_ex_end(x, fg_ex_begin(x, "Slice", 13, 5, in));
}

fg_value *fg_ex_reduce(fg_expansion *x, const char *op, fg_value *a, int64_t axis) {
    fg_value *in[] = {a, ints(x, 1, &axis)};
    return fg_ex_end(x, fg_ex_begin(x, op, 18, 2, in));
}

fg_value *fg_ex_sum(fg_expansion *x, fg_value *a, int n, const int64_t *axes) {
    fg_value *in[] = {a, ints(x, n, axes)};
    fg_node *r = fg_ex_begin(x, "ReduceSum", 13, 2, in);
    fg_rw_attr_int(x->rw, r, "keepdims", 0);
    return fg_ex_end(x, r);
}

fg_value *fg_ex_softmax(fg_expansion *x, fg_value *a, int64_t axis) {
    fg_node *n = fg_ex_begin(x, "Softmax", 13, 1, &a);
    fg_rw_attr_int(x->rw, n, "axis", axis);
    return fg_ex_end(x, n);
}

fg_value *fg_ex_gather(fg_expansion *x, fg_value *data, fg_value *indices, int64_t axis) {
    fg_value *in[] = {data, indices};
    fg_node *n = fg_ex_begin(x, "Gather", 13, 2, in);
    fg_rw_attr_int(x->rw, n, "axis", axis);
    return fg_ex_end(x, n);
}

/* ---- constants ---- */

static void set_element(void *data, fg_dtype t, int64_t i, double value) {
    switch (t) {
    case FG_DOUBLE: ((double *)data)[i] = value; break;
    case FG_FLOAT16: ((uint16_t *)data)[i] = fg_half_from_double(value); break;
    case FG_BFLOAT16: ((uint16_t *)data)[i] = fg_bfloat_from_double(value); break;
    case FG_INT64: ((int64_t *)data)[i] = (int64_t)value; break;
    case FG_BOOL: ((uint8_t *)data)[i] = value != 0; break;
    default: ((float *)data)[i] = (float)value; break;
    }
}

static fg_value *make_const(fg_expansion *x, fg_dtype t, int rank, const int64_t *dim, const double *data,
                            double value) {
    fg_shape s = {.rank = rank};
    for (int d = 0; d < rank; d++) {
        s.dim[d] = dim[d];
    }
    int64_t n = fg_checked_product(x->rw->ctx, rank, dim);
    void *copy = fg_big_alloc(x->rw->ctx, fg_dtype_bytes(t, n > 0 ? n : 1));
    for (int64_t i = 0; i < n; i++) {
        set_element(copy, t, i, data != NULL ? data[i] : value);
    }
    return fg_graph_const(x->rw->g, constant_name(x), t, &s, copy);
}

fg_value *fg_ex_const(fg_expansion *x, fg_dtype t, int rank, const int64_t *dim, const double *data) {
    return make_const(x, t, rank, dim, data, 0);
}

fg_value *fg_ex_scalar(fg_expansion *x, fg_dtype t, double value) {
    return make_const(x, t, 0, NULL, NULL, value);
}

fg_value *fg_ex_fill(fg_expansion *x, fg_dtype t, int rank, const int64_t *dim, double value) {
    return make_const(x, t, rank, dim, NULL, value);
}

/* ---- graphs ---- */

/* What value v of the body is outside; made if it is constant. */
static fg_value *outside(fg_expansion *x, fg_value **map, const fg_value *v) {
    if (v == NULL) {
        return NULL;
    }
    if (map[v->id] == NULL) {
        FG_REQUIRE(x->rw->ctx, "expansion", v->data != NULL);
        map[v->id] = fg_graph_const(x->rw->g, v->name, v->dtype, &v->shape, v->data);
    }
    return map[v->id];
}

static bool is_constant(const fg_node *n) {
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL && n->out[i]->data == NULL) {
            return false;
        }
    }
    return true;
}

static void copy_node(fg_expansion *x, fg_value **map, const fg_node *n) {
    fg_context *ctx = x->rw->ctx;
    fg_value **in = FG_ARRAY(ctx, n->n_in + 1, fg_value *), **out = FG_ARRAY(ctx, n->n_out + 1, fg_value *);
    for (int i = 0; i < n->n_in; i++) {
        in[i] = outside(x, map, n->in[i]);
    }
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] == NULL) {
            continue;
        }
        out[i] = map[n->out[i]->id] = fg_graph_value(x->rw->g, n->out[i]->name);
        out[i]->dtype = n->out[i]->dtype;
        out[i]->shape = n->out[i]->shape;
        out[i]->shape_known = true;
    }
    fg_rw_add(x->rw, x->node, n, in, out);
}

fg_value *fg_ex_splice(fg_expansion *x, const fg_graph *body, fg_value *const *in) {
    fg_value **map = FG_ARRAY(x->rw->ctx, body->n_values + 1, fg_value *);
    for (int i = 0; i < body->n_inputs; i++) {
        map[body->inputs[i]->id] = in[i];
    }
    for (int i = 0; i < body->n_nodes; i++) {
        if (!is_constant(body->nodes[i])) {
            copy_node(x, map, body->nodes[i]);
        }
    }
    return outside(x, map, body->outputs[0]);
}

/* ---- the end ---- */

/* An Identity that writes v, which the rewrites that follow take away again where they can. The first one
 * covers what the node covered. */
static void hand_on(fg_expansion *x, fg_value *from, fg_value *v, fg_node *gone, bool first) {
    fg_node *n = fg_rw_insert(x->rw, gone, "Identity", 13, 1, &from, &v->shape);
    n->out[0]->producer = NULL;
    n->out[0] = v;
    v->producer = n;
    if (first) {
        fg_rw_cover(x->rw, n, gone);
    }
}

void fg_ex_done(fg_expansion *x, int n_out, fg_value *const *out) {
    fg_node *gone = x->node;
    fg_node was = *gone;
    bool first = true;
    fg_value **made = FG_ARRAY(x->rw->ctx, n_out + 1, fg_value *);
    for (int i = 0; i < n_out && i < was.n_out; i++) {
        if (out[i] == NULL || was.out[i] == NULL) {
            continue;
        }
        made[i] = fg_ex_cast(x, out[i], was.out[i]->dtype);
        FG_REQUIRE(x->rw->ctx, "expansion", fg_shape_equal(&made[i]->shape, &was.out[i]->shape));
    }
    fg_rw_remove(x->rw, gone);
    for (int i = 0; i < n_out; i++) {
        if (made[i] != NULL) {
            hand_on(x, made[i], was.out[i], &was, first);
            first = false;
        }
    }
}

static const fg_expander *find(const fg_node *n) {
    for (size_t i = 0; i < FG_COUNT(expanders); i++) {
        if (strcmp(n->op_type, expanders[i].op) == 0 && strcmp(n->domain, expanders[i].domain) == 0) {
            return &expanders[i];
        }
    }
    return NULL;
}

bool fg_rw_expand(fg_rewriter *rw, fg_node *n) {
    const fg_expander *e = find(n);
    if (e == NULL) {
        return false;
    }
    bool wanted = false;
    fg_expansion x = {rw, n};
    for (int i = 0; i < n->n_out; i++) {
        wanted = wanted || fg_ex_wanted(&x, i);
    }
    if (!wanted) {
        return false; /* pruned later */
    }
    return e->expand(&x);
}
