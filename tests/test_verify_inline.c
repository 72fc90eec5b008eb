/* Reading inline weights back out of C text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "verify/inline.h"

static const char *text_to_emit;
static size_t chunk;

static void emit(const fg_module *m, void (*write)(void *user, const char *text, size_t n), void *user) {
    size_t n = strlen(text_to_emit);
    (void)m;
    for (size_t at = 0; at < n; at += chunk) write(user, text_to_emit + at, n - at < chunk ? n - at : chunk);
}

/* What is said about `text` if the blob holds `n` bytes; the same for every way of cutting the text into
 * chunks. */
static const char *verdict(fg_context *ctx, const char *text, const void *bytes, int64_t n) {
    fg_module m = {.ctx = ctx, .weights = (uint8_t *)(uintptr_t)bytes, .weights_bytes = n};
    const char *first = NULL;
    text_to_emit = text;
    for (chunk = 1; chunk < 20; chunk++) {
        const char *said = fg_inline_weights_differ(&m, emit);
        if (chunk == 1) first = said;
        assert_true(!said == !first);
        if (said) assert_string_equal(said, first);
    }
    return first;
}

static void assert_says(fg_context *ctx, const char *text, const char *bytes, int64_t n, const char *part) {
    const char *said = verdict(ctx, text, bytes, n);
    if (!part && said) fail_msg("%s: %s", text, said);
    if (part && (!said || !strstr(said, part))) fail_msg("%s: %s", text, said ? said : "nothing said");
}

static int set_up(void **state) {
    *state = fg_context_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    fg_context_free(*state);
    return 0;
}

static void literals_are_decoded_and_joined(void **state) {
    fg_context *ctx = *state;
    assert_says(ctx, "static const t w = {\n\"ab\"\n  \"\\0001\\377\" };\n", "ab\0001\377", 5, NULL);
    assert_says(ctx, "\"\\07z\"", "\7z", 2, NULL);
    assert_says(ctx, "\"\\\\\\\"\\n\"", "\\\"\n", 3, NULL);
    assert_says(ctx, "", "", 0, NULL);
}

static void comments_and_directives_are_no_weights(void **state) {
    fg_context *ctx = *state;
    const char *text = "/* \"no\" **/\n#error \"no\"\n  # pragma x \"no\"\n1 / 2 \"y\" /* \" */ \"e\" \"s\";";
    assert_says(ctx, text, "yes", 3, NULL);
}

static void another_value_is_found(void **state) {
    fg_context *ctx = *state;
    assert_says(ctx, "\"abd\"", "abc", 3, "another value than in the blob at byte 2");
    assert_says(ctx, "\"\\001\\002\"", "\1\3", 2, "another value than in the blob at byte 1");
}

static void missing_and_surplus_bytes_are_found(void **state) {
    fg_context *ctx = *state;
    assert_says(ctx, "\"ab\"", "abc", 3, "the text ends at byte 2");
    assert_says(ctx, "\"abcd\"", "abc", 3, "more bytes than the blob at byte 3");
}

static void what_compilers_may_read_differently_is_found(void **state) {
    fg_context *ctx = *state;
    assert_says(ctx,
                "\"?"
                "?=\"",
                "?"
                "?=",
                3, "the start of a trigraph");
    assert_says(ctx, "\"?\\077=\"",
                "?"
                "?=",
                3, NULL);
    assert_says(ctx, "\"\xc3\"", "\xc3", 1, "a byte that is not printable");
    assert_says(ctx, "\"\\x41\"", "A", 1, "an escape that is not octal");
    assert_says(ctx, "\"\\777\"", "\377", 1, "an escape above 255");
}

#define INLINE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        INLINE_TEST(literals_are_decoded_and_joined),
        INLINE_TEST(comments_and_directives_are_no_weights),
        INLINE_TEST(another_value_is_found),
        INLINE_TEST(missing_and_surplus_bytes_are_found),
        INLINE_TEST(what_compilers_may_read_differently_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
