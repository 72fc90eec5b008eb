/* Real numbers as text, the same in every locale: the decimal point is a point. (The C library takes it from
 * LC_NUMERIC, which belongs to the program that fusegen is a part of.) */
#ifndef FG_FRONTEND_REAL_H
#define FG_FRONTEND_REAL_H

#include "frontend/base.h"

/* The number at the start of `text`, rounded once: what strtod reads in the C locale. *end: the first
 * character behind it; `text` if there is no number. */
double fg_real_read(const char *text, const char **end);

/* The shortest decimal text that reads back as x (single: as the same float), as by "%.*g". x is finite. */
const char *fg_real_shortest(fg_context *ctx, double x, bool single);

#endif
