#include "frontend/regex.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STEPS  4096
#define MAX_SETS   1024
#define MAX_DEPTH  64
#define MAX_REPEAT 1000

typedef enum kind { NOTHING, SET, THEN, OR, REPEAT, ASSERT } kind;

typedef struct tree {
    kind kind;
    const struct tree *a, *b;
    int x, y; /* set; least and most (-1: any) repetitions; assertion */
} tree;

typedef struct parser {
    fg_context *ctx;
    const char *at;
    int depth, nodes;
    fg_regex *re;
} parser;

static const tree *alternatives(parser *p);

static _Noreturn void unsupported(const parser *p, const char *what) {
    fg_blame_attribute(p->ctx, "pattern");
    fg_raise(p->ctx, FG_UNSUPPORTED, "%s in a regular expression, at '%.40s'", what, p->at);
}

static _Noreturn void malformed(const parser *p) {
    fg_blame_attribute(p->ctx, "pattern");
    fg_raise(p->ctx, FG_BAD_MODEL, "the regular expression is malformed at '%.40s'", p->at);
}

static const tree *make(parser *p, kind k, const tree *a, const tree *b, int x, int y) {
    if (++p->nodes > MAX_STEPS) {
        unsupported(p, "too many parts");
    }
    tree *t = FG_NEW(p->ctx, tree);
    *t = (tree){k, a, b, x, y};
    return t;
}

/* ---- sets of bytes ---- */

static unsigned char *new_set(parser *p) {
    if (p->re->n_sets == MAX_SETS) {
        unsupported(p, "too many sets of characters");
    }
    return p->re->sets[p->re->n_sets++];
}

static void add_range(unsigned char *set, int from, int to) {
    for (int b = from; b <= to; b++) {
        set[b / 8] = (unsigned char)(set[b / 8] | 1 << b % 8);
    }
}

static const tree *range(parser *p, int from, int to) {
    unsigned char *set = new_set(p);
    add_range(set, from, to);
    return make(p, SET, NULL, NULL, p->re->n_sets - 1, 0);
}

/* A character of two and more bytes, or one of the ASCII characters of the last set made. */
static const tree *or_beyond_ascii(parser *p) {
    const tree *ascii = make(p, SET, NULL, NULL, p->re->n_sets - 1, 0), *more = range(p, 0x80, 0xBF);
    const tree *two = make(p, THEN, range(p, 0xC2, 0xDF), more, 0, 0);
    const tree *three = make(p, THEN, range(p, 0xE0, 0xEF), make(p, THEN, more, more, 0, 0), 0, 0);
    const tree *four =
        make(p, THEN, make(p, THEN, range(p, 0xF0, 0xF4), more, 0, 0), make(p, THEN, more, more, 0, 0), 0, 0);
    return make(p, OR, ascii, make(p, OR, two, make(p, OR, three, four, 0, 0), 0, 0), 0, 0);
}

static void invert(unsigned char *set) {
    for (int i = 0; i < 16; i++) {
        set[i] = (unsigned char)~set[i];
    }
    set[0] &= 0xFE; /* no string has a 0 */
}

/* \d, \w, \s: true if c names one. */
static bool add_class(unsigned char *set, int c) {
    switch (c) {
    case 'd': add_range(set, '0', '9'); return true;
    case 'w':
        add_range(set, '0', '9');
        add_range(set, 'A', 'Z');
        add_range(set, 'a', 'z');
        add_range(set, '_', '_');
        return true;
    case 's':
        add_range(set, '\t', '\n');
        add_range(set, '\f', '\r');
        add_range(set, ' ', ' ');
        return true;
    default: return false;
    }
}

/* The character that a backslash and this stand for. */
static int escaped(const parser *p, int c) {
    static const char from[] = "tnrfva", to[] = "\t\n\r\f\v\a";
    const char *at = c != 0 ? strchr(from, c) : NULL;
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (at == NULL && (letter || c == 0 || c >= 128)) {
        unsupported(p, "an escape");
    }
    return at != NULL ? to[at - from] : c;
}

