#include "codegen/winograd_rows.h"

static int64_t whole_vectors(int64_t n, int lanes) {
    return fg_divide_up(n, lanes) * lanes;
}

enum { MOST_FOLD = 4 };

/* Bytes that pass between the first two caches in a cycle: products that do not stay in the first one, and
 * the weights, which each chunk of tiles reads again. */
#define BEHIND 32.0

/* Cycles with that many tiles at a time. */
static void plan_chunk(const fg_emit *e, int64_t chunk, const fg_pick *pick, fg_winograd_rows *w) {
    const fg_target *t = e->m->target;
    const fg_convolution *c = w->folded.c;
    const fg_scheme *s = w->scheme;
    const int lanes = e->lanes;
    const int64_t points = s->points * s->points, channels = fg_folded_channels(&w->folded);
    const int64_t vectors = fg_divide_up(c->oc, lanes), in = whole_vectors(channels, lanes);
    const int64_t lines = fg_divide_up(c->oh, s->m) * c->images, tiles = lines * w->tiles;
    const fg_product p = {.rows = points * lines * fg_divide_up(w->tiles, chunk),
                          .width = chunk,
                          .k = channels,
                          .vectors = vectors,
                          .pitch = 4 * in,
                          .streams = 0 /* results stay in the first-level cache */};
    w->chunk = chunk;
    w->tile = fg_pick_tile(t, &p, pick);
    const double transforms = (double)tiles * fg_scheme_transform_cycles(s, in / lanes, vectors);
    const double folds = 2.0 * (double)(lines * s->m * (w->tiles * s->m) * channels);
    const double held = (double)(points * chunk * 4 * (in + w->tile.nv * lanes)), l1 = (double)t->l1_bytes;
    const double results = 4.0 * (double)(points * tiles * vectors * lanes);
    const double out = held > l1 && l1 > 0 ? (1 - l1 / held) * 2 * results / BEHIND : 0;
    const double weights = 4.0 * (double)(points * channels * vectors * lanes);
    const double again = l1 > 0 ? weights * (double)(p.rows / points) / BEHIND : 0;
    w->cost = fg_overlapped_cycles(w->tile.cost, again) + transforms + folds + out;
}

static bool suits(const fg_emit *e, const fg_convolution *c) {
    const fg_codegen_options *o = &e->m->options;
    return !o->exact && o->optimize == FG_OPTIMIZE_SPEED && !fg_wants_little_text(e->m, e->k) && !e->k->tap &&
           c->groups == 1 && c->in.y >= 0 && c->kh == c->kw && c->sy == c->sx && c->sx > 1 &&
           c->sx <= MOST_FOLD && c->dy == 1 && c->dx == 1 && c->w->storage == FG_UNDEFINED &&
           c->oc >= e->lanes;
}

static fg_winograd_rows best_chunk(const fg_emit *e, const fg_convolution *c, const fg_scheme *s,
                                   const fg_pick *pick) {
    fg_winograd_rows w = {.scheme = s, .folded = {c, c->sx}, .tiles = fg_divide_up(c->ow, s->m)}, best = w;
    const int64_t most = w.tiles < 32 ? w.tiles : 32;
    for (int64_t chunk = 1; chunk <= most; chunk++) {
        plan_chunk(e, chunk, pick, &w);
        if (chunk == 1 || w.cost < best.cost) best = w;
    }
    return best;
}

/* A scheme whose filters have as many taps as the folded one: the first. */
static const fg_scheme *scheme_for(const fg_convolution *c) {
    const int64_t taps = fg_folded_taps(&(fg_folded){c, c->sx});
    const fg_scheme *s;
    for (size_t i = 0; (s = fg_scheme_at(i)) != NULL; i++)
        if (s->stride == 1 && s->taps == taps) return s;
    return NULL;
}

fg_winograd_rows fg_winograd_rows_plan(const fg_emit *e, const fg_convolution *c, double direct_cost,
                                       fg_pick *pick) {
    const fg_winograd_rows direct = {.direct_cost = direct_cost};
    const fg_scheme *s = suits(e, c) ? scheme_for(c) : NULL;
    if (!s || !fg_scheme_is_accurate(e->ctx, s, &(fg_folded){c, c->sx})) return direct;
    if (pick->text) {
        if (fg_scheme_asked(pick) != s->m) return direct;
        pick->text += 3;
        fg_winograd_rows w = best_chunk(e, c, s, pick);
        w.direct_cost = direct_cost;
        return w;
    }
    fg_winograd_rows w = best_chunk(e, c, s, &(fg_pick){0});
    const bool better = w.cost < 0.9 * direct_cost, near = w.cost < 2 * direct_cost;
    /* Ranks take turns between the two methods, the better one first. */
    const bool chosen = better == (pick->rank % 2 == 0);
    if (pick->rank > 0 && near) pick->rank /= 2;
    if (!chosen || !near) return direct;
    if (pick->rank > 0) w = best_chunk(e, c, s, pick);
    w.direct_cost = direct_cost;
    return w;
}

