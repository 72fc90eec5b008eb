/* The pairwise partition against the figures of the published study, to the byte. */
#include "deadline.h"
#include "graph_builder.h"

#include "fusion/pairwise.h"

#define MODELS FG_SOURCE_DIR "/tests/models/"

typedef struct row {
    const char *model;
    int operators, groups, single, se, main;
    int64_t fused, unfused;
    const char *saved, *intensity; /* with the digits that the study prints */
    int64_t flops;
    int bandwidth, balanced, memory, compute;
} row;

static const fg_pairwise_options none = {false, false}, both = {true, true}, dropout = {false, true};

static fg_graph *read_model(fg_context *ctx, const char *name) {
    fg_read_options options = {0};
    return fg_read_model(ctx, fg_format(ctx, MODELS "%s.graph.onnx", name), &options);
}

static const fg_pairwise *pairwise(fg_context *ctx, const char *name, const fg_pairwise_options *options) {
    fg_graph *g = read_model(ctx, name);
    fg_infer(g);
    return fg_pairwise_partition(g, options);
}

/* ---- cells ---- */

static void same_int(const char *model, const char *column, int64_t is, int64_t published) {
    if (is != published)
        print_error("%s: %s is %lld, published %lld\n", model, column, (long long)is, (long long)published);
    assert_true(is == published);
}

/* Compares as many decimals as were published. */
static void same_digits(const char *model, const char *column, double is, const char *published) {
    char text[40];
    const char *point = strchr(published, '.');
    snprintf(text, sizeof text, "%.*f", (int)strlen(point + 1), is);
    if (strcmp(text, published) != 0) print_error("%s: %s\n", model, column);
    assert_string_equal(text, published);
}

static double saved_percent(const fg_pairwise *p) {
    return 100.0 * (double)p->bytes_internal / (double)(p->bytes_fused + p->bytes_internal);
}

static void same_classes(const row *r, const fg_pairwise *p) {
    int compute = 0, balanced = 0, memory = 0;
    for (int i = 0; i < p->n_groups; i++) {
        double x = p->groups[i].intensity;
        compute += x > 50;
        balanced += x <= 50 && x > 10;
        memory += x <= 10 && x > 1;
    }
    same_int(r->model, "compute-bound", compute, r->compute);
    same_int(r->model, "balanced", balanced, r->balanced);
    same_int(r->model, "memory-bound", memory, r->memory);
    same_int(r->model, "bandwidth-bound", p->n_groups - compute - balanced - memory, r->bandwidth);
}

static void same_row(const row *r, const fg_pairwise *p) {
    same_int(r->model, "operators", p->n_ops, r->operators);
    same_int(r->model, "subgraphs", p->n_groups, r->groups);
    same_int(r->model, "single", p->single, r->single);
    same_int(r->model, "SE", p->se, r->se);
    same_int(r->model, "main", p->main, r->main);
    same_int(r->model, "fused bytes", p->bytes_fused, r->fused);
    same_int(r->model, "unfused bytes", p->bytes_fused + p->bytes_internal, r->unfused);
    same_digits(r->model, "saved", saved_percent(p), r->saved);
    same_digits(r->model, "intensity", p->mean_intensity, r->intensity);
    same_int(r->model, "FLOPs", p->flops, r->flops);
    same_classes(r, p);
}

static void same_rows(fg_context *ctx, const row *rows, size_t n, const fg_pairwise_options *options) {
    for (size_t i = 0; i < n; i++) {
        fg_context *own = fg_context_new(); /* B7 alone holds 266 MB */
        assert_non_null(own);
        same_row(&rows[i], pairwise(own, rows[i].model, options));
        fg_context_free(own);
    }
    (void)ctx;
}

/* ---- published rows ---- */

