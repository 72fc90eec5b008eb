#include "frontend/signal.h"

#include <string.h>

#include "frontend/ops.h"

/* Operand i, a constant of one integer; `otherwise` if it is absent. */
static int64_t scalar(fg_context *ctx, fg_node *n, int i, const char *what, int64_t otherwise) {
    int64_t value[1];
    const int count = fg_operand_ints(ctx, n, i, NULL, 1, value);
    if (count < 0) {
        return otherwise;
    }
    if (count != 1) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must hold one number", what);
    }
    return value[0];
}

static void need_positive(fg_context *ctx, const char *what, int64_t value) {
    if (value < 1) {
        fg_raise(ctx, FG_BAD_MODEL, "%s is %lld; it must be positive", what, (long long)value);
    }
    if (value > INT32_MAX / 4) {
        fg_raise(ctx, FG_UNSUPPORTED, "%s is %lld; at most %d is supported", what, (long long)value,
                 INT32_MAX / 4);
    }
}

static int64_t half(int64_t length) {
    return length / 2 + 1;
}

static fg_transform dft(fg_context *ctx, fg_node *n, int opset) {
    const fg_shape *x = &n->in[0]->shape;
    if (x->rank < 2 || x->dim[x->rank - 1] < 1 || x->dim[x->rank - 1] > 2) {
        fg_raise(ctx, FG_BAD_MODEL, "input of shape %s must end with 1 (real) or 2 (complex) parts",
                 fg_shape_text(ctx, x));
    }
    const int64_t axis = opset < 20 ? fg_attr_int(n, "axis", 1) : scalar(ctx, n, 2, "axis", -2);
    const bool onesided = fg_attr_int(n, "onesided", 0) != 0;
    fg_transform t = {.axis = fg_axis(ctx, n, axis, x->rank),
                      .has_parts = true,
                      .complex = x->dim[x->rank - 1] == 2,
                      .inverse = fg_attr_int(n, "inverse", 0) != 0};
    if (t.axis == x->rank - 1) {
        fg_blame_attribute(ctx, "axis");
        fg_raise(ctx, FG_BAD_MODEL, "axis %lld is the one of real and imaginary parts", (long long)axis);
    }
    t.real = t.inverse && onesided;
    t.count = x->dim[t.axis];
    t.length = scalar(ctx, n, 1, "dft_length", t.real ? 2 * (t.count - 1) : t.count);
    need_positive(ctx, "the transform's length", t.length);
    t.bins = onesided && !t.inverse ? half(t.length) : t.length;
    t.out = *x;
    t.out.dim[t.axis] = t.bins;
    t.out.dim[x->rank - 1] = t.real ? 1 : 2;
    return t;
}

static void read_frames(fg_context *ctx, fg_node *n, fg_transform *t, int64_t samples) {
    t->step = scalar(ctx, n, 1, "frame_step", 0);
    t->window = n->n_in > 2 ? n->in[2] : NULL;
    if (t->window != NULL && (t->window->shape.rank != 1 || t->window->dtype != n->in[0]->dtype)) {
        fg_raise(ctx, FG_BAD_MODEL, "window '%s' (%s %s) must be a vector of the signal's type",
                 t->window->name, fg_dtype_get(t->window->dtype)->name,
                 fg_shape_text(ctx, &t->window->shape));
    }
    t->length = scalar(ctx, n, 3, "frame_length", t->window != NULL ? t->window->shape.dim[0] : samples);
    need_positive(ctx, "the frames' step", t->step);
    need_positive(ctx, "the frames' length", t->length);
    if (t->window != NULL && t->window->shape.dim[0] != t->length) {
        fg_raise(ctx, FG_BAD_MODEL, "window '%s' of %lld elements does not fit frames of %lld",
                 t->window->name, (long long)t->window->shape.dim[0], (long long)t->length);
    }
    if (t->length > samples) {
        fg_raise(ctx, FG_BAD_MODEL, "frames of %lld samples do not fit a signal of %lld",
                 (long long)t->length, (long long)samples);
    }
}

static fg_transform stft(fg_context *ctx, fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    if (x->rank < 2 || x->rank > 3 || (x->rank == 3 && (x->dim[2] < 1 || x->dim[2] > 2))) {
        fg_raise(ctx, FG_BAD_MODEL,
                 "signal of shape %s must be batch x length x 1 (real) or 2 (complex) parts",
                 fg_shape_text(ctx, x));
    }
    fg_transform t = {.frames = true, .axis = 1, .has_parts = x->rank == 3};
    const bool onesided = fg_attr_int(n, "onesided", 1) != 0;
    t.complex = x->rank == 3 && x->dim[2] == 2;
    if (onesided && t.complex) {
        fg_blame_attribute(ctx, "onesided");
        fg_raise(ctx, FG_BAD_MODEL, "attribute onesided=1 needs a real signal");
    }
    read_frames(ctx, n, &t, x->dim[1]);
    t.count = t.length;
    t.n_frames = (x->dim[1] - t.length) / t.step + 1;
    t.bins = onesided ? half(t.length) : t.length;
    t.out = (fg_shape){4, {x->dim[0], t.n_frames, t.bins, 2}};
    return t;
}

fg_transform fg_transform_of(fg_context *ctx, fg_node *n, int opset) {
    return strcmp(n->op_type, "STFT") == 0 ? stft(ctx, n) : dft(ctx, n, opset);
}
