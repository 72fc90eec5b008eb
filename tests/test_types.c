/* Element types of less than a byte, and float8e8m0: their place in memory, conversions, and the operators
 * that move them, in generated code too. */
#include "lower_check.h"

static const fg_dtype packed[] = {FG_UINT4,      FG_INT4,       FG_UINT2,     FG_INT2,
                                  FG_FLOAT4E2M1, FG_FLOAT6E2M3, FG_FLOAT6E3M2};

TEST(elements_are_packed_from_the_lowest_bit_on) {
    (void)ctx;
    (void)arg;
    unsigned char two[2] = {0xFF, 0xFF}, six[3] = {0, 0, 0};
    fg_packed_put(two, 2, 1, 2);
    assert_int_equal(two[0], 0xFB);
    fg_packed_put(two, 2, 4, 0);
    assert_int_equal(two[1], 0xFC);
    for (unsigned i = 0; i < 4; i++) {
        fg_packed_put(six, 6, i, 0x21 + i);
    }
    assert_int_equal(six[0], 0x21 | (0x22 & 3) << 6);
    assert_int_equal(six[1], 0x22 >> 2 | (0x23 & 15) << 4);
    assert_int_equal(six[2], 0x23 >> 4 | 0x24 << 2);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(fg_packed_get(six, 6, i), 0x21 + i);
    }
}

TEST(storage_is_rounded_up_to_whole_bytes) {
    (void)ctx;
    (void)arg;
    assert_int_equal(fg_dtype_bytes(FG_UINT2, 4), 1);
    assert_int_equal(fg_dtype_bytes(FG_UINT2, 5), 2);
    assert_int_equal(fg_dtype_bytes(FG_INT4, 5), 3);
    assert_int_equal(fg_dtype_bytes(FG_FLOAT6E2M3, 3), 3);
    assert_int_equal(fg_dtype_bytes(FG_FLOAT6E3M2, 8), 6);
    assert_int_equal(fg_dtype_bytes(FG_FLOAT6E3M2, 9), 7);
}

TEST(constants_of_packed_types_are_read) {
    (void)ctx;
    (void)arg;
    const unsigned char bits[] = {0x1B, 0x80};
    const fg_value twos = {.dtype = FG_INT2, .shape = {1, {8}}, .data = bits};
    const int64_t want[] = {-1, -2, 1, 0};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fg_const_int(&twos, i), want[i]);
    }
    assert_int_equal(fg_const_int(&twos, 7), -2);
    const fg_value six = {.dtype = FG_FLOAT6E2M3, .shape = {1, {2}}, .data = bits};
    assert_true(fg_const_float(&six, 0) == 5.5); /* 0 11 011: 2^(3 - 1) * (1 + 3 / 8) */
}

static fg_value *with_string(fg_graph *g, fg_value *v, const char *name, const char *s) {
    fg_attr *a = fg_node_set_attr(g->ctx, v->producer, name, FG_ATTR_STRING);
    a->s = s;
    a->s_len = strlen(s);
    return v;
}

static const void *cast(fg_context *ctx, fg_dtype to, const char *mode, bool saturate, int n,
                        const float *x) {
    fg_graph *g = new_graph(ctx, 28);
    fg_value *v = input(g, "x", fg_format(ctx, "%d", n));
    fg_value *y = with_int(g, NODE(g, "Cast", v), "to", to);
    with_int(g, y, "saturate", saturate);
    output(g, with_string(g, y, "round_mode", mode));
    fg_graph_link(g);
    fg_infer(g);
    float *copy = fg_big_alloc(ctx, (size_t)n * sizeof *copy);
    memcpy(copy, x, (size_t)n * sizeof *copy);
    const fg_tensor in = {FG_FLOAT, v->shape, copy};
    return fg_run_value(fg_interpret(g, &in, NULL, false), y)->data;
}

TEST(exponents_round_as_asked) {
    (void)arg;
    const float x[] = {1.0F, 1.25F, 1.5F, 1.75F, 3.0F, 0.0F, INFINITY, NAN};
    const unsigned char up[] = {127, 128, 128, 128, 129, 0, 0xFE, 0xFF};
    const unsigned char down[] = {127, 127, 127, 127, 128, 0, 0xFE, 0xFF};
    const unsigned char nearest[] = {127, 127, 128, 128, 129, 0, 0xFE, 0xFF};
    assert_memory_equal(cast(ctx, FG_FLOAT8E8M0, "up", true, 8, x), up, 8);
    assert_memory_equal(cast(ctx, FG_FLOAT8E8M0, "down", true, 8, x), down, 8);
    assert_memory_equal(cast(ctx, FG_FLOAT8E8M0, "nearest", true, 8, x), nearest, 8);
    const unsigned char open[] = {127, 128, 128, 128, 129, 0xFF, 0xFF, 0xFF};
    assert_memory_equal(cast(ctx, FG_FLOAT8E8M0, "up", false, 8, x), open, 8);
}

