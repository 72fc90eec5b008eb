/* Convolutions of any spatial rank. Groups with enough output channels go through the dense engine (rows =
 * output pixels gathered from the input, columns = output channels); depthwise and narrow groups add scaled
 * input rows directly.
 *
 * One image is converted to the summing type (double, or float for the plain float run) before it is used. */
#include "frontend/reference/conv.h"

#include "frontend/reference/access.h"
#include "frontend/reference/dense.h"
#include "frontend/window.h"

/* Below this many output channels in a group the gather costs more than it saves. */
#define DENSE_CHANNELS 8

typedef struct conv {
    const fg_eval *e;
    fg_window w;
    bool single;
    int64_t group, in_channels, out_channels; /* channels of one group */
    int64_t in_size, out_size, taps;          /* elements of an input plane, an output plane, a kernel */
    int64_t n, g;                             /* image and group at work */
    void *x;                                  /* the image's channels in the summing type */
    void *plane; /* direct form: one output plane; transpose: the group's output planes */
} conv;

static size_t size_of(const conv *c) {
    return c->single ? sizeof(float) : sizeof(double);
}

static void load(bool single, const fg_tensor *t, int64_t offset, int64_t n, void *out) {
    if (single) {
        fg_load_f32(t, offset, 1, n, (float *)out);
    } else {
        fg_load_f64(t, offset, 1, n, (double *)out);
    }
}

static int64_t product(int n, const int64_t *v) {
    int64_t p = 1;
    for (int i = 0; i < n; i++) {
        p *= v[i];
    }
    return p;
}

/* A pointwise convolution reads its pixels in order: one axis will do, and runs get long. */
static void flatten(fg_window *w) {
    for (int i = 0; i < w->axes; i++) {
        if (w->kernel[i] != 1 || w->stride[i] != 1 || w->pad[i] != 0 || w->pad_end[i] != 0) {
            return;
        }
    }
    int64_t size = product(w->axes, w->in);
    w->axes = 1;
    w->in[0] = w->out[0] = size;
}

/* Where tap `tap` reads for the output row that starts at pixel `row_start` of the plane (its innermost
 * coordinate is 0): offset of innermost position 0 in the input plane, or -1 if an outer coordinate lies in
 * the padding. */
static int64_t row_offset(const fg_window *w, int64_t row, int64_t outer_tap) {
    int64_t offset = 0, stride = w->in[w->axes - 1];
    for (int i = w->axes - 2; i >= 0; i--) {
        int64_t at = row % w->out[i] * w->stride[i] + outer_tap % w->kernel[i] * w->dilation[i] - w->pad[i];
        if (at < 0 || at >= w->in[i]) {
            return -1;
        }
        offset += at * stride;
        stride *= w->in[i];
        row /= w->out[i];
        outer_tap /= w->kernel[i];
    }
    return offset;
}

/* Innermost outputs lo .. hi-1 read inside the input for a tap that reads at o * stride + shift. */
static void inner_range(const fg_window *w, int64_t shift, int64_t *lo, int64_t *hi) {
    int last = w->axes - 1;
    int64_t stride = w->stride[last], room = w->in[last] - shift;
    *lo = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
    *hi = room <= 0 ? 0 : (room + stride - 1) / stride;
    if (*hi > w->out[last]) {
        *hi = w->out[last];
    }
    if (*lo > *hi) {
        *lo = *hi;
    }
}

/* ---- dense groups ---- */

/* Pixels first .. first+count-1 of one output row, tap k of the flattened channels: a[i * depth] = input or
 * zero. */
#define GATHER_FUNCTION(NAME, T)                                                                             \
    FG_HOT static void NAME(const T *restrict x, int64_t stride, int64_t lo, int64_t hi, int64_t first,      \
                            int64_t count, int64_t depth, T *restrict a) {                                   \
        for (int64_t i = 0; i < count; i++) {                                                                \
            int64_t o = first + i;                                                                           \
            a[i * depth] = o >= lo && o < hi ? x[o * stride] : 0;                                            \
        }                                                                                                    \
    }
GATHER_FUNCTION(gather_double, double)
GATHER_FUNCTION(gather_float, float)

