#include "frontend/reference/ngrams.h"

#include <string.h>

#include "frontend/ngrams.h"
#include "frontend/reference/access.h"

static bool same_item(const fg_ngrams *p, const fg_tensor *x, int64_t i, int item) {
    if (p->strings != NULL) {
        return strcmp(((const char *const *)x->data)[i], p->strings[item]) == 0;
    }
    return fg_get_i64(x, i) == p->ints[item];
}

/* How often an n-gram stands in a row of `count` items from `first` on, its items `distance` apart. */
static int64_t count_gram(const fg_ngrams *p, const fg_ngram *g, const fg_tensor *x, int64_t first,
                          int64_t count, int64_t distance) {
    int64_t found = 0;
    for (int64_t i = 0; i + distance * (g->length - 1) < count; i++) {
        int k = 0;
        while (k < g->length && same_item(p, x, first + i + k * distance, g->first + k)) {
            k++;
        }
        found += k == g->length;
    }
    return found;
}

void fg_ref_tfidf(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    const fg_ngrams p = fg_ngrams_of(e->ctx, e->node);
    const int64_t count = x->shape.dim[x->shape.rank - 1], rows = x->shape.rank == 2 ? x->shape.dim[0] : 1;
    float *y = e->out[0].data;
    for (int64_t row = 0; row < rows; row++, y += p.outputs) {
        for (int i = 0; i < p.n; i++) {
            /* single items are counted once, whatever the distance */
            const int64_t distances = p.at[i].length == 1 ? 1 : p.distances;
            for (int64_t d = 1; d <= distances && d < count + (p.at[i].length == 1); d++) {
                y[p.at[i].output] += (float)count_gram(&p, &p.at[i], x, row * count, count, d);
            }
        }
        for (int64_t i = 0; i < p.outputs; i++) {
            const float w = p.weight != NULL ? p.weight[i] : 1;
            y[i] = p.weighting == FG_COUNTS    ? y[i]
                   : p.weighting == FG_WHETHER ? (y[i] > 0 ? w : 0)
                                               : y[i] * w;
        }
    }
}
