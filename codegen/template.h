/* The template engine: readable C with a few directives -> C text. It substitutes and repeats; it never
 * decides.
 *
 *     //@ for i in 0..MR              lines up to //@ end, i = 0 .. MR-1; bounds are expressions; an empty
 * range is fine
 *     //@ if COND / elif COND / else / end
 *     //@ let NAME = EXPR             integer, until the enclosing block ends
 *     //@ def NAME(a, b) ... //@ end  a sub-template; parameters are integers; sees the variables of its
 * caller too
 *     //@ use NAME(EXPR, EXPR)
 *     //@ join ... //@ end            the lines made inside become one line, separated by single spaces, none
 * before , and ;
 *     //@ hook NAME rest of line      calls the hook with the rest of the line after substitution
 *     @EXPR@                          an integer expression in decimal, or the text of a text parameter
 *     //# ...                         a comment for the template's reader; dropped
 *
 * Expressions: C's integer operators + - * / % << >> < <= > >= == != && || ! ?: ( ), int64 arithmetic; names;
 * array elements NAME[EXPR]; min(a,b), max(a,b), ceil(a,b) = ceiling of a/b; len(NAME); true for text
 * parameters: NAME == "text". Division by zero, overflow, an unknown name, an index out of range, a directive
 * out of place: raises FG_INTERNAL naming template and line. The output is re-indented by braces (four
 * spaces), so templates need not care about directive nesting.
 */
#ifndef FG_CODEGEN_TEMPLATE_H
#define FG_CODEGEN_TEMPLATE_H

#include "frontend/base.h"

typedef struct fg_template fg_template; /* parameters for one rendering; lives in the context */

/* Writes what stands in place of a hook's line; arguments: the rest of that line after substitution. */
typedef void fg_hook_fn(void *user, const char *arguments, fg_text *out);

fg_template *fg_template_new(fg_context *ctx);
void fg_template_int(fg_template *t, const char *name, int64_t value);                 /* sets or replaces */
void fg_template_ints(fg_template *t, const char *name, int n, const int64_t *values); /* copied */
void fg_template_text(fg_template *t, const char *name,
                      const char *text); /* copied; may hold several lines */
void fg_template_texts(fg_template *t, const char *name, int n, const char *const *texts); /* @NAME[EXPR]@ */
void fg_template_hook(fg_template *t, const char *name, fg_hook_fn *fn, void *user);

/* Renders the embedded template templates/NAME.c.in and appends it. Definitions of templates/common.c.in can
 * be used by all. */
void fg_template_render(fg_template *t, const char *name, fg_text *out);

/* The same for template text that is at hand (tests). */
void fg_template_render_text(fg_template *t, const char *name, const char *source, fg_text *out);

/* Text of an embedded file ("prelude.c.in", ...), NULL if there is none. Made by CMake from templates/. */
const char *fg_template_source(const char *file_name);

/* Re-indents C text by its braces. */
void fg_indent(const char *source, fg_text *out);

/* Appends functions, or the body of one, without terms times zero, factors of one and blocks without purpose;
 * to be indented afterwards. `thorough`: also without loops of one turn and factors behind sums, which gcc
 * compiles differently. */
void fg_tidy(const char *source, bool thorough, fg_text *out);

/* Appends indented text with lines of at most 120 columns where they can be broken. */
void fg_wrap(const char *source, fg_text *out);

#endif
