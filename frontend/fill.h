/* Data made by rule: graph-only model files say in a tensor's doc_string, "fill KIND ...", how to make what
 * they leave out. */
#ifndef FG_FRONTEND_FILL_H
#define FG_FRONTEND_FILL_H

#include "frontend/graph.h"

bool fg_fill_applies(fg_dtype t, const char *doc); /* doc may be NULL */

/* The tensor's elements, the same bits on every machine. name seeds the draw. Raises FG_BAD_MODEL if the rule
 * is malformed. r = splitmix64 of the state crc32(name) + (i + 1) * 0x9E3779B97F4A7C15 n LOC SCALE [cA]   k =
 * sum of the four 16-bit parts of r; LOC + (k - 131070) * (SCALE / SD); cA: k * N - (sum of k over the
 * element's slice of N along axis A), times SCALE / (SD * N) u LO HI            LO + (r >> 40) * 2^-24 * (HI
 * - LO) k VALUE            constant z BASE64           verbatim bytes, compressed by zlib */
const void *fg_fill(fg_context *ctx, const char *name, fg_dtype t, const fg_shape *shape, const char *doc);

#endif
