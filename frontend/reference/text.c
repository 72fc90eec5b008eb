#include "frontend/reference/text.h"

#include <string.h>

#include "frontend/reference/elements.h"

/* Where operand i's element lies that belongs to index[] of the result, by numpy's rules. */
static int64_t broadcast_place(const fg_shape *x, const fg_shape *y, const int64_t *index) {
    int64_t at = 0;
    for (int d = 0; d < x->rank; d++) {
        int64_t i = index[d + y->rank - x->rank];
        at = at * x->dim[d] + (x->dim[d] == 1 ? 0 : i);
    }
    return at;
}

void fg_ref_string_concat(const fg_eval *e) {
    const fg_shape *y = &e->out[0].shape;
    const char **out = e->out[0].data;
    int64_t index[FG_MAX_RANK] = {0};
    if (fg_shape_count(y) == 0) {
        return;
    }
    do {
        const char *a = ((const char *const *)e->in[0].data)[broadcast_place(&e->in[0].shape, y, index)];
        const char *b = ((const char *const *)e->in[1].data)[broadcast_place(&e->in[1].shape, y, index)];
        *out++ = fg_format(e->ctx, "%s%s", a, b);
    } while (fg_next_index(y->rank, y->dim, index));
}
