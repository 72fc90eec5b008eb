/* The operator table: look-up by domain and opset, well-formed rows. */
#include "tests/one_node.h"

static void rows_are_found_by_opset(void **state) {
    (void)state;
    const fg_op *old = fg_op_find("", "Clip", 6), *new = fg_op_find("", "Clip", 13);
    assert_non_null(old);
    assert_non_null(new);
    assert_ptr_not_equal(old, new);
    assert_int_equal(old->max_in, 1);
    assert_int_equal(new->max_in, 3);
    assert_ptr_equal(fg_op_find("ai.onnx", "Clip", 13), new);
    assert_null(fg_op_find("", "Clip", 5));
    assert_null(fg_op_find("", "Gelu", 19));
    assert_null(fg_op_find("com.example", "Clip", 13));
    assert_null(fg_op_find("", "NoSuchOperator", 13));
}

static void an_index_out_of_range_gives_nothing(void **state) {
    (void)state;
    assert_non_null(fg_op_at(0));
    assert_non_null(fg_op_at(fg_op_count() - 1));
    assert_null(fg_op_at(fg_op_count()));
    assert_null(fg_op_at(-1));
}

/* What every other stage relies on. */
static void rows_are_complete(void **state) {
    (void)state;
    for (int i = 0; i < fg_op_count(); i++) {
        const fg_op *op = fg_op_at(i);
        bool good = op->name != NULL && op->domain != NULL && op->infer != NULL && op->since >= 1 &&
                    op->max_out != 0 && (op->until == 0 || op->until >= op->since) &&
                    (op->max_in < 0 || op->max_in >= op->min_in);
        bool map = op->lowering != NULL && strcmp(op->lowering, "map") == 0;
        if (!good || (map && op->scalar == NULL)) {
            print_error("row %s %d\n", op->name, op->since);
        }
        assert_true(good);
        assert_true(!map || op->scalar != NULL);
    }
}

static void no_opset_has_two_rows(void **state) {
    (void)state;
    for (int i = 0; i < fg_op_count(); i++) {
        const fg_op *a = fg_op_at(i);
        for (int k = 0; k < i; k++) {
            const fg_op *b = fg_op_at(k);
            if (strcmp(a->name, b->name) != 0 || strcmp(a->domain, b->domain) != 0) {
                continue;
            }
            bool apart = (a->until != 0 && a->until < b->since) || (b->until != 0 && b->until < a->since);
            if (!apart) {
                print_error("%s: rows since %d and %d\n", a->name, a->since, b->since);
            }
            assert_true(apart);
        }
    }
}

typedef struct shapes {
    fg_shape a, b;
} shapes;

static void broadcast(fg_context *ctx, void *arg) {
    shapes *s = (shapes *)arg;
    fg_broadcast_shape(ctx, NULL, &s->a, &s->b);
}

static void shapes_broadcast_by_numpys_rules(void **state) {
    (void)state;
    fg_context *ctx = fg_context_new();
    shapes s = {one_node_shape("3,1,5"), one_node_shape("4,1")};
    assert_int_equal(fg_try(ctx, broadcast, &s), FG_OK);
    assert_string_equal(fg_shape_text(ctx, &s.a), "3x4x5");
    s = (shapes){one_node_shape("0"), one_node_shape("2,1")};
    assert_int_equal(fg_try(ctx, broadcast, &s), FG_OK);
    assert_string_equal(fg_shape_text(ctx, &s.a), "2x0");
    s = (shapes){one_node_shape("3"), one_node_shape("0")};
    assert_int_equal(fg_try(ctx, broadcast, &s), FG_BAD_MODEL);
    fg_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_opset),
        cmocka_unit_test(an_index_out_of_range_gives_nothing),
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(no_opset_has_two_rows),
        cmocka_unit_test(shapes_broadcast_by_numpys_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
