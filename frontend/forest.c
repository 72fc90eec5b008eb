#include "frontend/forest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TREE_NODES (1 << 26)

/* ---- lists of any kind ---- */

/* An attribute that is a list of integers, of floats, or a tensor of numbers. */
typedef struct list {
    const fg_attr *attr;
    int64_t n; /* 0: absent */
} list;

static list list_of(const fg_node *n, const char *name) {
    const fg_attr *a = fg_node_attr(n, name);
    if (a == NULL) {
        return (list){NULL, 0};
    }
    return (list){a, a->type == FG_ATTR_TENSOR ? fg_shape_count(&a->tensor->shape) : a->n};
}

/* `name`, else `name`_as_tensor. */
static list list_or_tensor(fg_context *ctx, const fg_node *n, const char *name) {
    const list l = list_of(n, fg_format(ctx, "%s_as_tensor", name));
    return l.n > 0 ? l : list_of(n, name);
}

static double number(const list *l, int64_t i) {
    const fg_attr *a = l->attr;
    switch (a->type) {
    case FG_ATTR_INTS: return (double)a->ints[i];
    case FG_ATTR_FLOATS: return (double)a->floats[i];
    case FG_ATTR_TENSOR: return fg_const_float(a->tensor, i);
    default: return 0;
    }
}

/* An integer from 0 to limit - 1. */
static int whole(fg_context *ctx, const list *l, int64_t i, int64_t limit) {
    const double x = number(l, i);
    if (!(x >= 0 && x < (double)limit) || x != floor(x)) {
        fg_blame_attribute(ctx, l->attr->name);
        fg_raise(ctx, FG_BAD_MODEL, "entry %lld of attribute '%s' is %g; it must lie between 0 and %lld",
                 (long long)i, l->attr->name, x, (long long)limit - 1);
    }
    return (int)x;
}

static void need_count(fg_context *ctx, const list *l, const char *name, int64_t want) {
    if (l->n != want) {
        fg_blame_attribute(ctx, name);
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' has %lld entries, %lld are needed", name, (long long)l->n,
                 (long long)want);
    }
}

/* ---- words ---- */

static int word(fg_context *ctx, const char *attr, const char *s, const char *const *words, int n) {
    for (int i = 0; i < n; i++) {
        if (strcmp(words[i], s) == 0) {
            return i;
        }
    }
    fg_blame_attribute(ctx, attr);
    fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' cannot be '%.20s'", attr, s);
}

/* A word in older operators, its number in TreeEnsemble. */
static int word_or_number(fg_context *ctx, const fg_node *n, const char *name, const char *const *words,
                          int count, int otherwise) {
    const fg_attr *a = fg_node_attr(n, name);
    if (a == NULL) {
        return otherwise;
    }
    if (a->type == FG_ATTR_STRING) {
        return word(ctx, name, a->s, words, count);
    }
    const int64_t number = fg_attr_int(n, name, otherwise);
    if (number < 0 || number >= count) {
        fg_blame_attribute(ctx, name);
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' cannot be %lld", name, (long long)number);
    }
    return (int)number;
}

