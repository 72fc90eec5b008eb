/* Walks protobuf's wire format ahead of the unpacker. */
#include "frontend/scan.h"

#include <ctype.h>
#include <string.h>
#include <sys/mman.h>

#include "onnx.pb-c.h"

enum {
    MAX_DEPTH = 64,
    LARGE_BYTES = 4096,    /* raw_data above this is referenced, not copied */
    PIECE_TAG = 1000 << 3, /* TensorProto.piece, a varint */
    PIECE_BYTES = 6,       /* two of tag, four of index */
    RAW_DATA = 9           /* TensorProto.raw_data */
};
/* The largest graphs in use have some 10^5 messages; each costs the unpacker a few hundred bytes. */
#define MAX_MESSAGES UINT64_C(2000000)
/* What the unpacker may allocate: a base, and this many times the file (a packed byte becomes an int64). */
#define BASE_BYTES     (UINT64_C(256) << 20)
#define BYTES_PER_BYTE 9
/* Rough costs inside the unpacker: a record per field that it saw, an allocation's rounding. */
#define FIELD_COST 64
#define ALLOC_COST 16

typedef struct frame {
    const ProtobufCMessageDescriptor *type;
    size_t end;       /* in the input */
    size_t length_at; /* of its length in the output */
    int length_width; /* bytes that the length takes; kept, padded if it became smaller */
    uint64_t seen;    /* optional messages that came already, a bit each */
} frame;

typedef struct scanner {
    fg_context *ctx;
    const char *what;
    const uint8_t *in;
    size_t size, at;
    uint8_t *out;
    size_t out_size;
    frame stack[MAX_DEPTH];
    int depth;
    uint64_t messages, cost;
    fg_piece *pieces;
    int n_pieces, cap_pieces;
} scanner;

/* ---- complaints ---- */

static bool looks_like_text(const uint8_t *data, size_t size) {
    size_t n = size < 256 ? size : 256;
    for (size_t i = 0; i < n; i++)
        if (!isprint(data[i]) && !isspace(data[i])) return false;
    return true;
}

_Noreturn static void malformed(const scanner *s, const char *why) {
    if (s->size > 1 && s->in[0] == 0x1f && s->in[1] == 0x8b)
        fg_raise(s->ctx, FG_BAD_MODEL, "not %s: the file is compressed with gzip", s->what);
    if (looks_like_text(s->in, s->size)) fg_raise(s->ctx, FG_BAD_MODEL, "not %s: it is a text file", s->what);
    fg_raise(s->ctx, FG_BAD_MODEL, "not %s, or a damaged one: %s at byte %zu", s->what, why, s->at);
}

static void charge(scanner *s, uint64_t bytes) {
    s->cost += bytes;
    if (s->cost > BASE_BYTES + (uint64_t)s->size * BYTES_PER_BYTE)
        fg_raise(s->ctx, FG_UNSUPPORTED, "the file would take more than %llu bytes to unpack",
                 (unsigned long long)(BASE_BYTES + (uint64_t)s->size * BYTES_PER_BYTE));
}

/* ---- wire format ---- */

static uint64_t read_varint(scanner *s, size_t end, int max_bytes) {
    uint64_t value = 0;
    for (int i = 0; i < max_bytes; i++) {
        if (s->at >= end) malformed(s, "the data end inside a number");
        uint8_t byte = s->in[s->at++];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) return value;
    }
    malformed(s, "a number is too long");
}

static void copy(scanner *s, size_t from, size_t n) {
    if (n) memcpy(s->out + s->out_size, s->in + from, n);
    s->out_size += n;
}

/* Writes a number into exactly `width` bytes. */
static void put_varint(uint8_t *to, size_t value, int width) {
    for (int i = 0; i < width; i++, value >>= 7)
        to[i] = (uint8_t)((value & 0x7f) | (i + 1 < width ? 0x80 : 0));
}

static size_t scalar_bytes(ProtobufCType type) {
    return type == PROTOBUF_C_TYPE_INT64 || type == PROTOBUF_C_TYPE_UINT64 || type == PROTOBUF_C_TYPE_DOUBLE
               ? 8
               : 4;
}

