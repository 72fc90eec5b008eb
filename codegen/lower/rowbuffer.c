/* Window operators row by row: a depthwise convolution or max pool whose input rows are made by a dense
 * convolution into a ring of rows (expand + depthwise, stem + depthwise, stem + pool), or are read where they
 * lie (depthwise alone). The squeeze of a squeeze-and-excite block is summed on the way out. */
#include "codegen/lower/rowbuffer.h"

#include "codegen/window_row.h"
#include "codegen/winograd_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct fg_window {
    fg_value *x, *y;
    fg_axes in, out;
    int64_t images, channels, ih, iw, oh, ow;
    int64_t kh, kw, sy, sx, dy, dx, pt, pl, pb, pr;
    bool pool;
    fg_convolution c; /* the depthwise convolution, unless pool */
} fg_window;

typedef struct fg_rowbuffer {
    fg_emit *e;
    fg_window v;
    bool producer;
    fg_convolution p; /* the producer */
    fg_source source;
    fg_pick pick;
    fg_tile tile;
    int ahead; /* floats of weights fetched ahead in each step */
    int tx;
    int64_t cb, ring, pitch;
    fg_dtype packed_as, window_as; /* types of the weights */
    bool wide, wide_taps;          /* both are made float32 in scratch before a block begins */
    fg_epilogue *produced, *epilogue;
    const fg_value *stored;
    const char *split; /* what the parts of the kernel divide: "none", "block", "vector" or "row" */
} fg_rowbuffer;

static bool pool_window(fg_context *ctx, const fg_node *n, fg_window *v) {
    const fg_value *x = n->in[0];
    if (x->shape.rank != 4 || n->n_out > 1 || fg_attr_int(n, "storage_order", 0)) return false;
    int64_t k[2], s[2] = {1, 1}, d[2] = {1, 1}, pads[4] = {0};
    fg_attr_ints(ctx, n, "kernel_shape", 2, k);
    fg_attr_ints(ctx, n, "strides", 2, s);
    fg_attr_ints(ctx, n, "dilations", 2, d);
    fg_attr_ints(ctx, n, "pads", 4, pads);
    if (strcmp(fg_attr_string(n, "auto_pad", "NOTSET"), "NOTSET") != 0) return false;
    v->pool = true;
    v->in = v->out = (fg_axes){0, 1, 2, 3};
    v->images = x->shape.dim[0];
    v->channels = x->shape.dim[1];
    v->ih = x->shape.dim[2];
    v->iw = x->shape.dim[3];
    v->oh = v->y->shape.dim[2];
    v->ow = v->y->shape.dim[3];
    v->kh = k[0];
    v->kw = k[1];
    v->sy = s[0];
    v->sx = s[1];
    v->dy = d[0];
    v->dx = d[1];
    v->pt = pads[0];
    v->pl = pads[1];
    /* With ceil_mode the last windows may reach further than the padding says. */
    const int64_t reach_y = (v->oh - 1) * v->sy + (v->kh - 1) * v->dy + 1 - v->pt,
                  reach_x = (v->ow - 1) * v->sx + (v->kw - 1) * v->dx + 1 - v->pl;
    v->pb = reach_y > v->ih ? reach_y - v->ih : 0;
    v->pr = reach_x > v->iw ? reach_x - v->iw : 0;
    return true;
}

static bool window_of(fg_context *ctx, const fg_node *n, fg_window *v) {
    memset(v, 0, sizeof(*v));
    v->x = n->in[0];
    v->y = n->out[0];
    if (strcmp(n->op_type, "MaxPool") == 0) return pool_window(ctx, n, v);
    if (!fg_convolution_of(ctx, n, &v->c) || !fg_convolution_is_depthwise(&v->c)) return false;
    const fg_convolution *c = &v->c;
    v->in = c->in;
    v->out = c->out;
    v->images = c->images;
    v->channels = c->ic;
    v->ih = c->ih;
    v->iw = c->iw;
    v->oh = c->oh;
    v->ow = c->ow;
    v->kh = c->kh;
    v->kw = c->kw;
    v->sy = c->sy;
    v->sx = c->sx;
    v->dy = c->dy;
    v->dx = c->dx;
    v->pt = c->pt;
    v->pl = c->pl;
    v->pb = c->pb;
    v->pr = c->pr;
    return true;
}

