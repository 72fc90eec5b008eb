/* --tune and --tune-file: measured choices instead of the cost model's. No test here depends on what is fast.
 */
#include "frontend/frontend.h"
#include "tests/generate.h"
#include "tests/onnx_writer.h"

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})
#define TARGET    "x86-64-v3"
#define STEM      "stem_conv_3x3_relu"
#define BODY      "body_conv_3x3_relu"
#define EXPAND    "depthwise_expand_depthwise_3x3_relu"
#define OUT       "row_major_out_0" /* a copy: nothing to choose */

static void attribute_int(pb *attributes, const char *name, int64_t value) {
    pb a = {0};
    pb_string(&a, 1, name);
    pb_int(&a, 3, value);
    pb_int(&a, 20, 2);
    pb_message(attributes, 5, &a);
}

/* A stem, a convolution that Winograd can do, an expansion with a depthwise convolution behind it. */
static void make_model(const char *folder, const char *file, int64_t size) {
    static const struct {
        const char *name, *x, *w, *c, *y;
        int64_t oc, ic, k, group;
    } layers[] = {{"stem", "x", "w0", "c0", "r0", 16, 3, 3, 1},
                  {"body", "r0", "w1", "c1", "r1", 32, 16, 3, 1},
                  {"expand", "r1", "w2", "c2", "r2", 48, 32, 1, 1},
                  {"depthwise", "r2", "w3", "c3", "y", 48, 1, 3, 48}};
    onnx_model m = onnx_new(17);
    onnx_input(&m, "x", ONNX_FLOAT, 4, (int64_t[]){1, 3, size, size});
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const int64_t pad = layers[i].k / 2;
        pb a = {0};
        onnx_attribute_ints(&a, "pads", 4, (int64_t[]){pad, pad, pad, pad});
        attribute_int(&a, "group", layers[i].group);
        onnx_weights(&m, layers[i].w, 4, (int64_t[]){layers[i].oc, layers[i].ic, layers[i].k, layers[i].k});
        onnx_node(&m, "Conv", layers[i].name, ARGS(layers[i].x, layers[i].w), ARGS(layers[i].c), &a);
        onnx_node(&m, "Relu", layers[i].y, ARGS(layers[i].c), ARGS(layers[i].y), NULL);
    }
    onnx_output(&m, "y", ONNX_FLOAT, 4, (int64_t[]){1, 48, size, size});
    onnx_save(&m, folder, file);
}

static int make_folder(void **state) {
    const char *folder = tool_new_state(state);
    make_model(folder, "model.onnx", 16);
    make_model(folder, "other.onnx", 17);
    return 0;
}

/* Writes a tune file for model.onnx and TARGET: its first line, then these. */
static void write_choices(const char *folder, const char *file, const char *lines) {
    tool_result r = tool_run_to(
        folder, 0, ARGS("-q", "model.onnx", "-o", "plain.c", "--target", TARGET, "--verify=none"));
    tool_free(&r);
    char *source = tool_read(folder, "plain.c", NULL), text[4096];
    assert_non_null(source);
    const char *sha = strstr(source, "sha256   ");
    assert_non_null(sha);
    const int n = snprintf(text, sizeof text, "fusegen 0 target=" TARGET " model=%.64s\n%s", sha + 9, lines);
    assert_in_range(n, 1, sizeof text - 1);
    tool_write(folder, file, text, (size_t)n);
    free(source);
}

/* The line of a report's table that is about a kernel; freed by the caller. */
static char *row_of(const char *report, const char *kernel) {
    const char *at = strstr(report, kernel);
    assert_non_null(at);
    while (at > report && at[-1] != '\n') at--;
    char *row = strndup(at, strcspn(at, "\n"));
    assert_non_null(row);
    return row;
}

static void expect_row(const char *report, const char *kernel, const char *holds) {
    char *row = row_of(report, kernel);
    tool_expect_text(row, holds);
    free(row);
}

static void expect_same_row(const char *a, const char *b, const char *kernel) {
    char *x = row_of(a, kernel), *y = row_of(b, kernel);
    assert_string_equal(x, y);
    free(x);
    free(y);
}

/* ---- choices ---- */

