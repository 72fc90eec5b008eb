/* Runs the fusegen program the way a user does and keeps what it said. For cmocka tests.
 *
 *     char folder[] = TOOL_FOLDER;
 *     tool_folder(folder);
 *     tool_result r = tool_run(folder, (const char *[]){"--version", NULL});
 *     assert_int_equal(r.status, 0);
 *     tool_free(&r);
 *     tool_remove(folder);
 */
#ifndef FG_TESTS_TOOL_H
#define FG_TESTS_TOOL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOOL_FOLDER      "fusegen-test-XXXXXX"
#define TOOL_CPU_SECONDS 120 /* no test model takes a tenth of this; a hang ends as a signal */

typedef struct tool_result {
    int status; /* exit code; minus the signal's number if one ended it */
    char *out, *err;
} tool_result;

static inline void tool_folder(char *template) {
    assert_non_null(mkdtemp(template));
}

static inline char *tool_path(const char *folder, const char *name) {
    size_t n = strlen(folder) + strlen(name) + 2;
    char *path = malloc(n);
    assert_non_null(path);
    snprintf(path, n, "%s/%s", folder, name);
    return path;
}

/* The whole file, terminated; NULL if there is none. *length may be NULL. */
static inline char *tool_read(const char *folder, const char *name, size_t *length) {
    char *path = tool_path(folder, name);
    FILE *f = fopen(path, "rb");
    free(path);
    if (length) *length = 0;
    if (!f) return NULL;
    size_t n = 0, cap = 1 << 16;
    char *text = malloc(cap + 1);
    assert_non_null(text);
    for (size_t got; (got = fread(text + n, 1, cap - n, f)) > 0;) {
        n += got;
        if (n == cap) text = realloc(text, (cap *= 2) + 1);
        assert_non_null(text);
    }
    fclose(f);
    text[n] = 0;
    if (length) *length = n;
    return text;
}

static inline void tool_write(const char *folder, const char *name, const void *data, size_t n) {
    char *path = tool_path(folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    free(path);
}

static inline void tool_child(const char *folder, const char *program, const char *const *arguments) {
    const char *argv[64] = {program};
    struct rlimit limit = {TOOL_CPU_SECONDS, TOOL_CPU_SECONDS + 1};
    for (int i = 0; arguments[i] && i < 62; i++) argv[i + 1] = arguments[i];
    if (chdir(folder) != 0) _exit(126);
    int in = open("/dev/null", O_RDONLY);
    int out = open("stdout.txt", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int err = open("stderr.txt", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(126);
    setrlimit(RLIMIT_CPU, &limit);
    execvp(program, (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Runs any program in folder. */
static inline tool_result tool_run_program(const char *folder, const char *program,
                                           const char *const *arguments) {
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) tool_child(folder, program, arguments);
    assert_int_equal(waitpid(child, &status, 0), child);
    tool_result r = {.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)};
    r.out = tool_read(folder, "stdout.txt", NULL);
    r.err = tool_read(folder, "stderr.txt", NULL);
    return r;
}

/* Runs fusegen in folder. */
static inline tool_result tool_run(const char *folder, const char *const *arguments) {
    return tool_run_program(folder, FG_TOOL, arguments);
}

static inline void tool_free(tool_result *r) {
    free(r->out);
    free(r->err);
    *r = (tool_result){0};
}

/* Says what the program said when a test is about to fail. */
static inline void tool_expect(const tool_result *r, int status) {
    if (r->status != status) print_error("status %d\n%s\n%s\n", r->status, r->out, r->err);
    assert_int_equal(r->status, status);
}

static inline int tool_lines(const char *text) {
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

static inline void tool_expect_text(const char *text, const char *part) {
    if (!strstr(text, part)) print_error("'%s' is not in:\n%s\n", part, text);
    assert_non_null(strstr(text, part));
}

static inline int tool_exists(const char *folder, const char *name) {
    struct stat s;
    char *path = tool_path(folder, name);
    int found = stat(path, &s) == 0;
    free(path);
    return found;
}

/* Removes a folder of plain files and folders. */
static inline void tool_remove(const char *folder) {
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        char *path = tool_path(folder, e->d_name);
        struct stat s;
        if (lstat(path, &s) == 0 && S_ISDIR(s.st_mode))
            tool_remove(path);
        else
            unlink(path);
        free(path);
    }
    closedir(d);
    rmdir(folder);
}

/* ---- a folder for the tests of a program, as cmocka's *state ---- */

static inline char *tool_new_state(void **state) {
    char *folder = strdup(TOOL_FOLDER);
    assert_non_null(folder);
    tool_folder(folder);
    *state = folder;
    return folder;
}

static inline int tool_remove_state(void **state) {
    tool_remove(*state);
    free(*state);
    return 0;
}

/* Runs, expects the status, and hands the result on. */
static inline tool_result tool_run_to(const char *folder, int status, const char *const *arguments) {
    tool_result r = tool_run(folder, arguments);
    tool_expect(&r, status);
    return r;
}

#endif
