/* The operators of ai.onnx.ml as compositions of ai.onnx's. Trees are the exception: what is left of them is
 * a TreeEnsembleRegressor that adds up leaves. */
#include <math.h>
#include <string.h>

#include "frontend/ml.h"
#include "fusion/expand.h"

/* ---- values ---- */

static fg_value *as_float(fg_expansion *x) {
    return fg_ex_cast(x, fg_ex_in(x, 0), FG_FLOAT);
}

/* Floats as they are, rank 0 for a single one. */
static fg_value *floats(fg_expansion *x, int rank, const int64_t *dim, const float *data) {
    const fg_shape s = {rank, {rank > 0 ? dim[0] : 0, rank > 1 ? dim[1] : 0}};
    const size_t bytes = (size_t)fg_shape_count(&s) * sizeof(float);
    float *copy = fg_big_alloc(x->rw->ctx, bytes + 1);
    if (bytes > 0) {
        memcpy(copy, data, bytes);
    }
    return fg_graph_const(x->rw->g, fg_format(x->rw->ctx, "%s/weights", fg_node_label(x->node)), FG_FLOAT, &s,
                          copy);
}

static fg_value *float_list(fg_expansion *x, fg_floats f) {
    const int64_t n = f.n;
    return floats(x, f.n == 1 ? 0 : 1, &n, f.at);
}

/* The input as rows of features. */
static fg_value *as_rows(fg_expansion *x) {
    const fg_rows r = fg_rows_of(x->rw->ctx, x->node);
    return fg_ex_reshape(x, as_float(x), 2, (const int64_t[]){r.rows, r.features});
}

/* a (rows x k) times w^T (targets x k), plus bias. */
static fg_value *product(fg_expansion *x, fg_value *a, fg_value *w, fg_value *bias) {
    fg_value *in[] = {a, w, bias};
    fg_node *n = fg_ex_begin(x, "Gemm", 13, bias != NULL ? 3 : 2, in);
    fg_rw_attr_int(x->rw, n, "transB", 1);
    return fg_ex_end(x, n);
}

/* ---- scores and labels ---- */

/* Scores of (nearly) 0 stay so. */
static fg_value *softmax_zero(fg_expansion *x, fg_value *v) {
    fg_value *most = fg_ex_reduce(x, "ReduceMax", v, 1);
    fg_value *small =
        fg_ex_binary(x, "LessOrEqual", fg_ex_unary(x, "Abs", v), fg_ex_scalar(x, FG_FLOAT, 1e-7));
    fg_value *kept = fg_ex_binary(x, "Mul", v, fg_ex_unary(x, "Exp", fg_ex_unary(x, "Neg", most)));
    fg_value *grown = fg_ex_unary(x, "Exp", fg_ex_binary(x, "Sub", v, most));
    fg_value *terms = fg_ex_where(x, small, kept, grown), *sum = fg_ex_reduce(x, "ReduceSum", terms, 1);
    fg_value *none = fg_ex_binary(x, "Equal", sum, fg_ex_scalar(x, FG_FLOAT, 0));
    return fg_ex_where(x, none, fg_ex_scalar(x, FG_FLOAT, 0.5), fg_ex_binary(x, "Div", terms, sum));
}

/* Winitzki's approximation of the inverse error function, which ONNX's probit is defined by. */
static fg_value *probit(fg_expansion *x, fg_value *p) {
    fg_value *one = fg_ex_scalar(x, FG_FLOAT, 1), *two = fg_ex_scalar(x, FG_FLOAT, 2);
    fg_value *t = fg_ex_binary(x, "Sub", fg_ex_binary(x, "Mul", p, two), one);
    fg_value *l = fg_ex_unary(
        x, "Log", fg_ex_binary(x, "Mul", fg_ex_binary(x, "Sub", one, t), fg_ex_binary(x, "Add", one, t)));
    fg_value *v = fg_ex_binary(x, "Add", fg_ex_binary(x, "Mul", l, fg_ex_scalar(x, FG_FLOAT, 0.5)),
                               fg_ex_scalar(x, FG_FLOAT, 2 / (3.14159265358979323846 * 0.147)));
    fg_value *inside = fg_ex_binary(x, "Sub", fg_ex_binary(x, "Mul", v, v),
                                    fg_ex_binary(x, "Mul", l, fg_ex_scalar(x, FG_FLOAT, 1 / 0.147)));
    fg_value *root = fg_ex_unary(x, "Sqrt", fg_ex_binary(x, "Sub", fg_ex_unary(x, "Sqrt", inside), v));
    root = fg_ex_binary(x, "Mul", root, fg_ex_scalar(x, FG_FLOAT, 1.41421356));
    fg_value *negative = fg_ex_binary(x, "Less", t, fg_ex_scalar(x, FG_FLOAT, 0));
    return fg_ex_where(x, negative, fg_ex_unary(x, "Neg", root), root);
}

