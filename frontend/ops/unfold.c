/* Operators that put elements back where a window or a crop took them from. */
#include "frontend/reference/unfold.h"

#include "frontend/reference/elements.h"
#include "frontend/window.h"

/* ---- CenterCropPad ---- */

/* The shape that the constant operand gives. */
static fg_shape cropped(fg_context *ctx, fg_node *n) {
    fg_shape y = n->in[0]->shape;
    int64_t extent[FG_MAX_RANK], axes[FG_MAX_RANK];
    bool seen[FG_MAX_RANK] = {false};
    const int count = fg_operand_ints(ctx, n, 1, NULL, FG_MAX_RANK, extent);
    const bool given = fg_node_attr(n, "axes") != NULL;
    const int named = given ? fg_attr_ints(ctx, n, "axes", FG_MAX_RANK, axes) : y.rank;
    if (count != named) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'shape' has %d entries for %d axes", count, named);
    }
    for (int i = 0; i < count; i++) {
        const int axis = given ? fg_axis(ctx, n, axes[i], y.rank) : i;
        if (seen[axis] || extent[i] < 0) {
            fg_raise(ctx, FG_BAD_MODEL, "extent %lld of axis %d makes no sense, or is given twice",
                     (long long)extent[i], axis);
        }
        seen[axis] = true;
        y.dim[axis] = extent[i];
    }
    return y;
}

static bool is_named(fg_context *ctx, const fg_node *n, int axis) {
    int64_t axes[FG_MAX_RANK];
    const int count = fg_attr_ints(ctx, n, "axes", FG_MAX_RANK, axes), rank = n->in[0]->shape.rank;
    bool named = fg_node_attr(n, "axes") == NULL;
    for (int i = 0; i < count; i++) {
        named = named || fg_axis(ctx, n, axes[i], rank) == axis;
    }
    return named;
}

static void infer_center_crop_pad(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape;
    const bool known = fg_need_const_same(ctx, n, 1, "shape");
    const fg_shape y = known ? cropped(ctx, n) : n->out[0]->shape;
    bool fits = y.rank == x->rank;
    for (int d = 0; fits && !known && d < y.rank; d++) { /* other axes than the named ones stay */
        fits = is_named(ctx, n, d) || y.dim[d] == x->dim[d];
    }
    if (!fits) {
        fg_raise(ctx, FG_BAD_MODEL, "%s cannot be cropped or padded to %s",
                 fg_shape_text(ctx, &n->in[0]->shape), fg_shape_text(ctx, &y));
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

/* ---- Col2Im ---- */

/* The shape that the constant operands give. */
static fg_shape image_of(fg_context *ctx, fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    int64_t image[FG_MAX_RANK], block[FG_MAX_RANK];
    const int axes = fg_operand_ints(ctx, n, 1, NULL, FG_MAX_SPATIAL, image);
    if (axes < 1 || fg_operand_ints(ctx, n, 2, NULL, FG_MAX_SPATIAL, block) != axes) {
        fg_raise(ctx, FG_BAD_MODEL, "image_shape and block_shape must have the same number of entries");
    }
    fg_shape y = {2 + axes, {x->dim[0], 1}};
    for (int d = 0; d < axes; d++) {
        y.dim[d + 2] = image[d];
    }
    const fg_window w = fg_window_of(ctx, n, &y, block);
    const int64_t rows = fg_checked_product(ctx, axes, w.kernel),
                  columns = fg_checked_product(ctx, axes, w.out);
    if (x->dim[1] % rows != 0 || x->dim[2] != columns) {
        fg_raise(ctx, FG_BAD_MODEL,
                 "input of shape %s does not hold columns of %lld elements for %lld blocks",
                 fg_shape_text(ctx, x), (long long)rows, (long long)columns);
    }
    y.dim[1] = x->dim[1] / rows;
    return y;
}

static void infer_col2im(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape;
    if (x->rank != 3) {
        fg_raise(ctx, FG_BAD_MODEL, "input must have three dimensions, its shape is %s",
                 fg_shape_text(ctx, x));
    }
    const bool known =
        fg_need_const_same(ctx, n, 1, "image_shape") && fg_need_const_same(ctx, n, 2, "block_shape");
    const fg_shape y = known ? image_of(ctx, n) : n->out[0]->shape;
    if (y.rank < 3 || y.dim[0] != x->dim[0]) {
        fg_raise(ctx, FG_BAD_MODEL, "columns of shape %s do not make images of shape %s",
                 fg_shape_text(ctx, x), fg_shape_text(ctx, &y));
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

/* ---- MaxUnpool ---- */

/* Shape of the tensor that the indices count in. */
static fg_shape unpooled(fg_context *ctx, const fg_node *n) {
    fg_shape y = n->in[0]->shape;
    const fg_window w = fg_window_of_transpose(ctx, n, &y, NULL);
    for (int d = 0; d < w.axes; d++) {
        y.dim[d + 2] = w.out[d];
    }
    (void)fg_checked_product(ctx, y.rank, y.dim);
    return y;
}

static void infer_max_unpool(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape;
    const fg_shape source = unpooled(ctx, n);
    fg_shape y = source;
    if (n->in[1]->dtype != FG_INT64 || !fg_shape_equal(&n->in[1]->shape, x)) {
        fg_raise(ctx, FG_BAD_MODEL, "indices must be int64 of shape %s, they are %s %s",
                 fg_shape_text(ctx, x), fg_dtype_get(n->in[1]->dtype)->name,
                 fg_shape_text(ctx, &n->in[1]->shape));
    }
    n->in[1]->bound = fg_shape_count(&source);
    if (n->n_in > 2 && n->in[2] != NULL) {
        if (!fg_need_const_same(ctx, n, 2, "output_shape")) {
            y = n->out[0]->shape;
        } else {
            y.rank = fg_operand_ints(ctx, n, 2, NULL, FG_MAX_RANK, y.dim);
        }
        bool fits = y.rank == x->rank && y.dim[0] == x->dim[0] && y.dim[1] == x->dim[1];
        for (int d = 2; fits && d < y.rank; d++) {
            fits = y.dim[d] >= source.dim[d];
        }
        if (!fits) {
            fg_raise(ctx, FG_BAD_MODEL, "%s cannot be unpooled to %s", fg_shape_text(ctx, x),
                     fg_shape_text(ctx, &y));
        }
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

const fg_op fg_ops_unfold[] = {
    {.name = "CenterCropPad",
     .domain = "",
     .since = 18,
     .min_in = 2,
     .max_in = 2,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_center_crop_pad,
     .reference = fg_ref_center_crop_pad,
     .lowering = "center_crop_pad",
     .note = "shape must be constant, or declared for the output"},
    {.name = "Col2Im",
     .domain = "",
     .since = 18,
     .min_in = 3,
     .max_in = 3,
     .max_out = 1,
     .types = FG_T_FLOATS,
     .infer = infer_col2im,
     .reference = fg_ref_col2im,
     .lowering = "col2im",
     .note = "image_shape and block_shape must be constant"},
    {.name = "MaxUnpool",
     .domain = "",
     .since = 9,
     .min_in = 2,
     .max_in = 3,
     .max_out = 1,
     .types = FG_T_FLOATS,
     .infer = infer_max_unpool,
     .reference = fg_ref_max_unpool,
     .lowering = "max_unpool",
     .note = "output_shape must be constant"},
};
const int fg_ops_unfold_count = FG_COUNT(fg_ops_unfold);
