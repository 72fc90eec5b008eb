/* The context: errors, memory, text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "frontend/base.h"
#include "frontend/graph.h"

static int setup(void **state) {
    *state = fg_context_new();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    fg_context_free(*state);
    return 0;
}

static void raise_named(fg_context *ctx, void *arg) {
    fg_remedy(ctx, "try %s", "harder");
    fg_blame_attribute(ctx, "axis");
    fg_raise(ctx, FG_BAD_MODEL, "'%s' is wrong", (const char *)arg);
}

static void returns(fg_context *ctx, void *arg) {
    (void)ctx;
    *(int *)arg += 1;
}

static void raise_twice(fg_context *ctx, void *arg) {
    char inner[] = "inner";
    assert_int_equal(fg_try(ctx, raise_named, inner), FG_BAD_MODEL);
    assert_string_equal(fg_context_diagnostic(ctx)->message, "'inner' is wrong");
    *(int *)arg += 1;
    fg_raise(ctx, FG_UNSUPPORTED, "outer");
}

static void a_raise_leaves_to_the_nearest_try(void **state) {
    int reached = 0;
    fg_context_set_file(*state, "m.onnx");
    assert_int_equal(fg_try(*state, returns, &reached), FG_OK);
    assert_int_equal(fg_try(*state, raise_twice, &reached), FG_UNSUPPORTED);
    assert_int_equal(reached, 2);
    const fg_diagnostic *d = fg_context_diagnostic(*state);
    assert_string_equal(d->message, "outer");
    assert_string_equal(d->file, "m.onnx");
    assert_string_equal(d->remedy, ""); /* those of the inner error are used up */
    assert_string_equal(d->attribute, "");
}

static void a_diagnostic_carries_remedy_attribute_and_node(void **state) {
    fg_context *ctx = *state;
    char what[] = "x";
    fg_node n = {.name = "", .op_type = "Conv", .index = 12};
    fg_context_set_node(ctx, &n);
    fg_try(ctx, raise_named, what);
    const fg_diagnostic *d = fg_context_diagnostic(ctx);
    assert_string_equal(d->node, "#12");
    assert_string_equal(d->op, "Conv");
    assert_string_equal(d->attribute, "axis");
    assert_string_equal(d->remedy, "try harder");
    n.name = "conv1";
    fg_try(ctx, raise_named, what);
    assert_string_equal(fg_context_diagnostic(ctx)->node, "conv1");
    fg_context_set_node(ctx, NULL);
}

static void texts_longer_than_the_diagnostic_are_cut(void **state) {
    fg_context *ctx = *state;
    static char text[5000];
    memset(text, 'a', sizeof text - 1);
    fg_node n = {.name = text, .op_type = text};
    fg_context_set_file(ctx, text);
    fg_context_set_node(ctx, &n);
    fg_blame_attribute(ctx, text);
    fg_remedy(ctx, "%s", text);
    assert_int_equal(fg_try(ctx, raise_named, text), FG_BAD_MODEL);
    const fg_diagnostic *d = fg_context_diagnostic(ctx);
    assert_int_equal(strlen(d->message), sizeof d->message - 1);
    assert_int_equal(strlen(d->file), sizeof d->file - 1);
    assert_int_equal(strlen(d->node), sizeof d->node - 1);
    assert_int_equal(strlen(d->op), sizeof d->op - 1);
    fg_context_set_node(ctx, NULL);
}

static void small_memory_is_zeroed_and_aligned(void **state) {
    for (size_t size = 0; size < 40000; size += 997) {
        unsigned char *p = fg_alloc(*state, 1, size);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) assert_int_equal(p[i], 0);
        memset(p, 255, size);
    }
}

static void overflowing_request(fg_context *ctx, void *arg) {
    (void)arg;
    fg_alloc(ctx, SIZE_MAX / 2, 3);
}

static void request_above_limit(fg_context *ctx, void *arg) {
    fg_context_limits(ctx)->bytes = 1000;
    fg_big_free(ctx, fg_big_alloc(ctx, 600));
    *(void **)arg = fg_big_alloc(ctx, 600); /* the first was given back */
    fg_big_alloc(ctx, 401);
}

static void oversized_requests_are_refused(void **state) {
    void *p = NULL;
    assert_int_equal(fg_try(*state, overflowing_request, NULL), FG_UNSUPPORTED);
    assert_int_equal(fg_try(*state, request_above_limit, &p), FG_UNSUPPORTED);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 64, 0);
    assert_non_null(strstr(fg_context_diagnostic(*state)->remedy, "--max-bytes"));
}

static void product(fg_context *ctx, void *arg) {
    const int64_t *e = arg;
    assert_int_equal(fg_checked_product(ctx, 3, e), e[3]);
}

static void products_are_checked(void **state) {
    int64_t fine[] = {2, 3, 4, 24}, empty[] = {7, 0, 5, 0}, large[] = {1 << 30, 1 << 30, 16, 0};
    int64_t hidden[] = {0, INT64_C(1) << 40, INT64_C(1) << 40, 0}, negative[] = {2, -1, 2, 0};
    assert_int_equal(fg_try(*state, product, fine), FG_OK);
    assert_int_equal(fg_try(*state, product, empty), FG_OK);
    assert_int_equal(fg_try(*state, product, large), FG_UNSUPPORTED);
    assert_int_equal(fg_try(*state, product, hidden), FG_UNSUPPORTED);
    assert_int_equal(fg_try(*state, product, negative), FG_BAD_MODEL);
}

static void release(void *resource) {
    *(int *)resource = 1;
}

static void deferred_releases_run_with_the_context(void **state) {
    (void)state;
    int kept = 0, forgotten = 0;
    fg_context *ctx = fg_context_new();
    fg_defer(ctx, release, &kept);
    fg_defer(ctx, release, &forgotten);
    fg_undefer(ctx, &forgotten);
    fg_context_free(ctx);
    assert_int_equal(kept, 1);
    assert_int_equal(forgotten, 0);
}

static void text_grows(void **state) {
    fg_text t = fg_text_new(*state);
    for (int i = 0; i < 1000; i++) fg_text_printf(&t, "%03d,", i);
    assert_int_equal(t.length, 4000);
    assert_memory_equal(t.data + 3996, "999,", 5);
    fg_text_addn(&t, "xyz", 2);
    fg_text_add(&t, "");
    assert_string_equal(t.data + 4000, "xy");
    fg_text_free(&t);
    assert_null(t.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_raise_leaves_to_the_nearest_try, setup, teardown),
        cmocka_unit_test_setup_teardown(a_diagnostic_carries_remedy_attribute_and_node, setup, teardown),
        cmocka_unit_test_setup_teardown(texts_longer_than_the_diagnostic_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(small_memory_is_zeroed_and_aligned, setup, teardown),
        cmocka_unit_test_setup_teardown(oversized_requests_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(products_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(deferred_releases_run_with_the_context, setup, teardown),
        cmocka_unit_test_setup_teardown(text_grows, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
