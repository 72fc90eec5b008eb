/* The pairwise partition as a report: the same record with its groups in place of kernels, so that every view
 * shows either. */
#include "cli/report.h"

#include <string.h>

static const char *copy(fg_context *ctx, const char *s) {
    return fg_strdup(ctx, s ? s : "");
}

static void add_label(fg_context *ctx, fg_report_kernel *k, const fg_node *n) {
    k->nodes[k->n_nodes++] = copy(ctx, fg_node_label(n));
}

static void collect_op(fg_context *ctx, const fg_pairwise_op *op, fg_report_kernel *k) {
    fg_report_op *o = &k->ops[k->n_ops++];
    o->type = copy(ctx, op->type);
    o->name = copy(ctx, op->node ? fg_node_label(op->node) : "(synthesised)");
    o->shape =
        op->node && op->node->n_out && op->node->out[0] ? fg_shape_text(ctx, &op->node->out[0]->shape) : "";
    o->detail = op->node ? fg_report_window(ctx, op->node) : "";
    o->flops = op->flops;
    for (int i = 0; i < op->n_in; i++) o->in_bytes += op->in[i].bytes;
    o->weight_bytes = op->weight_bytes;
    o->out_bytes = op->out_bytes;
    o->synthesised = !op->node;
    if (op->collapsed) add_label(ctx, k, op->collapsed);
    if (op->node) add_label(ctx, k, op->node);
}

void fg_report_collect_group(fg_context *ctx, const fg_target *t, const fg_pairwise_group *g, int index,
                             fg_report_kernel *k) {
    k->name = fg_format(ctx, "group_%d", index);
    k->pattern = copy(ctx, g->pattern);
    k->tile = k->why = "";
    k->boundary = fg_boundary_name(g->boundary);
    k->nodes = FG_ARRAY(ctx, 2 * g->n_ops, const char *);
    k->ops = FG_ARRAY(ctx, g->n_ops, fg_report_op);
    for (int i = 0; i < g->n_ops; i++) collect_op(ctx, g->ops[i], k);
    k->operators = g->n_ops;
    k->flops = g->flops;
    k->in_bytes = g->in_bytes;
    k->weight_bytes = g->weight_bytes;
    k->out_bytes = g->out_bytes;
    k->bytes = g->in_bytes + g->weight_bytes + g->out_bytes;
    k->bytes_unfused = k->bytes + g->internal_bytes;
    k->intensity = g->intensity;
    k->class = fg_class_of(g->intensity);
    k->predicted_ms = fg_target_roofline_ms(t, k->flops, k->bytes);
}

/* ---- the fused partition, counted the study's way ---- */

/* Kernel that covers each node as read, by its position; -1: none. */
static int *kernels_of_nodes(fg_context *ctx, const fg_graph *read, const fg_module *m) {
    int *kernel = FG_ARRAY(ctx, read->n_nodes, int);
    for (int i = 0; i < read->n_nodes; i++) kernel[i] = -1;
    for (int i = m->n_kernels - 1; i >= 0; i--) {
        const fg_kernel *k = m->kernels[i].kernel;
        for (int j = 0; j < k->n_nodes; j++)
            for (int c = 0; c < k->nodes[j]->n_covers; c++)
                if (k->nodes[j]->covers[c]->index < read->n_nodes) kernel[k->nodes[j]->covers[c]->index] = i;
    }
    return kernel;
}

/* An operator that no kernel covers costs nothing at run time: it goes with the one that it reads. */
static void recount(fg_context *ctx, const fg_report_source *s, fg_report_totals *t) {
    const fg_pairwise *p = s->pairwise;
    int n_groups = s->module->n_kernels;
    int *kernel = kernels_of_nodes(ctx, s->read, s->module), *group = FG_ARRAY(ctx, p->n_ops, int);
    if (!n_groups) return;
    for (int i = 0; i < p->n_ops; i++) {
        const fg_pairwise_op *op = p->ops[i];
        group[i] = op->node ? kernel[op->node->index] : -1;
        if (group[i] < 0) group[i] = op->n_in && op->in[0].from ? group[op->in[0].from->index] : 0;
    }
    fg_pairwise_group *groups = fg_pairwise_recount(ctx, p, group, n_groups);
    t->groups = n_groups;
    for (int i = 0; i < n_groups; i++) {
        t->bytes_fused += groups[i].in_bytes + groups[i].weight_bytes + groups[i].out_bytes;
        t->bytes_internal += groups[i].internal_bytes;
        t->mean_intensity += groups[i].intensity / n_groups;
    }
}

/* ---- gates ---- */

static int64_t pixels(const fg_value *v) {
    return v->shape.rank == 4 ? v->shape.dim[2] * v->shape.dim[3] : 0;
}

/* A product of an image with one number per channel that was computed from data. */
static bool is_gate(const fg_pairwise_op *op) {
    const fg_node *n = op->node;
    if (!n || strcmp(op->type, "mul") != 0 || op->n_in != 2 || n->n_in != 2) return false;
    int64_t a = pixels(n->in[0]), b = pixels(n->in[1]);
    return (a == 1 && b > 1) || (a > 1 && b == 1);
}

const fg_report *fg_report_collect_both(fg_context *ctx, const fg_report_source *s, bool show_pairwise) {
    fg_report_source kernels = *s;
    kernels.pairwise = NULL;
    fg_report *own = fg_report_collect(ctx, &kernels), *paired = fg_report_collect(ctx, s);
    own->own = paired->own = own;
    own->paired = paired->paired = paired;
    for (int i = 0; i < s->pairwise->n_ops; i++) own->gates += is_gate(s->pairwise->ops[i]);
    recount(ctx, s, &own->recounted);
    own->recounted.single = own->single_op;
    paired->recounted = own->recounted;
    paired->gates = own->gates;
    return show_pairwise ? paired : own;
}
