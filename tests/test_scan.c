/* The scanner: what hostile files may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "frontend/scan.h"
#include "pb_build.h"

typedef struct attempt {
    const uint8_t *data;
    size_t size;
    fg_scanned scanned;
    ProtobufCMessage *message;
} attempt;

static void unpack_body(fg_context *ctx, void *arg) {
    attempt *a = arg;
    a->message =
        fg_unpack(ctx, a->data, a->size, &onnx__model_proto__descriptor, "an ONNX model", &a->scanned);
}

static fg_status unpack(fg_context *ctx, const void *data, size_t size) {
    attempt a = {.data = data, .size = size};
    return fg_try(ctx, unpack_body, &a);
}

static int setup(void **state) {
    *state = fg_context_new();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    fg_context_free(*state);
    return 0;
}

static void expect(fg_context *ctx, const void *data, size_t size, fg_status status, const char *message) {
    assert_int_equal(unpack(ctx, data, size), status);
    const char *said = fg_context_diagnostic(ctx)->message;
    if (!strstr(said, message)) fail_msg("'%s' does not say '%s'", said, message);
}

static void files_of_other_kinds_are_named(void **state) {
    static const char text[] = "{\n  \"model\": 1\n}\n", gzip[] = "\x1f\x8b\x08rest";
    expect(*state, "", 0, FG_BAD_MODEL, "the file is empty");
    expect(*state, text, sizeof text - 1, FG_BAD_MODEL, "not an ONNX model: it is a text file");
    expect(*state, gzip, sizeof gzip - 1, FG_BAD_MODEL, "gzip");
}

static void malformed_wire_format_is_refused(void **state) {
    expect(*state, "\x3a\x05\x12", 3, FG_BAD_MODEL, "cut short");
    expect(*state, "\x3a\x02\x0a\x05", 4, FG_BAD_MODEL, "cut short"); /* field beyond message and file */
    expect(*state, "\x3a\x02\x0a\x05\x08\x01", 6, FG_BAD_MODEL,
           "beyond the message"); /* beyond the message only */
    expect(*state, "\x08\x80\x80", 3, FG_BAD_MODEL, "inside a number");
    expect(*state, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, FG_BAD_MODEL, "too long");
    expect(*state, "\x0b\x0c\x80", 3, FG_BAD_MODEL, "unknown kind"); /* groups */
    expect(*state, "\x0a\x01\x80", 3, FG_BAD_MODEL, "wrong type");   /* ir_version as bytes */
    expect(*state, "\x38\x80\x01", 3, FG_BAD_MODEL, "wrong type");   /* graph as a number */
    expect(*state, "\x00\x80\x01", 3, FG_BAD_MODEL, "valid number");
    expect(*state, "\x3a\x00\x3a\x00\x80", 5, FG_BAD_MODEL, "twice");
    expect(*state,
           "\x3a\x04\x12\x02"
           "a\x00",
           6, FG_BAD_MODEL, "zero byte");
    expect(*state, "\x3a\x06\x2a\x04\x22\x02\x01\x02", 8, FG_BAD_MODEL,
           "broken length"); /* float_data of 2 bytes */
    expect(*state, "\x3a\x05\x2a\x03\x3a\x01\x80", 7, FG_BAD_MODEL, "ends inside one"); /* int64_data */
}

/* graph { node { attribute { g { node { ... } } } } }, from the inside out; every length takes three bytes.
 */
static size_t nest(uint8_t *data, size_t size) {
    static const uint8_t tags[] = {0x3a, 0x0a, 0x2a, 0x32};
    size_t at = 0;
    data[at++] = tags[0];
    for (int level = 1; at + 8 < size; level++) {
        size_t rest = size - at - 3;
        data[at++] = (uint8_t)(rest | 0x80);
        data[at++] = (uint8_t)(rest >> 7 | 0x80);
        data[at++] = (uint8_t)(rest >> 14);
        data[at++] = tags[1 + (level - 1) % 3];
    }
    data[at] = (uint8_t)(size - at - 1);
    at++;
    while (at < size) data[at++] = 0;
    return size;
}

