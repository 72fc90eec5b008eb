#include "cli/report.h"

#include "frontend/frontend.h"
#include "fusion/rounding.h"

#include <string.h>

static const char *const class_names[FG_CLASS_COUNT] = {"compute", "balanced", "memory", "bandwidth"};
static const double class_above[FG_CLASS_COUNT] = {50, 10, 1, -1};

const char *fg_class_name(fg_class c) {
    return class_names[c];
}

fg_class fg_class_of(double intensity) {
    int c = FG_CLASS_COMPUTE;
    while (c < FG_CLASS_BANDWIDTH && !(intensity > class_above[c])) c++;
    return (fg_class)c;
}

const char *fg_verify_mode_name(fg_verify_mode mode) {
    static const char *const names[] = {"none", "tcc", "cc", "emulator"};
    return names[mode];
}

double fg_report_saved(const fg_report *r) {
    return r->bytes_unfused > 0 ? 1.0 - (double)r->bytes_fused / (double)r->bytes_unfused : 0.0;
}

double fg_report_efficiency(const fg_report *r) {
    return r->n_kernels ? (double)r->operators / r->n_kernels : 0.0;
}

static const char *copy(fg_context *ctx, const char *s) {
    return fg_strdup(ctx, s ? s : "");
}

/* A node of a kernel that was brought (a copy between layouts) is one operator that covers nothing. A node
 * that stands for nodes of which none has its own type was put together from pieces: one operator. */
static int operators_of(const fg_node *n) {
    for (int i = 0; i < n->n_covers; i++)
        if (strcmp(n->covers[i]->op_type, n->op_type) == 0) return n->n_covers;
    return 1;
}

/* A node as read can stand behind two rewritten ones of the same kernel; it is listed once. */
static bool listed(const fg_node **nodes, int n, const fg_node *node) {
    for (int i = 0; i < n; i++)
        if (nodes[i] == node) return true;
    return false;
}

static int64_t bytes_of(fg_value *const *values, int n, bool constant) {
    int64_t bytes = 0;
    for (int i = 0; i < n; i++) {
        bool repeated = !values[i];
        for (int j = 0; j < i && !repeated; j++) repeated = values[j] == values[i];
        if (!repeated && (values[i]->data != NULL) == constant)
            bytes += (int64_t)fg_dtype_bytes(values[i]->dtype, fg_shape_count(&values[i]->shape));
    }
    return bytes;
}

static fg_report_op op_of(fg_context *ctx, const fg_node *n) {
    return (fg_report_op){.type = copy(ctx, n->op_type),
                          .name = copy(ctx, fg_node_label(n)),
                          .shape = n->n_out && n->out[0] ? fg_shape_text(ctx, &n->out[0]->shape) : "",
                          .detail = fg_report_window(ctx, n),
                          .flops = 2 * fg_node_macs(n),
                          .in_bytes = bytes_of(n->in, n->n_in, false),
                          .weight_bytes = bytes_of(n->in, n->n_in, true),
                          .out_bytes = bytes_of(n->out, n->n_out, false)};
}

static void collect_ops(fg_context *ctx, const fg_node **nodes, fg_report_kernel *r) {
    r->ops = FG_ARRAY(ctx, r->n_nodes, fg_report_op);
    for (int i = 0; i < r->n_nodes; i++) r->ops[r->n_ops++] = op_of(ctx, nodes[i]);
}

static void collect_nodes(fg_context *ctx, const fg_kernel *k, fg_report_kernel *r) {
    int most = 0;
    for (int i = 0; i < k->n_nodes; i++) most += k->nodes[i]->n_covers;
    const fg_node **nodes = FG_ARRAY(ctx, most, const fg_node *);
    r->nodes = FG_ARRAY(ctx, most, const char *);
    const bool own = fg_kernel_is_own(k);
    for (int i = 0; i < k->n_nodes; i++) {
        if (own || k->nodes[i]->n_covers > 0) r->operators += operators_of(k->nodes[i]);
        for (int j = 0; j < k->nodes[i]->n_covers; j++) {
            const fg_node *node = k->nodes[i]->covers[j];
            if (listed(nodes, r->n_nodes, node)) continue;
            r->nodes[r->n_nodes] = copy(ctx, fg_node_label(node));
            nodes[r->n_nodes++] = node;
        }
    }
    collect_ops(ctx, nodes, r);
}

