/* What the operands and attributes of operators on token sequences ask for: RotaryEmbedding,
 * CausalConvWithState, LinearAttention. See attention.h. */
#include <math.h>
#include <string.h>

#include "frontend/attention.h"

static void need_shape(fg_context *ctx, const fg_value *v, int rank, const int64_t *dim) {
    fg_shape want = {.rank = rank};
    memcpy(want.dim, dim, (size_t)rank * sizeof *dim);
    if (!fg_shape_equal(&v->shape, &want)) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' of shape %s must be %s", v->name,
                 fg_shape_text(ctx, &v->shape), fg_shape_text(ctx, &want));
    }
}

static const fg_value *operand(const fg_node *n, int i) {
    return i >= 0 && i < n->n_in ? n->in[i] : NULL;
}

static void same_type(fg_context *ctx, const fg_node *n, int i) {
    const fg_value *v = operand(n, i);
    if (v != NULL && v->dtype != n->in[0]->dtype) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is %s, operand '%s' is %s; both must be of one type",
                 n->in[0]->name, fg_dtype_get(n->in[0]->dtype)->name, v->name, fg_dtype_get(v->dtype)->name);
    }
}

/* ---- RotaryEmbedding ---- */

_Noreturn static void bad_attribute(fg_context *ctx, const char *attr, int64_t value) {
    fg_blame_attribute(ctx, attr);
    fg_raise(ctx, FG_BAD_MODEL, "%lld does not go with the operands' shapes", (long long)value);
}

/* otherwise: heads of a packed input where the attribute does not say; 0: it must. */
static void read_rotary_input(fg_context *ctx, const fg_node *n, fg_rotary *r, int64_t otherwise) {
    const fg_shape *x = &n->in[0]->shape;
    if (x->rank < 3 || x->rank > 4) {
        fg_raise(ctx, FG_BAD_MODEL, "input of shape %s must have 3 or 4 dimensions", fg_shape_text(ctx, x));
    }
    r->packed = x->rank == 3;
    r->batch = x->dim[0];
    int64_t heads = fg_attr_int(n, "num_heads", 0);
    heads = heads == 0 ? otherwise : heads;
    if (r->packed && (heads < 1 || x->dim[2] % heads != 0)) {
        bad_attribute(ctx, "num_heads", heads);
    }
    r->heads = r->packed ? heads : x->dim[1];
    r->length = r->packed ? x->dim[1] : x->dim[2];
    r->size = r->packed ? x->dim[2] / heads : x->dim[3];
    const int64_t rotated = fg_attr_int(n, "rotary_embedding_dim", 0);
    r->rotated = rotated == 0 ? r->size : rotated;
    if (r->rotated < 0 || r->rotated > r->size || r->rotated % 2 != 0) {
        bad_attribute(ctx, "rotary_embedding_dim", r->rotated);
    }
    r->interleaved = fg_attr_int(n, "interleaved", 0) != 0;
}

static void check_rotary_caches(fg_context *ctx, const fg_node *n, const fg_rotary *r) {
    const int caches[] = {r->cosines, r->sines};
    for (int i = 0; i < 2; i++) {
        const fg_value *c = n->in[caches[i]];
        const int64_t rows[] = {r->batch, r->length, r->rotated / 2};
        const int64_t table[] = {c->shape.dim[0], r->rotated / 2};
        same_type(ctx, n, caches[i]);
        if (r->positions < 0) {
            need_shape(ctx, c, 3, rows);
        } else {
            need_shape(ctx, c, 2, table);
        }
    }
    if (r->positions < 0) {
        return;
    }
    const fg_value *p = n->in[r->positions];
    const int64_t each[] = {r->batch, r->length};
    if (p->dtype != FG_INT64) {
        fg_raise(ctx, FG_BAD_MODEL, "positions '%s' are %s, not int64", p->name,
                 fg_dtype_get(p->dtype)->name);
    }
    if (r->offset) {
        return;
    }
    need_shape(ctx, p, 2, each);
}

void fg_rotary_read(fg_context *ctx, const fg_node *n, fg_rotary *r, int64_t heads) {
    read_rotary_input(ctx, n, r, heads);
    check_rotary_caches(ctx, n, r);
}

void fg_rotary_plan(fg_context *ctx, const fg_node *n, fg_rotary *r) {
    *r = (fg_rotary){.cosines = 1, .sines = 2, .positions = operand(n, 3) != NULL ? 3 : -1};
    fg_rotary_read(ctx, n, r, 0);
}

/* ---- CausalConvWithState ---- */

bool fg_causal_conv_silu(fg_context *ctx, const fg_node *n) {
    const char *name = fg_attr_string(n, "activation", "none");
    const bool silu = strcmp(name, "silu") == 0 || strcmp(name, "swish") == 0;
    if (!silu && strcmp(name, "none") != 0) {
        fg_blame_attribute(ctx, "activation");
        fg_raise(ctx, FG_BAD_MODEL, "activation '%.20s' is not one of silu, swish, none", name);
    }
    return silu;
}

