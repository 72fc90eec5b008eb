/* The command line as a user meets it: options, files, exit codes. */
#include "tests/onnx_writer.h"

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})

static int make_folder(void **state) {
    const char *folder = tool_new_state(state);
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "conv", "relu");
    onnx_save(&m, folder, "model.onnx");
    m = onnx_new(17);
    onnx_value(&m, 11, "x", ONNX_FLOAT, 2, (int64_t[]){0, 4}, ARGS("batch"));
    onnx_node(&m, "Relu", "relu", ARGS("x"), ARGS("y"), NULL);
    onnx_value(&m, 12, "y", ONNX_FLOAT, 2, (int64_t[]){0, 4}, ARGS("batch"));
    onnx_save(&m, folder, "dynamic.onnx");
    return 0;
}

static void expect_usage_error(const char *folder, const char *says, const char *const *arguments) {
    tool_result r = tool_run_to(folder, 1, arguments);
    assert_int_equal(tool_lines(r.err), 1);
    assert_memory_equal(r.err, "fusegen: error: ", 16);
    tool_expect_text(r.err, says);
    assert_string_equal(r.out, "");
    tool_free(&r);
}

/* ---- what needs no model ---- */

static void help_has_other_forms(void **state) {
    static const struct {
        const char *option, *says;
    } forms[] = {
        {"--help=man", ".TP\n.B \\-\\-target NAME|FILE.target\n"},
        {"--help=bash", "--weights) COMPREPLY=($(compgen -W 'inline incbin blob'"},
        {"--help=zsh",
         "'*--arena[who owns the memory for activations (default\\: caller)]:value:(caller static)'"},
        {"--help=fish", "complete -c fusegen -l quiet -s q -d 'no progress and no notes'\n"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        tool_result r = tool_run_to(*state, 0, ARGS(forms[i].option));
        tool_expect_text(r.out, forms[i].says);
        tool_free(&r);
    }
    tool_result r = tool_run_to(*state, 0, ARGS("--print-flags", "--target", "cortex-m4f"));
    tool_expect_text(r.out, "-mcpu=cortex-m4");
    tool_free(&r);
    expect_usage_error(*state, "--help: 'pdf' is not text, man, bash, zsh or fish", ARGS("--help=pdf"));
}

static void help_shows_usage_examples_options_and_exit_codes(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("--help"));
    tool_expect_text(r.out, "usage: fusegen MODEL.onnx -o FILE.c");
    tool_expect_text(r.out, "Examples");
    tool_expect_text(r.out, "--tolerance X");
    tool_expect_text(r.out, "Exit codes");
    assert_string_equal(r.err, "");
    for (const char *line = r.out; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 110);
    tool_free(&r);
}

static void version_is_one_line(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("--version"));
    assert_string_equal(r.out, "fusegen " FG_VERSION "\n");
    tool_free(&r);
}

static void an_unknown_option_names_the_nearest(void **state) {
    expect_usage_error(*state, "did you mean --tolerance?", ARGS("model.onnx", "--tolerence", "1"));
    expect_usage_error(*state, "did you mean --no-fuse?", ARGS("model.onnx", "--nofuse"));
    expect_usage_error(*state, "did you mean --report?", ARGS("model.onnx", "--repotr=json"));
    expect_usage_error(*state, "unknown option '--xyzzyxyzzy'; fusegen --help",
                       ARGS("model.onnx", "--xyzzyxyzzy"));
    expect_usage_error(*state, "unknown option '-z'", ARGS("-z"));
}

static void options_of_later_versions_are_refused_by_name(void **state) {
    static const char *const later[][3] = {
        {"--calibrate", "data", "--calibrate"},
        {"--precision=int8", NULL, "--precision int8"},
    };
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        char says[80];
        snprintf(says, sizeof says, "%s is not available in this version\n", later[i][2]);
        expect_usage_error(*state, says, ARGS("model.onnx", later[i][0], later[i][1]));
    }
}

