/* Views of both partitions: exact text on small networks, widths and colours on reports made by hand. */
#include "tests/tool.h"

#include "cli/view.h"

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})
#define MODELS    FG_SOURCE_DIR "/tests/models/"
#define MODEL     MODELS "golden_mbconv.onnx"

/* Runs fusegen for the plainest target, without checking. */
static tool_result run(const char *folder, const char *const *arguments) {
    const char *all[32] = {"-q", "--target", "generic", "--verify=none"};
    int n = 4;
    while (*arguments) all[n++] = *arguments++;
    tool_result r = tool_run(folder, all);
    return r;
}

/* The output after its head, which ends at the first empty line. */
static void expect_view(const char *const *arguments, const char *expected) {
    char folder[] = TOOL_FOLDER;
    tool_folder(folder);
    tool_result r = run(folder, arguments);
    tool_expect(&r, 0);
    const char *body = strstr(r.out, "\n\n");
    assert_non_null(body);
    assert_string_equal(body + 2, expected);
    tool_free(&r);
    tool_remove(folder);
}

static void quantify_adds_up_work_and_traffic(void **state) {
    (void)state;
    expect_view(ARGS(MODEL, "--partition=pairwise", "--quantify"),
                "quantify\n"
                "  groups      3 subgraphs for 11 operators, 3.67 operators each; 1 of one operator\n"
                "  reduction   3.67x fewer launches\n"
                "  work        79200 FLOP\n"
                "  traffic     46556 bytes unfused, 22676 fused: 11520 read, 4296 of weights, 6860 written\n"
                "  saved       23880 bytes, 51.29 %; 67.8 % if each intermediate tensor is written and read\n"
                "  intensity   3.464 FLOP/B on average over groups; 3.493 in all, 1.701 unfused\n"
                "\n"
                "  pattern                               groups  operators  MFLOP   kB  kB saved  FLOP/B\n"
                "  Conv2d_SiLU_Conv2d_+1more                  1          4   0.07  8.6      23.6    7.73\n"
                "  AdaptiveAvgPool2d_Conv2d_SiLU_+3more       1          6   0.00  9.3       0.3    0.04\n"
                "  Unfused                                    1          1   0.01  4.8       0.0    2.62\n");
}

static void balance_shows_sizes_limits_boundaries_and_what_follows(void **state) {
    (void)state;
    expect_view(
        ARGS(MODEL, "--partition=pairwise", "--analyze-balance"),
        "balance\n"
        "  operators per group (3.67 on average)\n"
        "      1      1  ████████████████████████████████████████\n"
        "      4      1  ████████████████████████████████████████\n"
        "      6      1  ████████████████████████████████████████\n"
        "\n"
        "  pattern                               groups  share  operators    saved\n"
        "  Conv2d_SiLU_Conv2d_+1more                  1  33.3%          4  23.6 kB\n"
        "  AdaptiveAvgPool2d_Conv2d_SiLU_+3more       1  33.3%          6    280 B\n"
        "  Unfused                                    1  33.3%          1      0 B\n"
        "\n"
        "  limited by (FLOP/B above 50 compute, 10 balanced, 1 memory)\n"
        "  compute       0    0.0 %\n"
        "  balanced      0    0.0 %\n"
        "  memory        2   66.7 %  ███████████████████████████\n"
        "  bandwidth     1   33.3 %  █████████████\n"
        "\n"
        "  groups end at  groups  written\n"
        "  fork                1  2.80 kB\n"
        "  no pattern          1  2.80 kB\n"
        "  output              1  1.26 kB\n"
        "\n"
        "  data movement: 46.6 kB unfused, 22.7 kB fused, 23.9 kB (51.29 %) saved\n"
        "\n"
        "  recommendations\n"
        "  1. WARNING: groups of a single operator: 1 of 3, 4.82 kB moved, 21.2 % of all traffic (1 times "
        "Conv2d): let a neighbour take them in\n"
        "  2. boundary 'fork' costs most: 2.80 kB are written there to be read again, by 1 of 3 groups\n"
        "  3. 3 of 3 groups wait for memory and move 22.7 kB (100.0 %): larger groups or smaller types pay, "
        "faster arithmetic does not\n"
        "  4. group_0 is predicted to take 79.3 % of the time (memory): look there first\n");
}

