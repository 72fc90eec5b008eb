/* RNN, GRU and LSTM: the reference by hand, generated code against the reference. */
#include "cli/report.h"
#include "lower_check.h"
#include "one_node.h"

/* ---- the reference ---- */

/* One input, one hidden unit, all weights and biases given. */
static one_node small(const char *op, int gates) {
    one_node t = one_node_new(op, 14);
    one_node_floats(&t, "2,1,1", 1.0, 2.0);
    for (int operand = 0; operand < 2; operand++) {
        static const double w[] = {0.5, -0.25, 0.75, 1.0};
        one_node_const(&t, FG_FLOAT,
                       gates == 1   ? "1,1,1"
                       : gates == 3 ? "1,3,1"
                                    : "1,4,1",
                       w[0], w[1], w[2], w[3]);
    }
    one_node_int(&t, "hidden_size", 1);
    t.n_out = gates == 4 ? 3 : 2;
    return t;
}

static void keeps_a_state(void **state) {
    (void)state;
    one_node t = small("RNN", 1);
    double h1 = tanh(0.5), h2 = tanh(1 + 0.5 * h1);
    one_node_expect(&t, 0, "2,1,1,1", h1, h2);
    one_node_expect(&t, 1, "1,1,1", h2);
    one_node_done(&t);
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static void opens_and_closes_gates(void **state) {
    (void)state;
    one_node t = small("LSTM", 4);
    double c = sigmoid(0.5) * tanh(1), h = sigmoid(-0.25) * tanh(c);
    c = sigmoid(1.5 + 0.75 * h) * c + sigmoid(1 + 0.5 * h) * tanh(2 + h);
    double last = sigmoid(-0.5 - 0.25 * h) * tanh(c);
    one_node_expect(&t, 0, "2,1,1,1", h, last);
    one_node_expect(&t, 1, "1,1,1", last);
    one_node_expect(&t, 2, "1,1,1", c);
    one_node_done(&t);
}

static void resets_before_or_after_the_product(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) {
        one_node t = small("GRU", 3);
        one_node_floats(&t, "1,6", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0); /* a bias of the state's last product */
        one_node_int(&t, "linear_before_reset", late);
        double r = sigmoid(-0.25), z = sigmoid(0.5), a = tanh(0.75 + (late ? r : 1)), h = (1 - z) * a;
        r = sigmoid(-0.5 - 0.25 * h);
        z = sigmoid(1 + 0.5 * h);
        a = tanh(1.5 + (late ? r * (0.75 * h + 1) : 0.75 * r * h + 1));
        one_node_expect(&t, 1, "1,1,1", (1 - z) * a + z * h);
        one_node_done(&t);
    }
}

