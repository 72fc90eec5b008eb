#include "frontend/ml.h"

#include <string.h>

#include "frontend/ops.h"

fg_floats fg_floats_of(const fg_node *n, const char *attr) {
    const fg_attr *a = fg_attr_of(n, attr, FG_ATTR_FLOATS);
    return a != NULL ? (fg_floats){a->n, a->floats} : (fg_floats){0, NULL};
}

fg_floats fg_need_floats(fg_context *ctx, const fg_node *n, const char *attr, int64_t count) {
    const fg_floats f = fg_floats_of(n, attr);
    if (f.n != count) {
        fg_blame_attribute(ctx, attr);
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' has %d entries, %lld are needed", attr, f.n,
                 (long long)count);
    }
    return f;
}

fg_rows fg_rows_of(fg_context *ctx, const fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    if (x->rank < 1 || x->rank > 2 || x->dim[x->rank - 1] > INT32_MAX) {
        fg_raise(ctx, FG_BAD_MODEL, "an input of shape %s does not have rows of features",
                 fg_shape_text(ctx, x));
    }
    return (fg_rows){x->rank == 2 ? x->dim[0] : 1, x->dim[x->rank - 1]};
}

/* ---- linear models ---- */

fg_linear fg_linear_of(fg_context *ctx, const fg_node *n) {
    const fg_rows r = fg_rows_of(ctx, n);
    const fg_floats c = fg_floats_of(n, "coefficients"), i = fg_floats_of(n, "intercepts");
    if (c.n == 0 || r.features < 1 || c.n % r.features != 0) {
        fg_blame_attribute(ctx, "coefficients");
        fg_raise(ctx, FG_BAD_MODEL, "%d coefficients do not fit %lld features", c.n, (long long)r.features);
    }
    fg_linear l = {c.n / r.features, r.features, c.at, i.at};
    if (i.n > 0) {
        (void)fg_need_floats(ctx, n, "intercepts", l.targets);
    }
    return l;
}

/* ---- support vectors ---- */

static void read_kernel(fg_context *ctx, const fg_node *n, fg_svm *s) {
    static const char *const words[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
    const char *kernel = fg_attr_string(n, "kernel_type", "LINEAR");
    size_t i = 0;
    while (i < FG_COUNT(words) && strcmp(words[i], kernel) != 0) {
        i++;
    }
    if (i == FG_COUNT(words)) {
        fg_blame_attribute(ctx, "kernel_type");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'kernel_type' cannot be '%.20s'", kernel);
    }
    s->kernel = (fg_kernel_type)i;
    if (fg_node_attr(n, "kernel_params") != NULL) {
        const fg_floats p = fg_need_floats(ctx, n, "kernel_params", 3);
        s->gamma = (double)p.at[0];
        s->coef0 = (double)p.at[1];
        s->degree = (double)p.at[2];
    }
}

static void read_classes(fg_context *ctx, const fg_node *n, fg_svm *s) {
    const fg_attr *a = fg_attr_of(n, "vectors_per_class", FG_ATTR_INTS);
    s->classes = fg_labels_of(ctx, n).n;
    if (a == NULL || a->n == 0) {
        return;
    }
    int64_t sum = 0;
    for (int i = 0; i < a->n; i++) {
        if (a->ints[i] < 0 || a->ints[i] > INT32_MAX || (sum += a->ints[i]) > INT32_MAX) {
            fg_blame_attribute(ctx, a->name);
            fg_raise(ctx, FG_BAD_MODEL, "a class of %lld support vectors makes no sense",
                     (long long)a->ints[i]);
        }
    }
    if (a->n != s->classes) {
        fg_blame_attribute(ctx, a->name);
        fg_raise(ctx, FG_BAD_MODEL, "%d classes have support vectors, %d have labels", a->n, s->classes);
    }
    s->per_class = a->ints;
    s->vectors = (int)sum;
}

fg_svm fg_svm_of(fg_context *ctx, const fg_node *n) {
    const bool classifier = strcmp(n->op_type, "SVMClassifier") == 0;
    fg_svm s = {.features = fg_rows_of(ctx, n).features, .rho = fg_floats_of(n, "rho")};
    read_kernel(ctx, n, &s);
    int64_t rows = 1, scores = 1;
    if (classifier) {
        read_classes(ctx, n, &s);
        const int64_t pairs = (int64_t)s.classes * (s.classes - 1) / 2;
        rows = s.vectors > 0 ? s.classes - 1 : s.classes;
        scores = s.vectors > 0 ? pairs : s.classes;
        s.prob_a = fg_floats_of(n, "prob_a");
        if (s.prob_a.n > 0) {
            s.prob_a = fg_need_floats(ctx, n, "prob_a", pairs);
            s.prob_b = fg_need_floats(ctx, n, "prob_b", pairs);
        }
    } else {
        const int64_t vectors = fg_attr_int(n, "n_supports", 0);
        if (vectors < 0 || vectors > INT32_MAX) {
            fg_blame_attribute(ctx, "n_supports");
            fg_raise(ctx, FG_BAD_MODEL, "%lld support vectors make no sense", (long long)vectors);
        }
        s.vectors = (int)vectors;
    }
    if (s.rho.n < 1 || (s.vectors > 0 && s.rho.n < scores)) {
        fg_blame_attribute(ctx, "rho");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'rho' has %d entries, %lld are needed", s.rho.n,
                 (long long)scores);
    }
    if (s.vectors > 0) {
        s.vector = fg_need_floats(ctx, n, "support_vectors", s.vectors * s.features).at;
        s.coefficient = fg_need_floats(ctx, n, "coefficients", rows * s.vectors).at;
    } else {
        s.kernel = FG_KERNEL_LINEAR;
        s.coefficient = fg_need_floats(ctx, n, "coefficients", rows * s.features).at;
    }
    return s;
}

