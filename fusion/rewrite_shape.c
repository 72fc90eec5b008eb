/* Rewrites of movement and windows.
 *
 *   Transpose(Transpose(x))          -> one Transpose, or nothing
 *   Transpose that moves extents of 1 only -> Reshape
 *   a view of a view                 -> one Reshape of the first operand
 *   auto_pad = SAME_..., VALID       -> explicit pads
 *   Pad(0) into Conv, AveragePool    -> their own pads; Pad(-inf) into MaxPool
 *   ScatterElements at one index for each slice, expanded -> ScatterND of slices
 *   MatMul(x * c, y)                 -> MatMul(x, y) * c for scalars c, so that the factor joins the epilogue
 *   ReduceMean over all of the space -> GlobalAveragePool (+ Flatten without keepdims); so is an AveragePool
 * of one window
 */
#include "fusion/rewrite.h"

#include <math.h>
#include <string.h>

#include "frontend/window.h"

/* perm of a Transpose; the reversal is the default. False if the attribute does not fit. */
static bool read_perm(fg_rewriter *rw, const fg_node *n, int64_t perm[FG_MAX_RANK]) {
    int rank = n->in[0]->shape.rank;
    int count = fg_attr_ints(rw->ctx, n, "perm", FG_MAX_RANK, perm);
    for (int i = 0; count == 0 && i < rank; i++) {
        perm[i] = rank - 1 - i;
    }
    return count == 0 || count == rank;
}

bool fg_rw_merge_transposes(fg_rewriter *rw, fg_node *n) {
    fg_node *first = n->in[0]->producer;
    int64_t p[FG_MAX_RANK], q[FG_MAX_RANK], both[FG_MAX_RANK];
    if (!fg_is_op(first, "Transpose") || !read_perm(rw, n, q) || !read_perm(rw, first, p)) {
        return false;
    }
    bool identity = true;
    int rank = n->in[0]->shape.rank;
    for (int i = 0; i < rank; i++) {
        both[i] = p[q[i]];
        identity = identity && both[i] == i;
    }
    bool alone = fg_rw_only_user(rw, first->out[0]) == n;
    if (!alone && !identity) {
        return false;
    }
    fg_rw_attr_ints(rw, n, "perm", rank, both); /* an identity is left to noop_transpose */
    if (alone) {
        fg_rw_cover(rw, n, first);
    }
    fg_rw_set_in(rw, n, 0, first->in[0]);
    if (alone) {
        fg_rw_remove(rw, first);
    }
    return true;
}

/* The elements other than those of extent 1 keep their order. */
static bool keeps_order(const fg_shape *s, const int64_t *perm) {
    int64_t last = -1;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[perm[i]] == 1) {
            continue;
        }
        if (perm[i] < last) {
            return false;
        }
        last = perm[i];
    }
    return true;
}

void fg_rw_become_reshape(fg_rewriter *rw, fg_node *n, fg_value *x) {
    const fg_shape *to = &n->out[0]->shape;
    const char *name = fg_format(rw->ctx, "%s/shape", n->out[0]->name);
    fg_value *in[2] = {x, fg_rw_const_ints(rw, name, to->rank, to->dim)};
    fg_rw_rebuild(rw, n, "Reshape", 14, 2, in);
    fg_rw_attr_int(rw, n, "allowzero", 1); /* an extent of 0 means 0 */
}

bool fg_rw_unit_transpose(fg_rewriter *rw, fg_node *n) {
    int64_t perm[FG_MAX_RANK];
    if (fg_op_find("", "Reshape", 14) == NULL || !read_perm(rw, n, perm) ||
        !keeps_order(&n->in[0]->shape, perm)) {
        return false;
    }
    fg_rw_become_reshape(rw, n, n->in[0]);
    return true;
}

static bool is_view(const fg_node *n) {
    return fg_is_one_of(n, "Reshape Flatten Squeeze Unsqueeze");
}