static void gather_run(const conv *c, int64_t row, int64_t first, int64_t count, char *a) {
    const fg_window *w = &c->w;
    int last = w->axes - 1;
    int64_t depth = c->in_channels * c->taps, inner = w->kernel[last];
    size_t size = size_of(c);
    for (int64_t tap = 0; tap < c->taps; tap++) {
        int64_t shift = tap % inner * w->dilation[last] - w->pad[last], lo, hi;
        int64_t offset = row_offset(w, row, tap / inner);
        inner_range(w, shift, &lo, &hi);
        if (offset < 0) {
            lo = hi = 0;
        }
        for (int64_t ch = 0; ch < c->in_channels; ch++) {
            int64_t base = (c->g * c->in_channels + ch) * c->in_size + (lo < hi ? offset + shift : 0);
            char *to = a + (size_t)(ch * c->taps + tap) * size;
            if (c->single) {
                gather_float((const float *)c->x + base, w->stride[last], lo, hi, first, count, depth,
                             (float *)(void *)to);
            } else {
                gather_double((const double *)c->x + base, w->stride[last], lo, hi, first, count, depth,
                              (double *)(void *)to);
            }
        }
    }
}

static void load_pixels(const fg_dense *d, int64_t m0, int64_t mn, void *a) {
    const conv *c = (const conv *)d->user;
    int64_t width = c->w.out[c->w.axes - 1];
    for (int64_t done = 0; done < mn;) {
        int64_t row = (m0 + done) / width, first = (m0 + done) % width;
        int64_t run = width - first < mn - done ? width - first : mn - done;
        gather_run(c, row, first, run, (char *)a + (size_t)(done * d->k) * size_of(c));
        done += run;
    }
}

static void load_weights(const fg_dense *d, int64_t k0, int64_t kn, int64_t n0, int64_t nn, void *b) {
    const conv *c = (const conv *)d->user;
    union {
        double d[FG_DENSE_K];
        float f[FG_DENSE_K];
    } line;
    for (int64_t i = 0; i < nn; i++) {
        load(d->single, &c->e->in[1], (c->g * c->out_channels + n0 + i) * d->k + k0, kn, &line);
        for (int64_t j = 0; j < kn; j++) {
            if (d->single) {
                ((float *)b)[j * FG_DENSE_N + i] = line.f[j];
            } else {
                ((double *)b)[j * FG_DENSE_N + i] = line.d[j];
            }
        }
    }
}

static double bias_of(const conv *c, int64_t channel) {
    bool has = c->e->node->n_in > 2 && c->e->in[2].data != NULL;
    return has ? fg_get_f64(&c->e->in[2], channel) : 0;
}

static void store_pixels(const fg_dense *d, int64_t m0, int64_t mn, int64_t n0, int64_t nn, void *sums) {
    const conv *c = (const conv *)d->user;
    double line[FG_DENSE_M];
    for (int64_t j = 0; j < nn; j++) {
        int64_t channel = c->g * c->out_channels + n0 + j;
        double bias = bias_of(c, channel);
        for (int64_t i = 0; i < mn; i++) {
            int64_t at = i * FG_DENSE_N + j;
            line[i] = bias + (d->single ? (double)((float *)sums)[at] : ((double *)sums)[at]);
        }
        int64_t channels = c->group * c->out_channels;
        fg_store_f64(&c->e->out[0], (c->n * channels + channel) * c->out_size + m0, mn, line);
    }
}

/* ---- narrow groups ---- */

#define AXPY_FUNCTION(NAME, T)                                                                               \
    FG_HOT static void NAME(int64_t n, T w, const T *restrict x, int64_t stride, T *restrict y) {            \
        if (stride == 1) {                                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                                \
                y[i] += w * x[i];                                                                            \
            }                                                                                                \
        } else {                                                                                             \
            for (int64_t i = 0; i < n; i++) {                                                                \
                y[i] += w * x[i * stride];                                                                   \
            }                                                                                                \
        }                                                                                                    \
    }
AXPY_FUNCTION(axpy_double, double)
AXPY_FUNCTION(axpy_float, float)

