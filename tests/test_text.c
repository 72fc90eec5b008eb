/* Strings: movement, comparison and concatenation, generated against the reference. */
#include "comma_locale.h"
#include "lower_check.h"
#include "verify/loader.h"

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

/* The last value made is not what it should be: the run says so. */
static void expect_status(fg_graph *g, fg_value *y, const char *status) {
    const fg_module *m;
    output(g, y);
    fg_graph_link(g);
    fg_infer(g);
    const fg_verdict *v = generate_and_verify(g, "generic", true, 1, &m);
    assert_false(v->passed);
    assert_non_null(strstr(m->source, status));
}

TEST(a_string_that_gets_too_long_is_reported) {
    (void)arg;
    fg_context_limits(ctx)->text = 4;
    fg_graph *g = new_graph(ctx, 20);
    expect_status(g, NODE(g, "StringConcat", words(g, "x", "40"), words(g, "y", "40")), "*c->status = -5");
}

static fg_value *numbers(fg_graph *g, const char *name, int n, const float *list) {
    const fg_shape s = {.rank = 1, .dim = {n}};
    return fg_graph_const(g, name, FG_FLOAT, &s, list);
}

TEST(strings_are_resized_to_the_nearest) {
    (void)arg;
    static const float scales[] = {1, 2, 1.7F}, roi[] = {0, 0.1F, -0.2F, 1, 1.3F, 0.9F};
    static const fg_dtype types[] = {FG_STRING, FG_BOOL};
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        fg_graph *g = new_graph(ctx, 19);
        fg_value *x = typed_input(g, "x", "2x5x6", types[i]);
        check(g, NODE(g, "Resize", x, NULL, numbers(g, "scales", 3, scales)));
        g = new_graph(ctx, 19);
        x = typed_input(g, "x", "2x5x6", types[i]);
        fg_value *y = NODE(g, "Resize", x, numbers(g, "roi", 6, roi), NULL, INTS(g, 2, 7, 4));
        (void)with_text(g, y, "coordinate_transformation_mode", "tf_crop_and_resize");
        check(g, with_float(g, y, "extrapolation_value", 3));
    }
}

/* Elements of a list, picked at run time so that nothing is folded. */
static fg_value *some_of(fg_graph *g, fg_dtype type, int64_t n, const void *list) {
    const fg_shape s = {.rank = 1, .dim = {n}};
    fg_value *at = typed_input(g, "at", "60", FG_INT64);
    at->bound = n;
    return NODE(g, "Gather", fg_graph_const(g, "list", type, &s, list), at);
}

static fg_value *cast(fg_graph *g, fg_value *v, fg_dtype to) {
    return with_int(g, NODE(g, "Cast", v), "to", to);
}

/* Just above the middle between two halves, where a float in between falls on the middle. */
TEST(doubles_are_rounded_once) {
    (void)arg;
    static const double list[] = {1 + 0x1p-11 + 0x1p-40, -1 - 0x1p-8 - 0x1p-40, 0x1p-25 + 0x1p-70, 1e300,
                                  NAN};
    static const int32_t whole[] = {(1 << 30) + (1 << 22) + 1, -(1 << 30) - (1 << 22) - 1, 70000, INT32_MIN};
    static const fg_dtype types[] = {FG_FLOAT16, FG_BFLOAT16};
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        fg_graph *g = new_graph(ctx, 26);
        fg_value *y = cast(g, some_of(g, FG_DOUBLE, FG_COUNT(list), list), types[i]);
        check(g, with_int(g, NODE(g, "BitCast", y), "to", FG_UINT16));
        g = new_graph(ctx, 26);
        y = cast(g, some_of(g, FG_INT32, FG_COUNT(whole), whole), types[i]);
        check(g, with_int(g, NODE(g, "BitCast", y), "to", FG_UINT16));
    }
}

/* The text is an output, too: the values that come back could hide what is wrong with it. */
static void check_round_trip(fg_context *ctx, fg_dtype type, int64_t n, const void *list) {
    fg_graph *g = new_graph(ctx, 23);
    fg_value *text = cast(g, some_of(g, type, n, list), FG_STRING);
    output(g, text);
    check(g, cast(g, text, type));
}

