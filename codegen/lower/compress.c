/* Compress: slices, or elements in row-major order, that the condition keeps. */
#include "codegen/extents.h"

enum { TO, FROM };

static void emit_list(fg_emit *e, const fg_node *n) {
    fg_context *ctx = e->ctx;
    const fg_value *x = n->in[0];
    const int64_t given = n->in[1]->shape.dim[0], whole = fg_shape_count(&x->shape);
    fg_nest *nest = fg_nest_new(ctx, &x->shape, 1);
    fg_nest_add_value(e, nest, x);
    fg_line(e, "ptrdiff_t at = 0;");
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    fg_line(e, "if (%skeep[at * keep_step]) y[k++ * y_step] = x[%s];",
            given < whole ? fg_format(ctx, "at < %lld && ", (long long)given) : "",
            fg_nest_at(ctx, nest, 0, 0, nest->rank, "i"));
    fg_line(e, "at++;");
    fg_nest_close(nest->rank, e->out);
}

static void emit_slices(fg_emit *e, const fg_node *n) {
    fg_context *ctx = e->ctx;
    const fg_shape *x = &n->in[0]->shape;
    const int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 0), x->rank);
    const int64_t given = n->in[1]->shape.dim[0], extent = given < x->dim[axis] ? given : x->dim[axis];
    const fg_value *v[2] = {[TO] = n->out[0], [FROM] = n->in[0]};
    int64_t step[2];
    const fg_nest *nest = fg_nest_around(e, x, axis, 2, v, step);
    fg_line(e, "for (int j = 0; j < %lld; j++) {", (long long)extent);
    fg_line(e, "if (!keep[j * keep_step]) continue;");
    fg_emit_moves(e, nest, 0, TO, fg_format(ctx, "y + k * %lld", (long long)step[TO]), FROM,
                  fg_format(ctx, "x + j * %lld", (long long)step[FROM]), n->in[0]->dtype);
    fg_line(e, "k++;");
    fg_line(e, "}");
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_need_whole_elements(e, n->in[0]);
    fg_line(e, "ptrdiff_t k = 0;");
    if (fg_shape_count(&n->out[0]->shape) > 0) {
        fg_emit_input(e, "x", n->in[0]);
        fg_emit_input(e, "keep", n->in[1]);
        fg_emit_counted(e, "y", n->out[0]);
        int64_t keep[FG_MAX_RANK], to[FG_MAX_RANK];
        fg_strides_of(e, n->in[1], keep);
        fg_strides_of(e, n->out[0], to);
        fg_line(e, "enum { keep_step = %lld };", (long long)keep[0]);
        if (fg_node_attr(n, "axis") == NULL) {
            fg_line(e, "enum { y_step = %lld };", (long long)to[0]);
            emit_list(e, n);
        } else {
            emit_slices(e, n);
        }
    }
    fg_emit_count(e, n, "k");
    fg_line(e, "(void)k;");
    fg_describe(e, "", "what is kept moves up");
}

static void prefer(fg_planner *p, fg_kernel *k) {
    fg_want_row_major(p, k->stage[0].anchor->in[1]);
    if (fg_node_attr(k->stage[0].anchor, "axis") == NULL) {
        fg_want_row_major(p, k->stage[0].anchor->out[0]);
    }
}

const fg_lowering fg_lowering_compress = {.name = "compress", .prefer = prefer, .emit = emit};
