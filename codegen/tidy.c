/* Takes out of C text what numbers in the place of parameters leave behind: terms times zero, factors of one,
 * constants that are zero, parentheses around a number, blocks that hold nothing of their own. What the text
 * computes, and in what order, stays as it is. Text with preprocessor lines is left alone, for their branches
 * need not match.
 */
#include <ctype.h>
#include <string.h>

#include "codegen/template.h"

#define MOST_PASSES 8  /* over the arithmetic */
#define MOST_NAMES  24 /* that a block may declare to be dissolved */
#define LOOKS       64 /* at tokens for every token, when blocks are dissolved */

typedef enum token_kind { WORD, NUMBER, MARK, OTHER } token_kind; /* OTHER: comments and quotes */
typedef enum space_before { NONE, BLANK, LINE, LINES } space_before;

typedef struct token {
    const char *s;
    int length;
    token_kind kind;
    space_before space;
    int prev, next; /* -1: none */
    int mate;       /* of brackets; else -1 */
    int block;      /* the brace around it, also of a brace; -1: none */
} token;

typedef struct tidier {
    fg_context *ctx;
    token *t;
    int n, capacity;
    int64_t looks;
    bool thorough;
} tidier;

/* ---- tokens ---- */

static bool word_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '\001';
}

static size_t quoted_length(const char *s) {
    size_t n = 1;
    while (s[n] && s[n] != s[0]) n += s[n] == '\\' && s[n + 1] ? 2 : 1;
    return s[n] ? n + 1 : n;
}

/* Marks of places not known yet (codegen/planner.h) count as words. */
static size_t word_length(const char *s) {
    size_t n = 0;
    while (word_char(s[n])) {
        if (s[n] == '\001') {
            n += strcspn(s + n, "\002");
            if (s[n] == '\0') break;
        }
        n++;
    }
    return n;
}

static size_t number_length(const char *s) {
    size_t n = 1;
    while (word_char(s[n]) || s[n] == '.' || ((s[n] == '+' || s[n] == '-') && strchr("eEpP", s[n - 1]))) n++;
    return n;
}

static size_t mark_length(const char *s) {
    static const char *const marks[] = {"<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==",
                                        "!=",  "&&",  "||",  "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="};
    for (size_t i = 0; i < FG_COUNT(marks); i++)
        if (strncmp(s, marks[i], strlen(marks[i])) == 0) return strlen(marks[i]);
    return 1;
}

static token token_at(const char *s) {
    token t = {.s = s, .mate = -1, .prev = -1, .next = -1, .block = -1};
    size_t n;
    if (s[0] == '/' && s[1] == '*') {
        const char *end = strstr(s + 2, "*/");
        n = end ? (size_t)(end + 2 - s) : strlen(s);
        t.kind = OTHER;
    } else if (*s == '"' || *s == '\'') {
        n = quoted_length(s);
        t.kind = OTHER;
    } else if (isdigit((unsigned char)*s) || (*s == '.' && isdigit((unsigned char)s[1]))) {
        n = number_length(s);
        t.kind = NUMBER;
    } else if (word_char(*s)) {
        n = word_length(s);
        t.kind = WORD;
    } else {
        n = mark_length(s);
        t.kind = MARK;
    }
    t.length = (int)n;
    return t;
}

static void add(tidier *d, token t) {
    if (d->n == d->capacity) {
        const int capacity = d->capacity ? 2 * d->capacity : 1024;
        token *grown = fg_big_alloc(d->ctx, (size_t)capacity * sizeof *grown);
        if (d->n) memcpy(grown, d->t, (size_t)d->n * sizeof *grown);
        fg_big_free(d->ctx, d->t);
        d->t = grown;
        d->capacity = capacity;
    }
    t.prev = d->n - 1;
    if (d->n) d->t[d->n - 1].next = d->n;
    d->t[d->n++] = t;
}

