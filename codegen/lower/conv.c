/* Dense convolutions and products with constant weights: register tiles over packed panels, with an
 * elementwise prologue on what is loaded, an epilogue on what is stored and a squeeze tap. */
#include "codegen/strassen.h"
#include "codegen/winograd.h"

#include <stdlib.h>
#include <string.h>

extern const fg_lowering fg_lowering_matmul;

typedef struct fg_conv_kernel {
    fg_emit *e;
    fg_convolution c;
    fg_source source;
    fg_pick pick;
    fg_product product;
    fg_tile tile;
    int64_t b, h, w; /* loops over the result; joined rows have h = 1 */
    bool flat;
    int64_t merged, blocks, icm, ocm, vectors;
    bool stored, scale_weights;
    bool scattered; /* rows of the result lie anywhere */
    bool wide;      /* weights in 16 bits become float32 in scratch, panel by panel */
    int ahead;      /* floats of weights fetched ahead in each step */
    bool halves;    /* where the last vector has few channels, half of it is worked on */
    fg_epilogue *epilogue, *prologue;
    int64_t rows_pitch;
    const char *split; /* what the parts of the kernel divide among them: "none", "row", "pixel", "panel" or
                          "block" */
} fg_conv_kernel;

/* Winograd where it pays; not with a prologue, not with --exact, and not where memory counts more. */
static fg_winograd winograd_for(fg_context *ctx, const fg_module *m, const fg_kernel *k,
                                const fg_convolution *c, fg_pick *pick) {
    const fg_winograd direct = {.m = 0};
    if (m->options.exact || m->options.optimize != FG_OPTIMIZE_SPEED || fg_wants_little_text(m, k) ||
        k->n_prologue)
        return direct;
    return fg_winograd_plan(ctx, m, k, c, pick);
}

static void prefer(fg_planner *p, fg_kernel *k) {
    fg_convolution c;
    if (!fg_convolution_of(fg_planner_context(p), k->stage[0].anchor, &c)) return;
    if (k->n_prologue) c.x = k->prologue[0]->in[fg_prologue_main(k)];
    fg_pick pick = fg_pick_of(fg_planner_module(p), k);
    const fg_winograd w = winograd_for(fg_planner_context(p), fg_planner_module(p), k, &c, &pick);
    if (w.m) fg_winograd_pad(&w, &c);
    fg_convolution_prefer(p, &c, k);
    if (strcmp(c.node->op_type, "Conv") == 0 || k->n_prologue || k->tap || k->n_out != 1) return;
    fg_scatter_rows(p, k->out[0]);
    for (int i = 0; i < k->n_in; i++)
        if (!k->in[i]->data && k->in[i] != c.x && fg_shape_equal(&k->in[i]->shape, &c.y->shape))
            fg_gather_rows(p, k->in[i]);
}

static bool same_row_pitch(const fg_emit *e, const fg_value *v, fg_axes a) {
    if (a.y < 0 || v->shape.dim[a.y] == 1) return true;
    const int64_t *s = fg_layout_of(e, v)->stride;
    return s[a.y] == s[a.x] * v->shape.dim[a.x];
}

/* Rows can be joined if every tensor goes on to the next row by its pixel stride. */
static bool rows_join(const fg_conv_kernel *q, const fg_kernel *k) {
    const fg_emit *e = q->e;
    const fg_convolution *c = &q->c;
    if (!fg_convolution_is_pointwise(c) || !same_row_pitch(e, c->x, c->in) ||
        (q->stored && !same_row_pitch(e, k->out[0], c->out)))
        return false;
    const fg_stage *s = &k->stage[0];
    for (int i = 0; i < s->n_epilogue; i++)
        for (int j = 0; j < s->epilogue[i]->n_in; j++) {
            const fg_value *v = s->epilogue[i]->in[j];
            if (!v || v->data || v->shape.rank != c->y->shape.rank) continue;
            if (c->out.y >= 0 && v->shape.dim[c->out.y] != c->y->shape.dim[c->out.y] &&
                v->shape.dim[c->out.x] != 1)
                return false;
            if (fg_slot_of(e, v)->place != FG_PLACE_NONE && v->shape.dim[c->out.y < 0 ? 0 : c->out.y] != 1 &&
                !same_row_pitch(e, v, c->out))
                return false;
        }
    return true;
}

