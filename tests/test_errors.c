/* Bad input: one line that says what is wrong, the right exit code, no output file; no crash, hang or flood
 * of memory. */
#include "tests/onnx_writer.h"

#define NAMES(...) ((const char *[]){__VA_ARGS__, NULL})
#define DIMS(...)  ((int64_t[]){__VA_ARGS__})

/* ---- models ---- */

static void make_empty(const char *folder) {
    tool_write(folder, "model.onnx", "", 0);
}

static void make_text(const char *folder) {
    static const char text[] = "This is not a model, but a page of text.\nIt has two lines.\n";
    tool_write(folder, "model.onnx", text, sizeof text - 1);
}

static void make_wrong_magic(const char *folder) {
    static const unsigned char elf[64] = {0x7F, 'E', 'L', 'F', 2, 1, 1};
    tool_write(folder, "model.onnx", elf, sizeof elf);
}

static void make_truncated(const char *folder) {
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "conv", "relu");
    pb bytes = onnx_bytes(&m);
    tool_write(folder, "model.onnx", bytes.data, bytes.n - 40);
    free(bytes.data);
}

static void make_cycle(const char *folder) {
    onnx_model m = onnx_new(17);
    onnx_input(&m, "x", ONNX_FLOAT, 1, DIMS(4));
    onnx_node(&m, "Add", "first", NAMES("x", "b"), NAMES("a"), NULL);
    onnx_node(&m, "Relu", "second", NAMES("a"), NAMES("b"), NULL);
    onnx_output(&m, "b", ONNX_FLOAT, 1, DIMS(4));
    onnx_save(&m, folder, "model.onnx");
}

static void make_missing_initializer(const char *folder) {
    onnx_model m = onnx_new(17);
    onnx_input(&m, "x", ONNX_FLOAT, 4, DIMS(1, 3, 8, 8));
    onnx_node(&m, "Conv", "conv", NAMES("x", "weights_of_conv"), NAMES("y"), NULL);
    onnx_output(&m, "y", ONNX_FLOAT, 4, DIMS(1, 5, 6, 6));
    onnx_save(&m, folder, "model.onnx");
}

static void make_shape_mismatch(const char *folder) {
    onnx_model m = onnx_new(17);
    onnx_input(&m, "x", ONNX_FLOAT, 4, DIMS(1, 4, 8, 8));
    onnx_weights(&m, "w", 4, DIMS(5, 3, 3, 3));
    onnx_node(&m, "Conv", "conv", NAMES("x", "w"), NAMES("y"), NULL);
    onnx_output(&m, "y", ONNX_FLOAT, 4, DIMS(1, 5, 6, 6));
    onnx_save(&m, folder, "model.onnx");
}

/* What the shape operand holds is not known; the declared shape cannot be what it says. */
static void make_declared(const char *folder, const char *op, int type, int64_t extent) {
    onnx_model m = onnx_new(17);
    onnx_input(&m, "x", ONNX_FLOAT, 2, DIMS(extent, 4));
    onnx_input(&m, "how", ONNX_INT64, 1, DIMS(2));
    onnx_node(&m, op, "node", NAMES("x", "how"), NAMES("y"), NULL);
    onnx_output(&m, "y", type, 2, DIMS(6, 6));
    onnx_save(&m, folder, "model.onnx");
}

static void make_declared_elements(const char *folder) {
    make_declared(folder, "Reshape", ONNX_FLOAT, 0);
}

static void make_declared_repeats(const char *folder) {
    make_declared(folder, "Tile", ONNX_FLOAT, 0);
}

static void make_declared_expansion(const char *folder) {
    make_declared(folder, "Expand", ONNX_FLOAT, 1);
}

static void make_declared_type(const char *folder) {
    make_declared(folder, "Reshape", ONNX_INT64, 9);
}

static void make_negative_dims(const char *folder) {
    onnx_model m = onnx_new(17);
    onnx_input(&m, "x", ONNX_FLOAT, 1, DIMS(4));
    float data[4] = {1, 2, 3, 4};
    onnx_initializer(&m, "w", ONNX_FLOAT, 1, DIMS(-4), data, sizeof data);
    onnx_node(&m, "Add", "add", NAMES("x", "w"), NAMES("y"), NULL);
    onnx_output(&m, "y", ONNX_FLOAT, 1, DIMS(4));
    onnx_save(&m, folder, "model.onnx");
}

