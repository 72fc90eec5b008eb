#include "cli/tune.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define TRIALS       6
#define MARGIN       0.98 /* of the model's time: what a choice must stay below to replace it */
#define LONGEST_FILE (1 << 20)

typedef struct tried {
    const char *text;
    double microseconds;
} tried;

typedef struct tuned_kernel {
    const char *name;
    tried choice[TRIALS]; /* the first is the model's */
    int n;
} tuned_kernel;

static double now_seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double total_ms(const fg_trial *t) {
    double sum = 0;
    for (int i = 0; i < t->n; i++) sum += t->kernels[i].microseconds;
    return sum * 1e-3;
}

static tuned_kernel *open_kernels(fg_context *ctx, const fg_trial *first, int *n) {
    tuned_kernel *k = FG_ARRAY(ctx, first->n + 1, tuned_kernel);
    for (int i = 0; i < first->n; i++)
        if (first->kernels[i].text) k[(*n)++].name = first->kernels[i].kernel;
    return k;
}

/* Some choices come up in several trials: their shortest time counts. */
static void add_time(tuned_kernel *k, const char *text, double microseconds) {
    int at = 0;
    while (at < k->n && strcmp(k->choice[at].text, text) != 0) at++;
    if (at == k->n) k->choice[k->n++] = (tried){text, microseconds};
    if (microseconds < k->choice[at].microseconds) k->choice[at].microseconds = microseconds;
}

/* A choice may change which layout copies the model needs; kernels that the first trial does not have are
 * passed over. */
static void add_trial(tuned_kernel *k, int n, const fg_trial *t) {
    for (int i = 0; i < t->n; i++) {
        if (!t->kernels[i].text) continue;
        for (int j = 0; j < n; j++)
            if (strcmp(k[j].name, t->kernels[i].kernel) == 0)
                add_time(&k[j], t->kernels[i].text, t->kernels[i].microseconds);
    }
}

static const tried *winner(const tuned_kernel *k) {
    const tried *best = &k->choice[0];
    for (int i = 1; i < k->n; i++)
        if (k->choice[i].microseconds < best->microseconds) best = &k->choice[i];
    return best->microseconds < MARGIN * k->choice[0].microseconds ? best : &k->choice[0];
}

static void choose(fg_context *ctx, const tuned_kernel *k, int n, bool winners, fg_tune_result *r) {
    r->choices = FG_ARRAY(ctx, n + 1, fg_choice);
    r->n = n;
    r->changed = 0;
    for (int i = 0; i < n; i++) {
        const tried *t = winners ? winner(&k[i]) : &k[i].choice[0];
        r->choices[i] = (fg_choice){.kernel = k[i].name, .text = t->text, .microseconds = t->microseconds};
        r->changed += t != &k[i].choice[0];
    }
}

fg_tune_result fg_tune(fg_context *ctx, double seconds, fg_trial_fn *trial, void *user) {
    fg_tune_result r = {0};
    const double start = now_seconds();
    double last = 0, before = start;
    tuned_kernel *kernels = NULL;
    int n = 0;
    /* Room is left for another trial of the same length, and one of the winners together. */
    while (r.trials < TRIALS && (r.trials == 0 || (n > 0 && before - start + 2 * last <= seconds))) {
        fg_progress(ctx, "tune", r.trials, TRIALS);
        const fg_trial t = trial(user, NULL, r.trials);
        if (r.trials++ == 0) {
            kernels = open_kernels(ctx, &t, &n);
            r.model_ms = r.tuned_ms = total_ms(&t);
        }
        add_trial(kernels, n, &t);
        const double now = now_seconds();
        last = now - before;
        before = now;
    }
    choose(ctx, kernels, n, true, &r);
    if (r.changed) {
        const fg_tuning winners = {.file = "--tune", .choices = r.choices, .n = n};
        const fg_trial t = trial(user, &winners, 0);
        r.tuned_ms = total_ms(&t);
        if (r.tuned_ms >= r.model_ms) {
            choose(ctx, kernels, n, false, &r);
            r.tuned_ms = r.model_ms;
        }
    }
    fg_progress(ctx, "tune", TRIALS, TRIALS);
    r.seconds = now_seconds() - start;
    return r;
}

const char *fg_tune_read(fg_context *ctx, const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (!f) fg_raise(ctx, FG_USAGE, "--tune-file: '%s' cannot be read: %s", path, strerror(errno));
    char *text = fg_big_alloc(ctx, LONGEST_FILE + 1);
    *n = fread(text, 1, LONGEST_FILE + 1, f);
    const int error = ferror(f) ? errno : 0;
    fclose(f);
    if (error) fg_raise(ctx, FG_USAGE, "--tune-file: '%s' cannot be read: %s", path, strerror(error));
    if (*n > LONGEST_FILE) fg_raise(ctx, FG_USAGE, "--tune-file: '%s' is too long for a tune file", path);
    text[*n] = 0;
    return text;
}
