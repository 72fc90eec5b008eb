/* Re-indents C text by its braces and brackets, so that templates and emitters need not care about white
 * space.
 *
 * A line inside braces or brackets stands four spaces right of the line that opened them, a line that goes on
 * with an unfinished statement four more. Preprocessor lines stand at column 0. Brackets inside strings,
 * character constants and comments do not count; each branch of an #if starts with the brackets open at the
 * #if. Runs of blank lines become one.
 */
#include "codegen/template.h"

#include <string.h>

#define FG_INDENT_DEPTH 256 /* brackets open at once; deeper ones do not indent further */
#define FG_INDENT_STEP  4

typedef struct fg_bracket {
    char open;
    int column; /* of the line that opened it */
} fg_bracket;

typedef struct fg_brackets {
    fg_bracket at[FG_INDENT_DEPTH];
    int depth; /* may exceed FG_INDENT_DEPTH */
} fg_brackets;

typedef struct fg_indenter {
    fg_text *out;
    fg_brackets now;
    int saved[64]; /* depth at each open #if */
    int n_saved;
    int hang; /* columns that an unfinished statement adds to the next line */
    bool in_comment;
    bool in_directive; /* the line before was a preprocessor line ending in a backslash */
    bool blank;        /* a blank line is due before the next line */
    bool started;      /* something was written */
} fg_indenter;

static const fg_bracket *top(const fg_brackets *b) {
    return b->depth == 0 ? NULL : &b->at[b->depth <= FG_INDENT_DEPTH ? b->depth - 1 : FG_INDENT_DEPTH - 1];
}

static int inner_column(const fg_brackets *b) {
    const fg_bracket *t = top(b);
    return t == NULL ? 0 : t->column + FG_INDENT_STEP;
}

static void push(fg_brackets *b, char open, int column) {
    if (b->depth < FG_INDENT_DEPTH) {
        b->at[b->depth] = (fg_bracket){open, column};
    }
    b->depth++;
}

