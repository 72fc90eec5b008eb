/* Compiles generated text in memory with libtcc: no toolchain, no files of ours on disk.
 *
 * libtcc reads its own headers (stddef.h, ...) from the folder it was built for, and the C library's from the
 * system's; it links libtcc1.a from that folder too. Functions of libm are found in this process. */
#include <libtcc.h>
#include <string.h>

#include "verify/loader.h"

typedef struct tcc_library {
    fg_library lib;
    TCCState *tcc;
    fg_text log;
} tcc_library;

static void collect(void *opaque, const char *message) {
    fg_text *log = opaque;
    if (log->length > 8192) return; /* one cause, many consequences */
    fg_text_printf(log, "%s\n", message);
}

static void *tcc_symbol(const fg_library *lib, const char *name) {
    return tcc_get_symbol(lib->state, name);
}

static void tcc_release(void *state) {
    tcc_delete(state);
}

_Noreturn static void refuse(fg_context *ctx, const tcc_library *t, const char *step) {
    const char *log = t->log.data;
    if (log && strstr(log, "memory full")) fg_raise(ctx, FG_UNSUPPORTED, "out of memory: tcc needs more");
    bool missing = log && (strstr(log, "include file") || strstr(log, "libtcc1"));
    const char *remedy = "this is a bug of fusegen: please report it; --verify=cc uses a compiler instead";
    if (missing)
        remedy = "install tcc and the C library's headers (Debian: tcc, libc6-dev), or use --verify=cc";
    fg_remedy(ctx, "%s", remedy);
    fg_raise(ctx, FG_TOOLCHAIN, "tcc does not %s the generated code: %s", step, fg_first_error(ctx, log));
}

static int relocate(TCCState *s) {
#ifdef FG_TCC_RELOCATE_TWO_ARGUMENTS
    return tcc_relocate(s, TCC_RELOCATE_AUTO);
#else
    return tcc_relocate(s);
#endif
}

static tcc_library *tcc_start(fg_context *ctx) {
    tcc_library *t = FG_NEW(ctx, tcc_library);
    t->tcc = tcc_new();
    if (!t->tcc) fg_raise(ctx, FG_TOOLCHAIN, "libtcc cannot be started");
    t->log = fg_text_new(ctx);
    t->lib =
        (fg_library){.ctx = ctx, .symbol = tcc_symbol, .release = tcc_release, .state = t->tcc, .how = "tcc"};
    fg_defer(ctx, tcc_release, t->tcc);
    tcc_set_error_func(t->tcc, &t->log, collect);
    tcc_set_output_type(t->tcc, TCC_OUTPUT_MEMORY);
    return t;
}

fg_library *fg_load_tcc(const fg_module *m, const void *weights) {
    fg_context *ctx = m->ctx;
    tcc_library *t = tcc_start(ctx);
    tcc_define_symbol(t->tcc, "FG_EXTERNAL_KERNELS", "1");
    tcc_define_symbol(t->tcc, "FG_EXTERNAL_WEIGHTS", "1");
    tcc_add_symbol(t->tcc, fg_format(ctx, "%s_weights", m->options.prefix), weights);
    if (tcc_compile_string(t->tcc, fg_whole_source(m)) != 0) refuse(ctx, t, "compile");
    if (relocate(t->tcc) != 0) refuse(ctx, t, "link");
    return &t->lib;
}