static void bad_values_are_refused(void **state) {
    static const char *const bad[][2] = {
        {"--tolerance", "0"},
        {"--tolerance", "nan"},
        {"--tolerance", "1e-4x"},
        {"--tolerance", ""},
        {"--weights", "flash"},
        {"--optimize", "size"},
        {"--arena", "heap"},
        {"--verify=gcc", NULL},
        {"--verify=", NULL},
        {"--dim", "batch"},
        {"--dim", "batch="},
        {"--dim", "=3"},
        {"--dim", "batch=0"},
        {"--dim", "batch=1,,2"},
        {"--dim", "batch=99999999999999999999"},
        {"--shape", "x=1x"},
        {"--shape", "x=1x-2"},
        {"--shape", "x=1x1x1x1x1x1x1x1x1"},
        {"--shape", "x=axb"},
        {"--const", "x=file.txt"},
        {"--input", "x"},
        {"--threads", "0"},
        {"--bench=0", NULL},
        {"--bench=ten", NULL},
        {"--report=xml", NULL},
        {"--dump", "nothing"},
        {"--color", "pink"},
        {"--max-bytes", "-1"},
        {"--max-bytes", "9999999T"},
        {"--max-work", "1e12"},
        {"--name", "2much"},
        {"--name", "int"},
        {"--name", "a b"},
        {"-o", "model.cc"},
        {"-o", ".c"},
        {"--partition", "greedy"},
        {"--fx-compat", "sd,x"},
        {"--fx-compat", "sd,"},
        {"--max-nodes", "0"},
        {"--start", "-1"},
        {"--around", ""},
        {"--exact=yes", NULL},
        {"--list-ops=all", NULL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char says[32] = "";
        memcpy(says, bad[i][0], strcspn(bad[i][0], "="));
        expect_usage_error(*state, says, ARGS("model.onnx", bad[i][0], bad[i][1]));
    }
}

static void an_option_without_its_value_says_what_it_needs(void **state) {
    expect_usage_error(*state, "--target needs a value: --target NAME|FILE.target",
                       ARGS("model.onnx", "--target"));
    expect_usage_error(*state, "-o needs a value", ARGS("model.onnx", "-o"));
}

static void contradictions_are_refused(void **state) {
    expect_usage_error(*state, "no model", ARGS("-q"));
    expect_usage_error(*state, "-o takes one model", ARGS("model.onnx", "dynamic.onnx", "-o", "out.c"));
    expect_usage_error(*state, "only one report", ARGS("model.onnx", "--report", "--report=json"));
    expect_usage_error(*state, "several extents", ARGS("dynamic.onnx", "-o", "out.c", "--dim", "batch=1,2"));
    expect_usage_error(*state, "goes with", ARGS("model.onnx", "--fx-compat=sd"));
    expect_usage_error(*state, "twice", ARGS("model.onnx", "-o", "a.c", "-o", "b.c"));
    expect_usage_error(*state, "10000",
                       ARGS("model.onnx", "--dim", "a=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
                            "--dim", "b=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "--dim",
                            "c=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"));
    expect_usage_error(*state, "--verify takes its value behind '='; write --verify=cc",
                       ARGS("model.onnx", "--verify", "cc"));
    expect_usage_error(*state, "write --bench=5", ARGS("model.onnx", "--bench", "5"));
    expect_usage_error(*state, "write --help=man", ARGS("--help", "man"));
    expect_usage_error(*state, "--threads-pool goes with --threads", ARGS("model.onnx", "--threads-pool"));
    expect_usage_error(*state, "--start and --around go with --visualize",
                       ARGS("model.onnx", "--start", "3"));
    expect_usage_error(*state, "--dim batch is given twice",
                       ARGS("dynamic.onnx", "--dim", "batch=1", "--dim", "batch=2"));
    expect_usage_error(*state, "--input x is given twice",
                       ARGS("model.onnx", "--input", "x=a.npy", "--input", "x=b.npy"));
    expect_usage_error(*state, "--name: 'fgs' is not a usable C identifier; try --name nfgs",
                       ARGS("model.onnx", "--name", "fgs"));
}

static void list_targets_names_host(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("--list-targets"));
    tool_expect_text(r.out, "compiler");
    tool_expect_text(r.out, "host, the default, is ");
    assert_true(tool_lines(r.out) > 3);
    tool_free(&r);
}

static void list_ops_has_a_row_for_each_operator(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("--list-ops"));
    tool_expect_text(r.out, "\n| Conv | ai.onnx | ");
    tool_expect_text(r.out, "\n| Relu | ai.onnx | ");
    tool_free(&r);
}

