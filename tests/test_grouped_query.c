/* GroupQueryAttention and packed operands: by plain loops, by the interpreter, and in generated code. */
#include "lower_check.h"

enum { BATCH = 2, TOKENS = 3, HEADS = 4, KV_HEADS = 2, SIZE = 8, PAST = 5, TOTAL = 9 };

static fg_value *of_microsoft(fg_value *v) {
    v->producer->domain = "com.microsoft";
    return v;
}

static fg_value *int32_of(fg_graph *g, int n, const int32_t *values) {
    const fg_shape s = {n > 1, {n}};
    int32_t *data = FG_ARRAY(g->ctx, n, int32_t);
    memcpy(data, values, (size_t)n * sizeof *data);
    return fg_graph_const(g, "lengths", FG_INT32, &s, data);
}

/* One head's row of queries against keys 0 .. last. */
static void attend(const float *q, const float *k, const float *v, int first, int last, double *y) {
    double score[TOTAL], sum = 0, most = -1e30;
    for (int j = first; j <= last; j++) {
        score[j] = 0;
        for (int c = 0; c < SIZE; c++) score[j] += (double)q[c] * (double)k[j * SIZE + c];
        score[j] /= sqrt((double)SIZE);
        most = fmax(most, score[j]);
    }
    for (int j = first; j <= last; j++) sum += score[j] = exp(score[j] - most);
    for (int c = 0; c < SIZE; c++) {
        y[c] = 0;
        for (int j = first; j <= last; j++) y[c] += score[j] / sum * (double)v[j * SIZE + c];
    }
}

/* The cache of batch b and head h: what was there, then the new keys from `place` on. */
static void fill_cache(const float *past, const float *added, int b, int h, int place, float *cache) {
    memset(cache, 0, sizeof(float) * TOTAL * SIZE);
    memcpy(cache, past + (b * KV_HEADS + h) * PAST * SIZE, sizeof(float) * PAST * SIZE);
    for (int t = 0; t < TOKENS; t++)
        for (int c = 0; c < SIZE; c++)
            cache[(place + t) * SIZE + c] = added[((b * TOKENS + t) * KV_HEADS + h) * SIZE + c];
}

static void compare(const float *const *in, const float *got, const int32_t *last, int window) {
    for (int b = 0; b < BATCH; b++) {
        for (int h = 0; h < HEADS; h++) {
            float k[TOTAL * SIZE], v[TOTAL * SIZE];
            const int place = last[b] + 1 - TOKENS;
            fill_cache(in[3], in[1], b, h * KV_HEADS / HEADS, place, k);
            fill_cache(in[4], in[2], b, h * KV_HEADS / HEADS, place, v);
            for (int t = 0; t < TOKENS; t++) {
                const int at = ((b * TOKENS + t) * HEADS + h) * SIZE;
                const int first = window < 0 || place + t + 1 < window ? 0 : place + t + 1 - window;
                double y[SIZE];
                attend(in[0] + at, k, v, first, place + t, y);
                for (int c = 0; c < SIZE; c++) assert_true(fabs(y[c] - (double)got[at + c]) < 1e-5);
            }
        }
    }
}

TEST(new_keys_are_written_behind_those_of_the_cache) {
    (void)arg;
    static const int32_t last[BATCH] = {PAST + TOKENS - 1, TOKENS + 1}, total = TOTAL;
    for (int window = -1; window < 5; window += 5) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *in[] = {input(g, "q", "2x3x32"),       input(g, "k", "2x3x16"),
                          input(g, "v", "2x3x16"),       input(g, "past_k", "2x2x5x8"),
                          input(g, "past_v", "2x2x5x8"), int32_of(g, BATCH, last),
                          int32_of(g, 1, &total)};
        fg_value *out[] = {fg_graph_value(g, "y"), fg_graph_value(g, "key"), fg_graph_value(g, "value")};
        fg_graph_node(g, "GroupQueryAttention", 7, in, 3, out);
        (void)with_int(g, of_microsoft(out[0]), "num_heads", HEADS);
        (void)with_int(g, out[0], "kv_num_heads", KV_HEADS);
        (void)with_int(g, out[0], "local_window_size", window);
        output(g, out[1]);
        output(g, out[2]);
        check(g, out[0]);
        assert_string_equal(fg_shape_text(ctx, &out[1]->shape), "2x2x9x8");
        fg_tensor data[5];
        const float *plain[5];
        for (int i = 0; i < 5; i++) {
            data[i] = fg_random_input(ctx, g->inputs[i], 3);
            plain[i] = data[i].data;
        }
        const fg_run *run = fg_interpret(g, data, NULL, false);
        compare(plain, fg_run_value(run, out[0])->data, last, window);
    }
}

