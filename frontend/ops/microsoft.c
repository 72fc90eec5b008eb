/* Operators of com.microsoft that exporters and optimisers of transformers write. */
#include "frontend/microsoft.h"
#include "frontend/expand.h"
#include "frontend/reference/microsoft.h"

#include <string.h>

/* Operand i, if it is there, has `count` elements in one dimension and the input's type. */
static void need_vector(fg_context *ctx, const fg_node *n, int i, int64_t count, fg_dtype t) {
    const fg_value *v = i < n->n_in ? n->in[i] : NULL;
    if (v != NULL && (v->shape.rank != 1 || v->shape.dim[0] != count || v->dtype != t)) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is %s %s, not %s %lld", v->name,
                 fg_dtype_get(v->dtype)->name, fg_shape_text(ctx, &v->shape), fg_dtype_get(t)->name,
                 (long long)count);
    }
}

static void refuse_output(fg_context *ctx, const fg_node *n, int i) {
    const fg_value *v = i < n->n_out ? n->out[i] : NULL;
    if (v != NULL && (v->n_users > 0 || v->is_output)) {
        fg_raise(ctx, FG_UNSUPPORTED, "output %d ('%s') is not supported", i, v->name);
    }
}

/* ---- activations ---- */

static void infer_gelu(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_shape *s = &n->in[0]->shape;
    if (n->n_in > 1) {
        need_vector(ctx, n, 1, s->rank > 0 ? s->dim[s->rank - 1] : 1, n->in[0]->dtype);
    }
    fg_infer_same(ctx, g, n);
}

/* ---- normalisations ---- */

static void infer_simplified(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_shape *s = &n->in[0]->shape;
    const int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", -1), s->rank);
    if (axis != s->rank - 1) {
        fg_blame_attribute(ctx, "axis");
        fg_raise(ctx, FG_UNSUPPORTED, "normalisation over more than the last axis is not supported");
    }
    need_vector(ctx, n, 1, s->dim[axis], n->in[1]->dtype);
    refuse_output(ctx, n, 1);
    fg_shape stats = *s;
    stats.dim[axis] = 1;
    fg_infer_same(ctx, g, n);
    fg_out_shape(ctx, n, 1, FG_FLOAT, &stats);
}

static void infer_skip(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *x = n->in[0], *skip = n->in[1];
    const int rank = x->shape.rank, shift = rank - skip->shape.rank;
    bool fits = rank >= 2 && shift >= 0 && skip->dtype == x->dtype;
    for (int d = 0; d < skip->shape.rank && fits; d++) {
        fits = skip->shape.dim[d] == x->shape.dim[d + shift] || (d + shift == 0 && skip->shape.dim[d] == 1);
    }
    if (!fits || skip->shape.rank < 2) {
        fg_raise(ctx, FG_BAD_MODEL, "operands '%s' of shape %s and '%s' of shape %s cannot be added", x->name,
                 fg_shape_text(ctx, &x->shape), skip->name, fg_shape_text(ctx, &skip->shape));
    }
    for (int i = 2; i < n->n_in; i++) {
        need_vector(ctx, n, i, x->shape.dim[rank - 1], x->dtype);
    }
    fg_shape stats = x->shape;
    stats.dim[rank - 1] = 1;
    fg_infer_same(ctx, g, n);
    for (int i = 1; i < 3; i++) {
        refuse_output(ctx, n, i);
        fg_out_shape(ctx, n, i, FG_FLOAT, &stats);
    }
    fg_out_shape(ctx, n, 3, x->dtype, &x->shape);
}

static void need_table(fg_context *ctx, const fg_node *n, int i, int64_t width) {
    const fg_value *v = n->in[i];
    if (v->shape.rank != 2 || v->shape.dim[1] != width || v->dtype != n->in[2]->dtype) {
        fg_raise(ctx, FG_BAD_MODEL, "embedding '%s' of shape %s is not a table of %lld columns", v->name,
                 fg_shape_text(ctx, &v->shape), (long long)width);
    }
}

