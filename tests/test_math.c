/* The elementary functions of the prelude against libm in double: error bounds in units in the last place
 * over all floats (every 97th bit pattern; all with FG_EXHAUSTIVE=1), in each dialect that this machine can
 * run. */
#include "prelude_support.h"

#include <float.h>
#include <math.h>

typedef void kernel_fn(const float *x, float *y, int n);

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double silu(double x) {
    return x < -700 ? -0.0 : x * sigmoid(x);
}
static double gelu(double x) {
    return x < -40 ? -0.0 : 0.5 * x * erfc(-x / sqrt(2));
}
static double softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}
static double rcp(double x) {
    return 1 / x;
}

static double softplus_nan(double x) {
    return isnan(x) ? x : softplus(x);
}

static double gelu_tanh(double x) {
    if (x < -40) return -0.0;
    if (x > 1e9) return x;
    return x * sigmoid(2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x));
}

static double mish(double x) {
    return x < -700 ? -0.0 : x * tanh(softplus_nan(x));
}

static double hardswish(double x) {
    if (isinf(x)) return x > 0 ? x : NAN;
    const double gate = x / 6 + 0.5;
    return isnan(x) ? x : x * fmin(fmax(gate, 0), 1);
}

static const struct function {
    const char *name;
    double (*truth)(double);
    double ulp;   /* bound, in units in the last place of the true result */
    double slack; /* absolute error that is granted beside it */
    double from;  /* if `far` is set: where the bound begins, */
    double far;   /* and the one for smaller x, where the results are small */
} functions[] = {
    {"exp", exp, 2, 0, 0, 0},
    {"log", log, 3, 0, 0, 0},
    {"sigmoid", sigmoid, 3, 1.7e-38, 0, 0},
    {"silu", silu, 5, 1.5e-36, -5, 24},
    {"tanh", tanh, 4, 0, 0, 0},
    {"erf", erf, 4, 0, 0, 0},
    {"gelu", gelu, 48, 5e-8, 0, 0},
    {"gelu_tanh", gelu_tanh, 200, 1e-36, 0, 0},
    {"softplus", softplus_nan, 4, 1.7e-38, 0, 0},
    {"mish", mish, 5, 2e-16, 0, 0},
    {"hardswish", hardswish, 2, 1e-7, 0, 0},
    {"rcp", rcp, 2, 0, 0, 0},
};

/* stride: of the bit patterns, in multiples of the finest */
static const struct dialect {
    build build;
    unsigned stride;
} dialects[] = {
    {{"AVX-512 by gcc", "gcc", "-std=c99 -O2 -march=x86-64-v4", 16, "avx512"}, 1},
    {{"AVX-512 by clang", "clang", "-std=c99 -O2 -march=x86-64-v4", 16, "avx512"}, 61},
    {{"AVX2 by gcc", "gcc", "-std=c99 -O2 -march=x86-64-v3", 8, "avx2"}, 13},
    {{"AVX2 by clang", "clang", "-O2 -march=x86-64-v3", 8, "avx2"}, 61},
    {{"SSE2 by gcc", "gcc", "-std=gnu17 -O2", 4, NULL}, 31},
    {{"GNU vectors by gcc", "gcc", "-O2 -Wno-psabi", 16, NULL}, 61},
    {{"lanes by gcc", "gcc", "-O2 -DFG_FORCE_LANES", 8, NULL}, 61},
    {{"scalar by gcc", "gcc", "-std=c99 -O2", 1, NULL}, 61},
    {{"lanes by tcc", "tcc", "", 16, NULL}, 997},
    {{"scalar by tcc", "tcc", "", 1, NULL}, 997},
};

static void *handles[FG_COUNT(dialects)];
static fg_context *context;

static char *kernels(fg_context *ctx) {
    fg_text text = fg_text_new(ctx);
    for (size_t i = 0; i < FG_COUNT(functions); i++)
        fg_text_printf(&text,
                       "FG_KERNEL void test_%s(const float *x, float *y, int n)\n{\n"
                       "    for (int i = 0; i < n; i += FG_VL) fg_store(y + i, fg_%s(fg_load(x + i)));\n}\n",
                       functions[i].name, functions[i].name);
    return text.data;
}

static int compile_all(void **state) {
    (void)state;
    context = fg_context_new();
    const char *text = kernels(context);
    for (size_t d = 0; d < FG_COUNT(dialects); d++)
        if (can_run(&dialects[d].build)) handles[d] = load_unit(context, &dialects[d].build, text);
    return 0;
}

