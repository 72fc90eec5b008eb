/* com.microsoft's attention with a cache that tokens are written into, and operands packed into one: put in
 * terms of operators that take them apart. */
#include "frontend/expand.h"
#include "frontend/microsoft.h"

#include <limits.h>
#include <string.h>

#define MS "com.microsoft"

enum {
    QUERY,
    KEY,
    VALUE,
    PAST_KEY,
    PAST_VALUE,
    LAST_KEYS, /* per batch, the place of its last key */
    TOTAL,
    COSINES,
    SINES,
    POSITIONS,
    SUPPORTED
};

typedef struct grouped {
    fg_graph *g;
    fg_node *n;
    int64_t batch, tokens, heads, kv_heads, head;
    int64_t past, total; /* lengths of the caches that are read and made */
    fg_value *written;   /* per batch, how many keys there are before the new ones: int64 */
} grouped;

static fg_value *operand(const fg_node *n, int i) {
    return i < n->n_in ? n->in[i] : NULL;
}

/* A node by the row of that opset, whatever the graph's is. */
static fg_value *put_as(const grouped *x, const char *domain, const char *op, int opset, int n_in,
                        fg_value *const *in) {
    fg_value *out = NULL;
    fg_node *made = fg_put_node(x->g, x->n, op, n_in, in, 1, &out);
    made->domain = domain;
    made->op = fg_op_find(domain, op, opset);
    FG_REQUIRE(x->g->ctx, "attention", made->op != NULL);
    return out;
}

static fg_value *binary(const grouped *x, const char *op, fg_value *a, fg_value *b) {
    return put_as(x, "", op, 14, 2, (fg_value *[]){a, b});
}

static fg_value *list(const grouped *x, int rank, const int64_t *dim, const int64_t *values) {
    const fg_shape s = {.rank = rank, .dim = {dim[0], rank > 1 ? dim[1] : 0}};
    const int64_t n = fg_checked_product(x->g->ctx, rank, dim);
    int64_t *data = FG_ARRAY(x->g->ctx, n + 1, int64_t);
    memcpy(data, values, (size_t)n * sizeof *data);
    return fg_graph_const(x->g, fg_format(x->g->ctx, "%s/numbers", fg_node_label(x->n)), FG_INT64, &s, data);
}

static fg_value *reshaped(const grouped *x, fg_value *v, int rank, const int64_t *dim) {
    return put_as(x, "", "Reshape", 14, 2, (fg_value *[]){v, fg_put_ints(x->g, x->n, rank, dim)});
}

static fg_value *transposed(const grouped *x, fg_value *v) {
    static const int64_t swap_heads[] = {0, 2, 1, 3};
    v = put_as(x, "", "Transpose", 13, 1, &v);
    fg_attr *a = fg_node_set_attr(x->g->ctx, v->producer, "perm", FG_ATTR_INTS);
    a->n = 4;
    a->ints = swap_heads;
    return v;
}

static fg_value *as_int64(const grouped *x, fg_value *v) {
    v = put_as(x, "", "Cast", 13, 1, &v);
    fg_put_int(x->g, v, "to", FG_INT64);
    return v;
}

/* ---- what the operands say ---- */

static void bad_operands(const grouped *x, const char *what) {
    fg_raise(x->g->ctx, FG_BAD_MODEL, "%s of GroupQueryAttention do not go together", what);
}

static void refuse_others(fg_context *ctx, const fg_node *n) {
    for (int i = SUPPORTED; i < n->n_in; i++) {
        if (n->in[i] != NULL) {
            fg_raise(ctx, FG_UNSUPPORTED, "operand %d ('%s') of GroupQueryAttention is not supported", i,
                     n->in[i]->name);
        }
    }
    static const char *const flags[] = {"smooth_softmax", "qk_output"};
    for (size_t i = 0; i < FG_COUNT(flags); i++) {
        if (fg_attr_int(n, flags[i], 0) > 0) {
            fg_blame_attribute(ctx, flags[i]);
            fg_raise(ctx, FG_UNSUPPORTED, "attribute %s other than 0 is not supported", flags[i]);
        }
    }
}

static bool is_cache(const grouped *x, const fg_value *v, int64_t length) {
    const fg_shape s = {4, {x->batch, x->kv_heads, length, x->head}};
    return v == NULL ? length == 0 : fg_shape_equal(&v->shape, &s) && v->dtype == x->n->in[QUERY]->dtype;
}

