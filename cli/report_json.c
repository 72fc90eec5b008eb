/* The JSON report. Its keys are a contract with scripts. */
#include "cli/report.h"

#include "codegen/escape.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct builder {
    fg_context *ctx;
    cJSON *root;
} builder;

_Noreturn static void no_memory(builder *b) {
    fg_raise(b->ctx, FG_UNSUPPORTED, "out of memory for the JSON report");
}

static cJSON *need(builder *b, cJSON *item) {
    if (!item) no_memory(b);
    return item;
}

/* Takes item over; key NULL: parent is an array. */
static cJSON *attach(builder *b, cJSON *parent, const char *key, cJSON *item) {
    need(b, item);
    bool done = key ? cJSON_AddItemToObject(parent, key, item) : cJSON_AddItemToArray(parent, item);
    if (done) return item;
    cJSON_Delete(item);
    no_memory(b);
}

/* cJSON keeps numbers as double: an int64 goes in as its own digits. */
static void add_int(builder *b, cJSON *parent, const char *key, int64_t n) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, n);
    attach(b, parent, key, cJSON_CreateRaw(digits));
}

/* Infinities and NaN have no JSON; cJSON writes null for them. */
static void add_double(builder *b, cJSON *parent, const char *key, double x) {
    attach(b, parent, key, cJSON_CreateNumber(x));
}

/* Names come from files and need not be UTF-8; JSON must be. cJSON escapes the rest. */
static cJSON *json_string(builder *b, const char *s) {
    return need(b, cJSON_CreateString(fg_escape_utf8(b->ctx, s)));
}

static void add_string(builder *b, cJSON *parent, const char *key, const char *s) {
    attach(b, parent, key, json_string(b, s));
}

static void add_bool(builder *b, cJSON *parent, const char *key, bool x) {
    attach(b, parent, key, cJSON_CreateBool(x));
}

/* A time or an error that was not taken is null, never 0. */
static void add_known(builder *b, cJSON *parent, const char *key, bool known, double x) {
    if (known)
        add_double(b, parent, key, x);
    else
        attach(b, parent, key, cJSON_CreateNull());
}

static void add_patterns(builder *b, cJSON *parent, const fg_report *r) {
    cJSON *patterns = attach(b, parent, "patterns", cJSON_CreateObject());
    for (int i = 0; i < r->n_kernels; i++) {
        const char *name = r->kernels[i].pattern;
        int count = 0;
        if (cJSON_GetObjectItemCaseSensitive(patterns, name)) continue;
        for (int j = i; j < r->n_kernels; j++) count += strcmp(name, r->kernels[j].pattern) == 0;
        add_int(b, patterns, name, count);
    }
}

static void add_partition(builder *b, cJSON *parent, const char *key, const fg_report *r) {
    cJSON *p = attach(b, parent, key, cJSON_CreateObject());
    add_string(b, p, "kind", r->pairwise ? "pairwise" : "fused");
    add_int(b, p, "synthesised", r->n_stochastic_depth + r->n_dropout);
    add_int(b, p, "operators", r->operators);
    add_int(b, p, "subgraphs", r->n_kernels);
    add_int(b, p, "single_op", r->single_op);
    add_int(b, p, "se", r->se);
    add_int(b, p, "main", r->main);
    add_double(b, p, "efficiency", fg_report_efficiency(r));
    add_int(b, p, "bytes_fused", r->bytes_fused);
    add_int(b, p, "bytes_unfused", r->bytes_unfused);
    add_double(b, p, "memory_saved", fg_report_saved(r));
    if (r->pairwise)
        add_double(b, p, "memory_saved_write_read",
                   fg_report_saved_write_read(r->bytes_fused, r->bytes_unfused - r->bytes_fused));
    add_double(b, p, "mean_intensity", r->mean_intensity);
    cJSON *classes = attach(b, p, "classes", cJSON_CreateObject());
    for (int c = 0; c < FG_CLASS_COUNT; c++) add_int(b, classes, fg_class_name((fg_class)c), r->classes[c]);
    add_patterns(b, p, r);
}