static void a_choice_changes_its_kernel_alone(void **state) {
    write_choices(*state, "t", STEM " 5x1 1.25\n");
    tool_result plain = tool_run_to(*state, 0, ARGS("model.onnx", "--target", TARGET, "--report"));
    tool_result tuned =
        tool_run_to(*state, 0, ARGS("model.onnx", "--target", TARGET, "--report", "-v", "--tune-file", "t"));
    expect_row(plain.out, STEM, " 6x16 ");
    expect_row(tuned.out, STEM, " 5x8 ");
    expect_same_row(plain.out, tuned.out, BODY);
    expect_same_row(plain.out, tuned.out, EXPAND);
    tool_expect_text(tuned.out, "tuned: 5 pixels by 8 channels");
    assert_null(strstr(strstr(tuned.out, "tuned: ") + 1, "tuned: "));
    tool_expect_text(tuned.out, "PASSED by tcc");
    tool_free(&plain);
    tool_free(&tuned);
}

static void every_kind_of_choice_can_be_made_and_verifies(void **state) {
    static const struct {
        const char *line, *kernel, *tile;
    } cases[] = {
        {BODY " F4:4x1\n", BODY, " F(4x4) 4x8 "}, {BODY " F2:3x2\n", BODY, " F(2x2) 3x16 "},
        {BODY " 5x2\n", BODY, " 5x16 "},          {EXPAND " 3x2+5\n", EXPAND, " 3x16+5 "},
        {EXPAND " 14x1+1\n", EXPAND, " 14x8+1 "}, {STEM " 1x1\n", STEM, " 1x8 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_choices(*state, "t", cases[i].line);
        tool_result r =
            tool_run_to(*state, 0, ARGS("model.onnx", "--target", TARGET, "--report", "--tune-file", "t"));
        expect_row(r.out, cases[i].kernel, cases[i].tile);
        tool_expect_text(r.out, "PASSED by tcc");
        tool_free(&r);
    }
}

static char *generate(const char *folder, const char *file, const char *tune_file) {
    tool_result r = tool_run_to(
        folder, 0,
        ARGS("-q", "model.onnx", "-o", file, "--name", "m", "--target", TARGET, "--tune-file", tune_file));
    tool_free(&r);
    char *text = tool_read(folder, file, NULL);
    assert_non_null(text);
    return text;
}

static void the_same_file_gives_the_same_bytes_and_is_stated(void **state) {
    write_choices(*state, "t", BODY " F2:3x2\n" STEM " 5x1\n");
    char *a = generate(*state, "a.c", "t"), *b = generate(*state, "a.c", "./t");
    assert_string_equal(a, b);
    tool_expect_text(a, " --tune-file t (sha256 ");
    free(a);
    free(b);
}

static const char *after_options(const char *source) {
    const char *at = strstr(source, " *   target ");
    assert_non_null(at);
    return at;
}

static void order_comments_and_blank_lines_mean_nothing(void **state) {
    write_choices(*state, "t", BODY " F2:3x2 3.5\n" STEM " 5x1\n");
    write_choices(*state, "u", "\n# by hand\n  " STEM "\t5x1  7\r\n\n" BODY " F2:3x2");
    char *a = generate(*state, "a.c", "t"), *b = generate(*state, "a.c", "u");
    assert_string_equal(after_options(a), after_options(b));
    free(a);
    free(b);
}

/* ---- candidates ---- */

typedef struct candidate_run {
    const char *file, *target;
    int candidate;
    char text[256]; /* the kernels' choices */
} candidate_run;

static void verify_candidate(fg_context *ctx, void *arg) {
    candidate_run *c = arg;
    const fg_read_options read = {0};
    const fg_fusion_options fusion = {.fuse = true};
    fg_codegen_options options = test_options();
    options.candidate = c->candidate;
    const fg_verify_options check = {.mode = FG_VERIFY_TCC, .tolerance = 1e-4, .seed = 1};
    fg_graph *g = fg_read_model(ctx, c->file, &read);
    fg_infer(g);
    const fg_module *m = fg_generate(test_partition(g, &fusion), fg_target_load(ctx, c->target), &options);
    const fg_verdict *v = fg_verify(g, m, &check);
    if (!v->passed) print_error("%s, candidate %d: %s\n", c->target, c->candidate, v->first_failure);
    assert_true(v->passed);
    size_t n = 0;
    for (int i = 0; i < m->n_kernels && n < sizeof c->text; i++)
        if (m->kernels[i].choice)
            n += (size_t)snprintf(c->text + n, sizeof c->text - n, "%s ", m->kernels[i].choice);
}

static void every_candidate_verifies_and_the_first_differ(void **state) {
    static const char *const targets[] = {"generic", "x86-64", "x86-64-v3", "x86-64-v4", "neoverse-n1"};
    char *file = tool_path(*state, "model.onnx");
    for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
        char before[256] = "";
        for (int i = 0; i < 8; i++) {
            candidate_run c = {.file = file, .target = targets[t], .candidate = i};
            fg_context *ctx = fg_context_new();
            assert_non_null(ctx);
            if (fg_try(ctx, verify_candidate, &c) != FG_OK)
                fail_msg("%s, candidate %d: %s", targets[t], i, fg_context_diagnostic(ctx)->message);
            fg_context_free(ctx);
            if (i < 3) assert_string_not_equal(c.text, before);
            memcpy(before, c.text, sizeof before);
        }
    }
    free(file);
}

