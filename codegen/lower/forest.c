/* Tree ensembles: tables of nodes, walked tree by tree for every row. A branch's true child is the next node
 * and no tree's root is a false child, so `otherwise` is 0 at leaves and only there. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "frontend/forest.h"

typedef enum leaves { ONE_WEIGHT, WHOLE_ROWS, LISTS } leaves; /* of weights per leaf */

typedef struct forest {
    fg_emit *e;
    const fg_forest *f;
    fg_dtype computed; /* float or double */
    const char *type;
    leaves leaves;
} forest;

static leaves leaves_of(const fg_forest *f) {
    bool one = true, rows = true;
    for (int i = 0; i < f->n_nodes; i++) {
        const fg_tree_node *t = &f->node[i];
        if (t->branch != FG_LEAF) {
            continue;
        }
        one = one && t->count == 1;
        rows = rows && t->count == f->n_targets;
        for (int k = 0; rows && k < t->count; k++) {
            rows = f->target[t->first + k] == k;
        }
    }
    return one ? ONE_WEIGHT : rows ? WHOLE_ROWS : LISTS;
}

/* ---- tables ---- */

/* A table of numbers from 0 on in the smallest type that holds them. */
static void emit_numbers(fg_emit *e, const char *name, int64_t n, const int *values) {
    int most = 0;
    for (int64_t i = 0; i < n; i++) {
        most = values[i] > most ? values[i] : most;
    }
    if (most <= UINT8_MAX) {
        uint8_t *to = fg_emit_table(e, name, "uint8_t", 1, n);
        for (int64_t i = 0; i < n; i++) {
            to[i] = (uint8_t)values[i];
        }
    } else if (most <= UINT16_MAX) {
        uint16_t *to = fg_emit_table(e, name, "uint16_t", 2, n);
        for (int64_t i = 0; i < n; i++) {
            to[i] = (uint16_t)values[i];
        }
    } else {
        int32_t *to = fg_emit_table(e, name, "int32_t", 4, n);
        for (int64_t i = 0; i < n; i++) {
            to[i] = (int32_t)values[i];
        }
    }
}

static void emit_reals(const forest *q, const char *name, int64_t n, const double *values) {
    void *to = fg_emit_table(q->e, name, q->type, q->computed == FG_DOUBLE ? 8 : 4, n > 0 ? n : 1);
    for (int64_t i = 0; i < n; i++) {
        if (q->computed == FG_DOUBLE) {
            ((double *)to)[i] = values[i];
        } else {
            ((float *)to)[i] = (float)values[i];
        }
    }
}

/* Leaves keep in `feature` which target or which list of weights is theirs, in `split` their only weight;
 * branches on members keep in `split` which list is theirs. */
static void emit_nodes(const forest *q) {
    const fg_forest *f = q->f;
    fg_context *ctx = q->e->ctx;
    int *feature = FG_ARRAY(ctx, f->n_nodes, int), *otherwise = FG_ARRAY(ctx, f->n_nodes, int);
    int *weights = FG_ARRAY(ctx, f->n_nodes + 1, int), *members = FG_ARRAY(ctx, 2 * f->n_nodes + 1, int);
    double *split = FG_ARRAY(ctx, f->n_nodes, double);
    int lists = 0, sets = 0;
    for (int i = 0; i < f->n_nodes; i++) {
        const fg_tree_node *t = &f->node[i];
        feature[i] = t->feature;
        split[i] = t->split;
        otherwise[i] = t->otherwise;
        if (t->branch == FG_LEAF && q->leaves == ONE_WEIGHT) {
            feature[i] = f->target[t->first];
            split[i] = f->weight[t->first];
        } else if (t->branch == FG_LEAF) {
            feature[i] = q->leaves == WHOLE_ROWS && f->n_targets > 0 ? t->first / f->n_targets : lists;
            weights[lists++] = t->first;
        } else if (t->branch == FG_MEMBER) {
            split[i] = sets;
            members[2 * sets] = t->first;
            members[2 * sets++ + 1] = t->first + t->count;
        }
    }
    emit_numbers(q->e, "feature", f->n_nodes, feature);
    emit_reals(q, "split", f->n_nodes, split);
    emit_numbers(q->e, "otherwise", f->n_nodes, otherwise);
    emit_numbers(q->e, "root", f->n_trees, f->root);
    if (sets > 0) {
        emit_numbers(q->e, "set", 2 * (int64_t)sets, members);
        emit_reals(q, "member", f->n_members, f->member);
    }
    if (q->leaves == LISTS) {
        for (int i = 0, k = 0; i < f->n_nodes; i++) { /* ends of the lists beside their beginnings */
            if (f->node[i].branch == FG_LEAF) {
                members[2 * k] = weights[k];
                members[2 * k + 1] = weights[k] + f->node[i].count;
                k++;
            }
        }
        emit_numbers(q->e, "list", 2 * (int64_t)lists, members);
        emit_numbers(q->e, "target", f->n_weights > 0 ? f->n_weights : 1, f->target);
    }
    if (q->leaves != ONE_WEIGHT) {
        emit_reals(q, "weight", f->n_weights, f->weight);
    }
    if (f->base != NULL) {
        emit_reals(q, "base", f->n_targets, f->base);
    }
}

/* ---- conditions ---- */

/* v leads to the true child by a branch of that kind. */
static const char *condition(fg_branch b) {
    static const char *const texts[] = {"v <= split[at]", "v < split[at]",  "v >= split[at]", "v > split[at]",
                                        "v == split[at]", "v != split[at]", "among"};
    return texts[b];
}

