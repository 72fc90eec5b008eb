/* What the operands and attributes of an attention operator ask for; see attention.h. */
#include "frontend/attention.h"

#include <math.h>

enum { QUERY, KEY, VALUE, MASK, PAST_KEY, PAST_VALUE, VALID };

static const fg_value *operand(const fg_node *n, int i) {
    return i < n->n_in ? n->in[i] : NULL;
}

_Noreturn static void bad_shape(fg_context *ctx, const fg_value *v, const char *why) {
    fg_raise(ctx, FG_BAD_MODEL, "operand '%s' of shape %s %s", v->name, fg_shape_text(ctx, &v->shape), why);
}

static void need_shape(fg_context *ctx, const fg_value *v, int rank, const int64_t *dim) {
    fg_shape want = {.rank = rank};
    for (int d = 0; d < rank; d++) {
        want.dim[d] = dim[d];
    }
    if (!fg_shape_equal(&v->shape, &want)) {
        bad_shape(ctx, v, fg_format(ctx, "must be %s", fg_shape_text(ctx, &want)));
    }
}

static void need_type(fg_context *ctx, const fg_value *v, fg_dtype t) {
    if (v->dtype != t) {
        fg_raise(ctx, FG_UNSUPPORTED, "operand '%s' is %s; only %s is supported here", v->name,
                 fg_dtype_get(v->dtype)->name, fg_dtype_get(t)->name);
    }
}

/* Heads of a packed operand, which must divide its last dimension. */
static int64_t heads_of(fg_context *ctx, const fg_node *n, const char *attr, const fg_value *v) {
    const int64_t heads = fg_attr_int(n, attr, 0);
    if (heads < 1 || v->shape.dim[2] % heads != 0) {
        fg_blame_attribute(ctx, attr);
        fg_raise(ctx, FG_BAD_MODEL, "%lld heads do not divide operand '%s' of shape %s", (long long)heads,
                 v->name, fg_shape_text(ctx, &v->shape));
    }
    return heads;
}

static void read_packed(fg_context *ctx, const fg_node *n, fg_attention *a) {
    const fg_shape *q = &n->in[QUERY]->shape, *k = &n->in[KEY]->shape, *v = &n->in[VALUE]->shape;
    a->q_heads = heads_of(ctx, n, "q_num_heads", n->in[QUERY]);
    a->kv_heads = heads_of(ctx, n, "kv_num_heads", n->in[KEY]);
    (void)heads_of(ctx, n, "kv_num_heads", n->in[VALUE]);
    a->q_len = q->dim[1];
    a->kv_len = k->dim[1];
    a->head = q->dim[2] / a->q_heads;
    a->v_head = v->dim[2] / a->kv_heads;
}

static void read_heads(const fg_node *n, fg_attention *a) {
    const fg_shape *q = &n->in[QUERY]->shape, *k = &n->in[KEY]->shape, *v = &n->in[VALUE]->shape;
    a->q_heads = q->dim[1];
    a->kv_heads = k->dim[1];
    a->q_len = q->dim[2];
    a->kv_len = k->dim[2];
    a->head = q->dim[3];
    a->v_head = v->dim[3];
}

static void read_shapes(fg_context *ctx, const fg_node *n, fg_attention *a) {
    const int rank = n->in[QUERY]->shape.rank;
    for (int i = QUERY; i <= VALUE; i++) {
        if (rank < 3 || rank > 4 || n->in[i]->shape.rank != rank) {
            bad_shape(ctx, n->in[i], "must have 3 or 4 dimensions, as the other two");
        }
        need_type(ctx, n->in[i], n->in[QUERY]->dtype);
    }
    a->packed = rank == 3;
    a->batch = n->in[QUERY]->shape.dim[0];
    if (a->packed) {
        read_packed(ctx, n, a);
    } else {
        read_heads(n, a);
    }
    if (a->kv_heads < 1 || a->q_heads % a->kv_heads != 0) {
        fg_raise(ctx, FG_BAD_MODEL, "%lld heads of queries cannot share %lld heads of keys",
                 (long long)a->q_heads, (long long)a->kv_heads);
    }
    const int64_t k[] = {a->batch, a->kv_heads, a->kv_len, a->head};
    const int64_t v[] = {a->batch, a->kv_heads, a->kv_len, a->v_head};
    const int64_t packed_k[] = {a->batch, a->kv_len, a->kv_heads * a->head};
    const int64_t packed_v[] = {a->batch, a->kv_len, a->kv_heads * a->v_head};
    need_shape(ctx, n->in[KEY], rank, a->packed ? packed_k : k);
    need_shape(ctx, n->in[VALUE], rank, a->packed ? packed_v : v);
}

