/* What exporters write of operators on images for want of a word:
 *   the four pictures of every other pixel, concatenated, then a convolution (the "focus" of YOLO)
 *     -> one convolution of twice the size and stride on the picture itself
 *   Reshape to groups, InstanceNormalization with scale 1 and bias 0, Reshape back [, * gamma] [, + beta]
 *     -> GroupNormalization
 *   Reshape to six dimensions, Transpose, Reshape to four (the "pixel shuffle")
 *     -> DepthToSpace or SpaceToDepth */
#include "fusion/rewrite.h"

#include <string.h>

#include "frontend/reference/slice.h"

/* ---- focus ---- */

/* Removes n and what only it read, up to (not including) value x; host covers them. */
static void remove_up_to(fg_rewriter *rw, fg_node *host, fg_node *n, const fg_value *x) {
    while (n != NULL && !fg_rw_dead(n) && fg_is_one_of(n, "Slice Concat")) {
        const fg_value *y = n->out[0];
        fg_value *from = n->in[0];
        if (fg_rw_use_count(rw, y) > 0 || y->is_output || rw->uses[y->id].pinned) {
            return;
        }
        fg_rw_cover(rw, host, n);
        fg_rw_remove(rw, n);
        n = from != x ? from->producer : NULL;
    }
}

/* One step down: the slice takes every other row (axis 2) or column (axis 3) from `start` on. */
static bool takes_every_other(fg_rewriter *rw, fg_node *n, bool *seen, int64_t *start) {
    int64_t number[4][FG_MAX_RANK];
    int count = 0;
    for (int i = 0; i < 4; i++) {
        if (n->n_in != 5 || !fg_is_const(n->in[i + 1])) {
            return false;
        }
        count = fg_operand_ints(rw->ctx, n, i + 1, NULL, FG_MAX_RANK, number[i]);
    }
    const fg_shape *s = &n->in[0]->shape;
    for (int i = 0; i < count; i++) {
        const int64_t axis = number[2][i] < 0 ? number[2][i] + s->rank : number[2][i];
        if (axis < 2 || axis > 3 || seen[axis - 2] || number[3][i] != 2 || s->dim[axis] % 2 != 0) {
            return false;
        }
        int64_t from = number[0][i];
        if (fg_slice_extent(s->dim[axis], &from, number[1][i], 2) != s->dim[axis] / 2) {
            return false;
        }
        seen[axis - 2] = true;
        start[axis - 2] = from;
    }
    return count > 0;
}

/* v is the picture of every other pixel of x from (*place / 2, *place % 2) on; x NULL: any, which is set. */
static bool is_quarter(fg_rewriter *rw, const fg_value *v, fg_value **x, int *place) {
    bool seen[2] = {false, false};
    int64_t start[2] = {0, 0};
    while (!(seen[0] && seen[1])) {
        fg_node *n = v != NULL && v->data == NULL ? v->producer : NULL;
        if (!fg_is_op(n, "Slice") || !takes_every_other(rw, n, seen, start)) {
            return false;
        }
        v = n->in[0];
    }
    if (*x == NULL) {
        *x = (fg_value *)v;
    }
    *place = (int)(2 * start[0] + start[1]);
    return *x == v;
}

static bool all_equal(fg_rewriter *rw, const fg_node *n, const char *attr, int64_t value) {
    int64_t have[2 * FG_MAX_RANK];
    const int count = fg_attr_ints(rw->ctx, n, attr, 2 * FG_MAX_RANK, have);
    for (int i = 0; i < count; i++) {
        if (have[i] != value) {
            return false;
        }
    }
    return true;
}

/* The part that quarter `part` took in (its first pixel's place: part -> place) goes to every other tap. */
static fg_value *spread_weights(fg_rewriter *rw, const fg_value *w, const int *place) {
    const int64_t rows = w->shape.dim[0], channels = w->shape.dim[1] / 4, kh = w->shape.dim[2],
                  kw = w->shape.dim[3];
    const fg_shape shape = {4, {rows, channels, 2 * kh, 2 * kw}};
    const float *from = w->data;
    float *to = fg_big_alloc(rw->ctx, (size_t)fg_shape_count(&w->shape) * sizeof *to);
    for (int64_t i = 0, n = fg_shape_count(&w->shape); i < n; i++) {
        const int64_t x = i % kw, y = i / kw % kh, c = i / (kw * kh) % (4 * channels),
                      o = i / (kw * kh * 4 * channels);
        const int at = place[c / channels];
        to[((o * channels + c % channels) * 2 * kh + 2 * y + at / 2) * 2 * kw + 2 * x + at % 2] = from[i];
    }
    fg_value *v = fg_graph_const(rw->g, w->name, FG_FLOAT, &shape, to);
    v->synthetic = w->synthetic;
    return v;
}