static fg_value *post_transform(fg_expansion *x, fg_post post, fg_value *v) {
    switch (post) {
    case FG_POST_SOFTMAX: return fg_ex_softmax(x, v, 1);
    case FG_POST_LOGISTIC: return fg_ex_unary(x, "Sigmoid", v);
    case FG_POST_SOFTMAX_ZERO: return softmax_zero(x, v);
    case FG_POST_PROBIT: return probit(x, v);
    default: return v;
    }
}

/* The labels of these indices. */
static fg_value *labels(fg_expansion *x, fg_value *which) {
    const fg_labels l = fg_labels_of(x->rw->ctx, x->node);
    const char *name = fg_format(x->rw->ctx, "%s/labels", fg_node_label(x->node));
    const fg_shape s = {1, {l.n}};
    fg_value *list = l.strings != NULL ? fg_graph_const(x->rw->g, name, FG_STRING, &s, l.strings)
                                       : fg_rw_const_ints(x->rw, name, l.n, l.ints);
    return fg_ex_gather(x, list, which, 0);
}

static fg_value *largest(fg_expansion *x, fg_value *scores) {
    fg_node *n = fg_ex_begin(x, "ArgMax", 13, 1, &scores);
    fg_rw_attr_int(x->rw, n, "axis", 1);
    fg_rw_attr_int(x->rw, n, "keepdims", 0);
    return fg_ex_end(x, n);
}

/* A label and scores for every class. */
static void classes(fg_expansion *x, fg_post post, fg_value *scores) {
    fg_value *out[] = {fg_ex_wanted(x, 0) ? labels(x, largest(x, scores)) : NULL,
                       fg_ex_wanted(x, 1) ? post_transform(x, post, scores) : NULL};
    fg_ex_done(x, 2, out);
}

/* One score (rows x 1) that tells two classes apart. */
typedef struct border {
    double at; /* above it lies the second class, or the first one if `first` */
    bool first;
    bool complement; /* the scores are 1 - score and score, else -score and score */
    bool alone;      /* the scores are 0 and score */
} border;

static fg_value *two_scores(fg_expansion *x, fg_post post, const border *b, fg_value *score) {
    fg_value *other = b->complement ? fg_ex_binary(x, "Sub", fg_ex_scalar(x, FG_FLOAT, 1), score)
                                    : fg_ex_unary(x, "Neg", score);
    if (b->alone) {
        other = fg_ex_fill(x, FG_FLOAT, 2, score->shape.dim, 0);
    } else if (post == FG_POST_LOGISTIC) {
        other = fg_ex_unary(x, "Neg", score);
    }
    fg_value *both = fg_ex_concat(x, 1, 2, (fg_value *[]){other, score});
    return b->alone || post == FG_POST_LOGISTIC ? post_transform(x, post, both) : both;
}

static void two_classes(fg_expansion *x, fg_post post, border b, fg_value *score) {
    const int64_t rows = score->shape.dim[0];
    fg_value *above =
        fg_ex_binary(x, b.first ? "LessOrEqual" : "Greater", score, fg_ex_scalar(x, FG_FLOAT, b.at));
    fg_value *which = fg_ex_reshape(x, fg_ex_cast(x, above, FG_INT64), 1, &rows);
    fg_value *out[] = {fg_ex_wanted(x, 0) ? labels(x, which) : NULL,
                       fg_ex_wanted(x, 1) ? two_scores(x, post, &b, score) : NULL};
    fg_ex_done(x, 2, out);
}

/* ---- trees ---- */

static void copy_attr(fg_expansion *x, fg_node *to, const char *name, const char *as) {
    const fg_attr *from = fg_node_attr(x->node, name);
    if (from == NULL) {
        return;
    }
    fg_attr *a = fg_rw_attr(x->rw, to, as, from->type);
    const char *own = a->name;
    *a = *from;
    a->name = own;
}

