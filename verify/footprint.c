/* Flash, RAM and stack of generated code, from the target's own tools. */
#include "verify/footprint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "verify/loader.h"
#include "verify/toolchain.h"

/* Of what tools print about one object file. */
#define LONGEST_TEXT ((size_t)1 << 24)

/* ---- sections ---- */

/* "arm-none-eabi-gcc" has arm-none-eabi-size beside it, "clang-19" llvm-size-19. */
static const char *size_program(fg_context *ctx, const char *compiler) {
    const size_t n = strcspn(compiler, " ");
    const char *name = fg_strndup(ctx, compiler, n), *clang = strstr(name, "clang");
    if (clang) return fg_format(ctx, "llvm-size%s", clang + strlen("clang"));
    const char *gcc = strstr(name, "gcc");
    if (!gcc) return "size";
    return fg_format(ctx, "%.*ssize%s", (int)(gcc - name), name, strncmp(gcc, "gcc-", 4) == 0 ? "" : gcc + 3);
}

static bool starts(const char *s, const char *with) {
    return strncmp(s, with, strlen(with)) == 0;
}

/* Lines "SECTION BYTES ADDRESS" of `size -A`. */
static void read_sections(fg_footprint *f, char *text) {
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[64];
        int64_t bytes;
        if (sscanf(line, "%63s %" SCNd64, name, &bytes) != 2) continue;
        if (starts(name, ".text") || starts(name, ".init") || starts(name, ".fini"))
            f->code += bytes;
        else if (starts(name, ".rodata") || starts(name, ".srodata") || starts(name, ".eh_frame") ||
                 starts(name, ".ARM.ex"))
            f->constants += bytes;
        else if (starts(name, ".data") || starts(name, ".sdata") || starts(name, ".bss") ||
                 starts(name, ".sbss"))
            f->data += bytes;
    }
}

/* ---- stack ---- */

/* A function in gcc's call graph. */
typedef struct frame {
    const char *title; /* unique */
    const char *label; /* as it is written in the source */
    int64_t bytes;     /* -1: of a library */
    int64_t depth;     /* of the deepest chain from it; -1: not yet known, -2: being worked on */
} frame;

typedef struct edge {
    int from, to;
} edge;

typedef struct graph {
    fg_context *ctx;
    frame *frames;
    edge *edges;
    int n_frames, n_edges;
} graph;

/* The string after `key`: "..."; the text is cut there. */
static const char *quoted(char **at, const char *key) {
    char *from = strstr(*at, key);
    if (!from) return NULL;
    from += strlen(key);
    char *end = strchr(from, '"');
    if (!end) return NULL;
    *end = 0;
    *at = end + 1;
    return from;
}

static int by_title(const void *a, const void *b) {
    return strcmp(((const frame *)a)->title, ((const frame *)b)->title);
}

static int find_frame(const graph *g, const char *title) {
    const frame key = {.title = title};
    const frame *f = bsearch(&key, g->frames, (size_t)g->n_frames, sizeof key, by_title);
    return f ? (int)(f - g->frames) : -1;
}

static int count_lines(const char *text, const char *with) {
    int n = 0;
    for (const char *s = text; (s = strstr(s, with)); s++) n++;
    return n;
}

/* Lines node: { title: "T" label: "NAME\nFILE:LINE:COLUMN\nN bytes (static)" } and
 * edge: { sourcename: "T" targetname: "U" }. */
static graph read_graph(fg_context *ctx, char *text) {
    graph g = {.ctx = ctx};
    const int n_nodes = count_lines(text, "node: {"), n_edges = count_lines(text, "edge: {");
    g.frames = FG_ARRAY(ctx, n_nodes + 1, frame);
    g.edges = FG_ARRAY(ctx, n_edges + 1, edge);
    const char **from = FG_ARRAY(ctx, n_edges + 1, const char *),
               **to = FG_ARRAY(ctx, n_edges + 1, const char *);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (starts(line, "node: {")) {
            const char *title = quoted(&line, "title: \""),
                       *label = title ? quoted(&line, "label: \"") : NULL;
            if (!label) continue;
            const char *bytes = strstr(label, " bytes (");
            while (bytes && bytes > label && bytes[-1] >= '0' && bytes[-1] <= '9') bytes--;
            g.frames[g.n_frames++] = (frame){title, fg_strndup(ctx, label, strcspn(label, "\\")),
                                             bytes ? strtoll(bytes, NULL, 10) : -1, -1};
        } else if (starts(line, "edge: {")) {
            from[g.n_edges] = quoted(&line, "sourcename: \"");
            to[g.n_edges] = from[g.n_edges] ? quoted(&line, "targetname: \"") : NULL;
            if (to[g.n_edges]) g.n_edges++;
        }
    }
    qsort(g.frames, (size_t)g.n_frames, sizeof *g.frames, by_title);
    int kept = 0;
    for (int i = 0; i < g.n_edges; i++) {
        const edge e = {find_frame(&g, from[i]), find_frame(&g, to[i])};
        if (e.from >= 0 && e.to >= 0) g.edges[kept++] = e;
    }
    g.n_edges = kept;
    return g;
}

