/* Data made by rule, against digests that an independent program (Python, NumPy) computed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <nettle/sha2.h>
#include <string.h>
#include <zlib.h>

#include "frontend/fill.h"
#include "frontend/frontend.h"

typedef struct filling {
    const char *doc, *name;
    fg_dtype type;
    fg_shape shape;
    const void *data;
} filling;

static int setup(void **state) {
    *state = fg_context_new();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    fg_context_free(*state);
    return 0;
}

static void fill_body(fg_context *ctx, void *arg) {
    filling *f = arg;
    f->data = fg_fill(ctx, f->name, f->type, &f->shape, f->doc);
}

static const char *hex(const uint8_t digest[32]) {
    static char text[65];
    for (int i = 0; i < 32; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

static void expect_digest(fg_context *ctx, filling f, const char *digest) {
    struct sha256_ctx sha;
    uint8_t d[32];
    assert_int_equal(fg_try(ctx, fill_body, &f), FG_OK);
    sha256_init(&sha);
    sha256_update(&sha, fg_dtype_bytes(f.type, fg_shape_count(&f.shape)), f.data);
    sha256_digest(&sha, 32, d);
    assert_string_equal(hex(d), digest);
}

static void every_kind_and_type_is_made_to_the_bit(void **state) {
    const fg_shape s = {3, {5, 7, 11}}, line = {1, {1001}};
    expect_digest(*state, (filling){"fill n 0.25 0.03", "layer.1/weight", FG_FLOAT, s, NULL},
                  "a12fe5ab085855b89c24968db50de3fe35b9e5ddd0c568565c427c79f7912a59");
    expect_digest(*state, (filling){"fill n 0 1.7 c0", "layer.1/weight", FG_FLOAT, s, NULL},
                  "b315243ee327fd204fc7949ecd71560eecb27a8a9b8a9dc25b74c4bdff967086");
    expect_digest(*state, (filling){"fill n -1 0.5 c1", "layer.1/weight", FG_FLOAT, s, NULL},
                  "abecdff1fff2ad0dc8675812209de6e8c9a0f63553a11820a9dd652ce20fdcc0");
    expect_digest(*state, (filling){"fill n 0 1 c2", "layer.1/weight", FG_FLOAT, s, NULL},
                  "8a8a4f488f2fdbd2921b4e085d7dcb831b07462ee10ec9a42b9420b19bbbca45");
    expect_digest(*state, (filling){"fill u -0.3 2.5", "layer.1/weight", FG_FLOAT, s, NULL},
                  "de17f779f7f27823a4c0f09a1647367d3a6b4a3431ba7b24bfdcd6d709133cb4");
    expect_digest(*state, (filling){"fill k 0.1", "layer.1/weight", FG_FLOAT, s, NULL},
                  "720915e11fbe3bc65ea2394ef5415bbd407331899477817d2108d4e20bac610e");
    expect_digest(*state, (filling){"fill n 0 1e-05", "b", FG_FLOAT, line, NULL},
                  "91e9155b212d890dccd0acb4636223f392297b4a74d9a4efb2f530d191e090a9");
    expect_digest(*state, (filling){"fill n 0.25 0.03", "layer.1/weight", FG_FLOAT16, s, NULL},
                  "504dba6ed6e00cf0fec2293684bd8ca49f61db459cfc00e541052fd24ae14bf3");
    expect_digest(*state, (filling){"fill n 0 1.7 c0", "layer.1/weight", FG_FLOAT16, s, NULL},
                  "f96332874535eebe1d6806b025395e79f99777937eb32fe9ee56ae6abcd3d0f0");
    expect_digest(*state, (filling){"fill n -1 0.5 c1", "layer.1/weight", FG_FLOAT16, s, NULL},
                  "5221ab58d617cfcd4edd01532d5627c5eb85bde30976f822a0346524fe8b35fe");
    expect_digest(*state, (filling){"fill n 0 1 c2", "layer.1/weight", FG_FLOAT16, s, NULL},
                  "eaf29e0d1e673e380504971c93ff03ce9a1e179d1c28eee7127892dd4cbb17ac");
    expect_digest(*state, (filling){"fill u -0.3 2.5", "layer.1/weight", FG_FLOAT16, s, NULL},
                  "a19ec8eae9f06c03af73aa0cd67b2b1fa97d1b4e97d725a78106f346df03d73b");
    expect_digest(*state, (filling){"fill k 0.1", "layer.1/weight", FG_FLOAT16, s, NULL},
                  "4068fc6b0878f02e53b6d2a43227c28c09e53954a2a3dfd60ee25890a64ea4c6");
    expect_digest(*state, (filling){"fill n 0 1e-05", "b", FG_FLOAT16, line, NULL},
                  "10129693ca55209eb8c8bfcf02f93ea3592ab31fd137dd767ce0d26c623d380c");
    expect_digest(*state, (filling){"fill n 0.25 0.03", "layer.1/weight", FG_DOUBLE, s, NULL},
                  "fb61df86615a40992851701a405cdc25522aeca901ed076d94a4ea2b8af9c73e");
    expect_digest(*state, (filling){"fill n 0 1.7 c0", "layer.1/weight", FG_DOUBLE, s, NULL},
                  "bd2ac7ca413b78bb603dc0ec3cb82adeb3c6923a2b47ccceaa54c403576e18e4");
    expect_digest(*state, (filling){"fill n -1 0.5 c1", "layer.1/weight", FG_DOUBLE, s, NULL},
                  "d8b61f102e1a02680c3c7f4db16be4d148f4602bc3147d43735cd212877c9ebc");
    expect_digest(*state, (filling){"fill n 0 1 c2", "layer.1/weight", FG_DOUBLE, s, NULL},
                  "828ec0365a1ea385b4a0f7427a081f025b428868fd920eee7c93702e09137347");
    expect_digest(*state, (filling){"fill u -0.3 2.5", "layer.1/weight", FG_DOUBLE, s, NULL},
                  "845f8d3e21995e7d0f651124f86b49c470068b3a34526887f007eb54f2e479c9");
    expect_digest(*state, (filling){"fill k 0.1", "layer.1/weight", FG_DOUBLE, s, NULL},
                  "bf7a265ba0226e9918d4dfa7ce4cf395319efc32375c61befcbceece58969fff");
    expect_digest(*state, (filling){"fill n 0 1e-05", "b", FG_DOUBLE, line, NULL},
                  "b1f3321b13e17f8dbd0c40161d20a92ed9efead16b7bc6bee1f7387ca8955e6a");
}

static void sum_model(fg_context *ctx, void *arg) {
    const char *const *model = arg;
    struct sha256_ctx sha;
    uint8_t d[32];
    fg_graph *g = fg_read_model(ctx, model[0], NULL);
    sha256_init(&sha);
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i]->synthetic)
            sha256_update(&sha, fg_dtype_bytes(g->values[i]->dtype, fg_shape_count(&g->values[i]->shape)),
                          g->values[i]->data);
    for (int i = 0; i < g->n_nodes; i++) {
        const fg_attr *a = fg_node_attr(g->nodes[i], "value");
        if (a && a->tensor && a->tensor->synthetic)
            sha256_update(&sha, fg_dtype_bytes(a->tensor->dtype, fg_shape_count(&a->tensor->shape)),
                          a->tensor->data);
    }
    sha256_digest(&sha, 32, d);
    assert_true(g->n_synthetic > 0);
    assert_string_equal(hex(d), model[1]);
}

static void real_models_are_made_to_the_bit(void **state) {
    static const char *const models[][2] = {
        {FG_SOURCE_DIR "/tests/models/squeezenet1_1.graph.onnx",
         "7a742bdb791c1abdebcd15dfe56bdb35abdbf1354c8bf0ce0251e5b20c94ba25"},
        {FG_SOURCE_DIR "/tests/models/mobilenet_v3_small.graph.onnx",
         "b82d239d836116547f9ed5178a05cf17b50df8c95fe0e8b0444a6cdf35624854"},
        {FG_SOURCE_DIR "/tests/models/efficientnet_b0.bn.graph.onnx",
         "aafd5ca8b85e361fa54b7a18102834bdf4e6e13f1e966ccddbbb709e5dd7da7f"},
    };
    for (size_t i = 0; i < FG_COUNT(models); i++)
        assert_int_equal(fg_try(*state, sum_model, (void *)(uintptr_t)models[i]), FG_OK);
}

static void verbatim_data_are_unpacked(void **state) {
    filling f = {NULL, "z", FG_FLOAT, {1, {3}}, NULL};
    const uint32_t want[] = {0x3f800000, 0x40000000, 0x40400000};
    uint8_t packed[64];
    uLongf n = sizeof packed;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char doc[128] = "fill z ";
    assert_int_equal(compress(packed, &n, (const Bytef *)want, sizeof want), Z_OK);
    size_t at = strlen(doc);
    for (size_t i = 0; i < n; i += 3) { /* base64, written here by itself */
        unsigned b = (unsigned)packed[i] << 16 | (i + 1 < n ? (unsigned)packed[i + 1] << 8 : 0) |
                     (i + 2 < n ? packed[i + 2] : 0U);
        for (int k = 0; k < 4; k++) doc[at++] = (size_t)k > n - i ? '=' : digits[b >> (18 - 6 * k) & 63];
    }
    f.doc = doc;
    assert_int_equal(fg_try(*state, fill_body, &f), FG_OK);
    assert_memory_equal(f.data, want, sizeof want);
    f.shape.dim[0] = 2; /* more data than the tensor has room for */
    assert_int_equal(fg_try(*state, fill_body, &f), FG_BAD_MODEL);
    f.shape.dim[0] = 4;
    assert_int_equal(fg_try(*state, fill_body, &f), FG_BAD_MODEL);
}

