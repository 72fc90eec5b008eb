/* Every word of the vocabulary in every dialect against plain C on random operands; partial loads and stores
 * against pages that may not be touched. */
#include "halves.h"

#include "frontend/graph.h"

#include <math.h>
#include <sys/mman.h>

/* One vector of operands each. */
typedef void word_fn(const float *a, const float *b, const float *c, float *y);

static float add(float a, float b, float c) {
    return (void)c, a + b;
}
static float sub(float a, float b, float c) {
    return (void)c, a - b;
}
static float mul(float a, float b, float c) {
    return (void)c, a * b;
}
static float quotient(float a, float b, float c) {
    return (void)c, a / b;
}
static float larger(float a, float b, float c) {
    return (void)c, a < b ? b : a;
}
static float smaller(float a, float b, float c) {
    return (void)c, b < a ? b : a;
}
static float larger_nan(float a, float b, float c) {
    return isnan(b) ? b : larger(a, b, c);
}
static float smaller_nan(float a, float b, float c) {
    return isnan(b) ? b : smaller(a, b, c);
}
static float negated(float a, float b, float c) {
    return (void)b, (void)c, -a;
}
static float magnitude(float a, float b, float c) {
    return (void)b, (void)c, fabsf(a);
}
static float root(float a, float b, float c) {
    return (void)b, (void)c, sqrtf(a);
}
static float below(float a, float b, float c) {
    return (void)b, (void)c, floorf(a);
}
static float above(float a, float b, float c) {
    return (void)b, (void)c, ceilf(a);
}
static float nearest(float a, float b, float c) {
    return (void)b, (void)c, nearbyintf(a);
}
static float product_sum(float a, float b, float c) {
    return fmaf(a, b, c);
}
static float if_less(float a, float b, float c) {
    return a < b ? a : c;
}
static float if_not_more(float a, float b, float c) {
    return a <= b ? a : c;
}
static float if_equal(float a, float b, float c) {
    return a == b ? c : b;
}
static float first(float a, float b, float c) {
    return (void)b, (void)c, a;
}
static float second(float a, float b, float c) {
    return (void)a, (void)c, b;
}
static float nothing(float a, float b, float c) {
    return (void)a, (void)b, (void)c, 0;
}
static float constant(float a, float b, float c) {
    return (void)a, (void)b, (void)c, 1.5f;
}

static uint32_t bits_of(float a) {
    uint32_t u;
    memcpy(&u, &a, sizeof u);
    return u;
}
static float upper_half(float a, float b, float c) {
    return (void)b, (void)c, fg_bfloat_to_float((uint16_t)(bits_of(a) >> 16));
}
/* As random as it gets, subnormal numbers among them, but finite. */
static float lower_half(float a, float b, float c) {
    const uint16_t code = (uint16_t)(bits_of(a) & 0xffff);
    return (void)b, (void)c, fg_half_to_float((code & 0x7c00) == 0x7c00 ? code ^ 0x4000 : code);
}

/* What loads that advance their pointer are tried on: the operands and ones, one after the other. */
#define FG_MEMORY                                                                                            \
    "float m[4 * FG_VL]; const float *p = m; fg_v v, w, x; fg_store(m, a); fg_store(m + FG_VL, b); "         \
    "fg_store(m + 2 * FG_VL, c); fg_store(m + 3 * FG_VL, fg_set1(1.0f)); "

/* What loads of 16 bits are tried on: a part of the bits of a. */
#define FG_CODES(expression)                                                                                 \
    "uint16_t h[FG_VL]; for (int i = 0; i < FG_VL; i++) { union { float f; uint32_t u; } x; x.f = pa[i]; "   \
    "const uint32_t n = " expression "; h[i] = (uint16_t)n; } "

