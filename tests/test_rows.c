/* Chains of movement that keep rows whole: one Gather in the canonical form, and in generated code no copy
 * beside a kernel that can write, or read, rows where they belong. */
#include "lower_check.h"

static fg_value *reshape(fg_graph *g, fg_value *x, int n, const int64_t *dims) {
    return NODE(g, "Reshape", x, ints(g, n, dims));
}
#define RESHAPE(g, x, ...)                                                                                   \
    reshape((g), (x), (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                             \
            (const int64_t[]){__VA_ARGS__})

static fg_value *part(fg_graph *g, fg_value *x, int64_t from, int64_t to, int64_t axis, int64_t step) {
    return NODE(g, "Slice", x, INTS(g, from), INTS(g, to), INTS(g, axis), INTS(g, step));
}

static fg_value *joined(fg_graph *g, fg_value *a, fg_value *b, int64_t axis) {
    return with_int(g, NODE(g, "Concat", a, b), "axis", axis);
}

/* torch.roll by -by along the axis. */
static fg_value *rolled(fg_graph *g, fg_value *x, int64_t by, int64_t axis) {
    return by == 0 ? x : joined(g, part(g, x, by, INT32_MAX, axis, 1), part(g, x, 0, by, axis, 1), axis);
}

typedef struct picture {
    int64_t n, h, w, c, wh, ww, shift;
} picture;

static fg_value *windows(fg_graph *g, fg_value *x, const picture *p) {
    static const int64_t perm[] = {0, 1, 3, 2, 4, 5};
    x = rolled(g, rolled(g, x, p->shift, 1), p->shift, 2);
    x = RESHAPE(g, x, p->n, p->h / p->wh, p->wh, p->w / p->ww, p->ww, p->c);
    x = with_ints(g, NODE(g, "Transpose", x), "perm", 6, perm);
    return RESHAPE(g, x, -1, p->wh * p->ww, p->c);
}

static fg_value *from_windows(fg_graph *g, fg_value *x, const picture *p) {
    static const int64_t perm[] = {0, 1, 3, 2, 4, 5};
    x = RESHAPE(g, x, p->n, p->h / p->wh, p->w / p->ww, p->wh, p->ww, p->c);
    x = with_ints(g, NODE(g, "Transpose", x), "perm", 6, perm);
    x = RESHAPE(g, x, p->n, p->h, p->w, p->c);
    return p->shift == 0 ? x : rolled(g, rolled(g, x, p->h - p->shift, 1), p->w - p->shift, 2);
}

static fg_value *norm(fg_graph *g, fg_value *x, const char *channels) {
    return NODE(g, "LayerNormalization", x, parameter(g, "scale", channels), parameter(g, "shift", channels));
}

static fg_value *product(fg_graph *g, fg_value *x, int64_t c) {
    return NODE(g, "Add", NODE(g, "MatMul", x, parameter(g, "w", fg_format(g->ctx, "%dx%d", (int)c, (int)c))),
                parameter(g, "b", fg_format(g->ctx, "%d", (int)c)));
}

static fg_value *picture_input(fg_graph *g, const picture *p) {
    return input(g, "x", fg_format(g->ctx, "%dx%dx%dx%d", (int)p->n, (int)p->h, (int)p->w, (int)p->c));
}

static fg_graph *canonical(fg_graph *read) {
    const fg_fusion_options options = {.fuse = true};
    fg_graph *g = fg_graph_clone(read);
    fg_canonicalise(g, &options);
    return g;
}

static int kernels_of(fg_graph *read) {
    const fg_module *m;
    assert_true(generate_and_verify(read, "x86-64-v3", true, 1, &m)->passed);
    return m->n_kernels;
}

static const picture pictures[] = {{1, 6, 6, 16, 3, 3, 0},
                                   {1, 6, 6, 16, 3, 3, 1},
                                   {2, 6, 10, 24, 3, 5, 2},
                                   {1, 8, 4, 10, 2, 2, 1},
                                   {1, 7, 7, 256, 7, 7, 3}}; /* large enough for seven products of halves */

/* Windows, a product in them, and back, added to what came in. */
TEST(windows_and_shifts_are_gathers_of_rows) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(pictures); i++) {
        const picture *p = &pictures[i];
        const char *channels = fg_format(ctx, "%d", (int)p->c);
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = product(g, picture_input(g, p), p->c);
        fg_value *y = product(g, windows(g, norm(g, x, channels), p), p->c);
        y = NODE(g, "Add", x, from_windows(g, y, p));
        check(g, norm(g, y, channels));
        const fg_graph *c = canonical(g);
        assert_int_equal(count_op(c, "Slice") + count_op(c, "Concat") + count_op(c, "Transpose"), 0);
        assert_int_equal(count_op(c, "Gather"), 3); /* of the norm, of what is added, of the sum */
        assert_int_equal(kernels_of(g), 4);
    }
}

