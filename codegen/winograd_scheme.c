/* Tables and one-dimensional transforms of Winograd's minimal filtering (Lavin and Gray 2016), in double for
 * the weights.
 *
 * For six points the interpolation points are 0, +-1/sqrt(2), +-sqrt(2) and infinity. They need as many
 * operations as the usual 0,
 * +-1, +-2 but keep the transforms' norms low: the error is about a third. The input's transform depends on
 * the points alone, so F(4, 3), F(3, 4) and F(2, 5) share it.
 *
 * With stride 2 the even and the odd inputs are convolved apart: w0 and w2 over the even ones by F(2, 2),
 * with 3 products for 2 results in place of 4, w1 over the odd ones directly. 25 products in place of 36 in
 * two dimensions, and transforms that only add. */
#include "codegen/winograd_scheme.h"

#include <math.h>

#define SQRT2 1.41421356237309504880

static void input_f2(const float *d, int step, float *o) {
    const float d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    o[0] = d0 - d2;
    o[step] = d1 + d2;
    o[2 * step] = d2 - d1;
    o[3 * step] = d3 - d1;
}

static void output_f2(const float *d, int step, float *o) {
    const float a = d[step] + d[2 * step], b = d[step] - d[2 * step];
    o[0] = d[0] + a;
    o[step] = b + d[3 * step];
}

static void input_f4(const float *d, int step, float *o) {
    const float d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    const float d4 = d[4 * step], d5 = d[5 * step], h = (float)(SQRT2 / 2), s2 = (float)SQRT2;
    const float p = d4 - 2 * d2, q = h * d3 - s2 * d1, r = d4 - 0.5f * d2, s = s2 * d3 - h * d1;
    o[0] = d0 - 2.5f * d2 + d4;
    o[step] = p + q;
    o[2 * step] = p - q;
    o[3 * step] = r + s;
    o[4 * step] = r - s;
    o[5 * step] = d1 - 2.5f * d3 + d5;
}

static void output_f4(const float *d, int step, float *o) {
    const float a = d[step] + d[2 * step], b = d[step] - d[2 * step];
    const float e = d[3 * step] + d[4 * step], f = d[3 * step] - d[4 * step];
    o[0] = d[0] + a + e;
    o[step] = (float)(SQRT2 / 2) * b + (float)SQRT2 * f;
    o[2 * step] = 0.5f * a + 2 * e;
    o[3 * step] = (float)(SQRT2 / 4) * b + (float)(2 * SQRT2) * f + d[5 * step];
}

static void output_f3(const float *d, int step, float *o) {
    const float a = d[step] + d[2 * step], b = d[step] - d[2 * step];
    const float e = d[3 * step] + d[4 * step], f = d[3 * step] - d[4 * step];
    o[0] = d[0] + a + e;
    o[step] = (float)(SQRT2 / 2) * b + (float)SQRT2 * f;
    o[2 * step] = 0.5f * a + 2 * e + d[5 * step];
}

static void output_f2_of_six(const float *d, int step, float *o) {
    const float a = d[step] + d[2 * step], b = d[step] - d[2 * step];
    const float e = d[3 * step] + d[4 * step], f = d[3 * step] - d[4 * step];
    o[0] = d[0] + a + e;
    o[step] = (float)(SQRT2 / 2) * b + (float)SQRT2 * f + d[5 * step];
}

static void input_f2_stride2(const float *d, int step, float *o) {
    const float d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    o[0] = d0 - d2;
    o[step] = d2;
    o[2 * step] = d4 - d2;
    o[3 * step] = d1;
    o[4 * step] = d3;
}

static void output_f2_stride2(const float *d, int step, float *o) {
    const float d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    o[0] = d0 + d1 + d3;
    o[step] = d1 + d2 + d4;
}

/* Filters of the six points: (1, p, p^2, ...) over the product of p's differences to the other points; for
 * infinity, the last tap. */
