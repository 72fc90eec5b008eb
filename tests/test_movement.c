/* Views of movement operators against the reference kernels: random shapes, random strides. */
#include "frontend/movement.h"

#include "tests/op_graph.h"

static uint64_t rng_state = 1;

static int pick(int n) { /* 0 .. n-1 */
    rng_state = rng_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((rng_state >> 33) % (uint64_t)n);
}

/* An array that holds a tensor under strides of our choosing: dimensions in random order, gaps between them,
 * some reversed. */
typedef struct strided {
    int64_t stride[FG_MAX_RANK], offset, size;
} strided;

static strided lay_out(const fg_shape *s, bool shuffled) {
    strided a = {.size = 1};
    int order[FG_MAX_RANK];
    for (int d = 0; d < s->rank; d++) {
        order[d] = d;
    }
    for (int d = s->rank - 1; d > 0 && shuffled; d--) {
        int k = pick(d + 1), keep = order[d];
        order[d] = order[k];
        order[k] = keep;
    }
    for (int d = s->rank - 1; d >= 0; d--) {
        int64_t extent = s->dim[order[d]];
        bool reversed = shuffled && pick(4) == 0;
        a.stride[order[d]] = reversed ? -a.size : a.size;
        if (reversed) {
            a.offset += (extent - 1) * a.size;
        }
        a.size *= extent + (shuffled ? pick(2) : 0);
    }
    a.offset += 3;
    a.size += 6;
    return a;
}

static bool next(const fg_shape *s, int64_t *index) {
    for (int d = s->rank - 1; d >= 0; d--) {
        if (++index[d] < s->dim[d]) {
            return true;
        }
        index[d] = 0;
    }
    return false;
}

/* Lays the operand out, asks for the view of each output and compares its elements with the interpreter's.
 * Returns how many outputs have a view. */
static int check(one_op *t, bool shuffled) {
    const fg_tensor *x = &t->data[0];
    strided a = lay_out(&x->shape, shuffled);
    int32_t *array = malloc((size_t)a.size * sizeof *array);
    assert_non_null(array);
    for (int64_t i = 0; i < a.size; i++) {
        array[i] = -1;
    }
    int64_t index[FG_MAX_RANK] = {0}, count = fg_shape_count(&x->shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = a.offset;
        for (int d = 0; d < x->shape.rank; d++) {
            at += index[d] * a.stride[d];
        }
        ((int32_t *)x->data)[i] = array[at] = (int32_t)i;
        (void)next(&x->shape, index);
    }
    int views = 0;
    for (int o = 0; o < t->n_out; o++) {
        int64_t stride[FG_MAX_RANK], offset, at[FG_MAX_RANK] = {0};
        if (!fg_movement_view(t->node, o, a.stride, a.offset, stride, &offset)) {
            continue;
        }
        const fg_tensor *y = one_run(t, o);
        int64_t n = fg_shape_count(&y->shape);
        for (int64_t i = 0; i < n; i++) {
            int64_t place = offset;
            for (int d = 0; d < y->shape.rank; d++) {
                place += at[d] * stride[d];
            }
            assert_in_range(place, 0, a.size - 1);
            assert_int_equal(array[place], ((const int32_t *)y->data)[i]);
            (void)next(&y->shape, at);
        }
        views++;
    }
    free(array);
    return views;
}

static fg_shape random_shape(int max_rank) {
    fg_shape s = {1 + pick(max_rank), {0}};
    for (int d = 0; d < s.rank; d++) {
        s.dim[d] = 1 + pick(4);
    }
    return s;
}

static one_op start(const char *op, int opset, const fg_shape *s) {
    one_op t = one_new(op, opset);
    (void)one_input(&t, FG_INT32, s->rank, s->dim);
    return t;
}

/* Infers, checks and frees; returns the number of views. */
static int finish(one_op *t, int n_out, bool shuffled) {
    fg_status s = one_infer(t, n_out);
    if (s != FG_OK) {
        print_error("%s\n", fg_context_diagnostic(t->ctx)->message);
    }
    assert_int_equal(s, FG_OK);
    int views = check(t, shuffled);
    one_free(t);
    return views;
}

enum { ROUNDS = 200 };

