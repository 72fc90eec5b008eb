/* Files that appear only when they are complete: written beside their final names, renamed together at the
 * end. */
#ifndef FG_CLI_OUTPUT_H
#define FG_CLI_OUTPUT_H

#include "codegen/module.h"

typedef struct fg_output fg_output;

/* The folder that a file is or will be in. */
const char *fg_output_folder(fg_context *ctx, const char *path);

/* Raises FG_OUTPUT if path cannot become a file: no such folder, no permission, a folder of that name. Costs
 * nothing, so it is asked before the long work. */
void fg_output_check(fg_context *ctx, const char *path);

/* A set of files. If it is not committed before its context is freed, nothing of it remains. */
fg_output *fg_output_new(fg_context *ctx);

/* Adds a file; what is written to the result goes to a temporary file in the folder of path. A path that
 * exists and is not a regular file (a terminal, a pipe) is written directly. Raises FG_OUTPUT. */
FILE *fg_output_open(fg_output *o, const char *path);

/* Closes all files and renames them in the order of opening; if that fails, removes those already renamed and
 * raises FG_OUTPUT. */
void fg_output_commit(fg_output *o);

/* One file of n bytes. */
void fg_output_text(fg_context *ctx, const char *path, const char *text, size_t n);

/* Names that belong to the output FILE.c; in the context. */
typedef struct fg_output_names {
    const char *source, *header, *weights, *stem;
} fg_output_names;

fg_output_names fg_output_names_of(fg_context *ctx, const char *c_file);

/* Header, weights file if the mode has one, C file. */
void fg_output_module(fg_context *ctx, const fg_output_names *names, const fg_module *m);

#endif
