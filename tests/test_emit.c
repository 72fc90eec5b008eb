/* --emit onnx: what is written can be read again, is grouped as the kernels are, and computes the same. */
#include "tests/onnx_writer.h"

#include "codegen/functions.h"
#include "frontend/frontend.h"
#include "frontend/writer.h"

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})
#define MODELS    FG_SOURCE_DIR "/tests/models/"

static fg_graph *read_file(fg_context *ctx, const char *path) {
    const fg_read_options options = {0};
    fg_graph *g = fg_read_model(ctx, path, &options);
    fg_infer(g);
    return g;
}

typedef struct comparison {
    const char *original, *emitted;
} comparison;

/* The same nodes on the same inputs, in another file: the same bits. */
static void compare(fg_context *ctx, void *arg) {
    const comparison *c = arg;
    fg_graph *a = read_file(ctx, c->original), *b = read_file(ctx, c->emitted);
    assert_int_equal(a->n_inputs, b->n_inputs);
    assert_int_equal(a->n_outputs, b->n_outputs);
    assert_int_equal(a->opset, b->opset);
    fg_tensor *inputs = FG_ARRAY(ctx, a->n_inputs, fg_tensor);
    for (int i = 0; i < a->n_inputs; i++) {
        assert_string_equal(a->inputs[i]->name, b->inputs[i]->name);
        assert_true(fg_shape_equal(&a->inputs[i]->shape, &b->inputs[i]->shape));
        inputs[i] = fg_random_input(ctx, a->inputs[i], 7 + (uint64_t)i);
    }
    fg_run *p = fg_interpret(a, inputs, NULL, false), *q = fg_interpret(b, inputs, NULL, false);
    for (int i = 0; i < a->n_outputs; i++) {
        const fg_tensor *x = fg_run_value(p, a->outputs[i]), *y = fg_run_value(q, b->outputs[i]);
        assert_string_equal(a->outputs[i]->name, b->outputs[i]->name);
        assert_true(fg_shape_equal(&x->shape, &y->shape));
        assert_memory_equal(x->data, y->data, fg_dtype_bytes(x->dtype, fg_shape_count(&x->shape)));
    }
}

static void expect_same(const char *original, const char *emitted) {
    fg_context *ctx = fg_context_new();
    comparison c = {original, emitted};
    const fg_status status = fg_try(ctx, compare, &c);
    if (status != FG_OK) print_error("%s: %s\n", emitted, fg_context_diagnostic(ctx)->message);
    assert_int_equal(status, FG_OK);
    fg_context_free(ctx);
}

static int times(const char *data, size_t n, const char *part) {
    int found = 0;
    for (const char *s = data; (s = memmem(s, (size_t)(data + n - s), part, strlen(part))); s += strlen(part))
        found++;
    return found;
}

/* Emits model (a path), reads it again, and returns the bytes. */
static char *emitted(const char *folder, const char *model, const char *option, size_t *n) {
    tool_result r = tool_run(folder, ARGS("-q", "--verify=none", "--target", "generic", model, "--emit",
                                          "onnx", "fused.onnx", option));
    tool_expect(&r, 0);
    assert_string_equal(r.out, "");
    tool_free(&r);
    char *path = tool_path(folder, "fused.onnx"), *data = tool_read(folder, "fused.onnx", n);
    expect_same(model, path);
    free(path);
    return data;
}

static void networks_compute_the_same_after_emission(void **state) {
    static const struct {
        const char *path;
        int kernels;
    } models[] = {{MODELS "text_encoder.graph.onnx", 25},
                  {MODELS "golden_mbconv.onnx", 3},
                  {MODELS "golden_residual.onnx", 2},
                  {MODELS "golden_head.onnx", 4}};
    (void)state;
    for (size_t i = 0; i < FG_COUNT(models); i++) {
        char folder[] = TOOL_FOLDER;
        tool_folder(folder);
        size_t n;
        char *data = emitted(folder, models[i].path, NULL, &n);
        /* the pattern stands in each function and in each call of it */
        assert_int_equal(times(data, n, "fusegen.pattern"), 2 * models[i].kernels);
        free(data);
        tool_remove(folder);
    }
}

