/* Runtime: a Linux process. Buffers end where forbidden pages begin. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "board.h"

unsigned char *board_memory(size_t bytes, size_t align) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t inner = (bytes + align + page - 1) / page * page;
    unsigned char *p = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + page, inner, PROT_READ | PROT_WRITE) != 0) return NULL;
    const size_t gap = inner - bytes;
    return p + page + gap - gap % align;
}

size_t board_watched(void) {
    return 0;
}

int board_open(const char *path, int write) {
    return open(path, write ? O_WRONLY : O_RDONLY);
}

int board_read(int file, void *to, size_t bytes) {
    unsigned char *p = to;
    while (bytes) {
        const ssize_t n = read(file, p, bytes);
        if (n <= 0) return 0;
        p += n;
        bytes -= (size_t)n;
    }
    return 1;
}

int board_write(int file, const void *from, size_t bytes) {
    const unsigned char *p = from;
    while (bytes) {
        const ssize_t n = write(file, p, bytes);
        if (n <= 0) return 0;
        p += n;
        bytes -= (size_t)n;
    }
    return 1;
}

_Noreturn void board_exit(int status) {
    _exit(status);
}
