/* Streams: convolutions row by row, in the order and with the rings that fusion/stream.h planned. Each stage
 * is a function that makes one row; the kernel plays the order. */
#include "fusion/stream.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/window_row.h"

typedef struct fg_row_stage {
    fg_emit *e;
    const fg_stream *s;
    const fg_stream_stage *t;
    const int *room; /* by stage: the ring of a copy */
    fg_convolution c;
    fg_tile tile;
    int tx;
    fg_epilogue *epilogue, *produced; /* of the result, and of a pair's first half */
    bool stored;
    const fg_value *tap; /* NULL: none */
} fg_row_stage;

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_stream *s = fg_stream_of(fg_planner_context(p), k);
    for (int i = 0; i < k->n_out; i++) {
        if (!k->tap || k->out[i] != k->tap->out[0]) fg_give_strided(p, k->out[i], 1);
        fg_want_channels_last(p, k->out[i], true);
    }
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].source < 0 && !s->stage[i].x->is_input)
            fg_want_channels_last(p, s->stage[i].x, s->stage[i].stage != NULL);
    fg_convolution_prefer_operands(p, k, 4);
}

/* ---- hooks ---- */

static void hook_operands(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    const fg_row_stage *q = user;
    fg_epilogue_at(q->epilogue, "b", "y", "px", q->tx ? "(n + j)" : "n", out);
}

static void hook_produced_operands(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    fg_epilogue_at(((const fg_row_stage *)user)->produced, "b", "row", "px", "n", out);
}

static void hook_produced(void *user, const char *arguments, fg_text *out) {
    const fg_row_stage *q = user;
    char *end;
    const long i = strtol(arguments, &end, 10), j = strtol(end, &end, 10);
    (void)fg_epilogue_accumulator(q->produced, i, j, q->e->lanes, out);
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
    if (q->tap)
        fg_text_printf(out, "fg_store(sums + n + %ld, fg_add(fg_load(sums + n + %ld), %s));\n", column,
                       column, var);
    if (!q->stored) return;
    const long long at = (long long)(i * fg_layout_of(q->e, q->t->y)->stride[3] + column);
    if (lanes < q->e->lanes)
        fg_text_printf(out, "fg_storen(yt + %lld, %s, %ld);\n", at, var, lanes);
    else
        fg_text_printf(out, "fg_store(yt + %lld, %s);\n", at, var);
}

/* ---- one stage ---- */

static const char *row_text(fg_context *ctx, const char *row, int64_t ring) {
    return ring == 0 ? row : ring == 1 ? "0" : fg_format(ctx, "(%s %% %lld)", row, (long long)ring);
}

static int64_t copy_pitch(const fg_stream_stage *t) {
    return (t->left + t->width + t->right) * t->channels;
}

static void set_copy(const fg_row_stage *q, fg_template *t) {
    const fg_stream_stage *s = q->t;
    const int64_t *from = fg_layout_of(q->e, s->x)->stride;
    fg_template_text(t, "KIND", "copy");
    fg_template_int(t, "C", s->channels);
    fg_template_int(t, "W", s->width);
    fg_template_int(t, "FROM_B", from[0]);
    fg_template_int(t, "FROM_Y", from[2]);
    fg_template_int(t, "FROM_X", from[3]);
    fg_template_int(t, "FROM_C", from[1]);
    fg_template_text(t, "TO_Y", row_text(q->e->ctx, "y", s->ring));
    fg_template_int(t, "PITCH", copy_pitch(s));
}

