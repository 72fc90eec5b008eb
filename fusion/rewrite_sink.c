/* Rewrites that bring movement out of the way of fusion.
 *
 *   Gather of one constant index            -> Slice, and a Reshape that drops the axis
 *   ew(view(product), y)                    -> view(ew(product, view'(y))), so that the elementwise node
 * joins the epilogue of the product; view is a Reshape that keeps the last dimension, a Transpose, or a
 * Gather that permutes rows; y is a
 * tensor, a number or one number per channel Reshape(ew(Reshape(x), c))              -> ew(x, c') where only
 * extents of 1 came and went (the windows of masks)
 */
#include "fusion/rewrite.h"

#include <string.h>

/* ---- one index ---- */

bool fg_rw_gather_one(fg_rewriter *rw, fg_node *n) {
    const fg_value *index = n->n_in > 1 ? n->in[1] : NULL;
    fg_value *x = n->in[0];
    if (!fg_is_const(index) || fg_shape_count(&index->shape) != 1 || index->shape.rank > 1 ||
        x->data != NULL || x->is_sequence || x->shape.rank == 0 || fg_op_find("", "Slice", 13) == NULL) {
        return false;
    }
    const int axis = fg_axis(rw->ctx, n, fg_attr_int(n, "axis", 0), x->shape.rank);
    const int64_t extent = x->shape.dim[axis], given = fg_const_int(index, 0);
    const int64_t i = given < 0 ? given + extent : given, next = i + 1, along = axis;
    if (i < 0 || i >= extent) {
        return false; /* an error for whoever runs it */
    }
    const char *name = n->out[0]->name;
    fg_value *in[4] = {x, fg_rw_const_ints(rw, fg_format(rw->ctx, "%s/starts", name), 1, &i),
                       fg_rw_const_ints(rw, fg_format(rw->ctx, "%s/ends", name), 1, &next),
                       fg_rw_const_ints(rw, fg_format(rw->ctx, "%s/axes", name), 1, &along)};
    if (index->shape.rank == 1) {
        fg_rw_rebuild(rw, n, "Slice", 13, 4, in);
        return true;
    }
    fg_shape part = x->shape;
    part.dim[axis] = 1;
    fg_node *slice = fg_rw_insert(rw, n, "Slice", 13, 4, in, &part);
    slice->covers = n->covers;
    slice->n_covers = n->n_covers;
    n->covers = NULL;
    n->n_covers = 0;
    fg_rw_become_reshape(rw, n, slice->out[0]);
    return true;
}

/* ---- sinking ---- */

#define MOST_STEPS 8

/* n is a Gather that puts all rows of a matrix into another order (see rewrite_rows.c). */
static bool permutes_rows(const fg_node *n) {
    return fg_is_op(n, "Gather") && fg_is_const(n->in[1]) && n->in[1]->dtype == FG_INT32 &&
           n->in[0]->shape.rank == 2 && n->in[1]->shape.rank == 1 && fg_attr_int(n, "axis", 0) == 0 &&
           fg_shape_equal(&n->in[0]->shape, &n->out[0]->shape);
}

/* v, for one reader, ends a private chain of elementwise nodes on a product with a constant matrix; its rows
 * may be in another order. permuted: they are put into another one behind v. */
static bool ends_product(fg_rewriter *rw, const fg_value *v, bool permuted) {
    for (int step = 0; step < MOST_STEPS; step++) {
        const fg_node *n = v->producer;
        if (n == NULL || fg_rw_use_count(rw, v) != 1 || v->is_output) {
            return false;
        }
        if (permutes_rows(n) || (permuted && fg_is_op(n, "Reshape")) ||
            (fg_is_op(n, "Reshape") && permutes_rows(n->in[0]->producer))) {
            permuted = true;
            v = n->in[0];
            continue;
        }
        if (fg_is_one_of(n, "MatMul Gemm")) {
            return fg_is_const(n->in[1]);
        }
        const fg_value *next = NULL;
        for (int i = 0; i < n->n_in && fg_is_one_of(n, "Add Sub Mul Div Relu Gelu"); i++) {
            const fg_value *x = n->in[i];
            if (next == NULL && x != NULL && x->data == NULL && fg_shape_equal(&x->shape, &v->shape)) {
                next = x;
            }
        }
        if (next == NULL) {
            return false;
        }
        v = next;
    }
    return false;
}

/* The view that n applies an elementwise operation to in operand i: a Reshape that keeps the last dimension
 * or a Transpose, for n alone. */