static void rules_that_cannot_be_followed_are_refused(void **state) {
    static const char *const docs[] = {
        "fill ",          "fill q 1", "fill n", "fill n 1",    "fill n 0 x",  "fill n 0 1 c", "fill n 0 1 c1",
        "fill n 0 1 c-1", "fill u 1", "fill k", "fill z !!!!", "fill z AAAA", "fill nn 0 1",  "fill k 1two"};
    for (size_t i = 0; i < FG_COUNT(docs); i++) {
        filling f = {docs[i], "w", FG_FLOAT, {1, {4}}, NULL};
        assert_int_equal(fg_try(*state, fill_body, &f), FG_BAD_MODEL);
    }
}

static void large_fills_meet_the_limit(void **state) {
    filling f = {"fill n 0 1", "w", FG_FLOAT, {1, {INT64_C(1) << 40}}, NULL};
    assert_int_equal(fg_try(*state, fill_body, &f), FG_UNSUPPORTED);
    fg_context_limits(*state)->bytes = 1000;
    f.shape.dim[0] = 251;
    assert_int_equal(fg_try(*state, fill_body, &f), FG_UNSUPPORTED);
    f.shape.dim[0] = 250;
    assert_int_equal(fg_try(*state, fill_body, &f), FG_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind_and_type_is_made_to_the_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(real_models_are_made_to_the_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(verbatim_data_are_unpacked, setup, teardown),
        cmocka_unit_test_setup_teardown(rules_that_cannot_be_followed_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(large_fills_meet_the_limit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
