#include "verify/place.h"

#include <string.h>

/* A strided image of a tensor: element (i0, i1, ...) at data + bytes * (offset + sum(i_d * stride[d])). */
typedef struct image {
    unsigned char *data;
    int64_t stride[FG_MAX_RANK];
    const int32_t *row; /* of runs of that many elements; NULL: strides say all */
    int64_t run;
} image;

static size_t element_bytes(const fg_value *v) {
    return fg_dtype_bytes(v->dtype, 1);
}
static bool is_packed(const fg_value *v) {
    return fg_dtype_is_packed(v->dtype);
}

size_t fg_slot_span(const fg_slot *s) {
    return fg_dtype_bytes(s->value->dtype, s->layout.elements);
}

bool fg_slot_is_sparse(const fg_slot *s) {
    return s->layout.elements > fg_shape_count(&s->value->shape);
}

static void row_major(const fg_shape *shape, int64_t *stride) {
    int64_t step = 1;
    for (int d = shape->rank - 1; d >= 0; d--) {
        stride[d] = step;
        step *= shape->dim[d];
    }
}

static bool is_row_major(const fg_slot *s) {
    int64_t plain[FG_MAX_RANK];
    row_major(&s->value->shape, plain);
    for (int d = 0; d < s->value->shape.rank; d++)
        if (s->value->shape.dim[d] > 1 && s->layout.stride[d] != plain[d]) return false;
    return s->layout.offset == 0;
}

/* Smallest and largest element index that the layout reaches. */
static void reach(const fg_slot *s, int64_t *low, int64_t *high) {
    *low = *high = s->layout.offset;
    if (s->layout.row) {
        const int64_t run = s->value->shape.dim[s->value->shape.rank - 1],
                      n = fg_shape_count(&s->value->shape) / run;
        for (int64_t i = 0; i < n; i++) {
            const int64_t at = s->layout.offset + s->layout.row[i];
            if (at < *low) *low = at;
            if (at + run - 1 > *high) *high = at + run - 1;
        }
        return;
    }
    for (int d = 0; d < s->value->shape.rank; d++) {
        const int64_t extent = d == 2 && s->layout.ring > 0 ? s->layout.ring : s->value->shape.dim[d];
        int64_t span = (extent - 1) * s->layout.stride[d];
        *(span < 0 ? low : high) += span;
    }
}

void fg_check_slot(fg_context *ctx, const fg_slot *s, size_t bytes) {
    if (fg_shape_count(&s->value->shape) == 0) return;
    int64_t low, high;
    reach(s, &low, &high);
    if (low < 0 || high >= s->layout.elements)
        fg_raise(ctx, FG_INTERNAL, "codegen: layout of '%s' leaves its allocation", s->value->name);
    size_t base = s->place == FG_PLACE_ARENA ? (size_t)s->base : 0;
    if (s->base < 0 || base > bytes || fg_slot_span(s) > bytes - base)
        fg_raise(ctx, FG_INTERNAL, "codegen: '%s' lies outside its memory", s->value->name);
    if (is_packed(s->value) && !is_row_major(s))
        fg_raise(ctx, FG_INTERNAL, "codegen: packed elements of '%s' are not in row-major order",
                 s->value->name);
}

/* shape: what the elements that count have, which may be less than the slot's. */
static image slot_image(const fg_slot *s, void *root, const fg_shape *shape) {
    image m = {.data = (unsigned char *)root + (size_t)s->layout.offset * element_bytes(s->value)};
    memcpy(m.stride, s->layout.stride, sizeof m.stride);
    if (s->value->packed) row_major(shape, m.stride);
    m.row = s->layout.row;
    if (m.row) m.run = s->value->shape.dim[s->value->shape.rank - 1];
    return m;
}

static image tensor_image(const fg_tensor *t) {
    image m = {.data = t->data};
    row_major(&t->shape, m.stride);
    return m;
}

/* n elements of one row; strides in bytes. */
static void copy_row(unsigned char *to, ptrdiff_t to_step, const unsigned char *from, ptrdiff_t from_step,
                     int64_t n, size_t bytes) {
    if (to_step == from_step && to_step == (ptrdiff_t)bytes) {
        memcpy(to, from, (size_t)n * bytes);
        return;
    }
    for (; n > 0; n--, to += to_step, from += from_step) {
        if (bytes == 4)
            memcpy(to, from, 4);
        else
            memcpy(to, from, bytes);
    }
}

static ptrdiff_t position(const image *m, const int64_t *index, int n, ptrdiff_t bytes) {
    int64_t at = 0;
    for (int d = 0; d < n; d++) at += index[d] * m->stride[d];
    if (m->row) at = m->row[at / m->run];
    return (ptrdiff_t)at * bytes;
}

static bool next_index(const fg_shape *shape, int64_t *index, int n) {
    for (int d = n - 1; d >= 0; d--) {
        if (++index[d] < shape->dim[d]) return true;
        index[d] = 0;
    }
    return false;
}

static void copy_images(const fg_shape *shape, size_t bytes, const image *to, const image *from) {
    int64_t index[FG_MAX_RANK] = {0};
    ptrdiff_t size = (ptrdiff_t)bytes;
    int outer = shape->rank > 0 ? shape->rank - 1 : 0;
    int64_t row = shape->rank > 0 ? shape->dim[outer] : 1;
    ptrdiff_t to_step = shape->rank > 0 ? (ptrdiff_t)to->stride[outer] * size : size;
    ptrdiff_t from_step = shape->rank > 0 ? (ptrdiff_t)from->stride[outer] * size : size;
    do
        copy_row(to->data + position(to, index, outer, size), to_step,
                 from->data + position(from, index, outer, size), from_step, row, bytes);
    while (next_index(shape, index, outer));
}

static void copy_value(const fg_slot *s, const fg_shape *shape, const image *to, const image *from) {
    int64_t n = fg_shape_count(shape);
    if (n == 0) return;
    if (is_packed(s->value))
        memcpy(to->data, from->data, fg_dtype_bytes(s->value->dtype, n));
    else
        copy_images(shape, element_bytes(s->value), to, from);
}

void fg_scatter(const fg_slot *s, void *root, const fg_tensor *t) {
    image to = slot_image(s, root, &t->shape), from = tensor_image(t);
    copy_value(s, &t->shape, &to, &from);
}

void fg_gather(const fg_slot *s, const void *root, fg_tensor *t) {
    image to = tensor_image(t), from = slot_image(s, (void *)root, &t->shape);
    copy_value(s, &t->shape, &to, &from);
}

void fg_fill_slot(const fg_slot *s, void *root, const void *element) {
    const fg_shape *whole = &s->value->shape;
    image to = slot_image(s, root, whole), from = {.data = (unsigned char *)(uintptr_t)element};
    copy_value(s, whole, &to, &from);
}

void fg_copy_slot(const fg_slot *s, void *to_root, const void *from_root) {
    const fg_shape *whole = &s->value->shape;
    image to = slot_image(s, to_root, whole), from = slot_image(s, (void *)from_root, whole);
    copy_value(s, whole, &to, &from);
}