static void the_page_of_operators_is_what_list_ops_prints(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("--list-ops"));
    char *page = tool_read(FG_SOURCE_DIR, "docs/operators.md", NULL);
    assert_non_null(page);
    if (strcmp(page, r.out) != 0)
        print_error("docs/operators.md is stale: fusegen --list-ops > docs/operators.md\n");
    assert_string_equal(page, r.out);
    free(page);
    tool_free(&r);
}

static void colours_are_only_where_asked_for(void **state) {
    tool_result r = tool_run_to(*state, 1, ARGS("--color=always", "--nonsense"));
    assert_non_null(strchr(r.err, '\033'));
    tool_free(&r);
    r = tool_run_to(*state, 1, ARGS("--nonsense"));
    assert_null(strchr(r.err, '\033'));
    tool_free(&r);
}

/* ---- compiling a model ---- */

static void output_is_a_header_and_a_source(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx", "-o", "out.c"));
    assert_string_equal(r.out, "");
    char *source = tool_read(*state, "out.c", NULL), *header = tool_read(*state, "out.h", NULL);
    assert_non_null(source);
    assert_non_null(header);
    tool_expect_text(header, "int out_run(const out_inputs *in, const out_outputs *out, void *arena);");
    tool_expect_text(source, FG_VERSION);
    assert_false(tool_exists(*state, "out.weights"));
    assert_null(strstr(source, *state)); /* no folder of this machine */
    free(source);
    free(header);
    tool_free(&r);
}

static void the_output_compiles_without_warnings(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx", "-o", "out.c"));
    tool_free(&r);
    r = tool_run_program(*state, "cc",
                         ARGS("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic",
                              "-Werror", "-c", "out.c"));
    tool_expect(&r, 0);
    tool_free(&r);
}

/* The number behind `macro` in a header just written. */
static long header_number(void *folder, const char *macro) {
    char *header = tool_read(folder, "out.h", NULL);
    const char *at = strstr(header, macro);
    assert_non_null(at);
    const long n = strtol(at + strlen(macro), NULL, 10);
    free(header);
    return n;
}

/* The networks for microcontrollers in less memory than by default: at most so many bytes, on one of the
 * smallest targets; and code without warnings. */
static void networks_for_boards_take_less_ram_where_asked(void **state) {
    static const struct {
        const char *model;
        long most;
    } networks[] = {{FG_SOURCE_DIR "/tests/models/ds_cnn.graph.onnx", 28000},
                    {FG_SOURCE_DIR "/tests/models/mobilenet_v2_035_96.graph.onnx", 46500},
                    {FG_SOURCE_DIR "/tests/models/resnet8.graph.onnx", 52000}};
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        tool_result r = tool_run_to(
            *state, 0,
            ARGS(networks[i].model, "--target=generic", "--optimize=ram", "--weights=incbin", "-o", "out.c"));
        tool_free(&r);
        char *header = tool_read(*state, "out.h", NULL);
        tool_expect_text(header, "--optimize ram");
        free(header);
        assert_in_range(header_number(*state, "ARENA_BYTES "), 1, networks[i].most);
        r = tool_run_program(*state, "cc",
                             ARGS("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic",
                                  "-Werror", "-c", "out.c"));
        tool_expect(&r, 0);
        tool_free(&r);
    }
}

/* ResNet-8 by Winograd has three times the weights; the tiles for speed are most of its text. */
static void networks_for_boards_take_less_flash_where_asked(void **state) {
    static const char *const model = FG_SOURCE_DIR "/tests/models/resnet8.graph.onnx";
    long weights[2];
    size_t text[2];
    for (int i = 0; i < 2; i++) {
        tool_result r =
            tool_run_to(*state, 0,
                        ARGS(model, "--target=cortex-m4f", i == 0 ? "--optimize=speed" : "--optimize=flash",
                             "--weights=blob", "-o", "out.c"));
        tool_free(&r);
        weights[i] = header_number(*state, "WEIGHTS_BYTES ");
        char *source = tool_read(*state, "out.c", &text[i]);
        free(source);
    }
    assert_true(weights[1] * 2 < weights[0]);
    assert_true(text[1] * 2 < text[0]);
}

