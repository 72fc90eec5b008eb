/* One stage of a stream: a function that makes one row. A table says what becomes of each kind of stage;
 * templates/stream.c.in spells it out. */
#include "codegen/stream_row.h"

#include "codegen/escape.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/expr.h"
#include "codegen/lower/gate.h"
#include "codegen/window_row.h"

typedef struct fg_row_stage {
    fg_emit *e;
    const fg_stream *s;
    const fg_stream_stage *t;
    const int *room; /* by stage: the ring of a copy */
    fg_convolution c;
    int64_t blocks, icm, ocm, padded; /* of groups: how many, their channels; ocm in whole vectors */
    fg_tile tile;
    int tx;
    fg_epilogue *epilogue, *produced; /* of the result, and of a pair's first half */
    bool stored;
    const fg_value *tap; /* NULL: none */
} fg_row_stage;

static const fg_axes row_axes = {.b = 0, .n = 1, .y = 2, .x = 3};

/* ---- hooks ---- */

/* The channel that the text is at. */
static const char *channel(const fg_row_stage *q) {
    if (q->tx) return "(n + j)";
    return q->blocks > 1 ? fg_format(q->e->ctx, "(g * %lld + n)", (long long)q->ocm) : "n";
}

static void hook_operands(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    const fg_row_stage *q = user;
    fg_epilogue_at(q->epilogue, "b", "y", "px", channel(q), out);
}

static void hook_produced_operands(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    fg_epilogue_at(((const fg_row_stage *)user)->produced, "b", "row", "px", "n", out);
}

static void hook_results(void *user, const char *arguments, fg_text *out) {
    fg_epilogue_tile(((const fg_row_stage *)user)->epilogue, arguments, out);
}

static void hook_produced_results(void *user, const char *arguments, fg_text *out) {
    fg_epilogue_tile(((const fg_row_stage *)user)->produced, arguments, out);
}

static void hook_produced(void *user, const char *arguments, fg_text *out) {
    const fg_row_stage *q = user;
    char *end;
    const long i = strtol(arguments, &end, 10), j = strtol(end, &end, 10);
    (void)fg_epilogue_accumulator(q->produced, i, j, q->e->lanes, out);
}

static void add_to_sums(const fg_row_stage *q, long long column, const char *var, fg_text *out) {
    const char *at = q->blocks > 1 ? fg_format(q->e->ctx, "g * %lld + n", (long long)q->padded) : "n";
    fg_text_printf(out, "fg_store(sums + %s + %lld, fg_add(fg_load(sums + %s + %lld), %s));\n", at, column,
                   at, column, var);
}

/* "LANES": of a vector v of a map or pool. */
static void hook_vector(void *user, const char *arguments, fg_text *out) {
    const fg_row_stage *q = user;
    fg_epilogue_apply(q->epilogue, "v", 0, 0, atoi(arguments), "", out);
    if (q->tap) add_to_sums(q, 0, "v", out);
}

static void hook_result(void *user, const char *arguments, fg_text *out) {
    const fg_row_stage *q = user;
    fg_context *ctx = q->e->ctx;
    char *end;
    const long i = strtol(arguments, &end, 10);
    if (q->tx) { /* window_row stores and sums up by itself */
        const long lanes = strtol(end, &end, 10);
        const char *var = fg_format(ctx, "a%ld", i);
        fg_epilogue_apply(q->epilogue, var, i, 0, (int)lanes, fg_format(ctx, "_%ld", i), out);
        if (q->tap) fg_text_printf(out, "s = fg_add(s, %s);\n", var);
        return;
    }
    const long j = strtol(end, &end, 10), lanes = strtol(end, &end, 10), column = j * q->e->lanes;
    const char *var = fg_epilogue_accumulator(q->epilogue, i, j, (int)lanes, out);
    if (q->tap) add_to_sums(q, column, var, out);
    if (!q->stored) return;
    const long long at = (long long)(i * fg_layout_of(q->e, q->t->y)->stride[3] + column);
    if (lanes < q->e->lanes)
        fg_text_printf(out, "fg_storen(yt + %lld, %s, %ld);\n", at, var, lanes);
    else
        fg_text_printf(out, "fg_store(yt + %lld, %s);\n", at, var);
}

/* ---- rows ---- */

static const char *row_text(fg_context *ctx, const char *row, int64_t ring) {
    return ring == 0 ? row : ring == 1 ? "0" : fg_format(ctx, "(%s %% %lld)", row, (long long)ring);
}

int64_t fg_stream_pitch(const fg_stream_stage *t) {
    return (t->left + t->width + t->right) * t->channels;
}

