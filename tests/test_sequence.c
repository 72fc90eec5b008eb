/* Operators on sequences of tokens, and Einsum: the reference against values worked out by hand, and
 * generated code against the reference. */
#include "one_node.h"

#include "lower_check.h"

/* ---- the reference ---- */

/* A quarter turn takes (1, 2) to (-2, 1); half of the elements apart, or side by side. */
static void rotates_pairs_by_their_positions_angles(void **state) {
    (void)state;
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        one_node t = one_node_new("RotaryEmbedding", 23);
        one_node_floats(&t, "1,1,2,4", 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0);
        one_node_floats(&t, "3,1", 1.0, 0.0, -1.0);
        one_node_floats(&t, "3,1", 0.0, 1.0, 0.0);
        one_node_in(&t, FG_INT64, "1,2", 1.0, 2.0);
        one_node_int(&t, "rotary_embedding_dim", 2);
        one_node_int(&t, "interleaved", interleaved);
        one_node_expect(&t, 0, "1,1,2,4", -2.0, 1.0, 3.0, 4.0, -1.0, -2.0, 3.0, 4.0);
        one_node_done(&t);
    }
    one_node t = one_node_new("RotaryEmbedding", 23);
    one_node_floats(&t, "1,1,8", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0);
    one_node_floats(&t, "1,1,2", 0.0, 1.0);
    one_node_floats(&t, "1,1,2", 1.0, 0.0);
    one_node_int(&t, "num_heads", 2);
    one_node_expect(&t, 0, "1,1,8", -3.0, 2.0, 1.0, 4.0, -7.0, 6.0, 5.0, 8.0);
    one_node_done(&t);
}

