/* Operators that cut a tensor: Slice and Split; and Pad, which adds to it (or, with negative pads, cuts). */
#include "frontend/reference/slice.h"

#include <string.h>

#include "frontend/expand.h"
#include "frontend/extent.h"
#include "frontend/reference/elements.h"

/* ---- Slice ---- */

static void check_slice(fg_context *ctx, const fg_node *n, const fg_slice *s) {
    bool marked[FG_MAX_RANK] = {false};
    for (int i = 0; i < s->count; i++) {
        int axis = fg_axis(ctx, n, s->axis[i], n->in[0]->shape.rank);
        if (marked[axis]) {
            fg_raise(ctx, FG_BAD_MODEL, "axis %d is given twice", axis);
        }
        if (s->step[i] == 0) {
            fg_raise(ctx, FG_BAD_MODEL, "the step of axis %d is 0", axis);
        }
        marked[axis] = true;
    }
}

static void require_count(fg_context *ctx, const char *operand, int got, int want) {
    if (got == want) {
        return;
    }
    fg_blame_attribute(ctx, operand);
    fg_raise(ctx, FG_BAD_MODEL, "'%s' has %d entries, 'starts' has %d", operand, got, want);
}

/* Reads all of Slice's integers, from attributes or constant operands. */
static void read_slice(fg_context *ctx, fg_node *n, fg_slice *s) {
    s->count = fg_operand_ints(ctx, n, 1, "starts", FG_MAX_RANK, s->start);
    if (s->count < 0) {
        fg_raise(ctx, FG_BAD_MODEL, "'starts' is missing");
    }
    require_count(ctx, "ends", fg_operand_ints(ctx, n, 2, "ends", FG_MAX_RANK, s->end), s->count);
    int axes = fg_operand_ints(ctx, n, 3, "axes", FG_MAX_RANK, s->axis);
    int steps = fg_operand_ints(ctx, n, 4, NULL, FG_MAX_RANK, s->step);
    if (axes >= 0) {
        require_count(ctx, "axes", axes, s->count);
    }
    if (steps >= 0) {
        require_count(ctx, "steps", steps, s->count);
    }
    for (int i = 0; i < s->count; i++) {
        if (axes < 0) {
            s->axis[i] = i;
        }
        if (steps < 0) {
            s->step[i] = 1;
        }
    }
}

static bool is_constant(const fg_node *n, int i) {
    return i >= n->n_in || n->in[i] == NULL || n->in[i]->data != NULL;
}

/* Where only a run knows starts or ends, the extents are counted, by a Cut for each axis. */
static bool cut(fg_context *ctx, fg_graph *g, fg_node *n) {
    enum { STARTS = 1, ENDS, AXES, STEPS };
    int64_t axis[FG_MAX_RANK], step[FG_MAX_RANK];
    const fg_value *y = n->out[0];
    const bool unknown = n->n_in > ENDS && (!is_constant(n, STARTS) || !is_constant(n, ENDS));
    if (!unknown || !is_constant(n, AXES) || !is_constant(n, STEPS) || y->shape_declared ||
        n->in[0]->id < 0 || fg_dtype_is_packed(n->in[0]->dtype)) {
        return false;
    }
    const int64_t count = fg_shape_count(&n->in[STARTS]->shape);
    const int axes = fg_operand_ints(ctx, n, AXES, NULL, FG_MAX_RANK, axis);
    const int steps = fg_operand_ints(ctx, n, STEPS, NULL, FG_MAX_RANK, step);
    if (count < 1 || count > n->in[0]->shape.rank || fg_shape_count(&n->in[ENDS]->shape) != count ||
        (axes >= 0 && axes != count) || (steps >= 0 && steps != count)) {
        fg_raise(ctx, FG_BAD_MODEL, "starts, ends, axes and steps are not of one length");
    }
    fg_value *x = n->in[0];
    for (int i = 0; i < count; i++) {
        fg_value *in[3] = {x, n->in[STARTS], n->in[ENDS]}, *out = i == count - 1 ? n->out[0] : NULL;
        fg_node *made = fg_put_node(g, n, "Cut", 3, in, 1, &out);
        made->domain = FG_OWN_DOMAIN;
        fg_node_set_attr(ctx, made, "entry", FG_ATTR_INT)->i = i;
        fg_node_set_attr(ctx, made, "axis", FG_ATTR_INT)->i =
            fg_axis(ctx, n, axes < 0 ? i : axis[i], n->in[0]->shape.rank);
        fg_node_set_attr(ctx, made, "step", FG_ATTR_INT)->i = steps < 0 ? 1 : step[i];
        x = out;
    }
    fg_replaced(n);
    return true;
}

