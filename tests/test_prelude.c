/* What the prelude emits: only what is used, free of warnings everywhere, fused multiply-adds whatever -std=
 * says, and scalar helpers that compute what their names say. */
#include "prelude_support.h"

#include <math.h>

static const char *const types[] = {"f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"};

static const char *const c_types[] = {"float",   "double",  "int8_t",   "int16_t",  "int32_t",
                                      "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t"};

static int setup(void **state) {
    *state = fg_context_new();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    fg_context_free(*state);
    return 0;
}

static char *emit(fg_context *ctx, const char *isa, int lanes, const char *body) {
    fg_text text = fg_text_new(ctx);
    const fg_target target = {.name = "test", .isa = isa, .vector_bits = 32 * lanes};
    fg_prelude_emit(&text, &target, lanes, body);
    return text.data;
}

/* ---- selection ---- */

static void only_sections_that_are_mentioned_are_emitted(void **state) {
    const char *text = emit(*state, "x86", 16, "fg_v a = fg_load(p); fg_store(q, fg_add(a, a));");
    assert_non_null(strstr(text, "fg_v fg_add("));
    assert_non_null(strstr(text, "#define FG_VL 16"));
    assert_non_null(strstr(text, "FG_KERNEL"));
    assert_null(strstr(text, "fg_exp"));
    assert_null(strstr(text, "fg_mul"));
    assert_null(strstr(text, "fgs_"));
    assert_null(strstr(text, "math.h"));
}

static void what_a_section_needs_comes_with_it(void **state) {
    const char *text = emit(*state, "x86", 8, "fg_silu(x)");
    assert_non_null(strstr(text, "fg_v fg_silu("));
    assert_non_null(strstr(text, "fg_v fg_gate("));
    assert_non_null(strstr(text, "float fgs_silu_f32("));
    assert_true(strstr(text, "fg_v fg_gate(") < strstr(text, "fg_v fg_silu("));
}

static void names_count_only_as_whole_identifiers(void **state) {
    const char *text = emit(*state, "x86", 4, "my_fg_exp(x); fg_expo; xfg_tanh");
    assert_null(strstr(text, "fg_exp"));
    assert_null(strstr(text, "fg_tanh"));
}

static void emit_body(fg_context *ctx, void *arg) {
    emit(ctx, "x86", 4, arg);
}

static void a_helper_that_does_not_exist_is_an_error_of_ours(void **state) {
    assert_int_equal(fg_try(*state, emit_body, (void *)(uintptr_t) "fgs_frobnicate_f32(x)"), FG_INTERNAL);
    assert_non_null(strstr(fg_context_diagnostic(*state)->message, "fgs_frobnicate_f32"));
    assert_int_equal(fg_try(*state, emit_body, (void *)(uintptr_t) "fgs_sin_i32(x)"), FG_INTERNAL);
    assert_int_equal(fg_try(*state, emit_body, (void *)(uintptr_t) "fgs_sin_f32(x)"), FG_OK);
}

static void other_isas_do_not_appear(void **state) {
    const char *body = "fg_fma(a, b, c)";
    assert_null(strstr(emit(*state, "aarch64", 4, body), "immintrin"));
    assert_non_null(strstr(emit(*state, "aarch64", 4, body), "vfmaq_f32"));
    assert_null(strstr(emit(*state, "x86", 16, body), "arm_neon"));
    assert_null(strstr(emit(*state, "x86", 16, body), "_mm256"));
    const char *scalar = emit(*state, "generic", 1, body);
    assert_null(strstr(scalar, "vector_size"));
    assert_null(strstr(scalar, "lane["));
}

static void the_order_does_not_depend_on_the_body(void **state) {
    const char *a = emit(*state, "x86", 16, "fg_exp(fg_add(x, fg_max(y, z)))");
    const char *b = emit(*state, "x86", 16, "fg_max fg_add fg_exp");
    assert_string_equal(a, b);
}