bool fg_rw_merge_views(fg_rewriter *rw, fg_node *n) {
    fg_node *first = n->in[0]->producer;
    const fg_op *row = fg_op_find("", "Reshape", 14);
    if (row == NULL || !is_view(first)) {
        return false;
    }
    if (fg_rw_only_user(rw, first->out[0]) != n) { /* back to what it was: no view at all */
        const bool back = fg_shape_equal(&first->in[0]->shape, &n->out[0]->shape);
        return back && (n->n_in < 2 || fg_is_const(n->in[1])) && fg_rw_bypass(rw, n, first->in[0]);
    }
    if (n->n_in > 1 && !fg_is_const(n->in[1])) {
        return false;
    } /* an operand that is checked at run time */
    if (first->n_in > 1 && !fg_is_const(first->in[1])) {
        return false;
    }
    fg_rw_cover(rw, n, first);
    fg_rw_become_reshape(rw, n, first->in[0]);
    fg_rw_remove(rw, first);
    return true;
}

/* ---- pads ---- */

/* Pads of the spatial dimensions {begin..., end...}; false unless they are constant, not negative, and the
 * others are 0. */
static bool spatial_pads(fg_rewriter *rw, const fg_node *pad, int64_t *begin, int64_t *end) {
    int64_t pads[2 * FG_MAX_RANK], axes[FG_MAX_RANK];
    int rank = pad->in[0]->shape.rank;
    if ((pad->n_in > 1 && !fg_is_const(pad->in[1])) ||
        (pad->n_in > 3 && pad->in[3] != NULL && !fg_is_const(pad->in[3]))) {
        return false;
    }
    int n_axes = pad->n_in > 3 && pad->in[3] != NULL
                     ? fg_operand_ints(rw->ctx, (fg_node *)pad, 3, NULL, FG_MAX_RANK, axes)
                     : -1;
    for (int i = 0; n_axes < 0 && i < rank; i++) {
        axes[i] = i;
    }
    if (n_axes < 0) {
        n_axes = rank;
    }
    int count = fg_operand_ints(rw->ctx, (fg_node *)pad, 1, "pads", 2 * FG_MAX_RANK, pads);
    if (count != 2 * n_axes) {
        return false;
    }
    memset(begin, 0, FG_MAX_RANK * sizeof *begin);
    memset(end, 0, FG_MAX_RANK * sizeof *end);
    for (int i = 0; i < n_axes; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        bool space = axis >= 2 && axis < rank;
        if (pads[i] < 0 || pads[i + n_axes] < 0 || (!space && (pads[i] != 0 || pads[i + n_axes] != 0))) {
            return false;
        }
        if (space) {
            begin[axis - 2] += pads[i];
            end[axis - 2] += pads[i + n_axes];
        }
    }
    return true;
}

static bool pad_value(const fg_node *pad, double *value) {
    *value = fg_attr_float(pad, "value", 0);
    if (pad->n_in < 3 || pad->in[2] == NULL) {
        return true;
    }
    return fg_is_scalar(pad->in[2], value);
}

/* An average over a padded map divides by the whole window: that is count_include_pad, unless ceil_mode lets
 * windows hang over the edge. */
static bool window_takes_pads(const fg_node *n, double value, bool own_pads) {
    if (fg_is_op(n, "Conv")) {
        return value == 0;
    }
    if (fg_attr_int(n, "ceil_mode", 0) != 0) {
        return false;
    }
    if (fg_is_op(n, "MaxPool")) {
        return value == -INFINITY && n->n_out == 1;
    }
    return value == 0 && (!own_pads || fg_attr_int(n, "count_include_pad", 0) == 1);
}

bool fg_rw_pad_into_window(fg_rewriter *rw, fg_node *n) {
    fg_node *pad = fg_rw_private(rw, n->in[0], "Pad");
    if (pad == NULL || !fg_is_float32(pad->in[0]) ||
        strcmp(fg_attr_string(pad, "mode", "constant"), "constant") != 0) {
        return false;
    }
    bool explicit_pads = strcmp(fg_auto_pad(n), "NOTSET") == 0, valid = strcmp(fg_auto_pad(n), "VALID") == 0;
    int64_t begin[FG_MAX_RANK], end[FG_MAX_RANK], own[2 * FG_MAX_RANK] = {0};
    double value;
    int space = n->in[0]->shape.rank - 2;
    if ((!explicit_pads && !valid) || space < 1 || !spatial_pads(rw, pad, begin, end) ||
        !pad_value(pad, &value)) {
        return false;
    }
    bool own_pads = false;
    if (explicit_pads) {
        fg_attr_ints(rw->ctx, n, "pads", 2 * FG_MAX_RANK, own);
    }
    for (int i = 0; i < 2 * space; i++) {
        own_pads = own_pads || own[i] != 0;
    }
    if (!window_takes_pads(n, value, own_pads)) {
        return false;
    }
    for (int i = 0; i < space; i++) {
        own[i] += begin[i];
        own[i + space] += end[i];
    }
    fg_rw_attr_ints(rw, n, "pads", 2 * space, own);
    fg_rw_attr_text(rw, n, "auto_pad", "NOTSET");
    if (fg_is_op(n, "AveragePool")) {
        fg_rw_attr_int(rw, n, "count_include_pad", 1);
    }
    fg_rw_cover(rw, n, pad);
    fg_rw_set_in(rw, n, 0, pad->in[0]);
    fg_rw_remove(rw, pad);
    return true;
}

