/* Conversion between element types. */
#include "frontend/reference/cast.h"

#include <string.h>

#include "frontend/interpret.h"
#include "frontend/reference/elements.h"

static void check_round_mode(fg_context *ctx, const fg_node *n) {
    const char *mode = fg_attr_string(n, "round_mode", "up");
    if (strcmp(mode, "up") != 0 && strcmp(mode, "down") != 0 && strcmp(mode, "nearest") != 0) {
        fg_blame_attribute(ctx, "round_mode");
        fg_raise(ctx, FG_BAD_MODEL, "round_mode '%.20s' is none of up, down, nearest", mode);
    }
}

/* The type that attribute 'to' names. */
static fg_dtype target_type(fg_context *ctx, const fg_node *n) {
    const fg_attr *to = fg_attr_of(n, "to", FG_ATTR_INT);
    if (to == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'to' is missing");
    }
    if (to->i <= 0 || to->i >= FG_DTYPE_COUNT || (FG_T_ANY & FG_T(to->i)) == 0) {
        fg_blame_attribute(ctx, "to");
        fg_raise(ctx, FG_UNSUPPORTED, "conversion to type %lld is not supported", (long long)to->i);
    }
    return (fg_dtype)to->i;
}

static void infer_cast(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    check_round_mode(ctx, n);
    fg_out_shape(ctx, n, 0, target_type(ctx, n), &n->in[0]->shape);
}

/* The elements of the operand that tells the type do not matter: a constant stays one. */
static void infer_cast_like(fg_context *ctx, fg_graph *g, fg_node *n) {
    fg_dtype t = n->in[1]->dtype;
    check_round_mode(ctx, n);
    if ((FG_T_ANY & FG_T(t)) == 0) {
        fg_raise(ctx, FG_UNSUPPORTED, "conversion to type %s is not supported", fg_dtype_get(t)->name);
    }
    fg_out_shape(ctx, n, 0, t, &n->in[0]->shape);
    if (n->in[0]->data != NULL && n->out[0] != NULL) {
        fg_tensor in[2], out;
        for (int i = 0; i < 2; i++) {
            in[i] = (fg_tensor){n->in[i]->dtype, n->in[i]->shape, (void *)n->in[i]->data};
        }
        fg_evaluate(g, n, in, &out, false);
        n->out[0]->data = out.data;
        n->out[0]->synthetic = n->in[0]->synthetic;
    }
}

static void infer_bit_cast(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_dtype from = n->in[0]->dtype, to = target_type(ctx, n);
    if (to == FG_STRING || fg_dtype_get(from)->bits != fg_dtype_get(to)->bits) {
        fg_blame_attribute(ctx, "to");
        fg_raise(ctx, FG_BAD_MODEL, "elements of type %s have not as many bits as %s",
                 fg_dtype_get(from)->name, fg_dtype_get(to)->name);
    }
    fg_out_shape(ctx, n, 0, to, &n->in[0]->shape);
}

const fg_op fg_ops_cast[] = {
    {.name = "Cast",
     .domain = "",
     .since = 6,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_cast,
     .reference = fg_ref_cast,
     .lowering = "cast",
     .note = "strings that it makes have at most --max-text bytes"},
    {.name = "CastLike",
     .domain = "",
     .since = 15,
     .min_in = 2,
     .max_in = 2,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_cast_like,
     .reference = fg_ref_cast,
     .lowering = "cast",
     .note = "strings that it makes have at most --max-text bytes"},
    {.name = "BitCast",
     .domain = "",
     .since = 26,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T_ANY & ~FG_T(FG_STRING),
     .infer = infer_bit_cast,
     .reference = fg_ref_bit_cast,
     .lowering = "cast"},
};
const int fg_ops_cast_count = FG_COUNT(fg_ops_cast);