static void updates_a_cache_from_each_batchs_place_on(void **state) {
    (void)state;
    for (int circular = 0; circular < 2; circular++) {
        one_node t = one_node_new("TensorScatter", 24);
        one_node_floats(&t, "2,3,1", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
        one_node_floats(&t, "2,2,1", 10.0, 20.0, 30.0, 40.0);
        one_node_in(&t, FG_INT64, "2", 1.0, circular ? 2.0 : 0.0);
        one_node_text(&t, "mode", circular ? "circular" : "linear");
        one_node_expect(&t, 0, "2,3,1", 1.0, 10.0, 20.0, circular ? 40.0 : 30.0, circular ? 5.0 : 40.0,
                        circular ? 30.0 : 6.0);
        one_node_done(&t);
    }
}

static void convolves_behind_the_state(void **state) {
    (void)state;
    one_node t = one_node_new("CausalConvWithState", 27);
    one_node_floats(&t, "1,1,3", 1.0, 2.0, 3.0);
    one_node_floats(&t, "1,1,3", 100.0, 10.0, 1.0);
    one_node_floats(&t, "1", 0.5);
    one_node_floats(&t, "1,1,2", 8.0, 9.0);
    t.n_out = 2;
    one_node_expect(&t, 0, "1,1,3", 891.5, 912.5, 123.5);
    one_node_expect(&t, 1, "1,1,2", 2.0, 3.0);
    one_node_done(&t);
}

/* Two tokens, one head of one element: state 3*5 = 15, then 15 / 2 + 2 * (7 - 15 / 2 * 2) * 0.5. */
static void brings_the_state_forward_by_its_rule(void **state) {
    (void)state;
    one_node t = one_node_new("LinearAttention", 27);
    one_node_floats(&t, "1,2,1", 1.0, 10.0);
    one_node_floats(&t, "1,2,1", 3.0, 2.0);
    one_node_floats(&t, "1,2,1", 5.0, 7.0);
    one_node_absent(&t);
    one_node_floats(&t, "1,2,1", 0.0, -0.69314718055994531);
    one_node_floats(&t, "1,2,1", 1.0, 0.5);
    one_node_int(&t, "q_num_heads", 1);
    one_node_int(&t, "kv_num_heads", 1);
    t.n_out = 2;
    one_node_expect(&t, 0, "1,2,1", 15.0, -5.0);
    one_node_expect(&t, 1, "1,1,1,1", -0.5);
    one_node_done(&t);
    t = one_node_new("LinearAttention", 27);
    one_node_floats(&t, "1,2,2", 1.0, 10.0, 2.0, 20.0);
    one_node_floats(&t, "1,2,1", 3.0, 2.0);
    one_node_floats(&t, "1,2,1", 5.0, 7.0);
    one_node_floats(&t, "1,1,1,1", 100.0);
    one_node_int(&t, "q_num_heads", 2);
    one_node_int(&t, "kv_num_heads", 1);
    one_node_float(&t, "scale", 0.5f);
    one_node_text(&t, "update_rule", "linear");
    t.n_out = 2;
    one_node_expect(&t, 0, "1,2,2", 57.5, 575.0, 129.0, 1290.0);
    one_node_done(&t);
}

static void multiplies_cumulatively(void **state) {
    (void)state;
    one_node t = one_node_new("CumProd", 26);
    one_node_in(&t, FG_INT32, "4", 1.0, 2.0, 3.0, -4.0);
    one_node_const(&t, FG_INT32, "", 0.0);
    one_node_int(&t, "reverse", 1);
    one_node_int(&t, "exclusive", 1);
    one_node_expect(&t, 0, "4", -24.0, -12.0, -4.0, 1.0);
    one_node_done(&t);
}

static void centres_and_scales_over_any_axes(void **state) {
    (void)state;
    one_node t = one_node_new("MeanVarianceNormalization", 13);
    one_node_floats(&t, "2,2", 1.0, 10.0, 3.0, 30.0);
    one_node_ints(&t, "axes", 1, 0);
    one_node_expect(&t, 0, "2,2", -1.0, -1.0, 1.0, 1.0);
    one_node_done(&t);
}

static void sums_products_by_an_equation(void **state) {
    (void)state;
    static const struct {
        const char *equation, *shape;
        double want[4];
    } cases[] = {
        {"ij,jk->ik", "2,2", {19, 22, 43, 50}},
        {"ij,jk", "2,2", {19, 22, 43, 50}},
        {"ij,ij->", "", {70}},
        {"ii,jj->ij", "2,2", {5, 8, 20, 32}},
        {"...j,...j->...", "2", {17, 53}},
        {" i j , k j -> k i ", "2,2", {17, 39, 23, 53}},
    };
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        const double *w = cases[i].want;
        one_node t = one_node_new("Einsum", 12);
        one_node_floats(&t, "2,2", 1.0, 2.0, 3.0, 4.0);
        one_node_floats(&t, "2,2", 5.0, 6.0, 7.0, 8.0);
        one_node_text(&t, "equation", cases[i].equation);
        one_node_expect(&t, 0, cases[i].shape, w[0], w[1], w[2], w[3]);
        one_node_done(&t);
    }
}

static void refuses_equations_that_do_not_fit(void **state) {
    (void)state;
    static const char *const bad[] = {"ij",     "ij,jk,kl",    "ij,jk->ii", "ij,jk->iz",    "ij,j1->i",
                                      "ijk,jk", "i,jk",        "ij,jk->i-", "....,jk",      "",
                                      "ij;jk",  "...ij...,jk", "ij,jk->->", "...ij,jk->ik,"};
    for (size_t i = 0; i < FG_COUNT(bad); i++) {
        one_node t = one_node_new("Einsum", 12);
        one_node_floats(&t, "2,2", 1.0, 2.0, 3.0, 4.0);
        one_node_floats(&t, "2,2", 5.0, 6.0, 7.0, 8.0);
        one_node_text(&t, "equation", bad[i]);
        if (one_node_run(&t) != FG_BAD_MODEL) {
            fail_msg("'%s' is taken", bad[i]);
        }
        one_node_done(&t);
    }
}

/* ---- generated code ---- */

