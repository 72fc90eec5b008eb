/* The bytes that reports state are those that the generated loops move: every load and store of the generated
 * code is counted as it runs. The compiler calls a function of ours at each of them (what it does for the
 * kernel's address sanitizer, whose runtime is replaced here). */
#include "tests/generate.h"
#include "tests/onnx_writer.h"

#include "cli/report.h"
#include "frontend/frontend.h"
#include "verify/loader.h"

#include <dlfcn.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})
#define MODELS    FG_SOURCE_DIR "/tests/models/"

/* The runtime: one function for each width and for ranges. */
static const char hooks[] =
    "#include <string.h>\n"
    "void (*touch)(const void *at, size_t n, int store);\n"
    "#define WIDTH(n) \\\n"
    "    void __asan_load##n##_noabort(const void *p) { touch(p, n, 0); } \\\n"
    "    void __asan_store##n##_noabort(void *p) { touch(p, n, 1); }\n"
    "WIDTH(1) WIDTH(2) WIDTH(4) WIDTH(8) WIDTH(16)\n"
    "void __asan_loadN_noabort(const void *p, size_t n) { touch(p, n, 0); }\n"
    "void __asan_storeN_noabort(void *p, size_t n) { touch(p, n, 1); }\n"
    "void __asan_handle_no_return(void) {}\n"
    "void *watched_memcpy(void *to, const void *from, size_t n) {\n"
    "    touch(from, n, 0); touch(to, n, 1); return memcpy(to, from, n);\n"
    "}\n"
    "void *watched_memset(void *to, int c, size_t n) { touch(to, n, 1); return memset(to, c, n); }\n"
    "const unsigned char net_weights[1]; /* kernels read those of the call */\n";

/* ---- memory that is watched ---- */

typedef struct region {
    unsigned char *data, *seen; /* seen: 1 loaded, 2 stored */
    size_t n;
} region;

#define MOST_REGIONS 16

static region regions[MOST_REGIONS];
static int n_regions;

static unsigned char *watch(size_t n) {
    assert_true(n_regions < MOST_REGIONS);
    region *r = &regions[n_regions++];
    r->n = n + 64;
    assert_int_equal(posix_memalign((void **)&r->data, 64, r->n), 0);
    r->seen = calloc(r->n, 1);
    assert_non_null(r->seen);
    for (size_t i = 0; i < r->n / 4; i++) ((float *)(void *)r->data)[i] = (float)(i % 7) * 0.25f;
    return r->data;
}

static void forget(void) {
    for (int i = 0; i < n_regions; i++) memset(regions[i].seen, 0, regions[i].n);
}

static void release(void) {
    for (int i = 0; i < n_regions; i++) {
        free(regions[i].data);
        free(regions[i].seen);
    }
    n_regions = 0;
}

static void touched(const void *at, size_t n, int store) {
    const unsigned char *p = at;
    for (int i = 0; i < n_regions; i++) {
        const region *r = &regions[i];
        if (p < r->data || p >= r->data + r->n) continue;
        for (size_t j = 0; j < n; j++) r->seen[(size_t)(p - r->data) + j] |= store ? 2 : 1;
        return;
    }
}

/* Distinct bytes of a region in [from, to) that were loaded (1) or stored (2). */
static int64_t count(const region *r, unsigned kind, size_t from, size_t to) {
    int64_t n = 0;
    for (size_t i = from; i < to && i < r->n; i++) n += (r->seen[i] & kind) != 0;
    return n;
}

/* ---- a network whose loops are watched ---- */

typedef struct watched {
    fg_module *m;
    fg_report *report;
    void *library;
    region *in[4], *out[4], *arena, *weights;
    fg_call call;
    const void *inputs[4];
    void *outputs[4];
    int status;
} watched;