/* Generated code does not recurse, and calls are few levels deep: functions, their helpers, libraries. A call
 * through a pointer is one of P_run's to a kernel. */
static int64_t depth_of(const graph *g, int i) {
    frame *f = &g->frames[i];
    if (f->depth == -2) return 0;
    if (f->depth >= 0) return f->depth;
    f->depth = -2;
    int64_t below = 0;
    for (int e = 0; e < g->n_edges; e++) {
        if (g->edges[e].from != i) continue;
        const int64_t d = depth_of(g, g->edges[e].to);
        if (d > below) below = d;
    }
    return f->depth = (f->bytes > 0 ? f->bytes : 0) + below;
}

static void read_stack(fg_footprint *f, fg_context *ctx, char *text, const char *run) {
    const graph g = read_graph(ctx, text);
    fg_text outside = fg_text_new(ctx);
    int64_t deepest = 0, own = -1;
    bool indirect = false;
    for (int i = 0; i < g.n_frames; i++) {
        const frame *at = &g.frames[i];
        if (strcmp(at->label, "__indirect_call") == 0 || strcmp(at->title, "__indirect_call") == 0) {
            indirect = true;
            continue;
        }
        const int64_t d = depth_of(&g, i);
        if (strcmp(at->title, run) == 0)
            own = d;
        else if (d > deepest)
            deepest = d;
        if (at->bytes < 0) {
            const char *name = starts(at->label, "__builtin_") ? at->label + strlen("__builtin_") : at->label;
            fg_text_printf(&outside, "%s%s", outside.length ? ", " : "", name);
        }
    }
    f->stack = own < 0 ? -1 : indirect ? own + deepest : own;
    f->outside = outside.length ? outside.data : "";
}

/* Lines "FILE:LINE:COLUMN:FUNCTION<tab>BYTES<tab>KIND" of -fstack-usage: P_run's and the largest of all
 * others. */
static void read_frames(fg_footprint *f, char *text, const char *run) {
    int64_t largest = 0, own = -1;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *tab = strchr(line, '\t');
        if (!tab) continue;
        *tab = 0;
        const char *name = strrchr(line, ':');
        const int64_t bytes = strtoll(tab + 1, NULL, 10);
        if (name && strcmp(name + 1, run) == 0)
            own = bytes;
        else if (bytes > largest)
            largest = bytes;
    }
    f->stack = own < 0 ? -1 : own + largest;
}

/* ---- all of it ---- */

typedef struct measuring {
    const fg_module *m;
    fg_footprint *f;
} measuring;

