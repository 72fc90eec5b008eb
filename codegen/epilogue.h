/* Epilogues of vector kernels: elementwise chains applied to accumulators on their way out, with operands
 * that are scalars, per channel, per pixel or whole tensors.
 *
 * The kernel's result has up to four axes: image b, row y, pixel x and channel n, of which n is innermost and
 * vectorised. Its text keeps the current position in C variables whose names are handed in. */
#ifndef FG_CODEGEN_EPILOGUE_H
#define FG_CODEGEN_EPILOGUE_H

#include "codegen/lower.h"

/* Dimensions of the result tensor that play these roles; -1: there is none. */
typedef struct fg_axes {
    int b, n, y, x;
} fg_axes;

typedef struct fg_epilogue fg_epilogue;

/* Declares pointers to the outside operands (PREFIX0, PREFIX1, ...) and packs per-channel constants. main:
 * the anchor's result, of rank and shape that axes refer to. flat: y and x are one loop (x runs over all
 * pixels). */
fg_epilogue *fg_epilogue_new(fg_emit *e, const char *prefix, fg_node *const *nodes, int n_nodes,
                             fg_value *main, fg_axes axes, bool flat);

bool fg_epilogue_is_empty(const fg_epilogue *p);

/* Statements that set the operands' pointers for a tile at image b, row y, pixel x, channel n (C expressions;
 * "" = 0). */
void fg_epilogue_at(fg_epilogue *p, const char *b, const char *y, const char *x, const char *n, fg_text *out);

/* For tiles of several rows: the operands that the next fg_epilogue_apply uses are those of row `row`, pixel
 * `pixel` of the tile that fg_epilogue_at opened. */
void fg_epilogue_place(fg_epilogue *p, int64_t row, int64_t pixel);

/* Once all results of the tile are summed up and before the first of them is applied the chain to: statements
 * that serve them together, where the target gains by that. tile: "PIXELS VECTORS" for results cI_J, "PIXELS
 * 0" for aI. May apply the chain to all of them at once; fg_epilogue_apply then adds nothing. */
void fg_epilogue_tile(fg_epilogue *p, const char *tile, fg_text *out);

/* Statements that apply the chain to vector `var`, which holds pixel `pixel` and channels from `channel` of
 * the tile that fg_epilogue_at opened; lanes < VL: only so many channels exist. */
void fg_epilogue_apply(const fg_epilogue *p, const char *var, int64_t pixel, int64_t channel, int lanes,
                       const char *tag, fg_text *out);

/* The same for the accumulator of pixel i and vector j of a register tile, cI_J; returns its name. */
const char *fg_epilogue_accumulator(const fg_epilogue *p, long i, long j, int lanes, fg_text *out);

#endif