TEST(generates_rotations) {
    (void)arg;
    for (int form = 0; form < 4; form++) {
        fg_graph *g = new_graph(ctx, 23);
        fg_value *x = input(g, "x", form & 1 ? "2x7x40" : "2x5x7x8");
        fg_value *c = input(g, "c", form & 1 ? "2x7x3" : "2x7x4"),
                 *s = input(g, "s", form & 1 ? "2x7x3" : "2x7x4");
        fg_value *y = with_int(g, NODE(g, "RotaryEmbedding", x, c, s), "interleaved", form / 2);
        check(g, form & 1 ? with_int(g, with_int(g, y, "num_heads", 5), "rotary_embedding_dim", 6) : y);
        g = new_graph(ctx, 23);
        fg_value *p = typed_input(g, "p", "2x7", FG_INT64);
        x = input(g, "x", "2x5x7x8");
        p->bound = 0;
        y = NODE(g, "RotaryEmbedding", x, parameter(g, "c", "50x4"), parameter(g, "s", "50x4"), p);
        check(g, with_int(g, y, "interleaved", form / 2));
    }
}

TEST(generates_updates_of_caches) {
    (void)arg;
    static const fg_dtype some[] = {FG_FLOAT, FG_INT8, FG_BFLOAT16};
    for (int axis = 1; axis < 4; axis++) {
        for (size_t i = 0; i < FG_COUNT(some); i++) {
            fg_graph *g = new_graph(ctx, 24);
            fg_value *x = typed_input(g, "x", "3x6x7x8", some[i]), *at = typed_input(g, "at", "3", FG_INT64);
            fg_value *u = typed_input(g, "u",
                                      axis == 1   ? "3x4x7x8"
                                      : axis == 2 ? "3x6x3x8"
                                                  : "3x6x7x5",
                                      some[i]);
            at->bound = 0;
            fg_value *y = with_int(g, NODE(g, "TensorScatter", x, u, at), "axis", axis - 4);
            check(g, with_text(g, y, "mode", i == 1 ? "linear" : "circular"));
        }
    }
}

TEST(generates_causal_convolutions) {
    (void)arg;
    static const char *const lengths[] = {"2x9x1", "2x9x30"};
    for (size_t i = 0; i < 4; i++) {
        fg_graph *g = new_graph(ctx, 27);
        fg_value *x = input(g, "x", lengths[i % 2]), *w = parameter(g, "w", "9x1x4"),
                 *b = parameter(g, "b", "9");
        fg_value *past = i < 2 ? NULL : input(g, "past", "2x9x3"), *in[] = {x, w, b, past}, *out[2];
        out[0] = fg_graph_value(g, "y");
        out[1] = fg_graph_value(g, "present");
        out[0]->producer = fg_graph_node(g, "CausalConvWithState", 4, in, 2, out);
        output(g, out[1]);
        check(g, i == 3 ? with_text(g, out[0], "activation", "silu") : out[0]);
    }
}

TEST(generates_linear_attention) {
    (void)arg;
    static const char *const rules[] = {"linear", "gated", "delta", "gated_delta"};
    for (size_t i = 0; i < 8; i++) {
        const bool gated = i % 2 == 1, delta = i % 4 >= 2;
        fg_graph *g = new_graph(ctx, 27);
        fg_value *q = input(g, "q", "2x5x24"), *k = input(g, "k", "2x5x12"), *v = input(g, "v", "2x5x38");
        fg_value *in[] = {q, k, v, i < 4 ? NULL : input(g, "s", "2x2x6x19"), NULL, NULL}, *out[2];
        in[4] = gated ? input(g, "g", i < 4 ? "2x5x2" : "2x5x12") : NULL;
        in[5] = delta ? NODE(g, "Sigmoid", input(g, "b", i < 4 ? "2x5x2" : "2x5x1")) : NULL;
        in[1] = NODE(g, "Softmax", k);
        out[0] = fg_graph_value(g, "y");
        out[1] = fg_graph_value(g, "present");
        out[0]->producer = fg_graph_node(g, "LinearAttention", 6, in, 2, out);
        with_int(g, with_int(g, out[0], "q_num_heads", 4), "kv_num_heads", 2);
        output(g, out[1]);
        check(g, with_text(g, out[0], "update_rule", rules[i % 4]));
    }
}

