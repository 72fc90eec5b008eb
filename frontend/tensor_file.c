/* Single tensors from files: NumPy's .npy and ONNX's .pb. */
#include <stdlib.h>
#include <string.h>

#include "frontend/reader.h"

/* ---- .npy: magic, version, length of a Python dictionary as text, the dictionary, the elements ---- */

static const struct {
    const char *descr;
    fg_dtype type;
} descriptions[] = {{"<f4", FG_FLOAT},  {"<f8", FG_DOUBLE}, {"<f2", FG_FLOAT16}, {"|b1", FG_BOOL},
                    {"|u1", FG_UINT8},  {"|i1", FG_INT8},   {"<u2", FG_UINT16},  {"<i2", FG_INT16},
                    {"<u4", FG_UINT32}, {"<i4", FG_INT32},  {"<u8", FG_UINT64},  {"<i8", FG_INT64}};

_Noreturn static void broken(fg_context *ctx, const char *path) {
    fg_raise(ctx, FG_BAD_MODEL, "'%s' is not a .npy file, or a damaged one", path);
}

/* What follows 'key': in the dictionary. */
static const char *entry(fg_context *ctx, const char *path, const char *text, const char *key) {
    const char *p = strstr(text, fg_format(ctx, "'%s'", key));
    if (!p) broken(ctx, path);
    p += strlen(key) + 2;
    p += strspn(p, " ");
    if (*p++ != ':') broken(ctx, path);
    return p + strspn(p, " ");
}

static fg_dtype npy_type(fg_context *ctx, const char *path, const char *text) {
    const char *p = entry(ctx, path, text, "descr");
    char quote = *p++;
    if (quote != '\'' && quote != '"') fg_raise(ctx, FG_UNSUPPORTED, "'%s' holds records, not numbers", path);
    const char *descr = fg_strndup(ctx, p, strcspn(p, "'\""));
    for (size_t i = 0; i < FG_COUNT(descriptions); i++)
        if (strcmp(descriptions[i].descr, descr) == 0) return descriptions[i].type;
    fg_remedy(ctx, "save a little-endian array of numbers or bools");
    fg_raise(ctx, FG_UNSUPPORTED, "'%s' has elements of type '%s'", path, descr);
}

static fg_shape npy_shape(fg_context *ctx, const char *path, const char *text) {
    const char *p = entry(ctx, path, text, "shape");
    int64_t dims[FG_MAX_RANK + 1];
    size_t n = 0;
    if (*p++ != '(') broken(ctx, path);
    for (p += strspn(p, " "); *p != ')'; p += strspn(p, " ,")) {
        char *end;
        long long extent = strtoll(p, &end, 10);
        if (end == p || n > FG_MAX_RANK) broken(ctx, path);
        dims[n++] = extent;
        p = *end == 'L' ? end + 1 : end; /* written by Python 2 */
    }
    return fg_read_dims(ctx, n, dims, path);
}

static fg_tensor read_npy(fg_context *ctx, const fg_file *f) {
    static const uint8_t magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    if (f->size < 12 || memcmp(f->data, magic, sizeof magic) != 0) broken(ctx, f->path);
    size_t start = f->data[6] == 1 ? 10 : 12, length = (size_t)f->data[8] | (size_t)f->data[9] << 8;
    if (f->data[6] < 1 || f->data[6] > 3)
        fg_raise(ctx, FG_UNSUPPORTED, "'%s' is of .npy version %d", f->path, f->data[6]);
    if (start == 12) length |= (size_t)f->data[10] << 16 | (size_t)f->data[11] << 24;
    if (length > f->size - start) broken(ctx, f->path);
    const char *text = fg_strndup(ctx, (const char *)f->data + start, length);
    fg_tensor t = {.dtype = npy_type(ctx, f->path, text), .shape = npy_shape(ctx, f->path, text)};
    if (strncmp(entry(ctx, f->path, text, "fortran_order"), "False", 5) != 0 && t.shape.rank > 1) {
        fg_remedy(ctx, "save numpy.ascontiguousarray(x)");
        fg_raise(ctx, FG_UNSUPPORTED, "'%s' is stored in Fortran order", f->path);
    }
    size_t bytes = fg_dtype_bytes(t.dtype, fg_shape_count(&t.shape));
    if (f->size - start - length != bytes)
        fg_raise(ctx, FG_BAD_MODEL, "'%s' has %zu bytes of data, its shape needs %zu", f->path,
                 f->size - start - length, bytes);
    t.data = (void *)(uintptr_t)(f->data + start + length);
    return t;
}

/* ---- .pb ---- */

static fg_tensor read_pb(fg_context *ctx, const char *path, const fg_file *f) {
    fg_reader r = {.ctx = ctx, .path = path, .file = f};
    bool synthetic;
    if (f->size == 0)
        return (fg_tensor){.dtype = FG_UNDEFINED}; /* a message without fields: reported below */
    const Onnx__TensorProto *t =
        (const Onnx__TensorProto *)fg_unpack(ctx, f->data, f->size, &onnx__tensor_proto__descriptor,
                                             fg_format(ctx, "a tensor of ONNX ('%s')", path), &r.scanned);
    return fg_read_tensor(&r, t, t->name && *t->name ? t->name : path, &synthetic);
}

/* Callers own the data as a big allocation, whatever the file was. */
static void own(fg_context *ctx, fg_tensor *t) {
    int64_t n = fg_shape_count(&t->shape);
    size_t bytes = fg_dtype_bytes(t->dtype, n);
    uint8_t *data = fg_big_alloc(ctx, bytes);
    if (bytes) memcpy(data, t->data, bytes);
    for (int64_t i = 0; t->dtype == FG_BOOL && i < n; i++) data[i] = data[i] != 0;
    t->data = data;
}

static bool ends_with(const char *s, const char *suffix) {
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && strcmp(s + n - m, suffix) == 0;
}

fg_tensor fg_read_tensor_file(fg_context *ctx, const char *path) {
    bool npy = ends_with(path, ".npy");
    if (!npy && !ends_with(path, ".pb")) {
        fg_remedy(ctx, "give a .npy file, or a .pb file with a TensorProto");
        fg_raise(ctx, FG_USAGE, "'%s' is of no known kind", path);
    }
    const fg_file *f = fg_file_open(ctx, path, FG_USAGE);
    fg_tensor t = npy ? read_npy(ctx, f) : read_pb(ctx, path, f);
    if (t.dtype == FG_UNDEFINED) fg_raise(ctx, FG_BAD_MODEL, "'%s' is empty", path);
    own(ctx, &t);
    return t;
}
