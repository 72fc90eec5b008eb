/* Every conversion goes through one of three numbers that hold any source element exactly: a signed or
 * unsigned 64-bit integer or a double. Rounding happens once, on the way out. */
#include "frontend/reference/cast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/reference/elements.h"

typedef struct number {
    enum { SIGNED, UNSIGNED, REAL } kind;
    int64_t i;
    uint64_t u;
    double f;
} number;

/* ---- floating-point formats of at most 16 bits ---- */

typedef struct small_float {
    fg_dtype type;
    int bits, mantissa, bias;
    int max;            /* code of the largest finite magnitude */
    int infinity;       /* code of infinity; -1: the format has none */
    int nan;            /* code of NaN; -1: the format has none */
    bool nan_is_signed; /* NaN keeps the sign; otherwise NaN is the one code `nan` and there is no -0 */
    bool always_saturates;
} small_float;

static const small_float small_floats[] = {
    {FG_FLOAT16, 16, 10, 15, 0x7BFF, 0x7C00, 0x7E00, true, false},
    {FG_BFLOAT16, 16, 7, 127, 0x7F7F, 0x7F80, 0x7FC0, true, false},
    {FG_FLOAT8E4M3FN, 8, 3, 7, 0x7E, -1, 0x7F, true, false},
    {FG_FLOAT8E4M3FNUZ, 8, 3, 8, 0x7F, -1, 0x80, false, false},
    {FG_FLOAT8E5M2, 8, 2, 15, 0x7B, 0x7C, 0x7E, true, false},
    {FG_FLOAT8E5M2FNUZ, 8, 2, 16, 0x7F, -1, 0x80, false, false},
    {FG_FLOAT4E2M1, 4, 1, 1, 0x7, -1, -1, true, true},
};

static const small_float *small_float_of(fg_dtype t) {
    for (size_t i = 0; i < FG_COUNT(small_floats); i++) {
        if (small_floats[i].type == t) {
            return &small_floats[i];
        }
    }
    return NULL;
}

static double decode(const small_float *s, unsigned code) {
    unsigned sign_bit = 1u << (s->bits - 1);
    int magnitude = (int)(code & (sign_bit - 1));
    double sign = code & sign_bit ? -1.0 : 1.0;
    if (!s->nan_is_signed && (int)code == s->nan) {
        return (double)NAN;
    }
    if (magnitude == s->infinity) {
        return sign * (double)INFINITY;
    }
    if (magnitude > s->max) {
        return copysign((double)NAN, sign);
    }
    int exponent = magnitude >> s->mantissa, fraction = magnitude & ((1 << s->mantissa) - 1);
    if (exponent > 0) {
        fraction += 1 << s->mantissa;
    } else {
        exponent = 1;
    }
    return sign * ldexp(fraction, exponent - s->bias - s->mantissa);
}

/* Magnitude rounded to nearest even as if the exponent had no upper end; may exceed s->max. */
static int64_t round_magnitude(const small_float *s, double a) {
    int lowest = 1 - s->bias, e = 0;
    if (a == 0) {
        return 0;
    }
    (void)frexp(a, &e);
    e -= 1; /* a = 1.xxx * 2^e */
    if (e < lowest) {
        e = lowest;
    }
    if (e > lowest + (1 << 9)) {
        return INT64_MAX;
    }
    int64_t q = (int64_t)nearbyint(ldexp(a, s->mantissa - e));
    return ((int64_t)(e - lowest) << s->mantissa) + q;
}

static unsigned encode(const small_float *s, double x, bool saturate) {
    unsigned sign = signbit(x) ? 1u << (s->bits - 1) : 0;
    saturate = saturate || s->always_saturates;
    if (isnan(x)) {
        /* Without a NaN: a zero of the other sign, as the format's reference implementation has it. */
        if (s->nan < 0) {
            return sign ^ (1u << (s->bits - 1));
        }
        return (unsigned)s->nan | (s->nan_is_signed ? sign : 0);
    }
    int64_t code = isinf(x) ? INT64_MAX : round_magnitude(s, fabs(x));
    if (code > s->max) {
        bool wide = s->bits == 16; /* float16 and bfloat16 have always gone to infinity */
        if (saturate && !wide) {
            code = s->max;
        } else if (s->infinity >= 0) {
            code = s->infinity;
        } else {
            return (unsigned)s->nan | (s->nan_is_signed ? sign : 0);
        }
    }
    if (code == 0 && !s->nan_is_signed) {
        return 0;
    }
    return (unsigned)code | sign;
}

/* ---- strings ---- */

/* "+INF", "inf", "NaN" and numbers, as strtod takes them; anything else is refused. */
static number parse(fg_context *ctx, const char *text) {
    number r = {REAL, 0, 0, 0};
    char *end = NULL;
    r.f = strtod(text == NULL ? "" : text, &end);
    while (end != NULL && *end == ' ') {
        end++;
    }
    if (text == NULL || end == text || *end != '\0') {
        fg_raise(ctx, FG_BAD_MODEL, "string '%.40s' is not a number", text == NULL ? "" : text);
    }
    return r;
}

