/* Resize and Upsample: positions and weights of all taps are constant tables, one per resized dimension. The
 * dimensions that stay as they are come last where the layout allows it: runs of copies, or vectors. */
#include "frontend/reference/resize.h"

#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"

enum { TO, FROM };

typedef struct fg_resizing {
    fg_emit *e;
    const fg_node *node;
    fg_resize plan;
    fg_nest *nest;             /* outermost dimension of the result first */
    int order[FG_MAX_RANK];    /* the tensor's dimension that each of the nest's is */
    int tabled[FG_MAX_RANK];   /* the nest's dimensions with tables, in the tensor's order */
    int64_t taps[FG_MAX_RANK]; /* of tabled ones */
    int n_tabled;
    int inner;    /* nest dimensions from here on stay as they are */
    bool outside; /* some positions are extrapolated */
    fg_dtype dtype, computed;
    const char *type;
} fg_resizing;

static void plan_axes(fg_resizing *q, fg_resize_axis *axes) {
    fg_emit *e = q->e;
    fg_tensor in[4] = {{FG_UNDEFINED, {0, {0}}, NULL}};
    const fg_node *n = q->node;
    const int opset = e->m->partition->graph->opset;
    for (int i = 0; i < n->n_in && i < 4; i++) {
        if (n->in[i] == NULL) {
            continue;
        }
        if (i > 0 && fg_shape_count(&n->in[i]->shape) > 0) {
            fg_need_constant(e, n->in[i]);
        }
        in[i] = (fg_tensor){n->in[i]->dtype, n->in[i]->shape, (void *)n->in[i]->data};
    }
    fg_resize_plan(e->ctx, n, opset, in, &q->plan);
    FG_REQUIRE(e->ctx, "resize", fg_shape_equal(&q->plan.out, &n->out[0]->shape));
    for (int d = 0; d < q->plan.out.rank; d++) {
        fg_resize_axis_plan(e->ctx, n, opset, &q->plan, d, &axes[d]);
    }
}

/* The nest in order of the result's strides; tabled dimensions do not move the input by themselves. */
static void make_nest(fg_resizing *q, const fg_resize_axis *axes) {
    fg_emit *e = q->e;
    const fg_shape *y = &q->plan.out, none = {.rank = 0};
    int64_t xs[FG_MAX_RANK], ys[FG_MAX_RANK], stride[2][2 * FG_MAX_RANK];
    fg_strides_of(e, q->node->in[0], xs);
    fg_strides_of(e, q->node->out[0], ys);
    q->nest = fg_nest_new(e->ctx, &none, 2);
    for (int d = 0; d < y->rank; d++) {
        if (y->dim[d] == 1 && axes[d].identity) {
            continue;
        }
        int at = q->nest->rank++;
        for (; at > 0 && ys[q->order[at - 1]] < ys[d]; at--) {
            q->order[at] = q->order[at - 1];
        }
        q->order[at] = d;
    }
    for (int i = 0; i < q->nest->rank; i++) {
        const int d = q->order[i];
        q->nest->extent[i] = y->dim[d];
        stride[TO][i] = ys[d];
        stride[FROM][i] = axes[d].identity ? xs[d] : 0;
    }
    fg_nest_add(e->ctx, q->nest, stride[TO]);
    fg_nest_add(e->ctx, q->nest, stride[FROM]);
    q->inner = q->nest->rank;
    while (q->inner > 0 && axes[q->order[q->inner - 1]].identity) {
        q->inner--;
    }
    fg_nest_simplify(q->nest, TO, q->inner, q->nest->rank);
}

