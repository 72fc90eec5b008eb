/* Operators on sequences of tokens and their caches. */
#include "frontend/reference/sequence.h"
#include "frontend/attention.h"
#include "frontend/reference/elements.h"

#include <string.h>

/* ---- RotaryEmbedding ---- */

static void infer_rotary(fg_context *ctx, fg_graph *g, fg_node *n) {
    fg_rotary r;
    fg_rotary_plan(ctx, n, &r);
    if (r.positions >= 0) {
        fg_bound_index(n->in[r.positions], n->in[r.cosines]->shape.dim[0]);
    }
    fg_infer_same(ctx, g, n);
}

/* ---- TensorScatter ---- */

static void infer_tensor_scatter(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *x = n->in[0], *u = n->in[1];
    const int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", -2), x->shape.rank);
    const char *mode = fg_attr_string(n, "mode", "linear");
    if (axis == 0) {
        fg_blame_attribute(ctx, "axis");
        fg_raise(ctx, FG_BAD_MODEL, "axis 0 is the batch, which has no places");
    }
    if (strcmp(mode, "linear") != 0 && strcmp(mode, "circular") != 0) {
        fg_blame_attribute(ctx, "mode");
        fg_raise(ctx, FG_BAD_MODEL, "mode '%.20s' is neither linear nor circular", mode);
    }
    fg_shape want = x->shape;
    want.dim[axis] = u->shape.rank == want.rank ? u->shape.dim[axis] : 0;
    if (u->dtype != x->dtype || !fg_shape_equal(&u->shape, &want) || want.dim[axis] > x->shape.dim[axis]) {
        fg_raise(ctx, FG_BAD_MODEL, "an update of %s %s does not fit into a cache of %s %s along axis %d",
                 fg_dtype_get(u->dtype)->name, fg_shape_text(ctx, &u->shape), fg_dtype_get(x->dtype)->name,
                 fg_shape_text(ctx, &x->shape), axis);
    }
    if (n->n_in > 2) {
        const fg_shape places = {1, {x->shape.dim[0]}};
        if (n->in[2]->dtype != FG_INT64 || !fg_shape_equal(&n->in[2]->shape, &places)) {
            fg_raise(ctx, FG_BAD_MODEL, "write_indices '%s' must be %lld of int64", n->in[2]->name,
                     (long long)places.dim[0]);
        }
        fg_bound_index(n->in[2], x->shape.dim[axis] - want.dim[axis] + 1);
    }
    fg_infer_same(ctx, g, n);
}

/* ---- CausalConvWithState ---- */

static void infer_causal_conv(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *x = n->in[0], *w = n->in[1];
    (void)fg_causal_conv_silu(ctx, n);
    if (x->shape.rank != 3 || w->shape.rank != 3 || w->shape.dim[0] != x->shape.dim[1] ||
        w->shape.dim[1] != 1 || w->shape.dim[2] < 1) {
        fg_raise(ctx, FG_BAD_MODEL, "weights of shape %s do not go with an input of shape %s",
                 fg_shape_text(ctx, &w->shape), fg_shape_text(ctx, &x->shape));
    }
    const fg_shape bias = {1, {x->shape.dim[1]}};
    const fg_shape state = {3, {x->shape.dim[0], x->shape.dim[1], w->shape.dim[2] - 1}};
    const fg_shape *want[] = {NULL, NULL, &bias, &state};
    for (int i = 1; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v != NULL && (v->dtype != x->dtype || (want[i] != NULL && !fg_shape_equal(&v->shape, want[i])))) {
            fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is %s %s, not %s %s", v->name,
                     fg_dtype_get(v->dtype)->name, fg_shape_text(ctx, &v->shape),
                     fg_dtype_get(x->dtype)->name, fg_shape_text(ctx, i == 1 ? &v->shape : want[i]));
        }
    }
    const int64_t factors[] = {fg_shape_count(&x->shape), w->shape.dim[2]};
    fg_set_macs(ctx, n, fg_work_product(2, factors));
    fg_infer_same(ctx, g, n);
    fg_out_shape(ctx, n, 1, x->dtype, &state);
}

/* ---- LinearAttention ---- */

static void infer_linear(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_linear l;
    fg_linear_plan(ctx, n, &l);
    const int64_t factors[] = {l.batch, l.length, 2 * l.kv_heads + l.q_heads, l.head, l.v_head};
    const fg_shape y = {3, {l.batch, l.length, l.q_heads * l.v_head}};
    const fg_shape state = {4, {l.batch, l.kv_heads, l.head, l.v_head}};
    fg_set_macs(ctx, n, fg_work_product(5, factors));
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
    fg_out_shape(ctx, n, 1, n->n_in > 3 && n->in[3] != NULL ? n->in[3]->dtype : n->in[0]->dtype, &state);
}

#define HALVES (FG_T(FG_FLOAT) | FG_T(FG_FLOAT16) | FG_T(FG_BFLOAT16))

const fg_op fg_ops_sequence[] = {
    {.name = "RotaryEmbedding",
     .domain = "",
     .since = 23,
     .min_in = 3,
     .max_in = 4,
     .max_out = 1,
     .types = HALVES,
     .infer = infer_rotary,
     .reference = fg_ref_rotary,
     .lowering = "expand"},
    {.name = "TensorScatter",
     .domain = "",
     .since = 24,
     .min_in = 2,
     .max_in = 3,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_tensor_scatter,
     .reference = fg_ref_tensor_scatter,
     .lowering = "tensor_scatter"},
    {.name = "CausalConvWithState",
     .domain = "",
     .since = 27,
     .min_in = 2,
     .max_in = 4,
     .max_out = 2,
     .types = HALVES,
     .infer = infer_causal_conv,
     .reference = fg_ref_causal_conv,
     .lowering = "expand"},
    {.name = "LinearAttention",
     .domain = "",
     .since = 27,
     .min_in = 3,
     .max_in = 6,
     .max_out = 2,
     .types = HALVES,
     .infer = infer_linear,
     .reference = fg_ref_linear_attention,
     .lowering = "linear_attention"},
};
const int fg_ops_sequence_count = (int)FG_COUNT(fg_ops_sequence);
