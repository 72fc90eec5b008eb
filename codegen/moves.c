/* Moving elements between strided places. */
#include "codegen/moves.h"

#include "codegen/expr.h"

void fg_emit_moves(fg_emit *e, const fg_nest *n, int first, int to, const char *to_pointer, int from,
                   const char *from_pointer, fg_dtype t) {
    const int inner = n->rank - 1;
    const bool run = t != FG_STRING && /* pointers: the target knows their size */
                     inner >= first && n->stride[to][inner] == 1 && n->stride[from][inner] == 1 &&
                     n->extent[inner] >= 4;
    const int last = run ? inner : n->rank;
    const char *a = fg_pointer_to(e->ctx, to_pointer, fg_nest_at(e->ctx, n, to, first, last, "i"));
    const char *b = fg_pointer_to(e->ctx, from_pointer, fg_nest_at(e->ctx, n, from, first, last, "i"));
    fg_nest_open(n, first, last, "i", e->out);
    if (run) {
        fg_line(e, "memcpy(%s, %s, %lld);", a, b, (long long)fg_dtype_bytes(t, n->extent[inner]));
    } else {
        fg_line(e, "*(%s) = *(%s);", a, b);
    }
    fg_nest_close(last - first, e->out);
}

void fg_emit_widened(fg_emit *e, const fg_nest *n, int first, int to, const char *to_pointer, int from,
                     const char *from_pointer, fg_dtype stored) {
    const char *a = fg_pointer_to(e->ctx, to_pointer, fg_nest_at(e->ctx, n, to, first, n->rank, "i"));
    const char *b = fg_pointer_to(e->ctx, from_pointer, fg_nest_at(e->ctx, n, from, first, n->rank, "i"));
    fg_nest_open(n, first, n->rank, "i", e->out);
    fg_line(e, "*(%s) = %s;", a, fg_load_element(e->ctx, stored, fg_format(e->ctx, "(%s)", b), "0"));
    fg_nest_close(n->rank - first, e->out);
}

void fg_emit_value_copy(fg_emit *e, const char *to_pointer, const fg_value *to, const char *from_pointer,
                        const fg_value *from) {
    enum { TO, FROM, OPERANDS };
    int64_t stride[FG_MAX_RANK];
    if (fg_shape_count(&from->shape) == 0) {
        return;
    }
    fg_strides_of(e, to, stride);
    fg_nest *nest = fg_nest_new(e->ctx, &from->shape, OPERANDS);
    fg_nest_add(e->ctx, nest, stride);
    fg_nest_add_value(e, nest, from);
    fg_nest_simplify(nest, TO, 0, nest->rank);
    fg_emit_moves(e, nest, 0, TO, to_pointer, FROM, from_pointer, to->dtype);
}

void fg_emit_fill(fg_emit *e, const fg_nest *n, int to, const char *to_pointer, const char *value) {
    fg_nest_open(n, 0, n->rank, "i", e->out);
    fg_line(e, "%s[%s] = %s;", to_pointer, fg_nest_at(e->ctx, n, to, 0, n->rank, "i"), value);
    fg_nest_close(n->rank, e->out);
}

fg_nest *fg_nest_of_value(fg_emit *e, const fg_value *v) {
    fg_nest *n = fg_nest_new(e->ctx, &v->shape, 1);
    fg_nest_add_value(e, n, v);
    fg_nest_simplify(n, 0, 0, n->rank);
    return n;
}

fg_nest *fg_nest_around(fg_emit *e, const fg_shape *shape, int axis, int n, const fg_value *const *v,
                        int64_t *step) {
    fg_nest *nest = fg_nest_new(e->ctx, shape, n);
    nest->extent[axis] = 1;
    for (int i = 0; i < n; i++) {
        const bool whole = v[i]->shape.rank == shape->rank;
        int64_t own[FG_MAX_RANK], stride[2 * FG_MAX_RANK] = {0};
        fg_strides_of(e, v[i], own);
        step[i] = whole ? own[axis] : 0;
        for (int d = 0; d < shape->rank; d++) {
            if (d != axis) {
                stride[d] = own[whole || d < axis ? d : d - 1];
            }
        }
        fg_nest_add(e->ctx, nest, stride);
    }
    fg_nest_simplify(nest, 0, 0, nest->rank);
    return nest;
}

bool fg_is_wanted(const fg_value *v) {
    return v != NULL && (v->n_users > 0 || v->is_output);
}

bool fg_is_empty_result(fg_emit *e, const fg_value *v) {
    if (fg_shape_count(&v->shape) > 0) {
        return false;
    }
    fg_line(e, "(void)c; /* no elements */");
    return true;
}

void fg_emit_indices(fg_emit *e, const fg_indices *x, const char *place) {
    for (int j = 0; j < x->count; j++) {
        if (x->extent[j] == 0) {
            fg_raise(e->ctx, FG_UNSUPPORTED, "indices into a tensor without elements");
        }
        const int64_t step = j * x->step;
        const char *at = step == 0 ? place : fg_format(e->ctx, "%s + %lld", place, (long long)step);
        fg_line(e, "const ptrdiff_t k%d = fgs_index(idx[%s], %lld);", j, at, (long long)x->extent[j]);
    }
}

const char *fg_indexed(fg_context *ctx, const fg_indices *x, const char *pointer) {
    for (int j = 0; j < x->count; j++) {
        pointer = x->stride[j] == 1 ? fg_format(ctx, "%s + k%d", pointer, j)
                                    : fg_format(ctx, "%s + k%d * %lld", pointer, j, (long long)x->stride[j]);
    }
    return pointer;
}
