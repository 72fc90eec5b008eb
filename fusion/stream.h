/* Streams: neighbouring kernels of convolutions run as one, row by row, so that of each map between them only
 * the rows still to be read exist (a ring). They trade speed for memory: weights are read once for each row.
 *
 * A depthwise convolution behind a pointwise one that widens may do without a ring of wide rows: for each of
 * its rows, the rows that it reads are made again from the narrow ones, a few channels at a time (a pair).
 *
 * What a stream does is fixed when code is made: in which order the stages make their rows (each row of the
 * last stages asks for the rows it reads, and these for theirs), and by playing that order through, how many
 * rows each ring must hold. */
#ifndef FG_FUSION_STREAM_H
#define FG_FUSION_STREAM_H

#include "frontend/window.h"
#include "fusion/kernel.h"

#define FG_STREAM_ROWS     1024 /* of a map: higher ones are not streamed, since all plans are played through */
#define FG_STREAM_OPERANDS 4    /* of one stage's epilogue that other stages make */

/* fg_kernel.again: depthwise convolutions that form pairs; with stride 2 half of the rows are made twice,
 * with stride 1 all of them three times (for windows of 3). */
enum { FG_AGAIN_NEVER, FG_AGAIN_STRIDED, FG_AGAIN_ALL, FG_AGAIN_COUNT };

#define FG_PAIR_CHANNELS 4 /* of a pair are worked on at a time, or one vector */

typedef struct fg_stream_stage {
    const fg_stage *stage; /* NULL: copies x row by row, channels-last and with zeros beside it */
    fg_value *x, *y;       /* main operand, result; y NULL for copies */
    const fg_stage *pair;  /* the pointwise convolution from x to what stage reads, made on the spot; NULL */
    int source;            /* the stage whose rows it reads; -1: x lies outside as a whole */
    fg_window w;           /* axis 0: rows */
    int operand[FG_STREAM_OPERANDS], n_operands; /* stages whose results its epilogue reads too */
    bool outside;                                /* others read the result: it is stored as a whole */
    int64_t channels, rows, width;               /* of the result */
    int64_t ring; /* rows kept at a time (all, if outside); 0: nobody reads the result, but for the tap */
    int64_t left, right; /* zeros kept beside each row, in pixels */
} fg_stream_stage;

typedef struct fg_stream {
    int again;
    int n_stages;
    fg_stream_stage stage[2 * FG_STREAM_MOST]; /* in an order in which one row of each could be made */
    unsigned char *order;                      /* the stage that makes its next row, n_steps times */
    int64_t n_steps;
} fg_stream;

/* The plan of a kernel that is a stream. */
const fg_stream *fg_stream_of(fg_context *ctx, const fg_kernel *k);

/* Bytes of the rings (float32). */
int64_t fg_stream_bytes(const fg_stream *s);

/* A way to cut p's kernels, which stand in the order they run in, into streams and kernels that stay as they
 * are, whose estimated peak of memory is the lowest; among those the one with the fewest kernels in streams.
 * from[i]: the first kernel of the group that ends with kernel i, where a group ends there; stream[i]: it is
 * one, again[i] which rows it makes again. Returns false if no stream lowers the peak. */
bool fg_stream_choose(const fg_partition *p, int *from, bool *stream, int *again);

#endif
