/* The graph: names, links, order, rewriting, copies; element types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "frontend/frontend.h"

static int setup(void **state) {
    *state = fg_context_new();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    fg_context_free(*state);
    return 0;
}

static fg_value *input(fg_graph *g, const char *name) {
    fg_value *v = fg_graph_value(g, name);
    v->is_input = true;
    g->inputs = FG_ARRAY(g->ctx, 4, fg_value *);
    g->inputs[g->n_inputs++] = v;
    return v;
}

static fg_value *binary(fg_graph *g, const char *op, fg_value *a, fg_value *b, const char *name) {
    fg_value *out = fg_graph_value(g, name), *in[] = {a, b};
    fg_graph_node(g, op, 2, in, 1, &out);
    return out;
}

static void output(fg_graph *g, fg_value *v) {
    g->outputs = FG_ARRAY(g->ctx, 1, fg_value *);
    g->outputs[0] = v;
    g->n_outputs = 1;
    v->is_output = true;
}

static void link_body(fg_context *ctx, void *g) {
    (void)ctx;
    fg_graph_link(g);
}

static void names_taken_get_a_suffix(void **state) {
    fg_graph *g = fg_graph_new(*state, "g");
    assert_string_equal(fg_graph_value(g, "x")->name, "x");
    fg_value *second = fg_graph_value(g, "x");
    assert_string_equal(second->name, "x_2");
    assert_string_equal(fg_graph_value(g, "x")->name, "x_3");
    assert_string_equal(fg_graph_value(g, "x_2")->name, "x_2_2");
    assert_string_not_equal(fg_graph_value(g, "")->name, "");
    assert_ptr_equal(fg_graph_find(g, "x_2"), second);
    assert_null(fg_graph_find(g, "y"));
    for (int i = 0; i < 3000; i++) fg_graph_value(g, "many");
    assert_non_null(fg_graph_find(g, "many_3000"));
}

static void linking_sorts_stably_and_lists_users(void **state) {
    fg_graph *g = fg_graph_new(*state, "g");
    fg_value *x = input(g, "x"), *b = fg_graph_value(g, "b");
    fg_value *c = binary(g, "Mul", b, b, "c"); /* stands before the producer of b */
    fg_value *in[] = {x, NULL, NULL}, *d = fg_graph_value(g, "d");
    fg_node *relu = fg_graph_node(g, "Relu", 3, in, 1, &d);
    fg_graph_node(g, "Neg", 1, &d, 1, &b);
    output(g, c);
    fg_graph_link(g);
    assert_string_equal(g->nodes[0]->op_type, "Relu");
    assert_string_equal(g->nodes[1]->op_type, "Neg");
    assert_string_equal(g->nodes[2]->op_type, "Mul");
    assert_int_equal(relu->n_in, 1); /* trailing absent inputs are cut off */
    assert_int_equal(b->n_users, 2);
    assert_ptr_equal(b->users[0], c->producer);
    assert_ptr_equal(b->users[1], c->producer);
    assert_int_equal(x->n_users, 1);
    assert_ptr_equal(x->users[0], relu);
}

static void cycles_are_refused(void **state) {
    fg_graph *g = fg_graph_new(*state, "g");
    fg_value *x = input(g, "x"), *a = fg_graph_value(g, "a");
    fg_value *b = binary(g, "Add", x, a, "b"), *in[] = {b};
    fg_node *n = fg_graph_node(g, "Relu", 1, in, 1, &a);
    n->name = "loop";
    output(g, b);
    assert_int_equal(fg_try(*state, link_body, g), FG_BAD_MODEL);
    assert_non_null(strstr(fg_context_diagnostic(*state)->message, "cycle"));
    assert_string_not_equal(fg_context_diagnostic(*state)->op, "");
}

static void reading_what_nothing_produces_is_refused(void **state) {
    fg_graph *g = fg_graph_new(*state, "g");
    fg_value *ghost = fg_graph_value(g, "ghost"), *y = binary(g, "Add", ghost, ghost, "y");
    output(g, y);
    assert_int_equal(fg_try(*state, link_body, g), FG_BAD_MODEL);
    assert_string_equal(fg_context_diagnostic(*state)->message,
                        "the node reads 'ghost', which nothing produces");
    assert_string_equal(fg_context_diagnostic(*state)->op, "Add");
}

static void two_producers_are_refused(void **state) {
    fg_graph *g = fg_graph_new(*state, "g");
    fg_value *x = input(g, "x"), *y = binary(g, "Add", x, x, "y"), *in[] = {x};
    fg_graph_node(g, "Relu", 1, in, 1, &y);
    output(g, y);
    assert_int_equal(fg_try(*state, link_body, g), FG_BAD_MODEL);
    assert_non_null(strstr(fg_context_diagnostic(*state)->message, "'y' is produced twice"));
}

