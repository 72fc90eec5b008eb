/* Reference kernels of attention. */
#ifndef FG_FRONTEND_REFERENCE_ATTENTION_H
#define FG_FRONTEND_REFERENCE_ATTENTION_H

#include "frontend/attention.h"

void fg_ref_attention(const fg_eval *e);
void fg_ref_flex_attention(const fg_eval *e);

/* ---- what several attention operators share ---- */

/* Queries, keys and values as doubles: batch x heads x length x size. */
typedef struct fg_attend {
    const fg_eval *e;
    const fg_attention *a;
    const double *q, *k, *v;
    /* Fills row[0 .. total) with what is added to the scores of query i. */
    void (*bias)(const struct fg_attend *t, int64_t b, int64_t head, int64_t i, double *row);
    const void *user;
    fg_tensor *y;      /* laid out as a->packed says */
    fg_tensor *scores; /* NULL: not wanted */
} fg_attend;

void fg_attend_run(const fg_attend *t);

/* Operand i as batch x heads x length x size, behind what operand `past` (-1: none) holds. */
double *fg_attend_load(const fg_eval *e, int i, int past, bool packed, int64_t heads, int64_t size);

#endif
