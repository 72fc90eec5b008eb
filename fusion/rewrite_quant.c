/* Graphs quantised by pairs of QuantizeLinear and DequantizeLinear: an operator on floats between them
 * becomes one on quantised elements.
 *
 *   Q(Conv(DQ(x), w, b)), w made by a DQ of constants      -> QLinearConv with a bias in floats
 *   Q(MatMul | Gemm(DQ(x), w or DQ(y)))                     -> QLinearMatMul, the same
 *   Q(Add | Mul(DQ(x), DQ(y)))                              -> QLinearAdd, QLinearMul
 *   Q(GlobalAveragePool | AveragePool | Sigmoid | LeakyRelu(DQ(x)))  -> their QLinear forms
 *   Q(Reshape | Transpose | MaxPool | ...(DQ(x))), one scale -> the operator itself
 *   Q(DQ(x))                                                -> x, or a change of scale
 *
 * Relu or Clip before Q only narrow the range of the result: rounding keeps the order. */
#include "fusion/rewrite.h"

#include <math.h>
#include <string.h>

#include "frontend/frontend.h"
#include "frontend/quant.h"

/* Scale and zero point, constant, one of each or (constants only) one per index along `axis`. */
typedef struct quantised {
    fg_value *q, *scale, *zero;
    fg_node *dq;  /* NULL: a constant */
    int64_t axis; /* -1: one for all */
} quantised;

/* The QuantizeLinear under the lens, and what may become of it. */
typedef struct site {
    fg_rewriter *rw;
    fg_node *n, *act, *op;
    fg_value *scale, *zero;
    int64_t low, high;
} site;

static bool is_quant8(fg_dtype t) {
    return t == FG_INT8 || t == FG_UINT8;
}

static bool is_op_anywhere(const fg_node *n, const char *op_type) {
    return n != NULL && strcmp(n->op_type, op_type) == 0 &&
           (n->domain[0] == '\0' || strcmp(n->domain, "com.microsoft") == 0);
}

static fg_value *one_constant(fg_value *v) {
    return v != NULL && v->data != NULL && v->shape.rank <= 1 && fg_shape_count(&v->shape) == 1 ? v : NULL;
}

/* All scales are positive numbers: what else they may be is left to the operators on floats. */
static bool all_positive(const fg_value *v) {
    for (int64_t i = 0; i < fg_shape_count(&v->shape); i++) {
        const double x = fg_const_float(v, i);
        if (!isfinite(x) || x <= 0) {
            return false;
        }
    }
    return true;
}

/* A constant of this graph with the elements of one of the graph as read. */
static fg_value *import(fg_rewriter *rw, const fg_value *v) {
    fg_value *c =
        fg_graph_const(rw->g, fg_format(rw->ctx, "%s/quantised", v->name), v->dtype, &v->shape, v->data);
    c->ref = v;
    return c;
}

static fg_value *zero_like(fg_rewriter *rw, fg_dtype t, const fg_shape *shape) {
    void *data = fg_big_alloc(rw->ctx, (size_t)fg_shape_count(shape) + 1);
    return fg_graph_const(rw->g, "zero_point", t, shape, data);
}

/* The zero point of Q or DQ node n; a new constant where it has none. NULL: it will not do. */
static fg_value *zero_of(fg_rewriter *rw, const fg_node *n, fg_dtype t) {
    if (n->n_in > 2 && n->in[2] != NULL) {
        return one_constant(n->in[2]);
    }
    return zero_like(rw, t, &n->in[1]->shape);
}

/* v comes from a DequantizeLinear of an 8-bit tensor with one constant scale. */
static bool from_tensor(fg_rewriter *rw, const fg_value *v, quantised *to) {
    fg_node *n = v != NULL && v->data == NULL ? v->producer : NULL;
    if (!is_op_anywhere(n, "DequantizeLinear") || !fg_is_float32(v) || !is_quant8(n->in[0]->dtype) ||
        one_constant(n->in[1]) == NULL || !fg_is_float32(n->in[1]) || !all_positive(n->in[1])) {
        return false;
    }
    *to = (quantised){n->in[0], n->in[1], zero_of(rw, n, n->in[0]->dtype), n, -1};
    return to->zero != NULL;
}