static void the_name_is_the_prefix(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx", "-oout.c", "--name", "my_net"));
    char *header = tool_read(*state, "out.h", NULL);
    tool_expect_text(header, "int my_net_run(");
    tool_expect_text(header, "MY_NET_ARENA_BYTES");
    free(header);
    tool_free(&r);
}

static void a_stem_that_is_no_identifier_becomes_one(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx", "-o", "2-net v1.c"));
    char *header = tool_read(*state, "2-net v1.h", NULL);
    assert_non_null(header);
    tool_expect_text(header, "_run(const ");
    free(header);
    tool_free(&r);
}

static void the_same_model_gives_the_same_bytes(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx", "-o", "out.c", "--target", "generic"));
    size_t n, m;
    char *first = tool_read(*state, "out.c", &n);
    tool_free(&r);
    char *folder = tool_path(*state, "sub");
    assert_int_equal(mkdir(folder, 0777), 0);
    r = tool_run_to(*state, 0, ARGS("./model.onnx", "-o", "sub/out.c", "--target=generic"));
    char *second = tool_read(folder, "out.c", &m);
    assert_non_null(second);
    assert_int_equal(n, m);
    assert_memory_equal(first, second, n);
    free(first);
    free(second);
    free(folder);
    tool_free(&r);
}

/* What a user's tensors are called must not meet macros, nor may two of them share those of the header. */
static void names_of_tensors_become_safe_members(void **state) {
    onnx_model m = onnx_new(17);
    onnx_input(&m, "linux", ONNX_FLOAT, 1, (int64_t[]){4});
    onnx_input(&m, "SIZE_MAX", ONNX_FLOAT, 1, (int64_t[]){4});
    onnx_input(&m, "a", ONNX_FLOAT, 1, (int64_t[]){4});
    onnx_input(&m, "A", ONNX_FLOAT, 2, (int64_t[]){3, 4});
    onnx_node(&m, "Sum", "sum", ARGS("linux", "SIZE_MAX", "a", "A"), ARGS("a.0"), NULL);
    onnx_node(&m, "Relu", "relu", ARGS("a"), ARGS("A:0"), NULL);
    onnx_output(&m, "a.0", ONNX_FLOAT, 2, (int64_t[]){3, 4});
    onnx_output(&m, "A:0", ONNX_FLOAT, 1, (int64_t[]){4});
    onnx_save(&m, *state, "named.onnx");
    tool_result r = tool_run_to(*state, 0, ARGS("named.onnx", "-o", "fgs.c"));
    tool_free(&r);
    r = tool_run_program(
        *state, "cc", ARGS("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "fgs.h"));
    tool_expect(&r, 0);
    tool_free(&r);
    char *header = tool_read(*state, "fgs.h", NULL);
    tool_expect_text(header, "#define NFGS_A_COUNT 4\n");
    tool_expect_text(header, "#define NFGS_A_2_COUNT 12\n");
    tool_expect_text(header, "#define NFGS_A_0_2_COUNT 4\n");
    free(header);
}

static void a_blob_is_written_beside(void **state) {
    size_t n = 0;
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx", "-o", "out.c", "--weights=blob"));
    char *blob = tool_read(*state, "out.weights", &n), *header = tool_read(*state, "out.h", NULL);
    assert_non_null(blob);
    char macro[64];
    const char *line = strstr(header, "OUT_WEIGHTS_BYTES");
    assert_non_null(line);
    snprintf(macro, sizeof macro, " %zu", n);
    tool_expect_text(line, macro);
    tool_expect_text(header, "const void *weights");
    free(blob);
    free(header);
    tool_free(&r);
}

static void a_static_arena_needs_no_argument(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx", "-o", "out.c", "--arena=static"));
    char *header = tool_read(*state, "out.h", NULL);
    tool_expect_text(header, "int out_run(const out_inputs *in, const out_outputs *out);");
    free(header);
    tool_free(&r);
}

static void nothing_is_written_without_o(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx"));
    tool_expect_text(r.out, "verdict   PASSED by tcc");
    assert_false(tool_exists(*state, "model.c"));
    assert_false(tool_exists(*state, "model_fused.c"));
    tool_free(&r);
}

static void the_model_is_never_overwritten(void **state) {
    size_t n;
    char *model = tool_read(*state, "model.onnx", &n);
    tool_write(*state, "net.c", model, n);
    tool_result r = tool_run_to(*state, 1, ARGS("net.c", "-o", "net.c"));
    tool_expect_text(r.err, "would overwrite the model");
    free(model);
    tool_free(&r);
}

static void a_failed_verdict_writes_nothing_and_exits_with_3(void **state) {
    tool_result r = tool_run_to(*state, 3, ARGS("model.onnx", "-o", "out.c", "--tolerance", "1e-300"));
    assert_int_equal(tool_lines(r.err), 1);
    tool_expect_text(r.err, "model.onnx: the generated code does not match the reference: ");
    assert_false(tool_exists(*state, "out.c"));
    assert_false(tool_exists(*state, "out.h"));
    tool_free(&r);
}

static void a_failed_verdict_is_still_reported(void **state) {
    tool_result r = tool_run_to(*state, 3, ARGS("model.onnx", "--report", "--tolerance", "1e-300"));
    tool_expect_text(r.out, "FAILED");
    tool_free(&r);
}

static void unchecked_code_says_so(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx", "-o", "out.c", "--verify=none"));
    tool_expect_text(r.err, "fusegen: note: model.onnx: the code is not checked");
    assert_true(tool_exists(*state, "out.c"));
    tool_free(&r);
    r = tool_run_to(*state, 0, ARGS("model.onnx", "-o", "out.c", "--verify=none", "-q"));
    assert_string_equal(r.err, "");
    tool_free(&r);
}

static void the_compiler_of_the_target_can_verify(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx", "--verify=cc"));
    tool_expect_text(r.out, "verdict   PASSED by cc");
    tool_free(&r);
}

/* ---- dimensions, data, several models ---- */

static void a_dynamic_dimension_is_pinned(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("dynamic.onnx", "-o", "out.c", "--dim", "batch=3"));
    char *header = tool_read(*state, "out.h", NULL);
    tool_expect_text(header, "{3, 4}");
    free(header);
    tool_free(&r);
    r = tool_run_to(*state, 0, ARGS("dynamic.onnx", "-o", "out.c", "--shape=x=5x4"));
    header = tool_read(*state, "out.h", NULL);
    tool_expect_text(header, "{5, 4}");
    free(header);
    tool_free(&r);
}

static void a_sweep_is_one_table(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("dynamic.onnx", "--report", "--dim", "batch=1,8,16"));
    tool_expect_text(r.out, "dynamic.onnx batch=1 ");
    tool_expect_text(r.out, "dynamic.onnx batch=16 ");
    assert_int_equal(tool_lines(r.out), 4);
    tool_free(&r);
}

