#include "cli/output.h"

#include "verify/leftovers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILES 4

typedef struct out_file {
    const char *path;
    const char *temporary; /* NULL: written directly */
    FILE *stream;          /* NULL once closed */
    bool renamed;
} out_file;

struct fg_output {
    fg_context *ctx;
    out_file file[MAX_FILES];
    int n;
};

_Noreturn static void fail(fg_context *ctx, const char *path, int error) {
    fg_raise(ctx, FG_OUTPUT, "cannot write '%s': %s", path, strerror(error ? error : EIO));
}

const char *fg_output_folder(fg_context *ctx, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return ".";
    return slash == path ? "/" : fg_strndup(ctx, path, (size_t)(slash - path));
}

void fg_output_check(fg_context *ctx, const char *path) {
    struct stat s;
    if (stat(path, &s) == 0) {
        if (S_ISDIR(s.st_mode)) fail(ctx, path, EISDIR);
        if (!S_ISREG(s.st_mode)) return;
    }
    const char *folder = fg_output_folder(ctx, path);
    if (stat(folder, &s) != 0) fail(ctx, path, errno);
    if (!S_ISDIR(s.st_mode)) fail(ctx, path, ENOTDIR);
    if (access(folder, W_OK | X_OK) != 0) fail(ctx, path, errno);
}

/* Runs with the context: after a commit there is nothing left to remove. */
static void discard(void *resource) {
    fg_output *o = resource;
    for (int i = 0; i < o->n; i++) {
        out_file *f = &o->file[i];
        if (f->stream) fclose(f->stream);
        if (f->renamed)
            unlink(f->path);
        else if (f->temporary)
            unlink(f->temporary);
        if (f->temporary) fg_leftover_drop(f->temporary);
    }
    o->n = 0;
}

fg_output *fg_output_new(fg_context *ctx) {
    fg_output *o = FG_NEW(ctx, fg_output);
    o->ctx = ctx;
    fg_defer(ctx, discard, o);
    return o;
}

static int open_temporary(fg_output *o, out_file *f) {
    const char *slash = strrchr(f->path, '/');
    int folder = slash ? (int)(slash - f->path) + 1 : 0;
    for (int attempt = 0; attempt < 100; attempt++) {
        const char *name =
            fg_format(o->ctx, "%.*s.fusegen-%ld-%d.tmp", folder, f->path, (long)getpid(), attempt);
        fg_leftovers_hold();
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), error = errno;
        if (fd >= 0) fg_leftover_add(f->temporary = name);
        fg_leftovers_release();
        if (fd < 0 && error == EEXIST) continue;
        errno = error;
        return fd;
    }
    return -1;
}

FILE *fg_output_open(fg_output *o, const char *path) {
    FG_REQUIRE(o->ctx, "output", o->n < MAX_FILES);
    out_file *f = &o->file[o->n++];
    struct stat s;
    *f = (out_file){.path = path};
    bool special = stat(path, &s) == 0 && !S_ISREG(s.st_mode);
    errno = 0;
    int fd = special ? open(path, O_WRONLY | O_CLOEXEC) : open_temporary(o, f);
    if (fd < 0) fail(o->ctx, path, errno);
    f->stream = fdopen(fd, "wb");
    if (!f->stream) {
        int error = errno;
        close(fd);
        fail(o->ctx, path, error);
    }
    return f->stream;
}

/* The errno of the first that fails, and its name; then none of them is left. */
static int rename_all(fg_output *o, const char **refused) {
    for (int i = 0; i < o->n; i++) {
        out_file *f = &o->file[i];
        if (!f->temporary) continue;
        if (rename(f->temporary, f->path) != 0) {
            int error = errno;
            *refused = f->path;
            discard(o);
            return error;
        }
        fg_leftover_drop(f->temporary);
        f->renamed = true;
    }
    return 0;
}

void fg_output_commit(fg_output *o) {
    for (int i = 0; i < o->n; i++) {
        out_file *f = &o->file[i];
        bool bad = ferror(f->stream) != 0;
        errno = bad ? EIO : 0;
        bad |= fclose(f->stream) != 0;
        f->stream = NULL;
        if (bad) {
            int error = errno;
            discard(o);
            fail(o->ctx, f->path, error);
        }
    }
    fg_leftovers_hold();
    const char *refused = NULL;
    const int error = rename_all(o, &refused);
    fg_leftovers_release();
    if (refused) fail(o->ctx, refused, error);
    o->n = 0;
}

void fg_output_text(fg_context *ctx, const char *path, const char *text, size_t n) {
    fg_output *o = fg_output_new(ctx);
    (void)fwrite(text, 1, n, fg_output_open(o, path));
    fg_output_commit(o);
}

fg_output_names fg_output_names_of(fg_context *ctx, const char *c_file) {
    size_t n = strlen(c_file) - 2; /* ends in ".c": the option's setter has seen to it */
    const char *base = fg_strndup(ctx, c_file, n), *slash = strrchr(base, '/');
    return (fg_output_names){.source = c_file,
                             .header = fg_format(ctx, "%s.h", base),
                             .weights = fg_format(ctx, "%s.weights", base),
                             .stem = slash ? slash + 1 : base};
}

/* A failed write is seen by ferror in the commit. */
static void write_chunk(void *user, const char *text, size_t n) {
    (void)fwrite(text, 1, n, user);
}

void fg_output_module(fg_context *ctx, const fg_output_names *names, const fg_module *m) {
    fg_output *o = fg_output_new(ctx);
    fputs(m->header, fg_output_open(o, names->header));
    if (m->options.weights != FG_WEIGHTS_INLINE)
        (void)fwrite(m->weights, 1, (size_t)m->weights_bytes, fg_output_open(o, names->weights));
    FILE *source = fg_output_open(o, names->source);
    fputs(m->source, source);
    if (m->options.weights == FG_WEIGHTS_INLINE) fg_emit_inline_weights(m, write_chunk, source);
    fg_output_commit(o);
}