/* ---- hooks ---- */

static void hook_operands(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    fg_conv_kernel *q = user;
    fg_epilogue_at(q->epilogue, "b", "y", "px",
                   q->blocks > 1 ? fg_format(q->e->ctx, "(block * %lld + n)", (long long)q->ocm) : "n", out);
}

/* From element to element of the result, or from row to row where a table says where those are. */
static int64_t result_stride(const fg_conv_kernel *q, int d) {
    const fg_value *y = q->e->k->out[0];
    const int64_t stride = fg_layout_of(q->e, y)->stride[d];
    return q->scattered ? stride / y->shape.dim[y->shape.rank - 1] : stride;
}

static void hook_results(void *user, const char *arguments, fg_text *out) {
    fg_epilogue_tile(((fg_conv_kernel *)user)->epilogue, arguments, out);
}

static void hook_result(void *user, const char *arguments, fg_text *out) {
    fg_conv_kernel *q = user;
    char *end;
    const long i = strtol(arguments, &end, 10), j = strtol(end, &end, 10), lanes = strtol(end, &end, 10);
    const fg_kernel *k = q->e->k;
    const char *var = fg_epilogue_accumulator(q->epilogue, i, j, (int)lanes, out);
    const long long column = (long long)j * q->e->lanes;
    if (k->tap && q->prologue)
        fg_text_printf(out, "fg_store(sums + n + %lld, fg_add(fg_load(sums + n + %lld), %s));\n", column,
                       column, var);
    else if (k->tap)
        fg_text_printf(out, "s%ld = fg_add(s%ld, %s);\n", j, j, var);
    if (!q->stored) return;
    const int64_t pixel = i * (q->c.out.x < 0 ? 0 : result_stride(q, q->c.out.x));
    const int64_t at = (q->scattered ? 0 : pixel) + j * q->e->lanes;
    const char *to = q->scattered ? fg_format(q->e->ctx, "yt + yr[%lld]", (long long)pixel) : "yt";
    if (at) to = fg_format(q->e->ctx, "%s + %lld", to, (long long)at);
    if (lanes < q->e->lanes)
        fg_text_printf(out, "fg_storen(%s, %s, %ld);\n", to, var, lanes);
    else
        fg_text_printf(out, "fg_store(%s, %s);\n", to, var);
}

static void hook_image(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    fg_conv_kernel *q = user;
    fg_text *saved = q->e->out;
    q->e->out = out;
    fg_source_fill(q->e, &q->source, &q->c);
    q->e->out = saved;
}

/* The pixels of a row tile through the prologue, vector by vector along the input channels. */
static void hook_prologue(void *user, const char *arguments, fg_text *out) {
    fg_conv_kernel *q = user;
    const int lanes = q->e->lanes;
    const long mr = strtol(arguments, NULL, 10);
    const fg_source *s = &q->source;
    const int64_t tail = q->c.ic % lanes, whole = q->c.ic - tail;
    fg_text_printf(
        out,
        "for (int i = 0; i < %ld; i++) {\nconst float *from = %s + b * %lld + y * %lld + (px + i) * %lld;\n",
        mr, s->pointer, (long long)s->b, (long long)s->y, (long long)s->x);
    fg_text_printf(out, "float *to = rows + i * %lld;\n", (long long)q->rows_pitch);
    for (int part = 0; part < 2; part++) {
        if (part == 0 ? whole == 0 : tail == 0) continue;
        const int n = part == 0 ? lanes : (int)tail;
        if (part == 0)
            fg_text_printf(out, "for (int k = 0; k < %lld; k += %d) {\nfg_v v = fg_load(from + k);\n",
                           (long long)whole, lanes);
        else
            fg_text_printf(out, "{\nconst int k = %lld;\nfg_v v = fg_loadn(from + k, %d);\n",
                           (long long)whole, n);
        fg_epilogue_at(q->prologue, "b", "y", "(px + i)", "k", out);
        fg_epilogue_apply(q->prologue, "v", 0, 0, n, "", out);
        fg_text_add(out, "fg_store(to + k, v);\n}\n");
    }
    fg_text_add(out, "}\n");
}