static void one_bad_model_does_not_stop_the_others(void **state) {
    tool_write(*state, "bad.onnx", "nonsense", 8);
    tool_result r = tool_run_to(*state, 2, ARGS("bad.onnx", "model.onnx", "model.onnx"));
    assert_int_equal(tool_lines(r.err), 1);
    assert_int_equal(tool_lines(r.out), 3);
    tool_free(&r);
}

/* A version 1.0 .npy file of floats. */
static void write_npy(const char *folder, const char *name, const char *shape, const float *data, size_t n) {
    char head[128];
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    int length = snprintf(head + 10, sizeof head - 10,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    head[10 + length] = ' ';
    head[127] = '\n';
    pb file = {0};
    pb_add(&file, head, sizeof head);
    pb_add(&file, data, n * sizeof *data);
    tool_write(folder, name, file.data, file.n);
    free(file.data);
}

static void expected_data_are_compared(void **state) {
    static const float in[8] = {-1, 2, -3, 4, 5, -6, 7, -8}, out[8] = {0, 2, 0, 4, 5, 0, 7, 0};
    write_npy(*state, "in.npy", "2, 4", in, 8);
    write_npy(*state, "out.npy", "2, 4", out, 8);
    tool_result r = tool_run_to(
        *state, 0, ARGS("dynamic.onnx", "--dim=batch=2", "--input", "x=in.npy", "--expect", "y=out.npy"));
    tool_free(&r);
    r = tool_run_to(*state, 3,
                    ARGS("dynamic.onnx", "--dim=batch=2", "--input", "x=in.npy", "--expect", "y=in.npy"));
    tool_free(&r);
    r = tool_run_to(*state, 1, ARGS("dynamic.onnx", "--dim=batch=3", "--input", "x=in.npy"));
    tool_expect_text(r.err, "the file holds float 2x4, the model has float 3x4");
    tool_free(&r);
}

static void an_input_can_be_bound_to_a_constant(void **state) {
    static const float in[8] = {-1, 2, -3, 4, 5, -6, 7, -8};
    onnx_model m = onnx_new(17);
    onnx_input(&m, "a", ONNX_FLOAT, 2, (int64_t[]){2, 4});
    onnx_input(&m, "b", ONNX_FLOAT, 2, (int64_t[]){2, 4});
    onnx_node(&m, "Add", "add", ARGS("a", "b"), ARGS("y"), NULL);
    onnx_output(&m, "y", ONNX_FLOAT, 2, (int64_t[]){2, 4});
    onnx_save(&m, *state, "sum.onnx");
    write_npy(*state, "b.npy", "2, 4", in, 8);
    tool_result r = tool_run_to(*state, 0, ARGS("sum.onnx", "-o", "out.c", "--const", "b=b.npy"));
    char *header = tool_read(*state, "out.h", NULL);
    tool_expect_text(header, "OUT_A_SHAPE");
    assert_null(strstr(header, "OUT_B_SHAPE"));
    free(header);
    tool_free(&r);
}

/* ---- dumps ---- */

static void dump_list_names_the_passes(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("--dump", "list"));
    assert_string_equal(r.out, "read\ninfer\ncanonical\npartition\n");
    tool_free(&r);
}

