/* Operators that read images between their pixels, or pool over regions that data name. */
#include "frontend/reference/sampling.h"

#include <string.h>

#include "frontend/window.h"

static bool is_float_type(const fg_value *v) {
    return (unsigned)v->dtype < 32 && (FG_T_FLOATS & FG_T(v->dtype)) != 0;
}

/* One of the words, separated by spaces. */
static void need_word(fg_context *ctx, const fg_node *n, const char *attr, const char *otherwise,
                      const char *words) {
    const char *value = fg_attr_string(n, attr, otherwise);
    const size_t length = strlen(value);
    for (const char *w = words; *w != '\0'; w += strspn(w, " ")) {
        const size_t end = strcspn(w, " ");
        if (end == length && memcmp(w, value, end) == 0) {
            return;
        }
        w += end;
    }
    fg_blame_attribute(ctx, attr);
    fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' must be one of %s, it is '%.20s'", attr, words, value);
}

static void need_shape(fg_context *ctx, const fg_node *n, int i, const char *operand, const fg_shape *want) {
    const fg_value *v = n->in[i];
    if (!fg_shape_equal(&v->shape, want)) {
        fg_blame_attribute(ctx, operand);
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must be %s, its shape is %s", operand,
                 fg_shape_text(ctx, want), fg_shape_text(ctx, &v->shape));
    }
}

static void need_floats(fg_context *ctx, const fg_node *n, int i, const char *operand) {
    if (!is_float_type(n->in[i])) {
        fg_raise(ctx, FG_UNSUPPORTED, "operand '%s' must be of a floating-point type, not %s", operand,
                 fg_dtype_get(n->in[i]->dtype)->name);
    }
}

/* ---- grids ---- */