static void libm_is_included_only_where_it_is_called(void **state) {
    fg_context *ctx = *state;
    const fg_target target = {.name = "test", .isa = "x86", .vector_bits = 256};
    static const char *const free_of_it[] = {"fg_exp",      "fg_silu",         "fg_tanh",     "fg_erf",
                                             "fg_gelu",     "fgs_sigmoid_f32", "fgs_log_f32", "fgs_max_f64",
                                             "fgs_pow_i32", "fg_softplus"};
    static const char *const bound_to_it[] = {"fg_pow", "fgs_sin_f32", "fgs_exp_f64", "fgs_fmod_f32"};
    for (size_t i = 0; i < FG_COUNT(free_of_it); i++) {
        assert_false(fg_prelude_uses_libm(ctx, &target, 8, free_of_it[i]));
        assert_null(strstr(emit(ctx, "x86", 8, free_of_it[i]), "math.h"));
    }
    for (size_t i = 0; i < FG_COUNT(bound_to_it); i++) {
        assert_true(fg_prelude_uses_libm(ctx, &target, 8, bound_to_it[i]));
        assert_non_null(strstr(emit(ctx, "x86", 8, bound_to_it[i]), "#include <math.h>"));
    }
}

/* ---- warnings ---- */

static const char all_words[] =
    "/* fg_load fg_loadn fg_set1 fg_zero fg_add fg_sub fg_mul fg_div fg_max fg_min fg_max_nan fg_min_nan "
    "fg_neg fg_abs fg_sqrt\n"
    "fg_fma fg_floor fg_ceil fg_round fg_rcp fg_exp fg_log fg_sigmoid fg_silu fg_tanh fg_erf fg_gelu "
    "fg_gelu_tanh fg_hardswish\n"
    "fg_softplus fg_mish fg_pow fg_lt fg_le fg_eq fg_select fg_sum fg_hmax fg_hmin fg_store fg_storen */\n"
    "FG_KERNEL void tile(const float *a, const float *b, float *c, int k);\n"
    "FG_KERNEL void tile(const float *a, const float *b, float *c, int k)\n{\n"
    "    fg_v c0 = fg_zero(), c1 = fg_zero();\n"
    "    for (int i = 0; i < k; i++) {\n"
    "        const fg_v b0 = fg_load(b + i * FG_VL), b1 = fg_load(b + i * FG_VL + 7);\n"
    "        FG_FMAS(c0, a[i], b0);\n        FG_FMA(c1, b0, b1);\n    }\n"
    "    fg_store(c, fg_silu(c0));\n    fg_storen(c + FG_VL, fg_exp(c1), FG_VL == 1 ? 1 : 3);\n}\n";

