/* Numbers as text, in every locale. */
#include "tests/comma_locale.h"

#include "frontend/real.h"

static const char *const texts[] = {
    "0",
    "-0.0",
    "1.5",
    " 12.75",
    "1e5",
    "1E-5x",
    "-.5",
    "5.",
    ".",
    "",
    "-",
    "e5",
    "1e",
    "1e+",
    "0x1p4",
    "0x.8P1",
    "0xg",
    "1,5",
    "inf",
    "-INFINITY",
    "nan",
    "NaNs",
    "infinite",
    "1e400",
    "1e-400",
    "00012",
    "0.00012",
    "1..5",
    "1.5.5",
    "+7e+2",
    "1e99999",
    "0x1.8p",
    "0e999999",
    "5e-324",
    "2.5e-324",
    "1 2",
    "\t3",
    "--1",
    "1e-45",
    "0X1F.8",
    "9007199254740993",
    "1.7976931348623158e308",
    "1.7976931348623159e308",
};

/* Like strtod, to the last bit and the last character. */
static void expect_like_strtod(const char *text) {
    char *wanted_end;
    const char *end;
    const double wanted = strtod(text, &wanted_end), x = fg_real_read(text, &end);
    if (end != wanted_end || memcmp(&x, &wanted, sizeof x) != 0)
        print_error("'%.60s': %a up to %d, not %a up to %d\n", text, x, (int)(end - text), wanted,
                    (int)(wanted_end - text));
    assert_ptr_equal(end, wanted_end);
    assert_memory_equal(&x, &wanted, sizeof x);
}

static void numbers_are_read_as_by_strtod(void **state) {
    uint64_t seed = 1;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) expect_like_strtod(texts[i]);
    for (int i = 0; i < 100000; i++) {
        static const char letters[] = "0123456789012345678900..eE+-xp ";
        char text[24];
        size_t n = 0;
        for (; n < sizeof text - 1; n++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            text[n] = letters[(seed >> 40) % (n ? sizeof letters - 1 : 20)];
        }
        text[1 + (seed >> 50) % (n - 1)] = '\0';
        expect_like_strtod(text);
    }
}

/* The middle between 1 and the next double has 53 digits behind the point; beyond 780, a digit must count. */
static void digits_beyond_all_doubles_count(void **state) {
    static char text[3000];
    const char *end;
    (void)state;
    const int n = snprintf(text, sizeof text, "1.00000000000000011102230246251565404236316680908203125");
    memset(text + n, '0', 2000);
    expect_like_strtod(text);
    assert_true(fg_real_read(text, &end) == 1);
    text[n + 1999] = '1';
    expect_like_strtod(text);
    assert_true(fg_real_read(text, &end) > 1);
    memset(text, '7', 2000);
    strcpy(text + 2000, "e-1999");
    expect_like_strtod(text);
    memset(text, '0', 2000);
    text[1] = '.';
    strcpy(text + 1500, "625e+1500");
    expect_like_strtod(text);
}

static void a_comma_in_the_locale_changes_nothing(void **state) {
    const char *end, *text = "1.5", *comma = "1,5";
    (void)state;
    fg_context *ctx = fg_context_new();
    assert_non_null(ctx);
    if (!comma_locale()) {
        fg_context_free(ctx);
        skip();
    }
    assert_true(strtod(comma, NULL) == 1.5); /* it is such a locale */
    assert_true(fg_real_read(text, &end) == 1.5 && !*end);
    assert_true(fg_real_read(comma, &end) == 1 && *end == ',');
    assert_true(fg_real_read(",5", &end) == 0 && *end == ',');
    assert_string_equal(fg_real_shortest(ctx, 1.5, false), "1.5");
    assert_string_equal(fg_real_shortest(ctx, -1.25e-30, false), "-1.25e-30");
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(fg_real_shortest(ctx, 0.1, false), "0.1");
    assert_string_equal(fg_real_shortest(ctx, (double)0.1F, true), "0.1");
    fg_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_as_by_strtod),
        cmocka_unit_test(digits_beyond_all_doubles_count),
        cmocka_unit_test(a_comma_in_the_locale_changes_nothing),
    };
    return cmocka_run_group_tests_name("real", tests, NULL, NULL);
}