/* Where rows of a value lie that a stage reads; first: before pixel 0 in its ring. */
typedef struct fg_rows {
    int64_t ring, image, row, pixel, first;
} fg_rows;

static fg_rows open_rows(const fg_row_stage *q, const char *name, fg_value *x, int source) {
    const fg_stream_stage *from = source < 0 ? NULL : &q->s->stage[source];
    if (from && from->kind == FG_ROW_COPY) {
        fg_emit_in_room(q->e, name, "const float", q->room[source]);
        return (fg_rows){.ring = from->ring,
                         .row = fg_stream_pitch(from),
                         .pixel = from->channels,
                         .first = from->left * from->channels};
    }
    const fg_layout *l = fg_layout_of(q->e, x);
    fg_emit_input(q->e, name, x);
    return (fg_rows){.ring = l->ring, .image = l->stride[0], .row = l->stride[2], .pixel = l->stride[3]};
}

/* The rows that the window of a result's row meets. */
static fg_rows set_rows(const fg_row_stage *q, fg_template *t, int64_t before) {
    const fg_window *w = &q->t->w;
    const fg_rows x = open_rows(q, "x", q->t->x, q->t->source);
    const int64_t reach = (q->t->rows - 1) * w->stride[0] + (w->kernel[0] - 1) * w->dilation[0] - w->pad[0];
    fg_template_int(t, "RKH", w->kernel[0]);
    fg_template_int(t, "SY", w->stride[0]);
    fg_template_int(t, "DY", w->dilation[0]);
    fg_template_int(t, "PT", w->pad[0]);
    fg_template_int(t, "IH", w->in[0]);
    fg_template_int(t, "HOLES", w->pad[0] > 0 || reach >= w->in[0]);
    fg_template_text(t, "XROW", row_text(q->e->ctx, "row", x.ring));
    fg_template_int(t, "XRING", x.ring);
    fg_template_int(t, "XB", x.image);
    fg_template_int(t, "XY", x.row);
    fg_template_int(t, "XOFF", before * x.pixel - x.first);
    return x;
}

static void set_result(fg_row_stage *q, fg_template *t) {
    const fg_stream_stage *s = q->t;
    q->stored = fg_slot_of(q->e, s->y)->place != FG_PLACE_NONE;
    if (q->stored) fg_emit_output(q->e, "out", s->y);
    if (q->tap) {
        fg_emit_output(q->e, "tap", s->tap->out[0]);
        fg_emit_scratch(q->e, "total", "float", sizeof(float), q->blocks * q->padded);
    }
    const fg_layout *l = fg_layout_of(q->e, s->y);
    const int64_t *ts = q->tap ? fg_layout_of(q->e, q->tap)->stride : NULL;
    fg_template_int(t, "C", s->channels);
    fg_template_int(t, "OH", s->rows);
    fg_template_int(t, "W", s->width);
    fg_template_int(t, "STORE", q->stored);
    fg_template_text(t, "YROW", row_text(q->e->ctx, "y", l->ring));
    fg_template_int(t, "YB", q->stored ? l->stride[0] : 0);
    fg_template_int(t, "YY", q->stored ? l->stride[2] : 0);
    fg_template_int(t, "YX", q->stored ? l->stride[3] : 0);
    fg_template_int(t, "TAP", q->tap != NULL);
    fg_template_int(t, "TB", ts ? ts[0] : 0);
    fg_template_int(t, "TC", ts ? ts[1] : 0);
    fg_template_int(t, "BLOCKS", q->blocks);
    fg_template_int(t, "OCM", q->ocm);
    fg_template_int(t, "PADDED", q->padded);
    fg_template_text(t, "MEAN", fg_format(q->e->ctx, "(1.0f / %lld.0f)", (long long)(s->rows * s->width)));
}

/* ---- what does not compute ---- */

static void emit_copy(fg_row_stage *q, fg_template *t) {
    const fg_stream_stage *s = q->t;
    const int64_t *from = fg_layout_of(q->e, s->x)->stride;
    fg_emit_input(q->e, "x", s->x);
    fg_emit_in_room(q->e, "to", "float", q->room[s - q->s->stage]);
    if (s->left) fg_line(q->e, "to += %lld;", (long long)(s->left * s->channels));
    fg_template_int(t, "C", s->channels);
    fg_template_int(t, "W", s->width);
    fg_template_int(t, "FROM_B", from[0]);
    fg_template_int(t, "FROM_Y", from[2]);
    fg_template_int(t, "FROM_X", from[3]);
    fg_template_int(t, "FROM_C", from[1]);
    fg_template_text(t, "TO_Y", row_text(q->e->ctx, "y", s->ring));
    fg_template_int(t, "PITCH", fg_stream_pitch(s));
}

