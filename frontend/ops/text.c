/* Operators on strings. */
#include "frontend/reference/text.h"

#include <string.h>

#include "frontend/extent.h"
#include "frontend/regex.h"

static void infer_concat(fg_context *ctx, fg_graph *g, fg_node *n) {
    if (n->in[1]->dtype != FG_STRING) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must hold strings, not %s", n->in[1]->name,
                 fg_dtype_get(n->in[1]->dtype)->name);
    }
    fg_infer_broadcast(ctx, g, n);
}

/* What is removed is found at run time; if nothing is left, one empty string is. */
static void infer_normalizer(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    const fg_attr *words = fg_attr_of(n, "stopwords", FG_ATTR_STRINGS);
    const char *change = fg_attr_string(n, "case_change_action", "NONE");
    if (x->rank < 1 || x->rank > 2 || (x->rank == 2 && x->dim[0] != 1)) {
        fg_raise(ctx, FG_BAD_MODEL, "input of shape %s is neither a list nor one row", fg_shape_text(ctx, x));
    }
    if (strcmp(change, "NONE") != 0 && strcmp(change, "LOWER") != 0 && strcmp(change, "UPPER") != 0) {
        fg_blame_attribute(ctx, "case_change_action");
        fg_raise(ctx, FG_BAD_MODEL, "case_change_action '%.20s' is not known", change);
    }
    fg_shape y = *x;
    int64_t *count = &y.dim[y.rank - 1];
    *count = *count < 1 ? 1 : *count;
    if ((words == NULL || words->n == 0) && x->dim[x->rank - 1] > 0) {
        fg_infer_same(ctx, g, n);
    } else {
        fg_out_symbol(ctx, g, n, 0, FG_STRING, &y, y.rank - 1, fg_new_symbol(g, *count));
    }
}

/* Most substrings of a string that has room for itself. */
static int64_t most_pieces(fg_context *ctx, const fg_node *n) {
    const int64_t room = fg_context_limits(ctx)->text, limit = fg_attr_int(n, "maxsplit", -1);
    const int64_t separator = (int64_t)strlen(fg_attr_string(n, "delimiter", ""));
    const int64_t most = separator == 0 ? room / 2 : (room - 1) / separator + 1;
    return limit >= 0 && limit < most ? limit + 1 : most;
}

static void infer_split(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    if (x->rank == FG_MAX_RANK) {
        fg_raise(ctx, FG_UNSUPPORTED, "output would have %d dimensions", x->rank + 1);
    }
    fg_shape y = *x;
    y.dim[y.rank++] = fg_shape_count(x) == 0 ? 0 : most_pieces(ctx, n);
    fg_out_symbol(ctx, g, n, 0, FG_STRING, &y, y.rank - 1, fg_new_symbol(g, y.dim[y.rank - 1]));
    for (int d = 0; d < x->rank; d++) {
        fg_out_same_extent(n, 0, d, n->in[0], d);
        fg_out_same_extent(n, 1, d, n->in[0], d);
    }
    fg_out_shape(ctx, n, 1, FG_INT64, x);
}

static void infer_match(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const char *pattern = fg_attr_string(n, "pattern", NULL);
    if (pattern == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'pattern' is missing");
    }
    (void)fg_regex_compile(ctx, pattern);
    fg_out_shape(ctx, n, 0, FG_BOOL, &n->in[0]->shape);
}

#define ROW(NAME, SINCE, OUT, INFER, REFERENCE, LOWERING, NOTE)                                              \
    {                                                                                                        \
        .name = NAME, .domain = "", .since = SINCE, .min_in = 1, .max_in = 1, .max_out = OUT,                \
        .types = FG_T(FG_STRING), .infer = INFER, .reference = REFERENCE, .lowering = LOWERING, .note = NOTE \
    }

const fg_op fg_ops_text[] = {
    ROW("StringNormalizer", 10, 1, infer_normalizer, fg_ref_string_normalizer, "text_normalizer",
        "letters of ASCII change case; results of at most --max-text bytes"),
    ROW("RegexFullMatch", 20, 1, infer_match, fg_ref_regex_full_match, "text_match",
        "no flags, named classes or \\p"),
    ROW("StringSplit", 20, 2, infer_split, fg_ref_string_split, "text_split",
        "strings of at most --max-text bytes"),
    {.name = "StringConcat",
     .domain = "",
     .since = 20,
     .min_in = 2,
     .max_in = 2,
     .max_out = 1,
     .types = FG_T(FG_STRING),
     .infer = infer_concat,
     .reference = fg_ref_string_concat,
     .lowering = "text_concat",
     .note = "results of at most --max-text bytes"},
};
const int fg_ops_text_count = FG_COUNT(fg_ops_text);
