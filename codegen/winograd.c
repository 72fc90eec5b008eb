/* Winograd convolution (Lavin and Gray 2016): the input in overlapping tiles is transformed, multiplied
 * channel-wise by transformed weights as one small matrix product for every point, and transformed back. The
 * weights are transformed here, in double. */
#include "codegen/winograd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const fg_scheme *scheme_of(const fg_winograd *w) {
    return fg_scheme_of(w->m, w->stride, w->taps);
}

/* ---- choice ---- */

static double direct_cycles(const fg_target *t, const fg_convolution *c, int64_t vectors) {
    const fg_product p = {.rows = c->oh * c->images,
                          .width = c->ow,
                          .k = c->kh * c->kw * c->ic,
                          .vectors = vectors,
                          .pitch = 4 * c->ic * c->sx,
                          .streams = 1};
    return fg_overlapped_cycles(fg_choose_tile(t, &p).cost,
                                fg_target_stream_cycles(t, 4.0 * (double)(c->kh * c->kw * c->ic * c->oc)));
}

/* What decides about a convolution beside its own sizes. */
typedef struct site {
    fg_context *ctx;
    const fg_target *t;
    const fg_convolution *c;
    int parts; /* threads */
    bool tap;  /* its image is summed: only panels can be shared */
} site;

/* Tiles for each part below which they share the panels: there is little input then, which each part
 * transforms for itself, and many weights, of which each reads only its own. */
#define TILES_PER_PART 16

/* Bytes that the transforms and products of a tile take between the passes, in the cache of one part. */
static int64_t tile_bytes(const site *q, int64_t points, bool by_panel) {
    const int64_t lanes = fg_target_lanes(q->t), products = fg_divide_up(q->c->oc, lanes) * lanes;
    return points * 4 * (q->c->ic + (by_panel ? products / q->parts : products));
}

#define SPILL 4

/* Cycles for what the caches miss when the image is taken in chunks of tiles: each chunk after the first
 * reads the weights again, and what the transforms and products of a chunk take beyond the second-level cache
 * goes out behind it and comes back: SPILL times its bytes, as measured on Zen 4. */
static double chunk_cycles(const site *q, const fg_winograd *w, int64_t points, double weights) {
    const fg_target *t = q->t;
    const double behind = t->l3_gbps > 0 ? t->l3_gbps : t->dram_gbps;
    const double again = t->l3_bytes == 0 || weights > (double)t->l3_bytes / 2 ? t->dram_gbps : behind;
    if (behind <= 0 || again <= 0) return 0;
    const int64_t tiles = w->ty * w->tx * q->c->images, chunks = fg_divide_up(tiles, w->chunk);
    const double each = (double)tile_bytes(q, points, w->by_panel), held = each * (double)w->chunk;
    const double room = (double)t->l2_bytes / 2;
    const double reread = weights > room ? (double)(chunks - 1) * weights / again : 0;
    const double spilled = held > room ? SPILL * each * (double)tiles * (1 - room / held) / behind : 0;
    return (reread + spilled) * t->ghz;
}

/* The plan with the image in so many chunks. */
static void plan_chunks(const site *q, const fg_scheme *s, const fg_pick *pick, int64_t chunks,
                        fg_winograd *w) {
    const fg_target *t = q->t;
    const fg_convolution *c = q->c;
    const int64_t points = s->points * s->points, lanes = fg_target_lanes(t);
    const int64_t vectors = fg_divide_up(c->oc, lanes), tiles = w->ty * w->tx;
    w->chunk = fg_divide_up(tiles, chunks);
    const fg_product p = {.rows = points * chunks * c->images,
                          .width = w->chunk,
                          .k = c->ic,
                          .vectors = vectors,
                          .pitch = 4 * fg_divide_up(c->ic, lanes) * lanes,
                          .streams = 1,
                          .parts = w->by_panel ? q->parts : 1,
                          .by_panel = true};
    w->tile = fg_pick_tile(t, &p, pick);
    const double transforms =
        (double)(tiles * c->images) * fg_scheme_transform_cycles(s, fg_divide_up(c->ic, lanes), vectors);
    const double weights = 4.0 * (double)(s->filters * s->filters) * (double)c->ic * (double)c->oc;
    w->cost = fg_overlapped_cycles(w->tile.cost + transforms,
                                   fg_target_stream_cycles(t, weights) + chunk_cycles(q, w, points, weights));
}

/* Fewest and most tiles in a chunk that are worth trying. */
#define CHUNK_LEAST 4
#define CHUNK_MOST  64

