/* Operators on strings. */
#include "frontend/reference/text.h"

static void infer_concat(fg_context *ctx, fg_graph *g, fg_node *n) {
    if (n->in[1]->dtype != FG_STRING) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must hold strings, not %s", n->in[1]->name,
                 fg_dtype_get(n->in[1]->dtype)->name);
    }
    fg_infer_broadcast(ctx, g, n);
}

const fg_op fg_ops_text[] = {
    {.name = "StringConcat",
     .domain = "",
     .since = 20,
     .min_in = 2,
     .max_in = 2,
     .max_out = 1,
     .types = FG_T(FG_STRING),
     .infer = infer_concat,
     .reference = fg_ref_string_concat,
     .lowering = "text_concat",
     .note = "results of at most --max-text bytes"},
};
const int fg_ops_text_count = FG_COUNT(fg_ops_text);
