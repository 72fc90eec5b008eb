/* Operators of com.microsoft: the reference against values worked out by hand, and generated code against the
 * reference. */
#include "one_node.h"

#include "lower_check.h"

static one_node microsoft(const char *op) {
    one_node t = one_node_new(op, 17);
    t.domain = "com.microsoft";
    return t;
}

/* ---- the reference ---- */

/* erf(1 / sqrt 2) is the probability of one standard deviation. */
static void gelu_in_all_its_forms(void **state) {
    (void)state;
    one_node t = microsoft("Gelu");
    one_node_floats(&t, "3", 1.0, -1.0, 0.0);
    one_node_expect(&t, 0, "3", 0.8413447460685429, -0.15865525393145707, 0.0);
    one_node_done(&t);
    t = microsoft("BiasGelu");
    one_node_floats(&t, "2,2", 0.5, -2.0, 1.0, 1.0);
    one_node_floats(&t, "2", 0.5, 1.0);
    one_node_expect(&t, 0, "2,2", 0.8413447460685429, -0.15865525393145707, 1.3997891980, 1.9544997361);
    one_node_done(&t);
    t = microsoft("FastGelu");
    one_node_floats(&t, "1", 1.0);
    one_node_expect(&t, 0, "1", 0.8411919906);
    one_node_done(&t);
    t = microsoft("QuickGelu");
    one_node_floats(&t, "1", 1.0986122886681098);
    one_node_float(&t, "alpha", 1);
    one_node_expect(&t, 0, "1", 0.75 * 1.0986122886681098);
    one_node_done(&t);
}

/* (1, 2) + (3, 4) + (0, 2) = (4, 8): mean 6, deviation 2. */
static void normalises_sums(void **state) {
    (void)state;
    one_node t = microsoft("SkipLayerNormalization");
    one_node_floats(&t, "1,1,2", 1.0, 2.0);
    one_node_floats(&t, "1,1,2", 3.0, 4.0);
    one_node_floats(&t, "2", 10.0, 100.0);
    one_node_floats(&t, "2", 0.5, 0.25);
    one_node_floats(&t, "2", 0.0, 2.0);
    one_node_expect(&t, 0, "1,1,2", -9.5, 100.25);
    one_node_done(&t);
    t = microsoft("SkipSimplifiedLayerNormalization");
    one_node_floats(&t, "1,1,2", 1.0, 3.0);
    one_node_floats(&t, "1,1,2", 0.0, 4.0);
    one_node_floats(&t, "2", 5.0, 10.0);
    one_node_expect(&t, 0, "1,1,2", 1.0, 14.0);
    one_node_done(&t);
    t = one_node_new("SimplifiedLayerNormalization", 17);
    one_node_floats(&t, "1,2", 1.0, 7.0);
    one_node_floats(&t, "2", 5.0, 10.0);
    one_node_float(&t, "epsilon", 0);
    one_node_expect(&t, 0, "1,2", 1.0, 14.0);
    one_node_done(&t);
}

/* Token 1, position 0: (1, 3) + (3, 5) = (4, 8); token 0, position 1: (0, 0) + (5, 1). */
static void normalises_embeddings(void **state) {
    (void)state;
    one_node t = microsoft("EmbedLayerNormalization");
    one_node_in(&t, FG_INT32, "1,2", 1.0, 0.0);
    one_node_absent(&t);
    one_node_floats(&t, "2,2", 0.0, 0.0, 1.0, 3.0);
    one_node_floats(&t, "3,2", 3.0, 5.0, 5.0, 1.0, 0.0, 0.0);
    one_node_absent(&t);
    one_node_floats(&t, "2", 10.0, 100.0);
    one_node_floats(&t, "2", 0.5, 0.25);
    one_node_in(&t, FG_INT32, "1,2", 1.0, 1.0);
    t.n_out = 3;
    one_node_expect(&t, 0, "1,2,2", -9.5, 100.25, 10.5, -99.75);
    one_node_expect(&t, 1, "1", 2.0);
    one_node_expect(&t, 2, "1,2,2", 4.0, 8.0, 5.0, 1.0);
    one_node_done(&t);
}

