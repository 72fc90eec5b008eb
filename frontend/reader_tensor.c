/* Tensors of the file as typed data: raw, in typed fields, in other files, sparse, or made by rule. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/fill.h"
#include "frontend/reader.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensor data are little-endian in files and are used in place"
#endif

enum { EXTERNAL = 1 };

fg_dtype fg_read_dtype(fg_context *ctx, int64_t type, const char *name) {
    if (type == FG_UNDEFINED) fg_raise(ctx, FG_BAD_MODEL, "'%s' has no element type", name);
    if (type < 0 || type >= FG_DTYPE_COUNT)
        fg_raise(ctx, FG_UNSUPPORTED, "'%s' has element type %lld, which is not known", name,
                 (long long)type);
    return (fg_dtype)type;
}

fg_shape fg_read_dims(fg_context *ctx, size_t n, const int64_t *dims, const char *name) {
    fg_shape s = {0};
    if (n > FG_MAX_RANK)
        fg_raise(ctx, FG_UNSUPPORTED, "'%s' has %zu dimensions, at most %d are supported", name, n,
                 FG_MAX_RANK);
    s.rank = (int)n;
    for (size_t i = 0; i < n; i++) {
        if (dims[i] < 0)
            fg_raise(ctx, FG_BAD_MODEL, "'%s' has the negative dimension %lld", name, (long long)dims[i]);
        s.dim[i] = dims[i];
    }
    fg_checked_product(ctx, s.rank, s.dim);
    return s;
}

/* ---- where the bytes are ---- */

typedef struct bytes {
    const void *data; /* NULL: none */
    size_t size;
} bytes;

static size_t alignment(fg_dtype t) {
    int bits = fg_dtype_get(t)->bits;
    return bits >= 64 ? 8 : bits >= 8 ? (size_t)bits / 8 : 1;
}

static int64_t external_number(fg_reader *r, const char *text, const char *name) {
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || end == text || *end || n < 0)
        fg_raise(r->ctx, FG_BAD_MODEL, "tensor '%s': external offset or length '%s' is no size", name, text);
    return n;
}

static bytes external_bytes(fg_reader *r, const Onnx__TensorProto *t, const char *name, size_t need,
                            size_t align) {
    const char *location = "";
    int64_t offset = 0, length = -1;
    for (size_t i = 0; i < t->n_external_data; i++) {
        const char *key = fg_or_empty(t->external_data[i]->key),
                   *value = fg_or_empty(t->external_data[i]->value);
        if (strcmp(key, "location") == 0) location = value;
        if (strcmp(key, "offset") == 0) offset = external_number(r, value, name);
        if (strcmp(key, "length") == 0) length = external_number(r, value, name);
    }
    const fg_file *f = fg_external_open(r->ctx, r->path, location, &r->external);
    if (length < 0) length = (int64_t)need;
    if ((uint64_t)offset > f->size || (uint64_t)length > f->size - (size_t)offset)
        fg_raise(r->ctx, FG_BAD_MODEL, "tensor '%s': bytes %lld to %lld of '%s' lie beyond its end (%zu)",
                 name, (long long)offset, (long long)offset + (length < INT64_MAX - offset ? length : 0),
                 location, f->size);
    if ((size_t)length != need) return (bytes){"", (size_t)length}; /* the caller complains */
    return (bytes){fg_file_part(r->ctx, f, (size_t)offset, need, align), need};
}

/* Bytes in the format's own layout; NULL data if the tensor uses typed fields. */
static bytes raw_bytes(fg_reader *r, const Onnx__TensorProto *t, const char *name, size_t need,
                       size_t align) {
    if (t->has_data_location && t->data_location == EXTERNAL) return external_bytes(r, t, name, need, align);
    if (t->has_piece && t->piece < (uint32_t)r->scanned.n_pieces) {
        fg_piece p = r->scanned.pieces[t->piece];
        if (p.length != need) return (bytes){"", p.length};
        return (bytes){fg_file_part(r->ctx, r->file, p.offset, p.length, align), p.length};
    }
    if (t->has_raw_data && t->raw_data.len) return (bytes){t->raw_data.data, t->raw_data.len};
    return (bytes){0};
}

/* ---- typed fields ---- */

