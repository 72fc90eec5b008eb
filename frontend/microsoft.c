/* What operands and attributes of com.microsoft's operators ask for; see microsoft.h. */
#include "frontend/microsoft.h"

#include <math.h>
#include <string.h>

static fg_value *operand(const fg_node *n, int i) {
    return i >= 0 && i < n->n_in ? n->in[i] : NULL;
}

static int present(const fg_node *n, int i) {
    return operand(n, i) != NULL ? i : -1;
}

_Noreturn static void bad_shape(fg_context *ctx, const fg_value *v) {
    fg_raise(ctx, FG_BAD_MODEL, "operand '%s' of shape %s does not go with the others", v->name,
             fg_shape_text(ctx, &v->shape));
}

static void need_shape(fg_context *ctx, const fg_value *v, int rank, const int64_t *dim) {
    bool same = v->shape.rank == rank;
    for (int d = 0; d < rank && same; d++) {
        same = v->shape.dim[d] == dim[d];
    }
    if (!same) {
        bad_shape(ctx, v);
    }
}

static void refuse_attribute(fg_context *ctx, const fg_node *n, const char *name) {
    if (fg_attr_int(n, name, 0) != 0) {
        fg_blame_attribute(ctx, name);
        fg_raise(ctx, FG_UNSUPPORTED, "attribute %s other than 0 is not supported", name);
    }
}

static void refuse_operand(fg_context *ctx, const fg_node *n, int i, const char *what) {
    if (operand(n, i) != NULL) {
        fg_raise(ctx, FG_UNSUPPORTED, "operand '%s' (%s) is not supported", n->in[i]->name, what);
    }
}

static void same_types(fg_context *ctx, const fg_node *n, const int *operands, int count) {
    for (int i = 0; i < count; i++) {
        const fg_value *v = operand(n, operands[i]);
        if (v != NULL && v->dtype != n->in[0]->dtype) {
            fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is %s, operand '%s' is %s; both must be of one type",
                     n->in[0]->name, fg_dtype_get(n->in[0]->dtype)->name, v->name,
                     fg_dtype_get(v->dtype)->name);
        }
    }
}

/* ---- attention ---- */

static int64_t heads_of(fg_context *ctx, const fg_node *n, const int64_t *width) {
    const int64_t heads = fg_attr_int(n, "num_heads", 0);
    for (int i = 0; i < 3; i++) {
        if (heads < 1 || width[i] < 1 || width[i] % heads != 0) {
            fg_blame_attribute(ctx, "num_heads");
            fg_raise(ctx, FG_BAD_MODEL, "%lld elements cannot be divided into %lld heads",
                     (long long)width[i], (long long)heads);
        }
    }
    return heads;
}

static void read_common(fg_context *ctx, const fg_node *n, fg_ms_attention *m) {
    fg_attention *a = &m->a;
    a->packed = true;
    a->left = a->right = -1;
    a->q_heads = a->kv_heads = heads_of(ctx, n, m->width);
    a->head = m->width[0] / a->q_heads;
    a->v_head = m->width[2] / a->q_heads;
    const double scale = (double)fg_attr_float(n, "scale", 0);
    a->scale = scale == 0 ? 1 / sqrt((double)a->head) : scale;
    m->filter = (double)fg_attr_float(n, "mask_filter_value", -10000);
    m->unidirectional = fg_attr_int(n, "unidirectional", 0) != 0;
    if (m->width[0] != m->width[1] || !isfinite(scale) || isnan(m->filter)) {
        fg_raise(ctx, FG_BAD_MODEL,
                 "queries of %lld and keys of %lld elements, scale %g, mask_filter_value %g",
                 (long long)m->width[0], (long long)m->width[1], scale, m->filter);
    }
}