static const struct word {
    const char *name;
    const char *text; /* statement over vectors a, b, c that sets vector y; pointers pa, pb, pc */
    float (*truth)(float, float, float);
    bool rounded_twice; /* may round the product first */
} words[] = {
    {"load", "y = fg_load(pa);", first, false},
    {"load_bf16", FG_CODES("x.u >> 16") "y = fg_load_bf16(h);", upper_half, false},
    {"load_fp16", FG_CODES("(x.u & 0x7c00u) == 0x7c00u ? x.u ^ 0x4000u : x.u") "y = fg_load_fp16(h);",
     lower_half, false},
    {"zero", "y = fg_zero();", nothing, false},
    {"set1", "y = fg_set1(1.5f);", constant, false},
    {"add", "y = fg_add(a, b);", add, false},
    {"sub", "y = fg_sub(a, b);", sub, false},
    {"mul", "y = fg_mul(a, b);", mul, false},
    {"div", "y = fg_div(a, b);", quotient, false},
    {"max", "y = fg_max(a, b);", larger, false},
    {"min", "y = fg_min(a, b);", smaller, false},
    {"max_nan", "y = fg_max_nan(a, b);", larger_nan, false},
    {"min_nan", "y = fg_min_nan(a, b);", smaller_nan, false},
    {"neg", "y = fg_neg(a);", negated, false},
    {"abs", "y = fg_abs(a);", magnitude, false},
    {"sqrt", "y = fg_sqrt(a);", root, false},
    {"floor", "y = fg_floor(a);", below, false},
    {"ceil", "y = fg_ceil(a);", above, false},
    {"round", "y = fg_round(a);", nearest, false},
    {"fma", "y = fg_fma(a, b, c);", product_sum, true},
    {"lt", "y = fg_select(fg_lt(a, b), a, c);", if_less, false},
    {"le", "y = fg_select(fg_le(a, b), a, c);", if_not_more, false},
    {"eq", "y = fg_select(fg_eq(a, b), c, b);", if_equal, false},
    {"FMA", "y = c; FG_FMA(y, a, b);", product_sum, true},
    {"TAKE", FG_MEMORY "FG_TAKE(y, p); FG_TAKE(y, p);", second, false},
    {"RUN_TAKE",
     FG_MEMORY "fg_run r; p += 2 * FG_VL; FG_RUN_TAKE(r, p, FG_VL); FG_RUN_TAKE(r, p, -3 * FG_VL); "
               "y = fg_load(p);\n#if FG_VL > 1\n    FG_RUN_FMAS(y, r, 0, b);\n#else\n"
               "    const fg_run s = fg_run_load(pb);\n    FG_RUN_FMA(y, r, 0, s, 0);\n#endif\n",
     add, false},
    {"TAKE2", FG_MEMORY "FG_TAKE2(v, w, p); FG_TAKE(y, p); y = fg_select(fg_lt(v, w), v, y);", if_less,
     false},
    {"TAKE4",
     FG_MEMORY "FG_TAKE4(v, w, x, y, p); p -= 4 * FG_VL; FG_TAKE(v, p); "
               "y = fg_select(fg_eq(y, fg_set1(1.0f)), fg_select(fg_lt(v, w), v, x), fg_set1(77.0f));",
     if_less, false},
    {"FETCH2", FG_MEMORY "(void)x; FG_FETCH2(v, w, p + 1 * FG_VL); y = fg_select(fg_lt(a, v), a, w);",
     if_less, false},
    {"FETCH4",
     FG_MEMORY "FG_FETCH4(v, w, x, y, p); "
               "y = fg_select(fg_eq(y, fg_set1(1.0f)), fg_select(fg_lt(v, w), v, x), fg_set1(77.0f));",
     if_less, false},
};

static const build builds[] = {
#define FG_ALL_LANES(title, compiler, flags, feature)                                                        \
    {title ", 1 lane", compiler, flags, 1, feature}, {title ", 4 lanes", compiler, flags, 4, feature},       \
        {title ", 8 lanes", compiler, flags, 8, feature}, {                                                  \
        title ", 16 lanes", compiler, flags, 16, feature                                                     \
    }
    FG_ALL_LANES("gcc", "gcc", "-O2 -march=native -Wno-psabi", NULL),
    FG_ALL_LANES("gcc baseline", "gcc", "-O1 -std=c99 -Wno-psabi", NULL),
#if defined(__x86_64__)
    FG_ALL_LANES("gcc v3", "gcc", "-O3 -std=c99 -march=x86-64-v3 -Wno-psabi", "avx2"),
    FG_ALL_LANES("gcc v4", "gcc", "-O0 -std=c99 -march=x86-64-v4", "avx512"),
    FG_ALL_LANES("clang v4", "clang", "-O2 -std=c99 -march=x86-64-v4", "avx512"),
#endif
    FG_ALL_LANES("clang baseline", "clang", "-O2 -Wno-psabi", NULL),
    FG_ALL_LANES("gcc by lanes", "gcc", "-O2 -std=c99 -DFG_FORCE_LANES", NULL),
    FG_ALL_LANES("tcc", "tcc", "", NULL),
};

static uint32_t seed = 12345;

static uint32_t next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed;
}