/* v was folded from a DequantizeLinear of 8-bit constants. */
static bool from_constant(fg_rewriter *rw, const fg_value *v, quantised *to) {
    const fg_node *n = v != NULL && v->data != NULL && v->ref != NULL ? v->ref->producer : NULL;
    if (!is_op_anywhere(n, "DequantizeLinear") || !fg_is_float32(v) || n->in[0]->data == NULL ||
        !is_quant8(n->in[0]->dtype) || n->in[1]->data == NULL || !fg_is_float32(n->in[1]) ||
        n->in[1]->shape.rank > 1) {
        return false;
    }
    const fg_value *zero = n->n_in > 2 ? n->in[2] : NULL;
    const bool one = fg_shape_count(&n->in[1]->shape) == 1;
    if ((zero != NULL && zero->data == NULL) || !all_positive(n->in[1])) {
        return false;
    }
    to->axis = one ? -1 : fg_axis(rw->ctx, n, fg_attr_int(n, "axis", 1), v->shape.rank);
    to->q = import(rw, n->in[0]);
    to->scale = import(rw, n->in[1]);
    to->zero = zero != NULL ? import(rw, zero) : zero_like(rw, n->in[0]->dtype, &n->in[1]->shape);
    to->dq = NULL;
    return true;
}

/* ---- the end ---- */

static int64_t quantise(const site *s, double x) {
    const double q = nearbyint((double)((float)x / (float)fg_const_float(s->scale, 0)));
    const double v = q + (double)fg_const_int(s->zero, 0);
    return v > (double)s->low ? v < (double)s->high ? (int64_t)v : s->high : s->low;
}

static void drop_if_unused(site *s, fg_node *dq) {
    if (dq != NULL && !fg_rw_dead(dq) && fg_rw_use_count(s->rw, dq->out[0]) == 0 && !dq->out[0]->is_output) {
        fg_rw_cover(s->rw, s->n, dq);
        fg_rw_remove(s->rw, dq);
    }
}

/* The quantised operator takes the site's place. attributes: those of the operator on floats are its own. */
static bool done(site *s, const char *op_type, int opset, int n_in, fg_value **in, bool attributes,
                 fg_node *dq, fg_node *other) {
    const int64_t macs = fg_node_macs(s->op);
    fg_attr *attr = s->op->attr;
    const int n_attr = s->op->n_attr;
    fg_rw_rebuild(s->rw, s->n, op_type, opset, n_in, in);
    if (attributes) {
        s->n->attr = attr;
        s->n->n_attr = n_attr;
    }
    fg_rw_attr_int(s->rw, s->n, "fg_low", s->low);
    fg_rw_attr_int(s->rw, s->n, "fg_high", s->high);
    if (macs > 0) {
        fg_rw_attr_int(s->rw, s->n, FG_MACS, macs);
    }
    if (s->act != NULL) {
        fg_rw_cover(s->rw, s->n, s->act);
        fg_rw_remove(s->rw, s->act);
    }
    if (s->op != dq) {
        fg_rw_cover(s->rw, s->n, s->op);
        fg_rw_remove(s->rw, s->op);
    }
    drop_if_unused(s, dq);
    drop_if_unused(s, other);
    return true;
}

/* ---- products ---- */

/* So many products of two elements of 8 bits fit a sum of 32 bits: 33000 * 255 * 255 < 2^31. */
#define MAX_DEPTH INT64_C(33000)

static bool quantise_conv(site *s) {
    fg_node *op = s->op;
    quantised x, w;
    fg_value *bias = op->n_in > 2 ? op->in[2] : NULL;
    if ((bias != NULL && (bias->data == NULL || !fg_is_float32(bias))) ||
        !from_tensor(s->rw, op->in[0], &x) || !from_constant(s->rw, op->in[1], &w) || w.axis > 0 ||
        fg_shape_count(&w.q->shape) > MAX_DEPTH * w.q->shape.dim[0]) {
        return false;
    }
    fg_value *in[] = {x.q, x.scale, x.zero, w.q, w.scale, w.zero, s->scale, s->zero, bias};
    return done(s, "QLinearConv", 10, bias != NULL ? 9 : 8, in, true, x.dq, NULL);
}

/* Rows and columns of a constant matrix of bytes change places. */
static fg_value *transposed(fg_rewriter *rw, const fg_value *v) {
    const int64_t rows = v->shape.dim[0], columns = v->shape.dim[1];
    const fg_shape shape = {2, {columns, rows}};
    uint8_t *to = fg_big_alloc(rw->ctx, (size_t)fg_shape_count(&shape) + 1);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            to[j * rows + i] = ((const uint8_t *)v->data)[i * columns + j];
        }
    }
    return fg_graph_const(rw->g, fg_format(rw->ctx, "%s/transposed", v->name), v->dtype, &shape, to);
}

