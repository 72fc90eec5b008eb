/* Transforms of signals by their definition, windows, mel weights. */
#include "frontend/reference/signal.h"

#include <math.h>

#include "frontend/reference/access.h"
#include "frontend/signal.h"

static const double pi = 3.14159265358979323846;

static double *doubles(const fg_eval *e, int64_t n) {
    return fg_big_alloc(e->ctx, (size_t)(n + 1) * sizeof(double));
}

/* ---- transforms ---- */

typedef struct lines {
    const fg_eval *e;
    fg_transform t;
    bool single;
    int64_t inner;            /* lines side by side; elements from sample to sample, without parts */
    double *cosine, *sine;    /* of 2 pi i / length */
    double *real, *imaginary; /* the line */
} lines;

/* Sample i of the line whose first element (of parts) is `first`. */
static void load(const lines *l, int64_t first, int64_t i, double *re, double *im) {
    const int parts = l->t.complex ? 2 : 1;
    const int64_t at = (first + i * l->inner) * parts;
    *re = i < l->t.count ? fg_get_f64(&l->e->in[0], at) : 0;
    *im = i < l->t.count && parts == 2 ? fg_get_f64(&l->e->in[0], at + 1) : 0;
}

static void load_line(const lines *l, int64_t first) {
    const int64_t n = l->t.length;
    for (int64_t i = 0; i < n; i++) {
        const bool mirrored = l->t.real && i > n / 2;
        load(l, first, mirrored ? n - i : i, &l->real[i], &l->imaginary[i]);
        if (mirrored) {
            l->imaginary[i] = -l->imaginary[i];
        } else if (l->t.real && (i == 0 || 2 * i == n)) {
            l->imaginary[i] = 0;
        }
        if (l->t.window != NULL) {
            const double w = fg_get_f64(&l->e->in[2], i);
            l->real[i] *= w;
            l->imaginary[i] *= w;
        }
    }
}

/* Bin k of the line. */
static void bin(const lines *l, int64_t k, double *re, double *im) {
    const int64_t n = l->t.length;
    const double sign = l->t.inverse ? 1 : -1, scale = l->t.inverse ? 1 / (double)n : 1;
    double a = 0, b = 0;
    for (int64_t i = 0, at = 0; i < n; i++, at = (at + k) % n) {
        const double c = l->cosine[at], s = sign * l->sine[at];
        a = fg_accumulate(l->single, a, l->real[i] * c - l->imaginary[i] * s);
        b = fg_accumulate(l->single, b, l->real[i] * s + l->imaginary[i] * c);
    }
    *re = a * scale;
    *im = b * scale;
}

static void run_line(const lines *l, int64_t from, int64_t to, int64_t step) {
    load_line(l, from);
    for (int64_t k = 0; k < l->t.bins; k++) {
        double re = 0, im = 0;
        bin(l, k, &re, &im);
        const int64_t at = to + k * step;
        if (l->t.real) {
            fg_set_f64(&l->e->out[0], at, re);
        } else {
            fg_set_f64(&l->e->out[0], 2 * at, re);
            fg_set_f64(&l->e->out[0], 2 * at + 1, im);
        }
    }
}

static void run_frames(const lines *l) {
    const fg_shape *x = &l->e->in[0].shape;
    for (int64_t b = 0; b < x->dim[0]; b++) {
        for (int64_t f = 0; f < l->t.n_frames; f++) {
            run_line(l, b * x->dim[1] + f * l->t.step, (b * l->t.n_frames + f) * l->t.bins, 1);
        }
    }
}

static void run_axis(const lines *l) {
    const fg_shape *x = &l->e->in[0].shape;
    int64_t outer = 1;
    for (int d = 0; d < l->t.axis; d++) {
        outer *= x->dim[d];
    }
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < l->inner; i++) {
            run_line(l, o * l->t.count * l->inner + i, o * l->t.bins * l->inner + i, l->inner);
        }
    }
}

