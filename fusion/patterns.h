/* The pattern table and the engine that reads it.
 *
 * A sequence is a list of classes (classes.h) separated by spaces, matched greedily along the values from
 * producer to consumer, where each value in between has that one consumer only and is not a graph output:
 *     class     one node of that class
 *     class?    one or none;  class*  any number;  class+  one or more
 *     <class    chain nodes before the first anchor, applied to its main operand as it is loaded: the
 * prologue ~class    a side branch: one consumer of the value made last, which may have other consumers too:
 * the tap Chain classes (act, ew, ...) also take in nodes that fork and join again inside the chain: x *
 * tanh(softplus(x)).
 *
 * Every operand from outside must be made by a node that stands before the kernel's first node in one fixed
 * topological order. That is stricter than needed and makes cycles between kernels impossible: along any edge
 * from kernel to kernel the position of the first node grows.
 */
#ifndef FG_FUSION_PATTERNS_H
#define FG_FUSION_PATTERNS_H

#include "fusion/classes.h"

#define FG_MAX_CHAIN 64 /* nodes of one chain: bounds the text of a kernel */
#define FG_MAX_MATCH (FG_MAX_STAGES * FG_MAX_CHAIN + 16)

extern const fg_pattern fg_patterns[];
extern const int fg_patterns_count;
extern const fg_pattern fg_pattern_single; /* a node alone; lowering as in its operator's row */
extern const fg_pattern fg_pattern_stream; /* kernels run row by row, see stream.h */

/* State of grouping: by value id of a node's first output (fg_node_key). */
typedef struct fg_grouping {
    fg_context *ctx;
    fg_graph *g;
    int *position; /* in the topological order that matching works by */
    fg_node **order;
    fg_kernel **owner; /* NULL: not taken yet */
    int *mark;         /* by value id: serial of the match that made it */
    int *left;         /* by value id: uses not yet inside that match */
    int serial;
} fg_grouping;

int fg_node_key(const fg_node *n);

/* The kernel that row p forms from node n on, or NULL. Nothing is marked as taken. */
fg_kernel *fg_match_pattern(fg_grouping *gr, const fg_pattern *p, fg_node *n);

/* Brings the kernels of loops together (see frontend/loops.h). */
void fg_order_loops(fg_partition *p);

/* What a kernel's stage i computes last: the result of its chain or its anchor. */
fg_value *fg_stage_result(const fg_stage *s);

/* A C identifier for k, unique among those that this table has given out. */
typedef struct fg_names fg_names;
fg_names *fg_names_new(fg_context *ctx, int n_kernels);
const char *fg_kernel_name(fg_names *names, const fg_kernel *k);

#endif
