/* ai.onnx.ml and n-grams: references by hand, generated code against them, hostile forests. */
#include "lower_check.h"

static fg_value *ml(fg_graph *g, fg_value *v, int opset) {
    g->opset_ml = opset;
    v->producer->domain = "ai.onnx.ml";
    return v;
}

#define ML(g, op, ...) ml(g, NODE(g, op, __VA_ARGS__), 3)

static fg_value *with_floats(fg_graph *g, fg_value *v, const char *name, int n, const float *values) {
    fg_attr *a = fg_node_set_attr(g->ctx, v->producer, name, FG_ATTR_FLOATS);
    float *copy = FG_ARRAY(g->ctx, n + 1, float);
    memcpy(copy, values, (size_t)n * sizeof *values);
    a->floats = copy;
    a->n = n;
    return v;
}

static fg_value *with_texts(fg_graph *g, fg_value *v, const char *name, int n, const char *const *values) {
    fg_attr *a = fg_node_set_attr(g->ctx, v->producer, name, FG_ATTR_STRINGS);
    a->strings = values;
    a->n = n;
    return v;
}

#define LIST(type, ...)                                                                                      \
    (int)(sizeof((type[]){__VA_ARGS__}) / sizeof(type)), (const type[]) {                                    \
        __VA_ARGS__                                                                                          \
    }
#define F(g, v, name, ...) with_floats(g, v, name, LIST(float, __VA_ARGS__))
#define I(g, v, name, ...) with_ints(g, v, name, LIST(int64_t, __VA_ARGS__))

/* ---- trees ---- */

static const char *const modes[] = {"BRANCH_LEQ", "LEAF", "BRANCH_GT", "LEAF", "LEAF", "LEAF"};

/* Two trees: x0 <= 0.5 ? leaf : (x1 > 0 ? leaf : leaf), and a leaf alone. */
static fg_value *two_trees(fg_graph *g, fg_value *y) {
    I(g, y, "nodes_treeids", 0, 0, 0, 0, 0, 7);
    I(g, y, "nodes_nodeids", 0, 1, 2, 3, 4, 0);
    I(g, y, "nodes_featureids", 0, 0, 1, 0, 0, 0);
    F(g, y, "nodes_values", 0.5f, 0, 0, 0, 0, 0);
    I(g, y, "nodes_truenodeids", 1, 0, 3, 0, 0, 0);
    I(g, y, "nodes_falsenodeids", 2, 0, 4, 0, 0, 0);
    return with_texts(g, y, "nodes_modes", 6, modes);
}

static fg_value *regressor(fg_graph *g, fg_value *x) {
    fg_value *y = two_trees(g, ML(g, "TreeEnsembleRegressor", x));
    I(g, y, "target_treeids", 0, 0, 0, 7);
    I(g, y, "target_nodeids", 1, 3, 4, 0);
    I(g, y, "target_ids", 0, 1, 0, 1);
    F(g, y, "target_weights", 1, 2, 4, 8);
    return with_int(g, y, "n_targets", 2);
}

static fg_value *classifier(fg_graph *g, fg_value *x, bool text) {
    static const char *const names[] = {"no", "\"yes\""};
    fg_value *y = two_trees(g, ML(g, "TreeEnsembleClassifier", x));
    I(g, y, "class_treeids", 0, 0, 0, 7);
    I(g, y, "class_nodeids", 1, 3, 4, 0);
    I(g, y, "class_ids", 0, 0, 0, 0);
    F(g, y, "class_weights", 0.1f, 0.5f, 0.2f, 0.25f);
    return text ? with_texts(g, y, "classlabels_strings", 2, names) : I(g, y, "classlabels_int64s", -3, 12);
}

static const fg_tensor *interpreted(fg_graph *g, fg_value *y, const float *data, int rows, int columns) {
    output(g, y);
    fg_graph_link(g);
    fg_infer(g);
    const fg_tensor in = {FG_FLOAT, {2, {rows, columns}}, (void *)(uintptr_t)data};
    return fg_run_value(fg_interpret(g, &in, NULL, false), y);
}

TEST(leaves_are_added_up) {
    (void)arg;
    static const float x[] = {0.5f, 1, 1, 1, 1, 0, NAN, 3}, want[] = {1, 8, 0, 10, 4, 8, 0, 10};
    fg_graph *g = new_graph(ctx, 17);
    const fg_tensor *y = interpreted(g, regressor(g, input(g, "x", "4x2")), x, 4, 2);
    assert_memory_equal(y->data, want, sizeof want);
}

