/* Register tiles: how many pixels by how many vectors of channels a kernel keeps in registers. */
#ifndef FG_CODEGEN_TILE_H
#define FG_CODEGEN_TILE_H

#include "codegen/target.h"

typedef struct fg_tile {
    int mr;      /* pixels */
    int nv;      /* vectors of channels */
    double cost; /* estimated cycles for the whole product */
} fg_tile;

typedef struct fg_product {
    int64_t rows;    /* how often a row of `width` pixels occurs */
    int64_t width;   /* pixels that a tile may span */
    int64_t k;       /* multiply-adds per result */
    int64_t vectors; /* of channels, rounded up */
    int max_nv;      /* 0: no limit */
    int run;         /* steps of k whose inputs one load brings; 0 and 1: each is loaded on its own */
    int64_t pitch;   /* bytes between the pixels of a tile in the input; 0: not known */
    bool half;       /* the last vector has so few channels that half of it is enough */
    int widen;       /* instructions that each load of a weight vector takes besides: weights in 16 bits */
    int streams;     /* tensors that a tile's results are stored to or combined with */
    int parts;       /* threads that share the product; 0 and 1: one */
    bool by_pixel;   /* what they may share: tiles of pixels (rows if there are several), */
    bool by_panel;   /* panels of vectors */
    bool compact;    /* less text counts too: --optimize flash */
} fg_product;

/* The run of a product of k steps whose inputs lie `stride` elements apart. */
int fg_tile_run(const fg_target *t, int64_t k, int64_t stride);

/* The most pixels of a tile whose input has them `pitch` bytes apart. */
int fg_tile_most_pixels(const fg_target *t, int64_t pitch);

/* The cheapest tile for the target's registers and pipes. */
fg_tile fg_choose_tile(const fg_target *t, const fg_product *p);

/* The rank-th cheapest (0: the cheapest) among tiles that differ enough to be worth measuring; the cheapest
 * if there are not so many within reach of it. */
fg_tile fg_nth_tile(const fg_target *t, const fg_product *p, int rank);

/* Whether the product can have this tile, and the tile with its cost. */
bool fg_tile_fits(const fg_target *t, const fg_product *p, int64_t mr, int64_t nv);
fg_tile fg_tile_of(const fg_target *t, const fg_product *p, int mr, int nv);

/* How much longer the slowest of the parts works than if all worked alike, where the `whole` first steps of
 * `step` out of n are divided and the last part does the rest of n as well. */
double fg_imbalance(int64_t n, int64_t whole, int64_t step, int64_t parts);

/* The same for a product's pixels and panels in a tile; infinite where they may not be shared. */
double fg_pixel_imbalance(const fg_product *p, int mr);
double fg_panel_imbalance(const fg_product *p, int nv);

/* Floats of the next panel of weights to ask for in every step of k, so that it is in the second-level cache
 * when the tiles of this panel are done; 0 where that does not pay. */
int fg_tile_ahead(const fg_target *t, const fg_product *p, const fg_tile *tile);

/* Vectors side by side for a single row: as many as hide the latency of their accumulation; more only costs
 * text. */
int fg_row_vectors(const fg_target *t, int64_t vectors);

#endif