bool fg_rw_focus(fg_rewriter *rw, fg_node *n) {
    fg_node *concat = fg_rw_private(rw, n->in[0], "Concat");
    const fg_value *w = n->in[1];
    if (concat == NULL || concat->n_in != 4 || n->in[0]->shape.rank != 4 || !fg_is_const(w) ||
        !fg_is_float32(w) || fg_attr_int(n, "group", 1) != 1 || strcmp(fg_auto_pad(n), "NOTSET") != 0 ||
        !all_equal(rw, n, "strides", 1) || !all_equal(rw, n, "dilations", 1)) {
        return false;
    }
    const int64_t axis = fg_attr_int(concat, "axis", 0);
    int place[4];
    unsigned seen = 0;
    fg_value *x = NULL;
    for (int i = 0; i < 4; i++) {
        if (!is_quarter(rw, concat->in[i], &x, &place[i])) {
            return false;
        }
        seen |= 1U << place[i];
    }
    if (seen != 15 || (axis != 1 && axis != -3) || x->shape.dim[1] * 4 != w->shape.dim[1]) {
        return false;
    }
    static const int64_t twice[] = {2, 2};
    int64_t pads[4] = {0};
    fg_attr_ints(rw->ctx, n, "pads", 4, pads);
    const int64_t wider[] = {2 * pads[0], 2 * pads[1], 2 * pads[2], 2 * pads[3]};
    const int64_t kernel[] = {2 * w->shape.dim[2], 2 * w->shape.dim[3]};
    fg_node *part[4];
    for (int i = 0; i < 4; i++) {
        part[i] = concat->in[i]->producer;
    }
    fg_rw_set_in(rw, n, 1, spread_weights(rw, w, place));
    fg_rw_set_in(rw, n, 0, x);
    fg_rw_attr_ints(rw, n, "pads", 4, wider);
    fg_rw_attr_ints(rw, n, "strides", 2, twice);
    fg_rw_attr_ints(rw, n, "kernel_shape", 2, kernel);
    fg_rw_cover(rw, n, concat);
    fg_rw_remove(rw, concat);
    for (int i = 0; i < 4; i++) {
        remove_up_to(rw, n, part[i], x);
    }
    return true;
}

/* ---- group normalisation ---- */

static bool all_are(const fg_value *v, double value) {
    for (int64_t i = 0, n = fg_shape_count(&v->shape); i < n; i++) {
        if (fg_const_float(v, i) != value) {
            return false;
        }
    }
    return true;
}

static fg_value *vector(fg_rewriter *rw, const fg_node *n, const char *what, int64_t count,
                        const double *data) {
    const fg_shape shape = {1, {count}};
    return fg_rw_const_float(rw, fg_format(rw->ctx, "%s/%s", n->out[0]->name, what), &shape, data);
}

static void make_group_norm(fg_rewriter *rw, fg_node *n, fg_value *x, const double *scale, const double *bias,
                            int64_t groups, float epsilon) {
    fg_value *in[] = {x, vector(rw, n, "scale", x->shape.dim[1], scale),
                      vector(rw, n, "bias", x->shape.dim[1], bias)};
    fg_rw_rebuild(rw, n, "GroupNormalization", 21, 3, in);
    fg_rw_attr_int(rw, n, "num_groups", groups);
    fg_rw_attr_float(rw, n, "epsilon", epsilon);
}

bool fg_rw_group_norm(fg_rewriter *rw, fg_node *n) {
    fg_node *norm = fg_rw_private(rw, n->in[0], "InstanceNormalization");
    fg_node *split = norm != NULL ? fg_rw_private(rw, norm->in[0], "Reshape") : NULL;
    if (split == NULL || !fg_is_const(norm->in[1]) || !fg_is_const(norm->in[2]) || !all_are(norm->in[1], 1) ||
        !all_are(norm->in[2], 0)) {
        return false;
    }
    fg_value *x = split->in[0];
    const fg_shape *s = &x->shape, *by_group = &norm->in[0]->shape;
    if (!fg_is_float32(x) || s->rank < 3 || !fg_shape_equal(s, &n->out[0]->shape) ||
        s->dim[0] != by_group->dim[0] || by_group->dim[1] < 1 || s->dim[1] % by_group->dim[1] != 0 ||
        fg_shape_count(s) == 0) {
        return false;
    }
    double *data = fg_big_alloc(rw->ctx, (size_t)s->dim[1] * 2 * sizeof *data);
    for (int64_t c = 0; c < s->dim[1]; c++) {
        data[c] = 1;
    }
    const int64_t groups = by_group->dim[1];
    const float epsilon = fg_attr_float(norm, "epsilon", 1e-5F);
    fg_rw_cover(rw, n, norm);
    fg_rw_cover(rw, n, split);
    make_group_norm(rw, n, x, data, data + s->dim[1], groups, epsilon);
    fg_rw_remove(rw, norm);
    fg_rw_remove(rw, split);
    fg_big_free(rw->ctx, data);
    return true;
}

