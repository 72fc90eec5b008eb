/* Branches in generated code: what nothing but one of them needs runs only if it is taken. */
#include "body_builder.h"

static fg_value *condition(fg_graph *g, const char *name) {
    fg_value *c = input(g, name, "1");
    c->shape.rank = 0;
    c->dtype = FG_BOOL;
    return c;
}

static fg_value *either(fg_graph *g, fg_value *c, fg_graph *yes, fg_graph *no) {
    fg_value *y = NODE(g, "If", c);
    set_body(g, y, "then_branch", yes);
    set_body(g, y, "else_branch", no);
    return y;
}

/* What stands before the call of the kernel of that name in the run function. */
static void assert_guard(const fg_module *m, const char *kernel, const char *guard) {
    const char *run = strstr(m->source, "int t_run(");
    const char *call = strstr(run, fg_format(m->ctx, "t_%s(c);", kernel));
    if (call == NULL) {
        fail_msg("no call of %s in %s", kernel, run);
    }
    const char *line = call;
    while (line[-1] != '\n') {
        line--;
    }
    while (*line == ' ') {
        line++;
    }
    const char *found = fg_strndup(m->ctx, line, (size_t)(call - line));
    if (strcmp(found, guard) != 0) {
        fail_msg("'%s' before %s, not '%s'", found, kernel, guard);
    }
}

TEST(a_branch_runs_where_it_is_taken) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "5"), *c = condition(g, "c");
    fg_value *all = NODE(g, "Softmax", x), *some = NODE(g, "ReduceSum", x);
    fg_graph *yes = body_of(g, NULL, 0), *no = body_of(g, NULL, 0);
    output(yes, NODE(yes, "Mul", all, some));
    output(no, NODE(no, "Exp", all));
    check(g, either(g, c, yes, no));
    const fg_module *m;
    (void)generate_and_verify(g, "generic", false, 1, &m);
    assert_guard(m, "softmax", "");
    assert_guard(m, "reducesum", "if (*(const unsigned char *)c->in[1]) ");
    assert_guard(m, "mul", "if (*(const unsigned char *)c->in[1]) ");
    assert_guard(m, "exp", "if (!*(const unsigned char *)c->in[1]) ");
}

TEST(what_is_returned_runs_always) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "5"), *c = condition(g, "c"), *told = NODE(g, "Softmax", x);
    fg_graph *yes = body_of(g, NULL, 0), *no = body_of(g, NULL, 0);
    output(yes, NODE(yes, "Neg", told));
    output(no, NODE(no, "Exp", x));
    output(g, told);
    check(g, either(g, c, yes, no));
    const fg_module *m;
    (void)generate_and_verify(g, "generic", false, 1, &m);
    assert_guard(m, "softmax", "");
    assert_guard(m, "neg", "if (*(const unsigned char *)c->in[1]) ");
}

TEST(branches_hold_branches_and_loops) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", "5"), *c = condition(g, "c"), *d = condition(g, "d");
    fg_graph *yes = body_of(g, NULL, 0), *no = body_of(g, NULL, 0), *inner = body_of(g, NULL, 0),
             *other = body_of(g, NULL, 0);
    output(inner, NODE(inner, "Tanh", x));
    output(other, NODE(other, "Softmax", x));
    output(yes, NODE(yes, "Neg", either(yes, d, inner, other)));
    fg_graph *b = body_of(g, (const char *const[]){"i", "on", "s"}, 3);
    output(b, b->inputs[1]);
    output(b, NODE(b, "Sin", b->inputs[2]));
    fg_value *in[] = {bounded(g, integer_input(g, "n", ""), 9), NULL, x}, *last = fg_graph_value(no, "last");
    fg_graph_node(no, "Loop", 3, in, 1, &last);
    set_body(no, last, "body", b);
    output(no, last);
    check(g, either(g, c, yes, no));
    const fg_module *m;
    (void)generate_and_verify(g, "generic", false, 1, &m);
    assert_guard(m, "softmax", "if (*(const unsigned char *)c->in[1] && !*(const unsigned char *)c->in[2]) ");
    assert_guard(m, "last_loopenter", "if (!*(const unsigned char *)c->in[1]) ");
    assert_guard(m, "sin", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_branch_runs_where_it_is_taken),
        cmocka_unit_test(what_is_returned_runs_always),
        cmocka_unit_test(branches_hold_branches_and_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