/* A Gemm's C as one element per column; NULL if it is something else. */
static fg_value *column_bias(fg_rewriter *rw, const fg_value *c, int64_t columns) {
    const int64_t n = fg_shape_count(&c->shape);
    const bool row = c->shape.rank < 2 || c->shape.dim[0] == 1;
    if (c->data == NULL || !fg_is_float32(c) || !row || (n != 1 && n != columns)) {
        return NULL;
    }
    const fg_shape shape = {1, {columns}};
    double *data = fg_big_alloc(rw->ctx, (size_t)(columns + 1) * sizeof *data);
    for (int64_t i = 0; i < columns; i++) {
        data[i] = fg_const_float(c, n == 1 ? 0 : i);
    }
    fg_value *v = fg_rw_const_float(rw, c->name, &shape, data);
    fg_big_free(rw->ctx, data);
    return v;
}

static bool quantise_gemm(site *s) {
    fg_node *op = s->op;
    const int64_t columns = s->n->out[0]->shape.dim[1];
    const bool turn = fg_attr_int(op, "transB", 0) != 0;
    fg_value *c = op->n_in > 2 ? op->in[2] : NULL;
    quantised x, w;
    if (op->in[0]->shape.dim[1] > MAX_DEPTH || fg_attr_int(op, "transA", 0) != 0 ||
        fg_attr_float(op, "alpha", 1) != 1.0F || (c != NULL && fg_attr_float(op, "beta", 1) != 1.0F) ||
        !from_tensor(s->rw, op->in[0], &x) || !from_constant(s->rw, op->in[1], &w) ||
        (w.axis >= 0 && w.axis != (turn ? 0 : 1))) {
        return false;
    }
    fg_value *bias = c != NULL ? column_bias(s->rw, c, columns) : NULL;
    if (c != NULL && bias == NULL) {
        return false;
    }
    fg_value *b = turn ? transposed(s->rw, w.q) : w.q;
    fg_value *in[] = {x.q, x.scale, x.zero, b, w.scale, w.zero, s->scale, s->zero, bias};
    return done(s, "QLinearMatMul", 10, bias != NULL ? 9 : 8, in, false, x.dq, NULL);
}

static bool quantise_matmul(site *s) {
    fg_node *op = s->op;
    quantised a, b;
    const fg_shape *left = &op->in[0]->shape;
    if (left->dim[left->rank - 1] > MAX_DEPTH || !from_tensor(s->rw, op->in[0], &a) ||
        !(from_tensor(s->rw, op->in[1], &b) || from_constant(s->rw, op->in[1], &b)) ||
        (b.axis >= 0 && b.axis != op->in[1]->shape.rank - 1)) {
        return false;
    }
    fg_value *in[] = {a.q, a.scale, a.zero, b.q, b.scale, b.zero, s->scale, s->zero};
    return done(s, "QLinearMatMul", 10, 8, in, false, a.dq, b.dq);
}

/* ---- elements ---- */

static bool quantise_binary(site *s) {
    const bool adds = fg_is_op(s->op, "Add");
    const fg_dtype t = s->n->out[0]->dtype;
    quantised a, b;
    if (!from_tensor(s->rw, s->op->in[0], &a) || !from_tensor(s->rw, s->op->in[1], &b) || a.q->dtype != t ||
        b.q->dtype != t) {
        return false;
    }
    fg_value *in[] = {a.q, a.scale, a.zero, b.q, b.scale, b.zero, s->scale, s->zero};
    return done(s, adds ? "com.microsoft:QLinearAdd" : "com.microsoft:QLinearMul", 1, 8, in, false, a.dq,
                b.dq);
}

static bool quantise_unary(site *s) {
    static const char *const forms[][2] = {{"Sigmoid", "com.microsoft:QLinearSigmoid"},
                                           {"LeakyRelu", "com.microsoft:QLinearLeakyRelu"},
                                           {"GlobalAveragePool", "com.microsoft:QLinearGlobalAveragePool"},
                                           {"AveragePool", "com.microsoft:QLinearAveragePool"}};
    quantised x;
    if (!from_tensor(s->rw, s->op->in[0], &x) || x.q->dtype != s->n->out[0]->dtype) {
        return false;
    }
    fg_value *in[] = {x.q, x.scale, x.zero, s->scale, s->zero};
    for (size_t i = 0; i < FG_COUNT(forms); i++) {
        if (fg_is_op(s->op, forms[i][0])) {
            return done(s, forms[i][1], 1, 5, in, true, x.dq, NULL);
        }
    }
    return false;
}

