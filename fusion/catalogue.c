#include "fusion/catalogue.h"

#include <string.h>

#include "fusion/classes.h"
#include "fusion/patterns.h"
#include "fusion/rewrite.h"

/* What turns a product into another number, in place of scaling, shifting or joining it. */
static bool is_activation(const fg_node *n) {
    return fg_is_elementwise(n) && !fg_is_one_of(n, "Add Sub Mul Div Neg Identity BatchNormalization");
}

/* The tensor that n adds to the chain whose value so far is `chain`; NULL: none. */
static fg_value *residual_of(const fg_node *n, const fg_value *chain) {
    if (!fg_is_op(n, "Add") || n->n_in != 2) {
        return NULL;
    }
    for (int i = 0; i < 2; i++) {
        fg_value *other = n->in[1 - i];
        if (n->in[i] == chain && other->data == NULL && fg_shape_equal(&other->shape, &chain->shape)) {
            return other;
        }
    }
    return NULL;
}

typedef struct chain_facts {
    fg_value *residual;
    bool activated;
} chain_facts;

static chain_facts facts_of(const fg_stage *s) {
    chain_facts f = {0};
    const fg_value *at = s->anchor != NULL ? s->anchor->out[0] : NULL;
    for (int i = 0; i < s->n_epilogue; i++) {
        const fg_node *n = s->epilogue[i];
        if (f.residual == NULL && at != NULL) {
            f.residual = residual_of(n, at);
        }
        f.activated = f.activated || is_activation(n);
        at = n->out[0];
    }
    return f;
}

static bool is_linear(const fg_node *n) {
    return n != NULL && (fg_is_gemm(n) || fg_is_one_of(n, "Gemm"));
}

static bool is_pixel(const fg_value *v) {
    return v->shape.rank == 4 && v->shape.dim[2] == 1 && v->shape.dim[3] == 1;
}

/* A Gemm on a flattened (N, C, 1, 1): what the catalogue converts to a 1x1 convolution. */
static bool is_converted(const fg_node *n) {
    const fg_node *view = n->in[0]->producer;
    return view != NULL && fg_is_view(view) && is_pixel(view->in[0]);
}

static bool is_stem(const fg_kernel *k) {
    const fg_node *conv = k->stage[0].anchor, *pool = k->n_stages == 2 ? k->stage[1].anchor : NULL;
    if (!fg_is_op(conv, "Conv") || !fg_is_op(pool, "MaxPool")) {
        return false;
    }
    const fg_shape *w = &conv->in[1]->shape;
    return w->rank == 4 && w->dim[1] == 3 && w->dim[2] == 7 && w->dim[3] == 7 &&
           facts_of(&k->stage[0]).activated;
}

static bool is_attention(const fg_node *n) {
    return fg_is_one_of(n, "Attention ScaledDotProductAttention");
}

/* Attention spelled out: scores, softmax, sum of values. */
static bool weighs_values(const fg_kernel *k) {
    return k->n_stages == 3 && fg_is_op(k->stage[0].anchor, "MatMul") &&
           fg_is_op(k->stage[1].anchor, "Softmax") && fg_is_op(k->stage[2].anchor, "MatMul");
}

/* One of the two products of attention spelled out: of computed matrices, before or behind a softmax. */
static bool is_part_of_attention(const fg_node *n) {
    if (!fg_is_op(n, "MatMul") || n->in[0]->data != NULL || n->in[1]->data != NULL) {
        return false;
    }
    if (fg_is_op(n->in[0]->producer, "Softmax")) {
        return true;
    }
    for (int step = 0; step < 8 && n->out[0]->n_users == 1; step++) {
        n = n->out[0]->users[0];
        if (fg_is_op(n, "Softmax")) {
            return true;
        }
        if (!fg_is_elementwise(n)) {
            return false;
        }
    }
    return false;
}

/* A product that nothing but attention reads, directly or through views and splits. */
static bool feeds_attention(const fg_value *v, int depth) {
    if (v->is_output || v->n_users == 0 || depth == 0) {
        return false;
    }
    for (int i = 0; i < v->n_users; i++) {
        const fg_node *n = v->users[i];
        if (is_attention(n) || is_part_of_attention(n)) {
            continue;
        }
        if (!fg_is_one_of(n, "Reshape Transpose Squeeze Unsqueeze Split Slice Gather")) {
            return false;
        }
        for (int o = 0; o < n->n_out; o++) {
            if (n->out[o] != NULL && !feeds_attention(n->out[o], depth - 1)) {
                return false;
            }
        }
    }
    return true;
}

static const char *stage_name(const fg_stage *s) {
    const fg_node *a = s->anchor;
    if (a == NULL) {
        return NULL;
    }
    const chain_facts f = facts_of(s);
    const bool conv = fg_is_op(a, "Conv") || (is_linear(a) && is_converted(a));
    if (conv && f.residual != NULL) {
        return f.activated ? "ConvBNAddAct" : "ConvBNAdd";
    }
    if (conv) {
        return f.activated ? "ConvBNAct" : "ConvBN";
    }
    if (is_linear(a)) {
        return feeds_attention(fg_stage_result(s), 6) ? "MHAInProjection"
               : f.activated                          ? "LinearAct"
                                                      : "Linear";
    }
    if (fg_is_op(a, "GlobalAveragePool")) {
        return "AdaptiveAvgPool";
    }
    if (is_attention(a)) {
        return "ScaledDotProductAttention";
    }
    return fg_is_op(a, "LayerNormalization") ? "LayerNorm" : NULL;
}

