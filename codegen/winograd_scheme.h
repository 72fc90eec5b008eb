/* Winograd's minimal filtering in one dimension: m results of a filter of some taps by fewer products than m
 * * taps. In two dimensions the transforms are applied to rows and then to columns. */
#ifndef FG_CODEGEN_WINOGRAD_SCHEME_H
#define FG_CODEGEN_WINOGRAD_SCHEME_H

#include "codegen/convolution.h"
#include "codegen/tuning.h"

enum { FG_WINOGRAD_POINTS = 6, FG_WINOGRAD_TAPS = 5 }; /* at most, per direction */

typedef struct fg_scheme {
    int m, stride, taps;                            /* results per tile, inputs from result to result */
    int points, filters;                            /* products, and the different filters among them */
    double g[FG_WINOGRAD_POINTS][FG_WINOGRAD_TAPS]; /* the filters from the taps */
    uint8_t filter[FG_WINOGRAD_POINTS];             /* of each point */
    /* step: between the elements of both d and o. */
    void (*input)(const float *d, int step, float *o);
    void (*output)(const float *d, int step, float *o);
} fg_scheme;

/* The i-th of them, NULL behind the last: best known first. */
const fg_scheme *fg_scheme_at(size_t i);
/* The one of m results for filters of `taps` taps; NULL: there is none. */
const fg_scheme *fg_scheme_of(int m, int64_t stride, int64_t taps);

/* Inputs of a tile in one direction. */
int fg_scheme_inputs(const fg_scheme *s);

/* What is convolved: c as it is (fold 1), or c of stride `fold` as a convolution of stride 1 over an image
 * whose pixels hold fold x fold pixels of c's: channel (py * fold + px) * c->ic + k is channel k of pixel
 * (py, px) among them. */
typedef struct fg_folded {
    const fg_convolution *c;
    int64_t fold;
} fg_folded;

int64_t fg_folded_channels(const fg_folded *f); /* of the input */
int64_t fg_folded_taps(const fg_folded *f);     /* of a square filter, in one direction */

/* The filter of points i and j for output channel oc and input channel ic, in double. */
typedef struct fg_taps {
    double w[FG_WINOGRAD_TAPS][FG_WINOGRAD_TAPS];
} fg_taps;
fg_taps fg_folded_filter(const fg_folded *f, int64_t oc, int64_t ic);
double fg_scheme_filter(const fg_scheme *s, const fg_taps *taps, int i, int j);

/* True if the largest error over RMS of a few tiles of a few channels on random data, against double, with
 * the kernel's own arithmetic, is at most half of what one kernel may show: real data can be worse. */
bool fg_scheme_is_accurate(fg_context *ctx, const fg_scheme *s, const fg_folded *f);

/* Cycles for the transforms of one tile whose input has in_vectors vectors of channels and whose result
 * out_vectors: loads, stores and about two operations per point and direction, for each vector. */
double fg_scheme_transform_cycles(const fg_scheme *s, int64_t in_vectors, int64_t out_vectors);

/* Declares `u`, the transformed weights: [filter][panel][input channel][nv * lanes]; the last panel is
 * narrower. */
void fg_scheme_pack(fg_emit *e, const fg_scheme *s, const fg_folded *f, int nv);

/* m of the "Fm:" that what is asked for begins with; 0: it does not. */
int fg_scheme_asked(const fg_pick *pick);

/* a / b, up; both positive. */
static inline int64_t fg_divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

#endif
