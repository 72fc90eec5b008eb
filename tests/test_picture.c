/* Drawings, and the pages and pictures made of them: boxes stand apart and in order, whatever the graph;
 * pages are self-contained, small, and inert whatever the names. */
#include "tests/onnx_writer.h"

#include "cli/drawing.h"

#include <cjson/cJSON.h>
#include <math.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})
#define MODELS    FG_SOURCE_DIR "/tests/models/"

static int set_up(void **state) {
    *state = fg_context_new();
    return *state == NULL;
}

static int tear_down(void **state) {
    fg_context_free(*state);
    return 0;
}

/* ---- drawings ---- */

static uint32_t draw_random(uint32_t *seed, uint32_t below) {
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static fg_drawing boxes(fg_context *ctx, int n, int n_edges, fg_drawing_edge *edge) {
    fg_drawing d = {.n_boxes = n, .n_edges = n_edges, .edge = edge, .box = FG_ARRAY(ctx, n, fg_drawing_box)};
    for (int i = 0; i < n; i++) {
        d.box[i].width = 100;
        d.box[i].height = 30 + 7 * (i % 5);
    }
    return d;
}

static void expect_apart(const fg_drawing *d) {
    for (int i = 0; i < d->n_boxes; i++) {
        const fg_drawing_box *a = &d->box[i];
        assert_true(a->x >= 0 && a->y >= 0 && a->x + a->width <= d->width && a->y + a->height <= d->height);
        for (int j = 0; j < i; j++) {
            const fg_drawing_box *b = &d->box[j];
            bool apart = a->x + a->width <= b->x || b->x + b->width <= a->x || a->y + a->height <= b->y ||
                         b->y + b->height <= a->y;
            if (!apart) print_error("boxes %d and %d overlap\n", i, j);
            assert_true(apart);
        }
    }
}

/* Whether a piece of the path ends there. */
static int path_ends_at(const char *path, double x, double y) {
    char vertical[32], curve[64];
    snprintf(vertical, sizeof vertical, "V%.0f", y);
    snprintf(curve, sizeof curve, "%.0f %.0f", x, y);
    return strstr(path, vertical) != NULL || strstr(path, curve) != NULL;
}

static void a_chain_is_one_straight_line_per_column(void **state) {
    fg_drawing_edge edge[39];
    for (int i = 0; i < 39; i++) edge[i] = (fg_drawing_edge){i, i + 1};
    fg_drawing d = boxes(*state, 40, 39, edge);
    fg_draw(*state, &d);
    expect_apart(&d);
    assert_true(d.n_columns > 1);
    assert_int_equal(d.n_ranks, 40);
    for (int i = 1; i < 40; i++) {
        assert_int_equal(d.box[i].rank, i);
        if (d.box[i].column != d.box[i - 1].column) continue;
        assert_true(d.box[i].x == d.box[i - 1].x);
        assert_true(d.box[i].y >= d.box[i - 1].y + d.box[i - 1].height);
    }
    assert_true(d.width / d.height > 0.5 && d.width / d.height < 4);
}

static void a_skip_runs_beside_the_boxes_between(void **state) {
    fg_drawing_edge edge[] = {{0, 1}, {1, 2}, {2, 3}, {0, 3}, {0, 3}};
    fg_drawing d = boxes(*state, 4, 5, edge);
    fg_draw(*state, &d);
    expect_apart(&d);
    assert_int_equal(d.box[3].rank, 3);
    for (int i = 1; i < 3; i++) assert_true(d.box[i].x == d.box[0].x);     /* the main path stays straight */
    assert_true(path_ends_at(d.path[2], d.box[3].x + 50 - 7, d.box[3].y)); /* two edges share the top */
    assert_true(path_ends_at(d.path[0], d.box[1].x + 50, d.box[1].y));
    assert_string_equal(d.path[3], "");
}

static void random_graphs_keep_their_order(void **state) {
    uint32_t seed = 1;
    for (int round = 0; round < 40; round++) {
        int n = 2 + (int)draw_random(&seed, 60), n_edges = (int)draw_random(&seed, 150);
        fg_drawing_edge edge[150];
        for (int i = 0; i < n_edges; i++) {
            int a = (int)draw_random(&seed, (uint32_t)n), b = (int)draw_random(&seed, (uint32_t)n);
            edge[i] = (fg_drawing_edge){a < b ? a : b, a < b ? b : a};
        }
        fg_drawing d = boxes(*state, n, n_edges, edge);
        fg_draw(*state, &d);
        expect_apart(&d);
        for (int i = 0; i < n_edges; i++) {
            if (edge[i].from == edge[i].to) continue;
            assert_true(d.box[edge[i].from].rank < d.box[edge[i].to].rank);
            assert_true(strlen(d.path[edge[i].from]) > 0);
        }
    }
}

static void cycles_are_cut(void **state) {
    fg_drawing_edge edge[] = {{0, 1}, {1, 2}, {2, 0}, {3, 3}};
    fg_drawing d = boxes(*state, 4, 4, edge);
    fg_draw(*state, &d);
    expect_apart(&d);
    assert_true(strlen(d.path[2]) > 0);
    assert_string_equal(d.path[3], "");
}

/* Every box reads the one half as far in: trunks would be as many as the square. */
static void dense_graphs_stay_small(void **state) {
    enum { N = 3000 };
    fg_drawing_edge *edge = FG_ARRAY(*state, 3 * N, fg_drawing_edge);
    int n_edges = 0;
    for (int i = 1; i < N; i++) {
        edge[n_edges++] = (fg_drawing_edge){i - 1, i};
        edge[n_edges++] = (fg_drawing_edge){i / 2, i};
    }
    fg_drawing d = boxes(*state, N, n_edges, edge);
    size_t bytes = 0;
    fg_draw(*state, &d);
    expect_apart(&d);
    for (int i = 0; i < N; i++) bytes += strlen(d.path[i]);
    assert_true(bytes < 4 << 20);
    fg_drawing none = {0};
    fg_draw(*state, &none);
    assert_true(none.width == 0);
}

/* ---- pages ---- */

static char *page_of(const char *folder, const char *const *arguments) {
    const char *all[32] = {"-q",    "--target", "generic", "--verify=none", "--report=html", "--report-file",
                           "r.html"};
    int n = 7;
    while (*arguments) all[n++] = *arguments++;
    tool_result r = tool_run(folder, all);
    tool_expect(&r, 0);
    tool_free(&r);
    char *page = tool_read(folder, "r.html", NULL);
    assert_non_null(page);
    return page;
}

/* The data that stands in the page, parsed. */
static cJSON *data_of(const char *page) {
    const char *from = strstr(page, "id=\"data\">");
    assert_non_null(from);
    from += strlen("id=\"data\">");
    const char *to = strstr(from, "</script>");
    assert_non_null(to);
    assert_null(memchr(from, '<', (size_t)(to - from)));
    cJSON *json = cJSON_ParseWithLength(from, (size_t)(to - from));
    assert_non_null(json);
    return json;
}

static const cJSON *report_at(const cJSON *data, int i) {
    const cJSON *r = cJSON_GetArrayItem(cJSON_GetObjectItem(data, "reports"), i);
    assert_non_null(r);
    return r;
}

static int count(const cJSON *r, const char *key) {
    return cJSON_GetArraySize(cJSON_GetObjectItem(r, key));
}

static void a_page_needs_no_network(void **state) {
    static const char *const outside[] = {
        "src=", "@import", "url(", "http:", "https:", "fetch(", "XMLHttp", "@DATA@"};
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    char *page = page_of(folder, ARGS(MODELS "golden_mbconv.onnx"));
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) assert_null(strstr(page, outside[i]));
    tool_expect_text(page, "default-src 'none'");
    free(page);
    tool_remove(folder);
}

