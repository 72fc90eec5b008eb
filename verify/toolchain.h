/* Compilers and emulators as processes: command lines, temporary folders, what they print. */
#ifndef FG_VERIFY_TOOLCHAIN_H
#define FG_VERIFY_TOOLCHAIN_H

#include <sys/types.h>

#include "codegen/module.h"

#define FG_MAX_ARGUMENTS 96

typedef struct fg_arguments {
    char *v[FG_MAX_ARGUMENTS + 1];
    int n;
} fg_arguments;

/* Raises FG_TOOLCHAIN if there are too many. */
void fg_add_argument(fg_context *ctx, fg_arguments *a, const char *s);
/* Words between blanks; there is no quoting in target files. NULL: none. */
void fg_add_words(fg_context *ctx, fg_arguments *a, const char *text);

/* A new folder under $TMPDIR, removed with the context or by fg_folder_remove. */
char *fg_folder_new(fg_context *ctx);
void fg_folder_remove(fg_context *ctx, char *folder);

/* Raise FG_TOOLCHAIN if they cannot. */
void fg_write_file(fg_context *ctx, const char *path, const void *data, size_t n);
/* Writes weights.bin and weights.S, which defines PREFIX_weights; an empty blob still has its symbol. */
void fg_write_weights(const fg_module *m, const char *folder);

/* The first bytes of a file, at most so many, and a final zero; "" if it is not there. */
char *fg_read_text(fg_context *ctx, const char *path, size_t most);
/* The first 16 kB of it. */
char *fg_read_log(fg_context *ctx, const char *path);

/* Starts a program without a shell; stdout and stderr go to the file `log`. Returns 0 or an errno. */
int fg_spawn(const fg_arguments *a, const char *log, pid_t *pid);

/* Waits for a process; its status as of waitpid. */
int fg_wait(pid_t pid);

/* Runs a compiler and waits. Raises FG_TOOLCHAIN with its first error line, or with the remedy if it is not
 * there. */
void fg_compile(fg_context *ctx, const fg_arguments *a, const char *folder, const char *remedy);

#endif