void fg_rowbuffer_prefer(fg_planner *p, fg_kernel *k) {
    fg_context *ctx = fg_planner_context(p);
    fg_convolution c;
    if (!fg_convolution_of(ctx, k->stage[0].anchor, &c)) return;
    fg_convolution_prefer(p, &c, k);
}

/* ---- hooks ---- */

static void hook_produced_operands(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    fg_epilogue_at(((fg_rowbuffer *)user)->produced, "b", "row", "px", "n", out);
}

static void hook_produced_results(void *user, const char *arguments, fg_text *out) {
    fg_epilogue_tile(((fg_rowbuffer *)user)->produced, arguments, out);
}

static void hook_produced(void *user, const char *arguments, fg_text *out) {
    const fg_rowbuffer *q = user;
    char *end;
    const long i = strtol(arguments, &end, 10), j = strtol(end, &end, 10);
    (void)fg_epilogue_accumulator(q->produced, i, j, q->e->lanes, out);
}

/* Result i of column j of a tile of Winograd's. */
static void hook_transformed(void *user, const char *arguments, fg_text *out) {
    const fg_rowbuffer *q = user;
    char *end;
    const long i = strtol(arguments, &end, 10), j = strtol(end, &end, 10);
    fg_context *ctx = q->e->ctx;
    fg_epilogue_place(q->produced, i, j);
    fg_epilogue_apply(q->produced, fg_format(ctx, "y%ld_%ld", i, j), 0, 0, q->e->lanes,
                      fg_format(ctx, "_%ld_%ld", i, j), out);
}

static void hook_transformed_operands(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    fg_epilogue_at(((fg_rowbuffer *)user)->produced, "b", "oy", "ox", "(n + j)", out);
}

static void hook_operands(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    fg_epilogue_at(((fg_rowbuffer *)user)->epilogue, "b", "y", "px", "(n + j)", out);
}

static void hook_results(void *user, const char *arguments, fg_text *out) {
    fg_epilogue_tile(((fg_rowbuffer *)user)->epilogue, arguments, out);
}

static void hook_result(void *user, const char *arguments, fg_text *out) {
    const fg_rowbuffer *q = user;
    char *end;
    const long t = strtol(arguments, &end, 10), lanes = strtol(end, &end, 10);
    const char *var = fg_format(q->e->ctx, "a%ld", t);
    fg_epilogue_apply(q->epilogue, var, t, 0, (int)lanes, fg_format(q->e->ctx, "_%ld", t), out);
    if (q->e->k->tap) fg_text_printf(out, "s = fg_add(s, %s);\n", var);
}

static void hook_image(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    fg_rowbuffer *q = user;
    fg_text *saved = q->e->out;
    q->e->out = out;
    fg_source_fill(q->e, &q->source, q->producer ? &q->p : &q->v.c);
    q->e->out = saved;
}

/* ---- decisions ---- */

/* The ring should stay in the first-level cache beside the producer's input tile; half of the cache for it.
 */
static int widest_block(const fg_rowbuffer *q) {
    if (q->e->m->options.optimize == FG_OPTIMIZE_RAM) /* fusion/stream.c counts on it */
        return q->e->lanes < 4 ? 4 / q->e->lanes : 1;
    const int64_t row = (q->v.pl + q->v.iw + q->v.pr) * q->e->lanes * 4 * q->ring;
    const int64_t room = q->e->m->target->l1_bytes ? q->e->m->target->l1_bytes * 3 / 4 : 16384;
    return (int)(room / row < 1 ? 1 : room / row);
}

/* How much longer parts take that share the channels, because all read what any of them has written before,
 * and write into neighbouring cache lines. */
#define SHARING 0.1

/* How much longer the slowest of the parts works than if all worked alike, where they share the rows: the
 * rows of the producer that two parts need are made twice. */
static double row_imbalance(const fg_rowbuffer *q, int parts) {
    const fg_window *v = &q->v;
    const double k = q->producer ? (double)(q->p.kh * q->p.kw * q->p.ic * v->iw) : 0,
                 w = (double)(v->kh * v->kw * v->ow), all = (double)v->ih * k + (double)v->oh * w;
    double most = 0;
    for (int i = 0; i < parts; i++) {
        const int64_t y = v->oh * i / parts, end = v->oh * (i + 1) / parts;
        const int64_t first = y * v->sy - v->pt, last = (end - 1) * v->sy - v->pt + (v->kh - 1) * v->dy;
        const int64_t made = (last < v->ih ? last + 1 : v->ih) - (first > 0 ? first : 0);
        most = fmax(most, (double)made * k + (double)(end - y) * w);
    }
    return most * parts / all;
}