/* The shortest decimal text that reads back as the same value. */
static const char *shortest(fg_context *ctx, double x, bool single) {
    if (isnan(x)) {
        return "NaN";
    }
    if (isinf(x)) {
        return x < 0 ? "-INF" : "INF";
    }
    char text[64];
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, x);
        if (single ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x) {
            break;
        }
    }
    return fg_strdup(ctx, text);
}

static const char *print(fg_context *ctx, fg_dtype from, const number *v) {
    if (v->kind == SIGNED) {
        return fg_format(ctx, "%lld", (long long)v->i);
    }
    if (v->kind == UNSIGNED) {
        return fg_format(ctx, "%llu", (unsigned long long)v->u);
    }
    return shortest(ctx, v->f, from != FG_DOUBLE);
}

/* ---- elements ---- */

static uint64_t load_bits(int bits, const void *data, int64_t i) {
    const unsigned char *p = data;
    if (bits == 4) {
        return (uint64_t)(p[i / 2] >> (i % 2 * 4)) & 15u;
    }
    uint64_t v = 0;
    memcpy(&v, p + i * (bits / 8), (size_t)(bits / 8)); /* little-endian, as all constant data */
    return v;
}

static void store_bits(int bits, void *data, int64_t i, uint64_t v) {
    unsigned char *p = data;
    if (bits != 4) {
        memcpy(p + i * (bits / 8), &v, (size_t)(bits / 8));
        return;
    }
    unsigned shift = (unsigned)(i % 2 * 4);
    p[i / 2] = (unsigned char)((p[i / 2] & ~(15u << shift)) | (((unsigned)v & 15u) << shift));
}

static number load(fg_context *ctx, const fg_tensor *t, int64_t i) {
    const fg_dtype_info *info = fg_dtype_get(t->dtype);
    number r = {REAL, 0, 0, 0};
    if (t->dtype == FG_STRING) {
        return parse(ctx, ((const char *const *)t->data)[i]);
    }
    const small_float *s = small_float_of(t->dtype);
    uint64_t raw = load_bits(info->bits, t->data, i);
    if (s != NULL) {
        r.f = decode(s, (unsigned)raw);
    } else if (t->dtype == FG_FLOAT) {
        r.f = (double)((const float *)t->data)[i];
    } else if (t->dtype == FG_DOUBLE) {
        r.f = ((const double *)t->data)[i];
    } else if (t->dtype == FG_BOOL || !info->is_signed) {
        r.kind = UNSIGNED;
        r.u = raw;
    } else {
        unsigned unused = 64 - (unsigned)info->bits;
        r.kind = SIGNED;
        r.i = (int64_t)(raw << unused) >> unused;
    }
    return r;
}

static double as_double(const number *v) {
    return v->kind == REAL ? v->f : v->kind == SIGNED ? (double)v->i : (double)v->u;
}

static float as_float(const number *v) {
    return v->kind == REAL ? (float)v->f : v->kind == SIGNED ? (float)v->i : (float)v->u;
}

/* Truncates towards zero. Out of range is undefined by the format; here the ends of int64, then the low bits.
 */
static uint64_t as_bits(const number *v) {
    if (v->kind == SIGNED) {
        return (uint64_t)v->i;
    }
    if (v->kind == UNSIGNED) {
        return v->u;
    }
    if (isnan(v->f)) {
        return 0;
    }
    if (v->f >= 9223372036854775808.0) {
        return v->f < 18446744073709551616.0 ? (uint64_t)v->f : UINT64_MAX;
    }
    return v->f < -9223372036854775808.0 ? (uint64_t)INT64_MIN : (uint64_t)(int64_t)v->f;
}

static bool as_bool(const number *v) {
    return v->kind == REAL ? v->f != 0 : v->kind == SIGNED ? v->i != 0 : v->u != 0;
}

static void store(const fg_eval *e, const fg_tensor *y, int64_t i, const number *v, bool saturate) {
    const small_float *s = small_float_of(y->dtype);
    int bits = fg_dtype_get(y->dtype)->bits;
    if (y->dtype == FG_STRING) {
        ((const char **)y->data)[i] = print(e->ctx, e->in[0].dtype, v);
    } else if (s != NULL) {
        store_bits(bits, y->data, i, encode(s, as_double(v), saturate));
    } else if (y->dtype == FG_FLOAT) {
        ((float *)y->data)[i] = as_float(v);
    } else if (y->dtype == FG_DOUBLE) {
        ((double *)y->data)[i] = as_double(v);
    } else if (y->dtype == FG_BOOL) {
        ((unsigned char *)y->data)[i] = as_bool(v);
    } else {
        store_bits(bits, y->data, i, as_bits(v));
    }
}

void fg_ref_cast(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *y = &e->out[0];
    bool saturate = fg_attr_int(e->node, "saturate", 1) != 0;
    int64_t n = fg_shape_count(&y->shape);
    if (x->dtype == y->dtype) {
        fg_ref_copy(e);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        number v = load(e->ctx, x, i);
        store(e, y, i, &v, saturate);
    }
}
