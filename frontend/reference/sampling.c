#include "frontend/reference/sampling.h"

#include <math.h>
#include <string.h>

#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"
#include "frontend/window.h"

/* ---- AffineGrid ---- */

/* Centre of pixel i of n (of the outermost ones if aligned), where the image spans -1 to 1. */
static double centre(int64_t i, int64_t n, bool aligned) {
    if (!aligned) {
        return ((double)(2 * i + 1) - (double)n) / (double)n;
    }
    return n == 1 ? -1 : (double)(2 * i - (n - 1)) / (double)(n - 1);
}

void fg_ref_affine_grid(const fg_eval *e) {
    const fg_tensor *theta = &e->in[0];
    fg_tensor y = e->out[0];
    const int axes = y.shape.rank - 2;
    const bool aligned = fg_attr_int(e->node, "align_corners", 0) != 0;
    const int64_t points = fg_shape_count(&y.shape) / axes;
    for (int64_t p = 0; p < points; p++) {
        double at[3];
        int64_t rest = p;
        for (int d = axes; d > 0; d--) { /* x comes first, the last dimension is x */
            at[axes - d] = centre(rest % y.shape.dim[d], y.shape.dim[d], aligned);
            rest /= y.shape.dim[d];
        }
        for (int row = 0; row < axes; row++) {
            const int64_t from = (rest * axes + row) * (axes + 1);
            double sum = fg_get_f64(theta, from + axes);
            for (int k = 0; k < axes; k++) {
                sum += fg_get_f64(theta, from + k) * at[k];
            }
            fg_set_f64(&y, p * axes + row, sum);
        }
    }
}

/* ---- GridSample ---- */

enum { NEAREST = 1, LINEAR = 2, CUBIC = 4 }; /* taps per axis */

typedef struct sampler {
    int axes, taps;
    bool aligned;
    char padding; /* first letter of the mode */
    int64_t extent[FG_MAX_RANK];
} sampler;

/* The taps of one axis: pixels (-1: reads as zero) and weights. */
typedef struct taps {
    int64_t pixel[4];
    double weight[4];
} taps;

static double reflected(double x, double low, double high) {
    const double range = high - low;
    if (range <= 0) {
        return low;
    }
    double beyond = x < low ? low - x : x - high;
    const double turns = floor(beyond / range);
    beyond -= turns * range;
    return (fmod(turns, 2) == 0) == (x < low) ? low + beyond : high - beyond;
}

static void cubic_weights(double r, double *w) {
    static const double a = -0.75;
    for (int t = 0; t < 4; t++) {
        const double d = fabs(r + 1 - t);
        w[t] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    }
}

static int64_t padded_pixel(const sampler *s, int64_t i, int64_t n) {
    if (i >= 0 && i < n) {
        return i;
    }
    if (s->padding == 'z') {
        return -1;
    }
    if (s->padding == 'b') {
        return i < 0 ? 0 : n - 1;
    }
    const double half = s->aligned ? 0 : 0.5;
    return (int64_t)reflected((double)i, -half, (double)(n - 1) + half);
}

static taps taps_of(const sampler *s, double g, int64_t n) {
    const double extent = (double)n, half = s->aligned ? 0 : 0.5, low = -half, high = extent - 1 + half;
    double x = s->aligned ? (g + 1) / 2 * (extent - 1) : ((g + 1) * extent - 1) / 2;
    x = !(x > -1e9) ? -1e9 : x > 1e9 ? 1e9 : x; /* NaN lies on the far left */
    if (s->taps == NEAREST) {
        x = nearbyint(x);
    }
    if (x < low || x > high) {
        if (s->padding == 'b') {
            x = x < 0 ? 0 : extent - 1;
        } else if (s->padding == 'r') {
            x = reflected(x, low, high);
        }
    }
    taps t = {{0}, {1, 0, 0, 0}};
    const double whole = floor(x);
    const int64_t first = (int64_t)whole - (s->taps == CUBIC);
    if (s->taps == LINEAR) {
        t.weight[0] = 1 - (x - whole);
        t.weight[1] = x - whole;
    } else if (s->taps == CUBIC) {
        cubic_weights(x - whole, t.weight);
    }
    for (int k = 0; k < s->taps; k++) {
        t.pixel[k] = padded_pixel(s, first + k, n);
    }
    return t;
}

