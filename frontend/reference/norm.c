/* Normalisations: statistics in double (float in the plain float run), two passes: mean, then variance around
 * it. */
#include "frontend/reference/norm.h"

#include <math.h>
#include <string.h>

#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"

static double epsilon_of(const fg_eval *e) {
    return (double)fg_attr_float(e->node, "epsilon", 1e-5F);
}

static int64_t product(const fg_shape *s, int from, int to) {
    int64_t p = 1;
    for (int d = from; d < to; d++) {
        p *= s->dim[d];
    }
    return p;
}

static double *line_of(const fg_eval *e, int64_t n) {
    return (double *)fg_big_alloc(e->ctx, (size_t)(n + 1) * sizeof(double));
}

typedef struct moments {
    double mean, variance;
} moments;

/* Not centred: around zero, which RMSNormalization wants. */
static moments measure(const double *x, int64_t n, bool centred, bool single) {
    double sum = 0, squares = 0, count = n > 0 ? (double)n : 1;
    for (int64_t i = 0; centred && i < n; i++) {
        sum = fg_accumulate(single, sum, x[i]);
    }
    double mean = sum / count;
    for (int64_t i = 0; i < n; i++) {
        squares = fg_accumulate(single, squares, (x[i] - mean) * (x[i] - mean));
    }
    return (moments){mean, squares / count};
}

/* Statistics of the batch, channel by channel; results: the running ones after it, and (before opset 14) its
 * own. */
static void train_batch_norm(const fg_eval *e) {
    const fg_shape *s = &e->in[0].shape;
    int64_t channels = s->rank > 1 ? s->dim[1] : 1, size = product(s, 2, s->rank),
            images = s->rank > 0 ? s->dim[0] : 1;
    double *x = line_of(e, images * size), keep = (double)fg_attr_float(e->node, "momentum", 0.9F);
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t i = 0; i < images; i++) {
            fg_load_f64(&e->in[0], (i * channels + c) * size, 1, size, x + i * size);
        }
        moments m = measure(x, images * size, true, fg_is_single(e));
        double scale = fg_get_f64(&e->in[1], c) / sqrt(m.variance + epsilon_of(e));
        for (int64_t i = 0; i < images * size; i++) {
            x[i] = (x[i] - m.mean) * scale + fg_get_f64(&e->in[2], c);
        }
        for (int64_t i = 0; i < images && e->out[0].data != NULL; i++) {
            fg_store_f64(&e->out[0], (i * channels + c) * size, size, x + i * size);
        }
        double all[] = {fg_get_f64(&e->in[3], c) * keep + m.mean * (1 - keep),
                        fg_get_f64(&e->in[4], c) * keep + m.variance * (1 - keep), m.mean, m.variance};
        for (int k = 1; k < e->node->n_out; k++) {
            if (e->out[k].data != NULL) {
                fg_set_f64(&e->out[k], c, all[k - 1]);
            }
        }
    }
    fg_big_free(e->ctx, x);
}

void fg_ref_batch_norm(const fg_eval *e) {
    if (fg_attr_int(e->node, FG_TRAINS, 0) != 0) {
        train_batch_norm(e);
        return;
    }
    const fg_shape *s = &e->in[0].shape;
    int64_t images = s->rank > 0 ? s->dim[0] : 1, channels = s->rank > 1 ? s->dim[1] : 1,
            size = product(s, 2, s->rank);
    double *x = line_of(e, size);
    for (int64_t plane = 0; plane < images * channels; plane++) {
        int64_t c = plane % channels;
        double scale = fg_get_f64(&e->in[1], c) / sqrt(fg_get_f64(&e->in[4], c) + epsilon_of(e));
        double bias = fg_get_f64(&e->in[2], c), mean = fg_get_f64(&e->in[3], c);
        fg_load_f64(&e->in[0], plane * size, 1, size, x);
        for (int64_t i = 0; i < size; i++) {
            x[i] = (x[i] - mean) * scale + bias;
        }
        fg_store_f64(&e->out[0], plane * size, size, x);
    }
    fg_big_free(e->ctx, x);
    for (int k = 1; k < 3 && k < e->node->n_out;
         k++) { /* nobody reads them: the running statistics, unchanged */
        if (e->out[k].data == NULL) {
            continue;
        }
        for (int64_t c = 0; c < channels; c++) {
            fg_set_f64(&e->out[k], c, fg_get_f64(&e->in[2 + k], c));
        }
    }
}

