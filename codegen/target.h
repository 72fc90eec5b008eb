/* Target profiles: data, one file targets/NAME.target each (embedded at build time; a user's own file by
 * path).
 *
 * A target file has lines `key = value  # source of the number`. Unknown keys, missing keys and bad values
 * are reported with file and line. `inherit = NAME` starts from another target.
 */
#ifndef FG_CODEGEN_TARGET_H
#define FG_CODEGEN_TARGET_H

#include "frontend/base.h"

typedef struct fg_target {
    const char *name;        /* x86-64-v4 */
    const char *description; /* one line */
    const char *isa;         /* family for dialect overrides: "x86", "aarch64", "arm", "riscv", "generic" */
    int vector_bits;         /* 32: scalar */
    int vector_registers;    /* architectural; 16 for AVX2, 32 for AVX-512 and NEON */
    int element_registers;  /* of a file of their own, for what multiply-adds take one of; 0: vector registers
                             */
    bool fma;               /* fused multiply-add in hardware */
    int fma_per_cycle;      /* vector FMAs issued per cycle */
    int half_fma_per_cycle; /* FMAs on half vectors; 0: as many as on whole ones */
    int fma_latency;        /* cycles */
    int run;        /* elements of one load of which multiply-adds take one; 1: none do, or a register full */
    int widen_fp16; /* instructions that make a register of float32 of fp16, beside the load */
    int widen_bf16; /* the same of bf16 */
    bool walk;      /* vector loads have no offset but advance their pointer */
    bool prefetch;  /* there is an instruction that asks for a cache line ahead of its use */
    bool minmax;    /* single numbers are clipped by one instruction an end, which passes over NaN */
    bool slow_memcpy; /* the C library's copies bytes one by one */
    bool in_order;    /* the compiler leaves loads where the text has them: few operands wait in registers */
    int load_vectors; /* neighbouring registers that one load fills: 1, 2 or 4 */
    int load_wait; /* cycles from a group of loads to its first product, if the core waits; 0: it goes on */
    int issue;     /* instructions per cycle of a load-store ISA; 0: operands come from memory */
    double ghz;
    int64_t l1_bytes, l2_bytes, l3_bytes;        /* data caches seen by one core; 0: none */
    double l1_gbps, l2_gbps, l3_gbps, dram_gbps; /* read bandwidth of one core */
    double peak_gflops;                          /* float32, one core */
    double joules_per_flop, joules_per_byte;
    double schedule;                /* factor on the compute time in reports; 1 unless given */
    bool report_only;               /* figures for reports; no code is made for it */
    int arena_align;                /* bytes */
    int64_t flash_bytes, ram_bytes; /* of the board; 0: not limited */
    int64_t flash_base, ram_base;   /* addresses, for boards without an operating system */
    int64_t vector_base;            /* where the core looks for its first instruction; 0: at flash_base */
    int64_t tcm_bytes;              /* tightly coupled data memory; 0: none */
    bool unaligned;                 /* unaligned vector access is fine */
    int unroll_budget;    /* most lines of a generated function; one that would be longer is made with less */
    const char *compiler; /* "gcc", "aarch64-linux-gnu-gcc", ... */
    const char *flags;    /* "-O3 -march=x86-64-v4" */
    const char *emulator; /* command prefix; empty: runs here */
    const char *runtime;  /* what lies under a program: targets/board/RUNTIME.c */
    const char *link;     /* flags that end the command that links a program */
    const char *mca_cpu;  /* what llvm-mca calls the core, for bench/mca.py; empty: nothing */
    const char *packages; /* of Debian, with compiler and emulator */
} fg_target;

/* Lanes of a float32 vector: vector_bits / 32. */
int fg_target_lanes(const fg_target *t);

/* Cycles for bytes of weights that every run reads once: what stays in the second-level cache is free, the
 * rest streams from memory. 0 where the bandwidth is not known. */
double fg_target_stream_cycles(const fg_target *t, double bytes);
/* Cycles of a product and of what it streams, of which most goes on beside it. */
double fg_overlapped_cycles(double compute, double stream);

/* Roofline (Williams, Waterman and Patterson, 2009): the larger of the time of so many operations at peak and
 * of the traffic at the bandwidth of the smallest cache that holds it. A figure that is not known costs
 * nothing. */
double fg_target_roofline_ms(const fg_target *t, int64_t flops, int64_t bytes);

/* name: "host", an embedded target's name, or a path ending in ".target". Raises FG_USAGE naming what exists.
 * The result of "host" is the named target that the CPU's features allow. */
const fg_target *fg_target_load(fg_context *ctx, const char *name);

/* The embedded targets' names, sorted; NULL beyond the last. */
int fg_target_count(void);
const char *fg_target_name_at(int i);

#endif