static void collect_kernel(fg_context *ctx, const fg_kernel_text *t, const fg_error *error,
                           fg_report_kernel *r) {
    const fg_kernel *k = t->kernel;
    r->name = copy(ctx, k->name);
    r->pattern = copy(ctx, k->pattern ? k->pattern->name : k->lowering);
    r->tile = copy(ctx, t->tile);
    r->why = copy(ctx, t->why);
    r->boundary = fg_boundary_name(k->boundary);
    collect_nodes(ctx, k, r);
    fg_report_collect_catalogue(ctx, k, r);
    r->flops = 2 * k->macs;
    r->flops_again = 2 * t->again_macs;
    r->bytes = fg_kernel_bytes(k);
    r->bytes_unfused = fg_kernel_bytes_unfused(k);
    r->in_bytes = bytes_of(k->in, k->n_in, false);
    r->weight_bytes = bytes_of(k->in, k->n_in, true);
    r->out_bytes = bytes_of(k->out, k->n_out, false);
    r->intensity = r->bytes > 0 ? (double)r->flops / (double)r->bytes : 0.0;
    r->class = fg_class_of(r->intensity);
    r->predicted_ms = t->predicted_ms;
    r->checked = error != NULL;
    if (error) r->error = *error;
}

static bool is_global_pool(const fg_node *n) {
    return n && strcmp(n->op_type, "GlobalAveragePool") == 0;
}

/* A convolution over an image; those of a squeeze-and-excitation gate see one pixel. */
static bool is_convolution(const fg_node *n) {
    if (!n || strcmp(n->op_type, "Conv") != 0) return false;
    const fg_shape *s = &n->out[0]->shape;
    int64_t pixels = 1;
    for (int i = 2; i < s->rank; i++) pixels *= s->dim[i];
    return pixels > 1;
}

/* Squeeze-and-excitation work shows as a global pool in the kernel, as its anchor or computed on the way out.
 */
static bool has_squeeze(const fg_kernel *k) {
    bool found = k->tap != NULL;
    for (int i = 0; i < k->n_nodes; i++) found |= is_global_pool(k->nodes[i]);
    return found;
}

/* The main path of a block: two convolutions or more in one kernel. */
static bool joins_convolutions(const fg_kernel *k) {
    int n = 0;
    for (int i = 0; i < k->n_stages; i++) n += is_convolution(k->stage[i].anchor);
    return n > 1;
}

static void count_kinds(fg_report *r, const fg_module *m) {
    for (int i = 0; i < m->n_kernels; i++) {
        r->single_op += r->kernels[i].operators <= 1;
        r->se += has_squeeze(m->kernels[i].kernel);
        r->main += joins_convolutions(m->kernels[i].kernel);
    }
}

static void add_up(fg_report *r) {
    for (int i = 0; i < r->n_kernels; i++) {
        const fg_report_kernel *k = &r->kernels[i];
        r->operators += k->operators;
        r->flops += k->flops;
        r->flops_again += k->flops_again;
        r->bytes_fused += k->bytes;
        r->bytes_unfused += k->bytes_unfused;
        r->predicted_ms += k->predicted_ms;
        r->mean_intensity += k->intensity / r->n_kernels;
        r->classes[k->class]++;
    }
}

static void collect_verdict(fg_context *ctx, const fg_verdict *v, fg_report *r) {
    r->mode = v->mode;
    r->passed = v->passed;
    r->total = v->total;
    r->float_run = v->float_run;
    r->bound = v->bound;
    r->checked = copy(ctx, v->checked);
    r->instructions = v->all_instructions;
    r->failure = v->first_failure ? copy(ctx, v->first_failure) : NULL;
}

static void collect_precision(fg_context *ctx, const fg_report_source *s, fg_report_precision *p) {
    const fg_rounding *rounding = s->module->partition->graph->rounding;
    if (!rounding) return;
    p->name = fg_precision_name(rounding->type);
    p->rounded = rounding->n;
    p->n_out_of_range = rounding->n_out_of_range;
    p->n_kept = rounding->n_out_of_range + rounding->n_others;
    fg_unrounded *kept = FG_ARRAY(ctx, p->n_kept + 1, fg_unrounded);
    for (int i = 0; i < p->n_kept; i++) {
        const fg_unrounded *u =
            i < p->n_out_of_range ? &rounding->out_of_range[i] : &rounding->others[i - p->n_out_of_range];
        kept[i] = (fg_unrounded){copy(ctx, u->name), copy(ctx, u->why), u->bytes};
    }
    p->kept = kept;
    p->known = s->verdict && s->verdict->rounded;
    if (p->known) p->error = s->verdict->rounding;
}