static void multiplies_and_goes_on(void **state) {
    (void)state;
    one_node t = microsoft("FusedMatMul");
    one_node_floats(&t, "2,2", 1.0, 2.0, 3.0, 4.0);
    one_node_floats(&t, "2,2", 5.0, 6.0, 7.0, 8.0);
    one_node_int(&t, "transA", 1);
    one_node_float(&t, "alpha", 0.5);
    one_node_expect(&t, 0, "2,2", 13.0, 15.0, 19.0, 22.0);
    one_node_done(&t);
    t = microsoft("FusedGemm");
    one_node_floats(&t, "1,2", 1.0, -2.0);
    one_node_floats(&t, "2,2", 1.0, 2.0, 3.0, 0.0);
    one_node_floats(&t, "2", 1.0, 1.0);
    one_node_text(&t, "activation", "LeakyRelu");
    one_node_float(&t, "activation_alpha", 0.25);
    one_node_expect(&t, 0, "1,2", -1.0, 3.0);
    one_node_done(&t);
    t = microsoft("FusedConv");
    one_node_floats(&t, "1,1,1,3", 1.0, 2.0, 3.0);
    one_node_floats(&t, "1,1,1,2", 1.0, -10.0);
    one_node_floats(&t, "1", 4.0);
    one_node_floats(&t, "1,1,1,2", 20.0, 0.0);
    one_node_text(&t, "activation", "Relu");
    one_node_expect(&t, 0, "1,1,1,2", 5.0, 0.0);
    one_node_done(&t);
}

/* Equal scores: every query averages the values that it may see. The projection takes x to 0, 0 and x. */
static void attends_to_what_the_mask_leaves(void **state) {
    (void)state;
    static const struct {
        const char *shape;
        double mask[3], want[3];
    } cases[] = {{"1", {2}, {3, 3, 3}},
                 {"2", {3, 1}, {7, 7, 7}},
                 {"1,3", {1, 0, 1}, {6, 6, 6}},
                 {NULL, {0}, {2, 3, 16.0 / 3}}};
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        one_node t = microsoft("Attention");
        one_node_floats(&t, "1,3,1", 2.0, 4.0, 10.0);
        one_node_floats(&t, "1,3", 0.0, 0.0, 1.0);
        one_node_absent(&t);
        one_node_int(&t, "num_heads", 1);
        if (cases[i].shape == NULL) {
            one_node_int(&t, "unidirectional", 1);
        } else if (i == 2) {
            one_node_in(&t, FG_INT32, cases[i].shape, cases[i].mask[0], cases[i].mask[1], cases[i].mask[2]);
        } else {
            one_node_in(&t, FG_INT32, cases[i].shape, cases[i].mask[0], cases[i].mask[1]);
        }
        one_node_expect(&t, 0, "1,3,1", cases[i].want[0], cases[i].want[1], cases[i].want[2]);
        one_node_done(&t);
    }
    one_node t = microsoft("MultiHeadAttention");
    one_node_floats(&t, "1,1,2", 0.0, 0.0);
    one_node_floats(&t, "1,1,2", 1.0, 1.0);
    one_node_floats(&t, "1,1,2", 8.0, 80.0);
    one_node_absent(&t);
    one_node_absent(&t);
    one_node_absent(&t);
    one_node_floats(&t, "1,2,1,1", 1.0, 1.0);
    one_node_floats(&t, "1,2,1,1", 4.0, 20.0);
    one_node_int(&t, "num_heads", 2);
    t.n_out = 3;
    one_node_expect(&t, 0, "1,1,2", 6.0, 50.0);
    one_node_expect(&t, 2, "1,2,2,1", 4.0, 8.0, 20.0, 80.0);
    one_node_done(&t);
}

static void refuses_what_is_not_done(void **state) {
    (void)state;
    one_node t = microsoft("FusedGemm");
    one_node_floats(&t, "1,1", 1.0);
    one_node_floats(&t, "1,1", 1.0);
    one_node_text(&t, "activation", "Sine");
    one_node_expect_error(&t, FG_UNSUPPORTED, "'Sine' is not supported");
    one_node_done(&t);
    t = microsoft("Attention");
    one_node_floats(&t, "1,1,4", 1.0, 2.0, 3.0, 4.0);
    one_node_counting(&t, "4,12");
    one_node_int(&t, "num_heads", 3);
    one_node_expect_error(&t, FG_BAD_MODEL, "cannot be divided into 3 heads");
    one_node_done(&t);
    t = microsoft("FusedMatMul");
    one_node_counting(&t, "2,2,2");
    one_node_counting(&t, "2,2,2");
    one_node_int(&t, "transBatchA", 1);
    one_node_expect_error(&t, FG_UNSUPPORTED, "transBatchA=1 is not supported");
    one_node_done(&t);
}

/* ---- generated code ---- */

static fg_value *ms(fg_value *v) {
    v->producer->domain = "com.microsoft";
    return v;
}