/* Operand t, broadcast to dimensions axis.. of x, as doubles; `absent` where there is no operand. */
static double *spread(const fg_eval *e, int operand, int axis, double absent) {
    const fg_shape *x = &e->in[0].shape;
    int64_t n = product(x, axis, x->rank);
    double *out = line_of(e, n);
    const fg_tensor *t = operand < e->node->n_in && e->in[operand].data != NULL ? &e->in[operand] : NULL;
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, offset = 0, stride = 1;
        for (int r = 1; t != NULL && r <= t->shape.rank; r++) {
            int64_t extent = x->dim[x->rank - r], own = t->shape.dim[t->shape.rank - r];
            offset += own == 1 ? 0 : rest % extent * stride;
            stride *= own;
            rest /= extent;
        }
        out[i] = t == NULL ? absent : fg_get_f64(t, offset);
    }
    return out;
}

static int axis_of(const fg_eval *e) {
    int64_t axis = fg_attr_int(e->node, "axis", -1);
    return (int)(axis < 0 ? axis + e->in[0].shape.rank : axis);
}

static void set_statistic(const fg_eval *e, int k, int64_t i, double x) {
    if (k < e->node->n_out && e->out[k].data != NULL) {
        fg_set_f64(&e->out[k], i, x);
    }
}

/* The scale may hold fewer dimensions than are normalised; rank 0 included. */
static void normalise_suffix(const fg_eval *e, bool centred) {
    const fg_shape *s = &e->in[0].shape;
    int axis = axis_of(e);
    int64_t rows = product(s, 0, axis), n = product(s, axis, s->rank);
    double *x = line_of(e, n), *scale = spread(e, 1, axis, 1), *bias = spread(e, 2, axis, 0);
    for (int64_t r = 0; r < rows; r++) {
        fg_load_f64(&e->in[0], r * n, 1, n, x);
        moments m = measure(x, n, centred, fg_is_single(e));
        double inverse = 1 / sqrt(m.variance + epsilon_of(e));
        for (int64_t i = 0; i < n; i++) {
            x[i] = (x[i] - m.mean) * inverse * scale[i] + bias[i];
        }
        fg_store_f64(&e->out[0], r * n, n, x);
        if (centred) {
            set_statistic(e, 1, r, m.mean);
            set_statistic(e, 2, r, inverse);
        }
    }
    fg_big_free(e->ctx, bias);
    fg_big_free(e->ctx, scale);
    fg_big_free(e->ctx, x);
}

void fg_ref_layer_norm(const fg_eval *e) {
    normalise_suffix(e, true);
}

void fg_ref_rms_norm(const fg_eval *e) {
    normalise_suffix(e, false);
}

/* Groups of channels, scale and bias per channel or per group. */
static void normalise_groups(const fg_eval *e, int64_t groups, bool per_group) {
    const fg_shape *s = &e->in[0].shape;
    int64_t size = product(s, 2, s->rank), per = groups > 0 ? s->dim[1] / groups : 0, n = per * size;
    double *x = line_of(e, n);
    for (int64_t block = 0; block < s->dim[0] * groups; block++) {
        fg_load_f64(&e->in[0], block * n, 1, n, x);
        moments m = measure(x, n, true, fg_is_single(e));
        double inverse = 1 / sqrt(m.variance + epsilon_of(e));
        for (int64_t c = 0; c < per; c++) {
            int64_t g = block % groups, at = per_group ? g : g * per + c;
            double scale = fg_get_f64(&e->in[1], at), bias = fg_get_f64(&e->in[2], at);
            for (int64_t i = c * size; i < (c + 1) * size; i++) {
                x[i] = (x[i] - m.mean) * inverse * scale + bias;
            }
        }
        fg_store_f64(&e->out[0], block * n, n, x);
    }
    fg_big_free(e->ctx, x);
}

void fg_ref_instance_norm(const fg_eval *e) {
    normalise_groups(e, e->in[0].shape.dim[1], false);
}

void fg_ref_group_norm(const fg_eval *e) {
    normalise_groups(e, fg_attr_int(e->node, "num_groups", 1), e->opset < 21);
}

/* A line of zeros stays zero. */
void fg_ref_lp_norm(const fg_eval *e) {
    const fg_shape *s = &e->in[0].shape;
    int axis = axis_of(e);
    int64_t n = s->dim[axis], outer = product(s, 0, axis), inner = product(s, axis + 1, s->rank);
    bool absolute = fg_attr_int(e->node, "p", 2) == 1, single = fg_is_single(e);
    double *x = line_of(e, n);
    for (int64_t k = 0; k < outer * inner; k++) {
        int64_t base = k / inner * n * inner + k % inner;
        double sum = 0;
        fg_load_f64(&e->in[0], base, inner, n, x);
        for (int64_t i = 0; i < n; i++) {
            sum = fg_accumulate(single, sum, absolute ? fabs(x[i]) : x[i] * x[i]);
        }
        double norm = absolute ? sum : sqrt(sum);
        for (int64_t i = 0; i < n; i++) {
            fg_set_f64(&e->out[0], base + i * inner, norm == 0 ? 0 : x[i] / norm);
        }
    }
    fg_big_free(e->ctx, x);
}

