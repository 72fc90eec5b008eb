/* A fault planted in one kernel of a real network (it reads its first operand one element late) is found, and
 * that kernel alone is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/generate.h"

#define MODEL FG_SOURCE_DIR "/tests/models/efficientnet_b0.dyn.graph.onnx"

/* One verification in a context of its own. */
typedef struct trial {
    bool fuse;
    int fault;
    fg_verify_mode mode;
    fg_module *m;
    fg_verdict *v;
} trial;

static void body(fg_context *ctx, void *arg) {
    trial *t = arg;
    const fg_dim_binding batch = {"batch", 1};
    const fg_shape_binding small = {"input", {4, {1, 3, 32, 32}}};
    fg_graph *read = fg_read_model(
        ctx, MODEL, &(fg_read_options){.dims = &batch, .n_dims = 1, .shapes = &small, .n_shapes = 1});
    fg_infer(read);
    const fg_fusion_options fusion = {.fuse = t->fuse};
    fg_codegen_options options = test_options();
    options.weights = FG_WEIGHTS_BLOB;
    options.fault_kernel = t->fault;
    t->m = fg_generate(test_partition(read, &fusion),
                       fg_target_load(ctx, t->mode == FG_VERIFY_CC ? "host" : "x86-64"), &options);
    t->v = fg_verify(read, t->m, &(fg_verify_options){.mode = t->mode, .tolerance = 1e-4, .seed = 1});
}

/* Runs it and looks at the verdict; returns the number of kernels. */
static int check(bool fuse, int fault, fg_verify_mode mode) {
    fg_context *ctx = fg_context_new();
    trial t = {fuse, fault, mode, NULL, NULL};
    if (fg_try(ctx, body, &t) != FG_OK) fail_msg("fault %d: %s", fault, fg_context_diagnostic(ctx)->message);
    assert_int_equal(t.v->passed, fault < 0);
    for (int i = 0; i < t.v->n_kernels; i++)
        if (t.v->kernels[i].passed != (i != fault))
            fail_msg("a fault in kernel %d: kernel %d (%s) %s", fault, i, t.m->kernels[i].symbol,
                     i == fault ? "passes" : "fails too");
    int n = t.v->n_kernels;
    if (fault >= 0) {
        char label[256];
        (void)snprintf(label, sizeof label, "kernel '%s' (node", t.m->kernels[fault].symbol);
        assert_int_equal(strncmp(t.v->first_failure, label, strlen(label)), 0);
    }
    fg_context_free(ctx);
    return n;
}

/* Every `step`th kernel in turn. */
static void each_fault_is_found(bool fuse, int step) {
    int n = check(fuse, -1, FG_VERIFY_TCC);
    for (int fault = 0; fault < n; fault += step) check(fuse, fault, FG_VERIFY_TCC);
    check(fuse, n - 1, FG_VERIFY_TCC);
}

static void a_fault_in_a_fused_kernel_is_attributed_to_it(void **state) {
    (void)state;
    each_fault_is_found(true, 7); /* blocks of three kernels: all kinds are met */
}

static void the_host_compiler_finds_the_same_fault(void **state) {
    (void)state;
    check(true, -1, FG_VERIFY_CC);
    check(true, 7, FG_VERIFY_CC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_in_a_fused_kernel_is_attributed_to_it),
        cmocka_unit_test(the_host_compiler_finds_the_same_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
