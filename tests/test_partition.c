/* The partition: what each pattern takes in, what stops it, and invariants that hold for whole networks. */
#include "graph_builder.h"

#include "fusion/patterns.h"

/* ---- checks that hold for every partition ---- */

static int kernel_of(const fg_partition *p, const fg_node *n) {
    for (int i = 0; i < p->n_kernels; i++) {
        for (int k = 0; k < p->kernels[i]->n_nodes; k++) {
            if (p->kernels[i]->nodes[k] == n) {
                return i;
            }
        }
    }
    return -1;
}

static bool contains(fg_value *const *list, int n, const fg_value *v) {
    for (int i = 0; i < n; i++) {
        if (list[i] == v) {
            return true;
        }
    }
    return false;
}

static void assert_every_node_has_one_kernel(const fg_partition *p) {
    int total = 0;
    for (int i = 0; i < p->n_kernels; i++) {
        total += p->kernels[i]->n_nodes;
        assert_int_equal(p->kernels[i]->index, i);
    }
    assert_int_equal(total, p->graph->n_nodes);
    for (int i = 0; i < p->graph->n_nodes; i++) {
        assert_true(kernel_of(p, p->graph->nodes[i]) >= 0);
    }
}

/* Inputs are made by earlier kernels; what a kernel makes and others read is in its out. */
static void assert_kernels_can_run_in_order(const fg_partition *p) {
    for (int i = 0; i < p->n_kernels; i++) {
        const fg_kernel *k = p->kernels[i];
        for (int j = 0; j < k->n_in; j++) {
            const fg_value *v = k->in[j];
            assert_true(!contains(k->in, j, v));
            assert_true(v->data != NULL || v->is_input || kernel_of(p, v->producer) < i);
        }
        for (int j = 0; j < k->n_nodes; j++) {
            const fg_node *n = k->nodes[j];
            for (int a = 0; a < n->n_in; a++) {
                const fg_value *v = n->in[a];
                if (v == NULL) {
                    continue;
                }
                bool inside = v->data == NULL && v->producer != NULL && kernel_of(p, v->producer) == i;
                assert_true(inside != contains(k->in, k->n_in, v));
            }
            bool outside = n->out[0]->is_output;
            for (int u = 0; u < n->out[0]->n_users; u++) {
                outside |= kernel_of(p, n->out[0]->users[u]) != i;
            }
            assert_int_equal(outside, contains(k->out, k->n_out, n->out[0]));
        }
    }
}

/* Stages, prologue, tap and views make up the nodes, each once; only a tap or the end makes results. */
static void assert_stages_make_up_the_kernel(const fg_kernel *k) {
    int n = k->n_prologue + (k->tap != NULL);
    for (int i = 0; i < k->n_stages; i++) {
        n += k->stage[i].n_epilogue + (k->stage[i].anchor != NULL);
    }
    for (int i = 0; i < k->n_nodes; i++) {
        n += fg_is_view(k->nodes[i]) && k->nodes[i] != k->stage[0].anchor;
    }
    assert_int_equal(n, k->n_nodes);
    for (int i = 0; i < k->n_out; i++) {
        bool last = k->out[i]->producer == fg_stage_result(&k->stage[k->n_stages - 1])->producer;
        assert_true(last || (k->tap != NULL && k->out[i] == k->tap->out[0]));
    }
}

static void assert_names_are_unique_identifiers(const fg_partition *p) {
    for (int i = 0; i < p->n_kernels; i++) {
        const char *name = p->kernels[i]->name;
        assert_true(strlen(name) > 0 && strlen(name) <= 48);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
        assert_true(name[0] > '9' && name[0] != '_');
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(name, p->kernels[k]->name);
        }
    }
}

static fg_partition *partition(fg_graph *read, bool fuse) {
    fg_fusion_options options = {.fuse = fuse};
    fg_infer(read);
    fg_graph *g = fg_graph_clone(read);
    fg_canonicalise(g, &options);
    fg_partition *p = fg_partition_graph(g, &options);
    assert_every_node_has_one_kernel(p);
    assert_kernels_can_run_in_order(p);
    assert_names_are_unique_identifiers(p);
    for (int i = 0; i < p->n_kernels; i++) {
        assert_stages_make_up_the_kernel(p->kernels[i]);
    }
    return p;
}

