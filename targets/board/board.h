/* A program for a board: generated kernels that are called one by one, on orders from outside.
 *
 * server.c reads orders and runs kernels; PROGRAM.c, written for each network, says what there is; the file
 * named by the target's `runtime` gives it memory, files and a start. Nothing here knows a particular network
 * or board. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* As in generated code. */
typedef struct fg_call {
    const void *const *in;
    void *const *out;
    unsigned char *arena;
    const unsigned char *weights;
    int part, parts;
    int *status; /* generated text leaves it out where no kernel can fail */
} fg_call;

typedef void board_kernel(const fg_call *call);

/* What P_run may be given to divide its work by. */
typedef struct board_parallel {
    void (*for_each)(void *ctx, int n, void (*fn)(void *arg, int i), void *arg);
    void *ctx;
} board_parallel;

typedef struct board_buffer {
    size_t bytes, align;
} board_buffer;

typedef struct board_program {
    const char *orders, *answers; /* files to read from and to write to */
    board_kernel *const *kernels;
    const int *parts;            /* by kernel: how many parts it is called in */
    const unsigned char *finish; /* whether once more after them, as part number `parts` */
    int n_kernels, n_in, n_out;
    board_buffer arena;
    const board_buffer *in, *out;
    const unsigned char *weights;
    size_t weights_bytes;
    int (*run)(void **in, void **out, unsigned char *arena, const unsigned char *weights,
               const board_parallel *parallel);
} board_program;

extern const board_program board_the_program;

/* Orders: one word, and what follows it. Words have 32 bits, the least significant byte first. Each is
 * answered by the state of affairs (board_state), and kernels and runs by their result, arena and outputs
 * too. */
enum {
    BOARD_INPUTS = 0x80000000u, /* all inputs follow, kept for all that comes */
    BOARD_RUN,                  /* arena and outputs follow: P_run */
    BOARD_RUN_DIVIDED,          /* the same, in parts, the last first */
    BOARD_END                   /* check that nobody wrote to inputs and weights, and leave */
    /* less: arena and outputs follow: the kernel of that number */
};

typedef enum board_state {
    BOARD_FINE,
    BOARD_NO_MEMORY,
    BOARD_ARENA_DAMAGED,
    BOARD_INPUT_DAMAGED,
    BOARD_OUTPUT_DAMAGED,
    BOARD_WEIGHTS_DAMAGED
} board_state;

/* ---- runtime ---- */

/* Memory that is never given back; NULL: there is no more. As near before forbidden memory as alignment
 * allows, if there is any. */
unsigned char *board_memory(size_t bytes, size_t align);
/* How much of what follows a buffer is to be watched: 0 where it is forbidden. */
size_t board_watched(void);
int board_open(const char *path, int write); /* negative: cannot */
/* Exactly so many bytes; 0 if there are not. */
int board_read(int file, void *to, size_t bytes);
int board_write(int file, const void *from, size_t bytes);
_Noreturn void board_exit(int status);

/* Does nothing: whoever counts instructions looks for calls of it. */
void board_mark(void);

#endif
