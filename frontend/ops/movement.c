/* Operators that give a tensor another shape or order without looking at its elements. */
#include "frontend/reference/movement.h"

#include <string.h>

#include "frontend/reference/elements.h"

/* What the operand decides is not known, and the declared shape is believed: as far as it can be right. Where
 * extents are counted, shapes are bounds, which need not fit each other. */
static bool is_counted(const fg_node *n) {
    bool counted = n->in[1]->elements != NULL;
    for (int d = 0; d < n->in[0]->shape.rank; d++) {
        counted = counted || n->in[0]->extent[d] != NULL;
    }
    return counted;
}

static void check_declared_count(fg_context *ctx, const fg_node *n) {
    const fg_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    if (!is_counted(n) && fg_shape_count(x) != fg_shape_count(y)) {
        fg_raise(ctx, FG_BAD_MODEL, "output '%s' is declared as %s, %s has another number of elements",
                 n->out[0]->name, fg_shape_text(ctx, y), fg_shape_text(ctx, x));
    }
}

static void check_declared_repeats(fg_context *ctx, const fg_node *n) {
    const fg_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    bool good = x->rank == y->rank;
    for (int d = 0; good && d < y->rank; d++) {
        good = x->dim[d] == 0 ? y->dim[d] == 0 : y->dim[d] % x->dim[d] == 0;
    }
    if (!good && !is_counted(n)) {
        fg_raise(ctx, FG_BAD_MODEL, "output '%s' is declared as %s, which is no multiple of %s",
                 n->out[0]->name, fg_shape_text(ctx, y), fg_shape_text(ctx, x));
    }
}

static void check_declared_expansion(fg_context *ctx, const fg_node *n) {
    fg_shape y = n->out[0]->shape;
    if (is_counted(n)) {
        return;
    }
    fg_broadcast_shape(ctx, n, &y, &n->in[0]->shape);
    if (!fg_shape_equal(&y, &n->out[0]->shape)) {
        fg_raise(ctx, FG_BAD_MODEL, "output '%s' is declared as %s, %s does not expand to that",
                 n->out[0]->name, fg_shape_text(ctx, &n->out[0]->shape),
                 fg_shape_text(ctx, &n->in[0]->shape));
    }
}

/* Reads the axes of Squeeze and Unsqueeze (an operand from opset 13 on) and marks them; false if they are to
 * be taken from the declared output. Returns through count how many; -1 if none are given. */
static bool mark_axes(fg_context *ctx, fg_node *n, int rank, bool *marked, int *count) {
    int64_t axes[FG_MAX_RANK];
    *count = -1;
    if (n->n_in > 1 && n->in[1] != NULL && !fg_need_const_same(ctx, n, 1, "axes")) {
        check_declared_count(ctx, n);
        return false;
    }
    *count = fg_operand_ints(ctx, n, 1, "axes", FG_MAX_RANK, axes);
    if (*count >= 0 && n->in[0]->shape.rank + *count > FG_MAX_RANK && rank < 0) {
        fg_raise(ctx, FG_UNSUPPORTED, "output would have more than %d dimensions", FG_MAX_RANK);
    }
    int range = rank < 0 ? n->in[0]->shape.rank + *count : rank;
    for (int i = 0; i < *count; i++) {
        int axis = fg_axis(ctx, n, axes[i], range);
        if (marked[axis]) {
            fg_raise(ctx, FG_BAD_MODEL, "axis %d is given twice", axis);
        }
        marked[axis] = true;
    }
    return true;
}

