/* Files as memory, and where external data may lie. */
#include "frontend/external.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void release(void *resource) {
    fg_file *f = resource;
    if (f->data) munmap((void *)(uintptr_t)f->data, f->size);
    if (f->descriptor >= 0) close(f->descriptor);
}

fg_file *fg_file_open(fg_context *ctx, const char *path, fg_status status) {
    fg_file *f = FG_NEW(ctx, fg_file);
    struct stat info;
    f->path = fg_strdup(ctx, path);
    f->descriptor = -1;
    fg_defer(ctx, release, f);
    /* Not blocking: a pipe in the file's place must not hang us before fstat tells. */
    f->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->descriptor < 0 || fstat(f->descriptor, &info) != 0)
        fg_raise(ctx, status, "'%s' cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode)) fg_raise(ctx, status, "'%s' is not a regular file", path);
    f->size = (size_t)info.st_size;
    if (f->size == 0) return f;
    void *data = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, f->descriptor, 0);
    if (data == MAP_FAILED) fg_raise(ctx, status, "'%s' cannot be mapped: %s", path, strerror(errno));
    f->data = data;
    return f;
}

static void read_part(fg_context *ctx, const fg_file *f, size_t offset, size_t length, uint8_t *to) {
    while (length) {
        ssize_t n = pread(f->descriptor, to, length < (1U << 30) ? length : 1U << 30, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            fg_raise(ctx, FG_BAD_MODEL, "'%s' cannot be read: %s", f->path,
                     n ? strerror(errno) : "it has shrunk");
        to += n;
        offset += (size_t)n;
        length -= (size_t)n;
    }
}

void fg_file_digest(fg_context *ctx, const fg_file *f, uint8_t digest[32]) {
    const size_t chunk = (size_t)256 << 10;
    struct sha256_ctx sha;
    uint8_t *buffer = FG_ARRAY(ctx, chunk, uint8_t);
    sha256_init(&sha);
    for (size_t at = 0; at < f->size; at += chunk) {
        size_t n = f->size - at < chunk ? f->size - at : chunk;
        read_part(ctx, f, at, n, buffer);
        sha256_update(&sha, n, buffer);
    }
    sha256_digest(&sha, SHA256_DIGEST_SIZE, digest);
}

const void *fg_file_part(fg_context *ctx, const fg_file *f, size_t offset, size_t length, size_t align) {
    if (length && (uintptr_t)(f->data + offset) % align == 0) return f->data + offset;
    uint8_t *memory = fg_big_alloc(ctx, length);
    read_part(ctx, f, offset, length, memory);
    return memory;
}

/* ---- external data ---- */

/* Symbolic links are followed before the folders are compared. */
static bool lies_inside(const char *path, const char *folder) {
    size_t n = strlen(folder);
    if (n == 1) return true; /* the root */
    return strncmp(path, folder, n) == 0 && path[n] == '/';
}

static bool climbs(const char *location) {
    for (const char *p = location; *p; p += strcspn(p, "/"), p += strspn(p, "/"))
        if (strcspn(p, "/") == 2 && p[0] == '.' && p[1] == '.') return true;
    return false;
}

fg_file *fg_external_open(fg_context *ctx, const char *model_path, const char *location,
                          fg_file **open_files) {
    char folder_path[PATH_MAX], file_path[PATH_MAX];
    const char *slash = strrchr(model_path, '/');
    const char *folder = slash == model_path ? "/"
                         : slash             ? fg_strndup(ctx, model_path, (size_t)(slash - model_path))
                                             : ".";
    if (*location == 0 || *location == '/' || climbs(location))
        fg_raise(ctx, FG_BAD_MODEL, "external data '%s' are not inside the model's folder", location);
    if (!realpath(folder, folder_path) || !realpath(fg_format(ctx, "%s/%s", folder, location), file_path))
        fg_raise(ctx, FG_BAD_MODEL, "external data '%s' cannot be read: %s", location, strerror(errno));
    if (!lies_inside(file_path, folder_path))
        fg_raise(ctx, FG_BAD_MODEL, "external data '%s' lead out of the model's folder", location);
    for (fg_file *f = *open_files; f; f = f->next)
        if (strcmp(f->path, file_path) == 0) return f;
    fg_file *f = fg_file_open(ctx, file_path, FG_BAD_MODEL);
    f->next = *open_files;
    *open_files = f;
    return f;
}
