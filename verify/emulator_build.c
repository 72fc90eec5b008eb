/* Writes, for one module, the program of targets/board/ and compiles it. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "codegen/embedded.h"
#include "verify/emulator.h"

const char *fg_board_remedy(const fg_module *m) {
    const char *packages = m->target->packages;
    return *packages
               ? fg_format(m->ctx, "install it (Debian: apt-get install %s), or use --verify=tcc", packages)
               : "install it, or use --verify=tcc";
}

static const fg_embedded_file *find_file(const char *name) {
    for (const fg_embedded_file *f = fg_embedded_board; f->name; f++)
        if (strcmp(f->name, name) == 0) return f;
    return NULL;
}

static void write_board(const fg_module *m, const char *folder) {
    for (const fg_embedded_file *f = fg_embedded_board; f->name; f++)
        fg_write_file(m->ctx, fg_format(m->ctx, "%s/%s", folder, f->name), f->text, strlen(f->text));
}

/* ---- program.c ---- */

static void add_c_string(fg_text *t, const char *s) {
    fg_text_add(t, "\"");
    for (; *s; s++) fg_text_printf(t, "\\%03o", (unsigned)(unsigned char)*s);
    fg_text_add(t, "\"");
}

static size_t element_align(const fg_value *v) {
    const size_t bytes = fg_dtype_bytes(v->dtype, 1);
    return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8 ? bytes : 8;
}

static void add_buffers(fg_text *t, const char *name, fg_value *const *values, fg_space *const *spaces,
                        int n) {
    fg_text_printf(t, "static const board_buffer %s[] = {", name);
    for (int i = 0; i < n; i++) fg_text_printf(t, "{%zu, %zu}, ", spaces[i]->bytes, element_align(values[i]));
    fg_text_add(t, "{0, 1}};\n");
}

static void add_kernels(fg_text *t, const fg_module *m) {
    const char *prefix = m->options.prefix;
    for (int i = 0; i < m->n_kernels; i++)
        if (m->kernels[i].lines > 0) fg_text_printf(t, "board_kernel %s_%s;\n", prefix, m->kernels[i].symbol);
    fg_text_add(t, "static board_kernel *const kernels[] = {");
    for (int i = 0; i < m->n_kernels; i++) {
        if (m->kernels[i].lines > 0)
            fg_text_printf(t, "%s_%s, ", prefix, m->kernels[i].symbol);
        else
            fg_text_add(t, "0, ");
    }
    fg_text_add(t, "0};\nstatic const int parts[] = {");
    for (int i = 0; i < m->n_kernels; i++)
        fg_text_printf(t, "%d, ", m->kernels[i].parallel ? m->options.threads : 1);
    fg_text_add(t, "1};\nstatic const unsigned char finish[] = {");
    for (int i = 0; i < m->n_kernels; i++) fg_text_printf(t, "%d, ", m->kernels[i].finish);
    fg_text_add(t, "0};\n");
}

/* P_run with the arguments that the module's options ask for; see fg_entry_call. */
static void add_run(fg_text *t, const fg_module *m) {
    const fg_codegen_options *o = &m->options;
    const bool arena = !o->static_arena, weights = o->weights == FG_WEIGHTS_BLOB, parallel = o->threads > 1;
    fg_text_printf(
        t,
        "int %s_run(const void *in, const void *out%s%s%s);\n"
        "static int run(void **in, void **out, unsigned char *arena, const unsigned char *weights, "
        "const board_parallel *parallel) {\n"
        "    (void)arena, (void)weights, (void)parallel;\n    return %s_run(in, out%s%s%s);\n}\n",
        o->prefix, arena ? ", void *arena" : "", weights ? ", const void *weights" : "",
        parallel ? ", const void *parallel" : "", o->prefix, arena ? ", arena" : "",
        weights ? ", weights" : "", parallel ? ", parallel" : "");
}

static void write_program(const fg_module *m, const fg_memory *mem, const fg_board_program *p) {
    const fg_graph *g = m->partition->graph;
    fg_text t = fg_text_new(m->ctx);
    fg_text_printf(&t, "#include \"board.h\"\nextern const unsigned char %s_weights[];\n", m->options.prefix);
    add_kernels(&t, m);
    add_run(&t, m);
    add_buffers(&t, "in", g->inputs, mem->in, g->n_inputs);
    add_buffers(&t, "out", g->outputs, mem->out, g->n_outputs);
    fg_text_add(&t, "const board_program board_the_program = {\n    ");
    add_c_string(&t, p->orders);
    fg_text_add(&t, ",\n    ");
    add_c_string(&t, p->answers);
    fg_text_printf(&t,
                   ",\n    kernels, parts, finish, %d, %d, %d, {%" PRId64
                   ", %d}, in, out, %s_weights, %" PRId64 ", run};\n",
                   m->n_kernels, g->n_inputs, g->n_outputs, m->arena_bytes, m->arena_align, m->options.prefix,
                   m->weights_bytes);
    fg_write_file(m->ctx, fg_format(m->ctx, "%s/program.c", p->folder), t.data, strlen(t.data));
    fg_text_free(&t);
}

