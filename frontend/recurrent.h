/* RNN, GRU and LSTM nodes: operands and attributes of one node, checked and resolved. */
#ifndef FG_FRONTEND_RECURRENT_H
#define FG_FRONTEND_RECURRENT_H

#include "frontend/graph.h"

typedef enum fg_activation_kind {
    FG_ACT_RELU,
    FG_ACT_TANH,
    FG_ACT_SIGMOID,
    FG_ACT_AFFINE,
    FG_ACT_LEAKY_RELU,
    FG_ACT_THRESHOLDED_RELU,
    FG_ACT_SCALED_TANH,
    FG_ACT_HARD_SIGMOID,
    FG_ACT_ELU,
    FG_ACT_SOFTSIGN,
    FG_ACT_SOFTPLUS
} fg_activation_kind;

typedef struct fg_activation {
    fg_activation_kind kind;
    const char *name; /* as ONNX spells it; but for Affine and ScaledTanh an operator of that name exists */
    float alpha, beta;
} fg_activation;

typedef enum fg_cell { FG_CELL_RNN, FG_CELL_GRU, FG_CELL_LSTM } fg_cell;

/* Steps t of batch row b: gates = W x[t][b] + R h + biases, in the order of the operator (GRU: z r h, LSTM:
 * i o f c); then the cell's activations. Rows stop after lens[b] steps; their outputs are zero from there on.
 * A reverse direction begins at a row's last step. */
typedef struct fg_recurrent {
    fg_cell cell;
    int gates; /* 1, 3 or 4 */
    int directions;
    bool reverse;     /* the only direction goes backwards; of two it is the second one */
    bool batch_first; /* layout 1: x is batch x steps x inputs, y batch x steps x directions x hidden */
    int64_t steps, batch, inputs, hidden;
    fg_activation act[2][3]; /* by direction: f g h */
    float clip;              /* of what activations take; 0: none */
    bool linear_before_reset, input_forget;
    /* operands, NULL where absent: w directions x gates * hidden x inputs, r ... x hidden, bias directions x
     * 2
     * * gates * hidden (of w, then of r), lens int32, h and c initial states directions x batch x hidden
     * (layout 1: batch first), peephole directions x 3 * hidden (i o f) */
    fg_value *x, *w, *r, *bias, *lens, *h, *c, *peephole;
    fg_value *y, *y_h, *y_c; /* results, NULL where absent */
} fg_recurrent;

/* Raises FG_BAD_MODEL on anything that does not fit. */
fg_recurrent fg_recurrent_of(fg_context *ctx, const fg_node *n);

/* Multiply-adds of all steps. */
int64_t fg_recurrent_macs(const fg_recurrent *r);

#endif