/* ---- LinearAttention ---- */

enum { QUERY, KEY, VALUE, STATE, DECAY, BETA };

static void read_rule(fg_context *ctx, const fg_node *n, fg_linear *l) {
    static const char *const rules[] = {"linear", "gated", "delta", "gated_delta"};
    const char *rule = fg_attr_string(n, "update_rule", "gated_delta");
    size_t i = 0;
    while (i < FG_COUNT(rules) && strcmp(rule, rules[i]) != 0) {
        i++;
    }
    if (i == FG_COUNT(rules)) {
        fg_blame_attribute(ctx, "update_rule");
        fg_raise(ctx, FG_BAD_MODEL, "'%.20s' is not one of linear, gated, delta, gated_delta", rule);
    }
    l->gated = i == 1 || i == 3;
    l->delta = i >= 2;
    if (l->gated != (operand(n, DECAY) != NULL) || l->delta != (operand(n, BETA) != NULL)) {
        fg_raise(ctx, FG_BAD_MODEL, "update_rule '%s' goes with%s decay and with%s beta", rule,
                 l->gated ? "" : "out", l->delta ? "" : "out");
    }
}

static void read_heads(fg_context *ctx, const fg_node *n, fg_linear *l) {
    l->q_heads = fg_attr_int(n, "q_num_heads", 0);
    l->kv_heads = fg_attr_int(n, "kv_num_heads", 0);
    for (int i = QUERY; i <= VALUE; i++) {
        const int64_t heads = i == QUERY ? l->q_heads : l->kv_heads;
        const fg_shape *s = &n->in[i]->shape;
        same_type(ctx, n, i);
        if (s->rank != 3 || heads < 1 || s->dim[2] % heads != 0) {
            fg_raise(ctx, FG_BAD_MODEL, "operand '%s' of shape %s is not batch x length x (%lld heads)",
                     n->in[i]->name, fg_shape_text(ctx, s), (long long)heads);
        }
    }
    if (l->q_heads % l->kv_heads != 0) {
        bad_attribute(ctx, "q_num_heads", l->q_heads);
    }
    l->batch = n->in[QUERY]->shape.dim[0];
    l->length = n->in[QUERY]->shape.dim[1];
    l->head = n->in[QUERY]->shape.dim[2] / l->q_heads;
    l->v_head = n->in[VALUE]->shape.dim[2] / l->kv_heads;
    const int64_t key[] = {l->batch, l->length, l->kv_heads * l->head};
    const int64_t value[] = {l->batch, l->length, l->kv_heads * l->v_head};
    need_shape(ctx, n->in[KEY], 3, key);
    need_shape(ctx, n->in[VALUE], 3, value);
}

static void read_gates(fg_context *ctx, const fg_node *n, fg_linear *l) {
    const fg_value *state = operand(n, STATE), *decay = operand(n, DECAY), *beta = operand(n, BETA);
    same_type(ctx, n, DECAY);
    same_type(ctx, n, BETA);
    if (state != NULL) {
        const int64_t s[] = {l->batch, l->kv_heads, l->head, l->v_head};
        need_shape(ctx, state, 4, s);
        if ((FG_T(state->dtype) & (FG_T(FG_FLOAT) | FG_T(FG_FLOAT16) | FG_T(FG_BFLOAT16))) == 0) {
            fg_raise(ctx, FG_BAD_MODEL, "state '%s' is %s", state->name, fg_dtype_get(state->dtype)->name);
        }
    }
    if (decay != NULL) {
        l->decay_by_element = decay->shape.rank == 3 && decay->shape.dim[2] != l->kv_heads;
        const int64_t d[] = {l->batch, l->length, l->kv_heads * (l->decay_by_element ? l->head : 1)};
        need_shape(ctx, decay, 3, d);
    }
    if (beta != NULL) {
        l->beta_by_head = beta->shape.rank == 3 && beta->shape.dim[2] != 1;
        const int64_t b[] = {l->batch, l->length, l->beta_by_head ? l->kv_heads : 1};
        need_shape(ctx, beta, 3, b);
    }
}

void fg_linear_plan(fg_context *ctx, const fg_node *n, fg_linear *l) {
    *l = (fg_linear){.batch = 0};
    read_rule(ctx, n, l);
    read_heads(ctx, n, l);
    read_gates(ctx, n, l);
    if (l->head == 0 || l->v_head == 0) {
        fg_raise(ctx, FG_UNSUPPORTED, "attention with heads of no elements");
    }
    const double scale = (double)fg_attr_float(n, "scale", 0);
    if (!isfinite(scale)) {
        fg_blame_attribute(ctx, "scale");
        fg_raise(ctx, FG_BAD_MODEL, "the attribute must be a finite number");
    }
    l->scale = scale == 0 ? 1 / sqrt((double)l->head) : scale;
}
