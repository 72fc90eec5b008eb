/* Runs a model once and prints what it says: on a desk, on a board, in an emulator.
 *
 * The model is mbconv.onnx, a small block of convolutions; its header gives the sizes of its tensors 'x' and
 * 'y'. */
#include <stdio.h>

#include "mbconv.h"

static float x[MBCONV_X_COUNT], y[MBCONV_Y_COUNT];
static _Alignas(MBCONV_ARENA_ALIGN) unsigned char arena[MBCONV_ARENA_BYTES];

int main(void) {
    /* A picture would come from a sensor; this one is a pattern that is the same everywhere. */
    for (int i = 0; i < MBCONV_X_COUNT; i++) x[i] = (float)(i * 37 % 101) / 50.0f - 1.0f;

    const mbconv_inputs in = {x};
    const mbconv_outputs out = {y};
    const int status = mbconv_run(&in, &out, arena);
    if (status != 0) {
        printf("mbconv_run: %d\n", status);
        return 1;
    }

    int best = 0;
    float sum = 0.0f;
    for (int i = 0; i < MBCONV_Y_COUNT; i++) {
        if (y[i] > y[best]) best = i;
        sum += y[i];
    }
    /* In thousandths: small C libraries print floats only on request. */
    printf("largest: y[%d] = %d/1000; sum %d/1000; arena %d bytes\n", best, (int)(y[best] * 1000.0f),
           (int)(sum * 1000.0f), MBCONV_ARENA_BYTES);
    return 0;
}
