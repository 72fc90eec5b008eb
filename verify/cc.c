/* Compiles generated text with a host compiler into a shared library and opens it: real vectors, real
 * optimiser.
 *
 * The compiler is started without a shell. The blob reaches the library by .incbin from a file of its own, so
 * compile time does not depend on its size and it is mapped, aligned and shared as in a shipped program. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "verify/loader.h"
#include "verify/toolchain.h"

/* The flags come last, so that a target's -O level and -std win. */
static fg_arguments command(const fg_module *m, const char *compiler, const char *folder, bool shipped) {
    static const char fixed[] = "-shared -fPIC -O2 -DFG_EXTERNAL_WEIGHTS";
    fg_context *ctx = m->ctx;
    fg_arguments a = {.n = 0};
    fg_add_words(ctx, &a, compiler);
    if (a.n == 0) fg_raise(ctx, FG_TOOLCHAIN, "target '%s' names no compiler", m->target->name);
    fg_add_words(ctx, &a, fixed);
    if (!shipped) fg_add_argument(ctx, &a, "-DFG_EXTERNAL_KERNELS");
    fg_add_words(ctx, &a, m->target->flags);
    const char *files[] = {"source.c", "weights.S"};
    for (size_t i = 0; i < FG_COUNT(files); i++)
        fg_add_argument(ctx, &a, fg_format(ctx, "%s/%s", folder, files[i]));
    fg_add_argument(ctx, &a, "-o");
    fg_add_argument(ctx, &a, fg_format(ctx, "%s/library.so", folder));
    fg_add_argument(ctx, &a, "-lm");
    return a;
}

static void *dl_symbol(const fg_library *lib, const char *name) {
    return dlsym(lib->state, name);
}
static void dl_release(void *state) {
    (void)dlclose(state);
}

static void *open_library(const fg_module *m, const char *folder) {
    void *handle = dlopen(fg_format(m->ctx, "%s/library.so", folder), RTLD_NOW | RTLD_LOCAL);
    if (handle) return handle;
    fg_remedy(m->ctx, "use --verify=tcc for what this machine cannot load");
    fg_raise(m->ctx, FG_TOOLCHAIN, "code for target '%s' cannot be loaded here: %s", m->target->name,
             dlerror());
}

static const char *choose_compiler(const fg_module *m) {
    const char *cc = getenv("CC");
    if (cc && *cc) return cc;
    return m->target->compiler && *m->target->compiler ? m->target->compiler : "cc";
}

static const char remedy[] =
    "install it, name another one in the environment variable CC, or use --verify=tcc";

static fg_library *load(const fg_module *m, bool shipped) {
    fg_context *ctx = m->ctx;
    if (m->target->emulator && *m->target->emulator) {
        fg_remedy(ctx, "use --verify=emulator, --verify=tcc or --target host");
        fg_raise(ctx, FG_TOOLCHAIN, "code for target '%s' does not run on this machine", m->target->name);
    }
    const char *compiler = choose_compiler(m);
    char *folder = fg_folder_new(ctx);
    fg_write_weights(m, folder);
    const char *source = fg_whole_source(m);
    fg_write_file(ctx, fg_format(ctx, "%s/source.c", folder), source, strlen(source));
    fg_arguments a = command(m, compiler, folder, shipped);
    fg_compile(ctx, &a, folder, remedy);
    fg_library *lib = FG_NEW(ctx, fg_library);
    const char *flags = m->target->flags ? m->target->flags : "";
    *lib = (fg_library){
        .ctx = ctx, .symbol = dl_symbol, .release = dl_release, .state = open_library(m, folder)};
    lib->how = fg_format(ctx, "%s%s%s", compiler, *flags ? " " : "", flags);
    fg_defer(ctx, dl_release, lib->state);
    fg_folder_remove(ctx, folder);
    return lib;
}

fg_library *fg_load_cc(const fg_module *m) {
    return load(m, false);
}

fg_library *fg_load_cc_shipped(const fg_module *m) {
    return load(m, true);
}
