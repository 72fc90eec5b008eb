/* What RoiAlign and MaxRoiPool share: regions one by one, in float32 with channels innermost where that can
 * be. */
#ifndef FG_CODEGEN_REGIONS_H
#define FG_CODEGEN_REGIONS_H

#include "codegen/nest.h"

/* Channels-last maps. */
void fg_regions_prefer(fg_planner *p, fg_kernel *k);

/* Declares x, rois and y. False if there is nothing to do. */
bool fg_regions_open(fg_emit *e, fg_value *x, fg_value *rois, fg_value *y);

/* Parameters of the templates: CORNER, the columns of region i0; X_S, Y_S strides; IMAGES, CHANNELS, IN and
 * OUT extents; SCALE; TYPE computed in and STORED; STORE of v at `channel` of pointer `to`; REGIONS and, for
 * threads, PAR, PART_FROM, PART_TO. */
void fg_regions_set(fg_emit *e, fg_template *t, const fg_node *n);

#endif