static void assert_kernel(const fg_partition *p, int i, const char *pattern, const char *lowering,
                          int n_nodes) {
    assert_true(i < p->n_kernels);
    assert_string_equal(p->kernels[i]->pattern->name, pattern);
    assert_string_equal(p->kernels[i]->lowering, lowering);
    assert_int_equal(p->kernels[i]->n_nodes, n_nodes);
}

static int count_lowering(const fg_partition *p, const char *lowering) {
    int n = 0;
    for (int i = 0; i < p->n_kernels; i++) {
        n += strcmp(p->kernels[i]->lowering, lowering) == 0;
    }
    return n;
}

/* ---- patterns ---- */

static fg_value *swish(fg_graph *g, fg_value *x) {
    return NODE(g, "Mul", x, NODE(g, "Sigmoid", x));
}

/* An MBConv block of the EfficientNet kind. */
static fg_value *mbconv(fg_graph *g, fg_value *x) {
    fg_value *d = swish(g, conv(g, swish(g, conv(g, x, "8x4x1x1", 1)), "8x1x3x3", 8));
    fg_value *s = NODE(g, "GlobalAveragePool", d);
    s = NODE(g, "Sigmoid", conv(g, swish(g, conv(g, s, "2x8x1x1", 1)), "8x2x1x1", 1));
    return NODE(g, "Add", conv(g, NODE(g, "Mul", s, d), "4x8x1x1", 1), x);
}

TEST(an_mbconv_block_is_three_kernels) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    output(g, NODE(g, "Relu", mbconv(g, NODE(g, "Relu", input(g, "x", "1x4x6x6")))));
    fg_partition *p = partition(g, true);
    assert_int_equal(p->n_kernels, 4);
    assert_kernel(p, 1, "expand_depthwise", "rowbuffer", 5);
    assert_kernel(p, 2, "se_gate", "gate", 4);
    assert_kernel(p, 3, "scale_project", "conv", 4);
    const fg_kernel *k = p->kernels[1];
    assert_non_null(k->tap);
    assert_int_equal(k->n_out, 2);
    assert_ptr_equal(k->out[1], k->tap->out[0]);
    assert_int_equal(k->boundary, FG_BOUNDARY_JOIN);
    assert_int_equal(p->kernels[0]->boundary, FG_BOUNDARY_FORK);
    assert_int_equal(p->kernels[3]->n_prologue, 1);
    assert_int_equal(p->kernels[3]->boundary, FG_BOUNDARY_OUTPUT);
}

TEST(a_gate_of_gemms_is_one_kernel_and_a_perceptron_is_not) {
    (void)arg;
    for (int form = 0; form < 2; form++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = NODE(g, "Relu", input(g, "x", "1x8x6x6"));
        fg_value *s = form == 0 ? NODE(g, "Flatten", NODE(g, "GlobalAveragePool", x)) : input(g, "s", "1x8");
        s = NODE(g, "Relu", NODE(g, "Gemm", s, parameter(g, "w", "8x2"), parameter(g, "b", "2")));
        s = NODE(g, "Sigmoid", NODE(g, "Gemm", s, parameter(g, "v", "2x8"), parameter(g, "c", "8")));
        output(g, NODE(g, "Mul", x, NODE(g, "Reshape", s, INTS(g, 1, 8, 1, 1))));
        fg_partition *p = partition(g, true);
        assert_int_equal(count_lowering(p, "gate"), form == 0);
        assert_int_equal(count_lowering(p, "conv"), form == 0 ? 0 : 2);
    }
}

TEST(a_dilated_depthwise_convolution_is_not_row_buffered) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = conv(g, conv(g, input(g, "x", "1x4x9x9"), "8x4x1x1", 1), "8x1x3x3", 8);
    output(g, WITH_INTS(g, y, "dilations", 2, 2));
    fg_partition *p = partition(g, true);
    assert_kernel(p, 0, "conv", "conv", 1);
    assert_kernel(p, 1, "depthwise", "depthwise", 1);
}

