/* The classes; see classes.h. */
#include "fusion/classes.h"

#include <string.h>

#include "fusion/rewrite.h"

/* A Sum of thousands of operands stands alone: it would be looked at by the producer of each. */
#define MAX_OPERANDS 16

static bool constant_or_absent(const fg_node *n, int from) {
    for (int i = from; i < n->n_in; i++) {
        if (n->in[i] != NULL && (n->in[i]->data == NULL || n->in[i]->dtype != FG_FLOAT)) {
            return false;
        }
    }
    return true;
}

static bool float_result(const fg_node *n) {
    return n->n_out == 1 && fg_is_float32(n->out[0]) && n->n_in > 0 && fg_is_float32(n->in[0]);
}

static bool all_ints(const fg_node *n, const char *attr, int64_t value) {
    const fg_attr *a = fg_attr_of(n, attr, FG_ATTR_INTS);
    for (int i = 0; a != NULL && i < a->n; i++) {
        if (a->ints[i] != value) {
            return false;
        }
    }
    return true;
}

static bool unpadded(const fg_node *n) {
    return strcmp(fg_auto_pad(n), "NOTSET") == 0 ? all_ints(n, "pads", 0)
                                                 : strcmp(fg_auto_pad(n), "VALID") == 0;
}

/* ---- convolutions ---- */

static bool empty(const fg_value *v) {
    return fg_shape_count(&v->shape) == 0;
}

static bool pads_outwards(const fg_node *n) {
    const fg_attr *a = fg_attr_of(n, "pads", FG_ATTR_INTS);
    for (int i = 0; a != NULL && i < a->n; i++) {
        if (a->ints[i] < 0) {
            return false;
        }
    }
    return true;
}

/* With constant weights, over one or two spatial dimensions. */
static bool is_conv(const fg_node *n) {
    if (!fg_is_op(n, "Conv") || !float_result(n) || n->in[0]->data != NULL || !constant_or_absent(n, 1)) {
        return false;
    }
    int rank = n->in[0]->shape.rank;
    return (rank == 3 || rank == 4) && !empty(n->in[0]) && !empty(n->in[1]) && !empty(n->out[0]) &&
           pads_outwards(n);
}

bool fg_is_depthwise_conv(const fg_node *n) {
    if (!is_conv(n) || n->in[0]->shape.rank != 4) {
        return false;
    }
    int64_t group = fg_attr_int(n, "group", 1);
    return group > 1 && group == n->in[0]->shape.dim[1] && group == n->out[0]->shape.dim[1];
}

bool fg_is_dense_conv(const fg_node *n) {
    return is_conv(n) && !fg_is_depthwise_conv(n);
}

static bool is_1x1(const fg_node *n) {
    const fg_shape *w = &n->in[1]->shape;
    return w->rank == 4 && w->dim[2] == 1 && w->dim[3] == 1 && all_ints(n, "strides", 1) &&
           fg_attr_int(n, "group", 1) == 1 && unpadded(n);
}

static bool dense_conv(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_dense_conv(n);
}

static bool depthwise_conv(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_depthwise_conv(n);
}

static bool conv1x1(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_dense_conv(n) && is_1x1(n);
}

/* A 1x1 convolution of single pixels is a fully connected layer. */
static bool fc(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_dense_conv(n) && is_1x1(n) && n->in[0]->shape.dim[2] == 1 && n->in[0]->shape.dim[3] == 1;
}

/* ---- matrices ---- */

static bool row_bias(const fg_value *c, int64_t columns) {
    if (c == NULL) {
        return true;
    }
    const fg_shape *s = &c->shape;
    bool row = s->rank < 2 || (s->rank == 2 && s->dim[0] == 1);
    int64_t last = s->rank > 0 ? s->dim[s->rank - 1] : 1;
    return row && (last == 1 || last == columns);
}

bool fg_is_gemm(const fg_node *n) {
    if (!fg_is_one_of(n, "Gemm MatMul") || !float_result(n) || !constant_or_absent(n, 1) ||
        n->in[0]->data != NULL) {
        return false;
    }
    int rank = n->in[0]->shape.rank;
    if (n->in[1]->shape.rank != 2 || rank < 2 || rank > 4 || empty(n->in[0]) || empty(n->in[1])) {
        return false;
    }
    const fg_shape *to = &n->out[0]->shape;
    return fg_attr_int(n, "transA", 0) == 0 && row_bias(n->n_in > 2 ? n->in[2] : NULL, to->dim[to->rank - 1]);
}

static bool gemm(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_gemm(n);
}

static bool matmul(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_one_of(n, "Gemm MatMul") && float_result(n);
}

/* Scores of attention, or their product with values: of two computed matrices. */
static bool product(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_op(n, "MatMul") && float_result(n) && !fg_is_gemm(n) && n->in[0]->shape.rank >= 2 &&
           n->in[1]->shape.rank >= 2 && !empty(n->in[0]) && !empty(n->in[1]);
}

/* ---- elementwise ---- */

