/* A run of the interpreter, as its two halves see it: nodes (interpret.c) and loops (run_loops.c). */
#ifndef FG_FRONTEND_RUN_H
#define FG_FRONTEND_RUN_H

#include "frontend/interpret.h"

typedef struct fg_loop_runs fg_loop_runs;

struct fg_run {
    fg_context *ctx;
    const bool *keep; /* values wanted afterwards; NULL: all */
    int n_values;
    fg_tensor *tensors; /* by value id; data NULL: not (or no longer) there */
    bool *owned;        /* data is ours to free */
    int *uses;          /* that a value has */
    int *pending;       /* uses still to come */
    int64_t spent;
    fg_loop_runs *loops; /* NULL: there are none */
};

/* The tensor becomes what v holds, and the run's to free. */
void fg_run_put(fg_run *r, const fg_value *v, const fg_tensor *t);
/* n has run: operands that nothing else reads are freed. */
void fg_run_used(fg_run *r, const fg_node *n);

/* ---- loops ---- */

/* Values that are read inside a loop and made outside are never freed: sets their uses. */
fg_loop_runs *fg_loops_begin(fg_graph *g, fg_run *r);
/* True if the node at that position is not to run: inside a loop that is over, or not in this iteration. */
bool fg_loops_skip(const fg_run *r, int position);
/* True if the node begins or ends a loop. */
bool fg_loops_have(const fg_run *r, int position);
/* Runs such a node; returns the position that comes next. */
int fg_loops_step(fg_graph *g, fg_run *r, int position);

#endif