/* False if the text has what is not understood here. */
static bool read_tokens(tidier *d, const char *s) {
    for (;;) {
        int lines = 0;
        const char *from = s;
        for (; *s && isspace((unsigned char)*s); s++) lines += *s == '\n';
        if (!*s) return true;
        if (*s == '#' || (s[0] == '/' && s[1] == '/')) return false;
        token t = token_at(s);
        t.space = lines > 1 ? LINES : lines == 1 ? LINE : s > from ? BLANK : NONE;
        s += t.length;
        add(d, t);
    }
}

static bool is(const tidier *d, int i, const char *text) {
    return i >= 0 && (size_t)d->t[i].length == strlen(text) && d->t[i].kind != OTHER &&
           memcmp(d->t[i].s, text, (size_t)d->t[i].length) == 0;
}

static bool is_one_of(const tidier *d, int i, const char *const *texts, size_t n) {
    for (size_t k = 0; k < n; k++)
        if (is(d, i, texts[k])) return true;
    return false;
}

#define IS_ONE_OF(d, i, ...)                                                                                 \
    is_one_of(d, i, (const char *const[]){__VA_ARGS__}, FG_COUNT(((const char *const[]){__VA_ARGS__})))

static bool same(const tidier *d, int i, int j) {
    return d->t[i].length == d->t[j].length && memcmp(d->t[i].s, d->t[j].s, (size_t)d->t[i].length) == 0;
}

static int prev(const tidier *d, int i) {
    return i < 0 ? -1 : d->t[i].prev;
}
static int next(const tidier *d, int i) {
    return i < 0 ? -1 : d->t[i].next;
}

/* False if brackets do not match. */
static bool match_brackets(tidier *d) {
    int *open = fg_big_alloc(d->ctx, ((size_t)d->n + 1) * sizeof *open);
    int depth = 0, block = -1;
    bool ok = true;
    for (int i = 0; i < d->n && ok; i++) {
        d->t[i].block = block;
        if (IS_ONE_OF(d, i, "(", "[", "{")) {
            open[depth++] = i;
            if (is(d, i, "{")) block = i;
        } else if (IS_ONE_OF(d, i, ")", "]", "}")) {
            static const char pairs[] = "()[]{}";
            ok = depth > 0 && *d->t[i].s == strchr(pairs, *d->t[open[depth - 1]].s)[1];
            if (!ok) break;
            d->t[i].mate = open[--depth];
            d->t[open[depth]].mate = i;
            if (is(d, i, "}")) d->t[i].block = block = d->t[open[depth]].block;
        }
    }
    fg_big_free(d->ctx, open);
    return ok && depth == 0;
}

/* ---- edits ---- */

static void drop(tidier *d, int i) {
    token *t = &d->t[i];
    if (t->prev >= 0) d->t[t->prev].next = t->next;
    if (t->next >= 0) d->t[t->next].prev = t->prev;
    if (t->next >= 0 && t->space > d->t[t->next].space && t->space >= LINE) d->t[t->next].space = t->space;
    t->length = 0;
}

/* Drops from..to; what follows takes their place in the line. */
static void drop_before(tidier *d, int from, int to) {
    const space_before space = d->t[from].space;
    const int after = next(d, to);
    for (int i = from, following; i != after; i = following) {
        following = next(d, i);
        drop(d, i);
    }
    if (after >= 0) d->t[after].space = space;
}

static void drop_range(tidier *d, int from, int to) {
    const int after = next(d, to);
    for (int i = from, following; i != after; i = following) {
        following = next(d, i);
        drop(d, i);
    }
}

static void put(tidier *d, int i, const char *text, token_kind kind) {
    d->t[i].s = text;
    d->t[i].length = (int)strlen(text);
    d->t[i].kind = kind;
}

/* ---- arithmetic ---- */

static bool ends_operand(const tidier *d, int i) {
    if (i < 0 || is(d, i, "return") || is(d, i, "case")) return false;
    return d->t[i].kind == WORD || d->t[i].kind == NUMBER || is(d, i, ")") || is(d, i, "]");
}

