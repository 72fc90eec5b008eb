/* The graph of a report as a picture: groups as boxes, tensors as edges, and what stands in each box. */
#ifndef FG_CLI_PICTURE_H
#define FG_CLI_PICTURE_H

#include "cli/drawing.h"
#include "cli/report.h"

#define FG_PICTURE_WIDTH  250 /* of a box */
#define FG_PICTURE_HEAD   36  /* name and figures */
#define FG_PICTURE_ROW    14  /* one operator */
#define FG_PICTURE_ROWS   12  /* most operators that a box spells out */
#define FG_PICTURE_PORT_W 150 /* box of an input or output of the graph */
#define FG_PICTURE_PORT_H 22

/* Boxes: inputs of the graph, then kernels, then outputs. */
typedef struct fg_picture {
    fg_drawing drawing;
    int n_inputs, n_kernels, n_outputs;
    const fg_report_tensor **port; /* of inputs, then outputs */
} fg_picture;

fg_picture fg_picture_of(fg_context *ctx, const fg_report *r);

int fg_picture_rows(const fg_report_kernel *k); /* operators spelled out; one row less if not all fit */

/* The graph alone. */
void fg_report_svg(const fg_report *r, fg_text *out);
void fg_report_dot(const fg_report *r, fg_text *out);

/* One self-contained page of all reports, see docs/report.md. */
void fg_report_html(fg_context *ctx, int n, const fg_report *const *r, fg_text *out);

/* Colours of classes, for light backgrounds: the line and the filling. */
const char *fg_class_line(fg_class c);
const char *fg_class_fill(fg_class c);

#endif
