#include "frontend/reference/text.h"

#include <string.h>

#include "frontend/reference/elements.h"
#include "frontend/regex.h"

/* Where operand i's element lies that belongs to index[] of the result, by numpy's rules. */
static int64_t broadcast_place(const fg_shape *x, const fg_shape *y, const int64_t *index) {
    int64_t at = 0;
    for (int d = 0; d < x->rank; d++) {
        int64_t i = index[d + y->rank - x->rank];
        at = at * x->dim[d] + (x->dim[d] == 1 ? 0 : i);
    }
    return at;
}

void fg_ref_string_concat(const fg_eval *e) {
    const fg_shape *y = &e->out[0].shape;
    const char **out = e->out[0].data;
    int64_t index[FG_MAX_RANK] = {0};
    if (fg_shape_count(y) == 0) {
        return;
    }
    do {
        const char *a = ((const char *const *)e->in[0].data)[broadcast_place(&e->in[0].shape, y, index)];
        const char *b = ((const char *const *)e->in[1].data)[broadcast_place(&e->in[1].shape, y, index)];
        *out++ = fg_format(e->ctx, "%s%s", a, b);
    } while (fg_next_index(y->rank, y->dim, index));
}

/* ---- StringNormalizer ---- */

static char changed(char c, const char *action) {
    if (strcmp(action, "LOWER") == 0 && c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return strcmp(action, "UPPER") == 0 && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static const char *with_case(fg_context *ctx, const char *s, const char *action) {
    char *copy = fg_strdup(ctx, s);
    for (char *c = copy; *c != '\0'; c++) {
        *c = changed(*c, action);
    }
    return copy;
}

static bool is_stopword(const fg_eval *e, const char *s) {
    const fg_attr *words = fg_attr_of(e->node, "stopwords", FG_ATTR_STRINGS);
    const char *fold = fg_attr_int(e->node, "is_case_sensitive", 0) != 0 ? "NONE" : "LOWER";
    const char *own = with_case(e->ctx, s, fold);
    for (int i = 0; words != NULL && i < words->n; i++) {
        if (strcmp(with_case(e->ctx, words->strings[i], fold), own) == 0) {
            return true;
        }
    }
    return false;
}

void fg_ref_string_normalizer(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    fg_tensor *y = &e->out[0];
    const char *action = fg_attr_string(e->node, "case_change_action", "NONE");
    const int64_t n = fg_shape_count(&x->shape);
    const char **to = y->data;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        const char *s = ((const char *const *)x->data)[i];
        if (!is_stopword(e, s)) {
            to[count++] = with_case(e->ctx, s, action);
        }
    }
    if (count == 0) {
        to[count++] = "";
    }
    y->shape.dim[y->shape.rank - 1] = count;
}

/* ---- StringSplit ---- */

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Writes the pieces, as Python's split has them, to list (NULL: only counts). */
static int64_t split(fg_context *ctx, const char *s, const char *separator, int64_t limit,
                     const char **list) {
    const size_t width = strlen(separator);
    int64_t n = 0;
    for (;;) {
        while (width == 0 && is_space(*s)) {
            s++;
        }
        if (width == 0 && *s == '\0') {
            return n;
        }
        const char *end = width > 0 ? strstr(s, separator) : s;
        while (width == 0 && *end != '\0' && !is_space(*end)) {
            end++;
        }
        const bool last = end == NULL || (limit >= 0 && n == limit);
        if (list != NULL) {
            list[n] = last ? s : fg_strndup(ctx, s, (size_t)(end - s));
        }
        n++;
        if (last) {
            return n;
        }
        s = end + width;
    }
}

void fg_ref_string_split(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    fg_tensor *y = &e->out[0];
    const char *separator = fg_attr_string(e->node, "delimiter", "");
    const int64_t n = fg_shape_count(&x->shape), limit = fg_attr_int(e->node, "maxsplit", -1);
    int64_t most = 0, room = n > 0 ? fg_shape_count(&y->shape) / n : 0;
    for (int64_t i = 0; i < n; i++) {
        const char *s = ((const char *const *)x->data)[i];
        const int64_t count = split(e->ctx, s, separator, limit, NULL);
        most = count > most ? count : most;
        if (e->node->n_out > 1 && e->out[1].data != NULL) {
            ((int64_t *)e->out[1].data)[i] = count;
        }
    }
    if (y->data == NULL) {
        return;
    }
    if (most > room) {
        fg_remedy(e->ctx, "raise --max-text");
        fg_raise(e->ctx, FG_UNSUPPORTED, "a string has %lld pieces, more than planned for", (long long)most);
    }
    y->shape.dim[y->shape.rank - 1] = most;
    for (int64_t i = 0; i < n; i++) {
        const char **list = (const char **)y->data + i * most;
        const int64_t count = split(e->ctx, ((const char *const *)x->data)[i], separator, limit, list);
        for (int64_t k = count; k < most; k++) {
            list[k] = "";
        }
    }
}

/* ---- RegexFullMatch ---- */

static bool is_word(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Where an assertion holds: before character i of s. */
static bool holds(fg_regex_op op, const char *s, int64_t i) {
    const bool edge = (i > 0 && is_word(s[i - 1])) != is_word(s[i]);
    switch (op) {
    case FG_RE_START: return i == 0;
    case FG_RE_END: return s[i] == '\0';
    case FG_RE_WORD: return edge;
    case FG_RE_NO_WORD: return !edge;
    default: return true;
    }
}

typedef struct place {
    int step;
    int64_t at;
} place;

/* Tries one way after the other; seen: (step, place) from which there is none. */
static bool full_match(fg_context *ctx, const fg_regex *re, const char *s) {
    const int64_t length = (int64_t)strlen(s), width = length + 1;
    const int64_t extents[2] = {re->n_steps, width};
    const int64_t states = fg_checked_product(ctx, 2, extents);
    bool *seen = fg_big_alloc(ctx, (size_t)states);
    place *stack = fg_big_alloc(ctx, (size_t)(states + 1) * sizeof *stack);
    int64_t n = 0;
    bool found = false;
    stack[n++] = (place){0, 0};
    seen[0] = true;
    while (n > 0 && !found) {
        const place p = stack[--n];
        const fg_regex_step *step = &re->steps[p.step];
        place next[2] = {{p.step + 1, p.at}, {p.step + 1, p.at}};
        const unsigned char c = (unsigned char)s[p.at];
        if (step->op == FG_RE_MATCH) {
            found = p.at == length;
            continue;
        }
        if (step->op == FG_RE_SET) {
            if (c == 0 || (re->sets[step->x][c / 8] >> c % 8 & 1) == 0) {
                continue;
            }
            next[0].at++;
            next[1].at++;
        } else if (step->op == FG_RE_SPLIT) {
            next[0].step = step->x;
            next[1].step = step->y;
        } else if (!holds(step->op, s, p.at)) {
            continue;
        }
        for (int i = 1; i >= 0; i--) {
            bool *mark = &seen[next[i].step * width + next[i].at];
            if (!*mark) {
                *mark = true;
                stack[n++] = next[i];
            }
        }
    }
    fg_big_free(ctx, seen);
    fg_big_free(ctx, stack);
    return found;
}

void fg_ref_regex_full_match(const fg_eval *e) {
    const fg_regex *re = fg_regex_compile(e->ctx, fg_attr_string(e->node, "pattern", ""));
    const int64_t n = fg_shape_count(&e->in[0].shape);
    for (int64_t i = 0; i < n; i++) {
        const char *s = ((const char *const *)e->in[0].data)[i];
        ((unsigned char *)e->out[0].data)[i] = full_match(e->ctx, re, s);
    }
}