static const row fx[] = {
    {"efficientnet_b0.bn", 249, 71, 22, 16, 16, 77266864, 144111504, "46.384", "11.012", 771629504, 38, 30, 2,
     1},
    {"efficientnet_b1.bn", 358, 106, 36, 23, 22, 121986112, 212294912, "42.539", "9.958", 1139303360, 59, 42,
     4, 1},
    {"efficientnet_b2.bn", 358, 106, 36, 23, 22, 131859208, 226526168, "41.791", "10.448", 1317926880, 59, 41,
     4, 2},
    {"efficientnet_b3.bn", 406, 121, 42, 26, 25, 175334208, 300776704, "41.706", "11.274", 1925416480, 68, 48,
     3, 2},
    {"efficientnet_b4.bn", 502, 151, 54, 32, 31, 248573216, 412691456, "39.768", "11.777", 3007420864, 86, 60,
     3, 2},
    {"efficientnet_b5.bn", 611, 186, 68, 39, 37, 370642048, 593665600, "37.567", "12.130", 4712986368, 107,
     71, 5, 3},
    {"efficientnet_b6.bn", 707, 216, 80, 45, 43, 493712288, 778599264, "36.590", "12.730", 6720333696, 125,
     84, 4, 3},
    {"efficientnet_b7.bn", 864, 266, 100, 55, 52, 709577600, 1088570496, "34.816", "13.310", 10339730304, 155,
     93, 6, 12},
};

/* Published are operators, groups, single ones, saving and intensity; bytes and classes of these rows are
 * those of an independent program for the same rules. */
static const row native[] = {
    {"efficientnet_b0.bn", 239, 61, 12, 16, 16, 75575728, 142420368, "46.93", "12.817", 771629504, 28, 30, 2,
     1},
    {"efficientnet_b1.bn", 341, 89, 19, 23, 22, 117334592, 207643392, "43.49", "11.860", 1139303360, 42, 42,
     4, 1},
    {"efficientnet_b2.bn", 341, 89, 19, 23, 22, 126993416, 221660376, "42.71", "12.444", 1317926880, 42, 41,
     4, 2},
    {"efficientnet_b3.bn", 386, 101, 22, 26, 25, 168645376, 294087872, "42.65", "13.507", 1925416480, 48, 48,
     3, 2},
    {"efficientnet_b4.bn", 476, 125, 28, 32, 31, 239633824, 403752064, "40.65", "14.227", 3007420864, 60, 60,
     3, 2},
    {"efficientnet_b5.bn", 578, 153, 35, 39, 37, 355974272, 578997824, "38.52", "14.747", 4712986368, 74, 71,
     5, 3},
    {"efficientnet_b6.bn", 668, 177, 41, 45, 43, 474420000, 759306976, "37.52", "15.535", 6720333696, 86, 84,
     4, 3},
    {"efficientnet_b7.bn", 815, 217, 51, 55, 52, 681709440, 1060702336, "35.73", "16.316", 10339730304, 106,
     93, 6, 12},
};

/* Single groups and classes of the following rows were not published either; they come from the same program,
 * for resnet34 from its folded graph, where normalisations change no class. */
static const row others[] = {
    {"resnet18.bn", 69, 32, 4, 0, 0, 78581824, 97749056, "19.61", "50.566", 3628146688, 12, 7, 0, 13},
    {"resnet50.bn", 175, 73, 4, 0, 0, 260018240, 342908992, "24.17", "41.419", 8178368512, 20, 32, 0, 21},
};

static const row resnet34 = {"resnet34", 125,      56,         4,  0, 0, 136576064, 165778496,
                             "17.62",    "58.266", 7327522816, 20, 9, 0, 27};

static const row mobilenet[] = {
    {"mobilenet_v2.bn", 153, 66, 14, 0, 0, 70677824, 121813440, "41.98", "10.025", 601548544, 18, 31, 17, 0},
};

TEST(efficientnets_with_what_export_dropped_are_the_study_s) {
    (void)arg;
    same_rows(ctx, fx, FG_COUNT(fx), &both);
}

TEST(efficientnets_as_exported_are_the_native_rows) {
    (void)arg;
    same_rows(ctx, native, FG_COUNT(native), &none);
}

TEST(resnets_are_the_study_s) {
    (void)arg;
    same_rows(ctx, others, FG_COUNT(others), &none);
}

