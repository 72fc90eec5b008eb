#include "frontend/reference/resize.h"

#include <math.h>
#include <string.h>

#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"

/* ---- what is asked for ---- */

/* Before opset 11 there was no choice of coordinates, and scales (Upsample 7: an attribute) were the second
 * operand. */
static bool is_old(const fg_node *n, int opset) {
    return opset < 11 || strcmp(n->op_type, "Upsample") == 0;
}

const char *fg_resize_transform(const fg_node *n, int opset) {
    return is_old(n, opset) ? "asymmetric"
                            : fg_attr_string(n, "coordinate_transformation_mode", "half_pixel");
}

static int64_t length_of(const fg_node *n, const fg_tensor *in, int i) {
    return i < n->n_in && in[i].data != NULL ? fg_shape_count(&in[i].shape) : 0;
}

/* Dimensions that scales, sizes and roi speak of. */
static int read_axes(fg_context *ctx, const fg_node *n, int rank, int *axes) {
    int64_t given[FG_MAX_RANK];
    bool marked[FG_MAX_RANK] = {false};
    bool all = fg_node_attr(n, "axes") == NULL;
    int count = all ? rank : fg_attr_ints(ctx, n, "axes", FG_MAX_RANK, given);
    for (int i = 0; i < count; i++) {
        axes[i] = all ? i : fg_axis(ctx, n, given[i], rank);
        if (marked[axes[i]]) {
            fg_raise(ctx, FG_BAD_MODEL, "axis %d is given twice", axes[i]);
        }
        marked[axes[i]] = true;
    }
    return count;
}

static void require_length(fg_context *ctx, const char *operand, int64_t got, int want) {
    if (got == want) {
        return;
    }
    fg_blame_attribute(ctx, operand);
    fg_raise(ctx, FG_BAD_MODEL, "operand '%s' has %lld entries, not %d", operand, (long long)got, want);
}

static double scale_at(const fg_node *n, const fg_tensor *in, int operand, int i) {
    const fg_attr *a = fg_attr_of(n, "scales", FG_ATTR_FLOATS);
    if (operand < 0) {
        return a != NULL && i < a->n ? (double)a->floats[i] : 0;
    }
    return fg_tensor_float(&in[operand], i);
}

/* The output's extent is computed in float, as the format's own shape inference does. */
static void plan_scales(fg_context *ctx, const fg_node *n, const fg_tensor *in, int operand, bool crop,
                        int count, const int *axes, fg_resize *r) {
    for (int i = 0; i < count; i++) {
        int d = axes[i];
        double scale = scale_at(n, in, operand, i);
        if (!(scale > 0 && isfinite(scale))) {
            fg_raise(ctx, FG_BAD_MODEL, "scale %g of axis %d makes no sense", scale, d);
        }
        float extent = (float)r->out.dim[d];
        if (crop) {
            extent *= (float)(r->end[d] - r->start[d]);
        }
        extent = floorf(extent * (float)scale);
        if (!(extent >= 0 && extent < 9e18f)) {
            fg_raise(ctx, FG_BAD_MODEL, "axis %d would have %g elements", d, (double)extent);
        }
        if (scale != 1.0) {
            r->den[d] = scale;
            r->out.dim[d] = (int64_t)extent;
        }
    }
}

/* "stretch" takes the sizes as they are; the others keep the ratio of the axis that scales least or most. */
static void plan_sizes(fg_context *ctx, const fg_node *n, const fg_tensor *sizes, int count, const int *axes,
                       fg_resize *r) {
    const char *policy = fg_attr_string(n, "keep_aspect_ratio_policy", "stretch");
    bool larger = strcmp(policy, "not_smaller") == 0, stretch = strcmp(policy, "stretch") == 0;
    int ruling = -1;
    if (!larger && !stretch && strcmp(policy, "not_larger") != 0) {
        fg_blame_attribute(ctx, "keep_aspect_ratio_policy");
        fg_raise(ctx, FG_BAD_MODEL, "policy '%.20s' is not known", policy);
    }
    for (int i = 0; i < count; i++) {
        int d = axes[i];
        int64_t size = fg_tensor_int(sizes, i);
        if (size < 0 || (r->out.dim[d] == 0 && size != 0)) {
            fg_raise(ctx, FG_BAD_MODEL, "size %lld of axis %d makes no sense", (long long)size, d);
        }
        r->num[d] = (double)r->out.dim[d];
        r->den[d] = (double)size;
        double a = r->den[d], b = r->num[d];
        bool rules = ruling < 0 || (larger ? a * r->num[ruling] > r->den[ruling] * b
                                           : a * r->num[ruling] < r->den[ruling] * b);
        if (rules) {
            ruling = d;
        }
        if (stretch) {
            r->out.dim[d] = size;
        }
    }
    double num = ruling < 0 ? 1 : r->num[ruling], den = ruling < 0 ? 1 : r->den[ruling];
    for (int i = 0; !stretch && i < count; i++) {
        int d = axes[i];
        r->num[d] = num;
        r->den[d] = den;
        double extent = num > 0 ? floor((double)r->out.dim[d] * den / num + 0.5) : 0;
        if (!(extent < 9e18)) {
            fg_raise(ctx, FG_BAD_MODEL, "axis %d would have %g elements", d, extent);
        }
        r->out.dim[d] = (int64_t)extent;
    }
}

