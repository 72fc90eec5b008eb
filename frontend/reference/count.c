#include "frontend/reference/count.h"

#include <math.h>

#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"

void fg_ref_non_zero(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    const int rank = x->shape.rank == 0 ? 1 : x->shape.rank;
    const int64_t n = fg_shape_count(&x->shape);
    int64_t count = 0, *y = e->out[0].data, k = 0, index[FG_MAX_RANK] = {0};
    for (int64_t i = 0; i < n; i++) {
        count += fg_get_f64(x, i) != 0;
    }
    e->out[0].shape.dim[1] = count;
    for (int64_t i = 0; i < n; i++) {
        if (fg_get_f64(x, i) != 0) {
            for (int d = 0; d < rank; d++) {
                y[d * count + k] = index[d];
            }
            k++;
        }
        (void)fg_next_index(x->shape.rank, x->shape.dim, index);
    }
}

void fg_ref_compress(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *c = &e->in[1];
    fg_tensor *y = &e->out[0];
    const unsigned char *keep = c->data;
    const bool flat = fg_node_attr(e->node, "axis") == NULL;
    const int axis = flat ? 0 : fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", 0), x->shape.rank);
    int64_t outer = 1, inner = 1, extent = flat ? fg_shape_count(&x->shape) : x->shape.dim[axis], count = 0;
    for (int d = 0; d < axis; d++) {
        outer *= x->shape.dim[d];
    }
    for (int d = axis + 1; !flat && d < x->shape.rank; d++) {
        inner *= x->shape.dim[d];
    }
    extent = c->shape.dim[0] < extent ? c->shape.dim[0] : extent;
    for (int64_t i = 0; i < extent; i++) {
        count += keep[i] != 0;
    }
    const int64_t whole = flat ? fg_shape_count(&x->shape) : x->shape.dim[axis];
    y->shape.dim[flat ? 0 : axis] = count;
    for (int64_t o = 0; o < outer; o++) {
        int64_t k = 0;
        for (int64_t i = 0; i < extent; i++) {
            for (int64_t j = 0; keep[i] && j < inner; j++) {
                fg_copy_element(x->dtype, y->data, (o * count + k) * inner + j, x->data,
                                (o * whole + i) * inner + j);
            }
            k += keep[i] != 0;
        }
    }
}

/* ---- Unique ---- */

/* Slices of x along an axis: slice i has elements (o * extent + i) * inner + j. */
typedef struct slices {
    const fg_tensor *x;
    int64_t outer, extent, inner;
} slices;

static int compare_elements(const fg_tensor *x, int64_t a, int64_t b) {
    if (fg_dtype_get(x->dtype)->is_float) {
        const double p = fg_get_f64(x, a), q = fg_get_f64(x, b);
        if (isnan(p) || isnan(q)) {
            return isnan(p) - isnan(q);
        }
        return (p > q) - (p < q);
    }
    const int64_t p = fg_get_i64(x, a), q = fg_get_i64(x, b);
    if (x->dtype == FG_UINT64) {
        return ((uint64_t)p > (uint64_t)q) - ((uint64_t)p < (uint64_t)q);
    }
    return (p > q) - (p < q);
}

static int compare_slices(const slices *s, int64_t a, int64_t b) {
    for (int64_t o = 0; o < s->outer; o++) {
        for (int64_t j = 0; j < s->inner; j++) {
            const int c = compare_elements(s->x, (o * s->extent + a) * s->inner + j,
                                           (o * s->extent + b) * s->inner + j);
            if (c != 0) {
                return c;
            }
        }
    }
    return 0;
}

/* Puts the slices in order; equal ones by their place. Merges runs of 1, 2, 4, ... */
static void order_slices(const slices *s, int64_t *a, int64_t *room) {
    for (int64_t run = 1; run < s->extent; run *= 2) {
        for (int64_t from = 0; from < s->extent; from += 2 * run) {
            const int64_t mid = from + run < s->extent ? from + run : s->extent;
            const int64_t end = mid + run < s->extent ? mid + run : s->extent;
            int64_t p = from, q = mid;
            for (int64_t k = from; k < end; k++) {
                const bool first = q >= end || (p < mid && compare_slices(s, a[p], a[q]) <= 0);
                room[k] = first ? a[p++] : a[q++];
            }
            for (int64_t k = from; k < end; k++) {
                a[k] = room[k];
            }
        }
    }
}

static void put(const fg_tensor *t, int64_t i, int64_t value) {
    if (t->data != NULL) {
        ((int64_t *)t->data)[i] = value;
    }
}

/* group[i]: number of slice i's group in order of value; first[k]: the first slice of group k. */
static int64_t group_slices(const fg_eval *e, const slices *s, int64_t *group, int64_t *first) {
    int64_t *order = fg_big_alloc(e->ctx, ((size_t)s->extent + 1) * 2 * sizeof *order), groups = 0;
    for (int64_t i = 0; i < s->extent; i++) {
        order[i] = i;
    }
    order_slices(s, order, order + s->extent);
    for (int64_t i = 0; i < s->extent; i++) {
        if (i == 0 || compare_slices(s, order[i - 1], order[i]) != 0) {
            first[groups++] = order[i];
        }
        group[order[i]] = groups - 1;
    }
    fg_big_free(e->ctx, order);
    return groups;
}

/* Numbers groups by where they first occur. */
static void number_by_place(int64_t extent, int64_t *group, int64_t *first, int64_t *number) {
    int64_t next = 0;
    for (int64_t i = 0; i < extent; i++) {
        if (first[group[i]] == i) {
            number[group[i]] = next++;
        }
    }
    for (int64_t i = 0; i < extent; i++) {
        group[i] = number[group[i]];
    }
    next = 0;
    for (int64_t i = 0; i < extent; i++) {
        if (group[i] == next) {
            first[next++] = i;
        }
    }
}