TEST(forests_of_all_kinds_are_generated) {
    (void)arg;
    static const char *const sums[] = {"SUM", "AVERAGE", "MIN", "MAX"}, *const posts[] = {"NONE", "SOFTMAX",
                                                                                          "LOGISTIC",
                                                                                          "SOFTMAX_ZERO"};
    for (int i = 0; i < 16; i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = i % 3 ? input(g, "x", "9x2") : typed_input(g, "x", "9x2", i % 2 ? FG_DOUBLE : FG_INT64);
        fg_value *y = regressor(g, x);
        with_text(g, with_text(g, y, "aggregate_function", sums[i % 4]), "post_transform", posts[i / 4]);
        I(g, y, "nodes_missing_value_tracks_true", 1, 0, i % 2, 0, 0, 0);
        check(g, F(g, y, "base_values", 0.5f, -1));
    }
}

TEST(labels_are_numbers_or_texts) {
    (void)arg;
    for (int text = 0; text < 2; text++) {
        fg_graph *g = new_graph(ctx, 17);
        check(g, classifier(g, input(g, "x", "9x2"), text));
    }
}

static void infer_graph(fg_context *ctx, void *g) {
    (void)ctx;
    fg_infer(g);
}

/* Every change to a forest that breaks it is refused before anything is walked. */
TEST(broken_forests_are_refused) {
    (void)arg;
    typedef struct broken {
        const char *attr;
        int at;
        int64_t value;
    } broken;
    static const broken cases[] = {
        {"nodes_truenodeids", 0, 0},  {"nodes_truenodeids", 2, 0}, {"nodes_falsenodeids", 0, 9},
        {"nodes_falsenodeids", 2, 2}, {"nodes_nodeids", 3, 4},     {"nodes_featureids", 0, -1},
        {"nodes_featureids", 2, 2},   {"target_ids", 0, 2},        {"target_nodeids", 1, 77},
        {"nodes_treeids", 5, 0},      {"nodes_truenodeids", 0, 2},
    };
    for (size_t i = 0; i < FG_COUNT(cases); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *y = regressor(g, input(g, "x", "4x2"));
        const fg_attr *a = fg_node_attr(y->producer, cases[i].attr);
        int64_t *changed = FG_ARRAY(ctx, a->n, int64_t);
        memcpy(changed, a->ints, (size_t)a->n * sizeof *changed);
        changed[cases[i].at] = cases[i].value;
        with_ints(g, y, cases[i].attr, a->n, changed);
        output(g, y);
        fg_graph_link(g);
        const fg_status status = fg_try(ctx, infer_graph, g);
        if (status != FG_BAD_MODEL)
            fail_msg("%s[%d] = %d: status %d", cases[i].attr, cases[i].at, (int)cases[i].value, (int)status);
    }
}

/* ---- models ---- */

