/* Gather, GatherElements and GatherND: loops in which the indices move come first, then runs of elements that
 * one index (or tuple of indices) picks. Indices that point outside are taken to the nearest end. */
#include <string.h>

#include "codegen/moves.h"

enum { TO, FROM, INDEX, OPERANDS };

typedef struct fg_gather {
    fg_emit *e;
    fg_nest *nest;
    int outer; /* dimensions in which the indices or what stands before them move */
    fg_indices indices;
    int64_t stride[OPERANDS][2 * FG_MAX_RANK];
} fg_gather;

static void add_dimension(fg_gather *g, int64_t extent, int64_t to, int64_t from, int64_t index) {
    const int d = g->nest->rank++;
    g->nest->extent[d] = extent;
    g->stride[TO][d] = to;
    g->stride[FROM][d] = from;
    g->stride[INDEX][d] = index;
}

/* Strides of what a node reads and writes. */
typedef struct fg_sides {
    int64_t x[FG_MAX_RANK], y[FG_MAX_RANK], k[FG_MAX_RANK];
} fg_sides;

static void plan_gather(fg_gather *g, const fg_node *n, const fg_sides *s) {
    const fg_shape *x = &n->in[0]->shape, *k = &n->in[1]->shape;
    const int axis = fg_axis(g->e->ctx, n, fg_attr_int(n, "axis", 0), x->rank);
    for (int d = 0; d < axis; d++) {
        add_dimension(g, x->dim[d], s->y[d], s->x[d], 0);
    }
    for (int d = 0; d < k->rank; d++) {
        add_dimension(g, k->dim[d], s->y[axis + d], 0, s->k[d]);
    }
    g->outer = g->nest->rank;
    for (int d = axis + 1; d < x->rank; d++) {
        add_dimension(g, x->dim[d], s->y[k->rank + d - 1], s->x[d], 0);
    }
    g->indices = (fg_indices){.count = 1, .extent = {x->dim[axis]}, .stride = {s->x[axis]}};
}

static void plan_elements(fg_gather *g, const fg_node *n, const fg_sides *s) {
    const fg_shape *x = &n->in[0]->shape, *k = &n->in[1]->shape;
    const int axis = fg_axis(g->e->ctx, n, fg_attr_int(n, "axis", 0), x->rank);
    for (int d = 0; d < k->rank; d++) {
        add_dimension(g, k->dim[d], s->y[d], d == axis ? 0 : s->x[d], s->k[d]);
    }
    g->outer = g->nest->rank;
    g->indices = (fg_indices){.count = 1, .extent = {x->dim[axis]}, .stride = {s->x[axis]}};
}

static void plan_tuples(fg_gather *g, const fg_node *n, const fg_sides *s) {
    const fg_shape *x = &n->in[0]->shape, *k = &n->in[1]->shape;
    const int batch = (int)fg_attr_int(n, "batch_dims", 0), length = (int)k->dim[k->rank - 1];
    for (int d = 0; d + 1 < k->rank; d++) {
        add_dimension(g, k->dim[d], s->y[d], d < batch ? s->x[d] : 0, s->k[d]);
    }
    g->outer = g->nest->rank;
    for (int d = batch + length; d < x->rank; d++) {
        add_dimension(g, x->dim[d], s->y[k->rank - 1 + d - batch - length], s->x[d], 0);
    }
    g->indices = (fg_indices){.count = length, .step = s->k[k->rank - 1]};
    for (int j = 0; j < length; j++) {
        g->indices.extent[j] = x->dim[batch + j];
        g->indices.stride[j] = s->x[batch + j];
    }
}

static const struct {
    const char *op;
    void (*plan)(fg_gather *g, const fg_node *n, const fg_sides *s);
} rows[] = {{"Gather", plan_gather}, {"GatherElements", plan_elements}, {"GatherND", plan_tuples}};

static void plan(fg_gather *g, const fg_node *n) {
    fg_sides s;
    fg_strides_of(g->e, n->in[0], s.x);
    fg_strides_of(g->e, n->in[1], s.k);
    fg_strides_of(g->e, n->out[0], s.y);
    const fg_shape none = {.rank = 0};
    g->nest = fg_nest_new(g->e->ctx, &none, OPERANDS);
    for (size_t i = 0; i < FG_COUNT(rows); i++) {
        if (strcmp(rows[i].op, n->op_type) == 0) {
            rows[i].plan(g, n, &s);
        }
    }
    for (int i = 0; i < OPERANDS; i++) {
        fg_nest_add(g->e->ctx, g->nest, g->stride[i]);
    }
    fg_nest_simplify(g->nest, TO, g->outer, g->nest->rank);
    g->outer = fg_nest_simplify(g->nest, TO, 0, g->outer);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_need_whole_elements(e, n->in[0]);
    if (fg_is_empty_result(e, n->out[0])) {
        return;
    }
    fg_gather g = {.e = e};
    const fg_dtype stored = fg_emit_stored(e, "x", n->in[0]);
    fg_emit_input(e, "idx", n->in[1]);
    fg_emit_output(e, "y", n->out[0]);
    plan(&g, n);
    if (g.indices.count == 0) {
        fg_line(e, "(void)idx;");
    }
    fg_nest_open(g.nest, 0, g.outer, "i", e->out);
    if (g.outer == 0) {
        fg_line(e, "{");
    }
    fg_emit_indices(e, &g.indices, fg_nest_at(e->ctx, g.nest, INDEX, 0, g.outer, "i"));
    const char *from = fg_pointer_to(e->ctx, "x", fg_nest_at(e->ctx, g.nest, FROM, 0, g.outer, "i"));
    const char *to = fg_pointer_to(e->ctx, "y", fg_nest_at(e->ctx, g.nest, TO, 0, g.outer, "i"));
    from = fg_indexed(e->ctx, &g.indices, from);
    if (stored == n->in[0]->dtype) {
        fg_emit_moves(e, g.nest, g.outer, TO, to, FROM, from, stored);
    } else {
        fg_emit_widened(e, g.nest, g.outer, TO, to, FROM, from, stored);
    }
    fg_nest_close(g.outer == 0 ? 1 : g.outer, e->out);
    fg_describe(e, "", "indices outside are taken to the nearest end");
}

const fg_lowering fg_lowering_gather = {.name = "gather", .prefer = NULL, .emit = emit};
