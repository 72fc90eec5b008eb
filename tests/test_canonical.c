/* Canonical forms: each rewrite on a small graph, checked by what it becomes, by what the nodes cover, and by
 * running both graphs through the interpreter. */
#include "graph_builder.h"

/* ---- checks that hold for every rewritten graph ---- */

static double rms(const float *x, int64_t n) {
    double s = 0;
    for (int64_t i = 0; i < n; i++) {
        s += (double)x[i] * (double)x[i];
    }
    return n > 0 ? sqrt(s / (double)n) : 0;
}

static void assert_same_tensor(const fg_tensor *want, const fg_tensor *got, const char *name) {
    assert_true(fg_shape_equal(&want->shape, &got->shape));
    int64_t n = fg_shape_count(&want->shape);
    const float *x = want->data, *y = got->data;
    double scale = rms(x, n);
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs((double)x[i] - (double)y[i]) <= 2e-6 * (scale > 0 ? scale : 1))) {
            fail_msg("%s differs at %lld: %g, not %g", name, (long long)i, (double)y[i], (double)x[i]);
        }
    }
}

/* Every value that refers to one of the graph as read equals it, graph outputs above all. */
static void assert_same_values(fg_graph *read, fg_graph *rewritten) {
    fg_tensor in[8];
    for (int i = 0; i < read->n_inputs; i++) {
        in[i] = fg_random_input(read->ctx, read->inputs[i], (uint64_t)i + 1);
    }
    fg_run *want = fg_interpret(read, in, NULL, false), *got = fg_interpret(rewritten, in, NULL, false);
    assert_int_equal(read->n_outputs, rewritten->n_outputs);
    for (int i = 0; i < read->n_outputs; i++) {
        assert_ptr_equal(rewritten->outputs[i]->ref, read->outputs[i]);
        assert_same_tensor(fg_run_value(want, read->outputs[i]), fg_run_value(got, rewritten->outputs[i]),
                           "output");
    }
    for (int i = 0; i < rewritten->n_values; i++) {
        const fg_value *v = rewritten->values[i];
        if (v->producer == NULL || v->ref == NULL || v->dtype != FG_FLOAT) {
            continue;
        }
        assert_same_tensor(fg_run_value(want, v->ref), fg_run_value(got, v), v->name);
    }
}

/* Each node as read that is not constant is covered once, and covers stand in order. */
static void assert_covered(const fg_graph *read, const fg_graph *rewritten) {
    int *times = calloc((size_t)read->n_nodes + 1, sizeof *times);
    for (int i = 0; i < rewritten->n_nodes; i++) {
        const fg_node *n = rewritten->nodes[i];
        for (int k = 0; k < n->n_covers; k++) {
            times[n->covers[k]->index]++;
            if (k > 0) {
                assert_true(n->covers[k - 1]->index < n->covers[k]->index);
            }
            assert_true(n->covers[k]->index <= n->index);
        }
    }
    for (int i = 0; i < read->n_nodes; i++) {
        if (read->nodes[i]->out[0]->data == NULL) {
            assert_int_equal(times[read->nodes[i]->index], 1);
        }
    }
    free(times);
}

static fg_graph *canonical(fg_graph *read, bool fuse) {
    fg_fusion_options options = {.fuse = fuse};
    fg_infer(read);
    for (int i = 0; i < read->n_nodes; i++) {
        read->nodes[i]->index = i;
    }
    fg_graph *g = fg_graph_clone(read);
    fg_canonicalise(g, &options);
    assert_covered(read, g);
    assert_same_values(read, g);
    return g;
}

/* ---- no-ops ---- */

TEST(nodes_that_change_nothing_disappear_and_stay_covered) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Relu", input(g, "x", "1x4x5x6"));
    x = NODE(g, "Identity", x);
    x = NODE(g, "Dropout", x);
    x = NODE(g, "Reshape", x, INTS(g, 1, 4, 5, 6));
    x = WITH_INTS(g, NODE(g, "Transpose", x), "perm", 0, 1, 2, 3);
    x = with_int(g, NODE(g, "Cast", x), "to", FG_FLOAT);
    x = NODE(g, "Slice", x, INTS(g, 0), INTS(g, 99), INTS(g, 2));
    x = NODE(g, "Pad", x, INTS(g, 0, 0, 0, 0, 0, 0, 0, 0));
    x = NODE(g, "Expand", x, INTS(g, 1, 1, 1, 1));
    x = with_int(g, NODE(g, "Concat", x), "axis", 1);
    x = NODE(g, "Mul", x, scalar(g, 1));
    x = WITH_INTS(g, NODE(g, "MaxPool", x), "kernel_shape", 1, 1);
    output(g, NODE(g, "Sqrt", x));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 2);
    assert_int_equal(find_op(c, "Relu")->n_covers, 12);
}

TEST(no_ops_behind_a_graph_input_are_covered_by_their_reader) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Identity", NODE(g, "Identity", input(g, "x", "2x3")));
    output(g, NODE(g, "Sqrt", NODE(g, "Abs", x)));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 2);
    assert_int_equal(find_op(c, "Abs")->n_covers, 3);
}

