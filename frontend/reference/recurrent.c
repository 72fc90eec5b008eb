/* RNN, GRU and LSTM, step by step and row by row of the batch. */
#include "frontend/reference/recurrent.h"

#include <math.h>
#include <string.h>

#include "frontend/recurrent.h"
#include "frontend/reference/access.h"

enum { X, W, R, BIAS, LENS, H0, C0, PEEPHOLE, OPERANDS };

typedef struct run {
    const fg_eval *e;
    fg_recurrent q;
    bool single;
    int64_t rows;                /* gates * hidden */
    double *w, *r, *bias, *peep; /* of the direction under way */
    double *x, *gates, *h, *c, *scratch;
} run;

static double *doubles(const fg_eval *e, int64_t n) {
    return fg_big_alloc(e->ctx, (size_t)(n + 1) * sizeof(double));
}

static const fg_tensor *operand(const fg_eval *e, int i) {
    return i < e->node->n_in && e->in[i].data != NULL ? &e->in[i] : NULL;
}

static double activate(const fg_activation *a, double x) {
    const double alpha = (double)a->alpha, beta = (double)a->beta;
    switch (a->kind) {
    case FG_ACT_RELU: return x < 0 ? 0 : x;
    case FG_ACT_TANH: return tanh(x);
    case FG_ACT_SIGMOID: return 1 / (1 + exp(-x));
    case FG_ACT_AFFINE: return alpha * x + beta;
    case FG_ACT_LEAKY_RELU: return x < 0 ? alpha * x : x;
    case FG_ACT_THRESHOLDED_RELU: return x > alpha ? x : 0;
    case FG_ACT_SCALED_TANH: return alpha * tanh(beta * x);
    case FG_ACT_HARD_SIGMOID: return fmin(fmax(alpha * x + beta, 0), 1);
    case FG_ACT_ELU: return x < 0 ? alpha * expm1(x) : x;
    case FG_ACT_SOFTSIGN: return x / (1 + fabs(x));
    case FG_ACT_SOFTPLUS: return x > 30 ? x : log1p(exp(x));
    }
    return NAN;
}

/* Clipped first, if the node says so. */
static double gate(const run *u, const fg_activation *a, double x) {
    const double clip = (double)u->q.clip;
    return activate(a, clip > 0 ? fmin(fmax(x, -clip), clip) : x);
}

/* start + matrix row * v */
static double dot(const run *u, double start, const double *row, const double *v, int64_t n) {
    double sum = start;
    for (int64_t i = 0; i < n; i++) {
        sum = fg_accumulate(u->single, sum, row[i] * v[i]);
    }
    return sum;
}

static double recurrent_dot(const run *u, int64_t row, double start, const double *h) {
    return dot(u, start + u->bias[u->rows + row], u->r + row * u->q.hidden, h, u->q.hidden);
}

/* ---- cells: u->gates holds W x + bias; h (and c) become those of the next step ---- */

static void step_rnn(run *u, const fg_activation *act) {
    const int64_t n = u->q.hidden;
    for (int64_t j = 0; j < n; j++) {
        u->scratch[j] = gate(u, &act[0], recurrent_dot(u, j, u->gates[j], u->h));
    }
    memcpy(u->h, u->scratch, (size_t)n * sizeof(double));
}

static void step_gru(run *u, const fg_activation *act) {
    const int64_t n = u->q.hidden;
    double *z = u->gates, *reset = u->gates + n, *h = u->h;
    for (int64_t j = 0; j < 2 * n; j++) {
        u->gates[j] = gate(u, &act[0], recurrent_dot(u, j, u->gates[j], h));
    }
    for (int64_t j = 0; j < n; j++) {
        u->scratch[j] = reset[j] * h[j];
    }
    for (int64_t j = 0; j < n; j++) {
        const double x = u->gates[2 * n + j];
        const double sum = u->q.linear_before_reset ? x + reset[j] * recurrent_dot(u, 2 * n + j, 0, h)
                                                    : recurrent_dot(u, 2 * n + j, x, u->scratch);
        u->gates[2 * n + j] = gate(u, &act[1], sum);
    }
    for (int64_t j = 0; j < n; j++) {
        h[j] = (1 - z[j]) * u->gates[2 * n + j] + z[j] * h[j];
    }
}