bool fg_is_elementwise(const fg_node *n) {
    if (n->op == NULL || n->op->scalar == NULL || !float_result(n)) {
        return false;
    }
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] != NULL && !fg_is_float32(n->in[i])) {
            return false;
        }
    }
    return true;
}

/* Elements of one step along dimension d - 1. */
static int64_t inner_count(const fg_shape *s, int d) {
    int64_t n = 1;
    for (int i = d; i < s->rank; i++) {
        n *= s->dim[i];
    }
    return n;
}

fg_operand_form fg_operand_form_of(const fg_value *v, const fg_shape *s, fg_channels channels) {
    if (v->data != NULL && fg_shape_count(&v->shape) == 1) {
        return FG_OPERAND_SCALAR;
    }
    int offset = s->rank - v->shape.rank;
    int axis = channels == FG_CHANNELS_LAST ? s->rank - 1 : 1;
    if (offset < 0 || s->rank < 1 || axis >= s->rank) {
        return FG_OPERAND_OTHER;
    }
    /* Constants and values of fewer dimensions lie row-major, but the chain runs along the channels. */
    bool by_channel_first =
        (v->data != NULL || offset > 0) && channels == FG_CHANNELS_SECOND && inner_count(s, 2) != 1;
    bool full = true, channel = true, pixel = channels == FG_CHANNELS_SECOND && s->rank == 4;
    for (int i = 0; i < s->rank; i++) {
        int64_t extent = i < offset ? 1 : v->shape.dim[i - offset];
        if (extent != 1 && extent != s->dim[i]) {
            return FG_OPERAND_OTHER;
        }
        if (i == 0 && channels == FG_CHANNELS_SECOND) {
            continue; /* the same for all images, or one for each */
        }
        full = full && extent == s->dim[i];
        channel = channel && extent == (i == axis ? s->dim[i] : 1);
        pixel = pixel && extent == (i == axis ? 1 : s->dim[i]);
    }
    if (full && !by_channel_first) {
        return FG_OPERAND_FULL;
    }
    if (channel) {
        return FG_OPERAND_CHANNEL;
    }
    return pixel ? FG_OPERAND_PIXEL : FG_OPERAND_OTHER;
}

static bool broadcasts_to(const fg_value *v, const fg_shape *s) {
    int offset = s->rank - v->shape.rank;
    for (int i = 0; i < v->shape.rank; i++) {
        if (offset < 0 || (v->shape.dim[i] != 1 && v->shape.dim[i] != s->dim[i + offset])) {
            return false;
        }
    }
    return true;
}

/* Of the chain itself: its main operand or what it made so far. */
static bool of_chain(const fg_scope *s, const fg_value *v) {
    return v == s->main || s->inside(s->user, v);
}

static bool keeps_shape(const fg_scope *s, const fg_node *n) {
    return n->n_in <= MAX_OPERANDS && fg_is_elementwise(n) && fg_shape_equal(&n->out[0]->shape, &s->shape);
}

static bool ew(const fg_scope *s, const fg_node *n) {
    if (!keeps_shape(s, n)) {
        return false;
    }
    for (int i = 0; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v == NULL || of_chain(s, v)) {
            continue;
        }
        if (v->data == NULL && !s->available(s->user, v)) {
            return false;
        }
        bool fits = s->channels == FG_CHANNELS_ANY
                        ? broadcasts_to(v, &s->shape)
                        : fg_operand_form_of(v, &s->shape, s->channels) != FG_OPERAND_OTHER;
        if (!fits) {
            return false;
        }
    }
    return true;
}

/* Nothing but constants beside the chain. */
static bool with_constants(const fg_scope *s, const fg_node *n, fg_operand_form largest) {
    if (!keeps_shape(s, n)) {
        return false;
    }
    for (int i = 0; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v == NULL || of_chain(s, v)) {
            continue;
        }
        if (v->data == NULL || fg_operand_form_of(v, &s->shape, s->channels) > largest) {
            return false;
        }
    }
    return true;
}

static bool act(const fg_scope *s, const fg_node *n) {
    return with_constants(s, n, FG_OPERAND_SCALAR);
}

static bool channel(const fg_scope *s, const fg_node *n) {
    return with_constants(s, n, FG_OPERAND_CHANNEL);
}

/* x (N, C, H, W) times a gate (N, C, 1, 1). */
static bool scale(const fg_scope *s, const fg_node *n) {
    if (!fg_is_op(n, "Mul") || !keeps_shape(s, n) || s->shape.rank != 4) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        const fg_value *gate = n->in[1 - i];
        const fg_shape *g = &gate->shape;
        if (!of_chain(s, n->in[i]) || of_chain(s, gate) || g->rank != 4 || gate->data != NULL) {
            continue;
        }
        bool per_map =
            g->dim[0] == s->shape.dim[0] && g->dim[1] == s->shape.dim[1] && g->dim[2] == 1 && g->dim[3] == 1;
        if (per_map && s->available(s->user, gate)) {
            return true;
        }
    }
    return false;
}

/* ---- the rest ---- */

static bool squeeze(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_op(n, "GlobalAveragePool") && float_result(n) && n->in[0]->shape.rank == 4;
}

