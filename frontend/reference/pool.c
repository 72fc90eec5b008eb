/* Pools: one plane (image, channel) at a time, in double (or float for the plain float run), windows clipped
 * to the input. */
#include "frontend/reference/pool.h"

#include <math.h>
#include <string.h>

#include "frontend/reference/access.h"
#include "frontend/window.h"

/* The taps of one output's window that lie inside the input: begin, count per axis, and the padded extent of
 * the window that AveragePool divides by when it counts padding. */
typedef struct clip {
    int64_t first[FG_MAX_SPATIAL]; /* input coordinate of the first tap inside */
    int64_t count[FG_MAX_SPATIAL];
    int64_t covered; /* taps inside the padded input */
    int64_t inside;
} clip;

static clip clip_window(const fg_window *w, int64_t out) {
    clip c = {.covered = 1, .inside = 1};
    for (int i = w->axes - 1; i >= 0; i--) {
        int64_t start = out % w->out[i] * w->stride[i] - w->pad[i], dilation = w->dilation[i];
        int64_t skip = start < 0 ? (-start + dilation - 1) / dilation : 0;
        int64_t room = w->in[i] - start, padded = w->in[i] + w->pad_end[i] - start;
        int64_t end = room <= 0 ? 0 : (room + dilation - 1) / dilation;
        int64_t end_padded = padded <= 0 ? 0 : (padded + dilation - 1) / dilation;
        if (end > w->kernel[i]) {
            end = w->kernel[i];
        }
        if (end_padded > w->kernel[i]) {
            end_padded = w->kernel[i];
        }
        c.first[i] = start + skip * dilation;
        c.count[i] = end > skip ? end - skip : 0;
        c.covered *= end_padded;
        c.inside *= c.count[i];
        out /= w->out[i];
    }
    return c;
}

/* Offset in the plane of tap `tap` of a clipped window. */
static int64_t tap_offset(const fg_window *w, const clip *c, int64_t tap) {
    int64_t offset = 0, stride = 1;
    for (int i = w->axes - 1; i >= 0; i--) {
        offset += (c->first[i] + tap % c->count[i] * w->dilation[i]) * stride;
        stride *= w->in[i];
        tap /= c->count[i];
    }
    return offset;
}

typedef struct pool {
    const fg_eval *e;
    fg_window w;
    int64_t planes, in_size, out_size;
    double p;
    bool single, count_pad;
    double *x, *y; /* one plane */
} pool;

static pool start(const fg_eval *e) {
    const fg_shape *x = &e->in[0].shape;
    pool c = {.e = e, .w = fg_window_of(e->ctx, e->node, x, NULL)};
    c.planes = x->dim[0] * x->dim[1];
    c.in_size = c.out_size = 1;
    for (int i = 0; i < c.w.axes; i++) {
        c.in_size *= c.w.in[i];
        c.out_size *= c.w.out[i];
    }
    c.single = fg_is_single(e);
    c.p = (double)fg_attr_int(e->node, "p", 2);
    c.count_pad = fg_attr_int(e->node, "count_include_pad", 0) != 0;
    c.x = (double *)fg_big_alloc(e->ctx, (size_t)(c.in_size + 1) * sizeof(double));
    c.y = (double *)fg_big_alloc(e->ctx, (size_t)(c.out_size + 1) * sizeof(double));
    return c;
}

static void finish(pool *c) {
    fg_big_free(c->e->ctx, c->y);
    fg_big_free(c->e->ctx, c->x);
}

static double sum_window(const pool *c, const clip *win) {
    double sum = 0;
    for (int64_t t = 0; t < win->inside; t++) {
        sum = fg_accumulate(c->single, sum, c->x[tap_offset(&c->w, win, t)]);
    }
    return sum;
}

void fg_ref_average_pool(const fg_eval *e) {
    pool c = start(e);
    for (int64_t plane = 0; plane < c.planes; plane++) {
        fg_load_f64(&e->in[0], plane * c.in_size, 1, c.in_size, c.x);
        for (int64_t o = 0; o < c.out_size; o++) {
            clip win = clip_window(&c.w, o);
            int64_t by = c.count_pad ? win.covered : win.inside;
            c.y[o] = by > 0 ? sum_window(&c, &win) / (double)by : 0;
        }
        fg_store_f64(&e->out[0], plane * c.out_size, c.out_size, c.y);
    }
    finish(&c);
}

static double power_sum(double sum, double x, double p, bool single) {
    double a = fabs(x);
    return fg_accumulate(single, sum, p == 1 ? a : p == 2 ? a * a : pow(a, p));
}

static double root(double sum, double p) {
    return p == 1 ? sum : p == 2 ? sqrt(sum) : pow(sum, 1 / p);
}

