/* Operands of integer products. */
#include "frontend/int_product.h"

#include <string.h>

static const fg_int_form forms[] = {
    {"MatMulInteger", false, false, 0, -1, 2, 1, -1, 3, -1, -1, -1},
    {"ConvInteger", true, false, 0, -1, 2, 1, -1, 3, -1, -1, -1},
    {"QLinearMatMul", false, true, 0, 1, 2, 3, 4, 5, 6, 7, 8},
    {"QLinearConv", true, true, 0, 1, 2, 3, 4, 5, 6, 7, 8},
};

const fg_int_form *fg_int_form_of(const fg_node *n) {
    for (size_t i = 0; i < FG_COUNT(forms); i++) {
        if (strcmp(forms[i].op, n->op_type) == 0) {
            return &forms[i];
        }
    }
    return NULL;
}

fg_value *fg_int_operand(const fg_node *n, int operand) {
    return operand >= 0 && operand < n->n_in ? n->in[operand] : NULL;
}

fg_shape fg_product_space(fg_context *ctx, const fg_node *n, const fg_shape *a, const fg_shape *b) {
    if (a->rank < 1 || b->rank < 1) {
        fg_raise(ctx, FG_BAD_MODEL, "a scalar cannot be an operand");
    }
    const int64_t rows = b->dim[b->rank == 1 ? 0 : b->rank - 2];
    if (a->dim[a->rank - 1] != rows) {
        fg_raise(ctx, FG_BAD_MODEL, "operands of shapes %s and %s do not match: %lld columns, %lld rows",
                 fg_shape_text(ctx, a), fg_shape_text(ctx, b), (long long)a->dim[a->rank - 1],
                 (long long)rows);
    }
    fg_shape y = *a, batch = *b;
    y.rank = a->rank > 2 ? a->rank - 2 : 0;
    batch.rank = b->rank > 2 ? b->rank - 2 : 0;
    fg_broadcast_shape(ctx, n, &y, &batch);
    if (y.rank + 2 > FG_MAX_RANK) {
        fg_raise(ctx, FG_UNSUPPORTED, "a product of %d dimensions", y.rank + 2);
    }
    y.dim[y.rank++] = a->rank > 1 ? a->dim[a->rank - 2] : 1;
    y.dim[y.rank++] = b->rank > 1 ? b->dim[b->rank - 1] : 1;
    return y;
}

_Noreturn static void unsuited(fg_context *ctx, const fg_value *v, const fg_shape *space) {
    fg_raise(ctx, FG_BAD_MODEL, "operand '%s' of shape %s does not suit a result of shape %s", v->name,
             fg_shape_text(ctx, &v->shape), fg_shape_text(ctx, space));
}

void fg_int_strides(fg_context *ctx, const fg_node *n, const fg_value *v, fg_int_side side,
                    const fg_shape *space, int64_t *stride) {
    const fg_shape *s = &v->shape;
    const bool conv = fg_int_form_of(n)->conv;
    const int column = conv ? 1 : space->rank - 1, row = conv ? -1 : space->rank - 2;
    memset(stride, 0, FG_MAX_RANK * sizeof *stride);
    if (fg_shape_count(s) == 1) {
        return;
    }
    if (s->rank == 1) {
        const int d = side == FG_SIDE_B ? column : row;
        if (d < 0 || space->dim[d] != s->dim[0]) {
            unsuited(ctx, v, space);
        }
        stride[d] = 1;
        return;
    }
    if (conv || s->rank != space->rank) {
        unsuited(ctx, v, space);
    }
    int64_t step = 1;
    for (int d = s->rank; d-- > 0;) {
        const bool along = (side != FG_SIDE_A || d != column) && (side != FG_SIDE_B || d != row);
        if (s->dim[d] != 1 && (s->dim[d] != space->dim[d] || !along)) {
            unsuited(ctx, v, space);
        }
        stride[d] = s->dim[d] == 1 ? 0 : step;
        step *= s->dim[d];
    }
}