static bool starts_operand(const tidier *d, int i) {
    return i >= 0 && (d->t[i].kind == WORD || d->t[i].kind == NUMBER || is(d, i, "("));
}

/* A sum can begin behind it. */
static bool starts_sum(const tidier *d, int i) {
    return IS_ONE_OF(d, i, "(", "[", ",", "=", "<", ">", "<=", ">=", "==", "!=", "?", ":", "&&", "||",
                     "return", "+=", "-=");
}

static bool is_binary(const tidier *d, int i, const char *sign) {
    return is(d, i, sign) && ends_operand(d, prev(d, i));
}

/* A product can begin behind it. */
static bool starts_product(const tidier *d, int i) {
    return starts_sum(d, i) || is(d, i, "+") || is(d, i, "-");
}

/* Nothing but names, numbers and arithmetic between the parentheses at i. */
static bool is_plain_group(const tidier *d, int i) {
    for (int j = next(d, i); j != d->t[i].mate; j = next(d, j)) {
        if (d->t[j].kind == WORD && is(d, next(d, j), "(")) return false;
        if (d->t[j].kind != WORD && d->t[j].kind != NUMBER &&
            !IS_ONE_OF(d, j, "+", "-", "*", "/", "%", "(", ")"))
            return false;
    }
    return true;
}

/* The last token of the factor that begins at i; -1: not a plain one. */
static int factor_end(const tidier *d, int i) {
    if (i < 0) return -1;
    int end = i;
    if (is(d, i, "(")) {
        if (!is_plain_group(d, i)) return -1;
        end = d->t[i].mate;
        if (starts_operand(d, next(d, end))) return -1; /* a cast */
    } else if (d->t[i].kind != WORD && d->t[i].kind != NUMBER) {
        return -1;
    }
    return IS_ONE_OF(d, next(d, end), "(", "[", ".", "->", "++", "--") ? -1 : end;
}

/* The first token of the factor that ends at i; -1: not a plain one. */
static int factor_start(const tidier *d, int i) {
    if (i < 0) return -1;
    int start = i;
    if (is(d, i, ")")) {
        start = d->t[i].mate;
        if (!is_plain_group(d, start) || ends_operand(d, prev(d, start))) return -1;
    } else if (d->t[i].kind != WORD && d->t[i].kind != NUMBER) {
        return -1;
    }
    const int before = prev(d, start);
    return IS_ONE_OF(d, before, ".", "->", "++", "--") ? -1 : start;
}

/* What a 0 takes with it: factors, then itself out of a sum. */
static bool fold_zero(tidier *d, int i) {
    const int p = prev(d, i), n = next(d, i);
    if (is(d, n, "*") && (starts_product(d, p) || is_binary(d, p, "*"))) {
        const int end = factor_end(d, next(d, n));
        if (end < 0) return false;
        drop_range(d, n, end);
        return true;
    }
    if ((is(d, n, "/") || is(d, n, "%")) && starts_product(d, p) && d->t[next(d, n)].kind == NUMBER &&
        !is(d, next(d, n), "0")) {
        drop_range(d, n, next(d, n));
        return true;
    }
    if (is_binary(d, p, "*")) {
        const int start = factor_start(d, prev(d, p)), before = prev(d, start);
        if (start < 0 || !(starts_product(d, before) || is_binary(d, before, "*"))) return false;
        drop_before(d, start, p);
        return true;
    }
    if (IS_ONE_OF(d, n, "*", "/", "%", "(", "[", ".", "->")) return false;
    if (is_binary(d, p, "+") || is_binary(d, p, "-")) {
        if (is(d, prev(d, prev(d, p)), "->")) return false; /* a place in memory, as all its kind have one */
        drop_range(d, p, i);
        return true;
    }
    if (is(d, n, "+") && starts_sum(d, p)) {
        drop_before(d, i, n);
        return true;
    }
    return false;
}

