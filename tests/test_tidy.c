/* What numbers in the place of parameters leave behind in text goes; what the text computes stays. */
#include "codegen/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state) {
    *state = fg_context_new();
    return *state == NULL;
}

static int tear_down(void **state) {
    fg_context_free(*state);
    return 0;
}

static void expect(void **state, bool thorough, const char *source, const char *want) {
    fg_text out = fg_text_new(*state), neat = fg_text_new(*state);
    fg_tidy(source, thorough, &out);
    fg_indent(out.data, &neat);
    assert_string_equal(neat.data, want);
}

#define SAME(source)       expect(state, true, source, source)
#define TIDY(source, want) expect(state, true, source, want)

static void terms_of_zero_and_factors_of_one_go(void **state) {
    TIDY("{\n    p = x + b * 0 + y * 1 * 3 - 0;\n}\n", "{\n    p = x + y * 3;\n}\n");
    TIDY("{\n    p = x[0 + i * 4 + (j + 2) * 0];\n}\n", "{\n    p = x[i * 4];\n}\n");
    TIDY("{\n    p = a + b * c * 0 + 1 * d;\n}\n", "{\n    p = a + d;\n}\n");
    TIDY("{\n    p = (y % 1) * 512 + n / 1;\n}\n", "{\n    p = n;\n}\n");
    TIDY("{\n    p = w + (a * 4 + 0) * 1;\n}\n", "{\n    p = w + (a * 4);\n}\n");
    TIDY("{\n    p = w + (a * 4) * 12 + (7);\n}\n", "{\n    p = w + a * 4 * 12 + 7;\n}\n");
}

static void what_is_no_plain_product_stays(void **state) {
    SAME("{\n    p = a / b * 0;\n}\n");
    SAME("{\n    p = f(i++) * 0;\n}\n");
    SAME("{\n    p = x[i] * 0 + q->n * 0;\n}\n");
    SAME("{\n    p = (int)b * 0 + 0.0f + 0u;\n}\n");
    SAME("{\n    p = a - (b + 0x0) * 1.0f;\n}\n");
    SAME("{\n    p = *(q + 2) - 0 * f(3);\n}\n");
    SAME("{\n    p = c->arena + 0;\n}\n");
    SAME("{\n    f(a, \"x + 0\", '0' * 10); /* x * 0 */\n}\n");
}

static void parentheses_around_a_side_go(void **state) {
    TIDY("{\n    a = (f(a));\n    *(y) = (b ? c : d);\n}\n", "{\n    a = f(a);\n    *y = b ? c : d;\n}\n");
    SAME("{\n    a = (b) + (c);\n    d = (float)e;\n}\n");
}

static void steps_by_one_and_none_are_short(void **state) {
    TIDY("{\n    for (int k = 0; k < 9; k++, x += 1, w += 0) f(x, w);\n}\n",
         "{\n    for (int k = 0; k < 9; k++, x++) f(x, w);\n}\n");
}

static void choices_between_numbers_are_made(void **state) {
    TIDY("{\n    const int n = 0;\n    p = w + (n + 96 < 272 ? n + 96 : 0) * 256;\n}\n",
         "{\n    p = w + 96 * 256;\n}\n");
    TIDY("{\n    const int n = 0;\n    p = w + (n + 96 < 96 ? n + 96 : 0) * 256;\n}\n", "{\n    p = w;\n}\n");
}

static void constants_of_zero_go_where_a_number_can_stand(void **state) {
    TIDY("{\n    {\n        const int px = 0;\n        p = x + px * 3;\n    }\n}\n", "{\n    p = x;\n}\n");
    SAME("{\n    const int n = 0;\n    if (i < n) f(n);\n}\n");
}

static void blocks_of_their_own_names_stay(void **state) {
    TIDY("{\n    {\n        int a = f();\n        g(a);\n    }\n    h();\n}\n",
         "{\n    int a = f();\n    g(a);\n    h();\n}\n");
    SAME("{\n    {\n        int a = f();\n        g(a);\n    }\n    {\n        int a = h();\n        g(a);\n "
         "   }\n}\n");
    SAME("{\n    {\n        float lane[16];\n        g(lane);\n    }\n    h();\n}\n");
    TIDY("{\n    for (;;)\n    {\n        {\n            f();\n        }\n    }\n}\n",
         "{\n    for (;;) {\n        f();\n    }\n}\n");
}

