/* Einsum. */
#include "frontend/einsum.h"
#include "frontend/attention.h"
#include "frontend/reference/einsum.h"

#include <string.h>

static void infer(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == NULL || n->in[i]->dtype != n->in[0]->dtype) {
            fg_raise(ctx, FG_BAD_MODEL, "operand %d is absent or of another type", i);
        }
    }
    fg_einsum e;
    fg_einsum_plan(ctx, n, &e);
    fg_shape y = {.rank = e.out_rank};
    memcpy(y.dim, e.extent, (size_t)e.out_rank * sizeof *y.dim);
    const int64_t points = fg_work_product(e.n_labels, e.extent), operands = n->n_in > 1 ? n->n_in - 1 : 1;
    fg_set_macs(ctx, n, fg_work_product(2, (const int64_t[]){points, operands}));
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

const fg_op fg_ops_einsum[] = {{.name = "Einsum",
                                .domain = "",
                                .since = 12,
                                .min_in = 1,
                                .max_in = -1,
                                .max_out = 1,
                                .types = FG_T_NUMERIC,
                                .infer = infer,
                                .reference = fg_ref_einsum,
                                .lowering = "einsum"}};
const int fg_ops_einsum_count = (int)FG_COUNT(fg_ops_einsum);