static void collect_bench(fg_context *ctx, const fg_bench *b, fg_report *r) {
    r->bench = fg_bench_copy(ctx, b);
    for (int i = 0; !b->why_not && !r->pairwise && i < r->n_kernels && i < b->n_kernels; i++) {
        r->kernels[i].measured = b->kernels[i];
        r->kernels[i].measured.against = copy(ctx, b->kernels[i].against);
    }
}

bool fg_report_measured(const fg_report *r) {
    return r->bench && !r->bench->why_not;
}

bool fg_report_kernels_measured(const fg_report *r) {
    return fg_report_measured(r) && !r->pairwise;
}

double fg_report_saved_write_read(int64_t fused, int64_t internal) {
    double moved = (double)fused + 2.0 * (double)internal;
    return moved > 0 ? 2.0 * (double)internal / moved : 0.0;
}

static void collect_kernels(fg_context *ctx, const fg_module *m, const fg_verdict *v, fg_report *r) {
    r->n_kernels = m->n_kernels;
    r->kernels = FG_ARRAY(ctx, m->n_kernels, fg_report_kernel);
    for (int i = 0; i < m->n_kernels; i++)
        collect_kernel(ctx, &m->kernels[i], v && i < v->n_kernels ? &v->kernels[i] : NULL, &r->kernels[i]);
    for (int i = 0; i < m->n_kernels; i++) r->kernels[i].instructions = v ? v->instructions[i] : -1;
    count_kinds(r, m);
    fg_report_collect_flow(ctx, m, r);
}

static void collect_groups(fg_context *ctx, const fg_report_source *s, fg_report *r) {
    const fg_pairwise *p = s->pairwise;
    r->pairwise = true;
    r->n_stochastic_depth = p->n_stochastic_depth;
    r->n_dropout = p->n_dropout;
    r->n_kernels = p->n_groups;
    r->kernels = FG_ARRAY(ctx, p->n_groups, fg_report_kernel);
    for (int i = 0; i < p->n_groups; i++)
        fg_report_collect_group(ctx, s->module->target, &p->groups[i], i, &r->kernels[i]);
    fg_report_collect_group_flow(ctx, s->read, p, r);
    for (int i = 0; i < p->n_groups; i++) r->kernels[i].instructions = -1;
    r->single_op = p->single;
    r->se = p->se;
    r->main = p->main;
}

static void collect_module(fg_context *ctx, const fg_module *m, fg_report *r) {
    r->target = copy(ctx, m->target->name);
    r->target_description = copy(ctx, m->target->description);
    r->arena_bytes = m->arena_bytes;
    r->arena_lower_bound = m->arena_lower_bound;
    r->weights_bytes = m->weights_bytes;
    r->flash_limit = m->target->flash_bytes;
    r->ram_limit = m->target->ram_bytes;
    fg_report_collect_target(ctx, m->target, r);
}

fg_report *fg_report_collect(fg_context *ctx, const fg_report_source *s) {
    fg_report *r = FG_NEW(ctx, fg_report);
    r->model = copy(ctx, s->model);
    r->variant = copy(ctx, s->variant);
    for (size_t i = 0; i < sizeof s->read->sha256; i++)
        snprintf(r->sha256 + 2 * i, 3, "%02x", s->read->sha256[i]);
    r->opset = s->read->opset;
    r->nodes = s->read->n_nodes;
    r->parameters = s->read->parameters;
    r->n_synthetic = s->read->n_synthetic;
    r->instructions = -1;
    collect_module(ctx, s->module, r);
    fg_report_collect_scale(s->read, r);
    r->conversions = fg_catalogue_conversions(s->read, s->module->partition);
    if (s->pairwise)
        collect_groups(ctx, s, r);
    else
        collect_kernels(ctx, s->module, s->verdict, r);
    collect_precision(ctx, s, &r->precision);
    if (s->verdict) collect_verdict(ctx, s->verdict, r);
    if (s->bench) collect_bench(ctx, s->bench, r);
    if (s->unfused) {
        r->unfused = fg_bench_copy(ctx, s->unfused);
        r->unfused_kernels = s->unfused->n_kernels;
    }
    if (s->footprint) {
        fg_footprint *f = FG_NEW(ctx, fg_footprint);
        *f = fg_footprint_copy(ctx, s->footprint);
        r->footprint = f;
    }
    add_up(r);
    return r;
}