static int release_all(void **state) {
    (void)state;
    for (size_t d = 0; d < FG_COUNT(dialects); d++)
        if (handles[d]) dlclose(handles[d]);
    fg_context_free(context);
    return 0;
}

static double unit_in_last_place(double x) {
    int exponent;
    frexp(x, &exponent);
    return ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

static double bound_at(const struct function *f, float x) {
    return f->far > 0 && (double)x < f->from ? f->far : f->ulp;
}

/* Error beyond the slack, in ulp; infinity where the kind of number is wrong. */
static double error_of(const struct function *f, float x, float got) {
    const double want = f->truth((double)x);
    if (isnan(want)) return isnan(got) ? 0 : INFINITY;
    if (isnan(got)) return INFINITY;
    if (isinf(got))
        return fabs(want) > (double)FLT_MAX * (1 - 1e-7 * f->ulp) && (want > 0) == (got > 0) ? 0 : INFINITY;
    if (isinf((float)want)) return fabs((double)got) > (double)FLT_MAX * (1 - 1e-7 * f->ulp) ? 0 : INFINITY;
    const double excess = fabs((double)got - want) - f->slack - (double)FLT_MIN;
    if (fabs(want) < (double)FLT_MIN) return excess > 0 ? INFINITY : 0;
    const double error = fabs((double)got - want) - f->slack;
    return error > 0 ? error / unit_in_last_place(want) : 0;
}

enum { BLOCK = 4096 };

static void check(const struct function *f, const struct dialect *d, kernel_fn *run) {
    static float x[BLOCK], y[BLOCK];
    const uint64_t stride = (getenv("FG_EXHAUSTIVE") ? 1u : 97u) * (uint64_t)d->stride;
    double worst = 0; /* in bounds */
    float at = 0, got = 0;
    for (uint64_t bits = 0; bits < UINT64_C(1) << 32;) {
        for (int i = 0; i < BLOCK; i++, bits += stride) {
            const uint32_t pattern = (uint32_t)bits;
            memcpy(&x[i], &pattern, 4);
        }
        run(x, y, BLOCK);
        for (int i = 0; i < BLOCK; i++) {
            const double e = error_of(f, x[i], y[i]);
            const double share = e / bound_at(f, x[i]);
            if (share > worst) worst = share, at = x[i], got = y[i];
        }
    }
    worst *= bound_at(f, at);
    if (getenv("FG_PRINT_ERRORS"))
        print_message("%-10s %-20s %.2f ulp at %a\n", f->name, d->build.title, worst, (double)at);
    if (worst > bound_at(f, at))
        fail_msg("%s, %s: %.2f ulp at x = %.9g (%a): %.9g instead of %.9g", f->name, d->build.title, worst,
                 (double)at, (double)at, (double)got, f->truth((double)at));
}

static void check_specials(const struct function *f, const struct dialect *d, kernel_fn *run) {
    static const float specials[16] = {0.0f,      -0.0f,      1.0f,     -1.0f,   INFINITY, -INFINITY,
                                       NAN,       FLT_MAX,    -FLT_MAX, FLT_MIN, -FLT_MIN, 1e-45f,
                                       88.72284f, -87.33655f, 17.33f,   -103.98f};
    float y[16];
    run(specials, y, 16);
    for (int i = 0; i < 16; i++)
        if (error_of(f, specials[i], y[i]) > bound_at(f, specials[i]))
            fail_msg("%s(%.9g), %s: %.9g instead of %.9g", f->name, (double)specials[i], d->build.title,
                     (double)y[i], f->truth((double)specials[i]));
}

static void function_keeps_its_bound_in_every_dialect(void **state) {
    const struct function *f = *state;
    char name[64];
    snprintf(name, sizeof name, "test_%s", f->name);
    for (size_t d = 0; d < FG_COUNT(dialects); d++) {
        if (!handles[d]) continue;
        kernel_fn *run;
        *(void **)&run = symbol(handles[d], name);
        check_specials(f, &dialects[d], run);
        check(f, &dialects[d], run);
    }
}

int main(void) {
    struct CMUnitTest tests[FG_COUNT(functions)];
    for (size_t i = 0; i < FG_COUNT(functions); i++)
        tests[i] = (struct CMUnitTest){functions[i].name, function_keeps_its_bound_in_every_dialect, NULL,
                                       NULL, (void *)(uintptr_t)&functions[i]};
    return cmocka_run_group_tests_name("math", tests, compile_all, release_all);
}
