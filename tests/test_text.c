/* Strings: movement, comparison and concatenation, generated against the reference. */
#include "lower_check.h"

static fg_value *words(fg_graph *g, const char *name, const char *shape) {
    return typed_input(g, name, shape, FG_STRING);
}

TEST(strings_are_moved_and_chosen) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 20);
    check(g, NODE(g, "Transpose", words(g, "x", "3x4")));
    g = new_graph(ctx, 20);
    check(g, with_int(g, NODE(g, "Concat", words(g, "x", "3x4"), words(g, "y", "3x2")), "axis", 1));
    g = new_graph(ctx, 20);
    check(g, NODE(g, "Gather", words(g, "x", "5"), INTS(g, 4, 0, -1)));
    g = new_graph(ctx, 20);
    check(g, NODE(g, "Where", typed_input(g, "c", "4", FG_BOOL), words(g, "x", "3x4"), words(g, "y", "1")));
    g = new_graph(ctx, 17);
    check(g, NODE(g, "Pad", words(g, "x", "5"), INTS(g, 1, 2)));
}

TEST(strings_are_compared_with_broadcasting) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 20);
    check(g, NODE(g, "Equal", words(g, "x", "8x9"), words(g, "y", "9")));
}

TEST(constant_strings_stand_in_the_text) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 20);
    const char **data = FG_ARRAY(ctx, 2, const char *);
    data[0] = "a \"quoted\" \\ one?"
              "?/";
    data[1] = "";
    const fg_shape s = {.rank = 1, .dim = {2}};
    fg_value *c = fg_graph_const(g, "c", FG_STRING, &s, data);
    check(g, NODE(g, "StringConcat", words(g, "x", "3x2"), c));
}

TEST(words_are_left_out_and_change_case) {
    (void)arg;
    static const char *const stop[] = {"MONDAY", "a"}, *const actions[] = {"NONE", "LOWER", "UPPER"};
    for (int i = 0; i < 6; i++) {
        fg_graph *g = new_graph(ctx, 20);
        fg_value *y = NODE(g, "StringNormalizer", words(g, "x", i % 2 ? "1x9" : "30"));
        fg_attr *a = fg_node_set_attr(ctx, y->producer, "stopwords", FG_ATTR_STRINGS);
        a->strings = stop;
        a->n = 2;
        (void)with_int(g, y, "is_case_sensitive", i / 3);
        check(g, with_text(g, y, "case_change_action", actions[i % 3]));
    }
}

TEST(strings_are_split) {
    (void)arg;
    static const char *const separators[] = {"", "-", ", "};
    for (int i = 0; i < 6; i++) {
        fg_graph *g = new_graph(ctx, 20);
        fg_value *x = words(g, "x", "5x4"), *out[2] = {fg_graph_value(g, "y"), fg_graph_value(g, "n")};
        fg_graph_node(g, "StringSplit", 1, &x, 2, out);
        (void)with_text(g, out[0], "delimiter", separators[i % 3]);
        if (i >= 3) {
            (void)with_int(g, out[0], "maxsplit", 1);
        }
        output(g, out[1]);
        check(g, out[0]);
    }
}

TEST(strings_are_matched_as_a_whole) {
    (void)arg;
    static const char *const patterns[] = {"",
                                           "a",
                                           "[Mm]onday",
                                           ".*",
                                           "\\w+",
                                           "\\d+(\\.\\d*)?|-17",
                                           "(a[ -]b[ -]+c)|\\W",
                                           "[^a-z]{2,}",
                                           "^.?$",
                                           "\\w+\\b.*",
                                           "(one|two|, |\\d)+",
                                           "(a|b|-| |c)*"};
    for (size_t i = 0; i < FG_COUNT(patterns); i++) {
        fg_graph *g = new_graph(ctx, 20);
        check(g, with_text(g, NODE(g, "RegexFullMatch", words(g, "x", "5x9")), "pattern", patterns[i]));
    }
}

TEST(patterns_mean_what_they_say) {
    (void)arg;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {{"a{2,3}", "aaa", true},     {"a{2,3}", "aaaa", false},     {"(ab|c)+d?", "abcabd", true},
                 {"x.z", "x\xc3\xbcz", true}, {"x..z", "x\xc3\xbcz", false}, {"[^x]", "\xc3\xbc", true},
                 {"a*?", "aaa", true},        {"\\bon\\b", "on", true},      {"a\\Bb", "ab", true},
                 {"a\\bb", "ab", false},      {"a{,2}", "a{,2}", true},      {"$^", "", true}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        fg_graph *g = new_graph(ctx, 20);
        const fg_shape s = {0};
        const char **data = FG_ARRAY(ctx, 1, const char *);
        data[0] = cases[i].text;
        fg_value *y = NODE(g, "RegexFullMatch", fg_graph_const(g, "c", FG_STRING, &s, data));
        output(g, with_text(g, y, "pattern", cases[i].pattern));
        fg_graph_link(g);
        fg_infer(g);
        assert_int_equal(fg_const_int(y, 0), cases[i].matches);
    }
}

TEST(a_string_that_gets_too_long_is_reported) {
    (void)arg;
    fg_context_limits(ctx)->text = 4;
    fg_graph *g = new_graph(ctx, 20);
    fg_value *y = NODE(g, "StringConcat", words(g, "x", "40"), words(g, "y", "40"));
    const fg_module *m;
    output(g, y);
    fg_graph_link(g);
    fg_infer(g);
    const fg_verdict *v = generate_and_verify(g, "generic", true, 1, &m);
    assert_false(v->passed);
    assert_non_null(strstr(m->source, "*c->status = -5"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(strings_are_moved_and_chosen),
                                       cmocka_unit_test(strings_are_compared_with_broadcasting),
                                       cmocka_unit_test(constant_strings_stand_in_the_text),
                                       cmocka_unit_test(words_are_left_out_and_change_case),
                                       cmocka_unit_test(strings_are_split),
                                       cmocka_unit_test(strings_are_matched_as_a_whole),
                                       cmocka_unit_test(patterns_mean_what_they_say),
                                       cmocka_unit_test(a_string_that_gets_too_long_is_reported)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
