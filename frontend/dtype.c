/* Element types, shapes, and reading single constants. */
#include <math.h>
#include <string.h>

#include "frontend/graph.h"

static const fg_dtype_info table[FG_DTYPE_COUNT] = {
    [FG_UNDEFINED] = {"undefined", "void", 0, false, false, false},
    [FG_FLOAT] = {"float", "float", 32, true, false, true},
    [FG_UINT8] = {"uint8", "uint8_t", 8, false, true, false},
    [FG_INT8] = {"int8", "int8_t", 8, false, true, true},
    [FG_UINT16] = {"uint16", "uint16_t", 16, false, true, false},
    [FG_INT16] = {"int16", "int16_t", 16, false, true, true},
    [FG_INT32] = {"int32", "int32_t", 32, false, true, true},
    [FG_INT64] = {"int64", "int64_t", 64, false, true, true},
    [FG_STRING] = {"string", "const char *", 64, false, false, false},
    [FG_BOOL] = {"bool", "unsigned char", 8, false, false, false},
    [FG_FLOAT16] = {"float16", "uint16_t", 16, true, false, true},
    [FG_DOUBLE] = {"double", "double", 64, true, false, true},
    [FG_UINT32] = {"uint32", "uint32_t", 32, false, true, false},
    [FG_UINT64] = {"uint64", "uint64_t", 64, false, true, false},
    [FG_COMPLEX64] = {"complex64", "float", 64, false, false, true},
    [FG_COMPLEX128] = {"complex128", "double", 128, false, false, true},
    [FG_BFLOAT16] = {"bfloat16", "uint16_t", 16, true, false, true},
    [FG_FLOAT8E4M3FN] = {"float8e4m3fn", "uint8_t", 8, true, false, true},
    [FG_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", "uint8_t", 8, true, false, true},
    [FG_FLOAT8E5M2] = {"float8e5m2", "uint8_t", 8, true, false, true},
    [FG_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", "uint8_t", 8, true, false, true},
    [FG_UINT4] = {"uint4", "uint8_t", 4, false, true, false},
    [FG_INT4] = {"int4", "uint8_t", 4, false, true, true},
    [FG_FLOAT4E2M1] = {"float4e2m1", "uint8_t", 4, true, false, true},
    [FG_FLOAT8E8M0] = {"float8e8m0", "uint8_t", 8, true, false, false},
    [FG_UINT2] = {"uint2", "uint8_t", 2, false, true, false},
    [FG_INT2] = {"int2", "uint8_t", 2, false, true, true},
    [FG_FLOAT6E2M3] = {"float6e2m3", "uint8_t", 6, true, false, true},
    [FG_FLOAT6E3M2] = {"float6e3m2", "uint8_t", 6, true, false, true},
};

const fg_dtype_info *fg_dtype_get(fg_dtype t) {
    unsigned i = (unsigned)t;
    return &table[i < FG_DTYPE_COUNT ? i : FG_UNDEFINED];
}

size_t fg_dtype_bytes(fg_dtype t, int64_t elements) {
    size_t n = (size_t)elements, bits = (size_t)fg_dtype_get(t)->bits;
    return bits < 8 ? n / 8 * bits + (n % 8 * bits + 7) / 8 : n * (bits / 8);
}

bool fg_dtype_is_packed(fg_dtype t) {
    int bits = fg_dtype_get(t)->bits;
    return bits > 0 && bits < 8;
}

unsigned fg_packed_get(const void *data, int bits, int64_t i) {
    const uint8_t *p = (const uint8_t *)data + i / 8 * bits + i % 8 * bits / 8;
    int shift = (int)(i % 8) * bits % 8;
    unsigned v = (unsigned)p[0] >> shift;
    if (shift + bits > 8) v |= (unsigned)p[1] << (8 - shift);
    return v & ((1U << bits) - 1);
}

void fg_packed_put(void *data, int bits, int64_t i, unsigned element) {
    uint8_t *p = (uint8_t *)data + i / 8 * bits + i % 8 * bits / 8;
    int shift = (int)(i % 8) * bits % 8;
    unsigned mask = ((1U << bits) - 1) << shift, v = element << shift;
    p[0] = (uint8_t)((p[0] & ~mask) | (v & mask));
    if (shift + bits > 8) p[1] = (uint8_t)((p[1] & ~(mask >> 8)) | (v & mask) >> 8);
}

int64_t fg_shape_count(const fg_shape *s) {
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++) n *= s->dim[i];
    return n;
}

bool fg_shape_equal(const fg_shape *a, const fg_shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

const char *fg_shape_text(fg_context *ctx, const fg_shape *s) {
    char text[FG_MAX_RANK * 24];
    int n = 0;
    if (s->rank <= 0) return s->rank == 0 ? "scalar" : "none";
    for (int i = 0; i < s->rank; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%lld", i ? "x" : "", (long long)s->dim[i]);
    return fg_strdup(ctx, text);
}

/* ---- half precision ---- */

uint16_t fg_half_from_float(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    uint32_t sign = u >> 16 & 0x8000, rest = u & 0x7fffffff;
    if (rest > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff)); /* NaN keeps its upper payload */
    if (rest >= 0x47800000) return (uint16_t)(sign | 0x7c00);    /* 2^16 and above: infinite */
    if (rest < 0x33000000) return (uint16_t)sign;                /* below 2^-25 */
    uint32_t exponent = rest >> 23, mantissa = (rest & 0x7fffff) | 0x800000, shift, base;
    if (exponent >= 113) { /* normal: the implicit bit adds 1 to the exponent field */
        shift = 13;
        base = (exponent - 113) << 10;
    } else {
        shift = 13 + 113 - exponent;
        base = 0;
    }
    uint32_t half = base + (mantissa >> shift);
    uint32_t lost = mantissa & ((UINT32_C(1) << shift) - 1), middle = UINT32_C(1) << (shift - 1);
    if (lost > middle || (lost == middle && (half & 1)))
        half++; /* a carry runs into the exponent, as it should */
    return (uint16_t)(sign | half);
}

float fg_half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3ff, u;
    float f;
    if (exponent == 31) {
        u = sign | 0x7f800000 | mantissa << 13;
    } else if (exponent == 0) {
        f = ldexpf((float)mantissa, -24);
        memcpy(&u, &f, sizeof u);
        u |= sign;
    } else {
        u = sign | (exponent + 112) << 23 | mantissa << 13;
    }
    memcpy(&f, &u, sizeof f);
    return f;
}

uint16_t fg_bfloat_from_float(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40); /* stays a NaN */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* With the last bit odd where inexact, so that rounding on to a type of fewer bits goes as from x itself. */
static float odd_float(double x) {
    float f = (float)x;
    uint32_t bits;
    if (isfinite(f) && (double)f != x) {
        memcpy(&bits, &f, sizeof bits);
        if (fabs((double)f) > fabs(x)) bits--;
        bits |= 1;
        memcpy(&f, &bits, sizeof f);
    }
    return f;
}

uint16_t fg_half_from_double(double x) {
    return fg_half_from_float(odd_float(x));
}

uint16_t fg_bfloat_from_double(double x) {
    return fg_bfloat_from_float(odd_float(x));
}

float fg_bfloat_to_float(uint16_t h) {
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* ---- single constants ---- */

/* Minifloats of 8, 6 and 4 bits: exponent and mantissa widths, bias; which codes are not finite differs by
 * type.
 */
static double minifloat(fg_dtype t, unsigned code) {
    static const struct {
        int exponent, mantissa, bias;
    } form[FG_DTYPE_COUNT] = {
        [FG_FLOAT8E4M3FN] = {4, 3, 7},    [FG_FLOAT8E4M3FNUZ] = {4, 3, 8}, [FG_FLOAT8E5M2] = {5, 2, 15},
        [FG_FLOAT8E5M2FNUZ] = {5, 2, 16}, [FG_FLOAT4E2M1] = {2, 1, 1},     [FG_FLOAT6E2M3] = {2, 3, 1},
        [FG_FLOAT6E3M2] = {3, 2, 3},
    };
    if (t == FG_FLOAT8E8M0) return code == 0xFF ? NAN : ldexp(1, (int)code - 127);
    int eb = form[t].exponent, mb = form[t].mantissa;
    unsigned e = code >> mb & ((1U << eb) - 1), m = code & ((1U << mb) - 1);
    double sign = code >> (eb + mb) & 1 ? -1 : 1;
    if ((t == FG_FLOAT8E4M3FNUZ || t == FG_FLOAT8E5M2FNUZ) && code == 0x80) return NAN;
    if (t == FG_FLOAT8E4M3FN && (code & 0x7f) == 0x7f) return NAN;
    if (t == FG_FLOAT8E5M2 && e == 31) return m ? NAN : sign * INFINITY;
    double x =
        e ? ldexp((double)(m + (1U << mb)), (int)e - form[t].bias - mb) : ldexp(m, 1 - form[t].bias - mb);
    return sign * x;
}

double fg_const_float(const fg_value *v, int64_t i) {
    switch (v->dtype) {
    case FG_FLOAT: return (double)((const float *)v->data)[i];
    case FG_DOUBLE: return ((const double *)v->data)[i];
    case FG_FLOAT16: return (double)fg_half_to_float(((const uint16_t *)v->data)[i]);
    case FG_BFLOAT16: return (double)fg_bfloat_to_float(((const uint16_t *)v->data)[i]);
    case FG_FLOAT8E4M3FN:
    case FG_FLOAT8E4M3FNUZ:
    case FG_FLOAT8E5M2:
    case FG_FLOAT8E5M2FNUZ:
    case FG_FLOAT8E8M0: return minifloat(v->dtype, ((const uint8_t *)v->data)[i]);
    case FG_FLOAT4E2M1:
    case FG_FLOAT6E2M3:
    case FG_FLOAT6E3M2: return minifloat(v->dtype, fg_packed_get(v->data, fg_dtype_get(v->dtype)->bits, i));
    case FG_UINT64: return (double)((const uint64_t *)v->data)[i];
    default: return (double)fg_const_int(v, i);
    }
}

/* A double that has no int64 (NaN, too large) saturates: a hostile constant must not be undefined behaviour.
 */
static int64_t saturate(double x) {
    if (x != x) return 0;
    if (x >= 9223372036854775808.0) return INT64_MAX;
    if (x < -9223372036854775808.0) return INT64_MIN;
    return (int64_t)x;
}

int64_t fg_const_int(const fg_value *v, int64_t i) {
    switch (v->dtype) {
    case FG_BOOL: return ((const uint8_t *)v->data)[i] != 0;
    case FG_UINT8: return ((const uint8_t *)v->data)[i];
    case FG_INT8: return ((const int8_t *)v->data)[i];
    case FG_UINT16: return ((const uint16_t *)v->data)[i];
    case FG_INT16: return ((const int16_t *)v->data)[i];
    case FG_UINT32: return ((const uint32_t *)v->data)[i];
    case FG_INT32: return ((const int32_t *)v->data)[i];
    case FG_INT64: return ((const int64_t *)v->data)[i];
    case FG_UINT64: return (int64_t)((const uint64_t *)v->data)[i];
    case FG_UINT4: return fg_packed_get(v->data, 4, i);
    case FG_INT4: return (int64_t)(fg_packed_get(v->data, 4, i) ^ 8) - 8;
    case FG_UINT2: return fg_packed_get(v->data, 2, i);
    case FG_INT2: return (int64_t)(fg_packed_get(v->data, 2, i) ^ 2) - 2;
    case FG_FLOAT:
    case FG_DOUBLE:
    case FG_FLOAT16:
    case FG_BFLOAT16:
    case FG_FLOAT8E4M3FN:
    case FG_FLOAT8E4M3FNUZ:
    case FG_FLOAT8E5M2:
    case FG_FLOAT8E5M2FNUZ:
    case FG_FLOAT4E2M1:
    case FG_FLOAT8E8M0:
    case FG_FLOAT6E2M3:
    case FG_FLOAT6E3M2: return saturate(fg_const_float(v, i));
    default: return 0; /* strings and complex numbers are no numbers here */
    }
}
