/* Expansions of com.microsoft's operators on quantised tensors. */
#include "fusion/expand.h"

/* Every part is quantised anew to the result's scale and zero point: a LeakyRelu that does not leak. */
bool fg_ex_qlinear_concat(fg_expansion *x) {
    const int parts = (x->node->n_in - 2) / 3;
    fg_value **part = FG_ARRAY(x->rw->ctx, parts, fg_value *);
    for (int i = 0; i < parts; i++) {
        fg_value *in[] = {fg_ex_in(x, 2 + 3 * i), fg_ex_in(x, 3 + 3 * i), fg_ex_in(x, 4 + 3 * i),
                          fg_ex_in(x, 0), fg_ex_in(x, 1)};
        fg_node *n = fg_ex_begin(x, "com.microsoft:QLinearLeakyRelu", 1, 5, in);
        fg_rw_attr_float(x->rw, n, "alpha", 1);
        part[i] = fg_ex_end(x, n);
    }
    const fg_node *was = x->node;
    const int axis = fg_axis(x->rw->ctx, was, fg_attr_int(was, "axis", 0), was->out[0]->shape.rank);
    fg_value *y = fg_ex_concat(x, axis, parts, part);
    fg_ex_done(x, 1, &y);
    return true;
}

/* A DynamicQuantizeLinear with all its outputs. */
static void quantise(fg_expansion *x, fg_value *a, fg_value *out[3]) {
    fg_node *n = fg_ex_begin(x, "DynamicQuantizeLinear", 11, 1, &a);
    fg_value **all = FG_ARRAY(x->rw->ctx, 3, fg_value *);
    all[0] = n->out[0];
    for (int i = 1; i < 3; i++) {
        all[i] = fg_graph_value(x->rw->g, fg_format(x->rw->ctx, "%s/%d", n->out[0]->name, i));
        all[i]->producer = n;
    }
    n->out = all;
    n->n_out = 3;
    (void)fg_ex_end(x, n);
    for (int i = 0; i < 3; i++) {
        out[i] = all[i];
    }
}

/* A is quantised by its own range; the whole product is taken times both scales. */
bool fg_ex_dynamic_matmul(fg_expansion *x) {
    fg_value *a[3], *b = fg_ex_in(x, 1), *scale = fg_ex_in(x, 2), *zero = fg_ex_in(x, 3),
                    *bias = fg_ex_in(x, 4);
    quantise(x, fg_ex_in(x, 0), a);
    fg_value *in[] = {a[0], b, a[2], zero};
    fg_value *sum = fg_ex_end(x, fg_ex_begin(x, "MatMulInteger", 10, zero != NULL ? 4 : 3, in));
    fg_value *y = fg_ex_binary(x, "Mul", fg_ex_cast(x, sum, FG_FLOAT), fg_ex_binary(x, "Mul", a[1], scale));
    if (bias != NULL) {
        y = fg_ex_binary(x, "Add", y, bias);
    }
    fg_ex_done(x, 1, &y);
    return true;
}

/* Parameters of one element or one row, as a list. */
static fg_value *as_list(fg_expansion *x, fg_value *v) {
    const int64_t n = v != NULL ? fg_shape_count(&v->shape) : 0;
    return v == NULL || v->shape.rank == 1 ? v : fg_ex_reshape(x, v, 1, &n);
}

bool fg_ex_qgemm(fg_expansion *x) {
    static const int64_t turned[] = {1, 0};
    const fg_node *n = x->node;
    const float alpha = fg_attr_float(n, "alpha", 1);
    fg_value *a = fg_ex_in(x, 0), *b = fg_ex_in(x, 3), *c = as_list(x, fg_ex_in(x, 6)),
             *y_scale = fg_ex_in(x, 7);
    fg_value *a_scale = fg_ex_in(x, 1), *b_scale = as_list(x, fg_ex_in(x, 4)),
             *b_zero = as_list(x, fg_ex_in(x, 5));
    a = fg_attr_int(n, "transA", 0) != 0 ? fg_ex_transpose(x, a, turned) : a;
    b = fg_attr_int(n, "transB", 0) != 0 ? fg_ex_transpose(x, b, turned) : b;
    if (alpha != 1) {
        a_scale = fg_ex_binary(x, "Mul", a_scale, fg_ex_scalar(x, FG_FLOAT, (double)alpha));
    }
    fg_value *y;
    if (y_scale != NULL) {
        fg_value *in[] = {a, a_scale, fg_ex_in(x, 2), b, b_scale, b_zero, y_scale, fg_ex_in(x, 8), c};
        y = fg_ex_end(x, fg_ex_begin(x, "QLinearMatMul", 10, c != NULL ? 9 : 8, in));
    } else {
        fg_value *in[] = {a, b, fg_ex_in(x, 2), b_zero};
        y = fg_ex_end(x, fg_ex_begin(x, "MatMulInteger", 10, 4, in));
        y = c != NULL ? fg_ex_binary(x, "Add", y, c) : y;
        y = fg_ex_binary(x, "Mul", fg_ex_cast(x, y, FG_FLOAT), fg_ex_binary(x, "Mul", a_scale, b_scale));
    }
    fg_ex_done(x, 1, &y);
    return true;
}
