#include "frontend/reference/gather.h"

#include <math.h>
#include <string.h>

#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"

/* Element i of the index operand, negatives counted from the back. */
static int64_t index_at(const fg_eval *e, const fg_tensor *indices, int64_t i, int64_t extent) {
    int64_t k = fg_tensor_int(indices, i);
    if (k < -extent || k >= extent) {
        fg_raise(e->ctx, FG_BAD_MODEL, "index %lld is out of range for extent %lld", (long long)k,
                 (long long)extent);
    }
    return k < 0 ? k + extent : k;
}

static int64_t product(const fg_shape *s, int from, int to) {
    int64_t p = 1;
    for (int d = from; d < to; d++) {
        p *= s->dim[d];
    }
    return p;
}

/* Nothing to write. Checked first: the other extents of an empty tensor may be of any size. */
static bool is_empty(const fg_tensor *t) {
    for (int d = 0; d < t->shape.rank; d++) {
        if (t->shape.dim[d] == 0) {
            return true;
        }
    }
    return false;
}

static void copy_run(fg_dtype t, const fg_tensor *dst, int64_t to, const fg_tensor *src, int64_t from,
                     int64_t n) {
    if (fg_dtype_get(t)->bits % 8 == 0) {
        size_t bytes = (size_t)fg_dtype_get(t)->bits / 8;
        if (n > 0) {
            memcpy((unsigned char *)dst->data + (size_t)to * bytes,
                   (const unsigned char *)src->data + (size_t)from * bytes, (size_t)n * bytes);
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        fg_copy_element(t, dst->data, to + i, src->data, from + i);
    }
}

void fg_ref_gather(const fg_eval *e) {
    if (is_empty(&e->out[0])) {
        return;
    }
    const fg_tensor *x = &e->in[0], *indices = &e->in[1];
    int axis = fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", 0), x->shape.rank);
    int64_t outer = product(&x->shape, 0, axis), inner = product(&x->shape, axis + 1, x->shape.rank);
    int64_t extent = x->shape.dim[axis], count = fg_shape_count(&indices->shape);
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < count; i++) {
            int64_t k = index_at(e, indices, i, extent);
            copy_run(x->dtype, &e->out[0], (o * count + i) * inner, x, (o * extent + k) * inner, inner);
        }
    }
}

/* Row-major place in a tensor of shape s of the element whose index is at[], with at[axis] replaced by k. */
static int64_t place_along(const fg_shape *s, const int64_t *at, int axis, int64_t k) {
    int64_t p = 0;
    for (int d = 0; d < s->rank; d++) {
        p = p * s->dim[d] + (d == axis ? k : at[d]);
    }
    return p;
}

void fg_ref_gather_elements(const fg_eval *e) {
    if (is_empty(&e->out[0])) {
        return;
    }
    const fg_tensor *x = &e->in[0], *indices = &e->in[1];
    int axis = fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", 0), x->shape.rank);
    int64_t at[FG_MAX_RANK] = {0}, count = fg_shape_count(&indices->shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t k = index_at(e, indices, i, x->shape.dim[axis]);
        fg_copy_element(x->dtype, e->out[0].data, i, x->data, place_along(&x->shape, at, axis, k));
        (void)fg_next_index(x->shape.rank, indices->shape.dim, at);
    }
}

/* Offset, in runs, of what the index tuple number i points at within the dimensions from `first` on. */
static int64_t tuple_place(const fg_eval *e, const fg_shape *x, int first, const fg_tensor *indices,
                           int64_t i) {
    int64_t length = indices->shape.dim[indices->shape.rank - 1], p = 0;
    for (int64_t k = 0; k < length; k++) {
        int64_t extent = x->dim[first + k];
        p = p * extent + index_at(e, indices, i * length + k, extent);
    }
    return p;
}

void fg_ref_gather_nd(const fg_eval *e) {
    if (is_empty(&e->out[0])) {
        return;
    }
    const fg_tensor *x = &e->in[0], *indices = &e->in[1];
    int batch = (int)fg_attr_int(e->node, "batch_dims", 0), rank = indices->shape.rank;
    int pointed = batch + (int)indices->shape.dim[rank - 1];
    int64_t batches = product(&x->shape, 0, batch), run = product(&x->shape, pointed, x->shape.rank);
    int64_t span = product(&x->shape, batch, pointed), tuples = product(&indices->shape, batch, rank - 1);
    for (int64_t b = 0; b < batches; b++) {
        for (int64_t i = 0; i < tuples; i++) {
            int64_t k = tuple_place(e, &x->shape, batch, indices, b * tuples + i);
            copy_run(x->dtype, &e->out[0], (b * tuples + i) * run, x, (b * span + k) * run, run);
        }
    }
}

