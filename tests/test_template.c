/* The template engine and the re-indenter. */
#include "codegen/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

static void hook(void *user, const char *arguments, fg_text *out) {
    fg_text_printf(out, "%s<%s>;", (const char *)user, arguments);
}

static fg_template *parameters(fg_context *ctx) {
    static const int64_t strides[] = {150528, 672, 3, 1};
    static const char *const names[] = {"alpha", "beta"};
    static char said[] = "hook";
    fg_template *t = fg_template_new(ctx);
    fg_template_int(t, "MR", 3);
    fg_template_int(t, "big", INT64_MAX);
    fg_template_ints(t, "s", 4, strides);
    fg_template_text(t, "type", "float");
    fg_template_text(t, "lines", "one();\ntwo();\n");
    fg_template_text(t, "empty", "");
    fg_template_texts(t, "names", 2, names);
    fg_template_hook(t, "say", hook, said);
    return t;
}

static const char *render(fg_context *ctx, const char *source) {
    fg_text out = fg_text_new(ctx);
    fg_template_render_text(parameters(ctx), "t", source, &out);
    return out.data != NULL ? out.data : "";
}

static void expect(void **state, const char *source, const char *want) {
    assert_string_equal(render(*state, source), want);
}

static void plain_text_passes_through(void **state) {
    expect(state, "int a;\n", "int a;\n");
    expect(state, "int a;", "int a;\n");
    expect(state, "", "");
    expect(state, "a@@b;\n", "a@b;\n");
}

static void expressions_follow_c(void **state) {
    expect(state, "@1+2*3@ @(1+2)*3@ @7/2@ @7%4@ @-7/2@ @1<<4@ @256>>3@;", "7 9 3 3 -3 16 32;\n");
    expect(state, "@1<2@ @2<=1@ @3>2@ @3>=4@ @1==1@ @1!=1@ @!0@ @!5@;", "1 0 1 0 1 0 1 0;\n");
    expect(state, "@1&&0||1@ @0?10:1?20:30@ @10-3-2@ @-(2)-(-3)@;", "1 20 5 1;\n");
    expect(state, "@min(3,MR*2)@ @max(1,2)@ @ceil(7,2)@ @ceil(8,2)@ @ceil(-7,2)@ @len(s)@;",
           "3 2 4 4 -3 4;\n");
    expect(state, "@s[1]@ @s[MR]@ @names[1]@ @type@ @0 ? 1/0 : 5@ @MR == 3 && type == \"float\"@;",
           "672 1 beta float 5 1;\n");
    expect(state, "@0 && 1/0@ @1 || 1/0@ @type != \"float\"@ @MR > 2 ? type : \"x\"@;", "0 1 0 float;\n");
}

static void loops_repeat_their_lines(void **state) {
    expect(state, "//@ for i in 0..MR\nx@i@ = @i*2@;\n//@ end\n", "x0 = 0;\nx1 = 2;\nx2 = 4;\n");
    expect(state, "//@ for i in 5..2\nx;\n//@ end\ny;\n", "y;\n");
    expect(state, "  //@ for i in 0..2\n  //@   for j in i..2\na@i@@j@;\n//@ end\n//@end\n",
           "a00;\na01;\na11;\n");
}

static void conditions_choose_one_branch(void **state) {
    const char *source =
        "//@ for i in 0..4\n//@ if i == 0\nzero;\n//@ elif i < 2\none;\n//@ elif i < 3\ntwo;\n//@ else\n"
        "many;\n//@ end\n//@ end\n";
    expect(state, source, "zero;\none;\ntwo;\nmany;\n");
    expect(state, "//@ if 0\nno;\n//@ end\n", "");
}

static void let_ends_with_its_block(void **state) {
    expect(state, "//@ let a = 1\n//@ if 1\n//@ let a = a + 1\n@a@;\n//@ end\n@a@;\n", "2;\n1;\n");
    expect(state, "//@ let n = type\n//@ let a = 4\n@n@ @a@;\n", "float 4;\n");
}

static void loop_variables_hide_parameters_until_the_end(void **state) {
    expect(state, "//@ for MR in 0..2\n@MR@;\n//@ end\n@MR@;\n", "0;\n1;\n3;\n");
}

static void definitions_are_used_before_and_after(void **state) {
    const char *source =
        "//@ let k = 9\n//@ use f(1, MR)\n//@ def f(a, b)\nf(@a@, @b@, @k@);\n//@ end\n//@ use f(2+3, 0)\n";
    expect(state, source, "f(1, 3, 9);\nf(5, 0, 9);\n");
    expect(state, "//@ def g\ng;\n//@ end\n//@ use g\n//@ use g()\n", "g;\ng;\n");
}

