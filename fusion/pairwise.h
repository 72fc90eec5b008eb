/* The pairwise partition: how a published fusion study groups a network, with its own accounting, beside
 * fusegen's partition for comparison. A reader of the graph as read; no code is generated from it.
 *
 * Rules (docs/report.md states them for users)
 * - Operators are the run-time nodes of the graph; a Sigmoid that only feeds the Mul with its own input is
 * one SiLU with it; Identity is none.
 * - Groups are chains, extended greedily from each operator in topological order while the last one has
 *   exactly one consumer (the graph's output counts as one), which is free, reads one operator only (unless
 *   the pair is Sigmoid, Mul) and stands with it in the table of pairs.
 * - Every element counts 4 bytes. A group's input: each edge (operator, distinct operand) from outside.
 */
#ifndef FG_FUSION_PAIRWISE_H
#define FG_FUSION_PAIRWISE_H

#include "fusion/kernel.h"

/* Operators that ONNX export drops and that can be put back; opt-in. */
typedef struct fg_pairwise_options {
    bool stochastic_depth; /* an identity on the residual Add's operand that comes from a normalisation */
    bool dropout;          /* a Dropout between Flatten and the classifier */
} fg_pairwise_options;

typedef struct fg_pairwise_op fg_pairwise_op;

typedef struct fg_pairwise_edge {
    const fg_pairwise_op *from; /* NULL: an input of the graph */
    int64_t bytes;
} fg_pairwise_edge;

struct fg_pairwise_op {
    const char *type;         /* the study's name: "Conv2d", "BatchNorm2d", ...; else ONNX's */
    const fg_node *node;      /* NULL: synthesised */
    const fg_node *collapsed; /* the Sigmoid of a SiLU, else NULL */
    fg_pairwise_edge *in;     /* distinct operands that are not constant */
    int n_in, n_makers;       /* distinct operators that make them */
    fg_pairwise_op **users;   /* distinct */
    int n_users;
    bool is_output; /* the graph returns it */
    int64_t out_bytes, weight_bytes, flops;
    int index; /* position in ops[] */
    int group; /* index of its group */
};

typedef struct fg_pairwise_group {
    const char *pattern; /* "Unfused"; else up to three types joined by _, and _+Nmore */
    fg_pairwise_op **ops;
    int n_ops;
    fg_boundary boundary; /* why it was not extended further */
    int64_t in_bytes, out_bytes, weight_bytes, internal_bytes, flops;
    double intensity; /* FLOPs per byte of in, out and weights */
} fg_pairwise_group;

typedef struct fg_pairwise {
    fg_pairwise_op **ops; /* in order */
    int n_ops;
    fg_pairwise_group *groups;
    int n_groups;
    int n_stochastic_depth, n_dropout; /* operators that were put back */
    int single, se, main;              /* groups of one operator; with the pool; of the main path */
    int64_t bytes_fused, bytes_internal, flops;
    double mean_intensity; /* plain mean over groups */
} fg_pairwise;

/* g: as read and inferred, not rewritten; it is not changed. The result lives in g's context. */
fg_pairwise *fg_pairwise_partition(fg_graph *g, const fg_pairwise_options *options);

/* The same accounting of another grouping of the same operators: group[i], below n_groups, is that of
 * ops[i]. Fills in the bytes, FLOPs and intensity of n_groups groups, nothing else of them; in ctx. */
fg_pairwise_group *fg_pairwise_recount(fg_context *ctx, const fg_pairwise *p, const int *group, int n_groups);

#endif
