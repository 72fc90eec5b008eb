/* Inline weights, read back out of the text that ships. */
#ifndef FG_VERIFY_INLINE_H
#define FG_VERIFY_INLINE_H

#include "codegen/module.h"

/* Decodes the string literals of fg_emit_inline_weights as a C compiler would and compares them with
 * m->weights. NULL if they are the same bytes, else what differs. */
const char *fg_inline_weights_differ(const fg_module *m);

#endif