static void make_size_overflow(const char *folder) {
    onnx_model m = onnx_new(17);
    onnx_input(&m, "x", ONNX_FLOAT, 1, DIMS(4));
    float data[4] = {1, 2, 3, 4};
    onnx_initializer(&m, "w", ONNX_FLOAT, 2, DIMS((int64_t)1 << 33, (int64_t)1 << 33), data, sizeof data);
    onnx_node(&m, "Add", "add", NAMES("x", "w"), NAMES("y"), NULL);
    onnx_output(&m, "y", ONNX_FLOAT, 1, DIMS(4));
    onnx_save(&m, folder, "model.onnx");
}

/* The file exists, so that only the rule about folders can refuse it. */
static void make_external_outside(const char *folder) {
    onnx_model m = onnx_new(17);
    pb w = onnx_tensor_head("w", ONNX_FLOAT, 1, DIMS(4)), entry = {0};
    char outside[64];
    snprintf(outside, sizeof outside, "../%s.secret", folder);
    tool_write(".", outside + 3, "0123456789abcdef", 16);
    pb_string(&entry, 1, "location");
    pb_string(&entry, 2, outside);
    pb_message(&w, 13, &entry);
    pb_int(&w, 14, 1);
    onnx_input(&m, "x", ONNX_FLOAT, 1, DIMS(4));
    pb_message(&m.graph, 5, &w);
    onnx_node(&m, "Add", "add", NAMES("x", "w"), NAMES("y"), NULL);
    onnx_output(&m, "y", ONNX_FLOAT, 1, DIMS(4));
    onnx_save(&m, folder, "model.onnx");
}

/* graph.node.attribute.g.node.attribute.g ...: built from the inside. */
static void make_deep_nesting(const char *folder) {
    pb inner = {0}, model = {0};
    for (int depth = 0; depth < 3000; depth++) {
        pb attribute = {0}, node = {0}, graph = {0};
        pb_message(&attribute, 6, &inner);
        pb_message(&node, 5, &attribute);
        pb_message(&graph, 1, &node);
        inner = graph;
    }
    pb_int(&model, 1, 8);
    pb_message(&model, 7, &inner);
    tool_write(folder, "model.onnx", model.data, model.n);
    free(model.data);
}

static void make_empty_messages(const char *folder) {
    pb graph = {0}, model = {0};
    for (int i = 0; i < 10 << 20; i++) pb_add(&graph, "\x0A\x00", 2); /* an empty node */
    pb_int(&model, 1, 8);
    pb_message(&model, 7, &graph);
    tool_write(folder, "model.onnx", model.data, model.n);
    free(model.data);
}

static void make_huge_constant(const char *folder) {
    onnx_model m = onnx_new(17);
    int64_t extent = (int64_t)1 << 40;
    onnx_input(&m, "x", ONNX_FLOAT, 1, DIMS(1));
    onnx_initializer(&m, "shape", ONNX_INT64, 1, DIMS(1), &extent, sizeof extent);
    onnx_node(&m, "ConstantOfShape", "huge", NAMES("shape"), NAMES("c"), NULL);
    onnx_node(&m, "Add", "add", NAMES("x", "c"), NAMES("y"), NULL);
    onnx_output(&m, "y", ONNX_FLOAT, 1, DIMS(extent));
    onnx_save(&m, folder, "model.onnx");
}

static void make_unknown_operator(const char *folder) {
    onnx_model m = onnx_new(17);
    onnx_input(&m, "x", ONNX_FLOAT, 1, DIMS(4));
    onnx_node(&m, "Frobnicate", "odd_one", NAMES("x"), NAMES("y"), NULL);
    onnx_output(&m, "y", ONNX_FLOAT, 1, DIMS(4));
    onnx_save(&m, folder, "model.onnx");
}

static void make_hostile_error(const char *folder) {
    onnx_model m = onnx_new(17);
    onnx_input(&m, "x", ONNX_FLOAT, 1, DIMS(4));
    onnx_node(&m, "Frob\nnicate\033[31m", "two\nlines\033]0;title\007\x9B\r", NAMES("x"), NAMES("y"), NULL);
    onnx_output(&m, "y", ONNX_FLOAT, 1, DIMS(4));
    onnx_save(&m, folder, "model.onnx");
}