TEST(convolutions_along_one_dimension_fuse_and_others_stand_alone) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x4x9");
    output(g, NODE(g, "Relu", NODE(g, "Conv", x, parameter(g, "w", "6x4x3"))));
    fg_value *y = NODE(g, "Conv", input(g, "z", "1x4x5x5"), input(g, "computed", "6x4x3x3"));
    output(g, NODE(g, "Relu", y));
    y = NODE(g, "Conv", input(g, "volume", "1x2x5x5x5"), parameter(g, "v", "3x2x2x2x2"));
    output(g, NODE(g, "Relu", y));
    fg_partition *p = partition(g, true);
    assert_int_equal(p->n_kernels, 5);
    assert_kernel(p, 0, "conv_act", "conv", 2);
    assert_kernel(p, 1, "single", "conv_general", 1);
    assert_kernel(p, 3, "single", "conv_general", 1);
}

TEST(a_stem_joins_its_pool) {
    (void)arg;
    for (int channels = 3; channels <= 5; channels += 2) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", fg_format(ctx, "1x%dx8x8", channels));
        fg_value *y = NODE(g, "Relu", conv(g, x, fg_format(ctx, "6x%dx7x7", channels), 1));
        output(g, WITH_INTS(g, NODE(g, "MaxPool", y), "kernel_shape", 3, 3));
        fg_partition *p = partition(g, true);
        assert_int_equal(p->n_kernels, channels == 3 ? 1 : 2);
        assert_string_equal(p->kernels[0]->pattern->name, channels == 3 ? "stem_pool" : "conv_act");
    }
}

TEST(a_residual_is_added_by_the_branch_that_ends_last) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x4x6x6");
    fg_value *a = conv(g, NODE(g, "Relu", conv(g, x, "4x4x3x3", 1)), "4x4x3x3", 1);
    fg_value *b = conv(g, x, "4x4x1x1", 1);
    output(g, NODE(g, "Relu", NODE(g, "Add", a, b)));
    fg_partition *p = partition(g, true);
    assert_int_equal(p->n_kernels, 3);
    assert_kernel(p, 0, "conv_act", "conv", 2);
    assert_kernel(p, 1, "conv", "conv", 1);
    assert_kernel(p, 2, "conv_add", "conv", 3);
    assert_int_equal(p->kernels[1]->boundary, FG_BOUNDARY_JOIN);
}

TEST(a_residual_that_depends_on_the_convolution_is_no_cycle) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = conv(g, input(g, "x", "1x4x6x6"), "4x4x1x1", 1);
    fg_value *side = WITH_INTS(g, NODE(g, "MaxPool", y), "kernel_shape", 3, 3);
    side = WITH_INTS(g, side, "pads", 1, 1, 1, 1);
    output(g, NODE(g, "Add", y, side));
    fg_partition *p = partition(g, true);
    assert_int_equal(p->n_kernels, 2);
    assert_kernel(p, 0, "conv", "conv", 1);
    assert_kernel(p, 1, "pool", "pool", 2);
}

TEST(operands_of_an_epilogue_are_those_that_the_kernel_can_index) {
    (void)arg;
    static const struct {
        const char *operand;
        bool fuses;
    } cases[] = {{"1", true},        {"1x6x1x1", true}, {"6x1x1", true},  {"1x1x5x7", true},
                 {"1x6x5x7", false}, {"6x5x7", false},  {"7", false},     {"1x6x1x7", false},
                 {"5x7", true},      {"5x1", false},    {"6x5x1", false}, {"1x1x5x1", false}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *y = conv(g, input(g, "x", "1x4x5x7"), "6x4x1x1", 1);
        output(g, NODE(g, "Pow", y, parameter(g, "p", cases[i].operand)));
        assert_int_equal(partition(g, true)->n_kernels, cases[i].fuses ? 1 : 2);
    }
}

TEST(an_operand_that_enlarges_is_not_fused) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = conv(g, input(g, "x", "1x4x1x1"), "6x4x1x1", 1);
    output(g, NODE(g, "Pow", y, parameter(g, "p", "1x6x3x3")));
    assert_int_equal(partition(g, true)->n_kernels, 2);
}