bool fg_rw_explicit_pads(fg_rewriter *rw, fg_node *n) {
    if (strcmp(fg_auto_pad(n), "NOTSET") == 0) {
        return false;
    }
    const bool valid = strcmp(fg_auto_pad(n), "VALID") == 0;
    int64_t pads[2 * FG_MAX_RANK];
    const int64_t *kernel = fg_is_op(n, "Conv") ? n->in[1]->shape.dim + 2 : NULL;
    fg_window w = fg_window_of(rw->ctx, n, &n->in[0]->shape, kernel);
    for (int i = 0; i < w.axes; i++) {
        pads[i] = w.pad[i];
        pads[w.axes + i] = w.pad_end[i];
    }
    fg_rw_attr_ints(rw, n, "pads", 2 * w.axes, pads);
    fg_rw_attr_text(rw, n, "auto_pad", "NOTSET");
    if (!valid && fg_node_attr(n, "ceil_mode") != NULL) {
        fg_rw_attr_int(rw, n, "ceil_mode", 0); /* SAME: the pads make up the last window */
    }
    return true;
}

/* ---- scattered slices ---- */

/* The list of indices along the first dimension that v repeats over all others; NULL if it is not one. */
static fg_value *repeated_list(const fg_value *v) {
    const fg_node *n = v->data == NULL ? v->producer : NULL;
    if (!fg_is_op(n, "Expand") || !fg_is_const(n->in[1]) || n->in[0]->shape.rank != v->shape.rank ||
        n->in[0]->shape.dim[0] != v->shape.dim[0]) {
        return NULL;
    }
    for (int d = 1; d < v->shape.rank; d++) {
        if (n->in[0]->shape.dim[d] != 1) {
            return NULL;
        }
    }
    return n->in[0];
}

/* n reads further operands if only a run knows how many updates there are; they stay behind. */
bool fg_rw_scatter_slices(fg_rewriter *rw, fg_node *n) {
    const fg_value *x = n->in[0], *updates = n->in[2];
    fg_value *list = repeated_list(n->in[1]);
    if (list == NULL || list->dtype != FG_INT64 || fg_attr_int(n, "axis", 0) != 0) {
        return false;
    }
    for (int d = 1; d < x->shape.rank; d++) {
        if (x->shape.dim[d] != updates->shape.dim[d]) {
            return false;
        }
    }
    const fg_shape column = {2, {list->shape.dim[0], 1}};
    fg_value **in = FG_ARRAY(rw->ctx, n->n_in, fg_value *);
    memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    static const int64_t shape[] = {-1, 1}; /* the extent may be a bound only */
    fg_value *reshape[2] = {list, fg_rw_const_ints(rw, n->out[0]->name, 2, shape)};
    in[1] = fg_rw_insert(rw, n, "Reshape", 13, 2, reshape, &column)->out[0];
    in[1]->dtype = FG_INT64;
    fg_attr *attr = n->attr;
    const int n_attr = n->n_attr;
    fg_node *expand = n->in[1]->producer;
    const bool alone = fg_rw_only_user(rw, n->in[1]) == n;
    fg_rw_rebuild(rw, n, "ScatterND", 18, n->n_in, in);
    n->attr = attr;
    n->n_attr = n_attr;
    if (alone) {
        fg_rw_cover(rw, n, expand);
        fg_rw_remove(rw, expand);
    }
    return true;
}

/* ---- factors ---- */

