/* Tables of text with aligned columns. */
#ifndef FG_CLI_TABLE_H
#define FG_CLI_TABLE_H

#include "frontend/base.h"

typedef struct fg_column {
    const char *title;
    bool right;     /* aligned: numbers */
    int shrinks_to; /* on a narrow terminal the column may be cut down to this many characters; 0: never */
} fg_column;

typedef struct fg_table fg_table;

fg_table *fg_table_new(fg_context *ctx, int n_columns, const fg_column *columns);
void fg_table_add(fg_table *t, const char *format, ...)
    FG_PRINTF(2, 3); /* the next cell, left to right, row by row */

/* 12345678 and "B" as "12.3 MB": three digits that matter. */
const char *fg_scaled(fg_context *ctx, double x, const char *unit);

/* s in exactly `width` characters: cut with an ellipsis, or padded. */
void fg_print_cell(const char *s, int width, bool right, fg_text *out);
int fg_characters(const char *s); /* of UTF-8 */

/* width: columns of the terminal, 0: as wide as need be. */
void fg_table_print(const fg_table *t, int width, fg_text *out);

#endif
