/* Reference kernel of RNN, GRU and LSTM. */
#ifndef FG_FRONTEND_REFERENCE_RECURRENT_H
#define FG_FRONTEND_REFERENCE_RECURRENT_H

#include "frontend/ops.h"

void fg_ref_recurrent(const fg_eval *e);

#endif
