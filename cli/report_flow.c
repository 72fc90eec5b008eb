/* What flows between the groups of a report, and where it lies: tensors, blocks of the arena, levels of
 * memory.
 */
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

const char *fg_report_window(fg_context *ctx, const fg_node *n) {
    const fg_attr *size = fg_node_attr(n, "kernel_shape"), *step = fg_node_attr(n, "strides");
    if (!size || size->type != FG_ATTR_INTS || !size->n || size->n > FG_MAX_RANK) return "";
    const char *s = "";
    for (int i = 0; i < size->n; i++)
        s = fg_format(ctx, "%s%s%lld", s, i ? "x" : "", (long long)size->ints[i]);
    if (!step || step->type != FG_ATTR_INTS || !step->n || step->ints[0] <= 1) return s;
    return fg_format(ctx, "%s/%lld", s, (long long)step->ints[0]);
}

void fg_report_collect_target(fg_context *ctx, const fg_target *t, fg_report *r) {
    (void)ctx;
    const fg_report_level levels[FG_REPORT_LEVELS] = {{"L1", t->l1_bytes, t->l1_gbps},
                                                      {"L2", t->l2_bytes, t->l2_gbps},
                                                      {"L3", t->l3_bytes, t->l3_gbps},
                                                      {"memory", 0, t->dram_gbps}};
    r->peak_gflops = t->peak_gflops;
    for (int i = 0; i < FG_REPORT_LEVELS; i++)
        if (levels[i].gbps > 0 && (levels[i].bytes > 0 || i == FG_REPORT_LEVELS - 1))
            r->level[r->n_levels++] = levels[i];
}

/* ---- the fused partition ---- */

/* Tensors by value; a value that no kernel makes and no kernel reads is none. */
typedef struct flow {
    fg_context *ctx;
    fg_report *r;
    const fg_module *m;
    fg_report_tensor **of; /* by value id */
    const fg_value **stack;
    int *stamp; /* by value id: the reader on whose behalf it was last visited */
} flow;

static int64_t bytes_of(const fg_value *v) {
    return (int64_t)fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape));
}

static void add_tensor(flow *f, const fg_value *v, int from) {
    if (!v || v->data || f->of[v->id]) return;
    fg_report_tensor *t = &f->r->tensors[f->r->n_tensors++];
    *t = (fg_report_tensor){.name = fg_strdup(f->ctx, v->name),
                            .shape = fg_shape_text(f->ctx, &v->shape),
                            .bytes = bytes_of(v),
                            .from = from,
                            .is_output = v->is_output};
    f->of[v->id] = t;
}

/* v itself, or what it is a view or a concatenation of: values that no kernel writes. */
static void each_source(flow *f, const fg_value *v, int reader,
                        void (*use)(fg_report_tensor *t, int reader)) {
    int n = 0;
    f->stack[n++] = v;
    while (n) {
        v = f->stack[--n];
        if (!v || v->data || f->stamp[v->id] == reader + 1) continue;
        f->stamp[v->id] = reader + 1;
        if (f->of[v->id]) {
            use(f->of[v->id], reader);
            continue;
        }
        const fg_node *mover = v->producer;
        for (int i = 0; mover && i < mover->n_in; i++)
            if (mover->in[i] && !mover->in[i]->data && f->stamp[mover->in[i]->id] != reader + 1)
                f->stack[n++] = mover->in[i];
    }
}

static void each_use(flow *f, void (*use)(fg_report_tensor *t, int reader)) {
    for (int i = 0; i < f->m->n_kernels; i++) {
        const fg_kernel *k = f->m->kernels[i].kernel;
        for (int j = 0; j < k->n_in; j++) each_source(f, k->in[j], i, use);
    }
    for (int i = 0; i < f->m->partition->graph->n_values; i++) f->stamp[i] = 0;
}

static void count_use(fg_report_tensor *t, int kernel) {
    (void)kernel;
    t->n_to++;
}

static void note_use(fg_report_tensor *t, int kernel) {
    t->to[t->n_to++] = kernel;
}

static void mark_output(fg_report_tensor *t, int reader) {
    (void)reader;
    t->is_output = true;
}

static int by_first(const void *a, const void *b) {
    const fg_report_block *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->last != y->last) return x->last < y->last ? -1 : 1;
    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/* Values that share storage have one root allocation, and so the same place and life: one block. */
static int drop_repeated(fg_report_block *b, int n) {
    int kept = 0;
    for (int i = 0; i < n; i++) {
        const fg_report_block *last = kept ? &b[kept - 1] : NULL;
        bool same =
            last && last->offset == b[i].offset && last->first == b[i].first && last->last == b[i].last;
        if (!same) b[kept++] = b[i];
    }
    return kept;
}