/* A call of each helper with each type. */
static char *all_helpers(fg_context *ctx) {
    static const char *const unary[] = {"abs", "sign", "neg", "floor", "ceil", "round", "isnan", "isinf"};
    static const char *const binary[] = {"add", "sub", "mul", "div", "max", "min", "mod", "fmod", "pow"};
    static const char *const real[] = {"sqrt",  "exp",       "log",   "sin",  "cos",       "tan",
                                       "asin",  "acos",      "atan",  "sinh", "cosh",      "tanh",
                                       "asinh", "acosh",     "atanh", "erf",  "sigmoid",   "softplus",
                                       "gelu",  "gelu_tanh", "silu",  "mish", "hardswish", "rcp"};
    fg_text t = fg_text_new(ctx);
    fg_text_add(&t, "#include <stdint.h>\n");
    for (size_t k = 0; k < FG_COUNT(types); k++) {
        const char *tag = types[k], *c = c_types[k];
        for (size_t i = 0; i < FG_COUNT(unary); i++) {
            if (tag[0] == 'u' && i == 2) continue;
            fg_text_printf(&t,
                           "FG_KERNEL %s test_%s_%s(%s a);\nFG_KERNEL %s test_%s_%s(%s a) { return "
                           "(%s)fgs_%s_%s(a); }\n",
                           c, unary[i], tag, c, c, unary[i], tag, c, c, unary[i], tag);
        }
        for (size_t i = 0; i < FG_COUNT(binary); i++)
            fg_text_printf(&t,
                           "FG_KERNEL %s test_%s_%s(%s a, %s b);\nFG_KERNEL %s test_%s_%s(%s a, %s b) { "
                           "return fgs_%s_%s(a, b); }\n",
                           c, binary[i], tag, c, c, c, binary[i], tag, c, c, binary[i], tag);
        for (size_t i = 0; k < 2 && i < FG_COUNT(real); i++)
            fg_text_printf(
                &t,
                "FG_KERNEL %s test_%s_%s(%s a);\nFG_KERNEL %s test_%s_%s(%s a) { return fgs_%s_%s(a); }\n", c,
                real[i], tag, c, c, real[i], tag, c, real[i], tag);
        for (int i = 0; k >= 2 && i < 2; i++)
            fg_text_printf(&t,
                           "FG_KERNEL %s test_%s_%s(%s a, %s b);\nFG_KERNEL %s test_%s_%s(%s a, %s b) { "
                           "return fgs_%s_%s(a, b); }\n",
                           c, i ? "shr" : "shl", tag, c, c, c, i ? "shr" : "shl", tag, c, c,
                           i ? "shr" : "shl", tag);
    }
    fg_text_add(&t, "FG_KERNEL float test_h2f(uint16_t h);\nFG_KERNEL float test_h2f(uint16_t h) { return "
                    "fgs_half_to_f32(h); }\n"
                    "FG_KERNEL uint16_t test_f2h(float f);\nFG_KERNEL uint16_t test_f2h(float f) { return "
                    "fgs_f32_to_half(f); }\n"
                    "FG_KERNEL float test_b2f(uint16_t h);\nFG_KERNEL float test_b2f(uint16_t h) { return "
                    "fgs_bf16_to_f32(h); }\n"
                    "FG_KERNEL uint16_t test_f2b(float f);\nFG_KERNEL uint16_t test_f2b(float f) { return "
                    "fgs_f32_to_bf16(f); }\n"
                    "FG_KERNEL uint8_t test_max_b8(uint8_t a, uint8_t b);\n"
                    "FG_KERNEL uint8_t test_max_b8(uint8_t a, uint8_t b) { return fgs_max_b8(a, b); }\n");
    return t.data;
}

#define FG_WARNINGS                                                                                          \
    "-Wall -Wextra -Wconversion -Wshadow -Wpedantic -Wdouble-promotion -Werror -c -o /dev/null"

static int complain(const char *command, const char *file) {
    char line[512];
    snprintf(line, sizeof line, "%s " FG_WARNINGS " -DFG_EXTERNAL_KERNELS %s", command, file);
    const int status = system(line);
    if (status) print_message("failed: %s\n", line);
    return status != 0;
}

static int compile_with_warnings(fg_context *ctx, const char *isa, int lanes, const char *body,
                                 const char *compiler, const char *const *flags) {
    char path[] = "prelude_XXXXXX.c";
    close(mkstemps(path, 2));
    write_unit(ctx, path, isa, lanes, body);
    int failures = 0;
    for (; *flags; flags++) {
        char command[256];
        snprintf(command, sizeof command, "%s %s", compiler, *flags);
        failures += complain(command, path);
    }
    unlink(path);
    return failures;
}

static const char *const every_level[] = {
    "-std=c99 -O0 -march=x86-64-v4",         "-std=c99 -O2 -march=x86-64-v4",
    "-std=gnu17 -O3 -march=x86-64-v4",       "-std=c99 -O2 -march=x86-64-v3",
    "-std=gnu17 -O1 -march=x86-64-v3",       "-std=c99 -O3 -march=x86-64-v2 -Wno-psabi",
    "-std=c99 -O0 -march=x86-64 -Wno-psabi", "-std=gnu17 -O3 -march=x86-64 -Wno-psabi",
    "-std=c99 -O2 -DFG_FORCE_LANES",         NULL};
static const char *const every_std[] = {"-std=c99 -O0", "-std=c99 -O2", "-std=gnu17 -O3",
                                        "-std=c99 -O2 -DFG_FORCE_LANES", NULL};

static void x86_compiles_without_warnings(void **state) {
    int failures = 0;
    for (int lanes = 1; lanes <= 16; lanes += lanes == 1 ? 3 : lanes) {
        if (have_program("gcc"))
            failures += compile_with_warnings(*state, "x86", lanes, all_words, "gcc", every_level);
        if (have_program("clang"))
            failures += compile_with_warnings(*state, "x86", lanes, all_words, "clang", every_level);
    }
    assert_int_equal(failures, 0);
}

