/* ScatterElements and ScatterND: a copy of the data, then the updates, one after the other in row-major order
 * (where several meet, the last one stays). Indices that point outside are taken to the nearest end. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/extents.h"

enum { TO, FROM, INDEX, ORDER, OPERANDS };

typedef struct fg_scatter {
    fg_emit *e;
    fg_nest *nest; /* over the updates; ORDER: their row-major strides, which keep the order of loops */
    int outer;
    const char *told; /* how many steps the first dimension has, if only a run knows; else NULL */
    fg_indices indices;
} fg_scatter;

static void copy_data(fg_emit *e, const fg_value *x, const fg_value *y) {
    fg_nest *n = fg_nest_new(e->ctx, &y->shape, 2);
    fg_nest_add_value(e, n, y);
    fg_nest_add_value(e, n, x);
    fg_nest_simplify(n, 0, 0, n->rank);
    fg_emit_moves(e, n, 0, 0, "y", 1, "x", x->dtype);
}

static void plan(fg_scatter *s, const fg_node *n) {
    fg_emit *e = s->e;
    const fg_value *y = n->out[0], *k = n->in[1], *u = n->in[2];
    const bool tuples = strcmp(n->op_type, "ScatterND") == 0;
    const int rank = u->shape.rank, length = tuples ? (int)k->shape.dim[k->shape.rank - 1] : 1;
    const int axis = tuples ? 0 : fg_axis(e->ctx, n, fg_attr_int(n, "axis", 0), y->shape.rank);
    int64_t to[2 * FG_MAX_RANK] = {0}, from[FG_MAX_RANK], order[FG_MAX_RANK], index[2 * FG_MAX_RANK] = {0};
    int64_t ys[FG_MAX_RANK], ks[FG_MAX_RANK];
    fg_strides_of(e, y, ys);
    fg_strides_of(e, k, ks);
    fg_strides_of(e, u, from);
    fg_dense_strides(&u->shape, order);
    s->outer = tuples ? k->shape.rank - 1 : rank;
    s->indices = (fg_indices){.count = length, .step = tuples ? ks[k->shape.rank - 1] : 0};
    for (int j = 0; j < length; j++) {
        s->indices.extent[j] = y->shape.dim[axis + j];
        s->indices.stride[j] = ys[axis + j];
    }
    for (int d = 0; d < rank; d++) {
        const bool inside = d < s->outer;
        index[d] = inside ? ks[d] : 0;
        to[d] = tuples ? (inside ? 0 : ys[length + d - s->outer]) : d == axis ? 0 : ys[d];
    }
    s->nest = fg_nest_new(e->ctx, &u->shape, OPERANDS);
    fg_nest_add(e->ctx, s->nest, to);
    fg_nest_add(e->ctx, s->nest, from);
    fg_nest_add(e->ctx, s->nest, index);
    fg_nest_add(e->ctx, s->nest, order);
    fg_nest_simplify(s->nest, ORDER, s->outer, rank);
    const int first = s->told != NULL; /* that dimension stays alone */
    s->outer = first + fg_nest_simplify(s->nest, ORDER, first, s->outer);
}

/* y = y combined with the update. */
static void emit_reduction(fg_scatter *s, const char *how, const char *to, const char *from, fg_dtype t) {
    fg_emit *e = s->e;
    fg_nest *n = s->nest;
    const char *tag = fg_ctype_tag(t), *type = fg_compute_type(e->ctx, t), *stored = fg_dtype_get(t)->c_type;
    fg_nest_open(n, s->outer, n->rank, "i", e->out);
    fg_line(e, "%s *at = %s;", stored,
            fg_pointer_to(e->ctx, to, fg_nest_at(e->ctx, n, TO, s->outer, n->rank, "i")));
    fg_line(e, "const %s *update = %s;", stored,
            fg_pointer_to(e->ctx, from, fg_nest_at(e->ctx, n, FROM, s->outer, n->rank, "i")));
    fg_line(e, "const %s v = fgs_%s_%s(%s, %s);", type, how, tag, fg_load_element(e->ctx, t, "at", "0"),
            fg_load_element(e->ctx, t, "update", "0"));
    fg_line(e, "%s", fg_store_element(e->ctx, t, "at", "0", "v"));
    fg_nest_close(n->rank - s->outer, e->out);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *x = n->in[0], *y = n->out[0];
    fg_need_whole_elements(e, x);
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const char *how = fg_attr_string(n, "reduction", "none");
    fg_scatter s = {.e = e};
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    copy_data(e, x, y);
    if (fg_shape_count(&n->in[2]->shape) == 0) {
        return;
    }
    fg_emit_input(e, "idx", n->in[1]);
    fg_emit_input(e, "u", n->in[2]);
    if (n->n_in > 3) {
        fg_emit_symbols(e, n, 3);
        s.told = fg_form_text(e, n, 3, 0);
    }
    plan(&s, n);
    if (s.indices.count == 0) {
        fg_line(e, "(void)idx;");
    }
    if (s.told != NULL) {
        fg_line(e, "for (int i0 = 0; i0 < %s; i0++) {", s.told);
    }
    fg_nest_open(s.nest, s.told != NULL, s.outer, "i", e->out);
    if (s.outer == 0) {
        fg_line(e, "{");
    }
    fg_emit_indices(e, &s.indices, fg_nest_at(e->ctx, s.nest, INDEX, 0, s.outer, "i"));
    const char *from = fg_pointer_to(e->ctx, "u", fg_nest_at(e->ctx, s.nest, FROM, 0, s.outer, "i"));
    const char *to = fg_pointer_to(e->ctx, "y", fg_nest_at(e->ctx, s.nest, TO, 0, s.outer, "i"));
    to = fg_indexed(e->ctx, &s.indices, to);
    if (strcmp(how, "none") == 0) {
        fg_emit_moves(e, s.nest, s.outer, TO, to, FROM, from, x->dtype);
    } else {
        emit_reduction(&s, how, to, from, x->dtype);
    }
    fg_nest_close(s.outer == 0 ? 1 : s.outer, e->out);
    fg_describe(e, "", "a copy, then the updates in order; indices outside are taken to the nearest end");
}

const fg_lowering fg_lowering_scatter = {.name = "scatter", .prefer = NULL, .emit = emit};