TEST(mobilenet_with_its_dropout_is_the_study_s) {
    (void)arg;
    same_rows(ctx, mobilenet, FG_COUNT(mobilenet), &dropout);
}

/* The exporter folded BatchNormalization into the convolutions of this file; the study kept it. */
static void unfold(fg_graph *g) {
    int n = g->n_nodes;
    for (int i = 0; i < n; i++) {
        fg_node *c = g->nodes[i];
        if (strcmp(c->op_type, "Conv") != 0) continue;
        const char *channels = fg_format(g->ctx, "%d", (int)c->in[1]->shape.dim[0]);
        fg_value *y = c->out[0], *x = fg_graph_value(g, fg_format(g->ctx, "%s_raw", y->name));
        fg_value *in[5] = {x};
        for (int k = 1; k < 5; k++) in[k] = parameter(g, fg_format(g->ctx, "bn%d_%d", i, k), channels);
        c->out[0] = x;
        c->n_in = 2;
        fg_graph_node(g, "BatchNormalization", 5, in, 1, &y);
    }
    fg_graph_link(g);
}

TEST(resnet34_with_its_normalisations_is_the_study_s) {
    (void)arg;
    fg_graph *check = read_model(ctx, "resnet18"), *g = read_model(ctx, "resnet34");
    unfold(check); /* gives the graph that was exported with them */
    fg_infer(check);
    same_row(&others[0], fg_pairwise_partition(check, &none));
    unfold(g);
    fg_infer(g);
    same_row(&resnet34, fg_pairwise_partition(g, &none));
}

TEST(synthesised_operators_are_counted_and_have_no_node) {
    (void)arg;
    const fg_pairwise *p = pairwise(ctx, "efficientnet_b0.bn", &both);
    int without = 0;
    for (int i = 0; i < p->n_ops; i++) without += p->ops[i]->node == NULL;
    assert_int_equal(p->n_stochastic_depth, 9);
    assert_int_equal(p->n_dropout, 1);
    assert_int_equal(without, 10);
    p = pairwise(ctx, "mobilenet_v2.bn", &dropout);
    assert_int_equal(p->n_stochastic_depth, 0);
    assert_int_equal(p->n_dropout, 1);
}

/* write + read of every intermediate tensor: the fairer figure */
TEST(the_fairer_saving_is_as_published) {
    static const char *const percent[] = {"63.4", "59.7", "58.9", "58.9", "56.9", "54.6", "53.6", "51.6"};
    (void)arg;
    (void)ctx;
    for (size_t i = 0; i < FG_COUNT(fx); i++) {
        double internal = (double)(fx[i].unfused - fx[i].fused);
        same_digits(fx[i].model, "write + read", 200 * internal / ((double)fx[i].fused + 2 * internal),
                    percent[i]);
    }
}

/* ---- fusegen's own partition beside it ---- */

static int covered(const fg_kernel *k) {
    int n = 0;
    for (int i = 0; i < k->n_nodes; i++) n += k->nodes[i]->n_covers;
    return n;
}

/* Kernel of each operator; one that was put back goes with what it reads. */
static const int *kernels_of(fg_context *ctx, const fg_graph *g, const fg_pairwise *p,
                             const fg_partition *own) {
    int *of_node = FG_ARRAY(ctx, g->n_nodes, int), *of_op = FG_ARRAY(ctx, p->n_ops, int);
    for (int i = 0; i < g->n_nodes; i++) of_node[i] = -1;
    for (int i = 0; i < own->n_kernels; i++)
        for (int j = 0; j < own->kernels[i]->n_nodes; j++)
            for (int c = 0; c < own->kernels[i]->nodes[j]->n_covers; c++)
                of_node[own->kernels[i]->nodes[j]->covers[c]->index] = i;
    for (int i = 0; i < p->n_ops; i++) {
        const fg_pairwise_op *op = p->ops[i];
        of_op[i] = op->node ? of_node[op->node->index] : of_op[op->in[0].from->index];
        assert_true(of_op[i] >= 0);
    }
    return of_op;
}