static void infer_slice(fg_context *ctx, fg_graph *g, fg_node *n) {
    if (cut(ctx, g, n)) {
        return;
    }
    static const char *const names[] = {"data", "starts", "ends", "axes", "steps"};
    for (int i = 1; i < n->n_in; i++) {
        if (n->in[i] != NULL && !fg_need_const_same(ctx, n, i, names[i])) {
            return;
        }
    }
    fg_slice s;
    fg_shape y = n->in[0]->shape;
    read_slice(ctx, n, &s);
    check_slice(ctx, n, &s);
    for (int i = 0; i < s.count; i++) {
        int axis = fg_axis(ctx, n, s.axis[i], y.rank);
        y.dim[axis] = fg_slice_extent(y.dim[axis], &s.start[i], s.end[i], s.step[i]);
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

/* ---- Split ---- */

/* Extents of the parts when no list gives them; returns false if they cannot be made. */
static bool equal_parts(const fg_node *n, int64_t extent, int64_t parts, int64_t *size) {
    bool uneven = fg_node_attr(n, "num_outputs") != NULL; /* then the last part may be smaller */
    int64_t each = (extent + parts - 1) / parts;
    if (!uneven && extent % parts != 0) {
        return false;
    }
    for (int64_t i = 0; i < parts; i++) {
        int64_t left = extent - i * each;
        size[i] = left < 0 ? 0 : left < each ? left : each;
    }
    return true;
}

static void infer_split(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_shape y = n->in[0]->shape;
    int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 0), y.rank);
    if (n->n_in > 1 && n->in[1] != NULL && !fg_need_const_same(ctx, n, 1, "split")) {
        return;
    }
    int64_t *size = FG_ARRAY(ctx, n->n_out + 1, int64_t), sum = 0;
    int count = fg_operand_ints(ctx, n, 1, "split", n->n_out, size);
    int64_t parts = fg_attr_int(n, "num_outputs", n->n_out);
    if (n->n_out < 1 || parts != n->n_out || (count >= 0 && count != n->n_out)) {
        fg_raise(ctx, FG_BAD_MODEL, "the node has %d outputs and asks for %lld parts", n->n_out,
                 (long long)(count >= 0 ? count : parts));
    }
    if (count < 0 && !equal_parts(n, y.dim[axis], parts, size)) {
        fg_raise(ctx, FG_BAD_MODEL, "extent %lld cannot be split into %d equal parts", (long long)y.dim[axis],
                 n->n_out);
    }
    for (int i = 0; i < n->n_out; i++) {
        if (size[i] < 0 || size[i] > y.dim[axis] - sum) {
            fg_raise(ctx, FG_BAD_MODEL, "part %d of %lld elements does not fit into extent %lld", i,
                     (long long)size[i], (long long)y.dim[axis]);
        }
        sum += size[i];
    }
    if (sum != y.dim[axis]) {
        fg_raise(ctx, FG_BAD_MODEL, "the parts have %lld elements, the axis %lld", (long long)sum,
                 (long long)y.dim[axis]);
    }
    for (int i = 0; i < n->n_out; i++) {
        y.dim[axis] = size[i];
        fg_out_shape(ctx, n, i, n->in[0]->dtype, &y);
    }
}

