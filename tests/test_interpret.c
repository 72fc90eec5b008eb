/* The interpreter: what is kept, freed, refused; random inputs; multiply-add counts. */
#include "tests/one_node.h"

/* in -> Relu -> a -> Neg -> b -> Exp -> c, two outputs: a and c. */
typedef struct chain {
    fg_context *ctx;
    fg_graph *g;
    fg_value *in, *a, *b, *c, *inputs[1], *outputs[2];
    fg_tensor data;
    const bool *keep;
    fg_run *run;
    int steps;
} chain;

static fg_value *append(fg_graph *g, const char *op, fg_value *x, const char *name) {
    fg_value *y = fg_graph_value(g, name);
    (void)fg_graph_node(g, op, 1, &x, 1, &y);
    return y;
}

static void chain_make(chain *t) {
    static float x[3] = {-1, 0.5F, 2};
    memset(t, 0, sizeof *t);
    t->ctx = fg_context_new();
    t->g = fg_graph_new(t->ctx, "chain");
    t->g->opset = 17;
    t->in = fg_graph_value(t->g, "in");
    t->in->dtype = FG_FLOAT;
    t->in->shape = one_node_shape("3");
    t->in->shape_known = t->in->is_input = true;
    t->data = (fg_tensor){FG_FLOAT, t->in->shape, x};
    t->a = append(t->g, "Relu", t->in, "a");
    t->b = append(t->g, "Neg", t->a, "b");
    t->c = append(t->g, "Exp", t->b, "c");
    t->inputs[0] = t->in;
    t->outputs[0] = t->a;
    t->outputs[1] = t->c;
    t->g->inputs = t->inputs;
    t->g->outputs = t->outputs;
    t->g->n_inputs = 1;
    t->g->n_outputs = 2;
    fg_infer(t->g);
}

static void chain_body(fg_context *ctx, void *arg) {
    chain *t = (chain *)arg;
    (void)ctx;
    t->run = fg_interpret(t->g, &t->data, t->keep, false);
}

static void everything_is_kept_without_a_wish_list(void **state) {
    (void)state;
    chain t;
    chain_make(&t);
    assert_int_equal(fg_try(t.ctx, chain_body, &t), FG_OK);
    assert_non_null(fg_run_value(t.run, t.a));
    assert_non_null(fg_run_value(t.run, t.b));
    assert_float_equal(fg_get_f64(fg_run_value(t.run, t.c), 2), 0.1353353, 1e-6);
    fg_run_free(t.run);
    assert_null(fg_run_value(t.run, t.c));
    fg_context_free(t.ctx);
}

static void what_nobody_wants_is_freed(void **state) {
    (void)state;
    chain t;
    chain_make(&t);
    bool *keep = FG_ARRAY(t.ctx, t.g->n_values, bool);
    keep[t.c->id] = true;
    t.keep = keep;
    assert_int_equal(fg_try(t.ctx, chain_body, &t), FG_OK);
    assert_null(fg_run_value(t.run, t.a));
    assert_null(fg_run_value(t.run, t.b));
    assert_non_null(fg_run_value(t.run, t.c));
    fg_run_free(t.run);
    fg_context_free(t.ctx);
}

static void a_long_run_stays_within_the_memory_limit(void **state) {
    (void)state;
    fg_context *ctx = fg_context_new();
    chain t = {.ctx = ctx, .g = fg_graph_new(ctx, "long")};
    t.g->opset = 17;
    t.in = fg_graph_value(t.g, "in");
    t.in->dtype = FG_FLOAT;
    t.in->shape = one_node_shape("250000");
    t.in->shape_known = t.in->is_input = true;
    fg_value *v = t.in;
    for (int i = 0; i < 100; i++) {
        v = append(t.g, "Relu", v, "v");
    }
    t.inputs[0] = t.in;
    t.outputs[0] = v;
    t.g->inputs = t.inputs;
    t.g->outputs = t.outputs;
    t.g->n_inputs = t.g->n_outputs = 1;
    fg_infer(t.g);
    t.data = fg_random_input(ctx, t.in, 1);
    bool *keep = FG_ARRAY(ctx, t.g->n_values, bool);
    keep[v->id] = true;
    t.keep = keep;
    fg_context_limits(ctx)->bytes = 8000000; /* a hundred results of 1 MB would not fit */
    assert_int_equal(fg_try(ctx, chain_body, &t), FG_OK);
    fg_context_free(ctx);
}

static void an_input_of_another_shape_is_refused(void **state) {
    (void)state;
    chain t;
    chain_make(&t);
    t.data.shape = one_node_shape("2");
    assert_int_equal(fg_try(t.ctx, chain_body, &t), FG_USAGE);
    assert_non_null(strstr(fg_context_diagnostic(t.ctx)->message, "input 'in' must be float 3"));
    fg_context_free(t.ctx);
}

static void work_beyond_the_limit_is_refused(void **state) {
    (void)state;
    chain t;
    chain_make(&t);
    fg_context_limits(t.ctx)->work = 10;
    assert_int_equal(fg_try(t.ctx, chain_body, &t), FG_UNSUPPORTED);
    assert_non_null(strstr(fg_context_diagnostic(t.ctx)->remedy, "--max-work"));
    fg_context_free(t.ctx);
}

