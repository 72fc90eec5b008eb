/* Operands that would have to be constant but are graph inputs, where the shape of the result is declared:
 * the code is made for the declared shape, and what the caller passes at run time is held against it. */
#include <string.h>

#include "codegen/planner.h"

static bool is(const fg_node *n, const char *op) {
    return strcmp(n->op_type, op) == 0;
}

bool fg_operand_is_checked(const fg_node *n, int operand) {
    if (operand != 1 || n->n_in < 2 || !n->in[1] || !n->in[1]->is_input || n->in[1]->dtype != FG_INT64)
        return false;
    static const char *const ops[] = {"Reshape", "Expand", "Tile", "CenterCropPad", "AffineGrid"};
    for (size_t i = 0; i < FG_COUNT(ops); i++)
        if (is(n, ops[i])) return n->in[1]->shape.rank == 1;
    return false;
}

/* Entries that the operand has; of an Expand at most. */
static int entries_of(const fg_node *n) {
    const fg_attr *axes = is(n, "CenterCropPad") ? fg_attr_of(n, "axes", FG_ATTR_INTS) : NULL;
    return axes ? axes->n : n->out[0]->shape.rank;
}

/* What entry d must be where it does not stand for something else; -1: anything. */
static int64_t wanted(const fg_node *n, int d, int own) {
    const fg_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    if (is(n, "Tile")) return x->dim[d] ? y->dim[d] / x->dim[d] : 1;
    if (is(n, "AffineGrid"))
        return d == 1 ? -1 : y->dim[d ? d - 1 : 0]; /* channels do not matter to a grid */
    const fg_attr *axes = is(n, "CenterCropPad") ? fg_attr_of(n, "axes", FG_ATTR_INTS) : NULL;
    return axes ? y->dim[axes->ints[d] < 0 ? axes->ints[d] + y->rank : axes->ints[d]] : y->dim[own];
}

/* Dimension of the result that entry d of an Expand or a Reshape is about. */
static int own_dimension(const fg_node *n, int d) {
    return is(n, "Expand") ? d + n->out[0]->shape.rank - (int)n->in[1]->shape.dim[0] : d;
}

int64_t fg_checked_extent(const fg_node *n, int d) {
    const int own = own_dimension(n, d);
    const bool there = is(n, "Expand") ? own >= 0 : d < entries_of(n); /* else the code will not be made */
    const int64_t want = there ? wanted(n, d, own) : 1;
    return want < 0 ? 1 : want;
}

/* What may stand in place of the extent itself: -1 and 0 in a Reshape, 1 where an Expand broadcasts nothing.
 */
static void check_extent(const fg_node *n, int d, fg_text *out) {
    const fg_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    const int own = own_dimension(n, d);
    const int from = is(n, "Expand") ? own - (y->rank - x->rank) : d;
    const bool same = from >= 0 && from < x->rank && x->dim[from] == y->dim[own];
    const int64_t want = wanted(n, d, own);
    if (want < 0) return;
    fg_text_printf(out, "        if (s[%d] != %lld", d, (long long)want);
    if (is(n, "Reshape")) fg_text_printf(out, " && s[%d] != -1", d);
    if (is(n, "Reshape") && same && fg_attr_int(n, "allowzero", 0) == 0)
        fg_text_printf(out, " && s[%d] != 0", d);
    if (is(n, "Expand") && same) fg_text_printf(out, " && s[%d] != 1", d);
    fg_text_add(out, ") return -4;\n");
}

void fg_operand_checks(fg_planner *p, fg_text *out) {
    for (int i = 0; i < p->graph->n_nodes; i++) {
        const fg_node *n = p->graph->nodes[i];
        if (!fg_operand_is_checked(n, 1)) continue;
        const int64_t operands = n->in[1]->shape.dim[0];
        fg_context_set_node(p->ctx, n);
        if (is(n, "Expand") ? operands > entries_of(n) : operands != entries_of(n))
            fg_raise(p->ctx, FG_BAD_MODEL, "operand '%s' has %lld entries, %d are needed", n->in[1]->name,
                     (long long)operands, entries_of(n));
        fg_text_printf(out,
                       "    { /* the shape operand must agree with the shape that this code is made for */\n "
                       "       const int64_t *s = (const int64_t *)call.in[%lld];\n",
                       (long long)p->m->slots[n->in[1]->id].base);
        for (int d = 0; d < operands; d++) check_extent(n, d, out);
        fg_text_add(out, "    }\n");
    }
    fg_context_set_node(p->ctx, NULL);
}
