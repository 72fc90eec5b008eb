/* Data that generated code is run on. */
#ifndef FG_VERIFY_INPUTS_H
#define FG_VERIFY_INPUTS_H

#include "frontend/frontend.h"

/* One tensor per graph input: as given (NULL, or data NULL: not), else random, with seed + its index. Raises
 * FG_USAGE if what is given has another type or shape. */
fg_tensor *fg_verify_inputs(const fg_graph *g, const fg_tensor *given, uint64_t seed);

#endif