static void transposes_are_views_of_any_layout(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        fg_shape s = random_shape(5);
        int64_t perm[FG_MAX_RANK];
        for (int d = 0; d < s.rank; d++) {
            perm[d] = d;
        }
        for (int d = s.rank - 1; d > 0; d--) {
            int k = pick(d + 1);
            int64_t keep = perm[d];
            perm[d] = perm[k];
            perm[k] = keep;
        }
        one_op t = start("Transpose", 17, &s);
        if (i % 4 != 0) {
            one_ints(&t, "perm", s.rank, perm);
        }
        assert_int_equal(finish(&t, 1, true), 1);
    }
}

static void expansions_are_views_of_any_layout(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        fg_shape s = random_shape(4);
        int64_t to[FG_MAX_RANK];
        int more = pick(3);
        for (int d = 0; d < more; d++) {
            to[d] = 1 + pick(3);
        }
        for (int d = 0; d < s.rank; d++) {
            if (pick(3) == 0) {
                s.dim[d] = 1;
            }
            to[more + d] = s.dim[d] == 1 ? 1 + pick(4) : s.dim[d];
        }
        one_op t = start("Expand", 17, &s);
        one_list(&t, more + s.rank, to);
        assert_int_equal(finish(&t, 1, true), 1);
    }
}

static void slices_are_views_of_any_layout(void **state) {
    (void)state;
    for (int i = 0; i < 2 * ROUNDS; i++) {
        fg_shape s = random_shape(4);
        int64_t from[FG_MAX_RANK], to[FG_MAX_RANK], axes[FG_MAX_RANK], steps[FG_MAX_RANK];
        for (int d = 0; d < s.rank; d++) {
            from[d] = pick(12) - 6;
            to[d] = pick(12) - 6;
            axes[d] = s.rank - 1 - d - (i % 2) * s.rank;
            steps[d] = pick(2) ? 1 + pick(3) : -1 - pick(3);
        }
        one_op t = start("Slice", 13, &s);
        one_list(&t, s.rank, from);
        one_list(&t, s.rank, to);
        one_list(&t, s.rank, axes);
        one_list(&t, s.rank, steps);
        assert_int_equal(finish(&t, 1, true), 1);
    }
}

static void slices_by_attributes_are_views(void **state) {
    (void)state;
    fg_shape s = {2, {4, 5}};
    one_op t = start("Slice", 9, &s);
    one_ints(&t, "starts", 2, DIMS(1, -3));
    one_ints(&t, "ends", 2, DIMS(1000, -1));
    assert_int_equal(finish(&t, 1, true), 1);
}

static void all_parts_of_a_split_are_views(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        fg_shape s = random_shape(4);
        int axis = pick(s.rank), parts = 1 + pick(3);
        int64_t sizes[4], sum = 0;
        for (int k = 0; k < parts; k++) {
            sum += sizes[k] = pick(4);
        }
        bool listed = i % 2 == 0;
        s.dim[axis] = listed ? sum : 1 + pick(7);
        if (listed && sum == 0) {
            continue;
        }
        one_op t = start("Split", 18, &s);
        one_int(&t, "axis", axis - (i % 3 == 0 ? s.rank : 0));
        if (listed) {
            one_list(&t, parts, sizes);
        } else {
            one_int(&t, "num_outputs", parts);
        }
        assert_int_equal(finish(&t, parts, true), parts);
    }
}

/* Cuts the element count of s into random extents, with ones in between. */
static int random_factors(const fg_shape *s, int64_t *dim) {
    int64_t left = fg_shape_count(s);
    int n = 0;
    for (; n < FG_MAX_RANK - 2 && left > 1; n++) {
        int64_t f = 1 + pick(6);
        while (left % f != 0) {
            f--;
        }
        dim[n] = f;
        left /= f;
    }
    if (left > 1 || n == 0) {
        dim[n++] = left;
    }
    return n;
}

static void reshapes_of_adjacent_memory_are_views(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        fg_shape s = random_shape(4);
        int64_t dim[FG_MAX_RANK];
        int n = random_factors(&s, dim);
        one_op t = start("Reshape", 14, &s);
        one_list(&t, n, dim);
        assert_int_equal(finish(&t, 1, false), 1);
    }
}

