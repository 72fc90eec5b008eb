/* A session with a program in an emulator. Pipes are read and written without blocking, so that the end of
 * the emulator is noticed whatever it was doing. After a fault the next call starts it again. */
#include "verify/emulator.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "verify/leftovers.h"

/* Without a byte for so long, the program is taken for dead. */
#define FG_PATIENCE_SECONDS 900

typedef struct session {
    fg_library lib;
    const fg_module *m;
    const fg_memory *mem;
    fg_board_program files;
    pid_t pid; /* 0: does not run */
    int orders, answers;
    int64_t counts_read; /* of the bytes of files.counts */
} session;

/* As in targets/board/board.h. */
enum { ORDER_INPUTS = 0x80000000u, ORDER_RUN, ORDER_RUN_DIVIDED, ORDER_END };

static const char *const damage[] = {NULL, NULL, "arena", "an input", "an output", "weights"};

/* ---- process ---- */

static void close_pipes(session *s) {
    if (s->orders >= 0) (void)close(s->orders);
    if (s->answers >= 0) (void)close(s->answers);
    s->orders = s->answers = -1;
}

static void stop(session *s) {
    if (s->pid > 0) {
        (void)kill(s->pid, SIGKILL);
        (void)fg_wait(s->pid);
    }
    s->pid = 0;
    close_pipes(s);
}

static void release(void *state) {
    stop(state);
}

static const char *log_path(const session *s) {
    return fg_format(s->m->ctx, "%s/emulator.log", s->files.folder);
}

static const char *last_words(const session *s) {
    const char *text = fg_first_error(s->m->ctx, fg_read_log(s->m->ctx, log_path(s)));
    return *text ? text : "it said nothing";
}