static void visualize_draws_boxes_beside_operators(void **state) {
    (void)state;
    expect_view(ARGS(MODEL, "--partition=pairwise", "--visualize"),
                "visualize\n"
                "   0  Conv2d  expand              ┌ group_0: Conv2d_SiLU_Conv2d_+1more\n"
                "   1  SiLU  act1                  │ 4 operators, 33.1 kMAC, 7.73 FLOP/B, memory\n"
                "   2  Conv2d  depthwise           │ 8.56 kB moved, 23.6 kB saved\n"
                "   3  SiLU  act2                  └ ends: fork\n"
                "   4  AdaptiveAvgPool2d  squeeze  ┌ group_1: AdaptiveAvgPool2d_Conv2d_SiLU_+3more\n"
                "   5  Conv2d  reduce              │ 6 operators, 200 MAC, 0.04 FLOP/B, bandwidth\n"
                "   6  SiLU  act3                  │ 9.30 kB moved, 280 B saved\n"
                "   7  Conv2d  excite              │\n"
                "   8  Sigmoid  gate               │\n"
                "   9  mul  scale                  └ ends: no pattern\n"
                "  10  Conv2d  project             ┌ group_2: Unfused\n"
                "                                  │ 1 operator, 6.30 kMAC, 2.62 FLOP/B, memory\n"
                "                                  │ 4.82 kB moved, 0 B saved\n"
                "                                  └ ends: output\n");
}

static void visualize_can_show_a_part(void **state) {
    (void)state;
    expect_view(ARGS(MODEL, "--partition=pairwise", "--visualize", "--around", "excite", "--max-nodes", "3"),
                "visualize\n"
                "  ... 6 operators before\n"
                "   6  SiLU  act3      ┌ group_1: AdaptiveAvgPool2d_Conv2d_SiLU_+3more\n"
                "   7  Conv2d  excite  │ 6 operators, 200 MAC, 0.04 FLOP/B, bandwidth\n"
                "   8  Sigmoid  gate   │ 9.30 kB moved, 280 B saved\n"
                "                      └ ends: no pattern\n"
                "  ... 2 operators after\n");
}

static void profile_lists_operators_and_the_most_expensive_groups(void **state) {
    (void)state;
    expect_view(ARGS(MODEL, "--partition=pairwise", "--profile"),
                "profile\n"
                " #  operator   type               MFLOP  share  kB in  weights   out  FLOP/B  group\n"
                " 0  expand     Conv2d             0.031  39.4%    3.1      0.6  10.4    2.22      0\n"
                " 1  act1       SiLU               0.000   0.0%   10.4      0.0  10.4    0.00      0\n"
                " 2  depthwise  Conv2d             0.035  44.2%   10.4      2.1   2.8    2.29      0\n"
                " 3  act2       SiLU               0.000   0.0%    2.8      0.0   2.8    0.00      0\n"
                " 4  squeeze    AdaptiveAvgPool2d  0.000   0.0%    2.8      0.0   0.1    0.00      1\n"
                " 5  reduce     Conv2d             0.000   0.3%    0.1      0.4   0.0    0.38      1\n"
                " 6  act3       SiLU               0.000   0.0%    0.0      0.0   0.0    0.00      1\n"
                " 7  excite     Conv2d             0.000   0.3%    0.0      0.5   0.1    0.34      1\n"
                " 8  gate       Sigmoid            0.000   0.0%    0.1      0.0   0.1    0.00      1\n"
                " 9  scale      mul                0.000   0.0%    2.9      0.0   2.8    0.00      1\n"
                "10  project    Conv2d             0.013  15.9%    2.8      0.8   1.3    2.62      2\n"
                "\n"
                "  the 3 most expensive subgraphs, by the target's roofline\n"
                "  group        ms   time  MFLOP   work   kB  FLOP/B  class\n"
                "  group_0  0.0331  79.3%   0.07  83.6%  8.6    7.73  memory\n"
                "  group_2  0.0063  15.1%   0.01  15.9%  4.8    2.62  memory\n"
                "  group_1  0.0023   5.6%   0.00   0.5%  9.3    0.04  bandwidth\n");
}