TEST(a_fork_that_closes_again_stays_in_the_chain) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = conv(g, input(g, "x", "1x4x5x5"), "6x4x1x1", 1);
    output(g, NODE(g, "Relu", NODE(g, "Mul", y, NODE(g, "Tanh", NODE(g, "Softplus", y))))); /* Mish */
    fg_partition *p = partition(g, true);
    assert_int_equal(p->n_kernels, 1);
    assert_int_equal(p->kernels[0]->stage[0].n_epilogue, 4);
}

TEST(a_fork_that_stays_open_ends_the_chain) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = conv(g, input(g, "x", "1x4x5x5"), "6x4x1x1", 1);
    fg_value *t = NODE(g, "Tanh", y);
    output(g, NODE(g, "Mul", y, t));
    output(g, NODE(g, "Exp", t));
    fg_partition *p = partition(g, true);
    assert_kernel(p, 0, "conv", "conv", 1);
    assert_int_equal(p->kernels[0]->boundary, FG_BOUNDARY_FORK);
}

TEST(batch_norm_and_relu_before_a_1x1_convolution_are_its_prologue) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x4x5x5");
    fg_value *both = with_int(g, NODE(g, "Concat", x, x), "axis", 1);
    fg_value *y = conv(g, NODE(g, "Relu", batch_norm(g, both, "8")), "6x8x1x1", 1);
    output(g, NODE(g, "Relu", y));
    output(g, NODE(g, "Sqrt", both));
    fg_partition *p = partition(g, true);
    const fg_kernel *k = p->kernels[1];
    assert_kernel(p, 1, "prologue_conv", "conv", 5);
    assert_int_equal(k->n_prologue, 3);
    assert_int_equal(k->stage[0].n_epilogue, 1);
}

TEST(a_head_ends_in_its_mean_and_a_classifier_reads_through_flatten) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = NODE(g, "Relu", conv(g, input(g, "x", "1x4x5x5"), "6x4x1x1", 1));
    y = NODE(g, "Flatten", NODE(g, "GlobalAveragePool", y));
    y = NODE(g, "Gemm", y, parameter(g, "w", "6x3"), parameter(g, "b", "3"));
    output(g, y);
    fg_partition *p = partition(g, true);
    assert_int_equal(p->n_kernels, 2);
    assert_kernel(p, 0, "head_pool", "conv", 3);
    assert_kernel(p, 1, "classifier", "conv", 2);
    assert_int_equal(p->kernels[0]->n_out, 1);
    fg_kernel *k = p->kernels[1];
    assert_ptr_equal(fg_kernel_source(k, k->stage[0].anchor->in[0]), p->kernels[0]->out[0]);
}

TEST(a_flatten_of_a_map_is_not_hidden_in_a_gemm) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = NODE(g, "Relu", conv(g, input(g, "x", "1x4x5x5"), "6x4x1x1", 1));
    output(g, NODE(g, "Gemm", NODE(g, "Flatten", y), parameter(g, "w", "150x3"), parameter(g, "b", "3")));
    fg_partition *p = partition(g, true);
    assert_int_equal(p->n_kernels, 3);
    assert_int_equal(p->kernels[0]->boundary, FG_BOUNDARY_SHAPE);
}

TEST(layers_of_a_perceptron_are_one_kernel_each) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = input(g, "x", "4x8");
    for (int i = 0; i < 3; i++) {
        fg_value *w = parameter(g, fg_format(ctx, "w%d", i), "8x8");
        y = NODE(g, "Relu",
                 NODE(g, "Add", NODE(g, "MatMul", y, w), parameter(g, fg_format(ctx, "b%d", i), "8")));
    }
    output(g, y);
    fg_partition *p = partition(g, true);
    assert_int_equal(p->n_kernels, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(p->kernels[i]->lowering, "conv");
    }
}

TEST(elementwise_chains_are_one_map) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "3x4"), *y = input(g, "y", "4");
    output(g, NODE(g, "Exp", NODE(g, "Sub", NODE(g, "Sqrt", NODE(g, "Abs", x)), y)));
    fg_partition *p = partition(g, true);
    assert_int_equal(p->n_kernels, 1);
    assert_kernel(p, 0, "map", "map", 4);
    assert_null(p->kernels[0]->stage[0].anchor);
}