static bool fold_one(tidier *d, int i) {
    const int p = prev(d, i), n = next(d, i);
    if ((is_binary(d, p, "*") || is(d, p, "/")) && (d->thorough || !is(d, prev(d, p), ")")) &&
        !IS_ONE_OF(d, n, "(", "[", ".", "->")) {
        drop_range(d, p, i);
        return true;
    }
    if (is(d, n, "*") && starts_product(d, p)) {
        drop_before(d, i, n);
        return true;
    }
    if (is(d, p, "%") && d->t[prev(d, p)].kind == WORD && starts_product(d, prev(d, prev(d, p)))) {
        put(d, i, "0", NUMBER);
        drop_before(d, prev(d, p), p);
        return true;
    }
    return false;
}

/* "p += 0" in the head of a loop, "p += 1". */
static bool fold_step(tidier *d, int i) {
    const int step = prev(d, i), name = prev(d, step), before = prev(d, name);
    if (!is(d, step, "+=") || d->t[name].kind != WORD || !IS_ONE_OF(d, next(d, i), ",", ")", ";") ||
        !IS_ONE_OF(d, before, ",", ";", "{", "}", ")"))
        return false;
    if (is(d, i, "0") && is(d, before, ",")) {
        drop_range(d, before, i);
        return true;
    }
    if (!is(d, i, "1")) return false;
    put(d, step, "++", MARK);
    d->t[step].space = NONE;
    drop(d, i);
    return true;
}

/* A product in parentheses that begins a longer one. */
static bool is_first_product(const tidier *d, int i) {
    const int end = d->t[i].mate;
    if (!starts_product(d, prev(d, i)) || !is(d, next(d, end), "*") || is(d, prev(d, end), "*")) return false;
    for (int j = next(d, i); j != end; j = next(d, j))
        if (!is(d, j, "*") && d->t[j].kind != NUMBER &&
            (d->t[j].kind != WORD || d->t[next(d, j)].kind == WORD))
            return false;
    return starts_operand(d, next(d, next(d, end)));
}

/* Parentheses around a number, a whole right-hand side, a name alone, or the first part of a product. */
static bool fold_parentheses(tidier *d, int i) {
    const int end = d->t[i].mate, p = prev(d, i), n = next(d, end), inside = next(d, i);
    const bool alone = inside >= 0 && next(d, inside) == end;
    const bool number = alone && d->t[inside].kind == NUMBER && !ends_operand(d, p) && !is(d, p, "return");
    const bool name = alone && d->t[inside].kind == WORD && is(d, p, "*") && !ends_operand(d, prev(d, p)) &&
                      IS_ONE_OF(d, n, "=", ";");
    const bool side = is(d, p, "=") && is(d, n, ";");
    if (inside == end || !(number || name || side || is_first_product(d, i))) return false;
    d->t[inside].space = d->t[i].space;
    drop(d, i);
    drop(d, end);
    return true;
}

static int64_t value_of(const tidier *d, int i) {
    int64_t v = 0;
    if (i < 0 || d->t[i].kind != NUMBER || d->t[i].length > 17) return -1;
    for (int k = 0; k < d->t[i].length; k++) {
        if (!isdigit((unsigned char)d->t[i].s[k])) return -1;
        v = 10 * v + (d->t[i].s[k] - '0');
    }
    return v;
}

/* "(1 < 2 ? a : b)" */
static bool fold_choice(tidier *d, int i) {
    const int a = next(d, i), less = next(d, a), b = next(d, less), ask = next(d, b), end = d->t[i].mate;
    if (!is(d, less, "<") || !is(d, ask, "?") || value_of(d, a) < 0 || value_of(d, b) < 0) return false;
    int colon = -1;
    for (int j = next(d, ask); j != end; j = d->t[j].mate > j ? next(d, d->t[j].mate) : next(d, j)) {
        if (is(d, j, "?") || (is(d, j, ":") && colon >= 0)) return false;
        if (is(d, j, ":")) colon = j;
    }
    if (colon < 0) return false;
    if (value_of(d, a) < value_of(d, b)) {
        drop_range(d, colon, prev(d, end));
        drop_before(d, a, ask);
    } else {
        drop_before(d, a, colon);
    }
    d->t[next(d, i)].space = NONE;
    return true;
}