static void own_is_better_on(fg_graph *g, const fg_pairwise_options *compat, int most_kernels) {
    const fg_fusion_options options = {.fuse = true};
    fg_context *ctx = g->ctx;
    fg_infer(g);
    const fg_pairwise *p = fg_pairwise_partition(g, compat);
    fg_graph *rewritten = fg_graph_clone(g);
    fg_canonicalise(rewritten, &options);
    const fg_partition *own = fg_partition_graph(rewritten, &options);
    assert_true(own->n_kernels <= most_kernels);
    assert_true(own->n_kernels < p->n_groups);
    for (int i = 0; i < own->n_kernels; i++) assert_true(covered(own->kernels[i]) > 1);
    int64_t moved = 0, inside = 0;
    const fg_pairwise_group *groups = fg_pairwise_recount(ctx, p, kernels_of(ctx, g, p, own), own->n_kernels);
    for (int i = 0; i < own->n_kernels; i++) {
        moved += groups[i].in_bytes + groups[i].out_bytes + groups[i].weight_bytes;
        inside += groups[i].internal_bytes;
    }
    assert_true(moved < p->bytes_fused);
    assert_true(inside > p->bytes_internal);
}

static void own_is_better(const row *r, const fg_pairwise_options *compat, int most_kernels) {
    fg_context *own = fg_context_new(); /* B7 alone holds 266 MB */
    assert_non_null(own);
    own_is_better_on(read_model(own, r->model), compat, most_kernels);
    fg_context_free(own);
}

/* Three kernels for each block of the main path, and two for the rest. */
TEST(own_partition_beats_the_study_s_in_every_row) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(fx); i++) own_is_better(&fx[i], &both, 3 * fx[i].se + 2);
    own_is_better(&native[0], &none, 3 * native[0].se + 2);
    for (size_t i = 0; i < FG_COUNT(others); i++) own_is_better(&others[i], &none, others[i].groups);
    for (size_t i = 0; i < FG_COUNT(mobilenet); i++)
        own_is_better(&mobilenet[i], &dropout, mobilenet[i].groups);
    fg_graph *g = read_model(ctx, "resnet34");
    unfold(g);
    own_is_better_on(g, &none, resnet34.groups);
}

/* ---- rules, on small graphs ---- */

static const fg_pairwise *of(fg_graph *g, fg_value *result) {
    output(g, result);
    fg_graph_link(g);
    fg_infer(g);
    return fg_pairwise_partition(g, &none);
}

TEST(a_fork_ends_a_group_and_the_graph_s_output_counts_as_a_consumer) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *c = conv(g, input(g, "x", "1x4x8x8"), "4x4x3x3", 1);
    output(g, c);
    const fg_pairwise *p = of(g, NODE(g, "Relu", c));
    assert_int_equal(p->n_groups, 2);
    assert_int_equal(p->groups[0].boundary, FG_BOUNDARY_FORK);
    assert_int_equal(p->groups[1].boundary, FG_BOUNDARY_OUTPUT);
    assert_true(p->groups[0].in_bytes == 4 * 4 * 64);
    assert_true(p->groups[0].weight_bytes == 4 * (4 * 4 * 9 + 4));
    assert_true(p->groups[0].flops == 2 * 4 * 64 * 36);
    assert_string_equal(p->groups[0].pattern, "Unfused");
}

TEST(silu_is_one_operator_and_its_gate_counts_twice) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x4x8x8");
    fg_value *s = batch_norm(g, conv(g, x, "4x4x1x1", 1), "4");
    fg_value *silu = NODE(g, "Mul", NODE(g, "Sigmoid", s), s);
    fg_value *gate = conv(g, NODE(g, "GlobalAveragePool", silu), "4x4x1x1", 1);
    const fg_pairwise *p = of(g, NODE(g, "Mul", silu, NODE(g, "Sigmoid", gate)));
    assert_int_equal(p->n_ops, 7);
    assert_int_equal(p->n_groups, 2);
    assert_string_equal(p->groups[0].pattern, "Conv2d_BatchNorm2d_SiLU");
    assert_int_equal(p->groups[0].boundary, FG_BOUNDARY_FORK);
    assert_string_equal(p->groups[1].pattern, "AdaptiveAvgPool2d_Conv2d_Sigmoid_+1more");
    assert_true(p->groups[1].in_bytes == 2 * 4 * 4 * 64); /* the pool and the Mul read it */
    assert_int_equal(p->se, 1);
}