TEST(types_other_than_float_are_left_alone) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = with_int(g, NODE(g, "Cast", input(g, "x", "3x4")), "to", FG_DOUBLE);
    output(g, NODE(g, "Sqrt", NODE(g, "Abs", x)));
    assert_int_equal(partition(g, true)->n_kernels, 3);
}

TEST(very_long_chains_are_cut) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "3x4");
    for (int i = 0; i < 3000; i++) {
        x = NODE(g, "Tanh", x);
    }
    output(g, x);
    fg_partition *p = partition(g, true);
    assert_int_equal(p->n_kernels, (3000 + FG_MAX_CHAIN - 1) / FG_MAX_CHAIN);
    assert_int_equal(p->kernels[0]->boundary, FG_BOUNDARY_BUDGET);
}

TEST(without_fusion_every_node_is_a_kernel) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = NODE(g, "Relu", conv(g, conv(g, input(g, "x", "1x4x5x5"), "8x4x1x1", 1), "8x1x3x3", 8));
    y = NODE(g, "Flatten", NODE(g, "GlobalAveragePool", y));
    output(g, NODE(g, "Gemm", y, parameter(g, "w", "8x3")));
    fg_partition *p = partition(g, false);
    assert_int_equal(p->n_kernels, 6);
    assert_kernel(p, 0, "single", "conv", 1);
    assert_kernel(p, 1, "single", "depthwise", 1);
    assert_kernel(p, 2, "single", "map", 1);
    assert_kernel(p, 5, "single", "conv", 1);
    for (int i = 0; i < p->n_kernels; i++) {
        assert_int_equal(p->kernels[i]->boundary, FG_BOUNDARY_OFF);
    }
}

TEST(bytes_count_each_tensor_once_and_unfused_every_node) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x4x6x6");
    output(g, NODE(g, "Relu", NODE(g, "Add", conv(g, x, "4x4x1x1", 1), x)));
    fg_partition *p = partition(g, true);
    assert_int_equal(p->n_kernels, 1);
    int64_t map = 4 * 36, weights = 4 * 4 + 4;
    assert_int_equal(fg_kernel_bytes(p->kernels[0]), 4 * (2 * map + weights));
    assert_int_equal(fg_kernel_bytes_unfused(p->kernels[0]), 4 * (2 * map + weights + 3 * map + 2 * map));
    assert_int_equal(p->kernels[0]->macs, 4 * 4 * 36);
}

TEST(hostile_node_names_become_plain_identifiers) {
    (void)arg;
    static const char *const names[] = {"*/ int x; /*", "", "9/9/9", "\xff\xfe/\n", "a/b", "/a/b", "int"};
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x4x6x6");
    for (size_t i = 0; i < FG_COUNT(names); i++) {
        x = conv(g, x, "4x4x1x1", 1);
        x->producer->name = names[i];
    }
    output(g, x);
    assert_int_equal(partition(g, true)->n_kernels, 7);
}

/* ---- networks ---- */

static fg_partition *network(fg_context *ctx, const char *name, bool fuse) {
    fg_read_options options = {0};
    const char *path = fg_format(ctx, "%s/tests/models/%s.graph.onnx", FG_SOURCE_DIR, name);
    return partition(fg_read_model(ctx, path, &options), fuse);
}

static int count_pattern(const fg_partition *p, const char *pattern) {
    int n = 0;
    for (int i = 0; i < p->n_kernels; i++) {
        n += strcmp(p->kernels[i]->pattern->name, pattern) == 0;
    }
    return n;
}

static int count_single(const fg_partition *p) {
    int n = 0;
    for (int i = 0; i < p->n_kernels; i++) {
        n += p->kernels[i]->n_nodes == 1;
    }
    return n;
}

