/* Names of a published catalogue of fusion patterns for INT8 deployment, and where it quantises.
 *
 * The catalogue knows single layers; a kernel that joins several carries the name of each. Where it has no
 * name for a layer, a kernel carries none for it. ConvBNAdd (a residual without activation) is ours.
 */
#ifndef FG_FUSION_CATALOGUE_H
#define FG_FUSION_CATALOGUE_H

#include "fusion/kernel.h"

#define FG_CATALOGUE_MOST (FG_STREAM_MOST + 2) /* names of one kernel */

/* Writes the names of k in the order of its work; returns how many. */
int fg_catalogue_names(const fg_kernel *k, const char *names[FG_CATALOGUE_MOST]);

typedef enum fg_quantise_point {
    FG_QUANTISE_INPUT, /* of attention: the query */
    FG_QUANTISE_RESIDUAL_INPUT,
    FG_QUANTISE_KEY,
    FG_QUANTISE_VALUE,
    FG_QUANTISE_OUTPUT
} fg_quantise_point;

const char *fg_quantise_point_name(fg_quantise_point p); /* "INPUT", "RESIDUAL_INPUT", ... */

typedef struct fg_quantise_at {
    fg_quantise_point point;
    fg_value *value; /* what the kernel reads or hands out */
} fg_quantise_at;

#define FG_QUANTISE_MOST 8

/* Writes the points of k; returns how many. Normalisation is never quantised. */
int fg_catalogue_points(const fg_kernel *k, fg_quantise_at points[FG_QUANTISE_MOST]);

/* Conversions of the catalogue that were applied, over a whole partition. read: the graph as read. */
typedef struct fg_conversions {
    int linear_to_conv; /* Flatten and Linear after a global pool: a 1x1 convolution */
    int identity_pool;  /* pools of one pixel or window, removed */
    int attention;      /* spelled out or whole: as projections and scaled-dot-product attention */
} fg_conversions;

fg_conversions fg_catalogue_conversions(const fg_graph *read, const fg_partition *p);

#endif
