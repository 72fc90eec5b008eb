/* Operators that move elements or make more of them. */
#include "random_graph.h"

void step_transpose(grower *s) {
    fg_value *x = pick_any(s, 2, 5);
    const int rank = x->shape.rank;
    int64_t perm[FG_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        int j = (int)rng_range(&s->r, 0, i);
        perm[i] = perm[j];
        perm[j] = i;
    }
    grow_exact(s, with_ints(s->g, NODE(s->g, "Transpose", x), "perm", rank, perm));
}

void step_reshape(grower *s) {
    fg_value *x = pick_any(s, 0, 5);
    int64_t shape[FG_MAX_RANK], left = fg_shape_count(&x->shape);
    int n = 0;
    switch (rng_range(&s->r, 0, 3)) {
    case 0:
        grow_exact(s, with_int(s->g, NODE(s->g, "Flatten", x), "axis", rng_range(&s->r, 0, x->shape.rank)));
        return;
    case 1: /* two neighbours become one */
        for (int d = 0, at = (int)rng_range(&s->r, 0, x->shape.rank); d < x->shape.rank; d++) {
            if (d == at + 1) {
                shape[n - 1] *= x->shape.dim[d];
            } else {
                shape[n++] = x->shape.dim[d];
            }
        }
        break;
    case 2: /* one becomes two */
        for (int d = 0, at = (int)rng_range(&s->r, 0, x->shape.rank); d < x->shape.rank; d++) {
            int64_t f = d == at ? rng_range(&s->r, 2, 4) : 1;
            if (f > 1 && x->shape.dim[d] % f == 0) {
                shape[n++] = f;
                shape[n++] = x->shape.dim[d] / f;
            } else {
                shape[n++] = x->shape.dim[d];
            }
        }
        break;
    default:
        for (; left > 1 && n < 4; left /= shape[n - 1]) {
            int64_t f = rng_range(&s->r, 1, 20);
            while (left % f != 0) {
                f--;
            }
            shape[n++] = f;
        }
        shape[n++] = -1;
    }
    grow_exact(s, NODE(s->g, "Reshape", x, grow_ints(s, n, shape)));
}

/* Squeeze, Unsqueeze: axes were an attribute before opset 13. */
static fg_value *with_axes(grower *s, const char *op, fg_value *x, int64_t axis) {
    return s->g->opset < 13 ? WITH_INTS(s->g, NODE(s->g, op, x), "axes", axis)
                            : NODE(s->g, op, x, grow_ints(s, 1, &axis));
}

void step_squeeze(grower *s) {
    fg_value *x = pick_any(s, 0, 4);
    for (int d = 0; d < x->shape.rank; d++) {
        if (x->shape.dim[d] == 1 && rng_chance(&s->r, 50)) {
            grow_exact(s, with_axes(s, "Squeeze", x, d));
            return;
        }
    }
    grow_exact(s, with_axes(s, "Unsqueeze", x, rng_range(&s->r, -1, x->shape.rank)));
}

void step_expand(grower *s) {
    fg_value *x = pick_any(s, 0, 4);
    fg_shape y = x->shape;
    if (rng_chance(&s->r, 30)) {
        for (int d = 0; d < y.rank; d++) {
            y.dim[d] = rng_chance(&s->r, 30) ? rng_range(&s->r, 2, 3) : 1;
        }
        grow_exact(s, NODE(s->g, "Tile", x, grow_ints(s, y.rank, y.dim)));
        return;
    }
    for (int d = 0; d < y.rank; d++) {
        y.dim[d] = y.dim[d] == 1 ? rng_range(&s->r, 1, 5) : rng_chance(&s->r, 50) ? 1 : y.dim[d];
    }
    grow_exact(s, NODE(s->g, "Expand", x, grow_ints(s, y.rank, y.dim)));
}