/* Rows keep each part to what it has written itself, one kernel before. Channels are divided where too many
 * rows would be made twice. */
static const char *choose_split(const fg_rowbuffer *q) {
    const int threads = q->e->m->options.threads;
    const int64_t lanes = q->e->lanes, vectors = (q->v.channels + lanes - 1) / lanes;
    if (threads < 2) return "none";
    const double by_row = q->v.oh >= threads ? row_imbalance(q, threads) : INFINITY,
                 by_channel = fg_imbalance(vectors, vectors, 1, threads) + SHARING;
    if (by_row <= by_channel || (by_row < 1.99 && vectors < threads)) return "row";
    if (q->producer) return vectors >= threads ? "block" : "none";
    return q->v.channels / lanes >= threads ? "vector" : by_row < 1.99 ? "row" : "none";
}

static void set_split(const fg_rowbuffer *q, fg_template *t) {
    const fg_emit *e = q->e;
    const bool block = strcmp(q->split, "block") == 0, vector = strcmp(q->split, "vector") == 0;
    const int64_t vectors = q->v.channels / e->lanes, cb = q->producer ? q->cb : 1,
                  c = q->producer ? q->v.channels : 0;
    const char *last = "if (c->part == c->parts - 1)";
    fg_template_text(t, "SPLIT", q->split);
    fg_template_part(t, e, "Y", strcmp(q->split, "row") == 0, q->v.oh, q->v.oh, 1);
    fg_template_part(t, e, "J", vector, vectors, vectors, e->lanes);
    fg_template_part(t, e, "N", block, (c + cb - 1) / cb, c / cb, cb);
    const bool finish = e->kt->finish;
    fg_template_int(t, "FINISH", finish);
    fg_template_int(t, "SUMS", (q->v.channels + e->lanes - 1) / e->lanes * e->lanes);
    fg_template_text(t, "ONLY_LAST_BLOCK", block ? last : "");
    fg_template_text(t, "ONLY_LAST_VECTOR", vector ? last : "");
}

/* The choice's number of pixels, else the rank-th of the model's own, one with all registers and those that
 * cut the row into more pieces.
 */
static int pick_window_tile(const fg_rowbuffer *q, int rank) {
    const fg_target *t = q->e->m->target;
    const int64_t ow = q->v.ow,
                  own = fg_window_row_tile(t, ow, q->v.kw, fg_wants_little_text(q->e->m, q->e->k));
    int64_t most = t->vector_registers - q->v.kw - 1;
    if (most < own) most = own;
    if (most > ow) most = ow;
    if (q->pick.text) {
        const char *number = q->producer ? strchr(q->pick.text, '+') : q->pick.text;
        const long tx = number ? strtol(number + q->producer, NULL, 10) : 0;
        return tx >= 1 && tx <= most ? (int)tx : (int)own;
    }
    if (rank == 0) return (int)own;
    if (own < most && --rank == 0) return (int)most;
    const int64_t pieces = (ow + own - 1) / own + rank;
    return (int)((ow + pieces - 1) / pieces);
}

/* Producer and window take turns, so that a time can be laid to one of them. */
static void choose_window_tile(fg_rowbuffer *q) {
    const int rank = q->pick.rank;
    q->tx = pick_window_tile(q, !q->producer ? rank : rank % 2 ? 0 : rank / 2);
    q->e->kt->choice = q->producer ? fg_format(q->e->ctx, "%dx%d+%d", q->tile.mr, q->tile.nv, q->tx)
                                   : fg_format(q->e->ctx, "%dx1", q->tx);
}

static fg_product product_of(const fg_rowbuffer *q) {
    const fg_emit *e = q->e;
    return (fg_product){
        .rows = q->p.oh,
        .width = q->p.ow,
        .k = q->p.kh * q->p.kw * q->p.ic,
        .vectors = (q->p.oc + e->lanes - 1) / e->lanes,
        .max_nv = widest_block(q),
        .run = fg_tile_run(e->m->target, q->p.ic, q->source.c),
        .pitch = 4 * q->source.x * q->p.sx,
        .parts = strcmp(q->split, "row") == 0 ? 1 : e->m->options.threads,
        .by_panel = true,
        .widen = e->m->options.optimize == FG_OPTIMIZE_RAM ? fg_widening(e->m->target, q->p.w->storage) : 0,
        .compact = fg_wants_little_text(e->m, e->k)};
}

