/* Reference kernels of operators on strings. Strings that they make live in the context. */
#ifndef FG_FRONTEND_REFERENCE_TEXT_H
#define FG_FRONTEND_REFERENCE_TEXT_H

#include "frontend/ops.h"

void fg_ref_string_concat(const fg_eval *e);
void fg_ref_string_normalizer(const fg_eval *e);
void fg_ref_string_split(const fg_eval *e);
void fg_ref_regex_full_match(const fg_eval *e);

#endif
