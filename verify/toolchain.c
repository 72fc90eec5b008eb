#include "verify/toolchain.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "verify/leftovers.h"
#include "verify/loader.h"

extern char **environ;

static void add_span(fg_context *ctx, fg_arguments *a, const char *s, size_t length) {
    if (a->n == FG_MAX_ARGUMENTS)
        fg_raise(ctx, FG_TOOLCHAIN, "the compiler's flags are more than %d words", a->n);
    a->v[a->n++] = fg_strndup(ctx, s, length);
}

void fg_add_argument(fg_context *ctx, fg_arguments *a, const char *s) {
    add_span(ctx, a, s, strlen(s));
}

void fg_add_words(fg_context *ctx, fg_arguments *a, const char *text) {
    while (text && *text) {
        text += strspn(text, " \t");
        size_t n = strcspn(text, " \t");
        if (n > 0) add_span(ctx, a, text, n);
        text += n;
    }
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void remove_folder(void *path) {
    (void)nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    fg_leftover_drop(path);
}

char *fg_folder_new(fg_context *ctx) {
    const char *root = getenv("TMPDIR");
    if (!root || !*root) root = "/tmp";
    char *path = fg_format(ctx, "%s/fusegen-XXXXXX", root);
    fg_leftovers_hold();
    const int failed = mkdtemp(path) ? 0 : errno;
    if (!failed) fg_leftover_add(path);
    fg_leftovers_release();
    if (failed) fg_raise(ctx, FG_TOOLCHAIN, "no temporary folder in %s: %s", root, strerror(failed));
    fg_defer(ctx, remove_folder, path);
    return path;
}

void fg_folder_remove(fg_context *ctx, char *folder) {
    fg_undefer(ctx, folder);
    remove_folder(folder);
}

void fg_write_file(fg_context *ctx, const char *path, const void *data, size_t n) {
    FILE *f = fopen(path, "wb");
    bool good = f != NULL;
    if (good) {
        good = n == 0 || fwrite(data, 1, n, f) == n;
        if (fclose(f) != 0) good = false;
    }
    if (!good) fg_raise(ctx, FG_TOOLCHAIN, "cannot write %s: %s", path, strerror(errno));
}

char *fg_read_text(fg_context *ctx, const char *path, size_t most) {
    fg_text t = fg_text_new(ctx);
    FILE *f = fopen(path, "rb");
    char chunk[4096];
    size_t n = 0;
    while (f && t.length < most && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        fg_text_addn(&t, chunk, n < most - t.length ? n : most - t.length);
    if (f) (void)fclose(f);
    fg_text_addn(&t, "", 1);
    return t.data;
}

char *fg_read_log(fg_context *ctx, const char *path) {
    return fg_read_text(ctx, path, 16383);
}

int fg_spawn(const fg_arguments *a, const char *log, pid_t *pid) {
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed) return failed;
    failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!failed)
        failed = posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!failed) failed = posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (!failed) failed = posix_spawnp(pid, a->v[0], &actions, NULL, a->v, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (!failed) fg_leftover_child(*pid);
    return failed;
}

int fg_wait(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    fg_leftover_child(0);
    return status;
}

void fg_compile(fg_context *ctx, const fg_arguments *a, const char *folder, const char *remedy) {
    char *log = fg_format(ctx, "%s/log", folder);
    pid_t pid = 0;
    const int failed = fg_spawn(a, log, &pid), status = failed ? 0 : fg_wait(pid);
    if (failed) {
        fg_remedy(ctx, "%s", remedy);
        fg_raise(ctx, FG_TOOLCHAIN, "compiler '%s' cannot be started: %s", a->v[0], strerror(failed));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        fg_remedy(ctx, "%s", remedy);
        fg_raise(ctx, FG_TOOLCHAIN, "compiler '%s' is not there", a->v[0]);
    }
    const char *cause = fg_first_error(ctx, fg_read_log(ctx, log));
    if (WIFSIGNALED(status)) cause = fg_format(ctx, "killed by signal %d", WTERMSIG(status));
    fg_raise(ctx, FG_TOOLCHAIN, "compiler '%s' does not accept the generated code: %s", a->v[0], cause);
}

/* An assembler string: quotes and backslashes escaped. */
static char *quoted(fg_context *ctx, const char *path) {
    char *out = fg_alloc(ctx, 2 * strlen(path) + 1, 1), *p = out;
    for (; *path; path++) {
        if (*path == '"' || *path == '\\') *p++ = '\\';
        *p++ = *path;
    }
    return out;
}

void fg_write_weights(const fg_module *m, const char *folder) {
    fg_context *ctx = m->ctx;
    char *blob = fg_format(ctx, "%s/weights.bin", folder);
    char *text = fg_format(ctx,
                           "    .section .rodata\n    .balign 64\n    .globl %s_weights\n%s_weights:\n"
                           "    .incbin \"%s\"\n    .byte 0\n    .section .note.GNU-stack,\"\",%%progbits\n",
                           m->options.prefix, m->options.prefix, quoted(ctx, blob));
    fg_write_file(ctx, blob, m->weights, (size_t)m->weights_bytes);
    fg_write_file(ctx, fg_format(ctx, "%s/weights.S", folder), text, strlen(text));
}
