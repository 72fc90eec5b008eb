/* BatchNormalization that could not be folded into a convolution: scale and shift by channel. With constant
 * statistics the factors are made at generation time and every element costs one multiply-add. In training
 * the statistics are those of the batch, taken channel by channel in double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "codegen/tail.h"

typedef struct fg_batchnorm {
    fg_emit *e;
    const fg_node *node;
    fg_nest *nest;
    fg_tail tail;
    int statistics; /* nest operand that walks the channels */
    fg_dtype computed;
    bool constant, vector;
} fg_batchnorm;

static double epsilon_of(const fg_node *n) {
    return (double)fg_attr_float(n, "epsilon", 1e-5f);
}

/* factor = scale / sqrt(variance + epsilon), shift = bias - mean * factor */
static void fold(fg_emit *e, const fg_node *n, int64_t channels) {
    float *factor = fg_emit_weights(e, "factor", channels);
    for (int64_t c = 0; c < channels; c++) {
        factor[c] = (float)(fg_const_float(n->in[1], c) / sqrt(fg_const_float(n->in[4], c) + epsilon_of(n)));
    }
    float *shift = fg_emit_weights(e, "shift", channels);
    for (int64_t c = 0; c < channels; c++) {
        const double f = fg_const_float(n->in[1], c) / sqrt(fg_const_float(n->in[4], c) + epsilon_of(n));
        shift[c] = (float)(fg_const_float(n->in[2], c) - fg_const_float(n->in[3], c) * f);
    }
}

static const char *const names[] = {"x", "scale", "bias", "mean", "variance"};

static const char *element(const fg_batchnorm *b, int operand, const char *at) {
    return fg_load_element(b->e->ctx, b->node->in[operand]->dtype, names[operand], at);
}

static const char *general(const fg_batchnorm *b, const char *x, const char *at) {
    fg_context *ctx = b->e->ctx;
    const double epsilon = epsilon_of(b->node);
    const char *type = fg_ctype_tag(b->computed);
    const char *literal =
        b->computed == FG_DOUBLE ? fg_c_double(ctx, epsilon) : fg_c_float(ctx, (float)epsilon);
    return fg_format(ctx, "(%s - %s) * (%s / fgs_sqrt_%s(%s + %s)) + %s", x, element(b, 3, at),
                     element(b, 1, at), type, element(b, 4, at), literal, element(b, 2, at));
}

/* "LANES", 0: one element */
static void body(void *user, const char *arguments, fg_text *out) {
    const fg_batchnorm *b = user;
    fg_context *ctx = b->e->ctx;
    const fg_nest *n = b->nest;
    const int lanes = atoi(arguments), rank = n->rank, along = rank - 1;
    const char *x = fg_nest_load(b->e, n, 0, b->node->in[0]->dtype, "x", rank, lanes, along, 0);
    const char *at = fg_nest_at(ctx, n, b->statistics, 0, rank, "i");
    if (lanes > 0) {
        fg_text_printf(out, "fg_v v = fg_fma(%s, %s, %s);\n", x,
                       fg_nest_load(b->e, n, b->statistics, FG_FLOAT, "factor", rank, lanes, along, 0),
                       fg_nest_load(b->e, n, b->statistics, FG_FLOAT, "shift", rank, lanes, along, 0));
    } else if (b->constant) {
        fg_text_printf(out, "float v = %s * factor[%s] + shift[%s];\n", x, at, at);
    } else {
        fg_text_printf(out, "%s v = %s;\n", fg_compute_type(ctx, b->computed), general(b, x, at));
    }
    fg_tail_emit(&b->tail, "v", rank, lanes, along, 0, "", out);
}

static bool all_constant(const fg_node *n) {
    for (int i = 1; i < 5; i++) {
        if (n->in[i]->data == NULL) {
            return false;
        }
    }
    return true;
}

static void declare(fg_batchnorm *b) {
    fg_emit *e = b->e;
    const fg_node *n = b->node;
    const fg_shape *s = &n->in[0]->shape;
    const int64_t channels = s->rank > 1 ? s->dim[1] : 1;
    const fg_dims dims = fg_dims_same(s->rank);
    fg_emit_input(e, "x", n->in[0]);
    b->nest = fg_nest_new(e->ctx, s, 2 + fg_tail_operands(e));
    fg_nest_add_value(e, b->nest, n->in[0]);
    if (b->constant) {
        fold(e, n, channels);
    }
    for (int i = 1; i < 5 && !b->constant; i++) {
        fg_compute_type(e->ctx, n->in[i]->dtype);
        fg_emit_input(e, names[i], n->in[i]);
    }
    int64_t stride[FG_MAX_RANK] = {0};
    if (s->rank > 1) {
        stride[1] = channels == 1 ? 0 : 1;
    }
    b->statistics = fg_nest_add(e->ctx, b->nest, stride);
    fg_tail_open(e, &b->tail, b->nest, &dims);
    fg_nest_simplify(b->nest, b->tail.y, 0, b->nest->rank);
}

/* Operands by channel that do not lie as vectors of 1 element steps are taken one by one. */
static bool can_use_vectors(const fg_batchnorm *b) {
    const fg_nest *n = b->nest;
    const int d = n->rank - 1, lanes = b->e->lanes;
    return b->constant && lanes > 1 && d >= 0 && n->extent[d] * 2 >= lanes && n->stride[0][d] == 1 &&
           fg_tail_vectors(&b->tail, d);
}