void fg_ref_transform(const fg_eval *e) {
    fg_node node = *e->node; /* its operands are not written */
    lines l = {.e = e, .t = fg_transform_of(e->ctx, &node, e->opset), .single = fg_is_single(e), .inner = 1};
    const fg_shape *x = &e->in[0].shape;
    const int64_t n = l.t.length;
    if (fg_shape_count(&l.t.out) == 0) {
        return;
    }
    for (int d = l.t.axis + 1; d < x->rank - 1; d++) {
        l.inner *= x->dim[d];
    }
    l.cosine = doubles(e, n);
    l.sine = doubles(e, n);
    l.real = doubles(e, n);
    l.imaginary = doubles(e, n);
    for (int64_t i = 0; i < n; i++) {
        l.cosine[i] = cos(2 * pi * (double)i / (double)n);
        l.sine[i] = sin(2 * pi * (double)i / (double)n);
    }
    if (l.t.frames) {
        run_frames(&l);
    } else {
        run_axis(&l);
    }
    double *all[] = {l.cosine, l.sine, l.real, l.imaginary};
    for (size_t i = 0; i < FG_COUNT(all); i++) {
        fg_big_free(e->ctx, all[i]);
    }
}

/* ---- windows ---- */

/* a0 - a1 cos(x) + a2 cos(2 x), x once around over the window */
static void window(const fg_eval *e, double a0, double a1, double a2) {
    const int64_t size = e->out[0].shape.dim[0];
    const bool periodic = fg_attr_int(e->node, "periodic", 1) != 0;
    const double around = (double)(periodic ? size : size - 1);
    for (int64_t i = 0; i < size; i++) {
        const double x = around > 0 ? 2 * pi * (double)i / around : 0;
        fg_set_f64(&e->out[0], i, a0 - a1 * cos(x) + a2 * cos(2 * x));
    }
}

void fg_ref_hann(const fg_eval *e) {
    window(e, 0.5, 0.5, 0);
}

void fg_ref_hamming(const fg_eval *e) {
    window(e, 25.0 / 46, 21.0 / 46, 0);
}

void fg_ref_blackman(const fg_eval *e) {
    window(e, 0.42, 0.5, 0.08);
}

/* ---- mel weights ---- */

typedef struct mel {
    const fg_eval *e;
    int64_t bands, bins;
    double length, rate, low, step;
} mel;

/* The spectrum's bin at edge i of the bands, which are evenly spaced in mel. */
static int64_t edge(const mel *m, int64_t i) {
    const double hertz = 700 * (pow(10, (m->low + (double)i * m->step) / 2595) - 1);
    const double at = floor((m->length + 1) * hertz / m->rate);
    return at >= 0 && at < 9e15 ? (int64_t)at : m->bins;
}

static void set_weight(const mel *m, int64_t bin, int64_t band, double w) {
    if (bin >= 0 && bin < m->bins) {
        fg_set_f64(&m->e->out[0], bin * m->bands + band, w);
    }
}

/* A triangle from 0 at the lower edge over 1 at the centre to 0 at the upper edge. */
static void triangle(const mel *m, int64_t band) {
    const int64_t lower = edge(m, band), centre = edge(m, band + 1), upper = edge(m, band + 2);
    if (centre == lower) {
        set_weight(m, centre, band, 1);
    }
    for (int64_t i = lower; i <= centre && i < m->bins && centre > lower; i++) {
        set_weight(m, i, band, (double)(i - lower) / (double)(centre - lower));
    }
    for (int64_t i = centre; i < upper && i < m->bins; i++) {
        set_weight(m, i, band, (double)(upper - i) / (double)(upper - centre));
    }
}

static double mel_of(double hertz) {
    return 2595 * log10(1 + hertz / 700);
}

void fg_ref_mel_weights(const fg_eval *e) {
    mel m = {.e = e,
             .bins = e->out[0].shape.dim[0],
             .bands = e->out[0].shape.dim[1],
             .length = fg_get_f64(&e->in[1], 0),
             .rate = fg_get_f64(&e->in[2], 0),
             .low = mel_of(fg_get_f64(&e->in[3], 0))};
    m.step = (mel_of(fg_get_f64(&e->in[4], 0)) - m.low) / (double)(m.bands + 2);
    for (int64_t band = 0; band < m.bands; band++) {
        triangle(&m, band);
    }
}