static void infer_affine_grid(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_shape y = n->out[0]->shape;
    if (fg_need_const_same(ctx, n, 1, "size")) {
        int64_t size[5];
        y.rank = fg_operand_ints(ctx, n, 1, NULL, 5, size);
        for (int d = 2; d < y.rank; d++) {
            y.dim[d - 1] = size[d];
        }
        y.dim[0] = y.rank > 0 ? size[0] : 0;
        y.dim[y.rank > 0 ? y.rank - 1 : 0] = y.rank - 2;
    }
    if (y.rank < 4 || y.rank > 5 || y.dim[y.rank - 1] != y.rank - 2) {
        fg_raise(ctx, FG_BAD_MODEL, "the grid must have 2 or 3 spatial dimensions, its shape is %s",
                 fg_shape_text(ctx, &y));
    }
    const fg_shape theta = {3, {y.dim[0], y.rank - 2, y.rank - 1}};
    need_shape(ctx, n, 0, "theta", &theta);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_grid_sample(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape, *grid = &n->in[1]->shape;
    need_word(ctx, n, "mode", "linear", "linear bilinear nearest cubic bicubic");
    need_word(ctx, n, "padding_mode", "zeros", "zeros border reflection");
    need_floats(ctx, n, 1, "grid");
    if (x->rank < 3 || grid->rank != x->rank || grid->dim[x->rank - 1] != x->rank - 2 ||
        grid->dim[0] != x->dim[0]) {
        fg_raise(ctx, FG_BAD_MODEL, "grid of shape %s does not fit an image of shape %s",
                 fg_shape_text(ctx, grid), fg_shape_text(ctx, x));
    }
    if (x->rank > 5 && fg_attr_string(n, "mode", "linear")[0] != 'n') {
        fg_raise(ctx, FG_UNSUPPORTED, "interpolation in %d dimensions; at most 3 are supported", x->rank - 2);
    }
    fg_shape y = {x->rank, {x->dim[0], x->dim[1]}};
    for (int d = 2; d < x->rank; d++) {
        y.dim[d] = grid->dim[d - 1];
        if (x->dim[d] < 1 || x->dim[d] > INT32_MAX / 4) {
            fg_raise(ctx, FG_BAD_MODEL, "an image of shape %s has nothing to sample", fg_shape_text(ctx, x));
        }
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

/* ---- deformable convolution ---- */

static int64_t groups_of(fg_context *ctx, const fg_node *n, const char *attr, int64_t channels) {
    const int64_t groups = fg_attr_int(n, attr, 1);
    if (groups < 1 || channels % groups != 0) {
        fg_blame_attribute(ctx, attr);
        fg_raise(ctx, FG_BAD_MODEL, "%lld channels cannot be divided into %lld groups", (long long)channels,
                 (long long)groups);
    }
    return groups;
}

static void infer_deform_conv(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape, *w = &n->in[1]->shape;
    if (x->rank != 4 || w->rank != 4) {
        fg_raise(ctx, FG_UNSUPPORTED,
                 "only two spatial dimensions are supported; input and weights are %s, %s",
                 fg_shape_text(ctx, x), fg_shape_text(ctx, w));
    }
    const fg_window win = fg_window_of(ctx, n, x, w->dim + 2);
    const int64_t groups = groups_of(ctx, n, "group", x->dim[1]),
                  places = groups_of(ctx, n, "offset_group", x->dim[1]), taps = win.kernel[0] * win.kernel[1];
    if (w->dim[1] != x->dim[1] / groups || w->dim[0] % groups != 0) {
        fg_raise(ctx, FG_BAD_MODEL, "weights of shape %s do not fit %lld input channels in %lld groups",
                 fg_shape_text(ctx, w), (long long)x->dim[1], (long long)groups);
    }
    if (taps > INT32_MAX / 2 || places * taps > INT32_MAX / 2) {
        fg_raise(ctx, FG_UNSUPPORTED, "a kernel of %lld taps is too large", (long long)taps);
    }
    const fg_shape offset = {4, {x->dim[0], 2 * places * taps, win.out[0], win.out[1]}},
                   mask = {4, {x->dim[0], places * taps, win.out[0], win.out[1]}}, bias = {1, {w->dim[0]}};
    need_shape(ctx, n, 2, "offset", &offset);
    if (n->n_in > 3 && n->in[3] != NULL) {
        need_shape(ctx, n, 3, "B", &bias);
    }
    if (n->n_in > 4 && n->in[4] != NULL) {
        need_shape(ctx, n, 4, "mask", &mask);
    }
    for (int i = 1; i < n->n_in; i++) {
        if (n->in[i] != NULL && n->in[i]->dtype != n->in[0]->dtype) {
            fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is %s, the input %s", n->in[i]->name,
                     fg_dtype_get(n->in[i]->dtype)->name, fg_dtype_get(n->in[0]->dtype)->name);
        }
    }
    const fg_shape y = {4, {x->dim[0], w->dim[0], win.out[0], win.out[1]}};
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
    fg_attr *macs = fg_node_set_attr(ctx, n, FG_MACS, FG_ATTR_INT);
    if (__builtin_mul_overflow(fg_shape_count(&y), w->dim[1] * taps, &macs->i)) {
        macs->i = INT64_MAX;
    }
}

/* ---- regions of interest ---- */

/* Input and rois of `columns` each; returns the output's shape. */
static fg_shape region_shape(fg_context *ctx, const fg_node *n, int64_t columns, int64_t height,
                             int64_t width) {
    const fg_shape *x = &n->in[0]->shape, *rois = &n->in[1]->shape;
    if (x->rank != 4 || rois->rank != 2 || rois->dim[1] != columns) {
        fg_raise(ctx, FG_BAD_MODEL,
                 "an input of shape %s and regions of shape %s do not fit; regions have %lld columns",
                 fg_shape_text(ctx, x), fg_shape_text(ctx, rois), (long long)columns);
    }
    if (height < 1 || width < 1 || height > INT32_MAX || width > INT32_MAX) {
        fg_raise(ctx, FG_BAD_MODEL, "an output of %lld x %lld makes no sense", (long long)height,
                 (long long)width);
    }
    if (rois->dim[0] > 0 && (x->dim[0] < 1 || x->dim[2] < 1 || x->dim[3] < 1)) {
        fg_raise(ctx, FG_BAD_MODEL, "an image of shape %s has no regions", fg_shape_text(ctx, x));
    }
    need_floats(ctx, n, 1, "rois");
    const float scale = fg_attr_float(n, "spatial_scale", 1);
    if (!(scale > 0 && scale < 1e9f)) {
        fg_blame_attribute(ctx, "spatial_scale");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'spatial_scale' must be positive, it is %g", (double)scale);
    }
    return (fg_shape){4, {rois->dim[0], x->dim[1], height, width}};
}

static void infer_roi_align(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const int64_t samples = fg_attr_int(n, "sampling_ratio", 0);
    need_word(ctx, n, "mode", "avg", "avg max");
    need_word(ctx, n, "coordinate_transformation_mode", "half_pixel", "half_pixel output_half_pixel");
    if (samples < 0 || samples > 1024) {
        fg_blame_attribute(ctx, "sampling_ratio");
        fg_raise(ctx, FG_UNSUPPORTED, "attribute 'sampling_ratio' must lie between 0 and 1024, it is %lld",
                 (long long)samples);
    }
    const fg_shape y = region_shape(ctx, n, 4, fg_attr_int(n, "output_height", 1),
                                    fg_attr_int(n, "output_width", 1)),
                   batch = {1, {y.dim[0]}};
    need_shape(ctx, n, 2, "batch_indices", &batch);
    if (n->in[2]->dtype != FG_INT64) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'batch_indices' must be int64, not %s",
                 fg_dtype_get(n->in[2]->dtype)->name);
    }
    n->in[2]->bound = n->in[0]->shape.dim[0];
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_max_roi_pool(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    int64_t pooled[2];
    if (fg_attr_ints(ctx, n, "pooled_shape", 2, pooled) != 2) {
        fg_blame_attribute(ctx, "pooled_shape");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'pooled_shape' must have two entries");
    }
    const fg_shape y = region_shape(ctx, n, 5, pooled[0], pooled[1]);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

#define ROW(op, first, last, lo, hi, infer_fn, ref_fn, lower, restriction)                                   \
    {                                                                                                        \
        .name = op, .domain = "", .since = first, .until = last, .min_in = lo, .max_in = hi, .max_out = 1,   \
        .types = FG_T_FLOATS, .infer = infer_fn, .reference = ref_fn, .lowering = lower, .note = restriction \
    }

const fg_op fg_ops_sampling[] = {
    ROW("AffineGrid", 20, 0, 2, 2, infer_affine_grid, fg_ref_affine_grid, "affine_grid",
        "size must be constant, or declared for the output"),
    ROW("GridSample", 16, 0, 2, 2, infer_grid_sample, fg_ref_grid_sample, "grid_sample",
        "linear and cubic in at most three dimensions"),
    ROW("DeformConv", 19, 0, 3, 5, infer_deform_conv, fg_ref_deform_conv, "deform_conv",
        "two spatial dimensions"),
    /* before 16 coordinates were not moved by half a pixel */
    ROW("RoiAlign", 10, 15, 3, 3, infer_roi_align, fg_ref_roi_align, "roi_align", NULL),
    ROW("RoiAlign", 16, 0, 3, 3, infer_roi_align, fg_ref_roi_align, "roi_align", NULL),
    ROW("MaxRoiPool", 1, 0, 2, 2, infer_max_roi_pool, fg_ref_max_roi_pool, "max_roi_pool", NULL),
};
const int fg_ops_sampling_count = FG_COUNT(fg_ops_sampling);