static void check_sizes(fg_context *ctx, const fg_attention *a) {
    const int64_t sizes[] = {a->q_heads, a->head, a->v_head, a->total};
    for (size_t i = 0; i < FG_COUNT(sizes); i++) {
        if (sizes[i] == 0) {
            fg_raise(ctx, FG_UNSUPPORTED, "attention without heads, keys or elements");
        }
    }
}

static void read_past(fg_context *ctx, const fg_node *n, fg_attention *a) {
    const fg_value *key = operand(n, PAST_KEY), *value = operand(n, PAST_VALUE);
    if ((key == NULL) != (value == NULL)) {
        fg_raise(ctx, FG_BAD_MODEL, "past_key and past_value must be given together");
    }
    a->past = 0;
    if (key != NULL) {
        a->past = key->shape.rank == 4 ? key->shape.dim[2] : 0;
        const int64_t k[] = {a->batch, a->kv_heads, a->past, a->head};
        const int64_t v[] = {a->batch, a->kv_heads, a->past, a->v_head};
        need_shape(ctx, key, 4, k);
        need_shape(ctx, value, 4, v);
        need_type(ctx, key, n->in[QUERY]->dtype);
        need_type(ctx, value, n->in[QUERY]->dtype);
    }
    if (__builtin_add_overflow(a->past, a->kv_len, &a->total)) {
        bad_shape(ctx, key, "is too long");
    }
    check_sizes(ctx, a);
    const fg_value *valid = operand(n, VALID);
    if (valid != NULL) {
        if (key != NULL) {
            fg_raise(ctx, FG_BAD_MODEL, "nonpad_kv_seqlen cannot be combined with past_key");
        }
        need_shape(ctx, valid, 1, &a->batch);
        need_type(ctx, valid, FG_INT64);
    }
}

static void check_mask(fg_context *ctx, const fg_node *n, const fg_attention *a) {
    const fg_value *m = operand(n, MASK);
    if (m == NULL) {
        return;
    }
    if ((FG_T(m->dtype) & (FG_T_NUMERIC | FG_T(FG_BOOL))) == 0) {
        fg_raise(ctx, FG_BAD_MODEL, "mask '%s' is of type %s", m->name, fg_dtype_get(m->dtype)->name);
    }
    const int64_t full[] = {a->batch, a->q_heads, a->q_len, a->total};
    const int rank = m->shape.rank;
    bool fits = rank >= 1 && rank <= 4;
    for (int d = 0; d < rank && fits; d++) {
        const int64_t have = m->shape.dim[d], want = full[4 - rank + d];
        fits = have == want || (d < rank - 1 ? have == 1 : a->pad_mask ? have < want : have == 1);
    }
    if (!fits) {
        const fg_shape s = {4, {full[0], full[1], full[2], full[3]}};
        bad_shape(ctx, m, fg_format(ctx, "does not broadcast to %s", fg_shape_text(ctx, &s)));
    }
}

static int64_t window(fg_context *ctx, const fg_node *n, const char *attr) {
    const int64_t size = n->op->since < 25 ? -1 : fg_attr_int(n, attr, -1);
    if (size < -1) {
        fg_blame_attribute(ctx, attr);
        fg_raise(ctx, FG_BAD_MODEL, "%lld is neither -1 nor a number of positions", (long long)size);
    }
    const int64_t far = INT64_C(1) << 60; /* beyond any length, and far from overflow */
    return size > far ? far : size;
}

static void read_scale(fg_context *ctx, const fg_node *n, fg_attention *a) {
    a->scale =
        fg_node_attr(n, "scale") != NULL ? (double)fg_attr_float(n, "scale", 1) : 1 / sqrt((double)a->head);
    a->softcap = (double)fg_attr_float(n, "softcap", 0);
    if (!isfinite(a->scale) || !isfinite(a->softcap) || a->softcap < 0) {
        fg_blame_attribute(ctx, isfinite(a->scale) ? "softcap" : "scale");
        fg_raise(ctx, FG_BAD_MODEL, "the attribute must be a finite number, softcap not below 0");
    }
}

