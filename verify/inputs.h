/* Data that generated code is run on. */
#ifndef FG_VERIFY_INPUTS_H
#define FG_VERIFY_INPUTS_H

#include "frontend/frontend.h"

/* Data for input i of a graph as read: random, or the declared shape where the input is a shape operand that
 * generated code holds against it. */
fg_tensor fg_verify_input(const fg_graph *g, int i, uint64_t seed);

/* One tensor per graph input: as given (NULL, or data NULL: not), else random, with seed + its index. Raises
 * FG_USAGE if what is given has another type or shape. */
fg_tensor *fg_verify_inputs(const fg_graph *g, const fg_tensor *given, uint64_t seed);

#endif
