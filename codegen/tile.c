#include "codegen/tile.h"

#include <math.h>

/* Cycles of one step in k of a tile of m pixels by n vectors: the FMA pipes, the load pipes (a weight vector
 * costs a full load; a broadcast half of one, since two narrow loads issue together) and the latency of
 * accumulators too few to hide it. half: the last vector is one of halves. */
static double step_cycles(const fg_target *t, int m, int n, bool half) {
    double fma = (double)(m * n) / t->fma_per_cycle;
    if (half && t->half_fma_per_cycle > 0)
        fma = (double)(m * (n - 1)) / t->fma_per_cycle + (double)m / t->half_fma_per_cycle;
    const double load = ((double)n + 0.55 * m) / t->fma_per_cycle;
    double cycles = fma > load ? fma : load;
    if (cycles < t->fma_latency) cycles = t->fma_latency;
    return cycles;
}

/* Cycles of a tile for one pixel's run of results in one tensor: a new cache line, mostly of a new page.
 * Measured on products with a residual: 1024 channels in runs of 16 cost 12 % more than in runs of 64. */
#define RUN_CYCLES 20.0

/* A panel beyond the first-level cache comes from the second for every tile. Out-of-order execution hides
 * most of that: on a 512-bit core 2 pixels by 8 vectors, which ask for all of the bandwidth, lose a fifth, 6
 * by 4 a fortieth. */
static double panel_stall(const fg_target *t, const fg_product *p, int m, int n) {
    const double step_bytes = 4.0 * fg_target_lanes(t) * n;
    if (t->l2_gbps <= 0 || step_bytes * (double)p->k <= 0.75 * (double)t->l1_bytes) return 0;
    const double fma = (double)(m * n) / t->fma_per_cycle, load = step_bytes * t->ghz / t->l2_gbps;
    return 0.2 * load * load / fma;
}

static double bytes_per_cycle(const fg_target *t) {
    return (t->l1_gbps > 0 ? t->l1_gbps : t->dram_gbps) / t->ghz;
}

/* The same on load-store machines: every operand takes an instruction of its own, so tiles are near to
 * square. Besides cycles, instructions count a little: of tiles that keep the FMA pipes equally busy, the one
 * with fewer leaves room for what else there is to do. */
static double load_store_cycles(const fg_target *t, int m, int n, int run, int widen) {
    enum { LOOP = 4 }; /* three pointers or counters, one branch */
    const double bytes = fg_target_lanes(t) * 4, rate = bytes_per_cycle(t), wide = bytes / rate,
                 narrow = run > 1             ? fmax(4.0 * run / rate, 1) / run
                          : rate >= 2 * bytes ? bytes / rate
                                              : 1;
    const double fma = (double)(m * n) / t->fma_per_cycle, load = n * wide + m * narrow;
    const double weights = fg_target_lanes(t) == 1 ? (double)n / run : n;
    const double instructions = m * n + (double)m / run + weights + n * widen + LOOP;
    double cycles = fma > load ? fma : load;
    if (cycles < instructions / t->issue) cycles = instructions / t->issue;
    if (cycles < t->fma_latency) cycles = t->fma_latency;
    return cycles + 0.1 * instructions / t->issue;
}

/* Steps of a run whose weights are loaded at once, as many as registers hold: 4, 2 or 1, as tile_loops in
 * templates/common.c.in. */
static int steps_at_once(const fg_target *t, int m, int n, int run) {
    const int room = t->vector_registers - m * n - m;
    return run >= 4 && room >= 4 * n ? 4 : run >= 2 && room >= 2 * n ? 2 : 1;
}

/* Loads of n neighbouring vectors. */
static int weight_loads(const fg_target *t, int n) {
    int loads = 0;
    for (int most = t->load_vectors; most > 0; most /= 2) {
        loads += n / most;
        n %= most;
    }
    return loads;
}

/* On cores that wait for their loads, which take the place of products as well: nothing is hidden. Vector
 * loads of RISC-V, which alone fill several registers, have no offset: an addition for each. */
