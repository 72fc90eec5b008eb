/* Random operators; see frontend/draw.h for what they draw. */
#include "frontend/draw.h"
#include "frontend/reference/draw.h"
#include "frontend/reference/elements.h"

static fg_dtype type_of(fg_context *ctx, const fg_node *n, fg_dtype otherwise, uint32_t allowed) {
    const int64_t t = fg_attr_int(n, "dtype", otherwise);
    if (t < 1 || t >= FG_DTYPE_COUNT || t >= 32 || (allowed & FG_T(t)) == 0) {
        fg_blame_attribute(ctx, "dtype");
        fg_raise(ctx, FG_UNSUPPORTED, "results of type %s are not supported",
                 t >= 1 && t < FG_DTYPE_COUNT ? fg_dtype_get((fg_dtype)t)->name : "undefined");
    }
    return (fg_dtype)t;
}

static void infer_shape(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_draw_set_key(ctx, n);
    fg_shape s = {0};
    if (fg_node_attr(n, "shape") == NULL) {
        fg_blame_attribute(ctx, "shape");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'shape' is missing");
    }
    s.rank = fg_attr_ints(ctx, n, "shape", FG_MAX_RANK, s.dim);
    fg_out_shape(ctx, n, 0, type_of(ctx, n, FG_FLOAT, FG_T_FLOATS), &s);
}

static void infer_like(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_draw_set_key(ctx, n);
    fg_out_shape(ctx, n, 0, type_of(ctx, n, n->in[0]->dtype, FG_T_FLOATS), &n->in[0]->shape);
}

static void infer_bernoulli(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_draw_set_key(ctx, n);
    fg_out_shape(ctx, n, 0, type_of(ctx, n, n->in[0]->dtype, FG_T_NUMERIC | FG_T(FG_BOOL)), &n->in[0]->shape);
}

static void infer_multinomial(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape;
    const int64_t samples = fg_attr_int(n, "sample_size", 1);
    fg_draw_set_key(ctx, n);
    if (x->rank != 2 || x->dim[1] < 1) {
        fg_raise(ctx, FG_BAD_MODEL, "input of shape %s must be rows x classes", fg_shape_text(ctx, x));
    }
    if (samples < 1) {
        fg_blame_attribute(ctx, "sample_size");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'sample_size' must be positive");
    }
    const fg_shape s = {2, {x->dim[0], samples}};
    int64_t macs = 0;
    if (__builtin_mul_overflow(samples, fg_shape_count(x), &macs)) {
        macs = INT64_MAX;
    }
    fg_node_set_attr(ctx, n, FG_MACS, FG_ATTR_INT)->i = macs;
    fg_out_shape(ctx, n, 0, type_of(ctx, n, FG_INT32, FG_T(FG_INT32) | FG_T(FG_INT64)), &s);
    n->out[0]->bound = x->dim[1];
}

/* An operand that is one number, or absent. */
static const fg_value *number(fg_context *ctx, const fg_node *n, int i, const char *what, uint32_t types) {
    const fg_value *v = i < n->n_in ? n->in[i] : NULL;
    if (v != NULL && (fg_shape_count(&v->shape) != 1 || (types & FG_T(v->dtype)) == 0)) {
        fg_blame_attribute(ctx, what);
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' (%s %s) must be one number", v->name,
                 fg_dtype_get(v->dtype)->name, fg_shape_text(ctx, &v->shape));
    }
    return v;
}

static void infer_dropout(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *ratio = number(ctx, n, 1, "ratio", FG_T_FLOATS),
                   *mode = number(ctx, n, 2, "training_mode", FG_T(FG_BOOL));
    const double r = ratio != NULL && ratio->data != NULL ? fg_const_float(ratio, 0) : 0.5;
    const bool may = mode != NULL && (mode->data == NULL || fg_const_int(mode, 0) != 0);
    if (may && !(r >= 0 && r < 1)) {
        fg_blame_attribute(ctx, "ratio");
        fg_raise(ctx, FG_BAD_MODEL, "operand 'ratio' is %g; it must be at least 0 and below 1", r);
    }
    fg_draw_set_key(ctx, n);
    fg_node_set_attr(ctx, n, FG_TRAINS, FG_ATTR_INT)->i = may && r != 0;
    fg_infer_same(ctx, g, n);
    fg_out_shape(ctx, n, 1, g->opset >= 10 ? FG_BOOL : n->in[0]->dtype, &n->in[0]->shape);
}

#define ROW(NAME, SINCE, MIN, MAX, OUT, TYPES, INFER, REFERENCE, LOWERING, NOTE)                             \
    {                                                                                                        \
        .name = NAME, .domain = "", .since = SINCE, .min_in = MIN, .max_in = MAX, .max_out = OUT,            \
        .types = TYPES, .infer = INFER, .reference = REFERENCE, .lowering = LOWERING, .note = NOTE           \
    }
#define SEEDED "the same numbers in every run, by seed or name"

const fg_op fg_ops_draw[] = {
    ROW("RandomNormal", 1, 0, 0, 1, FG_T_FLOATS, infer_shape, fg_ref_random_normal, "draw", SEEDED),
    ROW("RandomUniform", 1, 0, 0, 1, FG_T_FLOATS, infer_shape, fg_ref_random_uniform, "draw", SEEDED),
    ROW("RandomNormalLike", 1, 1, 1, 1, FG_T_ANY, infer_like, fg_ref_random_normal, "draw", SEEDED),
    ROW("RandomUniformLike", 1, 1, 1, 1, FG_T_ANY, infer_like, fg_ref_random_uniform, "draw", SEEDED),
    ROW("Bernoulli", 15, 1, 1, 1, FG_T_FLOATS, infer_bernoulli, fg_ref_bernoulli, "draw", SEEDED),
    ROW("Multinomial", 7, 1, 1, 1, FG_T_FLOATS, infer_multinomial, fg_ref_multinomial, "multinomial", SEEDED),
    ROW("Dropout", 7, 1, 3, 2, FG_T_FLOATS, infer_dropout, fg_ref_dropout, "copy",
        "in training the same numbers in every run, by seed or name"),
};
const int fg_ops_draw_count = FG_COUNT(fg_ops_draw);