static void a_page_holds_every_kernel_and_operator(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    char *page = page_of(folder, ARGS(MODELS "efficientnet_b0.graph.onnx"));
    cJSON *data = data_of(page);
    const cJSON *r = report_at(data, 0), *k;
    int ops = 0, kernels = count(r, "kernels");
    cJSON_ArrayForEach(k, cJSON_GetObjectItem(r, "kernels")) ops += cJSON_GetArrayItem(k, 16)->valueint;
    assert_int_equal(kernels, 50);
    assert_int_equal(count(r, "opNames"), ops);
    assert_int_equal(count(r, "ops"), 7 * ops);
    assert_int_equal(count(r, "places"), 4 * (kernels + 2)); /* and the input and the output */
    assert_int_equal(count(r, "paths"), kernels + 2);
    assert_int_equal(count(r, "tensors"), count(r, "tensorNames"));
    assert_true(count(r, "blocks") > kernels / 2);
    assert_true(strlen(page) < 200000);
    cJSON_Delete(data);
    free(page);
    tool_remove(folder);
}

/* Blocks that are in use at the same time do not overlap, and the arena holds them. */
static void blocks_of_the_arena_stand_apart(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    char *page = page_of(folder, ARGS(MODELS "densenet121.graph.onnx"));
    cJSON *data = data_of(page);
    const cJSON *r = report_at(data, 0), *blocks = cJSON_GetObjectItem(r, "blocks");
    double arena = cJSON_GetObjectItem(r, "arena")->valuedouble, b[400][4];
    int n = 0;
    const cJSON *x;
    cJSON_ArrayForEach(x, blocks) {
        assert_true(n < 400);
        for (int i = 0; i < 4; i++) b[n][i] = cJSON_GetArrayItem(x, i + 1)->valuedouble;
        assert_true(b[n][0] >= 0 && b[n][0] + b[n][1] <= arena && b[n][2] <= b[n][3]);
        for (int i = 0; i < n; i++) {
            bool together = b[i][2] <= b[n][3] && b[n][2] <= b[i][3];
            bool apart = b[i][0] + b[i][1] <= b[n][0] || b[n][0] + b[n][1] <= b[i][0];
            if (together && !apart) print_error("blocks %d and %d overlap\n", i, n);
            assert_true(!together || apart);
        }
        n++;
    }
    assert_true(n > 100);
    cJSON_Delete(data);
    free(page);
    tool_remove(folder);
}

