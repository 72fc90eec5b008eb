/* Comparison of a tensor with its reference: figures for the report and the verdict by the rules of
 * --tolerance.
 *
 * Two readings of the rules that are not obvious:
 * - Units of the last place are counted as representable numbers between the two, so a tiny number against
 * zero gives a finite figure.
 * - float16 and bfloat16 carry an error of half a unit of their own, which alone is above the usual
 * tolerance: an element that is a direct neighbour of the reference passes. float and double have no such
 * floor. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "verify/verify.h"

#define FG_ABSOLUTE_BOUND 1e-6 /* where the RMS of the reference is 0 */

/* Maps the bits of a float to integers that count in the order of the numbers; both zeros become the same. */
static uint64_t ordered(uint64_t bits, int width) {
    uint64_t sign = UINT64_C(1) << (width - 1);
    return bits & sign ? sign - (bits & (sign - 1)) : sign + bits;
}

static double float_value(const void *data, int64_t i) {
    return (double)((const float *)data)[i];
}
static double double_value(const void *data, int64_t i) {
    return ((const double *)data)[i];
}
static double half_value(const void *data, int64_t i) {
    return (double)fg_half_to_float(((const uint16_t *)data)[i]);
}
static double bfloat_value(const void *data, int64_t i) {
    return (double)fg_bfloat_to_float(((const uint16_t *)data)[i]);
}

typedef struct float_kind {
    double (*value)(const void *data, int64_t i);
    int width;        /* bits */
    double free_ulps; /* distance that passes whatever the tolerance */
} float_kind;

static const float_kind float_kinds[FG_DTYPE_COUNT] = {
    [FG_FLOAT] = {float_value, 32, 0},
    [FG_DOUBLE] = {double_value, 64, 0},
    [FG_FLOAT16] = {half_value, 16, 1},
    [FG_BFLOAT16] = {bfloat_value, 16, 1},
};

static uint64_t element_bits(const void *data, int64_t i, int width) {
    uint64_t bits = 0;
    size_t bytes = (size_t)width / 8;
    memcpy(&bits, (const unsigned char *)data + (size_t)i * bytes, bytes); /* little-endian, as the IR says */
    return ordered(bits, width);
}

static double ulp_distance(const float_kind *kind, const void *want, const void *got, int64_t i) {
    uint64_t a = element_bits(want, i, kind->width), b = element_bits(got, i, kind->width);
    return a > b ? (double)(a - b) : (double)(b - a);
}

static double finite_rms(const float_kind *kind, const void *want, int64_t n) {
    double sum = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = kind->value(want, i);
        if (!isfinite(x)) continue;
        sum += x * x;
        count++;
    }
    return count > 0 ? sqrt(sum / (double)count) : 0;
}

/* Both are NaN, or the same infinity; *alike is meaningful only if true is returned. */
static bool is_special(double want, double got, bool *alike) {
    if (isfinite(want) && isfinite(got)) return false;
    *alike = isnan(want) ? isnan(got) : want == got;
    return true;
}

static void record(fg_error *e, double difference, double ulp, int64_t i) {
    if (ulp > e->max_ulp) e->max_ulp = ulp;
    if (difference <= e->max_abs) return;
    e->max_abs = difference;
    e->at = i;
}

static fg_error compare_floats(const float_kind *kind, const void *want, const void *got, int64_t n,
                               double tolerance) {
    fg_error e = {.at = -1, .passed = true};
    double rms = finite_rms(kind, want, n);
    double bound = rms > 0 ? tolerance * rms : FG_ABSOLUTE_BOUND;
    for (int64_t i = 0; i < n; i++) {
        double w = kind->value(want, i), g = kind->value(got, i);
        bool alike = true;
        if (is_special(w, g, &alike)) {
            if (alike) continue;
            record(&e, INFINITY, INFINITY, i);
            e.passed = false;
            continue;
        }
        double difference = fabs(g - w), ulp = ulp_distance(kind, want, got, i);
        record(&e, difference, ulp, i);
        if (difference > bound && ulp > kind->free_ulps) e.passed = false;
    }
    e.max_rel = rms > 0 ? e.max_abs / rms : e.max_abs;
    return e;
}