/* One plane of the image at one point. */
static double sample(const sampler *s, const taps *t, const fg_tensor *x, int64_t plane) {
    int64_t count = 1;
    double sum = 0;
    for (int d = 0; d < s->axes; d++) {
        count *= s->taps;
    }
    for (int64_t k = 0; k < count; k++) {
        double weight = 1;
        int64_t at = plane, rest = k, scale = 1;
        bool inside = true;
        for (int d = 0; d < s->axes; d++) {
            at *= s->extent[d];
        }
        for (int d = s->axes - 1; d >= 0; d--) {
            const int64_t pixel = t[d].pixel[rest % s->taps];
            weight *= t[d].weight[rest % s->taps];
            inside = inside && pixel >= 0;
            at += pixel * scale;
            scale *= s->extent[d];
            rest /= s->taps;
        }
        if (inside) {
            sum += weight * fg_get_f64(x, at);
        }
    }
    return sum;
}

void fg_ref_grid_sample(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *grid = &e->in[1];
    fg_tensor y = e->out[0];
    if (fg_shape_count(&y.shape) == 0) {
        return;
    }
    const char *mode = fg_attr_string(e->node, "mode", "linear");
    sampler s = {.axes = x->shape.rank - 2,
                 .taps = mode[0] == 'n'                  ? NEAREST
                         : strstr(mode, "cubic") != NULL ? CUBIC
                                                         : LINEAR,
                 .aligned = fg_attr_int(e->node, "align_corners", 0) != 0,
                 .padding = fg_attr_string(e->node, "padding_mode", "zeros")[0]};
    int64_t points = 1;
    for (int d = 0; d < s.axes; d++) {
        s.extent[d] = x->shape.dim[d + 2];
        points *= y.shape.dim[d + 2];
    }
    const int64_t channels = x->shape.dim[1];
    for (int64_t p = 0; p < x->shape.dim[0] * points; p++) {
        taps t[FG_MAX_RANK];
        for (int d = 0; d < s.axes; d++) { /* the grid names the last axis first */
            t[d] = taps_of(&s, fg_get_f64(grid, p * s.axes + s.axes - 1 - d), s.extent[d]);
        }
        for (int64_t c = 0; c < channels; c++) {
            const int64_t plane = p / points * channels + c;
            fg_set_f64(&y, plane * points + p % points, sample(&s, t, x, plane));
        }
    }
}

/* ---- DeformConv ---- */

/* Pixel (i, j) of a plane; zero outside. */
static double pixel_or_zero(const fg_tensor *x, int64_t plane, int64_t i, int64_t j) {
    const int64_t h = x->shape.dim[2], w = x->shape.dim[3];
    return i < 0 || j < 0 || i >= h || j >= w ? 0 : fg_get_f64(x, (plane * h + i) * w + j);
}

static double between_pixels(const fg_tensor *x, int64_t plane, double i, double j) {
    if (!(i > -1 && j > -1 && i < (double)x->shape.dim[2] && j < (double)x->shape.dim[3])) {
        return 0;
    }
    const int64_t i0 = (int64_t)floor(i), j0 = (int64_t)floor(j);
    const double u = i - floor(i), v = j - floor(j);
    return (1 - u) * ((1 - v) * pixel_or_zero(x, plane, i0, j0) + v * pixel_or_zero(x, plane, i0, j0 + 1)) +
           u * ((1 - v) * pixel_or_zero(x, plane, i0 + 1, j0) + v * pixel_or_zero(x, plane, i0 + 1, j0 + 1));
}

typedef struct deform {
    const fg_eval *e;
    fg_window w;
    int64_t groups, places; /* of channels; of offsets */
    int64_t taps, pixels;
    double *column; /* channels x taps at one pixel */
} deform;

static void fill_column(deform *q, int64_t image, int64_t pixel) {
    const fg_tensor *x = &q->e->in[0], *offset = &q->e->in[2];
    const int64_t channels = x->shape.dim[1], oy = pixel / q->w.out[1], ox = pixel % q->w.out[1];
    const bool masked = fg_has_operand(q->e, 4);
    for (int64_t c = 0; c < channels; c++) {
        const int64_t place = image * q->places + c / (channels / q->places);
        for (int64_t t = 0; t < q->taps; t++) {
            const int64_t ky = t / q->w.kernel[1], kx = t % q->w.kernel[1];
            const int64_t at = (place * q->taps + t) * 2 * q->pixels + pixel;
            const double i =
                (double)(oy * q->w.stride[0] + ky * q->w.dilation[0] - q->w.pad[0]) + fg_get_f64(offset, at);
            const double j = (double)(ox * q->w.stride[1] + kx * q->w.dilation[1] - q->w.pad[1]) +
                             fg_get_f64(offset, at + q->pixels);
            double v = between_pixels(x, image * channels + c, i, j);
            if (masked) {
                v *= fg_get_f64(&q->e->in[4], (place * q->taps + t) * q->pixels + pixel);
            }
            q->column[c * q->taps + t] = v;
        }
    }
}