TEST(no_ops_that_only_look_like_it_stay) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x4x6x6");
    x = NODE(g, "Slice", x, INTS(g, -1), INTS(g, -99), INTS(g, 2), INTS(g, -1)); /* reverses */
    x = NODE(g, "Pad", x, INTS(g, 0, 0, 1, 0, 0, 0, -1, 0));                     /* shifts */
    x = WITH_INTS(g, NODE(g, "Transpose", x), "perm", 0, 1, 3, 2);               /* square */
    output(g, x);
    assert_int_equal(canonical(g, true)->n_nodes, 3);
}

TEST(a_graph_output_behind_a_no_op_keeps_its_name) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = NODE(g, "Identity", NODE(g, "Relu", input(g, "x", "2x3")));
    output(g, y);
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 1);
    assert_string_equal(c->outputs[0]->name, y->name);
    assert_ptr_equal(c->outputs[0]->producer, c->nodes[0]);
}

TEST(outputs_that_nothing_computes_are_copied) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "2x3");
    output(g, NODE(g, "Identity", x));
    output(g, NODE(g, "Add", parameter(g, "a", "2x3"), parameter(g, "b", "2x3")));
    fg_value *both = NODE(g, "Relu", x);
    output(g, both);
    output(g, NODE(g, "Identity", both));
    output(g, x);
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 5);
    for (int i = 0; i < c->n_outputs; i++) {
        assert_non_null(c->outputs[i]->producer);
    }
}

TEST(constants_drop_out) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *s = NODE(g, "Exp", parameter(g, "a", "3"));
    output(g, NODE(g, "Mul", input(g, "x", "2x3"), NODE(g, "Sqrt", s)));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 1);
}

TEST(without_fusion_only_no_ops_go) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = batch_norm(g, conv(g, input(g, "x", "1x3x5x5"), "4x3x1x1", 1), "4");
    x = NODE(g, "Mul", x, NODE(g, "Sigmoid", x));
    output(g, NODE(g, "Relu", NODE(g, "Identity", x)));
    fg_graph *c = canonical(g, false);
    assert_int_equal(c->n_nodes, 5);
}

/* ---- activations ---- */

static const fg_node *activation(fg_graph *g, fg_value *y, const char *op_type) {
    output(g, NODE(g, "Sqrt", NODE(g, "Abs", y)));
    fg_graph *c = canonical(g, true);
    assert_int_equal(count_op(c, op_type), 1);
    assert_int_equal(c->n_nodes, 4);
    return find_op(c, op_type);
}

/* The argument is itself a sum, so that it must be recognised as such and not be taken apart. */
static fg_value *argument(fg_graph *g) {
    return NODE(g, "Add", input(g, "x", "2x5"), parameter(g, "b", "5"));
}

TEST(sigmoid_times_x_is_swish) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = argument(g);
    assert_int_equal(activation(g, NODE(g, "Mul", NODE(g, "Sigmoid", x), x), "Swish")->n_covers, 2);
}

TEST(sigmoid_of_a_multiple_is_swish_with_alpha) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = argument(g);
    fg_value *s = NODE(g, "Sigmoid", NODE(g, "Mul", x, scalar(g, 1.702)));
    const fg_node *n = activation(g, NODE(g, "Mul", x, s), "Swish");
    assert_true(fg_attr_float(n, "alpha", 0) == 1.702F);
}

TEST(hard_sigmoid_times_x_is_hard_swish) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 13);
    fg_value *x = argument(g);
    fg_value *s = with_float(g, NODE(g, "HardSigmoid", x), "alpha", 1.0 / 6);
    activation(g, NODE(g, "Mul", x, s), "HardSwish");
}

TEST(clip_forms_are_hard_swish) {
    (void)arg;
    for (int form = 0; form < 3; form++) {
        fg_graph *g = new_graph(ctx, 13);
        fg_value *x = argument(g);
        fg_value *t = NODE(g, "Clip", NODE(g, "Add", x, scalar(g, 3)), scalar(g, 0), scalar(g, 6));
        fg_value *y = form == 0   ? NODE(g, "Div", NODE(g, "Mul", x, t), scalar(g, 6))
                      : form == 1 ? NODE(g, "Mul", x, NODE(g, "Div", t, scalar(g, 6)))
                                  : NODE(g, "Mul", NODE(g, "Mul", x, t), scalar(g, 1.0 / 6));
        assert_int_equal(activation(g, y, "HardSwish")->n_covers, 4);
    }
}

TEST(erf_forms_are_gelu) {
    (void)arg;
    for (int form = 0; form < 3; form++) {
        fg_graph *g = new_graph(ctx, 13);
        fg_value *x = argument(g);
        fg_value *u = form == 0 ? NODE(g, "Div", x, scalar(g, 1.4142135381698608))
                                : NODE(g, "Mul", scalar(g, 0.7071067690849304), x);
        fg_value *t = NODE(g, "Add", scalar(g, 1), NODE(g, "Erf", u));
        fg_value *y = form == 0   ? NODE(g, "Mul", NODE(g, "Mul", x, t), scalar(g, 0.5))
                      : form == 1 ? NODE(g, "Mul", x, NODE(g, "Mul", t, scalar(g, 0.5)))
                                  : NODE(g, "Mul", NODE(g, "Mul", scalar(g, 0.5), x), t);
        const fg_node *n = activation(g, y, "Gelu");
        assert_string_equal(fg_attr_string(n, "approximate", ""), "none");
        assert_int_equal(n->n_covers, 5);
    }
}

