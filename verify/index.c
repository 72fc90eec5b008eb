#include "verify/index.h"

#include <math.h>
#include <string.h>

static bool is_one_of(const fg_node *n, const char *const *names) {
    for (; *names; names++)
        if (strcmp(n->op_type, *names) == 0) return n->domain[0] == 0;
    return false;
}

/* The node that makes the indices of v, looking through operators that keep every element and their order. */
static const fg_node *index_producer(const fg_value *v) {
    static const char *const choosers[] = {"ArgMax", "ArgMin", "TopK", NULL};
    static const char *const keepers[] = {"Identity", "Reshape", "Squeeze", "Unsqueeze",
                                          "Flatten",  "Cast",    NULL};
    while (v && v->producer && fg_dtype_get(v->dtype)->is_integer) {
        const fg_node *n = v->producer;
        if (is_one_of(n, choosers)) {
            bool values_of_topk = strcmp(n->op_type, "TopK") == 0 && n->out[0] == v;
            return values_of_topk ? NULL : n;
        }
        if (!is_one_of(n, keepers) || n->n_in < 1) return NULL;
        v = n->in[0];
    }
    return NULL;
}

const fg_value *fg_index_source(const fg_value *v) {
    const fg_node *n = index_producer(v);
    return n && n->n_in > 0 ? n->in[0] : NULL;
}

static double element(const fg_tensor *t, int64_t i) {
    fg_value v = {.name = "", .dtype = t->dtype, .shape = t->shape, .data = t->data};
    return fg_dtype_get(t->dtype)->is_float ? fg_const_float(&v, i) : (double)fg_const_int(&v, i);
}

/* Flat extents around the axis that indices run along. */
typedef struct geometry {
    int64_t extent, inner; /* of the data */
    int64_t chosen;        /* indices along the axis: 1, or K */
} geometry;

static bool find_geometry(const fg_node *n, const fg_tensor *data, int64_t indices, geometry *g) {
    bool topk = strcmp(n->op_type, "TopK") == 0;
    int64_t axis = fg_attr_int(n, "axis", topk ? -1 : 0);
    int rank = data->shape.rank;
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return false;
    g->extent = data->shape.dim[axis];
    g->inner = 1;
    for (int d = (int)axis + 1; d < rank; d++) g->inner *= data->shape.dim[d];
    int64_t lines = fg_shape_count(&data->shape);
    if (g->extent < 1 || lines == 0) return false;
    lines /= g->extent;
    g->chosen = lines > 0 ? indices / lines : 0;
    return g->chosen > 0 && g->chosen * lines == indices;
}

static double rms_of(const fg_tensor *t) {
    int64_t n = fg_shape_count(&t->shape);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = element(t, i);
        if (isfinite(x)) sum += x * x;
    }
    return n > 0 ? sqrt(sum / (double)n) : 0;
}

bool fg_index_is_tie(const fg_value *v, const fg_tensor *want, const fg_tensor *got, const fg_tensor *data,
                     double tolerance) {
    const fg_node *n = index_producer(v);
    int64_t count = fg_shape_count(&want->shape);
    geometry g;
    if (!n || !fg_shape_equal(&want->shape, &got->shape) || !find_geometry(n, data, count, &g)) return false;
    double rms = rms_of(data), bound = rms > 0 ? tolerance * rms : 1e-6;
    for (int64_t i = 0; i < count; i++) {
        int64_t a = (int64_t)element(want, i), b = (int64_t)element(got, i);
        if (a == b) continue;
        if (a < 0 || b < 0 || a >= g.extent || b >= g.extent) return false;
        int64_t line = i / (g.chosen * g.inner) * g.extent, column = i % g.inner;
        double difference =
            element(data, (line + a) * g.inner + column) - element(data, (line + b) * g.inner + column);
        if (!(fabs(difference) <= bound)) return false;
    }
    return true;
}
