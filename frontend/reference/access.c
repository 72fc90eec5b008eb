#include "frontend/reference/access.h"

#include <math.h>

bool fg_is_float(fg_dtype t) {
    return (unsigned)t < 32 && (FG_T_FLOATS & FG_T(t)) != 0;
}

/* One loop per element type; the contiguous case is spelled out so that it vectorises. */
#define LOAD(C, EXPR)                                                                                        \
    do {                                                                                                     \
        const C *p = (const C *)t->data + offset;                                                            \
        if (stride == 1) {                                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                                \
                const C x = p[i];                                                                            \
                out[i] = EXPR;                                                                               \
            }                                                                                                \
        } else {                                                                                             \
            for (int64_t i = 0; i < n; i++) {                                                                \
                const C x = p[i * stride];                                                                   \
                out[i] = EXPR;                                                                               \
            }                                                                                                \
        }                                                                                                    \
    } while (0)

#define LOAD_FUNCTION(NAME, D)                                                                               \
    FG_HOT void NAME(const fg_tensor *t, int64_t offset, int64_t stride, int64_t n, D *restrict out) {       \
        switch (t->dtype) {                                                                                  \
        case FG_FLOAT: LOAD(float, (D)x); break;                                                             \
        case FG_DOUBLE: LOAD(double, (D)x); break;                                                           \
        case FG_FLOAT16: LOAD(uint16_t, (D)fg_half_to_float(x)); break;                                      \
        case FG_BFLOAT16: LOAD(uint16_t, (D)fg_bfloat_to_float(x)); break;                                   \
        case FG_INT8: LOAD(int8_t, (D)x); break;                                                             \
        case FG_INT16: LOAD(int16_t, (D)x); break;                                                           \
        case FG_INT32: LOAD(int32_t, (D)x); break;                                                           \
        case FG_INT64: LOAD(int64_t, (D)x); break;                                                           \
        case FG_UINT8: LOAD(uint8_t, (D)x); break;                                                           \
        case FG_UINT16: LOAD(uint16_t, (D)x); break;                                                         \
        case FG_UINT32: LOAD(uint32_t, (D)x); break;                                                         \
        case FG_UINT64: LOAD(uint64_t, (D)x); break;                                                         \
        case FG_BOOL: LOAD(uint8_t, (D)(x != 0)); break;                                                     \
        case FG_STRING: LOAD(intptr_t, (D)x); break;                                                         \
        default:                                                                                             \
            for (int64_t i = 0; i < n; i++) {                                                                \
                out[i] = 0;                                                                                  \
            }                                                                                                \
            break;                                                                                           \
        }                                                                                                    \
    }

LOAD_FUNCTION(fg_load_f64, double)
LOAD_FUNCTION(fg_load_f32, float)
LOAD_FUNCTION(fg_load_i64, int64_t)

#define STORE(C, EXPR)                                                                                       \
    do {                                                                                                     \
        C *p = (C *)t->data + offset;                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            const SOURCE x = in[i];                                                                          \
            p[i] = (C)(EXPR);                                                                                \
        }                                                                                                    \
    } while (0)

static double clamp(double x, double low, double high) {
    if (isnan(x)) {
        return 0;
    }
    return x < low ? low : x > high ? high : x;
}

static uint64_t to_u64(double x) {
    if (isnan(x) || x < 0) {
        return 0;
    }
    return x >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)x;
}

static int64_t to_i64(double x) {
    if (isnan(x)) {
        return 0;
    }
    if (x >= 9223372036854775808.0) {
        return INT64_MAX;
    }
    return x < -9223372036854775808.0 ? INT64_MIN : (int64_t)x;
}

#define STORE_FUNCTION(NAME)                                                                                 \
    FG_HOT void NAME(fg_tensor *t, int64_t offset, int64_t n, const SOURCE *restrict in) {                   \
        switch (t->dtype) {                                                                                  \
        case FG_FLOAT: STORE(float, x); break;                                                               \
        case FG_DOUBLE: STORE(double, x); break;                                                             \
        case FG_FLOAT16: STORE(uint16_t, fg_half_from_double((double)x)); break;                             \
        case FG_BFLOAT16: STORE(uint16_t, fg_bfloat_from_double((double)x)); break;                          \
        case FG_INT8: STORE(int8_t, clamp(x, INT8_MIN, INT8_MAX)); break;                                    \
        case FG_INT16: STORE(int16_t, clamp(x, INT16_MIN, INT16_MAX)); break;                                \
        case FG_INT32: STORE(int32_t, clamp(x, INT32_MIN, INT32_MAX)); break;                                \
        case FG_INT64: STORE(int64_t, to_i64(x)); break;                                                     \
        case FG_UINT8: STORE(uint8_t, clamp(x, 0, UINT8_MAX)); break;                                        \
        case FG_UINT16: STORE(uint16_t, clamp(x, 0, UINT16_MAX)); break;                                     \
        case FG_UINT32: STORE(uint32_t, clamp(x, 0, UINT32_MAX)); break;                                     \
        case FG_UINT64: STORE(uint64_t, to_u64(x)); break;                                                   \
        case FG_BOOL: STORE(uint8_t, x != 0); break;                                                         \
        default: break;                                                                                      \
        }                                                                                                    \
    }

#define SOURCE double
STORE_FUNCTION(fg_store_f64)
#undef SOURCE
#define SOURCE float
STORE_FUNCTION(fg_store_f32)
#undef SOURCE

#define SOURCE int64_t
FG_HOT void fg_store_i64(fg_tensor *t, int64_t offset, int64_t n, const int64_t *restrict in) {
    switch (t->dtype) {
    case FG_INT8: STORE(int8_t, x); break;
    case FG_INT16: STORE(int16_t, x); break;
    case FG_INT32: STORE(int32_t, x); break;
    case FG_INT64: STORE(int64_t, x); break;
    case FG_UINT8: STORE(uint8_t, x); break;
    case FG_UINT16: STORE(uint16_t, x); break;
    case FG_UINT32: STORE(uint32_t, x); break;
    case FG_UINT64: STORE(uint64_t, x); break;
    case FG_BOOL: STORE(uint8_t, x != 0); break;
    case FG_FLOAT: STORE(float, x); break;
    case FG_DOUBLE: STORE(double, x); break;
    case FG_FLOAT16: STORE(uint16_t, fg_half_from_double((double)x)); break;
    case FG_BFLOAT16: STORE(uint16_t, fg_bfloat_from_double((double)x)); break;
    case FG_STRING: STORE(intptr_t, x); break;
    default: break;
    }
}

double fg_get_f64(const fg_tensor *t, int64_t i) {
    double x;
    fg_load_f64(t, i, 1, 1, &x);
    return x;
}

int64_t fg_get_i64(const fg_tensor *t, int64_t i) {
    int64_t x;
    fg_load_i64(t, i, 1, 1, &x);
    return x;
}

void fg_set_f64(fg_tensor *t, int64_t i, double x) {
    fg_store_f64(t, i, 1, &x);
}

void fg_set_i64(fg_tensor *t, int64_t i, int64_t x) {
    fg_store_i64(t, i, 1, &x);
}
