/* Classes of nodes: the words that pattern sequences are made of.
 *
 * Fused patterns are float32 throughout: every class but `any` refuses other types. A class that is an anchor
 * also states where its result has its channels, which is what operands of a following chain are measured
 * against.
 */
#ifndef FG_FUSION_CLASSES_H
#define FG_FUSION_CLASSES_H

#include "fusion/kernel.h"

typedef enum fg_role {
    FG_ROLE_ANCHOR, /* starts a stage */
    FG_ROLE_CHAIN,  /* elementwise: joins the epilogue of the stage, or the prologue before the first one */
    FG_ROLE_VIEW    /* keeps elements and their order: absorbed by the anchor that follows */
} fg_role;

/* Where the channels of an anchor's result lie. */
typedef enum fg_channels {
    FG_CHANNELS_SECOND, /* (N, C, ...) */
    FG_CHANNELS_LAST,   /* (..., C) */
    FG_CHANNELS_ANY     /* a map: operands may be broadcast in any way */
} fg_channels;

/* What a class may ask of the kernel under construction. */
typedef struct fg_scope {
    const fg_value *main; /* what the chain is applied to; NULL before a map's first node */
    fg_shape shape;       /* of the chain's values */
    fg_channels channels;
    bool (*inside)(const void *user, const fg_value *v);    /* made by this chain */
    bool (*available)(const void *user, const fg_value *v); /* can be made before this kernel runs */
    const void *user;
} fg_scope;

typedef struct fg_class {
    const char *name;
    fg_role role;
    fg_channels channels; /* of anchors */
    bool (*is)(const fg_scope *s, const fg_node *n);
} fg_class;

/* Class of that name (length n), or NULL. */
const fg_class *fg_class_find(const char *name, size_t n);

/* How a chain's operand lies against the chain's values; FG_OPERAND_OTHER cannot be fused. Against (N, C,
 * ...) the operand's own N may always be 1. */
typedef enum fg_operand_form {
    FG_OPERAND_SCALAR,  /* a constant of one element */
    FG_OPERAND_CHANNEL, /* one element per channel */
    FG_OPERAND_PIXEL,   /* (N, 1, H, W) against (N, C, H, W) */
    FG_OPERAND_FULL,    /* the same shape, leading extents of 1 aside; no constant against (N, C, H, W) */
    FG_OPERAND_OTHER
} fg_operand_form;

/* How v lies against a result of shape s whose channels are where `channels` says. */
fg_operand_form fg_operand_form_of(const fg_value *v, const fg_shape *s, fg_channels channels);

/* Questions that other files of fusion ask too. */
bool fg_is_elementwise(const fg_node *n);    /* has an expression; one float32 result; float32 operands */
bool fg_is_dense_conv(const fg_node *n);     /* 1-D or 2-D Conv with constant weights, not 2-D depthwise */
bool fg_is_depthwise_conv(const fg_node *n); /* group == C_in == C_out > 1 */
bool fg_is_gemm(const fg_node *n); /* Gemm or MatMul with a constant matrix B and a bias per channel */
bool fg_is_view(const fg_node *n); /* the same elements in the same row-major order */

#endif