static fg_winograd plan_for(const site *q, const fg_scheme *s, const fg_pick *pick) {
    const fg_convolution *c = q->c;
    fg_winograd w = {.m = s->m,
                     .stride = s->stride,
                     .taps = s->taps,
                     .a = s->points,
                     .ty = fg_divide_up(c->oh, s->m),
                     .tx = fg_divide_up(c->ow, s->m)};
    const int64_t tiles = w.ty * w.tx, points = s->points * s->points;
    w.by_panel = q->tap || tiles < TILES_PER_PART * q->parts;
    const int64_t step = w.by_panel ? 1 : q->parts;
    /* Without caches behind the second level nothing tells chunks apart but the memory that they take. */
    const bool cached = q->t->l2_bytes > 0 && (q->t->l3_gbps > 0 || q->t->dram_gbps > 0);
    const int64_t room = (cached ? q->t->l2_bytes : 65536) / 2 / tile_bytes(q, points, w.by_panel);
    const int64_t least = room < CHUNK_LEAST ? CHUNK_LEAST : room > CHUNK_MOST ? CHUNK_MOST : room;
    fg_winograd best = w;
    bool found = false;
    for (int64_t chunks = step;; chunks += step) {
        const int64_t chunk = fg_divide_up(tiles, chunks);
        const bool last = chunk <= least;
        if ((cached && chunk <= CHUNK_MOST) || last) {
            plan_chunks(q, s, pick, chunks, &w);
            if (!found || w.cost < best.cost) best = w;
            found = true;
        }
        if (last) return best;
    }
}

static bool accurate(const site *q, const fg_scheme *s) {
    return fg_scheme_is_accurate(q->ctx, s, &(fg_folded){q->c, 1});
}

/* Schemes for this convolution, one after the other, NULL behind the last. */
static const fg_scheme *next_scheme(const fg_convolution *c, size_t *i) {
    const fg_scheme *s;
    while ((s = fg_scheme_at((*i)++)) != NULL)
        if (s->stride == c->sx && s->taps == c->kh) break;
    return s;
}

/* The rank-th method to measure: the model's best, then the others that are not far from it. */
static fg_winograd ranked(const site *q, fg_winograd best, fg_pick *pick) {
    fg_winograd option[8] = {best};
    int n = 1;
    const fg_scheme *s;
    for (size_t i = 0; n < 7 && (s = next_scheme(q->c, &i)) != NULL;) {
        if (s->m == best.m) continue;
        const fg_winograd w = plan_for(q, s, &(fg_pick){0});
        if (w.cost < 2.5 * best.cost && accurate(q, s)) option[n++] = w;
    }
    if (best.m && best.direct_cost < 2.5 * best.cost) option[n++] = (fg_winograd){.cost = best.direct_cost};
    const fg_winograd w = option[pick->rank % n];
    pick->rank /= n;
    return w.m ? plan_for(q, scheme_of(&w), pick) : w;
}

/* Chosen as for one thread: results are the same bits for any number of them. */
static fg_winograd best_method(const site *q, double direct_cost) {
    fg_winograd best = {.m = 0, .cost = direct_cost};
    site one = *q;
    one.parts = 1;
    const fg_scheme *s;
    for (size_t i = 0; (s = next_scheme(q->c, &i)) != NULL;) {
        const fg_winograd w = plan_for(&one, s, &(fg_pick){0});
        if (w.cost < 0.95 * best.cost && accurate(q, s)) best = w;
    }
    if (best.m && q->parts > 1) best = plan_for(q, scheme_of(&best), &(fg_pick){0});
    best.direct_cost = direct_cost;
    return best;
}

static fg_winograd tuned_method(const site *q, fg_pick *pick) {
    const fg_scheme *s = fg_scheme_of(fg_scheme_asked(pick), q->c->sx, q->c->kh);
    if (!s || !accurate(q, s)) return (fg_winograd){.m = 0};
    pick->text += 3;
    return plan_for(q, s, pick);
}

fg_winograd fg_winograd_plan(fg_context *ctx, const fg_module *m, const fg_kernel *k, const fg_convolution *c,
                             fg_pick *pick) {
    const fg_target *t = m->target;
    const int lanes = fg_target_lanes(t);
    const fg_winograd direct = {.m = 0};
    if (c->kh != c->kw || c->sy != c->sx || c->sx > 2 || c->dy != 1 || c->dx != 1 || c->groups != 1)
        return direct;
    /* In 16 bits the transformed weights would be rounded once more, and there are up to four times as many.
     */
    if (c->w->storage != FG_UNDEFINED) return direct;
    size_t first = 0;
    if (!next_scheme(c, &first)) return direct;
    if (c->ic < 16 || c->oc < lanes || c->in.y < 0 || c->ih < 4 || c->iw < 4 || c->x->is_input) return direct;
    const site q = {ctx, t, c, m->options.threads > 1 ? m->options.threads : 1, k->tap != NULL};
    const double direct_cost = direct_cycles(t, c, fg_divide_up(c->oc, lanes));
    fg_winograd w = pick->text ? tuned_method(&q, pick) : best_method(&q, direct_cost);
    if (pick->rank > 0) w = ranked(&q, w, pick);
    w.direct_cost = direct_cost;
    return w;
}

