/* Attention: the reference against values worked out by hand, and generated code against the reference. */
#include "one_node.h"

#include "lower_check.h"

/* ---- the reference ---- */

static void weighs_all_keys_alike_where_the_scores_are_equal(void **state) {
    (void)state;
    one_node t = one_node_new("Attention", 23);
    one_node_floats(&t, "1,1,1,2", 0.0, 0.0);
    one_node_floats(&t, "1,1,3,2", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
    one_node_floats(&t, "1,1,3,2", 1.0, 20.0, 2.0, 40.0, 6.0, 90.0);
    one_node_expect(&t, 0, "1,1,1,2", 3.0, 50.0);
    one_node_done(&t);
}

/* Scores 0 and ln 3, by the scale given. */
static void weighs_keys_by_the_softmax_of_scaled_scores(void **state) {
    (void)state;
    one_node t = one_node_new("Attention", 23);
    one_node_floats(&t, "1,1,1,1", 2.0);
    one_node_floats(&t, "1,1,2,1", 0.0, 1.0);
    one_node_floats(&t, "1,1,2,1", 4.0, 8.0);
    one_node_float(&t, "scale", 0.54930614433405485f);
    one_node_expect(&t, 0, "1,1,1,1", 7.0);
    one_node_done(&t);
}

/* The second query stands behind two cached keys and itself; the first does not see the last key. */
static void causal_queries_stand_behind_the_cache(void **state) {
    (void)state;
    one_node t = one_node_new("Attention", 23);
    one_node_floats(&t, "1,1,2,1", 0.0, 0.0);
    one_node_floats(&t, "1,1,2,1", 1.0, 1.0);
    one_node_floats(&t, "1,1,2,1", 6.0, 20.0);
    one_node_absent(&t);
    one_node_floats(&t, "1,1,1,1", 1.0);
    one_node_floats(&t, "1,1,1,1", 10.0);
    one_node_int(&t, "is_causal", 1);
    t.n_out = 3;
    one_node_expect(&t, 0, "1,1,2,1", 8.0, 12.0);
    one_node_expect(&t, 1, "1,1,3,1", 1.0, 1.0, 1.0);
    one_node_expect(&t, 2, "1,1,3,1", 10.0, 6.0, 20.0);
    one_node_done(&t);
}

static void rows_that_see_nothing_are_zero(void **state) {
    (void)state;
    one_node t = one_node_new("Attention", 23);
    one_node_floats(&t, "1,1,2,1", 0.0, 0.0);
    one_node_floats(&t, "1,1,2,1", 1.0, INFINITY);
    one_node_floats(&t, "1,1,2,1", 6.0, 20.0);
    one_node_in(&t, FG_BOOL, "2,2", 0.0, 0.0, 1.0, 0.0);
    t.n_out = 4;
    one_node_int(&t, "qk_matmul_output_mode", 3);
    const fg_tensor *y = one_node_out(&t, 0);
    assert_true(((const float *)y->data)[0] == 0);
    one_node_done(&t);
}

/* Packed: two heads of queries read one head of keys. */
static void heads_of_queries_share_a_head_of_keys(void **state) {
    (void)state;
    one_node t = one_node_new("Attention", 24);
    one_node_floats(&t, "1,1,2", 0.0, 1.0986122886681098);
    one_node_floats(&t, "1,2,1", 0.0, 1.0);
    one_node_floats(&t, "1,2,1", 4.0, 8.0);
    one_node_int(&t, "q_num_heads", 2);
    one_node_int(&t, "kv_num_heads", 1);
    one_node_expect(&t, 0, "1,1,2", 6.0, 7.0);
    one_node_done(&t);
}

static void refuses(fg_status status, const char *message, const char *q, const char *k, const char *v) {
    one_node t = one_node_new("Attention", 25);
    const char *shape[] = {q, k, v};
    for (int i = 0; i < 3; i++) {
        one_node_counting(&t, shape[i]);
    }
    one_node_int(&t, "q_num_heads", 4);
    one_node_int(&t, "kv_num_heads", 3);
    one_node_expect_error(&t, status, message);
    one_node_done(&t);
}

static void refuses_operands_that_do_not_fit(void **state) {
    (void)state;
    refuses(FG_BAD_MODEL, "cannot share", "1,2,8", "1,2,6", "1,2,6");
    refuses(FG_BAD_MODEL, "must have 3 or 4 dimensions", "1,2,8", "1,2,3,6", "1,2,6");
    refuses(FG_BAD_MODEL, "must have 3 or 4 dimensions", "2,8", "2,6", "2,6");
    refuses(FG_BAD_MODEL, "do not divide", "1,2,9", "1,2,6", "1,2,6");
    refuses(FG_BAD_MODEL, "must be", "1,3,2,8", "1,3,2,6", "1,3,2,6");
    refuses(FG_UNSUPPORTED, "without heads", "1,3,2,8", "1,3,0,8", "1,3,0,6");
}

/* ---- generated code ---- */

static fg_value *packed(fg_graph *g, fg_value *y, int q_heads, int kv_heads) {
    return with_int(g, with_int(g, y, "q_num_heads", q_heads), "kv_num_heads", kv_heads);
}

TEST(generates_packed_heads) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 23);
    fg_value *q = input(g, "q", "2x9x48"), *k = input(g, "k", "2x21x24"), *v = input(g, "v", "2x21x36");
    check(g, packed(g, NODE(g, "Attention", q, k, v), 6, 3));
    g = new_graph(ctx, 23);
    q = input(g, "q", "1x17x40");
    check(g, with_int(g, packed(g, NODE(g, "Attention", q, q, q), 5, 5), "is_causal", 1));
}

