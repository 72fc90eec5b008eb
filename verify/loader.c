/* What both loaders share: names, the call of the entry, and reading a compiler's mind from its output. */
#include "verify/loader.h"

#include <signal.h>
#include <string.h>

void *fg_library_find(const fg_library *lib, const fg_module *m, const char *name) {
    return lib->symbol(lib, fg_format(lib->ctx, "%s_%s", m->options.prefix, name));
}

void fg_library_close(fg_library *lib) {
    if (!lib || !lib->state) return;
    fg_undefer(lib->ctx, lib->state);
    lib->release(lib->state);
    lib->state = NULL;
}

/* All arguments after `out` are object pointers, so only their number matters to the call. */
typedef int run2(const void *, const void *);
typedef int run3(const void *, const void *, const void *);
typedef int run4(const void *, const void *, const void *, const void *);
typedef int run5(const void *, const void *, const void *, const void *, const void *);

/* Object pointers and function pointers are alike wherever dlsym and libtcc exist. */
#define FG_AS(type, pointer) ((type *)(pointer))

static void backwards(void *ctx, int n, void (*fn)(void *arg, int i), void *arg) {
    (void)ctx;
    while (n-- > 0) fn(arg, n);
}

const fg_parallel fg_parallel_backwards = {backwards, NULL};

void fg_entry_call(void *entry) {
    fg_entry *e = entry;
    const fg_codegen_options *o = &e->m->options;
    const void *extra[3] = {NULL, NULL, NULL};
    int n = 0;
    if (!o->static_arena) extra[n++] = e->arena;
    if (o->weights == FG_WEIGHTS_BLOB) extra[n++] = e->weights;
    if (o->threads > 1) extra[n++] = e->parallel;
    switch (n) {
    case 0: e->result = FG_AS(run2, e->function)(e->in, e->out); break;
    case 1: e->result = FG_AS(run3, e->function)(e->in, e->out, extra[0]); break;
    case 2: e->result = FG_AS(run4, e->function)(e->in, e->out, extra[0], extra[1]); break;
    default: e->result = FG_AS(run5, e->function)(e->in, e->out, extra[0], extra[1], extra[2]); break;
    }
}

void fg_check_instruction(fg_context *ctx, const fg_target *t, fg_fault fault) {
    if (fault.signal != SIGILL) return;
    fg_remedy(ctx, "use --verify=tcc, or --target host");
    fg_raise(ctx, FG_TOOLCHAIN, "code for target '%s' %s", t->name, fg_fault_name(fault.signal));
}

const char *fg_whole_source(const fg_module *m) {
    const char *line = fg_format(m->ctx, "#include \"%s.h\"\n", m->options.file_stem);
    const char *at = strstr(m->source, line);
    if (!at || !m->header) return m->source;
    return fg_format(m->ctx, "%.*s%s%s", (int)(at - m->source), m->source, m->header, at + strlen(line));
}

static const char *find_error_line(const char *log) {
    static const char *const marks[] = {"error:", "Error:", "rror"};
    for (size_t i = 0; i < FG_COUNT(marks); i++) {
        const char *hit = strstr(log, marks[i]);
        if (!hit) continue;
        while (hit > log && hit[-1] != '\n') hit--;
        return hit;
    }
    return log;
}

const char *fg_first_error(fg_context *ctx, const char *log) {
    if (!log) return "";
    const char *line = find_error_line(log);
    return fg_strndup(ctx, line, strcspn(line, "\n"));
}
