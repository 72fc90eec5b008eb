/* Preparation of features, and labels. */
#include <math.h>
#include <string.h>

#include "frontend/ml.h"
#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"
#include "frontend/reference/ml.h"

/* Entry i of a list that holds one value for each feature or one for all. */
static double entry(const fg_floats *f, int64_t i, double otherwise) {
    return f->n == 0 ? otherwise : (double)f->at[f->n == 1 ? 0 : i];
}

void fg_ref_scaler(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    fg_tensor y = e->out[0];
    const fg_floats offset = fg_floats_of(e->node, "offset"), scale = fg_floats_of(e->node, "scale");
    const int64_t count = fg_shape_count(&x->shape),
                  features = x->shape.rank > 0 ? x->shape.dim[x->shape.rank - 1] : 1;
    for (int64_t i = 0; i < count; i++) {
        const double moved = fg_get_f64(x, i) - entry(&offset, i % features, 0);
        fg_set_f64(&y, i, moved * entry(&scale, i % features, 1));
    }
}

static double norm_of(const char *norm, int64_t n, const double *x) {
    double sum = norm[0] == 'M' && n > 0 ? x[0] : 0;
    for (int64_t i = 0; i < n; i++) {
        sum = norm[0] == 'M'   ? (x[i] > sum ? x[i] : sum)
              : norm[1] == '1' ? sum + fabs(x[i])
                               : sum + x[i] * x[i];
    }
    return norm[1] == '2' ? sqrt(sum) : sum;
}

/* A row of zeros stays one. */
void fg_ref_normalizer(const fg_eval *e) {
    fg_tensor y = e->out[0];
    const fg_rows r = fg_rows_of(e->ctx, e->node);
    const char *norm = fg_attr_string(e->node, "norm", "MAX");
    double *x = fg_big_alloc(e->ctx, (size_t)(r.features + 1) * sizeof(double));
    for (int64_t row = 0; row < r.rows; row++) {
        fg_load_f64(&e->in[0], row * r.features, 1, r.features, x);
        const double by = norm_of(norm, r.features, x);
        for (int64_t i = 0; i < r.features; i++) {
            x[i] = by != 0 ? x[i] / by : x[i];
        }
        fg_store_f64(&y, row * r.features, r.features, x);
    }
    fg_big_free(e->ctx, x);
}

void fg_ref_binarizer(const fg_eval *e) {
    fg_tensor y = e->out[0];
    const double threshold = (double)fg_attr_float(e->node, "threshold", 0);
    for (int64_t i = 0; i < fg_shape_count(&y.shape); i++) {
        fg_set_f64(&y, i, fg_get_f64(&e->in[0], i) > threshold);
    }
}

void fg_ref_imputer(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    fg_tensor y = e->out[0];
    const int64_t features = x->shape.dim[x->shape.rank - 1], count = fg_shape_count(&x->shape);
    const bool real = fg_dtype_get(x->dtype)->is_float;
    const fg_floats with = fg_floats_of(e->node, "imputed_value_floats");
    const fg_attr *whole = fg_node_attr(e->node, "imputed_value_int64s");
    const double missing = (double)fg_attr_float(e->node, "replaced_value_float", 0);
    const int64_t missing_whole = fg_attr_int(e->node, "replaced_value_int64", 0);
    for (int64_t i = 0; i < count; i++) {
        fg_copy_element(x->dtype, y.data, i, x->data, i);
        if (real) {
            const double v = fg_get_f64(x, i);
            if (v == missing || (isnan(missing) && isnan(v))) {
                fg_set_f64(&y, i, entry(&with, i % features, 0));
            }
        } else if (fg_get_i64(x, i) == missing_whole) {
            fg_set_i64(&y, i, whole->ints[whole->n == 1 ? 0 : i % features]);
        }
    }
}

/* Numbers are compared as the whole numbers that they are truncated to. */
void fg_ref_one_hot_encoder(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    const fg_attr *ints = fg_node_attr(e->node, "cats_int64s"),
                  *strings = fg_node_attr(e->node, "cats_strings");
    const bool text = x->dtype == FG_STRING;
    const int64_t count = fg_shape_count(&x->shape), n = text ? strings->n : ints->n;
    float *y = e->out[0].data;
    for (int64_t i = 0; i < count; i++) {
        const char *word = text ? ((const char *const *)x->data)[i] : NULL;
        const bool fits = text || fabs(fg_get_f64(x, i)) < 9e18;
        const int64_t value = text || !fits                      ? 0
                              : fg_dtype_get(x->dtype)->is_float ? (int64_t)fg_get_f64(x, i)
                                                                 : fg_get_i64(x, i);
        for (int64_t k = 0; k < n; k++) {
            y[i * n + k] = text ? strcmp(word, strings->strings[k]) == 0 : fits && value == ints->ints[k];
        }
    }
}

void fg_ref_feature_vectorizer(const fg_eval *e) {
    fg_tensor y = e->out[0];
    const int64_t rows = y.shape.dim[0], width = y.shape.dim[1];
    const fg_attr *dims = fg_node_attr(e->node, "inputdimensions");
    int64_t at = 0;
    for (int k = 0; k < e->node->n_in; k++) {
        const fg_tensor *x = &e->in[k];
        const int64_t features = rows > 0 ? fg_shape_count(&x->shape) / rows : 0,
                      room = dims != NULL ? dims->ints[k] : features;
        for (int64_t i = 0; i < rows * room; i++) {
            const int64_t row = i / room, column = i % room;
            fg_set_f64(&y, row * width + at + column,
                       column < features ? fg_get_f64(x, row * features + column) : 0);
        }
        at += room;
    }
}

void fg_ref_array_feature_extractor(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *k = &e->in[1];
    const int64_t features = x->shape.dim[x->shape.rank - 1], n = fg_shape_count(&k->shape);
    const int64_t rows = features > 0 ? fg_shape_count(&x->shape) / features : 0;
    for (int64_t i = 0; i < rows * n; i++) {
        int64_t from = fg_tensor_int(k, i % n);
        if (from < 0 || from >= features) {
            fg_raise(e->ctx, FG_BAD_MODEL, "index %lld is out of range for %lld features", (long long)from,
                     (long long)features);
        }
        fg_copy_element(x->dtype, e->out[0].data, i, x->data, i / n * features + from);
    }
}

/* ---- labels ---- */

static bool same(const fg_tensor *x, int64_t i, const fg_tensor *keys, int64_t k, bool nan) {
    if (x->dtype == FG_STRING) {
        return strcmp(((const char *const *)x->data)[i], ((const char *const *)keys->data)[k]) == 0;
    }
    if (fg_dtype_get(x->dtype)->is_float) {
        const double a = fg_get_f64(x, i), b = fg_get_f64(keys, k);
        return a == b || (nan && isnan(a) && isnan(b));
    }
    return fg_get_i64(x, i) == fg_get_i64(keys, k);
}

/* Of keys that are there twice the last one counts. */
void fg_ref_label_encoder(const fg_eval *e) {
    const fg_mapping m = fg_mapping_of(e->ctx, e->node);
    const fg_tensor keys = {m.key_type, {1, {m.n}}, (void *)(uintptr_t)m.keys};
    for (int64_t i = 0; i < fg_shape_count(&e->in[0].shape); i++) {
        int64_t k = m.n - 1;
        while (k >= 0 && !same(&e->in[0], i, &keys, k, m.nan)) {
            k--;
        }
        fg_copy_element(m.value_type, e->out[0].data, i, k >= 0 ? m.values : m.otherwise, k >= 0 ? k : 0);
    }
}