/* Where a view is given it must be right; whether one exists depends on the layout. */
static void reshapes_of_any_layout_are_right_where_they_are_views(void **state) {
    (void)state;
    int views = 0;
    for (int i = 0; i < 5 * ROUNDS; i++) {
        fg_shape s = random_shape(4);
        int64_t dim[FG_MAX_RANK];
        int n = random_factors(&s, dim);
        one_op t = start("Reshape", 14, &s);
        one_list(&t, n, dim);
        views += finish(&t, 1, true);
    }
    assert_in_range(views, 5 * ROUNDS / 10, 5 * ROUNDS - 10); /* both answers occur */
}

static void merging_dimensions_with_a_gap_between_is_no_view(void **state) {
    (void)state;
    fg_shape s = {2, {3, 4}};
    int64_t stride[FG_MAX_RANK], offset;
    one_op t = start("Reshape", 14, &s);
    one_list(&t, 1, DIMS(12));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    assert_true(fg_movement_view(t.node, 0, DIMS(4, 1), 0, stride, &offset));
    assert_false(fg_movement_view(t.node, 0, DIMS(5, 1), 0, stride, &offset));
    assert_false(fg_movement_view(t.node, 0, DIMS(1, 3), 0, stride, &offset));
    one_free(&t);
}

static void splitting_a_dimension_is_a_view_of_any_stride(void **state) {
    (void)state;
    fg_shape s = {1, {12}};
    int64_t stride[FG_MAX_RANK], offset;
    one_op t = start("Reshape", 14, &s);
    one_list(&t, 3, DIMS(2, 1, 6));
    assert_int_equal(one_infer(&t, 1), FG_OK);
    assert_true(fg_movement_view(t.node, 0, DIMS(-7), 100, stride, &offset));
    assert_int_equal(stride[0], -42);
    assert_int_equal(stride[2], -7);
    assert_int_equal(offset, 100);
    one_free(&t);
}

static void squeezing_and_unsqueezing_are_views_of_any_layout(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        fg_shape s = random_shape(4);
        int axis = pick(s.rank + 1);
        one_op t = start("Unsqueeze", 13, &s);
        one_list(&t, 2, DIMS(axis, -1));
        assert_int_equal(finish(&t, 1, true), 1);
        t = start("Squeeze", 13, &s);
        assert_int_equal(finish(&t, 1, true), 1);
    }
}

static void dropout_passes_its_operand_on_but_not_its_mask(void **state) {
    (void)state;
    int64_t stride[FG_MAX_RANK], offset;
    one_op t = one_new("Dropout", 13);
    (void)one_input(&t, FG_FLOAT, 2, DIMS(3, 4));
    assert_int_equal(one_infer(&t, 2), FG_OK);
    assert_true(fg_movement_view(t.node, 0, DIMS(1, 3), 5, stride, &offset));
    assert_int_equal(stride[0], 1);
    assert_int_equal(stride[1], 3);
    assert_int_equal(offset, 5);
    assert_false(fg_movement_view(t.node, 1, DIMS(1, 3), 5, stride, &offset));
    one_free(&t);
}

static void other_operators_have_no_view(void **state) {
    (void)state;
    int64_t stride[FG_MAX_RANK], offset;
    one_op t = one_new("DepthToSpace", 13);
    (void)one_input(&t, FG_FLOAT, 4, DIMS(1, 4, 2, 2));
    one_int(&t, "blocksize", 2);
    assert_int_equal(one_infer(&t, 1), FG_OK);
    assert_false(fg_movement_view(t.node, 0, DIMS(16, 4, 2, 1), 0, stride, &offset));
    one_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transposes_are_views_of_any_layout),
        cmocka_unit_test(expansions_are_views_of_any_layout),
        cmocka_unit_test(slices_are_views_of_any_layout),
        cmocka_unit_test(slices_by_attributes_are_views),
        cmocka_unit_test(all_parts_of_a_split_are_views),
        cmocka_unit_test(reshapes_of_adjacent_memory_are_views),
        cmocka_unit_test(reshapes_of_any_layout_are_right_where_they_are_views),
        cmocka_unit_test(merging_dimensions_with_a_gap_between_is_no_view),
        cmocka_unit_test(splitting_a_dimension_is_a_view_of_any_stride),
        cmocka_unit_test(squeezing_and_unsqueezing_are_views_of_any_layout),
        cmocka_unit_test(dropout_passes_its_operand_on_but_not_its_mask),
        cmocka_unit_test(other_operators_have_no_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
