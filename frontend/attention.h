/* What the operands and attributes of an attention operator ask for: read once, for inference, reference and
 * expansion. */
#ifndef FG_FRONTEND_ATTENTION_H
#define FG_FRONTEND_ATTENTION_H

#include "frontend/ops.h"

/* What is handed out of the middle; the numbers are the format's. */
enum { FG_SCORES_RAW, FG_SCORES_CAPPED, FG_SCORES_BIASED, FG_SCORES_PROBABILITIES };

typedef struct fg_attention {
    int64_t batch, q_heads, kv_heads;
    int64_t q_len, kv_len; /* of the operands */
    int64_t past, total;   /* total = past + kv_len */
    int64_t head, v_head;
    bool packed;   /* queries, keys and values are batch x length x (heads * size), else batch x heads x
                      length x size */
    bool pad_mask; /* a mask that is too short is continued with -infinity */
    double scale;
    double softcap; /* 0: none */
    bool causal;
    int64_t left, right; /* positions that a query sees on either side of its own; -1: all */
    int scores;          /* FG_SCORES_... */
    fg_dtype precision;  /* type that the softmax is computed in if it is asked for, else FG_UNDEFINED */
} fg_attention;

/* Reads and checks a node of ai.onnx's Attention. Raises FG_BAD_MODEL, FG_UNSUPPORTED. */
void fg_attention_plan(fg_context *ctx, const fg_node *n, fg_attention *a);

/* Rotary embedding: pairs of elements of each head are rotated by their position's angles. */
typedef struct fg_rotary {
    int64_t batch, heads, length, size;
    int64_t rotated;               /* elements of a head that are; the rest is handed through */
    bool packed;                   /* batch x length x (heads * size), else batch x heads x length x size */
    bool interleaved;              /* a pair lies side by side, else half of the rotated elements apart */
    bool offset;                   /* one position for all: that of the first element, the others follow */
    int cosines, sines, positions; /* operands; positions -1: the caches hold a row for each element */
} fg_rotary;

/* Reads and checks a node of ai.onnx's RotaryEmbedding. */
void fg_rotary_plan(fg_context *ctx, const fg_node *n, fg_rotary *r);
/* The same where r's operands and offset are set already; heads: of a packed input whose node does not say,
 * 0: it must. */
void fg_rotary_read(fg_context *ctx, const fg_node *n, fg_rotary *r, int64_t heads);

/* CausalConvWithState: does SiLU follow? Raises FG_BAD_MODEL for an unknown activation. */
bool fg_causal_conv_silu(fg_context *ctx, const fg_node *n);

/* LinearAttention: state = decay * state + key x update; output = scale * query * state. */
typedef struct fg_linear {
    int64_t batch, length, q_heads, kv_heads, head, v_head;
    double scale;
    bool gated, delta;
    bool decay_by_element, beta_by_head;
} fg_linear;

void fg_linear_plan(fg_context *ctx, const fg_node *n, fg_linear *l);

/* FlexAttention: batch x heads x length x size; precision is the type that its graphs compute in. */
void fg_flex_plan(fg_context *ctx, const fg_node *n, fg_attention *a);

/* The graph in attribute `name` of a FlexAttention, from scores to scores; NULL if there is none. Raises if
 * it has other than one input and one output, or reads values from outside. */
fg_graph *fg_flex_graph(fg_context *ctx, const fg_node *n, const char *name);

/* a * b * ... for a count of work: INT64_MAX where it does not fit. */
int64_t fg_work_product(int n, const int64_t *factors);

/* Sets FG_MACS. */
void fg_set_macs(fg_context *ctx, fg_node *n, int64_t macs);
void fg_attention_set_macs(fg_context *ctx, fg_node *n, const fg_attention *a);

#endif