static void open_producer(fg_rowbuffer *q) {
    fg_emit *e = q->e;
    const fg_stage *s = &e->k->stage[0];
    const fg_product product = product_of(q);
    q->tile = fg_pick_tile(e->m->target, &product,
                           &(fg_pick){q->pick.text, q->pick.rank % 2 ? (q->pick.rank + 1) / 2 : 0});
    q->ahead = fg_tile_ahead(e->m->target, &product, &q->tile);
    q->cb = q->tile.nv * e->lanes;
    q->pitch = (q->v.pl + q->v.iw + q->v.pr) * q->cb;
    q->packed_as = fg_pack_panels(e, "w", &q->p, 1, q->tile.nv);
    fg_pack_bias(e, "bias", &q->p, 1);
    fg_emit_scratch(e, "ring", "float", sizeof(float), q->ring * q->pitch);
    q->produced = fg_epilogue_new(e, "e", s->epilogue, s->n_epilogue, q->p.y, q->p.out, false);
}

/* Blocks begin with their weights made float32 where their rows would load them often enough. */
static void make_wide(fg_rowbuffer *q) {
    fg_emit *e = q->e;
    const fg_window *v = &q->v;
    const int64_t parts = strcmp(q->split, "row") == 0 ? e->m->options.threads : 1;
    if (q->producer) {
        const int64_t tiles = (q->p.ow + q->tile.mr - 1) / q->tile.mr;
        q->wide = fg_wants_wide(e, q->packed_as, q->p.oh / parts * tiles);
    }
    if (!v->pool)
        q->wide_taps = fg_wants_wide(e, q->window_as, v->oh / parts * ((v->ow + q->tx - 1) / q->tx));
    const int64_t vectors = (v->channels + e->lanes - 1) / e->lanes * e->lanes,
                  block = q->producer && q->cb < vectors ? q->cb : vectors;
    if (q->wide) {
        fg_emit_scratch(e, "panel", "float", sizeof(float), q->p.kh * q->p.kw * q->p.ic * block);
        q->ahead = 0;
    }
    if (q->wide_taps) fg_emit_scratch(e, "taps", "float", sizeof(float), v->kh * v->kw * block);
}

static void set_producer(const fg_rowbuffer *q, fg_template *t) {
    const fg_convolution *c = &q->p;
    const fg_source *s = &q->source;
    const bool run = c->kw > 1 && s->c == 1 && s->x == c->ic && c->dx == 1;
    fg_template_int(t, "MR", q->tile.mr);
    fg_template_int(t, "NV", q->tile.nv);
    fg_template_int(t, "AHEAD", q->ahead);
    fg_template_int(t, "K", c->kh * c->kw * c->ic);
    fg_template_int(t, "IH", c->oh);
    fg_template_int(t, "IW", c->ow);
    fg_template_int(t, "RING", q->ring);
    fg_template_int(t, "PITCH", q->pitch);
    fg_template_int(t, "CB", q->cb);
    fg_template_int(t, "PL", q->v.pl);
    fg_template_int(t, "XB", s->b);
    fg_template_int(t, "XY", s->y * c->sy);
    fg_template_int(t, "XX", s->x * c->sx);
    fg_template_int(t, "XP", s->x * c->sx);
    fg_template_int(t, "CKH", c->kh);
    fg_template_int(t, "CKW", run ? 1 : c->kw);
    fg_template_int(t, "KN", run ? c->kw * c->ic : c->ic);
    fg_template_int(t, "XKY", s->y * c->dy);
    fg_template_int(t, "XKX", s->x * c->dx);
    fg_template_int(t, "XK", s->c);
}

static void set_reader(const fg_rowbuffer *q, fg_template *t) {
    fg_template_int(t, "XB", q->source.b);
    fg_template_int(t, "XY", q->source.y);
    fg_template_int(t, "CB", 0);
}

