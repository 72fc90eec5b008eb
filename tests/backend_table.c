#include "tests/backend_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const backend_outcomes[OUTCOMES] = {"passed", "bound", "known", "failed", "unsupported"};

void backend_count(backend_table *t, const backend_result *res) {
    int i = 0;
    while (i < t->n && strcmp(t->rows[i].op, res->op) != 0) {
        i++;
    }
    if (i == t->n) {
        backend_row *grown = realloc(t->rows, (size_t)(t->n + 1) * sizeof(backend_row));
        if (grown == NULL) {
            return;
        }
        t->rows = grown;
        t->rows[t->n++] = (backend_row){.op = ""};
        (void)snprintf(t->rows[i].op, sizeof t->rows[i].op, "%s", res->op);
    }
    t->rows[i].count[res->outcome]++;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const backend_row *)a)->op, ((const backend_row *)b)->op);
}

static void print_row(const backend_row *r) {
    printf("%-32s", r->op);
    for (int k = 0; k < OUTCOMES; k++) {
        printf(" %11d", r->count[k]);
    }
    printf("\n");
}

int backend_print(backend_table *t) {
    backend_row total = {.op = "total"};
    if (t->n > 0) {
        qsort(t->rows, (size_t)t->n, sizeof(backend_row), by_name);
    }
    printf("%-32s", "operator");
    for (int k = 0; k < OUTCOMES; k++) {
        printf(" %11s", backend_outcomes[k]);
    }
    printf("\n");
    for (int i = 0; i < t->n; i++) {
        print_row(&t->rows[i]);
        for (int k = 0; k < OUTCOMES; k++) {
            total.count[k] += t->rows[i].count[k];
        }
    }
    print_row(&total);
    return total.count[FAILED];
}

/* True if FILE has a line that begins with the case's name: a failure that is understood, with the reason
 * behind the name. */
static bool is_known(const char *file, const char *name) {
    char line[1024];
    bool found = false;
    FILE *f = file != NULL ? fopen(file, "r") : NULL;
    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
        const size_t n = strlen(name);
        found = strncmp(line, name, n) == 0 && (line[n] == ' ' || line[n] == '\t');
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return found;
}

void backend_apply_known(const char *file, const char *name, bool must_fail, backend_result *res) {
    const bool known = is_known(file, name);
    if (known && (res->outcome == FAILED || res->outcome == UNSUPPORTED)) {
        res->outcome = KNOWN;
    } else if (known && must_fail) {
        res->outcome = FAILED;
        (void)snprintf(res->message, sizeof res->message, "passes, but stands in the list of known failures");
    } else if (file != NULL && res->outcome == UNSUPPORTED) {
        res->outcome = FAILED; /* what is refused has a reason in the list */
    }
}
