/* LayerNormalization and RMSNormalization: statistics over the last dimensions, then scale and bias. */
#include <string.h>

#include "codegen/lines.h"
#include "codegen/moves.h"

#define ROOT_MEAN_SQUARE                                                                                     \
    {                                                                                                        \
        .start = "0", .step = "$a += $x * $x;", .vector_step = "FG_FMA($a, $x, $x);", .join = "add",         \
        .after = "1 / fgs_sqrt_$T($a * $r + $e)",                                                            \
        .vector_after = "fg_div(fg_set1(1.0f), fg_sqrt(fg_fma($a, fg_set1($r), fg_set1($e))))"               \
    }

static const fg_line_op with_bias = {2,
                                     {FG_LINE_MEAN, FG_LINE_DEVIATION},
                                     "($x - $0) * $1 * $s + $b",
                                     "fg_fma(fg_mul(fg_sub($x, $0), $1), $s, $b)"};
static const fg_line_op without_bias = {
    2, {FG_LINE_MEAN, FG_LINE_DEVIATION}, "($x - $0) * $1 * $s", "fg_mul(fg_mul(fg_sub($x, $0), $1), $s)"};
static const fg_line_op root_mean_square = {
    1, {ROOT_MEAN_SQUARE}, "$x * $0 * $s", "fg_mul(fg_mul($x, $0), $s)"};

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    FG_REQUIRE(e->ctx, "layernorm", n != NULL && e->k->n_prologue == 0);
    const fg_shape *s = &n->in[0]->shape;
    if (fg_is_empty_result(e, n->in[0])) {
        return;
    }
    const int axis = fg_axis(e->ctx, n, fg_attr_int(n, "axis", -1), s->rank);
    bool kept[FG_MAX_RANK];
    for (int d = 0; d < s->rank; d++) {
        kept[d] = d < axis;
    }
    const bool layer = strcmp(n->op_type, "LayerNormalization") == 0;
    fg_value *bias = n->n_in > 2 ? n->in[2] : NULL;
    const fg_dims dims = fg_dims_same(s->rank);
    fg_lines l;
    fg_lines_open(e, &l,
                  !layer         ? &root_mean_square
                  : bias != NULL ? &with_bias
                                 : &without_bias,
                  s->rank, s->dim, kept, &dims);
    l.epsilon = (double)fg_attr_float(n, "epsilon", 1e-5f);
    fg_lines_scale(&l, n->in[1], NULL);
    fg_lines_bias(&l, bias, NULL);
    for (int i = 1; i < n->n_out && layer; i++) {
        fg_lines_number(&l, i - 1, n->out[i]);
    }
    fg_lines_emit(&l);
}

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    if (k->n_out == 1 && n->in[0]->shape.rank > 0) {
        fg_scatter_rows(p, k->out[0]);
    }
}

const fg_lowering fg_lowering_layernorm = {"layernorm", prefer, emit};