static double waiting_cycles(const fg_target *t, int m, int n, int run, int widen) {
    const double rate = bytes_per_cycle(t), wide = fmax(fg_target_lanes(t) * 4 / rate, 1),
                 narrow = run > 1 ? fmax(4.0 * run / rate, 1) / run : 1;
    const double addresses =
        t->load_vectors > 1 ? (double)weight_loads(t, n) / (t->issue > 1 ? t->issue : 1) : 0;
    const double wait = (double)t->load_wait / steps_at_once(t, m, n, run);
    const double cycles = (double)(m * n) / t->fma_per_cycle + n * wide + m * narrow + addresses + wait +
                          (double)(n * widen) / (t->issue > 1 ? t->issue : 1);
    return fmax(cycles, t->fma_latency);
}

static double tile_cycles(const fg_target *t, const fg_product *p, int m, int n, bool half) {
    if (m == 0 || n == 0) return 0;
    const int run = p->run > 1 ? p->run : 1;
    const double step = t->load_wait ? waiting_cycles(t, m, n, run, p->widen)
                        : t->issue   ? load_store_cycles(t, m, n, run, p->widen)
                                     : step_cycles(t, m, n, half);
    /* A pixel's run of scalars is short of a line: the next panel's results go to the same one. */
    const double runs = t->in_order && fg_target_lanes(t) == 1 ? 0 : RUN_CYCLES * m * p->streams;
    return (double)p->k * (step + panel_stall(t, p, m, n)) + 8.0 + 1.5 * m * n + runs;
}

double fg_imbalance(int64_t n, int64_t whole, int64_t step, int64_t parts) {
    int64_t most = 0;
    for (int64_t i = 0; i < parts; i++) {
        const int64_t end = i == parts - 1 ? n : whole * (i + 1) / parts * step;
        const int64_t share = end - whole * i / parts * step;
        if (share > most) most = share;
    }
    return n > 0 ? (double)(most * parts) / (double)n : INFINITY;
}

double fg_pixel_imbalance(const fg_product *p, int mr) {
    if (!p->by_pixel) return INFINITY;
    return p->rows > 1 ? fg_imbalance(p->rows, p->rows, 1, p->parts)
                       : fg_imbalance(p->width, p->width / mr, mr, p->parts);
}

double fg_panel_imbalance(const fg_product *p, int nv) {
    return p->by_panel ? fg_imbalance(p->vectors, (p->vectors + nv - 1) / nv, nv, p->parts) : INFINITY;
}

/* The share of the slowest part in the time of the whole. */
static double slowest_share(const fg_product *p, int mr, int nv) {
    if (p->parts < 2) return 1;
    const double share = fmin(fg_pixel_imbalance(p, mr), fg_panel_imbalance(p, nv)) / p->parts;
    return share < 1 ? share : 1;
}

/* All pixels for one panel of n vectors; half: it ends in a vector of few channels. */
static double panel_cycles(const fg_target *t, const fg_product *p, int mr, int n, bool half) {
    return (double)(p->width / mr) * tile_cycles(t, p, mr, n, half) +
           tile_cycles(t, p, (int)(p->width % mr), n, half);
}

static double product_cycles(const fg_target *t, const fg_product *p, int mr, int nv) {
    const int rest = (int)(p->vectors % nv), last = rest ? rest : nv;
    const double cycles = (double)((p->vectors - last) / nv) * panel_cycles(t, p, mr, nv, false) +
                          panel_cycles(t, p, mr, last, p->half);
    return cycles * (double)p->rows * slowest_share(p, mr, nv);
}

/* A tile reads one cache line of each of its pixels at a time. Where pixels lie a power of two apart their
 * lines fall into few sets of the first-level cache; beyond its ways (8 is usual; one is left to the weights)
 * they push each other out. Measured: 28 pixels of 2 kB ran at half the speed of 14. */
