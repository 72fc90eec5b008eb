/* Hostile strings in every output language. */
#include "codegen/escape.h"

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

static void comments_cannot_be_ended_or_begun(void **state) {
    assert_string_equal(fg_escape_c_comment(*state, "conv1/bn"), "conv1/bn");
    assert_string_equal(fg_escape_c_comment(*state, "*/ system(\"x\"); /*"), "* / system(\"x\"); / * ");
    assert_string_equal(fg_escape_c_comment(*state, "/*/"), "/ * /");
    assert_string_equal(fg_escape_c_comment(*state, "a\nb\r\x01\xc3\xa9"), "a_b____");
    assert_string_equal(fg_escape_c_comment(*state, "a\\"), "a\\.");
    assert_string_equal(fg_escape_c_comment(*state, "*?"
                                                    "?/"),
                        "*? ?/");
    assert_string_equal(fg_escape_c_comment(*state, ""), "");
}

static void random_bytes_leave_comments_closed(void **state) {
    uint32_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        static const char alphabet[] = "*/\\?\n a\x80";
        char s[12];
        for (size_t i = 0; i < sizeof(s) - 1; i++) {
            seed = seed * 1664525u + 1013904223u;
            s[i] = alphabet[(seed >> 24) % (sizeof(alphabet) - 1)];
        }
        s[sizeof(s) - 1] = '\0';
        const char *e = fg_escape_c_comment(*state, s);
        assert_null(strstr(e, "*/"));
        assert_null(strstr(e, "/*"));
        assert_null(strstr(e, "??"));
        assert_null(strchr(e, '\n'));
        assert_true(e[strlen(e) - 1] != '\\' && e[strlen(e) - 1] != '*');
    }
}

static void strings_hold_every_byte_and_no_trigraph(void **state) {
    assert_string_equal(fg_escape_c_string(*state, "a\"b\\c?"
                                                   "?/\n1"),
                        "a\\042b\\134c\\077\\077/\\0121");
    for (int c = 1; c < 256; c++) {
        const char s[] = {(char)c, '7', '\0'};
        const char *e = fg_escape_c_string(*state, s);
        if (e[0] == '\\') { /* read it back as a compiler would */
            assert_int_equal((e[1] - '0') * 64 + (e[2] - '0') * 8 + (e[3] - '0'), c);
            assert_string_equal(e + 4, "7");
        } else {
            assert_string_equal(e, s);
        }
    }
}

static void identifiers_are_valid(void **state) {
    assert_string_equal(fg_escape_c_identifier(*state, "features.3.0/expand"), "features_3_0_expand");
    assert_string_equal(fg_escape_c_identifier(*state, ""), "x");
    assert_string_equal(fg_escape_c_identifier(*state, "::"), "x");
    assert_string_equal(fg_escape_c_identifier(*state, "__Reserved"), "Reserved");
    assert_string_equal(fg_escape_c_identifier(*state, "_3d"), "n3d");
    assert_string_equal(fg_escape_c_identifier(*state, "3d"), "n3d");
    assert_string_equal(fg_escape_c_identifier(*state, "a__b"), "a_b");
    assert_string_equal(fg_escape_c_identifier(*state, "int"), "int_");
    assert_string_equal(fg_escape_c_identifier(*state, "class"), "class_");
    assert_string_equal(fg_escape_c_identifier(*state, "_Bool"), "Bool");
    assert_string_equal(fg_escape_c_identifier(*state, "linux"), "linux_");
    assert_string_equal(fg_escape_c_identifier(*state, "INT8_MAX"), "INT8_MAX_");
    assert_string_equal(fg_escape_c_identifier(*state, "x_MAX"), "x_MAX");
    assert_string_equal(fg_escape_c_identifier(*state, "fg"), "nfg");
    assert_string_equal(fg_escape_c_identifier(*state, "fgs_x"), "nfgs_x");
    assert_string_equal(fg_escape_c_identifier(*state, "FG_VL"), "nFG_VL");
    assert_string_equal(fg_escape_c_identifier(*state, "fgsm"), "fgsm");
    char longest[2000];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    longest[0] = '9';
    assert_int_equal(strlen(fg_escape_c_identifier(*state, longest)), 63);
    memcpy(longest, "fg_", 3);
    assert_int_equal(strlen(fg_escape_c_identifier(*state, longest)), 63);
}

static void terminals_get_no_control_sequences(void **state) {
    assert_string_equal(fg_escape_terminal(*state, "caf\xc3\xa9"), "caf\xc3\xa9");
    assert_string_equal(fg_escape_terminal(*state, "\x1b[2Jx\n"), "\\x1b[2Jx\\x0a");
    assert_string_equal(fg_escape_terminal(*state, "\xc2\x9b"
                                                   "2J"),
                        "\\xc2\\x9b2J");
    assert_string_equal(fg_escape_terminal(*state, "\xe2\x80\xae"
                                                   "gpj"),
                        "\\xe2\\x80\\xaegpj");
    assert_string_equal(fg_escape_terminal(*state, "\x9b\xff\xc3"), "\\x9b\\xff\\xc3");
    assert_string_equal(fg_escape_terminal(*state, "\xc0\x9b"), "\\xc0\\x9b"); /* not the shortest form */
}

static void html_and_dot_are_inert(void **state) {
    assert_string_equal(fg_escape_html(*state, "<b a='\"'>&\x01"),
                        "&lt;b a=&#39;&quot;&#39;&gt;&amp;&#65533;");
    assert_string_equal(fg_escape_html(*state, "\xf0\x9f\x98\x80\xf0"), "\xf0\x9f\x98\x80&#65533;");
    assert_string_equal(fg_escape_dot(*state, "a\"]; b\\\n"), "a\\\"]; b\\\\_");
    assert_string_equal(fg_escape_dot(*state, "<x>"), "&lt;x&gt;");
}

static void json_holds_any_bytes_and_no_markup(void **state) {
    assert_string_equal(fg_escape_json(*state, "a\"b\\c\n"), "a\\u0022b\\u005cc\\u000a");
    assert_string_equal(fg_escape_json(*state, "</script>&"), "\\u003c/script\\u003e\\u0026");
    assert_string_equal(fg_escape_json(*state, "\xc3\xa9 \xc3( \xe2\x80\xa8"), "\xc3\xa9 \\ufffd( \\u2028");
    assert_string_equal(fg_escape_json(*state, ""), "");
    assert_string_equal(fg_escape_utf8(*state, "\xc3\xa9\xff\""), "\xc3\xa9\xef\xbf\xbd\"");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(comments_cannot_be_ended_or_begun),
        T(random_bytes_leave_comments_closed),
        T(json_holds_any_bytes_and_no_markup),
        T(strings_hold_every_byte_and_no_trigraph),
        T(identifiers_are_valid),
        T(terminals_get_no_control_sequences),
        T(html_and_dot_are_inert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