void step_slice(grower *s) {
    fg_value *x = pick_any(s, 1, 5);
    int64_t start[FG_MAX_RANK], end[FG_MAX_RANK], axes[FG_MAX_RANK], step[FG_MAX_RANK];
    int n = 0;
    for (int d = 0; d < x->shape.rank; d++) {
        const int64_t e = x->shape.dim[d];
        if (e < 2 || rng_chance(&s->r, 50)) {
            continue;
        }
        axes[n] = rng_chance(&s->r, 30) ? d - x->shape.rank : d;
        step[n] = rng_chance(&s->r, 60) ? 1 : rng_range(&s->r, 2, 3);
        start[n] = rng_range(&s->r, 0, e - 1);
        end[n] = rng_range(&s->r, start[n] + 1, e + 2);
        if (rng_chance(&s->r, 25)) {
            step[n] = -step[n];
            end[n] = start[n] - rng_range(&s->r, 1, e) < 0 ? -e - 9 : start[n] - 1;
            if (end[n] == -1) {
                end[n] = -e - 1;
            }
        }
        n++;
    }
    if (n > 0) {
        grow_exact(s, NODE(s->g, "Slice", x, grow_ints(s, n, start), grow_ints(s, n, end),
                           grow_ints(s, n, axes), grow_ints(s, n, step)));
    }
}

void step_split(grower *s) {
    fg_value *x = pick_any(s, 1, 5), *out[4], *in[2] = {x, NULL};
    const int axis = (int)rng_range(&s->r, 0, x->shape.rank - 1);
    int64_t left = x->shape.dim[axis], part[4];
    int n = 0;
    while (left > 0 && n < 4) {
        part[n] = n == 3 ? left : rng_range(&s->r, 1, left);
        left -= part[n++];
    }
    for (int i = 0; i < n; i++) {
        out[i] = fg_graph_value(s->g, "part");
    }
    bool operand = s->g->opset >= 13;
    in[1] = grow_ints(s, n, part);
    fg_node *node = fg_graph_node(s->g, "Split", 1 + operand, in, n, out);
    node->name = "split";
    for (int i = 0; i < n; i++) {
        out[i]->producer = node;
    }
    if (!operand) {
        with_ints(s->g, out[0], "split", n, part);
    }
    grow_exact(s, with_int(s->g, out[0], "axis", axis));
}

void step_concat(grower *s) {
    fg_value *x = pick_any(s, 1, 5), *in[4] = {x};
    const int axis = (int)rng_range(&s->r, 0, x->shape.rank - 1), want = (int)rng_range(&s->r, 2, 4);
    int n = 1;
    for (int tries = 0; tries < 40 && n < want; tries++) {
        fg_value *v = s->pool[rng_range(&s->r, 0, s->n_pool - 1)].v;
        bool fits = v->dtype == x->dtype && v->shape.rank == x->shape.rank;
        for (int d = 0; d < x->shape.rank && fits; d++) {
            fits = d == axis || v->shape.dim[d] == x->shape.dim[d];
        }
        if (fits) {
            in[n++] = v;
        }
    }
    if (n == 1 && x->dtype == FG_FLOAT) {
        fg_shape c = x->shape;
        c.dim[axis] = rng_range(&s->r, 1, 4);
        in[n++] = grow_weights(s, c.rank, c.dim, 0, 1);
    }
    fg_value *y = make_node(s->g, "Concat", n, in);
    grow(s, with_int(s->g, y, "axis", rng_chance(&s->r, 20) ? axis - x->shape.rank : axis));
}

void step_pad(grower *s) {
    static const char *const modes[] = {"constant", "constant", "reflect", "edge"};
    fg_value *x = pick_any(s, 1, 5), *y;
    const int rank = x->shape.rank;
    const char *mode = ONE_OF(s, modes);
    int64_t pads[2 * FG_MAX_RANK] = {0};
    for (int i = 0; i < 2 * rank; i++) {
        int64_t most = x->shape.dim[i % rank] - 1;
        bool inner = rank < 3 || i % rank > 1 || rng_chance(&s->r, 15);
        pads[i] = inner && rng_chance(&s->r, 60) ? rng_range(&s->r, 0, most < 3 ? most : 3) : 0;
        if (strcmp(mode, "constant") == 0 && inner && rng_chance(&s->r, 10) && most > 1) {
            pads[i] = -1;
        }
    }
    fg_value *p = grow_ints(s, 2 * rank, pads);
    y = rng_chance(&s->r, 30) ? NODE(s->g, "Pad", x, p, grow_scalar(s, x->dtype, 1))
                              : NODE(s->g, "Pad", x, p);
    grow_exact(s, with_text(s->g, y, "mode", mode));
}

