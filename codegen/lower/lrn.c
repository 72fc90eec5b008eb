/* LRN: each element over a power of the squares of its neighbours in the channel direction. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "codegen/tail.h"

static const char *constant(const fg_emit *e, fg_dtype t, double d) {
    return t == FG_DOUBLE ? fg_c_double(e->ctx, d) : fg_c_float(e->ctx, (float)d);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    FG_REQUIRE(ctx, "lrn", n != NULL && e->k->n_prologue == 0);
    fg_value *x = n->in[0];
    const fg_shape *s = &x->shape;
    if (fg_is_empty_result(e, x)) {
        return;
    }
    const fg_dtype computed = x->dtype == FG_DOUBLE ? FG_DOUBLE : FG_FLOAT;
    const char *type = fg_compute_type(ctx, x->dtype), *tag = fg_ctype_tag(computed);
    const int64_t size = fg_attr_int(n, "size", 1), channels = s->dim[1];
    const int64_t before = (size - 1) / 2, after = size / 2;
    const double alpha = (double)fg_attr_float(n, "alpha", 1e-4f) / (double)size;
    const double beta = (double)fg_attr_float(n, "beta", 0.75f),
                 bias = (double)fg_attr_float(n, "bias", 1.0f);
    const fg_dims dims = fg_dims_same(s->rank);
    int64_t stride[FG_MAX_RANK];
    fg_nest *nest = fg_nest_new(ctx, s, 2 + fg_tail_operands(e));
    fg_tail tail;
    fg_emit_input(e, "x", x);
    fg_nest_add_value(e, nest, x);
    fg_tail_open(e, &tail, nest, &dims);
    fg_strides_of(e, x, stride);
    /* dimension 1 stays where it is: i1 is the channel */
    const char *at = fg_nest_at(ctx, nest, 0, 0, s->rank, "i");
    fg_nest_open(nest, 0, s->rank, "i", e->out);
    fg_line(e, "const int first = i1 < %lld ? 0 : i1 - %lld, last = i1 + %lld < %lld ? i1 + %lld : %lld;",
            (long long)before, (long long)before, (long long)after, (long long)channels, (long long)after,
            (long long)channels - 1);
    fg_line(e, "%s sum = %s;", type, constant(e, computed, 0));
    fg_line(e, "for (int k = first; k <= last; k++) {");
    fg_line(e, "const %s v = %s;", type,
            fg_load_element(ctx, x->dtype, "x",
                            fg_format(ctx, "%s + (k - i1) * %lld", at, (long long)stride[1])));
    fg_line(e, "sum += v * v;\n}");
    fg_line(e, "%s v = %s / fgs_pow_%s(%s + %s * sum, %s);", type, fg_load_element(ctx, x->dtype, "x", at),
            tag, constant(e, computed, bias), constant(e, computed, alpha), constant(e, computed, beta));
    fg_tail_emit(&tail, "v", s->rank, 0, 0, 0, "", e->out);
    fg_nest_close(s->rank, e->out);
    fg_describe(e, "", "element by element");
}

const fg_lowering fg_lowering_lrn = {"lrn", NULL, emit};
