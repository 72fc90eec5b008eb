/* Breaks lines of indented C text that are longer than a reader's window: between statements, behind the
 * commas of the fewest brackets, before operators; comments between words. Preprocessor lines stay whole, and
 * so does what has no such place.
 */
#include <string.h>

#include "codegen/template.h"

#define MOST_COLUMNS 120
#define STEP         4

typedef struct wrapper {
    fg_text *out;
    bool in_comment, in_directive;
} wrapper;

static size_t quoted(const char *s, size_t n, size_t i) {
    const char quote = s[i++];
    while (i < n && s[i] != quote) i += s[i] == '\\' ? 2 : 1;
    return i;
}

/* Where the line that stands `column` to the right is cut best: the length of its first part; 0: nowhere.
 * *same: what follows is a statement of its own. */
static size_t code_cut(const char *s, size_t n, size_t column, bool *same) {
    int depth = 0, comma_depth = 0;
    size_t statement = 0, comma = 0, sign = 0;
    for (size_t i = 0; i + 1 < n && column + i < MOST_COLUMNS; i++) {
        if (s[i] == '"' || s[i] == '\'') {
            i = quoted(s, n, i);
            continue;
        }
        if (s[i] == '/' && s[i + 1] == '*') break;
        depth += strchr("([{", s[i]) != NULL;
        depth -= strchr(")]}", s[i]) != NULL;
        if (s[i + 1] != ' ') continue;
        if (s[i] == ';' && depth == 0) statement = i + 1;
        if (s[i] == ',' && (comma == 0 || depth <= comma_depth)) {
            comma = i + 1;
            comma_depth = depth;
        }
        if (i > 0 && s[i - 1] == ' ' && strchr("?:+|&", s[i])) sign = i - 1;
        if (i > 1 && s[i - 2] == ' ' && s[i - 1] == s[i] && strchr("|&", s[i])) sign = i - 2;
    }
    *same = statement > 0;
    return statement ? statement : comma ? comma : sign;
}

static void piece(wrapper *w, size_t column, const char *prefix, const char *s, size_t n) {
    fg_text_printf(w->out, "%*s%s", (int)column, "", prefix);
    fg_text_addn(w->out, s, n);
    fg_text_add(w->out, "\n");
}

static void code(wrapper *w, size_t column, const char *s, size_t n) {
    size_t at = column;
    while (at + n > MOST_COLUMNS) {
        bool same;
        const size_t cut = code_cut(s, n, at, &same);
        if (cut == 0) break;
        piece(w, at, "", s, cut);
        s += cut + 1; /* and the blank */
        n -= cut + 1;
        at = same ? column : column + STEP;
    }
    piece(w, at, "", s, n);
}

/* s begins in or with a comment. */
static void comment(wrapper *w, size_t column, const char *s, size_t n) {
    const bool begins = s[0] == '/';
    const char *prefix = "";
    const size_t stars = begins ? column + 1 : column;
    while (column + strlen(prefix) + n > MOST_COLUMNS) {
        size_t cut = MOST_COLUMNS - column - strlen(prefix);
        if (cut + 3 >= n && strncmp(s + n - 3, " */", 3) == 0) cut = n - 4; /* the end does not stand alone */
        while (cut > 0 && s[cut] != ' ') cut--;
        if (cut < 4) break;
        piece(w, column, prefix, s, cut);
        s += cut + 1;
        n -= cut + 1;
        column = stars;
        prefix = "* ";
    }
    piece(w, column, prefix, s, n);
}

static void line(wrapper *w, const char *s, size_t n) {
    size_t column = strspn(s, " ");
    if (column > n) column = n;
    const bool directive = w->in_directive || (s[column] == '#' && !w->in_comment);
    const bool starts = !w->in_comment && n - column > 1 && s[column] == '/' && s[column + 1] == '*';
    const bool commented = w->in_comment || starts;
    for (size_t i = column; i + 1 < n; i++) {
        if (!w->in_comment && (s[i] == '"' || s[i] == '\'')) {
            i = quoted(s, n, i);
        } else if (!w->in_comment && s[i] == '/' && s[i + 1] == '*') {
            w->in_comment = true;
            i++;
        } else if (w->in_comment && s[i] == '*' && s[i + 1] == '/') {
            w->in_comment = false;
            i++;
        }
    }
    w->in_directive = directive && n > 0 && s[n - 1] == '\\';
    if (n <= MOST_COLUMNS || directive || column + 40 > MOST_COLUMNS)
        piece(w, 0, "", s, n);
    else if (commented)
        comment(w, column, s + column, n - column);
    else
        code(w, column, s + column, n - column);
}

void fg_wrap(const char *source, fg_text *out) {
    wrapper w = {.out = out};
    while (*source) {
        const size_t n = strcspn(source, "\n");
        line(&w, source, n);
        source += n + (source[n] == '\n');
    }
}
