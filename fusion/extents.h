/* Extents that depend on data, in code: buffers of the bounds, and nodes that compute what is true. */
#ifndef FG_FUSION_EXTENTS_H
#define FG_FUSION_EXTENTS_H

#include "frontend/ops.h"

/* Makes a graph whose extents depend on data one of fixed extents, their bounds; see extents.c. The graph is
 * a clone of the one as read. Raises FG_UNSUPPORTED at operators that have no rule. */
void fg_lower_extents(fg_graph *g);

#endif