/* Mostly moderate numbers, halves among them, some special values. */
static float random_float(void) {
    static const float special[] = {0.0f,  -0.0f,   INFINITY,   -INFINITY, NAN,
                                    1e30f, -1e-30f, 8388609.0f, -2.5f,     0.5f};
    const uint32_t r = next_random();
    if (r % 8 == 0) return special[(r >> 8) % FG_COUNT(special)];
    const float x = ((float)(r >> 8) / 8388608.0f - 1) * 50;
    return r % 8 < 3 ? nearbyintf(x) / 2 : x;
}

static char *unit(fg_context *ctx) {
    fg_text t = fg_text_new(ctx);
    for (size_t i = 0; i < FG_COUNT(words); i++)
        fg_text_printf(
            &t,
            "FG_KERNEL void test_%s(const float *pa, const float *pb, const float *pc, float *py)\n{\n"
            "    const fg_v a = fg_load(pa), b = fg_load(pb), c = fg_load(pc);\n    fg_v y;\n    %s\n"
            "    (void)a; (void)b; (void)c;\n    fg_store(py, y);\n}\n",
            words[i].name, words[i].text);
    fg_text_add(
        &t, "FG_KERNEL void test_FMAS(const float *pa, const float *pb, const float *pc, float *py)\n{\n"
            "    fg_v y = fg_load(pc);\n    const fg_v b = fg_load(pb);\n    FG_FMAS(y, pa[0], b);\n"
            "    fg_store(py, y);\n}\n"
            "FG_KERNEL void test_run(const float *pa, const float *pb, const float *pc, float *py)\n{\n"
            "    fg_v y = fg_load(pc);\n    const fg_run a = fg_run_load(pa);\n#if FG_VL > 1\n"
            "    const fg_v b = fg_load(pb);\n    FG_RUN_FMAS(y, a, 3, b);\n#else\n"
            "    const fg_run b = fg_run_load(pb);\n    FG_RUN_FMA(y, a, 1, b, 0);\n#endif\n"
            "    fg_store(py, y);\n}\n"
            "FG_KERNEL void test_reduce(const float *p, float *y)\n{\n    const fg_v a = fg_load(p);\n"
            "    y[0] = fg_sum(a); y[1] = fg_hmax(a); y[2] = fg_hmin(a);\n}\n"
            "FG_KERNEL void test_part(const float *p, float *whole, float *part, int n)\n{\n"
            "    const fg_v a = fg_loadn(p, n);\n    fg_store(whole, a);\n    fg_storen(part, a, n);\n}\n"
            "FG_KERNEL void test_one(const float *p, float *whole, float *part)\n{\n"
            "    const fg_v a = fg_loadn(p, 1);\n    fg_store(whole, a);\n    fg_storen(part, a, 1);\n}\n");
    fg_text_add(&t, halves_text);
    return t.data;
}

/* Equal bits; any NaN for NaN. */
static bool same(float x, float y) {
    return (isnan(x) && isnan(y)) || (x == y && signbit(x) == signbit(y));
}

static bool agrees(const struct word *w, float got, float a, float b, float c) {
    if (same(got, w->truth(a, b, c))) return true;
    const volatile float product = a * b;
    return w->rounded_twice && same(got, product + c);
}

static void check_word(const build *b, void *handle, const struct word *w) {
    word_fn *run;
    char name[32];
    snprintf(name, sizeof name, "test_%s", w->name);
    *(void **)&run = symbol(handle, name);
    float x[3][16], y[16];
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < 48; i++) x[i / 16][i % 16] = random_float();
        run(x[0], x[1], x[2], y);
        for (int i = 0; i < b->lanes; i++)
            if (!agrees(w, y[i], x[0][i], x[1][i], x[2][i]))
                fail_msg("%s: %s(%g, %g, %g) = %g instead of %g", b->title, w->name, (double)x[0][i],
                         (double)x[1][i], (double)x[2][i], (double)y[i],
                         (double)w->truth(x[0][i], x[1][i], x[2][i]));
    }
}

/* `factor`: the element of the first operand that multiplies all of the second. */
static void check_scalar_times_vector(const build *b, void *handle, const char *name, int factor) {
    static const struct word w = {"FMAS", "", product_sum, true};
    word_fn *run;
    *(void **)&run = symbol(handle, name);
    float x[3][16], y[16];
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < 48; i++) x[i / 16][i % 16] = random_float();
        run(x[0], x[1], x[2], y);
        for (int i = 0; i < b->lanes; i++)
            if (!agrees(&w, y[i], x[0][factor], x[1][i], x[2][i]))
                fail_msg("%s: %s, lane %d", b->title, name, i);
    }
}