fg_post fg_post_of(fg_context *ctx, const fg_node *n) {
    static const char *const words[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    return (fg_post)word_or_number(ctx, n, "post_transform", words, FG_COUNT(words), FG_POST_NONE);
}

fg_labels fg_labels_of(fg_context *ctx, const fg_node *n) {
    static const char *const names[] = {"classlabels_int64s", "classlabels_ints"};
    fg_labels l = {0};
    for (size_t i = 0; i < FG_COUNT(names); i++) {
        const fg_attr *a = fg_attr_of(n, names[i], FG_ATTR_INTS);
        if (a != NULL && a->n > 0) {
            l.n = a->n;
            l.ints = a->ints;
        }
    }
    const fg_attr *s = fg_attr_of(n, "classlabels_strings", FG_ATTR_STRINGS);
    if (s != NULL && s->n > 0 && l.n == 0) {
        l.n = s->n;
        l.strings = s->strings;
    }
    if (l.n == 0) {
        fg_raise(ctx, FG_BAD_MODEL, "the classes have no labels");
    }
    return l;
}

/* ---- nodes as the file has them ---- */

typedef struct reader {
    fg_context *ctx;
    const fg_node *n;
    fg_forest *f;
    int64_t count;
    list feature, split, missing;
    fg_branch *branch;
    int *yes, *no;                  /* nodes; beyond `count` leaves of their own */
    int *first_weight, *end_weight; /* by node as read */
    int *member, *members;
    unsigned char *parents;
    int64_t leaves;
} reader;

static void read_nodes(reader *r, int64_t count) {
    r->count = count;
    if (count < 1 || count > MAX_TREE_NODES) {
        fg_raise(r->ctx, FG_BAD_MODEL, "a forest of %lld nodes makes no sense", (long long)count);
    }
    r->branch = FG_ARRAY(r->ctx, count, fg_branch);
    r->yes = FG_ARRAY(r->ctx, count, int);
    r->no = FG_ARRAY(r->ctx, count, int);
    r->member = FG_ARRAY(r->ctx, count, int);
    r->members = FG_ARRAY(r->ctx, count, int);
    r->parents = FG_ARRAY(r->ctx, count, unsigned char);
    r->feature = list_of(r->n, "nodes_featureids");
    r->missing = list_of(r->n, "nodes_missing_value_tracks_true");
    need_count(r->ctx, &r->feature, "nodes_featureids", count);
    if (r->missing.n > 0) {
        need_count(r->ctx, &r->missing, "nodes_missing_value_tracks_true", count);
    }
}

static void adopt(reader *r, int child) {
    if (child < r->count && r->branch[child] != FG_LEAF && ++r->parents[child] > 1) {
        fg_raise(r->ctx, FG_BAD_MODEL, "node %d of the forest has two parents", child);
    }
}

/* ---- walking the trees into their final order ---- */

typedef struct step {
    int node, parent; /* as read; the new index of the branch whose false child this is, -1: none */
    int64_t depth;
} step;

static void check_feature(reader *r, fg_tree_node *t, int node) {
    t->feature = whole(r->ctx, &r->feature, node, INT32_MAX - 1);
    if (t->feature >= r->f->features) {
        r->f->features = t->feature + 1;
    }
}

static void place(reader *r, const step *s, int at) {
    fg_tree_node *t = &r->f->node[at];
    if (s->parent >= 0) {
        r->f->node[s->parent].otherwise = at;
    }
    if (s->depth > r->f->depth) {
        r->f->depth = s->depth;
    }
    const bool own = s->node < r->count;
    t->branch = own ? r->branch[s->node] : FG_LEAF;
    if (t->branch == FG_LEAF) {
        t->first = own ? r->first_weight[s->node] : (int)(s->node - r->count);
        t->count = own ? r->end_weight[s->node] - t->first : 1;
        return;
    }
    check_feature(r, t, s->node);
    t->split = number(&r->split, s->node);
    t->missing = r->missing.n > 0 && number(&r->missing, s->node) != 0;
    if (t->branch == FG_MEMBER) {
        t->first = r->member[s->node];
        t->count = r->members[s->node];
    }
}

/* Branches have one parent each, so a walk meets each once at most; a leaf may be met from every branch. */
static void walk(reader *r, int n_roots, const int *roots) {
    fg_forest *f = r->f;
    const int64_t room = 2 * r->count + n_roots + 1;
    f->node = fg_alloc(r->ctx, (size_t)room, sizeof *f->node);
    f->root = FG_ARRAY(r->ctx, n_roots + 1, int);
    int64_t branches = 0, reached = 0;
    for (int64_t i = 0; i < r->count; i++) {
        branches += r->branch[i] != FG_LEAF;
    }
    step *stack = fg_big_alloc(r->ctx, (size_t)(r->count + 2) * sizeof *stack);
    for (int i = 0; i < n_roots; i++) {
        int64_t top = 0;
        f->root[f->n_trees++] = f->n_nodes;
        stack[top++] = (step){roots[i], -1, 1};
        while (top > 0) {
            const step s = stack[--top];
            FG_REQUIRE(r->ctx, "forest", f->n_nodes < room && top <= r->count);
            place(r, &s, f->n_nodes);
            const bool leaf = f->node[f->n_nodes++].branch == FG_LEAF;
            if (!leaf) { /* the true child is the next one */
                reached++;
                stack[top++] = (step){r->no[s.node], f->n_nodes - 1, s.depth + 1};
                stack[top++] = (step){r->yes[s.node], -1, s.depth + 1};
            }
        }
    }
    fg_big_free(r->ctx, stack);
    if (reached != branches) {
        fg_raise(r->ctx, FG_BAD_MODEL, "%lld nodes cannot be reached from any root",
                 (long long)(branches - reached));
    }
}

/* ---- TreeEnsemble ---- */

static void read_members(reader *r) {
    const list values = list_of(r->n, "membership_values");
    int64_t at = 0;
    r->f->member = FG_ARRAY(r->ctx, values.n + 1, double);
    for (int64_t i = 0; i < r->count; i++) {
        if (r->branch[i] != FG_MEMBER) {
            continue;
        }
        r->member[i] = (int)at;
        for (; at < values.n && !isnan(number(&values, at)); at++) {
            r->f->member[at] = number(&values, at);
        }
        r->members[i] = (int)at - r->member[i];
        if (at++ >= values.n) {
            fg_blame_attribute(r->ctx, "membership_values");
            fg_raise(r->ctx, FG_BAD_MODEL, "the members of node %lld do not end with NaN", (long long)i);
        }
    }
    r->f->n_members = (int)(at < values.n ? at : values.n);
}

static void read_children(reader *r, const char *ids, const char *leafs, int *to) {
    const list id = list_of(r->n, ids), leaf = list_of(r->n, leafs);
    need_count(r->ctx, &id, ids, r->count);
    need_count(r->ctx, &leaf, leafs, r->count);
    for (int64_t i = 0; i < r->count; i++) {
        const bool is_leaf = whole(r->ctx, &leaf, i, 2) != 0;
        to[i] = whole(r->ctx, &id, i, is_leaf ? r->f->n_weights : r->count) + (is_leaf ? (int)r->count : 0);
    }
}

static void read_leaves(reader *r, const char *targets, const char *weights) {
    const list target = list_of(r->n, targets), weight = list_or_tensor(r->ctx, r->n, weights);
    fg_forest *f = r->f;
    need_count(r->ctx, &weight, weights, target.n);
    if (target.n > MAX_TREE_NODES) {
        fg_raise(r->ctx, FG_BAD_MODEL, "a forest of %lld weights makes no sense", (long long)target.n);
    }
    f->n_weights = (int)target.n;
    f->target = FG_ARRAY(r->ctx, target.n + 1, int);
    f->weight = FG_ARRAY(r->ctx, target.n + 1, double);
    f->one_class = f->all_positive = true;
    for (int64_t i = 0; i < target.n; i++) {
        f->target[i] = whole(r->ctx, &target, i, f->n_targets);
        f->weight[i] = number(&weight, i);
        f->one_class = f->one_class && f->target[i] == f->target[0];
        f->all_positive = f->all_positive && f->weight[i] >= 0;
    }
}

static void check_parents(reader *r) {
    for (int64_t i = 0; i < r->count; i++) {
        if (r->branch[i] != FG_LEAF) {
            adopt(r, r->yes[i]);
            adopt(r, r->no[i]);
        }
    }
}

static void read_ensemble(reader *r) {
    const list modes = list_of(r->n, "nodes_modes"), roots = list_of(r->n, "tree_roots");
    read_nodes(r, modes.n);
    for (int64_t i = 0; i < r->count; i++) {
        r->branch[i] = (fg_branch)whole(r->ctx, &modes, i, FG_LEAF);
    }
    r->split = list_of(r->n, "nodes_splits");
    need_count(r->ctx, &r->split, "nodes_splits", r->count);
    read_leaves(r, "leaf_targetids", "leaf_weights");
    read_children(r, "nodes_truenodeids", "nodes_trueleafs", r->yes);
    read_children(r, "nodes_falsenodeids", "nodes_falseleafs", r->no);
    read_members(r);
    check_parents(r);
    if (roots.n < 1 || roots.n > r->count) {
        fg_raise(r->ctx, FG_BAD_MODEL, "a forest of %lld trees makes no sense", (long long)roots.n);
    }
    int *root = FG_ARRAY(r->ctx, roots.n, int);
    for (int64_t i = 0; i < roots.n; i++) {
        root[i] = whole(r->ctx, &roots, i, r->count);
        adopt(r, root[i]);
    }
    walk(r, (int)roots.n, root);
}

/* ---- the older operators: nodes are named by tree and number ---- */

typedef struct key {
    double tree, node;
    int index;
} key;

static int compare_keys(const void *a, const void *b) {
    const key *x = a, *y = b;
    return x->tree != y->tree ? (x->tree > y->tree) - (x->tree < y->tree)
                              : (x->node > y->node) - (x->node < y->node);
}

static key *sorted_keys(reader *r, const list *tree, const list *node) {
    key *keys = FG_ARRAY(r->ctx, r->count, key);
    for (int64_t i = 0; i < r->count; i++) {
        keys[i] = (key){number(tree, i), number(node, i), (int)i};
    }
    qsort(keys, (size_t)r->count, sizeof *keys, compare_keys);
    for (int64_t i = 1; i < r->count; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) == 0) {
            fg_blame_attribute(r->ctx, "nodes_nodeids");
            fg_raise(r->ctx, FG_BAD_MODEL, "node %g of tree %g is there twice", keys[i].node, keys[i].tree);
        }
    }
    return keys;
}