/* Where the stage reads its rows. */
static void set_source(const fg_row_stage *q, fg_template *t) {
    const fg_convolution *c = &q->c;
    const fg_stream_stage *from = q->t->source < 0 ? NULL : &q->s->stage[q->t->source];
    int64_t ring, image, row, pixel;
    if (from && !from->stage) {
        ring = from->ring;
        image = 0;
        row = copy_pitch(from);
        pixel = from->channels;
        fg_emit_in_room(q->e, "x", "const float", q->room[q->t->source]);
    } else {
        const fg_layout *l = fg_layout_of(q->e, q->t->x);
        ring = l->ring;
        image = l->stride[0];
        row = l->stride[2];
        pixel = l->stride[3];
        fg_emit_input(q->e, "x", q->t->x);
    }
    const int64_t left = from && !from->stage ? from->left : 0;
    const bool pair = q->t->pair != NULL;
    const bool run = c->kw > 1 && pixel == c->ic && c->dx == 1 && c->groups == 1;
    fg_template_int(t, "RKH", c->kh);
    fg_template_int(t, "SY", c->sy);
    fg_template_int(t, "DY", c->dy);
    fg_template_int(t, "PT", c->pt);
    fg_template_int(t, "IH", c->ih);
    fg_template_int(t, "HOLES", c->pt > 0 || (c->oh - 1) * c->sy + (c->kh - 1) * c->dy - c->pt >= c->ih);
    fg_template_text(t, "XROW", row_text(q->e->ctx, "row", ring));
    fg_template_int(t, "XRING", ring);
    fg_template_int(t, "XB", image);
    fg_template_int(t, "XY", row);
    fg_template_int(t, "XOFF", (pair ? -left : c->pl - left) * pixel);
    fg_template_int(t, "XX", pixel * c->sx);
    fg_template_int(t, "XP", pair ? pixel : pixel * c->sx);
    if (!pair) fg_template_int(t, "DP", pixel);
    fg_template_int(t, "KH", q->tx ? c->kh : 1);
    fg_template_int(t, "KW", run ? 1 : c->kw);
    if (!pair) fg_template_int(t, "KN", run ? c->kw * c->ic : c->ic);
    fg_template_int(t, "XKY", 0);
    fg_template_int(t, "XKX", pixel * c->dx);
    fg_template_int(t, "XK", 1);
}

static void set_result(const fg_row_stage *q, fg_template *t) {
    const fg_convolution *c = &q->c;
    const fg_layout *l = fg_layout_of(q->e, q->t->y);
    const int64_t *ts = q->tap ? fg_layout_of(q->e, q->tap)->stride : NULL;
    fg_template_int(t, "C", c->oc);
    fg_template_int(t, "OH", c->oh);
    fg_template_int(t, "STORE", q->stored);
    fg_template_text(t, "YROW", row_text(q->e->ctx, "y", l->ring));
    fg_template_int(t, "YB", q->stored ? l->stride[0] : 0);
    fg_template_int(t, "YY", q->stored ? l->stride[2] : 0);
    fg_template_int(t, "YX", q->stored ? l->stride[3] : 0);
    fg_template_int(t, "TAP", q->tap != NULL);
    fg_template_int(t, "TB", ts ? ts[0] : 0);
    fg_template_int(t, "TC", ts ? ts[1] : 0);
    fg_template_text(t, "MEAN", fg_format(q->e->ctx, "(1.0f / %lld.0f)", (long long)(c->oh * c->ow)));
}

static void set_dense(fg_row_stage *q, fg_template *t) {
    const fg_convolution *c = &q->c;
    fg_emit *e = q->e;
    const int64_t vectors = (c->oc + e->lanes - 1) / e->lanes;
    const fg_product product = {.rows = c->oh,
                                .width = c->ow,
                                .k = c->kh * c->kw * c->ic,
                                .vectors = vectors,
                                .parts = 1,
                                .run = fg_tile_run(e->m->target, c->ic, 1)};
    q->tile = fg_choose_tile(e->m->target, &product);
    fg_template_text(t, "KIND", "dense");
    fg_template_int(t, "W", c->ow);
    fg_template_int(t, "MR", q->tile.mr);
    fg_template_int(t, "NV", q->tile.nv);
    fg_template_int(t, "PANELS", vectors / q->tile.nv);
    fg_template_int(t, "REST", vectors % q->tile.nv);
    fg_template_int(t, "LANES", (c->oc - 1) % e->lanes + 1);
    fg_template_int(t, "K", c->kh * c->kw * c->ic);
    fg_template_weights(t, fg_pack_panels(e, "w", c, 1, q->tile.nv));
    fg_pack_bias(e, "bias", c, 1);
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
    const bool ok = fg_convolution_of(e->ctx, stage->anchor, &q->c);
    const bool depthwise = ok && fg_convolution_is_depthwise(&q->c);
    FG_REQUIRE(e->ctx, "stream", ok && (depthwise || q->c.groups == 1));
    q->stored = fg_slot_of(e, q->t->y)->place != FG_PLACE_NONE;
    if (q->stored) fg_emit_output(e, "out", q->t->y);
    if (q->tap) {
        const int64_t vectors = (q->c.oc + e->lanes - 1) / e->lanes;
        fg_emit_output(e, "tap", e->k->tap->out[0]);
        fg_emit_scratch(e, "total", "float", sizeof(float), vectors * e->lanes);
    }
    FG_REQUIRE(e->ctx, "stream", depthwise || !q->t->pair);
    if (depthwise)
        set_window(q, t);
    else
        set_dense(q, t);
    if (q->t->pair) set_pair(q, t);
    set_source(q, t);
    set_result(q, t);
    q->epilogue = fg_epilogue_new(e, "p", stage->epilogue, stage->n_epilogue, q->c.y, q->c.out, false);
}

