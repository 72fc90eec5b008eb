#include "fusion/rounding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fusion/classes.h"

/* Operands whose elements are weights: most of what a model stores. */
static const struct {
    const char *op;
    int first, last;
} weighted[] = {
    {"Conv", 1, 1},   {"ConvTranspose", 1, 1}, {"Gemm", 0, 1}, {"MatMul", 0, 1},
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

static fg_unrounded unrounded(const fg_value *v, const char *why) {
    return (fg_unrounded){v->name, why, fg_shape_count(&v->shape) * (int64_t)sizeof(float)};
}

static fg_value *round_value(const rounder *q, fg_value *v) {
    fg_rewriter *rw = q->rw;
    fg_rounding *r = q->r;
    const float *data = round_all(rw->ctx, r->type, v->data, fg_shape_count(&v->shape));
    if (data == NULL) {
        r->out_of_range[r->n_out_of_range++] = unrounded(v, "out of range");
        return v;
    }
    fg_value *to = fg_graph_const(rw->g, fg_format(rw->ctx, "%s/%s", v->name, fg_precision_name(r->type)),
                                  FG_FLOAT, &v->shape, data);
    to->synthetic = v->synthetic;
    to->storage = r->type;
    r->weights[r->n++] = (fg_rounded){to, v->data};
    return to;
}

/* A factor on the weights would leave numbers that the type does not have. */
static bool scales_weights(const fg_node *n) {
    return fg_is_op(n, "Gemm") && fg_is_gemm(n) && fg_attr_float(n, "alpha", 1) != 1;
}

static void round_operand(const rounder *q, fg_node *n, int i) {
    fg_value *v = n->in[i];
    if (v == NULL || v->data == NULL || v->id >= q->n_values || !fg_is_float32(v) ||
        fg_shape_count(&v->shape) == 0 || scales_weights(n)) {
        return;
    }
    if (q->made[v->id] == NULL) {
        q->made[v->id] = round_value(q, v);
    }
    fg_rw_set_in(q->rw, n, i, q->made[v->id]);
}

/* Operand i is one of those that weighted[] names. */
static bool is_weight(const fg_node *n, int i) {
    for (size_t k = 0; k < FG_COUNT(weighted); k++) {
        if (fg_is_op(n, weighted[k].op) && i >= weighted[k].first && i <= weighted[k].last) {
            return true;
        }
    }
    return false;
}

static int by_size(const void *a, const void *b) {
    const fg_unrounded *x = a, *y = b;
    return x->bytes == y->bytes ? strcmp(x->name, y->name) : x->bytes < y->bytes ? 1 : -1;
}

/* Large constants that stay as they are, each once. */
static void note_others(const rounder *q) {
    const fg_graph *g = q->rw->g;
    fg_rounding *r = q->r;
    bool *noted = FG_ARRAY(q->rw->ctx, g->n_values + 1, bool);
    for (int i = 0; i < g->n_nodes; i++) {
        const fg_node *n = g->nodes[i];
        for (int j = 0; j < n->n_in && !fg_rw_dead(n); j++) {
            const fg_value *v = n->in[j];
            if (v == NULL || v->data == NULL || !fg_is_float32(v) || v->storage != FG_UNDEFINED ||
                fg_shape_count(&v->shape) < FG_ROUNDING_NOTICED || noted[v->id] ||
                (v->id < q->n_values && q->made[v->id] == v)) {
                continue;
            }
            noted[v->id] = true;
            r->others[r->n_others++] = unrounded(v, n->op_type);
        }
    }
    qsort(r->others, (size_t)r->n_others, sizeof *r->others, by_size);
}

fg_rounding *fg_round_weights(fg_rewriter *rw, fg_dtype type) {
    fg_graph *g = rw->g;
    fg_rounding *r = FG_NEW(rw->ctx, fg_rounding);
    r->type = type;
    r->weights = FG_ARRAY(rw->ctx, g->n_values + 1, fg_rounded);
    r->out_of_range = FG_ARRAY(rw->ctx, g->n_values + 1, fg_unrounded);
    r->others = FG_ARRAY(rw->ctx, g->n_values + 1, fg_unrounded);
    const rounder q = {rw, r, FG_ARRAY(rw->ctx, g->n_values + 1, fg_value *), g->n_values};
    for (int i = 0; i < g->n_nodes; i++) {
        fg_node *n = g->nodes[i];
        for (int j = 0; j < n->n_in && !fg_rw_dead(n); j++) {
            if (is_weight(n, j)) {
                round_operand(&q, n, j);
            }
        }
    }
    note_others(&q);
    return r;
}