static void rows_end_at_their_length(void **state) {
    (void)state;
    for (int reverse = 0; reverse < 2; reverse++) {
        one_node t = one_node_new("RNN", 14);
        one_node_floats(&t, "2,3,1", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
        one_node_const(&t, FG_FLOAT, "1,1,1", 1.0);
        one_node_const(&t, FG_FLOAT, "1,1,1", 1.0);
        one_node_absent(&t);
        one_node_in(&t, FG_INT32, "3", 2.0, 1.0, 0.0);
        fg_attr *a = one_node_attr(&t, "activations", FG_ATTR_STRINGS);
        static const char *const affine[] = {"affine"};
        a->strings = affine;
        one_node_text(&t, "direction", reverse ? "reverse" : "forward");
        t.n_out = 2;
        one_node_expect(&t, 0, "2,1,3,1", reverse ? 5.0 : 1.0, 2.0, 0.0, reverse ? 4.0 : 5.0, 0.0, 0.0);
        one_node_expect(&t, 1, "1,3,1", 5.0, 2.0, 0.0);
        one_node_done(&t);
    }
}

static void refuses_what_does_not_fit(void **state) {
    (void)state;
    one_node t = small("RNN", 1);
    one_node_text(&t, "direction", "sideways");
    one_node_expect_error(&t, FG_BAD_MODEL, "sideways");
    one_node_done(&t);
    t = small("LSTM", 1);
    one_node_expect_error(&t, FG_BAD_MODEL, "in place of");
    one_node_done(&t);
    t = small("RNN", 1);
    one_node_float(&t, "clip", -1);
    one_node_expect_error(&t, FG_BAD_MODEL, "clip");
    one_node_done(&t);
    t = small("RNN", 1);
    static const char *const scaled[] = {"ScaledTanh"}, *const none[] = {"Sin"};
    one_node_attr(&t, "activations", FG_ATTR_STRINGS)->strings = scaled;
    one_node_expect_error(&t, FG_BAD_MODEL, "activation_alpha");
    one_node_done(&t);
    t = small("RNN", 1);
    one_node_attr(&t, "activations", FG_ATTR_STRINGS)->strings = none;
    one_node_expect_error(&t, FG_BAD_MODEL, "Sin");
    one_node_done(&t);
    t = small("RNN", 1);
    one_node_int(&t, "hidden_size", 2);
    one_node_expect_error(&t, FG_BAD_MODEL, "hidden_size");
    one_node_done(&t);
}

/* ---- generated code ---- */

typedef struct setting {
    const char *op;
    int gates, directions;
    bool reverse, batch_first, constant, lens, states, bias, peepholes;
    int64_t steps, batch, inputs, hidden;
    fg_dtype type;
} setting;

/* Small weights: states must not grow from step to step. */
static fg_value *weights(fg_graph *g, const setting *s, const char *name, const char *shape) {
    if (!s->constant) {
        return typed_input(g, name, shape, s->type);
    }
    fg_value *v = parameter(g, name, shape);
    float *data = (float *)(uintptr_t)v->data;
    for (int64_t i = 0; i < fg_shape_count(&v->shape); i++) {
        data[i] = (data[i] - 1) * 0.7F;
    }
    return v;
}

static fg_value *recurrent(fg_graph *g, const setting *s, fg_value *x, int outputs) {
    fg_context *ctx = g->ctx;
    const int d = s->directions, rows = s->gates * (int)s->hidden;
    const char *state = s->batch_first ? fg_format(ctx, "%dx%dx%d", (int)s->batch, d, (int)s->hidden)
                                       : fg_format(ctx, "%dx%dx%d", d, (int)s->batch, (int)s->hidden);
    fg_value *in[8] = {x};
    in[1] = weights(g, s, "w", fg_format(ctx, "%dx%dx%d", d, rows, (int)s->inputs));
    in[2] = weights(g, s, "r", fg_format(ctx, "%dx%dx%d", d, rows, (int)s->hidden));
    in[3] = s->bias ? weights(g, s, "b", fg_format(ctx, "%dx%d", d, 2 * rows)) : NULL;
    if (s->lens) {
        in[4] = typed_input(g, "lens", fg_format(ctx, "%d", (int)s->batch), FG_INT32);
        in[4]->bound = s->steps + 1;
    }
    in[5] = s->states ? typed_input(g, "h", state, s->type) : NULL;
    in[6] = s->states && s->gates == 4 ? typed_input(g, "c", state, s->type) : NULL;
    in[7] = s->peepholes ? weights(g, s, "p", fg_format(ctx, "%dx%d", d, 3 * (int)s->hidden)) : NULL;
    fg_value *y = several(g, s->op, s->gates == 4 ? 8 : 6, in, outputs);
    with_int(g, y, "hidden_size", s->hidden);
    with_int(g, y, "layout", s->batch_first);
    return with_text(g, y, "direction", d == 2 ? "bidirectional" : s->reverse ? "reverse" : "forward");
}

static fg_value *sequence(fg_graph *g, const setting *s) {
    return typed_input(g, "x",
                       fg_format(g->ctx, "%dx%dx%d", (int)(s->batch_first ? s->batch : s->steps),
                                 (int)(s->batch_first ? s->steps : s->batch), (int)s->inputs),
                       s->type);
}

static const struct {
    const char *op;
    int gates;
} ops[] = {{"RNN", 1}, {"GRU", 3}, {"LSTM", 4}};

TEST(generated_cells_of_all_directions_and_layouts) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(ops); i++) {
        for (int k = 0; k < 12; k++) {
            const setting s = {.op = ops[i].op,
                               .gates = ops[i].gates,
                               .directions = k % 3 == 2 ? 2 : 1,
                               .reverse = k % 3 == 1,
                               .batch_first = k & 1,
                               .constant = k < 8,
                               .lens = k % 4 == 3,
                               .states = k % 2 == 0,
                               .bias = k % 5 != 0,
                               .peepholes = ops[i].gates == 4 && k % 3 != 0,
                               .steps = k == 4 ? 1 : 37,
                               .batch = k % 4 == 0 ? 1 : 3,
                               .inputs = k == 7 ? 1 : 6,
                               .hidden = k == 2 ? 16 : 5,
                               .type = FG_FLOAT};
            fg_graph *g = new_graph(ctx, 22);
            fg_value *y = recurrent(g, &s, sequence(g, &s), ops[i].gates == 4 ? 3 : 2);
            if (k == 3) {
                with_float(g, y, "clip", 0.4);
            }
            with_int(g, y, "linear_before_reset", k % 2);
            with_int(g, y, "input_forget", k % 4 == 1);
            check(g, y);
        }
    }
}

TEST(generated_cells_of_other_types) {
    (void)arg;
    static const fg_dtype types[] = {FG_DOUBLE, FG_FLOAT16, FG_BFLOAT16};
    for (size_t i = 0; i < FG_COUNT(ops); i++) {
        for (size_t k = 0; k < FG_COUNT(types); k++) {
            const setting s = {.op = ops[i].op,
                               .gates = ops[i].gates,
                               .directions = 2,
                               .batch_first = k == 1,
                               .lens = true,
                               .states = k == 0,
                               .bias = true,
                               .peepholes = ops[i].gates == 4,
                               .steps = 4,
                               .batch = 2,
                               .inputs = 3,
                               .hidden = 5,
                               .type = types[k]};
            fg_graph *g = new_graph(ctx, 22);
            fg_value *y = recurrent(g, &s, sequence(g, &s), ops[i].gates == 4 ? 3 : 2);
            check(g, with_int(g, y, "linear_before_reset", k % 2));
        }
    }
}

