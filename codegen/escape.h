/* One escape function per output language, for every string that comes from a model. A node named "*" "/ ...
 * " is code injection otherwise. All results live in the context. */
#ifndef FG_CODEGEN_ESCAPE_H
#define FG_CODEGEN_ESCAPE_H

#include "frontend/base.h"

const char *fg_escape_c_comment(fg_context *ctx,
                                const char *s); /* one line; no comment end or start, no trigraph, no
                                                   backslash at the end, no control or non-ASCII bytes */
const char *
fg_escape_c_string(fg_context *ctx,
                   const char *s); /* between double quotes; valid under -std=c99 with trigraphs */
const char *
fg_escape_c_identifier(fg_context *ctx,
                       const char *s); /* [A-Za-z_][A-Za-z0-9_]*, never empty, never a C or C++ keyword, a
                                          macro of the headers that users include with generated files, or a
                                          name of what these files have of their own; never starts with an
                                          underscore + capital or two underscores; at most 63 bytes */
const char *fg_escape_terminal(fg_context *ctx, const char *s); /* no control bytes or escape sequences */
const char *fg_escape_html(fg_context *ctx, const char *s);
const char *fg_escape_dot(fg_context *ctx, const char *s); /* between double quotes */

/* Between double quotes of JSON, also of JSON that stands inside a script element: no '<' or '>'. What is no
 * UTF-8 becomes U+FFFD. */
const char *fg_escape_json(fg_context *ctx, const char *s);
const char *fg_escape_utf8(fg_context *ctx, const char *s); /* s with what is no UTF-8 made U+FFFD */

#endif