static void variables_that_nothing_reads_go(void **state) {
    TIDY("{\n    const float *a = x + 4;\n    const float *b = a;\n    p = x + b * 0;\n}\n",
         "{\n    p = x;\n}\n");
    SAME("{\n    int a = f();\n    p = x;\n}\n");
}

static void loops_of_one_turn_go_on_request(void **state) {
    const char *source = "{\n    for (int b = 0; b < 1; b++) {\n        f(x + b * 7);\n    }\n}\n";
    TIDY(source, "{\n    f(x);\n}\n");
    expect(state, false, source, source);
    TIDY("{\n    for (int j = 0; j < 16; j += 16) f(j);\n}\n", "{\n    f(0);\n}\n");
    SAME("{\n    for (int b = 0; b < 1; b++) {\n        if (x) continue;\n        f();\n    }\n}\n");
    SAME("{\n    for (int b = 0; b < 2; b++) f(b);\n}\n");
    SAME("{\n    for (int b = 0; b < 1; b++) b = f(b);\n}\n");
    TIDY("{\n    for (int b = 0; b < 1; b++)\n        for (int i = 0; i < 3; i++) {\n            if (x) "
         "break;\n        }\n"
         "}\n",
         "{\n    for (int i = 0; i < 3; i++) {\n        if (x) break;\n    }\n}\n");
}

static void braces_stand_behind_heads_and_below_functions(void **state) {
    TIDY("static void f(int a) {\n    if (a)\n    {\n        g();\n    }\n    else\n    {\n        h();\n    "
         "}\n}\n",
         "static void f(int a)\n{\n    if (a) {\n        g();\n    } else {\n        h();\n    }\n}\n");
}

static void text_that_is_not_understood_stays(void **state) {
    const char *const texts[] = {
        "{\n#if A\n    x + 0;\n#endif\n}\n", "{ x + 0; ) }", "}", "{", "( \"", "/*", "'", "\001"};
    for (size_t i = 0; i < FG_COUNT(texts); i++) {
        fg_text out = fg_text_new(*state);
        fg_tidy(texts[i], true, &out);
        assert_memory_equal(out.data, texts[i], strlen(texts[i]));
    }
}

static void wrapped(void **state, const char *source, const char *want) {
    fg_text out = fg_text_new(*state);
    fg_wrap(source, &out);
    assert_string_equal(out.data, want);
}

#define FORTY "xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx"
#define NAME  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void long_lines_break_where_a_reader_would(void **state) {
    wrapped(state, "    f(" NAME "); g(" NAME "); h(" NAME ");\n",
            "    f(" NAME "); g(" NAME ");\n    h(" NAME ");\n");
    wrapped(state, "    int a = f(" NAME ", 1), b = f(" NAME ", 2), c;\n",
            "    int a = f(" NAME ", 1),\n        b = f(" NAME ", 2), c;\n");
    wrapped(state, "/* " FORTY " " FORTY " " FORTY " " FORTY " */\n",
            "/* " FORTY " " FORTY " xxxxxxxxx xxxxxxxxx xxxxxxxxx\n * xxxxxxxxx " FORTY " */\n");
    const char *whole =
        "#define A " FORTY FORTY FORTY FORTY " \\\n    " FORTY ", " FORTY ", " FORTY ", " FORTY "\n";
    wrapped(state, whole, whole);
    wrapped(state, "short;\n\n    lines;\n", "short;\n\n    lines;\n");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(terms_of_zero_and_factors_of_one_go), T(what_is_no_plain_product_stays),
        T(parentheses_around_a_side_go),        T(steps_by_one_and_none_are_short),
        T(choices_between_numbers_are_made),    T(constants_of_zero_go_where_a_number_can_stand),
        T(blocks_of_their_own_names_stay),      T(variables_that_nothing_reads_go),
        T(loops_of_one_turn_go_on_request),     T(braces_stand_behind_heads_and_below_functions),
        T(text_that_is_not_understood_stays),   T(long_lines_break_where_a_reader_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
