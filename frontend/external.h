/* Files as memory: the model itself, and the files beside it that hold tensors. */
#ifndef FG_FRONTEND_EXTERNAL_H
#define FG_FRONTEND_EXTERNAL_H

#include "frontend/base.h"

typedef struct fg_file {
    const char *path;
    const uint8_t *data; /* mapping; NULL if size is 0 */
    size_t size;
    int descriptor;
    struct fg_file *next;
} fg_file;

/* Maps a regular file; it stays open and mapped until the context is freed. Raises `status` if it cannot be
 * read. */
fg_file *fg_file_open(fg_context *ctx, const char *path, fg_status status);

/* SHA-256 of the file's bytes, by reading it (the mapping is not touched). */
void fg_file_digest(fg_context *ctx, const fg_file *f, uint8_t digest[32]);

/* Bytes [offset, offset + length) of a file: in the mapping if that is aligned, else read into memory of the
 * context. */
const void *fg_file_part(fg_context *ctx, const fg_file *f, size_t offset, size_t length, size_t align);

/* The file `location` of external data, in the folder of the model file or below it. open: list of those open
 * already. */
fg_file *fg_external_open(fg_context *ctx, const char *model_path, const char *location, fg_file **open);

#endif
