/* Losses over class scores (N, C, positions...): the score of each position's target class, weighted and
 * reduced. */
#include "frontend/reference/loss.h"

#include <math.h>
#include <string.h>

#include "frontend/reference/access.h"

/* The operands seen as images x classes x positions. */
typedef struct loss {
    const fg_eval *e;
    int64_t images, classes, positions;
    bool single, ignores;
    int64_t ignored;
    double sum, weights; /* over the positions so far */
} loss;

static loss loss_of(const fg_eval *e) {
    const fg_shape *s = &e->in[0].shape;
    loss l = {.e = e, .images = s->dim[0], .classes = s->dim[1], .positions = 1, .single = fg_is_single(e)};
    for (int d = 2; d < s->rank; d++) {
        l.positions *= s->dim[d];
    }
    l.ignores = fg_node_attr(e->node, "ignore_index") != NULL;
    l.ignored = fg_attr_int(e->node, "ignore_index", 0);
    return l;
}

/* Takes in one position of log probabilities `scores`; `at`: its place in the target. */
static void take(loss *l, const double *scores, int64_t at) {
    const fg_eval *e = l->e;
    const bool weighted = e->node->n_in > 2 && e->in[2].data != NULL;
    int64_t target = fg_get_i64(&e->in[1], at);
    double own = 0, weight = 0;
    if (!l->ignores || target != l->ignored) {
        target = target < 0 ? 0 : target >= l->classes ? l->classes - 1 : target;
        weight = weighted ? fg_get_f64(&e->in[2], target) : 1;
        own = -scores[target] * weight;
    }
    l->sum = fg_accumulate(l->single, l->sum, own);
    l->weights = fg_accumulate(l->single, l->weights, weight);
    if (e->out[0].data != NULL && strcmp(fg_attr_string(e->node, "reduction", "mean"), "none") == 0) {
        fg_set_f64(&e->out[0], at, own);
    }
}

static void reduce(const loss *l) {
    const char *how = fg_attr_string(l->e->node, "reduction", "mean");
    if (l->e->out[0].data != NULL && strcmp(how, "none") != 0) {
        fg_set_f64(&l->e->out[0], 0, strcmp(how, "sum") == 0 ? l->sum : l->sum / l->weights);
    }
}

/* Scores become their logarithmic softmax. */
static void log_softmax(double *x, int64_t n, bool single) {
    double highest = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++) {
        highest = x[i] > highest || isnan(x[i]) ? x[i] : highest;
    }
    for (int64_t i = 0; i < n; i++) {
        sum = fg_accumulate(single, sum, exp(x[i] - highest));
    }
    for (int64_t i = 0; i < n; i++) {
        x[i] = x[i] - highest - log(sum);
    }
}

static void run(const fg_eval *e, bool softmax) {
    loss l = loss_of(e);
    double *x = fg_big_alloc(e->ctx, (size_t)(l.classes + 1) * sizeof *x);
    fg_tensor *logs = softmax && e->node->n_out > 1 && e->out[1].data != NULL ? &e->out[1] : NULL;
    for (int64_t at = 0; at < l.images * l.positions && l.classes > 0; at++) {
        int64_t first = at / l.positions * l.classes * l.positions + at % l.positions;
        fg_load_f64(&e->in[0], first, l.positions, l.classes, x);
        if (softmax) {
            log_softmax(x, l.classes, l.single);
        }
        for (int64_t c = 0; logs != NULL && c < l.classes; c++) {
            fg_set_f64(logs, first + c * l.positions, x[c]);
        }
        take(&l, x, at);
    }
    reduce(&l);
    fg_big_free(e->ctx, x);
}

void fg_ref_negative_log_likelihood(const fg_eval *e) {
    run(e, false);
}

void fg_ref_softmax_cross_entropy(const fg_eval *e) {
    run(e, true);
}