/* The function that makes one row of stage i. */
static void emit_stage(fg_emit *e, const fg_stream *s, int i, const int *room) {
    const fg_stream_stage *stage = &s->stage[i];
    const bool tapped = e->k->tap && stage->stage == &e->k->stage[e->k->n_stages - 1];
    fg_row_stage q = {.e = e, .s = s, .t = stage, .room = room, .tap = tapped ? e->k->tap->out[0] : NULL};
    fg_text *body = e->out;
    e->out = e->before;
    fg_line(e, "static void fg_row_%d_%d(const fg_call *c, int b, int y) {", e->k->index, i);
    fg_template *t = fg_emit_template(e);
    fg_template_hook(t, "operands", hook_operands, &q);
    fg_template_hook(t, "result", hook_result, &q);
    fg_template_hook(t, "produced_operands", hook_produced_operands, &q);
    fg_template_hook(t, "produced", hook_produced, &q);
    if (stage->stage) {
        emit_convolution(&q, t);
    } else {
        fg_emit_input(e, "x", stage->x);
        fg_emit_in_room(e, "to", "float", room[i]);
        if (stage->left) fg_line(e, "to += %lld;", (long long)(stage->left * stage->channels));
        set_copy(&q, t);
    }
    fg_template_render(t, "stream", e->out);
    fg_line(e, "}\n");
    e->out = body;
}

/* ---- the kernel ---- */

/* Zeros beside the rows of a ring are written once: rows leave them alone. */
static void clear_ring(fg_emit *e, const fg_stream_stage *t, int room) {
    if (t->left == 0 && t->right == 0) return;
    const long long bytes = (long long)(t->ring * copy_pitch(t) * (int64_t)sizeof(float));
    fg_line(e, "{");
    if (t->stage) {
        fg_emit_output(e, "ring", t->y);
        fg_line(e, "memset(ring - %lld, 0, %lld);", (long long)(t->left * t->channels), bytes);
    } else {
        fg_emit_in_room(e, "ring", "float", room);
        fg_line(e, "memset(ring, 0, %lld);", bytes);
    }
    fg_line(e, "}");
}

static void emit_order(fg_emit *e, const fg_stream *s) {
    fg_text_printf(e->out, "static const unsigned char order[%lld] = {", (long long)s->n_steps);
    for (int64_t i = 0; i < s->n_steps; i++)
        fg_text_printf(e->out, "%s%s%d", i ? ", " : "", i % 24 == 0 ? "\n" : "", s->order[i]);
    fg_text_add(e->out, "};\nstatic void (*const make[])(const fg_call *, int, int) = {");
    for (int i = 0; i < s->n_stages; i++)
        fg_text_printf(e->out, "%sfg_row_%d_%d", i ? ", " : "", e->k->index, i);
    fg_text_add(e->out, "};\n");
}

static void emit(fg_emit *e) {
    const fg_stream *s = fg_stream_of(e->ctx, e->k);
    int *room = FG_ARRAY(e->ctx, s->n_stages, int);
    int64_t images = 1;
    for (int i = 0; i < s->n_stages; i++) {
        const fg_stream_stage *t = &s->stage[i];
        images = t->x->shape.dim[0];
        if (!t->stage)
            room[i] = fg_emit_room(e, t->ring * copy_pitch(t) * (int64_t)sizeof(float));
        else if (!t->outside && t->ring > 0)
            fg_emit_ring(e, t->y, t->ring, t->left, t->right);
    }
    for (int i = 0; i < s->n_stages; i++) emit_stage(e, s, i, room);
    emit_order(e, s);
    for (int i = 0; i < s->n_stages; i++) clear_ring(e, &s->stage[i], room[i]);
    fg_line(e, "for (int b = 0; b < %lld; b++) {", (long long)images);
    fg_line(e, "int y[%d] = {0};", s->n_stages);
    fg_line(e, "for (int i = 0; i < %lld; i++) make[order[i]](c, b, y[order[i]]++);", (long long)s->n_steps);
    fg_line(e, "}");
    fg_describe(e, "", "%d stages row by row; %lld bytes of rows in rings", s->n_stages,
                (long long)fg_stream_bytes(s));
}

const fg_lowering fg_lowering_stream = {.name = "stream", .prefer = prefer, .emit = emit};
