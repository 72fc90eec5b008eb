/* TfIdfVectorizer: at every place of a row the n-gram that stands there is searched among those of its
 * length. */
#include "frontend/ngrams.h"
#include "codegen/expr.h"
#include "codegen/moves.h"

/* Items of the n-grams from `from` to `end` - 1, one after the other, and where each is counted. */
static void emit_grams(fg_emit *e, const fg_ngrams *p, int from, int end) {
    const int length = p->at[from].length, n = (end - from) * length;
    const char *name = fg_format(e->ctx, "items%d", length);
    if (p->strings != NULL) {
        const char **texts = FG_ARRAY(e->ctx, n, const char *);
        for (int i = 0; i < n; i++) {
            texts[i] = p->strings[p->at[from + i / length].first + i % length];
        }
        fg_emit_strings(e, name, n, texts);
    } else {
        int64_t *items = fg_emit_table(e, name, "int64_t", 8, n);
        for (int i = 0; i < n; i++) {
            items[i] = p->ints[p->at[from + i / length].first + i % length];
        }
    }
    int32_t *to = fg_emit_table(e, fg_format(e->ctx, "to%d", length), "int32_t", 4, end - from);
    for (int i = from; i < end; i++) {
        to[i - from] = p->at[i].output;
    }
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const fg_ngrams p = fg_ngrams_of(ctx, n);
    int64_t xs[FG_MAX_RANK], ys[FG_MAX_RANK];
    const int last = x->shape.rank - 1;
    const int64_t items = x->shape.dim[last], nearest = p.distances < items ? p.distances : items;
    fg_strides_of(e, x, xs);
    fg_strides_of(e, y, ys);
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    int64_t *length = FG_ARRAY(ctx, p.n + 1, int64_t), *count = FG_ARRAY(ctx, p.n + 1, int64_t);
    int lengths = 0;
    for (int from = 0, end; from < p.n; from = end) {
        for (end = from + 1; end < p.n && p.at[end].length == p.at[from].length; end++) {
        }
        if (p.at[from].length > items) {
            break; /* sorted: all others are longer still */
        }
        emit_grams(e, &p, from, end);
        length[lengths] = p.at[from].length;
        count[lengths++] = end - from;
    }
    if (p.weight != NULL && p.weighting != FG_COUNTS) {
        float *w = fg_emit_weights(e, "weight", p.outputs);
        for (int64_t i = 0; i < p.outputs; i++) {
            w[i] = p.weight[i];
        }
    }
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "LENGTHS", lengths);
    fg_template_ints(t, "LENGTH", lengths, length);
    fg_template_ints(t, "COUNT", lengths, count);
    fg_template_int(t, "ROWS", last == 1 ? x->shape.dim[0] : 1);
    fg_template_int(t, "ITEMS", items);
    fg_template_int(t, "DISTANCES", nearest);
    fg_template_int(t, "OUTPUTS", p.outputs);
    fg_template_int(t, "TEXT", p.strings != NULL);
    fg_template_int(t, "WEIGHTING", p.weighting);
    fg_template_int(t, "WEIGHTS", p.weight != NULL);
    fg_template_int(t, "X_ROW", last == 1 ? xs[0] : 0);
    fg_template_int(t, "X_S", xs[last]);
    fg_template_int(t, "Y_ROW", last == 1 ? ys[0] : 0);
    fg_template_int(t, "Y_S", ys[last]);
    fg_template_text(t, "ROW_TYPE",
                     p.strings != NULL ? "const char *const *"
                                       : fg_format(ctx, "const %s *", fg_dtype_get(x->dtype)->c_type));
    fg_template_render(t, "ngrams", e->out);
    fg_describe(e, "", "a search through sorted n-grams at every place");
}

const fg_lowering fg_lowering_ngrams = {.name = "ngrams", .prefer = NULL, .emit = emit};
