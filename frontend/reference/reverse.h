/* Reference kernel of ReverseSequence. */
#ifndef FG_FRONTEND_REFERENCE_REVERSE_H
#define FG_FRONTEND_REFERENCE_REVERSE_H

#include "frontend/ops.h"

void fg_ref_reverse_sequence(const fg_eval *e);

#endif