/* ---- commands ---- */

static void define(fg_context *ctx, fg_arguments *a, const char *name, int64_t value) {
    fg_add_argument(ctx, a, fg_format(ctx, "-Wl,--defsym=board_%s=%" PRId64, name, value));
}

/* The first kilobyte is the vector table's, unless that lies elsewhere. */
static void add_memory_map(fg_arguments *a, const fg_module *m) {
    enum { VECTORS = 1024 };
    const fg_target *t = m->target;
    const int64_t taken = t->vector_base == t->flash_base || t->vector_base == 0 ? VECTORS : 0;
    if (t->flash_bytes <= VECTORS || t->ram_bytes <= 0) return;
    define(m->ctx, a, "vector_base", taken ? t->flash_base : t->vector_base);
    define(m->ctx, a, "flash_base", t->flash_base + taken);
    define(m->ctx, a, "flash_bytes", t->flash_bytes - taken);
    define(m->ctx, a, "ram_base", t->ram_base);
    define(m->ctx, a, "ram_bytes", t->ram_bytes);
}

static void compile_program(const fg_module *m, const fg_board_program *p) {
    fg_context *ctx = m->ctx;
    const char *runtime = fg_format(ctx, "%s.c", m->target->runtime);
    if (!find_file(runtime)) {
        fg_remedy(ctx, "runtimes are the C files of targets/board: linux, cortex_m, riscv");
        fg_raise(ctx, FG_TOOLCHAIN, "target '%s': there is no runtime '%s'", m->target->name,
                 m->target->runtime);
    }
    const char *files[] = {"source.c", "program.c", "server.c", runtime, "weights.S"};
    fg_arguments a = {.n = 0};
    fg_add_words(ctx, &a, m->target->compiler);
    fg_add_words(ctx, &a, "-O2 -DFG_EXTERNAL_KERNELS -DFG_EXTERNAL_WEIGHTS");
    fg_add_words(ctx, &a, m->target->flags);
    for (size_t i = 0; i < FG_COUNT(files); i++)
        fg_add_argument(ctx, &a, fg_format(ctx, "%s/%s", p->folder, files[i]));
    fg_add_argument(ctx, &a, "-o");
    fg_add_argument(ctx, &a, p->program);
    fg_add_argument(ctx, &a, fg_format(ctx, "-L%s", p->folder)); /* where -T looks too */
    fg_add_argument(ctx, &a, "-lm");
    add_memory_map(&a, m);
    fg_add_words(ctx, &a, m->target->link);
    fg_compile(ctx, &a, p->folder, fg_board_remedy(m));
}

/* Counting is a convenience: without a compiler for this machine there are no counts. */
static const char *compile_plugin(fg_context *ctx, const char *folder) {
    fg_arguments a = {.n = 0};
    const char *plugin = fg_format(ctx, "%s/count.so", folder);
    fg_add_words(ctx, &a, "cc -shared -fPIC -O1 -o");
    fg_add_argument(ctx, &a, plugin);
    fg_add_argument(ctx, &a, fg_format(ctx, "%s/count.c", folder));
    pid_t pid = 0;
    if (fg_spawn(&a, fg_format(ctx, "%s/log", folder), &pid) != 0) return NULL;
    const int status = fg_wait(pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? plugin : NULL;
}

static void make_pipe(fg_context *ctx, const char *path) {
    if (mkfifo(path, 0600) != 0) fg_raise(ctx, FG_TOOLCHAIN, "no pipe can be made in the temporary folder");
}

fg_board_program fg_board_build(const fg_module *m, const fg_memory *mem) {
    fg_context *ctx = m->ctx;
    fg_board_program p = {.folder = fg_folder_new(ctx)};
    p.program = fg_format(ctx, "%s/program", p.folder);
    p.orders = fg_format(ctx, "%s/orders", p.folder);
    p.answers = fg_format(ctx, "%s/answers", p.folder);
    p.counts = fg_format(ctx, "%s/counts", p.folder);
    write_board(m, p.folder);
    fg_write_weights(m, p.folder);
    write_program(m, mem, &p);
    const char *source = fg_whole_source(m);
    fg_write_file(ctx, fg_format(ctx, "%s/source.c", p.folder), source, strlen(source));
    compile_program(m, &p);
    p.plugin = compile_plugin(ctx, p.folder);
    make_pipe(ctx, p.orders);
    make_pipe(ctx, p.answers);
    return p;
}