/* ---- mappings ---- */

/* One side of a mapping: the list that is there. */
static int side_of(const fg_node *n, const char *const *names, const fg_dtype *types, int count,
                   fg_dtype *type, const void **data) {
    for (int i = 0; i < count; i++) {
        const fg_attr *a = fg_node_attr(n, names[i]);
        if (a == NULL) {
            continue;
        }
        if (a->type == FG_ATTR_TENSOR) {
            *type = a->tensor->dtype;
            *data = a->tensor->data;
            return (int)fg_shape_count(&a->tensor->shape);
        }
        *type = types[i];
        if (types[i] == FG_STRING) {
            a = fg_attr_of(n, names[i], FG_ATTR_STRINGS);
            *data = a->strings;
        } else if (types[i] == FG_INT64) {
            a = fg_attr_of(n, names[i], FG_ATTR_INTS);
            *data = a->ints;
        } else {
            a = fg_attr_of(n, names[i], FG_ATTR_FLOATS);
            *data = a->floats;
        }
        if (a->n > 0) {
            return a->n;
        }
    }
    return 0;
}

static const void *default_of(fg_context *ctx, const fg_node *n, fg_dtype type) {
    const fg_attr *a = fg_attr_of(n, "default_tensor", FG_ATTR_TENSOR);
    if (a != NULL && a->tensor->dtype == type && fg_shape_count(&a->tensor->shape) == 1) {
        return a->tensor->data;
    }
    void *element = fg_alloc(ctx, 1, 16);
    if (type == FG_STRING) {
        *(const char **)element = fg_attr_string(n, "default_string", "_Unused");
    } else if (type == FG_FLOAT) {
        *(float *)element = fg_attr_float(n, "default_float", -0.0f);
    } else if (type == FG_INT64) {
        *(int64_t *)element = fg_attr_int(n, "default_int64", -1);
    } else if (type == FG_INT32) {
        *(int32_t *)element = -1;
    } else if (type == FG_INT16) {
        *(int16_t *)element = -1;
    }
    return element;
}

/* Lists of both kinds: from strings to numbers or back, as the input says. */
static fg_mapping two_ways(fg_context *ctx, const fg_node *n, const char *strings, const char *ints) {
    const fg_attr *s = fg_node_attr(n, strings), *k = ints != NULL ? fg_node_attr(n, ints) : NULL;
    const bool from_text = n->in[0]->dtype == FG_STRING;
    fg_mapping m = {.n = s != NULL ? s->n : 0};
    if (m.n == 0 || (ints != NULL && (k == NULL || k->n != m.n))) {
        fg_raise(ctx, FG_BAD_MODEL, "attributes '%s' and '%s' must have the same number of entries", strings,
                 ints != NULL ? ints : strings);
    }
    int64_t *numbers = FG_ARRAY(ctx, m.n, int64_t);
    for (int i = 0; i < m.n; i++) {
        numbers[i] = k != NULL ? k->ints[i] : i;
    }
    const void *text = s->strings;
    m.key_type = from_text ? FG_STRING : FG_INT64;
    m.value_type = from_text ? FG_INT64 : FG_STRING;
    m.keys = from_text ? text : numbers;
    m.values = from_text ? numbers : text;
    m.otherwise = default_of(ctx, n, m.value_type);
    return m;
}

fg_mapping fg_mapping_of(fg_context *ctx, const fg_node *n) {
    static const char *const keys[] = {"keys_tensor", "keys_strings", "keys_int64s", "keys_floats"},
                             *const values[] = {"values_tensor", "values_strings", "values_int64s",
                                                "values_floats"};
    static const fg_dtype types[] = {FG_UNDEFINED, FG_STRING, FG_INT64, FG_FLOAT};
    if (strcmp(n->op_type, "CategoryMapper") == 0) {
        return two_ways(ctx, n, "cats_strings", "cats_int64s");
    }
    if (n->op->until == 1) {
        return two_ways(ctx, n, "classes_strings", NULL);
    }
    fg_mapping m = {.nan = n->op->since >= 4};
    m.n = side_of(n, keys, types, 4, &m.key_type, &m.keys);
    const int count = side_of(n, values, types, 4, &m.value_type, &m.values);
    if (m.n == 0 || m.n != count) {
        fg_raise(ctx, FG_BAD_MODEL, "%d keys cannot be mapped to %d values", m.n, count);
    }
    if (m.key_type != n->in[0]->dtype) {
        fg_raise(ctx, FG_BAD_MODEL, "the keys are %s, the input is %s", fg_dtype_get(m.key_type)->name,
                 fg_dtype_get(n->in[0]->dtype)->name);
    }
    m.otherwise = default_of(ctx, n, m.value_type);
    return m;
}