int fg_tile_most_pixels(const fg_target *t, int64_t pitch) {
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

int fg_tile_run(const fg_target *t, int64_t k, int64_t stride) {
    return stride == 1 && k % t->run == 0 ? t->run : 1;
}

bool fg_tile_fits(const fg_target *t, const fg_product *p, int64_t mr, int64_t nv) {
    const int64_t registers = t->vector_registers - 1; /* one for the broadcast element */
    /* Compilers load the operands of a step ahead of its products, and those of unrolled steps too. */
    const int64_t lanes = fg_target_lanes(t), inputs = p->run > 1 ? mr * ((p->run + lanes - 1) / lanes)
                                                       : t->element_registers  ? 0
                                                       : t->in_order && mr > 2 ? 2
                                                                               : mr;
    if (t->element_registers && mr > t->element_registers) return false;
    if (t->issue && mr * nv + inputs + nv > registers - 1 && mr * nv > 1) return false;
    return nv >= 1 && mr >= 1 && nv <= p->vectors && mr <= p->width && nv <= registers && mr <= registers &&
           mr * nv + nv <= registers;
}

/* Accumulators in the text: those of the tile, and of the tiles that are left over on either side. */
static double text_size(const fg_product *p, int mr, int nv) {
    const double pixels = (double)((p->width >= mr ? mr : 0) + p->width % mr),
                 vectors = (double)((p->vectors >= nv ? nv : 0) + p->vectors % nv);
    return pixels * vectors;
}

/* As much text as of so many accumulators is worth half of the time. */
#define TEXT_WORTH 16

fg_tile fg_tile_of(const fg_target *t, const fg_product *p, int mr, int nv) {
    const double cycles = product_cycles(t, p, mr, nv);
    return (fg_tile){mr, nv, p->compact ? cycles * (1 + text_size(p, mr, nv) / TEXT_WORTH) : cycles};
}

/* Tiles whose times the model tells apart as well as a measurement would. */
static bool alike(fg_tile a, fg_tile b) {
    const int apart = a.mr > b.mr ? a.mr - b.mr : b.mr - a.mr;
    return a.nv == b.nv && apart * 5 < (a.mr > b.mr ? a.mr : b.mr);
}

/* The cheapest tile unlike the n taken; cost < 0 if there is none. */
static fg_tile cheapest(const fg_target *t, const fg_product *p, const fg_tile *taken, int n) {
    fg_tile best = {1, 1, -1};
    const int most_mr = fg_tile_most_pixels(t, p->pitch);
    const int most_nv = p->max_nv ? p->max_nv : 8;
    for (int nv = 1; nv <= most_nv && nv <= p->vectors; nv++) {
        for (int mr = 1; mr <= most_mr && fg_tile_fits(t, p, mr, nv); mr++) {
            const fg_tile tile = fg_tile_of(t, p, mr, nv);
            bool known = false;
            for (int i = 0; i < n; i++) known |= alike(tile, taken[i]);
            if (!known && (best.cost < 0 || tile.cost < best.cost)) best = tile;
        }
    }
    return best;
}

fg_tile fg_choose_tile(const fg_target *t, const fg_product *p) {
    return cheapest(t, p, NULL, 0);
}

/* Beyond this many times the best estimate the model is trusted. */
#define REACH 1.6

fg_tile fg_nth_tile(const fg_target *t, const fg_product *p, int rank) {
    fg_tile taken[16] = {cheapest(t, p, NULL, 0)};
    for (int n = 1; n <= rank && n < (int)FG_COUNT(taken); n++) {
        taken[n] = cheapest(t, p, taken, n);
        if (taken[n].cost < 0 || taken[n].cost > REACH * taken[0].cost) return taken[0];
        if (n == rank) return taken[n];
    }
    return taken[0];
}

/* Panels are read once for every tile of the image; only the first reading waits for memory. With more tiles
 * than this the wait is lost among them. */
#define MOST_TILES 64

int fg_tile_ahead(const fg_target *t, const fg_product *p, const fg_tile *tile) {
    const int64_t lanes = fg_target_lanes(t), panel = p->k * tile->nv * lanes * 4;
    const int64_t tiles = p->rows * ((p->width + tile->mr - 1) / tile->mr);
    if (!t->prefetch || t->l2_bytes <= 0 || p->vectors <= tile->nv || tiles > MOST_TILES ||
        panel > t->l2_bytes / 2)
        return 0;
    return (int)((tile->nv * lanes + tiles - 1) / tiles);
}

int fg_row_vectors(const fg_target *t, int64_t vectors) {
    int most = t->fma_latency * t->fma_per_cycle;
    if (most > 8) most = 8;
    if (most > t->vector_registers / 2 - 1) most = t->vector_registers / 2 - 1;
    if (most < 1) most = 1;
    return vectors < most ? (int)vectors : most;
}