TEST(generates_cumulative_products) {
    (void)arg;
    for (int form = 0; form < 4; form++) {
        fg_graph *g = new_graph(ctx, 26);
        fg_value *x = typed_input(g, "x", "3x9x5", form == 3 ? FG_INT32 : FG_FLOAT);
        fg_value *y = with_int(g, NODE(g, "CumProd", x, INTS(g, 1)), "reverse", form & 1);
        check(g, with_int(g, y, "exclusive", form / 2));
    }
}

TEST(generates_mean_variance_normalisation) {
    (void)arg;
    static const char *const shapes[] = {"2x5x6x7", "3x40x4x4", "4x17"};
    for (size_t i = 0; i < FG_COUNT(shapes); i++) {
        fg_graph *g = new_graph(ctx, 13);
        fg_value *y = NODE(g, "MeanVarianceNormalization", input(g, "x", shapes[i]));
        check(g, i == 2 ? WITH_INTS(g, y, "axes", -1) : i == 1 ? WITH_INTS(g, y, "axes", 1, 2) : y);
        if (i == 1) {
            g = new_graph(ctx, 13);
            check(g, NODE(g, "MeanVarianceNormalization", channels_last(g, shapes[i])));
        }
    }
}

TEST(generates_sums_of_products_by_any_equation) {
    (void)arg;
    static const struct {
        const char *equation, *a, *b, *c;
    } cases[] = {
        {"bhid,bhjd->bhij", "2x3x9x8", "2x3x11x8", NULL},
        {"bij,jk->bik", "3x7x9", "9x20", NULL},
        {"abcd,ecdf->bfea", "2x3x4x5", "6x4x5x7", NULL},
        {"ij,ij->ij", "5x19", "5x19", NULL},
        {"ii->i", "17x17", NULL, NULL},
        {"iji->j", "5x19x5", NULL, NULL},
        {"abc->cb", "4x5x18", NULL, NULL},
        {"...ab->...ba", "2x3x4x18", NULL, NULL},
        {"...ij,...jk", "4x1x7x9", "3x9x5", NULL},
        {"i,j->ij", "5", "18", NULL},
        {"ab,bc,cd->ad", "3x4", "4x5", "5x18"},
        {"ab,b,ab->a", "3x19", "19", "3x19"},
        {"ij,kj->k", "5x7", "19x7", NULL},
        {"a,a->", "40", "40", NULL},
    };
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        fg_graph *g = new_graph(ctx, 28);
        fg_value *in[] = {input(g, "a", cases[i].a), NULL, NULL};
        in[1] = cases[i].b != NULL ? input(g, "b", cases[i].b) : NULL;
        in[2] = cases[i].c != NULL ? input(g, "c", cases[i].c) : NULL;
        check(g, with_text(g, make_node(g, "Einsum", 3, in), "equation", cases[i].equation));
    }
    static const fg_dtype some[] = {FG_DOUBLE, FG_FLOAT16, FG_BFLOAT16, FG_INT8,
                                    FG_UINT16, FG_INT32,   FG_INT64};
    for (size_t i = 0; i < FG_COUNT(some); i++) {
        fg_graph *g = new_graph(ctx, 28);
        fg_value *a = typed_input(g, "a", "3x7x4", some[i]), *b = typed_input(g, "b", "3x4x5", some[i]);
        check(g, with_text(g, NODE(g, "Einsum", a, b), "equation", "bij,bjk->bik"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rotates_pairs_by_their_positions_angles),
        cmocka_unit_test(updates_a_cache_from_each_batchs_place_on),
        cmocka_unit_test(convolves_behind_the_state),
        cmocka_unit_test(brings_the_state_forward_by_its_rule),
        cmocka_unit_test(multiplies_cumulatively),
        cmocka_unit_test(centres_and_scales_over_any_axes),
        cmocka_unit_test(sums_products_by_an_equation),
        cmocka_unit_test(refuses_equations_that_do_not_fit),
        cmocka_unit_test(generates_rotations),
        cmocka_unit_test(generates_updates_of_caches),
        cmocka_unit_test(generates_causal_convolutions),
        cmocka_unit_test(generates_linear_attention),
        cmocka_unit_test(generates_cumulative_products),
        cmocka_unit_test(generates_mean_variance_normalisation),
        cmocka_unit_test(generates_sums_of_products_by_any_equation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