static void set_window(const fg_rowbuffer *q, fg_template *t) {
    const fg_window *v = &q->v;
    const fg_node *tap = q->e->k->tap;
    const int64_t *ys = q->stored ? fg_layout_of(q->e, q->stored)->stride : NULL,
                  *ts = tap ? fg_layout_of(q->e, tap->out[0])->stride : NULL;
    fg_template_int(t, "B", v->images);
    fg_template_int(t, "C", v->channels);
    fg_template_int(t, "OH", v->oh);
    fg_template_int(t, "OW", v->ow);
    fg_template_int(t, "KH", v->kh);
    fg_template_int(t, "KW", v->kw);
    fg_template_int(t, "SY", v->sy);
    fg_template_int(t, "SX", v->sx);
    fg_template_int(t, "DY", v->dy);
    fg_template_int(t, "DX", v->dx);
    fg_template_int(t, "PT", v->pt);
    fg_template_int(t, "TX", q->tx);
    fg_template_int(t, "DP", q->producer ? q->cb : q->source.x);
    fg_template_int(t, "STORE", ys != NULL);
    fg_template_int(t, "YB", ys ? ys[v->out.b] : 0);
    fg_template_int(t, "YY", ys && v->out.y >= 0 ? ys[v->out.y] : 0);
    fg_template_int(t, "YX", ys ? ys[v->out.x] : 0);
    fg_template_int(t, "TB", ts ? ts[v->out.b] : 0);
    fg_template_int(t, "TC", ts ? ts[v->out.n] : 0);
    fg_template_int(t, "HOLES", 0);
    fg_template_text(t, "YROW", "y");
    fg_template_int(t, "POOL", v->pool);
    fg_template_int(t, "TAP", q->e->k->tap != NULL);
    fg_template_weights(t, q->wide ? FG_FLOAT : q->packed_as);
    fg_window_row_weights(t, q->wide_taps ? FG_FLOAT : q->window_as);
    fg_template_int(t, "WIDE", q->wide);
    fg_template_int(t, "WIDE_TAPS", q->wide_taps);
    fg_template_text(t, "LOADFROM", fg_weight_load(q->wide ? q->packed_as : q->window_as));
    fg_template_text(t, "FILL", v->pool ? "fg_set1(-FG_INF)" : "fg_zero()");
    fg_template_text(t, "MEAN", fg_format(q->e->ctx, "1.0f / %lld.0f", (long long)(v->oh * v->ow)));
    fg_window_row_uses(t, q->e->ctx, q->tx, v->kw, v->sx, v->dx);
}

/* The producer by Winograd's transforms, where that is cheaper than its direct product. */
static fg_winograd_rows transformed(fg_rowbuffer *q) {
    const fg_winograd_rows direct = {0};
    if (!q->producer) return direct;
    q->ring = (q->v.kh - 1) * q->v.dy + 1;
    q->source.x = fg_source_pixel(q->e, &q->p);
    q->source.c = q->source.x == 1 ? q->p.iw : 1;
    const fg_product product = product_of(q);
    const double direct_cost = (double)q->p.images * fg_choose_tile(q->e->m->target, &product).cost;
    return fg_winograd_rows_plan(q->e, &q->p, direct_cost, &q->pick);
}

static void emit_transformed(fg_rowbuffer *q, const fg_winograd_rows *w) {
    fg_emit *e = q->e;
    const fg_stage *s = e->k->stage;
    fg_template *t = fg_emit_template(e);
    fg_emit_output(e, "out", e->k->out[0]);
    q->tile = w->tile;
    q->ring = fg_winograd_rows_ring(w, q->ring);
    q->cb = (q->p.oc + e->lanes - 1) / e->lanes * e->lanes;
    fg_winograd_rows_open(e, w, t, q->ring, q->v.pl, q->v.pr);
    q->produced = fg_epilogue_new(e, "e", s[0].epilogue, s[0].n_epilogue, q->p.y, q->p.out, false);
    choose_window_tile(q);
    e->kt->choice = fg_format(e->ctx, "F%d:%s", w->scheme->m, e->kt->choice);
    if (!q->v.pool) q->window_as = fg_window_row_pack(e, &q->v.c);
    q->epilogue = fg_epilogue_new(e, "p", s[1].epilogue, s[1].n_epilogue, q->v.y, q->v.out, false);
    fg_template_int(t, "SAFE", 0);
    set_window(q, t);
    set_split(q, t);
    fg_template_hook(t, "operands", hook_operands, q);
    fg_template_hook(t, "results", hook_results, q);
    fg_template_hook(t, "result", hook_result, q);
    fg_template_hook(t, "produced_operands", hook_transformed_operands, q);
    fg_template_hook(t, "produced", hook_transformed, q);
    fg_template_render(t, "winograd_rows", e->out);
    fg_describe(e,
                fg_format(e->ctx, "F(%dx%d) %dx%d+%d", w->scheme->m, w->scheme->m, q->tile.mr,
                          q->tile.nv * e->lanes, q->tx),
                "Winograd, %lldx%lld pixels as channels, %lld tiles at a time; a ring of %lld rows; about "
                "%.0f %% of direct convolution's cycles",
                (long long)w->folded.fold, (long long)w->folded.fold, (long long)w->chunk, (long long)q->ring,
                100 * w->cost / w->direct_cost);
}

