/* DFT and STFT nodes: operands and attributes of one node, checked and resolved. */
#ifndef FG_FRONTEND_SIGNAL_H
#define FG_FRONTEND_SIGNAL_H

#include "frontend/graph.h"

/* Lines of `count` samples, of which each gives the transform of its first `length` (zeros where there are
 * fewer), of which the first `bins` are kept. */
typedef struct fg_transform {
    bool frames; /* STFT: a line is a frame of the signal */
    int axis;    /* samples lie along it; the last dimension holds real and imaginary part, if has_parts */
    bool has_parts, complex;
    bool inverse; /* divided by the length */
    bool real;    /* inverse of a half spectrum: the result is real */
    int64_t count, length, bins;
    int64_t step, n_frames; /* STFT */
    fg_value *window;       /* STFT; NULL: none */
    fg_shape out;
} fg_transform;

/* Raises FG_BAD_MODEL on what does not fit, FG_UNSUPPORTED if lengths or the axis are not constant. */
fg_transform fg_transform_of(fg_context *ctx, fg_node *n, int opset);

#endif
