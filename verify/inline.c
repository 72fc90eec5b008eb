#include "verify/inline.h"

/* A scanner of C text that keeps only what string literals hold. Chunks may end anywhere. */
typedef struct scanner {
    const fg_module *m;
    enum { LINE_START, CODE, SLASH, COMMENT, COMMENT_STAR, DIRECTIVE, LITERAL, ESCAPE } state;
    int octal, digits; /* of an escape under way */
    int questions;     /* in a row: two of them and a suitable third are a trigraph */
    int64_t at;        /* bytes found */
    const char *wrong;
} scanner;

static void complain(scanner *s, const char *what) {
    if (!s->wrong) s->wrong = fg_format(s->m->ctx, "inline weights: %s at byte %lld", what, (long long)s->at);
}

static void found(scanner *s, int byte) {
    if (s->at >= s->m->weights_bytes)
        complain(s, "more bytes than the blob");
    else if (s->m->weights[s->at] != byte)
        complain(s, "another value than in the blob");
    s->at++;
}

static void end_escape(scanner *s) {
    if (s->octal > 255) complain(s, "an escape above 255");
    found(s, s->octal & 255);
    s->digits = s->octal = 0;
    s->state = LITERAL;
}

static void in_escape(scanner *s, int c) {
    static const unsigned char simple[] = "n\nt\tr\r\\\\\"\"''??";
    if (c >= '0' && c <= '7') {
        s->octal = s->octal * 8 + c - '0';
        if (++s->digits == 3) end_escape(s);
        return;
    }
    for (const unsigned char *p = simple; *p; p += 2)
        if (*p == c) s->octal = p[1];
    if (s->octal == 0) complain(s, "an escape that is not octal");
    end_escape(s);
}

static void in_literal(scanner *s, int c) {
    s->questions = c == '?' ? s->questions + 1 : 0;
    if (s->questions == 2) complain(s, "the start of a trigraph");
    if (c == '"')
        s->state = CODE;
    else if (c == '\\')
        s->state = ESCAPE;
    else if (c < 32 || c > 126)
        complain(s, "a byte that is not printable");
    else
        found(s, c);
}

static void in_code(scanner *s, int c) {
    if (c == '#' && s->state == LINE_START)
        s->state = DIRECTIVE;
    else if (c == '"')
        s->state = LITERAL;
    else if (c == '/')
        s->state = SLASH;
    else if (c == '\n')
        s->state = LINE_START;
    else if (c != ' ' && c != '\t')
        s->state = CODE;
}

static void step(scanner *s, int c) {
    switch (s->state) {
    case LINE_START:
    case CODE: in_code(s, c); break;
    case SLASH:
        s->state = c == '*' ? COMMENT : CODE;
        if (c != '*') in_code(s, c);
        break;
    case COMMENT:
        if (c == '*') s->state = COMMENT_STAR;
        break;
    case COMMENT_STAR:
        if (c != '*') s->state = c == '/' ? CODE : COMMENT;
        break;
    case DIRECTIVE:
        if (c == '\n') s->state = LINE_START;
        break;
    case LITERAL: in_literal(s, c); break;
    case ESCAPE:
        if (s->digits > 0 && (c < '0' || c > '7')) {
            end_escape(s); /* a short octal escape ends at the first other character */
            in_literal(s, c);
        } else {
            in_escape(s, c);
        }
        break;
    }
}

static void scan(void *user, const char *text, size_t n) {
    scanner *s = user;
    for (size_t i = 0; i < n; i++) step(s, (unsigned char)text[i]);
}

const char *fg_inline_weights_differ(const fg_module *m, fg_weights_emitter *emit) {
    scanner s = {.m = m, .state = LINE_START};
    emit(m, scan, &s);
    if (s.at != m->weights_bytes) complain(&s, "the text ends");
    return s.wrong;
}
