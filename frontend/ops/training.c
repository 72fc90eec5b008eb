/* Steps of optimizers. */
#include "frontend/reference/training.h"

#include <string.h>

static void need_number(fg_context *ctx, const fg_node *n, int i, bool real) {
    const fg_value *v = n->in[i];
    const bool type = real ? v->dtype == FG_FLOAT || v->dtype == FG_DOUBLE : v->dtype == FG_INT64;
    if (fg_shape_count(&v->shape) != 1 || !type) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' (%s %s) must be one %s", v->name,
                 fg_dtype_get(v->dtype)->name, fg_shape_text(ctx, &v->shape),
                 real ? "floating-point number" : "int64");
    }
}

/* Tensor t of every group must be like that of the first one. */
static void infer(fg_context *ctx, fg_node *n, int memories) {
    const int groups = 2 + memories, given = n->n_in - 2, tensors = given / groups;
    need_number(ctx, n, 0, true);
    need_number(ctx, n, 1, false);
    if (given % groups != 0) {
        fg_raise(ctx, FG_BAD_MODEL, "%d tensors given, which are no %d groups", given, groups);
    }
    if (n->n_out > (1 + memories) * tensors) {
        fg_raise(ctx, FG_BAD_MODEL, "%d results asked for; there are %d", n->n_out, (1 + memories) * tensors);
    }
    for (int i = 0; i < given; i++) {
        const fg_value *first = n->in[2 + i % tensors], *v = n->in[2 + i];
        if (v == NULL || first == NULL || !fg_shape_equal(&first->shape, &v->shape) ||
            first->dtype != v->dtype || (v->dtype != FG_FLOAT && v->dtype != FG_DOUBLE)) {
            fg_raise(ctx, FG_BAD_MODEL, "operand %d is not a tensor of floats like operand %d", 2 + i,
                     2 + i % tensors);
        }
        if (i < n->n_out) {
            fg_out_shape(ctx, n, i, first->dtype, &first->shape);
        }
    }
}

static void infer_one_memory(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    infer(ctx, n, 1);
}

static void infer_two_memories(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    infer(ctx, n, 2);
}

static void infer_momentum(fg_context *ctx, fg_graph *g, fg_node *n) {
    const char *mode = fg_attr_string(n, "mode", "standard");
    if (strcmp(mode, "standard") != 0 && strcmp(mode, "nesterov") != 0) {
        fg_blame_attribute(ctx, "mode");
        fg_raise(ctx, FG_BAD_MODEL, "attribute mode must be \"standard\" or \"nesterov\"");
    }
    infer_one_memory(ctx, g, n);
}

#define ROW(NAME, MIN, INFER, REFERENCE)                                                                     \
    {                                                                                                        \
        .name = NAME, .domain = "ai.onnx.preview.training", .since = 1, .min_in = MIN, .max_in = -1,         \
        .max_out = -1, .types = FG_T(FG_FLOAT) | FG_T(FG_DOUBLE), .infer = INFER, .reference = REFERENCE,    \
        .lowering = "optimizer"                                                                              \
    }

const fg_op fg_ops_training[] = {
    ROW("Adagrad", 5, infer_one_memory, fg_ref_adagrad),
    ROW("Adam", 6, infer_two_memories, fg_ref_adam),
    ROW("Momentum", 5, infer_momentum, fg_ref_momentum),
};
const int fg_ops_training_count = FG_COUNT(fg_ops_training);
