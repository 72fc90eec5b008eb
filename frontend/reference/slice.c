#include "frontend/reference/slice.h"

#include <string.h>

#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"

static int64_t clamp(int64_t v, int64_t lo, int64_t hi) {
    return v < lo ? lo : v > hi ? hi : v;
}

/* Bounds count from the back when negative; INT64_MIN and the like survive, since extents are far smaller. */
int64_t fg_slice_extent(int64_t extent, int64_t *start, int64_t end, int64_t step) {
    int64_t lo = step > 0 ? 0 : -1, hi = step > 0 ? extent : extent - 1;
    *start = clamp(*start < 0 ? *start + extent : *start, lo, hi);
    end = clamp(end < 0 ? end + extent : end, lo, hi);
    int64_t span = step > 0 ? end - *start : *start - end;
    if (span <= 0) {
        return 0;
    }
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    return (int64_t)(((uint64_t)span - 1) / stride) + 1;
}

/* Entry i of a list that is an operand or, in old opsets, an attribute. */
static int read_list(const fg_eval *e, int operand, const char *attr, int max, int64_t *out) {
    if (fg_has_operand(e, operand)) {
        return fg_tensor_ints(e->ctx, &e->in[operand], max, out);
    }
    if (attr == NULL || fg_node_attr(e->node, attr) == NULL) {
        return -1;
    }
    return fg_attr_ints(e->ctx, e->node, attr, max, out);
}

void fg_ref_slice(const fg_eval *e) {
    const fg_shape *x = &e->in[0].shape, *y = &e->out[0].shape;
    fg_slice s;
    s.count = read_list(e, 1, "starts", FG_MAX_RANK, s.start);
    int ends = read_list(e, 2, "ends", FG_MAX_RANK, s.end);
    int axes = read_list(e, 3, "axes", FG_MAX_RANK, s.axis),
        steps = read_list(e, 4, NULL, FG_MAX_RANK, s.step);
    if (s.count < 0 || ends != s.count || (axes >= 0 && axes != s.count) ||
        (steps >= 0 && steps != s.count)) {
        fg_raise(e->ctx, FG_BAD_MODEL, "starts, ends, axes and steps differ in length");
    }
    fg_nd from = {0, {0}}, to = {0, {0}};
    fg_row_major(x->rank, x->dim, from.stride);
    fg_row_major(y->rank, y->dim, to.stride);
    fg_shape taken = *x;
    for (int i = 0; i < s.count; i++) {
        int axis = fg_axis(e->ctx, e->node, axes < 0 ? i : s.axis[i], x->rank);
        int64_t step = steps < 0 ? 1 : s.step[i];
        if (step == 0) {
            fg_raise(e->ctx, FG_BAD_MODEL, "the step of axis %d is 0", axis);
        }
        taken.dim[axis] = fg_slice_extent(x->dim[axis], &s.start[i], s.end[i], step);
        if (taken.dim[axis] == 0) {
            continue;
        }
        from.offset += s.start[i] * from.stride[axis];
        if (taken.dim[axis] > 1) {
            from.stride[axis] *= step;
        }
    }
    if (!fg_shape_equal(&taken, y)) {
        fg_raise(e->ctx, FG_BAD_MODEL, "the slice has shape %s, declared is %s",
                 fg_shape_text(e->ctx, &taken), fg_shape_text(e->ctx, y));
    }
    fg_copy_nd(e->in[0].dtype, y->rank, y->dim, e->out[0].data, &to, e->in[0].data, &from);
}

/* Extent of part i: from the list, else equal parts with what is left in the last one. */
static int64_t part_extent(const fg_eval *e, int i, int64_t extent) {
    if (fg_has_operand(e, 1)) {
        return fg_tensor_int(&e->in[1], i);
    }
    const fg_attr *list = fg_attr_of(e->node, "split", FG_ATTR_INTS);
    if (list != NULL && i < list->n) {
        return list->ints[i];
    }
    int64_t parts = e->node->n_out, each = (extent + parts - 1) / parts;
    return clamp(extent - i * each, 0, each);
}

