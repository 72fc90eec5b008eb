/* Inline weights, read back out of the text that ships. */
#ifndef FG_VERIFY_INLINE_H
#define FG_VERIFY_INLINE_H

#include "codegen/module.h"

/* Writes the weights of m as C text, by chunks; fg_emit_inline_weights is one. */
typedef void fg_weights_emitter(const fg_module *m, void (*write)(void *user, const char *text, size_t n),
                                void *user);

/* Decodes the string literals that emit writes as a C compiler would and compares them with m->weights. NULL
 * if they are the same bytes and safe under every -std, else what is wrong. */
const char *fg_inline_weights_differ(const fg_module *m, fg_weights_emitter *emit);

#endif
