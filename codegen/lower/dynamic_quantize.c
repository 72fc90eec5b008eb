/* DynamicQuantizeLinear: a pass that finds the range, one that quantises by it. */
#include "codegen/moves.h"

static bool is_wanted(const fg_node *n, int i) {
    return i < n->n_out && n->out[i] != NULL && (n->out[i]->n_users > 0 || n->out[i]->is_output);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *x = n->in[0], *y = n->out[0];
    const bool wanted = is_wanted(n, 0);
    fg_nest *nest = fg_nest_new(e->ctx, &x->shape, 2);
    fg_nest_add_value(e, nest, x);
    if (wanted) {
        fg_nest_add_value(e, nest, y);
    }
    fg_nest_simplify(nest, 0, 0, nest->rank);
    const char *at = fg_nest_at(e->ctx, nest, 0, 0, nest->rank, "i");
    fg_emit_input(e, "x", x);
    fg_line(e, "float low = 0, high = 0;");
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    fg_line(e, "low = x[%s] < low ? x[%s] : low;", at, at);
    fg_line(e, "high = x[%s] > high ? x[%s] : high;", at, at);
    fg_nest_close(nest->rank, e->out);
    fg_line(e, "const float scale = high == low ? 1.0f : (high - low) / 255.0f;");
    fg_line(e, "const int zero = fgs_quantise(0.0f - low / scale, 0, 0, 255);");
    if (wanted) {
        fg_emit_output(e, "y", y);
        fg_nest_open(nest, 0, nest->rank, "i", e->out);
        fg_line(e, "y[%s] = (uint8_t)fgs_quantise(x[%s] / scale, zero, 0, 255);",
                fg_nest_at(e->ctx, nest, 1, 0, nest->rank, "i"), at);
        fg_nest_close(nest->rank, e->out);
    }
    if (is_wanted(n, 1)) {
        fg_emit_output(e, "s", n->out[1]);
        fg_line(e, "s[0] = scale;");
    }
    if (is_wanted(n, 2)) {
        fg_emit_output(e, "z", n->out[2]);
        fg_line(e, "z[0] = (uint8_t)zero;");
    }
    fg_describe(e, "", "the range, then every element");
}

const fg_lowering fg_lowering_dynamic_quantize = {.name = "dynamic_quantize", .prefer = NULL, .emit = emit};