TEST(tokens_are_rotated_by_their_places) {
    (void)arg;
    static const int32_t total = 4;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *last = typed_input(g, "last", "2", FG_INT32);
    last->bound = 0; /* inference knows it */
    fg_value *in[] = {input(g, "q", "2x1x64"),
                      NULL,
                      NULL,
                      input(g, "past_k", "2x2x3x8"),
                      input(g, "past_v", "2x2x3x8"),
                      last,
                      int32_of(g, 1, &total),
                      parameter(g, "cos", "6x4"),
                      parameter(g, "sin", "6x4")};
    fg_value *y = fg_graph_value(g, "y");
    fg_graph_node(g, "GroupQueryAttention", 9, in, 1, &y);
    (void)with_int(g, of_microsoft(y), "num_heads", HEADS);
    (void)with_int(g, y, "kv_num_heads", KV_HEADS);
    (void)with_int(g, y, "do_rotary", 1);
    check(g, y);
    assert_int_equal(last->bound, 4);
}

static fg_value *heads(fg_graph *g, fg_value *packed, int64_t i, const char *shape) {
    fg_value *piece = with_int(g, NODE(g, "Gather", packed, INTS(g, i)), "axis", 3);
    const fg_shape s = shape_of(shape);
    return NODE(g, "Reshape", piece, ints(g, s.rank, s.dim));
}

TEST(packed_operands_are_the_same_as_those_apart) {
    (void)arg;
    fg_graph *g = new_graph(ctx, 17);
    fg_value *packed = input(g, "qkv", "2x4x3x3x8");
    fg_value *a = with_int(g, of_microsoft(NODE(g, "MultiHeadAttention", packed)), "num_heads", 3);
    fg_value *apart[] = {heads(g, packed, 0, "2x4x24"), heads(g, packed, 1, "2x4x24"),
                         heads(g, packed, 2, "2x4x24")};
    fg_value *b = make_node(g, "MultiHeadAttention", 3, apart);
    (void)with_int(g, of_microsoft(b), "num_heads", 3);
    fg_value *q = input(g, "q", "2x5x24"), *kv = input(g, "kv", "2x7x3x2x8");
    fg_value *two = with_int(g, of_microsoft(NODE(g, "MultiHeadAttention", q, kv)), "num_heads", 3);
    output(g, two);
    output(g, a);
    check(g, NODE(g, "Sub", a, b));
    const fg_tensor in[] = {fg_random_input(ctx, g->inputs[0], 1), fg_random_input(ctx, q, 1),
                            fg_random_input(ctx, kv, 1)};
    const fg_run *run = fg_interpret(g, in, NULL, false);
    const float *difference = fg_run_value(run, g->outputs[2])->data, *y = fg_run_value(run, a)->data;
    for (int i = 0; i < 2 * 4 * 24; i++) {
        assert_true(difference[i] == 0 && y[i] != 0);
    }
}

static void infer_graph(fg_context *ctx, void *g) {
    (void)ctx;
    fg_graph_link(g);
    fg_infer(g);
}

TEST(operands_that_do_not_fit_are_refused) {
    (void)arg;
    static const int32_t last[BATCH] = {4, 4}, total = 5;
    static const char *const keys[] = {"2x5x24", "2x4x16", "1x5x16"};
    for (size_t i = 0; i < FG_COUNT(keys); i++) {
        fg_graph *g = new_graph(ctx, 17);
        fg_value *k = input(g, "k", keys[i]), *none = NULL;
        fg_value *y = NODE(g, "GroupQueryAttention", input(g, "q", "2x5x32"), k, k, none, none,
                           int32_of(g, BATCH, last), int32_of(g, 1, &total));
        (void)with_int(g, of_microsoft(y), "num_heads", HEADS);
        (void)with_int(g, y, "kv_num_heads", KV_HEADS);
        output(g, y);
        assert_int_equal(fg_try(ctx, infer_graph, g), FG_BAD_MODEL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_keys_are_written_behind_those_of_the_cache),
        cmocka_unit_test(tokens_are_rotated_by_their_places),
        cmocka_unit_test(packed_operands_are_the_same_as_those_apart),
        cmocka_unit_test(operands_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