static unsigned scalar_wire(ProtobufCType type) {
    return type == PROTOBUF_C_TYPE_FLOAT ? 5 : type == PROTOBUF_C_TYPE_DOUBLE ? 1 : 0;
}

/* Elements of a packed field. */
static void check_packed(scanner *s, const ProtobufCFieldDescriptor *f, size_t length) {
    size_t n = 0, width = scalar_bytes(f->type);
    if (scalar_wire(f->type) != 0) {
        if (length % width) malformed(s, "a list of numbers has a broken length");
        n = length / width;
    } else {
        int run = 0;
        for (size_t i = 0; i < length; i++) {
            run = s->in[s->at + i] & 0x80 ? run + 1 : 0;
            if (run >= 10) malformed(s, "a number is too long");
            n += run == 0;
        }
        if (run) malformed(s, "a list of numbers ends inside one");
    }
    charge(s, n * width);
}

static void push(scanner *s, const ProtobufCMessageDescriptor *type, size_t end, size_t length_at,
                 int width) {
    if (s->depth == MAX_DEPTH) malformed(s, "messages are nested too deeply");
    if (++s->messages > MAX_MESSAGES)
        fg_raise(s->ctx, FG_UNSUPPORTED, "the file has more than %llu messages",
                 (unsigned long long)MAX_MESSAGES);
    charge(s, type->sizeof_message + ALLOC_COST);
    s->stack[s->depth++] = (frame){.type = type, .end = end, .length_at = length_at, .length_width = width};
}

static void pop(scanner *s) {
    const frame *f = &s->stack[--s->depth];
    if (f->length_width)
        put_varint(s->out + f->length_at, s->out_size - f->length_at - (size_t)f->length_width,
                   f->length_width);
}

static void cut_piece(scanner *s, size_t length) {
    if (s->n_pieces == s->cap_pieces) {
        int cap = s->cap_pieces ? s->cap_pieces * 2 : 64;
        fg_piece *wider = FG_ARRAY(s->ctx, cap, fg_piece);
        if (s->n_pieces) memcpy(wider, s->pieces, (size_t)s->n_pieces * sizeof *wider);
        s->pieces = wider;
        s->cap_pieces = cap;
    }
    put_varint(s->out + s->out_size, PIECE_TAG, 2);
    put_varint(s->out + s->out_size + 2, (size_t)s->n_pieces, PIECE_BYTES - 2);
    s->out_size += PIECE_BYTES;
    s->pieces[s->n_pieces++] = (fg_piece){s->at, length};
    s->at += length;
}

/* Sub-messages that may come once are refused when they come again: the unpacker would merge them,
 * recursively. */
static void enter_message(scanner *s, frame *f, const ProtobufCFieldDescriptor *field, size_t start,
                          size_t length_at, size_t length) {
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        uint64_t bit = UINT64_C(1) << (field - f->type->fields);
        if (f->seen & bit) malformed(s, "a message comes twice");
        f->seen |= bit;
    }
    copy(s, start, s->at - start);
    int width = (int)(s->at - length_at);
    push(s, field->descriptor, s->at + length, s->out_size - (size_t)width, width);
}

static void scan_delimited(scanner *s, frame *f, const ProtobufCFieldDescriptor *field, size_t start) {
    size_t length_at = s->at;
    uint64_t length = read_varint(s, f->end, 5);
    if (length > f->end - s->at) {
        if (f->end == s->size) malformed(s, "the file is cut short: a field reaches beyond its end");
        malformed(s, "a field reaches beyond the message it is in");
    }
    if (!field) {
        s->at += (size_t)length;
        return;
    }
    charge(s, FIELD_COST);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        enter_message(s, f, field, start, length_at, (size_t)length);
        return;
    }
    if (f->type == &onnx__tensor_proto__descriptor && field->id == RAW_DATA && length > LARGE_BYTES) {
        cut_piece(s, (size_t)length);
        return;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES) {
        if (field->type == PROTOBUF_C_TYPE_STRING && memchr(s->in + s->at, 0, (size_t)length))
            malformed(s, "a name holds a zero byte");
        charge(s, length + ALLOC_COST);
    } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        check_packed(s, field, (size_t)length);
    } else {
        malformed(s, "a field has the wrong type");
    }
    s->at += (size_t)length;
    copy(s, start, s->at - start);
}