static void compare_counts_all_groupings_alike(void **state) {
    (void)state;
    expect_view(ARGS(MODEL, "--compare"),
                "compare\n"
                "  grouping    groups  single  operators each  bytes  bytes inside  saved %  w+r %  FLOP/B\n"
                "  one by one      11      11            1.00  70436             0     0.00    0.0   0.714\n"
                "  pairwise         3       1            3.67  22676         23880    51.29   67.8   3.464\n"
                "  fused            5       2            2.20  14596         29320    66.76   80.1   2.123\n"
                "\n"
                "  All are counted the way of the pairwise partition, over its 11 operators (0 of them "
                "synthesised):\n"
                "  4 bytes per element, each tensor inside a group once; w+r: written and read.\n"
                "  fused is fusegen's own; its kernels, each operand once, move 23356 bytes, and one by one\n"
                "  its operators would move 118856 (80.35 % saved).\n");
}

/* Two models, the larger first: the table keeps the order that was given. */
static void a_family_is_one_table_and_its_criteria(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r = run(folder, ARGS(MODEL, MODELS "golden_residual.onnx", "--partition=pairwise",
                                     "--fx-compat=sd", "--family"));
    tool_expect(&r, 0);
    assert_string_equal(
        r.out,
        "family, pairwise partition\n"
        "operators synthesised by --fx-compat: 1\n"
        "model                 operators  groups  single  SE  main  each  MFLOP    MB  unfused  saved %  w+r "
        "%  FLOP/B  bw/bal/mem/cmp\n"
        "golden_mbconv.onnx           11       3       1   1     0  3.67    0.1  0.02     0.05    51.29   "
        "67.8   3.464         1/0/2/0\n"
        "golden_residual.onnx          8       4       1   0     0  2.00    0.1  0.03     0.04    28.89   "
        "44.8   5.534         2/2/0/0\n"
        "\n"
        "scaling               input  depth  width  MFLOP  MB moved  arena MB  weights MB     ms\n"
        "golden_mbconv.onnx       13      5   14.8    0.1      0.02      0.01        0.00  0.042\n"
        "golden_residual.onnx     11      2    7.0    0.1      0.03      0.01        0.00  0.078\n"
        "  depth: nodes with multiply-adds; width: their mean number of output channels; ms: measured where "
        "--bench ran, else predicted\n"
        "\n"
        "  FAILS  spread          operators per group 2.00 to 3.67: 58.8 % of the mean (at most 15 %)\n"
        "  holds  SE completeness 1 groups with a pool for 1 squeeze-and-excitation gates\n"
        "  FAILS  scaling         golden_residual.onnx has more FLOPs than the model before it, and fewer "
        "groups or bytes\n"
        "  holds  no regression   every model has fewer groups than operators and moves fewer bytes: 28.89 % "
        "at least\n"
        "  FAILS  fused is better fusegen's own partition: 9 groups in place of 7, 4 of one operator, "
        "30.8 kB moved in place of 50.0 kB\n");
    tool_free(&r);
    tool_remove(folder);
}

static void what_is_synthesised_is_said(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r = run(folder, ARGS(MODELS "mobilenet_v2.bn.graph.onnx", "--partition=pairwise",
                                     "--fx-compat=dropout", "--quantify"));
    tool_expect(&r, 0);
    tool_expect_text(r.out, "synthesised by --fx-compat: 0 stochastic depth, 1 dropout\n");
    tool_expect_text(r.out, "66 subgraphs for 153 operators");
    tool_expect_text(r.out, "121813440 bytes unfused, 70677824 fused");
    tool_free(&r);
    r = run(folder, ARGS(MODELS "mobilenet_v2.bn.graph.onnx", "--partition=pairwise", "--quantify"));
    tool_expect(&r, 0);
    tool_expect_text(r.out, "no operator is synthesised\n");
    tool_free(&r);
    tool_remove(folder);
}

