/* The n-grams that TfIdfVectorizer counts, checked and in order. */
#ifndef FG_FRONTEND_NGRAMS_H
#define FG_FRONTEND_NGRAMS_H

#include "frontend/graph.h"

typedef enum fg_weighting { FG_COUNTS, FG_WHETHER, FG_WEIGHTED_COUNTS } fg_weighting; /* TF, IDF, TFIDF */

/* One n-gram: `length` items of the pool from `first` on, counted in element `output` of a row. */
typedef struct fg_ngram {
    int length, first, output;
} fg_ngram;

/* Sorted by length, then by items; each n-gram is there once (of equal ones the last). */
typedef struct fg_ngrams {
    const fg_ngram *at;
    int n;
    const int64_t *ints; /* the pool: numbers or strings */
    const char *const *strings;
    int shortest, longest;
    int64_t distances; /* items may lie 1 .. distances apart */
    int64_t outputs;
    fg_weighting weighting;
    const float *weight; /* by output; NULL: 1 */
} fg_ngrams;

fg_ngrams fg_ngrams_of(fg_context *ctx, const fg_node *n);

#endif