static void make_unpinned(const char *folder) {
    onnx_model m = onnx_new(17);
    onnx_value(&m, 11, "x", ONNX_FLOAT, 2, DIMS(0, 4), (const char *[]){"batch", NULL});
    onnx_node(&m, "Relu", "relu", NAMES("x"), NAMES("y"), NULL);
    onnx_value(&m, 12, "y", ONNX_FLOAT, 2, DIMS(0, 4), (const char *[]){"batch", NULL});
    onnx_save(&m, folder, "model.onnx");
}

static void make_good(const char *folder) {
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "conv", "relu");
    onnx_save(&m, folder, "model.onnx");
}

static void make_nothing(const char *folder) {
    (void)folder;
}

/* ---- cases ---- */

typedef struct bad_case {
    const char *name;
    void (*make)(const char *folder);
    const char *arguments[4]; /* after "model.onnx -o out.c" */
    int status;
    const char *says; /* part of the line */
} bad_case;

static const bad_case cases[] = {
    {"a missing file is named", make_nothing, {0}, 2, "model.onnx: "},
    {"an empty file is no model", make_empty, {0}, 2, "model.onnx: "},
    {"a text file is no model", make_text, {0}, 2, "model.onnx: "},
    {"an executable is no model", make_wrong_magic, {0}, 2, "model.onnx: "},
    {"a truncated model is refused", make_truncated, {0}, 2, "model.onnx: "},
    {"a cycle is refused", make_cycle, {0}, 2, "cycle"},
    {"a missing initializer is named", make_missing_initializer, {0}, 2, "weights_of_conv"},
    {"a shape mismatch names its node", make_shape_mismatch, {0}, 2, "node 'conv' (Conv)"},
    {"a declared shape of another number of elements is refused", make_declared_elements, {0}, 2, "'y'"},
    {"a declared shape that does not repeat the operand is refused", make_declared_repeats, {0}, 2, "'y'"},
    {"a declared shape that the operand does not expand to is refused",
     make_declared_expansion,
     {0},
     2,
     "(Expand)"},
    {"a declared type that the elements do not have is refused", make_declared_type, {0}, 2, "'y'"},
    {"negative dimensions are refused", make_negative_dims, {0}, 2, "'w'"},
    {"sizes that overflow are refused", make_size_overflow, {0}, 4, "elements"},
    {"external data stay inside the folder", make_external_outside, {0}, 2, "not inside the model's folder"},
    {"deep nesting is refused", make_deep_nesting, {0}, 2, "nest"},
    {"a flood of empty messages is refused", make_empty_messages, {0}, 4, "messages"},
    {"a huge constant meets --max-bytes", make_huge_constant, {0}, 4, "--max-bytes"},
    {"an unknown operator is named", make_unknown_operator, {0}, 4, "Frobnicate"},
    {"hostile names do not reach the terminal", make_hostile_error, {0}, 4, "node 'two"},
    {"an unpinned dimension shows the flag", make_unpinned, {0}, 4, "--dim batch="},
    {"--dim of another name is refused", make_unpinned, {"--dim", "other=1"}, 1, "'batch'"},
    {"work beyond --max-work is refused", make_good, {"--max-work", "10"}, 4, "--max-work"},
    {"tensors beyond --max-bytes are refused", make_good, {"--max-bytes", "100"}, 4, "--max-bytes"},
    {"an unknown target is a usage error", make_good, {"--target", "no-such-machine"}, 1, "no-such-machine"},
    {"a missing target file is a usage error", make_good, {"--target", "absent.target"}, 1, "absent.target"},
    {"a missing tensor file is named", make_good, {"--input", "x=absent.npy"}, -1, "absent.npy"},
    {"an input that is not there is named", make_good, {"--input", "nobody=x.npy"}, -1, "nobody"},
};

static int is_one_line(const char *text) {
    for (const unsigned char *s = (const unsigned char *)text; *s; s++)
        if ((*s < 0x20 && *s != '\n') || *s == 0x7F || (*s >= 0x80 && *s < 0xA0)) return 0;
    return tool_lines(text) == 1 && text[strlen(text) - 1] == '\n';
}