static void emit_join(fg_row_stage *q, fg_template *t) {
    const fg_node *n = q->t->stage->anchor;
    int64_t channels[1 + FG_STREAM_OPERANDS], image[1 + FG_STREAM_OPERANDS], row[1 + FG_STREAM_OPERANDS],
        pixel[1 + FG_STREAM_OPERANDS];
    const char *at[1 + FG_STREAM_OPERANDS];
    set_result(q, t);
    for (int i = 0; i < n->n_in; i++) {
        const fg_rows x = open_rows(q, fg_format(q->e->ctx, "x%d", i), n->in[i], i == 0 ? q->t->source : -1);
        channels[i] = n->in[i]->shape.dim[1];
        image[i] = x.image;
        row[i] = x.row;
        pixel[i] = x.pixel;
        at[i] = row_text(q->e->ctx, "y", x.ring);
    }
    fg_template_int(t, "PARTS", n->n_in);
    fg_template_ints(t, "PC", n->n_in, channels);
    fg_template_ints(t, "PB", n->n_in, image);
    fg_template_ints(t, "PY", n->n_in, row);
    fg_template_ints(t, "PX", n->n_in, pixel);
    fg_template_texts(t, "PROW", n->n_in, at);
}

static void emit_gate(fg_row_stage *q, fg_template *t) {
    (void)t;
    fg_line(q->e, "(void)b, (void)y;");
    fg_gate_emit_layers(q->e, q->t->stage, q->t->n_layers, q->t->x, q->t->y);
}

/* ---- chains and pools ---- */

static void emit_map(fg_row_stage *q, fg_template *t) {
    set_result(q, t);
    fg_template_int(t, "XX", set_rows(q, t, 0).pixel);
    q->epilogue = fg_epilogue_new(q->e, "p", q->t->chain, q->t->n_chain, q->t->x, row_axes, false);
}

static void emit_pool(fg_row_stage *q, fg_template *t) {
    const fg_window *w = &q->t->w;
    const fg_node *n = q->t->stage->anchor;
    const bool average = strcmp(n->op_type, "AveragePool") == 0,
               padded = fg_attr_int(n, "count_include_pad", 0) != 0;
    set_result(q, t);
    fg_template_int(t, "XX", set_rows(q, t, 0).pixel);
    fg_template_int(t, "KH", w->kernel[0]);
    fg_template_int(t, "KW", w->kernel[1]);
    fg_template_int(t, "SX", w->stride[1]);
    fg_template_int(t, "DX", w->dilation[1]);
    fg_template_int(t, "PL", w->pad[1]);
    fg_template_int(t, "IW", w->in[1]);
    fg_template_int(t, "SIDES", fg_window_may_leave(w, 1));
    fg_template_int(t, "AVERAGE", average);
    fg_template_int(t, "ALL", !fg_window_may_leave(w, 0) && !fg_window_may_leave(w, 1));
    const int64_t count[4] = {padded ? -w->pad[0] : 0, w->in[0] + (padded ? w->pad_end[0] : 0),
                              padded ? -w->pad[1] : 0, w->in[1] + (padded ? w->pad_end[1] : 0)};
    fg_template_ints(t, "COUNTS", 4, count);
    fg_template_text(t, "START",
                     average ? "fg_zero()"
                             : fg_format(q->e->ctx, "fg_set1(%s)", fg_c_lowest(q->e->ctx, FG_FLOAT)));
    q->epilogue = fg_epilogue_new(q->e, "p", q->t->chain, q->t->n_chain, n->out[0], row_axes, false);
}

/* ---- convolutions ---- */

/* How the convolution reads its rows. */
static void set_source(const fg_row_stage *q, fg_template *t) {
    const fg_convolution *c = &q->c;
    const bool pair = q->t->pair != NULL;
    const fg_rows x = set_rows(q, t, pair ? 0 : c->pl);
    const bool run = c->kw > 1 && x.pixel == c->ic && c->dx == 1 && c->groups == 1;
    fg_template_int(t, "XX", x.pixel * c->sx);
    fg_template_int(t, "XP", pair ? x.pixel : x.pixel * c->sx);
    if (!pair) fg_template_int(t, "DP", x.pixel);
    fg_template_int(t, "KH", q->tx ? c->kh : 1);
    fg_template_int(t, "KW", run ? 1 : c->kw);
    if (!pair) fg_template_int(t, "KN", run ? c->kw * c->ic : q->icm);
    fg_template_int(t, "XKY", 0);
    fg_template_int(t, "XKX", x.pixel * c->dx);
    fg_template_int(t, "XK", 1);
}