TEST(generates_activations_and_normalisations) {
    (void)arg;
    static const char *const gelus[] = {"Gelu", "FastGelu", "QuickGelu", "BiasGelu"};
    for (size_t i = 0; i < FG_COUNT(gelus); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *in[] = {input(g, "x", "3x37"), parameter(g, "b", "37")};
        check(g, ms(make_node(g, gelus[i], (int)i % 2 + 1, in)));
    }
    static const char *const norms[] = {"SkipLayerNormalization", "SkipSimplifiedLayerNormalization"};
    for (size_t i = 0; i < 2; i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", "2x5x32"), *skip = input(g, "s", i == 0 ? "1x5x32" : "2x5x32");
        fg_value *in[] = {x, skip, parameter(g, "w", "32"), parameter(g, "b", "32"), parameter(g, "c", "32")};
        fg_value *out[] = {fg_graph_value(g, "y"), NULL, NULL, fg_graph_value(g, "sum")};
        out[0]->producer = fg_graph_node(g, norms[i], i == 0 ? 5 : 4, in, 4, out);
        output(g, out[3]);
        check(g, ms(out[0]));
    }
    fg_graph *g = new_graph(ctx, 17);
    fg_value *ids = typed_input(g, "ids", "2x7", FG_INT32),
             *segments = typed_input(g, "seg", "2x7", FG_INT32);
    ids->bound = segments->bound = 0;
    fg_value *in[] = {ids,
                      segments,
                      parameter(g, "words", "50x24"),
                      parameter(g, "places", "9x24"),
                      parameter(g, "types", "2x24"),
                      parameter(g, "w", "24"),
                      parameter(g, "b", "24")};
    check(g, ms(make_node(g, "EmbedLayerNormalization", 7, in)));
}

TEST(generates_products) {
    (void)arg;
    for (int form = 0; form < 4; form++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *a = input(g, "a", form & 1 ? "2x9x7" : "2x7x9"),
                 *b = input(g, "b", form & 2 ? "11x9" : "9x11");
        fg_value *y = ms(NODE(g, "FusedMatMul", a, b));
        y = with_int(g, with_int(g, y, "transA", form & 1), "transB", form / 2);
        check(g, with_float(g, y, "alpha", 0.5));
    }
    static const char *const names[] = {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid", "Clip"};
    for (size_t i = 0; i < FG_COUNT(names); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = input(g, "x", "1x4x9x9"), *z = input(g, "z", "1x20x7x7");
        fg_value *y = ms(NODE(g, "FusedConv", x, parameter(g, "w", "20x4x3x3"), parameter(g, "b", "20"), z));
        check(g, with_text(g, y, "activation", names[i]));
        g = new_graph(ctx, 17);
        y = ms(
            NODE(g, "FusedGemm", input(g, "x", "5x17"), parameter(g, "w", "17x20"), parameter(g, "b", "20")));
        check(g, with_text(g, y, "activation", names[i]));
    }
}

TEST(generates_attention) {
    (void)arg;
    static const char *const masks[] = {NULL, "2", "4", "2x9", "2x9x9"};
    for (size_t i = 0; i < FG_COUNT(masks); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *in[] = {input(g, "x", "2x9x20"), parameter(g, "w", "20x72"), parameter(g, "b", "72"), NULL};
        in[3] = masks[i] != NULL ? typed_input(g, "m", masks[i], FG_INT32) : NULL;
        if (in[3] != NULL) {
            in[3]->bound = i > 2 ? 2 : 0;
        }
        fg_value *y = with_int(g, ms(make_node(g, "Attention", 4, in)), "num_heads", 4);
        check(g, with_int(g, y, "unidirectional", (int)i % 2));
    }
    fg_graph *g = new_graph(ctx, 17);
    fg_value *in[] = {
        input(g, "q", "2x1x24"),   input(g, "k", "2x1x24"),   input(g, "v", "2x1x40"), NULL, NULL, NULL,
        input(g, "pk", "2x4x6x6"), input(g, "pv", "2x4x6x10")};
    fg_value *out[] = {fg_graph_value(g, "y"), fg_graph_value(g, "k2"), fg_graph_value(g, "v2")};
    out[0]->producer = fg_graph_node(g, "MultiHeadAttention", 8, in, 3, out);
    with_int(g, ms(out[0]), "num_heads", 4);
    output(g, out[1]);
    output(g, out[2]);
    check(g, out[0]);
}

TEST(generates_rotations_from_one_position_on) {
    (void)arg;
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *p = typed_input(g, "p", "1", FG_INT64);
        p->bound = 0;
        fg_value *y = NODE(g, "RotaryEmbedding", input(g, "x", "2x7x24"), p, parameter(g, "c", "50x4"),
                           parameter(g, "s", "50x4"));
        check(g, with_int(g, ms(y), "interleaved", interleaved));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gelu_in_all_its_forms),
        cmocka_unit_test(normalises_sums),
        cmocka_unit_test(normalises_embeddings),
        cmocka_unit_test(multiplies_and_goes_on),
        cmocka_unit_test(attends_to_what_the_mask_leaves),
        cmocka_unit_test(refuses_what_is_not_done),
        cmocka_unit_test(generates_activations_and_normalisations),
        cmocka_unit_test(generates_products),
        cmocka_unit_test(generates_attention),
        cmocka_unit_test(generates_rotations_from_one_position_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
