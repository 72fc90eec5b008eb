/* The words that load weights of 16 bits, tried on every number that there is. */
#ifndef FG_TESTS_HALVES_H
#define FG_TESTS_HALVES_H

#include "prelude_support.h"

#include <math.h>

#include "frontend/graph.h"

enum { HALVES = 65536, HALVES_WORDS = 4, HALVES_STEP = 4096 };

/* HALVES_STEP codes from p on by each of the words, one after the other. Those for pairs are of scalars only;
 * vectors give the same again. */
static const char halves_text[] =
    "FG_KERNEL void test_halves(const uint16_t *p, float *y)\n{\n"
    "    for (int i = 0; i < 4096; i += FG_VL) {\n"
    "        fg_store(y + i, fg_load_fp16(p + i));\n        fg_store(y + 4096 + i, fg_load_bf16(p + i));\n   "
    " }\n"
    "    for (int i = 0; i < 4096; i += 2) {\n#if FG_VL == 1\n"
    "        y[8192 + i] = fg_load_fp16_low(p + i);\n        y[8193 + i] = fg_load_fp16_high(p + i);\n"
    "        y[12288 + i] = fg_load_bf16_low(p + i);\n        y[12289 + i] = fg_load_bf16_high(p + "
    "i);\n#else\n"
    "        y[8192 + i] = y[i];\n        y[8193 + i] = y[i + 1];\n"
    "        y[12288 + i] = y[4096 + i];\n        y[12289 + i] = y[4097 + i];\n#endif\n    }\n}\n";

/* What has come of the codes from `first` on. float16 is held to finite numbers: others are never stored. */
static inline void check_halves(const char *title, uint32_t first, const float *y) {
    for (uint32_t i = 0; i < HALVES_WORDS * HALVES_STEP; i++) {
        const uint16_t code = (uint16_t)(first + i % HALVES_STEP);
        const bool bfloat = i / HALVES_STEP % 2 != 0;
        if (!bfloat && (code & 0x7c00) == 0x7c00) continue;
        const float want = bfloat ? fg_bfloat_to_float(code) : fg_half_to_float(code);
        if (isnan(want) ? !isnan(y[i]) : memcmp(&want, &y[i], sizeof want) != 0)
            fail_msg("%s: word %u takes %04x for %a instead of %a", title, (unsigned)(i / HALVES_STEP), code,
                     (double)y[i], (double)want);
    }
}

#endif