/* ---- emission ---- */

/* A prologue that is one multiplication by a value per image and channel: the gate of a squeeze-and-excite
 * block. */
static fg_value *gate_operand(const fg_kernel *k, const fg_value *x) {
    if (k->n_prologue != 1 || strcmp(k->prologue[0]->op_type, "Mul") != 0) return NULL;
    const fg_node *n = k->prologue[0];
    fg_value *g = n->in[0] == x ? n->in[1] : n->in[0];
    if (g->data || g->shape.rank != x->shape.rank || g->shape.rank < 3) return NULL;
    for (int d = 2; d < g->shape.rank; d++)
        if (g->shape.dim[d] != 1) return NULL;
    return g->shape.dim[1] == x->shape.dim[1] && g->shape.dim[0] == x->shape.dim[0] ? g : NULL;
}

static void set_shape(fg_conv_kernel *q, fg_template *t) {
    const fg_convolution *c = &q->c;
    const fg_emit *e = q->e;
    const int nv = q->tile.nv;
    fg_template_int(t, "B", q->b);
    fg_template_int(t, "H", q->h);
    fg_template_int(t, "W", q->w);
    fg_template_int(t, "MR", q->tile.mr);
    fg_template_int(t, "NV", nv);
    fg_template_int(t, "BLOCKS", q->blocks);
    fg_template_int(t, "AHEAD", q->ahead);
    fg_template_int(t, "HALVES", q->halves);
    fg_template_int(t, "PANELS", q->vectors / nv);
    fg_template_int(t, "REST", q->vectors % nv);
    fg_template_int(t, "LANES", (q->ocm - 1) % e->lanes + 1);
    fg_template_int(t, "K", c->kh * c->kw * q->icm);
    fg_template_int(t, "NP", q->vectors * e->lanes);
    fg_template_int(t, "NC", c->oc);
    fg_template_int(t, "YBLOCK", q->ocm);
    const int64_t *ts = e->k->tap ? fg_layout_of(e, e->k->tap->out[0])->stride : NULL;
    fg_template_int(t, "TB", ts ? ts[c->out.b] : 0);
    fg_template_int(t, "TC", ts ? ts[c->out.n] : 0);
    fg_template_int(t, "SCATTERED", q->scattered);
    fg_template_int(t, "YB", q->stored && c->out.b >= 0 ? result_stride(q, c->out.b) : 0);
    fg_template_int(t, "YY", q->stored && c->out.y >= 0 ? result_stride(q, c->out.y) : 0);
    fg_template_int(t, "YX", q->stored && c->out.x >= 0 ? result_stride(q, c->out.x) : 0);
}

static void set_source(fg_conv_kernel *q, fg_template *t) {
    const fg_convolution *c = &q->c;
    const fg_source *s = &q->source;
    fg_template_text(t, "XNAME", s->pointer);
    fg_template_int(t, "XB", s->b);
    fg_template_int(t, "XY", s->y * c->sy);
    fg_template_int(t, "XX", s->x * c->sx);
    fg_template_int(t, "XBLOCK", q->icm * s->c);
    fg_template_int(t, "XP", q->prologue && !q->scale_weights ? q->rows_pitch : s->x * c->sx);
    /* Taps of one row and channels are one run in memory if pixels lie as close as their channels. */
    const bool run = c->kw > 1 && s->c == 1 && s->x == q->icm && c->dx == 1;
    fg_template_int(t, "KH", c->kh);
    fg_template_int(t, "KW", run ? 1 : c->kw);
    fg_template_int(t, "KN", run ? c->kw * q->icm : q->icm);
    fg_template_int(t, "XKY", s->y * c->dy);
    fg_template_int(t, "XKX", s->x * c->dx);
    fg_template_int(t, "XK", s->c);
}

