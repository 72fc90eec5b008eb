/* The pipeline: what main runs after the command line has been read. */
#ifndef FG_CLI_DRIVER_H
#define FG_CLI_DRIVER_H

#include "cli/console.h"

/* Compiles, checks and reports every model of the command line. Prints diagnostics. Returns the exit code:
 * that of the first model that failed. */
fg_status fg_drive(fg_context *ctx, const fg_cli_options *options, fg_console *console);

#endif