static const fg_scheme schemes[] = {
    {.m = 4,
     .stride = 1,
     .taps = 3,
     .points = 6,
     .filters = 6,
     .g = {{1, 0, 0},
           {-2.0 / 3, -SQRT2 / 3, -1.0 / 3},
           {-2.0 / 3, SQRT2 / 3, -1.0 / 3},
           {1.0 / 6, SQRT2 / 6, 1.0 / 3},
           {1.0 / 6, -SQRT2 / 6, 1.0 / 3},
           {0, 0, 1}},
     .filter = {0, 1, 2, 3, 4, 5},
     .input = input_f4,
     .output = output_f4},
    {.m = 3,
     .stride = 1,
     .taps = 4,
     .points = 6,
     .filters = 6,
     .g = {{1, 0, 0, 0},
           {-2.0 / 3, -SQRT2 / 3, -1.0 / 3, -SQRT2 / 6},
           {-2.0 / 3, SQRT2 / 3, -1.0 / 3, SQRT2 / 6},
           {1.0 / 6, SQRT2 / 6, 1.0 / 3, SQRT2 / 3},
           {1.0 / 6, -SQRT2 / 6, 1.0 / 3, -SQRT2 / 3},
           {0, 0, 0, 1}},
     .filter = {0, 1, 2, 3, 4, 5},
     .input = input_f4,
     .output = output_f3},
    {.m = 2,
     .stride = 1,
     .taps = 5,
     .points = 6,
     .filters = 6,
     .g = {{1, 0, 0, 0, 0},
           {-2.0 / 3, -SQRT2 / 3, -1.0 / 3, -SQRT2 / 6, -1.0 / 6},
           {-2.0 / 3, SQRT2 / 3, -1.0 / 3, SQRT2 / 6, -1.0 / 6},
           {1.0 / 6, SQRT2 / 6, 1.0 / 3, SQRT2 / 3, 2.0 / 3},
           {1.0 / 6, -SQRT2 / 6, 1.0 / 3, -SQRT2 / 3, 2.0 / 3},
           {0, 0, 0, 0, 1}},
     .filter = {0, 1, 2, 3, 4, 5},
     .input = input_f4,
     .output = output_f2_of_six},
    {.m = 2,
     .stride = 1,
     .taps = 3,
     .points = 4,
     .filters = 4,
     .g = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}},
     .filter = {0, 1, 2, 3},
     .input = input_f2,
     .output = output_f2},
    {.m = 2,
     .stride = 2,
     .taps = 3,
     .points = 5,
     .filters = 4,
     .g = {{1, 0, 0}, {1, 0, 1}, {0, 0, 1}, {0, 1, 0}},
     .filter = {0, 1, 2, 3, 3},
     .input = input_f2_stride2,
     .output = output_f2_stride2},
};

const fg_scheme *fg_scheme_at(size_t i) {
    return i < FG_COUNT(schemes) ? &schemes[i] : NULL;
}

const fg_scheme *fg_scheme_of(int m, int64_t stride, int64_t taps) {
    for (size_t i = 0; i < FG_COUNT(schemes); i++)
        if (schemes[i].m == m && schemes[i].stride == stride && schemes[i].taps == taps) return &schemes[i];
    return NULL;
}

int fg_scheme_inputs(const fg_scheme *s) {
    return (s->m - 1) * s->stride + s->taps;
}

int64_t fg_folded_channels(const fg_folded *f) {
    return f->c->ic * f->fold * f->fold;
}

int64_t fg_folded_taps(const fg_folded *f) {
    return (f->c->kh + f->fold - 1) / f->fold;
}

fg_taps fg_folded_filter(const fg_folded *f, int64_t oc, int64_t ic) {
    const fg_convolution *c = f->c;
    const int64_t n = fg_folded_taps(f), pixel = ic / c->ic, py = pixel / f->fold, px = pixel % f->fold;
    fg_taps taps = {0};
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            const int64_t ky = i * f->fold + py, kx = j * f->fold + px;
            if (ky < c->kh && kx < c->kw)
                taps.w[i][j] = (double)fg_convolution_weight(c, oc, ic % c->ic, ky, kx);
        }
    return taps;
}

double fg_scheme_filter(const fg_scheme *s, const fg_taps *taps, int i, int j) {
    double sum = 0;
    for (int k = 0; k < s->taps; k++)
        for (int l = 0; l < s->taps; l++) sum += s->g[i][k] * s->g[j][l] * taps->w[k][l];
    return sum;
}

/* Uniform in [0, 2): positive as behind a rectifier, which is the worse case for cancellation. */
static float sample(uint64_t *state) {
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (float)((z ^ (z >> 31)) >> 40) * 0x1p-23f;
}

/* Largest error over RMS of a few output tiles of a few channels, against double, with the kernel's own
 * arithmetic. */