TEST(tanh_forms_are_gelu) {
    (void)arg;
    for (int form = 0; form < 2; form++) {
        fg_graph *g = new_graph(ctx, 13);
        fg_value *x = argument(g);
        fg_value *cube =
            form == 0 ? NODE(g, "Pow", x, scalar(g, 3)) : NODE(g, "Mul", x, NODE(g, "Mul", x, x));
        fg_value *sum = NODE(g, "Add", x, NODE(g, "Mul", scalar(g, 0.044715), cube));
        fg_value *t = NODE(g, "Tanh", NODE(g, "Mul", scalar(g, 0.7978845608028654), sum));
        fg_value *y = NODE(g, "Mul", NODE(g, "Mul", scalar(g, 0.5), x), NODE(g, "Add", t, scalar(g, 1)));
        assert_string_equal(fg_attr_string(activation(g, y, "Gelu"), "approximate", ""), "tanh");
    }
}

TEST(activations_with_other_constants_or_other_readers_stay) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = argument(g);
    fg_value *t = NODE(g, "Add", NODE(g, "Erf", NODE(g, "Div", x, scalar(g, 1.5))), scalar(g, 1));
    output(g, NODE(g, "Mul", NODE(g, "Mul", x, t), scalar(g, 0.5)));
    fg_value *s = NODE(g, "Sigmoid", x);
    output(g, NODE(g, "Mul", x, s));
    output(g, NODE(g, "Sqrt", s)); /* the sigmoid itself is wanted */
    fg_value *other = NODE(g, "Abs", x);
    output(g, NODE(g, "Mul", other, NODE(g, "Sigmoid", x))); /* of something else */
    fg_graph *c = canonical(g, true);
    assert_int_equal(count_op(c, "Gelu") + count_op(c, "Swish"), 0);
}

/* ---- normalisation ---- */

static fg_value *spelled_layer_norm(fg_graph *g, fg_value *x, bool pow) {
    fg_value *mean = WITH_INTS(g, NODE(g, "ReduceMean", x), "axes", -1);
    fg_value *d = NODE(g, "Sub", x, mean);
    fg_value *square = pow ? NODE(g, "Pow", d, scalar(g, 2)) : NODE(g, "Mul", d, d);
    fg_value *variance = WITH_INTS(g, NODE(g, "ReduceMean", square), "axes", -1);
    return NODE(g, "Div", d, NODE(g, "Sqrt", NODE(g, "Add", variance, scalar(g, 1e-5))));
}

TEST(spelled_out_layer_norm_is_one_node) {
    (void)arg;
    for (int form = 0; form < 2; form++) {
        fg_graph *g = new_graph(ctx, 13);
        fg_value *y = spelled_layer_norm(g, input(g, "x", "2x3x8"), form == 0);
        y = NODE(g, "Add", NODE(g, "Mul", y, parameter(g, "gamma", "8")), parameter(g, "beta", "8"));
        output(g, NODE(g, "Relu", y));
        fg_graph *c = canonical(g, true);
        assert_int_equal(c->n_nodes, 2);
        const fg_node *n = find_op(c, "LayerNormalization");
        assert_int_equal(n->n_in, 3);
        assert_int_equal(n->n_covers, 9);
        assert_string_equal(n->in[1]->name, "gamma");
    }
}

TEST(layer_norm_over_the_space_of_an_image_is_found) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 13);
    fg_value *x = input(g, "x", "1x3x4x5");
    fg_value *d = NODE(g, "Sub", x, WITH_INTS(g, NODE(g, "ReduceMean", x), "axes", 2, 3));
    fg_value *variance = WITH_INTS(g, NODE(g, "ReduceMean", NODE(g, "Mul", d, d)), "axes", -1, -2);
    output(g, NODE(g, "Div", d, NODE(g, "Sqrt", NODE(g, "Add", variance, scalar(g, 1e-3)))));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 1);
    assert_int_equal(fg_attr_int(c->nodes[0], "axis", 0), -2);
}

TEST(layer_norm_without_scale_is_found_and_a_foreign_reader_prevents_it) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 13);
    output(g, spelled_layer_norm(g, input(g, "x", "2x8"), true));
    assert_int_equal(canonical(g, true)->n_nodes, 1);
    g = new_graph(ctx, 13);
    fg_value *y = spelled_layer_norm(g, input(g, "x", "2x8"), true);
    output(g, y);
    output(g, NODE(g, "Relu", y->producer->in[1])); /* the deviation */
    assert_int_equal(count_op(canonical(g, true), "LayerNormalization"), 0);
}

