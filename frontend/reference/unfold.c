#include "frontend/reference/unfold.h"

#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"
#include "frontend/window.h"

void fg_ref_center_crop_pad(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *y = &e->out[0];
    const int rank = x->shape.rank;
    int64_t kept[FG_MAX_RANK];
    fg_nd from = {0}, to = {0};
    fg_row_major(rank, x->shape.dim, from.stride);
    fg_row_major(rank, y->shape.dim, to.stride);
    for (int d = 0; d < rank; d++) {
        const int64_t more = x->shape.dim[d] - y->shape.dim[d];
        kept[d] = more > 0 ? y->shape.dim[d] : x->shape.dim[d];
        if (more > 0) {
            from.offset += more / 2 * from.stride[d];
        } else {
            to.offset += -more / 2 * to.stride[d];
        }
    }
    fg_copy_nd(x->dtype, rank, kept, y->data, &to, x->data, &from);
}

/* Adds one plane's columns into the image, block by block. */
static void add_blocks(const fg_window *w, const fg_tensor *x, int64_t rows, int64_t columns, int64_t plane,
                       double *image) {
    for (int64_t k = 0; k < rows * columns; k++) {
        int64_t tap = k / columns, block = k % columns, at = 0, scale = 1;
        bool inside = true;
        for (int d = w->axes - 1; d >= 0; d--) {
            const int64_t i =
                block % w->out[d] * w->stride[d] + tap % w->kernel[d] * w->dilation[d] - w->pad[d];
            inside = inside && i >= 0 && i < w->in[d];
            at += i * scale;
            scale *= w->in[d];
            tap /= w->kernel[d];
            block /= w->out[d];
        }
        if (inside) {
            image[at] += fg_get_f64(x, plane * rows * columns + k);
        }
    }
}

void fg_ref_col2im(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    fg_tensor y = e->out[0];
    int64_t block[FG_MAX_SPATIAL], pixels = 1, rows = 1, columns = 1;
    const int axes = y.shape.rank - 2;
    if (fg_tensor_ints(e->ctx, &e->in[2], FG_MAX_SPATIAL, block) != axes) {
        fg_raise(e->ctx, FG_BAD_MODEL, "operand 'block_shape' does not have %d entries", axes);
    }
    const fg_window w = fg_window_of(e->ctx, e->node, &y.shape, block);
    for (int d = 0; d < axes; d++) {
        pixels *= w.in[d];
        rows *= w.kernel[d];
        columns *= w.out[d];
    }
    if (rows * y.shape.dim[1] != x->shape.dim[1] || columns != x->shape.dim[2]) {
        fg_raise(e->ctx, FG_BAD_MODEL, "operand 'block_shape' does not fit the declared result");
    }
    double *image = fg_big_alloc(e->ctx, (size_t)pixels * sizeof(double));
    for (int64_t plane = 0; plane < y.shape.dim[0] * y.shape.dim[1]; plane++) {
        for (int64_t i = 0; i < pixels; i++) {
            image[i] = 0;
        }
        add_blocks(&w, x, rows, columns, plane, image);
        fg_store_f64(&y, plane * pixels, pixels, image);
    }
    fg_big_free(e->ctx, image);
}

/* Indices that point nowhere are passed over. */
void fg_ref_max_unpool(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *y = &e->out[0];
    const fg_window w = fg_window_of_transpose(e->ctx, e->node, &x->shape, NULL);
    fg_shape source = x->shape;
    for (int d = 0; d < w.axes; d++) {
        source.dim[d + 2] = w.out[d];
    }
    const int64_t count = fg_shape_count(&x->shape), places = fg_shape_count(&source);
    for (int64_t k = 0; k < count; k++) {
        int64_t rest = fg_tensor_int(&e->in[1], k), at = 0, scale = 1;
        if (rest < 0 || rest >= places) {
            continue;
        }
        for (int d = source.rank - 1; d >= 0; d--) {
            at += rest % source.dim[d] * scale;
            scale *= y->shape.dim[d];
            rest /= source.dim[d];
        }
        fg_copy_element(x->dtype, y->data, at, x->data, k);
    }
}