static int find_node(reader *r, const key *keys, double tree, double node) {
    const key want = {tree, node, 0};
    const key *found = bsearch(&want, keys, (size_t)r->count, sizeof *keys, compare_keys);
    if (found == NULL) {
        fg_raise(r->ctx, FG_BAD_MODEL, "tree %g has no node %g", tree, node);
    }
    return found->index;
}

static void read_modes(reader *r) {
    static const char *const words[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE", "BRANCH_GT",
                                        "BRANCH_EQ",  "BRANCH_NEQ", "?",          "LEAF"};
    const fg_attr *modes = fg_attr_of(r->n, "nodes_modes", FG_ATTR_STRINGS);
    for (int64_t i = 0; i < r->count; i++) {
        r->branch[i] = (fg_branch)word(r->ctx, "nodes_modes", modes->strings[i], words, FG_COUNT(words));
    }
}

/* Weights in the order of their leaves. kind: "class" or "target". */
static void attach_weights(reader *r, const key *keys, const char *kind) {
    fg_forest *f = r->f;
    const char *trees = fg_format(r->ctx, "%s_treeids", kind), *nodes = fg_format(r->ctx, "%s_nodeids", kind);
    const list tree = list_of(r->n, trees), node = list_of(r->n, nodes);
    need_count(r->ctx, &tree, trees, f->n_weights);
    need_count(r->ctx, &node, nodes, f->n_weights);
    int *leaf = FG_ARRAY(r->ctx, f->n_weights + 1, int), *target = FG_ARRAY(r->ctx, f->n_weights + 1, int);
    double *weight = FG_ARRAY(r->ctx, f->n_weights + 1, double);
    r->first_weight = FG_ARRAY(r->ctx, r->count + 1, int);
    r->end_weight = FG_ARRAY(r->ctx, r->count + 1, int);
    for (int i = 0; i < f->n_weights; i++) {
        leaf[i] = find_node(r, keys, number(&tree, i), number(&node, i));
        r->end_weight[leaf[i]]++;
    }
    int sum = 0;
    for (int64_t i = 0; i < r->count; i++) {
        r->first_weight[i] = sum;
        sum += r->end_weight[i];
        r->end_weight[i] = r->first_weight[i];
    }
    for (int i = 0; i < f->n_weights; i++) {
        const int at = r->end_weight[leaf[i]]++;
        target[at] = f->target[i];
        weight[at] = f->weight[i];
    }
    f->target = target;
    f->weight = weight;
}