static void arguments_are_evaluated_before_parameters_are_bound(void **state) {
    const char *source =
        "//@ def f(a, b)\n@a@ @b@;\n//@ if a < 2\n//@ use f(b, a)\n//@ end\n//@ end\n//@ use f(1, 2)\n";
    expect(state, source, "1 2;\n2 1;\n");
}

static void use_and_hook_substitute_in_their_arguments(void **state) {
    const char *source =
        "//@ def put_float(a)\nput @a@;\n//@ end\n//@ for i in 0..2\n//@ use put_@type@(@i@ + 1)\n"
        "//@ hook say x@i@, @type@\n//@ end\n";
    expect(state, source, "put 1;\nhook<x0, float>;\nput 2;\nhook<x1, float>;\n");
}

static void join_makes_one_line(void **state) {
    expect(state,
           "//@ join\nf(\n//@ for i in 0..MR\n   a@i@@i + 1 < MR ? \",\" : \"\"@\n//@ end\n);\n//@ end\n",
           "f( a0, a1, a2 );\n");
    expect(state, "a;\n//@ join\n//@ end\nb;\n", "a;\nb;\n");
}

static void comments_are_dropped(void **state) {
    expect(state, "a;\n  //# for the reader: @ alone\nb; //# stays: @MR@\n", "a;\nb; //# stays: 3\n");
}

static void texts_of_several_lines_become_several_lines(void **state) {
    expect(state, "{\n@lines@\n}\n", "{\n    one();\n    two();\n}\n");
}

static void lines_that_stay_empty_leave_no_trace(void **state) {
    expect(state, "a;\n  @empty@\nb;\n\n\n\nc;\n", "a;\nb;\n\nc;\n");
}

typedef struct attempt {
    const char *source;
} attempt;

static void try_render(fg_context *ctx, void *arg) {
    render(ctx, ((attempt *)arg)->source);
}

static void expect_error(void **state, const char *source, const char *part) {
    attempt a = {source};
    assert_int_equal(fg_try(*state, try_render, &a), FG_INTERNAL);
    const char *message = fg_context_diagnostic(*state)->message;
    if (strstr(message, part) == NULL) {
        fail_msg("\"%s\" does not contain \"%s\"", message, part);
    }
}

static void errors_name_template_and_line(void **state) {
    expect_error(state, "a;\nb @nobody@;\n", "template t:2: unknown name 'nobody'");
    expect_error(state, "//@ for i in 0..2\na;\n", "t:1: 'for' has no end");
    expect_error(state, "\n//@ if 1\n//@ else\n//@ else\n//@ end\n", "t:2: 'if' has no end");
    expect_error(state, "a;\n//@ end\n", "t:2: 'end' without a block");
    expect_error(state, "//@ frob x\n", "unknown directive 'frob x'");
    expect_error(state, "a @MR b;\n", "'@' without its partner");
    expect_error(state, "@MR MR@;\n", "'MR' is left over");
    expect_error(state, "//@ use nothing(1)\n", "'nothing' is not defined");
    expect_error(state, "//@ hook nothing 1\n", "no hook 'nothing'");
    expect_error(state, "//@ def f(a)\n//@ end\n//@ use f(1, 2)\n", "t:3: 'f' takes 1 arguments, not 2");
    expect_error(state, "//@ def f\n//@ end\n//@ def f\n//@ end\n", "t:3: 'f' is defined twice");
    expect_error(state, "//@ if 1\n//@ def f\n//@ end\n//@ end\n", "t:2: 'def' inside another block");
    expect_error(state, "@big@ @foo(1)@", "no function 'foo'");
}

static void arithmetic_errors_are_caught(void **state) {
    expect_error(state, "@1/0@", "division by zero");
    expect_error(state, "@1%(MR-3)@", "division by zero");
    expect_error(state, "@ceil(1,0)@", "division by zero");
    expect_error(state, "@(-big-1)/(-1)@", "overflow");
    expect_error(state, "@big+1@", "overflow");
    expect_error(state, "@-big-2@", "overflow");
    expect_error(state, "@big*2@", "overflow");
    expect_error(state, "@1<<63@", "overflows");
    expect_error(state, "@1<<-1@", "overflows");
    expect_error(state, "@99999999999999999999@", "does not fit");
    expect_error(state, "@s[4]@", "index 4 of 's' is out of range");
    expect_error(state, "@s[-1]@", "out of range");
    expect_error(state, "@MR[0]@", "not an array");
    expect_error(state, "@s@", "is an array");
    expect_error(state, "@len(MR)@", "not an array");
    expect_error(state, "@type+1@", "a number is needed");
    expect_error(state, "@type == 1@", "compared with a number");
}

static void runaway_templates_are_stopped(void **state) {
    expect_error(
        state,
        "//@ for i in 0..big\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;\n//@ end\n",
        "absurdly large");
    expect_error(state, "//@ for i in 0..big\n//@ end\n", "absurdly large");
    expect_error(state, "//@ def f\n//@ use f\n//@ end\n//@ use f\n", "nested too deeply");
    char deep[600] = "@";
    memset(deep + 1, '(', 500);
    strcpy(deep + 501, "@");
    expect_error(state, deep, "nested too deeply");
}