static void replacing_moves_uses_and_outputs(void **state) {
    fg_graph *g = fg_graph_new(*state, "g");
    fg_value *x = input(g, "x"), *a = binary(g, "Add", x, x, "a"), *b = binary(g, "Mul", a, a, "b");
    output(g, b);
    fg_graph_link(g);
    fg_graph_replace(g, a, x);
    assert_ptr_equal(b->producer->in[0], x);
    assert_ptr_equal(b->producer->in[1], x);
    assert_int_equal(a->n_users, 0);
    assert_int_equal(x->n_users, 4);
    fg_graph_replace(g, b, a);
    assert_ptr_equal(g->outputs[0], a);
    assert_true(a->is_output);
    assert_false(b->is_output);
    fg_graph_prune(g);
    assert_int_equal(g->n_nodes, 1);
    assert_ptr_equal(g->nodes[0], a->producer);
    assert_int_equal(x->n_users, 2);
}

static void a_clone_refers_to_its_original(void **state) {
    fg_graph *g = fg_graph_new(*state, "g");
    fg_value *x = input(g, "x"), *y = binary(g, "Add", x, x, "y");
    output(g, y);
    fg_graph_link(g);
    fg_node_set_attr(*state, g->nodes[0], "k", FG_ATTR_INT)->i = 3;
    fg_graph *c = fg_graph_clone(g);
    assert_int_equal(c->n_nodes, 1);
    assert_ptr_equal(c->outputs[0]->ref, y);
    assert_string_equal(c->outputs[0]->name, "y");
    assert_ptr_equal(c->inputs[0]->ref, x);
    assert_ptr_equal(c->nodes[0]->covers[0], g->nodes[0]);
    assert_int_equal(c->nodes[0]->n_covers, 1);
    assert_ptr_not_equal(c->nodes[0]->in[0], x);
    assert_ptr_equal(c->nodes[0]->in[0], c->inputs[0]);
    fg_node_set_attr(*state, c->nodes[0], "k", FG_ATTR_INT)->i = 4;
    assert_int_equal(fg_attr_int(g->nodes[0], "k", 0), 3); /* the original is not touched */
}

static void graphs_in_attributes_use_outer_values(void **state) {
    fg_graph *g = fg_graph_new(*state, "g"), *inner = fg_graph_new(*state, "then");
    fg_value *x = input(g, "x"), *a = binary(g, "Add", x, x, "a"), *y = fg_graph_value(g, "y");
    output(inner, binary(inner, "Mul", a, a, "m"));
    fg_node *n = fg_graph_node(g, "If", 1, &x, 1, &y);
    fg_node_set_attr(*state, n, "then_branch", FG_ATTR_GRAPH)->graph = inner;
    output(g, y);
    fg_graph_link(inner);
    fg_graph_prune(g);
    assert_int_equal(g->n_nodes, 2); /* the Add is read by the branch alone */
    assert_int_equal(a->n_users, 2);
    assert_ptr_equal(a->users[0], n);
    fg_graph *c = fg_graph_clone(g);
    const fg_graph *branch = c->nodes[1]->attr[0].graph;
    assert_ptr_not_equal(branch, inner);
    assert_ptr_equal(branch->nodes[0]->in[0], c->nodes[0]->out[0]);
}

static void attributes_are_read_with_defaults(void **state) {
    fg_graph *g = fg_graph_new(*state, "g");
    fg_value *x = input(g, "x"), *y = fg_graph_value(g, "y");
    fg_node *n = fg_graph_node(g, "Conv", 1, &x, 1, &y);
    static const int64_t pads[] = {1, 2, 3, 4};
    int64_t out[4] = {0};
    fg_attr *a = fg_node_set_attr(*state, n, "pads", FG_ATTR_INTS);
    a->ints = pads;
    a->n = 4;
    assert_int_equal(fg_attr_ints(*state, n, "pads", 4, out), 4);
    assert_memory_equal(out, pads, sizeof pads);
    assert_int_equal(fg_attr_ints(*state, n, "strides", 4, out), 0);
    assert_int_equal(fg_attr_int(n, "group", 7), 7);
    assert_string_equal(fg_attr_string(n, "auto_pad", "NOTSET"), "NOTSET");
    assert_string_equal(fg_node_label(n), "y");
}

static void dump_is_one_line_a_node(void **state) {
    fg_graph *g = fg_graph_new(*state, "g");
    static const float two[] = {2, 0.5F};
    const fg_shape s = {1, {2}};
    fg_value *x = input(g, "x\ny"), *y;
    x->dtype = FG_FLOAT;
    x->shape = s;
    x->shape_known = true;
    y = binary(g, "Mul", x, fg_graph_const(g, "w", FG_FLOAT, &s, two), "out");
    fg_node_set_attr(*state, g->nodes[0], "k", FG_ATTR_INT)->i = -3;
    output(g, y);
    fg_text t = fg_text_new(*state);
    fg_graph_dump(g, &t);
    assert_string_equal(t.data, "input %\"x\\x0ay\": float[2]\n"
                                "const %w: float[2] = [2 0.5]\n"
                                "%out: undefined = Mul(\"\") (%\"x\\x0ay\", %w) {k=-3}\n"
                                "output %out: undefined\n");
}

