/* Copies of a graph, changed a little: how a failing graph gets smaller. */
#ifndef FG_TESTS_RANDOM_COPY_H
#define FG_TESTS_RANDOM_COPY_H

#include "random_graph.h"

/* What a copy leaves out or makes smaller; NULL and 0: nothing. */
typedef struct edit {
    const fg_value *only;                 /* the one output */
    const fg_value *without;              /* this output is dropped */
    const fg_value *cut;                  /* becomes a graph input */
    const fg_value *bypassed, *bypass_to; /* its readers read the other */
    int64_t extent, smaller;              /* every such dimension of inputs and constants */
    const char *attribute;                /* dropped from the node that makes `of` */
    const fg_value *of;
} edit;

/* A linked and inferred copy, all in ctx: control flow is resolved in it. Raises if the change makes no
 * sense. */
fg_graph *copy_graph(fg_context *ctx, const fg_graph *from, const edit *e);

/* A copy of the same that keeps its control flow, with the types and shapes that inference finds. */
fg_graph *copy_as_made(fg_context *ctx, const fg_graph *from, const edit *e);

#endif