/* The operator that adds up leaves, without attributes: TreeEnsemble itself, else TreeEnsembleRegressor. */
static fg_node *begin_sums(fg_expansion *x) {
    const bool newest = strcmp(x->node->op_type, "TreeEnsemble") == 0;
    fg_value *in = fg_ex_in(x, 0);
    fg_node *n = fg_ex_begin(x, "Identity", 13, 1, &in);
    n->op_type = newest ? "TreeEnsemble" : "TreeEnsembleRegressor";
    n->domain = "ai.onnx.ml";
    n->op = fg_op_find(n->domain, n->op_type, newest ? 5 : 3);
    return n;
}

/* Attributes of a classifier under the names that a regressor has for them; those of a regressor as they are.
 */
static void copy_attrs(fg_expansion *x, fg_node *to) {
    static const char *const own[] = {"post_transform", "n_targets", "base_values", "base_values_as_tensor",
                                      FG_MACS};
    for (int i = 0; i < x->node->n_attr; i++) {
        const char *name = x->node->attr[i].name;
        bool copied = strncmp(name, "classlabels", 11) != 0;
        for (size_t k = 0; k < FG_COUNT(own); k++) {
            copied = copied && strcmp(name, own[k]) != 0;
        }
        if (copied && strncmp(name, "class_", 6) == 0) {
            copy_attr(x, to, name, fg_format(x->rw->ctx, "target_%s", name + 6));
        } else if (copied) {
            copy_attr(x, to, name, name);
        }
    }
}

/* The sums of the node's trees, without labels or post-transform. one: all weights belong to one target. */
static fg_value *sums(fg_expansion *x, const fg_forest *f, bool one) {
    fg_context *ctx = x->rw->ctx;
    fg_node *n = begin_sums(x);
    copy_attrs(x, n);
    if (one) {
        int64_t *ids = FG_ARRAY(ctx, f->n_weights + 1, int64_t);
        fg_rw_attr_ints(x->rw, n, "target_ids", f->n_weights, ids);
    }
    fg_rw_attr_int(x->rw, n, "n_targets", one ? 1 : f->n_targets);
    if (f->base != NULL) {
        const int first = one && f->n_weights > 0 ? f->target[0] : 0, count = one ? 1 : f->n_targets;
        float *base = FG_ARRAY(ctx, count, float);
        for (int i = 0; i < count; i++) {
            base[i] = (float)f->base[first + i];
        }
        fg_attr *a = fg_rw_attr(x->rw, n, "base_values", FG_ATTR_FLOATS);
        a->floats = base;
        a->n = count;
    }
    return fg_ex_end(x, n);
}

bool fg_ex_tree_classifier(fg_expansion *x) {
    const fg_forest *f = fg_forest_of(x->rw->ctx, x->node);
    const bool one = f->n_targets == 2 && f->one_class;
    fg_value *scores = sums(x, f, one);
    if (one) {
        two_classes(x, f->post,
                    (border){.at = f->all_positive ? 0.5 : 0,
                             .complement = f->all_positive,
                             .alone = f->n_weights > 0 && f->target[0] == 1},
                    scores);
    } else {
        classes(x, f->post, scores);
    }
    return true;
}

/* Without a post-transform the operator stays what it is. */
bool fg_ex_tree_regressor(fg_expansion *x) {
    const fg_forest *f = fg_forest_of(x->rw->ctx, x->node);
    if (f->post == FG_POST_NONE) {
        return false;
    }
    fg_value *out = post_transform(x, f->post, sums(x, f, false));
    fg_ex_done(x, 1, &out);
    return true;
}

/* ---- linear models ---- */

static fg_value *linear_scores(fg_expansion *x) {
    const fg_linear l = fg_linear_of(x->rw->ctx, x->node);
    fg_value *w = floats(x, 2, (const int64_t[]){l.targets, l.features}, l.coefficient);
    fg_value *bias = l.intercept != NULL ? floats(x, 1, &l.targets, l.intercept) : NULL;
    return product(x, as_rows(x), w, bias);
}

bool fg_ex_linear_regressor(fg_expansion *x) {
    fg_value *out = post_transform(x, fg_post_of(x->rw->ctx, x->node), linear_scores(x));
    fg_ex_done(x, 1, &out);
    return true;
}

