#include "verify/leftovers.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Four files of a commit, a folder for each job within a job; more than that stay. */
#define PATHS 16

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static const char *volatile paths[PATHS];
static volatile sig_atomic_t child;

static sigset_t mask(void) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaddset(&set, signals[i]);
    return set;
}

void fg_leftovers_hold(void) {
    const sigset_t set = mask();
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

void fg_leftovers_release(void) {
    const sigset_t set = mask();
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void fg_leftover_add(const char *path) {
    for (int i = 0; i < PATHS; i++) {
        if (paths[i]) continue;
        paths[i] = path;
        return;
    }
}

void fg_leftover_drop(const char *path) {
    for (int i = 0; i < PATHS; i++)
        if (paths[i] && strcmp(paths[i], path) == 0) paths[i] = NULL;
}

void fg_leftover_child(pid_t pid) {
    child = (sig_atomic_t)pid;
}

/* Reading a folder takes memory, which a handler must not ask for: rm does it. */
static void remove_folder(const char *path) {
    const pid_t rm = vfork();
    if (rm == 0) {
        execl("/bin/rm", "rm", "-rf", "--", path, (char *)NULL);
        _exit(127);
    }
    if (rm > 0) (void)waitpid(rm, NULL, 0);
}

/* Calls only what a handler may call. */
static void end(int number) {
    if (child > 0) (void)kill((pid_t)child, number);
    for (int i = 0; i < PATHS; i++) {
        const char *path = paths[i];
        if (path && unlink(path) != 0) remove_folder(path);
    }
    (void)signal(number, SIG_DFL);
    (void)raise(number); /* delivered when the handler returns */
}

void fg_leftovers_on_signals(void) {
    struct sigaction action = {.sa_handler = end, .sa_flags = SA_RESTART};
    action.sa_mask = mask();
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction before;
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &action, NULL);
    }
}
