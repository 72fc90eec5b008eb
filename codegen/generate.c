/* fg_generate: the order of codegen's passes. */
#include <string.h>

#include "codegen/planner.h"

#define FG_LOWERING(name) extern const fg_lowering fg_lowering_##name;
#include "lowerings.inc"
#undef FG_LOWERING

static const fg_lowering *const lowerings[] = {
#define FG_LOWERING(name) &fg_lowering_##name,
#include "lowerings.inc"
#undef FG_LOWERING
};

const fg_lowering *fg_lowering_find(const char *name) {
    for (size_t i = 0; name && i < FG_COUNT(lowerings); i++)
        if (strcmp(lowerings[i]->name, name) == 0) return lowerings[i];
    return NULL;
}

static fg_planner *planner_new(fg_module *m, fg_partition *partition) {
    fg_planner *p = FG_NEW(m->ctx, fg_planner);
    p->ctx = m->ctx;
    p->m = m;
    p->graph = partition->graph;
    p->partition = partition;
    p->n_values = p->graph->n_values;
    p->values = FG_ARRAY(m->ctx, p->n_values, fg_place_plan);
    return p;
}

fg_context *fg_planner_context(const fg_planner *p) {
    return p->ctx;
}

const fg_module *fg_planner_module(const fg_planner *p) {
    return p->m;
}

int fg_prologue_main(const fg_kernel *k) {
    const fg_node *n = k->prologue[0];
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && !n->in[i]->data && fg_shape_equal(&n->in[i]->shape, &n->out[0]->shape)) return i;
    return 0;
}

static void check_lowerings(fg_planner *p) {
    for (int i = 0; i < p->partition->n_kernels; i++) {
        const fg_kernel *k = p->partition->kernels[i];
        if (fg_lowering_find(k->lowering)) continue;
        fg_context_set_node(p->ctx, k->nodes[k->n_nodes - 1]);
        fg_raise(p->ctx, FG_UNSUPPORTED,
                 "no code can be generated for this operator with these operands yet");
    }
}

/* Bytes moved once: what is read and made outside the kernel, and the weights it really reads. */
static int64_t kernel_traffic(const fg_kernel_text *t) {
    int64_t bytes = t->weight_bytes;
    const fg_kernel *k = t->kernel;
    for (int i = 0; i < k->n_in; i++)
        if (!k->in[i]->data)
            bytes += (int64_t)fg_dtype_bytes(k->in[i]->dtype, fg_shape_count(&k->in[i]->shape));
    for (int i = 0; i < k->n_out; i++)
        bytes += (int64_t)fg_dtype_bytes(k->out[i]->dtype, fg_shape_count(&k->out[i]->shape));
    return bytes;
}

static int count_lines(const char *s) {
    int lines = 0;
    for (; *s; s++) lines += *s == '\n';
    return lines;
}

/* Lines of the longest of some functions. */
static int longest_function(const char *s) {
    int most = 0, lines = 0;
    for (; *s; s++) {
        if (*s != '\n') continue;
        lines++;
        if (lines > most) most = lines;
        if (s[1] == '}') lines = -1;
    }
    return most;
}

void fg_count_lines(fg_kernel_text *t, const char *body) {
    t->lines = count_lines(body) + count_lines(t->before);
}

bool fg_wants_little_text(const fg_module *m, const fg_kernel *k) {
    if (m->options.optimize == FG_OPTIMIZE_FLASH) return true;
    for (int i = 0; i < m->options.n_compact; i++)
        if (strcmp(m->options.compact[i], k->name) == 0) return true;
    return false;
}

/* Frees what it is given. */
static char *indented(fg_context *ctx, fg_text *raw) {
    fg_text neat = fg_text_new(ctx);
    if (raw->length) fg_indent(raw->data, &neat);
    fg_text_free(raw);
    return neat.length ? neat.data : "";
}

static char *tidied(const fg_module *m, const char *text) {
    fg_text tidy = fg_text_new(m->ctx);
    if (*text) fg_tidy(text, fg_target_lanes(m->target) == 1, &tidy);
    return indented(m->ctx, &tidy);
}

