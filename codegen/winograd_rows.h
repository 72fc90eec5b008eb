/* A convolution with stride of a few planes (the first of a network) by Winograd's minimal filtering, some
 * rows of its result at a time, for a window operator that reads them from a ring. See
 * templates/winograd_rows.c.in. */
#ifndef FG_CODEGEN_WINOGRAD_ROWS_H
#define FG_CODEGEN_WINOGRAD_ROWS_H

#include "codegen/winograd_scheme.h"

typedef struct fg_winograd_rows {
    const fg_scheme *scheme; /* NULL: direct convolution is the better choice */
    fg_folded folded;
    int64_t tiles; /* in a row of tiles */
    int64_t chunk; /* tiles worked on at a time, so that their transforms stay in the first-level cache */
    fg_tile tile;  /* of the products */
    double cost, direct_cost; /* estimated cycles */
} fg_winograd_rows;

/* Decides; direct_cost: of the convolution done directly. pick: what --tune says of the tile; "F3:" and so on
 * before it asks for this method, and is used up here, another text for the direct one. */
fg_winograd_rows fg_winograd_rows_plan(const fg_emit *e, const fg_convolution *c, double direct_cost,
                                       fg_pick *pick);

/* Packs weights and bias, declares scratch, and sets what the template wants to know of the convolution,
 * which x is the input of. ring: rows of the ring; left, right: pixels beside each. */
void fg_winograd_rows_open(fg_emit *e, const fg_winograd_rows *w, fg_template *t, int64_t ring, int64_t left,
                           int64_t right);

/* Rows that the ring needs for a window of so many rows. */
int64_t fg_winograd_rows_ring(const fg_winograd_rows *w, int64_t window);

#endif