void fg_ref_split(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    int rank = x->shape.rank, axis = fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", 0), rank);
    fg_nd from = {0, {0}}, to = {0, {0}};
    fg_row_major(rank, x->shape.dim, from.stride);
    int64_t at = 0, whole = x->shape.dim[axis];
    for (int i = 0; i < e->node->n_out; i++) {
        const fg_tensor *y = &e->out[i];
        int64_t extent = part_extent(e, i, whole);
        if (y->data != NULL) {
            if (extent != y->shape.dim[axis] || extent > whole - at) {
                fg_raise(e->ctx, FG_BAD_MODEL, "part %d has %lld elements, declared is %s", i,
                         (long long)extent, fg_shape_text(e->ctx, &y->shape));
            }
            fg_row_major(rank, y->shape.dim, to.stride);
            from.offset = at * from.stride[axis];
            fg_copy_nd(x->dtype, rank, y->shape.dim, y->data, &to, x->data, &from);
        }
        at += extent;
    }
}

/* ---- Pad ---- */

/* The source index of padded index i (before: how much stands in front), or -1 where the constant goes. */
static int64_t reflected(int64_t i, int64_t extent) {
    int64_t period = 2 * (extent - 1);
    if (period == 0) {
        return 0;
    }
    i = ((i % period) + period) % period;
    return i < extent ? i : period - i;
}

static int64_t source(const char *mode, int64_t i, int64_t extent) {
    if (i >= 0 && i < extent) {
        return i;
    }
    switch (mode[0]) {
    case 'e': return i < 0 ? 0 : extent - 1;
    case 'r': return reflected(i, extent);
    case 'w': return ((i % extent) + extent) % extent;
    default: return -1;
    }
}

/* Pads at the front, by dimension; checks that the output has room for exactly what is asked. */
static void read_pads(const fg_eval *e, int64_t *front) {
    const fg_shape *x = &e->in[0].shape;
    int64_t pads[2 * FG_MAX_RANK], axes[FG_MAX_RANK];
    fg_shape y = *x;
    int count = read_list(e, 1, "pads", 2 * FG_MAX_RANK, pads), k = read_list(e, 3, NULL, FG_MAX_RANK, axes);
    int given = k < 0 ? x->rank : k;
    if (count != 2 * given) {
        fg_raise(e->ctx, FG_BAD_MODEL, "'pads' has %d entries, not %d", count, 2 * given);
    }
    for (int i = 0; i < given; i++) {
        int axis = fg_axis(e->ctx, e->node, k < 0 ? i : axes[i], x->rank);
        front[axis] += pads[i];
        y.dim[axis] += pads[i] + pads[i + given];
    }
    if (!fg_shape_equal(&y, &e->out[0].shape)) {
        fg_raise(e->ctx, FG_BAD_MODEL, "padding gives shape %s, declared is %s", fg_shape_text(e->ctx, &y),
                 fg_shape_text(e->ctx, &e->out[0].shape));
    }
}

/* The constant as one element at `element`. */
static void read_fill(const fg_eval *e, void *element) {
    fg_dtype t = e->in[0].dtype;
    fg_tensor one = {t, {0, {0}}, element};
    if (fg_has_operand(e, 2)) {
        fg_copy_element(t, element, 0, e->in[2].data, 0);
    } else if (t == FG_STRING) {
        *(const char **)element = "";
    } else if (fg_node_attr(e->node, "value") != NULL) {
        fg_set_f64(&one, 0, (double)fg_attr_float(e->node, "value", 0));
    }
}

void fg_ref_pad(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *y = &e->out[0];
    int rank = y->shape.rank;
    int64_t front[FG_MAX_RANK] = {0}, index[FG_MAX_RANK] = {0}, stride[FG_MAX_RANK], fill[2] = {0, 0};
    const char *mode = fg_attr_string(e->node, "mode", "constant");
    read_pads(e, front);
    read_fill(e, fill);
    fg_row_major(rank, x->shape.dim, stride);
    int64_t count = fg_shape_count(&y->shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0;
        for (int d = 0; d < rank && at >= 0; d++) {
            int64_t s = source(mode, index[d] - front[d], x->shape.dim[d]);
            at = s < 0 ? -1 : at + s * stride[d];
        }
        fg_copy_element(y->dtype, y->data, i, at < 0 ? (const void *)fill : x->data, at < 0 ? 0 : at);
        (void)fg_next_index(rank, y->shape.dim, index);
    }
}
