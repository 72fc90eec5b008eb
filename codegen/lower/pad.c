/* Pad. A constant: the result is filled, then the input copied into it. Otherwise every element comes from
 * the place that a table per padded dimension names, or that is computed where only a run knows the pads. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/extents.h"

typedef struct fg_pad {
    fg_emit *e;
    const fg_node *n;
    int64_t before[FG_MAX_RANK];
} fg_pad;

static int ints_of(fg_emit *e, const fg_node *n, int operand, const char *attr, int max, int64_t *out) {
    const fg_value *v = operand < n->n_in ? n->in[operand] : NULL;
    if (v == NULL) {
        return attr != NULL && fg_node_attr(n, attr) != NULL ? fg_attr_ints(e->ctx, n, attr, max, out) : -1;
    }
    fg_need_constant(e, v);
    const int64_t count = fg_shape_count(&v->shape);
    FG_REQUIRE(e->ctx, "pad", count <= max);
    for (int64_t i = 0; i < count; i++) {
        out[i] = fg_const_int(v, i);
    }
    return (int)count;
}

static void read_pads(fg_pad *p) {
    const int rank = p->n->in[0]->shape.rank;
    int64_t pads[2 * FG_MAX_RANK], axes[FG_MAX_RANK];
    const int count = ints_of(p->e, p->n, 1, "pads", 2 * FG_MAX_RANK, pads);
    const int named = ints_of(p->e, p->n, 3, NULL, FG_MAX_RANK, axes), given = named < 0 ? rank : named;
    FG_REQUIRE(p->e->ctx, "pad", count == 2 * given);
    for (int i = 0; i < given; i++) {
        p->before[fg_axis(p->e->ctx, p->n, named < 0 ? i : axes[i], rank)] += pads[i];
    }
}

/* ---- constants ---- */

static const char *fill_value(fg_pad *p) {
    fg_emit *e = p->e;
    const fg_dtype t = p->n->in[0]->dtype;
    fg_value *v = p->n->n_in > 2 ? p->n->in[2] : NULL;
    if (v != NULL) {
        fg_emit_input(e, "value", v);
        if (fg_dtype_is_packed(t)) {
            fg_line(e, "const int fill = fgs_packed_get(value, 0, %d);", fg_dtype_get(t)->bits);
        } else {
            fg_line(e, "const %s fill = value[0];", fg_dtype_get(t)->c_type);
        }
        return "fill";
    }
    if (t == FG_STRING) {
        return "\"\"";
    }
    const double f = (double)fg_attr_float(p->n, "value", 0);
    if (f == 0) {
        return t == FG_FLOAT ? "0.0f" : t == FG_DOUBLE ? "0.0" : "0";
    }
    const char *text = t == FG_DOUBLE              ? fg_c_double(e->ctx, f)
                       : fg_dtype_get(t)->is_float ? fg_c_float(e->ctx, (float)f)
                                                   : fg_c_int(e->ctx, t, (int64_t)f);
    if (t == FG_FLOAT16 || t == FG_BFLOAT16) {
        fg_line(e, "uint16_t fill;");
        fg_line(e, "%s", fg_store_element(e->ctx, t, "(&fill)", "0", text));
        return "fill";
    }
    return text;
}

