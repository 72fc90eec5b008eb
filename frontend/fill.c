/* Data made by rule: integers first, then one product and one sum in double, then one rounding to the
 * tensor's type. */
#include "frontend/fill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

typedef struct filler {
    fg_context *ctx;
    const char *name;
    fg_dtype type;
    const fg_shape *shape;
    int64_t count;
    uint64_t seed;
    void *data;
} filler;

bool fg_fill_applies(fg_dtype t, const char *doc) {
    return doc && strncmp(doc, "fill ", 5) == 0 && (t == FG_FLOAT || t == FG_FLOAT16 || t == FG_DOUBLE);
}

_Noreturn static void bad_rule(const filler *f) {
    fg_raise(f->ctx, FG_BAD_MODEL, "tensor '%s' has a fill rule that cannot be followed", f->name);
}

/* ---- numbers ---- */

static uint64_t draw(const filler *f, int64_t i) {
    uint64_t z = f->seed + ((uint64_t)i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static int64_t sum_of_parts(uint64_t r) {
    return (int64_t)((r & 0xffff) + (r >> 16 & 0xffff) + (r >> 32 & 0xffff) + (r >> 48));
}

/* Standard deviation of the sum of four uniform 16-bit integers. */
static double deviation(void) {
    return sqrt((65536. * 65536. - 1.) / 3.);
}

static void put(const filler *f, int64_t i, double x) {
    if (f->type == FG_FLOAT)
        ((float *)f->data)[i] = (float)x;
    else if (f->type == FG_DOUBLE)
        ((double *)f->data)[i] = x;
    else
        ((uint16_t *)f->data)[i] = fg_half_from_double(x);
}

/* Reads the next number of the rule. */
static double number(const filler *f, const char **rule) {
    char *end;
    double x = strtod(*rule, &end);
    if (end == *rule || (*end && *end != ' ')) bad_rule(f);
    *rule = end;
    return x;
}

/* ---- kinds ---- */

static void fill_constant(const filler *f, const char *rule) {
    double x = number(f, &rule);
    for (int64_t i = 0; i < f->count; i++) put(f, i, x);
}

static void fill_uniform(const filler *f, const char *rule) {
    double low = number(f, &rule), high = number(f, &rule);
    for (int64_t i = 0; i < f->count; i++)
        put(f, i, (double)(draw(f, i) >> 40) * 0x1p-24 * (high - low) + low);
}

static void fill_centred(const filler *f, double loc, double scale, int axis) {
    int64_t extent = f->shape->dim[axis], inner = 1, outer;
    for (int d = axis + 1; d < f->shape->rank; d++) inner *= f->shape->dim[d];
    if (f->count == 0) return;
    outer = f->count / extent / inner;
    int64_t per = f->count / extent;
    double step = scale / (deviation() * (double)per);
    for (int64_t a = 0; a < extent; a++) {
        int64_t sum = 0;
        for (int64_t o = 0; o < outer; o++)
            for (int64_t i = 0; i < inner; i++) sum += sum_of_parts(draw(f, (o * extent + a) * inner + i));
        for (int64_t o = 0; o < outer; o++)
            for (int64_t i = 0; i < inner; i++) {
                int64_t at = (o * extent + a) * inner + i;
                put(f, at, (double)(sum_of_parts(draw(f, at)) * per - sum) * step + loc);
            }
    }
}

static void fill_normal(const filler *f, const char *rule) {
    double loc = number(f, &rule), scale = number(f, &rule);
    while (*rule == ' ') rule++;
    if (*rule == 'c') {
        char *end;
        long axis = strtol(rule + 1, &end, 10);
        if (end == rule + 1 || axis < 0 || axis >= f->shape->rank) bad_rule(f);
        fill_centred(f, loc, scale, (int)axis);
        return;
    }
    double step = scale / deviation();
    for (int64_t i = 0; i < f->count; i++)
        put(f, i, (double)(sum_of_parts(draw(f, i)) - 131070) * step + loc);
}

static int digit64(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c ? strchr(digits, c) : NULL;
    return p ? (int)(p - digits) : -1;
}

static void fill_verbatim(const filler *f, const char *rule) {
    size_t n = 0, bytes = fg_dtype_bytes(f->type, f->count), cap = strlen(rule);
    uint8_t *packed = fg_big_alloc(f->ctx, cap + 1);
    unsigned bits = 0, have = 0;
    for (; digit64(*rule) >= 0; rule++) {
        bits = bits << 6 | (unsigned)digit64(*rule);
        have += 6;
        if (have < 8) continue;
        have -= 8;
        packed[n++] = (uint8_t)(bits >> have);
        bits &= (1U << have) - 1;
    }
    uLongf made = bytes;
    if (*rule && *rule != '=') bad_rule(f);
    /* Data that would unpack to more than the tensor's size end in Z_BUF_ERROR: no bomb. */
    if (uncompress(f->data, &made, packed, (uLong)n) != Z_OK || made != bytes) bad_rule(f);
    fg_big_free(f->ctx, packed);
}

static const struct {
    char kind;
    void (*fill)(const filler *f, const char *rule);
} kinds[] = {{'n', fill_normal}, {'u', fill_uniform}, {'k', fill_constant}, {'z', fill_verbatim}};

const void *fg_fill(fg_context *ctx, const char *name, fg_dtype t, const fg_shape *shape, const char *doc) {
    filler f = {.ctx = ctx, .name = name, .type = t, .shape = shape};
    const char *rule = doc + 5;
    if (!*rule || rule[1] != ' ') bad_rule(&f);
    f.count = fg_checked_product(ctx, shape->rank, shape->dim);
    f.seed = crc32(0, (const Bytef *)name, (uInt)strlen(name));
    f.data = fg_big_alloc(ctx, fg_dtype_bytes(t, f.count));
    for (size_t i = 0; i < FG_COUNT(kinds); i++)
        if (kinds[i].kind == *rule) {
            kinds[i].fill(&f, rule + 2);
            return f.data;
        }
    bad_rule(&f);
}
