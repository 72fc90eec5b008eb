/* Linear models and support vector machines. */
#include <math.h>

#include "frontend/ml.h"
#include "frontend/reference/access.h"
#include "frontend/reference/ml.h"
#include "frontend/reference/scores.h"

static double dot(bool single, int64_t n, const double *x, const float *w, double sum) {
    for (int64_t i = 0; i < n; i++) {
        sum = fg_accumulate(single, sum, x[i] * (double)w[i]);
    }
    return sum;
}

/* Writes a row of n scores to the output, if that is wanted. */
static void put_scores(const fg_tensor *to, int64_t row, int64_t n, const double *score) {
    fg_tensor t = *to;
    if (t.data != NULL) {
        fg_store_f64(&t, row * n, n, score);
    }
}

static const fg_tensor *scores_output(const fg_eval *e) {
    static const fg_tensor absent;
    return e->node->n_out > 1 ? &e->out[1] : &absent;
}

/* ---- linear ---- */

static void linear_scores(const fg_eval *e, const fg_linear *l, int64_t row, double *x, double *score) {
    fg_load_f64(&e->in[0], row * l->features, 1, l->features, x);
    for (int64_t t = 0; t < l->targets; t++) {
        const double start = l->intercept != NULL ? (double)l->intercept[t] : 0;
        score[t] = dot(fg_is_single(e), l->features, x, l->coefficient + t * l->features, start);
    }
}

void fg_ref_linear_regressor(const fg_eval *e) {
    const fg_linear l = fg_linear_of(e->ctx, e->node);
    const fg_post post = fg_post_of(e->ctx, e->node);
    double *x = fg_big_alloc(e->ctx, (size_t)(l.features + l.targets) * sizeof(double)),
           *score = x + l.features;
    for (int64_t row = 0; row < fg_rows_of(e->ctx, e->node).rows; row++) {
        linear_scores(e, &l, row, x, score);
        fg_ref_post_transform(post, l.targets, score);
        put_scores(&e->out[0], row, l.targets, score);
    }
    fg_big_free(e->ctx, x);
}

void fg_ref_linear_classifier(const fg_eval *e) {
    const fg_linear l = fg_linear_of(e->ctx, e->node);
    const fg_post post = fg_post_of(e->ctx, e->node);
    const fg_labels labels = fg_labels_of(e->ctx, e->node);
    double *x = fg_big_alloc(e->ctx, (size_t)(l.features + l.targets + 2) * sizeof(double)),
           *score = x + l.features;
    for (int64_t row = 0; row < fg_rows_of(e->ctx, e->node).rows; row++) {
        linear_scores(e, &l, row, x, score);
        if (l.targets == 1 && labels.n == 2) {
            const double s = score[0];
            fg_ref_put_label(&labels, &e->out[0], row, s > 0);
            fg_ref_two_scores(post, true, s, score);
            put_scores(scores_output(e), row, 2, score);
            continue;
        }
        fg_ref_put_label(&labels, &e->out[0], row, fg_ref_largest(l.targets, score));
        fg_ref_post_transform(post, l.targets, score);
        put_scores(scores_output(e), row, l.targets, score);
    }
    fg_big_free(e->ctx, x);
}

/* ---- support vectors ---- */

static double kernel_of(const fg_svm *s, bool single, const double *x, const float *v) {
    double sum = 0;
    if (s->kernel == FG_KERNEL_RBF) {
        for (int64_t i = 0; i < s->features; i++) {
            sum = fg_accumulate(single, sum, (x[i] - (double)v[i]) * (x[i] - (double)v[i]));
        }
        return exp(-s->gamma * sum);
    }
    sum = dot(single, s->features, x, v, 0);
    switch (s->kernel) {
    case FG_KERNEL_POLY: return pow(s->gamma * sum + s->coef0, s->degree);
    case FG_KERNEL_SIGMOID: return tanh(s->gamma * sum + s->coef0);
    default: return sum;
    }
}

static void kernels_of(const fg_eval *e, const fg_svm *s, int64_t row, double *x, double *k) {
    fg_load_f64(&e->in[0], row * s->features, 1, s->features, x);
    for (int v = 0; v < s->vectors; v++) {
        k[v] = kernel_of(s, fg_is_single(e), x, s->vector + v * s->features);
    }
}

void fg_ref_svm_regressor(const fg_eval *e) {
    const fg_svm s = fg_svm_of(e->ctx, e->node);
    const fg_post post = fg_post_of(e->ctx, e->node);
    const bool one_class = fg_attr_int(e->node, "one_class", 0) != 0;
    double *x = fg_big_alloc(e->ctx, (size_t)(s.features + s.vectors + 1) * sizeof(double)),
           *k = x + s.features;
    for (int64_t row = 0; row < fg_rows_of(e->ctx, e->node).rows; row++) {
        kernels_of(e, &s, row, x, k);
        double score = dot(fg_is_single(e), s.vectors > 0 ? s.vectors : s.features, s.vectors > 0 ? k : x,
                           s.coefficient, (double)s.rho.at[0]);
        score = one_class ? (score > 0 ? 1 : -1) : score;
        fg_ref_post_transform(post, 1, &score);
        put_scores(&e->out[0], row, 1, &score);
    }
    fg_big_free(e->ctx, x);
}