/* The part of the input that is kept (pads may be negative) and where it starts on both sides. */
static void copy_inside(fg_pad *p) {
    fg_emit *e = p->e;
    const fg_value *x = p->n->in[0], *y = p->n->out[0];
    int64_t xs[FG_MAX_RANK], ys[FG_MAX_RANK], from = 0, to = 0;
    fg_shape kept = {.rank = x->shape.rank};
    fg_strides_of(e, x, xs);
    fg_strides_of(e, y, ys);
    for (int d = 0; d < kept.rank; d++) {
        const int64_t first = p->before[d] < 0 ? -p->before[d] : 0, at = p->before[d] > 0 ? p->before[d] : 0;
        const int64_t left = x->shape.dim[d] - first, room = y->shape.dim[d] - at;
        kept.dim[d] = left < room ? left : room;
        from += first * xs[d];
        to += at * ys[d];
        if (kept.dim[d] <= 0) {
            fg_line(e, "(void)x;");
            return;
        }
    }
    fg_nest *n = fg_nest_new(e->ctx, &kept, 2);
    fg_nest_add(e->ctx, n, ys);
    fg_nest_add(e->ctx, n, xs);
    fg_nest_simplify(n, 0, 0, n->rank);
    if (fg_dtype_is_packed(x->dtype)) {
        fg_nest_open(n, 0, n->rank, "i", e->out);
        fg_line(
            e, "%s",
            fg_move_element(
                e->ctx, x->dtype, "y",
                fg_format(e->ctx, "%lld + %s", (long long)to, fg_nest_at(e->ctx, n, 0, 0, n->rank, "i")), "x",
                fg_format(e->ctx, "%lld + %s", (long long)from, fg_nest_at(e->ctx, n, 1, 0, n->rank, "i"))));
        fg_nest_close(n->rank, e->out);
        return;
    }
    fg_emit_moves(e, n, 0, 0, to == 0 ? "y" : fg_format(e->ctx, "y + %lld", (long long)to), 1,
                  from == 0 ? "x" : fg_format(e->ctx, "x + %lld", (long long)from), x->dtype);
}

static void pad_constant(fg_pad *p) {
    const char *value = fill_value(p);
    const fg_value *y = p->n->out[0];
    if (fg_dtype_is_packed(y->dtype)) {
        fg_line(p->e, "for (int i = 0; i < %lld; i++) fgs_packed_put(y, i, %d, %s);",
                (long long)fg_shape_count(&y->shape), fg_dtype_get(y->dtype)->bits, value);
    } else {
        fg_emit_fill(p->e, fg_nest_of_value(p->e, y), 0, "y", value);
    }
    copy_inside(p);
    fg_describe(p->e, "", "filled, then copied into");
}

/* ---- repeated elements ---- */

static int64_t wrapped(int64_t i, int64_t extent) {
    return ((i % extent) + extent) % extent;
}

static int64_t source(const char *mode, int64_t i, int64_t extent) {
    if (mode[0] == 'e') {
        return i < 0 ? 0 : i >= extent ? extent - 1 : i;
    }
    if (mode[0] == 'w') {
        return wrapped(i, extent);
    }
    if (extent == 1) {
        return 0;
    }
    i = wrapped(i, 2 * (extent - 1));
    return i < extent ? i : 2 * (extent - 1) - i;
}

static void pad_by_tables(fg_pad *p, const char *mode) {
    fg_emit *e = p->e;
    const fg_value *x = p->n->in[0], *y = p->n->out[0];
    int64_t xs[FG_MAX_RANK];
    const char *at = NULL;
    fg_strides_of(e, x, xs);
    for (int d = 0; d < y->shape.rank; d++) {
        const int64_t extent = y->shape.dim[d];
        const char *term;
        if (extent == 1 && x->shape.dim[d] == 1) {
            continue;
        }
        if (p->before[d] == 0 && extent == x->shape.dim[d]) {
            term = fg_format(e->ctx, "i%d * %lld", d, (long long)xs[d]);
        } else {
            int32_t *table = fg_emit_table(e, fg_format(e->ctx, "from%d", d), "int32_t", 4, extent);
            for (int64_t i = 0; i < extent; i++) {
                table[i] = (int32_t)(source(mode, i - p->before[d], x->shape.dim[d]) * xs[d]);
            }
            term = fg_format(e->ctx, "from%d[i%d]", d, d);
        }
        at = at == NULL ? term : fg_format(e->ctx, "%s + %s", at, term);
    }
    fg_nest *n = fg_nest_new(e->ctx, &y->shape, 1);
    fg_nest_add_value(e, n, y);
    fg_nest_open(n, 0, n->rank, "i", e->out);
    fg_line(e, "%s",
            fg_move_element(e->ctx, x->dtype, "y", fg_nest_at(e->ctx, n, 0, 0, n->rank, "i"), "x",
                            at == NULL ? "0" : at));
    fg_nest_close(n->rank, e->out);
    fg_describe(e, "", "tables of source positions");
}