/* ---- Pad ---- */

static void check_pad_mode(fg_context *ctx, const fg_graph *g, const fg_node *n) {
    const char *mode = fg_attr_string(n, "mode", "constant");
    bool known = strcmp(mode, "constant") == 0 || strcmp(mode, "reflect") == 0 || strcmp(mode, "edge") == 0 ||
                 (strcmp(mode, "wrap") == 0 && g->opset >= 19);
    if (known) {
        return;
    }
    fg_blame_attribute(ctx, "mode");
    fg_raise(ctx, FG_BAD_MODEL, "mode '%.20s' is not one of opset %d", mode, g->opset);
}

static void infer_pad(fg_context *ctx, fg_graph *g, fg_node *n) {
    int64_t pads[2 * FG_MAX_RANK], axes[FG_MAX_RANK];
    fg_shape y = n->in[0]->shape;
    check_pad_mode(ctx, g, n);
    if (n->n_in > 1 && n->in[1] != NULL && !fg_need_const_same(ctx, n, 1, "pads")) {
        return;
    }
    if (n->n_in > 3 && n->in[3] != NULL && !fg_need_const_same(ctx, n, 3, "axes")) {
        return;
    }
    if (n->n_in > 2 && n->in[2] != NULL &&
        (n->in[2]->dtype != n->in[0]->dtype || fg_shape_count(&n->in[2]->shape) != 1)) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'constant_value' must be a scalar of the input's type");
    }
    int count = fg_operand_ints(ctx, n, 1, "pads", 2 * FG_MAX_RANK, pads);
    int k = fg_operand_ints(ctx, n, 3, NULL, FG_MAX_RANK, axes), given = k < 0 ? y.rank : k;
    if (count != 2 * given) {
        fg_raise(ctx, FG_BAD_MODEL, "'pads' has %d entries, not %d", count, 2 * given);
    }
    bool constant = strcmp(fg_attr_string(n, "mode", "constant"), "constant") == 0;
    for (int i = 0; i < given; i++) {
        int axis = fg_axis(ctx, n, k < 0 ? i : axes[i], y.rank);
        int64_t before = y.dim[axis];
        if (__builtin_add_overflow(y.dim[axis], pads[i], &y.dim[axis]) ||
            __builtin_add_overflow(y.dim[axis], pads[i + given], &y.dim[axis]) || y.dim[axis] < 0) {
            fg_raise(ctx, FG_BAD_MODEL, "pads %lld and %lld make no sense for extent %lld",
                     (long long)pads[i], (long long)pads[i + given], (long long)before);
        }
        if (!constant && before == 0 && y.dim[axis] > 0) {
            fg_raise(ctx, FG_BAD_MODEL, "dimension %d is empty and cannot be continued", axis);
        }
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

const fg_op fg_ops_slice[] = {
    {.name = "Slice",
     .domain = "",
     .since = 1,
     .until = 9,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_slice,
     .reference = fg_ref_slice,
     .lowering = "copy"},
    {.name = "Slice",
     .domain = "",
     .since = 10,
     .min_in = 3,
     .max_in = 5,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_slice,
     .reference = fg_ref_slice,
     .lowering = "copy"},
    {.name = "Split",
     .domain = "",
     .since = 2,
     .min_in = 1,
     .max_in = 2,
     .max_out = -1,
     .types = FG_T_ANY,
     .infer = infer_split,
     .reference = fg_ref_split,
     .lowering = "copy"},
    {.name = "Pad",
     .domain = "",
     .since = 2,
     .until = 10,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_pad,
     .reference = fg_ref_pad,
     .lowering = "pad"},
    {.name = "Pad",
     .domain = "",
     .since = 11,
     .min_in = 2,
     .max_in = 4,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_pad,
     .reference = fg_ref_pad,
     .lowering = "pad"},
};
const int fg_ops_slice_count = FG_COUNT(fg_ops_slice);