static void unknown_template_is_an_error(void **state) {
    assert_null(fg_template_source("no_such_template.c.in"));
    (void)state;
}

static void expect_indent(void **state, const char *source, const char *want) {
    fg_text out = fg_text_new(*state);
    fg_indent(source, &out);
    assert_string_equal(out.data, want);
    fg_text again = fg_text_new(*state);
    fg_indent(want, &again);
    assert_string_equal(again.data, want);
}

static void braces_and_brackets_indent(void **state) {
    expect_indent(state, "void f(int a,\nint b)\n{\nif (a) {\ng(a,\nb);\n} else {\nh();\n}\n}\n",
                  "void f(int a,\n    int b)\n{\n    if (a) {\n        g(a,\n            b);\n    } else {\n "
                  "       h();\n"
                  "    }\n}\n");
    expect_indent(state, "int a[] = {\n1, 2,\n3\n};\nint b;\n",
                  "int a[] = {\n    1, 2,\n    3\n};\nint b;\n");
}

static void unfinished_statements_hang(void **state) {
    expect_indent(state, "{\nx = a\n+ b\n+ c;\ny;\n}\n",
                  "{\n    x = a\n        + b\n        + c;\n    y;\n}\n");
    expect_indent(state, "{\nfor (;;)\nif (a)\nb;\nc;\n}\n",
                  "{\n    for (;;)\n        if (a)\n            b;\n    c;\n}\n");
    expect_indent(state, "if (a)\n{\nb;\n}\nelse\nc;\nd;\n", "if (a)\n{\n    b;\n}\nelse\n    c;\nd;\n");
}

static void quotes_and_comments_hide_brackets(void **state) {
    expect_indent(state, "{\na = \"{(\\\"{\"; b = '{'; /* { */ // {\nc;\n}\n",
                  "{\n    a = \"{(\\\"{\"; b = '{'; /* { */ // {\n    c;\n}\n");
    expect_indent(state, "{\n/* first {\n* second {\nthird */\nc;\n}\n",
                  "{\n    /* first {\n     * second {\n       third */\n    c;\n}\n");
}

static void preprocessor_lines_stand_at_the_margin(void **state) {
    expect_indent(state, "{\n#if A\nf(1) {\n#else\nf(2) {\n#endif\nx;\n}\n}\n",
                  "{\n#if A\n    f(1) {\n#else\n    f(2) {\n#endif\n        x;\n    }\n}\n");
    expect_indent(state, "#define A(x) { \\\n    x; \\\n  }\ny;\n",
                  "#define A(x) { \\\n    x; \\\n  }\ny;\n");
}

static void labels_stand_out(void **state) {
    expect_indent(state, "{\nswitch (a) {\ncase 1: b;\nbreak;\ndefault:\nc;\n}\nend:\nreturn;\n}\n",
                  "{\n    switch (a) {\n    case 1: b;\n        break;\n    default:\n        c;\n    "
                  "}\nend:\n    return;\n}\n");
}

static void blank_runs_collapse(void **state) {
    expect_indent(state, "\n\na;\n  \n\t\n\nb;  \n", "a;\n\nb;\n");
}

static void unbalanced_text_does_no_harm(void **state) {
    fg_text out = fg_text_new(*state);
    fg_indent("}})\n'{\n\"\\", &out);
    char many[2001];
    memset(many, '{', 1000);
    memset(many + 1000, '}', 1000);
    many[2000] = '\0';
    fg_indent(many, &out);
    fg_indent("\n#else\n#endif\n#endif\n/*", &out);
    assert_true(out.length > 2000);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(plain_text_passes_through),
        T(expressions_follow_c),
        T(loops_repeat_their_lines),
        T(conditions_choose_one_branch),
        T(let_ends_with_its_block),
        T(loop_variables_hide_parameters_until_the_end),
        T(definitions_are_used_before_and_after),
        T(arguments_are_evaluated_before_parameters_are_bound),
        T(use_and_hook_substitute_in_their_arguments),
        T(join_makes_one_line),
        T(comments_are_dropped),
        T(texts_of_several_lines_become_several_lines),
        T(lines_that_stay_empty_leave_no_trace),
        T(errors_name_template_and_line),
        T(arithmetic_errors_are_caught),
        T(runaway_templates_are_stopped),
        T(unknown_template_is_an_error),
        T(braces_and_brackets_indent),
        T(unfinished_statements_hang),
        T(quotes_and_comments_hide_brackets),
        T(preprocessor_lines_stand_at_the_margin),
        T(labels_stand_out),
        T(blank_runs_collapse),
        T(unbalanced_text_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
