/* Winograd's minimal filtering of whole maps: 3x3 convolutions by F(2x2) and F(4x4) with stride 1 and F(2x2)
 * with stride 2, 4x4 by F(3x3), 5x5 by F(2x2). */
#ifndef FG_CODEGEN_WINOGRAD_H
#define FG_CODEGEN_WINOGRAD_H

#include "codegen/winograd_scheme.h"

typedef struct fg_winograd {
    int m;                    /* outputs per tile and direction; 0: direct convolution is the better choice */
    int stride, taps;         /* of the scheme, see fg_scheme_of */
    int a;                    /* points per tile and direction */
    int64_t ty, tx;           /* tiles of one image */
    bool by_panel;            /* parts of the kernel share the panels; else the chunks */
    int64_t chunk;            /* tiles worked on at a time, so that their transforms stay in cache */
    fg_tile tile;             /* of the a * a products */
    double cost, direct_cost; /* estimated cycles */
} fg_winograd;

/* The cheapest way for this convolution on this target. Direct where no scheme suits its filter and stride,
 * where channels are too few, or where the error of the transformed product, estimated on random data,
 * exceeds the budget for one kernel. k: whose tap and m: whose threads decide what parts share. pick: of the
 * kernel. What it says of the method is used up here: "F4:" or "F2:" at its beginning (without, the
 * convolution is direct), or the part of its rank that goes through the methods. What is left is for the
 * tile. */
fg_winograd fg_winograd_plan(fg_context *ctx, const fg_module *m, const fg_kernel *k, const fg_convolution *c,
                             fg_pick *pick);

/* Widens c's padding on the far sides to what whole tiles read. */
void fg_winograd_pad(const fg_winograd *w, fg_convolution *c);

/* Emits the kernel's body. source: opened with the widened padding. Declares and packs everything else. out:
 * the stored value. */
void fg_winograd_emit(fg_emit *e, const fg_winograd *w, const fg_convolution *c, const fg_source *source);

#endif
