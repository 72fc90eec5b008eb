/* Limits for a process that checks one case, on machines that may be busy with others. */
#ifndef FG_TESTS_DEADLINE_H
#define FG_TESTS_DEADLINE_H

#include <sys/time.h>
#include <unistd.h>

/* A signal ends this process after so many seconds of computing, or after ten times as many, for it may wait
 * for a compiler. */
static inline void deadline(int seconds) {
    const struct itimerval computing = {.it_value = {.tv_sec = seconds}};
    (void)setitimer(ITIMER_PROF, &computing, NULL);
    (void)alarm((unsigned)seconds * 10);
}

#endif
