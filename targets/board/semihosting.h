/* Memory and files of a board without an operating system, by semihosting calls to whoever emulates or debugs
 * it. The file that includes this defines board_call(operation, argument). */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include "board.h"

enum { SYS_OPEN = 1, SYS_WRITE0 = 4, SYS_WRITE = 5, SYS_READ = 6, SYS_EXIT_EXTENDED = 0x20 };
enum { STOPPED_BY_FAULT = 0x20023, STOPPED_BY_EXIT = 0x20026 };

extern unsigned char board_heap_from[], board_heap_to[]; /* of the linker script */

static intptr_t board_call(intptr_t operation, const void *argument);

/* Watched bytes after a buffer: nothing is forbidden here. */
size_t board_watched(void) {
    return 64;
}

unsigned char *board_memory(size_t bytes, size_t align) {
    static unsigned char *next = board_heap_from;
    const uintptr_t at = ((uintptr_t)next + align - 1) / align * align, to = (uintptr_t)board_heap_to;
    if (at > to || bytes > to - at) return NULL;
    next = (unsigned char *)(at + bytes);
    return (unsigned char *)at;
}

int board_open(const char *path, int write) {
    size_t n = 0;
    while (path[n]) n++;
    const intptr_t block[3] = {(intptr_t)path, write ? 5 : 1, (intptr_t)n}; /* "wb", "rb" */
    return (int)board_call(SYS_OPEN, block);
}

/* Both calls return how many bytes are left. */
static int move(intptr_t operation, int file, uintptr_t at, size_t bytes) {
    while (bytes) {
        const intptr_t block[3] = {file, (intptr_t)at, (intptr_t)bytes};
        const size_t left = (size_t)board_call(operation, block);
        if (left >= bytes) return 0;
        at += bytes - left;
        bytes = left;
    }
    return 1;
}

int board_read(int file, void *to, size_t bytes) {
    return move(SYS_READ, file, (uintptr_t)to, bytes);
}

int board_write(int file, const void *from, size_t bytes) {
    return move(SYS_WRITE, file, (uintptr_t)from, bytes);
}

_Noreturn void board_exit(int status) {
    const intptr_t block[2] = {STOPPED_BY_EXIT, status};
    for (;;) (void)board_call(SYS_EXIT_EXTENDED, block);
}

_Noreturn static void board_fault(const char *text) {
    (void)board_call(SYS_WRITE0, text);
    board_exit(3);
}

/* ---- before main ---- */

extern unsigned char board_data_image[], board_data_from[], board_data_to[], board_bss_from[], board_bss_to[];

static void board_clear_memory(void) {
    unsigned char *from = board_data_image, *to = board_data_from;
    while (to < board_data_to) *to++ = *from++;
    for (to = board_bss_from; to < board_bss_to; to++) *to = 0;
}

#endif