static void set_dense(fg_row_stage *q, fg_template *t) {
    const fg_convolution *c = &q->c;
    fg_emit *e = q->e;
    const int64_t vectors = q->padded / e->lanes, merged = c->groups / q->blocks;
    const fg_product product = {.rows = c->oh,
                                .width = c->ow,
                                .k = c->kh * c->kw * q->icm,
                                .vectors = vectors,
                                .parts = 1,
                                .widen = fg_widening(e->m->target, c->w->storage),
                                .run = fg_tile_run(e->m->target, q->icm, 1)};
    q->tile = fg_choose_tile(e->m->target, &product);
    fg_template_text(t, "KIND", "dense");
    fg_template_int(t, "MR", q->tile.mr);
    fg_template_int(t, "NV", q->tile.nv);
    fg_template_int(t, "PANELS", vectors / q->tile.nv);
    fg_template_int(t, "REST", vectors % q->tile.nv);
    fg_template_int(t, "LANES", (q->ocm - 1) % e->lanes + 1);
    fg_template_int(t, "K", c->kh * c->kw * q->icm);
    fg_template_int(t, "ICM", q->icm);
    fg_template_weights(t, fg_pack_panels(e, "w", c, merged, q->tile.nv));
    fg_pack_bias(e, "bias", c, merged);
}

static void set_window(fg_row_stage *q, fg_template *t) {
    const fg_convolution *c = &q->c;
    q->tx = fg_window_row_tile(q->e->m->target, c->ow, c->kw, false);
    fg_template_text(t, "KIND", "window");
    fg_template_int(t, "POOL", 0);
    fg_template_int(t, "WIDE_TAPS", 0);
    fg_template_int(t, "SAFE", 0);
    fg_template_int(t, "OW", c->ow);
    fg_template_int(t, "SX", c->sx);
    fg_template_int(t, "DX", c->dx);
    fg_template_int(t, "TX", q->tx);
    fg_template_text(t, "FILL", "fg_zero()");
    fg_template_text(t, "SPLIT", "none");
    fg_template_int(t, "FINISH", 0);
    fg_template_text(t, "ONLY_LAST_VECTOR", "");
    fg_window_row_uses(t, q->e->ctx, q->tx, c->kw, c->sx, c->dx);
    fg_window_row_weights(t, fg_window_row_pack(q->e, c));
}

/* The pointwise half of a pair. */
static void set_pair(fg_row_stage *q, fg_template *t) {
    fg_emit *e = q->e;
    const fg_stage *stage = q->t->pair;
    const fg_convolution *c = &q->c;
    fg_convolution p;
    FG_REQUIRE(e->ctx, "stream",
               fg_convolution_of(e->ctx, stage->anchor, &p) && fg_convolution_is_pointwise(&p));
    const int most = e->lanes < FG_PAIR_CHANNELS ? FG_PAIR_CHANNELS / e->lanes : 1;
    const fg_product product = {.rows = p.oh * c->kh / c->sy,
                                .width = p.ow,
                                .k = p.ic,
                                .vectors = (p.oc + e->lanes - 1) / e->lanes,
                                .max_nv = most,
                                .parts = 1,
                                .widen = fg_widening(e->m->target, p.w->storage),
                                .run = fg_tile_run(e->m->target, p.ic, 1)};
    q->tile = fg_choose_tile(e->m->target, &product);
    const int64_t cb = (int64_t)q->tile.nv * e->lanes, pitch = (c->pl + c->iw + c->pr) * cb;
    fg_template_text(t, "KIND", "pair");
    fg_template_int(t, "CB", cb);
    fg_template_int(t, "DP", cb);
    fg_template_int(t, "MR", q->tile.mr);
    fg_template_int(t, "NV", q->tile.nv);
    fg_template_int(t, "PK", p.ic);
    fg_template_int(t, "PW", p.ow);
    fg_template_int(t, "PL", c->pl);
    fg_template_int(t, "PITCH", pitch);
    fg_template_int(t, "CLEAR", c->pl + c->pr > 0 ? c->kh * pitch * (int64_t)sizeof(float) : 0);
    fg_template_weights(t, fg_pack_panels(e, "w", &p, 1, q->tile.nv));
    fg_pack_bias(e, "bias", &p, 1);
    fg_emit_scratch(e, "work", "float", sizeof(float), c->kh * pitch);
    q->produced = fg_epilogue_new(e, "e", stage->epilogue, stage->n_epilogue, p.y, p.out, false);
}