TEST(generates_masks_of_any_rank) {
    (void)arg;
    static const char *const shapes[] = {"19", "7x19", "1x19", "6x1x19", "2x1x7x19"};
    for (size_t i = 0; i < FG_COUNT(shapes); i++) {
        for (int boolean = 0; boolean < 2; boolean++) {
            fg_graph *g = new_graph(ctx, 24);
            fg_value *q = input(g, "q", "2x6x7x8"), *k = input(g, "k", "2x3x19x8"),
                     *v = input(g, "v", "2x3x19x5");
            fg_value *m = typed_input(g, "m", shapes[i], boolean ? FG_BOOL : FG_FLOAT);
            fg_value *y = with_int(g, NODE(g, "Attention", q, k, v, m), "is_causal", (int)i % 2);
            check(g, with_float(g, y, "softcap", boolean ? 1.5 : 0));
        }
    }
}

TEST(generates_a_step_with_a_cache) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 23);
    fg_value *q = input(g, "q", "1x1x32"), *k = input(g, "k", "1x1x16"), *v = input(g, "v", "1x1x16");
    fg_value *pk = input(g, "pk", "1x2x11x8"), *pv = input(g, "pv", "1x2x11x8");
    fg_value *in[] = {q, k, v, NULL, pk, pv}, *out[3];
    for (int i = 0; i < 3; i++) {
        out[i] = fg_graph_value(g, "out");
    }
    fg_graph_node(g, "Attention", 6, in, 3, out);
    packed(g, (out[0]->producer = g->nodes[0], out[0]), 4, 2);
    output(g, out[1]);
    output(g, out[2]);
    check(g, out[0]);
}

TEST(generates_caches_of_which_a_part_is_valid) {
    (void)arg;
    for (int window = -1; window < 3; window++) {
        fg_graph *g = new_graph(ctx, 25);
        fg_value *q = input(g, "q", "3x4x5x8"), *k = input(g, "k", "3x2x16x8"),
                 *v = input(g, "v", "3x2x16x8");
        fg_value *valid = typed_input(g, "valid", "3", FG_INT64);
        valid->bound = 0;
        fg_value *y = NODE(g, "Attention", q, k, v, NULL, NULL, NULL, valid);
        y = with_int(g, with_int(g, y, "left_window_size", window), "right_window_size", 2 - window);
        check(g, with_int(g, y, "is_causal", window < 0));
    }
}

/* Long enough that whole blocks of keys are hidden, and some rows altogether. */
TEST(generates_windows_over_long_caches) {
    (void)arg;
    for (int form = 0; form < 3; form++) {
        fg_graph *g = new_graph(ctx, 25);
        fg_value *q = input(g, "q", "1x2x40x8"), *k = input(g, "k", "1x2x400x8"),
                 *v = input(g, "v", "1x2x400x8");
        fg_value *valid = form == 2 ? typed_input(g, "valid", "1", FG_INT64) : NULL;
        fg_value *mask = form == 1 ? typed_input(g, "mask", "40x1", FG_BOOL) : NULL;
        fg_value *in[] = {q, k, v, mask, NULL, NULL, valid};
        mask = mask != NULL ? in[3] = NODE(g, "And", mask, typed_input(g, "keys", "400", FG_BOOL)) : NULL;
        fg_value *y =
            with_int(g, make_node(g, "Attention", form + 3 + 2 * (form == 2), in), "left_window_size", 5);
        check(g, with_int(g, y, "right_window_size", 3));
    }
}

TEST(generates_other_types) {
    (void)arg;
    static const fg_dtype some[] = {FG_DOUBLE, FG_FLOAT16, FG_BFLOAT16};
    for (size_t i = 0; i < FG_COUNT(some); i++) {
        fg_graph *g = new_graph(ctx, 23);
        fg_value *q = typed_input(g, "q", "1x2x5x8", some[i]), *k = typed_input(g, "k", "1x2x9x8", some[i]);
        fg_value *v = typed_input(g, "v", "1x2x9x8", some[i]);
        check(g, NODE(g, "Attention", q, k, v));
    }
}