/* ---- scatter ---- */

typedef void combine_fn(fg_tensor *y, int64_t to, const fg_tensor *u, int64_t from);

static double max_of(double a, double b) {
    return isnan(a) || a > b ? a : b;
}
static double min_of(double a, double b) {
    return isnan(a) || a < b ? a : b;
}

static void put(fg_tensor *y, int64_t to, const fg_tensor *u, int64_t from) {
    fg_copy_element(y->dtype, y->data, to, u->data, from);
}

/* Integers wrap: computed without sign. */
static void add(fg_tensor *y, int64_t to, const fg_tensor *u, int64_t from) {
    if (fg_dtype_get(y->dtype)->is_float) {
        fg_set_f64(y, to, fg_get_f64(y, to) + fg_get_f64(u, from));
    } else {
        fg_set_i64(y, to, (int64_t)((uint64_t)fg_get_i64(y, to) + (uint64_t)fg_get_i64(u, from)));
    }
}

static void multiply(fg_tensor *y, int64_t to, const fg_tensor *u, int64_t from) {
    if (fg_dtype_get(y->dtype)->is_float) {
        fg_set_f64(y, to, fg_get_f64(y, to) * fg_get_f64(u, from));
    } else {
        fg_set_i64(y, to, (int64_t)((uint64_t)fg_get_i64(y, to) * (uint64_t)fg_get_i64(u, from)));
    }
}

static bool greater(const fg_tensor *a, int64_t i, const fg_tensor *b, int64_t j) {
    int64_t x = fg_get_i64(a, i), y = fg_get_i64(b, j);
    return a->dtype == FG_UINT64 ? (uint64_t)x > (uint64_t)y : x > y;
}

static void larger(fg_tensor *y, int64_t to, const fg_tensor *u, int64_t from) {
    if (fg_dtype_get(y->dtype)->is_float) {
        fg_set_f64(y, to, max_of(fg_get_f64(y, to), fg_get_f64(u, from)));
    } else if (greater(u, from, y, to)) {
        put(y, to, u, from);
    }
}

static void smaller(fg_tensor *y, int64_t to, const fg_tensor *u, int64_t from) {
    if (fg_dtype_get(y->dtype)->is_float) {
        fg_set_f64(y, to, min_of(fg_get_f64(y, to), fg_get_f64(u, from)));
    } else if (greater(y, to, u, from)) {
        put(y, to, u, from);
    }
}

static const struct {
    const char *name;
    combine_fn *combine;
} reductions[] = {{"none", put}, {"add", add}, {"mul", multiply}, {"max", larger}, {"min", smaller}};

static combine_fn *reduction_of(const fg_eval *e) {
    const char *name = fg_attr_string(e->node, "reduction", "none");
    for (size_t i = 0; i < FG_COUNT(reductions); i++) {
        if (strcmp(name, reductions[i].name) == 0) {
            return reductions[i].combine;
        }
    }
    fg_blame_attribute(e->ctx, "reduction");
    fg_raise(e->ctx, FG_BAD_MODEL, "reduction '%.20s' is not known", name);
}

void fg_ref_scatter_elements(const fg_eval *e) {
    if (is_empty(&e->out[0])) {
        return;
    }
    const fg_tensor *indices = &e->in[1], *updates = &e->in[2];
    fg_tensor y = e->out[0];
    int axis = fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", 0), y.shape.rank);
    combine_fn *combine = reduction_of(e);
    fg_ref_copy(e);
    if (is_empty(updates)) {
        return;
    }
    int64_t at[FG_MAX_RANK] = {0}, count = fg_shape_count(&indices->shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t k = index_at(e, indices, i, y.shape.dim[axis]);
        combine(&y, place_along(&y.shape, at, axis, k), updates, i);
        (void)fg_next_index(y.shape.rank, indices->shape.dim, at);
    }
}

void fg_ref_scatter_nd(const fg_eval *e) {
    if (is_empty(&e->out[0])) {
        return;
    }
    const fg_tensor *indices = &e->in[1], *updates = &e->in[2];
    fg_tensor y = e->out[0];
    combine_fn *combine = reduction_of(e);
    fg_ref_copy(e);
    if (is_empty(updates)) {
        return;
    }
    int last = indices->shape.rank - 1;
    int64_t tuples = product(&indices->shape, 0, last);
    int64_t run = product(&y.shape, (int)indices->shape.dim[last], y.shape.rank);
    for (int64_t i = 0; i < tuples; i++) {
        int64_t to = tuple_place(e, &y.shape, 0, indices, i) * run;
        for (int64_t k = 0; k < run; k++) {
            combine(&y, to + k, updates, i * run + k);
        }
    }
}