bool fg_ex_linear_classifier(fg_expansion *x) {
    const fg_post post = fg_post_of(x->rw->ctx, x->node);
    fg_value *scores = linear_scores(x);
    if (scores->shape.dim[1] == 1 && fg_labels_of(x->rw->ctx, x->node).n == 2) {
        two_classes(x, post, (border){.complement = true}, scores);
    } else {
        classes(x, post, scores);
    }
    return true;
}

/* ---- support vectors ---- */

/* Distances are summed from differences: |x|^2 + |v|^2 - 2xv would cancel. */
static fg_value *distances(fg_expansion *x, const fg_svm *s, fg_value *rows) {
    const int64_t n = rows->shape.dim[0];
    fg_value *a = fg_ex_reshape(x, rows, 3, (const int64_t[]){n, 1, s->features});
    fg_value *v = floats(x, 2, (const int64_t[]){s->vectors, s->features}, s->vector);
    fg_value *sum = fg_ex_reduce(x, "ReduceSumSquare", fg_ex_binary(x, "Sub", a, v), 2);
    return fg_ex_reshape(x, sum, 2, (const int64_t[]){n, s->vectors});
}

/* The kernel of every row with every support vector. */
static fg_value *kernels(fg_expansion *x, const fg_svm *s) {
    fg_value *rows = as_rows(x);
    if (s->kernel == FG_KERNEL_RBF) {
        return fg_ex_unary(
            x, "Exp", fg_ex_binary(x, "Mul", distances(x, s, rows), fg_ex_scalar(x, FG_FLOAT, -s->gamma)));
    }
    fg_value *k = product(x, rows, floats(x, 2, (const int64_t[]){s->vectors, s->features}, s->vector), NULL);
    if (s->kernel == FG_KERNEL_LINEAR) {
        return k;
    }
    k = fg_ex_binary(x, "Add", fg_ex_binary(x, "Mul", k, fg_ex_scalar(x, FG_FLOAT, s->gamma)),
                     fg_ex_scalar(x, FG_FLOAT, s->coef0));
    if (s->kernel == FG_KERNEL_SIGMOID) {
        return fg_ex_unary(x, "Tanh", k);
    }
    return fg_ex_binary(x, "Pow", k, fg_ex_scalar(x, FG_FLOAT, s->degree));
}

bool fg_ex_svm_regressor(fg_expansion *x) {
    const fg_svm s = fg_svm_of(x->rw->ctx, x->node);
    const int64_t terms = s.vectors > 0 ? s.vectors : s.features, one = 1;
    fg_value *w = floats(x, 2, (const int64_t[]){1, terms}, s.coefficient);
    fg_value *score =
        product(x, s.vectors > 0 ? kernels(x, &s) : as_rows(x), w, floats(x, 1, &one, s.rho.at));
    if (fg_attr_int(x->node, "one_class", 0) != 0) {
        fg_value *inside = fg_ex_binary(x, "Greater", score, fg_ex_scalar(x, FG_FLOAT, 0));
        score = fg_ex_where(x, inside, fg_ex_scalar(x, FG_FLOAT, 1), fg_ex_scalar(x, FG_FLOAT, -1));
    }
    fg_value *out = post_transform(x, fg_post_of(x->rw->ctx, x->node), score);
    fg_ex_done(x, 1, &out);
    return true;
}

/* Coefficients (pairs x vectors) of the decision of every pair of classes. */
static fg_value *pair_weights(fg_expansion *x, const fg_svm *s, int64_t pairs) {
    const int64_t dim[] = {pairs, s->vectors};
    const int64_t count = fg_checked_product(x->rw->ctx, 2, dim);
    float *w = fg_big_alloc(x->rw->ctx, (size_t)count * sizeof(float) + 1);
    int64_t at = 0, first_i = 0;
    for (int i = 0; i < s->classes; first_i += s->per_class[i++]) {
        int64_t first_j = first_i + s->per_class[i];
        for (int j = i + 1; j < s->classes; first_j += s->per_class[j++], at++) {
            for (int64_t v = first_i; v < first_i + s->per_class[i]; v++) {
                w[at * s->vectors + v] = s->coefficient[(int64_t)(j - 1) * s->vectors + v];
            }
            for (int64_t v = first_j; v < first_j + s->per_class[j]; v++) {
                w[at * s->vectors + v] = s->coefficient[(int64_t)i * s->vectors + v];
            }
        }
    }
    fg_value *value = floats(x, 2, dim, w);
    fg_big_free(x->rw->ctx, w);
    return value;
}

