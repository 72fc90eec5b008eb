/* Reports: their numbers add up, their JSON is JSON whatever the names, their tables fit. */
#include "tests/onnx_writer.h"

#include "cli/report.h"
#include "cli/table.h"

#include <cjson/cJSON.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})

/* ---- JSON of a compiled model ---- */

static cJSON *report_of(const char *folder, const char *model) {
    tool_result r = tool_run(folder, ARGS(model, "--report=json"));
    tool_expect(&r, 0);
    cJSON *json = cJSON_Parse(r.out);
    if (!json) print_error("no JSON:\n%s\n", r.out);
    assert_non_null(json);
    tool_free(&r);
    return json;
}

static cJSON *at(const cJSON *parent, const char *key) {
    cJSON *item = cJSON_GetObjectItemCaseSensitive(parent, key);
    if (!item) print_error("key '%s' is missing\n", key);
    assert_non_null(item);
    return item;
}

static double number(const cJSON *parent, const char *key) {
    cJSON *item = at(parent, key);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static double sum(const cJSON *array, const char *key) {
    double total = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array) total += number(item, key);
    return total;
}

static void has_keys(const cJSON *object, const char *const *keys) {
    for (; *keys; keys++) at(object, *keys);
}

static void json_has_the_keys_that_scripts_read(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "conv", "relu");
    onnx_save(&m, folder, "model.onnx");
    cJSON *json = report_of(folder, "model.onnx");
    has_keys(json, ARGS("fusegen", "model", "target", "arena_bytes", "arena_lower_bound", "weights_bytes",
                        "flops", "partition", "kernels", "verify"));
    has_keys(at(json, "model"), ARGS("sha256", "opset", "nodes", "parameters"));
    has_keys(at(json, "partition"),
             ARGS("operators", "subgraphs", "single_op", "se", "main", "efficiency", "bytes_fused",
                  "bytes_unfused", "memory_saved", "mean_intensity", "classes", "patterns"));
    has_keys(at(at(json, "partition"), "classes"), ARGS("bandwidth", "balanced", "memory", "compute"));
    has_keys(at(json, "kernels")->child,
             ARGS("name", "pattern", "nodes", "flops", "flops_again", "bytes", "intensity", "class", "tile",
                  "boundary", "predicted_ms", "measured_ms", "max_error"));
    has_keys(at(json, "verify"), ARGS("mode", "passed", "max_abs", "max_rel_rms", "max_ulp"));
    assert_true(cJSON_IsNull(at(at(json, "kernels")->child, "measured_ms"))); /* not measured is not 0 */
    cJSON_Delete(json);
    tool_remove(folder);
}

static void totals_are_the_sums_of_the_kernels(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "conv", "relu");
    onnx_save(&m, folder, "model.onnx");
    cJSON *json = report_of(folder, "model.onnx");
    const cJSON *kernels = at(json, "kernels"), *partition = at(json, "partition"),
                *classes = at(partition, "classes");
    double flops = 2.0 * (5 * 3 * 9 * 64 + 5 * 7);
    assert_true(number(json, "flops") == flops);
    assert_true(sum(kernels, "flops") == flops);
    assert_true(number(at(json, "model"), "parameters") == 5 * 3 * 9 + 5 + 5 * 7);
    assert_true(number(at(json, "model"), "nodes") == 5);
    assert_true(number(partition, "bytes_fused") == sum(kernels, "bytes"));
    assert_true(number(partition, "operators") == sum(kernels, "operators"));
    assert_int_equal((int)number(partition, "subgraphs"), cJSON_GetArraySize(kernels));
    assert_int_equal((int)(number(classes, "bandwidth") + number(classes, "balanced") +
                           number(classes, "memory") + number(classes, "compute")),
                     cJSON_GetArraySize(kernels));
    assert_true(number(partition, "bytes_unfused") >= number(partition, "bytes_fused"));
    assert_true(number(json, "arena_bytes") >= number(json, "arena_lower_bound"));
    cJSON_Delete(json);
    tool_remove(folder);
}

