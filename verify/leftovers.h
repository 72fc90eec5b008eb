/* What must not outlive the program when a signal ends it: temporary files and folders, and the process that
 * works in one. */
#ifndef FG_VERIFY_LEFTOVERS_H
#define FG_VERIFY_LEFTOVERS_H

#include <sys/types.h>

/* A file or a folder that is on disk now; the text must stay until the path is dropped, which is when it is
 * gone or has become something that is to stay. */
void fg_leftover_add(const char *path);
void fg_leftover_drop(const char *path);

/* The running child, to be ended too; 0: it has ended. */
void fg_leftover_child(pid_t pid);

/* Between the two, the signals wait: what is made is also known, and files that belong together appear
 * together. */
void fg_leftovers_hold(void);
void fg_leftovers_release(void);

/* From here on SIGINT, SIGTERM and SIGHUP, unless they are ignored, remove what is left over before they end
 * the program as ever. Not for libraries: only a program may decide about its signals. */
void fg_leftovers_on_signals(void);

#endif