void fg_rowbuffer_emit(fg_emit *e) {
    const fg_kernel *k = e->k;
    fg_rowbuffer q = {.e = e, .producer = k->n_stages == 2};
    const fg_stage *last = &k->stage[k->n_stages - 1];
    bool ok = window_of(e->ctx, last->anchor, &q.v);
    if (q.producer) ok = ok && fg_convolution_of(e->ctx, k->stage[0].anchor, &q.p) && q.p.groups == 1;
    FG_REQUIRE(e->ctx, "rowbuffer", ok && k->n_prologue == 0 && (q.producer || !q.v.pool));
    q.split = choose_split(&q);
    q.pick = fg_pick_of(e->m, k);
    const fg_winograd_rows w = transformed(&q);
    if (w.scheme) q.split = e->m->options.threads > 1 && q.v.oh >= e->m->options.threads ? "row" : "none";
    if (strcmp(q.split, "none") != 0) fg_emit_parallel(e);
    if (w.scheme) {
        q.stored = k->out[0];
        emit_transformed(&q, &w);
        return;
    }
    q.source = fg_source_open(e, q.producer ? &q.p : &q.v.c);
    if (q.producer && q.source.per_image && strcmp(q.split, "row") == 0)
        fg_source_limit(e, &q.source, &q.p, q.v.oh, q.v.sy, -q.v.pt, (q.v.kh - 1) * q.v.dy + 1);
    for (int i = 0; i < k->n_out; i++) {
        const bool tap = k->tap && k->out[i] == k->tap->out[0];
        if (!tap) q.stored = k->out[i];
        fg_emit_output(e, tap ? "tap" : "out", k->out[i]);
    }
    FG_REQUIRE(e->ctx, "rowbuffer", q.stored != NULL || k->tap != NULL);
    if (k->tap && strcmp(q.split, "row") == 0) {
        fg_emit_finish(e);
        fg_emit_shared(e, "row_sums", "float", sizeof(float),
                       q.v.images * q.v.oh * ((q.v.channels + e->lanes - 1) / e->lanes * e->lanes));
    }
    if (q.producer) open_producer(&q);
    choose_window_tile(&q);
    if (!q.v.pool) q.window_as = fg_window_row_pack(e, &q.v.c);
    make_wide(&q);
    q.epilogue = fg_epilogue_new(e, "p", last->epilogue, last->n_epilogue, q.v.y, q.v.out, false);
    fg_template *t = fg_emit_template(e);
    fg_template_text(t, "XNAME", q.source.pointer);
    fg_template_int(t, "PRODUCER", q.producer);
    fg_template_int(t, "SAFE",
                    !q.producer && fg_slot_of(e, q.v.x)->place != FG_PLACE_ARENA && !q.source.per_image);
    if (q.producer)
        set_producer(&q, t);
    else
        set_reader(&q, t);
    set_window(&q, t);
    set_split(&q, t);
    fg_template_hook(t, "image", hook_image, &q);
    fg_template_hook(t, "operands", hook_operands, &q);
    fg_template_hook(t, "results", hook_results, &q);
    fg_template_hook(t, "result", hook_result, &q);
    fg_template_hook(t, "produced_operands", hook_produced_operands, &q);
    fg_template_hook(t, "produced_results", hook_produced_results, &q);
    fg_template_hook(t, "produced", hook_produced, &q);
    fg_template_render(t, "rowbuffer", e->out);
    if (q.producer)
        fg_describe(e, fg_format(e->ctx, "%dx%d+%d", q.tile.mr, q.tile.nv * e->lanes, q.tx),
                    "blocks of %lld channels; a ring of %lld rows (%lld bytes) joins the two, window tiles "
                    "of %d pixels",
                    (long long)q.cb, (long long)q.ring, (long long)(q.ring * q.pitch * 4), q.tx);
    else
        fg_describe(e, fg_format(e->ctx, "%dx%d", q.tx, e->lanes),
                    "%d pixels by %d channels in registers, taps of a row beside them", q.tx, e->lanes);
}

const fg_lowering fg_lowering_rowbuffer = {
    .name = "rowbuffer", .prefer = fg_rowbuffer_prefer, .emit = fg_rowbuffer_emit};
