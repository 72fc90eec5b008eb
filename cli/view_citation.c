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

/* The catalogue's own counts, by the learned elements that a network is known by, with its normalisations or
 * folded. */
static const struct {
    int64_t parameters[2];
    const char *text;
} catalogues[] = {
    {{25557032, 25530472},
     "51 = 1 stem + 16 ConvBNAddAct + 16 ConvBNAct + 17 ConvBN + 1 pool: the network has 53 convolutions, of "
     "which\n  33 stand before an activation without addition (the stem and two in each of 16 blocks) and 4 "
     "are "
     "downsamples"},
    {{86567656, 86542312},
     "36 and more Linear: each of 12 blocks has its output projection and two layers of the MLP, of which "
     "the "
     "first carries GELU and counts as LinearAct"},
    {{28589128, 0},
     "36 ConvBN and 27 ConvBNAct: the network has 18 blocks (3, 3, 9, 3), each of one\n  depthwise "
     "convolution "
     "and two Linear, and no BatchNormalization"},
    {{88591464, 0},
     "108 ConvBN and 81 ConvBNAct: the network has 36 blocks (3, 3, 27, 3), each of one depthwise "
     "convolution "
     "and two Linear, and no BatchNormalization"},
};

const char *fg_view_catalogue_citation(fg_context *ctx, const fg_report *r) {
    for (size_t i = 0; i < FG_COUNT(catalogues); i++)
        if (r->parameters == catalogues[i].parameters[0] || r->parameters == catalogues[i].parameters[1])
            return fg_format(ctx, "  cited: the catalogue counts %s\n", catalogues[i].text);
    return NULL;
}