static bool fold_at(tidier *d, int i) {
    if (is(d, i, "0")) return fold_step(d, i) || fold_zero(d, i);
    if (is(d, i, "1")) return fold_step(d, i) || fold_one(d, i);
    if (is(d, i, "(")) return fold_parentheses(d, i) || fold_choice(d, i);
    return false;
}

static void fold(tidier *d) {
    bool changed = true;
    for (int pass = 0; pass < MOST_PASSES && changed; pass++) {
        changed = false;
        for (int i = 0; i < d->n; i++)
            while (d->t[i].length && fold_at(d, i)) changed = true;
    }
}

/* ---- constants that are zero ---- */

/* Whether each use of the name between from and to may as well be a number. */
static bool can_be_number(const tidier *d, int name, int from, int to) {
    static const char *const keeps[] = {"<",  ">",  "<=", ">=", "==", "!=", "=",
                                        "+=", "-=", "++", "--", "(",  "?"};
    for (int i = from; i != to && i >= 0; i = next(d, i)) {
        if (d->t[i].kind != WORD || !same(d, i, name)) continue;
        const int p = prev(d, i), n = next(d, i);
        if (is_one_of(d, n, keeps, FG_COUNT(keeps)) || d->t[p].kind == WORD || d->t[p].kind == OTHER ||
            IS_ONE_OF(d, p, "<", ">", "<=", ">=", "==", "!=", "&", "!", "->", ".", "++", "--", ")"))
            return false;
    }
    return true;
}

/* const int NAME = 0; */
static void drop_zeros(tidier *d) {
    for (int i = 0; i < d->n; i++) {
        const int type = next(d, i), name = next(d, type), equal = next(d, name), zero = next(d, equal),
                  end = next(d, zero);
        if (!is(d, i, "const") || !is(d, type, "int") || !is(d, equal, "=") || !is(d, zero, "0") ||
            !is(d, end, ";") || d->t[i].block < 0)
            continue;
        const int last = d->t[d->t[i].block].mate;
        if (!can_be_number(d, name, next(d, end), last)) continue;
        for (int j = next(d, end); j != last; j = next(d, j))
            if (d->t[j].kind == WORD && same(d, j, name)) put(d, j, "0", NUMBER);
        drop_before(d, i, end);
    }
}

/* ---- loops of one turn ---- */

/* Whether a break or continue between from and to belongs to the loop around them; those of inner loops with
 * braces do not. */
static bool leaves_turn(const tidier *d, int from, int to) {
    for (int i = from; i != to; i = next(d, i)) {
        if (IS_ONE_OF(d, i, "break", "continue")) return true;
        if (IS_ONE_OF(d, i, "for", "while")) {
            const int body = next(d, d->t[next(d, i)].mate);
            if (is(d, body, "{")) i = d->t[body].mate;
        }
    }
    return false;
}

/* The head "for (int NAME = 0; NAME < N; NAME += N)" at i: the name; -1: another one. */
static int one_turn(const tidier *d, int i) {
    const int open = next(d, i), type = next(d, open), name = next(d, type), equal = next(d, name),
              zero = next(d, equal);
    const int end = next(d, zero), again = next(d, end), less = next(d, again), most = next(d, less),
              last = next(d, most);
    const int step = next(d, next(d, last)), by = next(d, step), close = d->t[open].mate;
    if (!is(d, type, "int") || !is(d, equal, "=") || !is(d, zero, "0") || !is(d, end, ";") ||
        !is(d, less, "<") || !is(d, last, ";") || !same(d, name, again) || !same(d, name, next(d, last)) ||
        value_of(d, most) < 1)
        return -1;
    if (is(d, step, "++") && by == close) return value_of(d, most) == 1 ? name : -1;
    const bool whole = is(d, step, "+=") && value_of(d, by) >= value_of(d, most) && next(d, by) == close;
    return whole ? name : -1;
}