/* Offsets in elements, and weights where they differ from one. */
static void write_tables(fg_resizing *q, const fg_resize_axis *axes, bool weighted) {
    fg_emit *e = q->e;
    int64_t xs[FG_MAX_RANK];
    fg_strides_of(e, q->node->in[0], xs);
    for (int d = 0; d < q->plan.out.rank; d++) {
        const fg_resize_axis *a = &axes[d];
        if (a->identity) {
            continue;
        }
        int at = 0;
        while (q->order[at] != d) {
            at++;
        }
        q->taps[q->n_tabled] = a->taps;
        q->tabled[q->n_tabled++] = at;
        const int64_t count = a->out * a->taps;
        int32_t *from = fg_emit_table(e, fg_format(e->ctx, "from%d", at), "int32_t", 4, count);
        for (int64_t i = 0; i < count; i++) {
            const bool outside = a->index[i / a->taps * a->taps] < 0;
            from[i] = outside ? -1 : (int32_t)(a->index[i] * xs[d]);
            q->outside |= outside;
        }
        if (!weighted) {
            continue;
        }
        const bool wide = q->computed == FG_DOUBLE;
        void *w = fg_emit_table(e, fg_format(e->ctx, "weight%d", at), q->type, wide ? 8 : 4, count);
        for (int64_t i = 0; i < count; i++) {
            if (wide) {
                ((double *)w)[i] = a->weight[i];
            } else {
                ((float *)w)[i] = (float)a->weight[i];
            }
        }
    }
}

/* "x + i0 * 12 + from2[i2]": where the taps of the outer loops' position are. */
static const char *source(const fg_resizing *q, bool taps) {
    fg_context *ctx = q->e->ctx;
    const char *p = fg_pointer_to(ctx, "x", fg_nest_at(ctx, q->nest, FROM, 0, q->inner, "i"));
    for (int j = 0; j < q->n_tabled; j++) {
        const int d = q->tabled[j];
        p = taps ? fg_format(ctx, "%s + f%d[t%d]", p, d, d) : fg_format(ctx, "%s + from%d[i%d]", p, d, d);
    }
    return p;
}

/* Condition under which the position lies outside. */
static const char *outside(const fg_resizing *q, bool taps) {
    fg_context *ctx = q->e->ctx;
    const char *c = "";
    for (int j = 0; j < q->n_tabled; j++) {
        const char *entry = taps ? fg_format(ctx, "f%d[0]", q->tabled[j])
                                 : fg_format(ctx, "from%d[i%d]", q->tabled[j], q->tabled[j]);
        c = fg_format(ctx, "%s%s%s < 0", c, j > 0 ? " || " : "", entry);
    }
    return c;
}

static const char *extrapolation(const fg_resizing *q) {
    if (q->dtype == FG_STRING || q->dtype == FG_BOOL) {
        return q->dtype == FG_STRING ? "\"\"" : "0";
    }
    const double v = (double)fg_attr_float(q->node, "extrapolation_value", 0);
    fg_context *ctx = q->e->ctx;
    return q->computed == FG_DOUBLE ? fg_c_double(ctx, v) : fg_c_float(ctx, (float)v);
}

/* Strings are only moved. */
static const char *element_type(fg_context *ctx, fg_dtype t) {
    return t == FG_STRING ? fg_dtype_get(t)->c_type : fg_compute_type(ctx, t);
}

static void emit_nearest(fg_resizing *q) {
    fg_emit *e = q->e;
    const fg_nest *n = q->nest;
    const char *to = fg_pointer_to(e->ctx, "y", fg_nest_at(e->ctx, n, TO, 0, q->inner, "i"));
    fg_nest_open(n, 0, q->inner, "i", e->out);
    if (q->outside) {
        const char *type = element_type(e->ctx, q->dtype);
        const char *at = fg_nest_at(e->ctx, n, TO, q->inner, n->rank, "i");
        fg_line(e, "if (%s) {", outside(q, false));
        fg_line(e, "%sto = %s;", fg_c_pointer(e->ctx, fg_dtype_get(q->dtype)->c_type, false), to);
        fg_nest_open(n, q->inner, n->rank, "i", e->out);
        fg_line(e, "%s",
                fg_store_element(e->ctx, q->dtype, "to", at,
                                 fg_format(e->ctx, "(%s)%s", type, extrapolation(q))));
        fg_nest_close(n->rank - q->inner, e->out);
        fg_line(e, "continue;\n}");
    }
    fg_emit_moves(e, n, q->inner, TO, to, FROM, source(q, false), q->dtype);
    fg_nest_close(q->inner, e->out);
    fg_describe(e, "", "tables of source positions");
}