static void count_step(void *user, const char *stage, int done, int total) {
    (void)done;
    if (strcmp(stage, "reference") == 0 && total == 3) {
        ++*(int *)user;
    }
}

static void progress_is_told_node_by_node(void **state) {
    (void)state;
    chain t;
    chain_make(&t);
    fg_context_set_progress(t.ctx, count_step, &t.steps);
    assert_int_equal(fg_try(t.ctx, chain_body, &t), FG_OK);
    assert_int_equal(t.steps, 4);
    fg_context_free(t.ctx);
}

/* ---- random inputs ---- */

static void random_floats_are_standard_normal_and_repeatable(void **state) {
    (void)state;
    fg_context *ctx = fg_context_new();
    fg_graph *g = fg_graph_new(ctx, "g");
    fg_value *v = fg_graph_value(g, "x");
    v->dtype = FG_FLOAT;
    v->shape = one_node_shape("100000");
    fg_tensor a = fg_random_input(ctx, v, 7), b = fg_random_input(ctx, v, 7), c = fg_random_input(ctx, v, 8);
    double sum = 0, squares = 0;
    for (int i = 0; i < 100000; i++) {
        double x = fg_get_f64(&a, i);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / 1e5) < 0.02);
    assert_true(fabs(squares / 1e5 - 1) < 0.02);
    assert_memory_equal(a.data, b.data, 400000);
    assert_memory_not_equal(a.data, c.data, 400000);
    fg_context_free(ctx);
}

static void random_indices_stay_below_their_bound(void **state) {
    (void)state;
    fg_context *ctx = fg_context_new();
    fg_graph *g = fg_graph_new(ctx, "g");
    fg_value *v = fg_graph_value(g, "x");
    v->dtype = FG_INT64;
    v->shape = one_node_shape("1000");
    v->bound = 3;
    fg_tensor a = fg_random_input(ctx, v, 7);
    int seen[3] = {0};
    for (int i = 0; i < 1000; i++) {
        int64_t x = ((const int64_t *)a.data)[i];
        assert_true(x >= 0 && x < 3);
        seen[x]++;
    }
    assert_true(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
    fg_context_free(ctx);
}

static void draw_random(fg_context *ctx, void *arg) {
    (void)fg_random_input(ctx, (const fg_value *)arg, 1);
}

static void an_index_without_a_bound_asks_for_data(void **state) {
    (void)state;
    fg_context *ctx = fg_context_new();
    fg_graph *g = fg_graph_new(ctx, "g");
    fg_value *data = fg_graph_value(g, "data"), *v = fg_graph_value(g, "x");
    fg_value *doubled = fg_graph_value(g, "doubled"), *out = fg_graph_value(g, "out");
    data->dtype = FG_FLOAT;
    v->dtype = doubled->dtype = FG_INT64;
    data->is_input = v->is_input = true;
    v->shape = one_node_shape("2");
    fg_value *pair[] = {v, v}, *operands[] = {data, doubled};
    (void)fg_graph_node(g, "Add", 2, pair, 1, &doubled);
    (void)fg_graph_node(g, "Gather", 2, operands, 1, &out);
    fg_value *inputs[] = {data, v};
    g->inputs = inputs;
    g->n_inputs = 2;
    g->outputs = &out;
    g->n_outputs = 1;
    fg_graph_link(g);
    assert_int_equal(fg_try(ctx, draw_random, v), FG_USAGE);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->remedy, "--input x="));
    fg_context_free(ctx);
}

/* ---- multiply-adds ---- */

static int64_t macs_of(const char *op, const char *x, const char *w, const char *attr, int value) {
    one_node t = one_node_new(op, 13);
    one_node_counting(&t, x);
    one_node_counting(&t, w);
    if (attr != NULL) {
        one_node_int(&t, attr, value);
    }
    one_node_build(&t);
    fg_infer(t.g);
    int64_t macs = fg_node_macs(t.node);
    one_node_done(&t);
    return macs;
}

static void multiply_adds_are_counted(void **state) {
    (void)state;
    assert_int_equal(macs_of("Conv", "2,4,5,5", "6,2,3,3", "group", 2), 2 * 6 * 9 * 2 * 9);
    assert_int_equal(macs_of("ConvTranspose", "1,4,5,5", "4,6,3,3", NULL, 0), 4 * 25 * 6 * 9);
    assert_int_equal(macs_of("Gemm", "3,2", "3,5", "transA", 1), 2 * 5 * 3);
    assert_int_equal(macs_of("MatMul", "7,2,3", "3,4", NULL, 0), 7 * 2 * 3 * 4);
    assert_int_equal(macs_of("Add", "2", "2", NULL, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_kept_without_a_wish_list),
        cmocka_unit_test(what_nobody_wants_is_freed),
        cmocka_unit_test(a_long_run_stays_within_the_memory_limit),
        cmocka_unit_test(an_input_of_another_shape_is_refused),
        cmocka_unit_test(work_beyond_the_limit_is_refused),
        cmocka_unit_test(progress_is_told_node_by_node),
        cmocka_unit_test(random_floats_are_standard_normal_and_repeatable),
        cmocka_unit_test(random_indices_stay_below_their_bound),
        cmocka_unit_test(an_index_without_a_bound_asks_for_data),
        cmocka_unit_test(multiply_adds_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