/* The study's formula with its own totals gives its own figures; beside them stand those of the graph. */
static void published_energies_are_cited_beside_the_true_ones(void **state) {
    static const char *const rows[] = {
        "3628146688 FLOP,",
        "published totals of 3786155008 FLOP and 54945792 bytes, which are wrong",
        "study-cpu      100    25     1000   100         1    37.86   3792 ",
        "study-gpu    10000   450      500    30       0.6   0.2272   1895 ",
        "study-tpu    45000   600      200    10       0.6  0.05048  757.8 ",
        "study-kpu     1000    50      100     5       0.6    2.272  378.9 ",
        "study-cpu          100     25     1000   100         1      36.28       3635 ",
    };
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r = run(folder, ARGS(MODELS "resnet18.bn.graph.onnx", "--energy"));
    tool_expect(&r, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) tool_expect_text(r.out, rows[i]);
    tool_free(&r);
    r = run(folder, ARGS(MODEL, "--energy"));
    tool_expect(&r, 0);
    assert_null(strstr(r.out, "published")); /* of this network nothing was published */
    tool_free(&r);
    tool_remove(folder);
}

/* Arithmetic and traffic of activations grow with the batch, weights do not. */
static void energies_of_a_sweep_stand_in_one_table(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r = run(folder, ARGS(MODELS "resnet18.dyn.graph.onnx", "--dim", "batch=1,8",
                                     "--partition=pairwise", "--target", "study-cpu", "--energy"));
    tool_expect(&r, 0);
    const char *table = strstr(r.out, "energy, models by targets\n");
    assert_non_null(table);
    for (int i = 0; i < 2; i++) {
        static const char *const rows[] = {"  resnet18.dyn.graph.onnx batch=1  float32 ",
                                           "  resnet18.dyn.graph.onnx batch=8  float32 "};
        const char *row = strstr(table, rows[i]);
        assert_non_null(row);
        char *line = strndup(row, strcspn(row, "\n"));
        tool_expect_text(line, i ? " 290.3 " : " 36.28 "); /* 3628146688 x batch / 100e9 */
        free(line);
    }
    tool_expect_text(table, "batch=8  int8 ");
    tool_free(&r);
    tool_remove(folder);
}

static void published_catalogue_counts_are_cited_with_the_reason(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r = run(folder, ARGS(MODELS "resnet50.graph.onnx", "--quantify"));
    tool_expect(&r, 0);
    tool_expect_text(r.out, "catalogue   1 StemConvBNActMaxPool, 16 ConvBNAddAct, 32 ConvBNAct, 5 ConvBN, "
                            "1 AdaptiveAvgPool\n  converted   1 Flatten+Linear to 1x1 convolution\n"
                            "  cited: the catalogue counts 51 = 1 stem + 16 ConvBNAddAct");
    tool_free(&r);
    tool_remove(folder);
}

static void a_report_only_target_makes_no_code(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r = tool_run(folder, ARGS(MODEL, "--target", "study-gpu", "-o", "x.c"));
    tool_expect(&r, 1);
    tool_expect_text(r.err, "no code is made for it");
    assert_false(tool_exists(folder, "x.c"));
    tool_free(&r);
    tool_remove(folder);
}

static void a_name_that_is_nowhere_is_refused(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r = run(folder, ARGS(MODEL, "--visualize", "--around", "nowhere"));
    tool_expect(&r, 1);
    tool_expect_text(r.err, "no operator's name contains 'nowhere'");
    tool_free(&r);
    tool_remove(folder);
}

/* ---- reports made by hand ---- */

static fg_report_op op = {.type = "Conv2d", .name = "a/rather/long/name/of/an/operator", .flops = 2000};
static fg_report_kernel kernel = {.name = "group_0",
                                  .pattern = "Unfused",
                                  .tile = "",
                                  .why = "",
                                  .boundary = "fork",
                                  .operators = 1,
                                  .flops = 2000,
                                  .bytes = 10,
                                  .bytes_unfused = 10,
                                  .out_bytes = 4,
                                  .intensity = 200,
                                  .class = FG_CLASS_COMPUTE,
                                  .ops = &op,
                                  .n_ops = 1};
static const fg_report report = {.model = "m.onnx",
                                 .variant = "",
                                 .target = "generic",
                                 .target_description = "",
                                 .kernels = &kernel,
                                 .n_kernels = 1,
                                 .operators = 1,
                                 .single_op = 1,
                                 .flops = 2000,
                                 .bytes_fused = 10,
                                 .bytes_unfused = 10};

