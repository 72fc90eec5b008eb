/* Bounds that the user gives (--bound) for what only a run knows: the most that an extent is, or the elements
 * of an integer tensor that decide on extents. */
#ifndef FG_FRONTEND_BOUNDS_H
#define FG_FRONTEND_BOUNDS_H

#include "frontend/frontend.h"

/* Notes the bounds at the values that they name. Raises FG_USAGE if there is no such tensor. */
void fg_note_bounds(fg_graph *g, const fg_bound_binding *bounds, int n);

/* Graph inputs whose elements are bounded are read through an AtMost. */
void fg_bound_inputs(fg_graph *g);
/* What node i, just inferred, makes is followed by a node that holds it to its bounds. */
void fg_bound_results(fg_graph *g, int i);
/* Raises FG_USAGE if a bound has been given for what does not need one. */
void fg_check_bounds(fg_graph *g);

#endif