static void every_node_stands_in_one_kernel(void **state) {
    static const char *const names[] = {"conv", "relu", "pool", "flatten", "gemm"};
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "conv", "relu");
    onnx_save(&m, folder, "model.onnx");
    cJSON *json = report_of(folder, "model.onnx");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int found = 0;
        const cJSON *kernel, *node;
        cJSON_ArrayForEach(kernel, at(json, "kernels")) {
            cJSON_ArrayForEach(node, at(kernel, "nodes")) found += strcmp(node->valuestring, names[i]) == 0;
        }
        if (found != 1) print_error("node '%s' is listed %d times\n", names[i], found);
        assert_int_equal(found, 1);
    }
    cJSON_Delete(json);
    tool_remove(folder);
}

static void hostile_names_leave_json_valid(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "\"}],\n\x01\xC0\x80\xED\xA0\x80\xF5", "gr\xC3\xBC\xC3\x9F\xE2\x82\xAC");
    onnx_save(&m, folder, "model.onnx");
    cJSON *json = report_of(folder, "model.onnx");
    int good = 0, replaced = 0;
    const cJSON *kernel, *node;
    cJSON_ArrayForEach(kernel, at(json, "kernels")) {
        cJSON_ArrayForEach(node, at(kernel, "nodes")) {
            good += strcmp(node->valuestring, "gr\xC3\xBC\xC3\x9F\xE2\x82\xAC") == 0;
            replaced += strstr(node->valuestring, "\"}],\n\x01\xEF\xBF\xBD") == node->valuestring;
            assert_null(strchr(node->valuestring, '\xF5'));
        }
    }
    assert_int_equal(good, 1);
    assert_int_equal(replaced, 1);
    cJSON_Delete(json);
    tool_remove(folder);
}

static void several_models_make_an_array(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "conv", "relu");
    onnx_save(&m, folder, "model.onnx");
    tool_result r = tool_run(
        folder, ARGS("model.onnx", "model.onnx", "--report=json", "--report-file", "r.json", "--report"));
    tool_expect(&r, 0);
    assert_int_equal(tool_lines(r.out), 3); /* the text report: a heading and two rows */
    char *text = tool_read(folder, "r.json", NULL);
    cJSON *json = cJSON_Parse(text);
    assert_true(cJSON_IsArray(json));
    assert_int_equal(cJSON_GetArraySize(json), 2);
    cJSON_Delete(json);
    free(text);
    tool_free(&r);
    tool_remove(folder);
}

static void the_text_report_has_a_row_for_each_kernel(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "conv", "relu");
    onnx_save(&m, folder, "model.onnx");
    cJSON *json = report_of(folder, "model.onnx");
    tool_result r = tool_run(folder, ARGS("model.onnx", "--report"));
    const cJSON *kernel;
    cJSON_ArrayForEach(kernel, at(json, "kernels")) tool_expect_text(r.out, at(kernel, "name")->valuestring);
    tool_expect_text(r.out, "FLOP/B");
    tool_expect_text(r.out, "opset 17, 5 nodes, 175 parameters");
    tool_expect_text(r.out, "verdict   PASSED");
    cJSON_Delete(json);
    tool_free(&r);
    tool_remove(folder);
}

