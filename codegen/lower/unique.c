/* Unique: the first slice of each kind is kept, in order of value or of place, in a list that is searched
 * from its start; then every slice is looked up in it. */
#include "codegen/extents.h"

enum { TO, FROM, OPERANDS };

typedef struct fg_unique {
    fg_emit *e;
    const fg_node *n;
    fg_value *out[4];
    fg_nest *nest; /* over the elements of a slice */
    int64_t step[OPERANDS];
    int64_t extent;
} fg_unique;

static fg_value *wanted(const fg_node *n, int i) {
    fg_value *v = i < n->n_out ? n->out[i] : NULL;
    return v != NULL && (v->n_users > 0 || v->is_output) ? v : NULL;
}

/* Declares `order`: how slice `a` stands to slice `b`, both expressions. NaN is above everything. */
static void emit_compare(const fg_unique *u, const char *a, const char *b) {
    fg_context *ctx = u->e->ctx;
    const fg_dtype t = u->n->in[0]->dtype;
    const char *type = fg_compute_type(ctx, t), *at = fg_nest_at(ctx, u->nest, FROM, 0, u->nest->rank, "i");
    const bool zero = at[0] == '0' && at[1] == 0;
    const char *pa =
        fg_format(ctx, "(%s) * %lld%s%s", a, (long long)u->step[FROM], zero ? "" : " + ", zero ? "" : at);
    const char *pb =
        fg_format(ctx, "(%s) * %lld%s%s", b, (long long)u->step[FROM], zero ? "" : " + ", zero ? "" : at);
    fg_line(u->e, "int order = 0;");
    fg_nest_open(u->nest, 0, u->nest->rank, "i", u->e->out);
    fg_line(u->e, "const %s p = %s, q = %s;", type, fg_load_element(ctx, t, "x", pa),
            fg_load_element(ctx, t, "x", pb));
    if (fg_dtype_get(t)->is_float) {
        fg_line(u->e, "if (!order) order = p != p || q != q ? (p != p) - (q != q) : (p > q) - (p < q);");
    } else {
        fg_line(u->e, "if (!order) order = (p > q) - (p < q);");
    }
    fg_nest_close(u->nest->rank, u->e->out);
}

static void plan(fg_unique *u, bool flat) {
    fg_emit *e = u->e;
    const fg_value *x = u->n->in[0], *y = u->out[0] != NULL ? u->out[0] : x;
    if (!flat) {
        const int axis = fg_axis(e->ctx, u->n, fg_attr_int(u->n, "axis", 0), x->shape.rank);
        const fg_value *v[OPERANDS] = {[TO] = y, [FROM] = x};
        u->extent = x->shape.dim[axis];
        u->nest = fg_nest_new(e->ctx, &x->shape, OPERANDS); /* in logical order: it decides */
        u->nest->extent[axis] = 1;
        for (int i = 0; i < OPERANDS; i++) {
            int64_t own[FG_MAX_RANK];
            fg_strides_of(e, v[i], own);
            u->step[i] = own[axis];
            own[axis] = 0;
            fg_nest_add(e->ctx, u->nest, own);
        }
        return;
    }
    int64_t own[FG_MAX_RANK], dense[FG_MAX_RANK];
    fg_strides_of(e, x, own);
    fg_dense_strides(&x->shape, dense);
    for (int d = 0; d < x->shape.rank; d++) {
        if (x->shape.dim[d] > 1 && own[d] != dense[d]) {
            fg_raise(e->ctx, FG_UNSUPPORTED, "elements of '%s' do not lie side by side", x->name);
        }
    }
    const fg_shape one = {.rank = 0};
    const int64_t none[FG_MAX_RANK] = {0};
    u->extent = fg_shape_count(&x->shape);
    u->nest = fg_nest_new(e->ctx, &one, OPERANDS);
    fg_nest_add(e->ctx, u->nest, none);
    fg_nest_add(e->ctx, u->nest, none);
    u->step[TO] = u->step[FROM] = 1; /* both row-major */
}

static void emit_search(const fg_unique *u, bool sorted) {
    fg_emit *e = u->e;
    fg_line(e, "for (int i = 0; i < %lld; i++) {", (long long)u->extent);
    fg_line(e, "int to = 0, known = 0;");
    fg_line(e, "for (; to < k; to++) {");
    emit_compare(u, "first[to]", "i");
    fg_line(e, "known = order == 0;");
    fg_line(e, sorted ? "if (order >= 0) break;" : "if (known) break;");
    fg_line(e, "}");
    fg_line(e, "if (known) continue;");
    fg_line(e, "for (int s = k++; s > to; s--) first[s] = first[s - 1];");
    fg_line(e, "first[to] = i;");
    fg_line(e, "}");
}

static void emit_results(const fg_unique *u) {
    fg_emit *e = u->e;
    static const char *const names[4] = {"y", "indices", "inverse", "counts"};
    for (int i = 0; i < 4; i++) {
        if (u->out[i] != NULL) {
            fg_emit_output(e, names[i], u->out[i]);
        }
    }
    fg_line(e, "for (int g = 0; g < k; g++) {");
    if (u->out[1] != NULL) {
        fg_line(e, "indices[g] = first[g];");
    }
    if (u->out[3] != NULL) {
        fg_line(e, "counts[g] = 0;");
    }
    if (u->out[0] != NULL) {
        fg_emit_moves(e, u->nest, 0, TO, fg_format(e->ctx, "y + g * %lld", (long long)u->step[TO]), FROM,
                      fg_format(e->ctx, "x + first[g] * %lld", (long long)u->step[FROM]), u->n->in[0]->dtype);
    }
    fg_line(e, "}");
    if (u->out[2] == NULL && u->out[3] == NULL) {
        return;
    }
    fg_line(e, "for (int i = 0; i < %lld; i++)", (long long)u->extent);
    fg_line(e, "for (int g = 0; g < k; g++) {");
    emit_compare(u, "first[g]", "i");
    fg_line(e, "if (order) continue;");
    if (u->out[2] != NULL) {
        fg_line(e, "inverse[i] = g;");
    }
    if (u->out[3] != NULL) {
        fg_line(e, "counts[g]++;");
    }
    fg_line(e, "break;");
    fg_line(e, "}");
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_unique u = {.e = e, .n = n};
    fg_need_whole_elements(e, n->in[0]);
    for (int i = 0; i < 4; i++) {
        u.out[i] = wanted(n, i);
    }
    fg_line(e, "int k = 0;");
    if (fg_shape_count(&n->in[0]->shape) > 0) {
        fg_emit_input(e, "x", n->in[0]);
        plan(&u, fg_node_attr(n, "axis") == NULL);
        fg_emit_scratch(e, "first", "int", 4, u.extent);
        emit_search(&u, fg_attr_int(n, "sorted", 1) != 0);
        emit_results(&u);
    }
    fg_emit_count(e, n, "k");
    fg_line(e, "(void)k;");
    fg_describe(e, "", "kinds found so far are searched one by one");
}

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    fg_want_row_major(p, n->in[0]);
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL) {
            fg_want_row_major(p, n->out[i]);
        }
    }
}

const fg_lowering fg_lowering_unique = {.name = "unique", .prefer = prefer, .emit = emit};