static void infer_squeeze(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape;
    bool marked[FG_MAX_RANK] = {false};
    int count;
    if (!mark_axes(ctx, n, x->rank, marked, &count)) {
        return;
    }
    fg_shape y = {0, {0}};
    for (int d = 0; d < x->rank; d++) {
        bool drop = count < 0 ? x->dim[d] == 1 : marked[d];
        if (drop && x->dim[d] != 1) {
            fg_raise(ctx, FG_BAD_MODEL, "dimension %d has extent %lld and cannot be squeezed", d,
                     (long long)x->dim[d]);
        }
        if (!drop) {
            y.dim[y.rank++] = x->dim[d];
        }
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_unsqueeze(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape;
    bool marked[FG_MAX_RANK] = {false};
    int count, from = 0;
    if (!mark_axes(ctx, n, -1, marked, &count)) {
        return;
    }
    if (count < 0) {
        fg_raise(ctx, FG_BAD_MODEL, "axes are missing");
    }
    fg_shape y = {x->rank + count, {0}};
    for (int d = 0; d < y.rank; d++) {
        y.dim[d] = marked[d] ? 1 : x->dim[from++];
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

/* Replaces the one -1 among the extents by what is left of `total`. */
static void fill_wildcard(fg_context *ctx, fg_shape *y, int wildcard, int64_t total) {
    y->dim[wildcard] = 1;
    int64_t rest = fg_checked_product(ctx, y->rank, y->dim);
    if (rest == 0 ? total != 0 : total % rest != 0) {
        fg_raise(ctx, FG_BAD_MODEL, "%lld elements cannot be divided by the %lld of the other dimensions",
                 (long long)total, (long long)rest);
    }
    y->dim[wildcard] = rest == 0 ? 0 : total / rest;
}

static void infer_reshape(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape;
    if (!fg_need_const_same(ctx, n, 1, "shape")) {
        check_declared_count(ctx, n);
        return;
    }
    bool allow_zero = fg_attr_int(n, "allowzero", 0) != 0, zero = false;
    int wildcard = -1;
    fg_shape y;
    y.rank = fg_operand_ints(ctx, n, 1, NULL, FG_MAX_RANK, y.dim);
    for (int d = 0; d < y.rank; d++) {
        if (y.dim[d] == 0 && !allow_zero) {
            if (d >= x->rank) {
                fg_raise(ctx, FG_BAD_MODEL, "extent 0 at %d copies a dimension that is not there", d);
            }
            y.dim[d] = x->dim[d];
        } else if (y.dim[d] == -1) {
            if (wildcard >= 0) {
                fg_raise(ctx, FG_BAD_MODEL, "more than one extent is -1");
            }
            wildcard = d;
        } else if (y.dim[d] < 0) {
            fg_raise(ctx, FG_BAD_MODEL, "extent %lld at %d is negative", (long long)y.dim[d], d);
        }
        zero = zero || y.dim[d] == 0;
    }
    if (wildcard >= 0 && zero && allow_zero) {
        fg_raise(ctx, FG_BAD_MODEL, "extents 0 and -1 exclude each other");
    }
    if (wildcard >= 0) {
        fill_wildcard(ctx, &y, wildcard, fg_shape_count(x));
    }
    if (fg_checked_product(ctx, y.rank, y.dim) != fg_shape_count(x)) {
        fg_raise(ctx, FG_BAD_MODEL, "%s cannot be reshaped to %s", fg_shape_text(ctx, x),
                 fg_shape_text(ctx, &y));
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_flatten(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape;
    int64_t axis = fg_attr_int(n, "axis", 1);
    if (axis < -x->rank || axis > x->rank) {
        fg_blame_attribute(ctx, "axis");
        fg_raise(ctx, FG_BAD_MODEL, "axis %lld is out of range for rank %d", (long long)axis, x->rank);
    }
    if (axis < 0) {
        axis += x->rank;
    }
    fg_shape y = {2, {1, 1}};
    y.dim[0] = fg_checked_product(ctx, (int)axis, x->dim);
    y.dim[1] = fg_checked_product(ctx, x->rank - (int)axis, x->dim + axis);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_transpose(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape;
    int64_t perm[FG_MAX_RANK];
    bool seen[FG_MAX_RANK] = {false};
    fg_shape y = {x->rank, {0}};
    bool given = fg_node_attr(n, "perm") != NULL;
    if (given && fg_attr_ints(ctx, n, "perm", FG_MAX_RANK, perm) != x->rank) {
        fg_blame_attribute(ctx, "perm");
        fg_raise(ctx, FG_BAD_MODEL, "perm must have %d entries", x->rank);
    }
    for (int d = 0; d < x->rank; d++) {
        int64_t from = given ? perm[d] : x->rank - 1 - d;
        if (from < 0 || from >= x->rank || seen[from]) {
            fg_blame_attribute(ctx, "perm");
            fg_raise(ctx, FG_BAD_MODEL, "perm is not a permutation of %d dimensions", x->rank);
        }
        seen[from] = true;
        y.dim[d] = x->dim[from];
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_expand(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_shape y;
    if (!fg_need_const_same(ctx, n, 1, "shape")) {
        check_declared_expansion(ctx, n);
        return;
    }
    y.rank = fg_operand_ints(ctx, n, 1, NULL, FG_MAX_RANK, y.dim);
    for (int d = 0; d < y.rank; d++) {
        if (y.dim[d] < 0) {
            fg_raise(ctx, FG_BAD_MODEL, "extent %lld at %d is negative", (long long)y.dim[d], d);
        }
    }
    fg_broadcast_shape(ctx, n, &y, &n->in[0]->shape);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_tile(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    int64_t repeats[FG_MAX_RANK];
    fg_shape y = n->in[0]->shape;
    if (!fg_need_const_same(ctx, n, 1, "repeats")) {
        check_declared_repeats(ctx, n);
        return;
    }
    if (fg_operand_ints(ctx, n, 1, NULL, FG_MAX_RANK, repeats) != y.rank) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'repeats' must have one entry for each of the %d dimensions",
                 y.rank);
    }
    for (int d = 0; d < y.rank; d++) {
        if (repeats[d] < 0 || __builtin_mul_overflow(y.dim[d], repeats[d], &y.dim[d])) {
            fg_raise(ctx, FG_BAD_MODEL, "repeats[%d] = %lld makes no sense", d, (long long)repeats[d]);
        }
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_concat(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_shape y = n->in[0]->shape;
    if (fg_node_attr(n, "axis") == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'axis' is missing");
    }
    int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 0), y.rank);
    for (int i = 1; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v == NULL) {
            fg_raise(ctx, FG_BAD_MODEL, "input %d is absent", i);
        }
        bool fits = v->shape.rank == y.rank && v->dtype == n->in[0]->dtype;
        for (int d = 0; fits && d < y.rank; d++) {
            fits = d == axis || v->shape.dim[d] == y.dim[d];
        }
        if (!fits || __builtin_add_overflow(y.dim[axis], v->shape.dim[axis], &y.dim[axis])) {
            fg_raise(ctx, FG_BAD_MODEL, "%s '%s' (%s) cannot be appended to %s '%s' (%s) along axis %d",
                     fg_dtype_get(v->dtype)->name, v->name, fg_shape_text(ctx, &v->shape),
                     fg_dtype_get(n->in[0]->dtype)->name, n->in[0]->name,
                     fg_shape_text(ctx, &n->in[0]->shape), axis);
        }
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

/* ---- depth and space ---- */

static int64_t block_of(fg_context *ctx, const fg_node *n) {
    int64_t b = fg_attr_int(n, "blocksize", 0);
    if (b <= 0 || b > 1 << 20) {
        fg_blame_attribute(ctx, "blocksize");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'blocksize' must be positive, it is %lld", (long long)b);
    }
    if (n->in[0]->shape.rank != 4) {
        fg_raise(ctx, FG_BAD_MODEL, "input must have four dimensions, not %d", n->in[0]->shape.rank);
    }
    return b;
}

static void check_mode(fg_context *ctx, const fg_node *n) {
    const char *mode = fg_attr_string(n, "mode", "DCR");
    if (strcmp(mode, "DCR") != 0 && strcmp(mode, "CRD") != 0) {
        fg_blame_attribute(ctx, "mode");
        fg_raise(ctx, FG_BAD_MODEL, "mode '%.20s' is neither DCR nor CRD", mode);
    }
}

static void infer_depth_to_space(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    int64_t b = block_of(ctx, n);
    check_mode(ctx, n);
    fg_shape y = n->in[0]->shape;
    if (y.dim[1] % (b * b) != 0) {
        fg_raise(ctx, FG_BAD_MODEL, "%lld channels cannot be divided into blocks of %lld x %lld",
                 (long long)y.dim[1], (long long)b, (long long)b);
    }
    y.dim[1] /= b * b;
    if (__builtin_mul_overflow(y.dim[2], b, &y.dim[2]) || __builtin_mul_overflow(y.dim[3], b, &y.dim[3])) {
        fg_raise(ctx, FG_UNSUPPORTED, "the output would be too large");
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_space_to_depth(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    int64_t b = block_of(ctx, n);
    check_mode(ctx, n);
    fg_shape y = n->in[0]->shape;
    if (y.dim[2] % b != 0 || y.dim[3] % b != 0) {
        fg_raise(ctx, FG_BAD_MODEL, "%lld x %lld cannot be divided into blocks of %lld", (long long)y.dim[2],
                 (long long)y.dim[3], (long long)b);
    }
    if (__builtin_mul_overflow(y.dim[1], b * b, &y.dim[1])) {
        fg_raise(ctx, FG_UNSUPPORTED, "the output would have too many channels");
    }
    y.dim[2] /= b;
    y.dim[3] /= b;
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

#define ROW(op, first, lo, hi, infer_fn, ref_fn)                                                             \
    {                                                                                                        \
        .name = op, .domain = "", .since = first, .min_in = lo, .max_in = hi, .max_out = 1,                  \
        .types = FG_T_ANY, .infer = infer_fn, .reference = ref_fn, .lowering = "copy"                        \
    }

const fg_op fg_ops_movement[] = {
    ROW("Reshape", 5, 2, 2, infer_reshape, fg_ref_copy),
    ROW("Flatten", 1, 1, 1, infer_flatten, fg_ref_copy),
    ROW("Squeeze", 1, 1, 2, infer_squeeze, fg_ref_copy),
    ROW("Unsqueeze", 1, 1, 2, infer_unsqueeze, fg_ref_copy),
    ROW("Transpose", 1, 1, 1, infer_transpose, fg_ref_transpose),
    ROW("Expand", 8, 2, 2, infer_expand, fg_ref_expand),
    ROW("Tile", 6, 2, 2, infer_tile, fg_ref_tile),
    ROW("Concat", 4, 1, -1, infer_concat, fg_ref_concat),
    ROW("DepthToSpace", 1, 1, 1, infer_depth_to_space, fg_ref_depth_to_space),
    ROW("SpaceToDepth", 1, 1, 1, infer_space_to_depth, fg_ref_space_to_depth),
};
const int fg_ops_movement_count = FG_COUNT(fg_ops_movement);
