/* TensorScatter: a copy of the cache, then the update, from each batch's place on. A place from which the
 * update would not fit is taken to the nearest that does. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"

enum { TO, FROM, OPERANDS };

/* Declares where the update of batch i0 starts. */
static void emit_place(fg_emit *e, const fg_value *places, int64_t room, bool circular) {
    if (places == NULL) {
        fg_line(e, "const ptrdiff_t first = 0;");
        return;
    }
    int64_t stride;
    fg_strides_of(e, places, &stride);
    const char *at = fg_format(e->ctx, "places[i0 * %lld]", (long long)stride);
    if (circular) {
        fg_line(e, "const ptrdiff_t first = (ptrdiff_t)fgs_mod_i64(%s, %lld);", at, (long long)room);
    } else {
        fg_line(e, "const ptrdiff_t first = (ptrdiff_t)fgs_max_i64(0, fgs_min_i64(%s, %lld));", at,
                (long long)room);
    }
}

/* The nest over the update: batch, axis, then the others in any order. */
static fg_nest *plan(fg_emit *e, const fg_value *y, const fg_value *u, int axis) {
    int64_t own[OPERANDS][FG_MAX_RANK];
    int order[FG_MAX_RANK], n = 2;
    order[0] = 0;
    order[1] = axis;
    for (int d = 1; d < u->shape.rank; d++) {
        if (d != axis) {
            order[n++] = d;
        }
    }
    fg_strides_of(e, y, own[TO]);
    fg_strides_of(e, u, own[FROM]);
    fg_nest *nest = fg_nest_new(e->ctx, &u->shape, OPERANDS);
    for (int i = 0; i < OPERANDS; i++) {
        int64_t stride[2 * FG_MAX_RANK];
        for (int d = 0; d < n; d++) {
            stride[d] = own[i][order[d]];
            nest->extent[d] = u->shape.dim[order[d]];
        }
        fg_nest_add(e->ctx, nest, stride);
    }
    fg_nest_simplify(nest, TO, 2, n);
    return nest;
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *u = n->in[1], *places = n->n_in > 2 ? n->in[2] : NULL, *y = n->out[0];
    fg_need_whole_elements(e, x);
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", -2), x->shape.rank);
    const bool circular = strcmp(fg_attr_string(n, "mode", "linear"), "circular") == 0;
    const int64_t length = x->shape.dim[axis], count = u->shape.dim[axis];
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_nest *copy = fg_nest_new(ctx, &y->shape, OPERANDS);
    fg_nest_add_value(e, copy, y);
    fg_nest_add_value(e, copy, x);
    fg_nest_simplify(copy, TO, 0, copy->rank);
    fg_emit_moves(e, copy, 0, TO, "y", FROM, "x", x->dtype);
    if (fg_shape_count(&u->shape) == 0) {
        return;
    }
    fg_emit_input(e, "u", u);
    if (places != NULL) {
        fg_emit_input(e, "places", places);
    }
    const fg_nest *nest = plan(e, y, u, axis);
    fg_nest_open(nest, 0, 1, "i", e->out);
    emit_place(e, places, circular ? length : length - count, circular);
    fg_nest_open(nest, 1, 2, "i", e->out);
    fg_line(e, "ptrdiff_t k = first + i1;");
    if (circular) {
        fg_line(e, "if (k >= %lld) k -= %lld;", (long long)length, (long long)length);
    }
    const char *to = fg_pointer_to(ctx, "y", fg_nest_at(ctx, nest, TO, 0, 1, "i"));
    const char *from = fg_pointer_to(ctx, "u", fg_nest_at(ctx, nest, FROM, 0, 2, "i"));
    to = fg_format(ctx, "%s + k * %lld", to, (long long)nest->stride[TO][1]);
    fg_emit_moves(e, nest, 2, TO, to, FROM, from, x->dtype);
    fg_nest_close(2, e->out);
    fg_describe(e, "", "a copy, then the update from each batch's place on");
}

const fg_lowering fg_lowering_tensor_scatter = {.name = "tensor_scatter", .prefer = NULL, .emit = emit};
