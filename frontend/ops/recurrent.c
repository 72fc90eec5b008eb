/* RNN, GRU, LSTM. */
#include "frontend/recurrent.h"
#include "frontend/reference/recurrent.h"

#ifndef FG_MACS
#define FG_MACS "fg_macs"
#endif

static void infer(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_recurrent q = fg_recurrent_of(ctx, n);
    const int64_t d = q.directions;
    const fg_shape y = q.batch_first ? (fg_shape){4, {q.batch, q.steps, d, q.hidden}}
                                     : (fg_shape){4, {q.steps, d, q.batch, q.hidden}};
    const fg_shape state =
        q.batch_first ? (fg_shape){3, {q.batch, d, q.hidden}} : (fg_shape){3, {d, q.batch, q.hidden}};
    if (q.lens != NULL && q.lens->bound == 0) {
        q.lens->bound = q.steps + 1;
    }
    fg_node_set_attr(ctx, n, FG_MACS, FG_ATTR_INT)->i = fg_recurrent_macs(&q);
    fg_out_shape(ctx, n, 0, q.x->dtype, &y);
    fg_out_shape(ctx, n, 1, q.x->dtype, &state);
    fg_out_shape(ctx, n, 2, q.x->dtype, &state);
}

#define ROW(NAME, INPUTS, OUTPUTS)                                                                           \
    {                                                                                                        \
        .name = NAME, .domain = "", .since = 7, .min_in = 3, .max_in = INPUTS, .max_out = OUTPUTS,           \
        .types = FG_T_FLOATS, .infer = infer, .reference = fg_ref_recurrent, .lowering = "recurrent"         \
    }

const fg_op fg_ops_recurrent[] = {ROW("RNN", 6, 2), ROW("GRU", 6, 2), ROW("LSTM", 8, 3)};
const int fg_ops_recurrent_count = FG_COUNT(fg_ops_recurrent);