/* A root is a node that is nobody's child; every tree has one. */
static int find_roots(reader *r, const key *keys, const bool *child, int *root) {
    int n = 0;
    for (int64_t i = 0; i < r->count;) {
        int found = 0;
        const double tree = keys[i].tree;
        for (; i < r->count && keys[i].tree == tree; i++) {
            if (!child[keys[i].index]) {
                root[n] = keys[i].index;
                found++;
            }
        }
        if (found != 1) {
            fg_raise(r->ctx, FG_BAD_MODEL, "tree %g has %d roots", tree, found);
        }
        n++;
    }
    return n;
}

static void read_named(reader *r, const char *kind) {
    const list tree = list_of(r->n, "nodes_treeids"), node = list_of(r->n, "nodes_nodeids"),
               yes = list_of(r->n, "nodes_truenodeids"), no = list_of(r->n, "nodes_falsenodeids"),
               modes = list_of(r->n, "nodes_modes");
    read_nodes(r, node.n);
    need_count(r->ctx, &tree, "nodes_treeids", r->count);
    need_count(r->ctx, &yes, "nodes_truenodeids", r->count);
    need_count(r->ctx, &no, "nodes_falsenodeids", r->count);
    need_count(r->ctx, &modes, "nodes_modes",
               modes.attr != NULL && modes.attr->strings != NULL ? r->count : -1);
    r->split = list_or_tensor(r->ctx, r->n, "nodes_values");
    need_count(r->ctx, &r->split, "nodes_values", r->count);
    read_modes(r);
    const key *keys = sorted_keys(r, &tree, &node);
    bool *child = FG_ARRAY(r->ctx, r->count, bool);
    for (int64_t i = 0; i < r->count; i++) {
        if (r->branch[i] != FG_LEAF) {
            r->yes[i] = find_node(r, keys, number(&tree, i), number(&yes, i));
            r->no[i] = find_node(r, keys, number(&tree, i), number(&no, i));
            child[r->yes[i]] = child[r->no[i]] = true;
        }
    }
    check_parents(r);
    read_leaves(r, fg_format(r->ctx, "%s_ids", kind), fg_format(r->ctx, "%s_weights", kind));
    attach_weights(r, keys, kind);
    int *root = FG_ARRAY(r->ctx, r->count + 1, int);
    walk(r, find_roots(r, keys, child, root), root);
}