/* ---- errors ---- */

static void expect_error(const char *folder, int status, const char *says, const char *const *arguments) {
    tool_result r = tool_run_to(folder, status, arguments);
    assert_int_equal(tool_lines(r.err), 1);
    tool_expect_text(r.err, says);
    assert_string_equal(r.out, "");
    tool_free(&r);
}

static void a_line_that_cannot_be_followed_is_named(void **state) {
    static const struct {
        const char *lines, *says;
    } cases[] = {
        {"\nnosuch 5x1 1\n", "t:3: the model has no kernel 'nosuch'"},
        {STEM "\n", "t:2: this line cannot be read"},
        {STEM " 5x1 fast\n", "t:2: this line cannot be read"},
        {STEM " 5x1 1 2\n", "t:2: this line cannot be read"},
        {STEM " 5x1\n" STEM " 5x1\n", "t:3: kernel '" STEM "' has a choice in line 2 already"},
        {STEM " 5by1\n", "t:2: '5by1' cannot be done for kernel '" STEM "'; the cost model's choice is 6x2"},
        {STEM " 5x1x1\n", "t:2: '5x1x1' cannot be done"},
        {STEM " 05x1\n", "t:2: '05x1' cannot be done"},
        {STEM " 0x1\n", "t:2: '0x1' cannot be done"},
        {STEM " 99999999999999999999x2\n", "t:2: '99999999999999999999x2' cannot be done"},
        {STEM " 4294967301x1\n", "t:2: '4294967301x1' cannot be done"},
        {STEM " 15x1\n", "t:2: '15x1' cannot be done"}, /* registers */
        {STEM " 1x3\n", "t:2: '1x3' cannot be done"},   /* channels */
        {STEM " F4:5x1\n", "t:2: 'F4:5x1' cannot be done"},
        {STEM " 5x1+4\n", "t:2: '5x1+4' cannot be done"},
        {BODY " F3:5x1\n", "t:2: 'F3:5x1' cannot be done"},
        {EXPAND " 5x1\n", "t:2: '5x1' cannot be done"},
        {EXPAND " 5x1+0\n", "t:2: '5x1+0' cannot be done"},
        {EXPAND " 5x1+17\n", "t:2: '5x1+17' cannot be done"},
        {OUT " 5x1\n",
         "t:2: '5x1' cannot be done for kernel '" OUT "'; kernels of this kind have nothing to choose"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_choices(*state, "t", cases[i].lines);
        expect_error(*state, 1, cases[i].says,
                     ARGS("model.onnx", "--target", TARGET, "-o", "e.c", "--tune-file", "t"));
        assert_false(tool_exists(*state, "e.c"));
    }
}

static void another_model_target_or_file_is_refused(void **state) {
    static const char zeros[] = "fusegen 0 target=" TARGET " model=0\0\n";
    write_choices(*state, "t", "");
    expect_error(*state, 1, "t:1: the choices are for target 'x86-64-v3', not for 'generic'",
                 ARGS("model.onnx", "--target", "generic", "--tune-file", "t"));
    expect_error(*state, 1, "t:1: the choices are for another model",
                 ARGS("other.onnx", "--target", TARGET, "--tune-file", "t"));
    expect_error(*state, 1, "model.onnx:1: this is not a tune file",
                 ARGS("model.onnx", "--tune-file", "model.onnx"));
    expect_error(*state, 1, "'nosuch' cannot be read", ARGS("model.onnx", "--tune-file", "nosuch"));
    expect_error(*state, 1, "'.' cannot be read", ARGS("model.onnx", "--tune-file", "."));
    tool_write(*state, "empty", "", 0);
    expect_error(*state, 1, "empty:1: this is not a tune file", ARGS("model.onnx", "--tune-file", "empty"));
    tool_write(*state, "zeros", zeros, sizeof zeros - 1);
    expect_error(*state, 1, "zeros:", ARGS("model.onnx", "--target", TARGET, "--tune-file", "zeros"));
    expect_error(*state, 1, "is too long", ARGS("model.onnx", "--tune-file", "/dev/zero"));
}

static void winograd_is_refused_where_it_must_be_exact(void **state) {
    write_choices(*state, "t", BODY " F4:4x1\n");
    expect_error(*state, 1, "'F4:4x1' cannot be done",
                 ARGS("model.onnx", "--exact", "--target", TARGET, "--tune-file", "t"));
}

static void impossible_command_lines_are_refused(void **state) {
    expect_error(*state, 1, "--tune-file is for one model of one shape",
                 ARGS("model.onnx", "other.onnx", "--tune-file", "t"));
    expect_error(*state, 1, "cannot be both output and tune file",
                 ARGS("model.onnx", "-o", "a.c", "--tune", "--tune-file", "a.c"));
    expect_error(*state, 1, "would overwrite the model",
                 ARGS("model.onnx", "--tune", "--tune-file", "model.onnx"));
    expect_error(*state, 1, "--tune: '0' is not", ARGS("model.onnx", "--tune=0"));
    expect_error(*state, 6, "nowhere", ARGS("model.onnx", "--tune", "--tune-file", "nowhere/t"));
}

/* ---- measuring ---- */

static void what_was_measured_reads_back_to_the_same_code(void **state) {
    tool_result r =
        tool_run_to(*state, 0, ARGS("model.onnx", "-o", "tuned.c", "--tune=2", "--tune-file", "kept"));
    tool_expect_text(r.err, "note: model.onnx: tuning: ");
    tool_free(&r);
    char *kept = tool_read(*state, "kept", NULL), *first = tool_read(*state, "tuned.c", NULL);
    assert_non_null(kept);
    assert_int_equal(tool_lines(kept), 4);
    assert_memory_equal(kept, "fusegen " FG_VERSION " target=", strlen("fusegen " FG_VERSION " target="));
    const char *stem = strstr(kept, "\n" STEM " "), *body = strstr(kept, "\n" BODY " "),
               *expand = strstr(kept, "\n" EXPAND " ");
    assert_true(stem && body && expand && stem < body && body < expand);
    r = tool_run_to(*state, 0, ARGS("model.onnx", "-o", "tuned.c", "--tune-file", "kept"));
    tool_free(&r);
    char *again = tool_read(*state, "tuned.c", NULL);
    assert_string_equal(first, again);
    free(kept);
    free(first);
    free(again);
}

static void without_a_file_the_choices_are_not_kept(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx", "-o", "lost.c", "--tune=1"));
    tool_expect_text(r.err, "not kept: --tune-file FILE keeps them");
    tool_free(&r);
    char *source = tool_read(*state, "lost.c", NULL);
    tool_expect_text(source, "--arena caller --tune\n");
    free(source);
}

static void without_a_compiler_or_machine_nothing_is_tuned(void **state) {
    expect_error(*state, 5, "--tune: code for target 'cortex-a53' does not run on this machine",
                 ARGS("model.onnx", "--tune", "--tune-file", "none", "--target", "cortex-a53"));
    const char *before = getenv("CC");
    char *saved = before ? strdup(before) : NULL;
    setenv("CC", "no-such-compiler", 1);
    expect_error(*state, 5, "no-such-compiler", ARGS("model.onnx", "--tune", "--tune-file", "none"));
    if (saved)
        setenv("CC", saved, 1);
    else
        unsetenv("CC");
    free(saved);
    assert_false(tool_exists(*state, "none"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_choice_changes_its_kernel_alone),
        cmocka_unit_test(every_kind_of_choice_can_be_made_and_verifies),
        cmocka_unit_test(the_same_file_gives_the_same_bytes_and_is_stated),
        cmocka_unit_test(order_comments_and_blank_lines_mean_nothing),
        cmocka_unit_test(every_candidate_verifies_and_the_first_differ),
        cmocka_unit_test(a_line_that_cannot_be_followed_is_named),
        cmocka_unit_test(another_model_target_or_file_is_refused),
        cmocka_unit_test(winograd_is_refused_where_it_must_be_exact),
        cmocka_unit_test(impossible_command_lines_are_refused),
        cmocka_unit_test(what_was_measured_reads_back_to_the_same_code),
        cmocka_unit_test(without_a_file_the_choices_are_not_kept),
        cmocka_unit_test(without_a_compiler_or_machine_nothing_is_tuned),
    };
    return cmocka_run_group_tests(tests, make_folder, tool_remove_state);
}
