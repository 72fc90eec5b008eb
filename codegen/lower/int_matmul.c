/* MatMulInteger and QLinearMatMul: one row of a tile of columns at a time. */
#include "codegen/int_product.h"
#include "codegen/moves.h"

static bool is_vector(const fg_value *v) {
    return v->shape.rank == 1;
}

/* Adds operand v: batch dimensions broadcast, its matrix dimensions by the strides given. */
static int add_matrix(fg_int_sum *s, const fg_value *v, const int64_t *own, int64_t row, int64_t column) {
    int64_t stride[2 * FG_MAX_RANK] = {0};
    const int batch = v->shape.rank - 2, shift = s->space.rank - 2 - batch;
    for (int d = 0; d < batch; d++) {
        stride[shift + d] = v->shape.dim[d] == 1 ? 0 : own[d];
    }
    stride[s->space.rank - 2] = row;
    stride[s->space.rank - 1] = column;
    return fg_nest_add(s->e->ctx, s->nest, stride);
}

static void add_result(fg_int_sum *s, const fg_value *a, const fg_value *b) {
    const fg_value *y = s->n->out[0];
    int64_t own[FG_MAX_RANK], stride[2 * FG_MAX_RANK] = {0};
    fg_strides_of(s->e, y, own);
    int d = y->shape.rank;
    if (!is_vector(b)) {
        stride[s->space.rank - 1] = own[--d];
    }
    if (!is_vector(a)) {
        stride[s->space.rank - 2] = own[--d];
    }
    while (d-- > 0) {
        stride[d] = own[d];
    }
    s->y = fg_nest_add(s->e->ctx, s->nest, stride);
}

static void emit(fg_emit *e) {
    fg_context *ctx = e->ctx;
    fg_int_sum s = {.e = e, .n = e->k->stage[0].anchor, .dims = fg_dims_same(FG_MAX_RANK)};
    s.f = fg_int_form_of(s.n);
    fg_value *a = s.n->in[s.f->a], *b = s.n->in[s.f->b];
    if (fg_is_empty_result(e, s.n->out[0])) {
        return;
    }
    s.space = fg_product_space(ctx, s.n, &a->shape, &b->shape);
    s.nest = fg_nest_new(ctx, &s.space, FG_INT_OPERANDS);
    const int last = s.space.rank - 1, ar = a->shape.rank, br = b->shape.rank;
    int64_t as[FG_MAX_RANK], bs[FG_MAX_RANK];
    fg_emit_input(e, "a", a);
    fg_emit_input(e, "b", b);
    fg_strides_of(e, a, as);
    fg_strides_of(e, b, bs);
    const int ia = add_matrix(&s, a, as, ar > 1 ? as[ar - 2] : 0, 0),
              ib = add_matrix(&s, b, bs, 0, br > 1 ? bs[br - 1] : 0);
    add_result(&s, a, b);
    fg_int_open(&s);
    fg_template *t = fg_emit_template(e);
    fg_int_template(&s, t, s.space.dim[last]);
    fg_template_int(t, "AXES", 0);
    fg_template_int(t, "TRANSPOSED", 0);
    fg_template_int(t, "GROUPS", 1);
    fg_template_int(t, "DEPTHWISE", 0);
    fg_template_int(t, "K", a->shape.dim[ar - 1]);
    fg_template_int(t, "A_K", as[ar - 1]);
    fg_template_int(t, "B_K", bs[br > 1 ? br - 2 : 0]);
    const int64_t b_n = br > 1 ? bs[br - 1] : 0;
    fg_template_int(t, "B_N", b_n);
    fg_template_int(t, "PACKED", 0);
    fg_template_int(t, "TAPS", 1);
    fg_template_text(t, "AJ", "0");
    fg_template_text(t, "BJ", b_n == 1 ? "j" : fg_format(ctx, "j * %lld", (long long)b_n));
    fg_template_int(t, "A_G", 0);
    fg_template_int(t, "B_G", 0);
    fg_template_text(t, "A", fg_pointer_to(ctx, "a", fg_nest_at(ctx, s.nest, ia, 0, last, "i")));
    fg_template_text(t, "B", fg_pointer_to(ctx, "b", fg_nest_at(ctx, s.nest, ib, 0, last, "i")));
    fg_template_render(t, "int_product", e->out);
}

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    const fg_int_form *f = fg_int_form_of(n);
    fg_want_row_major(p, n->out[0]);
    fg_take_strided(p, n->in[f->a]);
    if (n->in[f->b] != n->in[f->a]) {
        fg_take_strided(p, n->in[f->b]);
    }
}

const fg_lowering fg_lowering_int_matmul = {.name = "int_matmul", .prefer = prefer, .emit = emit};
