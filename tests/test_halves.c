/* Every number of 16 bits as a weight, on the instruction set of every target that an emulator knows. */

#include "codegen/target.h"
#include "halves.h"

/* One for each way of conversion; relatives have the same. */
static const char *const targets[] = {"cortex-a53", "cortex-a7",  "cortex-a9",  "cortex-m0plus", "cortex-m4f",
                                      "cortex-m7",  "cortex-m33", "cortex-m55", "rv32imac",      "rv32imafc",
                                      "rv64gc",     "rv64gcv",    "rv64gcv-256"};

/* A whole program: the codes are made where they are used, the results written to a file. */
static const char program[] =
    "int main(void)\n{\n    static uint16_t codes[4096];\n    static float y[4 * 4096];\n"
    "    const int file = board_open(\"out\", 1);\n    if (file < 0) board_exit(4);\n"
    "    for (unsigned first = 0; first < 65536; first += 4096) {\n"
    "        for (unsigned i = 0; i < 4096; i++) codes[i] = (uint16_t)(first + i);\n"
    "        test_halves(codes, y);\n"
    "        if (!board_write(file, y, sizeof y)) board_exit(5);\n    }\n    board_exit(0);\n}\n";

static const char *memory_map(fg_context *ctx, const fg_target *t) {
    const long long vectors = t->vector_base == 0 || t->vector_base == t->flash_base ? 1024 : 0;
    if (t->flash_bytes == 0) return "";
    return fg_format(ctx,
                     "-Wl,--defsym=board_vector_base=%lld -Wl,--defsym=board_flash_base=%lld "
                     "-Wl,--defsym=board_flash_bytes=%lld -Wl,--defsym=board_ram_base=%lld "
                     "-Wl,--defsym=board_ram_bytes=%lld",
                     (long long)(vectors ? t->flash_base : t->vector_base),
                     (long long)t->flash_base + vectors, (long long)t->flash_bytes - vectors,
                     (long long)t->ram_base, (long long)t->ram_bytes);
}

static void run(fg_context *ctx, const fg_target *t, const char *folder) {
    const int lanes = fg_target_lanes(t);
    const char *body = fg_format(ctx, "#include \"board.h\"\n%s%s", halves_text, program);
    fg_text text = fg_text_new(ctx);
    fg_prelude_emit(&text, t, lanes, body);
    fg_text_add(&text, body);
    FILE *f = fopen(fg_format(ctx, "%s/unit.c", folder), "w");
    assert_non_null(f);
    fputs(text.data, f);
    assert_int_equal(fclose(f), 0);
    const char *board = FG_SOURCE_DIR "/targets/board";
    const char *command = fg_format(
        ctx, "cd %s && : > out && %s -O2 %s -I%s unit.c %s/%s.c -o unit -L%s %s %s -lm 2> log && %s ./unit",
        folder, t->compiler, t->flags, board, board, t->runtime, board, memory_map(ctx, t), t->link,
        t->emulator);
    if (system(command) != 0) fail_msg("%s: %s", t->name, command);
}

static void check_target(void **state) {
    const char *name = *state;
    fg_context *ctx = fg_context_new();
    const fg_target *t = fg_target_load(ctx, name);
    if (!have_program(t->compiler) || !have_program(t->emulator)) {
        print_message("skipped: no %s or no %s here\n", t->compiler, t->emulator);
        fg_context_free(ctx);
        skip();
    }
    char folder[] = "halves_XXXXXX";
    assert_non_null(mkdtemp(folder));
    run(ctx, t, folder);
    FILE *f = fopen(fg_format(ctx, "%s/out", folder), "rb");
    assert_non_null(f);
    static float y[HALVES_WORDS * HALVES_STEP];
    for (uint32_t first = 0; first < HALVES; first += HALVES_STEP) {
        assert_int_equal(fread(y, sizeof y, 1, f), 1);
        check_halves(name, first, y);
    }
    fclose(f);
    static const char *const files[] = {"unit.c", "unit", "out", "log"};
    for (size_t i = 0; i < FG_COUNT(files); i++) unlink(fg_format(ctx, "%s/%s", folder, files[i]));
    rmdir(folder);
    fg_context_free(ctx);
}

int main(void) {
    struct CMUnitTest tests[FG_COUNT(targets)];
    for (size_t i = 0; i < FG_COUNT(targets); i++)
        tests[i] = (struct CMUnitTest){targets[i], check_target, NULL, NULL, (void *)(uintptr_t)targets[i]};
    return cmocka_run_group_tests_name("every half is widened exactly", tests, NULL, NULL);
}
