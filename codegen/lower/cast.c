/* Cast, CastLike and BitCast, element by element. Integers keep their low bits; floating point to integers
 * truncates, saturates at 64 bits, takes NaN to zero and then keeps the low bits; what is not zero is true.
 * Formats of 8 bits and less are read and made bit by bit; two elements of 4 bits share a byte, the first in
 * its low half. Strings are written into room of their own, and read as what integers keep all bits of.
 */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/text.h"

enum { TO, FROM };

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

/* x, computed in type `from`, as the float from which an element of 16 bits is rounded: once. */
static const char *narrowed(fg_context *ctx, fg_dtype from, const char *x) {
    const bool wide = from != FG_FLOAT && fg_dtype_get(from)->bits >= 32;
    return wide ? fg_format(ctx, "fgs_f64_to_f32_odd((double)%s)", x) : converted(ctx, from, FG_FLOAT, x);
}

/* Element `at` becomes x, computed in type `from`. */
static const char *store(fg_context *ctx, const fg_node *n, fg_dtype from, const char *at, const char *x) {
    const fg_dtype to = n->out[0]->dtype;
    if (fg_is_minifloat(to)) {
        return fg_store_minifloat(ctx, to, "y", at, x, fg_attr_int(n, "saturate", 1) != 0,
                                  fg_attr_string(n, "round_mode", "up"));
    }
    if (to == FG_FLOAT16 || to == FG_BFLOAT16) {
        return fg_store_element(ctx, to, "y", at, narrowed(ctx, from, x));
    }
    return fg_store_element(ctx, to, "y", at, converted(ctx, from, fg_computed_dtype(to), x));
}

/* The bits stay; types of different kinds have the same width. */
static const char *move_bits(fg_context *ctx, const fg_node *n, const char *at, const char *from) {
    const fg_dtype t = n->in[0]->dtype;
    return fg_dtype_is_packed(t) ? fg_move_element(ctx, t, "y", at, "x", from)
                                 : fg_format(ctx, "memcpy(%s, %s, %d);", fg_pointer_to(ctx, "y", at),
                                             fg_pointer_to(ctx, "x", from), fg_dtype_get(t)->bits / 8);
}

/* What x is as a string. */
static void write_text(fg_emit *e, const fg_value *v, int64_t room, const char *at, const char *x) {
    const fg_dtype_info *type = fg_dtype_get(v->dtype);
    const char *how = type->is_float ? "real" : type->is_signed ? "i64" : "u64";
    const char *single = !type->is_float ? "" : v->dtype == FG_DOUBLE ? ", 0" : ", 1";
    fg_line(e, "y[%s] = to;", at);
    fg_line(e, "if (!fgs_text_from_%s(to, %lld, %s%s)) %s", how, (long long)room, x, single,
            fg_emit_failure(e, FG_FAIL_TEXT));
    fg_line(e, "to += %lld;", (long long)room);
}

/* The number that x says. */
static void read_text(fg_emit *e, const fg_node *n, const char *at, const char *x) {
    const fg_dtype to = n->out[0]->dtype;
    const bool whole = fg_dtype_get(to)->is_integer;
    fg_line(e, "int fits;");
    fg_line(e, "const %s v = fgs_text_to_%s(%s, &fits);", whole ? "int64_t" : "double",
            whole ? "whole" : "real", x);
    fg_line(e, "if (!fits) %s", fg_emit_failure(e, FG_FAIL_NUMBER));
    fg_line(e, "%s", store(e->ctx, n, whole ? FG_INT64 : FG_DOUBLE, at, "v"));
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    const bool same_bits = strcmp(n->op_type, "BitCast") == 0 || x->dtype == y->dtype;
    if (fg_is_empty_result(e, y)) {
        return;
    }
    fg_nest *nest = fg_nest_new(ctx, &y->shape, 2);
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_clear_packed(e, "y", y);
    fg_nest_add_value(e, nest, y);
    fg_nest_add_value(e, nest, x);
    fg_nest_simplify(nest, TO, 0, nest->rank);
    const bool writes = !same_bits && y->dtype == FG_STRING, reads = !same_bits && x->dtype == FG_STRING;
    if (!same_bits && !reads) {
        fg_compute_type(ctx, x->dtype);
    }
    if (!same_bits && !writes) {
        fg_compute_type(ctx, y->dtype);
    }
    const int64_t room = writes ? fg_emit_text_room(e, "to", fg_shape_count(&y->shape)) : 0;
    const char *to = fg_nest_at(ctx, nest, TO, 0, nest->rank, "i"),
               *from = fg_nest_at(ctx, nest, FROM, 0, nest->rank, "i");
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    const char *element = fg_load_element(ctx, x->dtype, "x", from);
    if (writes) {
        write_text(e, x, room, to, element);
    } else if (reads) {
        read_text(e, n, to, element);
    } else if (same_bits) {
        fg_line(e, "%s", move_bits(ctx, n, to, from));
    } else {
        fg_line(e, "%s", store(ctx, n, fg_computed_dtype(x->dtype), to, element));
    }
    fg_nest_close(nest->rank, e->out);
    fg_describe(e, "", "element by element");
}

const fg_lowering fg_lowering_cast = {.name = "cast", .prefer = NULL, .emit = emit};