static bool maxpool(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_op(n, "MaxPool") && float_result(n) && n->in[0]->shape.rank == 4;
}

static bool pool(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_one_of(n, "MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool") &&
           float_result(n) && n->in[0]->shape.rank == 4;
}

static bool reduce(const fg_scope *s, const fg_node *n) {
    (void)s;
    return n->op != NULL && n->op->lowering != NULL && strcmp(n->op->lowering, "reduce") == 0 &&
           float_result(n);
}

static bool norm(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_one_of(n, "LayerNormalization RMSNormalization") && float_result(n);
}

static bool softmax(const fg_scope *s, const fg_node *n) {
    (void)s;
    return fg_is_one_of(n, "Softmax LogSoftmax") && float_result(n);
}

/* Extents other than 1 and their order are the same. */
static bool same_extents(const fg_shape *a, const fg_shape *b) {
    int i = 0, k = 0;
    for (;;) {
        while (i < a->rank && a->dim[i] == 1) {
            i++;
        }
        while (k < b->rank && b->dim[k] == 1) {
            k++;
        }
        if (i == a->rank || k == b->rank) {
            return i == a->rank && k == b->rank;
        }
        if (a->dim[i++] != b->dim[k++]) {
            return false;
        }
    }
}

/* Transposes count if they move nothing but extents of 1. */
bool fg_is_view(const fg_node *n) {
    if (fg_is_one_of(n, "Reshape Flatten Squeeze Unsqueeze")) {
        return true;
    }
    const fg_attr *perm = fg_is_op(n, "Transpose") ? fg_attr_of(n, "perm", FG_ATTR_INTS) : NULL;
    int64_t last = -1;
    for (int i = 0; perm != NULL && i < perm->n; i++) {
        if (n->in[0]->shape.dim[perm->ints[i]] == 1) {
            continue;
        }
        if (perm->ints[i] < last) {
            return false;
        }
        last = perm->ints[i];
    }
    return perm != NULL;
}

/* What a kernel may read through a view, whatever the layout of the value is: extents of 1 come and go, or
 * leading dimensions merge or split while the last one stays (for rank up to 3, which is never stored
 * channels-last). */
static bool view(const fg_scope *s, const fg_node *n) {
    (void)s;
    if (!fg_is_view(n) || !float_result(n) || n->in[0]->data != NULL) {
        return false;
    }
    const fg_shape *a = &n->in[0]->shape, *b = &n->out[0]->shape;
    if (same_extents(a, b)) {
        return true;
    }
    return a->rank >= 1 && a->rank <= 3 && b->rank >= 1 && a->dim[a->rank - 1] == b->dim[b->rank - 1];
}

static bool any(const fg_scope *s, const fg_node *n) {
    (void)s;
    (void)n;
    return true;
}

static const fg_class classes[] = {
    {"dense_conv", FG_ROLE_ANCHOR, FG_CHANNELS_SECOND, dense_conv},
    {"depthwise_conv", FG_ROLE_ANCHOR, FG_CHANNELS_SECOND, depthwise_conv},
    {"conv1x1", FG_ROLE_ANCHOR, FG_CHANNELS_SECOND, conv1x1},
    {"fc", FG_ROLE_ANCHOR, FG_CHANNELS_SECOND, fc},
    {"gemm", FG_ROLE_ANCHOR, FG_CHANNELS_LAST, gemm},
    {"matmul", FG_ROLE_ANCHOR, FG_CHANNELS_LAST, matmul},
    {"product", FG_ROLE_ANCHOR, FG_CHANNELS_ANY, product},
    {"squeeze", FG_ROLE_ANCHOR, FG_CHANNELS_SECOND, squeeze},
    {"maxpool", FG_ROLE_ANCHOR, FG_CHANNELS_SECOND, maxpool},
    {"pool", FG_ROLE_ANCHOR, FG_CHANNELS_SECOND, pool},
    {"reduce", FG_ROLE_ANCHOR, FG_CHANNELS_LAST, reduce},
    {"norm", FG_ROLE_ANCHOR, FG_CHANNELS_LAST, norm},
    {"softmax", FG_ROLE_ANCHOR, FG_CHANNELS_LAST, softmax},
    {"view", FG_ROLE_VIEW, FG_CHANNELS_ANY, view},
    {"act", FG_ROLE_CHAIN, FG_CHANNELS_ANY, act},
    {"ew", FG_ROLE_CHAIN, FG_CHANNELS_ANY, ew},
    {"channel", FG_ROLE_CHAIN, FG_CHANNELS_ANY, channel},
    {"scale", FG_ROLE_CHAIN, FG_CHANNELS_ANY, scale},
    {"any", FG_ROLE_ANCHOR, FG_CHANNELS_LAST, any},
};

const fg_class *fg_class_find(const char *name, size_t n) {
    for (size_t i = 0; i < FG_COUNT(classes); i++) {
        if (strlen(classes[i].name) == n && memcmp(classes[i].name, name, n) == 0) {
            return &classes[i];
        }
    }
    return NULL;
}