/* n multiplies by, or adds, a constant per channel. */
bool fg_rw_group_norm_affine(fg_rewriter *rw, fg_node *n) {
    const int constant = fg_is_const(n->in[1]) ? 1 : 0;
    fg_node *norm =
        fg_is_const(n->in[constant]) ? fg_rw_private(rw, n->in[1 - constant], "GroupNormalization") : NULL;
    if (norm == NULL || norm->op->until != 0 || !fg_is_float32(n->out[0]) || !fg_is_const(norm->in[1]) ||
        !fg_is_const(norm->in[2]) || !fg_shape_equal(&norm->out[0]->shape, &n->out[0]->shape)) {
        return false;
    }
    const int64_t channels = norm->in[1]->shape.dim[0];
    const bool scales = fg_is_op(n, "Mul");
    double *more = fg_big_alloc(rw->ctx, (size_t)channels * 3 * sizeof *more), *scale = more + channels,
           *bias = scale + channels;
    const bool fits = fg_is_per_channel(n->in[constant], &n->out[0]->shape, more);
    for (int64_t c = 0; c < channels && fits; c++) {
        scale[c] = fg_const_float(norm->in[1], c) * (scales ? more[c] : 1);
        bias[c] =
            scales ? fg_const_float(norm->in[2], c) * more[c] : fg_const_float(norm->in[2], c) + more[c];
    }
    if (fits) {
        const int64_t groups = fg_attr_int(norm, "num_groups", 1);
        const float epsilon = fg_attr_float(norm, "epsilon", 1e-5F);
        fg_rw_cover(rw, n, norm);
        make_group_norm(rw, n, norm->in[0], scale, bias, groups, epsilon);
        fg_rw_remove(rw, norm);
    }
    fg_big_free(rw->ctx, more);
    return fits;
}

/* ---- pixel shuffle ---- */

/* Of the six dimensions that the Reshape in front makes: where the blocks are, and how they move. */
static const struct {
    const char *op, *mode;
    int block[2];
    int64_t perm[6];
} shuffles[] = {
    {"DepthToSpace", "CRD", {2, 3}, {0, 1, 4, 2, 5, 3}},
    {"DepthToSpace", "DCR", {1, 2}, {0, 3, 4, 1, 5, 2}},
    {"SpaceToDepth", NULL, {3, 5}, {0, 3, 5, 1, 2, 4}},
};

/* Whether these four extents, from the outermost on, are products of the six in groups that begin at those
 * places. */
static bool is_grouped(const fg_shape *four, const fg_shape *six, const int64_t *perm, const int *first) {
    for (int d = 0; d < 4; d++) {
        int64_t product = 1;
        for (int i = first[d]; i < first[d + 1]; i++) {
            product *= six->dim[perm == NULL ? i : perm[i]];
        }
        if (four->dim[d] != product) {
            return false;
        }
    }
    return true;
}

bool fg_rw_pixel_shuffle(fg_rewriter *rw, fg_node *n) {
    static const int of_depth[] = {0, 1, 4, 5, 6}, of_space[] = {0, 1, 2, 4, 6};
    fg_node *move = fg_rw_private(rw, n->in[0], "Transpose");
    fg_node *split = move != NULL ? fg_rw_private(rw, move->in[0], "Reshape") : NULL;
    int64_t perm[FG_MAX_RANK];
    if (split == NULL || split->in[0]->shape.rank != 4 || n->out[0]->shape.rank != 4 ||
        split->out[0]->shape.rank != 6 || fg_attr_ints(rw->ctx, move, "perm", FG_MAX_RANK, perm) != 6 ||
        !fg_is_const(n->in[1]) || !fg_is_const(split->in[1]) || n->out[0]->packed || split->in[0]->packed) {
        return false;
    }
    fg_value *x = split->in[0];
    const fg_shape *six = &split->out[0]->shape;
    for (size_t i = 0; i < FG_COUNT(shuffles); i++) {
        const bool up = shuffles[i].mode != NULL;
        const int64_t block = six->dim[shuffles[i].block[0]];
        if (memcmp(perm, shuffles[i].perm, sizeof shuffles[i].perm) != 0 ||
            six->dim[shuffles[i].block[1]] != block || block < 2 ||
            !is_grouped(&x->shape, six, NULL, up ? of_depth : of_space) ||
            !is_grouped(&n->out[0]->shape, six, perm, up ? of_space : of_depth)) {
            continue;
        }
        fg_rw_cover(rw, n, move);
        fg_rw_cover(rw, n, split);
        fg_rw_rebuild(rw, n, shuffles[i].op, 13, 1, &x);
        fg_rw_attr_int(rw, n, "blocksize", block);
        if (up) {
            fg_rw_attr_text(rw, n, "mode", shuffles[i].mode);
        }
        fg_rw_remove(rw, move);
        fg_rw_remove(rw, split);
        return true;
    }
    return false;
}