TEST(numbers_become_strings_and_come_back) {
    (void)arg;
    static const float f32[] = {
        0.0F,     -0.0F,         1,        0.1F,      -2.5F, 1e-45F, 1.17549435e-38F, 1e10F,      1.0F / 3,
        16777216, 3.4028235e38F, INFINITY, -INFINITY, NAN,   1e5F,   123456.0F,       1234567.0F, 1e-5F};
    static const double f64[] = {0.1,       -0.0, 1.0 / 3, 5e-324, 1.7976931348623157e308,
                                 -INFINITY, NAN,  1e15,    1e17};
    static const int64_t i64[] = {0, -1, 42, INT64_MAX, INT64_MIN, INT64_C(9007199254740993)};
    static const uint64_t u64[] = {0, UINT64_MAX, UINT64_C(1) << 63};
    static const int32_t i32[] = {INT32_MIN, INT32_MAX, 0};
    static const int8_t i8[] = {-128, 127, 0, -1};
    static const uint16_t u16[] = {0, 65535},
                          f16[] = {0, 0x8000, 1, 0x3c00, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x2e66};
    static const uint8_t truths[] = {0, 1};
    check_round_trip(ctx, FG_FLOAT, FG_COUNT(f32), f32);
    check_round_trip(ctx, FG_DOUBLE, FG_COUNT(f64), f64);
    check_round_trip(ctx, FG_INT64, FG_COUNT(i64), i64);
    check_round_trip(ctx, FG_UINT64, FG_COUNT(u64), u64);
    check_round_trip(ctx, FG_INT32, FG_COUNT(i32), i32);
    check_round_trip(ctx, FG_INT8, FG_COUNT(i8), i8);
    check_round_trip(ctx, FG_UINT16, FG_COUNT(u16), u16);
    check_round_trip(ctx, FG_FLOAT16, FG_COUNT(f16), f16);
    check_round_trip(ctx, FG_BFLOAT16, FG_COUNT(f16), f16);
    check_round_trip(ctx, FG_BOOL, FG_COUNT(truths), truths);
}

TEST(narrow_numbers_become_strings) {
    (void)arg;
    static const fg_dtype narrow[] = {FG_FLOAT8E4M3FN, FG_FLOAT8E5M2, FG_FLOAT4E2M1,
                                      FG_INT4,         FG_UINT4,      FG_INT2};
    for (size_t i = 0; i < FG_COUNT(narrow); i++) {
        fg_graph *g = new_graph(ctx, 25);
        fg_value *text = cast(g, cast(g, input(g, "x", "3x5x7"), narrow[i]), FG_STRING);
        output(g, text);
        check(g, cast(g, text, narrow[i]));
    }
}

TEST(strings_are_read_as_numbers) {
    (void)arg;
    static const char *const said[] = {"1",
                                       "+INF",
                                       "inf",
                                       "-INF",
                                       "NaN",
                                       " 12.75  ",
                                       "1e-45",
                                       "-0.0",
                                       "0x1p4",
                                       "0x.18P+5",
                                       ".5",
                                       "0.000000000000000000000000000000000000000000000000000012e54",
                                       "1e20",
                                       "-5",
                                       "+7",
                                       "-1e30",
                                       "9007199254740993",
                                       "00012",
                                       "18446744073709551615",
                                       "18446744073709551616",
                                       "-9223372036854775808",
                                       "-9223372036854775809",
                                       "1e400"};
    static const fg_dtype types[] = {FG_FLOAT, FG_DOUBLE, FG_FLOAT16, FG_BFLOAT16, FG_INT8,  FG_INT32,
                                     FG_INT64, FG_UINT8,  FG_UINT64,  FG_BOOL,     FG_UINT4, FG_FLOAT8E5M2};
    for (size_t i = 0; i < FG_COUNT(types); i++) {
        fg_graph *g = new_graph(ctx, 23);
        check(g, cast(g, some_of(g, FG_STRING, FG_COUNT(said), said), types[i]));
        g = new_graph(ctx, 23);
        check(g, cast(g, NODE(g, "Transpose", words(g, "x", "3x9")), types[i]));
    }
}

/* What a double does not hold is kept: compared as text, since verification asks the reference. */
TEST(integers_of_64_bits_are_read_exactly) {
    (void)arg;
    static const int64_t list[] = {INT64_MAX, INT64_MIN, INT64_C(-9007199254740993)};
    fg_graph *g = new_graph(ctx, 23);
    const fg_shape s = {.rank = 1, .dim = {FG_COUNT(list)}};
    fg_value *y = cast(g, cast(g, fg_graph_const(g, "c", FG_INT64, &s, list), FG_STRING), FG_INT64);
    output(g, y);
    fg_graph_link(g);
    fg_infer(g);
    assert_non_null(y->data);
    assert_memory_equal(y->data, list, sizeof list);
}