/* ---- training ---- */

enum { X, Y, OPERANDS, RESULTS = 5 };

/* The running statistics after the batch, and its own. */
static void emit_statistics(fg_emit *e, const fg_node *n, fg_template *t) {
    static const char *const results[RESULTS] = {"y", "mean_out", "variance_out", "mean_here",
                                                 "variance_here"};
    const double momentum = (double)fg_attr_float(n, "momentum", 0.9f);
    const char *keep = fg_c_double(e->ctx, momentum), *take = fg_c_double(e->ctx, 1 - momentum);
    const char *store[RESULTS - 1];
    int stores = 0;
    for (int i = 1; i < n->n_out && i < RESULTS; i++) {
        if (!fg_is_wanted(n->out[i])) {
            continue;
        }
        const char *own = i % 2 == 1 ? "m" : "v", *given = i == 1 ? "mean" : "variance", *value = own;
        fg_emit_output(e, results[i], n->out[i]);
        if (i < 3) {
            fg_emit_input(e, given, n->in[i + 2]);
            value = fg_format(e->ctx, "(double)%s * %s + %s * %s",
                              fg_load_element(e->ctx, n->in[i + 2]->dtype, given, "k"), keep, own, take);
        }
        value = fg_format(e->ctx, "(%s)(%s)", fg_compute_type(e->ctx, n->out[i]->dtype), value);
        store[stores++] = fg_store_element(e->ctx, n->out[i]->dtype, results[i], "k", value);
    }
    fg_template_texts(t, "STATISTICS", stores, store);
}

static void emit_training(fg_emit *e, const fg_node *n) {
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = fg_is_wanted(n->out[0]) ? n->out[0] : x;
    const int rank = x->shape.rank;
    int64_t xs[2 * FG_MAX_RANK] = {0}, ys[2 * FG_MAX_RANK] = {0};
    fg_strides_of(e, x, xs);
    fg_strides_of(e, y, ys);
    fg_nest *nest = fg_nest_new(ctx, &x->shape, OPERANDS);
    const int64_t channels = rank > 1 ? x->shape.dim[1] : 1;
    nest->extent[1] = rank > 1 ? 1 : nest->extent[1];
    fg_nest_add(ctx, nest, xs);
    fg_nest_add(ctx, nest, ys);
    fg_nest_simplify(nest, X, 0, nest->rank);
    fg_template *t = fg_emit_template(e);
    fg_emit_input(e, "x", x);
    fg_emit_input(e, "scale", n->in[1]);
    fg_emit_input(e, "bias", n->in[2]);
    if (y != x) {
        fg_emit_output(e, "y", y);
    }
    emit_statistics(e, n, t);
    fg_template_int(t, "CHANNELS", channels);
    fg_template_int(t, "COUNT", fg_shape_count(&x->shape) / channels);
    fg_template_int(t, "RANK", nest->rank);
    fg_template_ints(t, "EXTENT", nest->rank, nest->extent);
    fg_template_int(t, "Y", y != x);
    fg_template_int(t, "X_STEP", rank > 1 ? xs[1] : 0);
    fg_template_int(t, "Y_STEP", rank > 1 ? ys[1] : 0);
    fg_template_text(t, "X_STORED", fg_dtype_get(x->dtype)->c_type);
    fg_template_text(t, "Y_STORED", fg_dtype_get(y->dtype)->c_type);
    fg_template_text(t, "ELEMENT",
                     fg_load_element(ctx, x->dtype, "from", fg_nest_at(ctx, nest, X, 0, nest->rank, "i")));
    fg_template_text(t, "SCALE", fg_load_element(ctx, n->in[1]->dtype, "scale", "k"));
    fg_template_text(t, "BIAS", fg_load_element(ctx, n->in[2]->dtype, "bias", "k"));
    fg_template_text(t, "EPSILON", fg_c_double(ctx, epsilon_of(n)));
    fg_template_text(t, "STORE",
                     fg_store_element(ctx, y->dtype, "to", fg_nest_at(ctx, nest, Y, 0, nest->rank, "i"),
                                      fg_format(ctx, "(%s)result", fg_compute_type(ctx, y->dtype))));
    fg_template_render(t, "batchnorm_training", e->out);
    fg_describe(e, "", "channel by channel, statistics in double");
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    FG_REQUIRE(e->ctx, "batchnorm", n != NULL && e->k->n_prologue == 0);
    if (fg_is_empty_result(e, n->in[0])) {
        return;
    }
    fg_compute_type(e->ctx, n->in[0]->dtype);
    if (fg_attr_int(n, FG_TRAINS, 0) != 0) {
        emit_training(e, n);
        return;
    }
    fg_batchnorm b = {.e = e, .node = n};
    b.computed = n->in[0]->dtype == FG_DOUBLE ? FG_DOUBLE : FG_FLOAT;
    b.constant = n->in[0]->dtype == FG_FLOAT && all_constant(n);
    declare(&b);
    b.vector = can_use_vectors(&b);
    fg_template *t = fg_emit_template(e);
    fg_nest_map(e, t, b.nest, b.vector);
    fg_template_hook(t, "body", body, &b);
    fg_template_render(t, "map", e->out);
    fg_describe(e, "", b.vector ? "vectors along the densest dimension" : "element by element");
}

const fg_lowering fg_lowering_batchnorm = {"batchnorm", NULL, emit};