/* The first token behind the statement at i; -1: not known. */
static int behind_statement(const tidier *d, int i) {
    while (IS_ONE_OF(d, i, "for", "while")) i = next(d, d->t[next(d, i)].mate);
    if (IS_ONE_OF(d, i, "if", "do", "else", "switch")) return -1;
    if (is(d, i, "{")) return next(d, d->t[i].mate);
    while (i >= 0 && !is(d, i, ";")) i = d->t[i].mate > i ? next(d, d->t[i].mate) : next(d, i);
    return next(d, i);
}

static void drop_single_turns(tidier *d) {
    for (int i = 0; i < d->n; i++) {
        if (!is(d, i, "for")) continue;
        const int name = one_turn(d, i), close = d->t[next(d, i)].mate, body = next(d, close);
        const int behind = name < 0 ? -1 : behind_statement(d, body);
        if (behind < 0 || leaves_turn(d, body, behind) || !can_be_number(d, name, body, behind)) continue;
        for (int j = body; j != behind; j = next(d, j))
            if (d->t[j].kind == WORD && same(d, j, name)) put(d, j, "0", NUMBER);
        drop_before(d, i, close);
    }
}

/* ---- blocks ---- */

typedef struct names {
    int at[MOST_NAMES];
    int n;
} names;

static int statement_end(const tidier *d, int i) {
    while (i >= 0 && !is(d, i, ";")) i = d->t[i].mate > i ? next(d, d->t[i].mate) : next(d, i);
    return i;
}

/* The names that a declaration makes; false if it makes what has to stay where it is: arrays, functions,
 * statics. */
static bool declared(const tidier *d, int from, int end, names *list) {
    bool declarator = true;
    for (int i = from; i != end; i = d->t[i].mate > i ? next(d, d->t[i].mate) : next(d, i)) {
        if (is(d, i, "static") || is(d, i, "typedef") || (declarator && (is(d, i, "[") || is(d, i, "("))))
            return false;
        if (declarator && d->t[i].kind == WORD && (next(d, i) == end || IS_ONE_OF(d, next(d, i), "=", ","))) {
            if (list->n == MOST_NAMES) return false;
            list->at[list->n++] = i;
        }
        if (is(d, i, "=")) declarator = false;
        if (is(d, i, ",")) declarator = true;
    }
    return true;
}

static bool is_keyword(const tidier *d, int i) {
    return IS_ONE_OF(d, i, "for", "if", "while", "do", "else", "switch", "return", "goto", "break",
                     "continue", "case", "default");
}

/* Whether a declaration begins here: two words, or a type, stars and a name. */
static bool is_declaration(const tidier *d, int i) {
    if (d->t[i].kind != WORD || is_keyword(d, i)) return false;
    int j = next(d, i);
    while (is(d, j, "*")) j = next(d, j);
    return j >= 0 && d->t[j].kind == WORD;
}

static bool declarations(const tidier *d, int open, names *list) {
    const int close = d->t[open].mate;
    for (int i = next(d, open); i != close;) {
        if (is(d, i, "{") || is(d, i, "(") || is(d, i, "[")) {
            i = next(d, d->t[i].mate);
            continue;
        }
        const int p = prev(d, i);
        const bool starts = IS_ONE_OF(d, p, ";", "{", "}") || d->t[p].kind == OTHER;
        if (starts && is_declaration(d, i)) {
            const int end = statement_end(d, i);
            if (end < 0 || !declared(d, i, end, list)) return false;
            i = next(d, end);
            continue;
        }
        i = next(d, i);
    }
    return true;
}