/* The study's figures for EfficientNet-B0, through the program. */
static void the_pairwise_partition_is_the_studys(void **state) {
    static const char model[] = FG_SOURCE_DIR "/tests/models/efficientnet_b0.bn.graph.onnx";
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result r = tool_run(folder, ARGS(model, "--report=json", "--verify=none", "--partition=pairwise",
                                          "--fx-compat=sd,dropout"));
    tool_expect(&r, 0);
    cJSON *json = cJSON_Parse(r.out);
    const cJSON *p = at(json, "partition"), *classes = at(p, "classes");
    assert_true(number(p, "operators") == 249);
    assert_true(number(p, "subgraphs") == 71);
    assert_true(number(p, "single_op") == 22);
    assert_true(number(p, "se") == 16);
    assert_true(number(p, "main") == 16);
    assert_true(number(at(at(json, "partitions"), "fused_counted_pairwise"), "bytes_fused") < 77266864);
    assert_true(number(at(at(json, "partitions"), "pairwise"), "subgraphs") == 71);
    assert_true(number(at(at(json, "partitions"), "fused"), "subgraphs") <= 50);
    assert_true(number(p, "bytes_fused") == 77266864);
    assert_true(number(p, "bytes_unfused") == 144111504);
    assert_true(number(json, "flops") == 771629504);
    assert_true(number(classes, "bandwidth") == 38 && number(classes, "balanced") == 30);
    assert_int_equal(cJSON_GetArraySize(at(json, "kernels")), 71);
    cJSON_Delete(json);
    tool_free(&r);
    r = tool_run(folder,
                 ARGS(model, "--report", "--verify=none", "--partition=pairwise", "--fx-compat=sd,dropout"));
    tool_expect(&r, 0);
    tool_expect_text(r.out, "46.4 % saved");
    tool_expect_text(r.out, "63.4 % saved if writing and reading are both counted");
    tool_expect_text(r.out, "9 stochastic depth, 1 dropout");
    tool_free(&r);
    tool_remove(folder);
}

/* ---- pieces ---- */

/* ---- the pattern catalogue ---- */

static cJSON *network_of(const char *folder, const char *model) {
    char path[512];
    snprintf(path, sizeof path, FG_SOURCE_DIR "/tests/models/%s.graph.onnx", model);
    tool_result r = tool_run(folder, ARGS("-q", "--verify=none", path, "--report=json"));
    tool_expect(&r, 0);
    cJSON *json = cJSON_Parse(r.out);
    assert_non_null(json);
    tool_free(&r);
    return json;
}

static void expect_counts(const cJSON *counts, int n, const char *const *names, const int *numbers) {
    assert_int_equal(cJSON_GetArraySize(counts), n);
    for (int i = 0; i < n; i++) assert_int_equal((int)number(counts, names[i]), numbers[i]);
}

static int points_named(const cJSON *kernel, const char *name) {
    int n = 0;
    const cJSON *p;
    cJSON_ArrayForEach(p, at(kernel, "quantise")) n += strcmp(at(p, "point")->valuestring, name) == 0;
    return n;
}

static void the_catalogue_is_counted_as_the_graph_has_it(void **state) {
    static const char *const names[] = {"StemConvBNActMaxPool", "ConvBNAddAct", "ConvBNAct", "ConvBN",
                                        "AdaptiveAvgPool"};
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    const char *const models[] = {"resnet50", "resnet50.bn"};
    for (int i = 0; i < 2; i++) {
        cJSON *json = network_of(folder, models[i]);
        expect_counts(at(json, "catalogue"), 5, names, (const int[]){1, 16, 32, 5, 1}); /* 55 */
        assert_int_equal((int)number(at(json, "conversions"), "Flatten+Linear to 1x1 convolution"), 1);
        cJSON_Delete(json);
    }
    tool_remove(folder);
}

static void a_transformer_is_counted_as_the_graph_has_it(void **state) {
    static const char *const names[] = {"ConvBN",    "MHAInProjection", "ScaledDotProductAttention",
                                        "LinearAct", "Linear",          "LayerNorm"};
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    cJSON *json = network_of(folder, "vit_b_16");
    expect_counts(at(json, "catalogue"), 6, names, (const int[]){1, 12, 12, 12, 25, 25});
    const cJSON *k;
    int keys = 0, values = 0;
    cJSON_ArrayForEach(k, at(json, "kernels")) {
        keys += points_named(k, "KEY");
        values += points_named(k, "VALUE");
    }
    assert_int_equal(keys, 12);
    assert_int_equal(values, 12);
    assert_int_equal((int)number(at(json, "conversions"), "attention decomposed"), 12);
    cJSON_Delete(json);
    tool_remove(folder);
}

static void resnet18_has_its_published_size(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    cJSON *json = network_of(folder, "resnet18.bn");
    assert_true(number(at(json, "model"), "parameters") == 11689512);
    assert_true(number(json, "flops") == 3628146688);
    static const char *const names[] = {"StemConvBNActMaxPool", "ConvBNAddAct", "ConvBNAct", "ConvBN",
                                        "AdaptiveAvgPool"};
    expect_counts(at(json, "catalogue"), 5, names,
                  (const int[]){1, 8, 8, 4, 1}); /* 20 convolutions, the classifier */
    cJSON_Delete(json);
    tool_remove(folder);
}

