/* Random operators. Their results are a fixed function of the node: a generated file has no state, and
 * whoever runs it twice gets the same numbers twice.
 *
 * Draw i of a node with key k is splitmix64 at state k + (i + 1) * 0x9E3779B97F4A7C15. The key is the bits of
 * the node's `seed` attribute, a float32, widened to 64 bits and mixed once by the same function; without a
 * seed the 64-bit FNV-1a hash of the name of the node's first result. Elements count in row-major order.
 *
 *   uniform u(i)   the upper 53 bits of draw i, times 2^-53: in [0, 1)
 *   normal(i)      sqrt(-2 log(1 - u(2 i))) cos(2 pi u(2 i + 1))
 *   RandomUniform  low + (high - low) u(i);   RandomNormal  mean + scale normal(i)
 *   Bernoulli      u(i) < p;   Dropout keeps element i if u(i) >= ratio
 *   Multinomial    the first class at which the running sum of exp(x - largest x) exceeds u(i) times the
 * whole
 */
#ifndef FG_FRONTEND_DRAW_H
#define FG_FRONTEND_DRAW_H

#include "frontend/graph.h"

/* True if a result of n depends on draws. */
bool fg_draws(const fg_node *n);

/* Fixes the key, as an attribute, whatever becomes of names later; for inference. */
void fg_draw_set_key(fg_context *ctx, fg_node *n);

/* The key that fg_draw_set_key fixed, else what it would be. */
uint64_t fg_draw_key(const fg_node *n);
/* Draw i under a key, any i in any order: 64 bits; uniform in [0, 1); normal of mean 0 and variance 1. */
uint64_t fg_draw_bits(uint64_t key, uint64_t i);
double fg_draw_uniform(uint64_t key, uint64_t i);
double fg_draw_normal(uint64_t key, uint64_t i);

#endif
