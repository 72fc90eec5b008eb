/* Threads for code generated with --threads N: the for_each of its P_parallel, for the benchmark.
 *
 * Helpers spin for a while between calls, as those of the engines compared do, then sleep. The items of a
 * call are taken one by one from a counter, by the caller too. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SPINS = 20000 };

typedef struct {
    void (*for_each)(void *ctx, int n, void (*fn)(void *, int), void *arg);
    void *ctx;
} parallel;

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_uint call;   /* number of the current call; helpers wait for it to change */
    atomic_int next;    /* first item not taken */
    atomic_int helping; /* helpers that have not left the current call */
    int helpers, n;
    void (*fn)(void *, int);
    void *arg;
} pool;

/* A pause that lets a sibling thread of the same core go on. */
static void relax(void) {
#if defined __x86_64__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

static void work(pool *p) {
    for (;;) {
        int i = atomic_fetch_add(&p->next, 1);
        if (i >= p->n) return;
        p->fn(p->arg, i);
    }
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
    while ((call = atomic_load(&p->call)) == seen) pthread_cond_wait(&p->wake, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return call;
}

static void *help(void *argument) {
    pool *p = argument;
    for (unsigned seen = 0;;) {
        seen = await_call(p, seen);
        work(p);
        atomic_fetch_sub(&p->helping, 1);
    }
    return NULL;
}

static void for_each(void *ctx, int n, void (*fn)(void *, int), void *arg) {
    pool *p = ctx;
    p->fn = fn;
    p->arg = arg;
    p->n = n;
    atomic_store(&p->next, 0);
    atomic_store(&p->helping, p->helpers);
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->call, 1);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    work(p);
    while (atomic_load(&p->helping) > 0) relax();
}

parallel *bench_pool(int threads);

/* A pool of so many threads, the caller's included, which lives as long as the process; NULL without memory
 * or threads. */
parallel *bench_pool(int threads) {
    pool *p = calloc(1, sizeof *p);
    parallel *made = calloc(1, sizeof *made);
    if (!p || !made || pthread_mutex_init(&p->lock, NULL) || pthread_cond_init(&p->wake, NULL)) goto fail;
    for (p->helpers = 0; p->helpers < threads - 1; p->helpers++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, help, p)) goto fail;
    }
    made->for_each = for_each;
    made->ctx = p;
    return made;
fail: /* threads that were made sleep on: the process ends anyway */
    free(made);
    return NULL;
}
