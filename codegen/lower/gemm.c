/* Gemm that no convolution can stand for is a matrix product with factors and a bias: see matmul.c. */
#include "codegen/lower.h"

extern const fg_lowering fg_lowering_matmul;

static void prefer(fg_planner *p, fg_kernel *k) {
    fg_lowering_matmul.prefer(p, k);
}

static void emit(fg_emit *e) {
    fg_lowering_matmul.emit(e);
}

const fg_lowering fg_lowering_gemm = {.name = "gemm", .prefer = prefer, .emit = emit};