static void deep_nesting_is_refused(void **state) {
    static uint8_t data[80000];
    expect(*state, data, nest(data, sizeof data), FG_BAD_MODEL, "nested too deeply");
}

static void millions_of_empty_messages_are_refused(void **state) {
    const size_t n = 20000000;
    uint8_t *data = malloc(n + 6);
    assert_non_null(data);
    const uint8_t head[] = {0x3a, 0x80, 0xda, 0xc4, 0x09, 0};
    memcpy(data, head, 5); /* graph, of 20,000,000 bytes */
    for (size_t i = 5; i < n + 5; i += 2) {
        data[i] = 0x2a; /* initializer {} */
        data[i + 1] = 0;
    }
    assert_int_equal(unpack(*state, data, n + 5), FG_UNSUPPORTED);
    free(data);
}

static void unknown_fields_are_left_out(void **state) {
    /* graph { 100: "xyz", 101: 5, name: "g" }, producer_name */
    static const uint8_t data[] = {0x3a, 0x0c, 0xa2, 0x06, 3,   'x',  'y', 'z', 0xa8,
                                   0x06, 5,    0x12, 1,    'g', 0x12, 1,   'p'};
    attempt a = {.data = data, .size = sizeof data};
    assert_int_equal(fg_try(*state, unpack_body, &a), FG_OK);
    const Onnx__ModelProto *m = (const Onnx__ModelProto *)a.message;
    assert_string_equal(m->graph->name, "g");
    assert_int_equal(m->base.n_unknown_fields + m->graph->base.n_unknown_fields, 0);
    assert_int_equal(a.scanned.size, 5);
}

static void large_raw_data_are_referenced(void **state) {
    static uint8_t bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7);
    const int64_t dims[] = {1250}, small[] = {2};
    Onnx__ModelProto *m = pb_model(*state, 17);
    pb_raw(*state, pb_tensor(*state, m, "a", FG_FLOAT, 1, dims), bytes, 5000);
    pb_raw(*state, pb_tensor(*state, m, "b", FG_FLOAT, 1, small), bytes, 8);
    pb_raw(*state, pb_tensor(*state, m, "c", FG_FLOAT, 1, dims), bytes, 5000);
    uint8_t *data;
    attempt a = {.size = pb_pack(*state, m, &data)};
    a.data = data;
    assert_int_equal(fg_try(*state, unpack_body, &a), FG_OK);
    const Onnx__GraphProto *g = ((const Onnx__ModelProto *)a.message)->graph;
    assert_true(a.scanned.size < 200);
    assert_int_equal(a.scanned.n_pieces, 2);
    assert_int_equal(g->n_initializer, 3);
    assert_true(g->initializer[0]->has_piece && !g->initializer[0]->has_raw_data);
    assert_true(!g->initializer[1]->has_piece && g->initializer[1]->raw_data.len == 8);
    assert_int_equal(g->initializer[2]->piece, 1);
    assert_string_equal(g->initializer[2]->name, "c");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(a.scanned.pieces[i].length, 5000);
        assert_memory_equal(data + a.scanned.pieces[i].offset, bytes, 5000);
    }
}

static void a_file_cannot_name_pieces_itself(void **state) {
    /* graph { initializer { 1000: 0 } } */
    static const uint8_t data[] = {0x3a, 5, 0x2a, 3, 0xc0, 0x3e, 0};
    attempt a = {.data = data, .size = sizeof data};
    assert_int_equal(fg_try(*state, unpack_body, &a), FG_OK);
    assert_false(((const Onnx__ModelProto *)a.message)->graph->initializer[0]->has_piece);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_of_other_kinds_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed_wire_format_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_nesting_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(millions_of_empty_messages_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_fields_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(large_raw_data_are_referenced, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_cannot_name_pieces_itself, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