static void build(const char *folder, const fg_module *m) {
    tool_write(folder, "net.c", m->source, strlen(m->source));
    tool_write(folder, "net.h", m->header, strlen(m->header));
    tool_write(folder, "hooks.c", hooks, strlen(hooks));
    tool_result r =
        tool_run_program(folder, "gcc",
                         ARGS("-std=c99", "-O1", "-fno-builtin", "-fno-tree-loop-distribute-patterns",
                              "-Dmemcpy=watched_memcpy", "-Dmemset=watched_memset", "-fPIC",
                              "-DFG_EXTERNAL_KERNELS", "-DFG_EXTERNAL_WEIGHTS", "-fsanitize=kernel-address",
                              "--param", "asan-instrumentation-with-call-threshold=0", "--param",
                              "asan-stack=0", "--param", "asan-globals=0", "-c", "net.c"));
    tool_expect(&r, 0);
    tool_free(&r);
    /* -Bsymbolic: should this program run under a sanitizer, the runtime here still comes first */
    r = tool_run_program(
        folder, "gcc", ARGS("-shared", "-fPIC", "-Wl,-Bsymbolic", "-o", "net.so", "hooks.c", "net.o", "-lm"));
    tool_expect(&r, 0);
    tool_free(&r);
}

static size_t bytes_of(const fg_value *v) {
    return fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape));
}

static void watch_all(watched *w) {
    const fg_graph *g = w->m->partition->graph;
    for (int i = 0; i < g->n_inputs; i++) {
        w->inputs[i] = watch(bytes_of(g->inputs[i]));
        w->in[i] = &regions[n_regions - 1];
    }
    for (int i = 0; i < g->n_outputs; i++) {
        w->outputs[i] = watch(bytes_of(g->outputs[i]));
        w->out[i] = &regions[n_regions - 1];
    }
    w->call.arena = watch((size_t)w->m->arena_bytes);
    w->arena = &regions[n_regions - 1];
    unsigned char *weights = watch((size_t)w->m->weights_bytes);
    w->weights = &regions[n_regions - 1];
    memcpy(weights, w->m->weights, (size_t)w->m->weights_bytes);
    w->call.weights = weights;
    w->call.in = w->inputs;
    w->call.out = w->outputs;
    w->call.parts = 1;
    w->call.status = &w->status;
}

static void start(fg_context *ctx, const char *folder, const char *model, bool fuse, watched *w) {
    const fg_read_options read = {0};
    const fg_fusion_options fusion = {.fuse = fuse};
    fg_codegen_options options = test_options();
    options.prefix = options.file_stem = "net";
    fg_graph *g = fg_read_model(ctx, model, &read);
    fg_infer(g);
    w->m = fg_generate(test_partition(g, &fusion), fg_target_load(ctx, "generic"), &options);
    const fg_report_source source = {.model = model, .variant = "", .read = g, .module = w->m};
    w->report = fg_report_collect(ctx, &source);
    build(folder, w->m);
    char *path = tool_path(folder, "net.so"), *whole = realpath(path, NULL);
    w->library = dlopen(whole, RTLD_NOW | RTLD_LOCAL);
    if (!w->library) print_error("%s\n", dlerror());
    assert_non_null(w->library);
    free(whole);
    free(path);
    watch_all(w);
    void (**touch)(const void *, size_t, int) = dlsym(w->library, "touch");
    assert_non_null(touch);
    *touch = touched;
}

static void run_kernel(watched *w, int i) {
    char symbol[160];
    snprintf(symbol, sizeof symbol, "net_%s", w->m->kernels[i].symbol);
    void *found = dlsym(w->library, symbol);
    if (!found) print_error("no kernel %s\n", symbol);
    assert_non_null(found);
    fg_kernel_fn *kernel;
    memcpy(&kernel, &found, sizeof kernel);
    forget();
    kernel(&w->call);
}

/* Bytes of v that the kernel which ran last loaded (1) or stored (2), wherever v lies. */
static int64_t moved(const watched *w, const fg_value *v, unsigned kind) {
    const fg_slot *s = &w->m->slots[v->id];
    const region *r = s->place == FG_PLACE_ARENA    ? w->arena
                      : s->place == FG_PLACE_INPUT  ? w->in[s->base]
                      : s->place == FG_PLACE_OUTPUT ? w->out[s->base]
                                                    : NULL;
    const size_t base = s->place == FG_PLACE_ARENA ? (size_t)s->base : 0, each = fg_dtype_bytes(v->dtype, 1);
    int64_t n = 0;
    assert_non_null(r);
    for (int64_t i = 0; i < fg_shape_count(&v->shape); i++) {
        int64_t at = s->layout.offset, rest = i;
        for (int d = v->shape.rank - 1; d >= 0; d--) {
            at += rest % v->shape.dim[d] * s->layout.stride[d];
            rest /= v->shape.dim[d];
        }
        n += count(r, kind, base + (size_t)at * each, base + ((size_t)at + 1) * each);
    }
    return n;
}