static char *emit_kernel(fg_planner *p, fg_kernel *k) {
    fg_module *m = p->m;
    fg_kernel_text *t = &m->kernels[k->index];
    t->kernel = k;
    t->symbol = k->name;
    t->tile = t->why = "";
    fg_text raw = fg_text_new(p->ctx), before = fg_text_new(p->ctx);
    fg_emit e = {.ctx = p->ctx,
                 .m = m,
                 .k = k,
                 .kt = t,
                 .out = &raw,
                 .before = &before,
                 .lanes = fg_target_lanes(m->target),
                 .planner = p};
    fg_context_set_node(p->ctx, k->nodes[k->n_nodes - 1]);
    fg_text_add(&raw, "{\n");
    fg_emit_borders(&e);
    fg_lowering_find(k->lowering)->emit(&e);
    fg_text_add(&raw, "}\n");
    if (fg_pick_of(m, k).text) t->why = fg_format(p->ctx, "tuned: %s", t->why);
    /* Measured before it is tidied: what a budget of lines buys does not depend on how they are laid out. */
    const char *written = indented(p->ctx, &raw);
    t->before = indented(p->ctx, &before);
    const int own = count_lines(written), helper = longest_function(t->before);
    t->longest = own > helper ? own : helper;
    char *body = tidied(m, written);
    t->before = tidied(m, t->before);
    fg_count_lines(t, body);
    t->bytes = kernel_traffic(t);
    t->predicted_ms = fg_target_roofline_ms(m->target, 2 * (k->macs + t->again_macs), t->bytes);
    t->compact = m->options.optimize != FG_OPTIMIZE_FLASH && fg_wants_little_text(m, k);
    if (t->compact)
        t->why = fg_format(p->ctx, "%s; little text, within the target's %d lines", t->why,
                           m->target->unroll_budget);
    return body;
}

fg_module *fg_generate(const fg_partition *given, const fg_target *target,
                       const fg_codegen_options *options) {
    fg_context *ctx = given->graph->ctx;
    fg_partition *partition = fg_partition_copy(given);
    fg_module *m = FG_NEW(ctx, fg_module);
    m->ctx = ctx;
    m->partition = partition;
    m->target = target;
    m->options = *options;
    m->arena_align = target->arena_align;
    fg_planner *p = planner_new(m, partition);
    check_lowerings(p);
    fg_plan_layout(p);
    check_lowerings(p);
    fg_tuning_check_names(m);
    fg_plan_borders(p);
    p->constant_at = FG_ARRAY(ctx, p->n_values, int64_t);
    p->stored_at = FG_ARRAY(ctx, p->n_values, int64_t);
    for (int i = 0; i < p->n_values; i++) p->constant_at[i] = p->stored_at[i] = -1;
    m->n_kernels = partition->n_kernels;
    m->kernels = FG_ARRAY(ctx, m->n_kernels + 1, fg_kernel_text);
    char **bodies = FG_ARRAY(ctx, m->n_kernels + 1, char *);
    for (int i = 0; i < m->n_kernels; i++) {
        fg_progress(ctx, "generate", i, m->n_kernels);
        bodies[i] = emit_kernel(p, partition->kernels[i]);
    }
    fg_context_set_node(ctx, NULL);
    fg_tuning_check(m);
    fg_place_output_constants(p);
    fg_plan_memory(p);
    for (int i = 0; i < m->n_kernels; i++) {
        bodies[i] = fg_fill_marks(p, bodies[i]);
        m->kernels[i].before = fg_fill_marks(p, m->kernels[i].before);
    }
    if (m->options.optimize == FG_OPTIMIZE_FLASH) fg_share_bodies(p, bodies);
    fg_assemble(p, bodies);
    return m;
}

const char *const *fg_over_budget(const fg_module *m, int *n) {
    const fg_codegen_options *o = &m->options;
    const char **names = FG_ARRAY(m->ctx, o->n_compact + m->n_kernels + 1, const char *);
    *n = 0;
    if (o->optimize == FG_OPTIMIZE_FLASH) return names;
    for (int i = 0; i < o->n_compact; i++) names[i] = o->compact[i];
    *n = o->n_compact;
    for (int i = 0; i < m->n_kernels; i++) {
        const fg_kernel_text *t = &m->kernels[i];
        if (t->longest > m->target->unroll_budget && !t->compact && fg_pick_of(m, t->kernel).text == NULL)
            names[(*n)++] = t->symbol;
    }
    return names;
}