static bool used_around(tidier *d, int open, int around, const names *list) {
    const int close = d->t[open].mate;
    for (int i = next(d, around); i != d->t[around].mate; i = i == open ? next(d, close) : next(d, i)) {
        if (++d->looks > (int64_t)LOOKS * d->n) return true;
        if (i == open || d->t[i].kind != WORD) continue;
        for (int k = 0; k < list->n; k++)
            if (same(d, i, list->at[k])) return true;
    }
    return false;
}

/* Whether the declaration from..end makes one name and does nothing else. */
static bool is_idle(const tidier *d, int from, int end, names *list) {
    if (!declared(d, from, end, list) || list->n != 1) return false;
    for (int i = from; i != end; i = next(d, i))
        if (d->t[i].kind == OTHER || IS_ONE_OF(d, i, "++", "--", "volatile") ||
            (d->t[i].kind == WORD && is(d, next(d, i), "(")))
            return false;
    return true;
}

/* Variables that nothing reads any more. */
static void drop_unused(tidier *d) {
    for (int i = d->n - 1; i >= 0; i--) {
        const int p = prev(d, i), around = d->t[i].block;
        if (d->t[i].length == 0 || around < 0 || !IS_ONE_OF(d, p, ";", "{", "}") || !is_declaration(d, i))
            continue;
        names list = {.n = 0};
        const int end = statement_end(d, i);
        if (end < 0 || !is_idle(d, i, end, &list)) continue;
        bool used = false;
        for (int j = next(d, end); j != d->t[around].mate && !used; j = next(d, j)) {
            used = (d->t[j].kind == WORD && same(d, j, list.at[0])) || ++d->looks > (int64_t)LOOKS * d->n;
        }
        if (!used) drop_before(d, i, end);
    }
}

/* Blocks that are statements on their own, if nothing around them has their names. */
static void dissolve(tidier *d) {
    for (int i = 0; i < d->n; i++) {
        if (!is(d, i, "{") || !IS_ONE_OF(d, prev(d, i), ";", "{", "}")) continue;
        int around = d->t[i].block;
        while (around >= 0 && d->t[around].length == 0) around = d->t[around].block;
        names list = {.n = 0};
        if (around < 0 || !declarations(d, i, &list)) continue;
        if (list.n && used_around(d, i, around, &list)) continue;
        drop(d, d->t[i].mate);
        drop(d, i);
    }
}

/* The brace of a loop or condition stands behind its head, that of a function below it. */
static void place_braces(tidier *d) {
    for (int i = 0; i < d->n; i++) {
        if (d->t[i].length == 0) continue;
        const int p = prev(d, i);
        if (is(d, i, "{") && is(d, p, ")") && d->t[i].block < 0)
            d->t[i].space = LINE;
        else if ((is(d, i, "{") && d->t[i].space >= LINE && IS_ONE_OF(d, p, ")", "else", "do")) ||
                 (is(d, i, "else") && is(d, p, "}")))
            d->t[i].space = BLANK;
    }
}

void fg_tidy(const char *source, bool thorough, fg_text *out) {
    tidier d = {.ctx = out->ctx, .thorough = thorough};
    if (read_tokens(&d, source) && match_brackets(&d)) {
        fold(&d);
        drop_zeros(&d);
        if (thorough) drop_single_turns(&d);
        fold(&d);
        drop_unused(&d);
        d.looks = 0;
        dissolve(&d);
        place_braces(&d);
        static const char *const spaces[] = {"", " ", "\n", "\n\n"};
        for (int i = 0; i < d.n; i++) {
            if (d.t[i].length == 0) continue;
            fg_text_add(out, spaces[d.t[i].space]);
            fg_text_addn(out, d.t[i].s, (size_t)d.t[i].length);
        }
        fg_text_add(out, "\n");
    } else {
        fg_text_add(out, source);
    }
    fg_big_free(d.ctx, d.t);
}