static bool is_closer(char c) {
    return c == '}' || c == ')' || c == ']';
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool starts_with_word(const char *s, const char *end, const char *word) {
    const size_t n = strlen(word);
    return (size_t)(end - s) >= n && memcmp(s, word, n) == 0 && (s + n == end || !is_word(s[n]));
}

/* "name:" alone or before a statement, "case X:", "default:". */
static bool is_label(const char *s, const char *end) {
    if (starts_with_word(s, end, "case") || starts_with_word(s, end, "default")) {
        return true;
    }
    const char *p = s;
    while (p < end && is_word(*p)) {
        p++;
    }
    return p > s && p < end && *p == ':' && (p + 1 == end || p[1] != ':') && !(*s >= '0' && *s <= '9');
}

static bool is_control(const char *s, const char *end) {
    static const char *const words[] = {"for", "while", "if", "else", "do", "switch"};
    if (s < end && *s == '}') {
        for (s++; s < end && *s == ' '; s++) {
        }
    }
    for (size_t i = 0; i < FG_COUNT(words); i++) {
        if (starts_with_word(s, end, words[i])) {
            return true;
        }
    }
    return false;
}

/* Skips a string or character constant that starts at p. */
static const char *skip_quoted(const char *p, const char *end) {
    const char quote = *p++;
    while (p < end && *p != quote) {
        p += *p == '\\' && p + 1 < end ? 2 : 1;
    }
    return p < end ? p + 1 : end;
}

static const char *skip_comment(fg_indenter *in, const char *p, const char *end) {
    in->in_comment = true;
    for (; p + 1 < end; p++) {
        if (p[0] == '*' && p[1] == '/') {
            in->in_comment = false;
            return p + 2;
        }
    }
    return end;
}

/* Follows the brackets of a line; returns its last character of code, '\0' if it has none. */
static char scan(fg_indenter *in, const char *p, const char *end, int column) {
    char last = '\0';
    if (in->in_comment) {
        p = skip_comment(in, p, end);
    }
    while (p < end) {
        const char c = *p;
        if (c == '/' && p + 1 < end && p[1] == '/') {
            break;
        }
        if (c == '/' && p + 1 < end && p[1] == '*') {
            p = skip_comment(in, p + 2, end);
            continue;
        }
        if (c == '"' || c == '\'') {
            p = skip_quoted(p, end);
            last = c;
            continue;
        }
        if (c == '{' || c == '(' || c == '[') {
            push(&in->now, c, column);
        } else if (is_closer(c) && in->now.depth > 0) {
            in->now.depth--;
        }
        last = c == ' ' || c == '\t' ? last : c;
        p++;
    }
    return last;
}

static void write_line(fg_indenter *in, int column, const char *s, const char *end) {
    static const char spaces[] = "                                                                ";
    if (in->blank && in->started) {
        fg_text_addn(in->out, "\n", 1);
    }
    in->blank = false;
    in->started = true;
    for (int left = column; left > 0; left -= (int)sizeof(spaces) - 1) {
        fg_text_addn(in->out, spaces, left < (int)sizeof(spaces) - 1 ? (size_t)left : sizeof(spaces) - 1);
    }
    fg_text_addn(in->out, s, (size_t)(end - s));
    fg_text_addn(in->out, "\n", 1);
}

/* Each branch of a conditional may hold the same opening brace: all branches start alike. */
static void follow_conditional(fg_indenter *in, const char *s, const char *end) {
    for (s++; s < end && (*s == ' ' || *s == '\t'); s++) {
    }
    const int max = (int)FG_COUNT(in->saved);
    if (starts_with_word(s, end, "if") || starts_with_word(s, end, "ifdef") ||
        starts_with_word(s, end, "ifndef")) {
        if (in->n_saved < max) {
            in->saved[in->n_saved] = in->now.depth;
        }
        in->n_saved++;
    } else if (starts_with_word(s, end, "endif")) {
        in->n_saved -= in->n_saved > 0;
    } else if ((starts_with_word(s, end, "else") || starts_with_word(s, end, "elif")) && in->n_saved > 0 &&
               in->n_saved <= max && in->saved[in->n_saved - 1] < in->now.depth) {
        in->now.depth = in->saved[in->n_saved - 1];
    }
}

static void directive_line(fg_indenter *in, const char *line, const char *s, const char *end) {
    if (!in->in_directive) {
        follow_conditional(in, s, end);
        line = s;
    }
    write_line(in, 0, line, end);
    in->in_directive = end > s && end[-1] == '\\';
}

/* A continued comment: stars stand under the first star, text right of it. */
static void comment_line(fg_indenter *in, const char *s, const char *end) {
    const int column = inner_column(&in->now) + in->hang + (*s == '*' ? 1 : 3);
    write_line(in, column, s, end);
    scan(in, s, end, column);
}

static int column_of(const fg_indenter *in, const char *s, const char *end) {
    fg_brackets b = in->now;
    int column = inner_column(&b) + in->hang;
    bool closed = false;
    for (const char *p = s; p < end && is_closer(*p) && b.depth > 0; p++) {
        const fg_bracket *t = top(&b);
        column = t->column;
        b.depth--;
        closed = true;
    }
    const fg_bracket *t = top(&in->now);
    const bool in_braces = t == NULL || t->open == '{';
    if (!closed && *s == '{') {
        column -= in->hang;
    }
    if (!closed && in_braces && in->hang == 0 && is_label(s, end)) {
        column -= column < FG_INDENT_STEP ? column : FG_INDENT_STEP;
    }
    return column;
}

static void code_line(fg_indenter *in, const char *s, const char *end) {
    const int column = column_of(in, s, end);
    const bool control = is_control(s, end);
    const bool label = is_label(s, end);
    write_line(in, column, s, end);
    const char last = scan(in, s, end, column);
    if (last == '\0') {
        return;
    }
    const fg_bracket *t = top(&in->now);
    const bool in_braces = t == NULL || t->open == '{';
    const bool finished = last == ';' || last == '{' || last == '}' || last == ',' || (last == ':' && label);
    if (finished || !in_braces) {
        in->hang = 0;
    } else {
        in->hang = control ? in->hang + FG_INDENT_STEP
                           : FG_INDENT_STEP + (in->hang > 0 ? in->hang - FG_INDENT_STEP : 0);
    }
}

void fg_indent(const char *source, fg_text *out) {
    fg_indenter in = {.out = out, .started = out->length > 0};
    while (*source != '\0') {
        const char *line = source;
        const char *end = line + strcspn(line, "\n");
        source = *end != '\0' ? end + 1 : end;
        const char *s = line;
        while (s < end && (*s == ' ' || *s == '\t')) {
            s++;
        }
        while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) {
            end--;
        }
        if (in.in_directive || (s < end && *s == '#' && !in.in_comment)) {
            directive_line(&in, line, s, end > line ? end : line);
        } else if (s == end) {
            in.blank = true;
        } else if (in.in_comment) {
            comment_line(&in, s, end);
        } else {
            code_line(&in, s, end);
        }
    }
    if (in.blank && in.started) {
        fg_text_addn(out, "\n", 1);
    }
}
