/* Regular expressions in RE2's syntax, compiled to a program for a machine without memory: bytes of UTF-8 in,
 * whether the whole string matches out. Not supported, and refused: flags, named classes, \p, back
 * references.
 */
#ifndef FG_FRONTEND_REGEX_H
#define FG_FRONTEND_REGEX_H

#include "frontend/base.h"

typedef enum fg_regex_op {
    FG_RE_SET,     /* one byte of sets[x], then the next instruction */
    FG_RE_SPLIT,   /* on at x or at y */
    FG_RE_START,   /* only at the start of the string */
    FG_RE_END,     /* only at its end */
    FG_RE_WORD,    /* only between a word's letter and what is none */
    FG_RE_NO_WORD, /* only elsewhere */
    FG_RE_MATCH
} fg_regex_op;

typedef struct fg_regex_step {
    fg_regex_op op;
    int x, y;
} fg_regex_step;

typedef struct fg_regex {
    fg_regex_step *steps;
    int n_steps;
    unsigned char (*sets)[32]; /* bit b of byte b / 8: byte b belongs to it */
    int n_sets;
} fg_regex;

/* Raises FG_BAD_MODEL if the pattern is malformed, FG_UNSUPPORTED for what is not supported or too large. */
const fg_regex *fg_regex_compile(fg_context *ctx, const char *pattern);

#endif
