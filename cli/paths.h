/* The files that a command line names: none is written over another, or over one that is read. */
#ifndef FG_CLI_PATHS_H
#define FG_CLI_PATHS_H

#include "cli/options.h"

/* Raises FG_USAGE if two outputs are one file or an output is one of the files to be read, and FG_OUTPUT if a
 * file cannot be written where it is wanted. Before the long work. */
void fg_paths_check(fg_context *ctx, const fg_cli_options *o);

/* The same for a file that only the model names: its external data. */
void fg_paths_check_read(fg_context *ctx, const fg_cli_options *o, const char *path);

#endif