/* Both partitions, and fusegen's own counted the way of the pairwise one. */
static void add_comparison(builder *b, cJSON *parent, const fg_report *r) {
    if (!r->own || !r->paired) return;
    const fg_report_totals *t = &r->recounted;
    cJSON *o = attach(b, parent, "partitions", cJSON_CreateObject());
    add_partition(b, o, "fused", r->own);
    add_partition(b, o, "pairwise", r->paired);
    cJSON *c = attach(b, o, "fused_counted_pairwise", cJSON_CreateObject());
    add_int(b, c, "subgraphs", t->groups);
    add_int(b, c, "single_op", t->single);
    add_int(b, c, "bytes_fused", t->bytes_fused);
    add_int(b, c, "bytes_unfused", t->bytes_fused + t->bytes_internal);
    add_double(b, c, "mean_intensity", t->mean_intensity);
}

static void add_catalogue(builder *b, cJSON *parent, const fg_report_kernel *k) {
    cJSON *names = attach(b, parent, "catalogue", cJSON_CreateArray());
    for (int i = 0; i < k->n_catalogue; i++) add_string(b, names, NULL, k->catalogue[i]);
    cJSON *points = attach(b, parent, "quantise", cJSON_CreateArray());
    for (int i = 0; i < k->n_points; i++) {
        cJSON *o = attach(b, points, NULL, cJSON_CreateObject());
        add_string(b, o, "point", k->points[i].point);
        add_string(b, o, "tensor", k->points[i].tensor);
    }
}

static void add_counts(builder *b, cJSON *parent, const char *key, const fg_report_count *c, int n) {
    cJSON *o = attach(b, parent, key, cJSON_CreateObject());
    for (int i = 0; i < n; i++) add_int(b, o, c[i].name, c[i].n);
}

/* Names of the catalogue and conversions, of the fused partition. */
static void add_catalogue_totals(builder *b, cJSON *parent, const fg_report *r) {
    int n;
    const fg_report_count *c = fg_report_catalogue(b->ctx, r, &n);
    add_counts(b, parent, "catalogue", c, n);
    c = fg_report_conversions(b->ctx, r, &n);
    add_counts(b, parent, "conversions", c, n);
}

/* What lies in the arena, and when. */
static void add_arena(builder *b, cJSON *parent, const fg_report *r) {
    cJSON *blocks = attach(b, parent, "arena", cJSON_CreateArray());
    for (int i = 0; i < r->n_blocks; i++) {
        cJSON *o = attach(b, blocks, NULL, cJSON_CreateObject());
        add_string(b, o, "tensor", r->blocks[i].name);
        add_int(b, o, "offset", r->blocks[i].offset);
        add_int(b, o, "bytes", r->blocks[i].bytes);
        add_int(b, o, "first_kernel", r->blocks[i].first);
        add_int(b, o, "last_kernel", r->blocks[i].last);
    }
}

/* What flows between kernels; from: null of an input of the graph. */
static void add_tensors(builder *b, cJSON *parent, const fg_report *r) {
    cJSON *tensors = attach(b, parent, "tensors", cJSON_CreateArray());
    for (int i = 0; i < r->n_tensors; i++) {
        const fg_report_tensor *t = &r->tensors[i];
        cJSON *o = attach(b, tensors, NULL, cJSON_CreateObject());
        add_string(b, o, "name", t->name);
        add_string(b, o, "shape", t->shape);
        add_int(b, o, "bytes", t->bytes);
        if (t->from < 0)
            attach(b, o, "from", cJSON_CreateNull());
        else
            add_int(b, o, "from", t->from);
        cJSON *to = attach(b, o, "to", cJSON_CreateArray());
        for (int j = 0; j < t->n_to; j++) add_int(b, to, NULL, t->to[j]);
        add_bool(b, o, "output", t->is_output);
    }
}