static void measure(fg_context *ctx, void *arg) {
    const measuring *q = arg;
    const fg_target *t = q->m->target;
    fg_footprint *f = q->f;
    const bool clang = strstr(t->compiler, "clang") != NULL;
    char *folder = fg_folder_new(ctx);
    const char *source = fg_whole_source(q->m), *object = fg_format(ctx, "%s/code.o", folder);
    fg_write_file(ctx, fg_format(ctx, "%s/code.c", folder), source, strlen(source));
    fg_arguments a = {.n = 0};
    fg_add_words(ctx, &a, t->compiler);
    fg_add_words(ctx, &a, "-c -O2 -DFG_EXTERNAL_WEIGHTS -fstack-usage");
    if (!clang) fg_add_argument(ctx, &a, "-fcallgraph-info=su");
    fg_add_words(ctx, &a, t->flags);
    fg_add_argument(ctx, &a, fg_format(ctx, "%s/code.c", folder));
    fg_add_argument(ctx, &a, "-o");
    fg_add_argument(ctx, &a, object);
    fg_compile(ctx, &a, folder, "install it");

    fg_arguments size = {.n = 0};
    fg_add_argument(ctx, &size, size_program(ctx, t->compiler));
    fg_add_argument(ctx, &size, "-A");
    fg_add_argument(ctx, &size, object);
    const char *log = fg_format(ctx, "%s/sizes", folder);
    pid_t pid;
    const int failed = fg_spawn(&size, log, &pid), status = failed ? 0 : fg_wait(pid);
    if (failed || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fg_raise(ctx, FG_TOOLCHAIN, "'%s' is not there or fails", size.v[0]);
    read_sections(f, fg_read_text(ctx, log, LONGEST_TEXT));

    const char *run = fg_format(ctx, "%s_run", q->m->options.prefix);
    char *calls = fg_read_text(ctx, fg_format(ctx, "%s/code.ci", folder), LONGEST_TEXT);
    if (*calls)
        read_stack(f, ctx, calls, run);
    else
        read_frames(f, fg_read_text(ctx, fg_format(ctx, "%s/code.su", folder), LONGEST_TEXT), run);
    fg_folder_remove(ctx, folder);
    f->compiler = fg_format(ctx, "%s %s", t->compiler, t->flags);
}

static int64_t bytes_of(fg_value *const *v, int n) {
    int64_t bytes = 0;
    for (int i = 0; i < n; i++) bytes += (int64_t)fg_dtype_bytes(v[i]->dtype, fg_shape_count(&v[i]->shape));
    return bytes;
}

fg_footprint fg_measure_footprint(const fg_module *m) {
    const fg_graph *g = m->partition->graph;
    fg_footprint f = {.stack = -1, .compiler = "", .outside = ""};
    f.weights = m->weights_bytes;
    f.arena = m->arena_bytes;
    f.tensors = bytes_of(g->inputs, g->n_inputs) + bytes_of(g->outputs, g->n_outputs);
    measuring q = {m, &f};
    if (!m->target->compiler || !*m->target->compiler)
        f.why_not = "the target names no compiler";
    else if (fg_try(m->ctx, measure, &q) != FG_OK)
        f.why_not = fg_strdup(m->ctx, fg_context_diagnostic(m->ctx)->message);
    f.flash = f.weights + f.code + f.constants + f.data;
    f.ram = f.arena + f.tensors + f.data + (f.stack > 0 ? f.stack : 0);
    return f;
}

fg_footprint fg_footprint_copy(fg_context *ctx, const fg_footprint *f) {
    fg_footprint c = *f;
    c.why_not = f->why_not ? fg_strdup(ctx, f->why_not) : NULL;
    c.compiler = fg_strdup(ctx, f->compiler);
    c.outside = fg_strdup(ctx, f->outside);
    return c;
}

void fg_check_footprint(const fg_module *m, const fg_footprint *f) {
    const fg_target *t = m->target;
    if (t->ram_bytes > 0 && f->ram > t->ram_bytes) {
        fg_remedy(
            m->ctx,
            "try %sa smaller input (--shape, --dim), or a board with more: a copy of the target file with "
            "its ram_bytes",
            m->options.optimize == FG_OPTIMIZE_RAM ? "" : "--optimize ram, ");
        fg_raise(m->ctx, FG_UNSUPPORTED,
                 "%" PRId64 " bytes of RAM are needed (arena %" PRId64 ", inputs and outputs %" PRId64
                 ", stack %" PRId64 "): %" PRId64 " more than '%s' has",
                 f->ram, f->arena, f->tensors, f->stack > 0 ? f->stack : 0, f->ram - t->ram_bytes, t->name);
    }
    if (t->flash_bytes > 0 && f->flash > t->flash_bytes) {
        fg_remedy(m->ctx,
                  "try %s%sa smaller network, or a board with more: a copy of the target file with its "
                  "flash_bytes",
                  m->options.optimize == FG_OPTIMIZE_FLASH ? "" : "--optimize flash, ",
                  m->partition->graph->rounding ? "" : "--precision fp16 (weights in half the bytes), ");
        fg_raise(m->ctx, FG_UNSUPPORTED,
                 "%" PRId64 " bytes of flash are needed (weights %" PRId64 ", code %" PRId64 "): %" PRId64
                 " more than '%s' has",
                 f->flash, f->weights, f->code + f->constants + f->data, f->flash - t->flash_bytes, t->name);
    }
}
