/* Streams: kernels row by row, in the order and with the rings that fusion/stream.h planned. Each stage is a
 * function that makes one row (codegen/stream_row.h); the kernel plays the order. */
#include "codegen/stream_row.h"

static bool is_tap(const fg_stream *s, const fg_value *v) {
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].tap && s->stage[i].tap->out[0] == v) return true;
    return false;
}

/* Operands are read vector by vector along the channels, so they have to lie like the result. */
static void prefer_operands(fg_planner *p, fg_node *const *chain, int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < chain[i]->n_in; j++) {
            fg_value *v = chain[i]->in[j];
            if (v && !v->data && v->shape.rank == 4 && v->shape.dim[1] != 1)
                fg_want_channels_last(p, v, true);
        }
}

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_stream *s = fg_stream_of(fg_planner_context(p), k);
    for (int i = 0; i < k->n_out; i++) {
        if (!is_tap(s, k->out[i])) fg_give_strided(p, k->out[i], 1);
        fg_want_channels_last(p, k->out[i], true);
    }
    for (int i = 0; i < s->n_stages; i++) {
        const fg_stream_stage *t = &s->stage[i];
        if (t->source < 0 && !t->x->is_input) fg_want_channels_last(p, t->x, t->kind != FG_ROW_COPY);
        if (t->kind == FG_ROW_JOIN)
            for (int j = 0; j < t->stage->anchor->n_in; j++)
                fg_want_channels_last(p, t->stage->anchor->in[j], true);
        if (t->pair) prefer_operands(p, t->pair->epilogue, t->pair->n_epilogue);
        prefer_operands(p, t->chain, t->n_chain);
    }
}

/* ---- memory ---- */

/* Zeros beside the rows of a ring are written once: rows leave them alone. */
static void clear_ring(fg_emit *e, const fg_stream_stage *t, int room) {
    if (t->left == 0 && t->right == 0) return;
    const long long bytes = (long long)(t->ring * fg_stream_pitch(t) * (int64_t)sizeof(float));
    fg_line(e, "{");
    if (t->y) {
        fg_emit_output(e, "ring", t->y);
        fg_line(e, "memset(ring - %lld, 0, %lld);", (long long)(t->left * t->channels), bytes);
    } else {
        fg_emit_in_room(e, "ring", "float", room);
        fg_line(e, "memset(ring, 0, %lld);", bytes);
    }
    fg_line(e, "}");
}

/* Rings, and memory for means that nobody else reads. */
static void place_rows(fg_emit *e, const fg_stream *s, int *room) {
    for (int i = s->n_stages - 1; i >= 0; i--) {
        const fg_stream_stage *t = &s->stage[i];
        if (t->kind == FG_ROW_COPY)
            room[i] = fg_emit_room(e, t->ring * fg_stream_pitch(t) * (int64_t)sizeof(float));
        else if (t->shared >= 0)
            fg_emit_same_ring(e, t->y, s->stage[t->shared].y);
        else if (!t->outside && t->ring > 0)
            fg_emit_ring(e, t->y, t->ring, t->left, t->right);
        if (t->tap && fg_slot_of(e, t->tap->out[0])->place == FG_PLACE_NONE)
            fg_emit_ring(e, t->tap->out[0], 1, 0, 0);
    }
}

/* Maps that are stored may lie over those read for the last time. */
static void overlap_maps(fg_emit *e, fg_stream *s) {
    for (int i = 0; i < e->k->n_in; i++)
        for (int j = 0; j < e->k->n_out; j++) {
            if (e->k->in[i]->data) continue;
            const int64_t lag = fg_stream_lag(s, e->k->in[i], e->k->out[j]);
            if (lag >= 0) fg_emit_overlap(e, e->k->in[i], e->k->out[j], lag);
        }
}

/* ---- the order ---- */

static void emit_order(fg_emit *e, const fg_stream *s) {
    fg_text_printf(e->out,
                   "/* whose next row is made, step by step */\nstatic const unsigned char order[%lld] = {",
                   (long long)s->n_steps);
    for (int64_t i = 0; i < s->n_steps; i++)
        fg_text_printf(e->out, "%s%s%d", i ? ", " : "", i % 24 == 0 ? "\n" : "", s->order[i]);
    fg_text_add(e->out, "};\nstatic void (*const make[])(const fg_call *, int, int) = {");
    for (int i = 0; i < s->n_stages; i++)
        fg_text_printf(e->out, "%s\n%s", i ? "," : "", fg_stream_row_name(e, i));
    fg_text_add(e->out, "};\n");
}

/* After a gate a new pass begins. */
static void emit_passes(fg_emit *e, const fg_stream *s) {
    fg_text_add(e->out, "if (");
    const char * or = "";
    for (int i = 0; i < s->n_stages; i++) {
        if (s->stage[i].kind != FG_ROW_GATE) continue;
        fg_text_printf(e->out, "%sorder[i] == %d", or, i);
        or = " || ";
    }
    fg_text_add(e->out, ") {\n");
    for (int i = 0; i < s->n_stages; i++)
        if (fg_stream_begins_again(&s->stage[i])) fg_line(e, "y[%d] = 0;", i);
    fg_line(e, "}");
}

static void emit(fg_emit *e) {
    fg_stream *s = fg_stream_of(e->ctx, e->k);
    int *room = FG_ARRAY(e->ctx, s->n_stages, int);
    const int64_t images = s->stage[0].x->shape.dim[0], again = fg_stream_again_macs(s) * images;
    e->kt->again_macs = again;
    place_rows(e, s, room);
    overlap_maps(e, s);
    for (int i = 0; i < s->n_stages; i++) fg_stream_emit_row(e, s, i, room);
    emit_order(e, s);
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].shared < 0) clear_ring(e, &s->stage[i], room[i]);
    fg_line(e, "for (int b = 0; b < %lld; b++) {", (long long)images);
    fg_line(e, "int y[%d] = {0}; /* the next row of each */", s->n_stages);
    fg_line(e, "for (int i = 0; i < %lld; i++) {", (long long)s->n_steps);
    fg_line(e, "make[order[i]](c, b, y[order[i]]++);");
    if (s->n_gates) emit_passes(e, s);
    fg_line(e, "}");
    fg_line(e, "}");
    const char *passes = s->n_gates ? fg_format(e->ctx, " in %d passes", s->n_gates + 1) : "";
    fg_describe(e, "", "%d stages row by row%s; %lld bytes of rows in rings%s", s->n_stages, passes,
                (long long)fg_stream_bytes(s),
                again ? fg_format(e->ctx, "; %lld multiply-adds made again", (long long)again) : "");
}

const fg_lowering fg_lowering_stream = {.name = "stream", .prefer = prefer, .emit = emit};
