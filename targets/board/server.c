/* Does what the verifier outside the emulator orders: takes an image of the memory, calls a kernel, gives the
 * image back. */
#include "board.h"

enum { WATCHED_BEFORE = 64, PATTERN = 0xA5 };

/* A buffer in memory whose neighbourhood holds a pattern. */
typedef struct space {
    unsigned char *from, *data, *to;
    size_t bytes;
} space;

static const board_program *const program = &board_the_program;
static space arena;
static space *in, *out;
static const void **in_pointer;
static void **out_pointer;
static int orders, answers;
static uint32_t inputs_sum, weights_sum;

__attribute__((noinline)) void board_mark(void) {
    __asm__ volatile("" ::: "memory");
}

/* ---- memory ---- */

static void fill(unsigned char *from, const unsigned char *to) {
    while (from < to) *from++ = PATTERN;
}

static int holds(const unsigned char *from, const unsigned char *to) {
    while (from < to)
        if (*from++ != PATTERN) return 0;
    return 1;
}

static void watch(const space *s) {
    fill(s->from, s->data);
    fill(s->data + s->bytes, s->to);
}

static int space_new(space *s, const board_buffer *b) {
    const size_t before = WATCHED_BEFORE > b->align ? WATCHED_BEFORE : b->align, after = board_watched();
    const size_t skew = b->align < 16 ? b->align : 0; /* aligned to an element, and to nothing more */
    unsigned char *p = board_memory(before + skew + b->bytes + after, b->align < 16 && after ? 16 : b->align);
    if (!p) return 0;
    *s = (space){p, p + before + skew, p + before + skew + b->bytes + after, b->bytes};
    watch(s);
    return 1;
}

/* Mends what is not, so that the next call is not blamed. */
static int intact(const space *s) {
    if (holds(s->from, s->data) && holds(s->data + s->bytes, s->to)) return 1;
    watch(s);
    return 0;
}

static void *table(int n, size_t bytes) {
    return board_memory(((size_t)n + 1) * bytes, 16);
}

static int make_spaces(void) {
    in = table(program->n_in, sizeof *in);
    out = table(program->n_out, sizeof *out);
    in_pointer = table(program->n_in, sizeof *in_pointer);
    out_pointer = table(program->n_out, sizeof *out_pointer);
    if (!in || !out || !in_pointer || !out_pointer || !space_new(&arena, &program->arena)) return 0;
    for (int i = 0; i < program->n_in; i++) {
        if (!space_new(&in[i], &program->in[i])) return 0;
        in_pointer[i] = in[i].data;
    }
    for (int i = 0; i < program->n_out; i++) {
        if (!space_new(&out[i], &program->out[i])) return 0;
        out_pointer[i] = out[i].data;
    }
    return 1;
}

/* ---- what must not change ---- */

static uint32_t add_up(uint32_t sum, const unsigned char *p, size_t n) {
    while (n--) sum = (sum ^ *p++) * 16777619u;
    return sum;
}

static uint32_t sum_of_inputs(void) {
    uint32_t sum = 2166136261u;
    for (int i = 0; i < program->n_in; i++) sum = add_up(sum, in[i].data, in[i].bytes);
    return sum;
}

static board_state state_of_spaces(void) {
    if (!intact(&arena)) return BOARD_ARENA_DAMAGED;
    for (int i = 0; i < program->n_in; i++)
        if (!intact(&in[i])) return BOARD_INPUT_DAMAGED;
    for (int i = 0; i < program->n_out; i++)
        if (!intact(&out[i])) return BOARD_OUTPUT_DAMAGED;
    return BOARD_FINE;
}

static board_state state_at_the_end(void) {
    if (sum_of_inputs() != inputs_sum) return BOARD_INPUT_DAMAGED;
    if (add_up(0, program->weights, program->weights_bytes) != weights_sum) return BOARD_WEIGHTS_DAMAGED;
    return BOARD_FINE;
}

/* ---- orders ---- */

static void get(void *to, size_t bytes) {
    if (bytes && !board_read(orders, to, bytes)) board_exit(2);
}

static void put(const void *from, size_t bytes) {
    if (bytes && !board_write(answers, from, bytes)) board_exit(2);
}

static uint32_t get_word(void) {
    unsigned char b[4];
    get(b, 4);
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void put_word(uint32_t w) {
    const unsigned char b[4] = {(unsigned char)w, (unsigned char)(w >> 8), (unsigned char)(w >> 16),
                                (unsigned char)(w >> 24)};
    put(b, 4);
}

static void backwards(void *ctx, int n, void (*fn)(void *arg, int i), void *arg) {
    (void)ctx;
    while (n-- > 0) fn(arg, n);
}

static int run_kernel(uint32_t k) {
    int status = 0;
    fg_call call = {in_pointer, out_pointer, arena.data, program->weights, 0, program->parts[k], &status};
    for (call.part = call.parts - 1; call.part >= 0; call.part--) program->kernels[k](&call);
    call.part = call.parts;
    if (program->finish[k]) program->kernels[k](&call);
    return 0;
}

static int run_whole(const board_parallel *parallel) {
    return program->run((void **)in_pointer, out_pointer, arena.data, program->weights, parallel);
}

static void run(uint32_t order) {
    static const board_parallel divided = {backwards, NULL};
    int result;
    get(arena.data, arena.bytes);
    for (int i = 0; i < program->n_out; i++) get(out[i].data, out[i].bytes);
    board_mark();
    if (order < (uint32_t)program->n_kernels)
        result = run_kernel(order);
    else
        result = run_whole(order == BOARD_RUN_DIVIDED ? &divided : NULL);
    board_mark();
    put_word((uint32_t)state_of_spaces());
    put_word((uint32_t)result);
    put(arena.data, arena.bytes);
    for (int i = 0; i < program->n_out; i++) put(out[i].data, out[i].bytes);
}

static void obey(uint32_t order) {
    if (order == BOARD_END) {
        put_word((uint32_t)state_at_the_end());
        board_exit(0);
    }
    if (order != BOARD_INPUTS) {
        run(order);
        return;
    }
    for (int i = 0; i < program->n_in; i++) get(in[i].data, in[i].bytes);
    inputs_sum = sum_of_inputs();
    put_word(BOARD_FINE);
}

int main(void) {
    orders = board_open(program->orders, 0);
    answers = board_open(program->answers, 1);
    if (orders < 0 || answers < 0) board_exit(2);
    const int made = make_spaces();
    put_word(made ? BOARD_FINE : BOARD_NO_MEMORY);
    if (!made) board_exit(2);
    weights_sum = add_up(0, program->weights, program->weights_bytes);
    for (;;) obey(get_word());
}