static void read_sizes(fg_context *ctx, grouped *x) {
    const fg_node *n = x->n;
    const fg_value *q = n->in[QUERY], *k = operand(n, KEY), *last = operand(n, LAST_KEYS);
    x->heads = fg_attr_int(n, "num_heads", 0);
    x->kv_heads = fg_attr_int(n, "kv_num_heads", 0);
    if (x->heads < 1 || x->kv_heads < 1 || x->heads > INT_MAX || x->heads % x->kv_heads != 0 ||
        q->shape.rank != 3 || (k == NULL) != (operand(n, VALUE) == NULL)) {
        bad_operands(x, "heads, queries and keys");
    }
    x->batch = q->shape.dim[0];
    x->tokens = q->shape.dim[1];
    const int64_t parts = x->heads + (k == NULL ? 2 * x->kv_heads : 0), width = q->shape.dim[2];
    x->head = width / parts;
    const fg_shape own = {3, {x->batch, x->tokens, x->kv_heads * x->head}};
    if (x->head < 1 || width % parts != 0 || x->tokens < 1 ||
        (k != NULL && (!fg_shape_equal(&k->shape, &own) || !fg_shape_equal(&n->in[VALUE]->shape, &own) ||
                       k->dtype != q->dtype || n->in[VALUE]->dtype != q->dtype))) {
        bad_operands(x, "queries, keys and values");
    }
    if (last == NULL || last->dtype != FG_INT32 || fg_shape_count(&last->shape) != x->batch ||
        operand(n, TOTAL) == NULL || fg_shape_count(&n->in[TOTAL]->shape) != 1) {
        bad_operands(x, "the lengths");
    }
    const fg_value *past = operand(n, PAST_KEY);
    x->past = past != NULL && past->shape.rank == 4 ? past->shape.dim[2] : 0;
    fg_require_const(ctx, n, TOTAL, "total_sequence_length");
    const int64_t total = fg_const_int(n->in[TOTAL], 0);
    x->total = total > x->past ? total : x->past;
    if (!is_cache(x, past, x->past) || !is_cache(x, operand(n, PAST_VALUE), x->past) ||
        x->tokens > x->total) {
        bad_operands(x, "caches and lengths");
    }
    (void)fg_checked_product(ctx, 4, (int64_t[]){x->batch, x->heads, x->tokens, x->total});
}

/* A prompt begins the cache; else the new keys are the last ones. */
static fg_value *written(const grouped *x) {
    const bool prompt = fg_const_int(x->n->in[TOTAL], 0) == x->tokens;
    int64_t *zeros = FG_ARRAY(x->g->ctx, x->batch + 1, int64_t);
    if (prompt) {
        return list(x, 1, &x->batch, zeros);
    }
    const int64_t shift = 1 - x->tokens, least = 0, most = x->total - x->tokens;
    fg_bound_index(x->n->in[LAST_KEYS], x->total);
    fg_value *places = reshaped(x, as_int64(x, x->n->in[LAST_KEYS]), 1, &x->batch);
    places = binary(x, "Add", places, fg_put_ints(x->g, x->n, -1, &shift));
    places = put_as(x, "", "Max", 13, 2, (fg_value *[]){places, fg_put_ints(x->g, x->n, -1, &least)});
    return put_as(x, "", "Min", 13, 2, (fg_value *[]){places, fg_put_ints(x->g, x->n, -1, &most)});
}

/* ---- queries, keys, values ---- */

static void take_apart(const grouped *x, fg_value **part) {
    if (operand(x->n, KEY) != NULL) {
        memcpy(part, x->n->in, 3 * sizeof *part);
        return;
    }
    const int64_t width[] = {x->heads * x->head, x->kv_heads * x->head, x->kv_heads * x->head};
    fg_put_split(x->g, x->n, x->n->in[QUERY], 2, 3, width, part);
}

/* Batch x heads x tokens x size, rotated by the places of the tokens where that is asked for. */
static fg_value *by_heads(const grouped *x, fg_value *v, int64_t heads, fg_value *positions) {
    const int64_t dim[] = {x->batch, x->tokens, heads, x->head};
    if (positions != NULL) {
        fg_value *in[] = {v, positions, x->n->in[COSINES], x->n->in[SINES]};
        v = put_as(x, MS, "RotaryEmbedding", 1, 4, in);
        fg_put_int(x->g, v, "interleaved", fg_attr_int(x->n, "rotary_interleaved", 0));
        fg_put_int(x->g, v, "num_heads", heads);
        fg_put_int(x->g, v, "rotary_embedding_dim",
                   x->n->in[COSINES]->shape.rank == 2 ? 2 * x->n->in[COSINES]->shape.dim[1] : 0);
    }
    return transposed(x, reshaped(x, v, 4, dim));
}

