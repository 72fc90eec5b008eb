/* MeanVarianceNormalization: lines over any axes, less their mean, over their standard deviation. */
#include "codegen/lines.h"
#include "codegen/moves.h"
#include "frontend/reference/norm.h"

static const fg_line_op by_deviation = {
    2,
    {FG_LINE_MEAN,
     FG_LINE_SPREAD("1 / (fgs_sqrt_$T($a * $r) + $e)",
                    "fg_div(fg_set1(1.0f), fg_add(fg_sqrt(fg_mul($a, fg_set1($r))), fg_set1($e)))")},
    "($x - $0) * $1",
    "fg_mul(fg_sub($x, $0), $1)",
};

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    FG_REQUIRE(e->ctx, "meanvariance", n != NULL && e->k->n_prologue == 0);
    const fg_shape *s = &n->in[0]->shape;
    if (fg_is_empty_result(e, n->in[0])) {
        return;
    }
    bool kept[FG_MAX_RANK];
    int64_t axes[FG_MAX_RANK];
    for (int d = 0; d < s->rank; d++) {
        kept[d] = true;
    }
    for (int i = fg_mean_variance_axes(e->ctx, n, axes) - 1; i >= 0; i--) {
        kept[fg_axis(e->ctx, n, axes[i], s->rank)] = false;
    }
    const fg_dims dims = fg_dims_same(s->rank);
    fg_lines l;
    fg_lines_open(e, &l, &by_deviation, s->rank, s->dim, kept, &dims);
    l.epsilon = 1e-9;
    fg_lines_emit(&l);
}

const fg_lowering fg_lowering_meanvariance = {"meanvariance", NULL, emit};