static void step_lstm(run *u, const fg_activation *act) {
    const int64_t n = u->q.hidden;
    double *i = u->gates, *o = i + n, *f = o + n, *g = f + n;
    const double *pi = u->peep, *po = pi + n, *pf = po + n;
    for (int64_t j = 0; j < 4 * n; j++) {
        u->gates[j] = recurrent_dot(u, j, u->gates[j], u->h);
    }
    for (int64_t j = 0; j < n; j++) {
        const double before = u->c[j], in = gate(u, &act[0], i[j] + pi[j] * before);
        const double forget = u->q.input_forget ? 1 - in : gate(u, &act[0], f[j] + pf[j] * before);
        u->c[j] = forget * before + in * gate(u, &act[1], g[j]);
        u->h[j] = gate(u, &act[0], o[j] + po[j] * u->c[j]) * activate(&act[2], u->c[j]);
    }
}

static void (*const steps[])(run *u, const fg_activation *act) = {
    [FG_CELL_RNN] = step_rnn, [FG_CELL_GRU] = step_gru, [FG_CELL_LSTM] = step_lstm};

/* ---- rows and directions ---- */

static int64_t state_place(const run *u, int d, int64_t b) {
    return (u->q.batch_first ? b * u->q.directions + d : d * u->q.batch + b) * u->q.hidden;
}

static void load_state(const run *u, int which, int64_t at, double *to) {
    const fg_tensor *t = operand(u->e, which);
    for (int64_t j = 0; j < u->q.hidden; j++) {
        to[j] = t == NULL ? 0 : fg_get_f64(t, at + j);
    }
}

static void store(const run *u, int which, int64_t at, const double *from) {
    if (which < u->e->node->n_out && u->e->out[which].data != NULL) {
        fg_store_f64(&u->e->out[which], at, u->q.hidden, from);
    }
}

/* How many steps row b takes: what the operand says, within the sequence. */
static int64_t length_of(const run *u, int64_t b) {
    const fg_tensor *t = operand(u->e, LENS);
    const int64_t n = t == NULL ? u->q.steps : fg_get_i64(t, b);
    return n < 0 ? 0 : n > u->q.steps ? u->q.steps : n;
}

static void run_row(run *u, int d, int64_t b) {
    const fg_recurrent *q = &u->q;
    const int64_t length = length_of(u, b), at = state_place(u, d, b);
    const bool backwards = q->reverse || d == 1;
    load_state(u, H0, at, u->h);
    load_state(u, C0, at, u->c);
    for (int64_t s = 0; s < length; s++) {
        const int64_t t = backwards ? length - 1 - s : s,
                      row = q->batch_first ? b * q->steps + t : t * q->batch + b;
        fg_load_f64(&u->e->in[X], row * q->inputs, 1, q->inputs, u->x);
        for (int64_t k = 0; k < u->rows; k++) {
            u->gates[k] = dot(u, u->bias[k], u->w + k * q->inputs, u->x, q->inputs);
        }
        steps[q->cell](u, q->act[d]);
        store(u, 0,
              q->batch_first ? (row * q->directions + d) * q->hidden
                             : ((t * q->directions + d) * q->batch + b) * q->hidden,
              u->h);
    }
    if (length > 0) { /* the states of a row without steps are zero */
        store(u, 1, at, u->h);
        store(u, 2, at, u->c);
    }
}

static void load_part(const run *u, int which, int d, int64_t n, double *to) {
    const fg_tensor *t = operand(u->e, which);
    if (t != NULL) {
        fg_load_f64(t, d * n, 1, n, to);
    }
}

void fg_ref_recurrent(const fg_eval *e) {
    run u = {.e = e, .q = fg_recurrent_of(e->ctx, e->node), .single = fg_is_single(e)};
    const fg_recurrent *q = &u.q;
    u.rows = q->gates * q->hidden;
    u.w = doubles(e, u.rows * q->inputs);
    u.r = doubles(e, u.rows * q->hidden);
    u.bias = doubles(e, 2 * u.rows);
    u.peep = doubles(e, 3 * q->hidden);
    u.x = doubles(e, q->inputs);
    u.gates = doubles(e, u.rows);
    u.h = doubles(e, q->hidden);
    u.c = doubles(e, q->hidden);
    u.scratch = doubles(e, q->hidden);
    for (int d = 0; d < q->directions; d++) {
        load_part(&u, W, d, u.rows * q->inputs, u.w);
        load_part(&u, R, d, u.rows * q->hidden, u.r);
        load_part(&u, BIAS, d, 2 * u.rows, u.bias);
        load_part(&u, PEEPHOLE, d, 3 * q->hidden, u.peep);
        for (int64_t b = 0; b < q->batch; b++) {
            run_row(&u, d, b);
        }
    }
    double *all[] = {u.w, u.r, u.bias, u.peep, u.x, u.gates, u.h, u.c, u.scratch};
    for (size_t i = 0; i < FG_COUNT(all); i++) {
        fg_big_free(e->ctx, all[i]);
    }
}