static void boxes_fit_the_terminal(void **state) {
    static const fg_window all = {0};
    const fg_report_style narrow = {.width = 50};
    (void)state;
    fg_context *ctx = fg_context_new();
    fg_text text = fg_text_new(ctx);
    fg_view_visualize(&report, &all, &narrow, &text);
    assert_string_equal(text.data, "visualize\n"
                                   "   0  Conv2d  a/rather/…  ┌ group_0: Unfused\n"
                                   "                          │ 1 operator, 1.00 kMAC…\n"
                                   "                          │ 10 B moved, 0 B saved\n"
                                   "                          └ ends: fork\n");
    fg_context_free(ctx);
}

static void boxes_have_the_colour_of_their_class(void **state) {
    static const fg_window all = {0};
    const fg_report_style color = {.color = true};
    (void)state;
    fg_context *ctx = fg_context_new();
    fg_text text = fg_text_new(ctx);
    fg_view_visualize(&report, &all, &color, &text);
    tool_expect_text(text.data, "\033[32m┌ group_0: Unfused\033[0m\n");
    kernel.class = FG_CLASS_BANDWIDTH;
    fg_text other = fg_text_new(ctx);
    fg_view_visualize(&report, &all, &color, &other);
    kernel.class = FG_CLASS_COMPUTE;
    tool_expect_text(other.data, "\033[31m┌ group_0: Unfused\033[0m\n");
    fg_context_free(ctx);
}

static void a_kernel_without_operators_is_drawn(void **state) {
    static const fg_window all = {0};
    const fg_report_style plain = {0};
    fg_report_kernel two[] = {kernel, kernel};
    fg_report r = report;
    (void)state;
    two[0].name = "copy_x";
    two[0].n_ops = 0;
    r.kernels = two;
    r.n_kernels = 2;
    fg_context *ctx = fg_context_new();
    fg_text text = fg_text_new(ctx);
    fg_view_visualize(&r, &all, &plain, &text);
    tool_expect_text(text.data, "┌ copy_x: Unfused\n");
    tool_expect_text(text.data, "   0  Conv2d  a/rather/long/name/of/an/operator  ┌ group_0: Unfused\n");
    fg_context_free(ctx);
}

static void advice_follows_from_the_numbers(void **state) {
    const fg_report_style plain = {0};
    fg_report_kernel good = kernel;
    fg_report quiet = report;
    (void)state;
    fg_context *ctx = fg_context_new();
    fg_text text = fg_text_new(ctx), none = fg_text_new(ctx);
    fg_view_balance(&report, &plain, &text);
    tool_expect_text(text.data, "1. WARNING: groups of a single operator: 1 of 1");
    tool_expect_text(text.data, "2. boundary 'fork' costs most: 4 B");
    good.operators = 5;
    good.boundary = "output";
    quiet.kernels = &good;
    quiet.single_op = 0;
    quiet.operators = 5;
    fg_view_balance(&quiet, &plain, &none);
    tool_expect_text(none.data, "none: no number stands out");
    assert_null(strstr(none.data, "1. "));
    fg_context_free(ctx);
}

/* A family that fails: the model with more work has fewer groups, and saves nothing. */
static void criteria_can_fail(void **state) {
    const fg_report_style plain = {0};
    fg_report_kernel two[] = {kernel, kernel};
    fg_report small = report, large = report;
    (void)state;
    small.kernels = two;
    small.n_kernels = 2;
    small.operators = 8;
    small.bytes_unfused = 20;
    large.flops = 4000;
    large.gates = 1;
    fg_context *ctx = fg_context_new();
    fg_text text = fg_text_new(ctx);
    fg_view_family(2, ((const fg_report *[]){&large, &small}), &plain, &text);
    tool_expect_text(text.data, "FAILS  spread ");
    tool_expect_text(text.data, "FAILS  SE completeness");
    tool_expect_text(text.data, "FAILS  scaling");
    tool_expect_text(text.data, "FAILS  no regression");
    fg_context_free(ctx);
}