static void open_outputs(fg_conv_kernel *q) {
    fg_emit *e = q->e;
    const fg_kernel *k = e->k;
    const fg_value *tap = k->tap ? k->tap->out[0] : NULL;
    for (int i = 0; i < k->n_out; i++) fg_emit_output(e, k->out[i] == tap ? "tap" : "out", k->out[i]);
    FG_REQUIRE(e->ctx, "conv", !q->stored || k->out[0] != tap);
    q->scattered = q->stored && fg_emit_rows(e, "out_rows", k->out[0]);
}

/* Tensors that the tiles' results are stored to or combined with. */
static int streams(const fg_emit *e) {
    const fg_kernel *k = e->k;
    const fg_stage *s = &k->stage[0];
    int n = k->n_out - (k->tap != NULL);
    for (int i = 0; i < s->n_epilogue; i++)
        for (int j = 0; j < s->epilogue[i]->n_in; j++) {
            const fg_value *v = s->epilogue[i]->in[j];
            n += v && !v->data && fg_slot_of(e, v)->place != FG_PLACE_NONE;
        }
    return n;
}

/* From channel to channel of what tiles read: 1 where pixels lie apart, or have passed the prologue. */
static int64_t k_stride(const fg_conv_kernel *q) {
    return q->e->k->n_prologue || fg_source_pixel(q->e, &q->c) != 1 ? 1 : q->c.iw;
}

/* Tiles that meet a panel, where threads share the pixels. */
static int64_t tiles_of_panel(const fg_conv_kernel *q) {
    const int64_t tiles = q->h * ((q->w + q->tile.mr - 1) / q->tile.mr);
    const int threads = q->e->m->options.threads;
    return threads > 1 ? tiles / threads : tiles;
}

static bool wide_pays(const fg_conv_kernel *q, fg_dtype stored) {
    return !q->e->k->n_prologue && fg_wants_wide(q->e, stored, tiles_of_panel(q));
}

static void choose(fg_conv_kernel *q) {
    const fg_convolution *c = &q->c;
    q->merged = fg_merged_groups(c, q->e->lanes);
    q->blocks = c->groups / q->merged;
    q->icm = c->ic / q->blocks;
    q->ocm = c->oc / q->blocks;
    q->vectors = (q->ocm + q->e->lanes - 1) / q->e->lanes;
    q->flat = rows_join(q, q->e->k);
    q->b = c->images;
    q->h = q->flat ? 1 : c->oh;
    q->w = q->flat ? c->oh * c->ow : c->ow;
    const fg_target *target = q->e->m->target;
    const int64_t last = (q->ocm - 1) % q->e->lanes + 1;
    q->halves = target->half_fma_per_cycle > target->fma_per_cycle && q->e->lanes >= 4 &&
                last <= q->e->lanes / 2 && c->w->storage == FG_UNDEFINED;
    q->product = (fg_product){.rows = q->h,
                              .width = q->w,
                              .k = c->kh * c->kw * q->icm,
                              .vectors = q->vectors,
                              .run = fg_tile_run(target, q->icm, k_stride(q)),
                              .pitch = 4 * fg_source_pixel(q->e, c) * c->sx,
                              .half = q->halves,
                              .streams = streams(q->e),
                              .parts = q->e->m->options.threads,
                              .by_pixel = !q->e->k->tap,
                              .by_panel = true,
                              .compact = fg_wants_little_text(q->e->m, q->e->k)};
    q->tile = fg_pick_tile(q->e->m->target, &q->product, &q->pick);
    if (!wide_pays(q, c->w->storage)) {
        q->product.widen = fg_widening(target, c->w->storage);
        q->tile = fg_pick_tile(target, &q->product, &q->pick);
    }
    /* With a prologue every row tile meets all panels. */
    q->ahead = q->e->k->n_prologue ? 0 : fg_tile_ahead(q->e->m->target, &q->product, &q->tile);
    q->e->kt->choice = fg_format(q->e->ctx, "%dx%d", q->tile.mr, q->tile.nv);
}

/* Results are divided, never sums: the same bits for any number of parts. Parts that share the panels pass
 * the prologue each for itself. */
