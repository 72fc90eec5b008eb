/* Range between numbers that only a run knows, into a result whose extent is declared and held to. */
#include "codegen/expr.h"
#include "codegen/moves.h"

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *y = n->out[0];
    static const char *const names[] = {"start", "limit", "delta"};
    const fg_dtype t = y->dtype;
    const char *type = fg_compute_type(ctx, t);
    const bool whole = !fg_dtype_get(t)->is_float;
    int64_t to[FG_MAX_RANK];
    for (int i = 0; i < 3; i++) {
        fg_emit_input(e, names[i], n->in[i]);
        fg_line(e, "const %s %c = %s;", type, "abd"[i], fg_load_element(ctx, t, names[i], "0"));
    }
    fg_line(e, "const double steps = d == 0 ? -1 : fgs_ceil_f64(((double)b - (double)a) / (double)d);");
    fg_line(e, "if (d == 0 || (steps < 0 ? 0 : steps) != %lld) %s", (long long)y->shape.dim[0],
            fg_emit_failure(e, FG_FAIL_OPERAND));
    if (!fg_is_empty_result(e, y)) {
        fg_emit_output(e, "y", y);
        fg_strides_of(e, y, to);
        fg_line(e, "for (int i = 0; i < %lld; i++)", (long long)y->shape.dim[0]);
        const char *value = whole ? fg_format(ctx, "(%s)((uint64_t)a + (uint64_t)i * (uint64_t)d)", type)
                                  : fg_format(ctx, "(%s)(a + (%s)i * d)", type, type);
        fg_line(e, "%s", fg_store_element(ctx, t, "y", fg_format(ctx, "i * %lld", (long long)to[0]), value));
    }
    fg_describe(e, "", "element by element");
}

const fg_lowering fg_lowering_range = {.name = "range", .prefer = NULL, .emit = emit};