TEST(efficientnet_b0_is_fifty_kernels_with_and_without_batch_norm) {
    (void)arg;
    static const char *const names[] = {"efficientnet_b0", "efficientnet_b0.bn"};
    for (size_t i = 0; i < FG_COUNT(names); i++) {
        fg_partition *p = network(ctx, names[i], true);
        assert_int_equal(p->n_kernels, 50);
        assert_int_equal(count_single(p), 0);
        assert_int_equal(count_pattern(p, "expand_depthwise"), 16); /* one of them reads the stem */
        assert_int_equal(count_pattern(p, "se_gate"), 16);
        assert_int_equal(count_pattern(p, "scale_project"), 16);
        assert_int_equal(count_pattern(p, "head_pool"), 1);
        assert_int_equal(count_pattern(p, "classifier"), 1);
        assert_string_equal(p->kernels[3]->name, "features_2_0_block_expand_depthwise_3x3_silu");
        int64_t macs = 0;
        for (int k = 0; k < p->n_kernels; k++) {
            macs += p->kernels[k]->macs;
        }
        assert_int_equal(2 * macs, 771629504);
    }
}

TEST(efficientnet_b7_is_at_most_167_kernels) {
    (void)arg;
    fg_partition *p = network(ctx, "efficientnet_b7.bn", true);
    assert_true(p->n_kernels <= 167);
    assert_int_equal(count_single(p), 0);
}

TEST(resnet50_is_a_stem_and_convolutions) {
    (void)arg;
    fg_partition *p = network(ctx, "resnet50.bn", true);
    assert_int_equal(count_pattern(p, "stem_pool"), 1);
    assert_int_equal(count_pattern(p, "conv_add"), 16);
    assert_int_equal(count_pattern(p, "conv_act"), 32);
    assert_int_equal(count_pattern(p, "conv"), 4);
    assert_int_equal(count_pattern(p, "classifier"), 1);
    assert_int_equal(p->n_kernels, 54);
}

TEST(other_networks_keep_the_invariants) {
    (void)arg;
    static const char *const names[] = {"densenet121",    "shufflenet_v2_x1_0", "mobilenet_v2.bn",
                                        "squeezenet1_1",  "googlenet",          "mobilenet_v3_large.op13",
                                        "regnet_y_400mf", "mnasnet1_0",         "vgg11"};
    for (size_t i = 0; i < FG_COUNT(names); i++) {
        fg_partition *p = network(ctx, names[i], true);
        assert_true(p->n_kernels < p->graph->n_nodes);
        network(ctx, names[i], false);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_mbconv_block_is_three_kernels),
        cmocka_unit_test(a_gate_of_gemms_is_one_kernel_and_a_perceptron_is_not),
        cmocka_unit_test(a_dilated_depthwise_convolution_is_not_row_buffered),
        cmocka_unit_test(convolutions_along_one_dimension_fuse_and_others_stand_alone),
        cmocka_unit_test(a_stem_joins_its_pool),
        cmocka_unit_test(a_residual_is_added_by_the_branch_that_ends_last),
        cmocka_unit_test(a_residual_that_depends_on_the_convolution_is_no_cycle),
        cmocka_unit_test(operands_of_an_epilogue_are_those_that_the_kernel_can_index),
        cmocka_unit_test(an_operand_that_enlarges_is_not_fused),
        cmocka_unit_test(a_fork_that_closes_again_stays_in_the_chain),
        cmocka_unit_test(a_fork_that_stays_open_ends_the_chain),
        cmocka_unit_test(batch_norm_and_relu_before_a_1x1_convolution_are_its_prologue),
        cmocka_unit_test(a_head_ends_in_its_mean_and_a_classifier_reads_through_flatten),
        cmocka_unit_test(a_flatten_of_a_map_is_not_hidden_in_a_gemm),
        cmocka_unit_test(layers_of_a_perceptron_are_one_kernel_each),
        cmocka_unit_test(elementwise_chains_are_one_map),
        cmocka_unit_test(types_other_than_float_are_left_alone),
        cmocka_unit_test(very_long_chains_are_cut),
        cmocka_unit_test(without_fusion_every_node_is_a_kernel),
        cmocka_unit_test(bytes_count_each_tensor_once_and_unfused_every_node),
        cmocka_unit_test(hostile_node_names_become_plain_identifiers),
        cmocka_unit_test(efficientnet_b0_is_fifty_kernels_with_and_without_batch_norm),
        cmocka_unit_test(efficientnet_b7_is_at_most_167_kernels),
        cmocka_unit_test(resnet50_is_a_stem_and_convolutions),
        cmocka_unit_test(other_networks_keep_the_invariants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