/* What was stored into the arena beside scratch, and to outputs. */
static int64_t stored(const watched *w, const fg_kernel_text *t) {
    const size_t from = (size_t)t->scratch_base, to = from + (size_t)t->scratch_bytes;
    int64_t n = count(w->arena, 2, 0, from) + count(w->arena, 2, to, w->arena->n);
    for (int i = 0; i < 4; i++) n += w->out[i] ? count(w->out[i], 2, 0, w->out[i]->n) : 0;
    return n;
}

/* The border of zeros around an image that a kernel makes is stored with it, but is no part of the tensor. */
static int64_t borders(const watched *w, const fg_kernel *k) {
    int64_t n = 0;
    for (int i = 0; i < k->n_out; i++) {
        const fg_slot *s = &w->m->slots[k->out[i]->id];
        if (s->place == FG_PLACE_ARENA)
            n += (int64_t)fg_dtype_bytes(s->value->dtype, s->layout.elements) - (int64_t)bytes_of(s->value);
    }
    return n;
}

/* Bytes of a bias that a lone convolution does not have. */
static int64_t without_bias(const fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    if (!n || strcmp(n->op_type, "Conv") != 0 || n->n_in > 2 || k->n_stages > 1) return 0;
    return 4 * n->out[0]->shape.dim[1];
}

typedef struct sums {
    int64_t loaded, stored, weights;
} sums;

/* Every element of every operand once, and nothing else. */
static sums expect_kernel(watched *w, int i, bool fuse) {
    const fg_kernel_text *t = &w->m->kernels[i];
    const fg_kernel *k = t->kernel;
    const fg_report_kernel *r = &w->report->kernels[i];
    run_kernel(w, i);
    sums s = {.weights = count(w->weights, 1, 0, w->weights->n)};
    for (int j = 0; j < k->n_in; j++)
        if (!k->in[j]->data) s.loaded += moved(w, k->in[j], 1);
    for (int j = 0; j < k->n_out; j++) s.stored += moved(w, k->out[j], 2);
    if (s.loaded != r->in_bytes || s.stored != r->out_bytes)
        print_error("%s: loaded %lld of %lld, stored %lld of %lld\n", k->name, (long long)s.loaded,
                    (long long)r->in_bytes, (long long)s.stored, (long long)r->out_bytes);
    assert_int_equal(s.loaded, r->in_bytes);
    assert_int_equal(s.stored, r->out_bytes);
    if (fuse)
        assert_int_equal(s.weights, r->weight_bytes);
    else /* a lone normalisation is two numbers in place of four; a convolution without bias adds zeros */
        assert_in_range(s.weights, 0, r->weight_bytes + without_bias(k));
    assert_in_range(stored(w, t), s.stored, s.stored + borders(w, k));
    return s;
}

static int64_t bytes_counted(const char *model, bool fuse) {
    char folder[] = TOOL_FOLDER;
    tool_folder(folder);
    fg_context *ctx = fg_context_new();
    watched w = {0};
    start(ctx, folder, model, fuse, &w);
    int64_t all = 0;
    for (int i = 0; i < w.m->n_kernels; i++) {
        const sums s = expect_kernel(&w, i, fuse);
        all += s.loaded + s.stored + s.weights;
    }
    if (fuse) assert_int_equal(all, w.report->bytes_fused);
    dlclose(w.library);
    release();
    fg_context_free(ctx);
    tool_remove(folder);
    return all;
}

static const char *const networks[] = {MODELS "golden_mbconv.onnx", MODELS "golden_residual.onnx",
                                       MODELS "golden_head.onnx"};

static void fused_loops_move_what_is_reported(void **state) {
    (void)state;
    for (size_t i = 0; i < FG_COUNT(networks); i++) assert_true(bytes_counted(networks[i], true) > 0);
}

static void unfused_loops_move_what_is_reported_and_more(void **state) {
    (void)state;
    for (size_t i = 0; i < FG_COUNT(networks); i++)
        assert_true(bytes_counted(networks[i], false) > bytes_counted(networks[i], true));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fused_loops_move_what_is_reported),
        cmocka_unit_test(unfused_loops_move_what_is_reported_and_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
