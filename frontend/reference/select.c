#include "frontend/reference/select.h"

#include <math.h>

#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"

/* A tensor seen as outer x extent x inner around an axis. */
typedef struct lines {
    int64_t outer, extent, inner;
} lines;

/* Nothing to do; checked first, as the other extents of an empty tensor may be of any size. */
static bool is_empty(const fg_shape *s) {
    for (int d = 0; d < s->rank; d++) {
        if (s->dim[d] == 0) {
            return true;
        }
    }
    return false;
}

static lines lines_of(const fg_shape *s, int axis) {
    lines l = {1, s->dim[axis], 1};
    for (int d = 0; d < axis; d++) {
        l.outer *= s->dim[d];
    }
    for (int d = axis + 1; d < s->rank; d++) {
        l.inner *= s->dim[d];
    }
    return l;
}

/* Index as an integer; indices may be of any numeric type. -1 where it points nowhere. */
static int64_t hot_index(const fg_tensor *indices, int64_t i, int64_t depth) {
    double k = floor(fg_tensor_float(indices, i));
    if (!(k >= -(double)depth && k < (double)depth)) {
        return -1;
    }
    return k < 0 ? (int64_t)k + depth : (int64_t)k;
}

void fg_ref_one_hot(const fg_eval *e) {
    const fg_tensor *indices = &e->in[0], *values = &e->in[2], *y = &e->out[0];
    if (is_empty(&y->shape)) {
        return;
    }
    int axis = fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", -1), y->shape.rank);
    lines l = lines_of(&y->shape, axis);
    for (int64_t o = 0; o < l.outer; o++) {
        for (int64_t i = 0; i < l.inner; i++) {
            int64_t hot = hot_index(indices, o * l.inner + i, l.extent);
            for (int64_t k = 0; k < l.extent; k++) {
                fg_copy_element(y->dtype, y->data, (o * l.extent + k) * l.inner + i, values->data, k == hot);
            }
        }
    }
}

void fg_ref_trilu(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *y = &e->out[0];
    int rank = x->shape.rank;
    bool upper = fg_attr_int(e->node, "upper", 1) != 0;
    int64_t k = fg_has_operand(e, 1) ? fg_tensor_int(&e->in[1], 0) : 0;
    int64_t rows = x->shape.dim[rank - 2], columns = x->shape.dim[rank - 1],
            count = fg_shape_count(&x->shape);
    k = k > columns ? columns : k < -rows ? -rows : k; /* beyond that nothing changes */
    for (int64_t i = 0; i < count; i++) {
        int64_t diagonal = i % columns - i / columns % rows;
        if (upper ? diagonal >= k : diagonal <= k) {
            fg_copy_element(x->dtype, y->data, i, x->data, i);
        }
    }
}

/* ---- CumSum, CumProd ---- */

/* Gathers up one line; first: place of its first element in order, step: to the next. */
static void gather_line(const fg_tensor *x, fg_tensor *y, int64_t first, int64_t step, int64_t n,
                        bool exclusive, bool product) {
    double real = product;
    uint64_t whole = product;
    bool is_float = fg_dtype_get(x->dtype)->is_float;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = first + i * step;
        double before = real;
        uint64_t whole_before = whole;
        if (is_float) {
            const double next = fg_get_f64(x, at);
            real = product ? real * next : real + next;
            fg_set_f64(y, at, exclusive ? before : real);
        } else {
            const uint64_t next = (uint64_t)fg_get_i64(x, at);
            whole = product ? whole * next : whole + next;
            fg_set_i64(y, at, (int64_t)(exclusive ? whole_before : whole));
        }
    }
}