typedef struct field {
    const void *data;
    size_t n, width; /* elements, bytes of one */
} field;

static field typed_field(const Onnx__TensorProto *t, fg_dtype type) {
    switch (type) {
    case FG_FLOAT:
    case FG_COMPLEX64: return (field){t->float_data, t->n_float_data, 4};
    case FG_DOUBLE:
    case FG_COMPLEX128: return (field){t->double_data, t->n_double_data, 8};
    case FG_INT64: return (field){t->int64_data, t->n_int64_data, 8};
    case FG_UINT32:
    case FG_UINT64: return (field){t->uint64_data, t->n_uint64_data, 8};
    default: return (field){t->int32_data, t->n_int32_data, 4};
    }
}

static bool is_six_bits(fg_dtype type) {
    return fg_dtype_get(type)->bits == 6;
}

/* Elements of the field per tensor: two to a complex number, one to a byte of packed types, but for those of
 * 6 bits, which have an element each. */
static size_t field_elements(fg_dtype type, int64_t count) {
    size_t n = (size_t)count;
    if (type == FG_COMPLEX64 || type == FG_COMPLEX128) return n * 2;
    return fg_dtype_is_packed(type) && !is_six_bits(type) ? fg_dtype_bytes(type, count) : n;
}

static const void *narrow(fg_context *ctx, field f, size_t width) {
    if (width == f.width) return f.data;
    uint8_t *data = fg_big_alloc(ctx, f.n * width);
    for (size_t i = 0; i < f.n; i++) memcpy(data + i * width, (const uint8_t *)f.data + i * f.width, width);
    return data;
}

static const void *pack(fg_context *ctx, fg_dtype type, field f) {
    uint8_t *data = fg_big_alloc(ctx, fg_dtype_bytes(type, (int64_t)f.n));
    for (size_t i = 0; i < f.n; i++) {
        uint32_t code;
        memcpy(&code, (const uint8_t *)f.data + i * f.width, sizeof code);
        fg_packed_put(data, fg_dtype_get(type)->bits, (int64_t)i, code & 63);
    }
    return data;
}

static size_t element_width(fg_dtype type) {
    switch (type) {
    case FG_COMPLEX64: return 4;
    case FG_COMPLEX128: return 8;
    default: return fg_dtype_is_packed(type) ? 1 : (size_t)fg_dtype_get(type)->bits / 8;
    }
}

static const void *read_strings(fg_reader *r, const Onnx__TensorProto *t, const char *name, int64_t count) {
    if (t->n_string_data != (size_t)count)
        fg_raise(r->ctx, FG_BAD_MODEL, "tensor '%s' has %zu strings, its shape needs %lld", name,
                 t->n_string_data, (long long)count);
    const char **list = FG_ARRAY(r->ctx, count, const char *);
    for (int64_t i = 0; i < count; i++)
        list[i] = fg_strndup(r->ctx, (const char *)t->string_data[i].data, t->string_data[i].len);
    return list;
}

/* A bool may be any non-zero byte in a file; here it is 0 or 1. */
static const void *as_bools(fg_context *ctx, const uint8_t *data, int64_t count) {
    uint8_t *bools = fg_big_alloc(ctx, (size_t)count);
    for (int64_t i = 0; i < count; i++) bools[i] = data[i] != 0;
    return bools;
}

static const void *aligned_copy(fg_context *ctx, bytes b, size_t align) {
    if ((uintptr_t)b.data % align == 0) return b.data;
    void *data = fg_big_alloc(ctx, b.size);
    memcpy(data, b.data, b.size);
    return data;
}