static void add_kernel(builder *b, cJSON *parent, const fg_report_kernel *k, bool measured) {
    cJSON *o = attach(b, parent, NULL, cJSON_CreateObject());
    add_string(b, o, "name", k->name);
    add_string(b, o, "pattern", k->pattern);
    add_catalogue(b, o, k);
    cJSON *nodes = attach(b, o, "nodes", cJSON_CreateArray());
    for (int i = 0; i < k->n_nodes; i++) add_string(b, nodes, NULL, k->nodes[i]);
    add_int(b, o, "operators", k->operators);
    add_int(b, o, "flops", k->flops);
    add_int(b, o, "flops_again", k->flops_again);
    add_int(b, o, "bytes", k->bytes);
    add_int(b, o, "bytes_unfused", k->bytes_unfused);
    add_double(b, o, "intensity", k->intensity);
    add_string(b, o, "class", fg_class_name(k->class));
    add_string(b, o, "tile", k->tile);
    add_string(b, o, "why", k->why);
    add_string(b, o, "boundary", k->boundary);
    add_double(b, o, "predicted_ms", k->predicted_ms);
    add_known(b, o, "measured_ms", measured, k->measured.wall.median_ms);
    add_known(b, o, "max_error", k->checked, k->error.max_rel);
    add_known(b, o, "instructions", k->instructions >= 0, (double)k->instructions);
}

/* Of networks whose weights are rounded only. */
static void add_precision(builder *b, cJSON *parent, const fg_report_precision *p) {
    if (!p->name) return;
    cJSON *o = attach(b, parent, "precision", cJSON_CreateObject());
    add_string(b, o, "weights", p->name);
    add_int(b, o, "rounded", p->rounded);
    cJSON *kept = attach(b, o, "kept", cJSON_CreateArray());
    for (int i = 0; i < p->n_kept; i++) {
        cJSON *one = attach(b, kept, NULL, cJSON_CreateObject());
        add_string(b, one, "tensor", p->kept[i].name);
        add_string(b, one, "why", p->kept[i].why);
        add_int(b, one, "bytes", p->kept[i].bytes);
    }
    add_known(b, o, "max_abs", p->known, p->error.max_abs);
    add_known(b, o, "max_rel_rms", p->known, p->error.max_rel);
}

static void add_verify(builder *b, cJSON *parent, const fg_report *r) {
    bool ran = r->mode != FG_VERIFY_NONE;
    cJSON *o = attach(b, parent, "verify", cJSON_CreateObject());
    add_string(b, o, "mode", fg_verify_mode_name(r->mode));
    add_bool(b, o, "passed", r->passed);
    add_known(b, o, "max_abs", ran, r->total.max_abs);
    add_known(b, o, "max_rel_rms", ran, r->total.max_rel);
    add_known(b, o, "max_ulp", ran, r->total.max_ulp);
    add_known(b, o, "bound", ran, r->bound);
    add_known(b, o, "float_run", ran, r->float_run);
    add_known(b, o, "instructions", r->instructions >= 0, (double)r->instructions);
    add_string(b, o, "checked", r->checked ? r->checked : "");
}

static void add_bench(builder *b, cJSON *parent, const char *key, const fg_bench *bench) {
    cJSON *o = attach(b, parent, key, cJSON_CreateObject());
    if (bench->why_not) {
        add_string(b, o, "why_not", bench->why_not);
        return;
    }
    add_string(b, o, "compiled_by", bench->compiled_by);
    add_int(b, o, "runs", bench->runs);
    add_double(b, o, "first_ms", bench->first_ms);
    add_double(b, o, "min_ms", bench->wall.min_ms);
    add_double(b, o, "median_ms", bench->wall.median_ms);
    add_double(b, o, "cpu_median_ms", bench->cpu.median_ms);
    add_double(b, o, "gflops", bench->gflops);
    add_double(b, o, "share", bench->share);
    cJSON *each = attach(b, o, "each_ms", cJSON_CreateArray());
    for (int i = 0; i < bench->n_each; i++) add_double(b, each, NULL, bench->each_ms[i]);
}