static void aarch64_compiles_without_warnings(void **state) {
    if (!have_program("aarch64-linux-gnu-gcc")) {
        print_message("skipped: no aarch64-linux-gnu-gcc here\n");
        skip();
    }
    for (int lanes = 1; lanes <= 16; lanes += lanes == 1 ? 3 : lanes)
        assert_int_equal(
            compile_with_warnings(*state, "aarch64", lanes, all_words, "aarch64-linux-gnu-gcc", every_std),
            0);
}

static void helpers_compile_without_warnings(void **state) {
    const char *text = all_helpers(*state);
    int failures = 0;
    if (have_program("gcc")) failures += compile_with_warnings(*state, "x86", 1, text, "gcc", every_std);
    if (have_program("clang")) failures += compile_with_warnings(*state, "x86", 1, text, "clang", every_std);
    if (have_program("aarch64-linux-gnu-gcc"))
        failures += compile_with_warnings(*state, "aarch64", 1, text, "aarch64-linux-gnu-gcc", every_std);
    assert_int_equal(failures, 0);
}

/* ---- fused multiply-adds ---- */

static const char tile[] =
    "FG_KERNEL void tile(const float *a, const float *b, float *c, int k)\n{\n"
    "    fg_v c0 = fg_load(c), c1 = fg_load(c + FG_VL), c2 = fg_load(c + 2 * FG_VL);\n"
    "    for (int i = 0; i < k; i++) {\n"
    "        const fg_v b0 = fg_load(b + i * FG_VL);\n"
    "        FG_FMAS(c0, a[i], b0);\n"
    "        FG_FMAS(c1, a[i + 1000], b0);\n"
    "        FG_FMA(c2, b0, b0);\n"
    "    }\n"
    "    fg_store(c, c0);\n    fg_store(c + FG_VL, c1);\n    fg_store(c + 2 * FG_VL, c2);\n}\n";

static const struct fused {
    const char *compiler, *flags, *isa;
    int lanes;
    const char *objdump, *pattern; /* extended regular expression; at least 2 lines of the disassembly */
} fused[] = {
    {"gcc", "-march=x86-64-v4", "x86", 16, "objdump", "vfmadd231ps .*\\{1to16\\}"},
    {"clang", "-march=x86-64-v4", "x86", 16, "objdump", "vfmadd231ps .*\\{1to16\\}"},
    {"gcc", "-march=x86-64-v3", "x86", 8, "objdump", "vfmadd[0-9]*ps .*ymm"},
    {"clang", "-march=x86-64-v3", "x86", 8, "objdump", "vfmadd[0-9]*ps .*ymm"},
    {"gcc", "-march=x86-64-v3", "x86", 16, "objdump", "vfmadd[0-9]*ps .*ymm"},
    {"clang", "-march=x86-64-v3", "x86", 16, "objdump", "vfmadd[0-9]*ps .*ymm"},
    {"gcc", "-march=x86-64-v3", "x86", 4, "objdump", "vfmadd[0-9]*ps .*xmm"},
    {"clang", "-march=x86-64-v3", "x86", 4, "objdump", "vfmadd[0-9]*ps .*xmm"},
    {"gcc", "-march=x86-64-v3", "x86", 1, "objdump", "vfmadd[0-9]*[ps]s "},
    {"clang", "-march=x86-64-v3", "x86", 1, "objdump", "vfmadd[0-9]*[ps]s "},
    {"aarch64-linux-gnu-gcc", "", "aarch64", 4, "aarch64-linux-gnu-objdump", "fmla"},
    {"aarch64-linux-gnu-gcc", "", "aarch64", 8, "aarch64-linux-gnu-objdump", "fmla"},
    {"aarch64-linux-gnu-gcc", "", "aarch64", 1, "aarch64-linux-gnu-objdump", "fmadd|fmla"},
};

