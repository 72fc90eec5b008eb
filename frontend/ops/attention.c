/* Attention and what goes with it in transformers. */
#include "frontend/attention.h"
#include "frontend/reference/attention.h"

/* ---- Attention ---- */

static void infer_attention(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_attention a;
    fg_attention_plan(ctx, n, &a);
    fg_attention_set_macs(ctx, n, &a);
    if (n->n_in > 6) {
        fg_bound_index(n->in[6], a.total + 1);
    }
    const fg_dtype t = n->in[0]->dtype;
    const fg_shape heads = {4, {a.batch, a.q_heads, a.q_len, a.v_head}};
    const fg_shape packed = {3, {a.batch, a.q_len, a.q_heads * a.v_head}};
    const fg_shape key = {4, {a.batch, a.kv_heads, a.total, a.head}};
    const fg_shape value = {4, {a.batch, a.kv_heads, a.total, a.v_head}};
    const fg_shape scores = {4, {a.batch, a.q_heads, a.q_len, a.total}};
    fg_checked_product(ctx, 4, scores.dim);
    fg_out_shape(ctx, n, 0, t, a.packed ? &packed : &heads);
    fg_out_shape(ctx, n, 1, t, &key);
    fg_out_shape(ctx, n, 2, t, &value);
    fg_out_shape(ctx, n, 3, t, &scores);
}

#define ATTENTION(SINCE, UNTIL, MAX_IN)                                                                      \
    {                                                                                                        \
        .name = "Attention", .domain = "", .since = SINCE, .until = UNTIL, .min_in = 3, .max_in = MAX_IN,    \
        .max_out = 4, .types = FG_T_FLOATS, .infer = infer_attention, .reference = fg_ref_attention,         \
        .lowering = "expand", .note = "queries, keys and values of one type"                                 \
    }

const fg_op fg_ops_attention[] = {
    ATTENTION(23, 23, 6),
    ATTENTION(24, 24, 7),
    ATTENTION(25, 0, 7),
};
const int fg_ops_attention_count = (int)FG_COUNT(fg_ops_attention);
