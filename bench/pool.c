/* Threads for code generated with --threads N: the for_each of its P_parallel, for the benchmark.
 *
 * Helpers spin for a while between calls, as those of the engines compared do, then sleep. Item i is always
 * done by the same thread (the caller does 0): what it reads is then mostly what it wrote one call before. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SPINS = 20000 };

typedef struct {
    void (*for_each)(void *ctx, int n, void (*fn)(void *, int), void *arg);
    void *ctx;
} parallel;

enum { LINE = 128 }; /* bytes that two processors do not share: a cache line and the one fetched with it */

typedef struct pool pool;

typedef struct {
    _Alignas(LINE) atomic_uint done; /* the last call that this helper has finished */
    int index;
    pool *of;
} helper;

struct pool {
    _Alignas(LINE) atomic_uint call; /* number of the current call; helpers wait for it to change */
    int n;
    void (*fn)(void *, int);
    void *arg;
    _Alignas(LINE) atomic_int sleeping;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int helpers;
    helper *helper;
};

/* A pause that lets a sibling thread of the same core go on. */
static void relax(void) {
#if defined __x86_64__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

static void work(const pool *p, int first) {
    for (int i = first; i < p->n; i += p->helpers + 1) p->fn(p->arg, i);
}

/* Waits until the number of the call differs from seen; returns it. */
static unsigned await_call(pool *p, unsigned seen) {
    unsigned call = seen;
    for (int spin = 0; spin < SPINS && call == seen; spin++) {
        relax();
        call = atomic_load(&p->call);
    }
    if (call != seen) return call;
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleeping,
                     1); /* before the look at the call: either that sees it, or the caller this */
    while ((call = atomic_load(&p->call)) == seen) pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->sleeping, 1);
    pthread_mutex_unlock(&p->lock);
    return call;
}

static void *help(void *argument) {
    helper *self = argument;
    for (unsigned seen = 0;;) {
        seen = await_call(self->of, seen);
        work(self->of, self->index);
        atomic_store(&self->done, seen);
    }
    return NULL;
}

static void for_each(void *ctx, int n, void (*fn)(void *, int), void *arg) {
    pool *p = ctx;
    p->fn = fn;
    p->arg = arg;
    p->n = n;
    const unsigned call = atomic_fetch_add(&p->call, 1) + 1;
    if (atomic_load(&p->sleeping) > 0) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
    work(p, 0);
    for (int i = 0; i < p->helpers; i++)
        for (int spin = 0; atomic_load(&p->helper[i].done) != call; spin++) {
            if (spin > SPINS) sched_yield(); /* somebody else has the helper's processor */
            relax();
        }
}

parallel *bench_pool(int threads);

/* A pool of so many threads, the caller's included, which lives as long as the process; NULL without memory
 * or threads. */
parallel *bench_pool(int threads) {
    const size_t most = threads > 1 ? (size_t)threads - 1 : 0;
    pool *p = aligned_alloc(LINE, sizeof *p);
    helper *helpers = aligned_alloc(LINE, (most + 1) * sizeof *helpers);
    parallel *made = calloc(1, sizeof *made);
    if (!p || !helpers || !made) goto fail;
    memset(p, 0, sizeof *p);
    p->helpers = (int)most;
    p->helper = helpers;
    if (pthread_mutex_init(&p->lock, NULL) || pthread_cond_init(&p->wake, NULL)) goto fail;
    for (size_t i = 0; i < most; i++) {
        pthread_t thread;
        helpers[i] = (helper){.index = (int)i + 1, .of = p};
        if (pthread_create(&thread, NULL, help, &helpers[i])) return NULL; /* earlier ones sleep on */
    }
    made->for_each = for_each;
    made->ctx = p;
    return made;
fail:
    free(made);
    free(helpers);
    free(p);
    return NULL;
}
