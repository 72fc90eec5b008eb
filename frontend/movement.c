#include "frontend/movement.h"

#include <string.h>

#include "frontend/ops.h"

typedef struct view {
    const fg_node *n;
    int output;
    const fg_shape *in, *out;
    const int64_t *in_stride;
    int64_t *stride; /* of the output */
    int64_t *offset; /* starts as the input's */
} view;

enum { LIST_ABSENT = -1, LIST_UNKNOWN = -2 };

/* Integers of a constant operand or, in older opsets, of an attribute; how many, or one of the above. */
static int read_list(const fg_node *n, int operand, const char *attr, int64_t *out) {
    const fg_value *v = operand < n->n_in ? n->in[operand] : NULL;
    if (v != NULL) {
        if (v->data == NULL || fg_shape_count(&v->shape) > FG_MAX_RANK) {
            return LIST_UNKNOWN;
        }
        int count = (int)fg_shape_count(&v->shape);
        for (int i = 0; i < count; i++) {
            out[i] = fg_const_int(v, i);
        }
        return count;
    }
    const fg_attr *a = attr == NULL ? NULL : fg_node_attr(n, attr);
    if (a == NULL || a->type != FG_ATTR_INTS) {
        return LIST_ABSENT;
    }
    if (a->n > FG_MAX_RANK) {
        return LIST_UNKNOWN;
    }
    for (int i = 0; i < a->n; i++) {
        out[i] = a->ints[i];
    }
    return a->n;
}

/* ---- the same order, other extents ---- */

/* Dimensions of extent 1 say nothing of the layout. */
static int drop_ones(const fg_shape *s, const int64_t *stride, int64_t *dim, int64_t *kept) {
    int n = 0;
    for (int d = 0; d < s->rank; d++) {
        if (s->dim[d] == 1) {
            continue;
        }
        dim[n] = s->dim[d];
        kept[n++] = stride[d];
    }
    return n;
}

/* Matches the shortest runs of old and new dimensions with equal products; within a run the old ones must be
 * adjacent in memory, and the new ones divide them. */
static bool view_same_order(const view *v) {
    int64_t dim[FG_MAX_RANK], old[FG_MAX_RANK];
    int n = drop_ones(v->in, v->in_stride, dim, old), o = 0, d = 0, rank = v->out->rank;
    const int64_t *to = v->out->dim;
    memset(v->stride, 0, (size_t)rank * sizeof(*v->stride));
    if (fg_shape_count(v->in) == 0) {
        return true;
    }
    while (o < n) {
        while (d < rank && to[d] == 1) {
            d++;
        }
        int64_t have = dim[o], want = d < rank ? to[d] : 0;
        int last = o, end = d;
        while (have != want) {
            if (have < want) {
                if (++last >= n || old[last - 1] != dim[last] * old[last]) {
                    return false;
                }
                have *= dim[last];
            } else {
                if (++end >= rank) {
                    return false;
                }
                want *= to[end];
            }
        }
        int64_t s = old[last];
        for (int k = end; k >= d; k--) {
            v->stride[k] = s;
            s *= to[k];
        }
        o = last + 1;
        d = end + 1;
    }
    return true;
}

static bool view_identity(const view *v) {
    return v->output == 0 && view_same_order(v);
}

static bool view_dropout(const view *v) {
    return fg_attr_int(v->n, FG_TRAINS, 0) == 0 && view_identity(v);
}

/* ---- other orders and parts ---- */

static bool view_transpose(const view *v) {
    int64_t perm[FG_MAX_RANK];
    int count = read_list(v->n, 1, "perm", perm), rank = v->in->rank;
    for (int d = 0; d < rank; d++) {
        v->stride[d] = v->in_stride[count == rank ? perm[d] : rank - 1 - d];
    }
    return true;
}

/* The inverse: v->in_stride are the result's. */
static bool source_transpose(const view *v) {
    int64_t perm[FG_MAX_RANK];
    int count = read_list(v->n, 1, "perm", perm), rank = v->out->rank;
    for (int d = 0; d < rank; d++) {
        v->stride[count == rank ? perm[d] : rank - 1 - d] = v->in_stride[d];
    }
    return true;
}

static bool view_expand(const view *v) {
    int skip = v->out->rank - v->in->rank;
    for (int d = 0; d < v->out->rank; d++) {
        bool repeated = d < skip || v->in->dim[d - skip] == 1;
        v->stride[d] = repeated ? 0 : v->in_stride[d - skip];
    }
    return true;
}

/* Index of the first element that start:end:step takes. */
static int64_t first_taken(int64_t start, int64_t extent, int64_t step) {
    if (start < 0) {
        start += extent;
    }
    int64_t last = step > 0 ? extent : extent - 1, first = step > 0 ? 0 : -1;
    return start < first ? first : start > last ? last : start;
}

