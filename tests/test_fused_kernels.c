/* Fused kernels as code: small graphs through canonical forms, partition and code generation, run by tcc and
 * compared with the interpreter. One test per shape of kernel that the partition may ask for. */
#include "graph_builder.h"

#include "codegen/module.h"
#include "tests/generate.h"

/* Generates g for two vector lengths; the code must agree with the interpreter and have n_kernels functions.
 */
static void assert_generates(fg_graph *g, int n_kernels) {
    static const char *const targets[] = {"x86-64-v4", "x86-64"};
    fg_context *ctx = g->ctx;
    fg_infer(g);
    for (size_t i = 0; i < FG_COUNT(targets); i++) {
        const fg_fusion_options fusion = {.fuse = true};
        const fg_codegen_options options = test_options();
        const fg_partition *p = test_partition(g, &fusion);
        assert_int_equal(p->n_kernels, n_kernels);
        fg_module *m = fg_generate(p, fg_target_load(ctx, targets[i]), &options);
        fg_verify_options asked = {.mode = FG_VERIFY_TCC, .tolerance = 1e-5, .seed = 1};
        fg_verdict *v = fg_verify(g, m, &asked);
        if (!v->passed) {
            fail_msg("%s: %s", targets[i], v->first_failure);
        }
    }
}

static fg_value *map(fg_graph *g) {
    return NODE(g, "Relu", input(g, "x", "2x4x9x7"));
}

TEST(residuals_come_from_kernels_and_from_graph_inputs) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "2x4x9x7");
    output(g, NODE(g, "Tanh", NODE(g, "Add", x, conv(g, x, "4x4x3x3", 1))));
    assert_generates(g, 1);
    g = new_graph(ctx, 17);
    x = map(g);
    output(g, NODE(g, "Tanh", NODE(g, "Add", conv(g, x, "4x4x3x3", 1), x)));
    assert_generates(g, 2);
}

TEST(epilogues_take_channels_pixels_and_gates) {
    (void)arg;
    static const char *const operands[] = {"6x1x1", "1x1x9x7", "2x1x9x7", "2x6x9x7"};
    for (size_t i = 0; i < FG_COUNT(operands); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *y = conv(g, input(g, "x", "2x4x9x7"), "6x4x3x3", 1);
        output(g, NODE(g, "Max", y, input(g, "o", operands[i])));
        fg_value *o = i == 1 ? parameter(g, "c", operands[i]) : g->inputs[1];
        output(g, NODE(g, "Sub", o, NODE(g, "Abs", conv(g, map(g), "6x4x1x1", 1))));
        assert_generates(g, 2);
    }
}

TEST(chains_that_fork_and_join_keep_their_operands) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = conv(g, input(g, "x", "2x4x9x7"), "6x4x1x1", 1), *t = NODE(g, "Tanh", y);
    output(g, NODE(g, "Add", NODE(g, "Mul", t, NODE(g, "Sigmoid", y)), NODE(g, "Sub", y, t)));
    assert_generates(g, 1);
}

TEST(folds_may_name_the_chain_at_any_place) {
    (void)arg;
    static const char *const ops[] = {"Sum", "Mean", "Max", "Min"};
    for (size_t i = 0; i < FG_COUNT(ops); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", "3x5"), *y = input(g, "y", "3x5"), *e = NODE(g, "Exp", x);
        output(g, i % 2 == 0 ? NODE(g, ops[i], y, x, e) : NODE(g, ops[i], e, y, e, x));
        assert_generates(g, 1);
    }
}

TEST(prologues_work_on_few_and_many_channels) {
    (void)arg;
    static const char *const shapes[][2] = {{"2x4x9x7", "8x4x1x1"}, {"2x21x9x7", "8x21x1x1"}};
    for (size_t i = 0; i < FG_COUNT(shapes); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", shapes[i][0]);
        fg_value *y = NODE(g, "Relu", batch_norm(g, x, i == 0 ? "4" : "21"));
        output(g, NODE(g, "Tanh", conv(g, y, shapes[i][1], 1)));
        assert_generates(g, 1);
    }
}

