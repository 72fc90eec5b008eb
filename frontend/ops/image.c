/* ImageDecoder is known and refused: decoders of nine compressed formats have no place in generated code. */
#include "frontend/ops.h"

static void refuse(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_remedy(ctx, "decode the image before the run, and cut the model so that '%s' is an input",
              n->n_out > 0 && n->out[0] != NULL ? n->out[0]->name : "the image");
    fg_raise(ctx, FG_UNSUPPORTED, "generated code does not decode compressed images");
}

const fg_op fg_ops_image[] = {
    {.name = "ImageDecoder",
     .domain = "",
     .since = 20,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T(FG_UINT8),
     .infer = refuse,
     .note = "refused: decode the image before the run"},
};
const int fg_ops_image_count = FG_COUNT(fg_ops_image);