static int class_character(parser *p) {
    int c = (unsigned char)*p->at++;
    if (c == 0) {
        p->at--;
        malformed(p);
    }
    if (c == '\\') {
        c = escaped(p, (unsigned char)*p->at);
        p->at++;
    }
    if (c >= 128) {
        unsupported(p, "a character beyond ASCII in brackets");
    }
    return c;
}

static const tree *brackets(parser *p) {
    unsigned char *set = new_set(p);
    const bool negated = *p->at == '^';
    p->at += negated;
    for (bool first = true; first || *p->at != ']'; first = false) {
        if (p->at[0] == '[' && p->at[1] == ':') {
            unsupported(p, "a named class");
        }
        if (p->at[0] == '\\' && add_class(set, p->at[1])) {
            p->at += 2;
            continue;
        }
        if (p->at[0] == '\\' && strchr("DWS", p->at[1]) != NULL && p->at[1] != 0) {
            unsupported(p, "a negated class in brackets");
        }
        const int from = class_character(p);
        int to = from;
        if (p->at[0] == '-' && p->at[1] != ']') {
            p->at++;
            to = class_character(p);
        }
        if (to < from) {
            malformed(p);
        }
        add_range(set, from, to);
    }
    p->at++;
    const int own = p->re->n_sets - 1;
    if (!negated) {
        return make(p, SET, NULL, NULL, own, 0);
    }
    invert(set);
    return or_beyond_ascii(p);
}

/* ---- the grammar ---- */

static const tree *escape(parser *p) {
    const int c = (unsigned char)*p->at++;
    if (c == 'b' || c == 'B') {
        return make(p, ASSERT, NULL, NULL, c == 'b' ? FG_RE_WORD : FG_RE_NO_WORD, 0);
    }
    if (c == 'A' || c == 'z') {
        return make(p, ASSERT, NULL, NULL, c == 'A' ? FG_RE_START : FG_RE_END, 0);
    }
    if (c == 0) {
        p->at--;
        malformed(p);
    }
    unsigned char *set = new_set(p);
    if (add_class(set, c)) {
        return make(p, SET, NULL, NULL, p->re->n_sets - 1, 0);
    }
    if (add_class(set, c | 32)) {
        invert(set);
        return or_beyond_ascii(p);
    }
    const int one = escaped(p, c);
    add_range(set, one, one);
    return make(p, SET, NULL, NULL, p->re->n_sets - 1, 0);
}

/* All bytes of a character that stands for itself. */
static const tree *literal(parser *p) {
    const int c = (unsigned char)*p->at++;
    const tree *t = range(p, c, c);
    while (c >= 0xC0 && ((unsigned char)*p->at & 0xC0) == 0x80) {
        const int more = (unsigned char)*p->at++;
        t = make(p, THEN, t, range(p, more, more), 0, 0);
    }
    return t;
}

static const tree *atom(parser *p) {
    switch (*p->at) {
    case '(':
        p->at++;
        if (p->at[0] == '?' && p->at[1] == ':') {
            p->at += 2;
        } else if (p->at[0] == '?') {
            unsupported(p, "a group with flags or a name");
        }
        const tree *inner = alternatives(p);
        if (*p->at != ')') {
            malformed(p);
        }
        p->at++;
        return inner;
    case '[': p->at++; return brackets(p);
    case '.':
        p->at++;
        unsigned char *set = new_set(p);
        add_range(set, '\n', '\n');
        invert(set);
        return or_beyond_ascii(p);
    case '^': p->at++; return make(p, ASSERT, NULL, NULL, FG_RE_START, 0);
    case '$': p->at++; return make(p, ASSERT, NULL, NULL, FG_RE_END, 0);
    case '\\': p->at++; return escape(p);
    case '*':
    case '+':
    case '?': malformed(p);
    default: return literal(p);
    }
}