static void plan_region(fg_context *ctx, const fg_node *n, const fg_tensor *in, int count, const int *axes,
                        fg_resize *r) {
    int64_t length = length_of(n, in, 1);
    if (length == 0) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'roi' is missing");
    }
    require_length(ctx, "roi", length, 2 * count);
    for (int i = 0; i < count; i++) {
        r->start[axes[i]] = fg_tensor_float(&in[1], i);
        r->end[axes[i]] = fg_tensor_float(&in[1], count + i);
    }
}

void fg_resize_plan(fg_context *ctx, const fg_node *n, int opset, const fg_tensor *in, fg_resize *r) {
    int axes[FG_MAX_RANK], rank = in[0].shape.rank;
    bool old = is_old(n, opset), crop = strcmp(fg_resize_transform(n, opset), "tf_crop_and_resize") == 0;
    int count = read_axes(ctx, n, rank, axes);
    *r = (fg_resize){.out = in[0].shape};
    for (int d = 0; d < rank; d++) {
        r->num[d] = r->den[d] = r->end[d] = 1;
    }
    int operand = old ? (n->n_in > 1 ? 1 : -1) : 2;
    const fg_attr *attr = operand < 0 ? fg_attr_of(n, "scales", FG_ATTR_FLOATS) : NULL;
    int64_t scales = operand < 0 ? (attr != NULL ? attr->n : 0) : length_of(n, in, operand);
    int64_t sizes = old ? 0 : length_of(n, in, 3);
    if (crop) {
        plan_region(ctx, n, in, count, axes, r);
    }
    if ((scales > 0) == (sizes > 0) && rank > 0) {
        fg_raise(ctx, FG_BAD_MODEL, "exactly one of 'scales' and 'sizes' must be given");
    }
    if (scales > 0) {
        require_length(ctx, "scales", scales, count);
        plan_scales(ctx, n, in, operand, crop, count, axes, r);
    } else if (sizes > 0) {
        require_length(ctx, "sizes", sizes, count);
        plan_sizes(ctx, n, &in[3], count, axes, r);
    }
}

/* ---- coordinates ---- */

typedef struct axis {
    int64_t in, out;
    double num, den, length; /* length: of the resized axis before it was rounded to `out` */
    double start, end;
} axis;

static double half_pixel(const axis *a, double x) {
    return (x + 0.5) * a->num / a->den - 0.5;
}
static double pytorch(const axis *a, double x) {
    return a->length > 1 ? half_pixel(a, x) : 0;
}
static double asymmetric(const axis *a, double x) {
    return x * a->num / a->den;
}
static double half_pixel_for_nn(const axis *a, double x) {
    return (x + 0.5) * a->num / a->den;
}

static double align_corners(const axis *a, double x) {
    return a->length == 1 ? 0 : x * (double)(a->in - 1) / (a->length - 1);
}

/* Centres of input and output coincide although the output was cut to whole elements. */
static double symmetric(const axis *a, double x) {
    return (double)a->in / 2 * (1 - (double)a->out / a->length) + half_pixel(a, x);
}

static double crop(const axis *a, double x) {
    double last = (double)(a->in - 1);
    if (a->length <= 1) {
        return 0.5 * (a->start + a->end) * last;
    }
    return a->start * last + x * (a->end - a->start) * last / (a->length - 1);
}

typedef double transform_fn(const axis *a, double x);
static const struct {
    const char *name;
    transform_fn *map;
} transforms[] = {{"half_pixel", half_pixel},
                  {"pytorch_half_pixel", pytorch},
                  {"align_corners", align_corners},
                  {"asymmetric", asymmetric},
                  {"tf_crop_and_resize", crop},
                  {"half_pixel_symmetric", symmetric},
                  {"tf_half_pixel_for_nn", half_pixel_for_nn}};