static void scan_scalar(scanner *s, frame *f, const ProtobufCFieldDescriptor *field, size_t start,
                        unsigned wire) {
    size_t width = wire == 1 ? 8 : 4;
    if (wire == 0) {
        read_varint(s, f->end, 10);
    } else {
        if (width > f->end - s->at) malformed(s, "the data end inside a number");
        s->at += width;
    }
    if (!field) return;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING ||
        field->type == PROTOBUF_C_TYPE_BYTES || scalar_wire(field->type) != wire)
        malformed(s, "a field has the wrong type");
    charge(s, FIELD_COST + 8);
    copy(s, start, s->at - start);
}

static void scan_field(scanner *s) {
    frame *f = &s->stack[s->depth - 1];
    size_t start = s->at;
    uint64_t tag = read_varint(s, f->end, 5);
    unsigned wire = (unsigned)(tag & 7);
    uint64_t id = tag >> 3;
    if (id == 0 || id > 0x1fffffff) malformed(s, "a field has no valid number");
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(f->type, (unsigned)id);
    if (id == PIECE_TAG >> 3) field = NULL; /* ours alone */
    if (wire == 2)
        scan_delimited(s, f, field, start);
    else if (wire == 0 || wire == 1 || wire == 5)
        scan_scalar(s, f, field, start, wire);
    else
        malformed(s, "a field has an unknown kind");
}

/* ---- the copy for the unpacker ---- */

typedef struct reserve {
    void *data;
    size_t size;
} reserve;

static void release(void *resource) {
    reserve *r = resource;
    munmap(r->data, r->size);
}

/* Address room as large as the file, of which only what is written becomes memory: with large tensors cut
 * out, little. */
static uint8_t *reserve_output(fg_context *ctx, size_t size) {
    reserve *r = FG_NEW(ctx, reserve);
    r->size = size;
    r->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (r->data == MAP_FAILED)
        fg_raise(ctx, FG_UNSUPPORTED, "out of memory (%zu bytes more were needed)", size);
    fg_defer(ctx, release, r);
    return r->data;
}

fg_scanned fg_scan(fg_context *ctx, const uint8_t *data, size_t size, const ProtobufCMessageDescriptor *root,
                   const char *what) {
    if (size == 0) fg_raise(ctx, FG_BAD_MODEL, "not %s: the file is empty", what);
    scanner *s = FG_NEW(ctx, scanner);
    s->ctx = ctx;
    s->what = what;
    s->in = data;
    s->size = size;
    s->out = reserve_output(ctx, size);
    push(s, root, size, 0, 0);
    while (s->depth) {
        if (s->at == s->stack[s->depth - 1].end)
            pop(s);
        else
            scan_field(s);
    }
    return (fg_scanned){s->out, s->out_size, s->pieces, s->n_pieces};
}

/* ---- unpacking ---- */

/* Memory of the unpacker is the context's: it is never given back alone, and exhaustion leaves through
 * fg_raise. */
static void *take(void *ctx, size_t bytes) {
    return fg_alloc(ctx, bytes, 1);
}

static void drop(void *ctx, void *p) {
    (void)ctx;
    (void)p;
}

ProtobufCMessage *fg_unpack(fg_context *ctx, const uint8_t *data, size_t size,
                            const ProtobufCMessageDescriptor *root, const char *what, fg_scanned *scanned) {
    fg_scanned s = fg_scan(ctx, data, size, root, what);
    ProtobufCAllocator allocator = {.alloc = take, .free = drop, .allocator_data = ctx};
    ProtobufCMessage *m = protobuf_c_message_unpack(root, &allocator, s.size, s.data);
    if (!m) fg_raise(ctx, FG_BAD_MODEL, "not %s, or a damaged one: it cannot be unpacked", what);
    if (scanned) *scanned = s;
    return m;
}