void fg_winograd_pad(const fg_winograd *w, fg_convolution *c) {
    const int64_t rows = (w->ty * w->m - 1) * w->stride + w->taps,
                  columns = (w->tx * w->m - 1) * w->stride + w->taps;
    if (rows - c->pt - c->ih > c->pb) c->pb = rows - c->pt - c->ih;
    if (columns - c->pl - c->iw > c->pr) c->pr = columns - c->pl - c->iw;
}

/* ---- emission ---- */

typedef struct fg_winograd_kernel {
    fg_emit *e;
    const fg_winograd *w;
    const fg_convolution *c;
    const fg_source *source;
    const fg_value *stored; /* NULL: only the tap is wanted */
    fg_epilogue *epilogue;
    int64_t yb, yy, yx;
} fg_winograd_kernel;

/* Which filter each point takes, where several share one. */
static void set_filters(const fg_winograd *w, fg_template *t) {
    const fg_scheme *s = scheme_of(w);
    int64_t filter[FG_WINOGRAD_POINTS * FG_WINOGRAD_POINTS];
    const int points = s->points * s->points;
    for (int i = 0; i < points; i++)
        filter[i] = s->filter[i / s->points] * s->filters + s->filter[i % s->points];
    fg_template_int(t, "SHARED", s->filters < s->points);
    fg_template_ints(t, "FILTER", points, filter);
}

static void hook_operands(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    const fg_winograd_kernel *q = user;
    fg_epilogue_at(q->epilogue, "b", "oy", "ox", "n", out);
}

static void hook_image(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    const fg_winograd_kernel *q = user;
    fg_text *saved = q->e->out;
    q->e->out = out;
    fg_source_fill(q->e, q->source, q->c);
    q->e->out = saved;
}

/* Result row I, column J of the tile, LANES channels. */
static void hook_result(void *user, const char *arguments, fg_text *out) {
    const fg_winograd_kernel *q = user;
    char *end;
    const long i = strtol(arguments, &end, 10), j = strtol(end, &end, 10), lanes = strtol(end, &end, 10);
    fg_context *ctx = q->e->ctx;
    const char *var = fg_format(ctx, "y%ld_%ld", i, j);
    fg_epilogue_place(q->epilogue, i, j);
    fg_epilogue_apply(q->epilogue, var, 0, 0, (int)lanes, fg_format(ctx, "_%ld_%ld", i, j), out);
    if (q->e->k->tap) fg_text_printf(out, "s = fg_add(s, %s);\n", var);
    if (!q->stored) return;
    const char *to = fg_format(ctx, "yt + %lld", (long long)(i * q->yy + j * q->yx));
    if (lanes < q->e->lanes)
        fg_text_printf(out, "fg_storen(%s, %s, %ld);\n", to, var, lanes);
    else
        fg_text_printf(out, "fg_store(%s, %s);\n", to, var);
}

static void set_sizes(const fg_winograd_kernel *q, const fg_source *s, fg_template *t) {
    const fg_winograd *w = q->w;
    const fg_convolution *c = q->c;
    const int64_t vectors = fg_divide_up(c->oc, q->e->lanes);
    fg_template_int(t, "STORE", q->stored != NULL);
    const fg_node *tap = q->e->k->tap;
    const int64_t *ts = tap ? fg_layout_of(q->e, tap->out[0])->stride : NULL;
    fg_template_int(t, "TAP", tap != NULL);
    fg_template_int(t, "TB", ts ? ts[0] : 0);
    fg_template_int(t, "TC", ts ? ts[1] : 0);
    fg_template_text(t, "MEAN", fg_format(q->e->ctx, "(1.0f / %lld.0f)", (long long)(c->oh * c->ow)));
    fg_template_int(t, "YB", q->yb);
    fg_template_text(t, "XNAME", s->pointer);
    fg_template_int(t, "XB", s->b);
    fg_template_int(t, "XY", s->y);
    fg_template_int(t, "XX", s->x);
    fg_template_int(t, "YY", q->yy);
    fg_template_int(t, "YX", q->yx);
    fg_template_int(t, "B", c->images);
    fg_template_int(t, "M", w->m);
    fg_template_int(t, "A", w->a);
    fg_template_int(t, "S", w->stride);
    fg_template_int(t, "IN", fg_scheme_inputs(scheme_of(w)));
    set_filters(w, t);
    fg_template_int(t, "TX", w->tx);
    fg_template_int(t, "TILES", w->ty * w->tx);
    fg_template_int(t, "CHUNK", w->chunk);
    fg_template_int(t, "IC", c->ic);
    fg_template_int(t, "ICP", fg_divide_up(c->ic, q->e->lanes) * q->e->lanes);
    fg_template_int(t, "NP", vectors * q->e->lanes);
    fg_template_int(t, "MP", vectors * q->e->lanes);
    fg_template_text(t, "COLUMN", "n");
    fg_template_int(t, "OC", c->oc);
    fg_template_int(t, "OH", c->oh);
    fg_template_int(t, "OW", c->ow);
    fg_template_int(t, "MR", w->tile.mr);
    fg_template_int(t, "NV", w->tile.nv);
    fg_template_int(t, "PANELS", vectors / w->tile.nv);
    fg_template_int(t, "REST", vectors % w->tile.nv);
}