static void emit_convolution(fg_row_stage *q, fg_template *t) {
    fg_emit *e = q->e;
    const fg_stage *stage = q->t->stage;
    FG_REQUIRE(e->ctx, "stream", fg_convolution_of(e->ctx, stage->anchor, &q->c));
    const bool depthwise = fg_convolution_is_depthwise(&q->c);
    FG_REQUIRE(e->ctx, "stream", depthwise || !q->t->pair);
    if (!depthwise) {
        q->blocks = q->c.groups / fg_merged_groups(&q->c, e->lanes);
        q->icm = q->c.ic / q->blocks;
        q->ocm = q->c.oc / q->blocks;
        q->padded = (q->ocm + e->lanes - 1) / e->lanes * e->lanes;
    }
    set_result(q, t);
    if (depthwise)
        set_window(q, t);
    else
        set_dense(q, t);
    if (q->t->pair) set_pair(q, t);
    set_source(q, t);
    q->epilogue = fg_epilogue_new(e, "p", q->t->chain, q->t->n_chain, q->c.y, q->c.out, false);
}

/* ---- one stage ---- */

static const struct {
    const char *name; /* KIND in the template, NULL: it says itself, "": no template */
    void (*emit)(fg_row_stage *q, fg_template *t);
} kinds[] = {
    [FG_ROW_COPY] = {"copy", emit_copy}, [FG_ROW_CONV] = {NULL, emit_convolution},
    [FG_ROW_MAP] = {"map", emit_map},    [FG_ROW_POOL] = {"pool", emit_pool},
    [FG_ROW_JOIN] = {"join", emit_join}, [FG_ROW_GATE] = {"", emit_gate},
};

const char *fg_stream_row_name(const fg_emit *e, int i) {
    return fg_format(e->ctx, "%s_%s_row_%d", e->m->options.prefix, e->k->name, i);
}

static const char *operator_text(fg_emit *e, const fg_node *n) {
    return fg_format(e->ctx, "%s '%s'", fg_escape_c_comment(e->ctx, n->op_type),
                     fg_escape_c_comment(e->ctx, fg_node_label(n)));
}

/* The comment above the function of a row. */
static void describe(fg_emit *e, const fg_stream_stage *t, int i) {
    fg_text_printf(e->out, "/* Stage %d, row y of image b: %s", i,
                   t->kind == FG_ROW_COPY ? "copy of the input" : "");
    if (t->pair) fg_text_printf(e->out, "%s, row by row into ", operator_text(e, t->pair->anchor));
    if (t->stage) fg_text_printf(e->out, "%s", operator_text(e, t->stage->anchor));
    for (int j = 0; j < t->n_chain; j++)
        fg_text_printf(e->out, "%s%s", j || t->stage ? ", " : "", operator_text(e, t->chain[j]));
    fg_text_printf(e->out, ";\n * %lld channels, %lld rows of %lld pixels", (long long)t->channels,
                   (long long)t->rows, (long long)t->width);
    if (t->ring && t->ring < t->rows)
        fg_text_printf(e->out, ", of which a ring keeps %lld", (long long)t->ring);
    if (t->tap) fg_text_printf(e->out, "; adds up %s", operator_text(e, t->tap));
    fg_text_add(e->out, " */\n");
}

void fg_stream_emit_row(fg_emit *e, const fg_stream *s, int i, const int *room) {
    const fg_stream_stage *stage = &s->stage[i];
    fg_row_stage q = {.e = e, .s = s, .t = stage, .room = room, .blocks = 1};
    const char *name = kinds[stage->kind].name;
    q.tap = stage->tap ? stage->tap->out[0] : NULL;
    q.ocm = stage->channels;
    q.padded = (q.ocm + e->lanes - 1) / e->lanes * e->lanes;
    fg_text *body = e->out;
    e->out = e->before;
    describe(e, stage, i);
    fg_line(e, "static void %s(const fg_call *c, int b, int y) {", fg_stream_row_name(e, i));
    fg_template *t = fg_emit_template(e);
    fg_template_hook(t, "operands", hook_operands, &q);
    fg_template_hook(t, "results", hook_results, &q);
    fg_template_hook(t, "result", hook_result, &q);
    fg_template_hook(t, "vector", hook_vector, &q);
    fg_template_hook(t, "produced_operands", hook_produced_operands, &q);
    fg_template_hook(t, "produced_results", hook_produced_results, &q);
    fg_template_hook(t, "produced", hook_produced, &q);
    if (name) fg_template_text(t, "KIND", name);
    kinds[stage->kind].emit(&q, t);
    if (!name || *name) fg_template_render(t, "stream", e->out);
    fg_line(e, "}\n");
    e->out = body;
}
