#include "frontend/reference/movement.h"

#include <string.h>

#include "frontend/reference/elements.h"

/* Fills output 0 in row-major order; from: where the element of output index 0, 0, ... lies and how it moves.
 */
static void fill(const fg_eval *e, const fg_nd *from) {
    const fg_tensor *y = &e->out[0];
    fg_nd to = {0, {0}};
    fg_row_major(y->shape.rank, y->shape.dim, to.stride);
    fg_copy_nd(y->dtype, y->shape.rank, y->shape.dim, y->data, &to, e->in[0].data, from);
}

void fg_ref_transpose(const fg_eval *e) {
    const fg_shape *x = &e->in[0].shape;
    int64_t stride[FG_MAX_RANK], perm[FG_MAX_RANK];
    bool given = fg_attr_ints(e->ctx, e->node, "perm", FG_MAX_RANK, perm) == x->rank;
    fg_nd from = {0, {0}};
    fg_row_major(x->rank, x->dim, stride);
    for (int d = 0; d < x->rank; d++) {
        from.stride[d] = stride[given ? perm[d] : x->rank - 1 - d];
    }
    fill(e, &from);
}

void fg_ref_expand(const fg_eval *e) {
    const fg_shape *x = &e->in[0].shape, *y = &e->out[0].shape;
    int64_t stride[FG_MAX_RANK];
    fg_nd from = {0, {0}};
    fg_row_major(x->rank, x->dim, stride);
    for (int d = 0; d < y->rank; d++) {
        int k = d - (y->rank - x->rank);
        if (k < 0 || x->dim[k] == 1) {
            continue;
        }
        if (x->dim[k] != y->dim[d]) {
            fg_raise(e->ctx, FG_BAD_MODEL, "%s cannot be expanded to %s", fg_shape_text(e->ctx, x),
                     fg_shape_text(e->ctx, y));
        }
        from.stride[d] = stride[k];
    }
    fill(e, &from);
}

/* Every dimension becomes two, copies and extent; the source stands still along the copies. */
void fg_ref_tile(const fg_eval *e) {
    const fg_shape *x = &e->in[0].shape, *y = &e->out[0].shape;
    int64_t stride[FG_MAX_RANK], dim[FG_ND_MAX];
    fg_nd from = {0, {0}}, to = {0, {0}};
    fg_row_major(x->rank, x->dim, stride);
    for (int d = 0; d < x->rank; d++) {
        dim[2 * d] = x->dim[d] > 0 ? y->dim[d] / x->dim[d] : 0;
        dim[2 * d + 1] = x->dim[d];
        from.stride[2 * d + 1] = stride[d];
    }
    fg_row_major(2 * x->rank, dim, to.stride);
    fg_copy_nd(e->in[0].dtype, 2 * x->rank, dim, e->out[0].data, &to, e->in[0].data, &from);
}

void fg_ref_concat(const fg_eval *e) {
    const fg_tensor *y = &e->out[0];
    int rank = y->shape.rank;
    int axis = fg_axis(e->ctx, e->node, fg_attr_int(e->node, "axis", 0), rank);
    fg_nd to = {0, {0}}, from = {0, {0}};
    fg_row_major(rank, y->shape.dim, to.stride);
    for (int i = 0; i < e->node->n_in; i++) {
        const fg_tensor *x = &e->in[i];
        fg_row_major(rank, x->shape.dim, from.stride);
        fg_copy_nd(y->dtype, rank, x->shape.dim, y->data, &to, x->data, &from);
        to.offset += x->shape.dim[axis] * to.stride[axis];
    }
}

/* depth is cut as (row of block, column of block, channel) or, where channels come first, (channel, row,
 * column). */
static void depth_strides(int64_t channels, int64_t block, int64_t plane, bool crd, int64_t *stride) {
    int64_t channel = crd ? block * block : 1, row = crd ? block : block * channels;
    stride[0] = channel * plane;
    stride[1] = row * plane;
    stride[2] = (crd ? 1 : channels) * plane;
}

/* Copies between space[n][c][h][bh][w][bw] and depth[n][block, block, c][h][w]. */
static void depth_space(const fg_eval *e, const fg_shape *depth, bool crd, bool to_space) {
    int64_t b = fg_attr_int(e->node, "blocksize", 1), s[3];
    int64_t h = depth->dim[2], w = depth->dim[3], c = depth->dim[1] / (b * b);
    int64_t dim[6] = {depth->dim[0], c, h, b, w, b};
    fg_nd in_space = {0, {0}}, in_depth = {0, {0}};
    depth_strides(c, b, h * w, crd, s);
    fg_row_major(6, dim, in_space.stride);
    int64_t stride[6] = {depth->dim[1] * h * w, s[0], w, s[1], 1, s[2]};
    memcpy(in_depth.stride, stride, sizeof stride);
    const fg_nd *to = to_space ? &in_space : &in_depth, *from = to_space ? &in_depth : &in_space;
    fg_copy_nd(e->in[0].dtype, 6, dim, e->out[0].data, to, e->in[0].data, from);
}

static bool channels_first(const fg_eval *e) {
    return strcmp(fg_attr_string(e->node, "mode", "DCR"), "CRD") == 0;
}

void fg_ref_depth_to_space(const fg_eval *e) {
    depth_space(e, &e->in[0].shape, channels_first(e), true);
}

void fg_ref_space_to_depth(const fg_eval *e) {
    depth_space(e, &e->out[0].shape, channels_first(e), false);
}
