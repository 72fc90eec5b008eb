/* QuantizeLinear and DequantizeLinear over operands in any layouts: one loop nest, element by element. Scales
 * and zero points are one for all, per index along an axis or per block along it. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "frontend/quant.h"

typedef struct fg_quantisation {
    fg_emit *e;
    const fg_node *n;
    fg_value *x, *y, *scale, *zero;
    fg_granularity g;
    fg_nest *nest;
} fg_quantisation;

enum { TO, FROM, SCALE };

/* Where the scale of the current element is. */
static const char *scale_index(const fg_quantisation *q) {
    fg_context *ctx = q->e->ctx;
    if (q->g.block == 1) {
        return fg_nest_at(ctx, q->nest, SCALE, 0, q->nest->rank, "i");
    }
    const char *s = NULL; /* the nest has the tensor's own dimensions */
    for (int d = 0; d < q->nest->rank; d++) {
        const char *index = d == q->g.axis ? fg_format(ctx, "i%d / %lld", d, (long long)q->g.block)
                                           : fg_format(ctx, "i%d", d);
        const char *term = fg_format(ctx, "%s * %lld", index, (long long)q->g.stride[d]);
        s = s == NULL ? term : fg_format(ctx, "%s + %s", s, term);
    }
    return s == NULL ? "0" : s;
}

/* The element of an operand that belongs to the current element: a literal where there is one for all. */
static const char *parameter(const fg_quantisation *q, const fg_value *v, const char *name) {
    if (v->data != NULL && fg_shape_count(&v->shape) == 1) {
        return fg_c_element(q->e->ctx, v, 0);
    }
    return fg_load_element(q->e->ctx, v->dtype, name, scale_index(q));
}

static const char *rounded_to(fg_context *ctx, fg_dtype t, const char *x) {
    return t == FG_FLOAT16    ? fg_format(ctx, "fgs_half_to_f32(fgs_f32_to_half(%s))", x)
           : t == FG_BFLOAT16 ? fg_format(ctx, "fgs_bf16_to_f32(fgs_f32_to_bf16(%s))", x)
                              : x;
}

static void quantise(const fg_quantisation *q, const char *at, const char *x, fg_text *out) {
    fg_context *ctx = q->e->ctx;
    const fg_dtype precision = fg_quantise_precision(q->n), to = q->y->dtype;
    const char *scale = parameter(q, q->scale, "scale"), *value;
    if (q->x->dtype != precision) {
        x = rounded_to(ctx, precision, fg_format(ctx, "(float)%s", x));
    }
    if (q->scale->dtype != precision) {
        scale = rounded_to(ctx, precision, scale);
    }
    const char *steps = rounded_to(ctx, precision, fg_format(ctx, "%s / %s", x, scale));
    const char *zero = q->zero != NULL ? parameter(q, q->zero, "zero") : "0";
    if (fg_dtype_get(to)->is_integer) {
        value = fg_format(ctx, "fgs_quantise(%s, %s, %lld, %lld)", steps, zero, (long long)fg_type_low(to),
                          (long long)fg_type_high(to));
        if (!fg_dtype_is_packed(to)) {
            value = fg_format(ctx, "(%s)%s", fg_dtype_get(to)->c_type, value);
        }
        fg_text_add(out, fg_store_element(ctx, to, "y", at, value));
        return;
    }
    value = q->zero != NULL ? fg_format(ctx, "(%s + %s)", steps, zero) : fg_format(ctx, "(%s)", steps);
    fg_text_add(out,
                fg_store_minifloat(ctx, to, "y", at, value, fg_attr_int(q->n, "saturate", 1) != 0, "up"));
}

static void dequantise(const fg_quantisation *q, const char *at, const char *x, fg_text *out) {
    fg_context *ctx = q->e->ctx;
    const char *scale = parameter(q, q->scale, "scale");
    if (q->zero != NULL) {
        const char *wide = q->x->dtype == FG_INT32 ? "(int64_t)" : "";
        x = fg_format(ctx, "(%s%s - %s)", wide, x, parameter(q, q->zero, "zero"));
    }
    if (!fg_dtype_get(q->x->dtype)->is_float) {
        x = fg_format(ctx, "(float)%s", x);
    }
    fg_text_add(out, fg_store_element(ctx, q->y->dtype, "y", at, fg_format(ctx, "%s * %s", x, scale)));
}

static void body(void *user, const char *arguments, fg_text *out) {
    const fg_quantisation *q = user;
    fg_context *ctx = q->e->ctx;
    (void)arguments;
    const char *at = fg_nest_at(ctx, q->nest, TO, 0, q->nest->rank, "i");
    const char *x =
        fg_load_element(ctx, q->x->dtype, "x", fg_nest_at(ctx, q->nest, FROM, 0, q->nest->rank, "i"));
    (strcmp(q->n->op_type, "QuantizeLinear") == 0 ? quantise : dequantise)(q, at, x, out);
    fg_text_add(out, "\n");
}

static void declare_parameter(fg_emit *e, const char *name, fg_value *v) {
    if (v != NULL && (v->data == NULL || fg_shape_count(&v->shape) != 1)) {
        fg_emit_input(e, name, v);
    }
}

static void emit(fg_emit *e) {
    fg_quantisation q = {.e = e, .n = e->k->stage[0].anchor};
    q.x = q.n->in[0];
    q.scale = q.n->in[1];
    q.zero = q.n->n_in > 2 ? q.n->in[2] : NULL;
    q.y = q.n->out[0];
    if (fg_is_empty_result(e, q.y)) {
        return;
    }
    q.g = fg_granularity_of(e->ctx, q.n, &q.x->shape);
    q.nest = fg_nest_new(e->ctx, &q.y->shape, 3);
    fg_emit_input(e, "x", q.x);
    declare_parameter(e, "scale", q.scale);
    declare_parameter(e, "zero", q.zero);
    fg_emit_output(e, "y", q.y);
    fg_nest_add_value(e, q.nest, q.y);
    fg_nest_add_value(e, q.nest, q.x);
    if (q.g.block == 1) {
        fg_nest_add(e->ctx, q.nest, q.g.stride);
        fg_nest_simplify(q.nest, TO, 0, q.nest->rank);
    }
    if (fg_dtype_is_packed(q.y->dtype)) { /* elements share bytes: not to be divided among threads */
        fg_clear_packed(e, "y", q.y);
        fg_nest_open(q.nest, 0, q.nest->rank, "i", e->out);
        body(&q, "", e->out);
        fg_nest_close(q.nest->rank, e->out);
    } else {
        fg_template *t = fg_emit_template(e);
        fg_nest_map(e, t, q.nest, false);
        fg_template_hook(t, "body", body, &q);
        fg_template_render(t, "map", e->out);
    }
    fg_describe(e, "", "element by element");
}

const fg_lowering fg_lowering_quantize = {.name = "quantize", .prefer = NULL, .emit = emit};
