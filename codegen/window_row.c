#include "codegen/window_row.h"

int fg_window_row_tile(const fg_target *t, int64_t ow, int64_t kw, bool compact) {
    int64_t most = t->vector_registers - kw - 1;
    const int64_t cap = compact ? 6 : 14;
    if (most > cap) most = cap;
    if (most < 1) most = 1;
    if (ow <= most) return (int)ow;
    for (int64_t tx = most; tx >= 4 && tx > most / 2; tx--)
        if (ow % tx == 0) return (int)tx;
    const int64_t pieces = (ow + most - 1) / most;
    return (int)((ow + pieces - 1) / pieces);
}

void fg_window_row_uses(fg_template *t, fg_context *ctx, int tx, int64_t kw, int64_t sx, int64_t dx) {
    const int64_t n = (tx - 1) * sx + (kw - 1) * dx + 1;
    int64_t *uses = FG_ARRAY(ctx, n, int64_t);
    for (int64_t x = 0; x < tx; x++)
        for (int64_t kx = 0; kx < kw; kx++) uses[x * sx + kx * dx] = 1;
    fg_template_ints(t, "USES", (int)n, uses);
}

fg_dtype fg_window_row_pack(fg_emit *e, const fg_convolution *c) {
    const int64_t lanes = e->lanes, taps = c->kh * c->kw, vectors = (c->oc + lanes - 1) / lanes;
    float *to = fg_pack_new(e, vectors * taps * lanes);
    for (int64_t oc = 0; oc < c->oc; oc++)
        for (int64_t tap = 0; tap < taps; tap++)
            to[(oc / lanes * taps + tap) * lanes + oc % lanes] =
                fg_convolution_weight(c, oc, 0, tap / c->kw, tap % c->kw);
    const fg_dtype stored = fg_emit_packed(e, "dw", c->w->storage, to, vectors * taps * lanes);
    float *bias = fg_emit_weights(e, "dbias", vectors * lanes);
    for (int64_t oc = 0; oc < c->oc; oc++) bias[oc] = fg_convolution_bias(c, oc);
    return stored;
}

void fg_window_row_weights(fg_template *t, fg_dtype stored) {
    fg_template_text(t, "DT", fg_weight_type(stored));
    fg_template_text(t, "LOADD", fg_weight_load(stored));
}