static void hostile_names_stay_text(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    onnx_model m = onnx_new(17);
    onnx_small_network(&m, "</script><img src=x onerror=alert(1)>\"];\n\xFF", "\"] -> x; </text>\\");
    onnx_save(&m, folder, "model.onnx");
    char *page = page_of(folder, ARGS("model.onnx", "--report=svg", "--report-file", "r.svg", "--report=dot",
                                      "--report-file", "r.dot"));
    cJSON_Delete(data_of(page));
    assert_null(strstr(page, "<img"));
    char *svg = tool_read(folder, "r.svg", NULL), *dot = tool_read(folder, "r.dot", NULL);
    assert_null(strstr(svg, "<img"));
    assert_null(strstr(svg, "<script"));
    assert_null(strstr(dot, "<img"));
    assert_null(strstr(dot, "\"] ->"));
    free(svg);
    free(dot);
    free(page);
    tool_remove(folder);
}

/* Rows of residual blocks, 6000 nodes; unfused, so that as many boxes are drawn. */
static void save_large(const char *folder) {
    onnx_model m = onnx_new(17);
    char at[32] = "x", name[64], sum[32], out[32];
    onnx_input(&m, "x", ONNX_FLOAT, 2, (int64_t[]){1, 8});
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "/stage%d/block%d/act/Relu", i / 500, i);
        snprintf(out, sizeof out, "relu_%d", i);
        onnx_node(&m, i % 2 ? "Sigmoid" : "Relu", name, ARGS(at), ARGS(out), NULL);
        snprintf(name, sizeof name, "/stage%d/block%d/sum/Add", i / 500, i);
        snprintf(sum, sizeof sum, i + 1 < 3000 ? "sum_%d" : "y", i);
        onnx_node(&m, "Add", name, ARGS(at, out), ARGS(sum), NULL);
        snprintf(at, sizeof at, "%s", sum);
    }
    onnx_output(&m, "y", ONNX_FLOAT, 2, (int64_t[]){1, 8});
    onnx_save(&m, folder, "large.onnx");
}

static void six_thousand_nodes_fit_a_page(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    save_large(folder);
    char *page = page_of(folder, ARGS("large.onnx", "--no-fuse"));
    cJSON *data = data_of(page);
    assert_true(count(report_at(data, 0), "kernels") >= 6000);
    if (strlen(page) >= 2000000) print_error("%zu bytes\n", strlen(page));
    assert_true(strlen(page) < 2000000);
    cJSON_Delete(data);
    free(page);
    tool_remove(folder);
}

static void several_models_share_a_page(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    char *page = page_of(folder, ARGS(MODELS "golden_mbconv.onnx", MODELS "golden_residual.onnx"));
    cJSON *data = data_of(page);
    assert_string_equal(cJSON_GetObjectItem(report_at(data, 0), "name")->valuestring, "golden_mbconv.onnx");
    assert_string_equal(cJSON_GetObjectItem(report_at(data, 1), "name")->valuestring, "golden_residual.onnx");
    assert_string_equal(cJSON_GetObjectItem(report_at(data, 1), "variant")->valuestring, "");
    cJSON_Delete(data);
    free(page);
    const char *const formats[] = {"--report=svg", "--report=dot"};
    for (int i = 0; i < 2; i++) {
        tool_result r = tool_run(folder, ARGS("a.onnx", "b.onnx", formats[i]));
        tool_expect(&r, 1);
        tool_expect_text(r.err, "draws one model of one shape; --report=html shows several");
        tool_free(&r);
    }
    tool_remove(folder);
}

