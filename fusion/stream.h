/* Streams: neighbouring kernels run as one, row by row, so that of each map between them only the rows still
 * to be read exist (a ring). They trade speed for memory: weights are read once for each row.
 *
 * A depthwise convolution behind a pointwise one that widens may do without a ring of wide rows: for each of
 * its rows, the rows that it reads are made again from the narrow ones, a few channels at a time (a pair).
 *
 * The gate of a squeeze-and-excite block needs the mean of a whole map before the first row of that map can
 * be scaled. A stream makes the map's rows once for their sum alone, then the gate, and then all rows again:
 * so many passes as it has gates, and one.
 *
 * What a stream does is fixed when code is made: in which order the stages make their rows (each row of the
 * last stages asks for the rows it reads, and these for theirs), and by playing that order through, how many
 * rows each ring must hold, and how far a map that it stores may lie over one that it reads for the last
 * time. */
#ifndef FG_FUSION_STREAM_H
#define FG_FUSION_STREAM_H

#include "frontend/window.h"
#include "fusion/kernel.h"

#define FG_STREAM_ROWS     1024 /* of a map: higher ones are not streamed, since all plans are played through */
#define FG_STREAM_OPERANDS 8    /* of one stage that other stages make, beside its main one */
#define FG_STREAM_GATES    8    /* of one stream */

/* fg_kernel.again: depthwise convolutions that form pairs; with stride 2 half of the rows are made twice,
 * with stride 1 all of them three times (for windows of 3). */
enum { FG_AGAIN_NEVER, FG_AGAIN_STRIDED, FG_AGAIN_ALL, FG_AGAIN_COUNT };

#define FG_PAIR_CHANNELS 4 /* of a pair are worked on at a time, or one vector */

typedef enum fg_row_kind {
    FG_ROW_COPY, /* x as it is, channels-last and with zeros beside it */
    FG_ROW_CONV, /* a convolution, dense, in groups or depthwise, and its epilogue */
    FG_ROW_MAP,  /* an elementwise chain on rows of x */
    FG_ROW_POOL, /* a maximum or average over windows, and its epilogue */
    FG_ROW_JOIN, /* rows of x and of the operands beside each other, by channel */
    FG_ROW_GATE /* fully connected layers on the mean that the source makes: one step, when it has made all */
} fg_row_kind;

typedef struct fg_stream_stage {
    fg_row_kind kind;
    const fg_stage *stage; /* NULL of copies and maps; the first of n_layers of gates */
    int n_layers;
    fg_node *const *chain; /* elementwise nodes applied to what the stage makes; to x in maps */
    int n_chain;
    fg_value *x, *y;      /* main operand, result; y NULL for copies */
    const fg_stage *pair; /* the pointwise convolution from x to what stage reads, made on the spot; NULL */
    const fg_node *tap;   /* the mean over all rows, made on the way; NULL */
    int source;           /* the stage whose rows it reads; -1: x lies outside as a whole */
    fg_window w;          /* axis 0: rows */
    int operand[FG_STREAM_OPERANDS], n_operands; /* stages whose results it reads too */
    bool outside;                                /* others read the result: it is stored as a whole */
    int shared; /* the map that changes its rows in place, and whose ring they are kept in; -1 */
    int64_t channels, rows, width; /* of the result */
    int64_t ring; /* rows kept at a time (all, if outside); 0: nobody reads the result, but for the tap */
    int64_t left, right; /* zeros kept beside each row, in pixels */
    int64_t made;        /* rows, in all passes */
} fg_stream_stage;

typedef struct fg_stream {
    int again, n_gates;
    int n_stages;
    fg_stream_stage stage[2 * FG_STREAM_MOST]; /* in an order in which one row of each could be made */
    unsigned char *order; /* the stage that makes its next row, n_steps times; after a gate
                             fg_stream_begins_again says who begins with row 0 again */
    int64_t n_steps;
} fg_stream;

/* The plan of a kernel that is a stream. */
fg_stream *fg_stream_of(fg_context *ctx, const fg_kernel *k);

/* A stage that makes all its rows in each pass; the others go on where they were. */
bool fg_stream_begins_again(const fg_stream_stage *t);

/* Bytes of the rings (float32). */
int64_t fg_stream_bytes(const fg_stream *s);

/* Multiply-adds of rows that are made more often than once, for one image. */
int64_t fg_stream_again_macs(const fg_stream *s);

/* y, which the stream stores, and x, which it reads and nobody later, both channels-last without gaps, may
 * share memory if x begins at least so many bytes behind y: no row of y is written over one of x that is
 * still to be read. -1: they may not. */
int64_t fg_stream_lag(fg_stream *s, const fg_value *x, const fg_value *y);

/* A way to cut p's kernels, which stand in the order they run in, into streams and kernels that stay as they
 * are, whose estimated peak of memory is the lowest; among those the one with the least work: multiply-adds
 * made again, and some of those in streams. from[i]: the first kernel of the group that ends with kernel i,
 * where a group ends there; stream[i]: it is one, again[i] which rows it makes again. Returns false if no
 * stream lowers the peak. */
bool fg_stream_choose(const fg_partition *p, int *from, bool *stream, int *again);

/* ---- for the choice: plans of kernels that are not joined yet ---- */

/* Nodes of kernels from .. to of a partition, or of the parts of one kernel, are inside. */
typedef struct fg_stream_scope {
    const int *kernel_of; /* by value id of a node's first output; NULL: those of k */
    int from, to;
    const fg_kernel *k;
} fg_stream_scope;

/* The kernel can be in a stream at all. */
bool fg_stream_suits(const fg_kernel *k);
/* Appends a kernel's stages; false if they cannot be part of the stream. */
bool fg_stream_add(fg_context *ctx, fg_stream *s, const fg_stream_scope *c, const fg_kernel *k);
/* Counts the rows that are kept and made. */
void fg_stream_play(fg_stream *s);

#endif