/* Adds one tap of one input channel to the output plane. */
static void add_tap(const conv *c, int64_t tap, double weight, int64_t x_base) {
    const fg_window *w = &c->w;
    int last = w->axes - 1;
    int64_t width = w->out[last], rows = c->out_size / (width > 0 ? width : 1), lo, hi;
    int64_t shift = tap % w->kernel[last] * w->dilation[last] - w->pad[last];
    inner_range(w, shift, &lo, &hi);
    if (lo >= hi) {
        return;
    }
    for (int64_t row = 0; row < rows; row++) {
        int64_t offset = row_offset(w, row, tap / w->kernel[last]);
        if (offset < 0) {
            continue;
        }
        int64_t from = x_base + offset + shift + lo * w->stride[last], to = row * width + lo;
        if (c->single) {
            axpy_float(hi - lo, (float)weight, (const float *)c->x + from, w->stride[last],
                       (float *)c->plane + to);
        } else {
            axpy_double(hi - lo, weight, (const double *)c->x + from, w->stride[last],
                        (double *)c->plane + to);
        }
    }
}

static void clear_plane(const conv *c, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (c->single) {
            ((float *)c->plane)[i] = 0;
        } else {
            ((double *)c->plane)[i] = 0;
        }
    }
}

/* Stores `size` elements of the plane buffer from `from` on as output channel `channel`, bias added. */
static void store_plane(const conv *c, int64_t from, int64_t channel) {
    double line[256], bias = bias_of(c, channel);
    int64_t base = (c->n * c->group * c->out_channels + channel) * c->out_size;
    for (int64_t start = 0; start < c->out_size; start += 256) {
        int64_t n = c->out_size - start < 256 ? c->out_size - start : 256;
        for (int64_t i = 0; i < n; i++) {
            int64_t at = from + start + i;
            line[i] = bias + (c->single ? (double)((float *)c->plane)[at] : ((double *)c->plane)[at]);
        }
        fg_store_f64(&c->e->out[0], base + start, n, line);
    }
}

static void narrow_group(const conv *c) {
    for (int64_t oc = 0; oc < c->out_channels; oc++) {
        int64_t channel = c->g * c->out_channels + oc;
        clear_plane(c, c->out_size);
        for (int64_t ic = 0; ic < c->in_channels; ic++) {
            int64_t x_base = (c->g * c->in_channels + ic) * c->in_size;
            for (int64_t tap = 0; tap < c->taps; tap++) {
                int64_t at = (channel * c->in_channels + ic) * c->taps + tap;
                add_tap(c, tap, fg_get_f64(&c->e->in[1], at), x_base);
            }
        }
        store_plane(c, 0, channel);
    }
}

/* ---- Conv ---- */

static conv start(const fg_eval *e, const fg_window *w) {
    const fg_shape *x = &e->in[0].shape;
    conv c = {.e = e, .w = *w, .single = fg_is_single(e)};
    c.group = fg_attr_int(e->node, "group", 1);
    c.in_channels = x->dim[1] / c.group;
    c.out_channels = e->out[0].shape.dim[1] / c.group;
    c.in_size = product(w->axes, w->in);
    c.out_size = product(w->axes, w->out);
    c.taps = product(w->axes, w->kernel);
    c.x = fg_big_alloc(e->ctx, (size_t)(x->dim[1] * c.in_size + 1) * size_of(&c));
    return c;
}

void fg_ref_conv(const fg_eval *e) {
    fg_window w = fg_window_of(e->ctx, e->node, &e->in[0].shape, e->in[1].shape.dim + 2);
    flatten(&w);
    conv c = start(e, &w);
    int64_t channels = e->in[0].shape.dim[1], images = e->in[0].shape.dim[0];
    bool dense = c.group == 1 || c.out_channels >= DENSE_CHANNELS;
    if (!dense) {
        c.plane = fg_big_alloc(e->ctx, (size_t)(c.out_size + 1) * size_of(&c));
    }
    for (c.n = 0; c.n < images; c.n++) {
        load(c.single, &e->in[0], c.n * channels * c.in_size, channels * c.in_size, c.x);
        for (c.g = 0; c.g < c.group; c.g++) {
            if (dense) {
                fg_dense d = {e->ctx,      c.out_size,   c.out_channels, c.in_channels * c.taps, c.single, &c,
                              load_pixels, load_weights, store_pixels};
                fg_dense_run(&d);
            } else {
                narrow_group(&c);
            }
        }
    }
    fg_big_free(e->ctx, c.plane);
    fg_big_free(e->ctx, c.x);
}

