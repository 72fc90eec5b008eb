#include "tests/quick_cc.h"

#include <stdlib.h>
#include <string.h>

#include "verify/toolchain.h"

/* The blob of weights goes through the same command, as assembler. */
static const char header[] = "#ifndef __ASSEMBLER__\n#include <immintrin.h>\n#endif\n";

static void unset(void *unused) {
    (void)unused;
    (void)unsetenv("CC");
}

static void prepare(fg_context *ctx, void *unused) {
    (void)unused;
    const fg_target *t = fg_target_load(ctx, "host");
    if (strcmp(t->isa, "x86") != 0 || t->compiler == NULL || strcmp(t->compiler, "gcc") != 0) return;
    const char *folder = fg_folder_new(ctx), *file = fg_format(ctx, "%s/once.h", folder);
    fg_write_file(ctx, file, header, sizeof header - 1);
    fg_arguments a = {.n = 0};
    fg_add_words(ctx, &a, t->compiler);
    fg_add_words(ctx, &a, "-x c-header -shared -fPIC -O2"); /* what does not fit, gcc leaves alone: no harm */
    fg_add_words(ctx, &a, t->flags);
    fg_add_argument(ctx, &a, file);
    fg_add_argument(ctx, &a, "-o");
    fg_add_argument(ctx, &a, fg_format(ctx, "%s.gch", file));
    fg_compile(ctx, &a, folder, "");
    (void)setenv("CC", fg_format(ctx, "%s -include %s", t->compiler, file), 1);
    fg_defer(ctx, unset, NULL);
}

void quick_cc(fg_context *ctx) {
    if (getenv("CC") == NULL) (void)fg_try(ctx, prepare, NULL);
}