static bool is_fused(const struct fused *f, const char *standard, const char *source, const char *object) {
    char line[512];
    snprintf(
        line, sizeof line,
        "%s %s %s -O2 -Wno-psabi -DFG_EXTERNAL_KERNELS -c -o %s %s && test $(%s -d %s | grep -cE '%s') -ge 2",
        f->compiler, f->flags, standard, object, source, f->objdump, object, f->pattern);
    const bool good = system(line) == 0;
    if (!good) print_message("not fused: %s\n", line);
    return good;
}

static void multiply_adds_are_fused_under_every_standard(void **state) {
    int failures = 0;
    for (size_t i = 0; i < FG_COUNT(fused); i++) {
        const struct fused *f = &fused[i];
        if (!have_program(f->compiler) || !have_program(f->objdump)) {
            print_message("skipped: no %s or %s here\n", f->compiler, f->objdump);
            continue;
        }
        char source[] = "prelude_XXXXXX.c", object[] = "prelude_XXXXXX.o";
        close(mkstemps(source, 2));
        close(mkstemps(object, 2));
        write_unit(*state, source, f->isa, f->lanes, tile);
        failures += !is_fused(f, "-std=c99", source, object);
        failures += !is_fused(f, "-std=gnu17", source, object);
        unlink(source);
        unlink(object);
    }
    assert_int_equal(failures, 0);
}

/* ---- values of the scalar helpers ---- */

typedef union any_fn {
    void *p;
    int32_t (*i32)(int32_t, int32_t);
    int64_t (*i64)(int64_t, int64_t);
    int8_t (*i8)(int8_t, int8_t);
    uint8_t (*u8)(uint8_t, uint8_t);
    uint32_t (*u32)(uint32_t, uint32_t);
    int32_t (*i32_1)(int32_t);
    float (*f32)(float, float);
    double (*f64)(double, double);
    float (*f32_1)(float);
    double (*f64_1)(double);
    float (*widen)(uint16_t);
    uint16_t (*narrow)(float);
} any_fn;

static any_fn find(void *handle, const char *name) {
    return (any_fn){.p = symbol(handle, name)};
}

static void check_integers(void *h) {
    assert_int_equal(find(h, "test_div_i32").i32(7, 0), 0);
    assert_int_equal(find(h, "test_div_i32").i32(-7, 2), -3);
    assert_int_equal(find(h, "test_div_i32").i32(INT32_MIN, -1), INT32_MIN);
    assert_int_equal(find(h, "test_div_i64").i64(INT64_MIN, -1), INT64_MIN);
    assert_int_equal(find(h, "test_div_u32").u32(UINT32_MAX, 0), 0);
    assert_int_equal(find(h, "test_mod_i32").i32(-7, 3), 2);
    assert_int_equal(find(h, "test_mod_i32").i32(7, -3), -2);
    assert_int_equal(find(h, "test_mod_i32").i32(-6, 3), 0);
    assert_int_equal(find(h, "test_mod_i32").i32(5, 0), 0);
    assert_int_equal(find(h, "test_mod_i64").i64(INT64_MIN, -1), 0);
    assert_int_equal(find(h, "test_fmod_i32").i32(-7, 3), -1);
    assert_int_equal(find(h, "test_mod_u8").u8(250, 7), 5);
    assert_int_equal(find(h, "test_pow_i32").i32(-3, 3), -27);
    assert_int_equal(find(h, "test_pow_i32").i32(2, -1), 0);
    assert_int_equal(find(h, "test_pow_i32").i32(-1, -3), -1);
    assert_int_equal(find(h, "test_pow_i64").i64(3, 39), INT64_C(4052555153018976267));
    assert_int_equal(find(h, "test_pow_u32").u32(3, 0), 1);
    assert_int_equal(find(h, "test_add_i32").i32(INT32_MAX, 1), INT32_MIN);
    assert_int_equal(find(h, "test_mul_i8").i8(100, 3), 44);
    assert_int_equal(find(h, "test_abs_i32").i32_1(INT32_MIN), INT32_MIN);
    assert_int_equal(find(h, "test_abs_i32").i32_1(-5), 5);
    assert_int_equal(find(h, "test_sign_i32").i32_1(-5), -1);
    assert_int_equal(find(h, "test_shl_u8").u8(3, 7), 128);
    assert_int_equal(find(h, "test_shl_u8").u8(3, 8), 0);
    assert_int_equal(find(h, "test_shl_u32").u32(1, 40), 0);
    assert_int_equal(find(h, "test_shr_u32").u32(0x80000000u, 31), 1);
    assert_int_equal(find(h, "test_max_i64").i64(-1, 1), 1);
    assert_int_equal(find(h, "test_min_u8").u8(200, 100), 100);
}