static void check_reductions(const build *b, void *handle) {
    void (*run)(const float *, float *);
    *(void **)&run = symbol(handle, "test_reduce");
    for (int round = 0; round < 500; round++) {
        float x[16], y[3], most = -INFINITY, least = INFINITY;
        double sum = 0, sizes = 0;
        for (int i = 0; i < b->lanes; i++) {
            x[i] = ((float)(next_random() >> 8) / 8388608.0f - 1) * 50;
            if (round % 10 == 9 && (int)(next_random() % 16) == i) x[i] = NAN;
            sum += (double)x[i];
            sizes += fabs((double)x[i]);
            most = larger_nan(most, x[i], 0);
            least = smaller_nan(least, x[i], 0);
        }
        run(x, y);
        if (!same(y[1], most) || !same(y[2], least)) fail_msg("%s: fg_hmax or fg_hmin", b->title);
        if (isnan(sum) != isnan(y[0]) || fabs((double)y[0] - sum) > 1e-6 * sizes)
            fail_msg("%s: fg_sum", b->title);
    }
}

/* End of a readable page behind which nothing may be touched. */
static float *page_end(void) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    assert_int_equal(mprotect(p + page, page, PROT_NONE), 0);
    return (float *)(void *)(p + page);
}

static void check_part(const build *b, const float *p, int n, const float *whole, const float *part) {
    for (int i = 0; i < b->lanes; i++)
        if (!same(whole[i], i < n ? p[i] : 0)) fail_msg("%s: fg_loadn, lane %d of %d", b->title, i, n);
    for (int i = 0; i < 20; i++)
        if (!same(part[i], i < n ? p[i] : 99.0f))
            fail_msg("%s: fg_storen touches lane %d of %d", b->title, i, n);
}

static void check_partial_access(const build *b, void *handle, float *source_end, float *sink_end) {
    void (*run)(const float *, float *, float *, int);
    *(void **)&run = symbol(handle, "test_part");
    void (*one)(const float *, float *, float *);
    *(void **)&one = symbol(handle, "test_one");
    for (int n = 0; n <= b->lanes; n++) {
        float whole[16], part[20];
        for (int i = 0; i < n; i++) source_end[i - n] = (float)(i + 1);
        for (int i = 0; i < 20; i++) part[i] = 99.0f;
        run(source_end - n, whole, part, n);
        check_part(b, source_end - n, n, whole, part);
        run(source_end - n, whole, sink_end - n, n);
        if (n == 0) continue;
        for (int i = 0; i < 20; i++) part[i] = 99.0f;
        one(source_end - 1, whole, part);
        check_part(b, source_end - 1, 1, whole, part);
    }
}

static void check_all_halves(const build *b, void *handle) {
    static uint16_t codes[HALVES_STEP];
    static float y[HALVES_WORDS * HALVES_STEP];
    void (*run)(const uint16_t *, float *);
    *(void **)&run = symbol(handle, "test_halves");
    for (uint32_t first = 0; first < HALVES; first += HALVES_STEP) {
        for (uint32_t i = 0; i < HALVES_STEP; i++) codes[i] = (uint16_t)(first + i);
        run(codes, y);
        check_halves(b->title, first, y);
    }
}

static void check_build(void **state) {
    const build *b = *state;
    if (!can_run(b)) skip();
    fg_context *ctx = fg_context_new();
    void *handle = load_unit(ctx, b, unit(ctx));
    for (size_t i = 0; i < FG_COUNT(words); i++) check_word(b, handle, &words[i]);
    check_scalar_times_vector(b, handle, "test_FMAS", 0);
    check_scalar_times_vector(b, handle, "test_run", b->lanes > 1 ? 3 : 1);
    check_reductions(b, handle);
    check_all_halves(b, handle);
    check_partial_access(b, handle, page_end(), page_end());
    dlclose(handle);
    fg_context_free(ctx);
}

/* ---- NEON by emulation: a program that reads operands and writes results of all words ---- */

enum { ROUNDS = 400, LANES = 4 };

static const struct neon {
    const char *isa, *compiler, *flags, *emulator;
    bool flushes; /* subnormal numbers become zero */
} neons[] = {{"aarch64", "aarch64-linux-gnu-gcc", "", "qemu-aarch64", false},
             {"arm", "arm-linux-gnueabihf-gcc", "-mcpu=cortex-a7 -mfpu=neon-vfpv4", "qemu-arm", true},
             {"arm", "arm-linux-gnueabihf-gcc", "-mcpu=cortex-a9 -mfpu=neon", "qemu-arm", true},
             {"arm", "arm-linux-gnueabihf-gcc", "-mcpu=cortex-a9 -mfpu=neon-fp16", "qemu-arm", true}};