static void infer_embed(fg_context *ctx, fg_graph *g, fg_node *n) {
    enum { IDS, SEGMENTS, WORDS, PLACES, SEGMENT_TABLE, GAMMA, BETA, MASK, POSITIONS };
    (void)g;
    if (n->n_in <= BETA) {
        fg_raise(ctx, FG_BAD_MODEL, "%d operands given, at least %d are needed", n->n_in, BETA + 1);
    }
    const fg_shape *s = &n->in[IDS]->shape;
    const fg_value *words = n->in[WORDS], *positions = n->n_in > POSITIONS ? n->in[POSITIONS] : NULL;
    const fg_value *mask = n->n_in > MASK ? n->in[MASK] : NULL;
    if (s->rank != 2 || words == NULL || n->in[PLACES] == NULL || n->in[GAMMA] == NULL ||
        n->in[BETA] == NULL || words->shape.rank != 2 || (FG_T(words->dtype) & FG_T_FLOATS) == 0) {
        fg_raise(ctx, FG_BAD_MODEL, "an operand is missing, or no matrix");
    }
    const int64_t width = words->shape.dim[1];
    const fg_shape one = {2, {1, s->dim[1]}};
    need_table(ctx, n, PLACES, width);
    need_vector(ctx, n, GAMMA, width, words->dtype);
    need_vector(ctx, n, BETA, width, words->dtype);
    if ((n->in[SEGMENTS] == NULL) != (n->in[SEGMENT_TABLE] == NULL)) {
        fg_raise(ctx, FG_BAD_MODEL, "segments and their embedding must be given together");
    }
    if (n->in[SEGMENTS] != NULL) {
        need_table(ctx, n, SEGMENT_TABLE, width);
        fg_bound_index(n->in[SEGMENTS], n->in[SEGMENT_TABLE]->shape.dim[0]);
    }
    const fg_value *alike[] = {n->in[SEGMENTS], mask, positions};
    for (size_t i = 0; i < FG_COUNT(alike); i++) {
        if (alike[i] != NULL && (alike[i]->dtype != FG_INT32 ||
                                 (!fg_shape_equal(&alike[i]->shape, s) &&
                                  !(alike[i] == positions && fg_shape_equal(&alike[i]->shape, &one))))) {
            fg_raise(ctx, FG_BAD_MODEL, "operand '%s' of shape %s does not go with the tokens' %s",
                     alike[i]->name, fg_shape_text(ctx, &alike[i]->shape), fg_shape_text(ctx, s));
        }
    }
    if (positions == NULL && n->in[PLACES]->shape.dim[0] < s->dim[1]) {
        fg_raise(ctx, FG_BAD_MODEL, "there are embeddings of %lld positions for %lld tokens",
                 (long long)n->in[PLACES]->shape.dim[0], (long long)s->dim[1]);
    }
    if (positions != NULL) {
        fg_bound_index(n->in[POSITIONS], n->in[PLACES]->shape.dim[0]);
    }
    fg_bound_index(n->in[IDS], words->shape.dim[0]);
    const fg_shape y = {3, {s->dim[0], s->dim[1], width}}, counts = {1, {s->dim[0]}};
    fg_out_shape(ctx, n, 0, words->dtype, &y);
    fg_out_shape(ctx, n, 1, FG_INT32, &counts);
    fg_out_shape(ctx, n, 2, words->dtype, &y);
}

/* ---- products ---- */

static void infer_matmul(fg_context *ctx, fg_graph *g, fg_node *n) {
    static const char *const flags[] = {"transA", "transB"}, *const batch[] = {"transBatchA", "transBatchB"};
    fg_value in[2];
    for (int i = 0; i < 2; i++) {
        in[i] = *n->in[i];
        const int rank = in[i].shape.rank;
        if (fg_attr_int(n, batch[i], 0) != 0) {
            fg_blame_attribute(ctx, batch[i]);
            fg_raise(ctx, FG_UNSUPPORTED, "attribute %s=1 is not supported", batch[i]);
        }
        if (fg_attr_int(n, flags[i], 0) != 0) {
            if (rank < 2) {
                fg_blame_attribute(ctx, flags[i]);
                fg_raise(ctx, FG_UNSUPPORTED, "a vector cannot be transposed");
            }
            in[i].shape.dim[rank - 1] = n->in[i]->shape.dim[rank - 2];
            in[i].shape.dim[rank - 2] = n->in[i]->shape.dim[rank - 1];
        }
    }
    fg_node plain = *n;
    plain.in = (fg_value *[]){&in[0], &in[1]};
    fg_op_find("", "MatMul", 13)->infer(ctx, g, &plain);
    const fg_shape *y = &n->out[0]->shape;
    const int64_t factors[] = {fg_shape_count(y), in[0].shape.dim[in[0].shape.rank - 1]};
    fg_set_macs(ctx, n, fg_work_product(2, factors));
}

