/* Softmax and LogSoftmax: the maximum, the sum of exponentials, the result. Hardmax: the first maximum is 1.
 */
#include <string.h>

#include "codegen/lines.h"
#include "codegen/moves.h"

static const fg_line_pass maximum = {
    .start = NULL, .step = "$a = fgs_max_$T($a, $x);", .vector_step = "$a = fg_max($a, $x);", .join = "max"};

#define EXPONENTIALS                                                                                         \
    .start = "0", .prepare = "fgs_exp_$T($x - $0)", .vector_prepare = "fg_exp(fg_sub($x, $0))",              \
    .step = "$a += $x;", .vector_step = "$a = fg_add($a, $x);", .join = "add"

static const fg_line_op softmax = {
    .n_passes = 2,
    .pass = {{0},
             {EXPONENTIALS, .after = "1 / $a", .vector_after = "fg_div(fg_set1(1.0f), $a)", .keep = true}},
    .last = "$x * $1",
    .vector_last = "fg_mul($x, $1)",
};

/* Where the exponentials cannot be kept in the result, they are made again. */
static const fg_line_op softmax_again = {
    .n_passes = 2,
    .pass = {{0}, {EXPONENTIALS, .after = "1 / $a", .vector_after = "fg_div(fg_set1(1.0f), $a)"}},
    .last = "fgs_exp_$T($x - $0) * $1",
    .vector_last = "fg_mul(fg_exp(fg_sub($x, $0)), $1)",
};

static const fg_line_op log_softmax = {
    .n_passes = 2,
    .pass = {{0}, {EXPONENTIALS, .after = "fgs_log_$T($a)", .vector_after = "fg_log($a)"}},
    .last = "$x - $0 - $1",
    .vector_last = "fg_sub(fg_sub($x, $0), $1)",
};

static fg_line_op with_maximum(const fg_line_op *op) {
    fg_line_op whole = *op;
    whole.pass[0] = maximum;
    return whole;
}

/* The line is one axis; before opset 13 (the row's default axis tells) it is all dimensions from the axis on.
 */
static void mark_kept(const fg_emit *e, const fg_node *n, bool *kept) {
    const bool rows = n->op->until != 0;
    const int rank = n->in[0]->shape.rank;
    int64_t axis = fg_attr_int(n, "axis", rows ? 1 : -1);
    if (!rows || axis != rank) {
        axis = fg_axis(e->ctx, n, axis, rank);
    }
    for (int d = 0; d < rank; d++) {
        kept[d] = rows ? d < axis : d != axis;
    }
}

/* Element by element: the first maximum's place, then ones and zeros. */
static void emit_hardmax(fg_emit *e, fg_lines *l) {
    fg_context *ctx = e->ctx;
    const fg_nest *n = l->nest;
    const int rank = n->rank;
    const char *type = fg_compute_type(ctx, l->computed);
    const char *count = "0";
    for (int d = l->kept; d < rank; d++) {
        count = d == l->kept ? fg_format(ctx, "i%d", d)
                             : fg_format(ctx, "(%s) * %lld + i%d", count, (long long)n->extent[d], d);
    }
    fg_nest_open(n, 0, l->kept, "i", e->out);
    fg_line(e, "int best = -1;\n%s top = 0;", type);
    fg_line(e, "{");
    fg_nest_open(n, l->kept, rank, "i", e->out);
    fg_line(e, "const %s v = %s;", type,
            fg_load_element(ctx, l->in, "x", fg_nest_at(ctx, n, 0, 0, rank, "i")));
    fg_line(e, "if (best < 0 || v > top) {\nbest = %s;\ntop = v;\n}", count);
    fg_nest_close(rank - l->kept, e->out);
    fg_line(e, "}\n{");
    fg_nest_open(n, l->kept, rank, "i", e->out);
    fg_line(e, "%s v = (%s) == best;", type, count);
    fg_tail_emit(&l->tail, "v", rank, 0, 0, 0, "", e->out);
    fg_nest_close(rank - l->kept, e->out);
    fg_line(e, "}");
    fg_nest_close(l->kept, e->out);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    FG_REQUIRE(e->ctx, "softmax", n != NULL && e->k->n_prologue == 0);
    const fg_shape *s = &n->in[0]->shape;
    bool kept[FG_MAX_RANK];
    if (fg_is_empty_result(e, n->in[0])) {
        return;
    }
    mark_kept(e, n, kept);
    const bool keep = n->in[0]->dtype == FG_FLOAT || n->in[0]->dtype == FG_DOUBLE;
    const bool plain = strcmp(n->op_type, "Softmax") == 0 && keep && e->k->stage[0].n_epilogue == 0;
    const fg_line_op op = with_maximum(strcmp(n->op_type, "LogSoftmax") == 0 ? &log_softmax
                                       : plain                               ? &softmax
                                                                             : &softmax_again);
    const fg_dims dims = fg_dims_same(s->rank);
    fg_lines l;
    fg_lines_open(e, &l, &op, s->rank, s->dim, kept, &dims);
    if (strcmp(n->op_type, "Hardmax") == 0) {
        emit_hardmax(e, &l);
    } else {
        fg_lines_emit(&l);
    }
}

const fg_lowering fg_lowering_softmax = {"softmax", NULL, emit};