void fg_ref_deform_conv(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *w = &e->in[1];
    fg_tensor y = e->out[0];
    if (fg_shape_count(&y.shape) == 0) {
        return;
    }
    deform q = {.e = e, .w = fg_window_of(e->ctx, e->node, &x->shape, w->shape.dim + 2)};
    q.groups = fg_attr_int(e->node, "group", 1);
    q.places = fg_attr_int(e->node, "offset_group", 1);
    q.taps = q.w.kernel[0] * q.w.kernel[1];
    q.pixels = q.w.out[0] * q.w.out[1];
    q.column = fg_big_alloc(e->ctx, (size_t)(x->shape.dim[1] * q.taps + 1) * sizeof(double));
    const int64_t outputs = w->shape.dim[0], terms = w->shape.dim[1] * q.taps;
    for (int64_t image = 0; image < x->shape.dim[0]; image++) {
        for (int64_t pixel = 0; pixel < q.pixels; pixel++) {
            fill_column(&q, image, pixel);
            for (int64_t o = 0; o < outputs; o++) {
                const double *column = q.column + o / (outputs / q.groups) * terms;
                double sum = fg_has_operand(e, 3) ? fg_get_f64(&e->in[3], o) : 0;
                for (int64_t k = 0; k < terms; k++) {
                    sum = fg_accumulate(fg_is_single(e), sum, column[k] * fg_get_f64(w, o * terms + k));
                }
                fg_set_f64(&y, (image * outputs + o) * q.pixels + pixel, sum);
            }
        }
    }
    fg_big_free(e->ctx, q.column);
}

/* ---- regions ---- */

static int64_t image_index(double i, int64_t images) {
    return !(i > 0) ? 0 : i >= (double)images ? images - 1 : (int64_t)i;
}

/* One side of a region: where it starts, how long a bin is, samples per bin. */
typedef struct side {
    double start, bin;
    int64_t samples;
} side;

/* Samples are bounded by the image's extent: more of them per bin than the image has pixels tell nothing. */
static side side_of(double from, double to, double scale, bool half_pixel, int64_t bins, int64_t ratio,
                    int64_t extent) {
    const double half = half_pixel ? 0.5 : 0, start = from * scale - half, given = to * scale - from * scale;
    const double length = half_pixel || given > 1 ? given : 1;
    side s = {start, length / (double)bins, ratio};
    if (ratio == 0) {
        const double wanted = ceil(s.bin);
        s.samples = !(wanted > 0) ? 0 : wanted > (double)extent ? extent : (int64_t)wanted;
    }
    return s;
}

/* Pixels around a sample along one side and the weight of the second; false if it lies too far outside. */
static bool neighbours(double x, int64_t extent, int64_t *pixel, double *weight) {
    if (!(x >= -1 && x <= (double)extent)) {
        return false;
    }
    x = x < 0 ? 0 : x;
    pixel[0] = (int64_t)x;
    if (pixel[0] >= extent - 1) {
        pixel[0] = pixel[1] = extent - 1;
        *weight = 0;
    } else {
        pixel[1] = pixel[0] + 1;
        *weight = x - (double)pixel[0];
    }
    return true;
}

typedef struct roi_align {
    const fg_tensor *x;
    int64_t height, width;
    bool maximum;
} roi_align;

static double pooled_bin(const roi_align *r, const side *v, const side *h, int64_t i, int64_t j,
                         int64_t plane) {
    double result = 0;
    bool any = false;
    for (int64_t a = 0; a < v->samples; a++) {
        for (int64_t b = 0; b < h->samples; b++) {
            const double y = v->start + ((double)i + ((double)a + 0.5) / (double)v->samples) * v->bin;
            const double x = h->start + ((double)j + ((double)b + 0.5) / (double)h->samples) * h->bin;
            int64_t row[2], column[2];
            double u, w, term[4] = {0};
            if (neighbours(y, r->height, row, &u) && neighbours(x, r->width, column, &w)) {
                for (int k = 0; k < 4; k++) {
                    term[k] = (k / 2 ? u : 1 - u) * (k % 2 ? w : 1 - w) *
                              fg_get_f64(r->x, (plane * r->height + row[k / 2]) * r->width + column[k % 2]);
                }
            }
            if (r->maximum) {
                const double most = fmax(fmax(term[0], term[1]), fmax(term[2], term[3]));
                result = any ? fmax(result, most) : most;
            } else {
                result += term[0] + term[1] + term[2] + term[3];
            }
            any = true;
        }
    }
    return r->maximum || !any ? result : result / (double)(v->samples * h->samples);
}

