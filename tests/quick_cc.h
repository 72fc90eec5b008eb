/* The C compiler, for thousands of small programs. */
#ifndef FG_TESTS_QUICK_CC_H
#define FG_TESTS_QUICK_CC_H

#include "frontend/base.h"

/* Nine tenths of what gcc does for a small program is reading <immintrin.h>. Compiles that header once, with
 * what
 * --verify=cc compiles for this machine with, and has every verification of this process by gcc use it ($CC).
 * The text that is compiled, and what it means, stay the same. Does nothing where $CC is set or that cannot
 * be done; everything lasts as long as ctx. */
void quick_cc(fg_context *ctx);

#endif