/* Nothing but what the test itself put there. */
static void expect_no_output(const char *folder) {
    static const char *const ours[] = {".", "..", "model.onnx", "stdout.txt", "stderr.txt", "broken.target"};
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        int known = 0;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) known |= strcmp(ours[i], e->d_name) == 0;
        if (!known) print_error("left behind: %s\n", e->d_name);
        assert_true(known);
    }
    closedir(d);
}

static void expect_error(const tool_result *r, int status, const char *says) {
    if (status >= 0)
        tool_expect(r, status);
    else
        assert_in_range(r->status, 1, 2); /* which of the two depends on whose fault it is */
    assert_string_equal(r->out, "");
    if (!is_one_line(r->err)) print_error("not one line:\n%s\n", r->err);
    assert_true(is_one_line(r->err));
    assert_memory_equal(r->err, "fusegen: error: ", 16);
    tool_expect_text(r->err, says);
}

static void bad_input_is_refused(void **state) {
    const bad_case *c = *state;
    char folder[] = TOOL_FOLDER, secret[64];
    tool_folder(folder);
    c->make(folder);
    const char *arguments[8] = {"model.onnx", "-o", "out.c"};
    for (int i = 0; i < 4 && c->arguments[i]; i++) arguments[3 + i] = c->arguments[i];
    tool_result r = tool_run(folder, arguments);
    expect_error(&r, c->status, c->says);
    expect_no_output(folder);
    tool_free(&r);
    tool_remove(folder);
    snprintf(secret, sizeof secret, "%s.secret", folder);
    unlink(secret);
}

/* ---- output that cannot be written ---- */

static void output_in_a_missing_folder_is_refused(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    make_good(folder);
    tool_result r = tool_run(folder, NAMES("model.onnx", "-o", "no/such/folder/out.c"));
    expect_error(&r, 6, "no/such/folder/out.");
    expect_no_output(folder);
    tool_free(&r);
    tool_remove(folder);
}

static void output_over_a_folder_is_refused_and_takes_nothing_along(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    make_good(folder);
    char *path = tool_path(folder, "out.c");
    assert_int_equal(mkdir(path, 0777), 0);
    tool_result r = tool_run(folder, NAMES("model.onnx", "-o", "out.c"));
    expect_error(&r, 6, "out.c");
    assert_int_equal(rmdir(path), 0);
    expect_no_output(folder);
    free(path);
    tool_free(&r);
    tool_remove(folder);
}

static void output_is_refused_before_the_model_is_read(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    make_text(folder);
    tool_result r = tool_run(folder, NAMES("model.onnx", "-o", "absent/out.c"));
    expect_error(&r, 6, "absent/out.");
    tool_free(&r);
    tool_remove(folder);
}

static void report_to_a_full_device_is_an_output_error(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r =
        tool_run_program(folder, "/bin/sh", NAMES("-c", "exec \"$0\" --help >/dev/full", FG_TOOL));
    expect_error(&r, 6, "stdout");
    tool_free(&r);
    r = tool_run_program(folder, "/bin/sh", NAMES("-c", "exec \"$0\" --help >&-", FG_TOOL));
    expect_error(&r, 6, "stdout");
    tool_free(&r);
    tool_remove(folder);
}

/* ---- memory ---- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#endif

/* Whatever the amount of memory at which it runs out: one line and code 4, or success. */
static void exhausted_memory_is_an_error_like_others(void **state) {
#ifdef UNDER_SANITIZER
    (void)state;
    skip(); /* the sanitizer's shadow memory does not fit under any limit */
#else
    int refused = 0;
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    make_good(folder);
    for (int kilobytes = 4000; kilobytes < 40000; kilobytes = kilobytes * 9 / 8) {
        char limit[96];
        snprintf(limit, sizeof limit, "ulimit -v %d; exec \"$0\" model.onnx -o out.c", kilobytes);
        tool_result r = tool_run_program(folder, "/bin/sh", NAMES("-c", limit, FG_TOOL));
        if (r.status == 4) {
            expect_error(&r, 4, "out of memory");
            expect_no_output(folder);
            refused++;
        } else if (r.status != 0 && r.status != 127) { /* 127: too little for the loader itself */
            tool_expect(&r, 0);
        }
        tool_free(&r);
    }
    assert_true(refused > 0);
    tool_remove(folder);
#endif
}

