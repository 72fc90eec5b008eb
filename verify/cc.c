/* Compiles generated text with a host compiler into a shared library and opens it: real vectors, real
 * optimiser.
 *
 * The compiler is started without a shell. The blob reaches the library by .incbin from a file of its own, so
 * compile time does not depend on its size and it is mapped, aligned and shared as in a shipped program. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "verify/loader.h"

extern char **environ;

#define FG_MAX_ARGUMENTS 64

typedef struct arguments {
    char *v[FG_MAX_ARGUMENTS + 1];
    int n;
} arguments;

static void add_argument(fg_context *ctx, arguments *a, const char *s, size_t length) {
    if (a->n == FG_MAX_ARGUMENTS)
        fg_raise(ctx, FG_TOOLCHAIN, "the compiler's flags are more than %d words", a->n);
    a->v[a->n++] = fg_strndup(ctx, s, length);
}

/* Words between blanks; there is no quoting in target files. */
static void add_words(fg_context *ctx, arguments *a, const char *text) {
    while (text && *text) {
        text += strspn(text, " \t");
        size_t n = strcspn(text, " \t");
        if (n > 0) add_argument(ctx, a, text, n);
        text += n;
    }
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void remove_folder(void *path) {
    (void)nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static char *make_folder(fg_context *ctx) {
    const char *root = getenv("TMPDIR");
    if (!root || !*root) root = "/tmp";
    char *path = fg_format(ctx, "%s/fusegen-XXXXXX", root);
    if (!mkdtemp(path)) fg_raise(ctx, FG_TOOLCHAIN, "no temporary folder in %s: %s", root, strerror(errno));
    fg_defer(ctx, remove_folder, path);
    return path;
}

static void write_file(fg_context *ctx, const char *path, const void *data, size_t n) {
    FILE *f = fopen(path, "wb");
    bool good = f != NULL;
    if (good) {
        good = n == 0 || fwrite(data, 1, n, f) == n;
        if (fclose(f) != 0) good = false;
    }
    if (!good) fg_raise(ctx, FG_TOOLCHAIN, "cannot write %s: %s", path, strerror(errno));
}

static char *read_log(fg_context *ctx, const char *path) {
    char *text = fg_alloc(ctx, 1, 16384);
    FILE *f = fopen(path, "rb");
    if (!f) return text;
    size_t n = fread(text, 1, 16383, f);
    text[n] = 0;
    (void)fclose(f);
    return text;
}

static int spawn(const arguments *a, const char *log, pid_t *pid) {
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed) return failed;
    failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!failed)
        failed = posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!failed) failed = posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (!failed) failed = posix_spawnp(pid, a->v[0], &actions, NULL, a->v, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Runs the compiler and waits; raises with its first error line. */
static void compile(fg_context *ctx, const arguments *a, const char *folder) {
    char *log = fg_format(ctx, "%s/log", folder);
    pid_t pid = 0;
    int failed = spawn(a, log, &pid), status = 0;
    if (failed) {
        fg_remedy(ctx, "install it, name another one in the environment variable CC, or use --verify=tcc");
        fg_raise(ctx, FG_TOOLCHAIN, "compiler '%s' cannot be started: %s", a->v[0], strerror(failed));
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        fg_remedy(ctx, "install it, name another one in the environment variable CC, or use --verify=tcc");
        fg_raise(ctx, FG_TOOLCHAIN, "compiler '%s' is not there", a->v[0]);
    }
    const char *cause = fg_first_error(ctx, read_log(ctx, log));
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

/* Writes weights.bin and weights.S; an empty blob still has its symbol. */
static void write_weights(const fg_module *m, const char *folder) {
    fg_context *ctx = m->ctx;
    char *blob = fg_format(ctx, "%s/weights.bin", folder);
    char *text = fg_format(ctx,
                           "    .section .rodata\n    .balign 64\n    .globl %s_weights\n%s_weights:\n"
                           "    .incbin \"%s\"\n    .byte 0\n    .section .note.GNU-stack,\"\",%%progbits\n",
                           m->options.prefix, m->options.prefix, quoted(ctx, blob));
    write_file(ctx, blob, m->weights, (size_t)m->weights_bytes);
    write_file(ctx, fg_format(ctx, "%s/weights.S", folder), text, strlen(text));
}

/* The flags come last, so that a target's -O level and -std win. */
static arguments command(const fg_module *m, const char *compiler, const char *folder) {
    static const char fixed[] = "-shared -fPIC -O2 -DFG_EXTERNAL_KERNELS -DFG_EXTERNAL_WEIGHTS";
    fg_context *ctx = m->ctx;
    arguments a = {.n = 0};
    add_words(ctx, &a, compiler);
    if (a.n == 0) fg_raise(ctx, FG_TOOLCHAIN, "target '%s' names no compiler", m->target->name);
    add_words(ctx, &a, fixed);
    add_words(ctx, &a, m->target->flags);
    const char *files[] = {"source.c", "weights.S"};
    for (size_t i = 0; i < FG_COUNT(files); i++) {
        char *path = fg_format(ctx, "%s/%s", folder, files[i]);
        add_argument(ctx, &a, path, strlen(path));
    }
    add_argument(ctx, &a, "-o", 2);
    char *library = fg_format(ctx, "%s/library.so", folder);
    add_argument(ctx, &a, library, strlen(library));
    add_argument(ctx, &a, "-lm", 3);
    return a;
}

static void *dl_symbol(const fg_library *lib, const char *name) {
    return dlsym(lib->state, name);
}
static void dl_release(void *state) {
    (void)dlclose(state);
}

static void *open_library(const fg_module *m, const char *folder) {
    void *handle = dlopen(fg_format(m->ctx, "%s/library.so", folder), RTLD_NOW | RTLD_LOCAL);
    if (handle) return handle;
    fg_remedy(m->ctx, "use --verify=tcc for what this machine cannot load");
    fg_raise(m->ctx, FG_TOOLCHAIN, "code for target '%s' cannot be loaded here: %s", m->target->name,
             dlerror());
}

static const char *choose_compiler(const fg_module *m) {
    const char *cc = getenv("CC");
    if (cc && *cc) return cc;
    return m->target->compiler && *m->target->compiler ? m->target->compiler : "cc";
}

fg_library *fg_load_cc(const fg_module *m) {
    fg_context *ctx = m->ctx;
    if (m->target->emulator && *m->target->emulator) {
        fg_remedy(ctx, "use --verify=tcc, or --target host");
        fg_raise(ctx, FG_TOOLCHAIN, "code for target '%s' does not run on this machine", m->target->name);
    }
    const char *compiler = choose_compiler(m);
    char *folder = make_folder(ctx);
    write_weights(m, folder);
    const char *source = fg_whole_source(m);
    write_file(ctx, fg_format(ctx, "%s/source.c", folder), source, strlen(source));
    arguments a = command(m, compiler, folder);
    compile(ctx, &a, folder);
    fg_library *lib = FG_NEW(ctx, fg_library);
    const char *flags = m->target->flags ? m->target->flags : "";
    *lib = (fg_library){ctx, dl_symbol, dl_release, open_library(m, folder), NULL};
    lib->how = fg_format(ctx, "%s%s%s", compiler, *flags ? " " : "", flags);
    fg_defer(ctx, dl_release, lib->state);
    fg_undefer(ctx, folder);
    remove_folder(folder);
    return lib;
}
