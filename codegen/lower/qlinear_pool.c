/* QLinearAveragePool and QLinearGlobalAveragePool: one whole sum per result. */
#include "codegen/expr.h"
#include "codegen/moves.h"
#include "frontend/quant.h"

/* A scale or zero point of one element. */
static const char *single(fg_emit *e, fg_value *v, const char *name) {
    if (v == NULL) {
        return "0";
    }
    if (v->data != NULL) {
        return fg_c_element(e->ctx, v, 0);
    }
    fg_emit_input(e, name, v);
    return fg_format(e->ctx, "%s[0]", name);
}

/* "+ i * stride + k * dilation - pad", and whether that may lie outside. */
static void open_taps(fg_emit *e, const fg_quantised_pool *p) {
    for (int d = 0; d < p->w.axes; d++) {
        fg_line(e, "for (int k%d = 0; k%d < %lld; k%d++) {", d, d, (long long)p->w.kernel[d], d);
        fg_line(e, "const int z%d = i%d * %lld + k%d * %lld - %lld;", d, p->spatial + d,
                (long long)p->w.stride[d], d, (long long)p->w.dilation[d], (long long)p->w.pad[d]);
        fg_line(e, "if (z%d < 0 || z%d >= %lld) continue;", d, d, (long long)p->w.in[d]);
    }
}

static const char *source(fg_emit *e, const fg_quantised_pool *p, const int64_t *stride, int rank) {
    const char *s = NULL;
    for (int d = 0; d < rank; d++) {
        const bool spatial = d >= p->spatial && d < p->spatial + p->w.axes;
        const char *term = fg_format(e->ctx, "%s%d * %lld", spatial ? "z" : "i", spatial ? d - p->spatial : d,
                                     (long long)stride[d]);
        s = s == NULL ? term : fg_format(e->ctx, "%s + %s", s, term);
    }
    return s;
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    const fg_quantised_pool p = fg_quantised_pool_of(ctx, n);
    if (fg_is_empty_result(e, y)) {
        return;
    }
    int64_t stride[FG_MAX_RANK], taps = 1;
    fg_strides_of(e, x, stride);
    for (int d = 0; d < p.w.axes; d++) {
        taps *= p.w.kernel[d];
    }
    fg_nest *nest = fg_nest_new(ctx, &y->shape, 1);
    fg_nest_add_value(e, nest, y);
    fg_emit_input(e, "x", x);
    const char *sx = single(e, n->in[1], "x_scale"), *zx = single(e, n->in[2], "x_zero"),
               *sy = single(e, n->in[3], "y_scale"), *zy = single(e, n->n_in > 4 ? n->in[4] : NULL, "y_zero");
    fg_emit_output(e, "y", y);
    fg_line(e, "const float factor = %s / %s;", sx, sy);
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    fg_line(e, "uint32_t sum = 0;");
    if (!p.counts_padding) {
        fg_line(e, "int count = 0;");
    }
    open_taps(e, &p);
    fg_line(e, "sum += (uint32_t)(x[%s] - %s);", source(e, &p, stride, x->shape.rank), zx);
    if (!p.counts_padding) {
        fg_line(e, "count++;");
    }
    fg_nest_close(p.w.axes, e->out);
    fg_line(e, "y[%s] = (%s)fgs_quantise((float)(int32_t)sum * factor / %s, %s, %lld, %lld);",
            fg_nest_at(ctx, nest, 0, 0, nest->rank, "i"), fg_dtype_get(y->dtype)->c_type,
            p.counts_padding ? fg_format(ctx, "%lld.0f", (long long)taps) : "(float)count", zy,
            (long long)fg_attr_int(n, "fg_low", fg_type_low(y->dtype)),
            (long long)fg_attr_int(n, "fg_high", fg_type_high(y->dtype)));
    fg_nest_close(nest->rank, e->out);
    fg_describe(e, "", "one sum per element");
}

const fg_lowering fg_lowering_qlinear_pool = {.name = "qlinear_pool", .prefer = NULL, .emit = emit};
