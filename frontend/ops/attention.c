/* Attention and what goes with it in transformers. */
#include "frontend/attention.h"
#include "frontend/frontend.h"
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

/* ---- FlexAttention ---- */

/* The graph takes and gives scores of that shape and type. */
static void infer_scores(fg_context *ctx, const fg_node *n, const char *name, fg_dtype t, const fg_shape *s) {
    fg_graph *body = fg_flex_graph(ctx, n, name);
    if (body == NULL) {
        return;
    }
    fg_value *in = body->inputs[0];
    const bool fits = !in->shape_declared || (in->dtype == t && fg_shape_equal(&in->shape, s));
    in->dtype = t;
    in->shape = *s;
    in->shape_known = true;
    if (fits) {
        fg_infer(body);
        fg_context_set_node(ctx, n);
    }
    const fg_value *out = body->outputs[0];
    if (!fits || !out->shape_known || out->dtype != t || !fg_shape_equal(&out->shape, s)) {
        fg_blame_attribute(ctx, name);
        fg_raise(ctx, FG_BAD_MODEL, "the graph must take and give scores of %s %s", fg_dtype_get(t)->name,
                 fg_shape_text(ctx, s));
    }
}

static void infer_flex(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_attention a;
    fg_flex_plan(ctx, n, &a);
    fg_attention_set_macs(ctx, n, &a);
    const fg_shape y = {4, {a.batch, a.q_heads, a.q_len, a.v_head}};
    const fg_shape scores = {4, {a.batch, a.q_heads, a.q_len, a.total}};
    fg_checked_product(ctx, 4, scores.dim);
    infer_scores(ctx, n, "score_mod", a.precision, &scores);
    infer_scores(ctx, n, "prob_mod", a.precision, &scores);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
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
    {.name = "FlexAttention",
     .domain = "ai.onnx.preview",
     .since = 1,
     .min_in = 3,
     .max_in = 3,
     .max_out = 1,
     .types = FG_T_FLOATS,
     .infer = infer_flex,
     .reference = fg_ref_flex_attention,
     .lowering = "expand",
     .note = "graphs that read nothing from outside"},
};
const int fg_ops_attention_count = (int)FG_COUNT(fg_ops_attention);
