/* Runtime: an ARM Cortex-M without an operating system. */
#include "semihosting.h"

static intptr_t board_call(intptr_t operation, const void *argument) {
    register intptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory", "cc", "r2", "r3", "ip", "lr");
    return r0;
}

int main(void);
extern unsigned char board_stack[];

static void stop(void) {
    volatile const uint32_t *const cause = (const uint32_t *)0xE000ED28u; /* CFSR */
    if (*cause & 0x00010000u) board_fault("board: an instruction that the core does not have\n");
    if (*cause & 0x01000000u) board_fault("board: an unaligned access\n");
    if (*cause & 0x0000FFFFu) board_fault("board: touches memory that is not there\n");
    board_fault("board: fault\n");
}

static void start(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: floating-point unit on */
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
#if defined(__ARM_FEATURE_MVE)
    uint32_t fpscr;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(fpscr));
    fpscr = (fpscr & ~(7u << 16)) | 4u << 16; /* LTPSIZE 4: no tail predication left over from before */
    __asm__ volatile("vmsr fpscr, %0" ::"r"(fpscr));
#endif
    board_clear_memory();
    (void)main();
    board_exit(0);
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))board_stack,
    start,
    stop,
    stop,
    stop,
    stop,
    stop,
    stop,
    stop,
    stop,
    stop,
    stop,
    stop,
    stop,
    stop,
    stop};