void step_blocks_of_pixels(grower *s) {
    fg_value *x = pick_any(s, 4, 4);
    bool up = rng_chance(&s->r, 50);
    fg_value *y = NODE(s->g, up ? "DepthToSpace" : "SpaceToDepth", x);
    if (up && rng_chance(&s->r, 50)) {
        with_text(s->g, y, "mode", "CRD");
    }
    grow_exact(s, with_int(s->g, y, "blocksize", rng_range(&s->r, 1, 2)));
}

void step_gather(grower *s) {
    fg_value *x = pick_any(s, 1, 4);
    const int axis = (int)rng_range(&s->r, 0, x->shape.rank - 1);
    const int64_t e = x->shape.dim[axis];
    int64_t index[6];
    int n = (int)rng_range(&s->r, 1, 6);
    for (int i = 0; i < n; i++) {
        index[i] = rng_range(&s->r, -e, e - 1);
    }
    fg_value *i = rng_chance(&s->r, 25) ? grow_scalar(s, FG_INT64, (double)index[0]) : grow_ints(s, n, index);
    grow_exact(s, with_int(s->g, NODE(s->g, "Gather", x, i), "axis", axis));
}

/* What exporters set now and then. */
static void rare_resize(grower *s, fg_value *y) {
    static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller"};
    with_text(s->g, y, "nearest_mode", ONE_OF(s, nearest));
    with_int(s->g, y, "exclude_outside", rng_chance(&s->r, 40));
    if (rng_chance(&s->r, 40)) {
        with_float(s->g, y, "cubic_coeff_a", -0.5);
    }
    if (s->g->opset >= 18) {
        with_int(s->g, y, "antialias", rng_chance(&s->r, 40));
        if (y->producer->n_in > 3) {
            with_text(s->g, y, "keep_aspect_ratio_policy", ONE_OF(s, policies));
        }
    }
}

void step_resize(grower *s) {
    static const char *const modes[] = {"nearest", "nearest", "linear", "linear", "cubic"};
    static const char *const transforms[] = {"half_pixel", "asymmetric", "align_corners",
                                             "pytorch_half_pixel"};
    fg_value *x = pick(s, FG_FLOAT, 3, 4), *none = grow_weights(s, 1, (const int64_t[]){0}, 0, 1), *y;
    float *scale = FG_ARRAY(s->ctx, x->shape.rank, float);
    fg_shape four = {1, {x->shape.rank}}, sizes = x->shape;
    for (int d = 0; d < x->shape.rank; d++) {
        static const float scales[] = {2, 2, 1, 1.5F, 0.5F, 3};
        scale[d] = d < 2 ? 1 : ONE_OF(s, scales);
        sizes.dim[d] = d < 2 ? x->shape.dim[d] : rng_range(&s->r, 1, 15);
    }
    if (rng_chance(&s->r, 70)) {
        y = NODE(s->g, "Resize", x, none, fg_graph_const(s->g, "scales", FG_FLOAT, &four, scale));
    } else {
        fg_value *empty = grow_weights(s, 1, (const int64_t[]){0}, 0, 1);
        y = NODE(s->g, "Resize", x, none, empty, grow_ints(s, sizes.rank, sizes.dim));
    }
    with_text(s->g, y, "mode", ONE_OF(s, modes));
    if (rng_chance(&s->r, 30)) {
        rare_resize(s, y);
    }
    grow(s, with_text(s->g, y, "coordinate_transformation_mode", ONE_OF(s, transforms)));
}
