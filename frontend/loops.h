/* Loops whose iterations only a run counts.
 *
 * The body lies in the graph itself, between two nodes of ours:
 *
 *     LoopEnter  M?, condition?, first states..., [an outer loop's iteration]  ->  iteration, on, states...
 *     LoopNext   iteration, on, M?, condition?, states..., next states..., pieces...
 *                                                       ->  ran, count, last states..., collected...
 *
 * What depends on LoopEnter and leads to LoopNext is inside; nothing inside is read by others than what is
 * inside and LoopNext, so that whatever does not change from iteration to iteration stands outside by itself.
 * LoopNext ends an iteration: it keeps the pieces, and if there is another one, puts the next states where
 * the states are. Where no iteration runs, `ran` is false and the last states hold anything.
 *
 * To the graph both are ordinary nodes. In the interpreter and in generated code values inside hold, when a
 * run is over, what the last iteration made. */
#ifndef FG_FRONTEND_LOOPS_H
#define FG_FRONTEND_LOOPS_H

#include "frontend/ops.h"

/* Attributes: the number of the first iteration; of LoopNext also how many states there are, and axes. */
#define FG_LOOP_FIRST  "first"
#define FG_LOOP_STATES "states"
#define FG_LOOP_AXES   "axes" /* of what is collected */

enum { FG_ENTER_TRIPS, FG_ENTER_CONDITION, FG_ENTER_STATES };    /* operands */
enum { FG_ENTERED_ITERATION, FG_ENTERED_ON, FG_ENTERED_STATES }; /* results */
enum { FG_NEXT_ITERATION, FG_NEXT_ON, FG_NEXT_TRIPS, FG_NEXT_CONDITION, FG_NEXT_STATES };
enum { FG_NEXT_RAN, FG_NEXT_COUNT, FG_NEXT_LAST };

bool fg_is_loop_enter(const fg_node *n);
bool fg_is_loop_next(const fg_node *n);
/* Operand i, NULL if it is absent. */
fg_value *fg_loop_operand(const fg_node *n, int i);
/* v goes from iteration to iteration: LoopEnter makes it and LoopNext rewrites it. */
bool fg_is_carried(const fg_value *v);
/* v holds a piece of each iteration; *piece: which one of LoopNext's. */
bool fg_is_collected(const fg_value *v, int *piece);
int fg_loop_states(const fg_node *next);
int fg_loop_pieces(const fg_node *next);
/* The axis along which piece i, of that rank, is collected. */
int fg_loop_axis(fg_context *ctx, const fg_node *next, int i, int rank);

typedef struct fg_loop {
    int enter, next; /* positions of its nodes */
    bool *inside;    /* by position from `enter` to `next` */
} fg_loop;

typedef struct fg_loops {
    fg_loop *loop; /* inner ones before those around them */
    int n;
    int *maker;      /* by value id: position of its node, or -1 */
    bool *abandoned; /* by position: depends on what is inside a loop, and nothing uses it */
} fg_loops;

/* The loops of g, which has been linked; NULL if there are none. Raises FG_UNSUPPORTED if one lies partly in
 * another. */
fg_loops *fg_find_loops(const fg_graph *g);
/* True if the node at that position is inside the loop. */
bool fg_is_inside(const fg_loop *l, int position);

/* ---- building, in the place of n (see expand.h) ---- */

typedef struct fg_new_loop {
    fg_value *trips, *condition; /* NULL: no limit, no condition */
    int64_t first;
    int states;
    fg_value *const *state; /* before the first iteration */
    fg_value *around;       /* iteration of the loop around this one, NULL: there is none */
} fg_new_loop;

/* Its results stand in ->out. */
fg_node *fg_put_loop_enter(fg_graph *g, const fg_node *n, const fg_new_loop *loop);
/* condition: for another iteration, NULL: none. axes: along which pieces are collected, NULL: 0. last: the
 * states afterwards, whether iterations ran or not. collected: values to be made or NULL entries, which are
 * filled in. */
void fg_put_loop_next(fg_graph *g, const fg_node *n, const fg_new_loop *loop, const fg_node *enter,
                      fg_value *condition, fg_value *const *next, int pieces, fg_value *const *piece,
                      const int64_t *axes, fg_value **last, fg_value **collected);

#endif
