/* Results that are clipped to bounds, as Relu and Clip do, while NaN and infinities are among them: where a
 * target clips single numbers by instructions that pass over NaN, a tile with one in it has to go another
 * way. */
#include "graph_builder.h"

#include "codegen/module.h"
#include "codegen/target.h"
#include "verify/verify.h"

enum { PERIOD = 211 };

/* Numbers on both sides of the bounds, now and then NaN, or an infinity. */
static fg_tensor wild_data(fg_context *ctx, const fg_value *v) {
    const int64_t n = fg_shape_count(&v->shape);
    float *data = fg_big_alloc(ctx, (size_t)n * sizeof *data);
    for (int64_t i = 0; i < n; i++) {
        const int64_t k = i % PERIOD;
        data[i] = k == 60    ? (float)NAN
                  : k == 130 ? (float)INFINITY
                  : k == 201 ? (float)-INFINITY
                             : (float)(i * 37 % 64) / 16 - 2;
    }
    return (fg_tensor){.dtype = FG_FLOAT, .shape = v->shape, .data = data};
}

static bool have(fg_context *ctx, const char *command) {
    const char *program = fg_strndup(ctx, command, strcspn(command, " "));
    return system(fg_format(ctx, "command -v %s >/dev/null 2>&1", program)) == 0;
}

static const fg_module *generated(fg_graph *g, const fg_target *target, fg_optimize optimize) {
    const fg_fusion_options fusion = {.fuse = true, .optimize = optimize};
    const fg_codegen_options options = {.prefix = "t",
                                        .file_stem = "t",
                                        .model_file = "t.onnx",
                                        .command = "",
                                        .version = "0",
                                        .threads = 1,
                                        .optimize = optimize,
                                        .fault_kernel = -1};
    fg_graph *c = fg_graph_clone(g);
    fg_canonicalise(c, &fusion);
    return fg_generate(fg_partition_graph(c, &fusion), target, &options);
}

/* As compiled for the target, if its tools are here; tcc has no such instructions, but the same text. */
static void check_with(fg_graph *g, const char *name, fg_optimize optimize, bool by_tile) {
    fg_context *ctx = g->ctx;
    const fg_target *target = fg_target_load(ctx, name);
    const fg_tensor data = wild_data(ctx, g->inputs[0]);
    const fg_module *m = generated(g, target, optimize);
    assert_int_equal(strstr(m->source, "nan != nan") != NULL, by_tile && optimize != FG_OPTIMIZE_FLASH);
    const bool tools = have(ctx, target->compiler) && have(ctx, target->emulator);
    for (int mode = 0; mode < 1 + tools; mode++) {
        const fg_verify_options options = {
            .mode = mode ? FG_VERIFY_EMULATOR : FG_VERIFY_TCC, .tolerance = 1e-5, .inputs = &data};
        const fg_verdict *v = fg_verify(g, m, &options);
        if (!v->passed) fail_msg("%s, mode %d: %s\n%s", name, mode, v->first_failure, m->source);
    }
}

static void check(fg_graph *g, fg_value *result, bool by_tile) {
    output(g, result);
    fg_graph_link(g);
    fg_infer(g);
    check_with(g, "rv64gc", FG_OPTIMIZE_SPEED, by_tile);
    check_with(g, "rv64gc", FG_OPTIMIZE_RAM, by_tile);
    check_with(g, "rv64gc", FG_OPTIMIZE_FLASH, by_tile);
    check_with(g, "rv32imafc", FG_OPTIMIZE_SPEED, by_tile);
}

static fg_value *clip(fg_graph *g, fg_value *x, double low, double high) {
    return NODE(g, "Clip", x, scalar(g, low), scalar(g, high));
}

TEST(a_convolution_keeps_nan_and_clips_the_rest) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    check(g, clip(g, conv(g, input(g, "x", "1x3x9x13"), "7x3x3x3", 1), -1, 6), true);
}

TEST(one_result_is_a_tile_too) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    check(g, NODE(g, "Relu", conv(g, input(g, "x", "1x3x5x1"), "1x3x1x1", 1)), true);
}

TEST(a_depthwise_convolution_behind_another_keeps_nan) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *wide = clip(g, conv(g, input(g, "x", "1x5x11x9"), "9x5x1x1", 1), 0, 6);
    check(g, clip(g, conv(g, wide, "9x1x3x3", 9), 0, 6), true);
}

TEST(what_comes_before_the_clip_is_applied_first) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x6x7x5"), *y = conv(g, x, "6x6x1x1", 1);
    check(g, NODE(g, "Relu", NODE(g, "Add", NODE(g, "Mul", y, parameter(g, "m", "6x1x1")), x)), true);
}

TEST(a_clip_that_others_follow_is_applied_to_each_result) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = conv(g, input(g, "x", "1x6x7x5"), "6x6x1x1", 1);
    check(g, NODE(g, "Mul", y, clip(g, y, 0, 6)), false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_keeps_nan_and_clips_the_rest),
        cmocka_unit_test(one_result_is_a_tile_too),
        cmocka_unit_test(a_depthwise_convolution_behind_another_keeps_nan),
        cmocka_unit_test(what_comes_before_the_clip_is_applied_first),
        cmocka_unit_test(a_clip_that_others_follow_is_applied_to_each_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
