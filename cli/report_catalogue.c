/* The pattern catalogue in reports, and the measures of compound scaling. */
#include "cli/report.h"

#include "frontend/frontend.h"

#include <string.h>

/* In the catalogue's order; ConvBNAdd is ours. */
static const char *const catalogue[] = {"StemConvBNActMaxPool",
                                        "ConvBNAddAct",
                                        "ConvBNAdd",
                                        "ConvBNAct",
                                        "ConvBN",
                                        "MHAInProjection",
                                        "ScaledDotProductAttention",
                                        "LinearAct",
                                        "Linear",
                                        "LayerNorm",
                                        "AdaptiveAvgPool"};

void fg_report_collect_catalogue(fg_context *ctx, const fg_kernel *k, fg_report_kernel *r) {
    fg_quantise_at points[FG_QUANTISE_MOST];
    r->catalogue = FG_ARRAY(ctx, FG_CATALOGUE_MOST, const char *);
    r->n_catalogue = fg_catalogue_names(k, r->catalogue);
    r->n_points = fg_catalogue_points(k, points);
    r->points = FG_ARRAY(ctx, r->n_points, fg_report_point);
    for (int i = 0; i < r->n_points; i++)
        r->points[i] =
            (fg_report_point){fg_quantise_point_name(points[i].point), fg_strdup(ctx, points[i].value->name)};
}

const fg_report_count *fg_report_catalogue(fg_context *ctx, const fg_report *r, int *n) {
    fg_report_count *counts = FG_ARRAY(ctx, FG_COUNT(catalogue), fg_report_count);
    *n = 0;
    for (size_t c = 0; c < FG_COUNT(catalogue); c++) {
        int carried = 0;
        for (int i = 0; i < r->n_kernels; i++)
            for (int j = 0; j < r->kernels[i].n_catalogue; j++)
                carried += strcmp(r->kernels[i].catalogue[j], catalogue[c]) == 0;
        if (carried) counts[(*n)++] = (fg_report_count){catalogue[c], carried};
    }
    return counts;
}

const fg_report_count *fg_report_conversions(fg_context *ctx, const fg_report *r, int *n) {
    const fg_report_count all[] = {{"Flatten+Linear to 1x1 convolution", r->conversions.linear_to_conv},
                                   {"identity pool removed", r->conversions.identity_pool},
                                   {"attention decomposed", r->conversions.attention}};
    fg_report_count *applied = FG_ARRAY(ctx, FG_COUNT(all), fg_report_count);
    *n = 0;
    for (size_t i = 0; !r->pairwise && i < FG_COUNT(all); i++)
        if (all[i].n) applied[(*n)++] = all[i];
    return applied;
}

const char *fg_report_catalogue_text(fg_context *ctx, const fg_report_kernel *k) {
    const char *s = "";
    for (int i = 0; i < k->n_catalogue; i++) s = fg_format(ctx, "%s%s%s", s, i ? " + " : "", k->catalogue[i]);
    return s;
}

/* Of its first result that is wanted: a recurrent node may leave out the whole sequence. */
static int64_t channels_of(const fg_node *n) {
    int first = 0;
    while (first < n->n_out && !n->out[first]) first++;
    if (first == n->n_out) return 0;
    const fg_shape *s = &n->out[first]->shape;
    bool image = strcmp(n->op_type, "Conv") == 0 || strcmp(n->op_type, "ConvTranspose") == 0;
    return s->rank < 2 ? 1 : s->dim[image ? 1 : s->rank - 1];
}

void fg_report_collect_scale(const fg_graph *read, fg_report *r) {
    double channels = 0;
    for (int i = 0; i < read->n_nodes; i++) {
        if (fg_node_macs(read->nodes[i]) <= 0) continue;
        r->depth++;
        channels += (double)channels_of(read->nodes[i]);
    }
    if (r->depth) r->width = channels / r->depth;
    for (int i = 0; i < read->n_inputs; i++) {
        const fg_shape *s = &read->inputs[i]->shape;
        for (int d = 2; s->rank == 4 && d < 4; d++)
            if (s->dim[d] > r->resolution) r->resolution = s->dim[d];
    }
}