static char *program(fg_context *ctx) {
    fg_text t = fg_text_new(ctx);
    fg_text_printf(&t,
                   "#include <stdio.h>\n%s\nint main(void)\n{\n    float x[3][4], y[4];\n"
                   "    while (fread(x, sizeof x, 1, stdin) == 1) {\n",
                   unit(ctx));
    for (size_t i = 0; i < FG_COUNT(words); i++)
        fg_text_printf(&t, "        test_%s(x[0], x[1], x[2], y);\n        fwrite(y, sizeof y, 1, stdout);\n",
                       words[i].name);
    fg_text_add(&t, "    }\n    return 0;\n}\n");
    return t.data;
}

/* Where subnormal numbers are flushed, finite operands stay so near to 1 that no result is one. */
static float operand(bool near) {
    const float x = random_float(), size = fabsf(x);
    return near && isfinite(x) && x != 0 && (size < 1e-9f || size > 1e9f) ? copysignf(1.5f, x) : x;
}

static void write_operands(const char *path, bool near, float operands[ROUNDS][3][LANES]) {
    for (int i = 0; i < ROUNDS * 3 * LANES; i++) (&operands[0][0][0])[i] = operand(near);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(operands, sizeof *operands, ROUNDS, f), ROUNDS);
    fclose(f);
}

/* NEON's maximum and minimum: NaN if one is, and of zeros either. */
static bool agrees_with_neon(const struct word *w, float got, float a, float b, float c) {
    if (w->truth == larger || w->truth == smaller) {
        if (isnan(a) || isnan(b)) return isnan(got);
        if (a == b) return got == a;
    }
    if (w->truth == larger_nan || w->truth == smaller_nan)
        if (a == b) return got == a;
    return agrees(w, got, a, b, c);
}

static void check_results(const char *path, float operands[ROUNDS][3][LANES]) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < FG_COUNT(words); i++) {
            float y[LANES];
            assert_int_equal(fread(y, sizeof y, 1, f), 1);
            for (int k = 0; k < LANES; k++)
                if (!agrees_with_neon(&words[i], y[k], operands[round][0][k], operands[round][1][k],
                                      operands[round][2][k]))
                    fail_msg("NEON: %s(%g, %g, %g) = %g", words[i].name, (double)operands[round][0][k],
                             (double)operands[round][1][k], (double)operands[round][2][k], (double)y[k]);
        }
    fclose(f);
}

static void check_neon(const struct neon *n) {
    if (!have_program(n->compiler) || !have_program(n->emulator)) {
        print_message("skipped: no %s or no %s here\n", n->compiler, n->emulator);
        return;
    }
    static float operands[ROUNDS][3][LANES];
    fg_context *ctx = fg_context_new();
    char folder[] = "prelude_XXXXXX";
    assert_non_null(mkdtemp(folder));
    write_unit(ctx, fg_format(ctx, "%s/unit.c", folder), n->isa, LANES, program(ctx));
    write_operands(fg_format(ctx, "%s/in", folder), n->flushes, operands);
    assert_int_equal(
        system(fg_format(ctx,
                         "cd %s && %s %s -std=c99 -O2 -static unit.c -o unit -lm && %s ./unit < in > out",
                         folder, n->compiler, n->flags, n->emulator)),
        0);
    check_results(fg_format(ctx, "%s/out", folder), operands);
    static const char *const files[] = {"unit.c", "unit", "in", "out"};
    for (size_t i = 0; i < FG_COUNT(files); i++) unlink(fg_format(ctx, "%s/%s", folder, files[i]));
    rmdir(folder);
    fg_context_free(ctx);
}

static void neon_agrees_under_emulation(void **state) {
    (void)state;
    for (size_t i = 0; i < FG_COUNT(neons); i++) check_neon(&neons[i]);
}

int main(void) {
    struct CMUnitTest tests[FG_COUNT(builds) + 1];
    for (size_t i = 0; i < FG_COUNT(builds); i++)
        tests[i] =
            (struct CMUnitTest){builds[i].title, check_build, NULL, NULL, (void *)(uintptr_t)&builds[i]};
    tests[FG_COUNT(builds)] = (struct CMUnitTest)cmocka_unit_test(neon_agrees_under_emulation);
    return cmocka_run_group_tests_name("words agree with plain C", tests, NULL, NULL);
}
