/* ai.onnx.ml: linear models, support vectors, preparation of features, labels. */
#include "frontend/ml.h"

#include <string.h>

#include "frontend/reference/elements.h"
#include "frontend/reference/ml.h"

static void say_work(fg_context *ctx, fg_node *n, int64_t a, int64_t b, int64_t c) {
    fg_attr *macs = fg_node_set_attr(ctx, n, FG_MACS, FG_ATTR_INT);
    if (__builtin_mul_overflow(a, b, &macs->i) || __builtin_mul_overflow(macs->i, c, &macs->i)) {
        macs->i = INT64_MAX;
    }
}

/* ---- models ---- */

static void put_scores(fg_context *ctx, fg_node *n, int64_t rows, int64_t scores) {
    const fg_labels l = fg_labels_of(ctx, n);
    const fg_shape y = {1, {rows}}, z = {2, {rows, scores}};
    fg_out_shape(ctx, n, 0, l.strings != NULL ? FG_STRING : FG_INT64, &y);
    fg_out_shape(ctx, n, 1, FG_FLOAT, &z);
}

static void infer_linear_regressor(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_linear l = fg_linear_of(ctx, n);
    const fg_shape y = {2, {fg_rows_of(ctx, n).rows, l.targets}};
    (void)fg_post_of(ctx, n);
    if (l.targets != fg_attr_int(n, "targets", 1)) {
        fg_blame_attribute(ctx, "targets");
        fg_raise(ctx, FG_BAD_MODEL, "the coefficients are those of %lld targets", (long long)l.targets);
    }
    say_work(ctx, n, y.dim[0], l.targets, l.features);
    fg_out_shape(ctx, n, 0, FG_FLOAT, &y);
}

static void infer_linear_classifier(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_linear l = fg_linear_of(ctx, n);
    const fg_labels labels = fg_labels_of(ctx, n);
    const int64_t rows = fg_rows_of(ctx, n).rows;
    if (l.targets != labels.n && !(l.targets == 1 && labels.n == 2)) {
        fg_raise(ctx, FG_BAD_MODEL, "%lld scores do not fit %d labels", (long long)l.targets, labels.n);
    }
    if (fg_post_of(ctx, n) == FG_POST_PROBIT && l.targets != labels.n) {
        fg_raise(ctx, FG_UNSUPPORTED, "PROBIT of one score for two classes is not defined");
    }
    say_work(ctx, n, rows, l.targets, l.features);
    put_scores(ctx, n, rows, labels.n);
}

static void infer_svm_regressor(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_svm s = fg_svm_of(ctx, n);
    const fg_shape y = {2, {fg_rows_of(ctx, n).rows, 1}};
    (void)fg_post_of(ctx, n);
    say_work(ctx, n, y.dim[0], s.vectors + 1, s.features);
    fg_out_shape(ctx, n, 0, FG_FLOAT, &y);
}

static void infer_svm_classifier(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_svm s = fg_svm_of(ctx, n);
    const int64_t rows = fg_rows_of(ctx, n).rows, pairs = (int64_t)s.classes * (s.classes - 1) / 2;
    (void)fg_post_of(ctx, n);
    say_work(ctx, n, rows, s.vectors + s.classes, s.features + s.classes);
    put_scores(ctx, n, rows, s.vectors == 0 || s.prob_a.n > 0 || s.classes == 2 ? s.classes : pairs);
}

/* ---- features ---- */

static int64_t features_of(fg_context *ctx, const fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    if (x->rank < 1) {
        fg_raise(ctx, FG_BAD_MODEL, "input must not be a scalar");
    }
    return x->dim[x->rank - 1];
}

/* One entry for each feature, or one for all. */
static void check_entries(fg_context *ctx, const char *attr, int64_t n, int64_t features) {
    if (n != 1 && n != features) {
        fg_blame_attribute(ctx, attr);
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' has %lld entries for %lld features", attr, (long long)n,
                 (long long)features);
    }
}

static void infer_scaler(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    static const char *const lists[] = {"offset", "scale"};
    for (int i = 0; i < 2; i++) {
        const fg_floats f = fg_floats_of(n, lists[i]);
        if (f.n > 0) {
            check_entries(ctx, lists[i], f.n, features_of(ctx, n));
        }
    }
    fg_out_shape(ctx, n, 0, FG_FLOAT, &n->in[0]->shape);
}