void fg_ref_unique(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    const bool flat = fg_node_attr(e->node, "axis") == NULL;
    const int axis = flat ? 0 : fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", 0), x->shape.rank);
    slices s = {x, 1, flat ? fg_shape_count(&x->shape) : x->shape.dim[axis], 1};
    for (int d = 0; d < axis; d++) {
        s.outer *= x->shape.dim[d];
    }
    for (int d = axis + 1; !flat && d < x->shape.rank; d++) {
        s.inner *= x->shape.dim[d];
    }
    int64_t *group = fg_big_alloc(e->ctx, ((size_t)s.extent + 1) * 3 * sizeof *group);
    int64_t *first = group + s.extent, *number = first + s.extent;
    const int64_t groups = group_slices(e, &s, group, first);
    if (fg_attr_int(e->node, "sorted", 1) == 0) {
        number_by_place(s.extent, group, first, number);
    }
    fg_tensor none = {.data = NULL}, *out[4];
    for (int i = 0; i < 4; i++) {
        out[i] = i < e->node->n_out ? &e->out[i] : &none;
        if (i != 2 && out[i]->data != NULL) {
            out[i]->shape.dim[i == 0 && !flat ? axis : 0] = groups;
        }
    }
    for (int64_t k = 0; k < groups; k++) {
        put(out[1], k, first[k]);
        for (int64_t o = 0; out[0]->data != NULL && o < s.outer; o++) {
            for (int64_t j = 0; j < s.inner; j++) {
                fg_copy_element(x->dtype, out[0]->data, (o * groups + k) * s.inner + j, x->data,
                                (o * s.extent + first[k]) * s.inner + j);
            }
        }
    }
    for (int64_t i = 0; i < s.extent; i++) {
        put(out[2], i, group[i]);
        if (out[3]->data != NULL) {
            ((int64_t *)out[3]->data)[group[i]]++;
        }
    }
    fg_big_free(e->ctx, group);
}

/* ---- NonMaxSuppression ---- */

/* Corners in order: low and high coordinate of both dimensions. */
typedef struct box {
    double low[2], high[2];
} box;

static box box_at(const float *b, bool centre) {
    box r;
    for (int d = 0; d < 2; d++) {
        /* (x, y, width, height) around the centre, or two opposite corners */
        const double p = centre ? (double)b[d] - (double)b[d + 2] / 2 : (double)b[d];
        const double q = centre ? (double)b[d] + (double)b[d + 2] / 2 : (double)b[d + 2];
        r.low[d] = p < q ? p : q;
        r.high[d] = p < q ? q : p;
    }
    return r;
}

static bool overlap_above(const box *a, const box *b, float threshold) {
    double both = 1, one = 1, other = 1;
    for (int d = 0; d < 2; d++) {
        const double low = a->low[d] > b->low[d] ? a->low[d] : b->low[d];
        const double high = a->high[d] < b->high[d] ? a->high[d] : b->high[d];
        both *= high > low ? high - low : 0;
        one *= a->high[d] - a->low[d];
        other *= b->high[d] - b->low[d];
    }
    const double all = one + other - both;
    return one > 0 && other > 0 && all > 0 && (float)(both / all) > threshold;
}

static float number(const fg_eval *e, int i, float otherwise) {
    return fg_has_operand(e, i) ? (float)fg_tensor_float(&e->in[i], 0) : otherwise;
}

/* One class of one image; returns how many indices were added. */
static int64_t suppress(const fg_eval *e, const float *boxes, const float *scores, int64_t n, int64_t most,
                        int64_t batch, int64_t class, int64_t *y) {
    const bool centre = fg_attr_int(e->node, "center_point_box", 0) != 0;
    const float overlap = number(e, 3, 0);
    int64_t taken = 0;
    bool *gone = fg_big_alloc(e->ctx, (size_t)n + 1);
    for (int64_t i = 0; fg_has_operand(e, 4) && i < n; i++) {
        gone[i] = !(scores[i] > number(e, 4, 0));
    }
    while (taken < most) {
        int64_t best = -1;
        for (int64_t i = 0; i < n; i++) {
            if (!gone[i] && (best < 0 || scores[i] > scores[best])) {
                best = i;
            }
        }
        if (best < 0) {
            break;
        }
        const box chosen = box_at(boxes + 4 * best, centre);
        y[3 * taken] = batch;
        y[3 * taken + 1] = class;
        y[3 * taken++ + 2] = best;
        gone[best] = true;
        for (int64_t i = 0; i < n; i++) {
            const box other = box_at(boxes + 4 * i, centre);
            gone[i] = gone[i] || overlap_above(&chosen, &other, overlap);
        }
    }
    fg_big_free(e->ctx, gone);
    return taken;
}

void fg_ref_suppression(const fg_eval *e) {
    const fg_shape *s = &e->in[1].shape;
    const int64_t n = s->dim[2], limit = fg_has_operand(e, 2) ? fg_tensor_int(&e->in[2], 0) : 0;
    const int64_t most = limit < 0 ? 0 : limit < n ? limit : n;
    int64_t count = 0, *y = e->out[0].data;
    for (int64_t b = 0; b < s->dim[0]; b++) {
        for (int64_t c = 0; c < s->dim[1]; c++) {
            count += suppress(e, (const float *)e->in[0].data + b * n * 4,
                              (const float *)e->in[1].data + (b * s->dim[1] + c) * n, n, most, b, c,
                              y + 3 * count);
        }
    }
    e->out[0].shape.dim[0] = count;
}