/* How many of its pairs each class wins: the first of a pair by a positive score. */
static fg_value *votes(fg_expansion *x, const fg_svm *s, int64_t pairs, fg_value *scores) {
    float *w = fg_big_alloc(x->rw->ctx, (size_t)(pairs * s->classes + s->classes) * sizeof(float));
    float *start = w + pairs * s->classes;
    int64_t at = 0;
    const int64_t n = s->classes;
    for (int i = 0; i < s->classes; i++) {
        for (int j = i + 1; j < s->classes; j++, at++) {
            w[i * pairs + at] = 1;
            w[j * pairs + at] = -1;
            start[j]++;
        }
    }
    fg_value *won = fg_ex_binary(x, "Greater", scores, fg_ex_scalar(x, FG_FLOAT, 0));
    fg_value *sum = product(x, fg_ex_cast(x, won, FG_FLOAT), floats(x, 2, (const int64_t[]){n, pairs}, w),
                            floats(x, 1, &n, start));
    fg_big_free(x->rw->ctx, w);
    return sum;
}

bool fg_ex_svm_classifier(fg_expansion *x) {
    const fg_svm s = fg_svm_of(x->rw->ctx, x->node);
    const fg_post post = fg_post_of(x->rw->ctx, x->node);
    const int64_t pairs = (int64_t)s.classes * (s.classes - 1) / 2, n = s.classes;
    if (s.vectors == 0) {
        const int64_t dim[] = {n, s.features};
        classes(x, post,
                product(x, as_rows(x), floats(x, 2, dim, s.coefficient), floats(x, 0, NULL, s.rho.at)));
        return true;
    }
    if (s.prob_a.n > 0) {
        return false; /* their coupling is an iteration */
    }
    fg_value *scores = product(x, kernels(x, &s), pair_weights(x, &s, pairs), floats(x, 1, &pairs, s.rho.at));
    if (s.classes == 2) {
        two_classes(x, post, (border){.first = true}, scores);
    } else {
        fg_value *out[] = {fg_ex_wanted(x, 0) ? labels(x, largest(x, votes(x, &s, pairs, scores))) : NULL,
                           fg_ex_wanted(x, 1) ? post_transform(x, post, scores) : NULL};
        fg_ex_done(x, 2, out);
    }
    return true;
}

/* ---- features ---- */

bool fg_ex_scaler(fg_expansion *x) {
    const fg_floats offset = fg_floats_of(x->node, "offset"), scale = fg_floats_of(x->node, "scale");
    fg_value *v = as_float(x);
    if (offset.n > 0) {
        v = fg_ex_binary(x, "Sub", v, float_list(x, offset));
    }
    if (scale.n > 0) {
        v = fg_ex_binary(x, "Mul", v, float_list(x, scale));
    }
    fg_ex_done(x, 1, &v);
    return true;
}

bool fg_ex_normalizer(fg_expansion *x) {
    const char *norm = fg_attr_string(x->node, "norm", "MAX");
    const char *reduce = norm[0] == 'M' ? "ReduceMax" : norm[1] == '1' ? "ReduceL1" : "ReduceL2";
    fg_value *v = as_float(x);
    fg_value *by = fg_ex_reduce(x, reduce, v, v->shape.rank - 1), *zero = fg_ex_scalar(x, FG_FLOAT, 0);
    by = fg_ex_where(x, fg_ex_binary(x, "Equal", by, zero), fg_ex_scalar(x, FG_FLOAT, 1), by);
    v = fg_ex_binary(x, "Div", v, by);
    fg_ex_done(x, 1, &v);
    return true;
}

static fg_value *imputed(fg_expansion *x, fg_dtype t) {
    const fg_floats f = fg_floats_of(x->node, "imputed_value_floats");
    const fg_attr *a = fg_attr_of(x->node, "imputed_value_int64s", FG_ATTR_INTS);
    if (fg_dtype_get(t)->is_float) {
        return fg_ex_cast(x, float_list(x, f), t);
    }
    return fg_ex_cast(x, fg_rw_const_ints(x->rw, fg_node_label(x->node), a->n, a->ints), t);
}

