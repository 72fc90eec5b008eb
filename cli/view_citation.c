/* Figures of the published studies that are wrong, by the network they are about: cited, never produced. */
#include "cli/view.h"

static const char residual[] =
    "its window matches convolution, normalisation and ReLU across the residual addition and applies the "
    "stride twice";
static const char rows_wrong[] = "its bottleneck row for this network does not follow from its own rules";

static const fg_citation citations[] = {
    {"ResNet-18", 3628146688, 3786155008, 54945792, residual},
    {"EfficientNet-B3", 1925416480, 0, 0, rows_wrong},
    {"EfficientNet-B5", 4712986368, 0, 0, rows_wrong},
    {"EfficientNet-B6", 6720333696, 0, 0, rows_wrong},
};

const fg_citation *fg_view_cited(const fg_report *r) {
    for (size_t i = 0; i < FG_COUNT(citations); i++)
        if (citations[i].flops == r->flops) return &citations[i];
    return NULL;
}

const char *fg_view_citation(fg_context *ctx, const fg_report *r) {
    const fg_citation *c = fg_view_cited(r);
    if (!c) return NULL;
    if (!c->flops_published)
        return r->pairwise ? fg_format(ctx, "  cited: the published study is in error about %s: %s\n",
                                       c->network, c->error)
                           : NULL;
    return fg_format(ctx, "  cited: published for %s: %.0f FLOP and %.0f bytes, in error: %s\n", c->network,
                     (double)c->flops_published, (double)c->bytes_published, c->error);
}
