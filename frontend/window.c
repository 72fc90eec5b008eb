#include "frontend/window.h"

#include <string.h>

/* Above this no attribute makes sense, and below it no sum or product of two overflows. */
#define MAX_EXTENT INT64_C(0x7FFFFFFF)

typedef enum auto_pad { PAD_EXPLICIT, PAD_VALID, PAD_SAME_UPPER, PAD_SAME_LOWER } auto_pad;

static auto_pad read_auto_pad(fg_context *ctx, const fg_node *n) {
    static const char *const names[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    const char *s = fg_attr_string(n, "auto_pad", "NOTSET");
    if (s[0] == '\0') {
        return PAD_EXPLICIT;
    }
    for (size_t i = 0; i < FG_COUNT(names); i++) {
        if (strcmp(s, names[i]) == 0) {
            return (auto_pad)i;
        }
    }
    fg_blame_attribute(ctx, "auto_pad");
    fg_raise(ctx, FG_BAD_MODEL, "attribute 'auto_pad' must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
}

/* Reads `count` integers >= low into out; without the attribute every one is `otherwise`. */
static bool read_extents(fg_context *ctx, const fg_node *n, const char *attr, int count, int64_t low,
                         int64_t otherwise, int64_t *out) {
    bool given = fg_node_attr(n, attr) != NULL;
    int have = given ? fg_attr_ints(ctx, n, attr, 2 * FG_MAX_SPATIAL, out) : 0;
    if (have == 0) {
        for (int i = 0; i < count; i++) {
            out[i] = otherwise;
        }
        return false;
    }
    if (have != count) {
        fg_blame_attribute(ctx, attr);
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' has %d values, %d are needed", attr, have, count);
    }
    for (int i = 0; i < count; i++) {
        if (out[i] < low || out[i] > MAX_EXTENT) {
            fg_blame_attribute(ctx, attr);
            fg_raise(ctx, FG_BAD_MODEL, "value %lld of attribute '%s' is out of range", (long long)out[i],
                     attr);
        }
    }
    return true;
}

static void read_kernel(fg_context *ctx, const fg_node *n, const int64_t *kernel, fg_window *w) {
    bool given = read_extents(ctx, n, "kernel_shape", w->axes, 1, 1, w->kernel);
    if (kernel == NULL) {
        if (given) {
            return;
        }
        fg_blame_attribute(ctx, "kernel_shape");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'kernel_shape' is missing");
    }
    for (int i = 0; i < w->axes; i++) {
        if (given && w->kernel[i] != kernel[i]) {
            fg_blame_attribute(ctx, "kernel_shape");
            fg_raise(ctx, FG_BAD_MODEL, "kernel_shape says %lld on spatial axis %d, the weights have %lld",
                     (long long)w->kernel[i], i, (long long)kernel[i]);
        }
        if (kernel[i] < 1 || kernel[i] > MAX_EXTENT) {
            fg_raise(ctx, FG_BAD_MODEL, "weights have extent %lld on spatial axis %d", (long long)kernel[i],
                     i);
        }
        w->kernel[i] = kernel[i];
    }
}

static fg_window read_common(fg_context *ctx, const fg_node *n, const fg_shape *x, const int64_t *kernel) {
    fg_window w = {.axes = x->rank - 2};
    if (w.axes < 1) {
        fg_raise(ctx, FG_BAD_MODEL, "input of shape %s has no spatial dimension", fg_shape_text(ctx, x));
    }
    for (int i = 0; i < w.axes; i++) {
        w.in[i] = x->dim[i + 2];
        if (w.in[i] > MAX_EXTENT) {
            fg_raise(ctx, FG_UNSUPPORTED, "spatial extent %lld is too large", (long long)w.in[i]);
        }
    }
    int64_t pads[2 * FG_MAX_SPATIAL];
    read_kernel(ctx, n, kernel, &w);
    read_extents(ctx, n, "strides", w.axes, 1, 1, w.stride);
    read_extents(ctx, n, "dilations", w.axes, 1, 1, w.dilation);
    read_extents(ctx, n, "pads", 2 * w.axes, 0, 0, pads);
    for (int i = 0; i < w.axes; i++) {
        w.pad[i] = pads[i];
        w.pad_end[i] = pads[w.axes + i];
    }
    return w;
}

static int64_t reach(const fg_window *w, int i) {
    return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

static void split_pad(fg_window *w, int i, int64_t total, auto_pad mode) {
    w->pad[i] = mode == PAD_SAME_UPPER ? total / 2 : total - total / 2;
    w->pad_end[i] = total - w->pad[i];
}

static void place_same(fg_window *w, int i, auto_pad mode) {
    w->out[i] = (w->in[i] + w->stride[i] - 1) / w->stride[i];
    int64_t total = (w->out[i] - 1) * w->stride[i] + reach(w, i) - w->in[i];
    split_pad(w, i, total > 0 ? total : 0, mode);
}

static void place_explicit(fg_context *ctx, fg_window *w, int i, bool ceil_mode) {
    int64_t room = w->in[i] + w->pad[i] + w->pad_end[i] - reach(w, i);
    if (room < 0) {
        fg_raise(ctx, FG_BAD_MODEL,
                 "window of extent %lld does not fit the padded input of %lld (spatial axis %d)",
                 (long long)reach(w, i), (long long)(w->in[i] + w->pad[i] + w->pad_end[i]), i);
    }
    w->out[i] = (room + (ceil_mode ? w->stride[i] - 1 : 0)) / w->stride[i] + 1;
    /* a window that would start in the padding at the end is ignored */
    if (ceil_mode && (w->out[i] - 1) * w->stride[i] >= w->in[i] + w->pad[i]) {
        w->out[i]--;
    }
}

fg_window fg_window_of(fg_context *ctx, const fg_node *n, const fg_shape *x, const int64_t *kernel) {
    fg_window w = read_common(ctx, n, x, kernel);
    auto_pad mode = read_auto_pad(ctx, n);
    bool ceil_mode = fg_attr_int(n, "ceil_mode", 0) != 0;
    for (int i = 0; i < w.axes; i++) {
        if (mode != PAD_EXPLICIT) {
            w.pad[i] = w.pad_end[i] = 0;
        }
        if (mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER) {
            place_same(&w, i, mode);
        } else {
            place_explicit(ctx, &w, i, ceil_mode);
        }
    }
    return w;
}

fg_window fg_window_of_transpose(fg_context *ctx, const fg_node *n, const fg_shape *x,
                                 const int64_t *kernel) {
    fg_window w = read_common(ctx, n, x, kernel);
    int64_t extra[2 * FG_MAX_SPATIAL], shape[2 * FG_MAX_SPATIAL];
    auto_pad mode = read_auto_pad(ctx, n);
    read_extents(ctx, n, "output_padding", w.axes, 0, 0, extra);
    bool shaped = read_extents(ctx, n, "output_shape", w.axes, 1, 1, shape);
    for (int i = 0; i < w.axes; i++) {
        if (w.in[i] < 1) {
            fg_raise(ctx, FG_BAD_MODEL, "input is empty on spatial axis %d", i);
        }
        int64_t full = (w.in[i] - 1) * w.stride[i] + reach(&w, i) + extra[i];
        if (shaped || mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER) {
            w.out[i] = shaped ? shape[i] : w.in[i] * w.stride[i];
            split_pad(&w, i, full > w.out[i] ? full - w.out[i] : 0,
                      mode == PAD_SAME_UPPER ? mode : PAD_SAME_LOWER);
        } else {
            if (mode == PAD_VALID) {
                w.pad[i] = w.pad_end[i] = 0;
            }
            w.out[i] = full - w.pad[i] - w.pad_end[i];
        }
        if (w.out[i] < 1) {
            fg_raise(ctx, FG_BAD_MODEL, "output would have extent %lld on spatial axis %d",
                     (long long)w.out[i], i);
        }
    }
    return w;
}

bool fg_window_may_leave(const fg_window *w, int d) {
    const int64_t last = (w->out[d] - 1) * w->stride[d] - w->pad[d] + (w->kernel[d] - 1) * w->dilation[d];
    return w->pad[d] > 0 || last >= w->in[d];
}