/* A graph that halves or doubles what it takes, and a mask by positions. */
static fg_graph *score_graph(fg_context *ctx, double factor, bool masked) {
    fg_graph *b = new_graph(ctx, 26);
    fg_value *in = fg_graph_value(b, "scores");
    in->is_input = true;
    b->inputs[b->n_inputs++] = in;
    fg_value *y = NODE(b, "Mul", in, scalar(b, factor));
    if (masked) {
        fg_value *shape = NODE(b, "Shape", in);
        fg_value *rows = NODE(b, "Gather", shape, INTS(b, 2)),
                 *columns = NODE(b, "Gather", shape, INTS(b, 3));
        fg_value *bools =
            NODE(b, "ConstantOfShape", with_int(b, NODE(b, "Concat", rows, columns), "axis", 0));
        bools = with_int(b, NODE(b, "Cast", with_int(b, NODE(b, "EyeLike", bools), "k", 1)), "to", FG_BOOL);
        y = NODE(b, "Where", bools, scalar(b, -1e9), y);
    }
    output(b, y);
    fg_graph_link(b);
    return b;
}

TEST(generates_attention_with_graphs_of_its_own) {
    (void)arg;
    for (int form = 0; form < 4; form++) {
        fg_graph *g = new_graph(ctx, 26);
        const fg_dtype t = form == 3 ? FG_FLOAT16 : FG_FLOAT;
        fg_value *q = typed_input(g, "q", "2x6x7x8", t), *k = typed_input(g, "k", "2x3x7x8", t);
        fg_value *y = NODE(g, "FlexAttention", q, k, typed_input(g, "v", "2x3x7x5", t));
        y->producer->domain = "ai.onnx.preview";
        if (form & 1) {
            fg_node_set_attr(ctx, y->producer, "score_mod", FG_ATTR_GRAPH)->graph =
                score_graph(ctx, 0.5, form == 1);
        }
        if (form & 2) {
            fg_node_set_attr(ctx, y->producer, "prob_mod", FG_ATTR_GRAPH)->graph = score_graph(ctx, 2, false);
        }
        check(g, y);
    }
}

/* Scores 0 and ln 9, halved by the graph: weights 1/4 and 3/4, doubled by the other. */
TEST(graphs_change_scores_and_weights) {
    (void)arg;
    static float data[4] = {1, 0, 2.1972245773362196f, 4}, value[2] = {4, 8};
    fg_graph *g = new_graph(ctx, 26);
    fg_value *q = input(g, "q", "1x1x1x1"), *k = input(g, "k", "1x1x2x1"), *v = input(g, "v", "1x1x2x1");
    fg_value *y = NODE(g, "FlexAttention", q, k, v);
    y->producer->domain = "ai.onnx.preview";
    fg_node_set_attr(ctx, y->producer, "score_mod", FG_ATTR_GRAPH)->graph = score_graph(ctx, 0.5, false);
    fg_node_set_attr(ctx, y->producer, "prob_mod", FG_ATTR_GRAPH)->graph = score_graph(ctx, 2, false);
    output(g, y);
    fg_graph_link(g);
    fg_infer(g);
    const fg_tensor in[] = {
        {FG_FLOAT, q->shape, data}, {FG_FLOAT, k->shape, data + 1}, {FG_FLOAT, v->shape, value}};
    const fg_tensor *out = fg_run_value(fg_interpret(g, in, NULL, false), y);
    assert_true(fabs(fg_get_f64(out, 0) - 14) < 1e-5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighs_all_keys_alike_where_the_scores_are_equal),
        cmocka_unit_test(weighs_keys_by_the_softmax_of_scaled_scores),
        cmocka_unit_test(causal_queries_stand_behind_the_cache),
        cmocka_unit_test(rows_that_see_nothing_are_zero),
        cmocka_unit_test(heads_of_queries_share_a_head_of_keys),
        cmocka_unit_test(refuses_operands_that_do_not_fit),
        cmocka_unit_test(generates_packed_heads),
        cmocka_unit_test(generates_masks_of_any_rank),
        cmocka_unit_test(generates_a_step_with_a_cache),
        cmocka_unit_test(generates_caches_of_which_a_part_is_valid),
        cmocka_unit_test(generates_windows_over_long_caches),
        cmocka_unit_test(generates_other_types),
        cmocka_unit_test(generates_attention_with_graphs_of_its_own),
        cmocka_unit_test(graphs_change_scores_and_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
