/* What lowerings of window operators row by row share: window_row of templates/common.c.in. */
#ifndef FG_CODEGEN_WINDOW_ROW_H
#define FG_CODEGEN_WINDOW_ROW_H

#include "codegen/convolution.h"

/* Pixels whose accumulators, a row of taps and one input vector fit into the registers, dividing the row if
 * possible; compact: few of them, for less text. */
int fg_window_row_tile(const fg_target *t, int64_t ow, int64_t kw, bool compact);

/* Sets USES: which input pixels of a tile of tx pixels meet any tap (with strides wider than the window some
 * do not). */
void fg_window_row_uses(fg_template *t, fg_context *ctx, int tx, int64_t kw, int64_t sx, int64_t dx);

/* Packs the weights of a depthwise convolution by vector, [vector][ky][kx][lanes], as `dw`, and its bias as
 * `dbias`. Returns the type that the weights are stored in. */
fg_dtype fg_window_row_pack(fg_emit *e, const fg_convolution *c);
/* Sets DT, their C type, and LOADD, the word that loads a vector of them. */
void fg_window_row_weights(fg_template *t, fg_dtype stored);

#endif
