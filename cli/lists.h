/* --list-targets and --list-ops: tables made from the data they describe. */
#ifndef FG_CLI_LISTS_H
#define FG_CLI_LISTS_H

#include "frontend/base.h"

void fg_list_targets(fg_text *out);
void fg_list_ops(fg_text *out); /* Markdown: docs/operators.md is this text */

#endif
