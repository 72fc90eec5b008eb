/* What became of the official backend tests, by operator. */
#ifndef FG_TESTS_BACKEND_TABLE_H
#define FG_TESTS_BACKEND_TABLE_H

#include <stdbool.h>

/* BOUND: passed after an operand had to be bound to a constant; KNOWN: a failure that is understood. */
typedef enum backend_outcome { PASSED, BOUND, KNOWN, FAILED, UNSUPPORTED, OUTCOMES } backend_outcome;
extern const char *const backend_outcomes[OUTCOMES];

typedef struct backend_result {
    backend_outcome outcome;
    char op[64];
    char message[512];
} backend_result;

typedef struct backend_row {
    char op[64];
    int count[OUTCOMES];
} backend_row;

typedef struct backend_table {
    backend_row *rows; /* allocated by backend_count; freed by the caller */
    int n;
} backend_table;

void backend_count(backend_table *t, const backend_result *res);

/* Sorts and prints it; returns the number of failures. */
int backend_print(backend_table *t);

/* Changes the outcome of a case by the file of what is known to fail or to be refused, with the reason behind
 * its name (NULL: no such file): such a case is KNOWN, and what is refused without a line there is FAILED.
 * must_fail: a listed case that passes is a failure too, for its line has to go. */
void backend_apply_known(const char *file, const char *name, bool must_fail, backend_result *res);

#endif