static void check_reals(void *h) {
    assert_true(isnan(find(h, "test_max_f32").f32(NAN, 1)) && isnan(find(h, "test_max_f32").f32(1, NAN)));
    assert_true(isnan(find(h, "test_min_f64").f64(NAN, 1)) && isnan(find(h, "test_min_f64").f64(1, NAN)));
    assert_true(find(h, "test_max_f32").f32(2, 3) == 3 && find(h, "test_min_f32").f32(2, 3) == 2);
    assert_true(find(h, "test_mod_f32").f32(-7.5f, 2) == 0.5f);
    assert_true(find(h, "test_mod_f64").f64(7.5, -2) == -0.5);
    assert_true(find(h, "test_fmod_f32").f32(-7.5f, 2) == -1.5f);
    assert_true(find(h, "test_round_f32").f32_1(2.5f) == 2 && find(h, "test_round_f64").f64_1(-3.5) == -4);
    assert_true(find(h, "test_sign_f32").f32_1(-2) == -1 && isnan(find(h, "test_sign_f32").f32_1(NAN)));
    assert_true(!signbit(find(h, "test_abs_f32").f32_1(-0.0f)) && find(h, "test_abs_f64").f64_1(-3) == 3);
    assert_true(find(h, "test_isinf_f32").f32_1(-INFINITY) == 1 &&
                find(h, "test_isinf_f32").f32_1(NAN) == 0 && find(h, "test_isinf_f32").f32_1(3e38f) == 0);
    assert_true(find(h, "test_isnan_f64").f64_1(NAN) == 1 && find(h, "test_isnan_f64").f64_1(INFINITY) == 0);
    assert_true(find(h, "test_pow_f32").f32(2, 0.5f) == powf(2, 0.5f));
}

/* f64 helpers and f32 helpers agree within float. */
static void check_families(void *h) {
    static const char *const names[] = {
        "sqrt",  "exp", "log",     "sin",      "cos",  "tan",       "atan", "sinh", "cosh",      "tanh",
        "asinh", "erf", "sigmoid", "softplus", "gelu", "gelu_tanh", "silu", "mish", "hardswish", "rcp"};
    for (size_t i = 0; i < FG_COUNT(names); i++)
        for (double x = 0.05; x < 6; x += 0.37) {
            char name[64];
            snprintf(name, sizeof name, "test_%s_f32", names[i]);
            const double narrow = (double)find(h, name).f32_1((float)x);
            snprintf(name, sizeof name, "test_%s_f64", names[i]);
            const double wide = find(h, name).f64_1((double)(float)x);
            if (!(fabs(narrow - wide) <= 2e-6 * fmax(fabs(wide), 1e-2)))
                fail_msg("%s(%g): %g and %g", names[i], x, narrow, wide);
        }
}

static float from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

/* Half by its definition: sign, 5 bits of exponent, 10 of mantissa. */
static double half_value(uint32_t h) {
    const int exponent = (int)(h >> 10 & 31u), mantissa = (int)(h & 1023u);
    const double size = exponent == 31  ? (mantissa ? NAN : INFINITY)
                        : exponent == 0 ? ldexp(mantissa, -24)
                                        : ldexp(1024 + mantissa, exponent - 25);
    return h >> 15 & 1u ? -size : size;
}

static void check_half_widening(any_fn widen, any_fn narrow) {
    for (uint32_t h = 0; h < 65536; h++) {
        const double want = half_value(h);
        const float got = widen.widen((uint16_t)h);
        if (isnan(want) != isnan(got) ||
            (!isnan(want) && ((double)got != want || (signbit(got) != 0) != (h >> 15 != 0))))
            fail_msg("half %04x widens to %g", h, (double)got);
        if (!isnan(want)) assert_int_equal(narrow.narrow(got), h);
    }
}