/* Every second row and column, four times, side by side along the channels. */
static fg_value *merged(fg_graph *g, fg_value *x) {
    fg_value *q[4];
    for (int i = 0; i < 4; i++) {
        q[i] = part(g, part(g, x, i % 2, INT32_MAX, 1, 2), i / 2, INT32_MAX, 2, 2);
    }
    return with_int(g, NODE(g, "Concat", q[0], q[1], q[2], q[3]), "axis", -1);
}

/* What else reads the rows keeps them where they are; a graph's output is no place to scatter to that is
 * denied. */
TEST(rows_that_others_read_are_gathered) {
    (void)arg;
    const picture *p = &pictures[1];
    for (int form = 0; form < 3; form++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = norm(g, picture_input(g, p), "16"), *y = windows(g, x, p);
        if (form == 0) { /* the rows have two readers, so the Gather copies them */
            output(g, NODE(g, "Tanh", x));
            check(g, product(g, y, 16));
            assert_int_equal(kernels_of(g), 4);
        } else if (form == 1) { /* straight to the interface */
            check(g, y);
            assert_int_equal(kernels_of(g), 1);
        } else { /* read where they are by the product that adds them */
            output(g, NODE(g, "Tanh", x));
            check(g, NODE(g, "Add", product(g, input(g, "z", "4x9x16"), 16), y));
            assert_int_equal(kernels_of(g), 3);
        }
    }
}

TEST(merged_patches_are_a_gather_of_rows) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(pictures); i++) {
        const picture *p = &pictures[i];
        if (p->h % 2 != 0) {
            continue;
        }
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = product(g, picture_input(g, p), p->c);
        check(g, norm(g, merged(g, x), fg_format(ctx, "%d", (int)(4 * p->c))));
        const fg_graph *c = canonical(g);
        assert_int_equal(count_op(c, "Slice") + count_op(c, "Concat"), 0);
        assert_int_equal(count_op(c, "Gather"), 1);
        assert_int_equal(kernels_of(g), 2);
    }
}

/* Rows may be left out, or taken twice. */
TEST(gathers_need_not_be_permutations) {
    (void)arg;
    const picture *p = &pictures[2];
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = norm(g, picture_input(g, p), "24");
    fg_value *crop = part(g, part(g, rolled(g, x, 1, 1), 1, 5, 1, 1), 2, 9, 2, 2);
    check(g, NODE(g, "Tanh", joined(g, crop, crop, 1)));
    const fg_graph *c = canonical(g);
    assert_int_equal(count_op(c, "Slice") + count_op(c, "Concat"), 0);
    assert_int_equal(count_op(c, "Gather"), 1);
    assert_int_equal(kernels_of(g), 3);
}

TEST(what_strides_can_say_stays_a_view) {
    (void)arg;
    static const int64_t perm[] = {0, 2, 1, 3};
    const picture *p = &pictures[0];
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = norm(g, picture_input(g, p), "16");
    x = with_ints(g, NODE(g, "Transpose", part(g, x, 1, 5, 1, 1)), "perm", 4, perm);
    check(g, NODE(g, "Tanh", x));
    assert_int_equal(count_op(canonical(g), "Gather"), 0);
}

TEST(torn_rows_and_foreign_readers_stay) {
    (void)arg;
    const picture *p = &pictures[1];
    for (int form = 0; form < 3; form++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = norm(g, picture_input(g, p), "16"), *y;
        if (form == 0) { /* along the row itself */
            y = rolled(g, rolled(g, x, 3, 3), 1, 1);
        } else if (form == 1) { /* of two values */
            y = rolled(g, joined(g, rolled(g, x, 1, 1), g->inputs[0], 1), 1, 2);
        } else { /* nobody makes rows */
            y = windows(g, NODE(g, "Tanh", g->inputs[0]), p);
        }
        check(g, NODE(g, "Tanh", y));
        const fg_graph *c = canonical(g);
        assert_true(count_op(c, "Gather") <= (form == 1));
        assert_true(form != 0 || count_op(c, "Concat") > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_and_shifts_are_gathers_of_rows),
        cmocka_unit_test(rows_that_others_read_are_gathered),
        cmocka_unit_test(merged_patches_are_a_gather_of_rows),
        cmocka_unit_test(gathers_need_not_be_permutations),
        cmocka_unit_test(what_strides_can_say_stays_a_view),
        cmocka_unit_test(torn_rows_and_foreign_readers_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