static bool view_slice(const view *v) {
    int64_t start[FG_MAX_RANK], axes[FG_MAX_RANK], steps[FG_MAX_RANK];
    int rank = v->in->rank, count = read_list(v->n, 1, "starts", start);
    int n_axes = read_list(v->n, 3, "axes", axes), n_steps = read_list(v->n, 4, NULL, steps);
    if (count < 0 || n_axes == LIST_UNKNOWN || n_steps == LIST_UNKNOWN) {
        return false;
    }
    memcpy(v->stride, v->in_stride, (size_t)rank * sizeof(*v->stride));
    if (fg_shape_count(v->out) == 0) {
        return true;
    }
    for (int i = 0; i < count; i++) {
        int64_t axis = n_axes < 0 ? i : axes[i], step = n_steps < 0 ? 1 : steps[i];
        if (axis < 0) {
            axis += rank;
        }
        *v->offset += first_taken(start[i], v->in->dim[axis], step) * v->in_stride[axis];
        v->stride[axis] = v->out->dim[axis] == 1 ? v->in_stride[axis] : v->in_stride[axis] * step;
    }
    return true;
}

/* Where part number `output` begins on the axis; -1 if that is not known. */
static int64_t part_start(const view *v, int axis) {
    const fg_value *list = v->n->n_in > 1 ? v->n->in[1] : NULL;
    const fg_attr *a = fg_attr_of(v->n, "split", FG_ATTR_INTS);
    int64_t parts = v->n->n_out, extent = v->in->dim[axis], each = (extent + parts - 1) / parts, at = 0;
    if (list != NULL && list->data == NULL) {
        return -1;
    }
    for (int i = 0; i < v->output; i++) {
        if (list != NULL) {
            at += fg_const_int(list, i);
        } else {
            at += a != NULL && i < a->n ? a->ints[i] : each;
        }
    }
    return at < extent ? at : extent;
}

static bool view_split(const view *v) {
    int rank = v->in->rank;
    int64_t axis = fg_attr_int(v->n, "axis", 0);
    if (axis < 0) {
        axis += rank;
    }
    int64_t at = part_start(v, (int)axis);
    if (at < 0) {
        return false;
    }
    memcpy(v->stride, v->in_stride, (size_t)rank * sizeof(*v->stride));
    if (fg_shape_count(v->out) > 0) {
        *v->offset += at * v->in_stride[axis];
    }
    return true;
}

static const struct {
    const char *op;
    bool (*make)(const view *v);
    bool (*source)(const view *v); /* NULL: not all elements are kept, or not once */
} views[] = {{"Reshape", view_same_order, view_same_order},
             {"Flatten", view_same_order, view_same_order},
             {"Squeeze", view_same_order, view_same_order},
             {"Unsqueeze", view_same_order, view_same_order},
             {"Identity", view_identity, view_same_order},
             {"Dropout", view_dropout, NULL},
             {"Transpose", view_transpose, source_transpose},
             {"Expand", view_expand, NULL},
             {"Slice", view_slice, NULL},
             {"Split", view_split, NULL}};

static int find_view(const fg_node *n) {
    bool official = n->domain == NULL || n->domain[0] == '\0' || strcmp(n->domain, "ai.onnx") == 0;
    for (int i = 0; official && i < (int)FG_COUNT(views); i++) {
        if (strcmp(n->op_type, views[i].op) == 0) {
            return i;
        }
    }
    return -1;
}

bool fg_movement_view(const fg_node *n, int output, const int64_t *in_stride, int64_t in_offset,
                      int64_t *out_stride, int64_t *out_offset) {
    if (n->n_in < 1 || n->in[0] == NULL || output < 0 || output >= n->n_out || n->out[output] == NULL) {
        return false;
    }
    view v = {n, output, &n->in[0]->shape, &n->out[output]->shape, in_stride, out_stride, out_offset};
    *out_offset = in_offset;
    int i = find_view(n);
    return i >= 0 && views[i].make(&v);
}

bool fg_movement_source(const fg_node *n, const int64_t *out_stride, int64_t out_offset, int64_t *in_stride,
                        int64_t *in_offset) {
    if (n->n_in < 1 || n->in[0] == NULL || n->n_out < 1 || n->out[0] == NULL) {
        return false;
    }
    view v = {n, 0, &n->out[0]->shape, &n->in[0]->shape, out_stride, in_stride, in_offset};
    *in_offset = out_offset;
    int i = find_view(n);
    return i >= 0 && views[i].source != NULL && views[i].source(&v);
}
