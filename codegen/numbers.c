#include "codegen/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 256 };

struct fg_numbers {
    fg_context *ctx;
    bool immediate; /* small multiples of powers of two are operands of instructions */
    const char *literal[MOST];
    bool vector[MOST], scalar[MOST]; /* which table it is in */
    int count;
};

fg_numbers *fg_numbers_new(fg_context *ctx, const fg_target *target) {
    if (!target->issue) return NULL;
    fg_numbers *n = FG_NEW(ctx, fg_numbers);
    n->ctx = ctx;
    n->immediate = strcmp(target->isa, "riscv") != 0;
    return n;
}

/* n / 16 times a power of two from 2^-3 to 2^4, n from 16 to 31: what ARM's VMOV and FMOV make. */
static bool is_immediate(double x) {
    int exponent;
    const double mantissa = fabs(frexp(x, &exponent)) * 32;
    return x != 0 && exponent >= -2 && exponent <= 5 && mantissa == floor(mantissa);
}

static int find(fg_numbers *n, const char *literal) {
    for (int i = 0; i < n->count; i++)
        if (strcmp(n->literal[i], literal) == 0) return i;
    if (n->count == MOST) return -1;
    n->literal[n->count] = literal;
    return n->count++;
}

const char *fg_numbers_replace(fg_numbers *n, const char *text, size_t available, bool scalar,
                               size_t *length) {
    if (!n || available < 3 || *text != '(') return NULL;
    size_t end = 1;
    while (end < available && strchr("0123456789.eE+-f", text[end]) && text[end]) end++;
    if (end == available || text[end] != ')' || text[end - 1] != 'f') return NULL;
    const char *literal = fg_strndup(n->ctx, text + 1, end - 1);
    const double x = strtod(literal, NULL);
    if (x == 0 || (n->immediate && is_immediate(x))) return NULL;
    const int i = find(n, literal);
    if (i < 0) return NULL;
    *(scalar ? &n->scalar[i] : &n->vector[i]) = true;
    *length = end + 1;
    return fg_format(n->ctx, "%s(%d)", scalar ? "fgs_number" : "fg_number", i);
}

static bool any(const bool *used, int count) {
    for (int i = 0; i < count; i++)
        if (used[i]) return true;
    return false;
}

static void emit_table(const fg_numbers *n, const char *name, int copies, fg_text *out) {
    fg_text_printf(out, "static const float %s[] = {\n", name);
    for (int i = 0; i < n->count; i++) {
        fg_text_add(out, "   ");
        for (int k = 0; k < copies; k++) fg_text_printf(out, " %s,", n->literal[i]);
        fg_text_add(out, "\n");
    }
    fg_text_add(out, "};\n");
}

void fg_numbers_emit(const fg_numbers *n, int lanes, fg_text *out) {
    const bool scalar = n && any(n->scalar, n->count), vector = n && any(n->vector, n->count) && lanes > 1;
    if (!scalar && !vector) return;
    fg_text_add(out, "/* Hides that the numbers of a table are known, so that they are read from it and not "
                     "made anew. */\n"
                     "FG_INLINE const float *fg_hidden(const float *p)\n{\n"
                     "#if defined(__GNUC__) && !defined(__TINYC__)\n    __asm__(\"\" : \"+r\"(p));\n#endif\n "
                     "   return p;\n}\n");
    if (scalar) {
        emit_table(n, "fgs_numbers", 1, out);
        fg_text_add(out, "#define fgs_number(i) (fg_hidden(fgs_numbers)[i])\n\n");
    }
    if (!vector) return;
    fg_text_add(out, "#if !defined(FG_LANES)\n");
    emit_table(n, "fg_numbers", lanes, out);
    fg_text_add(out, "#define fg_number(i) fg_load(fg_hidden(fg_numbers) + (i) * FG_VL)\n#endif\n\n");
}