int64_t fg_winograd_rows_ring(const fg_winograd_rows *w, int64_t window) {
    return window + w->scheme->m - 1;
}

/* Which folded pixels hold a pixel of the image at px. */
static void set_columns(const fg_winograd_rows *w, fg_template *t, int64_t wide) {
    const fg_convolution *c = w->folded.c;
    const int64_t fold = w->folded.fold;
    int64_t from[MOST_FOLD], to[MOST_FOLD];
    for (int64_t px = 0; px < fold; px++) {
        from[px] = c->pl > px ? fg_divide_up(c->pl - px, fold) : 0;
        to[px] = (c->iw - 1 + c->pl - px) / fold + 1;
        if (to[px] > wide) to[px] = wide;
    }
    fg_template_ints(t, "FOLDED_FROM", (int)fold, from);
    fg_template_ints(t, "FOLDED_TO", (int)fold, to);
}

static void set_image(const fg_emit *e, const fg_winograd_rows *w, fg_template *t) {
    const fg_convolution *c = w->folded.c;
    const int64_t *x = fg_layout_of(e, c->x)->stride;
    fg_template_int(t, "PLANES", c->ic);
    fg_template_int(t, "H", c->ih);
    fg_template_int(t, "PAD_Y", c->pt);
    fg_template_int(t, "PAD_X", c->pl);
    fg_template_int(t, "FROM_B", x[c->in.b]);
    fg_template_int(t, "FROM_Y", x[c->in.y]);
    fg_template_int(t, "FROM_X", x[c->in.x]);
    fg_template_int(t, "FROM_C", x[c->in.n]);
    fg_template_int(t, "FOLD", w->folded.fold);
    fg_template_int(t, "IH", c->oh);
    fg_template_int(t, "IW", c->ow);
}

void fg_winograd_rows_open(fg_emit *e, const fg_winograd_rows *w, fg_template *t, int64_t ring, int64_t left,
                           int64_t right) {
    const fg_convolution *c = w->folded.c;
    const fg_scheme *s = w->scheme;
    const int64_t lanes = e->lanes, vectors = fg_divide_up(c->oc, lanes), inputs = fg_scheme_inputs(s),
                  points = s->points * s->points;
    const int64_t in = fg_folded_channels(&w->folded), padded = whole_vectors(in, e->lanes),
                  wide = (w->tiles - 1) * s->m + inputs;
    const int64_t pitch = (left + c->ow + right) * vectors * lanes, columns = w->tile.nv * lanes;
    fg_emit_input(e, "x", c->x);
    fg_scheme_pack(e, s, &w->folded, w->tile.nv);
    fg_pack_bias(e, "bias", c, 1);
    fg_emit_scratch(e, "rows", "float", sizeof(float), inputs * wide * padded);
    fg_emit_scratch(e, "inputs", "float", sizeof(float), points * w->chunk * padded);
    fg_emit_scratch(e, "products", "float", sizeof(float), points * w->chunk * columns);
    fg_emit_scratch(e, "ring", "float", sizeof(float), ring * pitch);
    set_image(e, w, t);
    set_columns(w, t, wide);
    fg_template_int(t, "M", s->m);
    fg_template_int(t, "A", s->points);
    fg_template_int(t, "S", 1);
    fg_template_int(t, "IN", inputs);
    fg_template_int(t, "SHARED", 0);
    fg_template_int(t, "TILES", w->tiles);
    fg_template_int(t, "CHUNK", w->chunk);
    fg_template_int(t, "FOLDED", wide);
    fg_template_int(t, "IC", in);
    fg_template_int(t, "ICP", padded);
    fg_template_int(t, "NP", vectors * lanes);
    fg_template_int(t, "MP", columns);
    fg_template_text(t, "COLUMN", "0");
    fg_template_int(t, "MR", w->tile.mr);
    fg_template_int(t, "NV", w->tile.nv);
    fg_template_int(t, "PANELS", vectors / w->tile.nv);
    fg_template_int(t, "REST", vectors % w->tile.nv);
    fg_template_int(t, "RING", ring);
    fg_template_int(t, "PITCH", pitch);
    fg_template_int(t, "PL", left);
}
