/* Deterministic test data: integer draws and exactly rounded sums only, so that the bits are the same on
 * every machine. */
#include <math.h>
#include <string.h>

#include "frontend/frontend.h"

static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* FNV-1a: two inputs of one model get different data from the same seed. */
static uint64_t hash_name(const char *s) {
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (; *s != '\0'; s++) {
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001B3);
    }
    return h;
}

/* The sum of twelve 16-bit uniforms has variance one (in units of 65536) to nine digits and tails that end at
 * 6; no logarithm, hence no dependence on the C library. */
static double draw_normal(uint64_t *state) {
    int64_t sum = 0;
    for (int word = 0; word < 3; word++) {
        uint64_t z = splitmix64(state);
        for (int part = 0; part < 4; part++) {
            sum += (int64_t)((z >> (16 * part)) & 0xFFFF);
        }
    }
    return ((double)sum - 12 * 32767.5) / 65536.0;
}

/* Operands that are indices: value v reaching one of them must stay below a bound. */
static const struct {
    const char *op;
    int operand;
} index_operands[] = {{"Gather", 1},
                      {"GatherElements", 1},
                      {"GatherND", 1},
                      {"Scatter", 1},
                      {"ScatterElements", 1},
                      {"ScatterND", 1},
                      {"OneHot", 0},
                      {"OneHot", 1},
                      {"TopK", 1},
                      {"Tile", 1},
                      {"MaxUnpool", 1},
                      {"TensorScatter", 2},
                      {"Compress", 1},
                      {"Slice", 1},
                      {"Slice", 2},
                      {"ReverseSequence", 1},
                      {"Range", 0},
                      {"Range", 1},
                      {"Range", 2},
                      {"NonMaxSuppression", 2},
                      {"RotaryEmbedding", 3},
                      {"RoiAlign", 2},
                      {"LSTM", 4},
                      {"GRU", 4},
                      {"RNN", 4},
                      {"EmbedLayerNormalization", 0},
                      {"NegativeLogLikelihoodLoss", 1},
                      {"SoftmaxCrossEntropyLoss", 1}};

static bool is_index_use(const fg_node *n, int operand) {
    for (size_t i = 0; i < FG_COUNT(index_operands); i++) {
        if (operand == index_operands[i].operand && strcmp(n->op_type, index_operands[i].op) == 0) {
            return true;
        }
    }
    return false;
}

/* Follows integer values; the budget bounds the walk through wide or long chains. */
static bool reaches_index(const fg_value *v, int *budget) {
    for (int u = 0; u < v->n_users; u++) {
        if (--*budget < 0) {
            return false;
        }
        const fg_node *n = v->users[u];
        for (int i = 0; i < n->n_in; i++) {
            if (n->in[i] == v && is_index_use(n, i)) {
                return true;
            }
        }
        for (int i = 0; i < n->n_out; i++) {
            const fg_value *w = n->out[i];
            if (w != NULL && fg_dtype_get(w->dtype)->is_integer && reaches_index(w, budget)) {
                return true;
            }
        }
    }
    return false;
}

static void put(fg_tensor *t, int64_t i, double x) {
    switch (t->dtype) {
    case FG_FLOAT: ((float *)t->data)[i] = (float)x; break;
    case FG_DOUBLE: ((double *)t->data)[i] = x; break;
    case FG_FLOAT16: ((uint16_t *)t->data)[i] = fg_half_from_float((float)x); break;
    case FG_BFLOAT16: ((uint16_t *)t->data)[i] = fg_bfloat_from_float((float)x); break;
    case FG_INT8: ((int8_t *)t->data)[i] = (int8_t)x; break;
    case FG_INT16: ((int16_t *)t->data)[i] = (int16_t)x; break;
    case FG_INT32: ((int32_t *)t->data)[i] = (int32_t)x; break;
    case FG_INT64: ((int64_t *)t->data)[i] = (int64_t)x; break;
    case FG_BOOL:
    case FG_UINT8: ((uint8_t *)t->data)[i] = (uint8_t)x; break;
    case FG_UINT16: ((uint16_t *)t->data)[i] = (uint16_t)x; break;
    case FG_UINT32: ((uint32_t *)t->data)[i] = (uint32_t)x; break;
    case FG_UINT64: ((uint64_t *)t->data)[i] = (uint64_t)x; break;
    default: break;
    }
}

