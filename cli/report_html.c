/* --report=html: the page of cli/page/ with the reports as data in it.
 *
 * Networks of thousands of nodes must stay small: strings stand in one table, names share beginnings with the
 * one before ("12:rest"), records are arrays. report.js decodes them.
 */
#include "cli/page.h"
#include "cli/picture.h"

#include "codegen/escape.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- the table of strings ---- */

typedef struct strings {
    fg_context *ctx;
    const char **list;
    int n, cap;
    int *slot; /* open addressing, 2 * cap of them; index + 1 */
} strings;

static size_t hash(const char *s) {
    uint64_t h = 1469598103934665603u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    return (size_t)(h ^ h >> 29);
}

static int *slot_of(strings *t, const char *s) {
    size_t mask = 2 * (size_t)t->cap - 1, i = hash(s) & mask;
    while (t->slot[i] && strcmp(t->list[t->slot[i] - 1], s) != 0) i = (i + 1) & mask;
    return &t->slot[i];
}

static void grow(strings *t) {
    const char **old = t->list;
    int n = t->n;
    t->cap = t->cap ? 2 * t->cap : 256;
    t->list = FG_ARRAY(t->ctx, t->cap, const char *);
    t->slot = FG_ARRAY(t->ctx, 2 * t->cap, int);
    for (int i = 0; i < n; i++) {
        t->list[i] = old[i];
        *slot_of(t, old[i]) = i + 1;
    }
}

static int number_of(strings *t, const char *s) {
    if (t->n == t->cap) grow(t);
    int *slot = slot_of(t, s);
    if (!*slot) {
        t->list[t->n] = s;
        *slot = ++t->n;
    }
    return *slot - 1;
}

/* ---- values ---- */

static const char *comma(int i) {
    return i ? "," : "";
}

static void add_string(fg_text *out, const char *s) {
    fg_text_printf(out, "\"%s\"", fg_escape_json(out->ctx, s));
}

static void add_number(fg_text *out, bool known, double x) {
    if (!known || !isfinite(x))
        fg_text_add(out, "null");
    else
        fg_text_printf(out, "%.6g", x);
}

/* A name as what it shares with the one before and the rest. What is shared is counted in UTF-16 units, as
 * the script counts: it ends before the first byte that is not plain ASCII. */
static void add_name(fg_text *out, const char **last, const char *s, int index) {
    const char *before = *last;
    int shared = 0;
    while (before[shared] && before[shared] == s[shared] && s[shared] > 0x1F && s[shared] < 0x7F) shared++;
    fg_text_printf(out, "%s\"%d:%s\"", comma(index), shared, fg_escape_json(out->ctx, s + shared));
    *last = s;
}

static void add_counts(fg_text *out, const char *key, const fg_report_count *c, int n) {
    fg_text_printf(out, "\"%s\":[", key);
    for (int i = 0; i < n; i++) {
        fg_text_printf(out, "%s[", comma(i));
        add_string(out, c[i].name);
        fg_text_printf(out, ",%d]", c[i].n);
    }
    fg_text_add(out, "],\n");
}

/* ---- parts of a report ---- */

static void add_kernel(const fg_report *r, const fg_report_kernel *k, strings *t, fg_text *out) {
    fg_context *ctx = out->ctx;
    fg_text_add(out, "[");
    add_string(out, k->name);
    fg_text_printf(out, ",%d,%d,%d,%d,%d,%d", number_of(t, k->pattern),
                   number_of(t, fg_report_catalogue_text(ctx, k)), number_of(t, k->tile),
                   number_of(t, k->why), number_of(t, k->boundary), k->operators);
    fg_text_printf(out, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%d,", k->flops,
                   k->in_bytes, k->weight_bytes, k->out_bytes, k->bytes_unfused, (int)k->class);
    add_number(out, true, k->predicted_ms);
    fg_text_add(out, ",");
    add_number(out, fg_report_kernels_measured(r), k->measured.wall.median_ms);
    fg_text_add(out, ",");
    add_number(out, k->checked, k->error.max_rel);
    fg_text_printf(out, ",%d,[", k->n_ops);
    for (int i = 0; i < k->n_points; i++)
        fg_text_printf(out, "%s%d", comma(i), number_of(t, k->points[i].point));
    fg_text_add(out, "]]");
}

static void add_kernels(const fg_report *r, strings *t, fg_text *out) {
    const char *last = "";
    int n = 0;
    fg_text_add(out, "\"kernels\":[");
    for (int i = 0; i < r->n_kernels; i++) {
        fg_text_add(out, comma(i));
        add_kernel(r, &r->kernels[i], t, out);
    }
    fg_text_add(out, "],\n\"opNames\":[");
    for (int i = 0; i < r->n_kernels; i++)
        for (int j = 0; j < r->kernels[i].n_ops; j++) add_name(out, &last, r->kernels[i].ops[j].name, n++);
    fg_text_add(out, "],\n\"ops\":[");
    n = 0;
    for (int i = 0; i < r->n_kernels; i++)
        for (int j = 0; j < r->kernels[i].n_ops; j++) {
            const fg_report_op *o = &r->kernels[i].ops[j];
            fg_text_printf(out, "%s%d,%d,%d,%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64, comma(n++),
                           number_of(t, o->type), number_of(t, o->shape), number_of(t, o->detail), o->flops,
                           o->in_bytes, o->weight_bytes, o->out_bytes);
        }
    fg_text_add(out, "],\n");
}

