/* strtod is given digits and an exponent alone, which have no decimal point; what snprintf writes where the
 * point stands is put right. Generated code does the same (templates/prelude_text.c.in). */
#include "frontend/real.h"

#include <stdlib.h>
#include <string.h>

/* No double, nor the middle between two, has more digits that count. */
enum { DIGITS = 780, MOST_SCALE = 20000 };

typedef struct plain {
    char text[DIGITS + 20]; /* sign, "0x", digits, later the exponent */
    size_t n;
    int64_t scale; /* of the last digit: a power of 10, of 2 if hex */
    bool hex;
} plain;

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c, bool hex) {
    return (c >= '0' && c <= '9') || (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

static bool is_letter(char c, char small) {
    return c == small || c == small - 'a' + 'A';
}

/* Returns the end of the digits, NULL if there are none. */
static const char *take_digits(plain *p, const char *s) {
    const size_t first = p->n;
    bool point = false, any = false, lost = false;
    for (;; s++) {
        if (*s == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(*s, p->hex)) break;
        any = true;
        if (p->n - first == DIGITS) {
            lost = lost || *s != '0';
            p->scale += !point;
            continue;
        }
        if (p->n > first || *s != '0') p->text[p->n++] = *s;
        p->scale -= point;
    }
    if (p->n == first) p->text[p->n++] = '0';
    if (lost) {
        p->text[p->n++] = '1';
        p->scale--;
    }
    if (p->hex) p->scale *= 4;
    return any ? s : NULL;
}

static const char *take_exponent(plain *p, const char *s) {
    if (!is_letter(*s, p->hex ? 'p' : 'e')) return s;
    const char *digits = s + 1;
    const bool negative = *digits == '-';
    int64_t size = 0;
    if (*digits == '-' || *digits == '+') digits++;
    if (!is_digit(*digits, false)) return s;
    for (; is_digit(*digits, false); digits++)
        if (size < INT32_MAX) size = size * 10 + (*digits - '0');
    p->scale += negative ? -size : size;
    return digits;
}

double fg_real_read(const char *text, const char **end) {
    plain p = {.n = 0};
    const char *s = text;
    while (is_space(*s)) s++;
    const char *number = s;
    if (*s == '-' || *s == '+') p.text[p.n++] = *s++;
    if (is_letter(*s, 'i') || is_letter(*s, 'n')) { /* inf, nan */
        char *behind;
        const double x = strtod(number, &behind);
        *end = behind == number ? text : behind;
        return x;
    }
    p.hex = *s == '0' && is_letter(s[1], 'x') && is_digit(s[2] == '.' ? s[3] : s[2], true);
    if (p.hex) {
        memcpy(p.text + p.n, s, 2);
        p.n += 2;
        s += 2;
    }
    s = take_digits(&p, s);
    *end = text;
    if (!s) return 0;
    *end = take_exponent(&p, s);
    const int64_t scale = p.scale > MOST_SCALE ? MOST_SCALE : p.scale < -MOST_SCALE ? -MOST_SCALE : p.scale;
    (void)snprintf(p.text + p.n, sizeof p.text - p.n, "%c%d", p.hex ? 'p' : 'e', (int)scale);
    return strtod(p.text, NULL);
}

const char *fg_real_shortest(fg_context *ctx, double x, bool single) {
    char text[64], *to = text;
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, x);
        if (single ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x) break;
    }
    for (const char *from = text; *from; from++) {
        if (is_digit(*from, false) || strchr("+-e", *from))
            *to++ = *from;
        else if (to > text && to[-1] != '.') /* the point may be of several bytes */
            *to++ = '.';
    }
    return fg_strndup(ctx, text, (size_t)(to - text));
}
