/* LpNormalization: a line over its L1 or L2 norm; lines of zeros stay. */
#include "codegen/lines.h"
#include "codegen/moves.h"

#define BY_NORM "$x * $0", "fg_mul($x, $0)"

static const fg_line_op by_l1 = {
    1,
    {{.start = "0",
      .step = "$a += fgs_abs_$T($x);",
      .vector_step = "$a = fg_add($a, fg_abs($x));",
      .join = "add",
      .after = "($a == 0 ? 0 : 1 / $a)",
      .vector_after = "fg_select(fg_eq($a, fg_zero()), fg_zero(), fg_div(fg_set1(1.0f), $a))"}},
    BY_NORM,
};

static const fg_line_op by_l2 = {
    1,
    {{.start = "0",
      .step = "$a += $x * $x;",
      .vector_step = "FG_FMA($a, $x, $x);",
      .join = "add",
      .after = "($a == 0 ? 0 : 1 / fgs_sqrt_$T($a))",
      .vector_after = "fg_select(fg_eq($a, fg_zero()), fg_zero(), fg_div(fg_set1(1.0f), fg_sqrt($a)))"}},
    BY_NORM,
};

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    FG_REQUIRE(e->ctx, "lpnorm", n != NULL && e->k->n_prologue == 0);
    const fg_shape *s = &n->in[0]->shape;
    if (fg_is_empty_result(e, n->in[0])) {
        return;
    }
    const int axis = fg_axis(e->ctx, n, fg_attr_int(n, "axis", -1), s->rank);
    bool kept[FG_MAX_RANK];
    for (int d = 0; d < s->rank; d++) {
        kept[d] = d != axis;
    }
    const fg_dims dims = fg_dims_same(s->rank);
    fg_lines l;
    fg_lines_open(e, &l, fg_attr_int(n, "p", 2) == 1 ? &by_l1 : &by_l2, s->rank, s->dim, kept, &dims);
    fg_lines_emit(&l);
}

const fg_lowering fg_lowering_lpnorm = {"lpnorm", NULL, emit};