static fg_node *sinking_view(fg_rewriter *rw, fg_node *n, int i) {
    fg_node *view = fg_rw_private(rw, n->in[i], "Reshape");
    if (view != NULL) {
        const fg_shape *a = &view->in[0]->shape, *b = &view->out[0]->shape;
        const bool keeps = a->rank > 0 && b->rank > 0 && a->dim[a->rank - 1] == b->dim[b->rank - 1];
        return keeps && view->n_in > 1 && fg_is_const(view->in[1]) ? view : NULL;
    }
    view = fg_rw_private(rw, n->in[i], "Gather");
    return view != NULL && permutes_rows(view) ? view : fg_rw_private(rw, n->in[i], "Transpose");
}

/* perm of a Transpose; false if it has none of its own. */
static bool perm_of(fg_rewriter *rw, const fg_node *n, int64_t perm[FG_MAX_RANK]) {
    return fg_attr_ints(rw->ctx, n, "perm", FG_MAX_RANK, perm) == n->in[0]->shape.rank;
}

static fg_value *constant_like(fg_rewriter *rw, const fg_value *c, const fg_shape *shape) {
    const int64_t count = fg_shape_count(&c->shape);
    double *data = fg_big_alloc(rw->ctx, (size_t)count * sizeof *data);
    for (int64_t i = 0; i < count; i++) {
        data[i] = fg_const_float(c, i);
    }
    fg_value *v = fg_rw_const_float(rw, c->name, shape, data);
    fg_big_free(rw->ctx, data);
    return v;
}

/* Constant c as it is to be applied before `view`; NULL: it varies in a way that this does not handle. */
static fg_value *constant_before(fg_rewriter *rw, fg_value *c, const fg_node *view) {
    const fg_shape *before = &view->in[0]->shape, *after = &view->out[0]->shape;
    const int64_t count = fg_shape_count(&c->shape);
    fg_shape shape = {.rank = 0};
    if (count == 1) {
        return constant_like(rw, c, &shape);
    }
    int varies = -1; /* dimension of `after` */
    for (int d = 0; d < c->shape.rank; d++) {
        if (c->shape.dim[d] != 1) {
            if (varies >= 0) {
                return NULL;
            }
            varies = after->rank - c->shape.rank + d;
        }
    }
    if (c->shape.rank > after->rank || varies < 0) {
        return NULL;
    }
    int64_t perm[FG_MAX_RANK];
    int to = before->rank - 1;
    if (fg_is_op(view, "Transpose")) {
        if (!perm_of(rw, view, perm)) {
            return NULL;
        }
        to = (int)perm[varies];
    } else if (varies != after->rank - 1) {
        return NULL;
    }
    shape.rank = before->rank - to;
    for (int d = 0; d < shape.rank; d++) {
        shape.dim[d] = d == 0 ? count : 1;
    }
    return constant_like(rw, c, &shape);
}

/* The rows of y as they stand before `view` permutes them; NULL: it takes one twice. */
static fg_value *rows_before(fg_rewriter *rw, fg_node *n, fg_value *y, const fg_node *view) {
    const int64_t rows = view->in[1]->shape.dim[0];
    int32_t *place = FG_ARRAY(rw->ctx, rows, int32_t);
    if (!fg_rw_row_places(view->in[1]->data, rows, place)) {
        return NULL;
    }
    fg_node *back = fg_rw_gather_rows(rw, n, y, place, rows);
    fg_rw_push(rw, back);
    return back->out[0];
}

/* The tensor y, as large as the view's result, as it is to be applied before it. */
static fg_value *tensor_before(fg_rewriter *rw, fg_node *n, fg_value *y, const fg_node *view) {
    const fg_shape *before = &view->in[0]->shape;
    if (fg_is_op(view, "Transpose")) {
        int64_t perm[FG_MAX_RANK], back[FG_MAX_RANK];
        if (!perm_of(rw, view, perm)) {
            return NULL;
        }
        for (int d = 0; d < before->rank; d++) {
            back[perm[d]] = d;
        }
        fg_node *t = fg_rw_insert(rw, n, "Transpose", 13, 1, &y, before);
        fg_rw_attr_ints(rw, t, "perm", before->rank, back);
        fg_rw_push(rw, t);
        return t->out[0];
    }
    if (fg_is_op(view, "Gather")) {
        return rows_before(rw, n, y, view);
    }
    fg_value *in[2] = {
        y, fg_rw_const_ints(rw, fg_format(rw->ctx, "%s/shape", y->name), before->rank, before->dim)};
    fg_node *r = fg_rw_insert(rw, n, "Reshape", 14, 2, in, before);
    fg_rw_attr_int(rw, r, "allowzero", 1);
    fg_rw_push(rw, r);
    return r->out[0];
}