static void read_mask(fg_context *ctx, const fg_node *n, fg_ms_attention *m) {
    const fg_attention *a = &m->a;
    const fg_value *v = operand(n, m->mask), *added = operand(n, m->added);
    const int64_t rows[] = {a->batch, a->q_len, a->total};
    m->form = FG_KEYS_ALL;
    if (v != NULL) {
        if (v->dtype != FG_INT32) {
            fg_raise(ctx, FG_BAD_MODEL, "mask '%s' is %s, not int32", v->name, fg_dtype_get(v->dtype)->name);
        }
        const int64_t first = v->shape.rank > 0 ? v->shape.dim[0] : 0;
        if (v->shape.rank == 1 && (first == a->batch || first == 2 * a->batch)) {
            m->form = first == a->batch ? FG_KEYS_BEFORE : FG_KEYS_WITHIN;
        } else if (v->shape.rank == 2 && first == a->batch && v->shape.dim[1] == a->total) {
            m->form = FG_KEYS_MARKED;
        } else if (v->shape.rank == 3) {
            need_shape(ctx, v, 3, rows);
            m->form = FG_KEYS_BY_ROW;
        } else {
            fg_raise(ctx, FG_UNSUPPORTED,
                     "mask '%s' of shape %s; supported are (batch), (2 * batch), "
                     "(batch, keys) and (batch, queries, keys)",
                     v->name, fg_shape_text(ctx, &v->shape));
        }
    }
    const int64_t full[] = {a->batch, a->q_heads, a->q_len, a->total};
    for (int d = 0; added != NULL && d < 4; d++) {
        if (added->shape.rank != 4 ||
            (added->shape.dim[d] != full[d] && (d > 1 || added->shape.dim[d] != 1))) {
            bad_shape(ctx, added);
        }
    }
}

void fg_ms_attention_plan(fg_context *ctx, const fg_node *n, fg_ms_attention *m) {
    static const int of_one_type[] = {1, 2, 4, 5};
    *m = (fg_ms_attention){.mask = present(n, 3), .added = present(n, 5)};
    m->past[0] = m->past[1] = present(n, 4);
    refuse_operand(ctx, n, 6, "past_sequence_length");
    refuse_attribute(ctx, n, "do_rotary");
    refuse_attribute(ctx, n, "past_present_share_buffer");
    same_types(ctx, n, of_one_type, (int)FG_COUNT(of_one_type));
    const fg_value *x = n->in[0], *w = n->in[1], *past = operand(n, 4);
    if (x->shape.rank != 3 || w->shape.rank != 2 || w->shape.dim[0] != x->shape.dim[2]) {
        bad_shape(ctx, w);
    }
    m->width[0] = m->width[1] = m->width[2] = w->shape.dim[1] / 3;
    (void)fg_attr_ints(ctx, n, "qkv_hidden_sizes", 3, m->width);
    for (int i = 0; i < 3; i++) {
        if (m->width[i] < 1 || m->width[i] > w->shape.dim[1]) {
            bad_shape(ctx, w);
        }
    }
    if (m->width[0] + m->width[1] + m->width[2] != w->shape.dim[1]) {
        bad_shape(ctx, w);
    }
    if (operand(n, 2) != NULL) {
        need_shape(ctx, n->in[2], 1, &w->shape.dim[1]);
    }
    read_common(ctx, n, m);
    m->a.batch = x->shape.dim[0];
    m->a.q_len = m->a.kv_len = x->shape.dim[1];
    if (past != NULL) {
        m->a.past = past->shape.rank == 5 ? past->shape.dim[3] : 0;
        const int64_t p[] = {2, m->a.batch, m->a.kv_heads, m->a.past, m->a.head};
        need_shape(ctx, past, 5, p);
        if (m->a.head != m->a.v_head) {
            bad_shape(ctx, past);
        }
    }
    m->a.total = m->a.past + m->a.kv_len;
    read_mask(ctx, n, m);
}

/* Keys or values: batch x length x width, or by heads. */
static int64_t length_of(fg_context *ctx, const fg_node *n, int i, fg_ms_attention *m) {
    const fg_shape *s = &n->in[i]->shape;
    if ((s->rank != 3 && s->rank != 4) || s->dim[0] != m->a.batch) {
        bad_shape(ctx, n->in[i]);
    }
    m->heads_given[i] = s->rank == 4;
    m->width[i] = s->rank == 4 ? s->dim[1] * s->dim[3] : s->dim[2];
    return s->rank == 4 ? s->dim[2] : s->dim[1];
}