TEST(integers_keep_their_low_bits) {
    (void)arg;
    const float x[] = {-2, -1, 0, 1, 2, 3, 5};
    const unsigned char two[] = {0x4E, 0x1E};
    assert_memory_equal(cast(ctx, FG_UINT2, "up", true, 7, x), two, 2);
    const unsigned char four[] = {0xFE, 0x10, 0x32, 0x05};
    assert_memory_equal(cast(ctx, FG_INT4, "up", true, 7, x), four, 4);
}

TEST(exponents_round_alike_in_generated_code) {
    (void)arg;
    static const char *const modes[] = {"up", "down", "nearest"};
    for (size_t i = 0; i < FG_COUNT(modes); i++) {
        fg_graph *g = new_graph(ctx, 28);
        fg_value *y = with_int(g, NODE(g, "Cast", input(g, "x", "101")), "to", FG_FLOAT8E8M0);
        check(g, with_int(g, with_string(g, y, "round_mode", modes[i]), "saturate", i != 1));
    }
}

TEST(packed_elements_are_moved) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(packed); i++) {
        fg_graph *g = new_graph(ctx, 28);
        fg_value *x = typed_input(g, "x", "3x5x7", packed[i]);
        fg_value *y = WITH_INTS(g, NODE(g, "Transpose", x), "perm", 2, 0, 1);
        fg_value *z = NODE(g, "Reshape", y, INTS(g, 5, 21));
        check(g, WITH_INTS(g, NODE(g, "Transpose", z), "perm", 1, 0));
    }
}

TEST(packed_elements_are_concatenated_cut_and_padded) {
    (void)arg;
    for (size_t i = 0; i < FG_COUNT(packed); i++) {
        fg_graph *g = new_graph(ctx, 28);
        fg_value *x = typed_input(g, "x", "3x5", packed[i]), *w = typed_input(g, "w", "3x2", packed[i]);
        fg_value *y = with_int(g, NODE(g, "Concat", NODE(g, "Identity", w), x, w), "axis", 1);
        check(g, NODE(g, "Slice", y, INTS(g, 1, 1), INTS(g, 3, 8), INTS(g, 0, 1), INTS(g, 1, 3)));
        g = new_graph(ctx, 28);
        x = typed_input(g, "x", "3x5", packed[i]);
        y = NODE(g, "Pad", x, INTS(g, 1, 0, 2, 1), typed_input(g, "v", "1", packed[i]));
        check(g, with_string(g, NODE(g, "Pad", y, INTS(g, 0, 1, 0, 2)), "mode", "reflect"));
    }
}

TEST(bits_are_read_as_another_type) {
    (void)arg;
    static const fg_dtype pairs[][2] = {
        {FG_FLOAT, FG_INT32}, {FG_INT32, FG_FLOAT}, {FG_DOUBLE, FG_UINT64},   {FG_FLOAT16, FG_BFLOAT16},
        {FG_INT4, FG_UINT4},  {FG_UINT2, FG_INT2},  {FG_INT8, FG_FLOAT8E5M2}, {FG_FLOAT6E2M3, FG_FLOAT6E3M2}};
    for (size_t i = 0; i < FG_COUNT(pairs); i++) {
        fg_graph *g = new_graph(ctx, 28);
        fg_value *x = typed_input(g, "x", "3x5x7", pairs[i][0]);
        x = NODE(g, "Transpose", x);
        check(g, with_int(g, NODE(g, "BitCast", x), "to", pairs[i][1]));
    }
}

static void infer(fg_context *ctx, void *g) {
    (void)ctx;
    fg_graph_link(g);
    fg_infer(g);
}

TEST(bits_of_another_width_are_refused) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 28);
    output(g, with_int(g, NODE(g, "BitCast", input(g, "x", "3")), "to", FG_INT64));
    assert_int_equal(fg_try(ctx, infer, g), FG_BAD_MODEL);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->message, "have not as many bits as int64"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_packed_from_the_lowest_bit_on),
        cmocka_unit_test(storage_is_rounded_up_to_whole_bytes),
        cmocka_unit_test(constants_of_packed_types_are_read),
        cmocka_unit_test(exponents_round_as_asked),
        cmocka_unit_test(integers_keep_their_low_bits),
        cmocka_unit_test(exponents_round_alike_in_generated_code),
        cmocka_unit_test(packed_elements_are_moved),
        cmocka_unit_test(packed_elements_are_concatenated_cut_and_padded),
        cmocka_unit_test(bits_are_read_as_another_type),
        cmocka_unit_test(bits_of_another_width_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
