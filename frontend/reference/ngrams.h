/* Reference kernel of TfIdfVectorizer. */
#ifndef FG_FRONTEND_REFERENCE_NGRAMS_H
#define FG_FRONTEND_REFERENCE_NGRAMS_H

#include "frontend/ops.h"

void fg_ref_tfidf(const fg_eval *e);

#endif
