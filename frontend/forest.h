/* Tree ensembles of ai.onnx.ml, all three operators in one checked form. */
#ifndef FG_FRONTEND_FOREST_H
#define FG_FRONTEND_FOREST_H

#include "frontend/graph.h"

typedef enum fg_branch { FG_LEQ, FG_LT, FG_GTE, FG_GT, FG_EQ, FG_NEQ, FG_MEMBER, FG_LEAF } fg_branch;
typedef enum fg_aggregate { FG_AVERAGE, FG_SUM, FG_MINIMUM, FG_MAXIMUM } fg_aggregate;
typedef enum fg_post {
    FG_POST_NONE,
    FG_POST_SOFTMAX,
    FG_POST_LOGISTIC,
    FG_POST_SOFTMAX_ZERO,
    FG_POST_PROBIT
} fg_post;

/* A branch's true child is the node after it. A leaf adds `count` weights from `first` on; a FG_MEMBER branch
 * is true for `count` members from `first` on. */
typedef struct fg_tree_node {
    fg_branch branch;
    bool missing; /* NaN goes to the true child */
    int feature;  /* 0 of a leaf */
    double split;
    int otherwise; /* index of the false child */
    int first, count;
} fg_tree_node;

typedef struct fg_forest {
    fg_tree_node *node; /* every tree in one piece, in the order of a walk that goes to true children first */
    int n_nodes;
    int *root;
    int n_trees;
    int *target; /* by weight */
    double *weight;
    int n_weights;
    double *member;
    int n_members;
    int n_targets;
    const double *base; /* n_targets of them, or NULL */
    int features;       /* that an input must have */
    int64_t depth;      /* of the deepest tree */
    fg_aggregate aggregate;
    fg_post post;
    /* of classifiers: the class of every weight is the same one, all weights are >= 0 */
    bool one_class, all_positive;
} fg_forest;

/* Of TreeEnsemble, TreeEnsembleRegressor, TreeEnsembleClassifier. n_targets: classes of a classifier. Raises
 * FG_BAD_MODEL on what is no forest: nodes missing or named twice, cycles, extents that differ. */
fg_forest *fg_forest_of(fg_context *ctx, const fg_node *n);

/* Number of the post-transform that an attribute of that name holds, absent: none. Raises FG_BAD_MODEL. */
fg_post fg_post_of(fg_context *ctx, const fg_node *n);

/* The node after which a value x leads; index of the next one. */
int fg_tree_step(const fg_forest *f, int node, double x);

/* Labels of a classifier: how many; as int64 or as strings, of which one is NULL. */
typedef struct fg_labels {
    int n;
    const int64_t *ints;
    const char *const *strings;
} fg_labels;

fg_labels fg_labels_of(fg_context *ctx, const fg_node *n);

#endif
