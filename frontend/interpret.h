/* What inference (folding) and the interpreter share: the evaluation of one node. */
#ifndef FG_FRONTEND_INTERPRET_H
#define FG_FRONTEND_INTERPRET_H

#include "frontend/frontend.h"

/* Allocates the outputs of n (fg_big_alloc, by the inferred shapes) and runs its reference kernel. in:
 * n->n_in tensors, data NULL where absent; out: n->n_out tensors, filled in, owned by the caller. Kernels
 * with data-dependent extents may have shrunk out[].shape. Raises FG_UNSUPPORTED if the operator has no
 * reference kernel. */
void fg_evaluate(fg_graph *g, const fg_node *n, const fg_tensor *in, fg_tensor *out, bool float_accumulate);

/* What evaluating n costs, in multiply-adds or elements touched, whichever is larger; INT64_MAX when it does
 * not fit. */
int64_t fg_node_work(const fg_node *n);

/* Adds the work of n to *spent and raises FG_UNSUPPORTED beyond limits->work. */
void fg_spend_work(fg_graph *g, const fg_node *n, int64_t *spent);
/* The same for work that is known. */
void fg_spend(fg_graph *g, int64_t work, int64_t *spent);

#endif