/* form: 0 convolutions, 1 Gemm */
static fg_value *gate(fg_graph *g, fg_value *x, int form) {
    fg_value *s = NODE(g, "GlobalAveragePool", x);
    if (form == 0) {
        s = NODE(g, "Relu", conv(g, s, "3x8x1x1", 1));
        return NODE(g, "Sigmoid", conv(g, s, "8x3x1x1", 1));
    }
    s = NODE(g, "Relu",
             NODE(g, "Gemm", NODE(g, "Flatten", s), parameter(g, "w", "8x3"), parameter(g, "b", "3")));
    s = NODE(g, "Sigmoid", NODE(g, "Gemm", s, parameter(g, "v", "3x8"), parameter(g, "c", "8")));
    return NODE(g, "Reshape", s, INTS(g, 2, 8, 1, 1));
}

TEST(squeeze_and_excite_blocks_work_on_batches) {
    (void)arg;
    for (int form = 0; form < 4; form++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = conv(g, input(g, "x", "2x4x9x7"), "8x4x1x1", 1);
        if (form < 2) {
            x = conv(g, NODE(g, "Relu", x), "8x1x5x5", 8);
        }
        x = NODE(g, "HardSwish", x);
        output(g, conv(g, NODE(g, "Mul", x, gate(g, x, form % 2)), "5x8x1x1", 1));
        assert_generates(g, form % 2 == 0 ? 3 : 4); /* the Reshape of Gemm's form */
    }
}

TEST(heads_and_classifiers) {
    (void)arg;
    for (int form = 0; form < 2; form++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *y = input(g, "x", "2x6x5x4");
        y = form == 0 ? NODE(g, "Relu", conv(g, y, "6x6x3x3", 1)) : NODE(g, "Concat", y, y);
        if (form == 1) {
            with_int(g, y, "axis", 2);
        }
        y = NODE(g, "Flatten", NODE(g, "GlobalAveragePool", y));
        output(g, NODE(g, "Gemm", y, parameter(g, "w", "6x3"), parameter(g, "b", "3")));
        assert_generates(g, 2);
    }
}

TEST(stems_with_automatic_pads) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = NODE(g, "Relu", conv(g, input(g, "x", "2x3x13x11"), "6x3x3x3", 1));
    y = WITH_INTS(g, WITH_INTS(g, NODE(g, "MaxPool", y), "kernel_shape", 3, 3), "strides", 2, 2);
    fg_attr *a = fg_node_set_attr(ctx, y->producer, "auto_pad", FG_ATTR_STRING);
    a->s = "SAME_UPPER";
    a->s_len = strlen(a->s);
    output(g, y);
    assert_generates(g, 1);
}

TEST(convolutions_along_one_dimension) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "2x4x19");
    output(g, NODE(g, "Add", NODE(g, "Conv", x, parameter(g, "w", "4x4x1")), x));
    fg_value *y = with_int(g, NODE(g, "Conv", x, parameter(g, "v", "4x1x3")), "group", 4);
    output(g, NODE(g, "Relu", y));
    assert_generates(g, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(residuals_come_from_kernels_and_from_graph_inputs),
        cmocka_unit_test(epilogues_take_channels_pixels_and_gates),
        cmocka_unit_test(chains_that_fork_and_join_keep_their_operands),
        cmocka_unit_test(folds_may_name_the_chain_at_any_place),
        cmocka_unit_test(prologues_work_on_few_and_many_channels),
        cmocka_unit_test(squeeze_and_excite_blocks_work_on_batches),
        cmocka_unit_test(heads_and_classifiers),
        cmocka_unit_test(stems_with_automatic_pads),
        cmocka_unit_test(convolutions_along_one_dimension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
