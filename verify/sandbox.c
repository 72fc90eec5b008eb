#include "verify/sandbox.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FG_PATTERN 0xA5

/* ---- spaces ---- */

static void release_space(void *space) {
    fg_space *s = space;
    if (s->map) (void)munmap(s->map, s->map_bytes);
    s->map = NULL;
}

static size_t round_up(size_t n, size_t to) {
    return (n + to - 1) / to * to;
}

static unsigned char *map_pages(fg_context *ctx, const char *name, size_t bytes) {
    void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) fg_raise(ctx, FG_UNSUPPORTED, "%zu bytes for %s: %s", bytes, name, strerror(errno));
    return p;
}

/* As near to the end as alignment allows; one element less if that would be aligned to more than asked for.
 */
static size_t gap_after(size_t bytes, size_t align, bool unaligned, size_t inner) {
    size_t gap = inner - bytes;
    gap -= gap % align;
    size_t tail = inner - bytes - gap;
    if (unaligned && gap % (2 * align) == 0) tail += align;
    return tail;
}

fg_space *fg_space_new(fg_context *ctx, const char *name, size_t bytes, size_t align, bool unaligned,
                       bool shadow) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (bytes > SIZE_MAX / 4 || align > page) fg_raise(ctx, FG_UNSUPPORTED, "%s is too large", name);
    fg_space *s = FG_NEW(ctx, fg_space);
    size_t inner = round_up(bytes + 2 * align, page);
    s->name = name;
    s->bytes = bytes;
    s->map_bytes = inner + 2 * page;
    s->map = map_pages(ctx, name, s->map_bytes);
    fg_defer(ctx, release_space, s);
    if (mprotect(s->map + page, inner, PROT_READ | PROT_WRITE) != 0)
        fg_raise(ctx, FG_UNSUPPORTED, "%zu bytes for %s: %s", bytes, name, strerror(errno));
    s->data = s->map + page + inner - gap_after(bytes, align, unaligned, inner) - bytes;
    memset(s->map + page, FG_PATTERN, (size_t)(s->data - s->map) - page);
    memset(s->data + bytes, FG_PATTERN, (size_t)(s->map + page + inner - s->data) - bytes);
    if (shadow) s->shadow = fg_big_alloc(ctx, bytes > 0 ? bytes : 1);
    return s;
}

void fg_space_lock(fg_context *ctx, fg_space *s) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (mprotect(s->map + page, s->map_bytes - 2 * page, PROT_READ) != 0)
        fg_raise(ctx, FG_INTERNAL, "verify: %s cannot be protected: %s", s->name, strerror(errno));
}

void fg_space_free(fg_context *ctx, fg_space *s) {
    if (!s) return;
    fg_undefer(ctx, s);
    release_space(s);
    fg_big_free(ctx, s->shadow);
    s->shadow = NULL;
}

static bool all_pattern(const unsigned char *from, const unsigned char *to) {
    while (from < to)
        if (*from++ != FG_PATTERN) return false;
    return true;
}

bool fg_space_intact(const fg_space *s) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return all_pattern(s->map + page, s->data) &&
           all_pattern(s->data + s->bytes, s->map + s->map_bytes - page);
}

bool fg_space_holds(const fg_space *s, const void *address) {
    uintptr_t a = (uintptr_t)address, from = (uintptr_t)s->map;
    return a >= from && a - from < s->map_bytes;
}

/* ---- calls ---- */

static const int caught[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};

/* A signal handler has no other way to its caller; one thread verifies at a time. */
static sigjmp_buf way_back;
static volatile sig_atomic_t signal_seen;
static const void *volatile address_seen;

static void on_signal(int number, siginfo_t *info, void *machine) {
    (void)machine;
    signal_seen = number;
    address_seen = info->si_addr;
    siglongjmp(way_back, 1);
}

/* Handlers run on a stack of their own: overflowing the stack is one of the faults. */
static void install(struct sigaction *old, stack_t *old_stack, void *stack, size_t bytes) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    stack_t fresh = {.ss_sp = stack, .ss_size = bytes};
    (void)sigaltstack(&fresh, old_stack);
    for (size_t i = 0; i < FG_COUNT(caught); i++) (void)sigaction(caught[i], &action, &old[i]);
}

static void restore(const struct sigaction *old, const stack_t *old_stack) {
    for (size_t i = 0; i < FG_COUNT(caught); i++) (void)sigaction(caught[i], &old[i], NULL);
    (void)sigaltstack(old_stack, NULL);
}

fg_fault fg_sandbox(fg_context *ctx, void (*fn)(void *arg), void *arg) {
    struct sigaction old[FG_COUNT(caught)];
    stack_t old_stack;
    size_t bytes = (size_t)1 << 16;
    void *stack = fg_big_alloc(ctx, bytes);
    signal_seen = 0;
    address_seen = NULL;
    install(old, &old_stack, stack, bytes);
    if (sigsetjmp(way_back, 1) == 0) fn(arg);
    restore(old, &old_stack);
    fg_big_free(ctx, stack);
    return (fg_fault){signal_seen, address_seen};
}

const char *fg_fault_name(int number) {
    switch (number) {
    case SIGSEGV:
    case SIGBUS: return "touches memory that is not its own";
    case SIGILL: return "uses an instruction that this machine does not have";
    case SIGFPE: return "divides an integer by zero";
    default: return "stops by a signal";
    }
}
