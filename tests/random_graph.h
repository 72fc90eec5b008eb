/* Random valid graphs for differential testing: the same seed makes the same graph on every machine. */
#ifndef FG_TESTS_RANDOM_GRAPH_H
#define FG_TESTS_RANDOM_GRAPH_H

#include "graph_builder.h"

/* ---- random numbers (splitmix64) ---- */

typedef struct rng {
    uint64_t state;
} rng;

uint64_t rng_next(rng *r);
int64_t rng_range(rng *r, int64_t low, int64_t high); /* both ends are possible */
bool rng_chance(rng *r, int percent);
double rng_normal(rng *r);

#define ONE_OF(s, array) ((array)[rng_range(&(s)->r, 0, (int64_t)FG_COUNT(array) - 1)])

/* ---- a graph that grows ---- */

enum { POOL_MAX = 512, GROWN_INPUTS = 6 };

/* A value that a next node may read. exact: its elements are those of inputs, unrounded, so that operators
 * with jumps (Floor, ArgMax, comparisons) see the same side in any order of computation. */
typedef struct grown {
    fg_value *v;
    bool exact;
} grown;

typedef struct grower {
    fg_context *ctx;
    fg_graph *g;
    rng r;
    grown pool[POOL_MAX];
    int n_pool;
    int budget; /* elements that a value may have */
    int n_bodies;
} grower;

/* A graph without user-visible meaning: linked and inferred, of up to about 30 nodes. */
fg_graph *random_graph(fg_context *ctx, uint64_t seed);

/* ---- for the files that make its parts ---- */

/* Infers the node that makes v and puts its outputs into the pool; returns v. Raises if v is invalid or too
 * large. */
fg_value *grow(grower *s, fg_value *v);
/* The same; the outputs carry inputs' elements unrounded if v's first operand does. */
fg_value *grow_exact(grower *s, fg_value *v);

/* The same; the caller says whether the outputs are exact. */
fg_value *grow_as(grower *s, fg_value *v, bool exact);

/* Without inference: the caller knows that v is of float elements and which shape it has. */
fg_value *grow_known(grower *s, fg_value *v, const fg_shape *shape);

fg_value *grow_input(grower *s, fg_dtype type, const fg_shape *shape);
fg_value *grow_ints(grower *s, int n, const int64_t *values);
/* Normal numbers of that deviation around a mean. */
fg_value *grow_weights(grower *s, int rank, const int64_t *dim, double mean, double deviation);
/* A scalar constant of a type. */
fg_value *grow_scalar(grower *s, fg_dtype type, double value);
fg_value *grow_truth(grower *s, bool value);

/* A value of the pool, recent ones rather than old ones, that has the type and a rank between low and high;
 * a new input or NULL if there is none. */
fg_value *pick(grower *s, fg_dtype type, int low, int high);
/* The same among exact values. */
fg_value *pick_exact(grower *s, fg_dtype type, int low, int high);
bool is_exact(const grower *s, const fg_value *v);
/* A value of any type, mostly float. */
fg_value *pick_any(grower *s, int low, int high);
/* An operand that broadcasts with x: one of the pool, or new, of the same or fewer dimensions. */
fg_value *partner(grower *s, const fg_value *x);
/* Constants from 1 to 5: what may divide. */
fg_value *divisors(grower *s, fg_dtype type, const fg_shape *shape);
/* Truth values from comparing x, which must be exact. */
fg_value *condition(grower *s, fg_value *x);

fg_shape shape_make(int rank, const int64_t *dim);
fg_value *with_text(fg_graph *g, fg_value *v, const char *name, const char *text);

/* One unary activation; blocks end with it. */
fg_value *activation(grower *s, fg_value *x);
/* A convolution of x with `out` channels, kernel k and stride, random pads and bias. */
fg_value *convolution(grower *s, fg_value *x, int64_t out, int64_t k, int64_t stride, int64_t group);

/* A product of x with constant weights to `out` channels, mostly with a bias. */
fg_value *linear(grower *s, fg_value *x, int64_t out);
/* x normalised over its last dimension, if that is long enough. */
fg_value *normalised(grower *s, fg_value *x);

typedef void grow_step(grower *s);
grow_step block_conv, block_residual, block_inverted_residual, block_squeeze_excite, block_dense,
    block_inception, block_shuffle, block_head, block_attention, block_mlp, block_resample, block_windows;

grow_step layer_wide_conv, layer_odd_conv, layer_transposed_conv, layer_dynamic_conv, layer_volume,
    layer_rare_pool, layer_stem, layer_pooled_conv, layer_group_norm, layer_triangle, layer_top,
    layer_embedding;

/* Quantised ones, and ones whose extents depend on data. */
grow_step quantised_chain, quantised_conv, quantised_product, qlinear_conv, qlinear_matmul, integer_product,
    integer_conv, dynamic_quantised, counted_rows, counted_places, counted_kinds;

grow_step step_activation, step_unary, step_jump, step_binary, step_clip, step_swiglu, step_typed, step_cast,
    step_where;
grow_step step_transpose, step_reshape, step_squeeze, step_expand, step_slice, step_split, step_concat,
    step_pad, step_blocks_of_pixels, step_gather, step_resize;
grow_step step_reduce, step_arg, step_softmax, step_norm, step_matmul, step_gemm;

grow_step control_branch, control_loop, control_scan;

grow_step layer_recurrent, layer_transform, layer_reversed, layer_loss;

#endif
