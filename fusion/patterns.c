/* The pattern table. Rows are tried from top to bottom at every node that is not taken yet. */
#include "fusion/patterns.h"

#include <string.h>

#include "fusion/rewrite.h"

static bool undilated(const fg_node *n) {
    const fg_attr *a = fg_attr_of(n, "dilations", FG_ATTR_INTS);
    for (int i = 0; a != NULL && i < a->n; i++) {
        if (a->ints[i] != 1) {
            return false;
        }
    }
    return true;
}

/* Rows of the first convolution's result are made one by one, just before the second stage reads them. */
static bool can_buffer_rows(const fg_graph *g, const fg_kernel *k) {
    (void)g;
    const fg_node *first = k->stage[0].anchor;
    return fg_attr_int(first, "group", 1) == 1 && undilated(first) && undilated(k->stage[1].anchor);
}

/* A dense stem: few input channels, so that the convolution reads the graph's input as it lies. */
static bool is_stem(const fg_graph *g, const fg_kernel *k) {
    const fg_node *pool = k->stage[1].anchor;
    return can_buffer_rows(g, k) && k->stage[0].anchor->in[0]->shape.dim[1] <= 4 &&
           fg_attr_int(pool, "ceil_mode", 0) == 0;
}

static bool result_is_private(const fg_graph *g, const fg_kernel *k) {
    (void)g;
    const fg_value *v = fg_stage_result(&k->stage[k->n_stages - 1]);
    return v->n_users == 1 && !v->is_output;
}

static bool adds_tensor(const fg_graph *g, const fg_kernel *k) {
    (void)g;
    const fg_stage *s = &k->stage[k->n_stages - 1];
    for (int i = 0; i < s->n_epilogue; i++) {
        const fg_node *n = s->epilogue[i];
        bool values = n->n_in == 2 && n->in[0]->data == NULL && n->in[1]->data == NULL;
        if (fg_is_op(n, "Add") && values && fg_shape_equal(&n->in[0]->shape, &n->in[1]->shape)) {
            return true;
        }
    }
    return false;
}

static bool makes_output(const fg_graph *g, const fg_kernel *k) {
    (void)g;
    return fg_stage_result(&k->stage[k->n_stages - 1])->is_output;
}

static bool is_pixel(const fg_value *v) {
    return v->shape.rank == 4 && v->shape.dim[2] == 1 && v->shape.dim[3] == 1;
}

/* Fully connected layers on the mean of a map: a gate written with Gemm. */
static bool gates_pixels(const fg_graph *g, const fg_kernel *k) {
    const fg_node *first = k->nodes[0];
    bool pooled = k->n_stages == 3 || (fg_is_view(first) && is_pixel(first->in[0]));
    return pooled && !makes_output(g, k);
}

/* The softmax runs over the keys. */
static bool weighs_keys(const fg_graph *g, const fg_kernel *k) {
    (void)g;
    const fg_node *n = k->stage[1].anchor;
    const int rank = n->in[0]->shape.rank;
    const int64_t axis = fg_attr_int(n, "axis", n->op->until != 0 ? 1 : -1);
    return fg_is_op(n, "Softmax") && (axis == -1 || axis == rank - 1);
}

const fg_pattern fg_patterns[] = {
    /* convolutions across a row buffer */
    {"expand_depthwise", NULL, "dense_conv act* depthwise_conv act* ~squeeze?", can_buffer_rows, "rowbuffer"},
    {"stem_pool", "StemConvBNActMaxPool", "dense_conv act* maxpool", is_stem, "rowbuffer"},
    /* squeeze and excite */
    {"se_gate", NULL, "squeeze? fc act* fc act*", NULL, "gate"},
    {"se_gate", NULL, "squeeze? view? gemm act* gemm act*", gates_pixels, "gate"},
    {"scale_project", NULL, "<scale conv1x1 ew* ~squeeze?", NULL, "conv"},
    /* one convolution */
    {"head_pool", NULL, "dense_conv act* ~squeeze", result_is_private, "conv"},
    {"prologue_conv", NULL, "<channel+ conv1x1 ew* ~squeeze?", NULL, "conv"},
    {"conv_add", "ConvBNAddAct", "dense_conv ew+ ~squeeze?", adds_tensor, "conv"},
    {"conv_act", "ConvBNAct", "dense_conv ew+ ~squeeze?", NULL, "conv"},
    {"conv", "ConvBN", "dense_conv ~squeeze?", NULL, "conv"},
    {"depthwise", "ConvBNAct", "depthwise_conv act* ~squeeze?", NULL, "depthwise"},
    /* matrices */
    {"attention", "ScaledDotProductAttention", "product ew* softmax product", weighs_keys, "attention"},
    {"classifier", "Linear", "squeeze view? gemm ew*", NULL, "gate"},
    {"classifier", "Linear", "view? gemm ew*", makes_output, "conv"},
    {"gemm_act", "LinearAct", "view? gemm ew+", NULL, "conv"},
    {"gemm", "Linear", "view? gemm", NULL, "conv"},
    {"matmul", NULL, "matmul ew*", NULL, NULL},
    /* the rest: anchors lowered as their operators' rows say */
    {"pool", NULL, "pool ew*", NULL, NULL},
    {"reduce", NULL, "reduce ew*", NULL, NULL},
    {"norm", "LayerNorm", "norm ew*", NULL, NULL},
    {"softmax", NULL, "softmax", NULL, NULL},
    {"map", NULL, "ew+", NULL, "map"},
};
const int fg_patterns_count = (int)FG_COUNT(fg_patterns);

const fg_pattern fg_pattern_single = {"single", NULL, "any", NULL, NULL};
const fg_pattern fg_pattern_stream = {"stream", NULL, NULL, NULL, "stream"};