bool fg_ex_imputer(fg_expansion *x) {
    fg_value *v = fg_ex_in(x, 0);
    const fg_dtype t = v->dtype;
    const float missing = fg_attr_float(x->node, "replaced_value_float", 0);
    const int64_t missing_whole = fg_attr_int(x->node, "replaced_value_int64", 0);
    fg_value *at;
    if (fg_dtype_get(t)->is_float && isnan(missing)) {
        at = fg_ex_unary(x, "IsNaN", v);
    } else if (fg_dtype_get(t)->is_float) {
        at = fg_ex_binary(x, "Equal", v, fg_ex_scalar(x, t, (double)missing));
    } else {
        fg_value *one = fg_rw_const_ints(x->rw, fg_node_label(x->node), 1, &missing_whole);
        at = fg_ex_binary(x, "Equal", v, fg_ex_cast(x, one, t));
    }
    v = fg_ex_where(x, at, imputed(x, t), v);
    fg_ex_done(x, 1, &v);
    return true;
}

bool fg_ex_one_hot_encoder(fg_expansion *x) {
    fg_value *v = fg_ex_in(x, 0), *cats;
    const fg_attr *ints = fg_node_attr(x->node, "cats_int64s"),
                  *strings = fg_node_attr(x->node, "cats_strings");
    const char *name = fg_format(x->rw->ctx, "%s/categories", fg_node_label(x->node));
    int64_t dim[FG_MAX_RANK];
    memcpy(dim, v->shape.dim, sizeof dim);
    dim[v->shape.rank] = 1;
    if (v->dtype == FG_STRING) {
        const fg_shape s = {1, {strings->n}};
        cats = fg_graph_const(x->rw->g, name, FG_STRING, &s, strings->strings);
    } else {
        v = fg_ex_cast(x, v, FG_INT64);
        cats = fg_rw_const_ints(x->rw, name, ints->n, ints->ints);
    }
    v = fg_ex_binary(x, "Equal", fg_ex_reshape(x, v, v->shape.rank + 1, dim), cats);
    fg_ex_done(x, 1, &v);
    return true;
}

bool fg_ex_feature_vectorizer(fg_expansion *x) {
    const fg_attr *dims = fg_attr_of(x->node, "inputdimensions", FG_ATTR_INTS);
    fg_value **part = FG_ARRAY(x->rw->ctx, 2 * x->node->n_in, fg_value *);
    int n = 0;
    for (int i = 0; i < x->node->n_in; i++) {
        fg_value *v = fg_ex_cast(x, fg_ex_in(x, i), FG_FLOAT);
        const int64_t rows = v->shape.dim[0], features = v->shape.rank == 2 ? v->shape.dim[1] : 1;
        const int64_t width = dims != NULL ? dims->ints[i] : features;
        v = fg_ex_reshape(x, v, 2, (const int64_t[]){rows, features});
        if (width > 0 && features > 0) {
            part[n++] = fg_ex_slice(x, v, 1, 0, width < features ? width : features, 1);
        }
        if (width > features) {
            part[n++] = fg_ex_fill(x, FG_FLOAT, 2, (const int64_t[]){rows, width - features}, 0);
        }
    }
    fg_value *out = n > 0
                        ? fg_ex_concat(x, 1, n, part)
                        : fg_ex_fill(x, FG_FLOAT, 2, (const int64_t[]){x->node->out[0]->shape.dim[0], 0}, 0);
    fg_ex_done(x, 1, &out);
    return true;
}

bool fg_ex_array_feature_extractor(fg_expansion *x) {
    fg_value *v = fg_ex_in(x, 0), *at = fg_ex_in(x, 1);
    const int64_t count = fg_shape_count(&at->shape);
    if (v->shape.rank == 1) {
        v = fg_ex_reshape(x, v, 2, (const int64_t[]){1, v->shape.dim[0]});
    }
    v = fg_ex_gather(x, v, fg_ex_reshape(x, at, 1, &count), v->shape.rank - 1);
    fg_ex_done(x, 1, &v);
    return true;
}

bool fg_ex_zip_map(fg_expansion *x) {
    fg_value *v = fg_ex_in(x, 0);
    fg_ex_done(x, 1, &v);
    return true;
}