static void infer_conv(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)fg_fused_activation(ctx, n);
    fg_op_find("", "Conv", 11)->infer(ctx, g, n);
    const fg_shape *w = &n->in[1]->shape, *y = &n->out[0]->shape;
    if (n->n_in > 3 && !fg_shape_equal(&n->in[3]->shape, y)) {
        fg_raise(ctx, FG_BAD_MODEL, "what is added is %s, not %s", fg_shape_text(ctx, &n->in[3]->shape),
                 fg_shape_text(ctx, y));
    }
    const int64_t factors[] = {fg_shape_count(y), fg_shape_count(w), 1};
    fg_set_macs(ctx, n, w->dim[0] > 0 ? fg_work_product(3, factors) / w->dim[0] : 0);
}

static void infer_gemm(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)fg_fused_activation(ctx, n);
    fg_op_find("", "Gemm", 11)->infer(ctx, g, n);
    const int64_t depth = n->in[0]->shape.dim[fg_attr_int(n, "transA", 0) != 0 ? 0 : 1];
    const int64_t factors[] = {fg_shape_count(&n->out[0]->shape), depth};
    fg_set_macs(ctx, n, fg_work_product(2, factors));
}

/* ---- attention ---- */

static void infer_rotary(fg_context *ctx, fg_graph *g, fg_node *n) {
    fg_rotary r;
    fg_ms_rotary_plan(ctx, n, &r);
    fg_bound_index(n->in[1], n->in[2]->shape.dim[0] - (r.offset ? r.length - 1 : 0));
    fg_infer_same(ctx, g, n);
}

static void bound_mask(const fg_ms_attention *m, const fg_node *n) {
    if (m->form == FG_KEYS_BEFORE || m->form == FG_KEYS_WITHIN) {
        fg_bound_index(n->in[m->mask], m->a.total + 1);
    }
}

static void infer_attention(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_ms_attention m;
    fg_ms_attention_plan(ctx, n, &m);
    bound_mask(&m, n);
    const fg_shape y = {3, {m.a.batch, m.a.q_len, m.width[2]}};
    const fg_shape present = {5, {2, m.a.batch, m.a.kv_heads, m.a.total, m.a.head}};
    const int64_t scores[] = {m.a.batch, m.a.q_heads, m.a.q_len, m.a.total};
    const int64_t projected[] = {fg_shape_count(&n->in[0]->shape), n->in[1]->shape.dim[1]};
    const int64_t attended[] = {fg_checked_product(ctx, 4, scores), m.a.head + m.a.v_head};
    int64_t macs;
    if (__builtin_add_overflow(fg_work_product(2, projected), fg_work_product(2, attended), &macs)) {
        macs = INT64_MAX;
    }
    fg_set_macs(ctx, n, macs);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
    if (m.a.head != m.a.v_head) {
        refuse_output(ctx, n, 1);
    }
    fg_out_shape(ctx, n, 1, n->in[0]->dtype, &present);
}

/* Piece i of v, batch x length x heads x pieces x size, as batch x length x (heads * size). */
static fg_value *unpacked(fg_graph *g, const fg_node *n, fg_value *v, int64_t i) {
    const fg_shape *s = &v->shape;
    const int64_t dim[] = {s->dim[0], s->dim[1], s->dim[2] * s->dim[4]};
    fg_value *piece = fg_put(g, n, "Gather", 2, (fg_value *[]){v, fg_put_ints(g, n, -1, &i)});
    fg_put_int(g, piece, "axis", 3);
    return fg_put(g, n, "Reshape", 2, (fg_value *[]){piece, fg_put_ints(g, n, 3, dim)});
}

/* Operands packed into one are taken apart first. True if they were. */
static bool take_apart(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *q = n->in[0], *k = n->n_in > 1 ? n->in[1] : NULL;
    const bool all = k == NULL && q->shape.rank == 5, two = k != NULL && k->shape.rank == 5;
    fg_value *packed = all ? n->in[0] : two ? n->in[1] : NULL;
    if (packed == NULL) {
        return false;
    }
    const int pieces = all ? 3 : 2, room = n->n_in > 3 ? n->n_in : 3;
    if (packed->shape.dim[3] != pieces || (n->n_in > 2 && n->in[2] != NULL)) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' of shape %s does not hold %d operands", packed->name,
                 fg_shape_text(ctx, &packed->shape), pieces);
    }
    fg_value **in = FG_ARRAY(ctx, room, fg_value *);
    memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    for (int i = 0; i < pieces; i++) {
        in[3 - pieces + i] = unpacked(g, n, packed, i);
    }
    fg_node *apart = fg_put_node(g, n, "MultiHeadAttention", room, in, n->n_out, n->out);
    apart->domain = n->domain;
    apart->attr = n->attr;
    apart->n_attr = n->n_attr;
    fg_replaced(n);
    return true;
}