static const fg_module *compiled(fg_graph *g) {
    fg_graph_link(g);
    fg_infer(g);
    return test_module(g, "generic");
}

/* Runs the code alone: the reference would refuse some inputs. Returns the status. */
static int run_alone(fg_library *lib, const fg_module *m, const void *in, void *out) {
    static int64_t arena[512]; /* strings that it makes outlive the run */
    const void *ins[1] = {in};
    void *outs[1] = {out};
    fg_entry entry = {.function = fg_library_find(lib, m, "run"),
                      .m = m,
                      .in = ins,
                      .out = outs,
                      .arena = (char *)arena + (64 - (uintptr_t)arena % 64) % 64};
    fg_entry_call(&entry);
    return entry.result;
}

TEST(what_is_no_number_is_reported_by_the_run) {
    (void)arg;
    static const char *const bad[] = {"12 monkeys",          "", "-", "+", "1,5", ",5", ".", "e5", "1e", "0x",
                                      "9223372036854775808x"};
    static const fg_dtype types[] = {FG_FLOAT, FG_INT64, FG_BOOL};
    for (size_t j = 0; j < FG_COUNT(types); j++) {
        fg_graph *g = new_graph(ctx, 20);
        output(g, cast(g, words(g, "x", "2"), types[j]));
        const fg_module *m = compiled(g);
        fg_library *lib = fg_load_tcc(m, "");
        for (size_t i = 0; i <= FG_COUNT(bad); i++) {
            const char *text[2] = {"1", i < FG_COUNT(bad) ? bad[i] : " 2.5 "};
            int64_t to[2] = {0, 0};
            assert_int_equal(run_alone(lib, m, text, to), i < FG_COUNT(bad) ? -7 : 0);
        }
        fg_library_close(lib);
    }
}

/* A program may set any locale. */
TEST(a_comma_in_the_locale_changes_nothing) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 20), *back = new_graph(ctx, 20);
    output(g, cast(g, words(g, "x", "2"), FG_DOUBLE));
    output(back, cast(back, typed_input(back, "x", "2", FG_DOUBLE), FG_STRING));
    const fg_module *read = compiled(g), *write = compiled(back);
    fg_library *reader = fg_load_tcc(read, ""), *writer = fg_load_tcc(write, "");
    const char *const good[2] = {"1.5", "-2e1"}, *const bad[2] = {"1.5", "2,5"};
    const char *text[2];
    double x[2] = {0};
    if (!comma_locale()) {
        skip();
    }
    const int ok = run_alone(reader, read, good, x), wrote = run_alone(writer, write, x, text);
    double unused[2];
    const int refused = run_alone(reader, read, bad, unused);
    setlocale(LC_NUMERIC, "C");
    assert_int_equal(ok, 0);
    assert_true(x[0] == 1.5 && x[1] == -20);
    assert_int_equal(refused, -7);
    assert_int_equal(wrote, 0);
    assert_string_equal(text[0], "1.5");
    assert_string_equal(text[1], "-2e+01");
    fg_library_close(reader);
    fg_library_close(writer);
}

TEST(a_number_that_gets_too_long_is_reported) {
    (void)arg;
    fg_context_limits(ctx)->text = 4;
    fg_graph *g = new_graph(ctx, 20);
    expect_status(g, cast(g, input(g, "x", "40"), FG_STRING), "*c->status = -5");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(strings_are_moved_and_chosen),
                                       cmocka_unit_test(strings_are_compared_with_broadcasting),
                                       cmocka_unit_test(constant_strings_stand_in_the_text),
                                       cmocka_unit_test(words_are_left_out_and_change_case),
                                       cmocka_unit_test(strings_are_split),
                                       cmocka_unit_test(strings_are_matched_as_a_whole),
                                       cmocka_unit_test(patterns_mean_what_they_say),
                                       cmocka_unit_test(strings_are_resized_to_the_nearest),
                                       cmocka_unit_test(numbers_become_strings_and_come_back),
                                       cmocka_unit_test(doubles_are_rounded_once),
                                       cmocka_unit_test(what_is_no_number_is_reported_by_the_run),
                                       cmocka_unit_test(a_comma_in_the_locale_changes_nothing),
                                       cmocka_unit_test(narrow_numbers_become_strings),
                                       cmocka_unit_test(strings_are_read_as_numbers),
                                       cmocka_unit_test(integers_of_64_bits_are_read_exactly),
                                       cmocka_unit_test(a_number_that_gets_too_long_is_reported),
                                       cmocka_unit_test(a_string_that_gets_too_long_is_reported)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