/* One kind of branch: a comparison; several: a table says which. Likewise for what NaN does. */
static const char *conditions(const forest *q) {
    const fg_forest *f = q->f;
    fg_context *ctx = q->e->ctx;
    bool used[FG_LEAF] = {false}, some = false, all = true;
    int kinds = 0;
    for (int i = 0; i < f->n_nodes; i++) {
        const fg_tree_node *t = &f->node[i];
        if (t->branch != FG_LEAF) {
            kinds += !used[t->branch];
            used[t->branch] = true;
            some = some || t->missing;
            all = all && t->missing;
        }
    }
    if (kinds > 1 || (some && !all)) {
        uint8_t *kind = fg_emit_table(q->e, "kind", "uint8_t", 1, f->n_nodes);
        for (int i = 0; i < f->n_nodes; i++) {
            kind[i] = (uint8_t)(f->node[i].branch + (f->node[i].missing ? FG_LEAF + 1 : 0));
        }
    }
    const char *text = NULL;
    for (int b = 0; b < FG_LEAF; b++) {
        if (used[b]) {
            text = text == NULL ? condition((fg_branch)b)
                                : fg_format(ctx, "kind[at] %% %d == %d ? %s : %s", FG_LEAF + 1, b,
                                            condition((fg_branch)b), text);
        }
    }
    if (text == NULL || !some) {
        return text;
    }
    return all ? fg_format(ctx, "(%s) || v != v", text)
               : fg_format(ctx, "(%s) || (v != v && kind[at] > %d)", text, FG_LEAF);
}

/* 0: no branch asks for members, 1: some, 2: all. */
static int members_of(const fg_forest *f) {
    bool some = false, all = true;
    for (int i = 0; i < f->n_nodes; i++) {
        some = some || f->node[i].branch == FG_MEMBER;
        all = all && (f->node[i].branch == FG_MEMBER || f->node[i].branch == FG_LEAF);
    }
    return some ? 1 + all : 0;
}

/* ---- text ---- */

static const char *converted(const forest *q, const fg_value *x, const char *at) {
    const char *v = fg_load_element(q->e->ctx, x->dtype, "row", at);
    return fg_dtype_get(x->dtype)->is_integer ? fg_format(q->e->ctx, "(float)%s", v) : v;
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    forest q = {.e = e, .f = fg_forest_of(ctx, n)};
    const fg_forest *f = q.f;
    if (strcmp(n->op_type, "TreeEnsembleClassifier") == 0 || f->post != FG_POST_NONE) {
        fg_raise(ctx, FG_INTERNAL, "forest: labels and post-transforms are expanded before");
    }
    if (fg_is_empty_result(e, y)) {
        return;
    }
    q.computed = x->dtype == FG_DOUBLE ? FG_DOUBLE : FG_FLOAT;
    q.type = fg_compute_type(ctx, q.computed);
    q.leaves = leaves_of(f);
    int64_t xs[FG_MAX_RANK], ys[FG_MAX_RANK];
    const int last = x->shape.rank - 1;
    const fg_shape rows = {1, {y->shape.dim[0]}};
    fg_template *t = fg_emit_template(e);
    fg_nest_divide(e, t, fg_nest_new(ctx, &rows, 1), 1);
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_strides_of(e, x, xs);
    fg_strides_of(e, y, ys);
    emit_nodes(&q);
    const char *text = conditions(&q);
    const bool extreme = f->aggregate == FG_MINIMUM || f->aggregate == FG_MAXIMUM;
    fg_emit_scratch(e, "sum", q.type, q.computed == FG_DOUBLE ? 8 : 4, f->n_targets);
    if (extreme) {
        fg_emit_scratch(e, "any", "uint8_t", 1, f->n_targets);
    }
    const char *feature =
        xs[last] == 1 ? "feature[at]" : fg_format(ctx, "feature[at] * %lld", (long long)xs[last]);
    const char *mean = f->aggregate == FG_AVERAGE ? fg_format(ctx, " / %d", f->n_trees) : "";
    const char *sum = fg_format(ctx, "sum[t]%s%s", mean, f->base != NULL ? " + base[t]" : "");
    fg_template_int(t, "ROWS", rows.dim[0]);
    fg_template_int(t, "TREES", f->n_trees);
    fg_template_int(t, "TARGETS", f->n_targets);
    fg_template_int(t, "LEAVES", q.leaves);
    fg_template_int(t, "EXTREME", extreme);
    fg_template_int(t, "BRANCHES", text != NULL);
    fg_template_int(t, "MEMBERS", members_of(f));
    fg_template_text(t, "IS_MEMBER", fg_format(ctx, "kind[at] %% %d == %d", FG_LEAF + 1, FG_MEMBER));
    fg_template_text(t, "ORDER", f->aggregate == FG_MINIMUM ? "<" : ">");
    fg_template_text(t, "CONDITION", text != NULL ? text : "");
    fg_template_text(t, "TYPE", q.type);
    fg_template_text(t, "STORED", fg_dtype_get(x->dtype)->c_type);
    fg_template_text(t, "ROW",
                     last == 0 ? "x" : fg_format(ctx, "x + (ptrdiff_t)i0 * %lld", (long long)xs[0]));
    fg_template_text(t, "ELEMENT", converted(&q, x, feature));
    fg_template_text(
        t, "STORE",
        fg_store_element(
            ctx, y->dtype, "y",
            fg_format(ctx, "(ptrdiff_t)i0 * %lld + t * %lld", (long long)ys[0], (long long)ys[1]),
            q.computed == FG_DOUBLE && y->dtype == FG_FLOAT ? fg_format(ctx, "(float)(%s)", sum) : sum));
    fg_template_render(t, "forest", e->out);
    fg_describe(e, "", "%d trees of at most %lld levels in tables", f->n_trees, (long long)f->depth);
}

const fg_lowering fg_lowering_forest = {.name = "forest", .prefer = NULL, .emit = emit};
