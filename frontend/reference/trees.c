#include "frontend/reference/trees.h"

#include "frontend/reference/access.h"
#include "frontend/reference/scores.h"

/* Leaves are added in float, as these operators define it, and in the order of the trees: the sums, and with
 * them which of two classes that are nearly as likely wins, are the same bits everywhere. */
static double added(bool single, double a, double b) {
    return single ? (double)((float)a + (float)b) : a + b;
}

static double merged(const fg_forest *f, bool single, bool any, double so_far, double weight) {
    switch (f->aggregate) {
    case FG_MINIMUM: return any && so_far < weight ? so_far : weight;
    case FG_MAXIMUM: return any && so_far > weight ? so_far : weight;
    default: return any ? added(single, so_far, weight) : weight;
    }
}

/* x: a row of features. */
static void scores_of(const fg_forest *f, bool single, const double *x, bool *any, double *score) {
    for (int t = 0; t < f->n_targets; t++) {
        any[t] = false;
        score[t] = 0;
    }
    for (int tree = 0; tree < f->n_trees; tree++) {
        int at = f->root[tree];
        while (f->node[at].branch != FG_LEAF) {
            at = fg_tree_step(f, at, x[f->node[at].feature]);
        }
        const fg_tree_node *leaf = &f->node[at];
        for (int w = leaf->first; w < leaf->first + leaf->count; w++) {
            const int t = f->target[w];
            score[t] = merged(f, single, any[t], score[t], f->weight[w]);
            any[t] = true;
        }
    }
    for (int t = 0; t < f->n_targets; t++) {
        if (f->aggregate == FG_AVERAGE) {
            score[t] = single ? (double)((float)score[t] / (float)f->n_trees) : score[t] / f->n_trees;
        }
        if (f->base != NULL) {
            score[t] = added(single, score[t], single ? (double)(float)f->base[t] : f->base[t]);
        }
    }
}

typedef struct run {
    const fg_forest *f;
    bool single;
    int64_t rows, columns;
    double *x, *score, *out;
    bool *any;
} run;

static run start(const fg_eval *e) {
    const fg_shape *s = &e->in[0].shape;
    run r = {.f = fg_forest_of(e->ctx, e->node), .single = e->in[0].dtype != FG_DOUBLE};
    r.rows = s->rank == 2 ? s->dim[0] : 1;
    r.columns = s->dim[s->rank - 1];
    r.x = fg_big_alloc(e->ctx, (size_t)(r.columns + 1) * sizeof(double));
    r.score = fg_big_alloc(e->ctx, (size_t)r.f->n_targets * sizeof(double));
    r.any = fg_big_alloc(e->ctx, (size_t)r.f->n_targets);
    return r;
}

static void finish(const fg_eval *e, run *r) {
    fg_big_free(e->ctx, r->x);
    fg_big_free(e->ctx, r->score);
    fg_big_free(e->ctx, r->any);
}

static void score_row(const fg_eval *e, run *r, int64_t row) {
    fg_load_f64(&e->in[0], row * r->columns, 1, r->columns, r->x);
    for (int64_t i = 0; r->single && i < r->columns; i++) {
        r->x[i] = (double)(float)r->x[i];
    }
    scores_of(r->f, r->single, r->x, r->any, r->score);
}

void fg_ref_tree_regressor(const fg_eval *e) {
    fg_tensor y = e->out[0];
    run r = start(e);
    for (int64_t row = 0; row < r.rows; row++) {
        score_row(e, &r, row);
        fg_ref_post_transform(r.f->post, r.f->n_targets, r.score);
        fg_store_f64(&y, row * r.f->n_targets, r.f->n_targets, r.score);
    }
    finish(e, &r);
}

/* Where all weights belong to one of two classes, they tell how likely the second class is. Weights of the
 * first class stand for both scores, those of the second for its own. */
static void two_classes(const fg_eval *e, run *r, const fg_labels *l, int64_t row) {
    const int which = r->f->n_weights > 0 ? r->f->target[0] : 0;
    const double score = r->score[which];
    double out[2] = {0, score};
    fg_ref_put_label(l, &e->out[0], row, score > (r->f->all_positive ? 0.5 : 0));
    if (which == 0) {
        fg_ref_two_scores(r->f->post, r->f->all_positive, score, out);
    } else {
        fg_ref_post_transform(r->f->post, 2, out);
    }
    if (e->node->n_out > 1 && e->out[1].data != NULL) {
        fg_tensor z = e->out[1];
        fg_store_f64(&z, row * 2, 2, out);
    }
}

void fg_ref_tree_classifier(const fg_eval *e) {
    const fg_labels l = fg_labels_of(e->ctx, e->node);
    run r = start(e);
    for (int64_t row = 0; row < r.rows; row++) {
        score_row(e, &r, row);
        if (r.f->n_targets == 2 && r.f->one_class) {
            two_classes(e, &r, &l, row);
            continue;
        }
        fg_ref_put_label(&l, &e->out[0], row, fg_ref_largest(l.n, r.score));
        if (e->node->n_out > 1 && e->out[1].data != NULL) {
            fg_tensor z = e->out[1];
            fg_ref_post_transform(r.f->post, l.n, r.score);
            fg_store_f64(&z, row * l.n, l.n, r.score);
        }
    }
    finish(e, &r);
}