/* ---- weighted ---- */

/* Sums over the taps of one dimension inside those of the next one. */
static void emit_sums(const fg_resizing *q, const char *value, bool vector) {
    fg_emit *e = q->e;
    for (int j = q->n_tabled; j-- > 0;) {
        const int d = q->tabled[j];
        if (vector) {
            fg_line(e, "fg_v s%d = fg_zero();", d);
        } else {
            fg_line(e, "%s s%d = 0;", q->type, d);
        }
        fg_line(e, "for (int t%d = 0; t%d < %lld; t%d++) {", d, d, (long long)q->taps[j], d);
    }
    for (int j = 0; j < q->n_tabled; j++) {
        const int d = q->tabled[j];
        const char *term = j == 0 ? value : fg_format(e->ctx, "s%d", q->tabled[j - 1]);
        if (vector) {
            fg_line(e, "FG_FMAS(s%d, w%d[t%d], %s);", d, d, d, term);
        } else {
            fg_line(e, "s%d += w%d[t%d] * %s;", d, d, d, term);
        }
        fg_line(e, "}");
    }
}

/* An element of the computed type as one of the tensor's: integers are truncated and saturated. */
static const char *stored(const fg_resizing *q, const char *v) {
    fg_context *ctx = q->e->ctx;
    const fg_dtype_info *info = fg_dtype_get(q->dtype);
    if (info->is_float) {
        return v;
    }
    if (info->bits == 64) {
        return fg_format(ctx, "(%s)fgs_whole_i64(%s)", info->c_type, v);
    }
    const double top = (double)(INT64_C(1) << (info->is_signed ? info->bits - 1 : info->bits));
    const char *low = fg_c_double(ctx, info->is_signed ? -top : 0), *high = fg_c_double(ctx, top - 1);
    return fg_format(ctx, "(%s)fgs_min_f64(fgs_max_f64(%s, %s), %s)", info->c_type, v, low, high);
}

static void emit_position(const fg_resizing *q, int lanes) {
    fg_emit *e = q->e;
    fg_context *ctx = e->ctx;
    const fg_nest *n = q->nest;
    const char *inside = fg_nest_at(ctx, n, FROM, q->inner, n->rank, "i");
    const char *at = fg_nest_at(ctx, n, TO, 0, n->rank, "i");
    const char *from = fg_pointer_to(ctx, source(q, true), inside);
    const int last = q->tabled[q->n_tabled - 1];
    const char *v = fg_format(ctx, "s%d", last);
    if (lanes == 0) {
        const char *x = fg_load_element(ctx, q->dtype, fg_format(ctx, "(%s)", from), "0");
        const bool convert = !fg_dtype_get(q->dtype)->is_float;
        emit_sums(q, convert ? fg_format(ctx, "(double)%s", x) : x, false);
        fg_line(e, "%s", fg_store_element(ctx, q->dtype, "y", at, stored(q, v)));
    } else if (lanes == e->lanes) {
        emit_sums(q, fg_format(ctx, "fg_load(%s)", from), true);
        fg_line(e, "fg_store(%s, %s);", fg_pointer_to(ctx, "y", at), v);
    } else {
        emit_sums(q, fg_format(ctx, "fg_loadn(%s, %d)", from, lanes), true);
        fg_line(e, "fg_storen(%s, %s, %d);", fg_pointer_to(ctx, "y", at), v, lanes);
    }
}

static bool in_vectors(const fg_resizing *q) {
    const fg_nest *n = q->nest;
    const int inner = n->rank - 1;
    return q->dtype == FG_FLOAT && q->e->lanes > 1 && q->inner < n->rank && n->stride[TO][inner] == 1 &&
           n->stride[FROM][inner] == 1 && 2 * n->extent[inner] >= q->e->lanes;
}

