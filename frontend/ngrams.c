#include "frontend/ngrams.h"

#include <stdlib.h>
#include <string.h>

static const fg_attr *need(fg_context *ctx, const fg_node *n, const char *name, fg_attr_type type) {
    const fg_attr *a = fg_node_attr(n, name);
    if (a == NULL || a->type != type || a->n < 1) {
        fg_blame_attribute(ctx, name);
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' is missing", name);
    }
    return a;
}

static int64_t bounded(fg_context *ctx, const fg_node *n, const char *name, int64_t least) {
    const int64_t i = fg_attr_int(n, name, -1);
    if (i < least || i > INT32_MAX - 1) {
        fg_blame_attribute(ctx, name);
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' must be at least %lld, it is %lld", name,
                 (long long)least, (long long)i);
    }
    return i;
}

/* What qsort compares by: the pool is reached through every entry. */
typedef struct entry {
    fg_ngram g;
    const fg_ngrams *of;
    int index;
} entry;

static int compare_items(const fg_ngrams *p, int a, int b) {
    if (p->strings != NULL) {
        return strcmp(p->strings[a], p->strings[b]);
    }
    return (p->ints[a] > p->ints[b]) - (p->ints[a] < p->ints[b]);
}

static int compare_grams(const entry *a, const entry *b) {
    if (a->g.length != b->g.length) {
        return a->g.length - b->g.length;
    }
    for (int k = 0; k < a->g.length; k++) {
        const int items = compare_items(a->of, a->g.first + k, b->g.first + k);
        if (items != 0) {
            return items;
        }
    }
    return 0;
}

static int compare_entries(const void *a, const void *b) {
    const int grams = compare_grams(a, b);
    return grams != 0 ? grams : ((const entry *)a)->index - ((const entry *)b)->index;
}

/* Cuts the pool into n-grams as `counts` says: where those of length 1, 2, ... begin. */
static int cut_pool(fg_context *ctx, const fg_ngrams *p, const fg_attr *counts, const fg_attr *outputs,
                    int pool, entry *to) {
    int n = 0, index = 0;
    for (int i = 0; i < counts->n; i++) {
        const int64_t from = counts->ints[i], end = i + 1 < counts->n ? counts->ints[i + 1] : pool;
        if (from < 0 || end < from || end > pool || (end - from) % (i + 1) != 0) {
            fg_blame_attribute(ctx, "ngram_counts");
            fg_raise(ctx, FG_BAD_MODEL, "items %lld to %lld of the pool cannot be n-grams of length %d",
                     (long long)from, (long long)end, i + 1);
        }
        for (int64_t k = from; k < end; k += i + 1, index++) {
            if (index >= outputs->n) {
                fg_blame_attribute(ctx, "ngram_indexes");
                fg_raise(ctx, FG_BAD_MODEL,
                         "attribute 'ngram_indexes' has %d entries, fewer than there are n-grams",
                         outputs->n);
            }
            if (i + 1 >= p->shortest && i + 1 <= p->longest) {
                to[n++] = (entry){{i + 1, (int)k, (int)outputs->ints[index]}, p, index};
            }
        }
    }
    return n;
}

static void read_weights(fg_context *ctx, const fg_node *n, fg_ngrams *p, const fg_attr *outputs) {
    static const char *const words[] = {"TF", "IDF", "TFIDF"};
    const char *mode = fg_attr_string(n, "mode", "");
    size_t i = 0;
    while (i < FG_COUNT(words) && strcmp(words[i], mode) != 0) {
        i++;
    }
    if (i == FG_COUNT(words)) {
        fg_blame_attribute(ctx, "mode");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'mode' must be TF, IDF or TFIDF, it is '%.20s'", mode);
    }
    p->weighting = (fg_weighting)i;
    const fg_attr *w = fg_attr_of(n, "weights", FG_ATTR_FLOATS);
    if (w == NULL || w->n == 0) {
        return;
    }
    for (int k = 0; k < outputs->n; k++) { /* by n-gram or by output: the same only then */
        if (w->n != outputs->n || outputs->ints[k] != k) {
            fg_blame_attribute(ctx, "weights");
            fg_raise(ctx, FG_UNSUPPORTED,
                     "weights are supported where n-grams and outputs are in the same order");
        }
    }
    p->weight = w->floats;
}

fg_ngrams fg_ngrams_of(fg_context *ctx, const fg_node *n) {
    const bool text = n->in[0]->dtype == FG_STRING;
    const fg_attr *pool = need(ctx, n, text ? "pool_strings" : "pool_int64s",
                               text ? FG_ATTR_STRINGS : FG_ATTR_INTS),
                  *counts = need(ctx, n, "ngram_counts", FG_ATTR_INTS),
                  *outputs = need(ctx, n, "ngram_indexes", FG_ATTR_INTS);
    fg_ngrams p = {.ints = text ? NULL : pool->ints, .strings = text ? pool->strings : NULL};
    p.shortest = (int)bounded(ctx, n, "min_gram_length", 1);
    p.longest = (int)bounded(ctx, n, "max_gram_length", p.shortest);
    p.distances = bounded(ctx, n, "max_skip_count", 0) + 1;
    for (int i = 0; i < outputs->n; i++) {
        if (outputs->ints[i] < 0 || outputs->ints[i] > INT32_MAX - 1) {
            fg_blame_attribute(ctx, "ngram_indexes");
            fg_raise(ctx, FG_BAD_MODEL, "index %lld makes no sense", (long long)outputs->ints[i]);
        }
        p.outputs = outputs->ints[i] >= p.outputs ? outputs->ints[i] + 1 : p.outputs;
    }
    read_weights(ctx, n, &p, outputs);
    entry *e = FG_ARRAY(ctx, pool->n + 1, entry);
    const int cut = cut_pool(ctx, &p, counts, outputs, pool->n, e);
    qsort(e, (size_t)cut, sizeof *e, compare_entries);
    fg_ngram *at = FG_ARRAY(ctx, cut + 1, fg_ngram);
    for (int i = 0; i < cut; i++) {
        if (i + 1 == cut || compare_grams(&e[i], &e[i + 1]) != 0) {
            at[p.n++] = e[i].g;
        }
    }
    p.at = at;
    return p;
}
