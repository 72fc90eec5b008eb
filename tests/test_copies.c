/* Copies that no view can save: transposes by squares, and images whose channels are cut and joined where
 * they lie. */
#include "lower_check.h"

TEST(transposes_go_by_squares) {
    (void)arg;
    static const struct {
        const char *shape;
        int64_t perm[4];
        int rank;
    } cases[] = {{"17x33", {1, 0}, 2},         {"16x16", {1, 0}, 2},      {"15x40", {1, 0}, 2},
                 {"3x20x50", {0, 2, 1}, 3},    {"19x3x18", {2, 1, 0}, 3}, {"2x3x17x21", {0, 2, 3, 1}, 4},
                 {"2x31x4x9", {3, 1, 0, 2}, 4}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        fg_graph *g = new_graph(ctx, 17);
        check(g, with_ints(g, NODE(g, "Transpose", input(g, "x", cases[i].shape)), "perm", cases[i].rank,
                           cases[i].perm));
    }
}

static bool has_text(fg_graph *g, const char *text) {
    const fg_module *m;
    assert_true(generate_and_verify(g, "x86-64-v3", true, 1, &m)->passed);
    return strstr(m->source, text) != NULL;
}

TEST(squares_are_for_what_lies_apart_on_both_sides) {
    (void)arg;
    static const int64_t swap[] = {1, 0}, rows[] = {1, 0, 2};
    fg_graph *g = new_graph(ctx, 17);
    check(g, with_ints(g, NODE(g, "Transpose", input(g, "x", "17x33")), "perm", 2, swap));
    assert_true(has_text(g, "a_end"));
    g = new_graph(ctx, 17);
    check(g, with_ints(g, NODE(g, "Transpose", input(g, "x", "17x33x20")), "perm", 3, rows));
    assert_false(has_text(g, "a_end"));
}

/* Half of the channels goes on, the other through a convolution; both are shuffled. */
TEST(channels_are_cut_and_shuffled_pixel_by_pixel) {
    (void)arg;
    static const int64_t perm[] = {0, 2, 1, 3, 4};
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Relu", conv(g, input(g, "x", "1x4x20x18"), "20x4x1x1", 1));
    for (int unit = 0; unit < 2; unit++) {
        fg_value *half = NODE(g, "Slice", x, INTS(g, 0), INTS(g, 10), INTS(g, 1)),
                 *rest = NODE(g, "Slice", x, INTS(g, 10), INTS(g, 20), INTS(g, 1));
        rest = NODE(g, "Relu", conv(g, rest, "10x10x1x1", 1));
        x = with_int(g, NODE(g, "Concat", half, rest), "axis", 1);
        x = NODE(g, "Reshape", x, INTS(g, 1, 2, 10, 20, 18));
        x = with_ints(g, NODE(g, "Transpose", x), "perm", 5, perm);
        x = NODE(g, "Reshape", x, INTS(g, 1, 20, 20, 18));
    }
    check(g, NODE(g, "Relu", conv(g, x, "6x20x1x1", 1)));
    assert_false(has_text(g, "a_end")); /* no transpose between layouts */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transposes_go_by_squares),
        cmocka_unit_test(squares_are_for_what_lies_apart_on_both_sides),
        cmocka_unit_test(channels_are_cut_and_shuffled_pixel_by_pixel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