/* form 0: over the root; 1: times its reciprocal; 2: times one over it; 3: times the power. */
static fg_value *spelled_rms_norm(fg_graph *g, fg_value *x, int form) {
    fg_value *square = form & 1 ? NODE(g, "Mul", x, x) : NODE(g, "Pow", x, scalar(g, 2));
    fg_value *sum = NODE(g, "Add", WITH_INTS(g, NODE(g, "ReduceMean", square), "axes", -1), scalar(g, 1e-6));
    fg_value *root = form == 3 ? NODE(g, "Pow", sum, scalar(g, -0.5)) : NODE(g, "Sqrt", sum);
    if (form == 0) {
        return NODE(g, "Div", x, root);
    }
    root = form == 1 ? NODE(g, "Reciprocal", root) : form == 2 ? NODE(g, "Div", scalar(g, 1), root) : root;
    return form == 2 ? NODE(g, "Mul", root, x) : NODE(g, "Mul", x, root);
}

TEST(spelled_out_rms_norm_is_one_node) {
    (void)arg;
    for (int form = 0; form < 4; form++) {
        fg_graph *g = new_graph(ctx, 13);
        fg_value *y = spelled_rms_norm(g, input(g, "x", "2x3x8"), form);
        output(g, NODE(g, "Relu", NODE(g, "Mul", parameter(g, "gamma", "8"), y)));
        fg_graph *c = canonical(g, true);
        assert_int_equal(c->n_nodes, 2);
        const fg_node *n = find_op(c, "RMSNormalization");
        assert_string_equal(n->in[1]->name, "gamma");
        assert_true(fg_attr_float(n, "epsilon", 0) == 1e-6F);
        assert_int_equal(n->n_covers, form == 0 || form == 3 ? 6 : 7);
    }
}

TEST(rms_norm_of_something_else_stays) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 13);
    fg_value *x = input(g, "x", "2x8"), *y = spelled_rms_norm(g, x, 0);
    output(g, y);
    output(g, NODE(g, "Mul", input(g, "other", "2x8"), NODE(g, "Reciprocal", y->producer->in[1])));
    y = spelled_rms_norm(g, NODE(g, "Relu", x), 1);
    output(g, y);
    output(g, NODE(g, "Exp", y->producer->in[1])); /* the factor itself */
    y = NODE(g, "Add", WITH_INTS(g, NODE(g, "ReduceMean", NODE(g, "Pow", x, scalar(g, 3))), "axes", -1),
             scalar(g, 1));
    output(g, NODE(g, "Div", x, NODE(g, "Sqrt", y)));
    assert_int_equal(count_op(canonical(g, true), "RMSNormalization"), 0);
}

/* As torch's exporter writes group_norm. */
static fg_value *spelled_group_norm(fg_graph *g, fg_value *x) {
    fg_value *one = parameter(g, "one", "4"), *zero = parameter(g, "zero", "4");
    for (int i = 0; i < 4; i++) {
        ((float *)(uintptr_t)one->data)[i] = 1;
        ((float *)(uintptr_t)zero->data)[i] = 0;
    }
    fg_value *y = NODE(g, "InstanceNormalization", NODE(g, "Reshape", x, INTS(g, 0, 4, -1)), one, zero);
    y = NODE(g, "Reshape", with_float(g, y, "epsilon", 1e-3), INTS(g, 2, 12, 5, 7));
    return NODE(g, "Add", NODE(g, "Mul", y, parameter(g, "gamma", "12x1x1")), parameter(g, "beta", "12x1x1"));
}

TEST(spelled_out_group_norm_is_one_node) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 13);
    output(g, NODE(g, "Relu", spelled_group_norm(g, input(g, "x", "2x12x5x7"))));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 2);
    const fg_node *n = find_op(c, "GroupNormalization");
    assert_int_equal(fg_attr_int(n, "num_groups", 0), 4);
    assert_int_equal(n->n_covers, 5);
    assert_true(fg_const_float(n->in[1], 3) == fg_const_float(parameter(g, "gamma", "12"), 3));
}

/* Every other pixel of x from (y, x) on; in one slice or in two. */
static fg_value *quarter(fg_graph *g, fg_value *x, int64_t from_y, int64_t from_x, bool together) {
    const int64_t end = INT64_MAX;
    if (together) {
        return NODE(g, "Slice", x, INTS(g, from_y, from_x), INTS(g, end, end), INTS(g, 2, 3), INTS(g, 2, 2));
    }
    x = NODE(g, "Slice", x, INTS(g, from_y), INTS(g, end), INTS(g, 2), INTS(g, 2));
    return NODE(g, "Slice", x, INTS(g, from_x), INTS(g, end), INTS(g, -1), INTS(g, 2));
}

TEST(focus_goes_into_the_convolution) {
    (void)arg;
    for (int together = 0; together < 2; together++) {
        fg_graph *g = new_graph(ctx, 13);
        fg_value *x = input(g, "x", "1x3x12x8"), *q[4];
        for (int i = 0; i < 4; i++) {
            q[i] = quarter(g, x, i % 2, i / 2, together != 0);
        }
        fg_value *y = with_int(g, make_node(g, "Concat", 4, q), "axis", 1);
        output(g, conv(g, y, "5x12x3x3", 1));
        fg_graph *c = canonical(g, true);
        assert_int_equal(c->n_nodes, 1);
        assert_int_equal(c->nodes[0]->in[1]->shape.dim[2], 6);
        assert_int_equal(c->nodes[0]->n_covers, together ? 6 : 10);
    }
}

