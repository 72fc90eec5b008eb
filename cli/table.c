#include "cli/table.h"

#include <math.h>
#include <string.h>

#define GAP 2

struct fg_table {
    fg_context *ctx;
    const fg_column *columns;
    int n_columns;
    const char **cells;
    int n_cells, cap_cells;
};

fg_table *fg_table_new(fg_context *ctx, int n_columns, const fg_column *columns) {
    fg_table *t = FG_NEW(ctx, fg_table);
    *t = (fg_table){.ctx = ctx, .columns = columns, .n_columns = n_columns};
    return t;
}

void fg_table_add(fg_table *t, const char *format, ...) {
    char text[1024];
    va_list args;
    if (t->n_cells == t->cap_cells) {
        int cap = t->cap_cells ? 2 * t->cap_cells : 256;
        const char **cells = FG_ARRAY(t->ctx, cap, const char *);
        if (t->n_cells) memcpy(cells, t->cells, (size_t)t->n_cells * sizeof *cells);
        t->cells = cells;
        t->cap_cells = cap;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    t->cells[t->n_cells++] = fg_strdup(t->ctx, text);
}

/* Characters, for UTF-8: bytes that do not continue one. */
int fg_characters(const char *s) {
    int n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

/* Bytes of the first n characters. */
static size_t bytes_of(const char *s, int n) {
    const char *p = s;
    while (*p && n-- > 0) {
        p++;
        while (((unsigned char)*p & 0xC0) == 0x80) p++;
    }
    return (size_t)(p - s);
}

/* Takes what is too much from the widest column that can give. */
static void shrink(const fg_table *t, int *widths, int too_much) {
    for (; too_much > 0; too_much--) {
        int widest = -1;
        for (int c = 0; c < t->n_columns; c++)
            if (t->columns[c].shrinks_to && widths[c] > t->columns[c].shrinks_to &&
                (widest < 0 || widths[c] > widths[widest]))
                widest = c;
        if (widest < 0) return;
        widths[widest]--;
    }
}

static void print_cell(const char *s, int width, bool right, bool last, fg_text *out) {
    int n = fg_characters(s);
    if (n > width) {
        fg_text_addn(out, s, bytes_of(s, width - 1));
        fg_text_add(out, "\xE2\x80\xA6");
        n = width;
    } else {
        if (right) fg_text_printf(out, "%*s", width - n, "");
        fg_text_add(out, s);
        if (right) n = width;
    }
    if (!last) fg_text_printf(out, "%*s", width - n + GAP, "");
}

void fg_print_cell(const char *s, int width, bool right, fg_text *out) {
    print_cell(s, width, right, true, out);
    int n = fg_characters(s);
    if (!right && n < width) fg_text_printf(out, "%*s", width - n, "");
}

/* 12345678 as "12.3 M": three digits that matter. */
const char *fg_scaled(fg_context *ctx, double x, const char *unit) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T"};
    size_t i = 0;
    while (fabs(x) >= 999.5 && i + 1 < FG_COUNT(prefixes)) {
        x /= 1000;
        i++;
    }
    int decimals = i == 0 || x >= 99.95 ? 0 : x >= 9.995 ? 1 : 2;
    return fg_format(ctx, "%.*f %s%s", decimals, x, prefixes[i], unit);
}

void fg_table_print(const fg_table *t, int width, fg_text *out) {
    int *widths = FG_ARRAY(t->ctx, t->n_columns, int);
    int total = -GAP;
    for (int c = 0; c < t->n_columns; c++) {
        widths[c] = fg_characters(t->columns[c].title);
        for (int i = c; i < t->n_cells; i += t->n_columns) {
            int n = fg_characters(t->cells[i]);
            if (n > widths[c]) widths[c] = n;
        }
        total += widths[c] + GAP;
    }
    if (width > 0) shrink(t, widths, total - width);
    for (int c = 0; c < t->n_columns; c++)
        print_cell(t->columns[c].title, widths[c], t->columns[c].right, c + 1 == t->n_columns, out);
    fg_text_add(out, "\n");
    for (int i = 0; i < t->n_cells; i++) {
        int c = i % t->n_columns;
        print_cell(t->cells[i], widths[c], t->columns[c].right, c + 1 == t->n_columns, out);
        if (c + 1 == t->n_columns) fg_text_add(out, "\n");
    }
}