TEST(a_join_ends_a_group_before_it) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "1x4x8x8");
    fg_value *a = batch_norm(g, conv(g, x, "4x4x3x3", 1), "4"), *b = conv(g, x, "4x4x1x1", 1);
    const fg_pairwise *p = of(g, NODE(g, "Relu", NODE(g, "Add", a, b)));
    assert_int_equal(p->n_groups, 3);
    assert_int_equal(p->groups[0].boundary, FG_BOUNDARY_JOIN);
    assert_string_equal(p->groups[2].pattern, "add_ReLU");
    assert_true(p->groups[2].internal_bytes == 4 * 4 * 64);
}

TEST(a_bound_other_than_six_is_no_relu6) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = conv(g, input(g, "x", "1x4x8x8"), "4x4x3x3", 1);
    fg_value *six = NODE(g, "Clip", x, scalar(g, 0), scalar(g, 6));
    const fg_pairwise *p = of(g, NODE(g, "Clip", six, scalar(g, 0), scalar(g, 5)));
    assert_int_equal(p->n_groups, 2);
    assert_string_equal(p->groups[0].pattern, "Conv2d_ReLU6");
    assert_string_equal(p->groups[1].ops[0]->type, "Clip");
    assert_int_equal(p->groups[0].boundary, FG_BOUNDARY_PATTERN);
    assert_true(p->groups[1].weight_bytes == 0);
}

TEST(identity_is_no_operator_and_hides_nothing) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *c = conv(g, NODE(g, "Identity", input(g, "x", "1x4x8x8")), "4x4x3x3", 1);
    const fg_pairwise *p = of(g, NODE(g, "Identity", NODE(g, "Relu", NODE(g, "Identity", c))));
    assert_int_equal(p->n_ops, 2);
    assert_int_equal(p->n_groups, 1);
    assert_string_equal(p->groups[0].pattern, "Conv2d_ReLU");
    assert_int_equal(p->groups[0].boundary, FG_BOUNDARY_OUTPUT);
    assert_true(p->groups[0].out_bytes == 4 * 4 * 64);
}

/* One node that reads thousands takes no more time than thousands that read one: it would take a minute. */
TEST(the_partition_takes_time_in_proportion) {
    (void)arg;
    enum { WIDE = 6000 };
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "2x4"), **y = FG_ARRAY(ctx, WIDE, fg_value *);
    for (int i = 0; i < WIDE; i++) y[i] = NODE(g, "Softmax", x);
    deadline(20);
    const fg_pairwise *p = of(g, with_int(g, make_node(g, "Concat", WIDE, y), "axis", 0));
    assert_int_equal(p->n_groups, WIDE + 1);
    assert_int_equal(p->ops[WIDE]->n_makers, WIDE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(efficientnets_with_what_export_dropped_are_the_study_s),
        cmocka_unit_test(efficientnets_as_exported_are_the_native_rows),
        cmocka_unit_test(resnets_are_the_study_s),
        cmocka_unit_test(mobilenet_with_its_dropout_is_the_study_s),
        cmocka_unit_test(resnet34_with_its_normalisations_is_the_study_s),
        cmocka_unit_test(synthesised_operators_are_counted_and_have_no_node),
        cmocka_unit_test(the_fairer_saving_is_as_published),
        cmocka_unit_test(own_partition_beats_the_study_s_in_every_row),
        cmocka_unit_test(a_fork_ends_a_group_and_the_graph_s_output_counts_as_a_consumer),
        cmocka_unit_test(silu_is_one_operator_and_its_gate_counts_twice),
        cmocka_unit_test(a_join_ends_a_group_before_it),
        cmocka_unit_test(a_bound_other_than_six_is_no_relu6),
        cmocka_unit_test(identity_is_no_operator_and_hides_nothing),
        cmocka_unit_test(the_partition_takes_time_in_proportion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