/* Both ends of both pipes are open here: nothing waits for the emulator to open its own. */
static void open_pipes(session *s) {
    s->orders = open(s->files.orders, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    s->answers = open(s->files.answers, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (s->orders >= 0 && s->answers >= 0) return;
    close_pipes(s);
    fg_raise(s->m->ctx, FG_TOOLCHAIN, "the pipes to the emulator cannot be opened: %s", strerror(errno));
}

static bool is_qemu(const char *program) {
    const char *slash = strrchr(program, '/');
    return strncmp(slash ? slash + 1 : program, "qemu-", 5) == 0;
}

static fg_arguments emulator_command(session *s) {
    fg_context *ctx = s->m->ctx;
    fg_arguments words = {.n = 0}, a = {.n = 0};
    fg_add_words(ctx, &words, s->m->target->emulator);
    if (words.n > 0 && !is_qemu(words.v[0])) s->files.plugin = NULL;
    for (int i = 0; i < words.n; i++) {
        fg_add_argument(ctx, &a, words.v[i]);
        if (i > 0 || !s->files.plugin) continue;
        fg_add_argument(ctx, &a, "-plugin");
        fg_add_argument(ctx, &a, fg_format(ctx, "%s,counts=%s", s->files.plugin, s->files.counts));
    }
    fg_add_argument(ctx, &a, s->files.program);
    return a;
}

static void start_process(session *s) {
    fg_context *ctx = s->m->ctx;
    const fg_arguments a = emulator_command(s);
    open_pipes(s);
    s->counts_read = 0;
    const int failed = fg_spawn(&a, log_path(s), &s->pid);
    if (!failed) return;
    s->pid = 0;
    close_pipes(s);
    fg_remedy(ctx, "%s", fg_board_remedy(s->m));
    fg_raise(ctx, FG_TOOLCHAIN, "emulator '%s' cannot be started: %s", a.v[0], strerror(failed));
}

/* What an ended program means. The runtime of a board tells in words, and leaves with status 3. */
static fg_fault fault_of(const session *s, int status) {
    if (WIFSIGNALED(status)) return (fg_fault){WTERMSIG(status), NULL};
    const bool unknown = strstr(fg_read_log(s->m->ctx, log_path(s)), "instruction that the core") != NULL;
    return (fg_fault){unknown ? SIGILL : SIGSEGV, NULL};
}

/* True if the process has ended; it is forgotten then. */
static bool has_ended(session *s, fg_fault *fault) {
    int status = 0;
    if (s->pid <= 0) return true;
    if (waitpid(s->pid, &status, WNOHANG) == 0) return false;
    *fault = fault_of(s, status);
    s->pid = 0;
    fg_leftover_child(0);
    close_pipes(s);
    return true;
}

/* ---- pipes ---- */

static bool await(session *s, int file, short events, fg_fault *fault) {
    for (int tenths = 0; tenths < FG_PATIENCE_SECONDS * 10; tenths++) {
        struct pollfd p = {file, events, 0};
        if (poll(&p, 1, 100) > 0) return true;
        if (has_ended(s, fault)) return false;
    }
    stop(s);
    fg_raise(s->m->ctx, FG_TOOLCHAIN, "the emulator has not answered for %d s: %s", FG_PATIENCE_SECONDS,
             last_words(s));
}

static bool put(session *s, const void *from, size_t bytes, fg_fault *fault) {
    const unsigned char *p = from;
    while (bytes > 0) {
        if (!await(s, s->orders, POLLOUT, fault)) return false;
        const ssize_t n = write(s->orders, p, bytes);
        if (n <= 0) continue;
        p += n;
        bytes -= (size_t)n;
    }
    return true;
}

static bool get(session *s, void *to, size_t bytes, fg_fault *fault) {
    unsigned char *p = to;
    while (bytes > 0) {
        if (!await(s, s->answers, POLLIN, fault)) return false;
        const ssize_t n = read(s->answers, p, bytes);
        if (n <= 0) continue;
        p += n;
        bytes -= (size_t)n;
    }
    return true;
}

static bool put_word(session *s, uint32_t w, fg_fault *fault) {
    const unsigned char b[4] = {(unsigned char)w, (unsigned char)(w >> 8), (unsigned char)(w >> 16),
                                (unsigned char)(w >> 24)};
    return put(s, b, sizeof b, fault);
}

static bool get_word(session *s, uint32_t *w, fg_fault *fault) {
    unsigned char b[4];
    if (!get(s, b, sizeof b, fault)) return false;
    *w = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    return true;
}

/* ---- orders ---- */

static bool put_inputs(session *s, fg_fault *fault) {
    bool good = put_word(s, ORDER_INPUTS, fault);
    for (int i = 0; good && i < s->m->partition->graph->n_inputs; i++)
        good = put(s, s->mem->in[i]->data, s->mem->in[i]->bytes, fault);
    uint32_t state;
    return good && get_word(s, &state, fault);
}

static void start(session *s) {
    fg_context *ctx = s->m->ctx;
    fg_fault fault = {0, NULL};
    uint32_t state = 0;
    start_process(s);
    if (!get_word(s, &state, &fault))
        fg_raise(ctx, FG_TOOLCHAIN, "emulator '%s' does not run the program: %s", s->m->target->emulator,
                 last_words(s));
    if (state != 0) {
        stop(s);
        fg_remedy(ctx, "choose a target with more memory");
        fg_raise(ctx, FG_TOOLCHAIN,
                 "%lld bytes of RAM of target '%s' do not hold arena (%lld bytes), inputs and outputs",
                 (long long)s->m->target->ram_bytes, s->m->target->name, (long long)s->m->arena_bytes);
    }
    if (!put_inputs(s, &fault))
        fg_raise(ctx, FG_TOOLCHAIN, "the program ends before its inputs are read: %s", last_words(s));
}

/* The difference of the last two counts. */
static int64_t count_of_call(session *s) {
    unsigned char b[16];
    int64_t counts[2] = {0, 0};
    FILE *f = s->files.plugin ? fopen(s->files.counts, "rb") : NULL;
    if (!f) return -1;
    const bool good = fseek(f, (long)s->counts_read, SEEK_SET) == 0 && fread(b, 1, sizeof b, f) == sizeof b;
    (void)fclose(f);
    if (!good) return -1;
    s->counts_read += (int64_t)sizeof b;
    for (int i = 15; i >= 0; i--) counts[i / 8] = (int64_t)((uint64_t)counts[i / 8] << 8 | b[i]);
    return counts[1] - counts[0];
}

static bool exchange(session *s, uint32_t order, uint32_t answer[2], fg_fault *fault) {
    const fg_memory *mem = s->mem;
    const int n = s->m->partition->graph->n_outputs;
    bool good = put_word(s, order, fault) && put(s, mem->arena->data, mem->arena->bytes, fault);
    for (int i = 0; good && i < n; i++) good = put(s, mem->out[i]->data, mem->out[i]->bytes, fault);
    good = good && get_word(s, &answer[0], fault) && get_word(s, &answer[1], fault);
    good = good && get(s, mem->arena->data, mem->arena->bytes, fault);
    for (int i = 0; good && i < n; i++) good = get(s, mem->out[i]->data, mem->out[i]->bytes, fault);
    return good;
}

static fg_fault call(fg_library *lib, int what, int *result) {
    session *s = lib->state;
    fg_fault fault = {0, NULL};
    uint32_t answer[2] = {0, 0};
    if (s->pid <= 0) start(s);
    const uint32_t order = what == FG_CALL_RUN           ? ORDER_RUN
                           : what == FG_CALL_RUN_DIVIDED ? ORDER_RUN_DIVIDED
                                                         : (uint32_t)what;
    lib->instructions = -1;
    if (!exchange(s, order, answer, &fault)) return fault;
    lib->instructions = count_of_call(s);
    *result = (int)(int32_t)answer[1];
    lib->damaged = answer[0] < FG_COUNT(damage) ? damage[answer[0]] : "memory";
    return fault;
}

/* Names exist or the program would not have been linked. */
static void *find_symbol(const fg_library *lib, const char *name) {
    const session *s = lib->state;
    (void)name;
    return s->files.folder;
}

static const char *finish(fg_library *lib) {
    session *s = lib->state;
    fg_fault fault = {0, NULL};
    uint32_t state = 0;
    if (s->pid <= 0 || !put_word(s, ORDER_END, &fault) || !get_word(s, &state, &fault)) return NULL;
    return state < FG_COUNT(damage) ? damage[state] : "memory";
}

/* Strings are pointers, which mean nothing on the other side. */
static void refuse_strings(const fg_module *m) {
    const fg_graph *g = m->partition->graph;
    for (int i = 0; i < g->n_values; i++) {
        if (g->values[i]->dtype != FG_STRING) continue;
        fg_remedy(m->ctx, "use --verify=tcc or --verify=cc");
        fg_raise(m->ctx, FG_UNSUPPORTED, "'%s' holds strings, which no emulator is given",
                 g->values[i]->name);
    }
}

fg_library *fg_load_emulator(const fg_module *m, const fg_memory *mem) {
    fg_context *ctx = m->ctx;
    const fg_target *t = m->target;
    refuse_strings(m);
    if (!t->emulator || !*t->emulator) {
        fg_remedy(ctx, "use --verify=cc, or give the target file an emulator");
        fg_raise(ctx, FG_TOOLCHAIN, "target '%s' has no emulator", t->name);
    }
    session *s = FG_NEW(ctx, session);
    *s = (session){.m = m, .mem = mem, .orders = -1, .answers = -1};
    s->files = fg_board_build(m, mem);
    fg_arguments emulator = {.n = 0};
    fg_add_words(ctx, &emulator, t->emulator);
    s->lib = (fg_library){
        .ctx = ctx, .symbol = find_symbol, .release = release, .state = s, .call = call, .finish = finish};
    s->lib.how = fg_format(ctx, "%s %s, run by %s", t->compiler, t->flags, emulator.v[0]);
    s->lib.instructions = -1;
    fg_defer(ctx, release, s);
    start(s);
    return &s->lib;
}
