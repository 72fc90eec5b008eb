/* What a board's memory must hold, and what is said when it cannot. The board is this machine with limits. */
#include <cjson/cJSON.h>

#include "tests/onnx_writer.h"

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})

static void write_target(const char *folder, const char *name, const char *more) {
    static const char base[] = "inherit = generic\ndescription = a board\n";
    char text[512];
    snprintf(text, sizeof text, "%s%s", base, more);
    tool_write(folder, name, text, strlen(text));
}

static int make_folder(void **state) {
    const char *folder = tool_new_state(state);
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "conv", "relu");
    onnx_save(&m, folder, "model.onnx");
    write_target(folder, "roomy.target", "ram_bytes = 1M\nflash_bytes = 1M\n");
    write_target(folder, "tight.target", "ram_bytes = 100\nflash_bytes = 1M\n");
    write_target(folder, "full.target", "ram_bytes = 1M\nflash_bytes = 50\n");
    write_target(folder, "lost.target", "ram_bytes = 1M\nflash_bytes = 1M\ncompiler = no-such-cc\n");
    return 0;
}

static double number(const cJSON *memory, const char *key) {
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(memory, key);
    if (!cJSON_IsNumber(n)) fail_msg("memory has no number '%s'", key);
    return n->valuedouble;
}

/* Flash is weights, code and constants; RAM is the arena, the tensors that the caller holds, and the stack.
 */
static void flash_and_ram_add_up(void **state) {
    tool_result r = tool_run(*state, ARGS("model.onnx", "--target", "roomy.target", "--report=json"));
    tool_expect(&r, 0);
    cJSON *root = cJSON_Parse(r.out);
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(root, "memory");
    assert_non_null(m);
    const double weights = cJSON_GetObjectItemCaseSensitive(root, "weights_bytes")->valuedouble,
                 arena = cJSON_GetObjectItemCaseSensitive(root, "arena_bytes")->valuedouble;
    assert_true(number(m, "code_bytes") > 100);
    assert_true(number(m, "stack_bytes") > 0 && number(m, "stack_bytes") < 4096);
    assert_true(number(m, "tensor_bytes") > 0);
    assert_true(number(m, "flash_bytes") ==
                weights + number(m, "code_bytes") + number(m, "constant_bytes") + number(m, "data_bytes"));
    assert_true(number(m, "ram_bytes") ==
                arena + number(m, "tensor_bytes") + number(m, "stack_bytes") + number(m, "data_bytes"));
    assert_true(number(m, "flash_limit") == 1 << 20 && number(m, "ram_limit") == 1 << 20);
    cJSON_Delete(root);
    tool_free(&r);
}

/* optimize: what would help, which is not said to those who asked for it. */
static void expect_refused(const char *folder, const char *target, const char *says, const char *optimize) {
    tool_result r = tool_run(folder, ARGS("model.onnx", "--target", target, "-o", "out.c", "-q"));
    char help[64];
    snprintf(help, sizeof help, "try --optimize %s, ", optimize);
    tool_expect(&r, 4);
    tool_expect_text(r.err, says);
    tool_expect_text(r.err, help);
    tool_free(&r);
    r = tool_run(folder, ARGS("model.onnx", "--target", target, "--optimize", optimize, "-o", "out.c", "-q"));
    tool_expect(&r, 4);
    tool_expect_text(r.err, says);
    assert_null(strstr(r.err, help));
    assert_false(tool_exists(folder, "out.c"));
    tool_free(&r);
    r = tool_run(folder, ARGS("model.onnx", "--target", target, "--report", "-q"));
    tool_expect(&r, 0); /* a report shows what does not fit */
    tool_expect_text(r.out, "too much for");
    tool_free(&r);
}

static void too_large_is_an_error_that_says_by_how_much(void **state) {
    expect_refused(*state, "tight.target", "bytes of RAM are needed (arena ", "ram");
    expect_refused(*state, "full.target", "bytes of flash are needed (weights ", "flash");
}

static void without_the_compiler_the_rest_is_known(void **state) {
    tool_result r =
        tool_run(*state, ARGS("model.onnx", "--target", "lost.target", "--report", "-o", "out.c"));
    tool_expect(&r, 0);
    tool_expect_text(r.out, "code not measured: compiler 'no-such-cc'");
    tool_expect_text(r.out, "inputs and outputs ");
    tool_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flash_and_ram_add_up),
        cmocka_unit_test(too_large_is_an_error_that_says_by_how_much),
        cmocka_unit_test(without_the_compiler_the_rest_is_known),
    };
    return cmocka_run_group_tests(tests, make_folder, tool_remove_state);
}
