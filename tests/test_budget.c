/* No generated function is longer than the target's unroll_budget: a kernel whose text would be is made with
 * less of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/generate.h"

#define FOLDER FG_SOURCE_DIR "/tests/models/"

typedef struct trial {
    const char *model, *target;
    int budget; /* 0: the target's own */
    bool verify;
    const fg_module *m;
    const fg_verdict *v;
} trial;

static void body(fg_context *ctx, void *arg) {
    trial *t = arg;
    fg_graph *read = fg_read_model(ctx, t->model, &(fg_read_options){0});
    fg_infer(read);
    fg_codegen_options options = test_options();
    options.weights = FG_WEIGHTS_BLOB;
    fg_target *target = FG_NEW(ctx, fg_target);
    *target = *fg_target_load(ctx, t->target);
    if (t->budget) target->unroll_budget = t->budget;
    const fg_fusion_options fusion = {.fuse = true};
    const fg_partition *p = test_partition(read, &fusion);
    t->m = fg_generate(p, target, &options);
    options.compact = fg_over_budget(t->m, &options.n_compact);
    if (options.n_compact > 0) t->m = fg_generate(p, target, &options);
    if (t->verify)
        t->v =
            fg_verify(read, t->m, &(fg_verify_options){.mode = FG_VERIFY_TCC, .tolerance = 1e-4, .seed = 1});
}

/* The longest function of the model's code and, in *compact, how many kernels were made shorter. */
static int longest(trial t, int *compact) {
    fg_context *ctx = fg_context_new();
    if (fg_try(ctx, body, &t) != FG_OK) fail_msg("%s: %s", t.model, fg_context_diagnostic(ctx)->message);
    int most = 0;
    *compact = 0;
    for (int i = 0; i < t.m->n_kernels; i++) {
        const fg_kernel_text *k = &t.m->kernels[i];
        *compact += k->compact;
        if (k->longest > most) most = k->longest;
        if (!t.budget && k->longest > t.m->target->unroll_budget)
            fail_msg("%s for %s: %s has %d lines, more than %d", t.model, t.target, k->symbol, k->longest,
                     t.m->target->unroll_budget);
    }
    if (t.verify && !t.v->passed) fail_msg("%s: %s", t.model, t.v->first_failure);
    fg_context_free(ctx);
    return most;
}

static void every_function_of_networks_stays_within_the_budget(void **state) {
    (void)state;
    static const char *const networks[] = {"resnet50", "vit_b_16", "efficientnet_b0", "mobilenet_v3_small"};
    static const char *const targets[] = {"x86-64-v4", "x86-64", "aarch64", "generic"};
    char path[512];
    int compact;
    for (size_t n = 0; n < FG_COUNT(networks); n++)
        for (size_t i = 0; i < FG_COUNT(targets); i++) {
            if (n == 1 && i > 0) continue; /* the largest */
            (void)snprintf(path, sizeof path, FOLDER "%s.graph.onnx", networks[n]);
            longest((trial){.model = path, .target = targets[i]}, &compact);
        }
}

static void every_function_for_boards_stays_within_the_budget(void **state) {
    (void)state;
    static const char *const networks[] = {"resnet8", "ds_cnn", "mobilenet_v2_035_96"};
    static const char *const targets[] = {"cortex-m0plus", "cortex-m4f", "cortex-m7",
                                          "cortex-m55",    "rv32imac",   "rv32imafc"};
    char path[512];
    int compact;
    for (size_t n = 0; n < FG_COUNT(networks); n++)
        for (size_t i = 0; i < FG_COUNT(targets); i++) {
            (void)snprintf(path, sizeof path, FOLDER "%s.graph.onnx", networks[n]);
            longest((trial){.model = path, .target = targets[i]}, &compact);
        }
}

static void a_kernel_over_the_budget_is_made_with_less_text_and_is_right(void **state) {
    (void)state;
    int none, some;
    const trial free_of_it = {.model = FOLDER "resnet8.graph.onnx", .target = "x86-64", .budget = 100000};
    trial held = free_of_it;
    held.budget = 150;
    held.verify = true;
    const int before = longest(free_of_it, &none), after = longest(held, &some);
    assert_int_equal(none, 0);
    assert_true(some > 0);
    assert_true(before > held.budget);
    assert_true(after < before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_of_networks_stays_within_the_budget),
        cmocka_unit_test(every_function_for_boards_stays_within_the_budget),
        cmocka_unit_test(a_kernel_over_the_budget_is_made_with_less_text_and_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