/* Two kinds of networks in one table are judged apart; shapes of their own make another kind. */
static void criteria_are_by_kind_of_network(void **state) {
    fg_report r[5];
    static const char *const names[] = {"net_b0.onnx", "net_b1.onnx", "other18.onnx", "dir/other34.onnx",
                                        "net_b1.onnx"};
    const fg_report *list[5];
    const fg_report_style style = {0};
    (void)state;
    for (int i = 0; i < 5; i++) {
        r[i] = report;
        r[i].model = names[i];
        r[i].variant = i == 4 ? "input=1x3x240x240" : "";
        r[i].flops = 1000 * (i + 1);
        r[i].operators = i < 2 || i == 4 ? 40 : 8;
        list[i] = &r[i];
    }
    fg_context *ctx = fg_context_new();
    fg_text text = fg_text_new(ctx);
    fg_view_family(5, list, &style, &text);
    tool_expect_text(text.data, "holds  spread          net_b: operators per group");
    tool_expect_text(text.data, "holds  spread          other: operators per group");
    tool_expect_text(text.data, "holds  scaling         net_b: ");
    assert_null(strstr(text.data, "own shapes:")); /* one model is no family */
    fg_context_free(ctx);
}

static void fused_and_unfused_are_timed_one_after_the_other(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r =
        run(folder, ARGS(MODEL, "--compare", "--bench=3", "--report=json", "--report-file", "r.json"));
    tool_expect(&r, 0);
    tool_expect_text(r.out, "  timed       kernels  ms median");
    tool_expect_text(r.out, "\n  fused             ");
    tool_expect_text(r.out, "\n  one by one       1");
    tool_expect_text(r.out, "times in the first run; 3 runs each");
    char *json = tool_read(folder, "r.json", NULL);
    tool_expect_text(json, "\"bench_unfused\"");
    free(json);
    tool_free(&r);
    tool_remove(folder);
}

static void models_may_have_shapes_of_their_own(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r = run(
        folder, ARGS(MODELS "resnet18.graph.onnx", MODELS "resnet18.graph.onnx@input=1x3x96x64", "--family"));
    tool_expect(&r, 0);
    tool_expect_text(r.out, "resnet18.graph.onnx input=1x3x96x64         49      21");
    tool_expect_text(r.out, "\nresnet18.graph.onnx                    224     21");
    tool_expect_text(r.out, "\nresnet18.graph.onnx input=1x3x96x64     96     21");
    tool_free(&r);
    r = run(folder, ARGS(MODELS "resnet18.graph.onnx@nothing=1x3x96x64", "--quantify"));
    assert_int_not_equal(r.status, 0);
    tool_expect_text(r.err, "nothing");
    tool_free(&r);
    r = run(folder, ARGS("no@file=1x3x.onnx"));
    tool_expect(&r, 2);
    tool_expect_text(r.err, "no@file=1x3x.onnx");
    tool_free(&r);
    tool_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantify_adds_up_work_and_traffic),
        cmocka_unit_test(balance_shows_sizes_limits_boundaries_and_what_follows),
        cmocka_unit_test(visualize_draws_boxes_beside_operators),
        cmocka_unit_test(visualize_can_show_a_part),
        cmocka_unit_test(profile_lists_operators_and_the_most_expensive_groups),
        cmocka_unit_test(compare_counts_all_groupings_alike),
        cmocka_unit_test(a_family_is_one_table_and_its_criteria),
        cmocka_unit_test(what_is_synthesised_is_said),
        cmocka_unit_test(published_energies_are_cited_beside_the_true_ones),
        cmocka_unit_test(energies_of_a_sweep_stand_in_one_table),
        cmocka_unit_test(published_catalogue_counts_are_cited_with_the_reason),
        cmocka_unit_test(a_report_only_target_makes_no_code),
        cmocka_unit_test(a_name_that_is_nowhere_is_refused),
        cmocka_unit_test(boxes_fit_the_terminal),
        cmocka_unit_test(boxes_have_the_colour_of_their_class),
        cmocka_unit_test(a_kernel_without_operators_is_drawn),
        cmocka_unit_test(advice_follows_from_the_numbers),
        cmocka_unit_test(criteria_can_fail),
        cmocka_unit_test(criteria_are_by_kind_of_network),
        cmocka_unit_test(models_may_have_shapes_of_their_own),
        cmocka_unit_test(fused_and_unfused_are_timed_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
