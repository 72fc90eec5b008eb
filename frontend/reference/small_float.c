#include "frontend/reference/small_float.h"

#include <math.h>
#include <string.h>

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
    {FG_FLOAT6E2M3, 6, 3, 1, 0x1F, -1, -1, true, true},
    {FG_FLOAT6E3M2, 6, 2, 3, 0x1F, -1, -1, true, true},
};

static const small_float *small_float_of(fg_dtype t) {
    for (size_t i = 0; i < FG_COUNT(small_floats); i++) {
        if (small_floats[i].type == t) {
            return &small_floats[i];
        }
    }
    return NULL;
}

bool fg_is_small_float(fg_dtype t) {
    return t == FG_FLOAT8E8M0 || small_float_of(t) != NULL;
}

/* float8e8m0 has neither sign nor fraction: a power of two from 2^-127 to 2^127, or NaN. */
static double decode_scale(unsigned code) {
    return code == 0xFF ? (double)NAN : ldexp(1, (int)code - 127);
}

/* The sign is ignored. What is beyond the ends, and zero, goes there (saturate), else to NaN. */
static unsigned encode_scale(double x, bool saturate, fg_small_round round) {
    int e = 0;
    if (isnan(x)) {
        return 0xFF;
    }
    if (isinf(x) || x == 0) {
        return !saturate ? 0xFF : x == 0 ? 0 : 0xFE;
    }
    double fraction = frexp(fabs(x), &e); /* in [0.5, 1) */
    e += 126;
    if ((round == FG_SMALL_UP && fraction > 0.5) || (round == FG_SMALL_NEAREST && fraction >= 0.75)) {
        e++;
    }
    if (e < 0 || e > 0xFE) {
        return !saturate ? 0xFF : e < 0 ? 0 : 0xFE;
    }
    return (unsigned)e;
}

fg_small_round fg_small_round_of(const char *mode) {
    return strcmp(mode, "down") == 0      ? FG_SMALL_DOWN
           : strcmp(mode, "nearest") == 0 ? FG_SMALL_NEAREST
                                          : FG_SMALL_UP;
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

double fg_small_decode(fg_dtype t, unsigned code) {
    return t == FG_FLOAT8E8M0 ? decode_scale(code) : decode(small_float_of(t), code);
}

unsigned fg_small_encode(fg_dtype t, double x, bool saturate, fg_small_round round) {
    return t == FG_FLOAT8E8M0 ? encode_scale(x, saturate, round) : encode(small_float_of(t), x, saturate);
}