static transform_fn *transform_of(const fg_eval *e) {
    const char *name = fg_resize_transform(e->node, e->opset);
    for (size_t i = 0; i < FG_COUNT(transforms); i++) {
        if (strcmp(name, transforms[i].name) == 0) {
            return transforms[i].map;
        }
    }
    fg_raise(e->ctx, FG_BAD_MODEL, "coordinate transformation '%.40s' is not known", name);
}

static axis axis_of(const fg_resize *r, const fg_shape *x, int d) {
    return (axis){x->dim[d],   r->out.dim[d], r->num[d], r->den[d], (double)x->dim[d] * r->den[d] / r->num[d],
                  r->start[d], r->end[d]};
}

static int64_t clamp(double v, int64_t extent) {
    return !(v > 0) ? 0 : v > (double)(extent - 1) ? extent - 1 : (int64_t)v;
}

/* True if the whole output position is given by extrapolation_value. */
static bool is_outside(const fg_eval *e, const axis *a, double x) {
    bool cropping = strcmp(fg_resize_transform(e->node, e->opset), "tf_crop_and_resize") == 0;
    return cropping && (x < 0 || x > (double)(a->in - 1));
}

/* ---- nearest ---- */

static double nearest_of(const fg_eval *e, const axis *a, double x) {
    if (is_old(e->node, e->opset)) {
        return a->den < a->num ? ceil(x) : floor(x);
    }
    const char *mode = fg_attr_string(e->node, "nearest_mode", "round_prefer_floor");
    if (strcmp(mode, "round_prefer_floor") == 0) {
        return ceil(x - 0.5);
    }
    if (strcmp(mode, "round_prefer_ceil") == 0) {
        return floor(x + 0.5);
    }
    return strcmp(mode, "floor") == 0 ? floor(x) : ceil(x);
}

/* The extrapolation value as one element of the tensor's type; what is no number is false or empty. */
static void extrapolation(const fg_eval *e, void *element) {
    fg_tensor one = {e->in[0].dtype, {0, {0}}, element};
    double v = (double)fg_attr_float(e->node, "extrapolation_value", 0);
    if (v != 0 && (FG_T_NUMERIC & FG_T(one.dtype)) != 0) {
        fg_set_f64(&one, 0, v);
    }
    if (one.dtype == FG_STRING) {
        memcpy(element, &(const char *){""}, sizeof(const char *));
    }
}

static void resize_nearest(const fg_eval *e, const fg_resize *r) {
    const fg_tensor *x = &e->in[0], *y = &e->out[0];
    int rank = y->shape.rank;
    int64_t *from[FG_MAX_RANK], stride[FG_MAX_RANK], index[FG_MAX_RANK] = {0}, outside[2] = {0, 0};
    transform_fn *map = transform_of(e);
    fg_row_major(rank, x->shape.dim, stride);
    extrapolation(e, outside);
    for (int d = 0; d < rank; d++) {
        axis a = axis_of(r, &x->shape, d);
        from[d] = fg_big_alloc(e->ctx, ((size_t)a.out + 1) * sizeof(int64_t));
        for (int64_t i = 0; i < a.out; i++) {
            double at = map(&a, (double)i);
            from[d][i] = is_outside(e, &a, at) ? -1 : clamp(nearest_of(e, &a, at), a.in) * stride[d];
        }
    }
    int64_t count = fg_shape_count(&y->shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0;
        for (int d = 0; d < rank && at >= 0; d++) {
            at = from[d][index[d]] < 0 ? -1 : at + from[d][index[d]];
        }
        fg_copy_element(y->dtype, y->data, i, at < 0 ? (const void *)outside : x->data, at < 0 ? 0 : at);
        (void)fg_next_index(rank, y->shape.dim, index);
    }
    for (int d = 0; d < rank; d++) {
        fg_big_free(e->ctx, from[d]);
    }
}

/* ---- linear and cubic, one axis after the other ---- */

static double triangle(double t, double a) {
    (void)a;
    t = fabs(t);
    return t < 1 ? 1 - t : 0;
}