static double estimated_error(fg_context *ctx, const fg_scheme *s, const fg_folded *f) {
    enum { POINTS = FG_WINOGRAD_POINTS * FG_WINOGRAD_POINTS, IN = POINTS, RESULTS = 16 };
    const int a = s->points, n = fg_scheme_inputs(s), tiles = 4,
              channels = f->c->oc < 16 ? (int)f->c->oc : 16;
    const int64_t inputs = fg_folded_channels(f);
    float *d = FG_ARRAY(ctx, (size_t)inputs * IN, float), *v = FG_ARRAY(ctx, (size_t)inputs * POINTS, float);
    double worst = 0, squares = 0;
    int64_t count = 0;
    uint64_t state = 1;
    for (int tile = 0; tile < tiles; tile++) {
        for (int64_t ic = 0; ic < inputs; ic++) {
            /* a x a as the larger of the two, so that a column and its transform have the same step */
            float *x = d + ic * IN, half[POINTS], *t = v + ic * POINTS;
            for (int i = 0; i < n * a; i++) x[i] = i % a < n ? sample(&state) : 0;
            for (int j = 0; j < n; j++) s->input(x + j, a, half + j);
            for (int i = 0; i < a; i++) s->input(half + i * a, 1, t + i * a);
        }
        for (int k = 0; k < channels; k++) {
            const int64_t oc = k * (f->c->oc / channels);
            float sum[POINTS] = {0}, half[POINTS], y[POINTS];
            double exact[RESULTS] = {0};
            for (int64_t ic = 0; ic < inputs; ic++) {
                const fg_taps taps = fg_folded_filter(f, oc, ic);
                for (int i = 0; i < a * a; i++)
                    sum[i] = (float)((double)sum[i] + (double)v[ic * POINTS + i] *
                                                          (double)(float)fg_scheme_filter(
                                                              s, &taps, s->filter[i / a], s->filter[i % a]));
                for (int o = 0; o < s->m * s->m; o++)
                    for (int i = 0; i < s->taps * s->taps; i++)
                        exact[o] += taps.w[i / s->taps][i % s->taps] *
                                    (double)d[ic * IN + (o / s->m * s->stride + i / s->taps) * a +
                                              o % s->m * s->stride + i % s->taps];
            }
            for (int j = 0; j < a; j++) s->output(sum + j, a, half + j);
            for (int i = 0; i < s->m; i++) s->output(half + i * a, 1, y + i * a);
            for (int o = 0; o < s->m * s->m; o++, count++) {
                const double error = fabs((double)y[o / s->m * a + o % s->m] - exact[o]);
                if (error > worst) worst = error;
                squares += exact[o] * exact[o];
            }
        }
    }
    return squares > 0 ? worst / sqrt(squares / (double)count) : 0;
}

bool fg_scheme_is_accurate(fg_context *ctx, const fg_scheme *s, const fg_folded *f) {
    return estimated_error(ctx, s, f) < 2.5e-5;
}

double fg_scheme_transform_cycles(const fg_scheme *s, int64_t in_vectors, int64_t out_vectors) {
    const double points = (double)(s->points * s->points), in = points * 3.2,
                 out = points * 2.2 + 4.0 * s->m * s->m;
    return in * (double)in_vectors + out * (double)out_vectors;
}

void fg_scheme_pack(fg_emit *e, const fg_scheme *s, const fg_folded *f, int nv) {
    const int64_t lanes = e->lanes, vectors = fg_divide_up(f->c->oc, lanes), inputs = fg_folded_channels(f);
    const int64_t matrix = vectors * lanes * inputs, filters = s->filters * s->filters;
    float *u = fg_emit_weights(e, "u", filters * matrix);
    for (int64_t oc = 0; oc < f->c->oc; oc++) {
        const int64_t v = oc / lanes, first = v / nv * nv,
                      width = first + nv <= vectors ? nv : vectors - first;
        for (int64_t ic = 0; ic < inputs; ic++) {
            const fg_taps taps = fg_folded_filter(f, oc, ic);
            float *to = u + first * lanes * inputs + ic * width * lanes + (v - first) * lanes + oc % lanes;
            for (int i = 0; i < filters; i++)
                to[i * matrix] = (float)fg_scheme_filter(s, &taps, i / s->filters, i % s->filters);
        }
    }
}

int fg_scheme_asked(const fg_pick *pick) {
    const char *text = pick->text;
    return text && text[0] == 'F' && text[1] >= '2' && text[1] <= '4' && text[2] == ':' ? text[1] - '0' : 0;
}
