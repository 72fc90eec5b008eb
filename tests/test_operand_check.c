/* Shape operands that are graph inputs: the code is made for the declared shape and refuses another at run
 * time. */
#include "lower_check.h"
#include "verify/loader.h"

/* x (2, 6) reshaped to the declared (3, 4) by the operand `shape`; returns what P_run says of that operand.
 */
static int run_with(fg_context *ctx, const char *op, const char *x_shape, const char *y_shape,
                    const int64_t *operand) {
    fg_graph *g = new_graph(ctx, 17);
    fg_value *x = input(g, "x", x_shape),
             *s = input(g, "shape", fg_format(ctx, "%d", shape_of(y_shape).rank));
    s->dtype = FG_INT64;
    fg_value *in[2] = {x, s}, *y = fg_graph_value(g, "y");
    y->dtype = FG_FLOAT;
    y->shape = shape_of(y_shape);
    y->shape_known = y->shape_declared = true;
    fg_graph_node(g, op, 2, in, 1, &y);
    output(g, y);
    fg_graph_link(g);
    fg_infer(g);
    const fg_module *m = test_module(g, "generic");
    fg_library *lib = fg_load_tcc(m, m->weights ? (const void *)m->weights : "");
    float from[64] = {0}, to[64];
    char arena[1024];
    const void *ins[2] = {from, operand};
    void *outs[1] = {to};
    fg_entry entry = {.function = fg_library_find(lib, m, "run"),
                      .m = m,
                      .in = ins,
                      .out = outs,
                      .arena = arena + (64 - (uintptr_t)arena % 64) % 64};
    fg_entry_call(&entry);
    fg_library_close(lib);
    return entry.result;
}

TEST(the_declared_shape_is_accepted) {
    (void)arg;
    assert_int_equal(run_with(ctx, "Reshape", "2x6", "3x4", (int64_t[]){3, 4}), 0);
    assert_int_equal(run_with(ctx, "Reshape", "2x6", "3x4", (int64_t[]){3, -1}), 0);
    assert_int_equal(run_with(ctx, "Reshape", "2x6", "2x3x2", (int64_t[]){0, 3, 2}), 0);
    assert_int_equal(run_with(ctx, "Expand", "1x4", "3x4", (int64_t[]){3, 1}), 0);
    assert_int_equal(run_with(ctx, "Tile", "1x4", "3x8", (int64_t[]){3, 2}), 0);
}

TEST(another_shape_is_refused) {
    (void)arg;
    assert_int_equal(run_with(ctx, "Reshape", "2x6", "3x4", (int64_t[]){4, 3}), -4);
    assert_int_equal(run_with(ctx, "Reshape", "2x6", "3x4", (int64_t[]){0, 4}), -4);
    assert_int_equal(run_with(ctx, "Expand", "1x4", "3x4", (int64_t[]){1, 4}), -4);
    assert_int_equal(run_with(ctx, "Tile", "1x4", "3x8", (int64_t[]){2, 3}), -4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_declared_shape_is_accepted),
        cmocka_unit_test(another_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
