/* fusion: graph -> kernels. A kernel is one function of the generated file: a group of nodes, structured as
 * stages.
 *
 * Invariants (after fg_partition_graph)
 * - Every node of the rewritten graph that is not constant stands in exactly one kernel; kernels are in an
 *   order in which they can run.
 * - in[] are the values that a kernel reads and does not make (constants included, each once); out[] what
 *   others read or the graph returns. Values made and used only inside a kernel are neither.
 * - The original nodes that a kernel covers are found through fg_node.covers.
 */
#ifndef FG_FUSION_KERNEL_H
#define FG_FUSION_KERNEL_H

#include "frontend/ops.h"

/* An anchor and the elementwise nodes applied in order to its result. The chain's main operand is the
 * anchor's out[0] (or the result of the node before); other operands are values outside, or earlier results
 * of the same chain. In a map kernel anchor is NULL and the chain starts at epilogue[0]. */
typedef struct fg_stage {
    fg_node *anchor;
    fg_node **epilogue;
    int n_epilogue;
} fg_stage;

#define FG_MAX_STAGES  4  /* of a kernel that one row of the pattern table forms */
#define FG_STREAM_MOST 32 /* of a stream, see stream.h */

/* What a choice between kernels favours. */
typedef enum fg_optimize { FG_OPTIMIZE_SPEED, FG_OPTIMIZE_RAM, FG_OPTIMIZE_FLASH } fg_optimize;
extern const char *const fg_optimize_names[3]; /* "speed", ... */

/* Why fusion stopped at a kernel's output. */
typedef enum fg_boundary {
    FG_BOUNDARY_OUTPUT,  /* the graph returns it */
    FG_BOUNDARY_FORK,    /* more than one consumer */
    FG_BOUNDARY_JOIN,    /* the consumer has another operand that is not ready inside this kernel */
    FG_BOUNDARY_SHAPE,   /* shape, layout or type does not allow it */
    FG_BOUNDARY_PATTERN, /* no pattern joins these operators */
    FG_BOUNDARY_BUDGET,  /* code size or scratch budget of the target */
    FG_BOUNDARY_OFF      /* --no-fuse */
} fg_boundary;

/* "output", "fork", "join", "shape", "no pattern", "budget", "off" */
const char *fg_boundary_name(fg_boundary b);

typedef struct fg_pattern fg_pattern;

typedef struct fg_kernel {
    int index;
    const char *name; /* C identifier without prefix: what it does and where
                         (features_3_0_expand_depthwise_5x5_silu) */
    const fg_pattern *pattern;
    const char *lowering; /* codegen/lower/NAME.c that makes its text */
    fg_stage *stage;
    int n_stages;
    fg_node **prologue; /* elementwise nodes applied to what stage 0 loads as its main operand */
    int n_prologue;
    fg_node *tap; /* a reduction over the last stage's result computed on the way out (global average pool),
                     or NULL */
    fg_node **nodes; /* all nodes of the rewritten graph that it holds, in order */
    int n_nodes;
    fg_value **in, **out;
    int n_in, n_out;
    fg_boundary boundary;
    int again; /* of a stream: which rows it makes again in place of keeping them, see stream.h */
    struct fg_kernel **part; /* of a stream: the kernels that it is made of */
    int n_parts;
    int64_t macs; /* multiply-adds of Conv, ConvTranspose, Gemm, MatMul */
} fg_kernel;

/* A row of the pattern table. `sequence` is matched along a chain of values with one consumer each: class
 * names of fusion/classes.c with quantifiers ? * +, e.g. "dense_conv act* depthwise_conv act* ~squeeze?" (see
 * patterns.h). Rows are tried top to bottom at every node not taken yet; the first that matches and whose
 * constraint holds wins. */
struct fg_pattern {
    const char *name;      /* as reports show it */
    const char *catalogue; /* name in the published fusion-pattern catalogue, NULL if none */
    const char *sequence;
    bool (*constraint)(const fg_graph *g, const fg_kernel *k); /* NULL: none */
    const char *lowering;
};

typedef struct fg_partition {
    fg_graph *graph; /* the rewritten graph */
    fg_kernel **kernels;
    int n_kernels;
} fg_partition;

typedef struct fg_fusion_options {
    bool fuse; /* false: --no-fuse, one kernel per node, no rewriting beyond constants and no-ops */
    fg_optimize optimize; /* RAM: kernels are joined into streams, see stream.h */
    fg_dtype weights;     /* --precision: FG_FLOAT16 or FG_BFLOAT16, which weights are rounded to; else 0 */
} fg_fusion_options;

/* A kernel with room for so many stages, all else zero. */
fg_kernel *fg_kernel_new(fg_context *ctx, int n_stages);

/* Canonical forms: rewrites g (a clone of the graph as read) in place. */
void fg_canonicalise(fg_graph *g, const fg_fusion_options *options);

/* Groups the nodes of g. */
fg_partition *fg_partition_graph(fg_graph *g, const fg_fusion_options *options);

/* The same kernels of a copy of the graph. */
fg_partition *fg_partition_copy(const fg_partition *p);

/* The value that k really reads where a node of it reads v: follows the views (Flatten, Reshape, ...) that k
 * absorbed. */
fg_value *fg_kernel_source(const fg_kernel *k, fg_value *v);

/* Bytes a kernel must move: inputs, weights and outputs once each; and what the nodes as read that it covers
 * would move one by one (Identity and Dropout move nothing). */
int64_t fg_kernel_bytes(const fg_kernel *k);
int64_t fg_kernel_bytes_unfused(const fg_kernel *k);

/* No node as read stands behind it (a copy between layouts): it counts by its own nodes. Beside nodes that
 * stand for others, those that do not count for nothing. */
bool fg_kernel_is_own(const fg_kernel *k);

void fg_partition_dump(const fg_partition *p, fg_text *out);

#endif