/* Every kernel that reads a tensor is quantised there; a residual beside it where one is added. */
static void quantisation_points_stand_with_each_kernel(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    cJSON *json = network_of(folder, "resnet50");
    const cJSON *k;
    int residuals = 0, outputs = 0;
    cJSON_ArrayForEach(k, at(json, "kernels")) {
        int residual = points_named(k, "RESIDUAL_INPUT");
        assert_int_equal(points_named(k, "INPUT"), 1);
        assert_int_equal(residual, strcmp(at(k, "pattern")->valuestring, "conv_add") == 0);
        residuals += residual;
        outputs += points_named(k, "OUTPUT");
    }
    assert_int_equal(residuals, 16);
    assert_int_equal(outputs, 1); /* of the pool */
    cJSON_Delete(json);
    tool_remove(folder);
}

static void large_integers_keep_all_their_digits(void **state) {
    (void)state;
    fg_context *ctx = fg_context_new();
    fg_report r = {.model = "m",
                   .variant = "",
                   .target = "t",
                   .flops = INT64_MAX,
                   .bytes_fused = INT64_MAX - 1,
                   .checked = ""};
    const fg_report *list[] = {&r};
    fg_text text = fg_text_new(ctx);
    fg_report_json(ctx, 1, list, &text);
    tool_expect_text(text.data, "9223372036854775807");
    tool_expect_text(text.data, "9223372036854775806");
    fg_context_free(ctx);
}

static void classes_are_by_intensity(void **state) {
    (void)state;
    assert_int_equal(fg_class_of(50.1), FG_CLASS_COMPUTE);
    assert_int_equal(fg_class_of(50), FG_CLASS_BALANCED);
    assert_int_equal(fg_class_of(10), FG_CLASS_MEMORY);
    assert_int_equal(fg_class_of(1), FG_CLASS_BANDWIDTH);
    assert_int_equal(fg_class_of(0), FG_CLASS_BANDWIDTH);
}

static void a_table_fits_the_terminal(void **state) {
    static const fg_column columns[] = {{"#", true, 0}, {"name", false, 6}, {"pattern", false, 4}};
    (void)state;
    fg_context *ctx = fg_context_new();
    fg_table *t = fg_table_new(ctx, 3, columns);
    fg_table_add(t, "1");
    fg_table_add(t, "a_rather_long_name");
    fg_table_add(t, "gr\xC3\xBC\xC3\x9F");
    fg_text wide = fg_text_new(ctx), narrow = fg_text_new(ctx);
    fg_table_print(t, 0, &wide);
    assert_string_equal(wide.data,
                        "#  name                pattern\n1  a_rather_long_name  gr\xC3\xBC\xC3\x9F\n");
    fg_table_print(t, 20, &narrow);
    assert_string_equal(narrow.data, "#  name      pattern\n1  a_rathe\xE2\x80\xA6  gr\xC3\xBC\xC3\x9F\n");
    fg_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_the_keys_that_scripts_read),
        cmocka_unit_test(totals_are_the_sums_of_the_kernels),
        cmocka_unit_test(every_node_stands_in_one_kernel),
        cmocka_unit_test(hostile_names_leave_json_valid),
        cmocka_unit_test(several_models_make_an_array),
        cmocka_unit_test(the_text_report_has_a_row_for_each_kernel),
        cmocka_unit_test(the_pairwise_partition_is_the_studys),
        cmocka_unit_test(the_catalogue_is_counted_as_the_graph_has_it),
        cmocka_unit_test(a_transformer_is_counted_as_the_graph_has_it),
        cmocka_unit_test(resnet18_has_its_published_size),
        cmocka_unit_test(quantisation_points_stand_with_each_kernel),
        cmocka_unit_test(large_integers_keep_all_their_digits),
        cmocka_unit_test(classes_are_by_intensity),
        cmocka_unit_test(a_table_fits_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
