/* Resize and Upsample. */
#include "frontend/reference/resize.h"

#include <string.h>

#include "frontend/reference/elements.h"

/* A value that a string attribute may have, from an opset on. */
typedef struct choice {
    const char *attribute, *value;
    int since, until;
} choice;

static const choice choices[] = {
    {"mode", "nearest", 1, 0},
    {"mode", "linear", 1, 0},
    {"mode", "cubic", 11, 0},
    {"coordinate_transformation_mode", "half_pixel", 11, 0},
    {"coordinate_transformation_mode", "pytorch_half_pixel", 11, 0},
    {"coordinate_transformation_mode", "align_corners", 11, 0},
    {"coordinate_transformation_mode", "asymmetric", 11, 0},
    {"coordinate_transformation_mode", "tf_half_pixel_for_nn", 11, 12},
    {"coordinate_transformation_mode", "tf_crop_and_resize", 11, 0},
    {"coordinate_transformation_mode", "half_pixel_symmetric", 19, 0},
    {"nearest_mode", "round_prefer_floor", 11, 0},
    {"nearest_mode", "round_prefer_ceil", 11, 0},
    {"nearest_mode", "floor", 11, 0},
    {"nearest_mode", "ceil", 11, 0},
};

static void check_choice(fg_context *ctx, const fg_node *n, int opset, const char *attribute) {
    const char *value = fg_attr_string(n, attribute, NULL);
    if (value == NULL) {
        return;
    }
    for (size_t i = 0; i < FG_COUNT(choices); i++) {
        const choice *c = &choices[i];
        bool exists = opset >= c->since && (c->until == 0 || opset <= c->until);
        if (exists && strcmp(c->attribute, attribute) == 0 && strcmp(c->value, value) == 0) {
            return;
        }
    }
    fg_blame_attribute(ctx, attribute);
    fg_raise(ctx, FG_BAD_MODEL, "%s '%.40s' is not one of opset %d", attribute, value, opset);
}

/* Operand i decides the shape: it is there and not known to be empty. */
static bool decides(const fg_node *n, int i) {
    return i < n->n_in && n->in[i] != NULL && fg_shape_count(&n->in[i]->shape) > 0;
}

static bool shape_is_known(fg_context *ctx, fg_graph *g, fg_node *n) {
    bool old = g->opset < 11 || strcmp(n->op_type, "Upsample") == 0;
    bool crop = strcmp(fg_resize_transform(n, g->opset), "tf_crop_and_resize") == 0;
    if (old) {
        return n->n_in < 2 || fg_need_const_same(ctx, n, 1, "scales");
    }
    if (crop && decides(n, 1) && !fg_need_const_same(ctx, n, 1, "roi")) {
        return false;
    }
    if (decides(n, 2) && !fg_need_const_same(ctx, n, 2, "scales")) {
        return false;
    }
    return !decides(n, 3) || fg_need_const_same(ctx, n, 3, "sizes");
}

static void infer_resize(fg_context *ctx, fg_graph *g, fg_node *n) {
    fg_tensor in[4] = {{FG_UNDEFINED, {0, {0}}, NULL}};
    fg_resize r;
    check_choice(ctx, n, g->opset, "mode");
    check_choice(ctx, n, g->opset, "coordinate_transformation_mode");
    check_choice(ctx, n, g->opset, "nearest_mode");
    bool nearest = strcmp(fg_attr_string(n, "mode", "nearest"), "nearest") == 0;
    if (!nearest && (FG_T_NUMERIC & FG_T(n->in[0]->dtype)) == 0) {
        fg_raise(ctx, FG_UNSUPPORTED, "%s cannot be interpolated", fg_dtype_get(n->in[0]->dtype)->name);
    }
    if (!shape_is_known(ctx, g, n)) {
        return;
    }
    for (int i = 0; i < n->n_in && i < 4; i++) {
        const fg_value *v = n->in[i];
        if (v != NULL) {
            in[i] = (fg_tensor){v->dtype, v->shape, (void *)v->data};
        }
    }
    fg_resize_plan(ctx, n, g->opset, in, &r);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &r.out);
}

#define ROW(op, first, last, lo, hi)                                                                         \
    {                                                                                                        \
        .name = op, .domain = "", .since = first, .until = last, .min_in = lo, .max_in = hi, .max_out = 1,   \
        .types = FG_T_ALL, .infer = infer_resize, .reference = fg_ref_resize, .lowering = "resize"           \
    }

const fg_op fg_ops_resize[] = {
    ROW("Upsample", 7, 8, 1, 1),
    ROW("Upsample", 9, 9, 2, 2),
    ROW("Resize", 10, 10, 2, 2),
    ROW("Resize", 11, 0, 1, 4),
};
const int fg_ops_resize_count = FG_COUNT(fg_ops_resize);