TEST(linear_models_are_generated) {
    (void)arg;
    static const char *const posts[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    for (int i = 0; i < 5; i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *x = i == 4 ? NODE(g, "Sigmoid", input(g, "x", "7x3")) : input(g, "x", "7x3");
        fg_value *y = F(g, ML(g, "LinearRegressor", x), "coefficients", 0.1f, 0.2f, 0.3f, 0.3f, 0, 0.1f);
        with_int(g, with_text(g, F(g, y, "intercepts", 0.01f, 0.1f), "post_transform", posts[i]), "targets",
                 2);
        check(g, y);
        for (int rows = 1; rows < 4 && i < 4; rows++) {
            g = new_graph(ctx, 17);
            y = ML(g, "LinearClassifier", input(g, "x", "7x3"));
            const float c[] = {1, -2, 3, 0.5f, 1, -1, 0, 2, 1}, b[] = {0.1f, -0.2f, 0.3f};
            with_floats(g, with_floats(g, y, "coefficients", 3 * rows, c), "intercepts", rows, b);
            with_ints(g, y, "classlabels_ints", rows == 3 ? 3 : 2, (const int64_t[]){4, 9, -1});
            check(g, with_text(g, y, "post_transform", posts[i]));
        }
    }
}

TEST(support_vectors_are_generated) {
    (void)arg;
    static const char *const kernels[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
    for (int i = 0; i < 12; i++) {
        fg_graph *g = new_graph(ctx, 17);
        const float v[] = {1, 2, -1, 0.5f, 0, 1, -2, 0.3f, 1, 1},
                    c[] = {1, -0.5f, 0.25f, -1, 0.75f, 0.3f, 0.6f, -0.9f, 0.1f, 1};
        fg_value *y = ML(g, i < 4 ? "SVMRegressor" : "SVMClassifier", input(g, "x", "6x2"));
        with_text(g, y, "kernel_type", kernels[i % 4]);
        F(g, y, "kernel_params", 0.3f, 0.2f, 2);
        with_floats(g, y, "support_vectors", 10, v);
        with_floats(g, y, "coefficients", i < 4 ? 5 : 10, c);
        if (i < 4) {
            check(g, with_int(g, F(g, y, "rho", 0.1f), "n_supports", 5));
            continue;
        }
        F(g, y, "rho", 0.1f, -0.2f, 0.05f);
        I(g, y, "vectors_per_class", 2, 1, 2);
        if (i >= 8) {
            F(g, F(g, y, "prob_a", -1, -2, -0.5f), "prob_b", 0.1f, 0, -0.1f);
        }
        check(g, I(g, y, "classlabels_ints", 1, 2, 3));
    }
}

/* ---- features ---- */

TEST(features_are_prepared) {
    (void)arg;
    static const fg_dtype types[] = {FG_FLOAT, FG_DOUBLE, FG_INT64, FG_INT32};
    static const char *const norms[] = {"MAX", "L1", "L2", "MAX"};
    for (int i = 0; i < 4; i++) {
        const bool real = i < 2;
        fg_graph *g = new_graph(ctx, 17);
        fg_value *y = ML(g, "Scaler", typed_input(g, "x", "5x3", types[i]));
        check(g, F(g, F(g, y, "offset", 1, 2, 3), "scale", 0.5f));
        g = new_graph(ctx, 17);
        check(g, with_text(g, ML(g, "Normalizer", typed_input(g, "x", "5x3", types[i])), "norm", norms[i]));
        g = new_graph(ctx, 17);
        check(g, with_float(g, ML(g, "Binarizer", typed_input(g, "x", "5x3", types[i])), "threshold",
                            real ? 0.1 : 4));
        g = new_graph(ctx, 17);
        check(g,
              I(g, ML(g, "OneHotEncoder", typed_input(g, "x", "5x3", types[i])), "cats_int64s", 0, 7, 1, -1));
        g = new_graph(ctx, 17);
        y = ML(g, "Imputer", NODE(g, "Sqrt", typed_input(g, "x", "5x3", real ? types[i] : FG_FLOAT)));
        check(g,
              with_float(g, F(g, y, "imputed_value_floats", 1, 2, 3), "replaced_value_float", (double)NAN));
        g = new_graph(ctx, 17);
        y = ML(g, "FeatureVectorizer", typed_input(g, "x", "5x3", types[i]), input(g, "z", "5x4"));
        check(g, i % 2 ? y : I(g, y, "inputdimensions", 2, 6));
        g = new_graph(ctx, 17);
        fg_value *at = typed_input(g, "at", "1x2", FG_INT64);
        check(g, ML(g, "ArrayFeatureExtractor", typed_input(g, "x", i % 2 ? "5x3" : "7", types[i]), at));
    }
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = ML(g, "Imputer", typed_input(g, "x", "5x3", FG_INT64));
    check(g, with_int(g, I(g, y, "imputed_value_int64s", 100), "replaced_value_int64", 3));
}

/* ---- labels ---- */

TEST(labels_are_looked_up) {
    (void)arg;
    static const char *const words[] = {"b", "a", "a", ""};
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = ml(g, NODE(g, "LabelEncoder", typed_input(g, "x", "30", FG_INT64)), 2);
    check(g, with_texts(g, I(g, y, "keys_int64s", 3, 15, 3, -1), "values_strings", 4, words));
    g = new_graph(ctx, 17);
    y = ml(g, NODE(g, "LabelEncoder", typed_input(g, "x", "30", FG_STRING)), 2);
    check(g, F(g, with_texts(g, y, "keys_strings", 4, words), "values_floats", 1, 2, 3, 4));
    g = new_graph(ctx, 17);
    y = ml(g, NODE(g, "LabelEncoder", NODE(g, "Sqrt", NODE(g, "Round", input(g, "x", "40")))), 4);
    check(g, I(g, F(g, y, "keys_floats", 1, NAN, 0), "values_int64s", 5, 6, 7));
    g = new_graph(ctx, 17);
    y = ML(g, "CategoryMapper", typed_input(g, "x", "30", FG_INT64));
    check(g, I(g, with_texts(g, y, "cats_strings", 4, words), "cats_int64s", 1, 2, 3, 4));
    g = new_graph(ctx, 17);
    y = ml(g, NODE(g, "LabelEncoder", typed_input(g, "x", "30", FG_INT64)), 1);
    check(g, with_texts(g, y, "classes_strings", 4, words));
}

TEST(maps_of_scores_are_tensors) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = ML(g, "ZipMap", NODE(g, "Relu", input(g, "x", "5x3")));
    check(g, I(g, y, "classlabels_int64s", 4, 5, 6));
}

/* A list of another type has no elements of the wanted one behind its length. */
TEST(labels_of_another_type_are_refused) {
    (void)arg;
    static const char *const names[] = {"classlabels_int64s", "classlabels_strings"};
    for (int i = 0; i < 2; i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *y = ML(g, "ZipMap", NODE(g, "Relu", input(g, "x", "5x3")));
        F(g, y, names[i], 4, 5, 6);
        output(g, y);
        fg_graph_link(g);
        assert_int_equal(fg_try(ctx, infer_graph, g), FG_BAD_MODEL);
    }
    fg_graph *g = new_graph(ctx, 17);
    fg_value *y = ML(g, "LabelEncoder", typed_input(g, "x", "4", FG_INT64));
    F(g, y, "keys_int64s", 1, 2, 3);
    F(g, y, "values_floats", 0.5f, 1, 2);
    output(g, y);
    fg_graph_link(g);
    assert_int_equal(fg_try(ctx, infer_graph, g), FG_BAD_MODEL);
}

/* ---- n-grams ---- */

static fg_value *tfidf(fg_graph *g, const char *shape, const char *mode, int64_t shortest, int64_t skips) {
    /* 4 single items, 3 pairs, 1 triple */
    fg_value *y = NODE(g, "TfIdfVectorizer", typed_input(g, "x", shape, FG_INT32));
    I(g, y, "pool_int64s", 2, 3, 5, 4, 2, 3, 7, 2, 2, 5, 4, 3, 2);
    I(g, y, "ngram_counts", 0, 4, 10);
    I(g, y, "ngram_indexes", 0, 1, 2, 3, 4, 5, 6, 7);
    F(g, y, "weights", 1, 2, 3, 0.5f, 1, 4, 2, 8);
    with_int(g, with_text(g, y, "mode", mode), "min_gram_length", shortest);
    return with_int(g, with_int(g, y, "max_gram_length", 3), "max_skip_count", skips);
}

TEST(ngrams_are_counted) {
    (void)arg;
    static const char *const weightings[] = {"TF", "IDF", "TFIDF"};
    for (int i = 0; i < 6; i++) {
        fg_graph *g = new_graph(ctx, 9);
        fg_value *y = tfidf(g, i % 2 ? "200" : "3x80", weightings[i / 2], 1 + i % 2, i);
        check(g, y);
    }
}

TEST(ngrams_that_do_not_fit_the_pool_are_refused) {
    (void)arg;
    for (int i = 0; i < 3; i++) {
        fg_graph *g = new_graph(ctx, 9);
        fg_value *y = tfidf(g, "20", "TF", 1, 0);
        const int64_t counts[][3] = {{0, 4, 9}, {0, 14, 10}, {-1, 4, 10}};
        with_ints(g, y, "ngram_counts", 3, counts[i]);
        output(g, y);
        fg_graph_link(g);
        assert_int_equal(fg_try(ctx, infer_graph, g), FG_BAD_MODEL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_are_added_up),
        cmocka_unit_test(forests_of_all_kinds_are_generated),
        cmocka_unit_test(labels_are_numbers_or_texts),
        cmocka_unit_test(broken_forests_are_refused),
        cmocka_unit_test(linear_models_are_generated),
        cmocka_unit_test(support_vectors_are_generated),
        cmocka_unit_test(features_are_prepared),
        cmocka_unit_test(labels_are_looked_up),
        cmocka_unit_test(maps_of_scores_are_tensors),
        cmocka_unit_test(labels_of_another_type_are_refused),
        cmocka_unit_test(ngrams_are_counted),
        cmocka_unit_test(ngrams_that_do_not_fit_the_pool_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