/* FG_UNDEFINED if the attribute is absent. */
static fg_dtype read_precision(fg_context *ctx, const fg_node *n) {
    const int64_t precision = fg_attr_int(n, "softmax_precision", FG_UNDEFINED);
    if (precision != FG_UNDEFINED &&
        (precision < 0 || precision > 31 || (FG_T_FLOATS >> precision & 1) == 0)) {
        fg_blame_attribute(ctx, "softmax_precision");
        fg_raise(ctx, FG_BAD_MODEL, "%lld is not a floating-point type", (long long)precision);
    }
    return (fg_dtype)precision;
}

static void read_attributes(fg_context *ctx, const fg_node *n, fg_attention *a) {
    read_scale(ctx, n, a);
    a->causal = fg_attr_int(n, "is_causal", 0) != 0;
    a->left = window(ctx, n, "left_window_size");
    a->right = window(ctx, n, "right_window_size");
    const int64_t scores = fg_attr_int(n, "qk_matmul_output_mode", 0);
    if (scores < FG_SCORES_RAW || scores > FG_SCORES_PROBABILITIES) {
        fg_blame_attribute(ctx, "qk_matmul_output_mode");
        fg_raise(ctx, FG_BAD_MODEL, "mode %lld is not one of 0 to 3", (long long)scores);
    }
    a->scores = (int)scores;
    const fg_dtype precision = read_precision(ctx, n);
    a->precision = precision == n->in[QUERY]->dtype ? FG_UNDEFINED : precision; /* that is the rule anyway */
}

void fg_attention_plan(fg_context *ctx, const fg_node *n, fg_attention *a) {
    *a = (fg_attention){.pad_mask = n->op->since >= 24};
    read_shapes(ctx, n, a);
    read_past(ctx, n, a);
    read_attributes(ctx, n, a);
    check_mask(ctx, n, a);
}

void fg_flex_plan(fg_context *ctx, const fg_node *n, fg_attention *a) {
    *a = (fg_attention){.left = -1, .right = -1};
    read_shapes(ctx, n, a);
    if (a->packed) {
        bad_shape(ctx, n->in[QUERY], "must have 4 dimensions");
    }
    a->total = a->kv_len;
    check_sizes(ctx, a);
    read_scale(ctx, n, a);
    a->precision = read_precision(ctx, n);
    if (a->precision == FG_UNDEFINED) {
        a->precision = n->in[QUERY]->dtype == FG_DOUBLE ? FG_DOUBLE : FG_FLOAT;
    }
}

fg_graph *fg_flex_graph(fg_context *ctx, const fg_node *n, const char *name) {
    const fg_attr *a = fg_node_attr(n, name);
    fg_graph *g = a != NULL && a->type == FG_ATTR_GRAPH ? a->graph : NULL;
    if (g == NULL) {
        return NULL;
    }
    bool whole = g->n_inputs == 1 && g->n_outputs == 1 && fg_graph_owns(g, g->outputs[0]);
    for (int i = 0; i < g->n_nodes && whole; i++) {
        for (int k = 0; k < g->nodes[i]->n_in && whole; k++) {
            whole = g->nodes[i]->in[k] == NULL || fg_graph_owns(g, g->nodes[i]->in[k]);
        }
        for (int k = 0; k < g->nodes[i]->n_attr && whole; k++) {
            whole = g->nodes[i]->attr[k].graph == NULL;
        }
    }
    if (!whole) {
        fg_blame_attribute(ctx, name);
        fg_raise(ctx, FG_UNSUPPORTED,
                 "the graph must have one input and one output, read nothing else and hold no graphs");
    }
    return g;
}

int64_t fg_work_product(int n, const int64_t *factors) {
    int64_t work = 1;
    for (int i = 0; i < n; i++) {
        if (__builtin_mul_overflow(work, factors[i], &work)) {
            return INT64_MAX;
        }
    }
    return work;
}

void fg_set_macs(fg_context *ctx, fg_node *n, int64_t macs) {
    fg_node_set_attr(ctx, n, FG_MACS, FG_ATTR_INT)->i = macs;
}

void fg_attention_set_macs(fg_context *ctx, fg_node *n, const fg_attention *a) {
    int64_t size = 0;
    if (__builtin_add_overflow(a->head, a->v_head, &size)) {
        size = INT64_MAX;
    }
    const int64_t factors[] = {a->batch, a->q_heads, a->q_len, a->total, size};
    fg_set_macs(ctx, n, fg_work_product(5, factors));
}
