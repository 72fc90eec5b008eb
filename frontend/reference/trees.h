/* Reference kernels of tree ensembles. */
#ifndef FG_FRONTEND_REFERENCE_TREES_H
#define FG_FRONTEND_REFERENCE_TREES_H

#include "frontend/ops.h"

void fg_ref_tree_regressor(const fg_eval *e);
void fg_ref_tree_classifier(const fg_eval *e);

#endif