int fg_catalogue_names(const fg_kernel *k, const char *names[FG_CATALOGUE_MOST]) {
    int n = 0;
    if (is_stem(k)) {
        names[n++] = "StemConvBNActMaxPool";
    } else if (weighs_values(k)) {
        names[n++] = "ScaledDotProductAttention";
    } else {
        for (int i = 0; i < k->n_stages; i++) {
            const char *name = stage_name(&k->stage[i]);
            if (name != NULL) {
                names[n++] = name;
            }
        }
    }
    if (k->tap != NULL && fg_is_op(k->tap, "GlobalAveragePool")) {
        names[n++] = "AdaptiveAvgPool";
    }
    return n;
}

/* ---- quantisation points ---- */

const char *fg_quantise_point_name(fg_quantise_point p) {
    static const char *const names[] = {"INPUT", "RESIDUAL_INPUT", "KEY", "VALUE", "OUTPUT"};
    return names[p];
}

static int add_point(fg_quantise_at *points, int n, fg_quantise_point point, fg_value *v) {
    if (v == NULL || v->data != NULL || n == FG_QUANTISE_MOST) {
        return n;
    }
    for (int i = 0; i < n; i++) {
        if (points[i].point == point && points[i].value == v) {
            return n;
        }
    }
    points[n] = (fg_quantise_at){point, v};
    return n + 1;
}

/* What the first stage reads, before a prologue that is applied as it is loaded. */
static fg_value *main_input(const fg_kernel *k) {
    const fg_node *first = k->n_prologue > 0 ? k->prologue[0] : k->stage[0].anchor;
    if (first == NULL || first->n_in == 0) {
        return NULL;
    }
    for (int i = 0; i < first->n_in; i++) { /* of a scaled image, not the scale */
        if (first->in[i] != NULL && fg_shape_equal(&first->in[i]->shape, &first->out[0]->shape)) {
            return fg_kernel_source(k, first->in[i]);
        }
    }
    return first->in[0] != NULL ? fg_kernel_source(k, first->in[0]) : NULL;
}

static bool has_name(const char *const *names, int n, const char *wanted) {
    for (int i = 0; i < n; i++) {
        if (strcmp(names[i], wanted) == 0) {
            return true;
        }
    }
    return false;
}

int fg_catalogue_points(const fg_kernel *k, fg_quantise_at points[FG_QUANTISE_MOST]) {
    const char *names[FG_CATALOGUE_MOST];
    const int n_names = fg_catalogue_names(k, names);
    int n = 0;
    if (n_names == 0 || has_name(names, n_names, "LayerNorm")) {
        return 0;
    }
    const fg_node *a = k->stage[0].anchor;
    if (is_attention(a)) {
        n = add_point(points, n, FG_QUANTISE_INPUT, fg_kernel_source(k, a->in[0]));
        n = a->n_in > 1 ? add_point(points, n, FG_QUANTISE_KEY, a->in[1]) : n;
        return a->n_in > 2 ? add_point(points, n, FG_QUANTISE_VALUE, a->in[2]) : n;
    }
    if (weighs_values(k)) {
        n = add_point(points, n, FG_QUANTISE_INPUT, a->in[0]);
        n = add_point(points, n, FG_QUANTISE_KEY, a->in[1]);
        return add_point(points, n, FG_QUANTISE_VALUE, k->stage[2].anchor->in[1]);
    }
    n = add_point(points, n, FG_QUANTISE_INPUT, main_input(k));
    for (int i = 0; i < k->n_stages; i++) {
        n = add_point(points, n, FG_QUANTISE_RESIDUAL_INPUT, facts_of(&k->stage[i]).residual);
    }
    if (has_name(names, n_names, "AdaptiveAvgPool")) {
        fg_value *pooled = k->tap != NULL ? k->tap->out[0] : fg_stage_result(&k->stage[k->n_stages - 1]);
        n = add_point(points, n, FG_QUANTISE_OUTPUT, pooled);
    }
    return n;
}

/* ---- conversions ---- */

/* A pool that hands on what it reads. Global pools lose nothing on one pixel. */
static bool is_identity_pool(const fg_node *n) {
    if (!fg_is_one_of(n, "AveragePool GlobalAveragePool") || n->n_in == 0 || n->n_out == 0) {
        return false;
    }
    if (!fg_shape_equal(&n->in[0]->shape, &n->out[0]->shape)) {
        return false;
    }
    const fg_attr *window = fg_attr_of(n, "kernel_shape", FG_ATTR_INTS);
    for (int i = 0; window != NULL && i < window->n; i++) {
        if (window->ints[i] != 1) {
            return false;
        }
    }
    return true;
}

fg_conversions fg_catalogue_conversions(const fg_graph *read, const fg_partition *p) {
    fg_conversions c = {0};
    for (int i = 0; i < read->n_nodes; i++) {
        c.identity_pool += is_identity_pool(read->nodes[i]);
    }
    for (int i = 0; i < p->n_kernels; i++) {
        c.attention += weighs_values(p->kernels[i]);
        for (int s = 0; s < p->kernels[i]->n_stages; s++) {
            const fg_node *a = p->kernels[i]->stage[s].anchor;
            c.linear_to_conv += a != NULL && is_linear(a) && is_converted(a);
            c.attention += a != NULL && is_attention(a);
        }
    }
    return c;
}
