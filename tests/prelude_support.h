/* Builds a text written in the vocabulary, prelude included, by a compiler of this machine, and loads it. */
#ifndef FG_TESTS_PRELUDE_SUPPORT_H
#define FG_TESTS_PRELUDE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codegen/prelude.h"

/* One way of compiling: the same text, another dialect. */
typedef struct build {
    const char *title;
    const char *compiler;
    const char *flags;
    int lanes;
    const char *feature; /* of the CPU, NULL: none needed */
} build;

static inline bool cpu_has(const char *feature) {
#if defined(__x86_64__)
    if (!feature) return true;
    if (strcmp(feature, "avx512") == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
    if (strcmp(feature, "avx2") == 0) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return false;
#else
    return !feature;
#endif
}

static inline const char *this_isa(void) {
#if defined(__x86_64__)
    return "x86";
#elif defined(__aarch64__)
    return "aarch64";
#else
    return "generic";
#endif
}

/* A program of this name (first word) is in the PATH. */
static inline bool have_program(const char *command) {
    char test[256];
    snprintf(test, sizeof test, "command -v %.*s >/dev/null 2>&1", (int)strcspn(command, " "), command);
    return system(test) == 0;
}

static inline bool can_run(const build *b) {
    const bool compiler = have_program(b->compiler), cpu = cpu_has(b->feature);
    if (!compiler) print_message("skipped: %s (no %s here)\n", b->title, b->compiler);
    if (compiler && !cpu) print_message("skipped: %s (this CPU lacks %s)\n", b->title, b->feature);
    return compiler && cpu;
}

/* Writes prelude and body to `path`. */
static inline void write_unit(fg_context *ctx, const char *path, const char *isa, int lanes,
                              const char *body) {
    fg_text text = fg_text_new(ctx);
    const fg_target target = {.name = "test", .isa = isa, .vector_bits = 32 * lanes};
    fg_prelude_emit(&text, &target, lanes, body);
    fg_text_add(&text, body);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text.data, f);
    assert_int_equal(fclose(f), 0);
    fg_text_free(&text);
}

/* Compiles and loads; the handle is for dlsym. Files are removed again. */
static inline void *load_unit(fg_context *ctx, const build *b, const char *body) {
    char folder[] = "prelude_XXXXXX";
    assert_non_null(mkdtemp(folder));
    const char *source = fg_format(ctx, "%s/unit.c", folder),
               *object = fg_format(ctx, "./%s/unit.so", folder);
    write_unit(ctx, source, this_isa(), b->lanes, body);
    const char *command =
        fg_format(ctx, "%s %s -DFG_EXTERNAL_KERNELS -shared %s -o %s %s -lm", b->compiler, b->flags,
                  strncmp(b->compiler, "tcc", 3) == 0 ? "" : "-fPIC", object, source);
    const bool built = system(command) == 0;
    void *handle = built ? dlopen(object, RTLD_NOW | RTLD_LOCAL) : NULL;
    unlink(source);
    unlink(object);
    rmdir(folder);
    if (!handle) fail_msg("%s: %s: %s", b->title, command, built ? dlerror() : "does not compile");
    return handle;
}

static inline void *symbol(void *handle, const char *name) {
    void *p = dlsym(handle, name);
    if (!p) fail_msg("no symbol %s", name);
    return p;
}

#endif