/* Scores of all pairs of classes, and how many of them each class wins. */
static void pair_scores(const fg_eval *e, const fg_svm *s, const double *k, double *score, double *votes) {
    int64_t at = 0, first_i = 0;
    for (int i = 0; i < s->classes; i++) {
        votes[i] = 0;
    }
    for (int i = 0; i < s->classes; first_i += s->per_class[i++]) {
        int64_t first_j = first_i + s->per_class[i];
        for (int j = i + 1; j < s->classes; first_j += s->per_class[j++]) {
            const float *ci = s->coefficient + (int64_t)(j - 1) * s->vectors + first_i,
                        *cj = s->coefficient + (int64_t)i * s->vectors + first_j;
            double sum = dot(fg_is_single(e), s->per_class[i], k + first_i, ci, (double)s->rho.at[at]);
            sum = dot(fg_is_single(e), s->per_class[j], k + first_j, cj, sum);
            votes[sum > 0 ? i : j]++;
            score[at++] = sum;
        }
    }
}

/* Probabilities of classes from those of pairs: Wu, Lin and Weng's second method, as LIBSVM iterates it. r(i,
 * j): probability of class i against j. */
static void couple(int n, const double *r, double *p, double *q, double *qp) {
    for (int i = 0; i < n; i++) {
        p[i] = 1.0 / n;
        q[i * n + i] = 0;
        for (int j = 0; j < n; j++) {
            if (j != i) {
                q[i * n + i] += r[j * n + i] * r[j * n + i];
                q[i * n + j] = -r[j * n + i] * r[i * n + j];
            }
        }
    }
    for (int turn = 0; turn < (n > 100 ? n : 100); turn++) {
        double pqp = 0, worst = 0;
        for (int i = 0; i < n; i++) {
            qp[i] = 0;
            for (int j = 0; j < n; j++) {
                qp[i] += q[i * n + j] * p[j];
            }
            pqp += p[i] * qp[i];
        }
        for (int i = 0; i < n; i++) {
            worst = fabs(qp[i] - pqp) > worst ? fabs(qp[i] - pqp) : worst;
        }
        if (worst < 0.005 / n) {
            return;
        }
        for (int i = 0; i < n; i++) {
            const double diff = (pqp - qp[i]) / q[i * n + i];
            p[i] += diff;
            pqp = (pqp + diff * (diff * q[i * n + i] + 2 * qp[i])) / (1 + diff) / (1 + diff);
            for (int j = 0; j < n; j++) {
                qp[j] = (qp[j] + diff * q[i * n + j]) / (1 + diff);
                p[j] /= 1 + diff;
            }
        }
    }
}

static void probabilities(const fg_eval *e, const fg_svm *s, const double *score, double *p) {
    const int n = s->classes;
    double *r = fg_big_alloc(e->ctx, (size_t)(2 * n * n + n) * sizeof(double));
    for (int i = 0, at = 0; i < n; i++) {
        for (int j = i + 1; j < n; j++, at++) {
            double v = 1 / (1 + exp(score[at] * (double)s->prob_a.at[at] + (double)s->prob_b.at[at]));
            v = v < 1e-7 ? 1e-7 : v > 1 - 1e-7 ? 1 - 1e-7 : v;
            r[i * n + j] = v;
            r[j * n + i] = 1 - v;
        }
    }
    couple(n, r, p, r + n * n, r + 2 * n * n);
    fg_big_free(e->ctx, r);
}

/* Without support vectors: a score per class. */
static void linear_row(const fg_eval *e, const fg_svm *s, const double *x, double *score) {
    for (int c = 0; c < s->classes; c++) {
        score[c] =
            dot(fg_is_single(e), s->features, x, s->coefficient + c * s->features, (double)s->rho.at[0]);
    }
}

void fg_ref_svm_classifier(const fg_eval *e) {
    const fg_svm s = fg_svm_of(e->ctx, e->node);
    const fg_post post = fg_post_of(e->ctx, e->node);
    const fg_labels labels = fg_labels_of(e->ctx, e->node);
    const int64_t pairs = (int64_t)s.classes * (s.classes - 1) / 2;
    double *x =
        fg_big_alloc(e->ctx, (size_t)(s.features + s.vectors + pairs + 2 * s.classes + 2) * sizeof(double));
    double *k = x + s.features, *score = k + s.vectors, *votes = score + pairs, *p = votes + s.classes;
    for (int64_t row = 0; row < fg_rows_of(e->ctx, e->node).rows; row++) {
        kernels_of(e, &s, row, x, k);
        int64_t best;
        double *result = p, two[2];
        int64_t n = s.classes;
        if (s.vectors == 0) {
            linear_row(e, &s, x, p);
            best = fg_ref_largest(n, p);
        } else {
            pair_scores(e, &s, k, score, votes);
            best = fg_ref_largest(s.classes, votes);
            if (s.prob_a.n > 0) {
                probabilities(e, &s, score, p); /* the label is still the one with the most votes */
            } else if (s.classes == 2) {
                best = score[0] <= 0;
                fg_ref_two_scores(post, false, score[0], two);
                result = two;
            } else {
                result = score;
                n = pairs;
            }
        }
        fg_ref_put_label(&labels, &e->out[0], row, best);
        if (result != two) {
            fg_ref_post_transform(post, n, result);
        }
        put_scores(scores_output(e), row, n, result);
    }
    fg_big_free(e->ctx, x);
}
