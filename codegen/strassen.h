/* Large matrix products with constant weights by Strassen's scheme, in Winograd's form: seven products of
 * halves in place of eight. The sums of weights are made at generation time; what is left are four sums of
 * the rows and seven of the results, which ride on the products. Weights take 7/4 of the room, which is left
 * alone where boards have little and where reading them costs more than the eighth product. */
#ifndef FG_CODEGEN_STRASSEN_H
#define FG_CODEGEN_STRASSEN_H

#include "codegen/convolution.h"

/* Whether c, whose rows are joined (one run of pixels), is to be computed this way, and with what tile: where
 * it pays and halves are whole vectors; never with --exact. pick: of the kernel; "S:MxN" asks for it, "MxN"
 * for the direct product. */
bool fg_strassen_plan(const fg_emit *e, const fg_convolution *c, const fg_pick *pick, fg_tile *tile);

/* Emits the kernel's body, with everything that it declares. */
void fg_strassen_emit(fg_emit *e, const fg_convolution *c, fg_tile tile);

#endif