TEST(pictures_that_are_no_focus_stay) {
    (void)arg;
    for (int form = 0; form < 3; form++) {
        fg_graph *g = new_graph(ctx, 13);
        fg_value *x = input(g, "x", "1x3x12x8"), *q[4];
        for (int i = 0; i < 4; i++) {
            fg_value *of = form == 1 && i == 3 ? NODE(g, "Relu", x) : x;
            q[i] = quarter(g, of, i % 2, form == 0 ? 0 : i / 2, true);
        }
        fg_value *y = with_int(g, make_node(g, "Concat", 4, q), "axis", 1);
        if (form == 2) {
            output(g, y);
        }
        output(g, conv(g, y, "5x12x3x3", 1));
        assert_int_equal(count_op(canonical(g, true), "Slice"), 4);
    }
}

/* ---- folding into weights ---- */

TEST(pixel_shuffles_by_reshapes_are_one_node) {
    (void)arg;
    static const struct {
        const char *x, *op, *mode;
        int64_t six[6], perm[6], four[4];
    } cases[] = {
        {"2x12x4x5", "DepthToSpace", "CRD", {2, 3, 2, 2, 4, 5}, {0, 1, 4, 2, 5, 3}, {2, 3, 8, 10}},
        {"2x12x4x5", "DepthToSpace", "DCR", {2, 2, 2, 3, 4, 5}, {0, 3, 4, 1, 5, 2}, {2, 3, 8, 10}},
        {"2x3x6x9", "SpaceToDepth", "", {2, 3, 2, 3, 3, 3}, {0, 3, 5, 1, 2, 4}, {2, 27, 2, 3}},
        {"2x8x4x4", NULL, "", {2, 4, 2, 1, 4, 4}, {0, 1, 4, 2, 5, 3}, {2, 4, 8, 4}}, /* blocks not square */
        {"2x12x4x5", NULL, "", {2, 3, 2, 2, 4, 5}, {0, 1, 4, 3, 5, 2}, {2, 3, 8, 10}},
        {"2x12x4x5", NULL, "", {2, 3, 2, 2, 4, 5}, {0, 1, 4, 2, 5, 3}, {2, 6, 4, 10}},
    };
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *y = NODE(g, "Reshape", input(g, "x", cases[i].x), ints(g, 6, cases[i].six));
        y = with_ints(g, NODE(g, "Transpose", y), "perm", 6, cases[i].perm);
        output(g, NODE(g, "Relu", NODE(g, "Reshape", y, ints(g, 4, cases[i].four))));
        fg_graph *c = canonical(g, true);
        assert_int_equal(c->n_nodes, cases[i].op == NULL ? 4 : 2);
        if (cases[i].op != NULL) {
            assert_string_equal(fg_attr_string(find_op(c, cases[i].op), "mode", ""), cases[i].mode);
        }
    }
}

TEST(elements_scattered_by_slices_are_scattered_as_slices) {
    (void)arg;
    for (int whole = 0; whole < 2; whole++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *list =
            NODE(g, "Add", INTS(g, 4, 0, 2), NODE(g, "Cast", NODE(g, "Tanh", input(g, "c", "1"))));
        fg_node_set_attr(ctx, list->producer->in[1]->producer, "to", FG_ATTR_INT)->i = FG_INT64;
        fg_value *at = NODE(g, "Reshape", list, INTS(g, 3, 1, 1));
        at = NODE(g, "Expand", at, whole ? INTS(g, 3, 4, 5) : INTS(g, 3, 4, 2));
        fg_value *updates = input(g, "u", whole ? "3x4x5" : "3x4x2");
        output(g, NODE(g, "Relu", NODE(g, "ScatterElements", input(g, "x", "6x4x5"), at, updates)));
        fg_graph *c = canonical(g, true);
        (void)find_op(c, whole ? "ScatterND" : "ScatterElements");
        (void)find_op(c, whole ? "Reshape" : "Expand");
    }
}

TEST(what_a_constant_is_cast_like_does_not_matter) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Relu", input(g, "x", "1x4x5x5"));
    fg_value *zeros = NODE(g, "Expand", NODE(g, "CastLike", scalar(g, 0), x), INTS(g, 6));
    output(g, NODE(g, "Conv", x, parameter(g, "w", "6x4x3x3"), zeros));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 2);
    assert_true(find_op(c, "Conv")->in[2]->data != NULL);
}

TEST(batch_norm_goes_into_the_convolution) {
    (void)arg;
    static const char *const weights[] = {"6x4x3x3", "8x1x3x3"};
    for (int form = 0; form < 2; form++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", form == 0 ? "2x4x5x5" : "2x8x5x5");
        fg_value *y = conv(g, x, weights[form], form == 0 ? 1 : 8);
        y = batch_norm(g, y, form == 0 ? "6" : "8");
        output(g, NODE(g, "Relu", y));
        fg_graph *c = canonical(g, true);
        assert_int_equal(c->n_nodes, 2);
        assert_int_equal(find_op(c, "Conv")->n_covers, 2);
    }
}

