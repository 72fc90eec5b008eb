/* Running code that may be wrong: memory whose neighbourhood is watched, and calls that survive a fault.
 *
 * A space is a buffer between two pages that nobody may touch. The bytes that page rounding leaves on either
 * side hold a pattern. So a read or write beyond the end faults at once (and is reported as such), or, within
 * the alignment gap, a write is seen by fg_space_intact. */
#ifndef FG_VERIFY_SANDBOX_H
#define FG_VERIFY_SANDBOX_H

#include "frontend/base.h"

typedef struct fg_space {
    const char *name; /* for messages: "arena", "input 'x'" */
    unsigned char *data;
    size_t bytes;
    unsigned char *shadow; /* a second buffer of as many bytes, or NULL */
    unsigned char *map;    /* what is mapped, forbidden pages included */
    size_t map_bytes;
} fg_space;

/* align: of data, a power of two. unaligned: data is aligned to `align` and to nothing more (for buffers of
 * callers, which owe only their element's alignment). Released with the context, or by fg_space_free. */
fg_space *fg_space_new(fg_context *ctx, const char *name, size_t bytes, size_t align, bool unaligned,
                       bool shadow);
void fg_space_lock(fg_context *ctx, fg_space *s); /* from now on a write faults */
void fg_space_free(fg_context *ctx, fg_space *s);
bool fg_space_intact(const fg_space *s); /* nothing was written around it */
bool fg_space_holds(const fg_space *s,
                    const void *address); /* address lies in the mapping, forbidden pages included */

/* How a call ended. */
typedef struct fg_fault {
    int signal;          /* 0: it returned */
    const void *address; /* that it touched, for SIGSEGV and SIGBUS */
} fg_fault;

/* Calls fn(arg) on this thread; a memory fault, an illegal instruction or an arithmetic trap inside ends the
 * call only. Locks and memory that fn took are lost, so fn should take none. Not reentrant. */
fg_fault fg_sandbox(fg_context *ctx, void (*fn)(void *arg), void *arg);

/* "illegal instruction", ... */
const char *fg_fault_name(int signal);

#endif
