/* What the program leaves on disk, and what it never writes over. */
#include "tests/onnx_writer.h"

#include <signal.h>
#include <time.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})

static int make_folder(void **state) {
    const char *folder = tool_new_state(state);
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "conv", "relu");
    onnx_save(&m, folder, "model.onnx");
    return 0;
}

/* ---- one file, two uses ---- */

static void expect_refusal(const char *folder, const char *says, const char *const *arguments) {
    tool_result r = tool_run(folder, arguments);
    tool_expect(&r, 1);
    assert_int_equal(tool_lines(r.err), 1);
    tool_expect_text(r.err, says);
    assert_false(tool_exists(folder, "a.c"));
    tool_free(&r);
}

static void what_is_read_is_not_written_over(void **state) {
    size_t before, after;
    free(tool_read(*state, "model.onnx", &before));
    expect_refusal(*state, "'model.onnx' would overwrite the model",
                   ARGS("model.onnx", "--report", "--report-file", "model.onnx"));
    expect_refusal(*state, "'./model.onnx' would overwrite the model",
                   ARGS("model.onnx", "--emit", "onnx", "./model.onnx"));
    expect_refusal(*state, "'x.npy' would overwrite the file of --input",
                   ARGS("model.onnx", "--input", "x=x.npy", "--report=json", "--report-file", "x.npy"));
    expect_refusal(*state, "'t' would overwrite the tune file",
                   ARGS("model.onnx", "--tune-file", "t", "--report=json", "--report-file", "t"));
    free(tool_read(*state, "model.onnx", &after));
    assert_int_equal(before, after);
}

static void two_outputs_are_two_files(void **state) {
    expect_refusal(*state, "'a.c' cannot be both output and report",
                   ARGS("model.onnx", "-o", "a.c", "--report", "--report-file", "a.c"));
    expect_refusal(*state, "'./a.h' cannot be both output and report",
                   ARGS("model.onnx", "-o", "a.c", "--report=json", "--report-file", "./a.h"));
    expect_refusal(*state, "'e.onnx' cannot be both --emit and report",
                   ARGS("model.onnx", "--emit", "onnx", "e.onnx", "--report", "--report-file", "e.onnx"));
    expect_refusal(
        *state, "'r' cannot hold two reports",
        ARGS("model.onnx", "--report", "--report-file", "r", "--report=json", "--report-file", "r"));
}

/* Only the model names the file beside it. */
static void external_data_are_not_written_over(void **state) {
    onnx_model m = onnx_new(17);
    pb w = onnx_tensor_head("w", ONNX_FLOAT, 1, (int64_t[]){4}), entry = {0};
    tool_write(*state, "a.weights", "0123456789abcdef", 16);
    pb_string(&entry, 1, "location");
    pb_string(&entry, 2, "a.weights");
    pb_message(&w, 13, &entry);
    pb_int(&w, 14, 1);
    onnx_input(&m, "x", ONNX_FLOAT, 1, (int64_t[]){4});
    pb_message(&m.graph, 5, &w);
    onnx_node(&m, "Add", "add", ARGS("x", "w"), ARGS("y"), NULL);
    onnx_output(&m, "y", ONNX_FLOAT, 1, (int64_t[]){4});
    onnx_save(&m, *state, "model.onnx");
    expect_refusal(*state, "'a.weights' would overwrite the model's external data",
                   ARGS("model.onnx", "-o", "a.c", "--weights", "blob"));
}

static void what_is_no_file_may_be_named_twice(void **state) {
    tool_result r = tool_run(*state, ARGS("model.onnx", "--report", "--report-file", "/dev/null",
                                          "--report=json", "--report-file", "/dev/null"));
    tool_expect(&r, 0);
    tool_free(&r);
}

/* ---- interrupted ---- */

static int entries(const char *folder) {
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return n;
}

static void wait_a_little(void) {
    const struct timespec t = {.tv_nsec = 10000000};
    (void)nanosleep(&t, NULL);
}

/* A compiler that says that it was started, and takes its time. */
static void make_compiler(const char *folder) {
    static const char script[] = "#!/bin/sh\necho $$ > started\nmv started compiler.pid\nexec sleep 60\n";
    char *path = tool_path(folder, "slow-cc");
    tool_write(folder, "slow-cc", script, sizeof script - 1);
    assert_int_equal(chmod(path, 0700), 0);
    free(path);
}

static pid_t start_checking(const char *folder) {
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid != 0) return pid;
    if (setenv("CC", "./slow-cc", 1) != 0 || setenv("TMPDIR", "tmp", 1) != 0) _exit(126);
    tool_child(folder, FG_TOOL, ARGS("model.onnx", "-o", "a.c", "--verify=cc"));
    _exit(127);
}

static void ended_by(const char *folder, int number) {
    char *tmp = tool_path(folder, "tmp");
    int status = 0;
    make_compiler(folder);
    assert_int_equal(mkdir(tmp, 0700), 0);
    const pid_t pid = start_checking(folder);
    for (int i = 0; i < 3000 && !tool_exists(folder, "compiler.pid"); i++) wait_a_little();
    char *compiler = tool_read(folder, "compiler.pid", NULL);
    assert_non_null(compiler);
    assert_int_equal(entries(tmp), 1);
    assert_int_equal(kill(pid, number), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), number);
    assert_int_equal(entries(tmp), 0);
    assert_false(tool_exists(folder, "a.c"));
    const pid_t child = (pid_t)atoi(compiler);
    for (int i = 0; i < 500 && kill(child, 0) == 0; i++) wait_a_little();
    assert_int_not_equal(kill(child, 0), 0);
    free(compiler);
    free(tmp);
}

static void a_termination_leaves_nothing_behind(void **state) {
    ended_by(*state, SIGTERM);
}

static void an_interruption_leaves_nothing_behind(void **state) {
    ended_by(*state, SIGINT);
}

/* ---- files that cannot be completed ---- */

static pid_t start_with_short_files(const char *folder) {
    const struct rlimit limit = {4096, 4096};
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid != 0) return pid;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(126);
    tool_child(folder, FG_TOOL, ARGS("model.onnx", "-o", "a.c", "-q"));
    _exit(127);
}

static void a_file_that_cannot_grow_is_an_error(void **state) {
    int status = 0;
    const int before = entries(*state);
    const pid_t pid = start_with_short_files(*state);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 6);
    char *said = tool_read(*state, "stderr.txt", NULL);
    tool_expect_text(said, "cannot write 'a.c'");
    free(said);
    assert_int_equal(entries(*state), before + 2); /* what it said */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_read_is_not_written_over, make_folder, tool_remove_state),
        cmocka_unit_test_setup_teardown(two_outputs_are_two_files, make_folder, tool_remove_state),
        cmocka_unit_test_setup_teardown(external_data_are_not_written_over, make_folder, tool_remove_state),
        cmocka_unit_test_setup_teardown(what_is_no_file_may_be_named_twice, make_folder, tool_remove_state),
        cmocka_unit_test_setup_teardown(a_termination_leaves_nothing_behind, make_folder, tool_remove_state),
        cmocka_unit_test_setup_teardown(an_interruption_leaves_nothing_behind, make_folder,
                                        tool_remove_state),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_grow_is_an_error, make_folder, tool_remove_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