static void cumulate(const fg_eval *e, bool product) {
    const fg_tensor *x = &e->in[0];
    fg_tensor y = e->out[0];
    if (is_empty(&y.shape)) {
        return;
    }
    int axis = fg_axis(e->ctx, e->node, fg_tensor_int(&e->in[1], 0), x->shape.rank);
    bool exclusive = fg_attr_int(e->node, "exclusive", 0) != 0,
         reverse = fg_attr_int(e->node, "reverse", 0) != 0;
    lines l = lines_of(&x->shape, axis);
    for (int64_t o = 0; o < l.outer; o++) {
        for (int64_t i = 0; i < l.inner; i++) {
            int64_t first = o * l.extent * l.inner + i;
            if (reverse) {
                first += (l.extent - 1) * l.inner;
            }
            gather_line(x, &y, first, reverse ? -l.inner : l.inner, l.extent, exclusive, product);
        }
    }
}

void fg_ref_cumsum(const fg_eval *e) {
    cumulate(e, false);
}

void fg_ref_cumprod(const fg_eval *e) {
    cumulate(e, true);
}

/* ---- TopK ---- */

/* An element of the line being ordered. Doubles order floats and all but 64-bit integers; those use whole. */
typedef struct entry {
    double real;
    int64_t whole;
    int64_t index;
} entry;

/* a goes before b. NaN counts as the largest; equals keep their order. */
static bool before(const entry *a, const entry *b, bool largest) {
    if (isnan(a->real) != isnan(b->real)) {
        return isnan(a->real) == largest;
    }
    if (a->real != b->real && !isnan(a->real)) {
        return (a->real > b->real) == largest;
    }
    if (a->whole != b->whole) {
        return (a->whole > b->whole) == largest;
    }
    return a->index < b->index;
}

/* Bottom-up merge sort: stable, and never worse than n log n. */
static void sort(entry *a, entry *scratch, int64_t n, bool largest) {
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t from = 0; from < n; from += 2 * width) {
            int64_t mid = from + width < n ? from + width : n,
                    end = from + 2 * width < n ? from + 2 * width : n;
            int64_t i = from, j = mid;
            for (int64_t k = from; k < end; k++) {
                bool left = i < mid && (j >= end || !before(&a[j], &a[i], largest));
                scratch[k] = left ? a[i++] : a[j++];
            }
        }
        for (int64_t k = 0; k < n; k++) {
            a[k] = scratch[k];
        }
    }
}

static entry entry_of(const fg_tensor *x, int64_t at, int64_t index) {
    entry r = {0, 0, index};
    if (fg_dtype_get(x->dtype)->is_float) {
        r.real = fg_get_f64(x, at);
    } else {
        r.whole = fg_get_i64(x, at);
        if (x->dtype == FG_UINT64) {
            r.whole = (int64_t)((uint64_t)r.whole ^ (UINT64_C(1) << 63));
        }
    }
    return r;
}

void fg_ref_top_k(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *y = &e->out[0];
    int axis = fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", -1), x->shape.rank);
    bool largest = fg_attr_int(e->node, "largest", 1) != 0,
         indices = e->node->n_out > 1 && e->out[1].data != NULL;
    lines l = lines_of(&x->shape, axis);
    const fg_value *any = e->node->out[0] != NULL ? e->node->out[0] : e->node->out[1];
    int64_t k = any->shape.dim[axis];
    if (l.extent < k) {
        fg_raise(e->ctx, FG_BAD_MODEL, "k = %lld exceeds the axis", (long long)k);
    }
    if (is_empty(&any->shape)) {
        return;
    }
    entry *a = fg_big_alloc(e->ctx, ((size_t)l.extent * 2 + 1) * sizeof(entry));
    for (int64_t line = 0; line < l.outer * l.inner; line++) {
        int64_t o = line / l.inner, i = line % l.inner, from = o * l.extent * l.inner + i;
        for (int64_t j = 0; j < l.extent; j++) {
            a[j] = entry_of(x, from + j * l.inner, j);
        }
        sort(a, a + l.extent, l.extent, largest);
        for (int64_t j = 0; j < k; j++) {
            int64_t to = (o * k + j) * l.inner + i;
            if (y->data != NULL) {
                fg_copy_element(x->dtype, y->data, to, x->data, from + a[j].index * l.inner);
            }
            if (indices) {
                ((int64_t *)e->out[1].data)[to] = a[j].index;
            }
        }
    }
    fg_big_free(e->ctx, a);
}