static void the_pairwise_partition_is_drawn_too(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    char *page = page_of(folder, ARGS(MODELS "efficientnet_b0.bn.graph.onnx", "--partition=pairwise",
                                      "--fx-compat=sd,dropout"));
    cJSON *data = data_of(page);
    const cJSON *r = report_at(data, 0), *t;
    assert_int_equal(count(r, "kernels"), 71);
    assert_int_equal(count(r, "places"), 4 * 73);
    assert_int_equal(count(r, "blocks"), 0);
    int sources = 0, outputs = 0;
    cJSON_ArrayForEach(t, cJSON_GetObjectItem(r, "tensors")) {
        sources += cJSON_GetArrayItem(t, 2)->valueint < 0;
        outputs += cJSON_GetArrayItem(t, 3)->valueint;
    }
    assert_int_equal(sources, 1);
    assert_int_equal(outputs, 1);
    cJSON_Delete(data);
    free(page);
    tool_remove(folder);
}

/* ---- graphs alone ---- */

static int times(const char *text, const char *part) {
    int n = 0;
    for (const char *s = text; (s = strstr(s, part)); s += strlen(part)) n++;
    return n;
}

static void svg_and_dot_draw_every_group(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result svg =
        tool_run(folder, ARGS("-q", "--verify=none", MODELS "resnet50.graph.onnx", "--report=svg"));
    tool_expect(&svg, 0);
    assert_int_equal(times(svg.out, "<g class=\"k "), 54);
    assert_int_equal(times(svg.out, "<g class=\"p\""), 2);
    assert_int_equal(times(svg.out, "<path class=\"e\""), 55);
    assert_int_equal(times(svg.out, "<g"), times(svg.out, "</g>"));
    assert_int_equal(times(svg.out, "<text"), times(svg.out, "</text>"));
    tool_result dot =
        tool_run(folder, ARGS("-q", "--verify=none", MODELS "resnet50.graph.onnx", "--report=dot"));
    tool_expect(&dot, 0);
    assert_int_equal(times(dot.out, "subgraph cluster_"), 54);
    assert_int_equal(times(dot.out, "{"), times(dot.out, "}"));
    assert_int_equal(times(dot.out, "lhead="), 70); /* the input, a chain, and 16 residuals */
    tool_free(&svg);
    tool_free(&dot);
    tool_remove(folder);
}

static void graphviz_takes_the_dot(void **state) {
    char folder[] = TOOL_FOLDER;
    (void)state;
    tool_folder(folder);
    tool_result there = tool_run_program(folder, "dot", ARGS("-V"));
    if (there.status == 0) {
        tool_result r = tool_run(folder, ARGS("-q", "--verify=none", MODELS "golden_mbconv.onnx",
                                              "--report=dot", "--report-file", "g.dot"));
        tool_expect(&r, 0);
        tool_result drawn = tool_run_program(folder, "dot", ARGS("-Tsvg", "g.dot"));
        tool_expect(&drawn, 0);
        assert_string_equal(drawn.err, "");
        tool_expect_text(drawn.out, "</svg>");
        tool_free(&r);
        tool_free(&drawn);
    }
    tool_free(&there);
    tool_remove(folder);
}

int main(void) {
#define D(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        D(a_chain_is_one_straight_line_per_column),
        D(a_skip_runs_beside_the_boxes_between),
        D(random_graphs_keep_their_order),
        D(cycles_are_cut),
        D(dense_graphs_stay_small),
        cmocka_unit_test(a_page_needs_no_network),
        cmocka_unit_test(a_page_holds_every_kernel_and_operator),
        cmocka_unit_test(blocks_of_the_arena_stand_apart),
        cmocka_unit_test(hostile_names_stay_text),
        cmocka_unit_test(six_thousand_nodes_fit_a_page),
        cmocka_unit_test(several_models_share_a_page),
        cmocka_unit_test(the_pairwise_partition_is_drawn_too),
        cmocka_unit_test(svg_and_dot_draw_every_group),
        cmocka_unit_test(graphviz_takes_the_dot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