static void infer_multi_head(fg_context *ctx, fg_graph *g, fg_node *n) {
    fg_ms_attention m;
    if (take_apart(ctx, g, n)) {
        return;
    }
    fg_multi_head_plan(ctx, n, &m);
    bound_mask(&m, n);
    fg_attention_set_macs(ctx, n, &m.a);
    const fg_shape y = {3, {m.a.batch, m.a.q_len, m.width[2]}};
    const fg_shape key = {4, {m.a.batch, m.a.kv_heads, m.a.total, m.a.head}};
    const fg_shape value = {4, {m.a.batch, m.a.kv_heads, m.a.total, m.a.v_head}};
    const int64_t scores[] = {m.a.batch, m.a.q_heads, m.a.q_len, m.a.total};
    fg_checked_product(ctx, 4, scores);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
    fg_out_shape(ctx, n, 1, n->in[0]->dtype, &key);
    fg_out_shape(ctx, n, 2, n->in[0]->dtype, &value);
}

#define ROW(NAME, DOMAIN, MIN, MAX, OUT, TYPES, INFER, REFERENCE, NOTE)                                      \
    { NAME, DOMAIN, 1, 0, MIN, MAX, OUT, TYPES, INFER, REFERENCE, "expand", NULL, NULL, NULL, NOTE }
#define MS "com.microsoft"

const fg_op fg_ops_microsoft[] = {
    ROW("Attention", MS, 2, 7, 2, FG_T_FLOATS, infer_attention, fg_ref_ms_attention,
        "no shared cache, no rotary embedding"),
    ROW("BiasGelu", MS, 2, 2, 1, FG_T_FLOATS, infer_gelu, fg_ref_ms_gelu, NULL),
    ROW("EmbedLayerNormalization", MS, 1, 9, 3, FG_T(FG_INT32), infer_embed, fg_ref_embed_norm, NULL),
    ROW("FastGelu", MS, 1, 2, 1, FG_T_FLOATS, infer_gelu, fg_ref_ms_gelu, NULL),
    ROW("FusedConv", MS, 2, 4, 1, FG_T_FLOATS, infer_conv, fg_ref_fused_conv, NULL),
    ROW("FusedGemm", MS, 2, 3, 1, FG_T_FLOATS, infer_gemm, fg_ref_fused_gemm, NULL),
    ROW("FusedMatMul", MS, 2, 2, 1, FG_T_FLOATS, infer_matmul, fg_ref_fused_matmul,
        "transBatchA=0 and transBatchB=0"),
    ROW("Gelu", MS, 1, 1, 1, FG_T_FLOATS, infer_gelu, fg_ref_ms_gelu, NULL),
    ROW("MultiHeadAttention", MS, 1, 10, 3, FG_T_FLOATS, infer_multi_head, fg_ref_multi_head, NULL),
    ROW("QuickGelu", MS, 1, 1, 1, FG_T_FLOATS, infer_gelu, fg_ref_ms_gelu, NULL),
    ROW("RotaryEmbedding", MS, 4, 4, 1, FG_T_FLOATS, infer_rotary, fg_ref_ms_rotary, "scale=1"),
    ROW("SimplifiedLayerNormalization", "", 2, 2, 2, FG_T_FLOATS, infer_simplified, fg_ref_simplified_norm,
        "last axis"),
    ROW("SimplifiedLayerNormalization", MS, 2, 2, 2, FG_T_FLOATS, infer_simplified, fg_ref_simplified_norm,
        "last axis"),
    ROW("SkipLayerNormalization", MS, 3, 5, 4, FG_T_FLOATS, infer_skip, fg_ref_skip_norm,
        "without mean and deviation"),
    ROW("SkipSimplifiedLayerNormalization", MS, 3, 4, 4, FG_T_FLOATS, infer_skip, fg_ref_skip_norm,
        "without mean and deviation"),
    ROW("TransposeMatMul", MS, 2, 2, 1, FG_T_FLOATS, infer_matmul, fg_ref_fused_matmul, NULL),
};
const int fg_ops_microsoft_count = (int)FG_COUNT(fg_ops_microsoft);
