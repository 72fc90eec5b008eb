/* Prints the peak of this core in multiply-adds of float32, in GFLOP/s (2 per multiply-add): the best of
 * several short loops.
 *
 *     cc -O3 -march=native -ffp-contract=fast peak.c -o peak && taskset -c 0 ./peak
 *
 * Twelve accumulators in variables of their own cover latency times throughput of every core known (4 or 5
 * cycles, 2 per cycle) and still fit 16 registers together with the two operands. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <time.h>

#if defined __AVX512F__
#define LANES 16
#elif defined __AVX__
#define LANES 8
#else
#define LANES 4
#endif

typedef float vector __attribute__((vector_size(4 * LANES)));

enum { ACCUMULATORS = 12, STEPS = 1000000, TRIES = 25 };

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Read through volatile, so that no compiler knows the operands. */
static volatile float factor = 0.999999f, addend = 1e-7f, sink;

static double gflops(void) {
    vector x = {0}, y = {0};
    x = x + factor;
    y = y + addend;
    vector a = y, b = a + x, c = b + x, d = c + x, e = d + x, f = e + x;
    vector g = f + x, h = g + x, i = h + x, j = i + x, k = j + x, l = k + x;
    double start = seconds();
    for (int step = 0; step < STEPS; step++) {
        a = a * x + y;
        b = b * x + y;
        c = c * x + y;
        d = d * x + y;
        e = e * x + y;
        f = f * x + y;
        g = g * x + y;
        h = h * x + y;
        i = i * x + y;
        j = j * x + y;
        k = k * x + y;
        l = l * x + y;
    }
    double spent = seconds() - start;
    vector sum = a + b + c + d + e + f + g + h + i + j + k + l;
    sink = sum[0];
    return 2.0 * LANES * ACCUMULATORS * STEPS / spent * 1e-9;
}

int main(void) {
    double best = 0;
    for (int n = 0; n < TRIES; n++) {
        double now = gflops();
        if (now > best) best = now;
    }
    printf("%.1f\n", best);
    return 0;
}
