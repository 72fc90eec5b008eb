/* Cut: a slice along one axis, its ends known at run time only. */
#include "codegen/extents.h"

enum { TO, FROM, OPERANDS };

/* Declares NAME: entry of a list, counted from the end if it is negative, within [low, high]. */
static void emit_end(fg_emit *e, const char *name, fg_value *list, int64_t extent, int64_t low,
                     int64_t high) {
    const char *pointer = fg_format(e->ctx, "%ss", name);
    fg_emit_input(e, pointer, list);
    fg_line(e, "int64_t %s = %s[%lld];", name, pointer,
            (long long)fg_attr_int(e->k->stage[0].anchor, "entry", 0));
    fg_line(e, "if (%s < 0) %s += %lld;", name, name, (long long)extent);
    fg_line(e, "%s = %s < %lld ? %lld : %s > %lld ? %lld : %s;", name, name, (long long)low, (long long)low,
            name, (long long)high, (long long)high, name);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *x = n->in[0], *y = n->out[0];
    const int axis = (int)fg_attr_int(n, "axis", 0);
    const long long step = (long long)fg_attr_int(n, "step", 1);
    const int64_t extent = x->shape.dim[axis];
    const fg_value *v[OPERANDS] = {[TO] = y, [FROM] = x};
    int64_t stride[OPERANDS];
    fg_need_whole_elements(e, x);
    emit_end(e, "start", n->in[1], extent, step > 0 ? 0 : -1, step > 0 ? extent : extent - 1);
    emit_end(e, "end", n->in[2], extent, step > 0 ? 0 : -1, step > 0 ? extent : extent - 1);
    fg_line(e, "int64_t taken = %s;", step > 0 ? "end - start" : "start - end");
    fg_line(e, "taken = taken > 0 ? (taken - 1) / %lld + 1 : 0;", step > 0 ? step : -step);
    if (fg_shape_count(&y->shape) > 0) {
        fg_emit_input(e, "x", x);
        fg_emit_counted(e, "y", y);
        fg_nest *nest = fg_nest_around(e, &x->shape, axis, OPERANDS, v, stride);
        fg_line(e, "for (ptrdiff_t j = 0; j < (ptrdiff_t)taken; j++) {");
        fg_emit_moves(
            e, nest, 0, TO, fg_format(e->ctx, "(y + j * %lld)", (long long)stride[TO]), FROM,
            fg_format(e->ctx, "(x + ((ptrdiff_t)start + j * %lld) * %lld)", step, (long long)stride[FROM]),
            x->dtype);
        fg_line(e, "}");
    }
    fg_emit_count(e, n, "taken");
    fg_line(e, "(void)taken;");
    fg_describe(e, "", "what is cut is counted");
}

const fg_lowering fg_lowering_cut = {.name = "cut", .prefer = NULL, .emit = emit};