void fg_multi_head_plan(fg_context *ctx, const fg_node *n, fg_ms_attention *m) {
    static const int of_one_type[] = {1, 2, 3, 5, 6, 7};
    *m = (fg_ms_attention){
        .mask = present(n, 4), .added = present(n, 5), .past = {present(n, 6), present(n, 7)}};
    refuse_operand(ctx, n, 8, "past_sequence_length");
    refuse_operand(ctx, n, 9, "cache_indirection");
    same_types(ctx, n, of_one_type, (int)FG_COUNT(of_one_type));
    if (operand(n, 1) == NULL || operand(n, 2) == NULL || n->in[0]->shape.rank != 3) {
        fg_raise(ctx, FG_UNSUPPORTED,
                 "queries, keys and values are neither three operands nor packed by heads");
    }
    m->a.batch = n->in[0]->shape.dim[0];
    m->a.q_len = length_of(ctx, n, 0, m);
    m->a.kv_len = length_of(ctx, n, 1, m);
    if (length_of(ctx, n, 2, m) != m->a.kv_len || (m->past[0] < 0) != (m->past[1] < 0)) {
        bad_shape(ctx, n->in[2]);
    }
    read_common(ctx, n, m);
    for (int i = 1; i < 3; i++) {
        if (m->heads_given[i] && n->in[i]->shape.dim[1] != m->a.kv_heads) {
            bad_shape(ctx, n->in[i]);
        }
    }
    const fg_value *bias = operand(n, 3), *key = operand(n, 6), *value = operand(n, 7);
    if (bias != NULL) {
        const int64_t all = m->width[0] + m->width[1] + m->width[2];
        if (m->heads_given[1] || m->heads_given[2]) {
            fg_raise(ctx, FG_UNSUPPORTED, "a bias of keys that come by heads is not supported");
        }
        need_shape(ctx, bias, 1, &all);
    }
    if (key != NULL) {
        m->a.past = key->shape.rank == 4 ? key->shape.dim[2] : 0;
        const int64_t k[] = {m->a.batch, m->a.kv_heads, m->a.past, m->a.head};
        const int64_t v[] = {m->a.batch, m->a.kv_heads, m->a.past, m->a.v_head};
        need_shape(ctx, key, 4, k);
        need_shape(ctx, value, 4, v);
    }
    m->a.total = m->a.past + m->a.kv_len;
    if (m->a.total < 1) {
        bad_shape(ctx, n->in[1]);
    }
    read_mask(ctx, n, m);
}

/* ---- RotaryEmbedding ---- */

void fg_ms_rotary_plan(fg_context *ctx, const fg_node *n, fg_rotary *r) {
    refuse_attribute(ctx, n, "is_packed_batching");
    if (fg_attr_float(n, "scale", 1) != 1.0F) {
        fg_blame_attribute(ctx, "scale");
        fg_raise(ctx, FG_UNSUPPORTED, "attribute scale other than 1 is not supported");
    }
    *r = (fg_rotary){.cosines = 2, .sines = 3, .positions = 1};
    const fg_shape *p = &n->in[1]->shape, *c = &n->in[2]->shape;
    r->offset = fg_shape_count(p) == 1 && p->rank < 2;
    if (c->rank != 2) {
        bad_shape(ctx, n->in[2]);
    }
    fg_rotary_read(ctx, n, r,
                   n->in[0]->shape.rank == 3 && c->dim[1] > 0 ? n->in[0]->shape.dim[2] / (2 * c->dim[1]) : 0);
}

/* ---- activations ---- */

fg_activation fg_fused_activation(fg_context *ctx, const fg_node *n) {
    static const struct {
        const char *name, *attr[2];
        double otherwise[2];
    } known[] = {
        {"Relu", {NULL, NULL}, {0, 0}},
        {"Sigmoid", {NULL, NULL}, {0, 0}},
        {"Tanh", {NULL, NULL}, {0, 0}},
        {"LeakyRelu", {"activation_alpha", NULL}, {0.01, 0}},
        {"HardSigmoid", {"activation_alpha", "activation_beta"}, {0.2, 0.5}},
        {"Clip", {"activation_alpha", "activation_beta"}, {-3.4028234663852886e+38, 3.4028234663852886e+38}},
    };
    fg_activation a = {NULL, {0, 0}};
    const char *name = fg_attr_string(n, "activation", "");
    const fg_attr *list = fg_attr_of(n, "activation_params", FG_ATTR_FLOATS);
    if (*name == '\0') {
        return a;
    }
    for (size_t i = 0; i < FG_COUNT(known); i++) {
        if (strcmp(name, known[i].name) != 0) {
            continue;
        }
        a.op = known[i].name;
        for (int k = 0; k < 2; k++) {
            a.parameter[k] = known[i].otherwise[k];
            if (list != NULL && k < list->n) {
                a.parameter[k] = (double)list->floats[k];
            } else if (known[i].attr[k] != NULL) {
                a.parameter[k] = (double)fg_attr_float(n, known[i].attr[k], (float)a.parameter[k]);
            }
            if (isnan(a.parameter[k])) {
                fg_raise(ctx, FG_BAD_MODEL, "parameter %d of the activation is not a number", k);
            }
        }
        return a;
    }
    fg_blame_attribute(ctx, "activation");
    fg_raise(ctx, FG_UNSUPPORTED, "activation '%.30s' is not supported", name);
}
