/* Transforms of signals, windows, mel weights. */
#include "frontend/reference/signal.h"
#include "frontend/signal.h"

static void infer_transform(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_transform t = fg_transform_of(ctx, n, g->opset);
    const int64_t lines = fg_shape_count(&t.out) / (t.bins * t.out.dim[t.out.rank - 1]);
    int64_t macs = 0;
    if (__builtin_mul_overflow(t.length * t.bins, lines * 2, &macs)) {
        macs = INT64_MAX;
    }
    fg_node_set_attr(ctx, n, FG_MACS, FG_ATTR_INT)->i = macs;
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &t.out);
}

static int64_t count_operand(fg_context *ctx, fg_node *n, int i, const char *what) {
    int64_t value[1];
    if (fg_operand_ints(ctx, n, i, NULL, 1, value) != 1 || value[0] < 0) {
        fg_blame_attribute(ctx, what);
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must hold one number that is not negative", what);
    }
    return value[0];
}

static fg_dtype output_type(fg_context *ctx, const fg_node *n) {
    const int64_t t = fg_attr_int(n, "output_datatype", FG_FLOAT);
    if (t < 1 || t >= FG_DTYPE_COUNT || (FG_T_NUMERIC & FG_T(t)) == 0) {
        fg_blame_attribute(ctx, "output_datatype");
        fg_raise(ctx, FG_BAD_MODEL, "attribute output_datatype=%lld is no numeric type", (long long)t);
    }
    return (fg_dtype)t;
}

static void infer_window(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape s = {1, {count_operand(ctx, n, 0, "size")}};
    fg_out_shape(ctx, n, 0, output_type(ctx, n), &s);
}

static void need_number(fg_context *ctx, const fg_node *n, int i, const char *what) {
    const fg_value *v = n->in[i];
    if (v->data == NULL) {
        fg_remedy(ctx, "bind it, or the graph input it depends on, with --const NAME=FILE.npy");
        fg_raise(ctx, FG_UNSUPPORTED, "operand '%s' must be constant", v->name);
    }
    const double f = fg_shape_count(&v->shape) == 1 ? fg_const_float(v, 0) : -1;
    if (!(f >= 0 && f < 1e12)) {
        fg_blame_attribute(ctx, what);
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must hold one number that is not negative", what);
    }
}

static void infer_mel(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const int64_t bands = count_operand(ctx, n, 0, "num_mel_bins"),
                  length = count_operand(ctx, n, 1, "dft_length");
    if (count_operand(ctx, n, 2, "sample_rate") < 1) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'sample_rate' must be positive");
    }
    need_number(ctx, n, 3, "lower_edge_hertz");
    need_number(ctx, n, 4, "upper_edge_hertz");
    const fg_shape s = {2, {length / 2 + 1, bands}};
    fg_out_shape(ctx, n, 0, output_type(ctx, n), &s);
}

#define INTEGERS (FG_T(FG_INT32) | FG_T(FG_INT64))

#define ROW(NAME, SINCE, UNTIL, MIN, MAX, TYPES, INFER, REFERENCE, LOWERING, NOTE)                           \
    {                                                                                                        \
        .name = NAME, .domain = "", .since = SINCE, .until = UNTIL, .min_in = MIN, .max_in = MAX,            \
        .max_out = 1, .types = TYPES, .infer = INFER, .reference = REFERENCE, .lowering = LOWERING,          \
        .note = NOTE                                                                                         \
    }

const fg_op fg_ops_signal[] = {
    ROW("DFT", 17, 19, 1, 2, FG_T_FLOATS, infer_transform, fg_ref_transform, "transform",
        "dft_length must be constant"),
    ROW("DFT", 20, 0, 1, 3, FG_T_FLOATS, infer_transform, fg_ref_transform, "transform",
        "dft_length and axis must be constant"),
    ROW("STFT", 17, 0, 2, 4, FG_T_FLOATS, infer_transform, fg_ref_transform, "transform",
        "frame_step and frame_length must be constant"),
    ROW("HannWindow", 17, 0, 1, 1, INTEGERS, infer_window, fg_ref_hann, NULL, "size must be constant"),
    ROW("HammingWindow", 17, 0, 1, 1, INTEGERS, infer_window, fg_ref_hamming, NULL, "size must be constant"),
    ROW("BlackmanWindow", 17, 0, 1, 1, INTEGERS, infer_window, fg_ref_blackman, NULL,
        "size must be constant"),
    ROW("MelWeightMatrix", 17, 0, 5, 5, INTEGERS, infer_mel, fg_ref_mel_weights, NULL,
        "operands must be constant"),
};
const int fg_ops_signal_count = FG_COUNT(fg_ops_signal);