static void emit_inner(const fg_resizing *q, bool vectors) {
    fg_emit *e = q->e;
    const fg_nest *n = q->nest;
    const int inner = n->rank - 1, lanes = e->lanes;
    if (!vectors) {
        fg_nest_open(n, q->inner, n->rank, "i", e->out);
        emit_position(q, 0);
        fg_nest_close(n->rank - q->inner, e->out);
        return;
    }
    const int64_t whole = n->extent[inner] / lanes * lanes;
    fg_nest_open(n, q->inner, inner, "i", e->out);
    if (whole > 0) {
        fg_line(e, "for (int i%d = 0; i%d < %lld; i%d += %d) {", inner, inner, (long long)whole, inner,
                lanes);
        emit_position(q, lanes);
        fg_line(e, "}");
    }
    if (whole < n->extent[inner]) {
        fg_line(e, "{\nconst int i%d = %lld;", inner, (long long)whole);
        emit_position(q, (int)(n->extent[inner] - whole));
        fg_line(e, "}");
    }
    fg_nest_close(inner - q->inner, e->out);
}

static void emit_weighted(fg_resizing *q) {
    fg_emit *e = q->e;
    const fg_nest *n = q->nest;
    fg_nest_open(n, 0, q->inner, "i", e->out);
    for (int j = 0; j < q->n_tabled; j++) {
        const int d = q->tabled[j];
        fg_line(e, "const int32_t *f%d = from%d + i%d * %lld;", d, d, d, (long long)q->taps[j]);
        fg_line(e, "const %s *w%d = weight%d + i%d * %lld;", q->type, d, d, d, (long long)q->taps[j]);
    }
    if (q->outside) {
        fg_line(e, "if (%s) {", outside(q, true));
        fg_line(e, "const %s edge = %s;", q->type, extrapolation(q));
        fg_nest_open(n, q->inner, n->rank, "i", e->out);
        fg_line(e, "%s",
                fg_store_element(e->ctx, q->dtype, "y", fg_nest_at(e->ctx, n, TO, 0, n->rank, "i"),
                                 stored(q, "edge")));
        fg_nest_close(n->rank - q->inner, e->out);
        fg_line(e, "continue;\n}");
    }
    const bool vectors = in_vectors(q);
    emit_inner(q, vectors);
    fg_nest_close(q->inner, e->out);
    fg_describe(e, "", vectors ? "tables of taps; vectors along what is not resized" : "tables of taps");
}

static void emit(fg_emit *e) {
    fg_resizing q = {.e = e, .node = e->k->stage[0].anchor};
    fg_resize_axis axes[FG_MAX_RANK];
    fg_value *x = q.node->in[0], *y = q.node->out[0];
    const bool weighted = strcmp(fg_attr_string(q.node, "mode", "nearest"), "nearest") != 0;
    q.dtype = x->dtype;
    fg_need_whole_elements(e, x);
    if (fg_is_empty_result(e, y)) {
        return;
    }
    q.type = element_type(e->ctx, q.dtype);
    q.computed = FG_FLOAT;
    if (q.dtype == FG_DOUBLE || !fg_dtype_get(q.dtype)->is_float) {
        q.computed = FG_DOUBLE;
        q.type = "double";
    }
    plan_axes(&q, axes);
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    make_nest(&q, axes);
    write_tables(&q, axes, weighted);
    for (int d = 0; d < q.plan.out.rank; d++) {
        fg_big_free(e->ctx, axes[d].index);
        fg_big_free(e->ctx, axes[d].weight);
    }
    if (weighted && q.n_tabled > 0) {
        emit_weighted(&q);
    } else {
        emit_nearest(&q);
    }
}

const fg_lowering fg_lowering_resize = {.name = "resize", .prefer = NULL, .emit = emit};
