/* Windows of a picture, shifted or not, and merged patches: movement that keeps rows whole, between kernels
 * that could do it on the way. */
#include "random_graph.h"

typedef struct windows {
    int64_t n, down, high, right, wide; /* windows of high x wide, down x right of them */
} windows;

static fg_value *part(grower *s, fg_value *x, int64_t from, int64_t to, int64_t axis, int64_t step) {
    fg_value *const lists[] = {grow_ints(s, 1, &from), grow_ints(s, 1, &to), grow_ints(s, 1, &axis),
                               grow_ints(s, 1, &step)};
    return grow_exact(s, NODE(s->g, "Slice", x, lists[0], lists[1], lists[2], lists[3]));
}

/* Element i comes to i - by. */
static fg_value *rolled(grower *s, fg_value *x, int64_t by, int64_t axis) {
    if (by == 0) {
        return x;
    }
    fg_value *tail = part(s, x, by, INT32_MAX, axis, 1), *head = part(s, x, 0, by, axis, 1);
    return grow_exact(s, with_int(s->g, NODE(s->g, "Concat", tail, head), "axis", axis));
}

static fg_value *reshaped(grower *s, fg_value *x, int n, const int64_t *dim) {
    return grow_exact(s, NODE(s->g, "Reshape", x, grow_ints(s, n, dim)));
}

static fg_value *swapped(grower *s, fg_value *x) {
    return grow_exact(s, WITH_INTS(s->g, NODE(s->g, "Transpose", x), "perm", 0, 1, 3, 2, 4, 5));
}

static fg_value *to_windows(grower *s, fg_value *x, const windows *w) {
    const int64_t c = x->shape.dim[3], split[] = {w->n, w->down, w->high, w->right, w->wide, c},
                  each[] = {w->n * w->down * w->right, w->high * w->wide, c};
    return reshaped(s, swapped(s, reshaped(s, x, 6, split)), 3, each);
}

static fg_value *from_windows(grower *s, fg_value *x, const windows *w) {
    const int64_t c = x->shape.dim[2], split[] = {w->n, w->down, w->right, w->high, w->wide, c},
                  whole[] = {w->n, w->down * w->high, w->right * w->wide, c};
    return reshaped(s, swapped(s, reshaped(s, x, 6, split)), 4, whole);
}

static void merge_patches(grower *s, fg_value *x) {
    fg_value *q[4];
    for (int i = 0; i < 4; i++) {
        q[i] = part(s, part(s, x, i % 2, INT32_MAX, 1, 2), i / 2, INT32_MAX, 2, 2);
    }
    x = grow_exact(s, with_int(s->g, make_node(s->g, "Concat", 4, q), "axis", rng_chance(&s->r, 80) ? 3 : 0));
    x = rng_chance(&s->r, 70) ? normalised(s, x) : x;
    if (rng_chance(&s->r, 70)) {
        linear(s, x, rng_range(&s->r, 1, 40));
    }
}

void block_windows(grower *s) {
    static const int64_t channels[] = {4, 8, 9, 16, 24, 33};
    const windows w = {.n = rng_range(&s->r, 1, 2),
                       .down = rng_range(&s->r, 1, 3),
                       .high = rng_range(&s->r, 1, 4),
                       .right = rng_range(&s->r, 1, 3),
                       .wide = rng_range(&s->r, 1, 4)};
    const int64_t c = ONE_OF(s, channels), h = w.down * w.high, v = w.right * w.wide;
    const fg_shape shape = {4, {w.n, h, v, c}};
    fg_value *x = grow_input(s, FG_FLOAT, &shape);
    x = rng_chance(&s->r, 60) ? linear(s, x, c) : x;
    const bool shifts = rng_chance(&s->r, 60);
    const int64_t down = shifts ? rng_range(&s->r, 0, h - 1) : 0,
                  right = shifts ? rng_range(&s->r, 0, v - 1) : 0;
    fg_value *y = rng_chance(&s->r, 80) ? normalised(s, x) : x;
    y = to_windows(s, rolled(s, rolled(s, y, down, 1), right, 2), &w);
    y = rng_chance(&s->r, 80) ? linear(s, y, c) : activation(s, y);
    if (rng_chance(&s->r, 20)) { /* somebody else reads the windows */
        activation(s, y);
    }
    y = from_windows(s, y, &w);
    y = rolled(s, rolled(s, y, (h - down) % h, 1), (v - right) % v, 2);
    if (rng_chance(&s->r, 80)) {
        y = grow(s, rng_chance(&s->r, 50) ? NODE(s->g, "Add", x, y) : NODE(s->g, "Sub", y, x));
    }
    if (h % 2 == 0 && v % 2 == 0 && rng_chance(&s->r, 50)) {
        merge_patches(s, y);
    } else if (rng_chance(&s->r, 60)) {
        normalised(s, y);
    }
}
