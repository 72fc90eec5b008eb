/* Reference kernels of Slice, Split and Pad. */
#ifndef FG_FRONTEND_REFERENCE_SLICE_H
#define FG_FRONTEND_REFERENCE_SLICE_H

#include "frontend/ops.h"

/* Slice's operands: entry i is about axis[i]. */
typedef struct fg_slice {
    int count;
    int64_t start[FG_MAX_RANK], end[FG_MAX_RANK], axis[FG_MAX_RANK], step[FG_MAX_RANK];
} fg_slice;

/* Elements that start:end:step takes of `extent`, by numpy's rules; step is not 0. Moves *start to the first
 * one's index. */
int64_t fg_slice_extent(int64_t extent, int64_t *start, int64_t end, int64_t step);

void fg_ref_slice(const fg_eval *e);
void fg_ref_split(const fg_eval *e);
void fg_ref_pad(const fg_eval *e);

#endif