static void set_split(const fg_winograd_kernel *q, fg_template *t) {
    const fg_emit *e = q->e;
    fg_context *ctx = e->ctx;
    const fg_winograd *w = q->w;
    const int64_t lanes = e->lanes, nv = w->tile.nv, vectors = fg_divide_up(q->c->oc, lanes),
                  chunks = fg_divide_up(w->ty * w->tx, w->chunk);
    const int64_t panels = fg_divide_up(vectors, nv), full = vectors / nv;
    const bool parts = e->parallel, by_panel = parts && w->by_panel;
    fg_template_part(t, e, "T", parts && !by_panel, chunks, chunks, w->chunk);
    fg_template_part(t, e, "N", by_panel, panels, full, nv * lanes);
    /* Channels of those panels; what the last, narrower panel holds belongs to the last part. */
    const long long whole = (long long)(q->c->oc / lanes * lanes), width = (long long)(nv * lanes);
    const char *to = fg_part_to(e, panels);
    fg_template_text(t, "C_FROM",
                     by_panel ? fg_format(ctx, "%s * %lld", fg_part_from(e, panels), width) : "0");
    fg_template_text(
        t, "C_TO",
        by_panel ? fg_format(ctx, "(%s * %lld < %lld ? %s * %lld : %lld)", to, width, whole, to, width, whole)
                 : fg_format(ctx, "%lld", whole));
    fg_template_text(t, "ONLY_LAST_PANEL", by_panel ? "if (c->part == c->parts - 1)" : "");
}

void fg_winograd_emit(fg_emit *e, const fg_winograd *w, const fg_convolution *c, const fg_source *source) {
    const fg_stage *s = &e->k->stage[0];
    const int64_t points = w->a * w->a;
    fg_winograd_kernel q = {.e = e, .w = w, .c = c, .source = source};
    for (int i = 0; i < e->k->n_out; i++)
        if (!e->k->tap || e->k->out[i] != e->k->tap->out[0]) q.stored = e->k->out[i];
    if (q.stored) {
        const int64_t *ys = fg_layout_of(e, q.stored)->stride;
        q.yb = ys[c->out.b];
        q.yy = ys[c->out.y];
        q.yx = ys[c->out.x];
    }
    fg_template *t = fg_emit_template(e);
    set_sizes(&q, source, t);
    set_split(&q, t);
    fg_scheme_pack(e, scheme_of(w), &(fg_folded){c, 1}, w->tile.nv);
    fg_pack_bias(e, "bias", c, 1);
    const int64_t lanes = e->lanes;
    fg_emit_scratch(e, "inputs", "float", sizeof(float),
                    points * w->chunk * fg_divide_up(c->ic, lanes) * lanes);
    fg_emit_scratch(e, "products", "float", sizeof(float),
                    points * w->chunk * fg_divide_up(c->oc, lanes) * lanes);
    if (e->k->tap) fg_emit_scratch(e, "sums", "float", sizeof(float), fg_divide_up(c->oc, lanes) * lanes);
    q.epilogue = fg_epilogue_new(e, "p", s->epilogue, s->n_epilogue, c->y, c->out, false);
    fg_template_hook(t, "operands", hook_operands, &q);
    fg_template_hook(t, "result", hook_result, &q);
    fg_template_hook(t, "image", hook_image, &q);
    fg_template_render(t, "winograd", e->out);
    e->kt->choice = fg_format(e->ctx, "F%d:%dx%d", w->m, w->tile.mr, w->tile.nv);
    fg_describe(
        e, fg_format(e->ctx, "F(%dx%d) %dx%lld", w->m, w->m, w->tile.mr, (long long)(w->tile.nv * lanes)),
        "Winograd: %lld tiles of %dx%d, %lld at a time; about %.0f %% of direct convolution's cycles",
        (long long)(w->ty * w->tx), w->a, w->a, (long long)w->chunk, 100 * w->cost / w->direct_cost);
}