static void infer_normalizer(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const char *norm = fg_attr_string(n, "norm", "MAX");
    (void)fg_rows_of(ctx, n);
    if (strcmp(norm, "MAX") != 0 && strcmp(norm, "L1") != 0 && strcmp(norm, "L2") != 0) {
        fg_blame_attribute(ctx, "norm");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'norm' must be MAX, L1 or L2");
    }
    fg_out_shape(ctx, n, 0, FG_FLOAT, &n->in[0]->shape);
}

static void infer_imputer(fg_context *ctx, fg_graph *g, fg_node *n) {
    const bool real = fg_dtype_get(n->in[0]->dtype)->is_float;
    const char *attr = real ? "imputed_value_floats" : "imputed_value_int64s";
    const fg_attr *a = fg_node_attr(n, attr);
    check_entries(ctx, attr, a != NULL && a->type == (real ? FG_ATTR_FLOATS : FG_ATTR_INTS) ? a->n : 0,
                  features_of(ctx, n));
    fg_infer_same(ctx, g, n);
}

static void infer_one_hot_encoder(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const bool text = n->in[0]->dtype == FG_STRING;
    const char *attr = text ? "cats_strings" : "cats_int64s";
    const fg_attr *a = fg_node_attr(n, attr);
    fg_shape y = n->in[0]->shape;
    if (a == NULL || a->type != (text ? FG_ATTR_STRINGS : FG_ATTR_INTS) || a->n == 0 ||
        y.rank == FG_MAX_RANK) {
        fg_blame_attribute(ctx, attr);
        fg_raise(ctx, FG_BAD_MODEL, "an input of type %s needs attribute '%s'",
                 fg_dtype_get(n->in[0]->dtype)->name, attr);
    }
    y.dim[y.rank++] = a->n;
    fg_out_shape(ctx, n, 0, FG_FLOAT, &y);
}

static void infer_feature_vectorizer(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_attr *dims = fg_node_attr(n, "inputdimensions");
    fg_shape y = {2, {0, 0}};
    if (dims != NULL && (dims->type != FG_ATTR_INTS || dims->n != n->n_in)) {
        fg_blame_attribute(ctx, "inputdimensions");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'inputdimensions' must have an entry for each input");
    }
    for (int i = 0; i < n->n_in; i++) {
        const fg_shape *x = n->in[i] != NULL ? &n->in[i]->shape : NULL;
        if (x == NULL || x->rank < 1 || x->rank > 2 || (i > 0 && x->dim[0] != y.dim[0])) {
            fg_raise(ctx, FG_BAD_MODEL, "the inputs must have as many rows each, and one or two dimensions");
        }
        const int64_t width = dims != NULL ? dims->ints[i] : x->rank == 2 ? x->dim[1] : 1;
        y.dim[0] = x->dim[0];
        if (width < 0 || __builtin_add_overflow(y.dim[1], width, &y.dim[1])) {
            fg_blame_attribute(ctx, "inputdimensions");
            fg_raise(ctx, FG_BAD_MODEL, "%lld features make no sense", (long long)width);
        }
    }
    fg_out_shape(ctx, n, 0, FG_FLOAT, &y);
}

