#include "frontend/reference/elements.h"

#include <string.h>

void fg_row_major(int rank, const int64_t *dim, int64_t *stride) {
    int64_t s = 1;
    for (int d = rank - 1; d >= 0; d--) {
        stride[d] = s;
        s *= dim[d];
    }
}

void fg_copy_element(fg_dtype t, void *dst, int64_t to, const void *src, int64_t from) {
    int bits = fg_dtype_get(t)->bits;
    if (bits < 8) {
        fg_packed_put(dst, bits, to, fg_packed_get(src, bits, from));
        return;
    }
    int64_t bytes = bits / 8;
    memcpy((unsigned char *)dst + to * bytes, (const unsigned char *)src + from * bytes, (size_t)bytes);
}

static void copy_row(int bits, int64_t n, unsigned char *dst, int64_t to, int64_t ds,
                     const unsigned char *src, int64_t from, int64_t ss) {
    int64_t bytes = bits / 8;
    if (bits < 8) {
        for (int64_t i = 0; i < n; i++) {
            fg_packed_put(dst, bits, to + i * ds, fg_packed_get(src, bits, from + i * ss));
        }
        return;
    }
    dst += to * bytes;
    src += from * bytes;
    if (ds == 1 && ss == 1) {
        memcpy(dst, src, (size_t)(n * bytes));
    } else if (bytes == 4) {
        for (int64_t i = 0; i < n; i++) {
            memcpy(dst + i * ds * 4, src + i * ss * 4, 4);
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            memcpy(dst + i * ds * bytes, src + i * ss * bytes, (size_t)bytes);
        }
    }
}

static int64_t place(const fg_nd *a, int rank, const int64_t *index) {
    int64_t at = a->offset;
    for (int d = 0; d < rank; d++) {
        at += index[d] * a->stride[d];
    }
    return at;
}

void fg_copy_nd(fg_dtype t, int rank, const int64_t *dim, void *dst, const fg_nd *to, const void *src,
                const fg_nd *from) {
    for (int d = 0; d < rank; d++) {
        if (dim[d] <= 0) {
            return;
        }
    }
    int outer = rank > 0 ? rank - 1 : 0;
    int64_t n = rank > 0 ? dim[outer] : 1;
    int64_t ds = rank > 0 ? to->stride[outer] : 1, ss = rank > 0 ? from->stride[outer] : 1;
    int64_t index[FG_ND_MAX] = {0};
    do {
        copy_row(fg_dtype_get(t)->bits, n, dst, place(to, outer, index), ds, src, place(from, outer, index),
                 ss);
    } while (fg_next_index(outer, dim, index));
}

bool fg_next_index(int rank, const int64_t *dim, int64_t *index) {
    for (int d = rank - 1; d >= 0; d--) {
        if (++index[d] < dim[d]) {
            return true;
        }
        index[d] = 0;
    }
    return false;
}

int64_t fg_tensor_int(const fg_tensor *t, int64_t i) {
    fg_value v = {.dtype = t->dtype, .shape = t->shape, .data = t->data};
    return fg_const_int(&v, i);
}

double fg_tensor_float(const fg_tensor *t, int64_t i) {
    fg_value v = {.dtype = t->dtype, .shape = t->shape, .data = t->data};
    return fg_const_float(&v, i);
}

int fg_tensor_ints(fg_context *ctx, const fg_tensor *t, int max, int64_t *out) {
    int64_t n = fg_shape_count(&t->shape);
    if (t->shape.rank > 1 || n > max || !fg_dtype_get(t->dtype)->is_integer) {
        fg_raise(ctx, FG_BAD_MODEL, "operand of shape %s must be a list of at most %d integers",
                 fg_shape_text(ctx, &t->shape), max);
    }
    for (int64_t i = 0; i < n; i++) {
        out[i] = fg_tensor_int(t, i);
    }
    return (int)n;
}

bool fg_has_operand(const fg_eval *e, int i) {
    return i < e->node->n_in && e->in[i].data != NULL;
}

void fg_ref_copy(const fg_eval *e) {
    if (e->out[0].data == NULL) {
        return;
    } /* not wanted */
    int64_t n = fg_shape_count(&e->out[0].shape);
    if (n != fg_shape_count(&e->in[0].shape)) {
        fg_raise(e->ctx, FG_BAD_MODEL, "%s elements cannot fill %s", fg_shape_text(e->ctx, &e->in[0].shape),
                 fg_shape_text(e->ctx, &e->out[0].shape));
    }
    memcpy(e->out[0].data, e->in[0].data, fg_dtype_bytes(e->in[0].dtype, n));
}