void fg_ref_lp_pool(const fg_eval *e) {
    pool c = start(e);
    for (int64_t plane = 0; plane < c.planes; plane++) {
        fg_load_f64(&e->in[0], plane * c.in_size, 1, c.in_size, c.x);
        for (int64_t o = 0; o < c.out_size; o++) {
            clip win = clip_window(&c.w, o);
            double sum = 0;
            for (int64_t t = 0; t < win.inside; t++) {
                sum = power_sum(sum, c.x[tap_offset(&c.w, &win, t)], c.p, c.single);
            }
            c.y[o] = root(sum, c.p);
        }
        fg_store_f64(&e->out[0], plane * c.out_size, c.out_size, c.y);
    }
    finish(&c);
}

/* storage_order 1: the index counts with the spatial axes in reverse significance (column-major). */
static int64_t column_major(const fg_window *w, int64_t offset) {
    int64_t coordinate[FG_MAX_SPATIAL], index = 0;
    for (int i = w->axes - 1; i >= 0; i--) {
        coordinate[i] = offset % w->in[i];
        offset /= w->in[i];
    }
    for (int i = w->axes - 1; i >= 0; i--) {
        index = index * w->in[i] + coordinate[i];
    }
    return index;
}

/* First maximum in row-major order; NaN wins. at: its offset in the plane. */
static double max_window(const pool *c, const clip *win, int64_t *at) {
    double best = -HUGE_VAL;
    *at = -1;
    for (int64_t t = 0; t < win->inside; t++) {
        int64_t offset = tap_offset(&c->w, win, t);
        double x = c->x[offset];
        if (*at < 0 || x > best || (isnan(x) && !isnan(best))) {
            best = x;
            *at = offset;
        }
    }
    return best;
}

void fg_ref_max_pool(const fg_eval *e) {
    pool c = start(e);
    bool wanted = e->node->n_out > 1 && e->out[1].data != NULL;
    bool by_column = fg_attr_int(e->node, "storage_order", 0) != 0;
    for (int64_t plane = 0; plane < c.planes; plane++) {
        fg_load_f64(&e->in[0], plane * c.in_size, 1, c.in_size, c.x);
        for (int64_t o = 0; o < c.out_size; o++) {
            clip win = clip_window(&c.w, o);
            int64_t at;
            c.y[o] = max_window(&c, &win, &at);
            if (wanted) {
                int64_t index = by_column && at >= 0 ? column_major(&c.w, at) : at;
                ((int64_t *)e->out[1].data)[plane * c.out_size + o] = plane * c.in_size + index;
            }
        }
        fg_store_f64(&e->out[0], plane * c.out_size, c.out_size, c.y);
    }
    finish(&c);
}

/* ---- global pools ---- */

typedef double reduce_fn(const double *x, int64_t n, double p, bool single);

static double mean_of(const double *x, int64_t n, double p, bool single) {
    double sum = 0;
    (void)p;
    for (int64_t i = 0; i < n; i++) {
        sum = fg_accumulate(single, sum, x[i]);
    }
    return n > 0 ? sum / (double)n : 0;
}

static double max_of(const double *x, int64_t n, double p, bool single) {
    double best = -HUGE_VAL;
    (void)p, (void)single;
    for (int64_t i = 0; i < n; i++) {
        best = x[i] > best || isnan(x[i]) ? x[i] : best;
    }
    return best;
}

static double norm_of(const double *x, int64_t n, double p, bool single) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum = power_sum(sum, x[i], p, single);
    }
    return root(sum, p);
}

static void global_pool(const fg_eval *e, reduce_fn *fn) {
    const fg_shape *s = &e->in[0].shape;
    int64_t planes = s->dim[0] * s->dim[1], size = 1;
    for (int d = 2; d < s->rank; d++) {
        size *= s->dim[d];
    }
    bool single = fg_is_single(e);
    double p = (double)fg_attr_int(e->node, "p", 2);
    double *x = (double *)fg_big_alloc(e->ctx, (size_t)(size + 1) * sizeof(double));
    for (int64_t plane = 0; plane < planes; plane++) {
        fg_load_f64(&e->in[0], plane * size, 1, size, x);
        fg_set_f64(&e->out[0], plane, fn(x, size, p, single));
    }
    fg_big_free(e->ctx, x);
}

void fg_ref_global_average_pool(const fg_eval *e) {
    global_pool(e, mean_of);
}

void fg_ref_global_max_pool(const fg_eval *e) {
    global_pool(e, max_of);
}

void fg_ref_global_lp_pool(const fg_eval *e) {
    global_pool(e, norm_of);
}
