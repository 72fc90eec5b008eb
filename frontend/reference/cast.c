/* Every conversion goes through one of three numbers that hold any source element exactly: a signed or
 * unsigned 64-bit integer or a double. Rounding happens once, on the way out. */
#include "frontend/reference/cast.h"

#include <math.h>
#include <string.h>

#include "frontend/real.h"
#include "frontend/reference/elements.h"
#include "frontend/reference/small_float.h"

typedef struct number {
    enum { SIGNED, UNSIGNED, REAL } kind;
    int64_t i;
    uint64_t u;
    double f;
} number;

/* ---- strings ---- */

/* Plain decimal digits that fit into 64 bits, which a double need not hold: false if the text has not these.
 */
static bool parse_whole(const char *text, number *r) {
    const bool negative = *text == '-';
    const uint64_t most = negative ? UINT64_C(1) << 63 : UINT64_MAX;
    const char *digits = text + (negative || *text == '+'), *p = digits;
    uint64_t size = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        const unsigned digit = (unsigned)(*p - '0');
        if (size > (most - digit) / 10) {
            return false;
        }
        size = size * 10 + digit;
    }
    *r = (number){.kind = UNSIGNED, .u = negative ? 0 - size : size}; /* only the bits matter */
    return p > digits && *p == '\0';
}

/* "+INF", "inf", "NaN" and numbers; anything else is refused. whole: for an integer. */
static number parse(fg_context *ctx, const char *text, bool whole) {
    number r;
    const char *end = NULL;
    if (whole && text != NULL && parse_whole(text, &r)) {
        return r;
    }
    r = (number){.kind = REAL, .f = fg_real_read(text == NULL ? "" : text, &end)};
    while (*end == ' ') {
        end++;
    }
    if (text == NULL || end == text || *end != '\0') {
        fg_raise(ctx, FG_BAD_MODEL, "string '%.40s' is not a number", text == NULL ? "" : text);
    }
    return r;
}

static const char *real_text(fg_context *ctx, double x, bool single) {
    if (isnan(x)) {
        return "NaN";
    }
    if (isinf(x)) {
        return x < 0 ? "-INF" : "INF";
    }
    return fg_real_shortest(ctx, x, single);
}

static const char *print(fg_context *ctx, fg_dtype from, const number *v) {
    if (v->kind == SIGNED) {
        return fg_format(ctx, "%lld", (long long)v->i);
    }
    if (v->kind == UNSIGNED) {
        return fg_format(ctx, "%llu", (unsigned long long)v->u);
    }
    return real_text(ctx, v->f, from != FG_DOUBLE);
}

/* ---- elements ---- */

static uint64_t load_bits(int bits, const void *data, int64_t i) {
    const unsigned char *p = data;
    if (bits < 8) {
        return fg_packed_get(data, bits, i);
    }
    uint64_t v = 0;
    memcpy(&v, p + i * (bits / 8), (size_t)(bits / 8)); /* little-endian, as all constant data */
    return v;
}

static void store_bits(int bits, void *data, int64_t i, uint64_t v) {
    if (bits < 8) {
        fg_packed_put(data, bits, i, (unsigned)v & ((1U << bits) - 1));
    } else {
        memcpy((unsigned char *)data + i * (bits / 8), &v, (size_t)(bits / 8));
    }
}

static number load(fg_context *ctx, const fg_tensor *t, int64_t i, bool whole) {
    const fg_dtype_info *info = fg_dtype_get(t->dtype);
    number r = {REAL, 0, 0, 0};
    if (t->dtype == FG_STRING) {
        return parse(ctx, ((const char *const *)t->data)[i], whole);
    }
    uint64_t raw = load_bits(info->bits, t->data, i);
    if (fg_is_small_float(t->dtype)) {
        r.f = fg_small_decode(t->dtype, (unsigned)raw);
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

static void store(const fg_eval *e, const fg_tensor *y, int64_t i, const number *v, bool saturate,
                  fg_small_round round) {
    int bits = fg_dtype_get(y->dtype)->bits;
    if (y->dtype == FG_STRING) {
        ((const char **)y->data)[i] = print(e->ctx, e->in[0].dtype, v);
    } else if (fg_is_small_float(y->dtype)) {
        store_bits(bits, y->data, i, fg_small_encode(y->dtype, as_double(v), saturate, round));
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
    fg_small_round round = fg_small_round_of(fg_attr_string(e->node, "round_mode", "up"));
    const bool whole = fg_dtype_get(y->dtype)->is_integer;
    int64_t n = fg_shape_count(&y->shape);
    if (x->dtype == y->dtype) {
        fg_ref_copy(e);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        number v = load(e->ctx, x, i, whole);
        store(e, y, i, &v, saturate, round);
    }
}

void fg_ref_bit_cast(const fg_eval *e) {
    const fg_tensor *x = &e->in[0], *y = &e->out[0];
    memcpy(y->data, x->data, fg_dtype_bytes(y->dtype, fg_shape_count(&y->shape)));
}