static const char *choose_split(const fg_conv_kernel *q) {
    const int threads = q->e->m->options.threads;
    const fg_kernel *k = q->e->k;
    if (threads < 2 || (k->tap && k->n_prologue)) return "none";
    if (q->blocks > 1 && q->blocks >= threads) return "block";
    const double by_pixels = fg_pixel_imbalance(&q->product, q->tile.mr),
                 by_panels = fg_panel_imbalance(&q->product, q->tile.nv) + (k->n_prologue ? 0.05 : 0);
    if (by_pixels > 1.99 && by_panels > 1.99) return "none";
    if (by_panels < by_pixels - 0.02) return "panel";
    return q->h > 1 ? "row" : "pixel";
}

static void set_split(const fg_conv_kernel *q, fg_template *t) {
    const fg_emit *e = q->e;
    const bool pixel = strcmp(q->split, "pixel") == 0, panel = strcmp(q->split, "panel") == 0;
    const int64_t width = q->tile.nv * e->lanes, tiles = q->w / q->tile.mr;
    const int64_t panels = (q->vectors + q->tile.nv - 1) / q->tile.nv;
    /* Panels that are full to the last lane: what REST and LANES leave of them, see the template. */
    const int64_t full =
        q->ocm % width == 0 ? panels : q->vectors / q->tile.nv - (q->vectors % q->tile.nv == 0);
    fg_template_text(t, "SPLIT", q->split);
    fg_template_part(t, e, "Y", strcmp(q->split, "row") == 0, q->h, q->h, 1);
    fg_template_part(t, e, "PX", pixel, tiles, tiles, q->tile.mr);
    fg_template_part(t, e, "N", panel, panels, full, width);
    fg_template_part(t, e, "BLOCK", strcmp(q->split, "block") == 0, q->blocks, q->blocks, 1);
    const char *last = "if (c->part == c->parts - 1)";
    fg_template_text(t, "ONLY_LAST_PIXELS", pixel ? last : "");
    fg_template_text(t, "ONLY_LAST_PANEL", panel ? last : "");
}

static void emit_prologue(fg_conv_kernel *q) {
    fg_emit *e = q->e;
    const fg_kernel *k = e->k;
    fg_value *gate = gate_operand(k, q->c.x);
    const int64_t columns = q->vectors * e->lanes;
    if (gate && q->h * q->w > columns && q->blocks == 1) {
        q->scale_weights = true;
        fg_emit_input(e, "scale", gate);
        fg_emit_scratch(e, "w", "float", sizeof(float), columns * q->c.ic);
        return;
    }
    q->rows_pitch = (q->c.ic + e->lanes - 1) / e->lanes * e->lanes;
    if (k->tap) fg_emit_scratch(e, "sums", "float", sizeof(float), columns);
    fg_emit_scratch(e, "rows", "float", sizeof(float), q->tile.mr * q->rows_pitch);
    q->prologue = fg_epilogue_new(e, "a", k->prologue, k->n_prologue, q->c.x, q->c.in, false);
}

/* A panel in float32 goes by the loads that the target has for that, and stays in cache: nothing is fetched.
 */
static void make_wide(fg_conv_kernel *q, fg_dtype stored) {
    q->wide = wide_pays(q, stored);
    if (!q->wide) return;
    const int64_t panel = q->tile.nv < q->vectors ? q->tile.nv : q->vectors;
    fg_emit_scratch(q->e, "panel", "float", sizeof(float), q->c.kh * q->c.kw * q->icm * panel * q->e->lanes);
    q->ahead = 0;
}

static bool columns_are_dense(const fg_emit *e, const fg_value *v, int64_t columns) {
    const int d = v->shape.rank - 1;
    return v->data || d < 0 || v->shape.dim[d] != columns || columns == 1 ||
           fg_layout_of(e, v)->stride[d] == 1;
}

/* A matrix product whose neighbours are convolutions may have to write or read its columns at a stride: the
 * tile's vectors run along them. */
static bool columns_suit(const fg_emit *e, const fg_convolution *c) {
    const fg_stage *s = &e->k->stage[0];
    if (strcmp(c->node->op_type, "Conv") == 0) return true;
    for (int i = 0; i < e->k->n_out; i++)
        if (!columns_are_dense(e, e->k->out[i], c->oc)) return false;
    for (int i = 0; i < s->n_epilogue; i++)
        for (int j = 0; j < s->epilogue[i]->n_in; j++) {
            const fg_value *v = s->epilogue[i]->in[j];
            if (v && fg_slot_of(e, v)->place != FG_PLACE_NONE && !columns_are_dense(e, v, c->oc))
                return false;
        }
    return true;
}

