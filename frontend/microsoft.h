/* What operands and attributes of com.microsoft's operators ask for. */
#ifndef FG_FRONTEND_MICROSOFT_H
#define FG_FRONTEND_MICROSOFT_H

#include "frontend/attention.h"

/* What an operand of integers says of the keys that may be seen. */
typedef enum fg_key_mask {
    FG_KEYS_ALL,
    FG_KEYS_BEFORE, /* batch: how many keys there are */
    FG_KEYS_WITHIN, /* 2 * batch: where they end, then where they start */
    FG_KEYS_MARKED, /* batch x keys: those that are not 0 */
    FG_KEYS_BY_ROW  /* batch x queries x keys */
} fg_key_mask;

#define FG_LATER_KEYS (-3.4028234663852886e+38)

/* Attention and MultiHeadAttention. Keys that may not be seen have `filter` added to their scores. */
typedef struct fg_ms_attention {
    fg_attention a;   /* packed; neither causal nor a mask */
    int64_t width[3]; /* of queries, keys and values: heads * size */
    int mask, added;  /* operands: of fg_key_mask; bias of the scores; -1: none */
    int past[2];      /* of keys and values, or both times the one that holds both; -1: none */
    fg_key_mask form;
    double filter;
    bool unidirectional; /* later keys have FG_LATER_KEYS in place of what the mask says */
    bool heads_given[3]; /* MultiHeadAttention: keys and values come by heads already */
} fg_ms_attention;

/* input, weights [, bias, mask, past, added] -> output [, present] */
void fg_ms_attention_plan(fg_context *ctx, const fg_node *n, fg_ms_attention *m);
/* query, key, value [, bias, mask, added, past key, past value] -> output [, present key, present value] */
void fg_multi_head_plan(fg_context *ctx, const fg_node *n, fg_ms_attention *m);

/* input, positions, cosines, sines */
void fg_ms_rotary_plan(fg_context *ctx, const fg_node *n, fg_rotary *r);

/* Activation that FusedConv and FusedGemm name, with its parameters. */
typedef struct fg_activation {
    const char *op; /* of ai.onnx; NULL: none */
    double parameter[2];
} fg_activation;
fg_activation fg_fused_activation(fg_context *ctx, const fg_node *n);

#endif