static bool same_steps(const site *s, const quantised *x) {
    return x->q->dtype == s->n->out[0]->dtype && fg_const_float(x->scale, 0) == fg_const_float(s->scale, 0) &&
           fg_const_int(x->zero, 0) == fg_const_int(s->zero, 0);
}

/* What only moves elements, or takes the largest, may do so before they are dequantised. */
static bool move_quantised(site *s) {
    fg_node *op = s->op;
    quantised x;
    if (s->act != NULL || op->n_out != 1 || !from_tensor(s->rw, op->in[0], &x) || !same_steps(s, &x)) {
        return false;
    }
    fg_value **in = FG_ARRAY(s->rw->ctx, op->n_in, fg_value *);
    memcpy(in, op->in, (size_t)op->n_in * sizeof *in);
    in[0] = x.q;
    const int opset = s->rw->g->opset;
    return done(s, op->op_type, opset, op->n_in, in, true, x.dq, NULL);
}

/* Q(DQ(x)): the same steps, or others. */
static bool change_steps(site *s) {
    quantised x;
    if (!from_tensor(s->rw, s->n->in[0], &x)) {
        return false;
    }
    if (same_steps(s, &x)) {
        return fg_rw_bypass(s->rw, s->n, x.q);
    }
    if (x.q->dtype != s->n->out[0]->dtype) {
        return false;
    }
    s->op = x.dq;
    fg_value *in[] = {x.q, x.scale, x.zero, s->scale, s->zero};
    (void)done(s, "com.microsoft:QLinearLeakyRelu", 1, 5, in, false, x.dq, NULL);
    fg_rw_attr_float(s->rw, s->n, "alpha", 1);
    return true;
}

/* ---- sites ---- */

static const struct {
    const char *ops;
    bool (*rewrite)(site *s);
} ways[] = {
    {"Conv", quantise_conv},
    {"Gemm", quantise_gemm},
    {"MatMul", quantise_matmul},
    {"Add Mul", quantise_binary},
    {"Sigmoid LeakyRelu GlobalAveragePool AveragePool", quantise_unary},
    {"Reshape Flatten Squeeze Unsqueeze Transpose MaxPool", move_quantised},
};

/* Relu or Clip with constant bounds as ends of the range. */
static bool narrow(site *s, const fg_node *act) {
    double low = fg_is_op(act, "Relu") ? 0 : -INFINITY, high = INFINITY;
    if (fg_is_op(act, "Clip")) {
        for (int i = 1; i < act->n_in; i++) {
            if (act->in[i] != NULL && !fg_is_scalar(act->in[i], i == 1 ? &low : &high)) {
                return false;
            }
        }
        low = fg_attr_float(act, "min", (float)low); /* opsets before 11 */
        high = fg_attr_float(act, "max", (float)high);
    }
    const int64_t from = quantise(s, low), to = quantise(s, high);
    s->low = from;
    s->high = to < from ? from : to;
    return low <= high;
}

static bool open_site(site *s, fg_node *n) {
    fg_value *v = n->in[0];
    s->n = n;
    s->scale = one_constant(n->in[1]);
    if (!fg_is_float32(v) || !is_quant8(n->out[0]->dtype) || s->scale == NULL || !fg_is_float32(s->scale) ||
        fg_quantise_precision(n) != FG_FLOAT || v->data != NULL || v->producer == NULL) {
        return false;
    }
    s->zero = zero_of(s->rw, n, n->out[0]->dtype);
    s->low = fg_type_low(n->out[0]->dtype);
    s->high = fg_type_high(n->out[0]->dtype);
    return s->zero != NULL && all_positive(s->scale);
}

bool fg_rw_quantised(fg_rewriter *rw, fg_node *n) {
    site s = {.rw = rw};
    if (!is_op_anywhere(n, "QuantizeLinear") || !open_site(&s, n)) {
        return false;
    }
    if (is_op_anywhere(n->in[0]->producer, "DequantizeLinear")) {
        return change_steps(&s);
    }
    fg_value *v = n->in[0];
    if (fg_is_one_of(v->producer, "Relu Clip") && fg_rw_only_user(rw, v) == n) {
        s.act = v->producer;
        if (!narrow(&s, s.act)) {
            return false;
        }
        v = s.act->in[0];
    }
    s.op = v->data == NULL ? v->producer : NULL;
    if (s.op == NULL || fg_rw_only_user(rw, v) != (s.act != NULL ? s.act : n)) {
        return false;
    }
    for (size_t i = 0; i < FG_COUNT(ways); i++) {
        if (fg_is_one_of(s.op, ways[i].ops)) {
            return ways[i].rewrite(&s);
        }
    }
    return false;
}
