/* A layered drawing of a graph of boxes: who stands above whom, in which column, and the paths between.
 *
 * Boxes stand in ranks from top to bottom, below all that they read. What one box hands to ranks further down
 * runs beside the boxes between as one trunk. Networks are long and narrow, so the ranks are folded into
 * columns, read like those of a newspaper; what crosses from one column to the next runs up the gutter.
 *
 *     fg_drawing d = {.n_boxes = 3, .box = boxes, .n_edges = 2, .edge = edges};   // sizes and ends given
 *     fg_draw(ctx, &d);                                                          // places and paths filled
 * in
 *
 * Any graph is drawn, in time that grows with its size: edges of a cycle, and trunks beyond a bound, are
 * drawn straight through.
 */
#ifndef FG_CLI_DRAWING_H
#define FG_CLI_DRAWING_H

#include "frontend/base.h"

typedef struct fg_drawing_box {
    double width, height; /* given */
    double x, y;          /* upper left corner */
    int rank, column;
} fg_drawing_box;

typedef struct fg_drawing_edge {
    int from, to; /* boxes, given; from == to is not drawn */
} fg_drawing_edge;

typedef struct fg_drawing {
    fg_drawing_box *box;
    int n_boxes;
    const fg_drawing_edge *edge;
    int n_edges;
    double aspect; /* wanted width / height; 0: 1.5 */
    /* filled in */
    const char **path; /* by box: all that leaves it, in SVG's path language, integers only; "" if nothing */
    double width, height;
    int n_columns, n_ranks;
} fg_drawing;

void fg_draw(fg_context *ctx, fg_drawing *d);

#endif