bool fg_rw_hoist_factor(fg_rewriter *rw, fg_node *n) {
    double factor;
    for (int i = 0; i < 2; i++) {
        fg_node *scale = fg_rw_private(rw, n->in[i], "Mul");
        if (scale == NULL) {
            scale = fg_rw_private(rw, n->in[i], "Div");
        }
        if (scale == NULL || !fg_is_float32(n->out[0]) || n->in[1 - i]->data != NULL) {
            continue;
        }
        int constant = fg_is_op(scale, "Mul") && fg_is_scalar(scale->in[0], &factor) ? 0 : 1;
        fg_value *x = scale->in[1 - constant], *c = scale->in[constant];
        if (!fg_is_scalar(c, &factor) || c->shape.rank > n->out[0]->shape.rank ||
            !fg_shape_equal(&x->shape, &n->in[i]->shape)) {
            continue;
        }
        fg_value *factors[2] = {i == 0 ? x : n->in[0], i == 0 ? n->in[1] : x};
        fg_node *product = fg_rw_insert(rw, n, "MatMul", 13, 2, factors, &n->out[0]->shape);
        fg_value *in[2] = {product->out[0], c};
        product->covers = n->covers;
        product->n_covers = n->n_covers;
        n->covers = scale->covers;
        n->n_covers = scale->n_covers;
        fg_rw_rebuild(rw, n, fg_is_op(scale, "Mul") ? "Mul" : "Div", 14, 2, in);
        fg_rw_remove(rw, scale);
        return true;
    }
    return false;
}

/* ---- global average ---- */

static bool covers_space(fg_rewriter *rw, fg_node *n) {
    int64_t axes[FG_MAX_RANK];
    int rank = n->in[0]->shape.rank;
    if (n->n_in > 1 && n->in[1] != NULL && !fg_is_const(n->in[1])) {
        return false;
    }
    int count = fg_operand_ints(rw->ctx, n, 1, "axes", FG_MAX_RANK, axes);
    if (rank < 4 || count != rank - 2) { /* (N, C, L) is as likely (batch, tokens, features) */
        return false;
    }
    bool seen[FG_MAX_RANK] = {false};
    for (int i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 2 || axis >= rank || seen[axis]) {
            return false;
        }
        seen[axis] = true;
    }
    return true;
}

static bool one_window(fg_rewriter *rw, const fg_node *n) {
    int64_t kernel[FG_MAX_RANK], pads[2 * FG_MAX_RANK] = {0};
    const fg_shape *s = &n->in[0]->shape, *to = &n->out[0]->shape;
    int count = fg_attr_ints(rw->ctx, n, "kernel_shape", FG_MAX_RANK, kernel);
    if (count != s->rank - 2 || fg_node_attr(n, "dilations") != NULL) {
        return false;
    }
    int n_pads = fg_attr_ints(rw->ctx, n, "pads", 2 * FG_MAX_RANK, pads);
    for (int i = 0; i < n_pads; i++) {
        if (pads[i] != 0) {
            return false;
        }
    }
    for (int i = 0; i < count; i++) {
        if (kernel[i] != s->dim[i + 2] || to->dim[i + 2] != 1) {
            return false;
        }
    }
    return true;
}

bool fg_rw_global_pool(fg_rewriter *rw, fg_node *n) {
    if (!fg_is_float32(n->in[0]) || fg_op_find("", "GlobalAveragePool", 1) == NULL) {
        return false;
    }
    fg_value *x = n->in[0];
    bool window = fg_is_op(n, "AveragePool");
    if (window ? !one_window(rw, n) : !covers_space(rw, n)) {
        return false;
    }
    if (window || fg_attr_int(n, "keepdims", 1) != 0) {
        fg_rw_rebuild(rw, n, "GlobalAveragePool", 1, 1, &x);
        return true;
    }
    if (fg_op_find("", "Flatten", 13) == NULL) {
        return false;
    }
    fg_shape pooled = x->shape;
    for (int i = 2; i < pooled.rank; i++) {
        pooled.dim[i] = 1;
    }
    fg_node *pool = fg_rw_insert(rw, n, "GlobalAveragePool", 1, 1, &x, &pooled);
    pool->covers = n->covers;
    pool->n_covers = n->n_covers;
    n->covers = NULL;
    n->n_covers = 0;
    fg_rw_rebuild(rw, n, "Flatten", 13, 1, &pool->out[0]);
    return true;
}
