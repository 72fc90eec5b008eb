/* What products of quantised tensors share: scales, zero points, the end of a sum. */
#include "codegen/int_product.h"

#include "codegen/expr.h"
#include "frontend/quant.h"

static bool is_one(const fg_value *v) {
    return v->data != NULL && fg_shape_count(&v->shape) == 1;
}

/* Strides in the nest of an operand, from those in the space. */
static int add_strides(fg_int_sum *s, const int64_t *stride) {
    int64_t to[2 * FG_MAX_RANK] = {0};
    for (int d = 0; d < s->space.rank; d++) {
        to[s->dims.to[d]] = stride[d];
    }
    return fg_nest_add(s->e->ctx, s->nest, to);
}

static bool all_zero(const fg_value *v) {
    const int64_t n = v->data != NULL ? fg_shape_count(&v->shape) : 0;
    for (int64_t i = 0; i < n; i++) {
        if (fg_const_int(v, i) != 0) {
            return false;
        }
    }
    return v->data != NULL;
}

static void declare(fg_int_sum *s, int operand, const char *name, fg_int_side side) {
    fg_value *v = fg_int_operand(s->n, operand);
    int64_t stride[FG_MAX_RANK];
    if (v == NULL || is_one(v) || (fg_dtype_get(v->dtype)->is_integer && all_zero(v))) {
        return;
    }
    fg_emit_input(s->e, name, v);
    fg_int_strides(s->e->ctx, s->n, v, side, &s->space, stride);
    s->parameter[operand] = add_strides(s, stride);
}

static float scale_at(const fg_value *v, int64_t i) {
    return (float)fg_const_float(v, fg_shape_count(&v->shape) == 1 ? 0 : i);
}

/* Constant scales become one factor, per column where those of B differ; false if they are not constant, or
 * differ in another way. */
static bool fold_scales(fg_int_sum *s) {
    const fg_value *a = fg_int_operand(s->n, s->f->a_scale), *b = fg_int_operand(s->n, s->f->b_scale),
                   *y = fg_int_operand(s->n, s->f->y_scale);
    if (!is_one(a) || !is_one(y) || b->data == NULL || b->shape.rank > 1) {
        return false;
    }
    if (is_one(b)) {
        s->factor = scale_at(a, 0) * scale_at(b, 0) / scale_at(y, 0);
        return true;
    }
    const int64_t n = fg_shape_count(&b->shape);
    float *table = fg_emit_weights(s->e, "scale", n);
    for (int64_t i = 0; i < n; i++) {
        table[i] = scale_at(a, 0) * scale_at(b, i) / scale_at(y, 0);
    }
    int64_t stride[FG_MAX_RANK];
    fg_int_strides(s->e->ctx, s->n, b, FG_SIDE_B, &s->space, stride);
    s->scale = add_strides(s, stride);
    return true;
}

/* A bias of floats, in steps of the result. */
static void fold_bias(fg_int_sum *s, const fg_value *bias) {
    const fg_value *scale = fg_int_operand(s->n, s->f->y_scale);
    int64_t stride[FG_MAX_RANK];
    const int64_t n = fg_shape_count(&bias->shape);
    if (bias->data == NULL || !is_one(scale)) {
        fg_raise(s->e->ctx, FG_UNSUPPORTED, "a bias of floats ('%s') that is not constant", bias->name);
    }
    float *table = fg_emit_weights(s->e, "offset", n);
    for (int64_t i = 0; i < n; i++) {
        table[i] = scale_at(bias, i) / scale_at(scale, 0);
    }
    fg_int_strides(s->e->ctx, s->n, bias, FG_SIDE_B, &s->space, stride);
    s->offset = add_strides(s, stride);
}

void fg_int_open(fg_int_sum *s) {
    const fg_int_form *f = s->f;
    s->scale = -1;
    for (size_t i = 0; i < FG_COUNT(s->parameter); i++) {
        s->parameter[i] = -1;
    }
    declare(s, f->a_zero, "a_zero", FG_SIDE_A);
    declare(s, f->b_zero, "b_zero", FG_SIDE_B);
    declare(s, f->y_zero, "y_zero", FG_SIDE_Y);
    s->folded = f->requantises && fold_scales(s);
    if (f->requantises && !s->folded) {
        declare(s, f->a_scale, "a_scale", FG_SIDE_A);
        declare(s, f->b_scale, "b_scale", FG_SIDE_B);
        declare(s, f->y_scale, "y_scale", FG_SIDE_Y);
    }
    const fg_value *bias = fg_int_operand(s->n, f->bias);
    s->offset = -1;
    if (bias != NULL && bias->dtype == FG_FLOAT) {
        fold_bias(s, bias);
    } else if (bias != NULL) {
        declare(s, f->bias, "bias", FG_SIDE_B);
    }
    fg_emit_output(s->e, "y", s->n->out[0]);
}

