/* Generated text -> callable functions, by libtcc in memory or by a host compiler and dlopen. Both define
 * FG_EXTERNAL_KERNELS, so that kernels can be called one by one, and FG_EXTERNAL_WEIGHTS, so that neither has
 * to parse megabytes of literals. */
#ifndef FG_VERIFY_LOADER_H
#define FG_VERIFY_LOADER_H

#include "codegen/module.h"
#include "verify/sandbox.h"

/* The struct of the same name in generated text; one contract with the prelude. */
typedef struct fg_call {
    const void *const *in;
    void *const *out;
    unsigned char *arena;
    const unsigned char *weights;
    int part, parts;
    int *status; /* generated text leaves it out where no kernel can fail */
} fg_call;

typedef void fg_kernel_fn(const fg_call *call);

typedef struct fg_library fg_library;

struct fg_library {
    fg_context *ctx;
    void *(*symbol)(const fg_library *lib, const char *name); /* NULL if there is none */
    void (*release)(void *state); /* run by fg_library_close, or with the context */
    void *state;
    const char *how; /* "gcc -O3 -march=x86-64-v4", "tcc" */
    /* Where the code does not run in this process: calls kernel `what`, or P_run, on the memory that the
     * library was made with, as a call here would. NULL: symbols are functions. */
    fg_fault (*call)(fg_library *lib, int what, int *result);
    int64_t instructions; /* that the last such call executed; -1: not counted */
    const char *damaged;  /* memory around which the last such call wrote; NULL: none */
    const char *(*finish)(
        fg_library *lib); /* ends the program; what of "an input", "weights" was overwritten */
};

enum { FG_CALL_RUN = -1, FG_CALL_RUN_DIVIDED = -2 /* in parts, the last first */ };

/* weights: the packed blob, which must outlive the library. Raises FG_TOOLCHAIN with the compiler's first
 * error. */
fg_library *fg_load_tcc(const fg_module *m, const void *weights);

/* $CC, else the target's compiler, with the target's flags. The blob is linked in from a file of its own.
 * Everything is built in a temporary directory that is gone when this returns (or with the context, if it
 * raises). Raises FG_TOOLCHAIN if the compiler is missing, refuses the text, or makes code that this machine
 * cannot load. */
fg_library *fg_load_cc(const fg_module *m);

/* The same text as it is handed over: kernels are static, and the compiler knows all their callers. What it
 * does with that knowledge shows only here. Has PREFIX_run alone. */
fg_library *fg_load_cc_shipped(const fg_module *m);

/* Address of PREFIX_name; NULL if there is none. */
void *fg_library_find(const fg_library *lib, const fg_module *m, const char *name);
void fg_library_close(fg_library *lib);

/* Calls PREFIX_run with the arguments that the module's options ask for: arena unless static, the blob if it
 * is one, the parallel callback if it is made for threads. Raises FG_INTERNAL if the file has no such
 * function. */
typedef struct fg_entry {
    void *function;
    const fg_module *m;
    const void *const *in;
    void *const *out;
    void *arena;
    const void *weights;
    int result;
    const void *parallel; /* a PREFIX_parallel, NULL: serial; used if the code is made for threads */
} fg_entry;

void fg_entry_call(void *entry); /* an fg_entry *; the shape suits fg_sandbox */

/* An illegal instruction is no error of the text but of the choice of target: raises FG_TOOLCHAIN. Other
 * faults: nothing. */
void fg_check_instruction(fg_context *ctx, const fg_target *t, fg_fault fault);

/* The source with the text of its own header in place of the line that includes it: compiles without any
 * file. */
const char *fg_whole_source(const fg_module *m);

/* The first line of a compiler's output that reports an error, else its first line; "" if it said nothing. */
const char *fg_first_error(fg_context *ctx, const char *log);

/* A PREFIX_parallel that runs the parts one after the other, the last first: what a kernel's parts write must
 * not depend on their order. */
typedef struct fg_parallel {
    void (*for_each)(void *ctx, int n, void (*fn)(void *arg, int i), void *arg);
    void *ctx;
} fg_parallel;
extern const fg_parallel fg_parallel_backwards;

#endif
