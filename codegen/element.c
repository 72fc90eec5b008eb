/* Elements of any type: how one is read, written and moved. Types of less than 8 bits are packed; floats of
 * at most 8 bits are read and made bit by bit, by a description of their format. */
#include <string.h>

#include "codegen/expr.h"
#include "codegen/nest.h"

const char *fg_compute_type(fg_context *ctx, fg_dtype t) {
    if (fg_ctype_tag(t) == NULL) {
        fg_raise(ctx, FG_UNSUPPORTED, "generated code does not compute with elements of type %s",
                 fg_dtype_get(t)->name);
    }
    return fg_dtype_get(fg_computed_dtype(t))->c_type;
}

bool fg_is_minifloat(fg_dtype t) {
    const fg_dtype_info *info = fg_dtype_get(t);
    return info->is_float && info->bits <= 8;
}

/* The element's own bits, as an int. */
static const char *raw_element(fg_context *ctx, fg_dtype t, const char *pointer, const char *index) {
    return fg_dtype_is_packed(t)
               ? fg_format(ctx, "fgs_packed_get(%s, %s, %d)", pointer, index, fg_dtype_get(t)->bits)
               : fg_format(ctx, "%s[%s]", pointer, index);
}

const char *fg_load_element(fg_context *ctx, fg_dtype t, const char *pointer, const char *index) {
    const char *raw = raw_element(ctx, t, pointer, index);
    switch (t) {
    case FG_FLOAT16: return fg_format(ctx, "fgs_half_to_f32(%s)", raw);
    case FG_BFLOAT16: return fg_format(ctx, "fgs_bf16_to_f32(%s)", raw);
    case FG_FLOAT8E8M0: return fg_format(ctx, "fgs_e8m0_to_f32(%s)", raw);
    case FG_UINT4:
    case FG_UINT2: return fg_format(ctx, "(uint8_t)%s", raw);
    case FG_INT4: return fg_format(ctx, "(int8_t)((%s ^ 8) - 8)", raw);
    case FG_INT2: return fg_format(ctx, "(int8_t)((%s ^ 2) - 2)", raw);
    default: break;
    }
    return fg_is_minifloat(t) ? fg_format(ctx, "fgs_small_to_f32(%s, fg_%s)", raw, fg_dtype_get(t)->name)
                              : raw;
}

/* The element whose own bits are `raw`. */
static const char *store_raw(fg_context *ctx, fg_dtype t, const char *pointer, const char *index,
                             const char *raw) {
    if (fg_dtype_is_packed(t)) {
        return fg_format(ctx, "fgs_packed_put(%s, %s, %d, %s);", pointer, index, fg_dtype_get(t)->bits, raw);
    }
    return fg_format(ctx, "%s[%s] = (uint8_t)%s;", pointer, index, raw);
}

const char *fg_store_minifloat(fg_context *ctx, fg_dtype t, const char *pointer, const char *index,
                               const char *value, bool saturate, const char *round_mode) {
    const char *raw;
    if (t == FG_FLOAT8E8M0) {
        const char up = strcmp(round_mode, "nearest") == 0 ? '1'
                        : strcmp(round_mode, "down") == 0  ? '0'
                                                           : '2';
        raw = fg_format(ctx, "fgs_f64_to_e8m0((double)%s, %d, %c)", value, saturate, up);
    } else {
        const bool ends = t == FG_FLOAT4E2M1 || t == FG_FLOAT6E2M3 || t == FG_FLOAT6E3M2;
        raw = fg_format(ctx, "fgs_f64_to_small((double)%s, fg_%s, %d)", value, fg_dtype_get(t)->name,
                        saturate || ends);
    }
    return store_raw(ctx, t, pointer, index, raw);
}

const char *fg_store_element(fg_context *ctx, fg_dtype t, const char *pointer, const char *index,
                             const char *value) {
    if (fg_is_minifloat(t)) {
        return fg_store_minifloat(ctx, t, pointer, index, value, true, "up");
    }
    if (fg_dtype_is_packed(t)) {
        return store_raw(ctx, t, pointer, index, value);
    }
    const char *format = t == FG_FLOAT16    ? "%s[%s] = fgs_f32_to_half(%s);"
                         : t == FG_BFLOAT16 ? "%s[%s] = fgs_f32_to_bf16(%s);"
                                            : "%s[%s] = %s;";
    return fg_format(ctx, format, pointer, index, value);
}

const char *fg_move_element(fg_context *ctx, fg_dtype t, const char *to, const char *at, const char *from,
                            const char *index) {
    const char *raw = raw_element(ctx, t, from, index);
    return fg_dtype_is_packed(t) ? store_raw(ctx, t, to, at, raw)
                                 : fg_format(ctx, "%s[%s] = %s;", to, at, raw);
}

void fg_clear_packed(fg_emit *e, const char *name, const fg_value *v) {
    const int64_t bits = fg_shape_count(&v->shape) % 8 * fg_dtype_get(v->dtype)->bits;
    if (fg_dtype_is_packed(v->dtype) && bits % 8 != 0) {
        fg_line(e, "%s[%lld] = 0;", name, (long long)fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape)) - 1);
    }
}

void fg_need_whole_elements(fg_emit *e, const fg_value *v) {
    const fg_dtype_info *info = fg_dtype_get(v->dtype);
    if (fg_dtype_is_packed(v->dtype)) {
        fg_raise(e->ctx, FG_UNSUPPORTED, "generated code does not move elements of type %s ('%s')",
                 info->name, v->name);
    }
}
