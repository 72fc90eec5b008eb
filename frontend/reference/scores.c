#include "frontend/reference/scores.h"

#include <math.h>

#include "frontend/reference/access.h"

static double largest_of(int64_t n, const double *score) {
    double most = score[0];
    for (int64_t i = 1; i < n; i++) {
        most = score[i] > most ? score[i] : most;
    }
    return most;
}

/* zero: scores of (nearly) 0 stay 0. */
static void softmax(int64_t n, double *score, bool zero) {
    const double most = largest_of(n, score);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        score[i] = zero && fabs(score[i]) <= 1e-7 ? score[i] * exp(-most) : exp(score[i] - most);
        sum += score[i];
    }
    for (int64_t i = 0; i < n; i++) {
        score[i] = sum != 0 ? score[i] / sum : 0.5;
    }
}

/* Winitzki's approximation of the inverse error function, which ONNX's probit is defined by. */
static double probit(double p) {
    const double x = 2 * p - 1, l = log((1 - x) * (1 + x)),
                 v = 2 / (3.14159265358979323846 * 0.147) + 0.5 * l;
    const double root = sqrt(sqrt(v * v - l / 0.147) - v);
    return 1.41421356 * (x < 0 ? -root : root);
}

static double logistic(double x) {
    return 1 / (1 + exp(-x));
}

void fg_ref_post_transform(fg_post post, int64_t n, double *score) {
    if (post == FG_POST_SOFTMAX || post == FG_POST_SOFTMAX_ZERO) {
        if (n > 0) {
            softmax(n, score, post == FG_POST_SOFTMAX_ZERO);
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        score[i] = post == FG_POST_LOGISTIC ? logistic(score[i])
                   : post == FG_POST_PROBIT ? probit(score[i])
                                            : score[i];
    }
}

void fg_ref_two_scores(fg_post post, bool complement, double score, double *out) {
    out[0] = complement ? 1 - score : -score;
    out[1] = score;
    if (post == FG_POST_LOGISTIC) {
        out[0] = logistic(-score);
        out[1] = logistic(score);
    }
}

void fg_ref_put_label(const fg_labels *l, const fg_tensor *to, int64_t row, int64_t which) {
    if (to->data == NULL) {
        return;
    }
    if (l->strings != NULL) {
        ((const char **)to->data)[row] = l->strings[which];
    } else {
        ((int64_t *)to->data)[row] = l->ints[which];
    }
}

int64_t fg_ref_largest(int64_t n, const double *score) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++) {
        if (score[i] > score[best]) {
            best = i;
        }
    }
    return best;
}