/* n becomes the view of a new node that does n's work before it. */
static void sink(fg_rewriter *rw, fg_node *n, fg_node *view, int i, fg_value *other) {
    fg_value *x = view->in[0], *in[2] = {i == 0 ? x : other, i == 0 ? other : x};
    fg_node *before = fg_rw_insert(rw, n, n->op_type, 14, 2, in, &x->shape);
    before->covers = n->covers;
    before->n_covers = n->n_covers;
    n->covers = view->covers;
    n->n_covers = view->n_covers;
    if (fg_is_op(view, "Transpose")) {
        int64_t perm[FG_MAX_RANK];
        perm_of(rw, view, perm);
        fg_rw_rebuild(rw, n, "Transpose", 13, 1, &before->out[0]);
        fg_rw_attr_ints(rw, n, "perm", x->shape.rank, perm);
    } else if (fg_is_op(view, "Gather")) {
        fg_value *rows[2] = {before->out[0], view->in[1]};
        fg_rw_rebuild(rw, n, "Gather", 13, 2, rows);
    } else {
        fg_rw_become_reshape(rw, n, before->out[0]);
    }
    fg_rw_remove(rw, view);
    fg_rw_push(rw, before);
}

bool fg_rw_sink_view(fg_rewriter *rw, fg_node *n) {
    if (n->n_in != 2 || !fg_is_float32(n->out[0])) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        fg_node *view = sinking_view(rw, n, i);
        fg_value *y = n->in[1 - i];
        if (view == NULL || !fg_shape_equal(&view->out[0]->shape, &n->out[0]->shape) ||
            !fg_is_float32(view->in[0]) || !ends_product(rw, view->in[0], permutes_rows(view))) {
            continue;
        }
        fg_value *other = NULL;
        /* Of two products one stays where it is; else each would sink the other's view. */
        if (ends_product(rw, y, false)) {
            return false;
        }
        if (y->data != NULL) {
            other = constant_before(rw, y, view);
        } else if (fg_shape_equal(&y->shape, &n->out[0]->shape) && fg_is_float32(y)) {
            other = tensor_before(rw, n, y, view);
        }
        if (other != NULL) {
            sink(rw, n, view, i, other);
            return true;
        }
    }
    return false;
}

/* ---- extents of 1 ---- */

/* Dimensions of b that are those of a, other than extents of 1 that come and go: to[d] is the dimension of a
 * that dimension d of b is, or -1. */
static bool same_but_ones(const fg_shape *a, const fg_shape *b, int *to) {
    int i = 0;
    for (int d = 0; d < b->rank; d++) {
        while (b->dim[d] != 1 && i < a->rank && a->dim[i] == 1) {
            i++;
        }
        to[d] = -1;
        if (b->dim[d] != 1) {
            if (i == a->rank || a->dim[i] != b->dim[d]) {
                return false;
            }
            to[d] = i++;
        }
    }
    while (i < a->rank && a->dim[i] == 1) {
        i++;
    }
    return i == a->rank;
}

bool fg_rw_unit_views(fg_rewriter *rw, fg_node *n) {
    static const char *const ops[] = {"Add", "Mul"};
    const fg_shape *to = &n->out[0]->shape;
    for (size_t o = 0; o < FG_COUNT(ops); o++) {
        fg_node *ew = fg_rw_private(rw, n->in[0], ops[o]);
        for (int i = 0; ew != NULL && i < 2; i++) {
            fg_node *first = fg_rw_private(rw, ew->in[i], "Reshape");
            fg_value *c = ew->in[1 - i];
            int at[FG_MAX_RANK];
            if (first == NULL || !fg_is_const(c) || !fg_is_float32(c) || !fg_is_float32(n->out[0]) ||
                (first->n_in > 1 && !fg_is_const(first->in[1])) || (n->n_in > 1 && !fg_is_const(n->in[1])) ||
                !fg_shape_equal(&first->in[0]->shape, to) ||
                !fg_shape_equal(&first->out[0]->shape, &ew->out[0]->shape) ||
                !same_but_ones(to, &ew->out[0]->shape, at)) {
                continue;
            }
            fg_shape shape = *to;
            for (int d = 0; d < to->rank; d++) {
                shape.dim[d] = 1;
            }
            const int skip = ew->out[0]->shape.rank - c->shape.rank;
            for (int d = 0; d < c->shape.rank; d++) {
                if (at[skip + d] >= 0) {
                    shape.dim[at[skip + d]] = c->shape.dim[d];
                }
            }
            fg_value *in[2] = {first->in[0], constant_like(rw, c, &shape)};
            const char *op = ops[o];
            fg_rw_cover(rw, n, ew);
            fg_rw_cover(rw, n, first);
            fg_rw_rebuild(rw, n, op, 14, 2, in);
            fg_rw_remove(rw, ew);
            fg_rw_remove(rw, first);
            return true;
        }
    }
    return false;
}
