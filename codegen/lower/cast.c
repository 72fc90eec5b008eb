/* Cast and CastLike, element by element. Integers keep their low bits; floating point to integers truncates,
 * saturates at 64 bits, takes NaN to zero and then keeps the low bits; what is not zero is true. Formats of 8
 * bits and less are read and made bit by bit; two elements of 4 bits share a byte, the first in its low half.
 */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"

enum { TO, FROM };

static const struct {
    fg_dtype type;
    int bits, mantissa, bias, max, infinity, nan, nan_has_sign;
    bool always_saturates;
} formats[] = {
    {FG_FLOAT8E4M3FN, 8, 3, 7, 0x7E, -1, 0x7F, 1, false},
    {FG_FLOAT8E4M3FNUZ, 8, 3, 8, 0x7F, -1, 0x80, 0, false},
    {FG_FLOAT8E5M2, 8, 2, 15, 0x7B, 0x7C, 0x7E, 1, false},
    {FG_FLOAT8E5M2FNUZ, 8, 2, 16, 0x7F, -1, 0x80, 0, false},
    {FG_FLOAT4E2M1, 4, 1, 1, 0x7, -1, -1, 1, true},
};

static int format_of(fg_dtype t) {
    for (int i = 0; i < (int)FG_COUNT(formats); i++) {
        if (formats[i].type == t) {
            return i;
        }
    }
    return -1;
}

static bool is_packed(fg_dtype t) {
    return fg_dtype_get(t)->bits == 4;
}

/* The type that elements of t are computed in. */
static fg_dtype carrier(fg_dtype t) {
    return format_of(t) >= 0 ? FG_FLOAT : t == FG_INT4 ? FG_INT8 : t == FG_UINT4 ? FG_UINT8 : t;
}

static void declare_format(fg_emit *e, const char *name, fg_dtype t) {
    const int i = format_of(t);
    if (i >= 0) {
        fg_line(e, "const fg_small %s = {%d, %d, %d, %d, %d, %d, %d}; /* %s */", name, formats[i].bits,
                formats[i].mantissa, formats[i].bias, formats[i].max, formats[i].infinity, formats[i].nan,
                formats[i].nan_has_sign, fg_dtype_get(t)->name);
    }
}

static const char *load(fg_context *ctx, fg_dtype t, const char *at) {
    const char *raw = is_packed(t) ? fg_format(ctx, "(x[(%s) / 2] >> (%s) %% 2 * 4 & 15)", at, at)
                                   : fg_format(ctx, "x[%s]", at);
    if (format_of(t) >= 0) {
        return fg_format(ctx, "fgs_small_to_f32(%s, from)", raw);
    }
    return t == FG_INT4    ? fg_format(ctx, "(int8_t)((%s ^ 8) - 8)", raw)
           : t == FG_UINT4 ? fg_format(ctx, "(uint8_t)%s", raw)
                           : fg_load_element(ctx, t, "x", at);
}

/* `x`, computed in type t, as an element of type `to`, which is one to compute in. */
static const char *converted(fg_context *ctx, fg_dtype t, fg_dtype to, const char *x) {
    const fg_dtype_info *a = fg_dtype_get(t), *b = fg_dtype_get(to);
    const char *type = fg_compute_type(ctx, to);
    if (to == FG_BOOL) {
        return fg_format(ctx, "%s != 0", x);
    }
    if (a->is_float && !b->is_float) {
        const bool wide = to == FG_UINT64;
        const char *whole = fg_format(ctx, "fgs_whole_%s((double)%s)", wide ? "u64" : "i64", x);
        return to == FG_INT64 || wide ? whole : fg_format(ctx, "(%s)%s", type, whole);
    }
    return strcmp(type, fg_compute_type(ctx, t)) == 0 ? x : fg_format(ctx, "(%s)%s", type, x);
}

static void store(fg_emit *e, const fg_node *n, fg_dtype t, const char *at, const char *x) {
    fg_context *ctx = e->ctx;
    const fg_dtype to = n->out[0]->dtype;
    const int format = format_of(to);
    const char *value = x;
    if (format >= 0) {
        const bool saturate = formats[format].always_saturates || fg_attr_int(n, "saturate", 1) != 0;
        value = fg_format(ctx, "fgs_f64_to_small((double)%s, to, %d)", x, saturate);
    } else {
        value = converted(ctx, t, carrier(to), x);
    }
    if (is_packed(to)) {
        fg_line(e, "const int v = %s%s;", value, format >= 0 ? "" : " & 15");
        fg_line(e, "y[(%s) / 2] = (uint8_t)((%s) %% 2 ? y[(%s) / 2] | v << 4 : v);", at, at, at);
    } else if (format >= 0) {
        fg_line(e, "y[%s] = (uint8_t)%s;", at, value);
    } else {
        fg_line(e, "%s", fg_store_element(ctx, to, "y", at, value));
    }
}

static bool is_dense(const fg_emit *e, const fg_value *v) {
    int64_t own[FG_MAX_RANK], dense[FG_MAX_RANK];
    fg_strides_of(e, v, own);
    fg_dense_strides(&v->shape, dense);
    for (int d = 0; d < v->shape.rank; d++) {
        if (v->shape.dim[d] > 1 && own[d] != dense[d]) {
            return false;
        }
    }
    return true;
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const fg_dtype t = carrier(x->dtype);
    const bool packed = is_packed(x->dtype) || is_packed(y->dtype);
    if (packed && !(is_dense(e, x) && is_dense(e, y))) {
        fg_raise(ctx, FG_UNSUPPORTED, "elements of 4 bits in a view");
    }
    fg_nest *nest = fg_nest_new(ctx, &y->shape, 2);
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_nest_add_value(e, nest, y);
    fg_nest_add_value(e, nest, x);
    fg_nest_simplify(nest, TO, 0, nest->rank);
    if (x->dtype == y->dtype) {
        fg_need_whole_elements(e, x);
        fg_emit_moves(e, nest, 0, TO, "y", FROM, "x", x->dtype);
        return;
    }
    fg_compute_type(ctx, t);
    fg_compute_type(ctx, carrier(y->dtype));
    declare_format(e, "from", x->dtype);
    declare_format(e, "to", y->dtype);
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    store(e, n, t, fg_nest_at(ctx, nest, TO, 0, nest->rank, "i"),
          load(ctx, x->dtype, fg_nest_at(ctx, nest, FROM, 0, nest->rank, "i")));
    fg_nest_close(nest->rank, e->out);
    fg_describe(e, "", "element by element");
}

static void prefer(fg_planner *p, fg_kernel *k) {
    for (int i = 0; i < k->n_out; i++) {
        if (is_packed(k->out[i]->dtype)) {
            fg_want_row_major(p, k->out[i]);
        }
    }
}

const fg_lowering fg_lowering_cast = {.name = "cast", .prefer = prefer, .emit = emit};