static void add_tensors(const fg_report *r, strings *t, fg_text *out) {
    const char *last = "";
    fg_text_add(out, "\"tensorNames\":[");
    for (int i = 0; i < r->n_tensors; i++) add_name(out, &last, r->tensors[i].name, i);
    fg_text_add(out, "],\n\"tensors\":[");
    for (int i = 0; i < r->n_tensors; i++) {
        const fg_report_tensor *x = &r->tensors[i];
        fg_text_printf(out, "%s[%d,%" PRId64 ",%d,%d,[", comma(i), number_of(t, x->shape), x->bytes, x->from,
                       x->is_output);
        for (int j = 0; j < x->n_to; j++) fg_text_printf(out, "%s%d", comma(j), x->to[j]);
        fg_text_add(out, "]]");
    }
    fg_text_add(out, "],\n\"blocks\":[");
    for (int i = 0; i < r->n_blocks; i++)
        fg_text_printf(out, "%s[%d,%" PRId64 ",%" PRId64 ",%d,%d]", comma(i), number_of(t, r->blocks[i].name),
                       r->blocks[i].offset, r->blocks[i].bytes, r->blocks[i].first, r->blocks[i].last);
    fg_text_add(out, "],\n");
}

static void add_picture(const fg_report *r, fg_text *out) {
    const fg_picture p = fg_picture_of(out->ctx, r);
    const fg_drawing *d = &p.drawing;
    fg_text_printf(out, "\"inputs\":%d,\"rows\":%d,\"width\":%.0f,\"height\":%.0f,\n\"places\":[", p.n_inputs,
                   FG_PICTURE_ROWS, d->width, d->height);
    for (int i = 0; i < d->n_boxes; i++)
        fg_text_printf(out, "%s%.0f,%.0f,%.0f,%.0f", comma(i), d->box[i].x, d->box[i].y, d->box[i].width,
                       d->box[i].height);
    fg_text_add(out, "],\n\"paths\":[");
    for (int i = 0; i < d->n_boxes; i++) fg_text_printf(out, "%s\"%s\"", comma(i), d->path[i]);
    fg_text_add(out, "],\n\"ports\":[");
    for (int i = 0; i < p.n_inputs + p.n_outputs; i++) {
        fg_text_add(out, comma(i));
        add_string(out, fg_format(out->ctx, "%s %s", p.port[i]->name, p.port[i]->shape));
    }
    fg_text_add(out, "],\n");
}

static void add_target(const fg_report *r, fg_text *out) {
    fg_text_add(out, "\"target\":");
    add_string(out, r->target);
    fg_text_add(out, ",\"targetText\":");
    add_string(out, r->target_description);
    fg_text_printf(out, ",\"peak\":%.6g,\"levels\":[", r->peak_gflops);
    for (int i = 0; i < r->n_levels; i++)
        fg_text_printf(out, "%s{\"name\":\"%s\",\"gbps\":%.6g}", comma(i), r->level[i].name,
                       r->level[i].gbps);
    fg_text_add(out, "],\n");
}

static void add_bench(const char *key, const fg_bench *b, fg_text *out) {
    if (!b || b->why_not) {
        fg_text_printf(out, "\"%s\":null,\n", key);
        return;
    }
    fg_text_printf(out,
                   "\"%s\":{\"median\":%.6g,\"min\":%.6g,\"gflops\":%.6g,\"runs\":%d,\"compiledBy\":", key,
                   b->wall.median_ms, b->wall.min_ms, b->gflops, b->runs);
    add_string(out, b->compiled_by);
    fg_text_add(out, ",\"each\":[");
    for (int i = 0; i < b->n_each; i++) fg_text_printf(out, "%s%.5g", comma(i), b->each_ms[i]);
    fg_text_add(out, "]},\n");
}

static void add_verdict(const fg_report *r, fg_text *out) {
    if (r->mode == FG_VERIFY_NONE)
        fg_text_add(out, "\"verify\":null,\n");
    else
        fg_text_printf(out, "\"verify\":{\"mode\":\"%s\",\"passed\":%s,\"error\":%.4g},\n",
                       fg_verify_mode_name(r->mode), r->passed ? "true" : "false",
                       isfinite(r->total.max_rel) ? r->total.max_rel : 0.0);
}

