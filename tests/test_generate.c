/* Generating code: what it leaves as it was, and what it says of what it made. */
#include "graph_builder.h"

#include "tests/generate.h"

/* A network in small, with all that layouts change a partition for: copies at the interface, parts of a
 * concatenation, views, and two kernels that can share a body. */
static fg_graph *network(fg_context *ctx) {
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x16x12x12"), *w = parameter(g, "w", "16x16x3x3");
    const int64_t pads[] = {1, 1, 1, 1};
    fg_value *a = NODE(g, "Relu", with_ints(g, NODE(g, "Conv", x, w), "pads", 4, pads));
    fg_value *b = NODE(g, "Relu", with_ints(g, NODE(g, "Conv", a, w), "pads", 4, pads));
    fg_value *c = NODE(g, "Relu", with_ints(g, NODE(g, "Conv", b, w), "pads", 4, pads));
    fg_value *all = with_int(g, NODE(g, "Concat", a, b, c), "axis", 1);
    fg_value *part = NODE(g, "Slice", all, INTS(g, 8), INTS(g, 40), INTS(g, 1));
    output(g, with_ints(g, NODE(g, "MaxPool", part), "kernel_shape", 2, (const int64_t[]){2, 2}));
    output(g, NODE(g, "Softmax", NODE(g, "Flatten", NODE(g, "GlobalAveragePool", all))));
    fg_graph_link(g);
    fg_infer(g);
    return g;
}

static void assert_same(const fg_module *a, const fg_module *b) {
    assert_string_equal(a->header, b->header);
    assert_string_equal(a->source, b->source);
    assert_int_equal(a->weights_bytes, b->weights_bytes);
    assert_memory_equal(a->weights, b->weights, (size_t)a->weights_bytes);
    assert_int_equal(a->arena_bytes, b->arena_bytes);
}

TEST(the_same_partition_makes_the_same_bytes_again) {
    (void)arg;
    static const char *const targets[] = {"generic", "x86-64-v4", "cortex-m4f"};
    fg_graph *g = network(ctx);
    for (int i = 0; i < 9; i++) {
        const fg_fusion_options fusion = {
            .fuse = i != 3, .optimize = (fg_optimize)(i / 3), .weights = i % 3 ? FG_FLOAT16 : FG_UNDEFINED};
        fg_codegen_options options = test_options();
        options.optimize = fusion.optimize;
        options.weights = FG_WEIGHTS_BLOB;
        const fg_partition *p = test_partition(g, &fusion);
        const fg_target *target = fg_target_load(ctx, targets[i % 3]);
        fg_text before = fg_text_new(ctx), after = fg_text_new(ctx);
        fg_partition_dump(p, &before);
        const fg_module *first = fg_generate(p, target, &options), *second = fg_generate(p, target, &options);
        fg_partition_dump(p, &after);
        assert_string_equal(before.data, after.data);
        assert_same(first, second);
        assert_same(first, fg_generate(test_partition(g, &fusion), target, &options));
    }
}

/* Verification reads the graph of the module that it is given, not what another one left. */
TEST(both_are_right) {
    (void)arg;
    fg_graph *g = network(ctx);
    const fg_fusion_options fusion = {.fuse = true, .weights = FG_BFLOAT16};
    const fg_codegen_options options = test_options();
    const fg_verify_options asked = {.mode = FG_VERIFY_TCC, .tolerance = 1e-4, .seed = 5};
    const fg_partition *p = test_partition(g, &fusion);
    const fg_target *target = fg_target_load(ctx, "x86-64-v3");
    const fg_module *first = fg_generate(p, target, &options), *second = fg_generate(p, target, &options);
    assert_true(fg_verify(g, first, &asked)->passed);
    assert_true(fg_verify(g, second, &asked)->passed);
}

/* A kernel that only calls the body it shares is as long as it looks. */
TEST(lines_are_those_of_the_text) {
    (void)arg;
    const fg_fusion_options fusion = {.fuse = true, .optimize = FG_OPTIMIZE_FLASH};
    fg_codegen_options options = test_options();
    options.optimize = FG_OPTIMIZE_FLASH;
    const fg_module *m =
        fg_generate(test_partition(network(ctx), &fusion), fg_target_load(ctx, "generic"), &options);
    int shared = 0;
    for (int i = 0; i < m->n_kernels; i++) {
        const fg_kernel_text *k = &m->kernels[i];
        const char *at = strstr(m->source, fg_format(ctx, "t_%s(const fg_call *c)\n{", k->symbol));
        assert_non_null(at);
        const char *end = strstr(at, "\n}\n");
        int lines = 0;
        for (const char *s = at; s <= end; s++) lines += *s == '\n';
        for (const char *s = k->before; *s; s++) lines += *s == '\n';
        assert_int_equal(k->lines, lines);
        shared += strstr(k->before, "fg_shared_") != NULL;
    }
    assert_int_equal(shared, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_partition_makes_the_same_bytes_again),
        cmocka_unit_test(both_are_right),
        cmocka_unit_test(lines_are_those_of_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