TEST(batch_norm_goes_into_grouped_transposed_convolutions_and_gemm) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x4x3x3");
    fg_value *y = with_int(g, NODE(g, "ConvTranspose", x, parameter(g, "w", "4x3x2x2")), "group", 2);
    output(g, batch_norm(g, y, "6"));
    assert_int_equal(canonical(g, true)->n_nodes, 1);
    for (int transposed = 0; transposed < 2; transposed++) {
        g = new_graph(ctx, 17);
        x = input(g, "x", "3x4");
        y = NODE(g, "Gemm", x, parameter(g, "w", transposed ? "5x4" : "4x5"), parameter(g, "c", "1x5"));
        y = with_float(g, with_float(g, with_int(g, y, "transB", transposed), "alpha", 2), "beta", 0.25);
        output(g, batch_norm(g, y, "5"));
        assert_int_equal(canonical(g, true)->n_nodes, 1);
    }
}

TEST(batch_norm_behind_a_fork_becomes_mul_and_add) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = conv(g, input(g, "x", "1x4x5x5"), "6x4x1x1", 1);
    output(g, NODE(g, "Relu", y));
    output(g, batch_norm(g, y, "6"));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 4);
    assert_int_equal(count_op(c, "Mul"), 1);
    assert_int_equal(count_op(c, "Add"), 1);
}

TEST(factors_and_offsets_per_channel_go_into_the_convolution) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = conv(g, input(g, "x", "1x4x5x5"), "6x4x1x1", 1);
    y = NODE(g, "Mul", parameter(g, "m", "1x6x1x1"), y);
    y = NODE(g, "Add", y, parameter(g, "a", "6x1x1"));
    y = NODE(g, "Div", NODE(g, "Sub", y, scalar(g, 0.5)), parameter(g, "d", "6x1x1"));
    output(g, y);
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 1);
    assert_int_equal(c->nodes[0]->n_covers, 5);
}

TEST(operands_that_are_not_per_channel_are_not_folded) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = conv(g, input(g, "x", "1x4x5x6"), "6x4x1x1", 1);
    y = NODE(g, "Add", NODE(g, "Mul", y, parameter(g, "row", "6")), parameter(g, "map", "1x1x5x6"));
    output(g, NODE(g, "Div", parameter(g, "c", "6x1x1"), y));
    assert_int_equal(canonical(g, true)->n_nodes, 4);
}

TEST(gemm_factors_go_into_its_constants) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = NODE(g, "Gemm", input(g, "x", "3x4"), parameter(g, "w", "4x5"), parameter(g, "c", "3x5"));
    output(g, with_float(g, with_float(g, y, "alpha", 0.5), "beta", 2));
    const fg_graph *c = canonical(g, true);
    assert_true(fg_attr_float(c->nodes[0], "alpha", 0) == 1 && fg_attr_float(c->nodes[0], "beta", 0) == 1);
}

/* ---- windows and shapes ---- */

TEST(zero_pads_go_into_convolutions_and_averages) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Pad", input(g, "x", "1x4x6x7"), INTS(g, 0, 0, 1, 0, 0, 0, 2, 1));
    output(g, conv(g, x, "6x4x3x3", 1));
    assert_int_equal(canonical(g, true)->n_nodes, 1);
    g = new_graph(ctx, 17);
    x = NODE(g, "Pad", input(g, "x", "1x4x6x7"), INTS(g, 0, 0, 1, 1, 0, 0, 1, 1));
    output(g, WITH_INTS(g, NODE(g, "AveragePool", x), "kernel_shape", 3, 3));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 1);
    assert_int_equal(fg_attr_int(c->nodes[0], "count_include_pad", 0), 1);
}

TEST(pads_of_lowest_value_go_into_maxima_and_zeros_do_not) {
    (void)arg;
    for (int form = 0; form < 2; form++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = NODE(g, "Pad", input(g, "x", "1x4x6x7"), INTS(g, 0, 0, 1, 1, 0, 0, 1, 1),
                           scalar(g, form == 0 ? -INFINITY : 0));
        output(g, WITH_INTS(g, NODE(g, "MaxPool", x), "kernel_shape", 3, 3));
        assert_int_equal(canonical(g, true)->n_nodes, 1 + form);
    }
}

TEST(mean_over_space_is_a_global_average) {
    (void)arg;
    for (int64_t keep = 0; keep < 2; keep++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *y = WITH_INTS(g, NODE(g, "ReduceMean", input(g, "x", "2x3x4x5")), "axes", -1, 2);
        output(g, with_int(g, y, "keepdims", keep));
        fg_graph *c = canonical(g, true);
        assert_int_equal(count_op(c, "GlobalAveragePool"), 1);
        assert_int_equal(count_op(c, "Flatten"), keep == 0);
    }
    fg_graph *g = new_graph(ctx, 17);
    output(g, WITH_INTS(g, NODE(g, "ReduceMean", input(g, "x", "2x3x4x5")), "axes", 1, 2));
    assert_int_equal(count_op(canonical(g, true), "ReduceMean"), 1);
}

TEST(transposes_cancel_or_merge) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Relu", input(g, "x", "2x3x4x5"));
    x = WITH_INTS(g, NODE(g, "Transpose", x), "perm", 0, 2, 3, 1);
    x = WITH_INTS(g, NODE(g, "Transpose", x), "perm", 0, 3, 1, 2);
    x = WITH_INTS(g, NODE(g, "Transpose", x), "perm", 1, 0, 2, 3);
    x = WITH_INTS(g, NODE(g, "Transpose", x), "perm", 0, 2, 1, 3);
    output(g, NODE(g, "Sqrt", NODE(g, "Abs", x)));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 4);
    assert_int_equal(count_op(c, "Transpose"), 1);
}