/* The result is the nearest of the neighbouring halves, the even one on a tie. */
static void check_half_narrowing(any_fn narrow) {
    for (uint64_t bits = 0; bits < UINT64_C(0x7f800000); bits += 997) {
        const double x = (double)from_bits((uint32_t)bits);
        const uint32_t h = narrow.narrow((float)x);
        if (h == 0x7c00u) {
            assert_true(x >= 65520);
            continue;
        }
        const double error = fabs(half_value(h) - x);
        const double up = h + 1 == 0x7c00u ? 65536 - x : fabs(half_value(h + 1) - x);
        const double down = h ? fabs(half_value(h - 1) - x) : INFINITY;
        if (error > up || error > down || ((error == up || error == down) && (h & 1u) && h))
            fail_msg("%g narrows to half %04x", x, h);
        assert_int_equal(narrow.narrow(-(float)x), h | 0x8000u);
    }
    assert_true(isnan(half_value(narrow.narrow(NAN))));
    assert_int_equal(narrow.narrow(from_bits(0x7f800001u)) & 0x7e00u, 0x7e00u);
}

static void check_bfloat(any_fn widen, any_fn narrow) {
    assert_int_equal(narrow.narrow(1.0f), 0x3f80);
    assert_int_equal(narrow.narrow(from_bits(0x3f808000u)), 0x3f80);
    assert_int_equal(narrow.narrow(from_bits(0x3f818000u)), 0x3f82);
    assert_int_equal(narrow.narrow(from_bits(0x3f808001u)), 0x3f81);
    assert_int_equal(narrow.narrow(from_bits(0x7f7fffffu)), 0x7f80);
    assert_int_equal(narrow.narrow(from_bits(0xff800000u)), 0xff80);
    assert_true(isnan(widen.widen(narrow.narrow(from_bits(0x7f800001u)))));
    for (uint32_t h = 0; h < 0x7f80u; h++) assert_int_equal(narrow.narrow(widen.widen((uint16_t)h)), h);
}

static void helpers_compute_what_their_names_say(void **state) {
    static const build builds[] = {
        {"gcc", "gcc", "-O2 -std=c99", 1, NULL},
        {"clang", "clang", "-O2 -march=native", 1, NULL},
        {"sanitizer", "gcc", "-O1 -fsanitize=undefined -fno-sanitize-recover=undefined", 1, NULL},
        {"tcc", "tcc", "", 1, NULL}};
    const char *text = all_helpers(*state);
    for (size_t i = 0; i < FG_COUNT(builds); i++) {
        if (!can_run(&builds[i])) continue;
        void *h = load_unit(*state, &builds[i], text);
        check_integers(h);
        check_reals(h);
        check_families(h);
        check_half_widening(find(h, "test_h2f"), find(h, "test_f2h"));
        check_half_narrowing(find(h, "test_f2h"));
        check_bfloat(find(h, "test_b2f"), find(h, "test_f2b"));
        dlclose(h);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_sections_that_are_mentioned_are_emitted, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_section_needs_comes_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(names_count_only_as_whole_identifiers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_helper_that_does_not_exist_is_an_error_of_ours, setup, teardown),
        cmocka_unit_test_setup_teardown(other_isas_do_not_appear, setup, teardown),
        cmocka_unit_test_setup_teardown(the_order_does_not_depend_on_the_body, setup, teardown),
        cmocka_unit_test_setup_teardown(libm_is_included_only_where_it_is_called, setup, teardown),
        cmocka_unit_test_setup_teardown(x86_compiles_without_warnings, setup, teardown),
        cmocka_unit_test_setup_teardown(aarch64_compiles_without_warnings, setup, teardown),
        cmocka_unit_test_setup_teardown(helpers_compile_without_warnings, setup, teardown),
        cmocka_unit_test_setup_teardown(multiply_adds_are_fused_under_every_standard, setup, teardown),
        cmocka_unit_test_setup_teardown(helpers_compute_what_their_names_say, setup, teardown),
    };
    return cmocka_run_group_tests_name("prelude", tests, NULL, NULL);
}