/* Integers without a bound are data, not indices: small enough that sums do not overflow. */
static void integer_range(fg_context *ctx, const fg_value *v, int64_t *low, int64_t *count) {
    if (v->bound > 0) {
        *low = 0;
        *count = v->bound;
        if (v->dtype == FG_INT8 && *count > 128) {
            *count = 128;
        }
        if (v->dtype == FG_UINT8 && *count > 256) {
            *count = 256;
        }
        if (v->dtype == FG_INT16 && *count > 32768) {
            *count = 32768;
        }
        if (v->dtype == FG_UINT16 && *count > 65536) {
            *count = 65536;
        }
        if (*count > INT32_MAX) {
            *count = INT32_MAX;
        }
        return;
    }
    int budget = 200;
    if (reaches_index(v, &budget)) {
        fg_remedy(ctx, "give real data with --input %s=FILE.npy", v->name);
        fg_raise(ctx, FG_USAGE, "input '%s' holds indices whose bound is not known", v->name);
    }
    *low = fg_dtype_get(v->dtype)->is_signed ? -100 : 0;
    *count = fg_dtype_get(v->dtype)->is_signed ? 201 : 101;
}

/* Whether what the strings say is read as numbers, as far as operators only move them. */
static bool is_read_as_number(const fg_value *v, int *budget) {
    for (int u = 0; u < v->n_users; u++) {
        const fg_node *n = v->users[u];
        if (--*budget < 0) {
            return false;
        }
        const bool casts = strncmp(n->op_type, "Cast", 4) == 0 && n->in[0] == v;
        for (int i = 0; i < n->n_out; i++) {
            const fg_value *w = n->out[i];
            if (w != NULL && (w->dtype == FG_STRING ? is_read_as_number(w, budget) : casts)) {
                return true;
            }
        }
    }
    return false;
}

/* Words of one and more bytes, in both cases, with digits, separators and letters beyond ASCII. */
static fg_tensor random_strings(fg_context *ctx, const fg_value *v, uint64_t seed) {
    static const char *const words[] = {"",         "a",    "Monday",  "monday",      "3.25",
                                        "-17",      "true", "a b  c",  "a-b-c",       "x.y",
                                        "\xc3\xbc", "0",    "Tuesday", "one, two, 3", "UPPER lower"};
    static const char *const numbers[] = {"0",  "3.25", "-17",  "+42",  "1e-3",
                                          "-0", "100",  " 5  ", "0x1F", "12345678.9"};
    int64_t n = fg_shape_count(&v->shape);
    fg_tensor t = {v->dtype, v->shape, fg_big_alloc(ctx, fg_dtype_bytes(FG_STRING, n) + 1)};
    uint64_t state = seed ^ hash_name(v->name);
    int budget = 200;
    const bool said = is_read_as_number(v, &budget);
    const char *const *list = said ? numbers : words;
    const size_t count = said ? FG_COUNT(numbers) : FG_COUNT(words);
    for (int64_t i = 0; i < n; i++) ((const char **)t.data)[i] = list[(splitmix64(&state) >> 11) % count];
    return t;
}

/* Types of few codes: any code whose value is zero or of moderate size. */
static void put_code(fg_tensor *t, int64_t i, uint64_t *state) {
    const fg_dtype_info *info = fg_dtype_get(t->dtype);
    const fg_value v = {.dtype = t->dtype, .shape = t->shape, .data = t->data};
    for (int attempt = 0; attempt < 1000; attempt++) {
        unsigned code = (unsigned)(splitmix64(state) >> 32) & ((1U << info->bits) - 1);
        if (info->bits == 8) {
            ((uint8_t *)t->data)[i] = (uint8_t)code;
        } else {
            fg_packed_put(t->data, info->bits, i, code);
        }
        double size = fabs(fg_const_float(&v, i));
        if (size == 0 || (size >= 0x1p-4 && size <= 8) || info->is_integer) {
            return;
        }
    }
}

fg_tensor fg_random_input(fg_context *ctx, const fg_value *v, uint64_t seed) {
    const fg_dtype_info *info = fg_dtype_get(v->dtype);
    if (v->dtype == FG_STRING) return random_strings(ctx, v, seed);
    bool few = fg_dtype_is_packed(v->dtype) || (info->is_float && info->bits == 8);
    bool known = few || ((FG_T_NUMERIC | FG_T(FG_BOOL)) & ((unsigned)v->dtype < 32 ? FG_T(v->dtype) : 0));
    if (!known) {
        fg_remedy(ctx, "give real data with --input %s=FILE.npy", v->name);
        fg_raise(ctx, FG_USAGE, "no random data can be made for input '%s' of type %s", v->name, info->name);
    }
    int64_t n = fg_shape_count(&v->shape), low = 0, count = 2;
    if (info->is_integer && v->dtype != FG_BOOL && !few) {
        integer_range(ctx, v, &low, &count);
    }
    size_t bytes = fg_dtype_bytes(v->dtype, n);
    fg_tensor t = {v->dtype, v->shape, fg_big_alloc(ctx, bytes > 0 ? bytes : 1)};
    uint64_t state = seed ^ hash_name(v->name);
    for (int64_t i = 0; i < n; i++) {
        if (few) {
            put_code(&t, i, &state);
        } else if (info->is_float) {
            put(&t, i, draw_normal(&state));
        } else {
            put(&t, i, (double)(low + (int64_t)((splitmix64(&state) >> 11) % (uint64_t)count)));
        }
    }
    return t;
}