static void spend(const fg_eval *e, int64_t *spent, int64_t work) {
    const int64_t limit = fg_context_limits(e->ctx)->work;
    if (__builtin_add_overflow(*spent, work, spent) || *spent > limit) {
        fg_remedy(e->ctx, "raise --max-work");
        fg_raise(e->ctx, FG_UNSUPPORTED, "evaluation would take more than %lld multiply-adds",
                 (long long)limit);
    }
}

void fg_ref_roi_align(const fg_eval *e) {
    const fg_tensor *rois = &e->in[1];
    fg_tensor y = e->out[0];
    const int64_t channels = y.shape.dim[1], oh = y.shape.dim[2], ow = y.shape.dim[3];
    const char *otherwise = e->opset >= 16 ? "half_pixel" : "output_half_pixel";
    const bool half = fg_attr_string(e->node, "coordinate_transformation_mode", otherwise)[0] == 'h';
    const double scale = (double)fg_attr_float(e->node, "spatial_scale", 1);
    const int64_t ratio = fg_attr_int(e->node, "sampling_ratio", 0);
    const roi_align r = {&e->in[0], e->in[0].shape.dim[2], e->in[0].shape.dim[3],
                         fg_attr_string(e->node, "mode", "avg")[0] == 'm'};
    int64_t spent = 0;
    for (int64_t n = 0; n < y.shape.dim[0]; n++) {
        double box[4];
        fg_load_f64(rois, n * 4, 1, 4, box);
        const side h = side_of(box[0], box[2], scale, half, ow, ratio, r.width);
        const side v = side_of(box[1], box[3], scale, half, oh, ratio, r.height);
        const int64_t image = image_index(fg_get_f64(&e->in[2], n), e->in[0].shape.dim[0]);
        spend(e, &spent, fg_checked_product(e->ctx, 5, (int64_t[]){channels, oh, ow, v.samples, h.samples}));
        for (int64_t k = 0; k < channels * oh * ow; k++) {
            const int64_t c = k / (oh * ow), i = k / ow % oh, j = k % ow;
            fg_set_f64(&y, n * channels * oh * ow + k, pooled_bin(&r, &v, &h, i, j, image * channels + c));
        }
    }
}

/* ---- MaxRoiPool ---- */

/* A coordinate as a pixel, rounded half away from zero and kept in a range that integers can count in. */
static int64_t rounded(double x) {
    return !(x > -1e9) ? -1000000000
           : x > 1e9   ? 1000000000
                       : (int64_t)(x < 0 ? ceil(x - 0.5) : floor(x + 0.5));
}

static int64_t clipped(int64_t i, int64_t extent) {
    return i < 0 ? 0 : i > extent ? extent : i;
}

/* Pixels first .. last - 1 of bin b of a region from `from` to `to`. */
static void bin_of(int64_t from, int64_t to, int64_t b, int64_t bins, int64_t extent, int64_t *first,
                   int64_t *last) {
    const int64_t length = to - from + 1 > 1 ? to - from + 1 : 1;
    *first = clipped(from + b * length / bins, extent);
    *last = clipped(from + ((b + 1) * length + bins - 1) / bins, extent);
}

void fg_ref_max_roi_pool(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    fg_tensor y = e->out[0];
    const int64_t channels = y.shape.dim[1], oh = y.shape.dim[2], ow = y.shape.dim[3];
    const int64_t height = x->shape.dim[2], width = x->shape.dim[3];
    const double scale = (double)fg_attr_float(e->node, "spatial_scale", 1);
    int64_t spent = 0;
    for (int64_t k = 0; k < fg_shape_count(&y.shape); k++) {
        double box[5], most = 0;
        int64_t i, i_end, j, j_end;
        fg_load_f64(&e->in[1], k / (channels * oh * ow) * 5, 1, 5, box);
        bin_of(rounded(box[2] * scale), rounded(box[4] * scale), k / ow % oh, oh, height, &i, &i_end);
        bin_of(rounded(box[1] * scale), rounded(box[3] * scale), k % ow, ow, width, &j, &j_end);
        const int64_t plane = image_index(box[0], x->shape.dim[0]) * channels + k / (oh * ow) % channels;
        const bool any = i < i_end && j < j_end;
        spend(e, &spent, any ? (i_end - i) * (j_end - j) : 1);
        for (int64_t row = i; any && row < i_end; row++) {
            for (int64_t column = j; column < j_end; column++) {
                const double v = fg_get_f64(x, (plane * height + row) * width + column);
                most = (row == i && column == j) || v > most ? v : most;
            }
        }
        fg_set_f64(&y, k, most);
    }
}
