/* OneHot: along the new axis, `on` where the index says, else `off`; an index out of range is nowhere. */
#include "codegen/extents.h"

enum { TO, INDEX, OPERANDS, TENSORS = 3 };

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *indices = n->in[0], *y = n->out[0];
    const fg_dtype_info *info = fg_dtype_get(indices->dtype);
    fg_need_whole_elements(e, y);
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", -1), y->shape.rank);
    const int64_t depth = y->shape.dim[axis];
    const fg_value *v[OPERANDS] = {[TO] = y, [INDEX] = indices};
    int64_t step[OPERANDS];
    fg_compute_type(ctx, indices->dtype);
    fg_emit_input(e, "idx", indices);
    fg_emit_input(e, "values", n->in[2]);
    fg_emit_output(e, "y", y);
    const char *end = fg_format(ctx, "%lld", (long long)depth); /* that indices below zero count from */
    if (n->n_in > TENSORS) {
        fg_emit_symbols(e, n, TENSORS);
        end = fg_form_text(e, n, TENSORS, 0);
    }
    const fg_nest *nest = fg_nest_around(e, &y->shape, axis, OPERANDS, v, step);
    const char *index =
        fg_load_element(ctx, indices->dtype, "idx", fg_nest_at(ctx, nest, INDEX, 0, nest->rank, "i"));
    if (info->is_float) {
        index = fg_format(ctx, "fgs_whole_i64(fgs_floor_f64((double)%s))", index);
    } else if (indices->dtype != FG_INT64) {
        index = fg_format(ctx, "(int64_t)%s", index);
    }
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    if (nest->rank == 0) {
        fg_line(e, "{");
    }
    fg_line(e, "const int64_t given = %s%s;", index,
            info->is_float || info->is_signed ? fg_format(ctx, ", hot = given < 0 ? given + %s : given", end)
                                              : ", hot = given");
    fg_line(e, "%s *to = %s;", fg_dtype_get(y->dtype)->c_type,
            fg_pointer_to(ctx, "y", fg_nest_at(ctx, nest, TO, 0, nest->rank, "i")));
    fg_line(e, "for (int k = 0; k < %lld; k++) to[k * %lld] = values[k == hot];", (long long)depth,
            (long long)step[TO]);
    fg_nest_close(nest->rank == 0 ? 1 : nest->rank, e->out);
    fg_describe(e, "", "one line after the other");
}

const fg_lowering fg_lowering_onehot = {.name = "onehot", .prefer = NULL, .emit = emit};