static void collect_blocks(flow *f) {
    const fg_module *m = f->m;
    fg_report *r = f->r;
    r->blocks = FG_ARRAY(f->ctx, m->n_slots + m->n_kernels, fg_report_block);
    for (int i = 0; i < m->n_slots; i++) {
        const fg_slot *s = &m->slots[i];
        if (s->place != FG_PLACE_ARENA || s->last < s->first) continue;
        r->blocks[r->n_blocks++] =
            (fg_report_block){.name = fg_strdup(f->ctx, s->value->name),
                              .offset = s->base,
                              .bytes = (int64_t)fg_dtype_bytes(s->value->dtype, s->layout.elements),
                              .first = s->first,
                              .last = s->last};
    }
    for (int i = 0; i < m->n_kernels; i++)
        if (m->kernels[i].scratch_bytes > 0)
            r->blocks[r->n_blocks++] =
                (fg_report_block){"scratch", m->kernels[i].scratch_base, m->kernels[i].scratch_bytes, i, i};
    qsort(r->blocks, (size_t)r->n_blocks, sizeof *r->blocks, by_first);
    r->n_blocks = drop_repeated(r->blocks, r->n_blocks);
}

void fg_report_collect_flow(fg_context *ctx, const fg_module *m, fg_report *r) {
    const fg_graph *g = m->partition->graph;
    int64_t uses = 1;
    for (int i = 0; i < g->n_nodes; i++) uses += g->nodes[i]->n_in;
    flow f = {ctx,
              r,
              m,
              FG_ARRAY(ctx, g->n_values, fg_report_tensor *),
              FG_ARRAY(ctx, uses, const fg_value *),
              FG_ARRAY(ctx, g->n_values, int)};
    r->tensors = FG_ARRAY(ctx, g->n_values, fg_report_tensor);
    for (int i = 0; i < g->n_inputs; i++) add_tensor(&f, g->inputs[i], -1);
    for (int i = 0; i < m->n_kernels; i++)
        for (int j = 0; j < m->kernels[i].kernel->n_out; j++) add_tensor(&f, m->kernels[i].kernel->out[j], i);
    each_use(&f, count_use);
    for (int i = 0; i < r->n_tensors; i++) {
        r->tensors[i].to = FG_ARRAY(ctx, r->tensors[i].n_to, int);
        r->tensors[i].n_to = 0;
    }
    each_use(&f, note_use);
    for (int i = 0; i < g->n_outputs; i++) each_source(&f, g->outputs[i], m->n_kernels, mark_output);
    collect_blocks(&f);
}

/* ---- the pairwise partition ---- */

/* seen: by group, the last operator whose result it was found to read. */
static fg_report_tensor group_tensor(fg_context *ctx, const fg_pairwise_op *op, const fg_pairwise_op **seen) {
    const fg_value *v = op->node && op->node->n_out ? op->node->out[0] : NULL;
    fg_report_tensor t = {.name = v ? fg_strdup(ctx, v->name) : "",
                          .shape = v ? fg_shape_text(ctx, &v->shape) : "",
                          .bytes = op->out_bytes,
                          .from = op->group,
                          .to = FG_ARRAY(ctx, op->n_users, int),
                          .is_output = op->is_output};
    for (int i = 0; i < op->n_users; i++) {
        int group = op->users[i]->group;
        if (group != op->group && seen[group] != op) t.to[t.n_to++] = group;
        seen[group] = op;
    }
    return t;
}

/* All inputs of the graph stand as one: the partition's edges do not tell them apart. */
static void add_inputs(fg_context *ctx, const fg_graph *read, const fg_pairwise *p, fg_report *r) {
    if (!read->n_inputs) return;
    const fg_value *v = read->inputs[0];
    fg_report_tensor t = {.name = fg_strdup(ctx, read->n_inputs > 1 ? "inputs" : v->name),
                          .shape = read->n_inputs > 1 ? "" : fg_shape_text(ctx, &v->shape),
                          .from = -1,
                          .to = FG_ARRAY(ctx, p->n_groups, int)};
    for (int i = 0; i < read->n_inputs; i++) t.bytes += bytes_of(read->inputs[i]);
    int *seen = FG_ARRAY(ctx, p->n_groups, int);
    for (int i = 0; i < p->n_ops; i++)
        for (int j = 0; j < p->ops[i]->n_in; j++)
            if (!p->ops[i]->in[j].from && !seen[p->ops[i]->group]++) t.to[t.n_to++] = p->ops[i]->group;
    r->tensors[r->n_tensors++] = t;
}

void fg_report_collect_group_flow(fg_context *ctx, const fg_graph *read, const fg_pairwise *p, fg_report *r) {
    r->tensors = FG_ARRAY(ctx, p->n_ops + 1, fg_report_tensor);
    add_inputs(ctx, read, p, r);
    const fg_pairwise_op **seen = FG_ARRAY(ctx, p->n_groups, const fg_pairwise_op *);
    for (int i = 0; i < p->n_groups; i++)
        for (int j = 0; j < p->groups[i].n_ops; j++) {
            fg_report_tensor t = group_tensor(ctx, p->groups[i].ops[j], seen);
            if (t.n_to || t.is_output) r->tensors[r->n_tensors++] = t;
        }
}
