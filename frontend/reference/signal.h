/* Reference kernels of transforms of signals, windows and mel weights. */
#ifndef FG_FRONTEND_REFERENCE_SIGNAL_H
#define FG_FRONTEND_REFERENCE_SIGNAL_H

#include "frontend/ops.h"

void fg_ref_transform(const fg_eval *e);
void fg_ref_hann(const fg_eval *e);
void fg_ref_hamming(const fg_eval *e);
void fg_ref_blackman(const fg_eval *e);
void fg_ref_mel_weights(const fg_eval *e);

#endif
