#include "codegen/tuning.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/module.h"

/* ---- what lowerings ask ---- */

fg_pick fg_pick_of(const fg_module *m, const fg_kernel *k) {
    const fg_tuning *t = m->options.tuning;
    for (int i = 0; t && i < t->n; i++)
        if (strcmp(t->choices[i].kernel, k->name) == 0) return (fg_pick){.text = t->choices[i].text};
    return (fg_pick){.rank = m->options.candidate};
}

fg_tile fg_pick_tile(const fg_target *t, const fg_product *p, const fg_pick *pick) {
    if (pick->text) {
        char *end;
        const long mr = strtol(pick->text, &end, 10), nv = *end == 'x' ? strtol(end + 1, NULL, 10) : 0;
        if (fg_tile_fits(t, p, mr, nv)) return fg_tile_of(t, p, (int)mr, (int)nv);
    }
    return fg_nth_tile(t, p, pick->rank);
}

/* ---- the file ---- */

static const char *hex(fg_context *ctx, const uint8_t *bytes, size_t n) {
    char *s = FG_ARRAY(ctx, 2 * n + 1, char);
    for (size_t i = 0; i < n; i++) snprintf(s + 2 * i, 3, "%02x", bytes[i]);
    return s;
}

/* The next word of a line, terminated in place; NULL at its end. */
static char *next_word(char **at) {
    char *word = *at + strspn(*at, " \t\r");
    size_t n = strcspn(word, " \t\r");
    if (n == 0) return NULL;
    *at = word + n + (word[n] != 0);
    word[n] = 0;
    return word;
}

static const char *after(const char *word, const char *prefix) {
    return word && strncmp(word, prefix, strlen(prefix)) == 0 ? word + strlen(prefix) : NULL;
}

static void read_header(fg_context *ctx, const char *file, char *line, const fg_target *target,
                        const char *model) {
    const char *magic = next_word(&line), *version = next_word(&line),
               *made_for = after(next_word(&line), "target="), *made_of = after(next_word(&line), "model=");
    if (!magic || strcmp(magic, "fusegen") != 0 || !version || !made_for || !made_of || next_word(&line)) {
        fg_remedy(ctx, "its first line must be 'fusegen VERSION target=NAME model=SHA256'");
        fg_raise(ctx, FG_USAGE, "%s:1: this is not a tune file", file);
    }
    if (strcmp(made_for, target->name) != 0) {
        fg_remedy(ctx, "tune again with --tune --tune-file, or generate with --target %s", made_for);
        fg_raise(ctx, FG_USAGE, "%s:1: the choices are for target '%s', not for '%s'", file, made_for,
                 target->name);
    }
    if (strcmp(made_of, model) != 0) {
        fg_remedy(ctx, "tune again with --tune --tune-file");
        fg_raise(ctx, FG_USAGE,
                 "%s:1: the choices are for another model (SHA-256 %.12s..., this one has %.12s...)", file,
                 made_of, model);
    }
}

static void read_choice(fg_context *ctx, fg_tuning *t, char *line, int number) {
    const char *kernel = next_word(&line);
    if (!kernel || *kernel == '#') return;
    const char *text = next_word(&line), *time = next_word(&line);
    char *end = NULL;
    if (time) (void)strtod(time, &end);
    if (!text || (end && *end) || next_word(&line)) {
        fg_remedy(ctx, "a line is a kernel's name, its choice and, if known, microseconds");
        fg_raise(ctx, FG_USAGE, "%s:%d: this line cannot be read", t->file, number);
    }
    t->choices[t->n++] = (fg_choice){.kernel = kernel, .text = text, .line = number};
}

const fg_tuning *fg_tuning_parse(fg_context *ctx, const char *file, const char *text, size_t n,
                                 const fg_target *target, const uint8_t model[32]) {
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx sha;
    sha256_init(&sha);
    sha256_update(&sha, n, (const uint8_t *)text);
    sha256_digest(&sha, sizeof digest, digest);
    fg_tuning *t = FG_NEW(ctx, fg_tuning);
    t->file = fg_strdup(ctx, file);
    memcpy(t->sha256, hex(ctx, digest, sizeof digest), sizeof t->sha256);
    int lines = 1;
    for (size_t i = 0; i < n; i++) lines += text[i] == '\n';
    t->choices = FG_ARRAY(ctx, lines, fg_choice);
    char *line = fg_strndup(ctx, text, strlen(text));
    for (int number = 1; line; number++) {
        char *end = strchr(line, '\n'), *next = end ? end + 1 : NULL;
        if (end) *end = 0;
        if (number == 1)
            read_header(ctx, t->file, line, target, hex(ctx, model, 32));
        else
            read_choice(ctx, t, line, number);
        line = next;
    }
    if (strlen(text) != n)
        fg_raise(ctx, FG_USAGE, "%s: this is not a tune file: it holds zero bytes", t->file);
    return t;
}

void fg_tuning_print(const fg_choice *choices, int n, const char *version, const fg_target *target,
                     const uint8_t model[32], fg_text *out) {
    fg_text_printf(out, "fusegen %s target=%s model=%s\n", version, target->name, hex(out->ctx, model, 32));
    for (int i = 0; i < n; i++)
        fg_text_printf(out, "%s %s %.2f\n", choices[i].kernel, choices[i].text, choices[i].microseconds);
}

/* ---- checks ---- */

static int find_kernel(const fg_module *m, const char *name) {
    for (int i = 0; i < m->partition->n_kernels; i++)
        if (strcmp(m->partition->kernels[i]->name, name) == 0) return i;
    return -1;
}

void fg_tuning_check_names(const fg_module *m) {
    const fg_tuning *t = m->options.tuning;
    if (!t) return;
    int *line = FG_ARRAY(m->ctx, m->partition->n_kernels + 1, int);
    for (int i = 0; i < t->n; i++) {
        const fg_choice *c = &t->choices[i];
        const int k = find_kernel(m, c->kernel);
        if (k < 0) {
            fg_remedy(m->ctx, "generate with the options that it was tuned with, or tune again");
            fg_raise(m->ctx, FG_USAGE, "%s:%d: the model has no kernel '%s'", t->file, c->line, c->kernel);
        }
        if (line[k])
            fg_raise(m->ctx, FG_USAGE, "%s:%d: kernel '%s' has a choice in line %d already", t->file, c->line,
                     c->kernel, line[k]);
        line[k] = c->line;
    }
}

void fg_tuning_check(const fg_module *m) {
    const fg_tuning *t = m->options.tuning;
    for (int i = 0; t && i < t->n; i++) {
        const fg_choice *c = &t->choices[i];
        const char *made = m->kernels[find_kernel(m, c->kernel)].choice;
        if (made && strcmp(made, c->text) == 0) continue;
        if (made)
            fg_remedy(m->ctx, "the cost model's choice is %s", made);
        else
            fg_remedy(m->ctx, "kernels of this kind have nothing to choose: remove the line");
        fg_raise(m->ctx, FG_USAGE, "%s:%d: '%s' cannot be done for kernel '%s'", t->file, c->line, c->text,
                 c->kernel);
    }
}