/* Keys' cubic convolution kernel. */
static double cubic(double t, double a) {
    t = fabs(t);
    if (t <= 1) {
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    }
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

typedef struct filter {
    double (*kernel)(double t, double a);
    double a;
    double reach;   /* of the kernel, before stretching */
    bool stretches; /* antialias: the kernel widens by what the axis shrinks */
    bool excludes;  /* taps outside the input do not count */
    transform_fn *map;
} filter;

/* Weights of one output position: n consecutive input positions from `first` on, which may lie outside. */
static int64_t weigh(const filter *f, const axis *a, double at, double *weight, int64_t *first) {
    double shrink = f->stretches && a->den < a->num ? a->den / a->num : 1, sum = 0;
    double reach = f->reach / shrink;
    *first = (int64_t)floor(at - reach) + 1;
    int64_t last = (int64_t)floor(at + reach), n = last - *first + 1;
    for (int64_t i = 0; i < n; i++) {
        bool counts = !f->excludes || (*first + i >= 0 && *first + i < a->in);
        weight[i] = counts ? f->kernel(((double)(*first + i) - at) * shrink, f->a) : 0;
        sum += weight[i];
    }
    bool normalise = sum != 0 && (f->excludes || shrink < 1);
    for (int64_t i = 0; normalise && i < n; i++) {
        weight[i] /= sum;
    }
    return n;
}

/* One output position for all lines: y[o][i] = sum of weight * x[o][tap][i]. */
static void apply(const axis *a, const double *weight, int64_t first, int64_t taps, const double *x,
                  double *y, int64_t position, int64_t outer, int64_t inner) {
    for (int64_t o = 0; o < outer; o++) {
        double *to = y + (o * a->out + position) * inner;
        for (int64_t k = 0; k < taps; k++) {
            const double *from = x + (o * a->in + clamp((double)(first + k), a->in)) * inner;
            if (weight[k] == 0) {
                continue;
            }
            for (int64_t i = 0; i < inner; i++) {
                to[i] += weight[k] * from[i];
            }
        }
    }
}

static double *resize_axis(const fg_eval *e, const filter *f, const axis *a, const double *x, int64_t outer,
                           int64_t inner) {
    double *y = fg_big_alloc(e->ctx, ((size_t)(outer * a->out * inner) + 1) * sizeof(double));
    double shrink = f->stretches && a->den < a->num ? a->den / a->num : 1, reach = f->reach / shrink;
    if (!(reach < 1e9)) {
        fg_raise(e->ctx, FG_UNSUPPORTED, "the axis shrinks by a factor of %g", 1 / shrink);
    }
    double *weight = fg_big_alloc(e->ctx, ((size_t)(2 * reach) + 4) * sizeof(double));
    for (int64_t i = 0; i < a->out; i++) {
        int64_t first, taps;
        double at = f->map(a, (double)i);
        if (!(fabs(at) < 1e15)) {
            fg_raise(e->ctx, FG_BAD_MODEL, "coordinate %g makes no sense", at);
        }
        if (is_outside(e, a, at)) {
            continue;
        } /* overwritten in the end */
        taps = weigh(f, a, at, weight, &first);
        apply(a, weight, first, taps, x, y, i, outer, inner);
    }
    fg_big_free(e->ctx, weight);
    return y;
}

/* Sets every element that some axis maps outside of the input. */
static void extrapolate(const fg_eval *e, const filter *f, const fg_resize *r, double *y) {
    double v = (double)fg_attr_float(e->node, "extrapolation_value", 0);
    int64_t inner = fg_shape_count(&r->out), outer = 1;
    for (int d = 0; d < r->out.rank; d++) {
        axis a = axis_of(r, &e->in[0].shape, d);
        inner = a.out > 0 ? inner / a.out : 0;
        for (int64_t i = 0; i < a.out; i++) {
            if (!is_outside(e, &a, f->map(&a, (double)i))) {
                continue;
            }
            for (int64_t o = 0; o < outer; o++) {
                for (int64_t k = 0; k < inner; k++) {
                    y[(o * a.out + i) * inner + k] = v;
                }
            }
        }
        outer *= a.out;
    }
}

static void resize_filtered(const fg_eval *e, const fg_resize *r, const filter *f) {
    const fg_shape *shape = &e->in[0].shape;
    fg_tensor y = e->out[0];
    int64_t count = fg_shape_count(shape), outer = 1, inner = count;
    double *x = fg_big_alloc(e->ctx, ((size_t)count + 1) * sizeof(double));
    fg_load_f64(&e->in[0], 0, 1, count, x);
    for (int d = 0; d < shape->rank; d++) {
        axis a = axis_of(r, shape, d);
        inner = a.in > 0 ? inner / a.in : 0;
        bool untouched = a.in == a.out && a.num == a.den && a.start == 0 && a.end == 1;
        if (!untouched) {
            double *next = resize_axis(e, f, &a, x, outer, inner);
            fg_big_free(e->ctx, x);
            x = next;
        }
        outer *= a.out;
    }
    extrapolate(e, f, r, x);
    fg_store_f64(&y, 0, fg_shape_count(&y.shape), x);
    fg_big_free(e->ctx, x);
}

static filter filter_of(const fg_eval *e) {
    bool is_cubic = strcmp(fg_attr_string(e->node, "mode", "nearest"), "cubic") == 0;
    return (filter){is_cubic ? cubic : triangle,
                    (double)fg_attr_float(e->node, "cubic_coeff_a", -0.75F),
                    is_cubic ? 2 : 1,
                    fg_attr_int(e->node, "antialias", 0) != 0,
                    fg_attr_int(e->node, "exclude_outside", 0) != 0,
                    transform_of(e)};
}

void fg_ref_resize(const fg_eval *e) {
    fg_resize r;
    const char *mode = fg_attr_string(e->node, "mode", "nearest");
    fg_resize_plan(e->ctx, e->node, e->opset, e->in, &r);
    if (!fg_shape_equal(&r.out, &e->out[0].shape)) {
        fg_raise(e->ctx, FG_BAD_MODEL, "the operands ask for %s, declared is %s",
                 fg_shape_text(e->ctx, &r.out), fg_shape_text(e->ctx, &e->out[0].shape));
    }
    if (fg_shape_count(&r.out) == 0) {
        return;
    }
    if (strcmp(mode, "nearest") == 0) {
        resize_nearest(e, &r);
        return;
    }
    const filter f = filter_of(e);
    resize_filtered(e, &r, &f);
}

/* ---- for code generation ---- */

static double reach_of(const filter *f, const axis *a) {
    return f->stretches && a->den < a->num ? f->reach * a->num / a->den : f->reach;
}

static void plan_position(const fg_eval *e, const filter *f, const axis *a, int64_t i, double *weight,
                          fg_resize_axis *to) {
    int64_t first = 0, n = 1, *index = to->index + i * to->taps;
    const double at = f->map(a, (double)i);
    if (is_outside(e, a, at)) {
        index[0] = -1;
        return;
    }
    if (to->taps == 1) {
        first = clamp(nearest_of(e, a, at), a->in);
        weight[0] = 1;
    } else {
        if (!(fabs(at) < 1e15)) {
            fg_raise(e->ctx, FG_BAD_MODEL, "coordinate %g makes no sense", at);
        }
        n = weigh(f, a, at, weight, &first);
    }
    for (int64_t k = 0; k < to->taps; k++) {
        index[k] = clamp((double)(first + k), a->in);
        to->weight[i * to->taps + k] = k < n ? weight[k] : 0;
    }
}

void fg_resize_axis_plan(fg_context *ctx, const fg_node *n, int opset, const fg_resize *r, int d,
                         fg_resize_axis *to) {
    const fg_eval e = {.ctx = ctx, .node = n, .opset = opset};
    const filter f = filter_of(&e);
    const axis a = axis_of(r, &n->in[0]->shape, d);
    const bool nearest = strcmp(fg_attr_string(n, "mode", "nearest"), "nearest") == 0;
    const bool untouched = a.in == a.out && a.num == a.den && a.start == 0 && a.end == 1;
    const double reach = reach_of(&f, &a);
    *to = (fg_resize_axis){.identity = untouched && !nearest, .out = a.out};
    if (to->identity) {
        return;
    }
    if (!(reach < 1e6)) {
        fg_raise(ctx, FG_UNSUPPORTED, "the axis shrinks by a factor of %g", a.num / a.den);
    }
    to->taps = nearest ? 1 : (int64_t)ceil(2 * reach);
    const int64_t extents[3] = {a.out + 1, to->taps, (int64_t)sizeof(double)};
    const size_t bytes = (size_t)fg_checked_product(ctx, 3, extents);
    to->index = fg_big_alloc(ctx, bytes);
    to->weight = fg_big_alloc(ctx, bytes);
    double *weight = fg_big_alloc(ctx, ((size_t)to->taps + 4) * sizeof(double));
    to->identity = a.in == a.out;
    for (int64_t i = 0; i < a.out; i++) {
        plan_position(&e, &f, &a, i, weight, to);
        to->identity = to->identity && nearest && to->index[i] == i;
    }
    fg_big_free(ctx, weight);
}