static void infer_array_feature_extractor(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const int64_t features = features_of(ctx, n);
    fg_shape y = n->in[0]->shape;
    if (n->in[1]->dtype != FG_INT64) {
        fg_raise(ctx, FG_BAD_MODEL, "indices must be int64, not %s", fg_dtype_get(n->in[1]->dtype)->name);
    }
    if (y.rank == 1) { /* a vector counts as one row */
        y.rank = 2;
        y.dim[0] = 1;
    }
    y.dim[y.rank - 1] = fg_shape_count(&n->in[1]->shape);
    if (features > 0) {
        fg_bound_index(n->in[1], features);
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

/* ---- labels ---- */

static void infer_label_encoder(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_mapping m = fg_mapping_of(ctx, n);
    if (m.key_type != n->in[0]->dtype) {
        fg_raise(ctx, FG_BAD_MODEL, "the keys are %s, the input is %s", fg_dtype_get(m.key_type)->name,
                 fg_dtype_get(n->in[0]->dtype)->name);
    }
    say_work(ctx, n, fg_shape_count(&n->in[0]->shape), m.n, 1);
    fg_out_shape(ctx, n, 0, m.value_type, &n->in[0]->shape);
}

/* The maps of a ZipMap are its scores, column by column in the order of the labels. */
static void infer_zip_map(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_labels l = fg_labels_of(ctx, n);
    const fg_shape *x = &n->in[0]->shape;
    if (x->rank < 1 || x->dim[x->rank - 1] != l.n) {
        fg_raise(ctx, FG_BAD_MODEL, "scores of shape %s do not fit %d labels", fg_shape_text(ctx, x), l.n);
    }
    n->out[0]->is_sequence = false;
    fg_infer_same(ctx, g, n);
}

#define ML_TYPES    (FG_T(FG_FLOAT) | FG_T(FG_DOUBLE) | FG_T(FG_INT64) | FG_T(FG_INT32))
#define LABEL_TYPES (ML_TYPES | FG_T(FG_INT16) | FG_T(FG_STRING))

#define ROW(op, first, last, most_in, outputs, types_, infer_fn, ref_fn, lower, restriction)                 \
    {                                                                                                        \
        .name = op, .domain = "ai.onnx.ml", .since = first, .until = last, .min_in = 1, .max_in = most_in,   \
        .max_out = outputs, .types = types_, .infer = infer_fn, .reference = ref_fn, .lowering = lower,      \
        .note = restriction                                                                                  \
    }

const fg_op fg_ops_ml[] = {
    ROW("LinearRegressor", 1, 0, 1, 1, ML_TYPES, infer_linear_regressor, fg_ref_linear_regressor, "expand",
        NULL),
    ROW("LinearClassifier", 1, 0, 1, 2, ML_TYPES, infer_linear_classifier, fg_ref_linear_classifier, "expand",
        NULL),
    ROW("SVMRegressor", 1, 0, 1, 1, ML_TYPES, infer_svm_regressor, fg_ref_svm_regressor, "expand", NULL),
    ROW("SVMClassifier", 1, 0, 1, 2, ML_TYPES, infer_svm_classifier, fg_ref_svm_classifier, "svm", NULL),
    ROW("Scaler", 1, 0, 1, 1, ML_TYPES, infer_scaler, fg_ref_scaler, "expand", NULL),
    ROW("Normalizer", 1, 0, 1, 1, ML_TYPES, infer_normalizer, fg_ref_normalizer, "expand", NULL),
    {.name = "Binarizer",
     .domain = "ai.onnx.ml",
     .since = 1,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = ML_TYPES,
     .infer = fg_infer_same,
     .reference = fg_ref_binarizer,
     .lowering = "map",
     .scalar = "$0 > $threshold ? 1 : 0",
     .vector = NULL,
     .defaults = "threshold=0"},
    ROW("Imputer", 1, 0, 1, 1, ML_TYPES, infer_imputer, fg_ref_imputer, "expand", NULL),
    ROW("OneHotEncoder", 1, 0, 1, 1, ML_TYPES | FG_T(FG_STRING), infer_one_hot_encoder,
        fg_ref_one_hot_encoder, "expand", "unknown categories are zeros whatever 'zeros' says"),
    ROW("FeatureVectorizer", 1, 0, -1, 1, ML_TYPES, infer_feature_vectorizer, fg_ref_feature_vectorizer,
        "expand", NULL),
    {.name = "ArrayFeatureExtractor",
     .domain = "ai.onnx.ml",
     .since = 1,
     .min_in = 2,
     .max_in = 2,
     .max_out = 1,
     .types = ML_TYPES | FG_T(FG_STRING),
     .infer = infer_array_feature_extractor,
     .reference = fg_ref_array_feature_extractor,
     .lowering = "expand"},
    ROW("LabelEncoder", 1, 1, 1, 1, LABEL_TYPES, infer_label_encoder, fg_ref_label_encoder, "label_encoder",
        NULL),
    ROW("LabelEncoder", 2, 3, 1, 1, LABEL_TYPES, infer_label_encoder, fg_ref_label_encoder, "label_encoder",
        NULL),
    ROW("LabelEncoder", 4, 0, 1, 1, LABEL_TYPES, infer_label_encoder, fg_ref_label_encoder, "label_encoder",
        NULL),
    ROW("CategoryMapper", 1, 0, 1, 1, FG_T(FG_INT64) | FG_T(FG_STRING), infer_label_encoder,
        fg_ref_label_encoder, "label_encoder", NULL),
    ROW("ZipMap", 1, 0, 1, 1, FG_T(FG_FLOAT), infer_zip_map, fg_ref_copy, "expand",
        "the maps are returned as a tensor, one column for each label in order"),
};
const int fg_ops_ml_count = FG_COUNT(fg_ops_ml);
