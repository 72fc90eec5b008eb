/* What the two halves of a drawing share: drawing.c places, drawing_paths.c writes paths. */
#ifndef FG_CLI_DRAWING_PLAN_H
#define FG_CLI_DRAWING_PLAN_H

#include "cli/drawing.h"

/* A box, or the piece of a trunk that runs through a rank. */
typedef struct fg_drawing_item {
    int rank, position; /* from left to right within the rank */
    double x, width;    /* of the centre */
    int box;            /* -1: of a trunk */
    int source;         /* box that the trunk comes from */
} fg_drawing_item;

/* Between items of neighbouring ranks. */
typedef struct fg_drawing_link {
    int a, b;
} fg_drawing_link;

typedef struct fg_drawing_slot {
    int item;
    double key;
} fg_drawing_slot;

/* Neighbours in a rank that stand shoulder to shoulder. */
typedef struct fg_drawing_pool {
    double mean, weight;
    int n;
} fg_drawing_pool;

typedef struct fg_drawing_plan {
    fg_context *ctx;
    fg_drawing *d;
    fg_drawing_edge *edge; /* distinct, by source: those of box u are first[u] .. first[u + 1] */
    int n_edges, *first;
    bool *straight; /* by box: it has no trunk, for there are too many */
    fg_drawing_item *item;
    int n_items;
    fg_drawing_link *link;
    int n_links;
    fg_drawing_slot *slot;
    int *start;             /* of ranks in slot[] */
    int *down, *below;      /* items below item i: below[down[i] .. down[i + 1]) */
    int *up, *above;        /* the same upwards */
    int *column;            /* first rank of each column, and the number of ranks */
    double *top, *band;     /* by rank: upper edge and height */
    double *bottom, *right; /* by column: edges */
    double *head;           /* by column: room above it for what comes from the column before */
    double *lane;           /* by column: distance of what crosses to the next */
    int *scratch;           /* by rank */
    fg_drawing_pool *pool;
} fg_drawing_plan;

/* Fills in d->path. */
void fg_drawing_paths(fg_drawing_plan *p);

#endif
