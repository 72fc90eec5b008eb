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
    return (is(n, "Reshape") || is(n, "Expand") || is(n, "Tile")) && n->in[1]->shape.rank == 1;
}

/* What may stand in place of the extent itself: -1 and 0 in a Reshape, 1 where an Expand broadcasts nothing.
 */
static void check_extent(const fg_node *n, int d, fg_text *out) {
    const fg_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    const int64_t operands = n->in[1]->shape.dim[0];
    const int own = is(n, "Expand") ? d + y->rank - (int)operands : d;
    const int from = is(n, "Expand") ? own - (y->rank - x->rank) : d;
    const bool same = from >= 0 && from < x->rank && x->dim[from] == y->dim[own];
    const int64_t want = is(n, "Tile") ? (x->dim[d] ? y->dim[d] / x->dim[d] : 1) : y->dim[own];
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
        if (is(n, "Expand") ? operands > n->out[0]->shape.rank : operands != n->out[0]->shape.rank)
            fg_raise(p->ctx, FG_BAD_MODEL, "operand '%s' has %lld entries, the declared result %d dimensions",
                     n->in[1]->name, (long long)operands, n->out[0]->shape.rank);
        fg_text_printf(out,
                       "    { /* the shape operand must agree with the shape that this code is made for */\n "
                       "       const int64_t *s = (const int64_t *)call.in[%lld];\n",
                       (long long)p->m->slots[n->in[1]->id].base);
        for (int d = 0; d < operands; d++) check_extent(n, d, out);
        fg_text_add(out, "    }\n");
    }
    fg_context_set_node(p->ctx, NULL);
}