/* ---- the whole ---- */

/* What an input of type float, or one that is converted to it, is compared with and added up are floats too.
 */
static void round_to_float(fg_forest *f) {
    for (int i = 0; i < f->n_nodes; i++) {
        f->node[i].split = (double)(float)f->node[i].split;
    }
    for (int i = 0; i < f->n_weights; i++) {
        f->weight[i] = (double)(float)f->weight[i];
    }
    for (int i = 0; i < f->n_members; i++) {
        f->member[i] = (double)(float)f->member[i];
    }
}

static void read_base(reader *r) {
    const list base = list_or_tensor(r->ctx, r->n, "base_values");
    fg_forest *f = r->f;
    if (base.n == 0) {
        return;
    }
    if (base.n != f->n_targets && base.n != 1) {
        need_count(r->ctx, &base, "base_values", f->n_targets);
    }
    double *values = FG_ARRAY(r->ctx, f->n_targets, double);
    /* a single one belongs to the class that has all the weights, else to the first */
    const int first = base.n == 1 && f->one_class && f->n_weights > 0 ? f->target[0] : 0;
    for (int i = 0; i < base.n; i++) {
        values[first + i] = number(&base, i);
    }
    f->base = values;
}

fg_forest *fg_forest_of(fg_context *ctx, const fg_node *n) {
    static const char *const sums[] = {"AVERAGE", "SUM", "MIN", "MAX"};
    reader r = {.ctx = ctx, .n = n, .f = FG_NEW(ctx, fg_forest)};
    const bool classifier = strcmp(n->op_type, "TreeEnsembleClassifier") == 0;
    const int64_t targets = classifier ? fg_labels_of(ctx, n).n : fg_attr_int(n, "n_targets", 1);
    if (targets < 1 || targets > MAX_TREE_NODES) {
        fg_blame_attribute(ctx, "n_targets");
        fg_raise(ctx, FG_BAD_MODEL, "%lld targets make no sense", (long long)targets);
    }
    r.f->n_targets = (int)targets;
    r.f->aggregate = (fg_aggregate)word_or_number(ctx, n, "aggregate_function", sums, FG_COUNT(sums), FG_SUM);
    r.f->post = fg_post_of(ctx, n);
    if (strcmp(n->op_type, "TreeEnsemble") == 0) {
        read_ensemble(&r);
    } else {
        read_named(&r, classifier ? "class" : "target");
    }
    read_base(&r);
    if (n->in[0]->dtype != FG_DOUBLE) {
        round_to_float(r.f);
    }
    return r.f;
}

int fg_tree_step(const fg_forest *f, int node, double x) {
    const fg_tree_node *t = &f->node[node];
    bool yes = false;
    switch (t->branch) {
    case FG_LEQ: yes = x <= t->split; break;
    case FG_LT: yes = x < t->split; break;
    case FG_GTE: yes = x >= t->split; break;
    case FG_GT: yes = x > t->split; break;
    case FG_EQ: yes = x == t->split; break;
    case FG_NEQ: yes = x != t->split; break;
    default:
        for (int i = t->first; i < t->first + t->count && !yes; i++) {
            yes = x == f->member[i];
        }
        break;
    }
    return yes || (t->missing && isnan(x)) ? node + 1 : t->otherwise;
}