static void halves_round_to_nearest_even(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = fg_half_to_float((uint16_t)h);
        if (f != f) continue;
        assert_int_equal(fg_half_from_float(f), h);
    }
    assert_int_equal(fg_half_from_float(1.00048828125F), 0x3c00); /* half way: to even */
    assert_int_equal(fg_half_from_float(1.00146484375F), 0x3c02);
    assert_int_equal(fg_half_from_float(65519.F), 0x7bff);
    assert_int_equal(fg_half_from_float(65520.F), 0x7c00);
    assert_int_equal(fg_half_from_float(0x1p-25F), 0);
    assert_int_equal(fg_half_from_float(0x1.8p-25F), 1);
    assert_int_equal(fg_half_from_float(-0.0F), 0x8000);
    assert_true(isnan(fg_half_to_float(fg_half_from_float(NAN))));
    assert_int_equal(fg_bfloat_from_float(1.00390625F), 0x3f80);
    assert_int_equal(fg_bfloat_from_float(1.01171875F), 0x3f82);
    assert_true(isnan(fg_bfloat_to_float(fg_bfloat_from_float(NAN))));
}

/* Just above half way, where a float in between falls on half way and then to even. */
static void doubles_round_to_halves_once(void **state) {
    (void)state;
    assert_int_equal(fg_half_from_double(1 + 0x1p-11), 0x3c00);
    assert_int_equal(fg_half_from_double(1 + 0x1p-11 + 0x1p-40), 0x3c01);
    assert_int_equal(fg_half_from_double(-1 - 0x1p-11 - 0x1p-40), 0xbc01);
    assert_int_equal(fg_half_from_double(1 + 0x3p-11 - 0x1p-40), 0x3c01);
    assert_int_equal(fg_half_from_double(0x1p-25 + 0x1p-60), 1);
    assert_int_equal(fg_half_from_double(1e300), 0x7c00);
    assert_int_equal(fg_half_from_double(-1e-300), 0x8000);
    assert_true(isnan(fg_half_to_float(fg_half_from_double((double)NAN))));
    assert_int_equal(fg_bfloat_from_double(1 + 0x1p-8), 0x3f80);
    assert_int_equal(fg_bfloat_from_double(1 + 0x1p-8 + 0x1p-40), 0x3f81);
    assert_int_equal(fg_bfloat_from_double(1e300), 0x7f80);
}

static void packed_and_small_constants_are_read(void **state) {
    (void)state;
    static const uint8_t nibbles[] = {0x8f, 0x07}, eights[] = {0x38, 0x7e, 0x7f, 0x80};
    fg_value v = {.dtype = FG_INT4, .data = nibbles};
    assert_int_equal(fg_const_int(&v, 0), -1);
    assert_int_equal(fg_const_int(&v, 1), -8);
    assert_int_equal(fg_const_int(&v, 2), 7);
    v.dtype = FG_UINT4;
    assert_int_equal(fg_const_int(&v, 0), 15);
    assert_int_equal(fg_dtype_bytes(FG_INT4, 3), 2);
    v = (fg_value){.dtype = FG_FLOAT8E4M3FN, .data = eights};
    assert_true(fg_const_float(&v, 0) == 1);
    assert_true(fg_const_float(&v, 1) == 448);
    assert_true(isnan(fg_const_float(&v, 2)));
    static const float wild[] = {NAN, 1e30F, -1e30F};
    v = (fg_value){.dtype = FG_FLOAT, .data = wild};
    assert_int_equal(fg_const_int(&v, 0), 0);
    assert_true(fg_const_int(&v, 1) == INT64_MAX);
    assert_true(fg_const_int(&v, 2) == INT64_MIN);
    assert_string_equal(fg_dtype_get((fg_dtype)99)->name, "undefined");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_taken_get_a_suffix, setup, teardown),
        cmocka_unit_test_setup_teardown(linking_sorts_stably_and_lists_users, setup, teardown),
        cmocka_unit_test_setup_teardown(cycles_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_what_nothing_produces_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(two_producers_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(replacing_moves_uses_and_outputs, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clone_refers_to_its_original, setup, teardown),
        cmocka_unit_test_setup_teardown(graphs_in_attributes_use_outer_values, setup, teardown),
        cmocka_unit_test_setup_teardown(attributes_are_read_with_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(dump_is_one_line_a_node, setup, teardown),
        cmocka_unit_test(halves_round_to_nearest_even),
        cmocka_unit_test(doubles_round_to_halves_once),
        cmocka_unit_test(packed_and_small_constants_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
