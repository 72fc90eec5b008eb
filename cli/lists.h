/* --list-targets, --print-flags and --list-ops: what is printed made from the data they describe. */
#ifndef FG_CLI_LISTS_H
#define FG_CLI_LISTS_H

#include "frontend/base.h"

void fg_list_targets(fg_text *out);
/* The flags of one target, a name or a file. */
void fg_print_flags(fg_text *out, const char *target);
void fg_list_ops(fg_text *out); /* Markdown: docs/operators.md is this text */

#endif