static void a_dump_stops_after_its_pass(void **state) {
    tool_result r = tool_run_to(*state, 0, ARGS("model.onnx", "--dump=read"));
    tool_expect_text(r.out, "Conv");
    assert_null(strstr(r.out, "verdict"));
    tool_free(&r);
    r = tool_run_to(*state, 0, ARGS("model.onnx", "--dump=partition"));
    tool_expect_text(r.out, "Conv");
    tool_free(&r);
    r = tool_run_to(*state, 0, ARGS("dynamic.onnx", "--dim=batch=2", "--dump=infer"));
    tool_expect_text(r.out, "2x4");
    tool_free(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, tool_remove_state)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(help_shows_usage_examples_options_and_exit_codes),
        TEST(help_has_other_forms),
        TEST(version_is_one_line),
        TEST(an_unknown_option_names_the_nearest),
        TEST(options_of_later_versions_are_refused_by_name),
        TEST(bad_values_are_refused),
        TEST(an_option_without_its_value_says_what_it_needs),
        TEST(contradictions_are_refused),
        TEST(list_targets_names_host),
        TEST(list_ops_has_a_row_for_each_operator),
        TEST(the_page_of_operators_is_what_list_ops_prints),
        TEST(colours_are_only_where_asked_for),
        TEST(output_is_a_header_and_a_source),
        TEST(the_output_compiles_without_warnings),
        TEST(networks_for_boards_take_less_ram_where_asked),
        TEST(networks_for_boards_take_less_flash_where_asked),
        TEST(the_name_is_the_prefix),
        TEST(a_stem_that_is_no_identifier_becomes_one),
        TEST(the_same_model_gives_the_same_bytes),
        TEST(names_of_tensors_become_safe_members),
        TEST(a_blob_is_written_beside),
        TEST(a_static_arena_needs_no_argument),
        TEST(nothing_is_written_without_o),
        TEST(the_model_is_never_overwritten),
        TEST(a_failed_verdict_writes_nothing_and_exits_with_3),
        TEST(a_failed_verdict_is_still_reported),
        TEST(unchecked_code_says_so),
        TEST(the_compiler_of_the_target_can_verify),
        TEST(a_dynamic_dimension_is_pinned),
        TEST(a_sweep_is_one_table),
        TEST(one_bad_model_does_not_stop_the_others),
        TEST(expected_data_are_compared),
        TEST(an_input_can_be_bound_to_a_constant),
        TEST(dump_list_names_the_passes),
        TEST(a_dump_stops_after_its_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