TEST(generated_cells_of_all_activations) {
    (void)arg;
    static const char *const all[] = {
        "Relu",       "Tanh",        "Sigmoid", "Affine",   "LeakyRelu", "ThresholdedRelu",
        "ScaledTanh", "HardSigmoid", "Elu",     "Softsign", "Softplus",  "Tanh"};
    static const float alphas[] = {0.5F, 0.3F, 0.2F}, betas[] = {0.4F, 0.6F, 0.1F};
    for (int k = 0; k < 22; k++) {
        const setting s = {.op = "RNN",
                           .gates = 1,
                           .directions = 2,
                           .constant = true,
                           .states = true,
                           .steps = 3,
                           .batch = 2,
                           .inputs = 3,
                           .hidden = 7,
                           .type = k < 11 ? FG_FLOAT : FG_DOUBLE};
        setting given = s;
        given.constant = k < 11;
        fg_graph *g = new_graph(ctx, 22);
        fg_value *y = recurrent(g, &given, sequence(g, &given), 2);
        fg_attr *a = fg_node_set_attr(ctx, y->producer, "activations", FG_ATTR_STRINGS);
        a->strings = all + k % 11;
        a->n = 2;
        a = fg_node_set_attr(ctx, y->producer, "activation_alpha", FG_ATTR_FLOATS);
        a->floats = alphas;
        a->n = 3;
        a = fg_node_set_attr(ctx, y->producer, "activation_beta", FG_ATTR_FLOATS);
        a->floats = betas;
        a->n = 3;
        check(g, y);
    }
}

TEST(generated_cells_between_other_layouts) {
    (void)arg;
    const setting s = {.op = "LSTM",
                       .gates = 4,
                       .directions = 2,
                       .constant = true,
                       .bias = true,
                       .steps = 20,
                       .batch = 2,
                       .inputs = 6,
                       .hidden = 8,
                       .type = FG_FLOAT};
    fg_graph *g = new_graph(ctx, 22);
    fg_value *x = NODE(g, "Relu", channels_last(g, "2x6x1x20"));
    x = WITH_INTS(g, NODE(g, "Transpose", NODE(g, "Squeeze", x, INTS(g, 2))), "perm", 2, 0, 1);
    fg_value *y = WITH_INTS(g, NODE(g, "Transpose", recurrent(g, &s, x, 1)), "perm", 0, 2, 1, 3);
    y = NODE(g, "Reshape", y, INTS(g, 20, 2, 16));
    check(g, NODE(g, "MatMul", y, parameter(g, "head", "16x9")));
}

TEST(results_that_nobody_reads_are_not_written) {
    (void)arg;
    const setting s = {.op = "GRU",
                       .gates = 3,
                       .directions = 1,
                       .constant = true,
                       .steps = 9,
                       .batch = 1,
                       .inputs = 6,
                       .hidden = 8,
                       .type = FG_FLOAT};
    fg_graph *g = new_graph(ctx, 22);
    fg_value *y = recurrent(g, &s, sequence(g, &s), 1);
    fg_value *last = fg_graph_value(g, "last"), *out[2] = {y, last};
    fg_node *n = y->producer;
    n->out = FG_ARRAY(ctx, 2, fg_value *);
    memcpy(n->out, out, sizeof out);
    n->n_out = 2;
    check(g, NODE(g, "Sigmoid", last));
}

TEST(the_sequence_itself_may_be_left_out) {
    (void)arg;
    const setting s = {.op = "LSTM",
                       .gates = 4,
                       .directions = 1,
                       .constant = true,
                       .steps = 4,
                       .batch = 2,
                       .inputs = 3,
                       .hidden = 5,
                       .type = FG_FLOAT};
    fg_graph *g = new_graph(ctx, 22);
    fg_node *n = recurrent(g, &s, sequence(g, &s), 1)->producer;
    fg_value *out[2] = {NULL, fg_graph_value(g, "last")};
    n->out = FG_ARRAY(ctx, 2, fg_value *);
    memcpy(n->out, out, sizeof out);
    n->n_out = 2;
    check(g, out[1]);
    fg_report r = {0};
    fg_report_collect_scale(g, &r);
    assert_int_equal(r.depth, 1);
    assert_true(r.width == 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_a_state),
        cmocka_unit_test(opens_and_closes_gates),
        cmocka_unit_test(resets_before_or_after_the_product),
        cmocka_unit_test(rows_end_at_their_length),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(generated_cells_of_all_directions_and_layouts),
        cmocka_unit_test(generated_cells_of_other_types),
        cmocka_unit_test(generated_cells_of_all_activations),
        cmocka_unit_test(generated_cells_between_other_layouts),
        cmocka_unit_test(results_that_nobody_reads_are_not_written),
        cmocka_unit_test(the_sequence_itself_may_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
