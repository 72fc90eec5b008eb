/* Operators on maps are known and refused: the interface has tensors only. (The maps of a ZipMap are its
 * scores; see ml.c.) */
#include "frontend/ops.h"

static void refuse(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_remedy(ctx, "make the tensor before the run, and cut the model so that '%s' is an input",
              n->n_out > 0 && n->out[0] != NULL ? n->out[0]->name : "it");
    fg_raise(ctx, FG_UNSUPPORTED, "generated code takes no maps");
}

#define ROW(NAME)                                                                                            \
    {                                                                                                        \
        .name = NAME, .domain = "ai.onnx.ml", .since = 1, .min_in = 1, .max_in = 1, .max_out = 1,            \
        .types = FG_T_ALL, .infer = refuse, .note = "refused: make the tensor before the run"                \
    }

const fg_op fg_ops_maps[] = {
    ROW("CastMap"),
    ROW("DictVectorizer"),
};
const int fg_ops_maps_count = FG_COUNT(fg_ops_maps);