static const void *read_data(fg_reader *r, const Onnx__TensorProto *t, const char *name, const fg_tensor *out,
                             bool *synthetic) {
    fg_dtype type = out->dtype;
    int64_t count = fg_shape_count(&out->shape);
    size_t need = fg_dtype_bytes(type, count);
    if (type == FG_STRING) return read_strings(r, t, name, count);
    bytes b = raw_bytes(r, t, name, need, alignment(type));
    field f = typed_field(t, type);
    if (b.data) {
        if (b.size != need)
            fg_raise(r->ctx, FG_BAD_MODEL, "tensor '%s' has %zu bytes of data, its shape %s of %s needs %zu",
                     name, b.size, fg_shape_text(r->ctx, &out->shape), fg_dtype_get(type)->name, need);
        return aligned_copy(r->ctx, b, alignment(type));
    }
    if (f.n == 0 && fg_fill_applies(type, t->doc_string)) {
        *synthetic = true;
        return fg_fill(r->ctx, name, type, &out->shape, t->doc_string);
    }
    if (f.n != field_elements(type, count))
        fg_raise(r->ctx, FG_BAD_MODEL, "tensor '%s' has %zu elements of data, its shape %s of %s needs %zu",
                 name, f.n, fg_shape_text(r->ctx, &out->shape), fg_dtype_get(type)->name,
                 field_elements(type, count));
    if (is_six_bits(type) && f.n) return pack(r->ctx, type, f);
    return f.n ? narrow(r->ctx, f, element_width(type)) : fg_alloc(r->ctx, 1, 16);
}

fg_tensor fg_read_tensor(fg_reader *r, const Onnx__TensorProto *t, const char *name, bool *synthetic) {
    fg_tensor out = {.dtype = fg_read_dtype(r->ctx, t->data_type, name)};
    out.shape = fg_read_dims(r->ctx, t->n_dims, t->dims, name);
    *synthetic = false;
    const void *data = read_data(r, t, name, &out, synthetic);
    if (out.dtype == FG_BOOL) data = as_bools(r->ctx, data, fg_shape_count(&out.shape));
    out.data = (void *)(uintptr_t)data; /* constants are read-only by convention of fg_value */
    return out;
}

/* ---- sparse ---- */

/* Element that entry i of a sparse tensor stands at; indices are linear, or a row of coordinates each. */
static int64_t sparse_position(fg_reader *r, const fg_tensor *indices, const fg_shape *shape, int64_t i,
                               const char *name) {
    const int64_t *list = indices->data;
    int64_t at = 0, total = fg_shape_count(shape);
    if (indices->shape.rank == 1) {
        at = list[i];
    } else {
        for (int d = 0; d < shape->rank; d++) {
            int64_t c = list[i * shape->rank + d];
            if (c < 0 || c >= shape->dim[d])
                fg_raise(r->ctx, FG_BAD_MODEL, "tensor '%s' has an index out of range", name);
            at = at * shape->dim[d] + c;
        }
    }
    if (at < 0 || at >= total) fg_raise(r->ctx, FG_BAD_MODEL, "tensor '%s' has an index out of range", name);
    return at;
}

fg_tensor fg_read_sparse(fg_reader *r, const Onnx__SparseTensorProto *t, const char *name) {
    bool synthetic;
    if (!t->values || !t->indices)
        fg_raise(r->ctx, FG_BAD_MODEL, "sparse tensor '%s' lacks values or indices", name);
    fg_tensor values = fg_read_tensor(r, t->values, name, &synthetic),
              indices = fg_read_tensor(r, t->indices, name, &synthetic);
    fg_tensor out = {.dtype = values.dtype, .shape = fg_read_dims(r->ctx, t->n_dims, t->dims, name)};
    int64_t n = fg_shape_count(&values.shape);
    bool rows =
        indices.shape.rank == 2 && indices.shape.dim[0] == n && indices.shape.dim[1] == out.shape.rank;
    bool linear = indices.shape.rank == 1 && indices.shape.dim[0] == n;
    if (values.shape.rank != 1 || indices.dtype != FG_INT64 || (!rows && !linear))
        fg_raise(r->ctx, FG_BAD_MODEL, "sparse tensor '%s' has values and indices that do not fit", name);
    size_t width = (size_t)fg_dtype_get(out.dtype)->bits / 8; /* 0: packed */
    if (width == 0 || out.dtype == FG_STRING)
        fg_raise(r->ctx, FG_UNSUPPORTED, "sparse tensor '%s' is of %s", name, fg_dtype_get(out.dtype)->name);
    uint8_t *data = fg_big_alloc(r->ctx, fg_dtype_bytes(out.dtype, fg_shape_count(&out.shape)));
    for (int64_t i = 0; i < n; i++) {
        size_t at = (size_t)sparse_position(r, &indices, &out.shape, i, name);
        memcpy(data + at * width, (const uint8_t *)values.data + (size_t)i * width, width);
    }
    out.data = data;
    return out;
}
