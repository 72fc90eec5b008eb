/* The end of a kernel that computes its anchor's elements in some loop nest: the elementwise epilogue on a
 * value at hand, and its store. */
#ifndef FG_CODEGEN_TAIL_H
#define FG_CODEGEN_TAIL_H

#include "codegen/nest.h"

typedef struct fg_tail {
    fg_emit *e;
    fg_nest *nest;
    fg_chain *chain;  /* NULL: no epilogue */
    fg_value *result; /* what is stored */
    fg_node *const *nodes;
    int n_nodes;
    int y, *at;      /* numbers of the result and of each epilogue operand in the nest */
    int y_row, *row; /* of the numbers of their rows, where these lie anywhere; else -1 */
} fg_tail;

/* Nest operands that fg_tail_open adds at most, for fg_nest_new. */
int fg_tail_operands(const fg_emit *e);

/* Declares y and the epilogue's operands t0, t1, ... and adds them to the nest, in which the result's
 * dimensions lie as `dims` says. The kernel has one stage, whose anchor's first output the epilogue applies
 * to. */
void fg_tail_open(fg_emit *e, fg_tail *t, fg_nest *nest, const fg_dims *dims);

/* After the nest has been simplified: true if results side by side in dimension d can be finished as vectors.
 */
bool fg_tail_vectors(const fg_tail *t, int d);

/* Offset of the result's element, or vector along dimension `along`, `shift` elements on. */
const char *fg_tail_at(const fg_tail *t, int last, int along, int64_t shift);

/* Appends the epilogue on variable `var` (of the anchor's result) and the store, at the nest's variables VAR0
 * .. in the dimensions 0 to last - 1. lanes 0: an element; else a vector of that many lanes along dimension
 * `along`, `shift` elements on from there. tag: distinguishes temporaries of calls in one scope. */
void fg_tail_emit(const fg_tail *t, const char *var, int last, int lanes, int along, int64_t shift,
                  const char *tag, fg_text *out);

#endif
