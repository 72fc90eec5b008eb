/* Einsum's equation; see einsum.h.
 *
 * While it is read, labels are the letters' codes, and the dimensions under an ellipsis are DOTS + k, counted
 * from the right, so that operands of different rank broadcast. */
#include "frontend/einsum.h"

#include <string.h>

#define CODES (128 + FG_MAX_RANK)
#define DOTS  128

/* One operand's or the result's part of the equation. */
typedef struct term {
    int code[FG_MAX_RANK];
    int n;
    int dots; /* where the ellipsis stands; -1: there is none */
} term;

typedef struct reading {
    fg_context *ctx;
    const char *at;
    int count[CODES]; /* how often each code occurs in the operands' terms */
    int64_t extent[CODES];
    int n_dots; /* most dimensions under an ellipsis */
} reading;

_Noreturn static void bad(fg_context *ctx, const char *what) {
    fg_blame_attribute(ctx, "equation");
    fg_raise(ctx, FG_BAD_MODEL, "%s", what);
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void skip_blanks(reading *r) {
    while (*r->at == ' ') {
        r->at++;
    }
}

/* Reads letters and an ellipsis up to a comma, an arrow or the end. */
static term read_term(reading *r) {
    term t = {.dots = -1};
    for (skip_blanks(r); *r->at != '\0' && *r->at != ',' && *r->at != '-'; skip_blanks(r)) {
        if (strncmp(r->at, "...", 3) == 0 && t.dots < 0) {
            t.dots = t.n;
            r->at += 3;
        } else if (is_letter(*r->at) && t.n < FG_MAX_RANK) {
            t.code[t.n++] = *r->at++;
        } else {
            bad(r->ctx, "the equation has a term that is not letters with at most one ellipsis");
        }
    }
    return t;
}

/* Puts the codes of `n` dimensions in the ellipsis' place. */
static void spread_dots(reading *r, term *t, int n) {
    if (t->dots < 0) {
        return;
    }
    if (t->n + n > FG_MAX_RANK) {
        bad(r->ctx, "a term has too many dimensions");
    }
    memmove(t->code + t->dots + n, t->code + t->dots, (size_t)(t->n - t->dots) * sizeof *t->code);
    for (int i = 0; i < n; i++) {
        t->code[t->dots + i] = DOTS + n - 1 - i;
    }
    t->n += n;
    r->n_dots = n > r->n_dots ? n : r->n_dots;
}

static void fit(reading *r, term *t, const fg_shape *s) {
    if (s->rank < t->n || (t->dots < 0 && s->rank != t->n)) {
        bad(r->ctx, fg_format(r->ctx, "a term with %d letters does not fit an operand of shape %s", t->n,
                              fg_shape_text(r->ctx, s)));
    }
    spread_dots(r, t, s->rank - t->n);
    for (int d = 0; d < t->n; d++) {
        int64_t *extent = &r->extent[t->code[d]];
        if (r->count[t->code[d]]++ == 0 || *extent == 1) {
            *extent = s->dim[d];
        } else if (s->dim[d] != *extent && s->dim[d] != 1) {
            bad(r->ctx, fg_format(r->ctx, "extents %lld and %lld have the same label", (long long)*extent,
                                  (long long)s->dim[d]));
        }
    }
}

/* Without an arrow: what the ellipsis stands for, then the letters that occur once, in order of their codes.
 */
static term implicit_result(const reading *r) {
    term t = {.dots = -1};
    for (int k = r->n_dots; k-- > 0;) {
        t.code[t.n++] = DOTS + k;
    }
    for (int c = 0; c < DOTS; c++) {
        if (r->count[c] == 1) {
            if (t.n == FG_MAX_RANK) {
                bad(r->ctx, "the result has too many dimensions");
            }
            t.code[t.n++] = c;
        }
    }
    return t;
}

static term read_result(reading *r) {
    if (*r->at == '\0') {
        return implicit_result(r);
    }
    if (strncmp(r->at, "->", 2) != 0) {
        bad(r->ctx, "the equation has more terms than there are operands, or a stray '-'");
    }
    r->at += 2;
    term t = read_term(r);
    if (*r->at != '\0') {
        bad(r->ctx, "something follows the result's term");
    }
    if (t.dots < 0 && r->n_dots > 0) {
        bad(r->ctx, "the operands have an ellipsis, the result has none");
    }
    spread_dots(r, &t, r->n_dots);
    for (int d = 0; d < t.n; d++) {
        for (int k = 0; k < d; k++) {
            if (t.code[k] == t.code[d]) {
                bad(r->ctx, "a label stands twice in the result");
            }
        }
        if (r->count[t.code[d]] == 0) {
            bad(r->ctx, "a label of the result stands in no operand");
        }
    }
    return t;
}

/* Numbers the labels: the result's first. */
static void number(reading *r, const term *result, fg_einsum *e, int *number_of) {
    for (int c = 0; c < CODES; c++) {
        number_of[c] = -1;
    }
    e->out_rank = result->n;
    e->n_labels = 0;
    for (int d = 0; d < result->n; d++) {
        number_of[result->code[d]] = e->n_labels;
        e->extent[e->n_labels++] = r->extent[result->code[d]];
    }
    for (int c = 0; c < CODES; c++) {
        if (r->count[c] == 0 || number_of[c] >= 0) {
            continue;
        }
        if (e->n_labels == FG_EINSUM_LABELS) {
            fg_raise(r->ctx, FG_UNSUPPORTED, "an equation with more than %d labels", FG_EINSUM_LABELS);
        }
        number_of[c] = e->n_labels;
        e->extent[e->n_labels++] = r->extent[c];
    }
}

void fg_einsum_plan(fg_context *ctx, const fg_node *n, fg_einsum *e) {
    reading *r = FG_NEW(ctx, reading);
    term *terms = FG_ARRAY(ctx, n->n_in + 1, term);
    int number_of[CODES];
    r->ctx = ctx;
    r->at = fg_attr_string(n, "equation", NULL);
    if (r->at == NULL) {
        bad(ctx, "attribute 'equation' is missing");
    }
    for (int i = 0; i < n->n_in; i++) {
        terms[i] = read_term(r);
        fit(r, &terms[i], &n->in[i]->shape);
        if (i + 1 < n->n_in && *r->at++ != ',') {
            bad(ctx, "the equation has fewer terms than there are operands");
        }
    }
    const term result = read_result(r);
    number(r, &result, e, number_of);
    e->label = fg_alloc(ctx, (size_t)n->n_in + 1, sizeof *e->label);
    for (int i = 0; i < n->n_in; i++) {
        for (int d = 0; d < terms[i].n; d++) {
            e->label[i][d] = number_of[terms[i].code[d]];
        }
    }
}

void fg_einsum_strides(const fg_einsum *e, int i, const fg_shape *shape, const int64_t *stride,
                       int64_t *out) {
    memset(out, 0, (size_t)e->n_labels * sizeof *out);
    for (int d = 0; d < shape->rank; d++) {
        out[e->label[i][d]] += shape->dim[d] == 1 ? 0 : stride[d];
    }
}