TEST(a_transpose_with_other_readers_is_cancelled_for_one) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Relu", input(g, "x", "2x3x4"));
    fg_value *t = WITH_INTS(g, NODE(g, "Transpose", x), "perm", 1, 2, 0);
    output(g, NODE(g, "Abs", t));
    output(g, NODE(g, "Sqrt", WITH_INTS(g, NODE(g, "Transpose", t), "perm", 2, 0, 1)));
    assert_int_equal(count_op(canonical(g, true), "Transpose"), 1);
}

TEST(views_of_views_are_one_reshape) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Relu", input(g, "x", "2x3x4x5"));
    x = NODE(g, "Unsqueeze", NODE(g, "Flatten", x), INTS(g, 0));
    x = NODE(g, "Reshape", x, INTS(g, 6, -1));
    output(g, NODE(g, "Sqrt", NODE(g, "Reshape", x, INTS(g, 2, 3, 20))));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 3);
    assert_int_equal(find_op(c, "Reshape")->n_covers, 4);
}

TEST(a_transpose_of_unit_extents_is_a_reshape) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = NODE(g, "Relu", input(g, "x", "5x6"));
    x = NODE(g, "Reshape", x, INTS(g, 5, 1, 6));
    x = WITH_INTS(g, NODE(g, "Transpose", x), "perm", 1, 0, 2);
    x = NODE(g, "Sqrt", NODE(g, "Abs", x));
    output(g, WITH_INTS(g, NODE(g, "Transpose", x), "perm", 0, 2, 1)); /* this one moves something */
    fg_graph *c = canonical(g, true);
    assert_int_equal(count_op(c, "Transpose"), 1);
    assert_int_equal(count_op(c, "Reshape"), 1);
}

TEST(automatic_pads_become_explicit) {
    (void)arg;
    static const char *const modes[] = {"SAME_UPPER", "SAME_LOWER", "VALID"};
    static const char *const ops[] = {"Conv", "MaxPool", "AveragePool"};
    for (size_t i = 0; i < 9; i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", "1x3x8x7");
        fg_value *y = i % 3 == 0 ? NODE(g, ops[0], x, parameter(g, "w", "4x3x4x2")) : NODE(g, ops[i % 3], x);
        y = WITH_INTS(g, WITH_INTS(g, y, "kernel_shape", 4, 2), "strides", 3, 2);
        fg_attr *a = fg_node_set_attr(ctx, y->producer, "auto_pad", FG_ATTR_STRING);
        a->s = modes[i / 3];
        a->s_len = strlen(a->s);
        output(g, y);
        fg_graph *c = canonical(g, true);
        assert_string_equal(fg_attr_string(c->nodes[0], "auto_pad", ""), "NOTSET");
        assert_string_equal(fg_attr_string(g->nodes[0], "auto_pad", ""),
                            modes[i / 3]); /* the original's own */
    }
}

TEST(factors_move_behind_a_product_of_two_computed_matrices) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *q = NODE(g, "Div", input(g, "q", "2x3x4"), scalar(g, 8));
    fg_value *k = NODE(g, "Mul", scalar(g, 0.5), input(g, "k", "2x4x3"));
    output(g, NODE(g, "Relu", NODE(g, "MatMul", q, k)));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 4);
    for (int i = 0; i < 2; i++) {
        assert_true(find_op(c, "MatMul")->in[i]->is_input);
    }
    g = new_graph(ctx, 17);
    q = NODE(g, "Div", input(g, "q", "2x3x4"), parameter(g, "d", "4")); /* not one factor */
    output(g, NODE(g, "MatMul", q, input(g, "k", "2x4x3")));
    assert_string_equal(canonical(g, true)->nodes[0]->op_type, "Div");
}

TEST(one_index_of_a_gather_is_a_slice) {
    (void)arg;
    static const int64_t at = -1;
    fg_graph *g = new_graph(ctx, 17);
    fg_shape none = {.rank = 0};
    fg_value *index = fg_graph_const(g, "index", FG_INT64, &none, &at);
    output(g, with_int(g, NODE(g, "Gather", input(g, "x", "2x3x4"), index), "axis", 1));
    fg_graph *c = canonical(g, true);
    assert_int_equal(c->n_nodes, 2);
    assert_string_equal(c->nodes[0]->op_type, "Slice");
    assert_string_equal(c->nodes[1]->op_type, "Reshape");
}

/* Residual and scale come to stand behind the product itself, the view behind them. */
TEST(views_sink_below_what_follows_a_product) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = NODE(g, "MatMul", input(g, "x", "1x5x6x8"), parameter(g, "w", "8x3"));
    y = with_ints(g, NODE(g, "Transpose", y), "perm", 4, (const int64_t[]){0, 3, 1, 2});
    y = NODE(g, "Mul", parameter(g, "scale", "3x1x1"), y);
    output(g, NODE(g, "Add", y, input(g, "r", "1x3x5x6")));
    fg_graph *c = canonical(g, true);
    static const char *const ops[] = {"MatMul", "Mul", "Transpose", "Add", "Transpose"};
    assert_int_equal(c->n_nodes, 5);
    assert_string_equal(c->nodes[4]->op_type, "Transpose");
    for (int i = 0; i < 5; i++) {
        int found = 0;
        for (int k = 0; k < 5; k++) {
            found += strcmp(c->nodes[k]->op_type, ops[i]) == 0;
        }
        assert_int_equal(found, 1 + (i == 2 || i == 4));
    }
}