/* {m}, {m,} or {m,n}; false, and nothing read, if it is none of them: then it stands for itself. */
static bool counts(parser *p, int *least, int *most) {
    char *end;
    const char *at = p->at + 1;
    if (*at < '0' || *at > '9') {
        return false;
    }
    const long m = strtol(at, &end, 10);
    long n = m;
    if (*end == ',') {
        at = end + 1;
        n = *at == '}' ? -1 : strtol(at, &end, 10);
        end = *at == '}' ? (char *)(uintptr_t)at : end;
    }
    if (*end != '}') {
        return false;
    }
    if (m > MAX_REPEAT || n > MAX_REPEAT) {
        unsupported(p, "more than 1000 repetitions");
    }
    if (n >= 0 && n < m) {
        malformed(p);
    }
    p->at = end + 1;
    *least = (int)m;
    *most = (int)n;
    return true;
}

static const tree *repeated(parser *p) {
    const tree *t = atom(p);
    for (int i = 0;; i++) {
        int least = *p->at == '+', most = *p->at == '?' ? 1 : -1;
        if (*p->at == '*' || *p->at == '+' || *p->at == '?') {
            p->at++;
        } else if (*p->at != '{' || !counts(p, &least, &most)) {
            return t;
        }
        if (i > 0) {
            malformed(p); /* as RE2: no repetition of a repetition */
        }
        p->at += *p->at == '?'; /* shortest first: the same strings match as a whole */
        t = make(p, REPEAT, t, NULL, least, most);
    }
}

static const tree *sequence(parser *p) {
    const tree *t = make(p, NOTHING, NULL, NULL, 0, 0);
    while (*p->at != 0 && *p->at != '|' && *p->at != ')') {
        t = make(p, THEN, t, repeated(p), 0, 0);
    }
    return t;
}

static const tree *alternatives(parser *p) {
    if (++p->depth > MAX_DEPTH) {
        unsupported(p, "groups nested too deep");
    }
    const tree *t = sequence(p);
    while (*p->at == '|') {
        p->at++;
        t = make(p, OR, t, sequence(p), 0, 0);
    }
    p->depth--;
    return t;
}

/* ---- the program ---- */

static int add(parser *p, fg_regex_op op, int x, int y) {
    if (p->re->n_steps == MAX_STEPS) {
        unsupported(p, "too many repetitions");
    }
    p->re->steps[p->re->n_steps] = (fg_regex_step){op, x, y};
    return p->re->n_steps++;
}

static void emit(parser *p, const tree *t) {
    fg_regex_step *s = p->re->steps;
    int split, jump;
    switch (t->kind) {
    case NOTHING: break;
    case SET: add(p, FG_RE_SET, t->x, 0); break;
    case ASSERT: add(p, (fg_regex_op)t->x, 0, 0); break;
    case THEN:
        emit(p, t->a);
        emit(p, t->b);
        break;
    case OR:
        split = add(p, FG_RE_SPLIT, p->re->n_steps + 1, 0);
        emit(p, t->a);
        jump = add(p, FG_RE_SPLIT, 0, 0);
        s[split].y = p->re->n_steps;
        emit(p, t->b);
        s[jump].x = s[jump].y = p->re->n_steps;
        break;
    case REPEAT:
        for (int i = 0; i < t->x; i++) {
            emit(p, t->a);
        }
        if (t->y < 0) {
            split = add(p, FG_RE_SPLIT, p->re->n_steps + 1, 0);
            emit(p, t->a);
            add(p, FG_RE_SPLIT, split, split);
            s[split].y = p->re->n_steps;
        }
        for (int i = t->x; i < t->y; i++) {
            split = add(p, FG_RE_SPLIT, p->re->n_steps + 1, 0);
            emit(p, t->a);
            s[split].y = p->re->n_steps;
        }
        break;
    }
}

const fg_regex *fg_regex_compile(fg_context *ctx, const char *pattern) {
    parser p = {.ctx = ctx, .at = pattern, .re = FG_NEW(ctx, fg_regex)};
    p.re->steps = FG_ARRAY(ctx, MAX_STEPS, fg_regex_step);
    p.re->sets = fg_alloc(ctx, MAX_SETS, sizeof *p.re->sets);
    const tree *t = alternatives(&p);
    if (*p.at != 0) {
        malformed(&p);
    }
    emit(&p, t);
    add(&p, FG_RE_MATCH, 0, 0);
    return p.re;
}