static void quantisation_points_are_metadata(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    size_t n;
    char *data = emitted(folder, MODELS "golden_residual.onnx", NULL, &n);
    assert_true(times(data, n, "fusegen.quantise.INPUT") >= 2);
    assert_int_equal(times(data, n, "fusegen.quantise.RESIDUAL_INPUT"), 2); /* function and call */
    assert_true(times(data, n, "fusegen.catalogue") >= 2);
    free(data);
    tool_remove(folder);
}

static void unfused_every_operator_is_a_function(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    size_t fused_bytes, n;
    char *fused = emitted(folder, MODELS "golden_mbconv.onnx", NULL, &fused_bytes);
    char *single = emitted(folder, MODELS "golden_mbconv.onnx", "--no-fuse", &n);
    assert_true(times(single, n, "fusegen.pattern") > times(fused, fused_bytes, "fusegen.pattern"));
    free(fused);
    free(single);
    tool_remove(folder);
}

/* Two joins that each wait for a part of the other: as kernels of rewritten nodes they are in order, and the
 * file must be too. Also a result that is returned and read, and a constant that is returned. */
static void forks_and_outputs_stay_in_order(void **state) {
    static const int64_t dims[] = {1, 4};
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    onnx_model m = onnx_new(17);
    onnx_input(&m, "x", ONNX_FLOAT, 2, dims);
    onnx_initializer(&m, "c", ONNX_FLOAT, 2, dims, (const float[]){1, 2, 3, 4}, 16);
    onnx_node(&m, "Relu", "a", ARGS("x"), ARGS("a"), NULL);
    onnx_node(&m, "Sigmoid", "b", ARGS("x"), ARGS("b"), NULL);
    onnx_node(&m, "Add", "a2", ARGS("a", "b"), ARGS("y"), NULL);
    onnx_node(&m, "Mul", "b2", ARGS("b", "y"), ARGS("z"), NULL);
    onnx_node(&m, "Softmax", "s", ARGS("z"), ARGS("w"), NULL);
    onnx_node(&m, "Mul", "g", ARGS("c", "c"), ARGS("constant"), NULL);
    onnx_node(&m, "Tanh", "nobody", ARGS("z"), ARGS("unread"), NULL);
    onnx_output(&m, "y", ONNX_FLOAT, 2, dims);
    onnx_output(&m, "w", ONNX_FLOAT, 2, dims);
    onnx_output(&m, "constant", ONNX_FLOAT, 2, dims);
    onnx_save(&m, folder, "m.onnx");
    char *path = tool_path(folder, "m.onnx");
    char *at = realpath(path, NULL);
    size_t n;
    char *data = emitted(folder, at, NULL, &n);
    assert_int_equal(times(data, n, "unread"), 0);
    free(data);
    free(at);
    free(path);
    tool_remove(folder);
}

/* Inference splices the branches of an If into the graph and chooses between their results. */
static void a_choice_is_written_as_an_if(void **state) {
    static const int64_t dims[] = {1, 4};
    static const char *const ops[2] = {"Relu", "Neg"}, *const names[2] = {"then_branch", "else_branch"};
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    onnx_model m = onnx_new(17);
    onnx_input(&m, "x", ONNX_FLOAT, 2, dims);
    onnx_initializer(&m, "zero", ONNX_FLOAT, 0, NULL, (const float[]){0}, 4);
    pb axes = {0}, branches = {0};
    onnx_attribute_ints(&axes, "axes", 2, (const int64_t[]){0, 1});
    onnx_node(&m, "ReduceMax", "r", ARGS("x"), ARGS("r"), &axes);
    onnx_node(&m, "Greater", "c", ARGS("r", "zero"), ARGS("c"), NULL);
    for (int i = 0; i < 2; i++) {
        onnx_model body = onnx_new(17);
        onnx_node(&body, ops[i], ops[i], ARGS("x"), ARGS(ops[i]), NULL);
        onnx_output(&body, ops[i], ONNX_FLOAT, 2, dims);
        onnx_attribute_graph(&branches, names[i], &body);
    }
    onnx_node(&m, "If", "i", ARGS("c"), ARGS("y"), &branches);
    onnx_output(&m, "y", ONNX_FLOAT, 2, dims);
    onnx_save(&m, folder, "m.onnx");
    char *path = tool_path(folder, "m.onnx"), *at = realpath(path, NULL);
    size_t n;
    char *data = emitted(folder, at, NULL, &n);
    assert_int_equal(times(data, n, "then_branch") > 0, 1);
    assert_int_equal(times(data, n, "Choose"), 0);
    free(data);
    free(at);
    free(path);
    tool_remove(folder);
}