static fg_value *positions_of(const grouped *x) {
    if (fg_attr_int(x->n, "do_rotary", 0) == 0) {
        return NULL;
    }
    if (operand(x->n, COSINES) == NULL || operand(x->n, SINES) == NULL) {
        bad_operands(x, "attribute do_rotary and tables of cosines and sines");
    }
    if (operand(x->n, POSITIONS) != NULL) {
        return x->n->in[POSITIONS];
    }
    const int64_t column[] = {x->batch, 1}, row[] = {1, x->tokens};
    int64_t *places = FG_ARRAY(x->g->ctx, x->tokens + 1, int64_t);
    for (int64_t i = 0; i < x->tokens; i++) {
        places[i] = i;
    }
    return binary(x, "Add", reshaped(x, x->written, 2, column), list(x, 2, row, places));
}

/* What was there, room up to the whole length, and the new elements in their places. */
static fg_value *extended(const grouped *x, fg_value *past, fg_value *added) {
    const fg_dtype t = x->n->in[QUERY]->dtype;
    const fg_shape room = {4, {x->batch, x->kv_heads, x->total - x->past, x->head}};
    if (x->past == 0 && x->total == x->tokens) {
        return added;
    }
    if (x->past < x->total) {
        void *zeros = fg_big_alloc(x->g->ctx, fg_dtype_bytes(t, fg_shape_count(&room)) + 1);
        fg_value *rest =
            fg_graph_const(x->g, fg_format(x->g->ctx, "%s/room", fg_node_label(x->n)), t, &room, zeros);
        if (past != NULL && x->past > 0) {
            past = put_as(x, "", "Concat", 13, 2, (fg_value *[]){past, rest});
            fg_put_int(x->g, past, "axis", 2);
        } else {
            past = rest;
        }
    }
    fg_value *all = put_as(x, "", "TensorScatter", 24, 3, (fg_value *[]){past, added, x->written});
    fg_put_int(x->g, all, "axis", 2);
    return all;
}

/* Which keys a token sees: those up to its own place and, in a window, not too far behind it. */
static fg_value *seen(const grouped *x) {
    const int64_t dim[] = {x->tokens, x->total}, column[] = {x->batch, 1, 1, 1};
    const int64_t window = fg_attr_int(x->n, "local_window_size", -1);
    const int64_t n = fg_checked_product(x->g->ctx, 2, dim);
    int64_t *ahead = FG_ARRAY(x->g->ctx, n + 1, int64_t);
    for (int64_t i = 0; i < n; i++) {
        ahead[i] = i % x->total - i / x->total;
    }
    fg_value *written = reshaped(x, x->written, 4, column), *places = list(x, 2, dim, ahead);
    fg_value *mask = put_as(x, "", "LessOrEqual", 16, 2, (fg_value *[]){places, written});
    if (window < 0 || window >= x->total) {
        return mask;
    }
    for (int64_t i = 0; i < n; i++) {
        ahead[i] += window;
    }
    fg_value *near = put_as(x, "", "Greater", 13, 2, (fg_value *[]){list(x, 2, dim, ahead), written});
    return put_as(x, "", "And", 7, 2, (fg_value *[]){mask, near});
}

static void infer_grouped(fg_context *ctx, fg_graph *g, fg_node *n) {
    grouped x = {.g = g, .n = n};
    fg_value *part[3];
    refuse_others(ctx, n);
    read_sizes(ctx, &x);
    x.written = written(&x);
    take_apart(&x, part);
    fg_value *positions = positions_of(&x);
    fg_value *q = by_heads(&x, part[0], x.heads, positions);
    fg_value *k = extended(&x, operand(n, PAST_KEY), by_heads(&x, part[1], x.kv_heads, positions));
    fg_value *v = extended(&x, operand(n, PAST_VALUE), by_heads(&x, part[2], x.kv_heads, NULL));
    fg_value *y = put_as(&x, "", "Attention", 23, 4, (fg_value *[]){q, k, v, seen(&x)});
    const double scale = (double)fg_attr_float(n, "scale", 0);
    if (scale != 0) {
        fg_node_set_attr(ctx, y->producer, "scale", FG_ATTR_FLOAT)->f = (float)scale;
    }
    fg_node_set_attr(ctx, y->producer, "softcap", FG_ATTR_FLOAT)->f = fg_attr_float(n, "softcap", 0);
    const int64_t joined[] = {x.batch, x.tokens, x.heads * x.head};
    fg_put_output(g, n, 0, reshaped(&x, transposed(&x, y), 3, joined));
    fg_put_output(g, n, 1, k);
    fg_put_output(g, n, 2, v);
    fg_replaced(n);
}

const fg_op fg_ops_grouped_query[] = {
    {.name = "GroupQueryAttention",
     .domain = MS,
     .since = 1,
     .min_in = 1,
     .max_in = 14,
     .max_out = 3,
     .types = FG_T_FLOATS,
     .infer = infer_grouped,
     .note = "total_sequence_length must be constant; no bias, sinks or quantised cache"},
};
const int fg_ops_grouped_query_count = FG_COUNT(fg_ops_grouped_query);