static double signed_value(const void *data, int64_t i, size_t bytes) {
    int64_t x = 0;
    switch (bytes) {
    case 1: x = ((const int8_t *)data)[i]; break;
    case 2: x = ((const int16_t *)data)[i]; break;
    case 4: x = ((const int32_t *)data)[i]; break;
    default: x = ((const int64_t *)data)[i]; break;
    }
    return (double)x;
}

static double unsigned_value(const void *data, int64_t i, size_t bytes) {
    uint64_t x = 0;
    memcpy(&x, (const unsigned char *)data + (size_t)i * bytes, bytes);
    return (double)x;
}

static double integer_value(const fg_dtype_info *info, const void *data, int64_t i) {
    size_t bytes = (size_t)info->bits / 8;
    if (bytes > 8) return 0; /* complex: only whether bytes differ counts */
    return info->is_signed ? signed_value(data, i, bytes) : unsigned_value(data, i, bytes);
}

static fg_error compare_exactly(fg_dtype t, const void *want, const void *got, int64_t n) {
    const fg_dtype_info *info = fg_dtype_get(t);
    size_t bytes = (size_t)info->bits / 8;
    fg_error e = {.at = -1, .passed = true};
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double w = integer_value(info, want, i);
        sum += w * w;
        if (memcmp((const char *)want + (size_t)i * bytes, (const char *)got + (size_t)i * bytes, bytes) == 0)
            continue;
        double difference = fabs(integer_value(info, got, i) - w);
        if (difference < 1) difference = 1; /* above 2^53 a double cannot tell neighbours */
        record(&e, difference, difference, i);
        e.passed = false;
    }
    double rms = n > 0 ? sqrt(sum / (double)n) : 0;
    e.max_rel = rms > 0 ? e.max_abs / rms : e.max_abs;
    return e;
}

static fg_error compare_packed(int bits, const void *want, const void *got, int64_t n) {
    fg_error e = {.at = -1, .passed = true};
    for (int64_t i = 0; i < n; i++) {
        int a = (int)fg_packed_get(want, bits, i), b = (int)fg_packed_get(got, bits, i);
        if (a == b) continue;
        record(&e, abs(a - b), abs(a - b), i);
        e.passed = false;
    }
    e.max_rel = e.max_abs;
    return e;
}

static fg_error compare_strings(const void *want, const void *got, int64_t n) {
    fg_error e = {.at = -1, .passed = true};
    const char *const *w = want, *const *g = got;
    for (int64_t i = 0; i < n; i++) {
        bool written = g[i] && (intptr_t)g[i] != -1; /* what memory is filled with before */
        if (w[i] && written && strcmp(w[i], g[i]) == 0) continue;
        record(&e, 1, 1, i);
        e.passed = false;
    }
    e.max_rel = e.max_abs;
    return e;
}

fg_error fg_compare(const fg_tensor *want, const fg_tensor *got, double tolerance) {
    bool comparable = want->dtype == got->dtype && fg_shape_equal(&want->shape, &got->shape);
    int64_t n = fg_shape_count(&want->shape);
    if (comparable && n == 0) return (fg_error){.at = -1, .passed = true};
    if (!comparable || !want->data || !got->data)
        return (fg_error){.max_abs = INFINITY, .max_rel = INFINITY, .max_ulp = INFINITY, .at = -1};
    if (want->dtype < FG_DTYPE_COUNT && float_kinds[want->dtype].value)
        return compare_floats(&float_kinds[want->dtype], want->data, got->data, n, tolerance);
    if (want->dtype == FG_STRING) return compare_strings(want->data, got->data, n);
    if (fg_dtype_is_packed(want->dtype))
        return compare_packed(fg_dtype_get(want->dtype)->bits, want->data, got->data, n);
    return compare_exactly(want->dtype, want->data, got->data, n);
}