/* ---- ConvTranspose: rows = input pixels, columns = output channel and tap, results scattered ---- */

static void load_input(const fg_dense *d, int64_t m0, int64_t mn, void *a) {
    const conv *c = (const conv *)d->user;
    for (int64_t k = 0; k < d->k; k++) {
        int64_t from = (c->g * c->in_channels + k) * c->in_size + m0;
        for (int64_t i = 0; i < mn; i++) {
            if (d->single) {
                ((float *)a)[i * d->k + k] = ((const float *)c->x)[from + i];
            } else {
                ((double *)a)[i * d->k + k] = ((const double *)c->x)[from + i];
            }
        }
    }
}

static void load_transposed_weights(const fg_dense *d, int64_t k0, int64_t kn, int64_t n0, int64_t nn,
                                    void *b) {
    const conv *c = (const conv *)d->user;
    for (int64_t j = 0; j < kn; j++) {
        int64_t from = (c->g * c->in_channels + k0 + j) * d->n + n0;
        void *to = (char *)b + (size_t)(j * FG_DENSE_N) * size_of(c);
        load(d->single, &c->e->in[1], from, nn, to);
    }
}

/* Where input pixel `pixel` puts tap `tap` in the output plane, -1: outside. */
static int64_t scatter_offset(const fg_window *w, int64_t pixel, int64_t tap) {
    int64_t offset = 0, stride = 1;
    for (int i = w->axes - 1; i >= 0; i--) {
        int64_t at = pixel % w->in[i] * w->stride[i] + tap % w->kernel[i] * w->dilation[i] - w->pad[i];
        if (at < 0 || at >= w->out[i]) {
            return -1;
        }
        offset += at * stride;
        stride *= w->out[i];
        pixel /= w->in[i];
        tap /= w->kernel[i];
    }
    return offset;
}

static void scatter(const fg_dense *d, int64_t m0, int64_t mn, int64_t n0, int64_t nn, void *sums) {
    const conv *c = (const conv *)d->user;
    for (int64_t j = 0; j < nn; j++) {
        int64_t channel = (n0 + j) / c->taps, tap = (n0 + j) % c->taps;
        for (int64_t i = 0; i < mn; i++) {
            int64_t to = scatter_offset(&c->w, m0 + i, tap);
            if (to < 0) {
                continue;
            }
            to += channel * c->out_size;
            if (d->single) {
                ((float *)c->plane)[to] += ((float *)sums)[i * FG_DENSE_N + j];
            } else {
                ((double *)c->plane)[to] += ((double *)sums)[i * FG_DENSE_N + j];
            }
        }
    }
}

void fg_ref_conv_transpose(const fg_eval *e) {
    fg_window w = fg_window_of_transpose(e->ctx, e->node, &e->in[0].shape, e->in[1].shape.dim + 2);
    conv c = start(e, &w);
    int64_t channels = e->in[0].shape.dim[1], images = e->in[0].shape.dim[0];
    int64_t planes = c.out_channels * c.out_size;
    c.plane = fg_big_alloc(e->ctx, (size_t)(planes + 1) * size_of(&c));
    for (c.n = 0; c.n < images; c.n++) {
        load(c.single, &e->in[0], c.n * channels * c.in_size, channels * c.in_size, c.x);
        for (c.g = 0; c.g < c.group; c.g++) {
            fg_dense d = {e->ctx, c.in_size,  c.out_channels * c.taps, c.in_channels, c.single,
                          &c,     load_input, load_transposed_weights, scatter};
            clear_plane(&c, planes);
            fg_dense_run(&d);
            for (int64_t oc = 0; oc < c.out_channels; oc++) {
                store_plane(&c, oc * c.out_size, c.g * c.out_channels + oc);
            }
        }
    }
    fg_big_free(e->ctx, c.plane);
    fg_big_free(e->ctx, c.x);
}