static void emit(fg_emit *e) {
    const fg_kernel *k = e->k;
    fg_conv_kernel q = {.e = e};
    const bool ok = fg_convolution_of(e->ctx, k->stage[0].anchor, &q.c);
    FG_REQUIRE(e->ctx, "conv", ok && k->n_stages == 1);
    if (k->n_prologue == 0 && !columns_suit(e, &q.c)) {
        fg_lowering_matmul.emit(e);
        return;
    }
    if (k->n_prologue) q.c.x = k->prologue[0]->in[fg_prologue_main(k)];
    q.pick = fg_pick_of(e->m, k);
    const fg_winograd w = winograd_for(e->ctx, e->m, k, &q.c, &q.pick);
    if (w.m) fg_winograd_pad(&w, &q.c);
    for (int i = 0; i < k->n_out; i++)
        if (!k->tap || k->out[i] != k->tap->out[0]) q.stored = true;
    if (!w.m) {
        choose(&q);
        fg_tile tile;
        if (q.flat && q.stored && fg_strassen_plan(e, &q.c, &q.pick, &tile)) {
            fg_strassen_emit(e, &q.c, tile);
            return;
        }
        q.split = choose_split(&q);
    }
    if (w.m || strcmp(q.split, "none") != 0) fg_emit_parallel(e);
    q.source = fg_source_open(e, &q.c);
    if (!w.m && strcmp(q.split, "row") == 0) fg_source_limit(e, &q.source, &q.c, q.h, 1, 0, 1);
    open_outputs(&q);
    if (w.m) {
        fg_winograd_emit(e, &w, &q.c, &q.source);
        return;
    }
    if (k->n_prologue) emit_prologue(&q);
    const fg_dtype stored = fg_pack_panels(e, q.scale_weights ? "packed" : "w", &q.c, q.merged, q.tile.nv);
    make_wide(&q, stored);
    fg_pack_bias(e, "bias", &q.c, q.merged);
    q.epilogue =
        fg_epilogue_new(e, "p", k->stage[0].epilogue, k->stage[0].n_epilogue, q.c.y, q.c.out, q.flat);
    fg_template *t = fg_emit_template(e);
    set_shape(&q, t);
    set_source(&q, t);
    set_split(&q, t);
    if (!q.scale_weights && !q.wide) fg_template_weights(t, stored);
    fg_template_int(t, "WIDE", q.wide);
    fg_template_text(t, "FROMT", fg_weight_type(stored));
    fg_template_text(t, "LOADFROM", fg_weight_load(stored));
    fg_template_int(t, "STORE", q.stored);
    fg_template_int(t, "TAP", k->tap != NULL);
    fg_template_int(t, "PROLOGUE", q.prologue != NULL);
    fg_template_int(t, "SCALE_WEIGHTS", q.scale_weights);
    fg_template_int(t, "GATE_B", q.c.ic);
    fg_template_text(t, "MEAN", fg_format(e->ctx, "(1.0f / %lld.0f)", (long long)(q.c.oh * q.c.ow)));
    fg_template_hook(t, "operands", hook_operands, &q);
    fg_template_hook(t, "results", hook_results, &q);
    fg_template_hook(t, "result", hook_result, &q);
    fg_template_hook(t, "image", hook_image, &q);
    fg_template_hook(t, "prologue", hook_prologue, &q);
    fg_template_render(t, "conv", e->out);
    const char *order = q.prologue ? "a row tile passes the prologue, then meets every panel"
                                   : "one panel of weights stays in cache for the whole image";
    fg_describe(e, fg_format(e->ctx, "%dx%d", q.tile.mr, q.tile.nv * e->lanes),
                "%d pixels by %d channels in registers; %s", q.tile.mr, q.tile.nv * e->lanes, order);
}

const fg_lowering fg_lowering_conv = {.name = "conv", .prefer = prefer, .emit = emit};