/* ---- toolchain ---- */

static void a_missing_compiler_is_named(void **state) {
    static const char target[] = "inherit = generic\ncompiler = no-such-compiler-here\n";
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    make_good(folder);
    tool_write(folder, "broken.target", target, sizeof target - 1);
    tool_result r =
        tool_run(folder, NAMES("model.onnx", "-o", "out.c", "--target", "broken.target", "--verify=cc"));
    expect_error(&r, 5, "no-such-compiler-here");
    expect_no_output(folder);
    tool_free(&r);
    tool_remove(folder);
}

/* ---- hostile names in a good model ---- */

/* No name may end a comment, open a string, splice a line or form a trigraph: each of these would put TROJAN
 * into the program, where the compiler refuses it. */
static const char *const hostile[] = {
    "*/ TROJAN /*", "line\nTROJAN",          "return\rTROJAN", "splice\\", "trigraph?\?/", "quote\" TROJAN",
    "?\?=TROJAN",   "// TROJAN \\\n TROJAN", "\377\376bytes",  "int",      "_Reserved",    "%s%n",
};

#define HOSTILE (sizeof hostile / sizeof *hostile)

static void expect_clean_output(const char *folder, const char *model, const char *output) {
    tool_result r = tool_run(folder, NAMES(model, "-o", output, "--report=json", "-v"));
    tool_expect(&r, 0);
    tool_free(&r);
    r = tool_run_program(
        folder, "cc",
        NAMES("-std=c99", "-Wall", "-Wextra", "-Werror", "-trigraphs", "-c", output, "-o", "out.o"));
    tool_expect(&r, 0);
    tool_free(&r);
}

static void hostile_names_in_the_model_are_only_names(void **state) {
    (void)state;
    for (size_t i = 0; i < HOSTILE; i++) {
        char folder[] = TOOL_FOLDER;
        onnx_model m = onnx_new(17);
        tool_folder(folder);
        onnx_named_network(&m, hostile[i], hostile[(i + 1) % HOSTILE], hostile[(i + 2) % HOSTILE],
                           hostile[(i + 3) % HOSTILE]);
        onnx_save(&m, folder, "model.onnx");
        expect_clean_output(folder, "model.onnx", "out.c");
        tool_remove(folder);
    }
}

static void rename_model(const char *folder, const char *name) {
    char *from = tool_path(folder, "model.onnx"), *to = tool_path(folder, name);
    assert_int_equal(rename(from, to), 0);
    free(from);
    free(to);
}

static void hostile_file_names_are_only_names(void **state) {
    (void)state;
    for (size_t i = 0; i < HOSTILE; i++) {
        char folder[] = TOOL_FOLDER, model[64], output[64];
        if (strchr(hostile[i], '/')) continue; /* no name of a file */
        tool_folder(folder);
        make_good(folder);
        snprintf(model, sizeof model, "%s.onnx", hostile[i]);
        snprintf(output, sizeof output, "%s.c", hostile[i]);
        rename_model(folder, model);
        expect_clean_output(folder, model, "out.c");
        if (strpbrk(hostile[i], "\n\r\\\"?")) {
            tool_result r = tool_run(folder, NAMES(model, "-o", output));
            expect_error(&r, 1, "-o: ");
            tool_free(&r);
        } else {
            expect_clean_output(folder, model, output);
        }
        tool_remove(folder);
    }
}

#define CASES (sizeof cases / sizeof *cases)

int main(void) {
    struct CMUnitTest tests[CASES + 8] = {{0}};
    size_t n = 0;
    for (; n < CASES; n++)
        tests[n] = (struct CMUnitTest){cases[n].name, bad_input_is_refused, NULL, NULL,
                                       (void *)(uintptr_t)&cases[n]};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(output_in_a_missing_folder_is_refused);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(output_over_a_folder_is_refused_and_takes_nothing_along);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(output_is_refused_before_the_model_is_read);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(report_to_a_full_device_is_an_output_error);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(exhausted_memory_is_an_error_like_others);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_missing_compiler_is_named);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(hostile_names_in_the_model_are_only_names);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(hostile_file_names_are_only_names);
    return _cmocka_run_group_tests("errors", tests, n, NULL, NULL);
}