static const char *parameter(const fg_int_sum *s, int operand, const char *name) {
    fg_context *ctx = s->e->ctx;
    const fg_value *v = fg_int_operand(s->n, operand);
    if (v != NULL && s->parameter[operand] >= 0) {
        return fg_load_element(ctx, v->dtype, name,
                               fg_nest_at(ctx, s->nest, s->parameter[operand], 0, s->nest->rank, "i"));
    }
    return v != NULL && is_one(v) ? fg_c_element(ctx, v, 0) : "0";
}

static const char *factor(const fg_int_sum *s) {
    fg_context *ctx = s->e->ctx;
    if (s->folded) {
        return s->scale < 0
                   ? fg_c_float(ctx, s->factor)
                   : fg_format(ctx, "scale[%s]", fg_nest_at(ctx, s->nest, s->scale, 0, s->nest->rank, "i"));
    }
    return fg_format(ctx, "(%s * %s / %s)", parameter(s, s->f->a_scale, "a_scale"),
                     parameter(s, s->f->b_scale, "b_scale"), parameter(s, s->f->y_scale, "y_scale"));
}

/* " + bias" in steps of the result, where the bias is floats. */
static const char *offset(const fg_int_sum *s) {
    fg_context *ctx = s->e->ctx;
    return s->offset < 0
               ? ""
               : fg_format(ctx, " + offset[%s]", fg_nest_at(ctx, s->nest, s->offset, 0, s->nest->rank, "i"));
}

/* The result whose sum is in `sum`. */
static void hook_finish(void *user, const char *arguments, fg_text *out) {
    const fg_int_sum *s = user;
    fg_context *ctx = s->e->ctx;
    (void)arguments;
    const fg_dtype to = s->n->out[0]->dtype;
    const char *at = fg_nest_at(ctx, s->nest, s->y, 0, s->nest->rank, "i");
    const char *value = "sum";
    if (s->f->requantises) {
        value =
            fg_format(ctx, "(%s)fgs_quantise((float)sum * %s%s, %s, %lld, %lld)", fg_dtype_get(to)->c_type,
                      factor(s), offset(s), parameter(s, s->f->y_zero, "y_zero"),
                      (long long)fg_attr_int(s->n, "fg_low", fg_type_low(to)),
                      (long long)fg_attr_int(s->n, "fg_high", fg_type_high(to)));
    }
    fg_text_printf(out, "%s\n", fg_store_element(ctx, to, "y", at, value));
}

/* "element - zero"; a zero point of 0 goes without saying. */
static const char *minus_zero(const fg_int_sum *s, int operand, const char *name) {
    const char *zero = parameter(s, operand, name);
    return zero[0] == '0' && zero[1] == '\0' ? "" : fg_format(s->e->ctx, " - %s", zero);
}

int64_t fg_int_tile(const fg_int_sum *s, int64_t columns) {
    const int64_t most = s->e->lanes * 4 < 16 ? 16 : s->e->lanes * 4 > 64 ? 64 : s->e->lanes * 4;
    return columns < most ? columns : most;
}

void fg_int_template(fg_int_sum *s, fg_template *t, int64_t columns) {
    const int64_t tile = fg_int_tile(s, columns);
    const fg_value *a = s->n->in[s->f->a], *b = s->n->in[s->f->b];
    fg_template_int(t, "TILE", tile);
    fg_template_int(t, "COLUMNS", columns);
    fg_template_int(t, "LOOPS", s->nest->rank - 1);
    fg_template_ints(t, "EXTENT", s->nest->rank, s->nest->extent);
    fg_nest_divide(s->e, t, s->nest, s->nest->rank - 1);
    fg_template_text(t, "A_TYPE", fg_dtype_get(a->dtype)->c_type);
    fg_template_text(t, "B_TYPE", fg_dtype_get(b->dtype)->c_type);
    fg_template_text(t, "A_ZERO", minus_zero(s, s->f->a_zero, "a_zero"));
    fg_template_text(t, "B_ZERO", minus_zero(s, s->f->b_zero, "b_zero"));
    fg_template_text(t, "BIAS", s->offset < 0 ? parameter(s, s->f->bias, "bias") : "0");
    fg_template_hook(t, "finish", hook_finish, s);
    fg_describe(s->e, fg_format(s->e->ctx, "1x%lld", (long long)tile), "32-bit sums of %lld columns",
                (long long)tile);
}