/* Of networks whose weights are rounded. */
static void add_precision(const fg_report_precision *p, fg_text *out) {
    if (!p->name) {
        fg_text_add(out, "\"precision\":null,\n");
        return;
    }
    fg_text_printf(out, "\"precision\":{\"name\":\"%s\",\"rounded\":%d,\"error\":", p->name, p->rounded);
    if (p->known && isfinite(p->error.max_rel))
        fg_text_printf(out, "%.4g", p->error.max_rel);
    else
        fg_text_add(out, "null");
    fg_text_add(out, ",\"kept\":[");
    for (int i = 0; i < p->n_kept; i++) {
        fg_text_printf(out, "%s[", comma(i));
        add_string(out, p->kept[i].name);
        fg_text_add(out, ",");
        add_string(out, p->kept[i].why);
        fg_text_printf(out, ",%" PRId64 "]", p->kept[i].bytes);
    }
    fg_text_add(out, "]},\n");
}

static void add_totals(const fg_report *r, fg_text *out) {
    const char *slash = strrchr(r->model, '/'), *file = slash ? slash + 1 : r->model;
    int n = 0;
    fg_text_add(out, "\"name\":");
    add_string(out, fg_format(out->ctx, "%s%s%s", file, *r->variant ? " " : "", r->variant));
    fg_text_add(out, ",\"variant\":");
    add_string(out, r->variant);
    fg_text_printf(
        out, ",\"pairwise\":%s,\"opset\":%d,\"nodes\":%d,\"parameters\":%" PRId64 ",\"synthetic\":%d,\n",
        r->pairwise ? "true" : "false", r->opset, r->nodes, r->parameters, r->n_synthetic);
    fg_text_printf(out,
                   "\"operators\":%d,\"count\":%d,\"single\":%d,\"flops\":%" PRId64 ",\"fused\":%" PRId64
                   ",\"unfused\":%" PRId64 ",\"meanIntensity\":%.6g,\"predicted\":%.6g,\n",
                   r->operators, r->n_kernels, r->single_op, r->flops, r->bytes_fused, r->bytes_unfused,
                   r->mean_intensity, r->predicted_ms);
    fg_text_printf(out,
                   "\"arena\":%" PRId64 ",\"arenaLower\":%" PRId64 ",\"weightBytes\":%" PRId64
                   ",\"depth\":%d,\"width_\":%.6g,\"resolution\":%" PRId64 ",\n",
                   r->arena_bytes, r->arena_lower_bound, r->weights_bytes, r->depth, r->width, r->resolution);
    const fg_report_count *names = fg_report_catalogue(out->ctx, r, &n);
    add_counts(out, "catalogue", names, n);
    names = fg_report_conversions(out->ctx, r, &n);
    add_counts(out, "conversions", names, n);
}

static void add_report(const fg_report *r, fg_text *out) {
    strings t = {.ctx = out->ctx};
    fg_text_add(out, "{");
    add_totals(r, out);
    add_target(r, out);
    add_verdict(r, out);
    add_precision(&r->precision, out);
    add_bench("bench", r->bench, out);
    add_bench("benchUnfused", r->unfused, out);
    add_kernels(r, &t, out);
    add_tensors(r, &t, out);
    add_picture(r, out);
    fg_text_add(out, "\"strings\":[");
    for (int i = 0; i < t.n; i++) {
        fg_text_add(out, comma(i));
        add_string(out, t.list[i]);
    }
    fg_text_add(out, "]}\n");
}

/* ---- the page ---- */

static const char *part(fg_context *ctx, const char *name) {
    const fg_embedded_file *f = fg_embedded_page;
    while (f->name && strcmp(f->name, name) != 0) f++;
    FG_REQUIRE(ctx, "html", f->name != NULL);
    return f->text;
}

/* Copies page up to mark, which stands in it once, and returns what follows. */
static const char *copy_to(fg_context *ctx, const char *page, const char *mark, fg_text *out) {
    const char *at = strstr(page, mark);
    FG_REQUIRE(ctx, "html", at != NULL);
    fg_text_addn(out, page, (size_t)(at - page));
    return at + strlen(mark);
}

void fg_report_html(fg_context *ctx, int n, const fg_report *const *r, fg_text *out) {
    const char *page = copy_to(ctx, part(ctx, "report.html"), "@STYLE@", out);
    fg_text_add(out, part(ctx, "report.css"));
    page = copy_to(ctx, page, "@DATA@", out);
    fg_text_printf(out, "{\"version\":\"%s\",\"reports\":[\n", FG_VERSION);
    for (int i = 0; i < n; i++) {
        fg_text_add(out, comma(i));
        add_report(r[i], out);
    }
    fg_text_add(out, "]}");
    page = copy_to(ctx, page, "@SCRIPT@", out);
    fg_text_add(out, part(ctx, "report.js"));
    fg_text_add(out, part(ctx, "charts.js"));
    fg_text_add(out, page);
}
