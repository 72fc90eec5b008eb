/* Runtime: a RISC-V core without an operating system, started in machine mode. */
#include "semihosting.h"

/* The three instructions must not be compressed nor lie in two pages. */
__attribute__((naked, noinline, aligned(16))) static intptr_t
trap(intptr_t operation __attribute__((unused)), const void *argument __attribute__((unused))) {
    __asm__ volatile(
        ".option push\n .option norvc\n slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n ret\n .option pop");
}

static intptr_t board_call(intptr_t operation, const void *argument) {
    __asm__ volatile("" ::: "memory");
    const intptr_t result = trap(operation, argument);
    __asm__ volatile("" ::: "memory");
    return result;
}

int main(void);

__attribute__((used, aligned(4))) static void stop(void) {
    uintptr_t cause;
    __asm__ volatile(".option push\n .option arch, +zicsr\n csrr %0, mcause\n .option pop" : "=r"(cause));
    if (cause == 2) board_fault("board: an instruction that the core does not have\n");
    if (cause == 4 || cause == 6) board_fault("board: an unaligned access\n");
    if (cause == 5 || cause == 7) board_fault("board: touches memory that is not there\n");
    board_fault("board: trap\n");
}

__attribute__((used)) static void start(void) {
    board_clear_memory();
    (void)main();
    board_exit(0);
}

/* Global, stack and thread pointers; mstatus.FS on where there is a floating-point unit. */
__attribute__((section(".vectors"), naked, used)) void _start(void) {
    __asm__ volatile(".option push\n .option norelax\n la gp, __global_pointer$\n .option pop\n"
                     "la sp, board_stack\n la tp, board_tls\n la t0, stop\n .option push\n .option arch, "
                     "+zicsr\n csrw mtvec, t0\n"
#ifdef __riscv_flen
                     "li t0, 0x2000\n csrs mstatus, t0\n"
#endif
                     ".option pop\n j start");
}