/* s, doubled n times. */
static void make_loop(const char *folder) {
    onnx_model m = onnx_new(17), body = onnx_new(17);
    pb attributes = {0};
    onnx_input(&body, "i", ONNX_INT64, 0, NULL);
    onnx_input(&body, "on", ONNX_BOOL, 0, NULL);
    onnx_input(&body, "s", ONNX_FLOAT, 1, (int64_t[]){4});
    onnx_node(&body, "Identity", "again", ARGS("on"), ARGS("going"), NULL);
    onnx_node(&body, "Add", "double", ARGS("s", "s"), ARGS("twice"), NULL);
    onnx_output(&body, "going", ONNX_BOOL, 0, NULL);
    onnx_output(&body, "twice", ONNX_FLOAT, 1, (int64_t[]){4});
    onnx_attribute_graph(&attributes, "body", &body);
    onnx_input(&m, "n", ONNX_INT64, 0, NULL);
    onnx_input(&m, "x", ONNX_FLOAT, 1, (int64_t[]){4});
    onnx_node(&m, "Loop", "loop", ARGS("n", "", "x"), ARGS("y"), &attributes);
    onnx_output(&m, "y", ONNX_FLOAT, 1, (int64_t[]){4});
    onnx_save(&m, folder, "loop.onnx");
}

static void loops_that_only_a_run_counts_are_refused(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    make_loop(folder);
    tool_result r = tool_run(folder, ARGS("-q", "loop.onnx", "--bound", "n=5"));
    tool_expect(&r, 0); /* it is not the loop */
    tool_free(&r);
    r = tool_run(folder, ARGS("-q", "loop.onnx", "--bound", "n=5", "--emit", "onnx", "x.onnx"));
    tool_expect(&r, 4);
    tool_expect_text(r.err, "no word for a loop that only a run counts");
    tool_expect_text(r.err, "--const");
    assert_false(tool_exists(folder, "x.onnx"));
    tool_free(&r);
    tool_remove(folder);
}

static void the_file_appears_only_when_it_is_right(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r = tool_run(folder, ARGS("-q", MODELS "golden_head.onnx", "--emit", "onnx"));
    tool_expect(&r, 1);
    tool_expect_text(r.err, "--emit needs a file");
    tool_free(&r);
    r = tool_run(folder, ARGS("-q", MODELS "golden_head.onnx", "--emit", "onnx", "no/such/folder.onnx"));
    tool_expect(&r, 6);
    tool_free(&r);
    r = tool_run(folder, ARGS("-q", MODELS "golden_head.onnx", "--emit", "dot", "x.dot"));
    tool_expect(&r, 1);
    tool_free(&r);
    r = tool_run(folder, ARGS("-q", MODELS "golden_head.onnx", MODELS "golden_mbconv.onnx", "--emit", "onnx",
                              "x.onnx"));
    tool_expect(&r, 1);
    tool_expect_text(r.err, "one model of one shape");
    tool_free(&r);
    assert_false(tool_exists(folder, "x.onnx"));
    tool_remove(folder);
}

static void numbers_are_written_as_protobuf_has_them(void **state) {
    (void)state;
    fg_context *ctx = fg_context_new();
    fg_text t = fg_text_new(ctx);
    fg_wire_int(&t, 1, 300);
    fg_wire_int(&t, 16, -1);
    fg_wire_string(&t, 2, "ab");
    static const unsigned char want[] = {0x08, 0xAC, 0x02, 0x80, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                         0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x12, 0x02, 'a',  'b'};
    assert_int_equal(t.length, sizeof want);
    assert_memory_equal(t.data, want, sizeof want);
    fg_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_compute_the_same_after_emission),
        cmocka_unit_test(quantisation_points_are_metadata),
        cmocka_unit_test(unfused_every_operator_is_a_function),
        cmocka_unit_test(forks_and_outputs_stay_in_order),
        cmocka_unit_test(a_choice_is_written_as_an_if),
        cmocka_unit_test(loops_that_only_a_run_counts_are_refused),
        cmocka_unit_test(the_file_appears_only_when_it_is_right),
        cmocka_unit_test(numbers_are_written_as_protobuf_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