/* "memory": of targets with limits. Sizes that no compiler has told are left out. */
static void add_footprint(builder *b, cJSON *o, const fg_report *r) {
    const fg_footprint *f = r->footprint;
    if (!f) return;
    cJSON *m = attach(b, o, "memory", cJSON_CreateObject());
    add_int(b, m, "flash_bytes", f->flash);
    add_int(b, m, "flash_limit", r->flash_limit);
    add_int(b, m, "ram_bytes", f->ram);
    add_int(b, m, "ram_limit", r->ram_limit);
    add_int(b, m, "tensor_bytes", f->tensors);
    if (f->why_not) {
        add_string(b, m, "not_measured", f->why_not);
        return;
    }
    add_int(b, m, "code_bytes", f->code);
    add_int(b, m, "constant_bytes", f->constants);
    add_int(b, m, "data_bytes", f->data);
    if (f->stack >= 0) add_int(b, m, "stack_bytes", f->stack);
    add_string(b, m, "stack_without", f->outside);
    add_string(b, m, "compiler", f->compiler);
}

static void fill_report(builder *b, cJSON *o, const fg_report *r) {
    add_string(b, o, "fusegen", FG_VERSION);
    cJSON *model = attach(b, o, "model", cJSON_CreateObject());
    add_string(b, model, "file", r->model);
    add_string(b, model, "variant", r->variant);
    add_string(b, model, "sha256", r->sha256);
    add_int(b, model, "opset", r->opset);
    add_int(b, model, "nodes", r->nodes);
    add_int(b, model, "parameters", r->parameters);
    add_int(b, model, "depth", r->depth);
    add_double(b, model, "width", r->width);
    add_int(b, model, "resolution", r->resolution);
    add_string(b, o, "target", r->target);
    add_int(b, o, "arena_bytes", r->arena_bytes);
    add_int(b, o, "arena_lower_bound", r->arena_lower_bound);
    add_int(b, o, "weights_bytes", r->weights_bytes);
    add_precision(b, o, &r->precision);
    add_footprint(b, o, r);
    add_int(b, o, "flops", r->flops);
    add_int(b, o, "flops_again", r->flops_again);
    add_double(b, o, "predicted_ms", r->predicted_ms);
    add_known(b, o, "measured_ms", fg_report_measured(r), r->bench ? r->bench->wall.median_ms : 0);
    add_partition(b, o, "partition", r);
    add_comparison(b, o, r);
    add_catalogue_totals(b, o, r);
    cJSON *kernels = attach(b, o, "kernels", cJSON_CreateArray());
    for (int i = 0; i < r->n_kernels; i++)
        add_kernel(b, kernels, &r->kernels[i], fg_report_kernels_measured(r));
    add_tensors(b, o, r);
    add_arena(b, o, r);
    add_verify(b, o, r);
    if (r->bench) add_bench(b, o, "bench", r->bench);
    if (r->unfused) add_bench(b, o, "bench_unfused", r->unfused);
}

static void release(void *root) {
    cJSON_Delete(root);
}

void fg_report_json(fg_context *ctx, int n, const fg_report *const *r, fg_text *out) {
    builder b = {ctx, NULL};
    b.root = need(&b, n == 1 ? cJSON_CreateObject() : cJSON_CreateArray());
    fg_defer(ctx, release, b.root);
    for (int i = 0; i < n; i++)
        fill_report(&b, n == 1 ? b.root : attach(&b, b.root, NULL, cJSON_CreateObject()), r[i]);
    char *text = cJSON_Print(b.root);
    if (!text) no_memory(&b);
    fg_defer(ctx, free, text);
    fg_text_add(out, text);
    fg_text_add(out, "\n");
    fg_undefer(ctx, text);
    free(text);
    fg_undefer(ctx, b.root);
    cJSON_Delete(b.root);
}