/* ---- pads that only a run knows ---- */

enum { TENSORS = 4 }; /* that Pad reads; symbols follow */

/* Declares where in the input, of extent e, element i of a dimension comes from. */
static void emit_source(fg_pad *p, const char *mode, int d) {
    static const struct {
        const char *mode, *text;
    } sources[] = {{"edge", "fgs_min_i64(fgs_max_i64(i%d - b%d, 0), e%d - 1)"},
                   {"wrap", "fgs_mod_i64(i%d - b%d, e%d)"},
                   {"reflect", "fgs_reflected(i%d - b%d, e%d)"}};
    for (size_t k = 0; k < FG_COUNT(sources); k++) {
        if (strcmp(sources[k].mode, mode) == 0) {
            fg_line(p->e, fg_format(p->e->ctx, "const int64_t s%%d = %s;", sources[k].text), d, d, d, d);
            return;
        }
    }
    fg_line(p->e, "const int64_t s%d = i%d - b%d;", d, d, d);
}

static void pad_told(fg_pad *p, const char *mode) {
    fg_emit *e = p->e;
    fg_context *ctx = e->ctx;
    const fg_value *x = p->n->in[0], *y = p->n->out[0];
    const bool constant = strcmp(mode, "constant") == 0;
    const char *fill = constant ? fill_value(p) : NULL, *at = "0", *inside = "1";
    int64_t xs[FG_MAX_RANK];
    fg_need_whole_elements(e, x);
    fg_strides_of(e, x, xs);
    fg_emit_symbols(e, p->n, TENSORS);
    fg_nest *n = fg_nest_new(ctx, &y->shape, 1);
    fg_nest_add_value(e, n, y);
    for (int d = 0; d < n->rank; d++) {
        fg_line(e, "const int64_t b%d = %s;", d, fg_form_text(e, p->n, TENSORS, d));
        fg_line(e, constant ? "const int64_t e%d = %s;" : "const int64_t e%d = fgs_max_i64(%s, 1);", d,
                fg_form_text(e, p->n, TENSORS, n->rank + d));
    }
    fg_nest_open(n, 0, n->rank, "i", e->out);
    for (int d = 0; d < n->rank; d++) {
        emit_source(p, mode, d);
        at = fg_format(ctx, "%s + s%d * %lld", at, d, (long long)xs[d]);
        inside = fg_format(ctx, "%s && s%d >= 0 && s%d < e%d", inside, d, d, d);
    }
    const char *to = fg_nest_at(ctx, n, 0, 0, n->rank, "i");
    if (constant) {
        fg_line(e, "y[%s] = %s ? x[%s] : %s;", to, inside, at, fill);
    } else {
        fg_line(e, "y[%s] = x[%s];", to, at);
    }
    fg_nest_close(n->rank, e->out);
    fg_describe(e, "", "element by element");
}

static void emit(fg_emit *e) {
    fg_pad p = {.e = e, .n = e->k->stage[0].anchor};
    const char *mode = fg_attr_string(p.n, "mode", "constant");
    if (fg_is_empty_result(e, p.n->out[0])) {
        return;
    }
    fg_emit_input(e, "x", p.n->in[0]);
    fg_emit_output(e, "y", p.n->out[0]);
    if (strcmp(p.n->op_type, "PadTold") == 0) {
        pad_told(&p, mode);
        return;
    }
    read_pads(&p);
    fg_clear_packed(e, "y", p.n->out[0]);
    if (strcmp(mode, "constant") == 0) {
        pad_constant(&p);
    } else {
        pad_by_tables(&p, mode);
    }
}

const fg_lowering fg_lowering_pad = {.name = "pad", .prefer = NULL, .emit = emit};