TEST(of_two_products_only_one_gives_its_view_up) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *a = NODE(g, "MatMul", input(g, "x", "5x8"), parameter(g, "w", "8x3"));
    fg_value *b = NODE(g, "MatMul", input(g, "y", "5x1x8"), parameter(g, "v", "8x3"));
    output(g, NODE(g, "Relu", NODE(g, "Add", NODE(g, "Reshape", a, INTS(g, 5, 1, 3)), b)));
    assert_int_equal(canonical(g, true)->n_nodes, 5);
}

TEST(masks_lose_the_extents_of_windows) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = NODE(g, "Reshape", input(g, "x", "4x3x5x5"), INTS(g, 1, 4, 3, 5, 5));
    y = NODE(g, "Add", y, parameter(g, "mask", "1x4x1x5x5"));
    output(g, NODE(g, "Softmax", NODE(g, "Reshape", y, INTS(g, 4, 3, 5, 5))));
    assert_int_equal(canonical(g, true)->n_nodes, 2);
}

TEST(ten_thousand_no_ops_are_removed_in_one_go) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "2x3");
    for (int i = 0; i < 10000; i++) {
        x = NODE(g, "Identity", x);
    }
    output(g, NODE(g, "Relu", x));
    assert_int_equal(canonical(g, true)->n_nodes, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_that_change_nothing_disappear_and_stay_covered),
        cmocka_unit_test(no_ops_behind_a_graph_input_are_covered_by_their_reader),
        cmocka_unit_test(no_ops_that_only_look_like_it_stay),
        cmocka_unit_test(a_graph_output_behind_a_no_op_keeps_its_name),
        cmocka_unit_test(outputs_that_nothing_computes_are_copied),
        cmocka_unit_test(constants_drop_out),
        cmocka_unit_test(without_fusion_only_no_ops_go),
        cmocka_unit_test(sigmoid_times_x_is_swish),
        cmocka_unit_test(sigmoid_of_a_multiple_is_swish_with_alpha),
        cmocka_unit_test(hard_sigmoid_times_x_is_hard_swish),
        cmocka_unit_test(clip_forms_are_hard_swish),
        cmocka_unit_test(erf_forms_are_gelu),
        cmocka_unit_test(tanh_forms_are_gelu),
        cmocka_unit_test(activations_with_other_constants_or_other_readers_stay),
        cmocka_unit_test(spelled_out_layer_norm_is_one_node),
        cmocka_unit_test(layer_norm_over_the_space_of_an_image_is_found),
        cmocka_unit_test(layer_norm_without_scale_is_found_and_a_foreign_reader_prevents_it),
        cmocka_unit_test(spelled_out_rms_norm_is_one_node),
        cmocka_unit_test(rms_norm_of_something_else_stays),
        cmocka_unit_test(spelled_out_group_norm_is_one_node),
        cmocka_unit_test(focus_goes_into_the_convolution),
        cmocka_unit_test(pictures_that_are_no_focus_stay),
        cmocka_unit_test(pixel_shuffles_by_reshapes_are_one_node),
        cmocka_unit_test(elements_scattered_by_slices_are_scattered_as_slices),
        cmocka_unit_test(what_a_constant_is_cast_like_does_not_matter),
        cmocka_unit_test(batch_norm_goes_into_the_convolution),
        cmocka_unit_test(batch_norm_goes_into_grouped_transposed_convolutions_and_gemm),
        cmocka_unit_test(batch_norm_behind_a_fork_becomes_mul_and_add),
        cmocka_unit_test(factors_and_offsets_per_channel_go_into_the_convolution),
        cmocka_unit_test(operands_that_are_not_per_channel_are_not_folded),
        cmocka_unit_test(gemm_factors_go_into_its_constants),
        cmocka_unit_test(zero_pads_go_into_convolutions_and_averages),
        cmocka_unit_test(pads_of_lowest_value_go_into_maxima_and_zeros_do_not),
        cmocka_unit_test(mean_over_space_is_a_global_average),
        cmocka_unit_test(transposes_cancel_or_merge),
        cmocka_unit_test(a_transpose_with_other_readers_is_cancelled_for_one),
        cmocka_unit_test(views_of_views_are_one_reshape),
        cmocka_unit_test(a_transpose_of_unit_extents_is_a_reshape),
        cmocka_unit_test(automatic_pads_become_explicit),
        cmocka_unit_test(factors_move_behind_a_product_of_two_computed_matrices),
        cmocka_unit_test(one_index_of_a_gather_is_a_slice),
        cmocka_unit_test(views_sink_below_what_follows_a_product),
        cmocka_unit_test(of_two_products_only_one_gives_its_view_up),
        cmocka_unit_test(masks_lose_the_extents_of_windows),
        cmocka_unit_test(ten_thousand_no_ops_are_removed_in_one_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