static int64_t offset_of(int rank, const int64_t *index, const int64_t *stride) {
    int64_t at = 0;
    for (int d = 0; d < rank; d++) {
        at += index[d] * stride[d];
    }
    return at;
}

int fg_mean_variance_axes(fg_context *ctx, const fg_node *n, int64_t *axes) {
    static const int64_t otherwise[] = {0, 2, 3};
    if (fg_node_attr(n, "axes") != NULL) {
        return fg_attr_ints(ctx, n, "axes", FG_MAX_RANK, axes);
    }
    memcpy(axes, otherwise, sizeof otherwise);
    return (int)FG_COUNT(otherwise);
}

/* Gathers the elements of every line into a row, and puts them back. */
void fg_ref_mean_variance(const fg_eval *e) {
    const fg_shape *s = &e->in[0].shape;
    int64_t axes[FG_MAX_RANK], stride[FG_MAX_RANK], kept[FG_MAX_RANK], line[FG_MAX_RANK];
    fg_row_major(s->rank, s->dim, stride);
    for (int d = 0; d < s->rank; d++) {
        kept[d] = s->dim[d];
        line[d] = 1;
    }
    for (int i = fg_mean_variance_axes(e->ctx, e->node, axes) - 1; i >= 0; i--) {
        const int axis = fg_axis(e->ctx, e->node, axes[i], s->rank);
        kept[axis] = 1;
        line[axis] = s->dim[axis];
    }
    const int64_t n = fg_checked_product(e->ctx, s->rank, line);
    if (fg_shape_count(s) == 0) {
        return;
    }
    double *x = line_of(e, n);
    int64_t at[FG_MAX_RANK] = {0};
    do {
        int64_t inner[FG_MAX_RANK] = {0}, k = 0, base = offset_of(s->rank, at, stride);
        do {
            x[k++] = fg_get_f64(&e->in[0], base + offset_of(s->rank, inner, stride));
        } while (fg_next_index(s->rank, line, inner));
        const moments m = measure(x, n, true, fg_is_single(e));
        k = 0;
        do {
            fg_set_f64(&e->out[0], base + offset_of(s->rank, inner, stride),
                       (x[k++] - m.mean) / (sqrt(m.variance) + 1e-9));
        } while (fg_next_index(s->rank, line, inner));
    } while (fg_next_index(s->rank, kept, at));
    fg_big_free(e->ctx, x);
}

/* y = x / (bias + alpha / size * sum of squares over neighbouring channels) ^ beta */
void fg_ref_lrn(const fg_eval *e) {
    const fg_shape *s = &e->in[0].shape;
    int64_t size = fg_attr_int(e->node, "size", 1), channels = s->dim[1], n = product(s, 2, s->rank);
    double alpha = (double)fg_attr_float(e->node, "alpha", 1e-4F) / (double)size;
    double beta = (double)fg_attr_float(e->node, "beta", 0.75F),
           bias = (double)fg_attr_float(e->node, "bias", 1);
    double *x = line_of(e, n), *sum = line_of(e, n);
    for (int64_t plane = 0; plane < s->dim[0] * channels; plane++) {
        int64_t c = plane % channels, first = c - (size - 1) / 2, last = c + size / 2;
        for (int64_t i = 0; i < n; i++) {
            sum[i] = 0;
        }
        for (int64_t k = first < 0 ? 0 : first; k <= last && k < channels; k++) {
            fg_load_f64(&e->in[0], (plane - c + k) * n, 1, n, x);
            for (int64_t i = 0; i < n; i++) {
                sum[i] = fg_accumulate(fg_is_single(e), sum[i], x[i] * x[i]);
            }
        }
        fg_load_f64(&e->in[0], plane * n, 1, n, x);
        for (int64_t i = 0; i < n; i++) {
            x[i] /= pow(bias + alpha * sum[i], beta);
        }
        fg_store_f64(&e->out[0], plane * n, n, x);
    }
    fg_big_free(e->ctx, sum);
    fg_big_free(e->ctx, x);
}
