#include "fusion/rounding.h"

#include <math.h>
#include <string.h>

#include "fusion/classes.h"

/* Operands whose elements are weights: most of what a model stores. */
static const struct {
    const char *op;
    int first, last;
} weighted[] = {
    {"Conv", 1, 1},   {"ConvTranspose", 1, 1}, {"Gemm", 1, 1}, {"MatMul", 1, 1},
    {"Gather", 0, 0}, {"RNN", 1, 2},           {"GRU", 1, 2},  {"LSTM", 1, 2},
};

const char *fg_precision_name(fg_dtype type) {
    return type == FG_FLOAT16 ? "fp16" : type == FG_BFLOAT16 ? "bf16" : "fp32";
}

static float rounded(fg_dtype type, float x) {
    return type == FG_FLOAT16 ? fg_half_to_float(fg_half_from_float(x))
                              : fg_bfloat_to_float(fg_bfloat_from_float(x));
}

/* Elements in the type; NULL if one of them is not finite there. */
static const float *round_all(fg_context *ctx, fg_dtype type, const float *from, int64_t n) {
    float *to = fg_big_alloc(ctx, (size_t)n * sizeof *to + 1);
    for (int64_t i = 0; i < n; i++) {
        to[i] = rounded(type, from[i]);
        if (!isfinite(to[i])) {
            fg_big_free(ctx, to);
            return NULL;
        }
    }
    return to;
}

/* What has become of a constant, by value id. */
typedef struct rounder {
    fg_rewriter *rw;
    fg_rounding *r;
    fg_value **made; /* the rounded one; the value itself: it is kept */
    int n_values;
} rounder;

static fg_value *round_value(const rounder *q, fg_value *v) {
    fg_rewriter *rw = q->rw;
    fg_rounding *r = q->r;
    const float *data = round_all(rw->ctx, r->type, v->data, fg_shape_count(&v->shape));
    if (data == NULL) {
        r->kept[r->n_kept++] = v->name;
        return v;
    }
    fg_value *to = fg_graph_const(rw->g, fg_format(rw->ctx, "%s/%s", v->name, fg_precision_name(r->type)),
                                  FG_FLOAT, &v->shape, data);
    to->synthetic = v->synthetic;
    to->storage = r->type;
    r->weights[r->n++] = (fg_rounded){to, v->data};
    return to;
}

/* Products whose weights are packed when code is generated. Others multiply constants where they lie; and a
 * factor on the weights would leave numbers that the type does not have. */
static bool packs_weights(const fg_node *n) {
    if (fg_is_op(n, "MatMul") || fg_is_op(n, "Gemm")) {
        return fg_is_gemm(n) && fg_attr_float(n, "alpha", 1) == 1;
    }
    return true;
}

static void round_operand(const rounder *q, fg_node *n, int i) {
    fg_value *v = i < n->n_in ? n->in[i] : NULL;
    if (v == NULL || v->data == NULL || v->id >= q->n_values || !fg_is_float32(v) ||
        fg_shape_count(&v->shape) == 0 || !packs_weights(n)) {
        return;
    }
    if (q->made[v->id] == NULL) {
        q->made[v->id] = round_value(q, v);
    }
    fg_rw_set_in(q->rw, n, i, q->made[v->id]);
}

fg_rounding *fg_round_weights(fg_rewriter *rw, fg_dtype type) {
    fg_graph *g = rw->g;
    fg_rounding *r = FG_NEW(rw->ctx, fg_rounding);
    r->type = type;
    r->weights = FG_ARRAY(rw->ctx, g->n_values + 1, fg_rounded);
    r->kept = FG_ARRAY(rw->ctx, g->n_values + 1, const char *);
    const rounder q = {rw, r, FG_ARRAY(rw->ctx, g->n_values + 1, fg_value *), g->n_values};
    for (int i = 0; i < g->n_nodes; i++) {
        fg_node *n = g->nodes[i];
        for (size_t k = 0; k < FG_COUNT(weighted) && !fg_rw_dead(n); k++) {
            for (int j = weighted[k].first; fg_is_op(n, weighted[k].op) && j <= weighted[k].last; j++) {
                round_operand(&q, n, j);
            }
        }
    }
    return r;
}
