#include "codegen/tile.h"

/* Cycles of one step in k of a tile of m pixels by n vectors: the FMA pipes, the load pipes (a weight vector
 * costs a full load; a broadcast half of one, since two narrow loads issue together) and the latency of
 * accumulators too few to hide it. */
static double step_cycles(const fg_target *t, int m, int n) {
    const double fma = (double)(m * n) / t->fma_per_cycle;
    const double load = ((double)n + 0.55 * m) / t->fma_per_cycle;
    double cycles = fma > load ? fma : load;
    if (cycles < t->fma_latency) cycles = t->fma_latency;
    return cycles;
}

static double tile_cycles(const fg_target *t, const fg_product *p, int m, int n) {
    if (m == 0 || n == 0) return 0;
    return (double)p->k * step_cycles(t, m, n) + 8.0 + 1.5 * m * n;
}

static double product_cycles(const fg_target *t, const fg_product *p, int mr, int nv) {
    const int full = (int)(p->vectors / nv), rest = (int)(p->vectors % nv);
    const int64_t tiles = p->width / mr;
    const int left = (int)(p->width % mr);
    double cycles = 0;
    cycles += full * ((double)tiles * tile_cycles(t, p, mr, nv) + tile_cycles(t, p, left, nv));
    cycles += (double)tiles * tile_cycles(t, p, mr, rest) + tile_cycles(t, p, left, rest);
    return cycles * (double)p->rows;
}

/* A tile reads one cache line of each of its pixels at a time. Where pixels lie a power of two apart their
 * lines fall into few sets of the first-level cache; beyond its ways (8 is usual; one is left to the weights)
 * they push each other out. Measured: 28 pixels of 2 kB ran at half the speed of 14. */
static int most_pixels(const fg_target *t, int64_t pitch) {
    const int64_t way = t->l1_bytes / 8;
    if (way <= 0 || pitch <= 0) return INT32_MAX;
    int64_t a = way, b = pitch;
    while (b) {
        const int64_t r = a % b;
        a = b;
        b = r;
    }
    return (int)(way / a) * 7;
}

fg_tile fg_choose_tile(const fg_target *t, const fg_product *p) {
    fg_tile best = {1, 1, -1};
    const int registers = t->vector_registers - 1; /* one for the broadcast element */
    const int most_mr = most_pixels(t, p->pitch);
    const int most_nv = p->max_nv ? p->max_nv : 8;
    for (int nv = 1; nv <= most_nv && nv <= p->vectors; nv++) {
        for (int mr = 1; mr <= p->width && mr <= most_mr && mr * nv + nv <= registers; mr++) {
            const double cost = product_cycles(t, p, mr, nv);
            if (best.cost < 0 || cost < best.cost) best = (fg_tile){mr, nv, cost};
        }
    }
    return best;
}
